package login

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/login"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// Handlers answer people who sign in or out.
type Handlers struct {
	Store  *store.Store
	Rules  *oauth.Server
	Door   *identity.Doorkeeper
	Hasher *secret.Hasher
	Policy *policy.Live
	Now    func() time.Time
	Log    *slog.Logger
	// Refused writes down why a sign-in was refused, without letting a flood of them fill the database.
	Refused func(ctx context.Context, event audit.Event) error
}

// Home leads to where somebody belongs.
func (h *Handlers) Home(c *fiber.Ctx) error {
	if user := request.Of(c).User; user != nil {
		return respond.SeeOther(c, homeOf(user))
	}
	if users, err := h.Store.AnyUser(c.UserContext()); err != nil {
		return err
	} else if !users {
		return respond.Page(c, fiber.StatusOK, view.SetupPendingPage(request.Chrome(c)), nil)
	}
	return respond.SeeOther(c, "/login")
}

// homeOf is where a person lands after signing in without having asked for a page.
func homeOf(u *identity.User) string {
	if u.Role.Console() {
		return "/console"
	}
	return "/account"
}

// SetTheme remembers the look a person chose.
func (h *Handlers) SetTheme(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	request.SetTheme(c, form.Get("theme"))
	to := request.ReturnTo(form.Get("return_to"))
	if to == "" {
		to = "/"
	}
	return respond.SeeOther(c, to)
}

// SignOutForm asks before it signs out: a link from elsewhere must not do it.
func (h *Handlers) SignOutForm(c *fiber.Ctx) error {
	if request.Of(c).Session == nil {
		return respond.Page(c, fiber.StatusOK, view.SignedOutPage(request.Chrome(c)), nil)
	}
	return respond.Page(c, fiber.StatusOK, view.LogoutPage(request.Chrome(c)), nil)
}

// SignOut ends the session, with the families bound to it.
func (h *Handlers) SignOut(c *fiber.Ctx) error {
	state := request.Of(c)
	if state.Session != nil {
		if err := h.endSession(c, h.Store, identity.EndedSignOut); err != nil {
			return err
		}
		request.SetCookie(c, request.SessionCookie, "", -1)
		state.Session, state.User = nil, nil
		request.BindForms(c, false)
	}
	return respond.Page(c, fiber.StatusOK, view.SignedOutPage(request.Chrome(c)), nil)
}

// endSession ends the session that the browser is in.
func (h *Handlers) endSession(c *fiber.Ctx, in *store.Store, reason string) error {
	state := request.Of(c)
	return in.EndSession(c.UserContext(), state.Session.ID, reason, h.Now(), audit.Event{
		Action: audit.SessionEnded, Outcome: audit.Success, UserID: state.User.ID, Caller: state.Caller,
		Actor: request.Actor(c), Target: audit.Party{Kind: audit.KindSession, ID: state.Session.ID},
	})
}

// askerOf finds the application behind a return_to that leads back to an authorization request, and whom it expects. It
// only decorates the page: whatever goes wrong here is judged when the request goes on.
func (h *Handlers) askerOf(c *fiber.Ctx, returnTo string) (asker *oauth.Client, hint string) {
	u, err := url.Parse(returnTo)
	if err != nil || u.Path != oauth.PathAuthorize {
		return nil, ""
	}
	_, params, err := h.Rules.Resume(c.UserContext(), u.Query().Get("interaction"), request.BrowserHash(c))
	if err != nil {
		return nil, ""
	}
	target, err := h.Rules.Target(c.UserContext(), params)
	if err != nil {
		return nil, ""
	}
	return target.Client, params.Get("login_hint")
}
