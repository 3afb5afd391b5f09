package web_test

import (
	"net/http"
	"net/netip"
	"testing"

	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// X-Forwarded-For is believed from trusted proxies alone, and only as far as they wrote it (security.md rule 13).
func TestAddress_isTheRightmostThatNoProxyOfOursHas(t *testing.T) {
	t.Parallel()
	trusting := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) {
		// A request in a test comes from 0.0.0.0.
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	wary := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	for _, c := range []struct {
		house *webtest.House
		sent  []string
		want  string
	}{
		{wary, []string{"203.0.113.9"}, "0.0.0.0"},
		{trusting, nil, "0.0.0.0"},
		{trusting, []string{"203.0.113.9"}, "203.0.113.9"},
		{trusting, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{trusting, []string{"203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{trusting, []string{"198.51.100.1", "203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{trusting, []string{"203.0.113.9, nonsense"}, "0.0.0.0"},
		{trusting, []string{"203.0.113.9, nonsense, 10.1.2.3"}, "10.1.2.3"},
		{trusting, []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{trusting, []string{"2001:db8::7"}, "2001:db8::7"},
		{trusting, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
	} {
		r := c.house.Request(t, http.MethodGet, "/oauth/userinfo", "")
		for _, v := range c.sent {
			r.Header.Add("X-Forwarded-For", v)
		}
		c.house.Do(t, r)
		if e := c.house.Refusal(t, "access_token_present"); e.Caller.IP != c.want {
			t.Errorf("%q: came from %s, want %s", c.sent, e.Caller.IP, c.want)
		}
		c.house.Clock.Advance(1e9)
	}
}
