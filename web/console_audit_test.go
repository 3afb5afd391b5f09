package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

func TestAudit_isFiltered(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAuditor)
		sofia, shop := h.User(t, people("Sofia", "sofia")), h.Client(t, named("Shop"))
		h.Clock.Advance(20 * time.Minute)
		noon := h.Clock.Now()
		record := func(after time.Duration, e audit.Event) string {
			e.ID, e.At = "", noon.Add(after)
			must(t, h.Store.Record(t.Context(), e))
			return eventOf(t, h, e.Action)
		}
		ids := []string{
			record(1*time.Minute, audit.Event{Action: audit.TokenRefused, Outcome: audit.Refused, ClientID: shop.ID, Error: "invalid_scope", Caller: audit.Caller{IP: "192.0.2.1", RequestID: "requestrequestrequestA"}}),
			record(2*time.Minute, audit.Event{Action: audit.ScopeUpdated, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindUser, ID: me.ID}, Target: audit.Party{Kind: audit.KindScope, ID: "orders"}}),
			record(3*time.Minute, audit.Event{Action: audit.ConsentGiven, Outcome: audit.Success, UserID: sofia.ID, ClientID: shop.ID, Caller: audit.Caller{IP: "2001:db8::1"}}),
		}
		from := noon.Add(90 * time.Second).UTC().Format("2006-01-02T15:04:05")
		for _, c := range []struct {
			name, query string
			want        []int
		}{
			{"newest first", "from=" + noon.UTC().Format(time.RFC3339), []int{2, 1, 0}},
			{"an action", "action=scope.updated", []int{1}},
			{"an outcome", "outcome=refused", []int{0}},
			{"an actor", "actor=" + me.ID + "&from=" + noon.UTC().Format(time.RFC3339), []int{1}},
			{"a target", "target=orders", []int{1}},
			{"a person", "user=" + sofia.ID, []int{2}},
			{"a client", "client=" + shop.ID, []int{2, 0}},
			{"an address", "ip=192.0.2.1", []int{0}},
			{"a request", "request=requestrequestrequestA", []int{0}},
			{"an error", "error=invalid_scope", []int{0}},
			{"from", "from=" + from, []int{2, 1}},
			{"until", "from=" + from + "&to=" + noon.Add(150*time.Second).UTC().Format(time.RFC3339), []int{1}},
			{"several", "client=" + shop.ID + "&outcome=success", []int{2}},
			{"a search for a person", "q=sofia", []int{2}},
			{"for a client", "q=Shop", []int{2, 0}},
			{"for an address", "q=2001:DB8:0::1", []int{2}},
			{"for a request", "q=requestrequestrequestA", []int{0}},
			{"for an error", "q=invalid_scope", []int{0}},
			{"for nothing", "q=nothing", nil},
			{"for something else than the filter", "q=sofia&user=" + me.ID, nil},
			{"nothing of it", "ip=192.0.2.9", nil},
		} {
			p := b.Get(eventList + "?" + strings.ReplaceAll(c.query, "+", "%2B"))
			var want []string
			for _, i := range c.want {
				want = append(want, ids[i])
			}
			if got := rows(p); p.Status != http.StatusOK || !slices.Equal(got, want) {
				t.Errorf("%s: %d %q, want %q", c.name, p.Status, got, want)
			}
			if says := p.Says("count"); !strings.HasPrefix(says, fmt.Sprint(len(want), " event")) {
				t.Errorf("%s: counted %q", c.name, says)
			}
		}
		if p := b.Get(eventList + "?from=yesterday&to=2026-02-30&q=x"); p.Status != http.StatusUnprocessableEntity || len(rows(p)) > 0 || !strings.Contains(p.Says("from-error"), "“yesterday” is no time") || p.Says("to-error") == "" {
			t.Errorf("no times: %d %q", p.Status, p.Says("from-error"))
		}
		if p := b.Get(eventList + "?action=nonsense&outcome=nonsense&after=garbage&before=%00&user=%ff"); p.Status != http.StatusOK || len(rows(p)) < 3 {
			t.Errorf("garbage: %d %q", p.Status, rows(p))
		}
		// The form keeps what is asked, also what has no field in it.
		b.Get(eventList + "?user=" + sofia.ID + "&ip=2001:db8::1&outcome=success&from=" + noon.UTC().Format("2006-01-02T15:04"))
		f := b.Form(eventList).Values
		if f.Get("user") != sofia.ID || f.Get("ip") != "2001:db8::1" || f.Get("outcome") != "success" || f.Get("from") != noon.UTC().Format("2006-01-02T15:04") {
			t.Errorf("the form has %v", f)
		}
		if p := b.Submit(eventList, url.Values{"outcome": {"refused"}}); len(rows(p)) != 0 || p.URL.Query().Get("user") != sofia.ID {
			t.Errorf("%s: %q", p.URL, rows(p))
		}
	})
}

// An event tells all that is known: why it was refused, what else the request did, and where to look further.
func TestAudit_anEventTellsAll(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		client, user := h.Client(t, webtest.Public), h.User(t)
		tokens := refreshed(t, h, client, user, 2, time.Second)
		h.Refresh(t, client, tokens[0])
		refusal, replay := newestEvent(t, h, audit.TokenRefused), newestEvent(t, h, audit.RefreshReplayed)
		says := func(p *webtest.Page, words ...string) {
			t.Helper()
			for _, w := range words {
				if !strings.Contains(p.Text(), w) {
					t.Errorf("%s does not say %q: %s", p.URL, w, p.Text())
				}
			}
		}
		p := b.Get(eventList + "?outcome=refused")
		says(p, "Token request refused Refresh token used twice")
		if said := p.Text(); strings.Count(said, "Refresh token used twice") != 3 { // a choice of the filter, a cause, an event
			t.Errorf("the list repeats itself: %s", said)
		}
		p = b.Get(eventList + "/" + refusal.ID)
		says(p, "Token request refused", "refresh_token_current", "its successor is spent too", "49 characters ending in", "Store each new refresh token before you use it", "invalid_grant", "RFC 6749 §5.2",
			oauth.ErrorMeanings["invalid_grant"].Meaning, client.Name, user.Username, "0.0.0.0", refusal.Caller.RequestID, refusal.ID, "Refresh token used twice")
		p = b.Get(eventList + "/" + replay.ID + "?outcome=refused&client=" + client.ID)
		says(p, "Token 1 of the family, which was at token 3", "refresh_token_current", "Token family of "+user.Username)
		var links []string
		for _, a := range p.Parts("a", "", "") {
			links = append(links, a.Attr("href"))
		}
		for _, want := range []string{familyList + "/" + replay.Target.ID, clientList + "/" + client.ID, "/console/users/" + user.ID, eventList + "?request=" + replay.Caller.RequestID, eventList + "?client=" + client.ID + "&outcome=refused"} {
			if !slices.Contains(links, want) {
				t.Errorf("no link leads to %s: %q", want, links)
			}
		}
		part := partial(t, b, h, http.MethodGet, eventList+"/"+refusal.ID+"?outcome=refused", nil)
		if len(part.Parts("aside", "id", "detail")) != 1 || len(part.Parts("main", "", "")) > 0 || len(part.Parts("a", "href", eventList+"?outcome=refused")) != 1 {
			t.Errorf("the panel is %s", part.Body)
		}
		if status := b.Get(eventList + "/none").Status; status != http.StatusNotFound {
			t.Errorf("none: %d", status)
		}

		// A change shows both sides, and why it was made.
		boss, _ := staff(t, h, identity.RoleAdmin)
		boss.Get(clientList + "/" + client.ID)
		boss.Submit(clientList+"/"+client.ID, url.Values{"client_name": {"Renamed"}})
		p = b.Get(eventList + "/" + eventOf(t, h, audit.ClientUpdated))
		says(p, "What changed", "client_name Acme Storefront Renamed")
		for _, told := range []struct {
			e     audit.Event
			words string
		}{
			{audit.Event{At: h.Clock.Now(), Action: audit.RefusalsSuppressed, Outcome: audit.Refused, Actor: audit.Party{Kind: audit.KindSystem}, Count: 4711}, "4,711 refusals"},
			{audit.Event{At: h.Clock.Now(), Action: audit.FamiliesEnded, Outcome: audit.Success, Changes: map[string]audit.Change{audit.Reason: {After: "Because"}}}, "Reason given Because"},
			{audit.Event{At: h.Clock.Now(), Action: "future.happened", Outcome: audit.Success, Target: audit.Party{Kind: audit.KindClient, ID: "cl_gone"}}, "Client cl_gone"},
		} {
			must(t, h.Store.Record(t.Context(), told.e))
			says(b.Get(eventList+"/"+eventOf(t, h, told.e.Action)), told.words)
		}
	})
}

// The audit log is for the console's roles (security.md rule 14).
func TestAudit_isForTheConsole(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b := h.Browser(t)
		b.SignIn(h.User(t))
		id := eventOf(t, h, audit.SignInSucceeded)
		for _, path := range []string{eventList, eventList + "/" + id, familyList, sessionList} {
			if p := b.Get(path); p.Status != http.StatusForbidden || strings.Contains(p.Body, id) {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
	})
}
