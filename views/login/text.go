package login

import (
	"strings"

	"gatehouse/views/ui"
)

// wholeForm keeps the message that is about no field in particular.
func wholeForm(errs map[string]string) []ui.FieldError {
	if message := errs[""]; message != "" {
		return []ui.FieldError{{Message: message}}
	}
	return nil
}

// list joins names as a sentence does: "A", "A and B", "A, B and C".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
