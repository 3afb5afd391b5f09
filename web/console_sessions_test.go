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

func TestSessions_areFound(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAuditor)
		mine := sessionIDs(t, h, me)[0]
		sofia, ola := h.User(t, people("Sofia", "sofia")), h.User(t, people("Ola", "ola"))
		shop := h.Client(t, named("Shop"))
		them := h.Browser(t)
		them.SignIn(sofia)
		first := sessionIDs(t, h, sofia)[0]
		h.Redeem(t, shop, them.Code(shop, sofia, nil))
		h.Clock.Advance(time.Minute)
		h.Browser(t).SignIn(sofia)
		second := sessionIDs(t, h, sofia)[0]
		h.Browser(t).SignIn(ola)
		third := sessionIDs(t, h, ola)[0]
		must(t, h.Store.EndSession(t.Context(), third, identity.EndedSignOut, h.Clock.Now(), event()))
		for _, c := range []struct {
			name, query string
			want        []string
		}{
			{"all, newest first", "", []string{third, second, first, mine}},
			{"a person's", "user=" + sofia.ID, []string{second, first}},
			{"live", "state=live", []string{second, first, mine}},
			{"ended", "state=ended", []string{third}},
			{"by username", "q=ola", []string{third}},
			{"by address", "q=0.0.0.0", []string{third, second, first, mine}},
			{"by another address", "q=192.0.2.1", nil},
			{"by id", "q=" + first, []string{first}},
			{"a client's", "client=" + shop.ID, []string{first}},
			{"by a client's id", "q=" + shop.ID, []string{first}},
			{"a client's of somebody else", "client=" + shop.ID + "&user=" + ola.ID, nil},
			{"garbage", "state=nonsense&after=garbage&before=%ff", []string{third, second, first, mine}},
		} {
			p := b.Get(sessionList + "?" + c.query)
			if got := rows(p); p.Status != http.StatusOK || !slices.Equal(got, c.want) {
				t.Errorf("%s: %d %q, want %q", c.name, p.Status, got, c.want)
			}
			if says := p.Says("count"); !strings.HasPrefix(says, fmt.Sprint(len(c.want), " session")) {
				t.Errorf("%s: counted %q", c.name, says)
			}
		}
		if said := b.Get(sessionList + "?user=" + sofia.ID).Text(); !strings.Contains(said, "Shop Live") {
			t.Errorf("the list does not say where she signed in to: %s", said)
		}
		p := b.Get(sessionList + "/" + first)
		if said := p.Text(); !strings.Contains(said, "Shop") || !strings.Contains(said, "Sofia") || !strings.Contains(said, "Live") {
			t.Errorf("%s", said)
		}
		if said := b.Get(sessionList + "/" + third).Text(); !strings.Contains(said, "Signed out on") {
			t.Errorf("%s", said)
		}
		if said := b.Get(sessionList + "/" + mine).Text(); !strings.Contains(said, "This browser") {
			t.Errorf("%s", said)
		}
		h.Clock.Advance(9 * time.Hour)
		b.SignIn(me)
		if said := b.Get(sessionList + "/" + first).Text(); !strings.Contains(said, "Idle for too long") {
			t.Errorf("%s", said)
		}
		if status := b.Get(sessionList + "/none").Status; status != http.StatusNotFound {
			t.Errorf("none: %d", status)
		}
	})
}

func TestSessions_areEnded(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, operator := staff(t, h, identity.RoleOperator)
		user, client := h.User(t), h.Client(t)
		them, elsewhere := h.Browser(t), h.Browser(t)
		them.SignIn(user)
		id := sessionIDs(t, h, user)[0]
		bound := h.Redeem(t, client, them.Code(client, user, url.Values{"scope": {"openid"}}))
		offline := h.Redeem(t, client, them.Code(client, user, nil))
		elsewhere.SignIn(user)
		path := sessionList + "/" + id
		ask := b.Get(path + "/end")
		if said := ask.Text(); !strings.Contains(said, "session 1") || !strings.Contains(said, "token family 1") || !strings.Contains(said, "may accept one until") {
			t.Errorf("it asks %s", said)
		}
		p := b.Submit(path+"/end", url.Values{"reason": {"Stolen laptop"}})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Session ended") || !strings.Contains(p.Text(), "Ended by an operator") {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		if them.Get("/account").URL.Path != "/login" || elsewhere.Get("/account").URL.Path != "/account" {
			t.Error("not that one session was ended")
		}
		if active(t, h, client, bound.Str("access_token")) || !active(t, h, client, offline.Str("access_token")) {
			t.Error("not what was bound to it ended with it")
		}
		e := newestEvent(t, h, audit.SessionEnded)
		if e.Actor.ID != operator.ID || e.Target.ID != id || e.UserID != user.ID || e.Changes[audit.Reason].After != "Stolen laptop" {
			t.Errorf("%+v", e)
		}
		if p := b.Get(path + "/end"); !strings.Contains(p.Text(), "Already ended") {
			t.Errorf("a second time: %s", p.Text())
		}
		them.SignIn(user)
		ask = b.Get(sessionList + "/end?user=" + user.ID)
		if said := ask.Text(); !strings.Contains(said, "sessions 2") || !strings.Contains(said, "token families 0") {
			t.Errorf("it asks %s", said)
		}
		p = b.Submit(sessionList+"/end", nil)
		if p.URL.RequestURI() != sessionList+"?user="+user.ID || !strings.Contains(p.Text(), "2 sessions have ended") {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		if them.Get("/account").URL.Path != "/login" || elsewhere.Get("/account").URL.Path != "/login" || !active(t, h, client, offline.Str("access_token")) {
			t.Error("not all sessions, or more than those, were ended")
		}
		if p := b.Get(sessionList + "/end?user=" + user.ID); !strings.Contains(p.Text(), "Nothing to end") {
			t.Errorf("once more: %s", p.Text())
		}
		for _, query := range []string{"?user=nobody", "?client=nobody", "?client=" + client.ID + "&user=" + user.ID} {
			if status := b.Get(sessionList + "/end" + query).Status; status != http.StatusNotFound {
				t.Errorf("%q: %d", query, status)
			}
		}
		if reason := endReasonOf(t, h, user); reason != oauth.EndedByOperator {
			t.Errorf("it ended by %q", reason)
		}
	})
}

// Whoever signed in to a client that turns out to be malicious is signed out, there and everywhere they went from that browser.
func TestSessions_ofAClientAreEnded(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, operator := staff(t, h, identity.RoleOperator)
		user, other, client := h.User(t), h.User(t), h.Client(t, named("Shop"))
		them, elsewhere := h.Browser(t), h.Browser(t)
		them.SignIn(user)
		bound := h.Redeem(t, client, them.Code(client, user, url.Values{"scope": {"openid"}}))
		offline := h.Redeem(t, client, them.Code(client, user, nil))
		elsewhere.SignIn(other)
		list := sessionList + "?client=" + client.ID
		if said := b.Get(list).Text(); !strings.Contains(said, "End all of Shop") {
			t.Errorf("the list offers nothing: %s", said)
		}
		ask := b.Get(sessionList + "/end?client=" + client.ID)
		if said := ask.Text(); !strings.Contains(said, "session 1") || !strings.Contains(said, "token family 1") || !strings.Contains(said, "person 1") || !strings.Contains(said, "may accept one until") {
			t.Errorf("it asks %s", said)
		}
		p := b.Submit(sessionList+"/end", url.Values{"reason": {"Phishing"}})
		if p.URL.RequestURI() != list || !strings.Contains(p.Text(), "1 session with Shop has ended") {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		if them.Get("/account").URL.Path != "/login" || elsewhere.Get("/account").URL.Path != "/account" {
			t.Error("not that who signed in to it was signed out, and nobody else")
		}
		if active(t, h, client, bound.Str("access_token")) || !active(t, h, client, offline.Str("access_token")) {
			t.Error("not what was bound to the session ended with it")
		}
		e := newestEvent(t, h, audit.SessionsEnded)
		if e.Actor.ID != operator.ID || e.Target.ID != client.ID || e.ClientID != client.ID || e.Changes[audit.Reason].After != "Phishing" {
			t.Errorf("%+v", e)
		}
		if p := b.Get(sessionList + "/end?client=" + client.ID); !strings.Contains(p.Text(), "Nothing to end") {
			t.Errorf("once more: %s", p.Text())
		}

		admin, _ := staff(t, h, identity.RoleAdmin)
		boss := h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin })
		theirs := h.Browser(t)
		theirs.SignIn(boss)
		theirs.Code(client, boss, nil) // which nobody redeems
		if status := b.Get(sessionList + "/end?client=" + client.ID).Status; status != http.StatusForbidden || newestEvent(t, h, audit.AccessDenied).Actor.ID != operator.ID {
			t.Errorf("an operator may sign an administrator out: %d", status)
		}
		if status := admin.Get(sessionList + "/end?client=" + client.ID).Status; status != http.StatusOK {
			t.Errorf("an administrator: %d", status)
		}
		h.Clock.Advance(2 * time.Hour) // the code is swept, and the session still knows where it led
		_, err := h.Store.Sweep(t.Context(), h.Clock.Now(), nil)
		must(t, err)
		admin.SignIn(boss)
		if got := rows(admin.Get(list)); len(got) != 2 {
			t.Errorf("sessions have forgotten where people went: %q", got)
		}
	})
}

func endReasonOf(t *testing.T, h *webtest.House, user *identity.User) string {
	t.Helper()
	var reason string
	b, _ := staff(t, h, identity.RoleAuditor)
	for _, id := range rows(b.Get(sessionList + "?user=" + user.ID)) {
		s, err := h.Store.Session(t.Context(), id)
		must(t, err)
		reason = s.EndReason
	}
	return reason
}
