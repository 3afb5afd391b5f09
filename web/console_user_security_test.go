package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

func TestConsole_saysHowSomebodyProvesWhoTheyAre(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		u := h.User(t)
		page := userList + "/" + u.ID + "/security"
		operator, me := staff(t, h, identity.RoleOperator)
		if p := operator.Get(page); !strings.Contains(p.Text(), "not known") || !strings.Contains(p.Text(), "None is known") || !strings.Contains(p.Text(), "0 of 100") {
			t.Errorf("nothing happened yet: %s", p.Text())
		}
		h.Browser(t).SignIn(u)
		must(t, changePassword(t.Context(), h, u.ID))
		failing(t, h, u)
		failing(t, h, u)
		p := operator.Get(page)
		if !strings.Contains(p.Text(), "2 of 100") || strings.Contains(p.Text(), "not known") {
			t.Errorf("after a change and two wrong tries: %s", p.Text())
		}
		if p := operator.Submit(userList+"/"+u.ID+"/unlock", nil); !strings.Contains(p.Text(), "0 of 100") {
			t.Errorf("unlocked: %s", p.Text())
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Action: audit.SignInUnlocked})
		if must(t, err); len(events) != 1 || events[0].Actor.ID != me.ID {
			t.Errorf("written down as %+v", events)
		}
		if p := operator.Post(userList+"/"+u.ID+"/unlock", url.Values{"csrf_token": {csrf(operator)}}); !strings.Contains(p.Text(), "Nothing to unlock") {
			t.Errorf("unlocked twice: %s", p.Text())
		}
		// Not by an auditor, and nobody of a higher role by an operator (security.md rule 27).
		auditor, _ := staff(t, h, identity.RoleAuditor)
		if p := auditor.Post(userList+"/"+u.ID+"/unlock", url.Values{"csrf_token": {csrf(auditor)}}); p.Status != http.StatusForbidden {
			t.Errorf("an auditor: %d", p.Status)
		}
		if p := operator.Post(userList+"/"+h.User(t, admin).ID+"/unlock", url.Values{"csrf_token": {csrf(operator)}}); p.Status != http.StatusForbidden {
			t.Errorf("an administrator's, by an operator: %d", p.Status)
		}
	})
}

func TestConsole_withdrawsWhatSomebodyAllowed(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		u := h.User(t)
		client, _ := held(t, h, u)
		page := userList + "/" + u.ID + "/consents"
		b, me := staff(t, h, identity.RoleOperator)
		if p := b.Get(page); !strings.Contains(p.Text(), client.Name) || !strings.Contains(p.Text(), "openid") {
			t.Errorf("what they allowed: %s", p.Text())
		}
		withdraw := page + "/" + client.ID + "/withdraw"
		b.Get(withdraw)
		if p := b.Submit(withdraw, url.Values{"reason": {"asked for"}}); p.URL.Path != page || strings.Contains(p.Text(), "Withdraw…") || liveFamilies(t, h, client) > 0 {
			t.Errorf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Action: audit.ConsentWithdrawn})
		if must(t, err); len(events) != 1 || events[0].Actor.ID != me.ID || events[0].ClientID != client.ID || events[0].Changes[audit.Reason].After != "asked for" {
			t.Errorf("written down as %+v", events)
		}
		if p := b.Get(withdraw); !strings.Contains(p.Text(), "Nothing to withdraw") {
			t.Errorf("withdrawn twice: %s", p.Text())
		}
		boss := h.User(t, admin)
		theirs, _ := held(t, h, boss)
		if p := b.Post(userList+"/"+boss.ID+"/consents/"+theirs.ID+"/withdraw", url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusForbidden {
			t.Errorf("an administrator's, by an operator: %d", p.Status)
		}
	})
}
