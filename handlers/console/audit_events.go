package console

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const eventsPath = "/console/audit"

// eventFilters are what the audit log can be asked for by its URL, besides q and the edge of a page.
var eventFilters = []string{"action", "outcome", "user", "actor", "target", "client", "ip", "request", "error", "from", "to"}

// ListEvents shows the events that fit what the URL says.
func (h *Handlers) ListEvents(c *fiber.Ctx) error {
	return h.listEvents(c, fiber.StatusOK, listingOf(c, eventsPath, eventFilters...), "", nil)
}

// listEvents shows the list with, if a filter could not be saved, what was typed and what was wrong with it.
func (h *Handlers) listEvents(c *fiber.Ctx, status int, l listing, saveAs string, errs fault.Fields) error {
	ctx, now := c.UserContext(), h.Now() // before the log is read: nothing lies between the two
	d, want, err := h.wantedEvents(c, l)
	if err != nil {
		return err
	}
	if d.Chips, err = h.chips(ctx, l, [2]string{"user", "Person"}, [2]string{"actor", "Actor"}, [2]string{"target", "Target"}, [2]string{"client", "Client"},
		[2]string{"ip", "IP"}, [2]string{"request", "Request"}, [2]string{"error", "Error"}); err != nil {
		return err
	}
	if len(d.Errs) > 0 {
		status = fiber.StatusUnprocessableEntity
	}
	if !d.Unknown && len(d.Errs) == 0 {
		want.After, want.Before, want.Limit = c.Query("after"), c.Query("before"), rowsPerPage
		page, err := h.Store.EventPage(ctx, want)
		if err != nil {
			return err
		}
		d.Total = int(page.Total)
		l.pages(&d.ListData, page.Previous, page.Next)
		if d.Rows, err = h.eventRows(ctx, page.Events, l); err != nil {
			return err
		}
		if page.Previous == "" {
			d.Live = liveFrom(l, page.Events, now)
		}
		d.Here = l.address()
	}
	if d.Saved, err = h.savedFilters(c, l); err != nil {
		return err
	}
	d.SaveAs, d.SaveErrs = saveAs, errs
	runs, err := h.Store.Verifications(ctx, 1)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		d.Verified = verificationRow(runs[0])
	}
	d.Now, d.Kept = now, h.Policy.Now().Retention
	ch := request.Chrome(c)
	return respond.Page(c, status, view.EventsPage(ch, d), view.EventsTable(ch, d))
}

// wantedEvents reads what the listing asks for: as the page shows it, and as the store understands it.
func (h *Handlers) wantedEvents(c *fiber.Ctx, l listing) (d view.EventsData, want store.EventFilter, err error) {
	ctx := c.UserContext()
	if !audit.Action(l.get("action")).Known() {
		l.query.Del("action")
	}
	l.oneOf("outcome", string(audit.Success), string(audit.Refused))
	m, err := h.meant(ctx, l)
	if err != nil {
		return d, want, err
	}
	d = view.EventsData{Action: l.get("action"), Outcome: l.get("outcome"), Errs: map[string]string{}, Query: l.query.Encode()}
	d.ListData = view.ListData{Q: l.get("q"), Clear: eventsPath, Filtered: len(l.query) > 0, Unknown: m.unknown, Meant: m.perhaps}
	want = store.EventFilter{
		Action: audit.Action(d.Action), Outcome: audit.Outcome(d.Outcome), UserID: both(l.get("user"), m.userID), ActorID: l.get("actor"), TargetID: both(l.get("target"), m.id),
		ClientID: both(l.get("client"), m.clientID), IP: both(l.get("ip"), m.ip), RequestID: both(l.get("request"), m.requestID), Error: both(l.get("error"), m.code),
	}
	want.From, d.From = timeOf(l, "from", d.Errs)
	want.To, d.To = timeOf(l, "to", d.Errs)
	return d, want, nil
}

// timeOf reads a time in UTC, and writes it as the form's field holds it.
func timeOf(l listing, name string, errs map[string]string) (t time.Time, field string) {
	text := l.get(name)
	if text == "" {
		return t, ""
	}
	const minute = "2006-01-02T15:04" // what browsers send
	for _, layout := range []string{minute, "2006-01-02T15:04:05", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), t.UTC().Format(minute)
		}
	}
	errs[name] = "“" + text + "” is no time: write it as 2026-03-14T09:30, in UTC."
	return t, ""
}

// eventPath is the address of an event; it remembers the list it was found in.
func eventPath(id string, in listing) string {
	return listing{eventsPath + "/" + url.PathEscape(id), in.query}.address()
}

// eventRows are the events as lists show them: with the names that people and clients have now, where the event has none.
func (h *Handlers) eventRows(ctx context.Context, events []audit.Event, in listing) ([]view.EventRow, error) {
	var people, clients []string
	for _, e := range events {
		people, clients = append(people, e.UserID), append(clients, e.ClientID)
		for _, p := range []audit.Party{e.Actor, e.Target} {
			switch p.Kind {
			case audit.KindUser:
				people = append(people, p.ID)
			case audit.KindClient:
				clients = append(clients, p.ID)
			}
		}
	}
	names, err := h.Store.Names(ctx, unique(people...), unique(clients...))
	if err != nil {
		return nil, err
	}
	rows := make([]view.EventRow, 0, len(events))
	for _, e := range events {
		r := view.EventRow{
			ID: e.ID, Href: eventPath(e.ID, in), At: e.At, Action: e.Action, Words: e.Action.Words(), Refused: e.Outcome == audit.Refused, Count: e.Count, IP: e.Caller.IP,
			Actor: partyOf(e.Actor, names), Target: partyOf(e.Target, names), Person: userLink(e.UserID, names),
		}
		if e.Cause != nil {
			r.Rule = e.Cause.Rule
		}
		if r.Person.Text != "" && e.Target.Name == "" && (e.Target.Kind == audit.KindFamily || e.Target.Kind == audit.KindSession) {
			r.Target.Text += " of " + r.Person.Text
		}
		if e.ClientID != "" {
			r.Client = partyOf(audit.Party{Kind: audit.KindClient, ID: e.ClientID}, names)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func userLink(id string, names store.Names) view.Link {
	if id == "" {
		return view.Link{}
	}
	return partyOf(audit.Party{Kind: audit.KindUser, ID: id}, names)
}

// partyOf names who acted or was acted upon: as it was called then, else as it is called now. What is gone has no page.
func partyOf(p audit.Party, names store.Names) view.Link {
	now, exists := "", true
	switch p.Kind {
	case audit.KindUser:
		now, exists = names.Users[p.ID], names.Users[p.ID] != ""
	case audit.KindClient:
		now, exists = names.Clients[p.ID], names.Clients[p.ID] != ""
	}
	return view.PartyLink(p, or(p.Name, now), exists)
}

// ShowEvent shows one event, with all that is known of it.
func (h *Handlers) ShowEvent(c *fiber.Ctx) error {
	ctx := c.UserContext()
	e, err := h.Store.Event(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	l := listingOf(c, eventsPath, eventFilters...)
	events := []audit.Event{*e}
	if e.Caller.RequestID != "" {
		beside, err := h.Store.Events(ctx, store.EventFilter{RequestID: e.Caller.RequestID})
		if err != nil {
			return err
		}
		events = append(events, slices.DeleteFunc(beside, func(other audit.Event) bool { return other.ID == e.ID })...)
	}
	rows, err := h.eventRows(ctx, events, l)
	if err != nil {
		return err
	}
	device, _ := identity.Device(e.Caller.UserAgent)
	d := view.EventData{
		EventRow: rows[0], Beside: rows[1:], UserAgent: e.Caller.UserAgent, Device: device, RequestID: e.Caller.RequestID, Cause: e.Cause, Error: e.Error,
		Close: l.address(), Reason: e.Changes[audit.Reason].After,
	}
	for _, other := range events { // a replay is refused by another event of its request, which says why
		if d.Cause == nil && e.Outcome == audit.Refused {
			d.Cause, d.Error = other.Cause, other.Error
		}
	}
	if meaning, known := oauth.ErrorMeanings[d.Error]; known {
		d.Meaning, d.Section = meaning.Meaning, meaning.Section
	}
	if n, ok := presentedGeneration(*e); ok {
		current, _ := strconv.ParseInt(e.Changes[audit.Generation].After, 10, 64)
		d.Presented, d.Current = n+1, current+1
	}
	for field, change := range e.Changes {
		if field != audit.Reason && field != audit.Generation {
			d.Changes = append(d.Changes, view.ChangedField(field, change))
		}
	}
	slices.SortFunc(d.Changes, func(a, b view.Changed) int {
		if a.Field < b.Field {
			return -1
		}
		return 1
	})
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.EventPage(ch, d), view.EventPanel(ch, d))
}
