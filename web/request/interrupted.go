package request

import (
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// interruptedPurpose separates what is sealed here from everything else.
	interruptedPurpose = "interrupted form"
	// InterruptedLife is how long a form is kept that waits for a password.
	InterruptedLife = 30 * time.Minute
	// maxInterrupted is as long as a kept form may be, in bytes.
	maxInterrupted = 128 << 10
)

// never are the fields that are not kept: secrets, and what is made anew for every page.
var never = []string{"csrf_token", "token", "password", "password_again", "current_password", "signing_secret", SudoPassword, SudoForm}

// The fields by which a page asks for the password again.
const (
	SudoPassword = "sudo_password"
	SudoForm     = "sudo_form" // the form that waits, sealed
)

// Interrupted is a form that was sent and not carried out: it waits until its person has proved who they are.
type Interrupted struct {
	Page   string     `json:"page"`   // where it was filled in: a path of ours; empty if the browser did not say
	Action string     `json:"action"` // where it goes
	Fields url.Values `json:"fields"`
	// SecretsLeft tells that a secret was typed, which is not kept.
	SecretsLeft bool      `json:"secrets_left,omitempty"`
	Until       time.Time `json:"until"`
}

// Interrupt takes the form that the request sent; of a link, what it asks for.
func Interrupt(c *fiber.Ctx, page string, at time.Time) (*Interrupted, error) {
	form, err := Form(c)
	if err == nil && c.Method() != fiber.MethodPost {
		form, err = queryOf(c)
	}
	if err != nil {
		return nil, err
	}
	i := &Interrupted{Page: page, Action: c.Path(), Fields: url.Values{}, Until: at.Add(InterruptedLife)}
	for name, values := range form {
		switch {
		case !slices.Contains(never, name):
			i.Fields[name] = values
		case name != "csrf_token" && form.Get(name) != "":
			i.SecretsLeft = true
		}
	}
	return i, nil
}

// Seal makes of it what only the same person in the same browser gets back; fits is false if it is too long to be kept.
func (i *Interrupted) Seal(c *fiber.Ctx, userID string) (sealed string, fits bool, err error) {
	text, err := json.Marshal(i)
	if err != nil || len(text) > maxInterrupted {
		return "", false, err
	}
	return Of(c).House.Sealer.Seal(interruptedPurpose, interruptedFor(c, userID), text), true, nil
}

// OpenInterrupted returns what was sealed for this person in this browser; ErrForged if it was not, or has waited too long.
func OpenInterrupted(c *fiber.Ctx, userID, sealed string, at time.Time) (*Interrupted, error) {
	text, err := Of(c).House.Sealer.Open(interruptedPurpose, interruptedFor(c, userID), sealed)
	var i Interrupted
	if err != nil || json.Unmarshal(text, &i) != nil || !at.Before(i.Until) {
		return nil, ErrForged
	}
	return &i, nil
}

func interruptedFor(c *fiber.Ctx, userID string) string { return userID + " " + BrowserHash(c) }

// Resume has the handler find this form where it looks for the one that was sent.
func Resume(c *fiber.Ctx, i *Interrupted) { c.Locals(formOf{}, i.Fields) }
