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
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// endPhrase is what the question wants typed.
const endPhrase = "end them all"

// ending is a job that somebody asked for, and that has not begun.
func ending(t *testing.T, h *webtest.House) *store.Job {
	t.Helper()
	job, _, err := h.Store.BeginEnding(t.Context(), store.KindEndFamilies, store.Ending{UserID: "nobody"}, 100_000, "", h.Clock.Now(), event())
	must(t, err)
	return job
}

// allLive are the live families of a client.
func allLive(t *testing.T, h *webtest.House, client *webtest.Client) (ids []string) {
	t.Helper()
	families, err := h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID, State: "live", At: h.Clock.Now(), Limit: 200})
	must(t, err)
	for _, f := range families {
		ids = append(ids, f.ID)
	}
	return ids
}

// boxes are the values of the check boxes of a list.
func boxes(p *webtest.Page, name string) (values []string) {
	for _, box := range p.Parts("input", "name", name) {
		values = append(values, box.Attr("value"))
	}
	return values
}

func TestEndings_ofWhatIsSelected(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, operator := staff(t, h, identity.RoleOperator)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		client := h.Client(t)
		boss, ola := h.User(t, admin), h.User(t)
		h.Tokens(t, client, boss, nil)
		ofBoss := familyOf(t, h, boss)
		them := h.Browser(t)
		for range 3 {
			h.Redeem(t, client, them.Code(client, ola, nil))
		}
		mine := allLive(t, h, client)[:3]
		must(t, h.Store.EndFamily(t.Context(), mine[2], "client", h.Clock.Now(), event()))
		// Only what the person may end, and what lives, can be selected; who may end nothing selects nothing.
		if got := boxes(b.Get(familyList+"?client="+client.ID), "family"); !slices.Equal(got, mine[:2]) {
			t.Errorf("of %q can be selected %q", mine, got)
		}
		if got := boxes(auditor.Get(familyList), "family"); len(got) > 0 {
			t.Errorf("an auditor selects %q", got)
		}
		p := b.Get(familyList + "/revoke?family=" + mine[0] + "&family=" + mine[2])
		if said := p.Text(); !strings.Contains(said, "Revoke 1 token family?") || !containsWords(said, "token family 1") || !containsWords(said, "client 1") {
			t.Errorf("it asks %s", said)
		}
		p = b.Get(familyList + "/revoke?family=" + mine[0] + "&family=" + mine[1])
		if said := p.Text(); !strings.Contains(said, "Revoke 2 token families?") {
			t.Errorf("it asks %s", said)
		}
		p = b.Submit(familyList+"/revoke", url.Values{"reason": {"A lost telephone"}})
		if live := allLive(t, h, client); p.URL.Path != familyList || !strings.Contains(p.Text(), "2 token families revoked") || !slices.Equal(live, []string{ofBoss}) {
			t.Errorf("%s: %s, left %q", p.URL, p.Text(), live)
		}
		for _, id := range mine[:2] {
			told, err := h.Store.Events(t.Context(), store.EventFilter{TargetID: id, Action: audit.FamilyEnded})
			if must(t, err); len(told) != 1 || told[0].Actor.ID != operator.ID || told[0].UserID != ola.ID || told[0].Changes[audit.Reason].After != "A lost telephone" {
				t.Errorf("written down: %+v", told)
			}
		}
		for query, says := range map[string]string{"": "Nothing is selected", "?family=" + mine[0]: "Already ended", "?family=none": "Already ended"} {
			if p := b.Get(familyList + "/revoke" + query); !strings.Contains(p.Text(), says) {
				t.Errorf("%q: %s", query, p.Text())
			}
		}
		// Nobody ends what an administrator has who is none (security.md rule 27).
		if p := b.Post(familyList+"/revoke", url.Values{"csrf_token": {csrf(b)}, "family": {ofBoss}}); p.Status != http.StatusForbidden {
			t.Errorf("an administrator's: %d", p.Status)
		}
		if p := auditor.Post(familyList+"/revoke", url.Values{"csrf_token": {csrf(auditor)}, "family": {ofBoss}}); p.Status != http.StatusForbidden || len(allLive(t, h, client)) != 1 {
			t.Errorf("by an auditor: %d", p.Status)
		}
		if e := newestEvent(t, h, audit.AccessDenied); e.Actor.ID == "" {
			t.Errorf("%+v", e)
		}
		if p := b.Get(familyList + "/revoke?" + strings.Repeat("family=x&", 26)); p.Status != http.StatusNotFound {
			t.Errorf("more than a page: %d", p.Status)
		}
		// Sessions likewise.
		h.Browser(t).SignIn(ola)
		ids := sessionIDs(t, h, ola)
		if got := boxes(b.Get(sessionList+"?user="+ola.ID), "session"); len(got) != len(ids) {
			t.Errorf("of %q can be selected %q", ids, got)
		}
		p = b.Get(sessionList + "/end?session=" + ids[0] + "&session=" + ids[1])
		if said := p.Text(); !strings.Contains(said, "End 2 sessions?") || !containsWords(said, "person 1") {
			t.Errorf("it asks %s", said)
		}
		if p = b.Submit(sessionList+"/end", nil); !strings.Contains(p.Text(), "2 sessions have ended") || len(sessionIDs(t, h, ola)) != 0 || them.Get("/account").URL.Path != "/login" {
			t.Errorf("%s", p.Text())
		}
		if p := b.Post(sessionList+"/end", url.Values{"csrf_token": {csrf(b)}, "session": {sessionIDs(t, h, boss)[0]}}); p.Status != http.StatusForbidden {
			t.Errorf("an administrator's: %d", p.Status)
		}
	})
}

// Whoever ends what they chose in a list is back in that list, as they had narrowed it.
func TestEndings_leadBackToTheListAsItWas(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleOperator)
		client, ola := h.Client(t), h.User(t)
		for range 2 {
			h.Tokens(t, client, ola, nil)
		}
		sessions := sessionIDs(t, h, ola)
		for list, field := range map[string]string{familyList: "family", sessionList: "session"} {
			narrowed, act := list+"?client="+client.ID+"&state=live", list+map[string]string{familyList: "/revoke", sessionList: "/end"}[list]
			chosen := map[string][]string{familyList: allLive(t, h, client)[:1], sessionList: sessions[:1]}[list]
			b.Get(narrowed)
			form := b.Form(act).Values
			form[field] = nil
			if p := b.Get(act + "?" + form.Encode()); p.URL.RequestURI() != narrowed || !strings.Contains(p.Text(), "Nothing is selected") {
				t.Errorf("%s: %s", p.URL, p.Text())
			}
			form[field] = chosen
			b.Get(act + "?" + form.Encode())
			if p := b.Submit(act, nil); p.Status != http.StatusOK || p.URL.RequestURI() != narrowed {
				t.Errorf("%s: %d", p.URL, p.Status)
			}
			// What names no list leads to all of it, and never elsewhere.
			for _, hostile := range []string{"//evil.test", "https://evil.test?x=1", "%zz", "client=%00"} {
				if p := b.Get(act + "?list=" + url.QueryEscape(hostile)); p.URL.RequestURI() != list {
					t.Errorf("%q leads to %s", hostile, p.URL)
				}
			}
		}
	})
}

func TestEndings_ofAllThatFits(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, operator := staff(t, h, identity.RoleOperator)
		chief, _ := staff(t, h, identity.RoleAdmin)
		client, other := h.Client(t, named("Shop")), h.Client(t, named("Other"))
		boss, user := h.User(t, admin), h.User(t)
		h.Tokens(t, client, boss, nil)
		ofBoss := familyOf(t, h, boss)
		elsewhere := h.Tokens(t, other, user, nil).Str("access_token")
		them := h.Browser(t)
		var token string
		for range 26 {
			token = h.Redeem(t, client, them.Code(client, user, nil)).Str("access_token")
		}
		list := familyList + "?client=" + client.ID
		ask := familyList + "/revoke-found?client=" + client.ID
		if link := b.Get(list).Parts("a", "id", "end-found"); len(link) != 1 || link[0].Attr("href") != ask {
			t.Fatalf("it leads to %v", link)
		}
		for _, query := range []string{"", "?state=ended"} {
			if link := b.Get(familyList+query).Parts("a", "id", "end-found"); len(link) > 0 {
				t.Errorf("%q: %s", query, link[0].Text())
			}
		}
		p := b.Get(ask)
		if said := p.Text(); !strings.Contains(said, "Revoke 26 token families?") || !strings.Contains(said, "1 more belongs to administrators") {
			t.Errorf("it asks %s", said)
		}
		if p := b.Submit(familyList+"/revoke-found", url.Values{"confirm": {"yes"}, "reason": {"A leak"}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "Type “"+endPhrase+"”") || !strings.Contains(p.Body, "A leak") {
			t.Errorf("without the phrase: %d %s", p.Status, p.Text())
		}
		p = b.Submit(familyList+"/revoke-found", url.Values{"confirm": {endPhrase}, "reason": {"A leak"}})
		job := p.URL.Path
		if !strings.HasPrefix(job, "/console/jobs/") || !strings.Contains(p.Text(), "0 of 26 token families") || !strings.Contains(p.Text(), "Shop") || !active(t, h, client, token) {
			t.Fatalf("%s: %s", p.URL, p.Text())
		}
		if p := b.Get(list); !strings.Contains(p.Text(), "Token families are being revoked") {
			t.Error("the list does not tell of it")
		}
		h.Clock.Advance(time.Second)
		late := h.Redeem(t, client, them.Code(client, user, nil)).Str("access_token")
		h.DoJobs(t)
		if p := b.Get(job); !strings.Contains(p.Text(), "Done") || !containsWords(p.Text(), "Ended 26 token families") || len(p.Parts("button", "id", "job-cancel")) > 0 {
			t.Errorf("done: %s", p.Text())
		}
		if live := allLive(t, h, client); len(live) != 2 || !slices.Contains(live, ofBoss) {
			t.Errorf("left %q", live)
		}
		if active(t, h, client, token) || !active(t, h, client, late) || !active(t, h, other, elsewhere) {
			t.Error("others ended than those that were meant")
		}
		for action, name := range map[audit.Action]string{audit.EndingBegun: "total", audit.EndingFinished: "ended"} {
			if e := newestEvent(t, h, action); e.Actor.ID != operator.ID || e.Changes[name].After != "26" || e.Changes["client"].After != client.ID || e.Changes[audit.Reason].After != "A leak" {
				t.Errorf("%+v", e)
			}
		}
		// What is one page is asked for as if it were selected.
		if p := b.Get(ask); !strings.Contains(p.Text(), "Revoke 1 token family?") || len(p.Parts("input", "name", "family")) != 1 {
			t.Errorf("a page: %s", p.Text())
		}
		// Nothing that a search does not know, and nothing that is over, ends; everybody's is for administrators.
		for _, query := range []string{"?q=nobody+at+all", "?state=ended", "?client=nothing", "?q=192.0.2.1"} {
			if p := b.Get(familyList + "/revoke-found" + query); !strings.Contains(p.Text(), "Nothing to end") {
				t.Errorf("%q: %s", query, p.Text())
			}
		}
		form := url.Values{"csrf_token": {csrf(b)}, "confirm": {endPhrase}, "state": {"live"}}
		if p := b.Post(familyList+"/revoke-found", form); p.Status != http.StatusForbidden {
			t.Errorf("everybody's, by an operator: %d", p.Status)
		}
		form.Set("csrf_token", csrf(chief))
		if p := chief.Post(familyList+"/revoke-found", form); !strings.Contains(p.Text(), "Everybody") {
			t.Errorf("everybody's: %s", p.Text())
		}
		h.DoJobs(t)
		if active(t, h, other, elsewhere) || len(allLive(t, h, client)) > 0 {
			t.Error("not everybody's ended")
		}
	})
}

func TestEndings_ofSessionsThatFit(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, operator := staff(t, h, identity.RoleOperator)
		user := h.User(t)
		for range 26 {
			h.Browser(t).Enter(user)
		}
		ask := sessionList + "/end-found?q=0.0.0.0"
		if said := b.Get(ask).Text(); !strings.Contains(said, "End 26 sessions?") || !strings.Contains(said, "your own session") {
			t.Errorf("it asks %s", said)
		}
		p := b.Submit(sessionList+"/end-found", url.Values{"confirm": {endPhrase}})
		job := p.URL.Path
		if !strings.Contains(p.Text(), "IP address 0.0.0.0") {
			t.Errorf("%s", p.Text())
		}
		h.DoJobs(t)
		if p := b.Get(job); !containsWords(p.Text(), "Ended 26 sessions") {
			t.Errorf("done: %s", p.Text())
		}
		if len(sessionIDs(t, h, user)) > 0 || len(sessionIDs(t, h, operator)) != 1 {
			t.Error("not those sessions have ended")
		}
	})
}

// Whoever asked, or an administrator, stops it; others see it.
func TestEndings_areStopped(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleOperator)
		chief, _ := staff(t, h, identity.RoleAdmin)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		path := "/console/jobs/" + ending(t, h).ID
		for name, who := range map[string]*webtest.Browser{"an operator": b, "an auditor": auditor} {
			if p := who.Get(path); p.Status != http.StatusOK || !strings.Contains(p.Text(), "0 of 100,000 token families") || len(p.Parts("button", "id", "job-cancel")) > 0 {
				t.Errorf("%s: %s", name, p.Text())
			}
			if p := who.Post(path+"/cancel", url.Values{"csrf_token": {csrf(who)}}); p.Status != http.StatusForbidden {
				t.Errorf("%s stops it: %d", name, p.Status)
			}
		}
		chief.Get(path)
		if p := chief.Submit(path+"/cancel", nil); !strings.Contains(p.Text(), "Cancelled") {
			t.Errorf("stopped: %s", p.Text())
		}
		if p := chief.Post(path+"/cancel", url.Values{"csrf_token": {csrf(chief)}}); !strings.Contains(p.Text(), "Nothing to stop") {
			t.Errorf("once more: %s", p.Text())
		}
		if e := newestEvent(t, h, audit.EndingCancelled); e.Changes["ended"].After != "0" {
			t.Errorf("%+v", e)
		}
		// An import has its own page, and its own way to be cancelled.
		p := upload(t, h, chief, "username\nada\n", nil)
		id := p.URL.Path[strings.LastIndex(p.URL.Path, "/")+1:]
		if q := chief.Get("/console/jobs/" + id); q.URL.Path != p.URL.Path {
			t.Errorf("it leads to %s", q.URL)
		}
		if q := chief.Post("/console/jobs/"+id+"/cancel", url.Values{"csrf_token": {csrf(chief)}}); q.Status != http.StatusNotFound {
			t.Errorf("an import: %d", q.Status)
		}
		for _, path := range []string{"none", fmt.Sprint(1)} {
			if status := chief.Get("/console/jobs/" + path).Status; status != http.StatusNotFound {
				t.Errorf("%s: %d", path, status)
			}
		}
	})
}
