package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// twoNodes opens two nodes of one house, on each database.
func twoNodes(t *testing.T, fn func(t *testing.T, one, two *webtest.House), with ...func(*webtest.Options)) {
	t.Helper()
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		one := webtest.Open(t, storetest.Open(t, o), with...)
		two := webtest.Open(t, storetest.Open(t, o), append(with, func(w *webtest.Options) { w.Clock, w.Sealer = one.Clock, one.Sealer })...)
		fn(t, one, two)
	})
}

func TestNodes_oneHouseForEverybody(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client, user, here := one.Client(t), one.User(t), one.Browser(t)
		// Begun on one node, signed in on the other, answered on the first, redeemed on the second.
		here.Get(one.AuthorizeURL(client, nil))
		there := here.On(two)
		there.SignIn(user)
		here.Get(there.Page.URL.RequestURI())
		p := here.Allow()
		if p.Location == nil {
			t.Fatalf("led to %s: %s", p.URL, p.Text())
		}
		tokens := two.Redeem(t, client, p.Location.Query().Get("code"))
		if tokens.Status != http.StatusOK || one.Get(t, oauth.PathUserinfo, tokens.Str("access_token")).Status != http.StatusOK {
			t.Fatalf("redeemed on the other node: %d %s", tokens.Status, tokens.Body)
		}
		// A form of one is taken by the other; a session that one ends has ended on both.
		here.Get("/account")
		there.Page = here.Page
		if p := there.Submit("/account/profile", url.Values{"name": {"Moved"}}); p.URL.Path != "/account" || p.Status != http.StatusOK {
			t.Errorf("%s %d", p.URL, p.Status)
		}
		if p := here.Get("/account"); here.Form("/account/profile").Values.Get("name") != "Moved" {
			t.Errorf("%s", p.Text())
		}
		sessions, err := one.Store.LiveSessions(t.Context(), user.ID, one.Clock.Now())
		if err != nil || len(sessions) != 1 {
			t.Fatalf("%d sessions, %v", len(sessions), err)
		}
		if err := one.Store.EndSession(t.Context(), sessions[0].ID, "ended_by_operator", one.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if p := there.Get("/account"); p.URL.Path != "/login" {
			t.Errorf("the session lives on at the other node: %s", p.URL)
		}
	})
}

// A rotation by one node is known on the other a second later, and what was signed before still verifies.
func TestNodes_aRotatedKeyIsKnownWithinASecond(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client, user, b := one.Client(t), one.User(t), one.Browser(t)
		before := one.Redeem(t, client, b.Code(client, user, nil))
		two.Get(t, oauth.PathJWKS, "")
		now := one.Clock.Now()
		fresh, err := keys.GenerateAll(nil, one.Sealer, now, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Store.AddSigningKeys(t.Context(), fresh, audit.Event{At: now, Action: audit.KeyRotated, Outcome: audit.Success}); err != nil {
			t.Fatal(err)
		}
		one.Clock.Advance(time.Second)
		after := one.Redeem(t, client, b.Code(client, user, nil))
		published := map[string]bool{}
		list, _ := two.Get(t, oauth.PathJWKS, "").JSON["keys"].([]any)
		for _, k := range list {
			kid, _ := k.(map[string]any)["kid"].(string)
			published[kid] = true
		}
		for _, k := range fresh {
			if !published[k.KID] {
				t.Errorf("the new %s key is not published by the other node", k.Algorithm)
			}
		}
		if len(published) != 4 {
			t.Errorf("%d keys are published: the old ones have to stay", len(published))
		}
		for name, token := range map[string]string{"before": before.Str("access_token"), "after": after.Str("access_token")} {
			for _, node := range []*webtest.House{one, two} {
				if a := node.Get(t, oauth.PathUserinfo, token); a.Status != http.StatusOK {
					t.Errorf("signed %s the rotation: %d", name, a.Status)
				}
			}
		}
		there := b.On(two)
		for name, hint := range map[string]string{"before": before.Str("id_token"), "after": after.Str("id_token")} {
			if q := there.Authorize(client, user, url.Values{"id_token_hint": {hint}, "prompt": {"none"}}); q.Get("code") == "" {
				t.Errorf("a hint signed %s the rotation: %v", name, q)
			}
		}
	})
}

// Parallel refreshes on both nodes all get the one successor (security.md rule 1).
func TestNodes_aRefreshOnBothGivesOneSuccessor(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client := one.Client(t)
		token := one.Tokens(t, client, one.User(t), nil).Str("refresh_token")
		nodes := make(chan *webtest.House, 20)
		for range cap(nodes) / 2 {
			nodes <- one
			nodes <- two
		}
		successors := map[string]int{}
		for _, a := range parallel(cap(nodes), func() webtest.Answer { return (<-nodes).Refresh(t, client, token) }) {
			if a.Status != http.StatusOK {
				t.Errorf("refused: %d %s", a.Status, a.Body)
			}
			successors[a.Str("refresh_token")]++
		}
		if len(successors) != 1 {
			t.Errorf("%d successors", len(successors))
		}
		for next := range successors {
			if a := two.Refresh(t, client, next); a.Status != http.StatusOK {
				t.Errorf("the successor: %d", a.Status)
			}
		}
	})
}

func TestNodes_aCodeIsRedeemedOnceInAll(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client := one.Client(t)
		code := one.Browser(t).Code(client, one.User(t), nil)
		nodes := make(chan *webtest.House, 50)
		for range cap(nodes) / 2 {
			nodes <- one
			nodes <- two
		}
		counts := map[int]int{}
		for _, a := range parallel(cap(nodes), func() webtest.Answer { return (<-nodes).Redeem(t, client, code) }) {
			counts[a.Status]++
		}
		if counts[http.StatusOK] != 1 || counts[http.StatusBadRequest] != cap(nodes)-1 {
			t.Errorf("%d redemptions gave %v", cap(nodes), counts)
		}
	})
}
