package login

import "gatehouse/views/ui"

// wholeForm keeps the message that is about no field in particular.
func wholeForm(errs map[string]string) []ui.FieldError {
	if message := errs[""]; message != "" {
		return []ui.FieldError{{Message: message}}
	}
	return nil
}
