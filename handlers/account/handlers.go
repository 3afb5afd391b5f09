package account

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/account"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const accountPath = "/account"

// Handlers answer people about their own account.
type Handlers struct {
	Store  *store.Store
	Hasher *secret.Hasher
	Policy *policy.Live
	Now    func() time.Time // UTC, to the microsecond
}

// Show is the account page.
func (h *Handlers) Show(c *fiber.Ctx) error {
	return h.page(c, fiber.StatusOK, func(*view.AccountData) {})
}

// page shows the account as it is kept; edit puts what was typed, and what was wrong with it, on top.
func (h *Handlers) page(c *fiber.Ctx, status int, edit func(*view.AccountData)) error {
	state, now := request.Of(c), h.Now()
	sessions, err := h.Store.LiveSessions(c.UserContext(), state.User.ID, now)
	if err != nil {
		return err
	}
	consents, err := h.Store.Consents(c.UserContext(), state.User.ID, h.Now())
	if err != nil {
		return err
	}
	attributes, err := h.ownAttributes(c, state.User)
	if err != nil {
		return err
	}
	d := view.AccountData{
		Profile:  view.ProfileData{Name: state.User.Name, Username: state.User.Username, Email: state.User.Email},
		Sessions: view.SessionsData{Now: now},
		Password: view.PasswordData{MinLength: h.Policy.Now().Password.MinLength},
	}
	d.Profile.Attributes = attributes.Answers(state.User.Attributes, identity.Unsent, nil)
	for _, s := range sessions {
		name, handheld := identity.Device(s.UserAgent)
		d.Sessions.List = append(d.Sessions.List, view.Session{
			ID: s.ID, Device: name, IP: s.IP, Started: s.AuthTime, LastSeen: s.LastSeenAt, Current: s.ID == state.Session.ID, Phone: handheld,
		})
	}
	for _, consent := range consents {
		d.Consents.List = append(d.Consents.List, view.Consent{
			ClientID: consent.ClientID, ClientName: consent.ClientName, Scopes: consent.Scopes, Since: consent.UpdatedAt,
		})
	}
	edit(&d)
	return respond.Page(c, status, view.AccountPage(request.Chrome(c), d), nil)
}

// event is what is written down about something people do to their own account.
func event(c *fiber.Ctx, at time.Time, action audit.Action) audit.Event {
	me := request.Actor(c)
	return audit.Event{At: at, Action: action, Outcome: audit.Success, Actor: me, Target: me, UserID: me.ID, Caller: request.Of(c).Caller}
}
