package console

import (
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// maxReason is as long as a reason may be, in characters.
const maxReason = 500

// an end is something that the person may end: what they are asked, and what is done if they say yes.
type end struct {
	view.EndData
	event audit.Event
	// do ends it and says what to tell: a title and a text.
	do func(event audit.Event) (title, text string, err error)
}

// answer asks whether to end it or, if the person is sure, ends it.
func (h *Handlers) answer(c *fiber.Ctx, e *end, sure bool) error {
	life, err := h.tokenLife(c.UserContext())
	if err != nil {
		return err
	}
	e.Life = acceptedUntil(e.event.At, life)
	if sure {
		return carryOut(c, e)
	}
	return ask(c, fiber.StatusOK, e)
}

// ask shows what would end.
func ask(c *fiber.Ctx, status int, e *end) error {
	ch := request.Chrome(c)
	if status != fiber.StatusOK { // htmx takes the form out of the page
		return respond.Page(c, status, view.EndPage(ch, e.EndData), nil)
	}
	return respond.Page(c, status, view.EndPage(ch, e.EndData), view.EndDialog(ch, e.EndData))
}

// carryOut ends it, and keeps the reason that was given.
func carryOut(c *fiber.Ctx, e *end) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	e.Errs = fault.Fields{}
	e.Reason = strings.TrimSpace(form.Get("reason"))
	if n := utf8.RuneCountInString(e.Reason); n > maxReason {
		e.Errs["reason"] = "Be brief: at most 500 characters."
	}
	if e.Confirm = strings.TrimSpace(form.Get("confirm")); e.Phrase != "" && e.Confirm != e.Phrase {
		e.Errs["confirm"] = "Type “" + e.Phrase + "” to confirm."
	}
	if len(e.Errs) > 0 {
		return ask(c, fiber.StatusUnprocessableEntity, e)
	}
	if e.Reason != "" {
		e.event.Changes = map[string]audit.Change{audit.Reason: {After: e.Reason}}
	}
	title, text, err := e.do(e.event)
	if err != nil {
		return err
	}
	return respond.Flash(c, e.Back, "success", title, text)
}

// askedFor is the person or the client all of whose things a form or a link is about: one of the two.
func askedFor(c *fiber.Ctx) (user, client string, err error) {
	user, client = c.Query("user"), c.Query("client")
	if c.Method() == fiber.MethodPost {
		form, err := request.Form(c)
		if err != nil {
			return "", "", err
		}
		user, client = form.Get("user"), form.Get("client")
	}
	if (user == "") == (client == "") || !oauth.ValidText(user+client) {
		return "", "", fault.NotFound("person or client")
	}
	return user, client, nil
}
