package console

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/layout"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// difference is a setting that two states of a thing do not share.
type difference struct{ name, label, before, after string }

// compared collects differences, in the order in which settings are compared.
type compared []difference

func (list *compared) setting(name, label, before, after string) {
	if before != after {
		*list = append(*list, difference{name, label, before, after})
	}
}

// versionOf is what a form was filled in for; none is version 0, which nothing has.
func versionOf(sent url.Values) int64 {
	version, _ := strconv.ParseInt(sent.Get("version"), 10, 64)
	return version
}

// changes is what the audit log keeps of differences.
func changes(list []difference) map[string]audit.Change {
	out := make(map[string]audit.Change, len(list))
	for _, d := range list {
		out[d.name] = audit.Change{Before: d.before, After: d.after}
	}
	return out
}

// conflict is the race that a form lost: somebody saved first. theirs is the event that their save wrote down, if it was one; the
// differences are of what they saved to what the form holds. The form is then given the version of what they saved: sending it again
// overwrites that, knowingly.
func (h *Handlers) conflict(c *fiber.Ctx, theirs audit.Event, differ []difference) (*view.Conflict, error) {
	lost := &view.Conflict{What: view.KindName(theirs.Target.Kind), At: theirs.At}
	for _, d := range differ {
		lost.Changes = append(lost.Changes, view.Change{Field: d.label, Theirs: d.before, Yours: d.after})
	}
	last, err := h.Store.Events(c.UserContext(), store.EventFilter{TargetID: theirs.Target.ID, Action: theirs.Action, Limit: 1})
	if err == nil && len(last) == 1 && last[0].At.Equal(theirs.At) { // otherwise it was another act: disabling, a new secret
		lost.By = last[0].Actor.Name
	}
	return lost, err
}

// confirm asks whether to do something, and says what that ends: in a dialog or, without JavaScript, on a page.
func confirm[D any](c *fiber.Ctx, page, dialog func(layout.Chrome, D) templ.Component, d D) error {
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, page(ch, d), dialog(ch, d))
}

// typed reads what was typed to confirm that something is deleted, and says what is wrong with it: it has to be what the thing goes by.
func typed(c *fiber.Ctx, what, phrase string) (text string, wrong fault.Fields, err error) {
	form, err := request.Form(c)
	if err != nil {
		return "", nil, err
	}
	if text = strings.TrimSpace(form.Get("confirm")); text != strings.TrimSpace(phrase) {
		wrong = fault.Fields{"confirm": "Type the " + what + " exactly as it is written: " + phrase}
	}
	return text, wrong, nil
}

// someOf names as many as a notice has room for.
func someOf(names []string) string {
	const most, long = 3, 60
	var shown []string
	for _, name := range names[:min(most, len(names))] {
		if runes := []rune(name); len(runes) > long {
			name = string(runes[:long]) + "…"
		}
		shown = append(shown, name)
	}
	if more := len(names) - most; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, ", ")
}
