package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// What applications ask all day costs no statement more than it has to. Each is a round trip to PostgreSQL.
func TestMachines_askTheDatabaseNoMoreThanTheyHaveTo(t *testing.T) {
	t.Parallel()
	counted, o := storetest.WithFaults(storetest.Postgres(t))
	h := webtest.Open(t, storetest.Open(t, o))
	client, user := h.Client(t), h.User(t)
	browser := h.Browser(t)
	own := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
	first := h.Redeem(t, client, browser.Code(client, user, nil))
	h.Introspect(t, client, first.Str("access_token")) // keys, scopes, the client and the person are read once
	code := browser.Code(client, user, nil)

	var tokens webtest.Answer
	for _, c := range []struct {
		name  string
		wants int
		do    func() webtest.Answer
	}{
		{"redeem a code", 3, func() webtest.Answer { tokens = h.Redeem(t, client, code); return tokens }},          // client, code, family
		{"refresh", 3, func() webtest.Answer { return h.Refresh(t, client, tokens.Str("refresh_token")) }},         // client, family, rotation
		{"client_credentials", 1, func() webtest.Answer { return h.Post(t, oauth.PathToken, client, own) }},        // client
		{"introspect", 2, func() webtest.Answer { return h.Introspect(t, client, tokens.Str("access_token")) }},    // client, grant
		{"userinfo", 1, func() webtest.Answer { return h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")) }}, // grant
	} {
		counted.Strike(0, "")
		if a := c.do(); a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.name, a.Status, a.Body)
		}
		if n := counted.Passed(); n != c.wants {
			t.Errorf("%s: %d statements, not %d", c.name, n, c.wants)
		}
	}
}
