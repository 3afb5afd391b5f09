package console

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	// expiresSoon is when a client secret wants a successor.
	expiresSoon = 30 * 24 * time.Hour
	// unusedAfter is how long a new client may take before it is asked whether anybody needs it.
	unusedAfter = 7 * 24 * time.Hour
	// countedSessions is how far live sessions are counted.
	countedSessions = 10_000

	overviewSecrets = 6
	overviewClients = 6
)

// Overview shows how the house does, as far back as range says. What it counts comes from the rollups: it reads no events but the
// latest.
func (h *Handlers) Overview(c *fiber.Ctx) error {
	d := view.OverviewData{Range: view.Ranges[0], Now: h.Now(), SessionsLimit: countedSessions, CanEdit: canEdit(c)}
	for _, r := range view.Ranges {
		if r.Value == c.Query("range") {
			d.Range = r
		}
	}
	ctx, from := c.UserContext(), d.Range.Begins(d.Now)
	rows, err := h.Store.Rollups(ctx, "", from, d.Range.Step)
	if err != nil {
		return err
	}
	// No later in its time than now is in the range: so the two compare.
	before, err := h.Store.RollupSums(ctx, from.Add(-d.Range.Length()), hourAfter(d.Now.Add(-d.Range.Length())))
	if err != nil {
		return err
	}
	tally(&d, rows, before, from)
	busiest, err := h.Store.BusiestClients(ctx, from, hourAfter(d.Now), overviewClients)
	if err != nil {
		return err
	}
	for _, b := range busiest {
		d.Busiest = append(d.Busiest, view.ClientCount{ID: b.ClientID, Name: b.Name, Count: b.Count})
	}
	if d.Sessions, err = h.Store.CountLiveSessions(ctx, d.Now, countedSessions+1); err != nil {
		return err
	}
	now := h.Now() // before the log is read
	if d.Events, err = h.Store.Events(ctx, store.EventFilter{Limit: view.LatestEvents}); err != nil {
		return err
	}
	d.Live = liveFrom(listing{query: url.Values{"as": {"lines"}}}, d.Events, now)
	if err := h.health(c, &d); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.OverviewPage(ch, d), view.Overview(ch, d))
}

// hourAfter is the beginning of the next hour.
func hourAfter(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }

// tally puts what happened into its step, and what happened in the time before together.
func tally(d *view.OverviewData, rows, before []store.Rollup, from time.Time) {
	d.Before.Tokens = map[string]int64{}
	for _, row := range before {
		add(&d.Before, row)
	}
	for i := range d.Range.Steps {
		d.Steps = append(d.Steps, view.Step{At: from.Add(time.Duration(i) * d.Range.Step), Tokens: map[string]int64{}})
	}
	causes, replays := map[view.RefusalCount]int64{}, map[view.RefusalCount]int64{}
	for _, row := range rows {
		i := int(row.From.Sub(from) / d.Range.Step)
		if i >= len(d.Steps) { // another node's clock is ahead
			continue
		}
		add(&d.Steps[i], row)
		switch {
		case row.Refusal():
			causes[view.RefusalCount{Action: row.Action, Rule: row.Detail}] += row.Count
		case row.Action == audit.RefreshReplayed, row.Action == audit.CodeReplayed:
			replays[view.RefusalCount{Action: row.Action}] += row.Count
		case row.Action == audit.RefusalsSuppressed:
			d.Suppressed += row.Count
		}
	}
	d.Refusals, d.Replays = counted(causes), counted(replays)
}

// add counts what the charts show.
func add(step *view.Step, row store.Rollup) {
	grant := oauth.GrantOf(row.Action)
	switch {
	case row.Refusal():
		step.Refusals += row.Count
	case grant != "":
		step.Tokens[grant] += row.Count
	case row.Action == audit.SignInSucceeded:
		step.SignIns += row.Count
	}
}

// counted lists what was counted, the most frequent first.
func counted(counts map[view.RefusalCount]int64) []view.RefusalCount {
	var out []view.RefusalCount
	for r, n := range counts {
		r.Count = n
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b view.RefusalCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// health reads what may need somebody's attention.
func (h *Handlers) health(c *fiber.Ctx, d *view.OverviewData) error {
	ctx := c.UserContext()
	clients, err := h.Store.ClientSummary(ctx, unusedSince(d.Now))
	if err != nil {
		return err
	}
	d.Clients = view.ClientCounts(clients)
	for _, grant := range h.Rules.GrantTypes() {
		if grant == oauth.GrantPassword || grant == oauth.GrantImplicit {
			d.Switches = append(d.Switches, grant)
		}
	}
	ring, err := h.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	states := keys.States(ring, d.Now)
	for _, k := range ring {
		d.SigningKeys = append(d.SigningKeys, view.SigningKey{Algorithm: k.Algorithm, State: states[k.KID], Signs: k.ActiveFrom})
	}
	secrets, err := h.Store.ExpiringSecrets(ctx, d.Now, d.Now.Add(expiresSoon), overviewSecrets)
	for _, s := range secrets {
		d.Secrets = append(d.Secrets, view.ExpiringSecret{
			ClientID: s.ClientID, ClientName: s.ClientName, Last4: s.Hint, Expires: orZero(s.ExpiresAt), LastUsed: orZero(s.LastUsedAt),
		})
	}
	return err
}

// unusedSince is when a client that was never used has to have been registered to be worth a word.
func unusedSince(now time.Time) time.Time { return now.Add(-unusedAfter) }
