package login

import (
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/login"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// SignInForm asks who is there.
func (h *Handlers) SignInForm(c *fiber.Ctx) error {
	returnTo := request.ReturnTo(c.Query("return_to"))
	if user := request.Of(c).User; user != nil && returnTo == "" {
		return respond.SeeOther(c, homeOf(user))
	}
	asker, hint := h.askerOf(c, returnTo)
	return signInPage(c, fiber.StatusOK, asker, view.LoginData{ReturnTo: returnTo, Username: hint})
}

// signInPage shows the form, on behalf of the application that asks, if one does.
func signInPage(c *fiber.Ctx, status int, asker *oauth.Client, d view.LoginData) error {
	ch := request.Chrome(c)
	if asker != nil {
		ch, d.Client = request.Colour(ch, asker), request.App(asker)
	}
	return respond.Page(c, status, view.LoginPage(ch, d), nil)
}

// SignIn takes a username or e-mail address and a password.
func (h *Handlers) SignIn(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	d := view.LoginData{ReturnTo: request.ReturnTo(form.Get("return_to")), Username: strings.TrimSpace(form.Get("username")), Errs: map[string]string{}}
	password := form.Get("password")
	if d.Username == "" {
		d.Errs["username"] = "Enter your username or e-mail address."
	}
	if password == "" {
		d.Errs["password"] = "Enter your password."
	}
	if len(d.Errs) > 0 {
		return h.again(c, fiber.StatusUnprocessableEntity, d)
	}
	user, refusal, err := h.Door.Prove(c.UserContext(), identity.Attempt{
		Name: d.Username, Password: password, IP: request.Of(c).Caller.IP, Device: request.Cookie(c, request.DeviceCookie),
		Refused: func(user *identity.User, r *identity.Refusal) error { return h.recordRefusal(c, user, r) },
	})
	if err != nil {
		return h.failed(c, d, err)
	}
	if refusal != nil {
		d.Errs[""] = refusal.Message
		return h.again(c, fiber.StatusUnauthorized, d)
	}
	return h.signedIn(c, user, d.ReturnTo)
}

// again shows the form once more, with what was typed but the password.
func (h *Handlers) again(c *fiber.Ctx, status int, d view.LoginData) error {
	var asker *oauth.Client
	if !d.Busy { // who asks is a question to a database that others wait for
		asker, _ = h.askerOf(c, d.ReturnTo)
	}
	return signInPage(c, status, asker, d)
}

// failed answers what is no wrong password: somebody who has to wait, or a server that is busy.
func (h *Handlers) failed(c *fiber.Ctx, d view.LoginData, err error) error {
	if wait := fault.AsTooMany(err); wait != nil {
		d.WaitSeconds = respond.RetryAfter(c, wait.RetryAfter)
		return h.again(c, fiber.StatusTooManyRequests, d)
	}
	if errors.Is(err, secret.ErrBusy) {
		d.Busy = true
		respond.RetryAfter(c, 2*time.Second)
		return h.again(c, fiber.StatusServiceUnavailable, d)
	}
	return err
}

func (h *Handlers) recordRefusal(c *fiber.Ctx, user *identity.User, r *identity.Refusal) error {
	from := request.Of(c).Caller
	event := audit.Event{
		At: h.Now(), Action: audit.SignInRefused, Outcome: audit.Refused, Caller: from,
		Cause: &audit.Cause{Rule: r.Rule, Expected: r.Expected, Remedy: r.Remedy},
	}
	if user != nil {
		event.UserID, event.Target = user.ID, audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username}
	}
	h.Log.Warn("sign-in refused", "rule", r.Rule, "user_id", event.UserID, "request_id", from.RequestID)
	return h.Refused(c.UserContext(), event)
}

// signedIn begins a session and leads on. A browser in which the same person is signed in keeps its session under a new id:
// what was begun in it lives on. Somebody else's session ends, unless this one does not begin.
func (h *Handlers) signedIn(c *fiber.Ctx, user *identity.User, returnTo string) error {
	state, now := request.Of(c), h.Now()
	token, device := secret.New(""), request.Cookie(c, request.DeviceCookie)
	if len(device) < 43 {
		device = secret.New("")
	}
	session := identity.Session{
		TokenHash: secret.Hash(token), UserID: user.ID, AuthTime: now, ProvenAt: &now, AMR: "pwd", LastSeenAt: now, ExpiresAt: now.Add(h.Policy.Now().Sessions.Absolute),
		IP: state.Caller.IP, UserAgent: state.Caller.UserAgent,
	}
	event := audit.Event{
		At: now, Action: audit.SignInSucceeded, Outcome: audit.Success, UserID: user.ID, Caller: state.Caller,
		Actor: audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username},
	}
	in := store.SignIn{Session: session, CheckedHash: user.PasswordHash, DeviceHash: secret.Hash(device)}
	var err error
	switch ctx := c.UserContext(); {
	case state.Session == nil:
		err = h.Store.CreateSession(ctx, in, now, event)
	case state.User.ID == user.ID:
		in.Session.ID = state.Session.ID
		err = h.Store.RenewSession(ctx, in, now, event)
	default:
		err = h.Store.InTx(ctx, func(tx *store.Store) error {
			if err := tx.CreateSession(ctx, in, now, event); err != nil {
				return err
			}
			return h.endSession(c, tx, identity.EndedReplaced)
		})
	}
	if fault.IsNotFound(err) { // the password was changed, or the person disabled, while it was looked at
		d := view.LoginData{ReturnTo: returnTo, Username: user.Username, Errs: map[string]string{"": identity.WrongCredentials}}
		return h.again(c, fiber.StatusUnauthorized, d)
	}
	if err != nil {
		return err
	}
	request.SetCookie(c, request.SessionCookie, token, 0)
	request.SetCookie(c, request.DeviceCookie, device, identity.DeviceLife)
	if returnTo == "" {
		returnTo = homeOf(user)
	}
	return respond.SeeOther(c, returnTo)
}
