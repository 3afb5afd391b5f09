package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// manyGrants gives the client n families of the person, which nobody has tokens of.
func manyGrants(t *testing.T, h *webtest.House, client *webtest.Client, user *identity.User, n int) {
	t.Helper()
	at := h.Clock.Now()
	_, err := store.NewBulk(h.Store).Families(t.Context(), each(n, func(i int) oauth.Family {
		return oauth.Family{
			ID: fmt.Sprintf("0-%s-%05d", client.ID, i), ClientID: client.ID, UserID: user.ID, GrantType: oauth.GrantPassword, Scopes: oauth.Scopes{"openid"},
			AuthTime: at, CreatedAt: at, ExpiresAt: at.Add(time.Hour), IdleExpiresAt: at.Add(time.Hour),
		}
	}))
	must(t, err)
}

// requestToken is the token of the page's form.
func requestToken(p *webtest.Page) string {
	return p.Parts("input", "name", "request_token")[0].Attr("value")
}

func jobsOf(t *testing.T, h *webtest.House, kind string) []store.Job {
	t.Helper()
	jobs, err := h.Store.Jobs(t.Context(), kind, 10)
	must(t, err)
	return jobs
}

// tidying is a job that clears up what a client was given, and that has not begun.
func tidying(t *testing.T, h *webtest.House, kind string) *store.Job {
	t.Helper()
	client := h.Client(t, named("Warehouse"))
	manyGrants(t, h, client, h.User(t), 1100)
	told := audit.Event{Outcome: audit.Success, Target: audit.Party{Kind: audit.KindClient, ID: client.ID, Name: client.Name}}
	if kind == store.KindRemoval {
		told.Action = audit.ClientDeleted
		must(t, h.Store.DeleteClient(t.Context(), client.ID, h.Clock.Now(), told))
	} else {
		told.Action = audit.ClientRevokedAll
		_, err := h.Store.RevokeClientTokens(t.Context(), client.ID, oauth.EndedByOperator, h.Clock.Now(), told)
		must(t, err)
	}
	return &jobsOf(t, h, kind)[0]
}

// A double click, a second tab, a reload, and a way back to the form make one job.
func TestEndings_askedTwiceAreOneJob(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleOperator)
		client, user := h.Client(t), h.User(t)
		manyGrants(t, h, client, user, 40)
		ask := familyList + "/revoke-found?client=" + client.ID
		form := func() url.Values {
			token := requestToken(b.Get(ask))
			return url.Values{"csrf_token": {csrf(b)}, "client": {client.ID}, "confirm": {endPhrase}, "request_token": {token}}
		}
		first, tab := form(), form()
		p := b.Post(familyList+"/revoke-found", first)
		job := p.URL.Path
		if !strings.Contains(p.Text(), "It has begun") {
			t.Fatalf("%s: %s", p.URL, p.Text())
		}
		// What was typed wrong keeps the form's token: sending it again is the same form.
		wrong := url.Values{"csrf_token": {csrf(b)}, "client": {client.ID}, "confirm": {"yes"}, "request_token": first["request_token"]}
		if p := b.Post(familyList+"/revoke-found", wrong); p.Status != http.StatusUnprocessableEntity || requestToken(p) != first.Get("request_token") {
			t.Errorf("the form has another token: %d", p.Status)
		}
		for name, again := range map[string]url.Values{"the same form": first, "another tab": tab} {
			if p := b.Post(familyList+"/revoke-found", again); p.URL.Path != job || !strings.Contains(p.Text(), "It was asked for before") {
				t.Errorf("%s: %s %s", name, p.URL, p.Text())
			}
		}
		h.DoJobs(t)
		h.Redeem(t, client, h.Browser(t).Code(client, user, nil))
		if p := b.Post(familyList+"/revoke-found", first); p.URL.Path != job || len(allLive(t, h, client)) != 1 || len(jobsOf(t, h, store.KindEndFamilies)) != 1 {
			t.Errorf("when it is done: %s %s", p.URL, p.Text())
		}
	})
}

func TestImport_sentTwiceIsOneJob(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		token := requestToken(b.Get(importForm))
		send := func() *webtest.Page {
			return b.Do(uploading(t, h, csrf(b), "username\nada\n", map[string]string{"request_token": token}))
		}
		first := send()
		if second := send(); second.URL.Path != first.URL.Path || !strings.Contains(second.Text(), "There is one import") {
			t.Errorf("%s, then %s: %s", first.URL, second.URL, second.Text())
		}
		if jobs := jobsOf(t, h, store.KindUserImport); len(jobs) != 1 {
			t.Errorf("%d imports", len(jobs))
		}
		if requestToken(b.Get(importForm)) == token {
			t.Error("another form has the same token")
		}
	})
}

// Everything that a client was given ends at once, and a page tells honestly what is left to do.
func TestJobs_ofAClientThatWasGivenAGreatDeal(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		client, user := h.Client(t, named("Shop")), h.User(t)
		tokens := h.Tokens(t, client, user, nil)
		manyGrants(t, h, client, user, 600)
		b.Get(familyList + "/revoke?client=" + client.ID)
		p := b.Submit(familyList+"/revoke", url.Values{"reason": {"A leak"}})
		if said := p.Text(); !strings.Contains(said, "601 token families revoked") || !strings.Contains(said, "their ends are being written down") {
			t.Errorf("%s: %s", p.URL, said)
		}
		if active(t, h, client, tokens.Str("access_token")) || active(t, h, client, tokens.Str("refresh_token")) {
			t.Error("tokens hold")
		}
		refused(t, h.Refresh(t, client, tokens.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
		if live := allLive(t, h, client); len(live) > 0 {
			t.Errorf("%d live", len(live))
		}
		if said := b.Get(familyList + "/0-" + client.ID + "-00007").Text(); !strings.Contains(said, "All revoked") || !strings.Contains(said, "is being written down") {
			t.Errorf("one of them: %s", said)
		}
		job := jobsOf(t, h, store.KindEndEra)[0]
		path := "/console/jobs/" + job.ID
		if p := b.Get(path); !strings.Contains(p.Text(), "0 of 601 token families") || !strings.Contains(p.Text(), "None of them has worked") || !strings.Contains(p.Text(), "A leak") || len(p.Parts("button", "id", "job-cancel")) > 0 {
			t.Errorf("the job: %s", p.Text())
		}
		if p := b.Post(path+"/cancel", url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusNotFound {
			t.Errorf("it is stopped: %d", p.Status)
		}
		after := h.Tokens(t, client, user, nil)
		h.DoJobs(t)
		if p := b.Get(path); !containsWords(p.Text(), "Written down 601 token families") {
			t.Errorf("done: %s", p.Text())
		}
		if !active(t, h, client, after.Str("access_token")) {
			t.Error("what was given afterwards has ended")
		}
		if e := newestEvent(t, h, audit.ClientRevokedAll); e.Actor.ID != boss.ID || e.Target.ID != client.ID {
			t.Errorf("%+v", e)
		}
		// Deleted, it is gone at once.
		client = h.Client(t, named("Old shop"))
		tokens = h.Tokens(t, client, user, nil)
		manyGrants(t, h, client, user, 1100)
		page := "/console/clients/" + client.ID
		b.Get(page + "/delete")
		p = b.Submit(page+"/delete", url.Values{"confirm": {client.Name}})
		path = p.URL.Path
		if said := p.Text(); !strings.HasPrefix(path, "/console/jobs/") || !strings.Contains(said, "Old shop is deleted") || !strings.Contains(said, "0 of 1,101 token families") || !strings.Contains(said, "It is gone") {
			t.Errorf("%s: %s", p.URL, said)
		}
		if got := b.Get(page).Status; got != http.StatusNotFound || strings.Contains(b.Get("/console/clients").Text(), "Old shop") {
			t.Errorf("its page: %d", got)
		}
		if a := h.Refresh(t, client, tokens.Str("refresh_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("a refresh: %d %s", a.Status, a.Body)
		}
		h.DoJobs(t)
		if p := b.Get(path); !containsWords(p.Text(), "Cleared away 1,101 token families") {
			t.Errorf("done: %s", p.Text())
		}
	})
}

// All sessions with a client end in the background where they are many, and at once where they are few.
func TestJobs_ofManySessionsWithAClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client, user, at := h.Client(t, named("Shop")), h.User(t), h.Clock.Now()
		const n = 510
		id := func(i int) string { return fmt.Sprintf("many-%05d", i) }
		_, err := store.NewBulk(h.Store).Sessions(t.Context(), each(n, func(i int) identity.Session {
			return identity.Session{ID: id(i), TokenHash: id(i), UserID: user.ID, AuthTime: at, LastSeenAt: at, ExpiresAt: at.Add(time.Hour)}
		}))
		must(t, err)
		_, err = store.NewBulk(h.Store).SessionClients(t.Context(), each(n, func(i int) store.SessionClient { return store.SessionClient{SessionID: id(i), ID: client.ID} }))
		must(t, err)
		if said := b.Get(sessionList + "/end?client=" + client.ID).Text(); !strings.Contains(said, "done in the background") {
			t.Errorf("it asks %s", said)
		}
		p := b.Submit(sessionList+"/end", url.Values{"reason": {"A leak"}})
		if said := p.Text(); !strings.HasPrefix(p.URL.Path, "/console/jobs/") || !strings.Contains(said, "0 of 510 sessions") || !strings.Contains(said, "A leak") {
			t.Errorf("%s: %s", p.URL, said)
		}
		h.DoJobs(t)
		if left := sessionIDs(t, h, user); len(left) > 0 {
			t.Errorf("%d live", len(left))
		}
	})
}
