package request

import (
	"errors"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
)

// csrfPurpose separates these MACs from every other.
const csrfPurpose = "csrf"

// ErrForged says that a form did not come from a page of ours, or from one that is out of date. It is shown as a 403.
var ErrForged = errors.New("the form did not come from one of our pages, or that page is out of date")

// BindForms chooses what the forms of this page are bound to: the session where the page belongs to a signed-in person, the
// browser where it is for anybody (sign-in, set-up, reset).
func BindForms(c *fiber.Ctx, toSession bool) {
	s := Of(c)
	if toSession && s.Session != nil {
		s.CSRF = s.boundTo(s.Session)
		return
	}
	s.CSRF = s.House.Sealer.MAC(csrfPurpose, "browser", s.Browser)
}

func (s *State) boundTo(session *identity.Session) string {
	return s.House.Sealer.MAC(csrfPurpose, "session", session.ID, session.TokenHash)
}

// CheckForm proves that a POST comes from a form of ours: the browser says so (Sec-Fetch-Site), and the form carries the
// token that was bound to this session or browser. BindForms comes first.
func CheckForm(c *fiber.Ctx) error { return checkForm(c, Of(c).CSRF) }

// CheckLapsedForm proves that a POST comes from a form of ours that was bound to a session which has ended since.
func CheckLapsedForm(c *fiber.Ctx) error {
	s := Of(c)
	if s.Lapsed == nil {
		return ErrForged
	}
	return checkForm(c, s.boundTo(s.Lapsed))
}

func checkForm(c *fiber.Ctx, bound string) error {
	if site := c.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return ErrForged
	}
	form, err := Form(c)
	if err != nil {
		return err
	}
	if token := form.Get("csrf_token"); token == "" || !secret.Equal(token, bound) {
		return ErrForged
	}
	return nil
}

// formOf is where a parsed form is kept for the handler.
type formOf struct{}

// Form reads an urlencoded body once. Query parameters never mix in.
func Form(c *fiber.Ctx) (url.Values, error) {
	if form, ok := c.Locals(formOf{}).(url.Values); ok {
		return form, nil
	}
	raw, err := Body(c)
	if err != nil {
		return nil, err
	}
	form, err := parseForm(raw)
	if err != nil {
		return nil, err
	}
	c.Locals(formOf{}, form)
	return form, nil
}

// queryOf reads what a link asks for as Form reads a form.
func queryOf(c *fiber.Ctx) (url.Values, error) {
	return parseForm(string(c.Request().URI().QueryString()))
}

func parseForm(raw string) (url.Values, error) {
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.Fields{"": "The form could not be read."}
	}
	return form, readable(form)
}

// readable refuses what is no text.
func readable(form url.Values) error {
	for name, values := range form {
		for _, v := range append(values, name) {
			if !oauth.ValidText(v) {
				return fault.Fields{"": "The form holds bytes that are not text."}
			}
		}
	}
	return nil
}
