package account

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// EndSession signs the person out in one browser. Ending the present session signs out here.
func (h *Handlers) EndSession(c *fiber.Ctx) error {
	state, now := request.Of(c), h.Now()
	mine, err := h.Store.LiveSessions(c.UserContext(), state.User.ID, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(s identity.Session) bool { return s.ID == c.Params("id") })
	if i < 0 { // another person's, or none at all: the answer does not tell which
		return fault.NotFound("session")
	}
	name, _ := identity.Device(mine[i].UserAgent)
	ended := event(c, now, audit.SessionEnded)
	ended.Target = audit.Party{Kind: audit.KindSession, ID: mine[i].ID, Name: name}
	if err := h.Store.EndSession(c.UserContext(), mine[i].ID, identity.EndedByPerson, now, ended); err != nil {
		return err
	}
	if mine[i].ID == state.Session.ID {
		request.SetCookie(c, request.SessionCookie, "", -1)
		return respond.SeeOther(c, "/logout") // which says so to whoever is signed out
	}
	return respond.Flash(c, accountPath, "success", "Signed out there", name+" is no longer signed in.")
}

// EndOtherSessions signs the person out everywhere else.
func (h *Handlers) EndOtherSessions(c *fiber.Ctx) error {
	state, now := request.Of(c), h.Now()
	n, err := h.Store.EndSessions(c.UserContext(), state.User.ID, state.Session.ID, identity.EndedByPerson, now, event(c, now, audit.SessionsEnded))
	if err != nil {
		return err
	}
	return respond.Flash(c, accountPath, "success", "Signed out everywhere else", ui.Count(int(n), "other session has ended.", "other sessions have ended."))
}
