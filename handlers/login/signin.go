package login

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/login"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// wrongCredentials is said of every failed sign-in, so that it tells nothing about who exists.
const wrongCredentials = "The username or the password is wrong."

// manyFailures is added when an account is under attack: only a browser it knows may try a password then.
const manyFailures = "There were too many wrong tries today. Use a browser in which you signed in before, or ask your administrator for a one-time link."

// SignInForm asks who is there.
func (h *Handlers) SignInForm(c *fiber.Ctx) error {
	returnTo := request.ReturnTo(c.Query("return_to"))
	if user := request.Of(c).User; user != nil && returnTo == "" {
		return respond.SeeOther(c, homeOf(user))
	}
	d := view.LoginData{ReturnTo: returnTo}
	d.Client, d.Username = h.askerOf(c, returnTo)
	return respond.Page(c, fiber.StatusOK, view.LoginPage(request.Chrome(c), d), nil)
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
	deadline := time.NewTimer(h.FailureFloor)
	defer deadline.Stop()
	user, refusal, err := h.prove(c, d.Username, password)
	if err != nil {
		return h.failed(c, d, err)
	}
	if refusal != nil {
		h.CountFailure(c)
		if err := h.recordRefusal(c, user, refusal); err != nil {
			return err
		}
		select { // one floor for every cause (security.md rule 15)
		case <-deadline.C:
		case <-c.UserContext().Done():
		}
		d.Errs[""] = refusal.message
		return h.again(c, fiber.StatusUnauthorized, d)
	}
	return h.signedIn(c, user, d.ReturnTo)
}

// again shows the form once more, with what was typed but the password.
func (h *Handlers) again(c *fiber.Ctx, status int, d view.LoginData) error {
	d.Client, _ = h.askerOf(c, d.ReturnTo)
	return respond.Page(c, status, view.LoginPage(request.Chrome(c), d), nil)
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

// refusal is why a sign-in was refused, and what may be said of it.
type refusal struct {
	message string
	cause   audit.Cause
}

func refused(rule, expected, remedy string) *refusal {
	return &refusal{message: wrongCredentials, cause: audit.Cause{Rule: rule, Expected: expected, Remedy: remedy}}
}

// prove finds out whether the password is this person's. Counters come before the password is looked at, and browsers the
// person has used pass them (security.md rule 15).
func (h *Handlers) prove(c *fiber.Ctx, name, password string) (*identity.User, *refusal, error) {
	ctx := c.UserContext()
	user, err := h.Store.UserBySignIn(ctx, name)
	if err != nil && !fault.IsNotFound(err) {
		return nil, nil, err
	}
	keys := h.counters(c, user, name)
	known, err := h.knownDevice(c, user, keys)
	if err != nil {
		return nil, nil, err
	}
	if !known {
		if refusal, err := h.admit(c, keys); refusal != nil || err != nil {
			return user, refusal, err
		}
	}
	refusal, err := h.checkPassword(ctx, user, password, known)
	if err != nil {
		return nil, nil, err
	}
	if refusal != nil {
		if !known {
			if _, err := h.Store.CountDaily(ctx, keys.day, h.Now()); err != nil {
				return nil, nil, err
			}
		}
		return user, refusal, nil
	}
	return user, nil, h.Store.ForgiveAttempt(ctx, keys.network, keys.device)
}

// knownDevice reports whether the person has signed in with this browser before. It passes the counters of strangers, but has
// one of its own: whoever guesses in it is a stranger until its pause is over.
func (h *Handlers) knownDevice(c *fiber.Ctx, user *identity.User, keys counters) (bool, error) {
	device := request.Cookie(c, request.DeviceCookie)
	if user == nil || device == "" {
		return false, nil
	}
	known, err := h.Store.KnownDevice(c.UserContext(), user.ID, secret.Hash(device), h.Now().Add(-identity.DeviceLife))
	if err != nil || !known {
		return false, err
	}
	_, allowed, err := h.Store.BeginAttempt(c.UserContext(), keys.device, h.Now())
	return allowed, err
}

// counters are the keys under which failures are counted: MACs, so that no name that was tried is stored (rule 14).
type counters struct{ network, day, device string }

func (h *Handlers) counters(c *fiber.Ctx, user *identity.User, name string) counters {
	typed := identity.FoldUsername(name)
	return counters{
		// By what was typed: that two names share a counter would tell that they are one person's.
		network: h.MAC("sign-in attempts", typed, identity.Network(request.Of(c).Caller.IP)),
		day:     h.MAC("sign-in attempts of a day", typed, h.Now().Format(time.DateOnly)),
		device:  h.MAC("sign-in attempts of a browser", whose(user), request.Cookie(c, request.DeviceCookie)),
	}
}

// whose names the person whose browser it is; a browser of nobody's has no counter.
func whose(user *identity.User) string {
	if user == nil {
		return ""
	}
	return user.ID
}

// admit says whether a password may be tried now, and counts the try.
func (h *Handlers) admit(c *fiber.Ctx, keys counters) (*refusal, error) {
	if err := h.Blocked(c); err != nil {
		return nil, err
	}
	ctx, now := c.UserContext(), h.Now()
	failures, err := h.Store.DailyFailures(ctx, keys.day)
	if err != nil {
		return nil, err
	}
	if failures >= identity.DailyFailureLimit {
		r := refused("signin_daily_failures", "a known browser, after 100 failures in a day", "Make a one-time link for the person.")
		r.message = manyFailures
		return r, nil
	}
	until, allowed, err := h.Store.BeginAttempt(ctx, keys.network, now)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, fault.TooMany(max(until.Sub(now), time.Second))
	}
	return nil, nil
}

// checkPassword compares the password, at the same cost whoever it is and whether they exist.
func (h *Handlers) checkPassword(ctx context.Context, user *identity.User, password string, known bool) (*refusal, error) {
	if user == nil || user.PasswordHash == "" {
		if err := h.Hasher.CheckNobody(ctx, password, known); err != nil {
			return nil, err
		}
		if user == nil {
			return refused("user_known", "the username or e-mail address of a user", "Create the user."), nil
		}
		return refused("password_set", "a user with a password", "Make a one-time link for the person."), nil
	}
	ok, rehash, err := h.Hasher.Check(ctx, user.PasswordHash, password, known)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return refused("password", "the person's password", "Make a one-time link if they forgot it."), nil
	case !user.Enabled():
		return refused("user_enabled", "an enabled user", "Enable the user."), nil
	}
	if rehash { // parameters have been raised since, or the hash came from elsewhere
		h.raise(ctx, user, password)
	}
	return nil, nil
}

// raise stores the password under today's parameters. That it fails stops nobody: the next sign-in tries again.
func (h *Handlers) raise(ctx context.Context, user *identity.User, password string) {
	hash, err := h.raised(ctx, user, password)
	if err != nil {
		h.Log.Warn("a password hash could not be raised", "error", err, "user_id", user.ID)
		return
	}
	user.PasswordHash = hash
}

// raised returns the hash that is the person's now: the new one, or that of another sign-in that raised it first. If it is
// another password's, what is returned is not theirs, and no session will begin.
func (h *Handlers) raised(ctx context.Context, user *identity.User, password string) (string, error) {
	hash, err := h.Hasher.Hash(ctx, password)
	if err != nil {
		return "", err
	}
	raised, err := h.Store.RaisePasswordHash(ctx, user.ID, user.PasswordHash, hash)
	if unavailable := fault.AsUnavailable(err); unavailable != nil && unavailable.Unknown {
		err = nil // it may be there
	}
	if err != nil || raised {
		return hash, err
	}
	now, err := h.Store.User(ctx, user.ID)
	if err != nil {
		return "", err
	}
	if ok, _, err := h.Hasher.Check(ctx, now.PasswordHash, password, true); err != nil || !ok {
		return hash, err
	}
	return now.PasswordHash, nil
}

func (h *Handlers) recordRefusal(c *fiber.Ctx, user *identity.User, r *refusal) error {
	from := request.Of(c).Caller
	event := audit.Event{At: h.Now(), Action: audit.SignInRefused, Outcome: audit.Refused, Caller: from, Cause: &r.cause}
	if user != nil {
		event.UserID, event.Target = user.ID, audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username}
	}
	h.Log.Warn("sign-in refused", "rule", r.cause.Rule, "user_id", event.UserID, "request_id", from.RequestID)
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
		TokenHash: secret.Hash(token), UserID: user.ID, AuthTime: now, AMR: "pwd", LastSeenAt: now, ExpiresAt: now.Add(identity.SessionAbsolute),
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
			return h.endSession(c, tx, "replaced")
		})
	}
	if fault.IsNotFound(err) { // the password was changed, or the person disabled, while it was looked at
		d := view.LoginData{ReturnTo: returnTo, Username: user.Username, Errs: map[string]string{"": wrongCredentials}}
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
