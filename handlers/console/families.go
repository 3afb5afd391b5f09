package console

import (
	"context"
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
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const familiesPath = "/console/families"

// ListFamilies shows the token families that fit what the URL says: user, client, state, q, and the edge of a page in after or before.
func (h *Handlers) ListFamilies(c *fiber.Ctx) error {
	ctx := c.UserContext()
	l := listingOf(c, familiesPath, endingFilters...)
	want, m, err := h.wantedFamilies(ctx, l)
	if err != nil {
		return err
	}
	d := view.FamiliesData{State: want.State, Now: want.At}
	d.ListData = view.ListData{Q: l.get("q"), Clear: familiesPath, Filtered: len(l.query) > 0, Asked: l.query.Encode(), Meant: m.perhaps, Unknown: m.unknown}
	if d.Jobs, err = h.underWay(ctx, nil, store.KindEndFamilies, "Token families are being revoked"); err != nil {
		return err
	}
	if d.Jobs, err = h.underWay(ctx, d.Jobs, store.KindEndEra, "All tokens of a client were revoked: their ends are being written down"); err != nil {
		return err
	}
	if d.Chips, err = h.chips(ctx, l, [2]string{"user", "Person"}, [2]string{"client", "Client"}); err != nil {
		return err
	}
	want.After, want.Before, want.Limit = c.Query("after"), c.Query("before"), rowsPerPage
	if !d.Unknown {
		page, err := h.Store.FamilyPage(ctx, want)
		if err != nil {
			return err
		}
		if len(page.Families) == 0 && page.Total > 0 { // what stood on this page was swept meanwhile
			return respond.SeeOther(c, l.address())
		}
		d.Total = int(page.Total)
		l.pages(&d.ListData, page.Previous, page.Next)
		for i := range page.Families {
			row := h.familyOf(c, &page.Families[i])
			d.Rows, d.Select = append(d.Rows, row), d.Select || row.CanEnd && row.State == oauth.FamilyLive
		}
	}
	if d.Total > 0 {
		d.EndAll = endAll(c, familiesPath+"/revoke", "Revoke all of ", want.UserID, want.ClientID, d.Rows[0].Person, d.Rows[0].CanEnd, d.Rows[0].Client)
		if want.State == "" || want.State == oauth.FamilyLive {
			d.EndFound = endFound(c, l, familiesPath+"/revoke-found", "Revoke everything that fits these filters", want.UserID != "" && d.EndAll.Href != "")
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.FamiliesPage(ch, d), view.FamiliesTable(ch, d))
}

// wantedFamilies are those that a list asks for.
func (h *Handlers) wantedFamilies(ctx context.Context, l listing) (want store.FamilyFilter, m meaning, err error) {
	want.State, want.At = l.oneOf("state", oauth.FamilyLive, oauth.FamilyExpired, oauth.FamilyEnded, store.FamilyReplayed), h.Now()
	if m, err = h.meant(ctx, l); err != nil {
		return want, m, err
	}
	m.unknown = m.unknown || m.ip+m.code+m.requestID != ""
	want.ID, want.UserID, want.ClientID = m.id, both(l.get("user"), m.userID), both(l.get("client"), m.clientID)
	return want, m, nil
}

func (h *Handlers) familyOf(c *fiber.Ctx, f *store.ListedFamily) view.Family {
	now := h.Now()
	v := view.Family{
		ID: f.ID, Person: personOf(f.UserID, f.Holder), Client: clientLink(f.ClientID, f.ClientName), Session: f.SessionID, GrantType: f.GrantType,
		Scopes: f.Scopes, Resources: f.Resources, AMR: f.AMR, AuthTime: f.AuthTime, Created: f.CreatedAt, LastRefresh: orZero(f.RotatedAt), Expires: f.ExpiresAt,
		Ended: orZero(f.EndedAt), EndReason: f.EndReason, EraOver: f.EraOver, State: f.State(now), Replayed: f.Replayed(), Rotations: f.Generation, CanEnd: canEnd(c, f.Role), Now: now,
	}
	if f.CurrentHash != "" {
		v.Idle = f.IdleExpiresAt
	}
	return v
}

// listedFamily reads the family that the path names.
func (h *Handlers) listedFamily(c *fiber.Ctx) (*store.ListedFamily, error) {
	page, err := h.Store.FamilyPage(c.UserContext(), store.FamilyFilter{ID: or(c.Params("id"), "none"), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Families) == 0 {
		return nil, fault.NotFound("token family")
	}
	return &page.Families[0], nil
}

// ShowFamily shows a token family with its lineage. A long one shows its ends and what was presented again; from, a generation,
// shows a part of the rest.
func (h *Handlers) ShowFamily(c *fiber.Ctx) error {
	f, err := h.listedFamily(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	events, err := h.Store.Events(ctx, store.EventFilter{TargetID: f.ID, Except: audit.TokenRefreshed, Limit: 100})
	if err != nil {
		return err
	}
	d := view.FamilyData{Family: h.familyOf(c, f)}
	if d.Events, err = h.eventRows(c.UserContext(), events, listing{path: eventsPath}); err != nil {
		return err
	}
	if f.CurrentHash != "" {
		from, err := strconv.ParseInt(c.Query("from"), 10, 64)
		if err != nil {
			from = -1
		}
		again := presentedAgain(events)
		shown := shownGenerations(f.Generation, from, again)
		tokens, err := h.Store.RefreshTokens(ctx, f.ID, withSuccessors(shown))
		if err != nil {
			return err
		}
		d.Lineage = lineageOf(f, d.Family, tokens, shown, again)
		d.Replay = replayOf(events, d.Lineage)
	} else {
		d.Replay = replayOf(events, nil)
	}
	return respond.Page(c, fiber.StatusOK, view.FamilyPage(request.Chrome(c), d), nil)
}

// How much of a long lineage is drawn.
const (
	firstShown  = 3
	lastShown   = 4
	aroundAgain = 1  // of a token that came again
	window      = 50 // of those that are asked for
)

// presentedAgain are the generations that were presented though they were spent, as their events tell.
func presentedAgain(events []audit.Event) map[int64][]audit.Event {
	again := map[int64][]audit.Event{}
	for _, e := range slices.Backward(events) { // the first one first
		if n, ok := presentedGeneration(e); ok {
			again[n] = append(again[n], e)
		}
	}
	return again
}

// presentedGeneration is which spent refresh token an event is about, if it is about one.
func presentedGeneration(e audit.Event) (n int64, ok bool) {
	if e.Action != audit.TokenRetried && e.Action != audit.RefreshReplayed {
		return 0, false
	}
	n, err := strconv.ParseInt(e.Changes[audit.Generation].Before, 10, 64)
	return n, err == nil
}

// shownGenerations are the generations up to the current one that are drawn, in order.
func shownGenerations(current, from int64, again map[int64][]audit.Event) []int64 {
	var shown []int64
	add := func(first, last int64) {
		for n := max(first, 0); n <= min(last, current); n++ {
			shown = append(shown, n)
		}
	}
	add(0, firstShown-1)
	add(current-lastShown+1, current)
	for n := range again {
		add(n-aroundAgain, n+aroundAgain)
	}
	if from >= 0 && from <= current {
		add(from, from+window-1)
	}
	slices.Sort(shown)
	shown = slices.Compact(shown)
	for i := len(shown) - 1; i > 0; i-- { // a gap of one is no gap
		if shown[i]-shown[i-1] == 2 {
			shown = slices.Insert(shown, i, shown[i]-1)
		}
	}
	return shown
}

// withSuccessors adds the generations after those that are shown: they tell when a token was spent.
func withSuccessors(shown []int64) []int64 {
	all := slices.Clone(shown)
	for _, n := range shown {
		all = append(all, n+1)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func lineageOf(f *store.ListedFamily, v view.Family, tokens []oauth.RefreshToken, shown []int64, again map[int64][]audit.Event) []view.LineageStep {
	byNumber := map[int64]oauth.RefreshToken{}
	for _, t := range tokens {
		byNumber[t.Generation] = t
	}
	var steps []view.LineageStep
	for i, n := range shown {
		if i > 0 && n > shown[i-1]+1 {
			steps = append(steps, view.LineageStep{
				Left: int(n - shown[i-1] - 1), Show: familiesPath + "/" + f.ID + "?from=" + strconv.FormatInt(shown[i-1]+1, 10),
			})
		}
		t, kept := byNumber[n]
		if !kept {
			continue
		}
		device, _ := identity.Device(t.UserAgent)
		step := view.LineageStep{Number: n + 1, Given: t.CreatedAt, IP: t.IP, Device: deviceOr(device, t.UserAgent), RequestID: t.RequestID, State: "spent"}
		if next, spent := byNumber[n+1]; spent {
			step.Spent = next.CreatedAt
		} else if n == f.Generation {
			step.State = map[string]string{oauth.FamilyLive: "current", oauth.FamilyExpired: "lapsed", oauth.FamilyEnded: "revoked"}[v.State]
		}
		for _, e := range again[n] {
			step.Again = append(step.Again, presentedOf(e))
		}
		steps = append(steps, step)
	}
	return steps
}

// deviceOr names what is no browser by what it calls itself.
func deviceOr(device, userAgent string) string {
	if device == "Unknown browser" && userAgent != "" {
		return userAgent
	}
	return device
}

func presentedOf(e audit.Event) view.Presented {
	device, _ := identity.Device(e.Caller.UserAgent)
	return view.Presented{
		At: e.At, IP: e.Caller.IP, Device: deviceOr(device, e.Caller.UserAgent), Event: eventPath(e.ID, listing{path: eventsPath}), Replay: e.Action == audit.RefreshReplayed,
	}
}

// replayOf tells of the replay that ended the family, if one did.
func replayOf(events []audit.Event, steps []view.LineageStep) *view.Replay {
	for _, e := range events {
		p := presentedOf(e)
		r := &view.Replay{At: e.At, IP: p.IP, Device: p.Device, Event: p.Event}
		switch e.Action {
		case audit.CodeReplayed:
			r.What, r.Code = "The code", true
			for _, first := range events {
				if first.Action == audit.CodeRedeemed {
					r.FirstIP, r.FirstAt = first.Caller.IP, first.At
				}
			}
			return r
		case audit.RefreshReplayed:
			r.What = "A refresh token"
			n, _ := presentedGeneration(e)
			for i, s := range steps {
				if s.Left == 0 && s.Number == n+1 {
					r.What, r.FirstAt = "Refresh token "+strconv.FormatInt(s.Number, 10), s.Spent
					if i+1 < len(steps) { // who was given the next one has spent this one
						r.FirstIP = steps[i+1].IP
					}
				}
			}
			return r
		}
	}
	return nil
}

var familyCrumbs = view.Crumbs{Label: "Token families", Href: familiesPath}

// ConfirmRevokeFamily asks whether to revoke the family.
func (h *Handlers) ConfirmRevokeFamily(c *fiber.Ctx) error { return h.revokeFamily(c, false) }

// RevokeFamily ends the family with every token of it.
func (h *Handlers) RevokeFamily(c *fiber.Ctx) error { return h.revokeFamily(c, true) }

func (h *Handlers) revokeFamily(c *fiber.Ctx, sure bool) error {
	now := h.Now()
	f, err := h.listedFamily(c)
	if err != nil {
		return err
	}
	if err := h.mayEnd(c, f.Role); err != nil {
		return err
	}
	v, path := h.familyOf(c, f), familiesPath+"/"+f.ID
	if f.State(now) == oauth.FamilyEnded {
		return respond.Flash(c, path, "info", "Already ended", "No token of this family works any more.")
	}
	impact, err := h.Store.FamilyImpact(c.UserContext(), store.FamilyFilter{ID: f.ID, State: oauth.FamilyLive, At: now})
	if err != nil {
		return err
	}
	e := &end{EndData: view.EndData{
		ID: "family-revoke", Title: "Revoke this token family?", Text: v.Client.Text + " loses what " + v.Person.Label() + " gave it here, and has to ask again.",
		Button: "Revoke", Heading: "Token family of " + v.Person.Label(), Section: familyCrumbs, Action: path + "/revoke", Back: path,
		Impact: []view.ImpactLine{{N: int(impact.Families), One: "live token family", Many: "live token families"}},
	}}
	e.event = eventOn(c, now, audit.FamilyEnded, audit.Party{Kind: audit.KindFamily, ID: f.ID})
	e.event.ClientID, e.event.UserID = f.ClientID, f.UserID
	e.do = func(event audit.Event) (string, string, error) {
		return "Token family revoked", e.Life, h.Store.EndFamily(c.UserContext(), f.ID, oauth.EndedByOperator, now, event)
	}
	return h.answer(c, e, sure)
}

// ConfirmRevokeFamilies asks whether to revoke all of a person or a client, and says what ends.
func (h *Handlers) ConfirmRevokeFamilies(c *fiber.Ctx) error { return h.revokeFamilies(c, false) }

// RevokeFamilies ends all that a person gave any client, or all that a client was given.
func (h *Handlers) RevokeFamilies(c *fiber.Ctx) error { return h.revokeFamilies(c, true) }

func (h *Handlers) revokeFamilies(c *fiber.Ctx, sure bool) error {
	chosen, err := ids(c, "family")
	if err != nil {
		return err
	}
	if len(chosen) > 0 || selecting(c) {
		return h.revokeChosen(c, chosen, sure)
	}
	userID, clientID, err := askedFor(c)
	if err != nil {
		return err
	}
	var e *end
	if now := h.Now(); userID != "" {
		e, err = h.endOfUser(c, userID, now)
	} else {
		e, err = h.endOfClient(c, clientID, now)
	}
	if err != nil {
		return err
	}
	return h.answer(c, e, sure)
}

// revokeChosen ends the families that somebody chose from a list.
func (h *Handlers) revokeChosen(c *fiber.Ctx, chosen []string, sure bool) error {
	l, err := listingBehind(c, familiesPath, endingFilters...)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return nothingChosen(c, l)
	}
	page, err := h.Store.FamilyPage(c.UserContext(), store.FamilyFilter{IDs: chosen, State: oauth.FamilyLive, At: h.Now(), Limit: rowsPerPage})
	if err != nil {
		return err
	}
	return h.revokeThese(c, page.Families, l, sure)
}

// revokeThese asks whether to revoke them, or does it: each leaves an event of its own.
func (h *Handlers) revokeThese(c *fiber.Ctx, families []store.ListedFamily, l listing, sure bool) error {
	if len(families) == 0 {
		return respond.Flash(c, l.address(), "info", "Already ended", "None of them lives any more.")
	}
	ctx, now := c.UserContext(), h.Now()
	var chosen []string
	for _, f := range families {
		if err := h.mayEnd(c, f.Role); err != nil {
			return err
		}
		chosen = append(chosen, f.ID)
	}
	impact, err := h.Store.FamilyImpact(ctx, store.FamilyFilter{IDs: chosen, State: oauth.FamilyLive, At: now})
	if err != nil {
		return err
	}
	e := &end{EndData: view.EndData{
		ID: "families-revoke", Title: "Revoke " + ui.Count(len(families), "token family", "token families") + "?",
		Text:   "Clients lose what people gave them there, and have to ask again. Browser sessions stay.",
		Button: "Revoke", Heading: "Selected token families", Section: familyCrumbs, Action: familiesPath + "/revoke", Fields: append(l.sent(), sent("family", chosen...)...), Back: l.address(),
		Impact: []view.ImpactLine{
			{N: int(impact.Families), One: "token family", Many: "token families"}, {N: int(impact.People), One: "person", Many: "people"},
			{N: int(impact.Clients), One: "client", Many: "clients"},
		},
	}}
	e.event = eventOn(c, now, audit.FamilyEnded, audit.Party{})
	e.do = func(event audit.Event) (string, string, error) {
		return ui.Count(len(families), "token family revoked", "token families revoked"), e.Life, h.Store.InTx(ctx, func(tx *store.Store) error {
			for _, f := range families {
				event.Target, event.ClientID, event.UserID = audit.Party{Kind: audit.KindFamily, ID: f.ID}, f.ClientID, f.UserID
				if err := tx.EndFamily(ctx, f.ID, oauth.EndedByOperator, now, event); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return h.answer(c, e, sure)
}

func (h *Handlers) endOfUser(c *fiber.Ctx, id string, now time.Time) (*end, error) {
	ctx := c.UserContext()
	u, err := h.Store.User(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := h.mayEnd(c, u.Role); err != nil {
		return nil, err
	}
	impact, err := h.Store.FamilyImpact(ctx, store.FamilyFilter{UserID: id, State: oauth.FamilyLive, At: now})
	if err != nil {
		return nil, err
	}
	who := personOfUser(u).Label()
	e := &end{EndData: view.EndData{
		ID: "families-revoke", Title: "Revoke all token families of " + who + "?", Text: "Every client loses what " + who + " gave it, and has to ask again. Browser sessions stay.",
		Button: "Revoke all", Heading: "Token families of " + who, Section: familyCrumbs, Action: familiesPath + "/revoke", Fields: sent("user", id),
		Back:   listing{path: familiesPath}.with("user", id),
		Impact: []view.ImpactLine{{N: int(impact.Families), One: "token family", Many: "token families"}, {N: int(impact.Clients), One: "client", Many: "clients"}},
	}}
	e.event = eventOn(c, now, audit.FamiliesEnded, audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username})
	e.event.UserID = u.ID
	e.do = func(event audit.Event) (string, string, error) {
		n, err := h.Store.EndFamiliesOfUser(ctx, id, oauth.EndedByOperator, now, event)
		return ui.Count(int(n), "token family revoked", "token families revoked"), e.Life, err
	}
	return e, nil
}

func (h *Handlers) endOfClient(c *fiber.Ctx, id string, now time.Time) (*end, error) {
	ctx := c.UserContext()
	client, err := h.Store.Client(ctx, id)
	if err != nil {
		return nil, err
	}
	impact, err := h.Store.FamilyImpact(ctx, store.FamilyFilter{ClientID: id, State: oauth.FamilyLive, At: now})
	if err != nil {
		return nil, err
	}
	if impact.Admins > 0 {
		if err := h.mayEnd(c, identity.RoleAdmin); err != nil {
			return nil, err
		}
	}
	e := &end{EndData: view.EndData{
		ID: "families-revoke", Title: "Revoke all tokens of " + client.Name + "?", Text: "It loses what everybody gave it, and the tokens it has for itself. It stays registered, and people may let it in again.",
		Button: "Revoke all", Heading: "Token families of " + client.Name, Section: familyCrumbs, Action: familiesPath + "/revoke", Fields: sent("client", id),
		Back:   listing{path: familiesPath}.with("client", id),
		Impact: []view.ImpactLine{{N: int(impact.Families), One: "token family", Many: "token families"}, {N: int(impact.People), One: "person", Many: "people"}},
	}}
	e.event = event(c, now, audit.ClientRevokedAll, client)
	e.do = func(event audit.Event) (string, string, error) {
		n, err := h.Store.RevokeClientTokens(ctx, id, oauth.EndedByOperator, now, event)
		return ui.Count(int(n), "token family revoked", "token families revoked"), "So are the tokens of " + client.Name + " itself. " + e.Life, err
	}
	return e, nil
}
