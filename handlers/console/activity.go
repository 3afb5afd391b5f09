package console

import (
	"maps"
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// activity is the newest that is written down about the person or the client of this id; label names the fields of their forms.
func (h *Handlers) activity(c *fiber.Ctx, of store.EventFilter, id string, label func(field string) string) (d view.ActivityData, err error) {
	of.Limit = eventsShown + 1
	events, err := h.Store.Events(c.UserContext(), of)
	if err != nil {
		return d, err
	}
	d.More = len(events) > eventsShown
	events = events[:min(len(events), eventsShown)]
	rows, err := h.eventRows(c.UserContext(), events, listing{path: eventsPath})
	if err != nil {
		return d, err
	}
	for i, e := range events {
		shown := view.ActivityEvent{ID: e.ID, At: e.At, Action: e.Action.Words(), Refused: e.Outcome == audit.Refused, IP: e.Caller.IP}
		if e.Actor.ID != id {
			shown.By = rows[i].Actor.Text
		}
		if e.Target.ID != id {
			shown.Target = e.Target.Name
		}
		for _, name := range slices.Sorted(maps.Keys(e.Changes)) {
			shown.Changes = append(shown.Changes, view.Change{Field: or(label(name), name), Theirs: e.Changes[name].Before, Yours: e.Changes[name].After})
		}
		d.Events = append(d.Events, shown)
	}
	return d, nil
}

// ShowClientActivity shows what the client did and what was done to it, the newest first.
func (h *Handlers) ShowClientActivity(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	head, err := h.head(c, client)
	if err != nil {
		return err
	}
	d, err := h.activity(c, store.EventFilter{ClientID: client.ID}, client.ID, view.ClientLabel)
	if err != nil {
		return err
	}
	d.All, d.Self, d.Nothing = listing{path: eventsPath}.with("client", client.ID), "itself", "Requests and changes of this client appear here."
	return respond.Page(c, fiber.StatusOK, view.ClientActivityPage(request.Chrome(c), head, canEdit(c), d), view.Activity(d))
}

// ShowClientAccess shows what the client holds, and where people are signed in to it.
func (h *Handlers) ShowClientAccess(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	head, err := h.head(c, client)
	if err != nil {
		return err
	}
	ctx, now := c.UserContext(), h.Now()
	families, err := h.Store.FamilyPage(ctx, store.FamilyFilter{ClientID: client.ID, State: oauth.FamilyLive, At: now, Limit: sessionsShown})
	if err != nil {
		return err
	}
	sessions, err := h.Store.SessionPage(ctx, store.SessionFilter{ClientID: client.ID, State: store.SessionLive, At: now, Limit: sessionsShown})
	if err != nil {
		return err
	}
	d := view.ClientAccessData{Client: head, Families: view.ListData{Total: int(families.Total)}, Sessions: view.ListData{Total: int(sessions.Total)}}
	for i := range families.Families {
		d.FamilyRows = append(d.FamilyRows, h.familyOf(c, &families.Families[i]))
	}
	for i := range sessions.Sessions {
		d.SessionRows = append(d.SessionRows, h.sessionOf(c, &sessions.Sessions[i]))
	}
	return respond.Page(c, fiber.StatusOK, view.ClientAccessPage(request.Chrome(c), d, canEdit(c), canEnd(c, identity.RoleUser)), nil)
}
