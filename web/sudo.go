package web

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	consoleview "gatehouse/views/console"
	"gatehouse/views/layout"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// proven lets those go on who proved who they are in the last ten minutes. Others are asked for their password; then what they
// sent is carried out as if nothing had been between.
func (s *site) proven(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	state, now := request.Of(c), s.Now()
	sealed := form.Get(request.SudoForm)
	if sealed == "" {
		if state.Session.Proven(now) {
			return c.Next()
		}
		waiting, err := request.Interrupt(c, s.seen(c), now)
		if err != nil {
			return err
		}
		return s.askPassword(c, waiting, fiber.StatusUnauthorized, layout.Trouble{})
	}
	waiting, err := request.OpenInterrupted(c, state.User.ID, sealed, now)
	if err != nil {
		return err
	}
	if waiting.Action != c.Path() {
		return request.ErrForged
	}
	if !state.Session.Proven(now) {
		if trouble, status, err := s.provePassword(c, form.Get(request.SudoPassword)); err != nil {
			return err
		} else if status != fiber.StatusOK {
			return s.askPassword(c, waiting, status, trouble)
		}
	}
	if waiting.Fields == nil { // it was too long to be kept
		return respond.Flash(c, pageOf(waiting), "info", "Password confirmed", "Nothing has been changed yet: send your form again.")
	}
	request.Resume(c, waiting)
	return c.Next()
}

// askPassword asks for the password, in a dialog over the page where htmx sent the form. What was sent waits in the answer.
func (s *site) askPassword(c *fiber.Ctx, waiting *request.Interrupted, status int, trouble layout.Trouble) error {
	state := request.Of(c)
	sealed, fits, err := waiting.Seal(c, state.User.ID)
	if err == nil && !fits {
		rest := *waiting
		rest.Fields = nil
		sealed, _, err = rest.Seal(c, state.User.ID)
	}
	if err != nil {
		return err
	}
	d := consoleview.SudoData{
		Action: waiting.Action, Form: sealed, Back: pageOf(waiting), TooLong: !fits || waiting.Fields == nil, SecretsLeft: waiting.SecretsLeft, Trouble: trouble,
	}
	ch := request.Chrome(c)
	if request.HTMX(c) {
		c.Set("HX-Retarget", "#dialog-slot")
		c.Set("HX-Reswap", "innerHTML")
		c.Set("HX-Reselect", "#"+consoleview.SudoDialogID)
	}
	return respond.Page(c, status, consoleview.SudoPage(ch, d), consoleview.SudoDialog(ch, d))
}

// pageOf is where the form was filled in.
func pageOf(waiting *request.Interrupted) string {
	if waiting.Page == "" {
		return "/console"
	}
	return waiting.Page
}

// provePassword checks the password as signing in does, with the same counters (security.md rule 15), and notes the proof in
// the session. A status other than 200 says that it was not proven.
func (s *site) provePassword(c *fiber.Ctx, password string) (layout.Trouble, int, error) {
	state := request.Of(c)
	if password == "" {
		return layout.Trouble{Field: "Enter your password."}, fiber.StatusUnprocessableEntity, nil
	}
	wrong := layout.Trouble{Field: "This is not your password."}
	user, refusal, err := s.door.Prove(c.UserContext(), identity.Attempt{
		Name: state.User.Username, Password: password, IP: state.Caller.IP, Device: request.Cookie(c, request.DeviceCookie),
		Refused: func(_ *identity.User, r *identity.Refusal) error { return s.recordSudoRefusal(c, r) },
	})
	if trouble, status, waits := notNow(c, err); waits {
		return trouble, status, nil
	}
	if err != nil {
		return layout.Trouble{}, 0, err
	}
	if refusal != nil {
		if refusal.Message != identity.WrongCredentials {
			return layout.Trouble{Message: refusal.Message}, fiber.StatusUnauthorized, nil
		}
		return wrong, fiber.StatusUnauthorized, nil
	}
	now := s.Now()
	if user.ID != state.User.ID {
		return wrong, fiber.StatusUnauthorized, nil
	}
	err = s.Store.ProveSession(c.UserContext(), state.Session.ID, user.ID, user.PasswordHash, now, audit.Event{
		At: now, Action: audit.SudoGranted, Outcome: audit.Success, UserID: user.ID, Caller: state.Caller, Actor: request.Actor(c),
		Target: audit.Party{Kind: audit.KindSession, ID: state.Session.ID},
	})
	if fault.IsNotFound(err) { // the password was changed, or the session ended, while it was looked at
		return wrong, fiber.StatusUnauthorized, nil
	}
	state.Session.ProvenAt = &now
	return layout.Trouble{}, fiber.StatusOK, err
}

// notNow tells what is no wrong password: somebody who has to wait, or a server that is busy.
func notNow(c *fiber.Ctx, err error) (trouble layout.Trouble, status int, waits bool) {
	if wait := fault.AsTooMany(err); wait != nil {
		return layout.Trouble{WaitSeconds: respond.RetryAfter(c, wait.RetryAfter)}, fiber.StatusTooManyRequests, true
	}
	if errors.Is(err, secret.ErrBusy) {
		respond.RetryAfter(c, 2*time.Second)
		return layout.Trouble{Busy: true}, fiber.StatusServiceUnavailable, true
	}
	return trouble, 0, false
}

func (s *site) recordSudoRefusal(c *fiber.Ctx, r *identity.Refusal) error {
	state := request.Of(c)
	s.Log.Warn("password not confirmed", "rule", r.Rule, "user_id", state.User.ID, "request_id", state.Caller.RequestID)
	return s.refused.write(c.UserContext(), audit.Event{
		At: s.Now(), Action: audit.SudoRefused, Outcome: audit.Refused, Actor: request.Actor(c), UserID: state.User.ID, Caller: state.Caller,
		Target: audit.Party{Kind: audit.KindSession, ID: state.Session.ID},
		Cause:  &audit.Cause{Rule: r.Rule, Expected: r.Expected, Remedy: "If somebody else is at the browser, end its session."},
	})
}
