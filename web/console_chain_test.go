package web_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// sealLog seals what has happened, as the server does beside the requests.
func sealLog(t *testing.T, h *webtest.House) *audit.Chain {
	t.Helper()
	chain := store.NewAuditChain(h.Sealer)
	if _, err := h.Store.SealEvents(t.Context(), chain, h.Clock.Now(), audit.Late, nil); err != nil {
		t.Fatal(err)
	}
	return chain
}

// verifyLog carries out the verification that was asked for, as the server does beside the requests.
func verifyLog(t *testing.T, h *webtest.House) {
	t.Helper()
	chain := store.NewAuditChain(h.Sealer)
	asked, err := h.Store.AskedVerification(t.Context())
	must(t, err)
	found, err := h.Store.VerifyEvents(t.Context(), chain, nil, nil)
	must(t, err)
	must(t, h.Store.FinishVerification(t.Context(), asked.ID, found, h.Clock.Now(), audit.Event{At: h.Clock.Now(), Action: audit.AuditVerified, Outcome: audit.Success}))
}

// An auditor asks, a server answers, and the page says what is proven and what is not (security.md rule 26).
func TestAudit_isVerifiedFromTheConsole(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, backend storetest.Backend) {
		o := backend.Migrated(t)
		h := webtest.Open(t, storetest.Open(t, o))
		b, me := staff(t, h, identity.RoleAuditor)
		if p := b.Get(verificationPage); !strings.Contains(p.Text(), "Never verified") {
			t.Errorf("at first: %s", p.Text())
		}
		sealLog(t, h)
		b.Get(eventList)
		if p := b.Submit(verificationPage, nil); p.URL.Path != verificationPage || !strings.Contains(p.Text(), "Waiting for a server to begin") || !strings.Contains(p.Text(), "Asked for by "+me.Name) {
			t.Errorf("asked: %s %s", p.URL, p.Text())
		}
		if len(b.Page.Parts("form", "action", verificationPage)) != 0 {
			t.Error("it can be asked for twice")
		}
		b.Get(eventList)
		b.Submit(verificationPage, nil) // by somebody else, at the same time
		if n := len(b.Page.Parts("section", "class", "card")); n != 1 {
			t.Errorf("%d are under way", n)
		}
		h.Clock.Advance(2 * time.Minute)
		if p := b.Get(verificationPage); !strings.Contains(p.Text(), "No server has begun yet") {
			t.Errorf("late: %s", p.Text())
		}
		verifyLog(t, h)
		p := b.Get(verificationPage)
		for _, want := range []string{"The audit log is whole", "events are what was sealed", "Sealed until", "Not sealed yet 1, the oldest of"} {
			if !strings.Contains(p.Text(), want) {
				t.Errorf("it does not say %q: %s", want, p.Text())
			}
		}
		if e := newestEvent(t, h, audit.AuditVerifyAsked); e.Actor.ID != me.ID || e.Caller.RequestID == "" {
			t.Errorf("the event says %+v", e)
		}

		id := eventOf(t, h, audit.SignInSucceeded)
		h.Clock.Advance(time.Minute)
		if _, err := storetest.DB(t, o).Exec("UPDATE audit_events SET ip = '192.0.2.66' WHERE id = '" + id + "'"); err != nil {
			t.Fatal(err)
		}
		b.Submit(verificationPage, nil)
		verifyLog(t, h)
		p = b.Get(verificationPage)
		if !strings.Contains(p.Text(), "The audit log is not what was sealed") || len(p.Parts("a", "href", eventList+"/"+id)) != 1 || !strings.Contains(p.Text(), "Earlier") {
			t.Errorf("forged: %s", p.Text())
		}
		if p := b.Get(eventList); !strings.Contains(p.Text(), "Not whole") {
			t.Errorf("the list says %s", p.Text())
		}
		stranger := h.Browser(t)
		stranger.SignIn(h.User(t))
		if p := stranger.Post(verificationPage, nil); p.Status != http.StatusForbidden {
			t.Errorf("anybody may ask: %d", p.Status)
		}
	})
}

func TestAudit_isExported(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAuditor)
		client := h.Client(t, named("=Shop"))
		for i := range 1500 {
			e := audit.Event{At: h.Clock.Now().Add(time.Duration(i) * time.Millisecond), Action: audit.TokenRefused, Outcome: audit.Refused, ClientID: client.ID, Target: audit.Party{Kind: audit.KindClient, Name: "=Shop"}, Caller: audit.Caller{UserAgent: "@evil"}}
			must(t, h.Store.Record(t.Context(), e))
		}
		sealLog(t, h)
		name := `attachment; filename="gatehouse-audit-` + h.Clock.Now().UTC().Format("2006-01-02")
		p := b.Get(eventList + "/export?format=csv&client=" + client.ID + "&outcome=refused")
		rows, err := csv.NewReader(bytes.NewReader([]byte(p.Body))).ReadAll()
		if err != nil || len(rows) != 1501 || p.Header.Get("Content-Disposition") != name+`.csv"` || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/csv") || p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d rows, %v, %v", len(rows), err, p.Header)
		}
		if rows[1][10] != "'=Shop" || rows[1][14] != "'@evil" || rows[1][0] <= rows[2][0] {
			t.Errorf("the first row is %q", rows[1])
		}
		e := newestEvent(t, h, audit.AuditExported)
		if asked := fmt.Sprint(e.Changes); e.Actor.ID != me.ID || asked != fmt.Sprint(audit.Asked(map[string]string{"format": "csv", "client": client.ID, "outcome": "refused"})) {
			t.Errorf("the event says %+v", e)
		}
		// What the list shows has links to what it shows.
		b.Get(eventList + "?outcome=refused&q=%3DShop")
		var lines []string
		for _, a := range b.Page.Parts("a", "class", "link") {
			if href := a.Attr("href"); strings.Contains(href, "jsonl") {
				lines = strings.Split(strings.TrimSpace(b.Get(href).Body), "\n")
			}
		}
		if len(lines) != 1501 || !strings.Contains(lines[1500], `"complete":true,"events":1500`) || len(audit.ReadCheckpoints(lines[1500])) != 3 {
			t.Errorf("%d lines", len(lines))
		}
		for query, want := range map[string]int{"format=xlsx": 404, "from=yesterday": 422, "q=nobody": 422} {
			if p := b.Get(eventList + "/export?" + query); p.Status != want || p.Header.Get("Content-Disposition") != "" {
				t.Errorf("%s: %d %v", query, p.Status, p.Header)
			}
		}
		stranger := h.Browser(t)
		stranger.SignIn(h.User(t))
		if p := stranger.Get(eventList + "/export"); p.Status != http.StatusForbidden || strings.Contains(p.Body, client.ID) {
			t.Errorf("anybody may: %d", p.Status)
		}
	})
}

func TestAudit_filtersAreSaved(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		save := eventList + "/filters"
		if b.Get(eventList); len(b.Page.Parts("form", "action", save)) > 0 {
			t.Error("no filter can be saved")
		}
		b.Get(eventList + "?outcome=refused&ip=192.0.2.1&after=x&nonsense=y")
		for typed, says := range map[string]string{" ": "Give the filter a name", strings.Repeat("é", 61): "at most 60 characters"} {
			p := b.Submit(save, url.Values{"name": {typed}})
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("filter-name-error"), says) || b.Form(save).Values.Get("query") != "ip=192.0.2.1&outcome=refused" {
				t.Errorf("%q: %d %s", typed, p.Status, p.Says("filter-name-error"))
			}
		}
		p := b.Submit(save, url.Values{"name": {"Refused <there>"}})
		if p.URL.String() != webtest.Issuer+eventList+"?ip=192.0.2.1&outcome=refused" || !strings.Contains(p.Text(), "Filter saved") || len(p.Parts("a", "aria-current", "true")) != 1 || len(p.Parts("form", "action", save)) > 0 {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		b.Get(eventList + "?outcome=refused")
		if p := b.Submit(save, url.Values{"name": {"Refused <there>"}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("filter-name-error"), "a filter of this name") {
			t.Errorf("twice: %d %s", p.Status, p.Says("filter-name-error"))
		}
		other, _ := staff(t, h, identity.RoleAuditor)
		if p := other.Get(eventList); strings.Contains(p.Text(), "Refused <there>") {
			t.Error("others see it")
		}
		var remove string
		for _, f := range b.Get(eventList).Parts("form", "method", "post") {
			if action := f.Attr("action"); strings.HasPrefix(action, save+"/") {
				remove = action
			}
		}
		csrf := other.Form(verificationPage).Values.Get("csrf_token")
		if p := other.Post(remove, url.Values{"csrf_token": {csrf}}); p.Status != http.StatusNotFound {
			t.Errorf("others delete it: %d", p.Status)
		}
		if p := b.Submit(remove, nil); p.URL.Path != eventList || strings.Contains(p.Text(), "Refused <there>") {
			t.Errorf("deleted: %s", p.Text())
		}
	})
}
