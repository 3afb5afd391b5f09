package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web"
	"gatehouse/web/webtest"
)

const keyList = "/console/keys"

// ringOf are the key ids by algorithm and state.
func ringOf(t *testing.T, h *webtest.House) map[string][]string {
	t.Helper()
	all, err := h.Store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ring := map[string][]string{}
	for _, k := range keys.Lives(all) {
		name := k.Algorithm + " " + string(k.At(h.Clock.Now()))
		ring[name] = append(ring[name], k.KID)
	}
	return ring
}

// kidOf is the key that signed the token.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	return headerOf(t, token)["kid"].(string)
}

// A party that fetches our keys from one node, and judges ID tokens by what it has.
func relyingOn(t *testing.T, h *webtest.House, client *webtest.Client) func(token string) error {
	t.Helper()
	set := oidc.NewRemoteKeySet(oidc.ClientContext(t.Context(), h.HTTP()), h.Issuer+oauth.PathJWKS)
	return func(token string) error {
		config := &oidc.Config{ClientID: client.ID, Now: h.Clock.Now, SkipExpiryCheck: true, SupportedSigningAlgs: []string{keys.ES256, keys.RS256}}
		_, err := oidc.NewVerifier(h.Issuer, set, config).Verify(t.Context(), token)
		return err
	}
}

// signInAgain makes up for the time that a test lets pass.
func signInAgain(b *webtest.Browser, u *identity.User) {
	b.Get("/login?return_to=" + url.QueryEscape(keyList))
	b.SignIn(u)
}

// Through a rotation in stages every party goes on: what each key signs is verified on both nodes, by those who fetched the keys
// before it and by those who fetch them after, until the last token has expired. Going back is a rotation, too.
func TestKeys_aRotationInStagesStopsNobody(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client, user := one.Client(t), one.User(t)
		b, boss := staff(t, one, identity.RoleAdmin)
		early := relyingOn(t, one, client)
		first := one.Tokens(t, client, user, nil)
		if err := early(first.Str("id_token")); err != nil {
			t.Fatal(err)
		}
		was := ringOf(t, one)["RS256 current"][0]

		b.Get(keyList + "/stage")
		if p := b.Submit(keyList+"/stage", url.Values{"reason": {"Every spring"}}); p.URL.Path != keyList || !strings.Contains(p.Text(), "Under way") {
			t.Fatalf("%d at %s: %s", p.Status, p.URL, p.Text())
		}
		ring := ringOf(t, one)
		next := ring["RS256 next"]
		if len(next) != 1 || len(ring["ES256 next"]) != 1 || ring["RS256 current"][0] != was {
			t.Fatalf("staged: %v", ring)
		}
		// Staging twice is refused, and leaves what there is.
		if p := b.Get(keyList + "/stage"); p.URL.Path != keyList || !strings.Contains(p.Text(), "New keys are published already") {
			t.Errorf("%d at %s: %s", p.Status, p.URL, p.Text())
		}
		if p := b.Post(keyList+"/stage", url.Values{"csrf_token": {csrf(b)}}); !strings.Contains(p.Text(), "New keys are published already") || len(ringOf(t, one)["RS256 next"]) != 1 {
			t.Errorf("%d: %s", p.Status, p.Text())
		}
		one.Clock.Advance(time.Second)
		if !strings.Contains(two.Get(t, oauth.PathJWKS, "").Body, next[0]) {
			t.Error("the other node does not publish the next key")
		}
		during := two.Tokens(t, client, user, nil)
		if kidOf(t, during.Str("id_token")) != was {
			t.Error("the next key signs before its time")
		}

		one.Clock.Advance(24 * time.Hour)
		late := relyingOn(t, two, client)
		after := two.Tokens(t, client, user, nil)
		if kidOf(t, after.Str("id_token")) != next[0] {
			t.Error("the next key does not sign in its time")
		}
		for name, tokens := range map[string]webtest.Answer{"first": first, "during": during, "after": after} {
			for party, verify := range map[string]func(string) error{"early": early, "late": late} {
				if err := verify(tokens.Str("id_token")); err != nil {
					t.Errorf("%s, by the %s party: %v", name, party, err)
				}
			}
		}
		for _, node := range []*webtest.House{one, two} {
			if a := node.Get(t, oauth.PathUserinfo, after.Str("access_token")); a.Status != http.StatusOK {
				t.Errorf("userinfo: %d", a.Status)
			}
		}

		// Back to the first key, while it is published.
		signInAgain(b, boss)
		b.Get(keyList + "/" + was + "/roll-back")
		if p := b.Submit(keyList+"/"+was+"/roll-back", nil); !strings.Contains(p.Text(), "signs RS256 again") {
			t.Fatalf("%d: %s", p.Status, p.Text())
		}
		one.Clock.Advance(time.Second)
		back := two.Tokens(t, client, user, nil)
		if kidOf(t, back.Str("id_token")) != was || early(back.Str("id_token")) != nil || late(after.Str("id_token")) != nil {
			t.Error("going back stopped somebody")
		}
		// 25 hours later the other one is gone, its private part with it; nobody may sign with it again.
		one.Clock.Advance(25 * time.Hour)
		must(t, one.App.TendKeys(t.Context()))
		if strings.Contains(two.Get(t, oauth.PathJWKS, "").Body, next[0]) || relyingOn(t, two, client)(after.Str("id_token")) == nil {
			t.Error("a retired key is published")
		}
		all, err := one.Store.SigningKeys(t.Context())
		must(t, err)
		for _, k := range all {
			if k.KID == next[0] && k.PrivateSealed != "" {
				t.Error("the private part of a retired key is kept")
			}
		}
		signInAgain(b, boss)
		if p := b.Get(keyList + "/" + next[0] + "/roll-back"); !strings.Contains(p.Text(), "Only a key that is retiring can sign again") {
			t.Errorf("%s", p.Text())
		}

		events := eventsOf(t, one, audit.KeyStaged)
		if len(events) != 1 || events[0].Actor.ID != boss.ID || events[0].Changes[audit.Reason].After != "Every spring" || events[0].Changes["RS256 (new) "+next[0]] != (audit.Change{After: "next"}) {
			t.Errorf("written down: %+v", events)
		}
		if events := eventsOf(t, one, audit.KeyRolledBack); len(events) != 1 || events[0].Changes["RS256 "+was] != (audit.Change{Before: "retiring", After: "current"}) || events[0].Changes["RS256 "+next[0]] != (audit.Change{Before: "current", After: "retiring"}) {
			t.Errorf("written down: %+v", events)
		}
	})
}

// In an emergency new keys sign at once, and what the old ones signed is believed nowhere any more; they never come back
// (security.md rule 9).
func TestKeys_anEmergencyBelievesNothingOld(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client, user := one.Client(t), one.User(t)
		b, boss := staff(t, one, identity.RoleAdmin)
		before := one.Tokens(t, client, user, nil)
		person := one.Browser(t)
		person.Authorize(client, user, nil)
		b.Get(keyList + "/stage")
		b.Submit(keyList+"/stage", nil)
		was := ringOf(t, one)
		p := b.Get(keyList + "/replace")
		for _, said := range []string{"keys compromised", "4", "refused here at once", "Copies of it are kept for 5 minutes", "APIs that check tokens only by their signature may accept one until"} {
			if !strings.Contains(p.Text(), said) {
				t.Errorf("%q is not said: %s", said, p.Text())
			}
		}
		if p := b.Submit(keyList+"/replace", url.Values{"reason": {"A lost backup"}}); p.URL.Path != keyList || !strings.Contains(p.Text(), "All keys are replaced") {
			t.Fatalf("%d at %s: %s", p.Status, p.URL, p.Text())
		}
		one.Clock.Advance(time.Second)
		ring := ringOf(t, one)
		if len(ring["ES256 compromised"]) != 2 || len(ring["RS256 compromised"]) != 2 || len(ring["ES256 current"]) != 1 || len(ring["RS256 next"]) != 0 {
			t.Errorf("there are %v", ring)
		}
		for name, node := range map[string]*webtest.House{"one": one, "two": two} {
			set := node.Get(t, oauth.PathJWKS, "").Body
			for _, kid := range append(was["RS256 current"], was["RS256 next"]...) {
				if strings.Contains(set, kid) {
					t.Errorf("node %s publishes a compromised key", name)
				}
			}
			if a := node.Get(t, oauth.PathUserinfo, before.Str("access_token")); a.Status != http.StatusUnauthorized {
				t.Errorf("node %s takes a token of a compromised key: %d", name, a.Status)
			}
			if a := node.Introspect(t, client, before.Str("access_token")); a.JSON["active"] != false {
				t.Errorf("node %s: %s", name, a.Body)
			}
			if q := person.On(node).Authorize(client, user, url.Values{"id_token_hint": {before.Str("id_token")}, "prompt": {"none"}}); q.Get("code") != "" {
				t.Errorf("node %s takes a hint of a compromised key", name)
			}
			if relyingOn(t, node, client)(before.Str("id_token")) == nil {
				t.Errorf("a party that relies on node %s believes it", name)
			}
		}
		// Applications go on by refreshing.
		again := two.Refresh(t, client, before.Str("refresh_token"))
		if again.Status != http.StatusOK || one.Get(t, oauth.PathUserinfo, again.Str("access_token")).Status != http.StatusOK || relyingOn(t, one, client)(again.Str("id_token")) != nil {
			t.Errorf("refreshing: %d %s", again.Status, again.Body)
		}
		lost := was["RS256 current"][0]
		for _, act := range []string{"/roll-back", "/retire"} {
			b.Get(keyList)
			if p := b.Post(keyList+"/"+lost+act, url.Values{"csrf_token": {csrf(b)}}); p.URL.Path != keyList || !strings.Contains(p.Text(), "Not possible now") {
				t.Errorf("%s: %d at %s: %s", act, p.Status, p.URL, p.Text())
			}
		}
		all, err := one.Store.SigningKeys(t.Context())
		must(t, err)
		for _, k := range all {
			if k.CompromisedAt != nil && k.PrivateSealed != "" {
				t.Error("the private part of a compromised key is kept")
			}
		}
		if events := eventsOf(t, one, audit.KeyReplaced); len(events) != 1 || events[0].Actor.ID != boss.ID || events[0].Changes["RS256 "+lost] != (audit.Change{Before: "current", After: "compromised"}) {
			t.Errorf("written down: %+v", events)
		}
	})
}

// A staged key can be withdrawn, and a retiring one be retired before its time.
func TestKeys_takenOutOfUse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		b, boss := staff(t, h, identity.RoleAdmin)
		b.Get(keyList + "/stage")
		b.Submit(keyList+"/stage", nil)
		staged := ringOf(t, h)["RS256 next"][0]
		if p := b.Get(keyList + "/" + staged + "/retire"); !strings.Contains(p.Text(), "Withdraw this key?") {
			t.Errorf("%s", p.Text())
		}
		b.Submit(keyList+"/"+staged+"/retire", nil)
		h.Clock.Advance(25 * time.Hour)
		if ring := ringOf(t, h); len(ring["RS256 retired"]) != 1 || len(ring["RS256 current"]) != 1 || ring["RS256 current"][0] == staged || len(ring["ES256 retiring"]) != 1 {
			t.Fatalf("%v", ring)
		}
		first := h.Tokens(t, client, user, nil)
		if kidOf(t, first.Str("id_token")) == staged {
			t.Error("a withdrawn key signs")
		}
		signInAgain(b, boss)
		old := ringOf(t, h)["ES256 retiring"][0]
		b.Get(keyList + "/" + old + "/retire")
		if p := b.Submit(keyList+"/"+old+"/retire", nil); !strings.Contains(p.Text(), "is published no more") {
			t.Errorf("%s", p.Text())
		}
		h.Clock.Advance(time.Second)
		if strings.Contains(h.Get(t, oauth.PathJWKS, "").Body, old) {
			t.Error("it is published")
		}
		current := ringOf(t, h)["ES256 current"][0]
		if p := b.Post(keyList+"/"+current+"/retire", url.Values{"csrf_token": {csrf(b)}}); !strings.Contains(p.Text(), "The current one is replaced by a rotation") {
			t.Errorf("%s", p.Text())
		}
		if p := b.Get(keyList + "/no-such-key/retire"); p.Status != http.StatusNotFound {
			t.Errorf("%d", p.Status)
		}
	})
}

// The schedule publishes keys a day before it has them sign, once, whichever node looks.
func TestKeys_theScheduleRotates(t *testing.T) {
	const day = 24 * time.Hour
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		tend := func() {
			t.Helper()
			failed := make(chan error, 2)
			for _, node := range []*webtest.House{one, two} {
				go func() { failed <- node.App.TendKeys(t.Context()) }()
			}
			for range cap(failed) {
				must(t, <-failed)
			}
		}
		first := ringOf(t, one)["RS256 current"][0]
		one.Clock.Advance(89*day - time.Second)
		tend()
		if ring := ringOf(t, one); len(ring["RS256 next"]) != 0 {
			t.Errorf("too soon: %v", ring)
		}
		one.Clock.Advance(time.Second)
		tend()
		tend()
		ring := ringOf(t, one)
		if len(ring["RS256 next"]) != 1 || len(ring["ES256 next"]) != 1 || ring["RS256 current"][0] != first {
			t.Fatalf("a day before: %v", ring)
		}
		one.Clock.Advance(day)
		tend()
		if now := ringOf(t, one); now["RS256 current"][0] != ring["RS256 next"][0] || now["RS256 retiring"][0] != first || len(now["RS256 next"]) != 0 {
			t.Errorf("in time: %v", now)
		}
		// A year after it signed for the last time nobody needs its public part.
		one.Clock.Advance(365*day - time.Second)
		all, err := one.Store.SigningKeys(t.Context())
		must(t, err)
		kept := len(all)
		tend()
		tend()
		if all, err = one.Store.SigningKeys(t.Context()); err != nil || len(all) != kept+2 {
			t.Errorf("%d keys, there were %d: %v", len(all), kept, err)
		}
		one.Clock.Advance(time.Second)
		tend()
		for _, k := range signingKeysOf(t, one) {
			if k.KID == first {
				t.Error("the first key is kept for ever")
			}
		}
		if events := eventsOf(t, two, audit.KeyStaged); len(events) != 2 || events[0].Actor.Kind != audit.KindSystem {
			t.Errorf("written down: %+v", events)
		}
	}, func(o *webtest.Options) { o.Web = func(c *web.Config) { c.KeyRotation = 90 * day } })
}

func signingKeysOf(t *testing.T, h *webtest.House) []keys.SigningKey {
	t.Helper()
	all, err := h.Store.SigningKeys(t.Context())
	must(t, err)
	return all
}

// Without a schedule nothing happens by itself but that what has retired loses its private part.
func TestKeys_noScheduleRotatesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Clock.Advance(1000 * 24 * time.Hour)
		must(t, h.App.TendKeys(t.Context()))
		if ring := ringOf(t, h); len(ring["RS256 current"]) != 1 || len(ring["RS256 next"]) != 0 {
			t.Errorf("%v", ring)
		}
	})
}

// The page tells auditors what there is and offers them nothing; what they send all the same is refused and written down.
func TestKeys_auditorsLook(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		if p := b.Get(keyList); p.Status != http.StatusOK || !strings.Contains(p.Text(), "never") || strings.Contains(p.Body, keyList+"/stage") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		h.Get(t, oauth.PathJWKS, "")
		must(t, h.Store.Flush(t.Context()))
		h.Clock.Advance(3 * time.Minute)
		if p := b.Get(keyList); !strings.Contains(p.Text(), "3 min ago") {
			t.Errorf("%s", p.Text())
		}
		kid := ringOf(t, h)["RS256 current"][0]
		for _, path := range []string{"/stage", "/replace", "/" + kid + "/roll-back", "/" + kid + "/retire"} {
			if p := b.Get(keyList + path); p.Status != http.StatusForbidden {
				t.Errorf("%s: %d", path, p.Status)
			}
			if p := b.Post(keyList+path, url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusForbidden {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
		if n := len(eventsOf(t, h, audit.AccessDenied)); n != 8 {
			t.Errorf("%d refusals are written down", n)
		}
	})
}
