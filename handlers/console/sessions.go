package console

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const sessionsPath = "/console/sessions"

// ListSessions shows the sessions that fit what the URL says: user, client, state, q, and the edge of a page in after or before.
func (h *Handlers) ListSessions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	l := listingOf(c, sessionsPath, endingFilters...)
	want, m, err := h.wantedSessions(ctx, l)
	if err != nil {
		return err
	}
	d := view.SessionsData{State: want.State, Now: want.At}
	d.ListData = view.ListData{Q: l.get("q"), Clear: sessionsPath, Filtered: len(l.query) > 0, Asked: l.query.Encode(), Meant: m.perhaps, Unknown: m.unknown}
	if d.Jobs, err = h.underWay(ctx, nil, store.KindEndSessions, "Sessions are being ended"); err != nil {
		return err
	}
	if d.Chips, err = h.chips(ctx, l, [2]string{"user", "Person"}, [2]string{"client", "Client"}); err != nil {
		return err
	}
	want.After, want.Before, want.Limit = c.Query("after"), c.Query("before"), rowsPerPage
	if !d.Unknown {
		page, err := h.Store.SessionPage(ctx, want)
		if err != nil {
			return err
		}
		if len(page.Sessions) == 0 && page.Total > 0 { // what stood on this page was swept meanwhile
			return respond.SeeOther(c, l.address())
		}
		d.Total = int(page.Total)
		l.pages(&d.ListData, page.Previous, page.Next)
		for i := range page.Sessions {
			s := &page.Sessions[i]
			d.Rows = append(d.Rows, h.sessionOf(c, s))
			d.Select = d.Select || canEnd(c, s.Role) && s.Live(want.At, h.Policy.Now().Sessions.Idle)
		}
	}
	if d.Total > 0 {
		first := d.Rows[0]
		d.EndAll = endAll(c, sessionsPath+"/end", "End all of ", want.UserID, want.ClientID, first.Person, first.CanEnd, first.Clients...)
		if want.State != store.SessionEnded {
			d.EndFound = endFound(c, l, sessionsPath+"/end-found", "End everything that fits these filters", want.UserID != "" && d.EndAll.Href != "")
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.SessionsPage(ch, d), view.SessionsTable(ch, d))
}

// wantedSessions are those that a list asks for.
func (h *Handlers) wantedSessions(ctx context.Context, l listing) (want store.SessionFilter, m meaning, err error) {
	want.State, want.At = l.oneOf("state", store.SessionLive, store.SessionEnded), h.Now()
	if m, err = h.meant(ctx, l); err != nil {
		return want, m, err
	}
	m.unknown = m.unknown || m.code+m.requestID != ""
	want.ID, want.UserID, want.ClientID, want.IP = m.id, both(l.get("user"), m.userID), both(l.get("client"), m.clientID), m.ip
	return want, m, nil
}

func (h *Handlers) sessionOf(c *fiber.Ctx, s *store.ListedSession) view.Session {
	device, _ := identity.Device(s.UserAgent)
	v := view.Session{
		ID: s.ID, Person: personOf(s.UserID, s.Holder), Device: device, UserAgent: s.UserAgent, IP: s.IP, SignedIn: s.AuthTime, LastSeen: s.LastSeenAt,
		Expires: s.ExpiresAt, Idle: s.LastSeenAt.Add(h.Policy.Now().Sessions.Idle), Ended: orZero(s.EndedAt), EndReason: s.EndReason, AMR: strings.Fields(s.AMR),
		Own: request.Of(c).Session.ID == s.ID, CanEnd: canEnd(c, s.Role), Now: h.Now(),
	}
	for _, client := range s.Clients {
		v.Clients = append(v.Clients, clientLink(client.ID, client.Name))
	}
	return v
}

// ShowSession shows one session.
func (h *Handlers) ShowSession(c *fiber.Ctx) error {
	s, err := h.Store.Session(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return respond.Page(c, fiber.StatusOK, view.SessionPage(request.Chrome(c), h.sessionOf(c, s)), nil)
}

// ConfirmEndSession asks whether to end the session, and says what ends with it.
func (h *Handlers) ConfirmEndSession(c *fiber.Ctx) error { return h.endSession(c, false) }

// EndSession ends the session, with what lives and dies with it.
func (h *Handlers) EndSession(c *fiber.Ctx) error { return h.endSession(c, true) }

func (h *Handlers) endSession(c *fiber.Ctx, sure bool) error {
	ctx, now := c.UserContext(), h.Now()
	s, err := h.Store.Session(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	if err := h.mayEnd(c, s.Role); err != nil {
		return err
	}
	v := h.sessionOf(c, s)
	path := sessionsPath + "/" + s.ID
	if !s.Live(now, h.Policy.Now().Sessions.Idle) {
		return respond.Flash(c, path, "info", "Already ended", v.Device+" is not signed in any more.")
	}
	impact, err := h.Store.SessionImpact(ctx, store.SessionFilter{ID: s.ID, At: now})
	if err != nil {
		return err
	}
	e := &end{EndData: view.EndData{
		ID: "session-end", Title: "End this session?", Text: v.Device + " of " + v.Person.Label() + " is signed out at once. Grants that outlive the browser stay.",
		Button: "End session", Heading: "Session of " + v.Person.Label(), Section: sessionCrumbs, Action: path + "/end", Back: path,
		Impact: endedSessions(impact),
	}}
	e.event = eventOn(c, now, audit.SessionEnded, audit.Party{Kind: audit.KindSession, ID: s.ID, Name: v.Device})
	e.event.UserID = s.UserID
	e.do = func(event audit.Event) (string, string, error) {
		err := h.Store.EndSession(ctx, s.ID, oauth.EndedByOperator, now, event)
		return "Session ended", v.Device + " of " + v.Person.Label() + " is signed out.", err
	}
	return h.answer(c, e, sure)
}

var sessionCrumbs = view.Crumbs{Label: "Sessions", Href: sessionsPath}

// ConfirmEndSessions asks whether to end all sessions of a person or with a client, and says what ends with them.
func (h *Handlers) ConfirmEndSessions(c *fiber.Ctx) error { return h.endSessions(c, false) }

// EndSessions ends all sessions of a person or with a client, with what lives and dies with them.
func (h *Handlers) EndSessions(c *fiber.Ctx) error { return h.endSessions(c, true) }

func (h *Handlers) endSessions(c *fiber.Ctx, sure bool) error {
	chosen, err := ids(c, "session")
	if err != nil {
		return err
	}
	if len(chosen) > 0 || selecting(c) {
		return h.endChosen(c, chosen, sure)
	}
	userID, clientID, err := askedFor(c)
	if err != nil {
		return err
	}
	var e *end
	if userID != "" {
		e, err = h.sessionsOfUser(c, userID)
	} else {
		e, err = h.sessionsOfClient(c, clientID)
	}
	if err != nil {
		return err
	}
	if e.Impact[0].N == 0 && !sure {
		return respond.Flash(c, e.Back, "info", "Nothing to end", "There are no live sessions.")
	}
	return h.answer(c, e, sure)
}

// endChosen ends the sessions that somebody chose from a list.
func (h *Handlers) endChosen(c *fiber.Ctx, chosen []string, sure bool) error {
	l, err := listingBehind(c, sessionsPath, endingFilters...)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return nothingChosen(c, l)
	}
	page, err := h.Store.SessionPage(c.UserContext(), store.SessionFilter{IDs: chosen, State: store.SessionLive, At: h.Now(), Limit: rowsPerPage})
	if err != nil {
		return err
	}
	return h.endThese(c, page.Sessions, l, sure)
}

// endThese asks whether to end them, or does it: each leaves an event of its own.
func (h *Handlers) endThese(c *fiber.Ctx, sessions []store.ListedSession, l listing, sure bool) error {
	if len(sessions) == 0 {
		return respond.Flash(c, l.address(), "info", "Already ended", "None of them lives any more.")
	}
	ctx, now := c.UserContext(), h.Now()
	var chosen []string
	for _, s := range sessions {
		if err := h.mayEnd(c, s.Role); err != nil {
			return err
		}
		chosen = append(chosen, s.ID)
	}
	impact, err := h.Store.SessionImpact(ctx, store.SessionFilter{IDs: chosen, State: store.SessionLive, At: now})
	if err != nil {
		return err
	}
	e := &end{EndData: view.EndData{
		ID: "sessions-end", Title: "End " + ui.Count(len(sessions), "session", "sessions") + "?",
		Text:   "Those people are signed out in those browsers at once. Grants that outlive the browser stay.",
		Button: "End", Heading: "Selected sessions", Section: sessionCrumbs, Action: sessionsPath + "/end", Fields: append(l.sent(), sent("session", chosen...)...), Back: l.address(),
		Impact: append(endedSessions(impact), view.ImpactLine{N: int(impact.People), One: "person", Many: "people"}),
	}}
	e.event = eventOn(c, now, audit.SessionEnded, audit.Party{})
	e.do = func(event audit.Event) (string, string, error) {
		return ui.Count(len(sessions), "session has ended", "sessions have ended"), "Those people are signed out there.", h.Store.InTx(ctx, func(tx *store.Store) error {
			for i := range sessions {
				s := &sessions[i]
				device, _ := identity.Device(s.UserAgent)
				event.Target, event.UserID = audit.Party{Kind: audit.KindSession, ID: s.ID, Name: device}, s.UserID
				if err := tx.EndSession(ctx, s.ID, oauth.EndedByOperator, now, event); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return h.answer(c, e, sure)
}

func (h *Handlers) sessionsOfUser(c *fiber.Ctx, id string) (*end, error) {
	ctx, now := c.UserContext(), h.Now()
	u, err := h.Store.User(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := h.mayEnd(c, u.Role); err != nil {
		return nil, err
	}
	impact, err := h.Store.SessionImpact(ctx, store.SessionFilter{UserID: u.ID, State: store.SessionLive, At: now})
	if err != nil {
		return nil, err
	}
	who := personOfUser(u).Label()
	e := &end{EndData: view.EndData{
		ID: "sessions-end", Title: "End all sessions of " + who + "?", Text: who + " is signed out in every browser at once. Grants that outlive the browser stay.",
		Button: "End all sessions", Heading: "Sessions of " + who, Section: sessionCrumbs, Action: sessionsPath + "/end", Fields: sent("user", u.ID),
		Back:   listing{path: sessionsPath}.with("user", u.ID),
		Impact: append(endedSessions(impact), view.ImpactLine{N: int(impact.Clients), One: "client", Many: "clients"}),
	}}
	e.event = eventOn(c, now, audit.SessionsEnded, audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username})
	e.event.UserID = u.ID
	e.do = func(event audit.Event) (string, string, error) {
		n, err := h.Store.EndSessions(ctx, u.ID, "", oauth.EndedByOperator, now, event)
		return "Sessions ended", who + " is signed out everywhere: " + ui.Count(int(n), "session has ended.", "sessions have ended."), err
	}
	return e, nil
}

func (h *Handlers) sessionsOfClient(c *fiber.Ctx, id string) (*end, error) {
	ctx, now := c.UserContext(), h.Now()
	client, err := h.Store.Client(ctx, id)
	if err != nil {
		return nil, err
	}
	impact, err := h.Store.SessionImpact(ctx, store.SessionFilter{ClientID: id, State: store.SessionLive, At: now})
	if err != nil {
		return nil, err
	}
	if impact.Admins > 0 {
		if err := h.mayEnd(c, identity.RoleAdmin); err != nil {
			return nil, err
		}
	}
	e := &end{EndData: view.EndData{
		ID: "sessions-end", Title: "End all sessions with " + client.Name + "?",
		Text:   "Everybody who signed in to " + client.Name + " is signed out of Gatehouse in that browser, and of the other clients there. Grants that outlive the browser stay.",
		Button: "End all sessions", Heading: "Sessions with " + client.Name, Section: sessionCrumbs, Action: sessionsPath + "/end", Fields: sent("client", id),
		Back:   listing{path: sessionsPath}.with("client", id),
		Impact: append(endedSessions(impact), view.ImpactLine{N: int(impact.People), One: "person", Many: "people"}),
	}}
	e.event = event(c, now, audit.SessionsEnded, client)
	if impact.Sessions > endedAtOnce {
		e.Notes = append(e.Notes, inBackground...)
	}
	e.do = func(event audit.Event) (string, string, error) {
		if impact.Sessions > endedAtOnce {
			event.Action = audit.EndingBegun
			return h.begin(c, e, foundEnding{kind: store.KindEndSessions, ending: store.Ending{ClientID: id, Reason: e.Reason}, total: impact.Sessions, at: now}, "", event)
		}
		n, err := h.Store.EndClientSessions(ctx, id, oauth.EndedByOperator, now, event)
		return "Sessions ended", ui.Count(int(n), "session with "+client.Name+" has ended.", "sessions with "+client.Name+" have ended."), err
	}
	return e, nil
}

func endedSessions(impact store.SessionImpact) []view.ImpactLine {
	return []view.ImpactLine{{N: int(impact.Sessions), One: "session", Many: "sessions"}, {N: int(impact.Families), One: "token family", Many: "token families"}}
}
