package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// A firefox is a browser that says so.
const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"

// familyOf is the newest family of the person.
func familyOf(t *testing.T, h *webtest.House, user *identity.User) string {
	t.Helper()
	families, err := h.Store.Families(t.Context(), store.FamilyFilter{UserID: user.ID, Limit: 1})
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	return families[0].ID
}

// refreshed rotates n times and returns the tokens there were, the first one first.
func refreshed(t *testing.T, h *webtest.House, client *webtest.Client, user *identity.User, n int, every time.Duration) []string {
	t.Helper()
	tokens := []string{h.Tokens(t, client, user, nil).Str("refresh_token")}
	for range n {
		h.Clock.Advance(every)
		a := h.Refresh(t, client, tokens[len(tokens)-1])
		if a.Status != http.StatusOK {
			t.Fatalf("refresh %d: %d %s", len(tokens), a.Status, a.Body)
		}
		tokens = append(tokens, a.Str("refresh_token"))
	}
	return tokens
}

// eventOf is the newest event of the action.
func eventOf(t *testing.T, h *webtest.House, action audit.Action) string {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Action: action, Limit: 1})
	if err != nil || len(events) != 1 {
		t.Fatalf("%s: %v, %v", action, events, err)
	}
	return events[0].ID
}

// grantScenes are the scenes of sessions, token families and the audit log.
func grantScenes(t *testing.T, menu, dialog func(string) func(*tab)) []scene {
	t.Helper()
	h, quiet := openHouse(t), openHouse(t)
	boss, auditor := h.User(t, admin, people("Sofia Ivanova", "sofia")), h.User(t, people("Ola Nordmann", "ola"), func(u *identity.User) { u.Role = identity.RoleAuditor })
	chief := quiet.User(t, admin, people("Sofia Ivanova", "sofia"))
	finished := ending(t, quiet)
	quiet.DoJobs(t)
	failed := ending(t, quiet)
	must(t, quiet.Store.FailJob(t.Context(), failed.ID, "An unexpected error; the log of the server has it.", quiet.Clock.Now()))
	jonas, long := h.User(t, people("Jonas Lind", "jonas")), h.User(t, people("Maximiliane Freifrau von Wolkenstein-Hohenlohe", "maximiliane"))
	phone := h.Client(t, webtest.Public, func(c *oauth.Client) { c.Name = "Acme for phones" })
	shop := h.Client(t)
	portal := h.Client(t, func(c *oauth.Client) { c.Name = longName })

	refreshed(t, h, shop, jonas, 3, 7*time.Minute)
	live := familyOf(t, h, jonas)
	h.Redeem(t, shop, "gh_ac_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG")
	refused := eventOf(t, h, audit.TokenRefused)
	refreshed(t, h, portal, long, 200, time.Second)
	longest := familyOf(t, h, long)
	h.Tokens(t, portal, jonas, url.Values{"scope": {"openid"}})
	bound := familyOf(t, h, jonas)
	tokens := refreshed(t, h, phone, jonas, 4, 40*time.Minute)
	replayed := familyOf(t, h, jonas)
	h.Refresh(t, phone, tokens[3]) // a retry
	h.Clock.Advance(time.Hour)
	h.Refresh(t, phone, tokens[1])
	replay := eventOf(t, h, audit.RefreshReplayed)
	changed := *shop
	changed.Version = 1
	must(t, h.Store.UpdateClient(t.Context(), changed.Client, h.Clock.Now(), audit.Event{
		Action: audit.ClientUpdated, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindUser, ID: boss.ID, Name: boss.Username}, ClientID: shop.ID,
		Target: audit.Party{Kind: audit.KindClient, ID: shop.ID, Name: shop.Name}, Caller: audit.Caller{RequestID: "0123456789abcdefghijkl", IP: "203.0.113.9", UserAgent: firefox},
		Changes: map[string]audit.Change{
			"redirect_uris": {Before: "https://acme.example/callback", After: "https://www.acme.example/after/a/rather/long/way/through/many/folders/callback"},
			"scopes":        {Before: "openid profile email orders.read", After: "openid email orders.read orders.write"},
			"contacts":      {After: "ops@acme.example"}, audit.Reason: {After: "The shop has moved."},
		},
	}))
	diff := eventOf(t, h, audit.ClientUpdated)
	for _, name := range []string{"Refused", "What Jonas did since the shop moved to its new address"} {
		must(t, h.Store.SaveFilter(t.Context(), store.SavedFilter{UserID: boss.ID, List: "audit", Name: name, Query: url.Values{"outcome": {"refused"}, "client": []string{shop.ID}[:len(name)%2]}.Encode()}, h.Clock.Now()))
	}
	ask := func(h *webtest.House, id string) {
		must(t, h.Store.AskVerification(t.Context(), id, "Sofia Ivanova", h.Clock.Now(), audit.Event{Action: audit.AuditVerifyAsked, Outcome: audit.Success}))
	}
	sealLog(t, h)
	ask(h, "first")
	verifyLog(t, h)
	ask(h, "second")
	verifyLog(t, h)
	ask(h, "third")
	must(t, h.Store.NoteVerification(t.Context(), "third", audit.Verification{Events: 1_234_567, Of: 4_000_000}, h.Clock.Now()))
	ask(quiet, "only")
	must(t, quiet.Store.FinishVerification(t.Context(), "only", audit.Verification{Events: 7, Unsealed: 2, SealedUntil: quiet.Clock.Now(), OldestOpen: quiet.Clock.Now(), Breaks: []audit.Break{
		{Class: audit.ClassChanges, Seq: 4, EventID: "019cabcd-0000-7000-8000-000000000000", What: "the event was changed after it was sealed"},
		{Class: audit.ClassActivity, Seq: 1200, What: "the chain ends too early: seals were cut off"},
	}}, quiet.Clock.Now(), audit.Event{Action: audit.AuditVerified, Outcome: audit.Success}))
	h.Browser(t).SignIn(jonas)
	sessions, err := h.Store.LiveSessions(t.Context(), jonas.ID, h.Clock.Now())
	must(t, err)
	session := "/console/sessions/" + sessions[0].ID
	ofJonas := "/console/families?user=" + jonas.ID

	scenes := []scene{
		{name: "sessions", as: boss, open: "/console/sessions"},
		{name: "sessions auditor", as: auditor, open: "/console/sessions?user=" + long.ID + "&state=live"},
		{name: "sessions no match", as: boss, open: "/console/sessions?q=192.0.2.77"},
		{name: "sessions unknown", as: boss, open: "/console/sessions?q=nobody+at+all"},
		{name: "sessions menu", as: boss, open: "/console/sessions?user=" + jonas.ID, after: menu("row-0")},
		{name: "session", as: boss, open: session},
		{name: "session end", as: boss, open: session + "/end"},
		{name: "session end dialog", as: boss, open: session, then: dialog(session + "/end")},
		{name: "sessions end", as: boss, open: "/console/sessions/end?user=" + jonas.ID},
		{name: "sessions selected", as: boss, open: "/console/sessions/end?session=" + sessions[0].ID},
		{name: "families chosen", as: boss, open: ofJonas, then: func(b *tab) {
			b.click(".choose .check")
			if said := js[string](b, `getComputedStyle(document.querySelector(".chosen p")).display + " " + getComputedStyle(document.querySelector(".chosen")).position + " " +
				getComputedStyle(document.querySelector(".choose .check"), "::before").width`); said != "block sticky 10px" {
				b.t.Errorf("of a chosen row the list says %q: its count, where it stands, and the width of its tick", said)
			}
		}},
		{name: "families selected", as: boss, open: "/console/families/revoke?family=" + live},
		{name: "families that fit", as: boss, open: "/console/families/revoke-found?state=live"},
		{name: "sessions that fit", as: boss, open: "/console/sessions/end-found?state=live"},
		{name: "job", as: boss, open: "/console/jobs/" + ending(t, h).ID},
		{name: "job done", house: quiet, as: chief, open: "/console/jobs/" + finished.ID},
		{name: "job failed", house: quiet, as: chief, open: "/console/jobs/" + failed.ID},
		{name: "job era", as: boss, open: "/console/jobs/" + tidying(t, h, store.KindEndEra).ID},
		{name: "job removal", as: auditor, open: "/console/jobs/" + tidying(t, h, store.KindRemoval).ID},
		{name: "consents", as: boss, open: "/console/consents"},
		{name: "consents of a client", as: auditor, open: "/console/consents?client=" + portal.ID},
		{name: "consents unknown", as: boss, open: "/console/consents?q=acme"},
		{name: "families none", house: quiet, as: chief, open: "/console/families"},
		{name: "families", as: boss, open: "/console/families"},
		{name: "families of a person", as: boss, open: ofJonas + "&client=" + phone.ID},
		{name: "families of a client", as: boss, open: "/console/families?client=" + portal.ID},
		{name: "families replayed", as: auditor, open: "/console/families?state=replayed"},
		{name: "families unknown", as: boss, open: "/console/families?q=acme"},
		{name: "families menu", as: boss, open: "/console/families", after: menu("row-1")},
		{name: "family", as: boss, open: "/console/families/" + live},
		{name: "family bound", as: auditor, open: "/console/families/" + bound},
		{name: "family replayed", as: boss, open: "/console/families/" + replayed},
		{name: "family long", as: boss, open: "/console/families/" + longest},
		{name: "family long part", as: boss, open: "/console/families/" + longest + "?from=3"},
		{name: "family revoke", as: boss, open: "/console/families/" + live + "/revoke"},
		{name: "family revoke refused", as: boss, open: "/console/families/" + live + "/revoke", then: func(b *tab) {
			b.fill("#reason", strings.Repeat("because ", 80))
			b.click("#family-revoke-confirm")
			b.wait(`document.activeElement.id === "reason" && document.activeElement.ariaInvalid`)
		}},
		{name: "family revoke dialog", as: boss, open: "/console/families/" + live, then: dialog("/console/families/" + live + "/revoke")},
		{name: "families revoke", as: boss, open: "/console/families/revoke?client=" + portal.ID},
		{name: "families revoke dialog", as: boss, open: ofJonas, then: dialog("/console/families/revoke?user=" + jonas.ID)},
		{name: "audit", as: boss, open: "/console/audit"},
		{name: "audit filtered", as: auditor, open: "/console/audit?outcome=refused&client=" + phone.ID + "&user=" + jonas.ID + "&action=token.refresh_replayed"},
		{name: "audit save filter", as: auditor, open: "/console/audit?outcome=refused", then: func(b *tab) { b.click(".save-filter summary") }},
		{name: "audit saved filters", as: boss, open: "/console/audit?outcome=refused"},
		{name: "verification", as: boss, open: verificationPage},
		{name: "verification broken", as: chief, open: verificationPage, house: quiet},
		{name: "audit none", as: boss, open: "/console/audit?ip=192.0.2.77&from=2026-03-14T09:30"},
		{name: "audit refused", as: boss, open: "/console/audit?from=yesterday", status: http.StatusUnprocessableEntity},
		{name: "audit panel", as: boss, open: "/console/audit?client=" + shop.ID, then: func(b *tab) {
			b.click(`.row-link[href^="/console/audit/` + diff + `"]`)
			b.wait(`document.activeElement.id === "detail-title"`)
		}},
		{name: "audit panel refusal", as: boss, open: "/console/audit?outcome=refused", then: func(b *tab) {
			b.click(`.row-link[href^="/console/audit/` + replay + `"]`)
			b.wait(`document.activeElement.id === "detail-title"`)
		}},
		{name: "event", as: auditor, open: "/console/audit/" + refused},
		{name: "event diff", as: boss, open: "/console/audit/" + diff},
		{name: "event replay", as: boss, open: "/console/audit/" + replay},
	}
	for i := range scenes {
		if scenes[i].house == nil {
			scenes[i].house = h
		}
	}
	return scenes
}

// Whoever watches a job sees it come to its end without loading the page again: its bar, its state, and what can be done.
func TestBrowser_aJobIsSeenToEnd(t *testing.T) {
	t.Parallel()
	h := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)))
	job := ending(t, h)
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/jobs/" + job.ID)
	b.wait(`document.querySelector("progress") && document.querySelector("#job-cancel")`)
	js[bool](b, `(window.untouched = true)`) // a page that is loaded anew forgets
	h.DoJobs(t)
	b.wait(`!document.querySelector("progress") && !document.querySelector("#job-cancel") && document.querySelector("h1 + .meta").innerText.startsWith("Done")`)
	if !js[bool](b, `window.untouched`) {
		t.Error("the page was loaded anew")
	}
}
