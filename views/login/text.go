package login

import (
	"net/url"

	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// Interrupted reports whether a form is kept for whoever signs in.
func (d LoginData) Interrupted() bool {
	to, err := url.Parse(d.ReturnTo)
	return err == nil && to.Query().Get(layout.Interrupted) != ""
}

// wholeForm keeps the message that is about no field in particular.
func wholeForm(errs map[string]string) []ui.FieldError {
	if message := errs[""]; message != "" {
		return []ui.FieldError{{Message: message}}
	}
	return nil
}
