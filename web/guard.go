package web

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/views/layout"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// open lets everybody pass: machines prove themselves by what they send, and a browser that comes from another site by POST
// cannot, for its Lax cookies do not come along (security.md rule 10).
func (s *site) open(c *fiber.Ctx) error { return c.Next() }

// visitor knows who is signed in, if anybody is.
func (s *site) visitor(c *fiber.Ctx) error { return s.pass(c, true) }

// anybody is for pages before sign-in: their forms are bound to the browser, whoever is signed in.
func (s *site) anybody(c *fiber.Ctx) error { return s.pass(c, false) }

func (s *site) pass(c *fiber.Ctx, toSession bool) error {
	if err := s.recognise(c, toSession, s.touch); err != nil {
		return err
	}
	if err := s.checkPost(c); err != nil {
		return err
	}
	return c.Next()
}

// signedIn lets signed-in people pass and sends others to sign in.
func (s *site) signedIn(c *fiber.Ctx) error {
	if err := s.recognise(c, true, s.touch); err != nil {
		return err
	}
	if request.Of(c).Session == nil {
		return s.toSignIn(c)
	}
	if err := s.checkPost(c); err != nil {
		return err
	}
	return s.withWhatWasTyped(c)
}

// role lets those pass who have at least this role. The console forgets people sooner than the rest of the house.
func (s *site) role(least identity.Role) fiber.Handler {
	return s.admit(least, s.touch, s.withWhatWasTyped)
}

// sudo is role for what is worth asking for the password again (security.md rule 27).
func (s *site) sudo(least identity.Role) fiber.Handler { return s.admit(least, s.touch, s.proven) }

// onlooker is role for what a page asks for by itself, which is no use of the session: else a page that stays open would keep it alive.
func (s *site) onlooker(least identity.Role) fiber.Handler {
	return s.admit(least, func(*fiber.Ctx, time.Time) error { return nil }, (*fiber.Ctx).Next)
}

func (s *site) admit(least identity.Role, used func(c *fiber.Ctx, now time.Time) error, then fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := s.recognise(c, true, used); err != nil {
			return err
		}
		state := request.Of(c)
		if state.Session != nil && s.consoleIdle(state.Session) {
			state.Lapsed = state.Session // for the console
		}
		if state.Session == nil || state.Lapsed != nil {
			return s.toSignIn(c)
		}
		if !state.User.Role.AtLeast(least) {
			return s.denied(c, least)
		}
		if err := s.checkPost(c); err != nil {
			return err
		}
		return then(c)
	}
}

func (s *site) consoleIdle(session *identity.Session) bool {
	return s.Now().Sub(session.LastSeenAt) >= s.Policy.Now().Sessions.ConsoleIdle
}

// still returns a question that an answer which goes on for long asks from time to time: would the request be admitted now?
func (s *site) still(c *fiber.Ctx, least identity.Role) func(ctx context.Context) (bool, error) {
	hash := secret.Hash(request.Cookie(c, request.SessionCookie))
	return func(ctx context.Context) (bool, error) {
		session, user, err := s.Store.SessionByToken(ctx, hash)
		if fault.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return session.Live(s.Now(), s.Policy.Now().Sessions.Idle) && user.Enabled() && !s.consoleIdle(session) && user.Role.AtLeast(least), nil
	}
}

// upload is role for a form with a file.
func (s *site) upload(least identity.Role) fiber.Handler {
	pass := s.role(least)
	return func(c *fiber.Ctx) error {
		if err := request.ReadUpload(c); err != nil {
			return err
		}
		return pass(c)
	}
}

// denied writes down that the person's role is not enough for what they ask, and refuses it.
func (s *site) denied(c *fiber.Ctx, least identity.Role) error {
	state := request.Of(c)
	event := audit.Event{
		At: s.Now(), Action: audit.AccessDenied, Outcome: audit.Refused, Actor: request.Actor(c), UserID: state.User.ID, Caller: state.Caller,
		Cause: &audit.Cause{Rule: "role", Expected: string(least), Received: audit.Value(string(state.User.Role)), Remedy: "Ask an administrator."},
	}
	if err := s.refused.write(c.UserContext(), event); err != nil {
		return err
	}
	return fiber.ErrForbidden
}

// toSignIn sends the person to the sign-in page, and afterwards back to the page they see: this one, or the one whose form or
// part was asked for. What they sent is kept for them meanwhile.
func (s *site) toSignIn(c *fiber.Ctx) error {
	path := string(c.Request().URI().RequestURI())
	if c.Method() != fiber.MethodGet || c.Get("HX-Request") == "true" {
		if seen := s.seen(c); seen != "" || c.Method() != fiber.MethodGet {
			path = seen
		}
	}
	if c.Method() == fiber.MethodPost && path != "" {
		kept, err := s.keep(c, path)
		if err != nil {
			return err
		}
		if kept == path { // whoever has lost even the cookie of their session proves nothing by the form
			request.SetFlash(c, layout.Flash{Tone: "danger", Title: "Nothing was saved", Text: "You were signed out before you sent the form. Sign in and send it again."})
		}
		path = kept
	}
	return respond.SignIn(c, request.ReturnTo(path))
}

// seen is the page of ours that the person sees, as their browser says; empty if it does not.
func (s *site) seen(c *fiber.Ctx) string {
	path, ours := strings.CutPrefix(c.Get(fiber.HeaderReferer), s.Issuer)
	if !ours {
		return ""
	}
	return request.ReturnTo(path)
}

func (s *site) checkPost(c *fiber.Ctx) error {
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		return nil
	}
	return request.CheckForm(c)
}

// recognise reads the browser's cookies and the session they name.
func (s *site) recognise(c *fiber.Ctx, formsToSession bool, used func(c *fiber.Ctx, now time.Time) error) error {
	request.EnsureBrowser(c)
	if err := s.loadSession(c, used); err != nil {
		return err
	}
	request.BindForms(c, formsToSession)
	return nil
}

func (s *site) loadSession(c *fiber.Ctx, used func(c *fiber.Ctx, now time.Time) error) error {
	state := request.Of(c)
	token := request.Cookie(c, request.SessionCookie)
	if token == "" {
		return nil
	}
	session, user, err := s.Store.SessionByToken(c.UserContext(), secret.Hash(token))
	if fault.IsNotFound(err) {
		request.SetCookie(c, request.SessionCookie, "", -1)
		return nil
	}
	if err != nil {
		return err
	}
	now := s.Now()
	if !session.Live(now, s.Policy.Now().Sessions.Idle) || !user.Enabled() {
		request.SetCookie(c, request.SessionCookie, "", -1)
		state.Lapsed = session
		return nil
	}
	state.Session, state.User = session, user
	return used(c, now)
}

// touch notes that the session was used, at most once a minute. A console that has been idle too long stays so until the
// next sign-in, whatever page is opened meanwhile: the sign-in page itself is one.
func (s *site) touch(c *fiber.Ctx, now time.Time) error {
	session := request.Of(c).Session
	idle := now.Sub(session.LastSeenAt)
	if idle < identity.TouchEvery || (s.consoleIdle(session) && request.Of(c).User.Role.Console()) {
		return nil
	}
	return s.Store.TouchSession(c.UserContext(), session.ID, now)
}
