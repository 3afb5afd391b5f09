package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// expiring is a secret that ends then.
func expiring(clientID string, at time.Time) oauth.ClientSecret {
	_, s := oauth.NewClientSecret(clientID, at.Add(-time.Hour), &at)
	return s
}

// flush writes down what was counted.
func flush(t *testing.T, h *webtest.House) {
	t.Helper()
	must(t, h.Store.Flush(t.Context()))
}

// noonAhead moves the clock to the next noon in UTC, where every range is half way through its last step or more.
func noonAhead(h *webtest.House) {
	now := h.Clock.Now()
	h.Clock.Advance(now.Truncate(24 * time.Hour).Add(36 * time.Hour).Sub(now))
}

// cells are the rows of a table, cell by cell.
func cells(p *webtest.Page, id string) [][]string {
	text := p.Body
	_, text, found := strings.Cut(text, `id="`+id+`"`)
	if !found {
		return nil
	}
	text, _, _ = strings.Cut(text, "</table>")
	_, text, _ = strings.Cut(text, "<tbody>")
	var rows [][]string
	tag := regexp.MustCompile(`<[^>]*>`)
	for _, row := range strings.Split(text, "</tr>") {
		var out []string
		for _, cell := range strings.Split(row, "</td>") {
			if s := strings.Join(strings.Fields(tag.ReplaceAllString(cell, " ")), " "); s != "" {
				out = append(out, s)
			}
		}
		if len(out) > 0 {
			rows = append(rows, out)
		}
	}
	return rows
}

// What the overview shows is what was done, each thing once, in its hour and its range.
func TestOverview_countsWhatWasDone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		noonAhead(h)
		user, shop, robot := h.User(t), h.Client(t, named("Acme Storefront")), h.Client(t, named("Billing robot"), service)
		own := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
		do := func(status int, form url.Values) {
			t.Helper()
			if a := h.Post(t, oauth.PathToken, robot, form); a.Status != status {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
		}
		person := h.Browser(t)
		code := person.Code(shop, user, nil) // signs in
		tokens := h.Redeem(t, shop, code)
		for range 2 {
			h.Clock.Advance(time.Hour)
			tokens = h.Refresh(t, shop, tokens.Str("refresh_token"))
		}
		h.Redeem(t, shop, code) // again
		for range 5 {
			do(http.StatusOK, own)
		}
		for range 3 {
			do(http.StatusBadRequest, url.Values{"grant_type": {"authorization_code"}, "code": {"unknown"}})
		}
		if at := h.Clock.Now(); at.Hour() != 14 {
			t.Fatalf("it is %s", at)
		}
		b, _ := staff(t, h, identity.RoleAuditor)
		flush(t, h)

		p := b.Get("/console")
		if b.Page.Status != http.StatusOK {
			t.Fatalf("%d", b.Page.Status)
		}
		// The auditor's sign-in and the person's; a code, two refreshes and five of the robot's own.
		for id, want := range map[string]string{"tile-sign-ins": "2", "tile-tokens": "8", "tile-refusals": "4", "tile-sessions": "2"} {
			if got := p.Says(id); got != want {
				t.Errorf("%s is %q, not %q", id, got, want)
			}
		}
		table := cells(p, "traffic-table")
		if len(table) != 24 {
			t.Fatalf("%d hours", len(table))
		}
		day := h.Clock.Now().Format("2 Jan")
		for i, want := range [][]string{
			{day + ", 12:00", "1", "1", "1", "0", "0", "0"}, // from, sign-ins, tokens, by code, refresh, client credentials, refusals
			{day + ", 13:00", "0", "1", "0", "1", "0", "0"},
			{day + ", 14:00", "1", "6", "0", "1", "5", "4"},
		} {
			if got := table[21+i]; !slices.Equal(got, want) {
				t.Errorf("the hour is %q, not %q", got, want)
			}
		}
		if got := p.Says("grants-list"); got != "Authorization code 1 12 % Refresh token 2 25 % Client credentials 5 62 %" {
			t.Errorf("by grant: %q", got)
		}
		if got := p.Says("busiest-list"); got != "Billing robot 5 Acme Storefront 3" {
			t.Errorf("the busiest: %q", got)
		}
		if got := fmt.Sprint(cells(p, "refusals-table")); got != "[[Grant not registered by the client Token request Token request 3 75 %] [Code already used Token request Token request 1 25 %]]" {
			t.Errorf("refusals: %s", got)
		}
		if got := p.Says("findings"); !strings.Contains(got, "1 code was used twice") {
			t.Errorf("it says %q", got)
		}
		for _, link := range p.Parts("a", "class", "row-link") {
			if to := link.Attr("href"); to != "/console/audit?action=token.refused&outcome=refused" {
				t.Errorf("a cause leads to %s", to)
			}
		}

		// A day on all of that is the time before, and the newest hours are empty.
		h.Clock.Advance(24 * time.Hour)
		b.SignIn(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin })) // the session has ended
		flush(t, h)
		p = b.Get("/console")
		for id, want := range map[string]string{"tile-sign-ins": "1", "tile-tokens": "0", "tile-refusals": "0", "tile-sessions": "1"} {
			if got := p.Says(id); got != want {
				t.Errorf("a day on %s is %q, not %q", id, got, want)
			}
		}
		if text := p.Text(); !strings.Contains(text, "50 % less than the 24 hours before") || !strings.Contains(text, "100 % less than the 24 hours before") {
			t.Error("it does not compare with the day before")
		}
		// The longer ranges have both days, in their own steps.
		for value, steps := range map[string]int{"7d": 28, "30d": 30} {
			p := b.Get("/console?range=" + value)
			if got := p.Says("tile-tokens"); got != "8" || p.Says("tile-sign-ins") != "3" || p.Says("tile-refusals") != "4" {
				t.Errorf("in %s there are %q tokens", value, got)
			}
			if table := cells(p, "traffic-table"); len(table) != steps || !slices.ContainsFunc(table, func(row []string) bool { return row[2] == "8" }) {
				t.Errorf("in %s the table is %q", value, table)
			}
		}
		if got := b.Get("/console?range=nonsense").Says("tile-tokens"); got != "0" {
			t.Errorf("of nonsense it makes %q", got)
		}
		if part := partial(t, b, h, http.MethodGet, "/console?range=7d", nil); part.Says("tile-tokens") != "8" || len(part.Parts("aside", "", "")) > 0 {
			t.Error("the part is not the part")
		}
	}, func(o *webtest.Options) { o.ImplicitGrant = false })
}

// What needs attention is what is so, and goes when it is not any more.
func TestOverview_saysWhatNeedsAttention(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		opened := h.Clock.Now()
		noonAhead(h)
		b, _ := staff(t, h, identity.RoleAdmin)
		if p := b.Get("/console"); !strings.Contains(p.Text(), "First steps") || len(p.Parts("a", "href", clientList+"/new")) != 2 { // one of them in the palette
			t.Error("an empty house shows no first steps")
		}
		idle := h.Client(t, named("Idle"), service)
		loose := h.Client(t, named("Loose"), func(c *oauth.Client) { c.RequirePKCE = false })
		h.Client(t, named("Old ways"), webtest.Public, func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantPassword}; c.RedirectURIs = nil })
		says := func(wants ...string) string {
			t.Helper()
			text := b.Get("/console").Text()
			for _, want := range wants {
				if not, negated := strings.CutPrefix(want, "!"); negated == strings.Contains(text, strings.TrimPrefix(want, "!")) {
					t.Errorf("of %q it says %t", not, negated)
				}
			}
			return text
		}
		says("The password grant is on", "2 clients have it", "!implicit grant is on", "1 client does not have to use PKCE", "!never used", "No client secret expires",
			"ES256 signing key is fresh", "RS256 signing key is fresh", "Register an application")

		// A week and an hour: the token that one client gets is the other's warning.
		h.Clock.Advance(7*24*time.Hour + time.Hour)
		b.SignIn(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }))
		if a := h.Post(t, oauth.PathToken, loose, url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}); a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		flush(t, h)
		says("2 clients were never used", "!First steps")
		if got := listed(b.Get(clientList + "?status=unused")); !slices.Equal(got, []string{"Idle", "Old ways"}) {
			t.Errorf("never used are %q", got)
		}
		if p := b.Get(clientList); !strings.Contains(p.Text(), "just now") || !strings.Contains(p.Text(), "never") {
			t.Error("the list does not say who was used when")
		}
		if p := b.Get(clientList + "/" + loose.ID); !strings.Contains(p.Text(), "Last used just now") {
			t.Error("the client does not say when it was used")
		}
		if p := b.Get(clientList + "/" + idle.ID + "/credentials"); !strings.Contains(p.Text(), "Last used never") {
			t.Error("the client does not say that it was never used")
		}

		// One secret expires soon, another has and was the last.
		now := h.Clock.Now()
		must(t, h.Store.AddClientSecret(t.Context(), expiring(loose.ID, now.Add(9*24*time.Hour+time.Hour)), now, event()))
		last := expiring(idle.ID, now.Add(-time.Hour))
		must(t, h.Store.ReplaceClientSecrets(t.Context(), idle.ID, last, now, event()))
		says("Idle has no secret left", "expired 1 h ago", "in 9 d", "!No client secret expires")
		must(t, h.Store.DisableClient(t.Context(), idle.ID, now, event()))
		says("!Idle has no secret left", "1 client was never used")

		h.Clock.Advance(90 * 24 * time.Hour)
		b.SignIn(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }))
		says(fmt.Sprintf("ES256 key is %d days old", int(h.Clock.Now().Sub(opened)/(24*time.Hour))), "!Loose has no secret left") // it has another
	}, func(o *webtest.Options) { o.PasswordGrant = true })
}

// The page costs as little as it can: what has been going on for years is not read.
func TestOverview_asksLittle(t *testing.T) {
	t.Parallel()
	counted, o := storetest.WithFaults(storetest.Postgres(t))
	h := webtest.Open(t, storetest.Open(t, o))
	b, _ := staff(t, h, identity.RoleAuditor)
	b.Get("/console")
	counted.Strike(0, "")
	b.Get("/console")
	if n := counted.Passed(); n > 9 { // the session; rollups, busiest, sessions, events, clients, keys, secrets
		t.Errorf("%d statements", n)
	}
}
