package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web"
	"gatehouse/web/webtest"
)

// here is where requests in a test come from.
var here = netip.MustParsePrefix("0.0.0.0/32")

func measured(o *webtest.Options) {
	o.Web = func(c *web.Config) { c.MetricsAllow, c.Version, c.Commit = []netip.Prefix{here}, "v1", "abc" }
}

// measure is the value of one series, and -1 where there is none.
func measure(t *testing.T, h *webtest.House, series string) float64 {
	t.Helper()
	a := h.Get(t, "/metrics", "")
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("/metrics: %d %s", a.Status, a.Header.Get("Content-Type"))
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(a.Body)
	if found == nil {
		return -1
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMetrics_countRequestsByRouteMethodAndStatus(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		h.Get(t, "/console/clients/"+client.ID, "")
		h.Get(t, "/console/clients/another", "")
		h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}})
		h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"none"}})
		h.Get(t, "/nowhere/"+client.ID, "")
		h.Do(t, h.Request(t, http.MethodPut, "/", ""))
		for series, want := range map[string]float64{
			`{method="GET",route="/console/clients/:id",status="3xx"}`: 2,
			`{method="POST",route="/oauth/token",status="2xx"}`:        1,
			`{method="POST",route="/oauth/token",status="4xx"}`:        1,
			`{method="GET",route="unknown",status="4xx"}`:              1,
			`{method="other",route="/",status="4xx"}`:                  1,
		} {
			if got := measure(t, h, "gatehouse_http_request_duration_seconds_count"+series); got != want {
				t.Errorf("%s: %v, want %v", series, got, want)
			}
		}
		if strings.Contains(h.Get(t, "/metrics", "").Body, client.ID) {
			t.Error("the metrics name what is none of theirs: an id")
		}
	}, measured)
}

func TestMetrics_tellOfTheHouse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Browser(t).SignIn(h.User(t)) // hashes a password
		h.Clock.Advance(time.Minute)
		for series, least := range map[string]float64{
			"gatehouse_http_requests_in_flight":                 1, // this one
			"gatehouse_ready":                                   1,
			"gatehouse_ready_since_timestamp_seconds":           float64(h.Clock.Now().Add(-time.Hour).Unix()),
			"gatehouse_database_connections_max":                2,
			"gatehouse_database_connections_open":               1,
			"gatehouse_password_hash_workers":                   1,
			"gatehouse_password_hashes_total":                   1,
			"gatehouse_janitor_leads":                           1,
			"gatehouse_janitor_last_run_timestamp_seconds":      1e9,
			"gatehouse_janitor_failures_total":                  3,
			`gatehouse_janitor_swept_rows_total{table="codes"}`: 7,
			`gatehouse_signing_key_age_seconds{alg="ES256"}`:    60,
			`gatehouse_signing_key_age_seconds{alg="RS256"}`:    60,
			"gatehouse_audit_seal_leads":                        1,
			"gatehouse_audit_seal_lag_seconds":                  2.5,
			"gatehouse_audit_sealed_until_timestamp_seconds":    1e9,
			"gatehouse_audit_sealed_events_total":               7,
			"gatehouse_audit_seal_failures_total":               3,
			"go_goroutines":                                     1,
			"process_cpu_seconds_total":                         0,
			`gatehouse_build_info{commit="abc",database="` + string(h.Store.Dialect()) + `",version="v1"}`: 1,
		} {
			if got := measure(t, h, series); got < least {
				t.Errorf("%s: %v, want at least %v", series, got, least)
			}
		}
	}, func(o *webtest.Options) {
		o.Web = func(c *web.Config) {
			c.MetricsAllow, c.Version, c.Commit = []netip.Prefix{here}, "v1", "abc"
			c.Janitor = func() web.Janitor {
				return web.Janitor{Leads: true, LastRun: time.Unix(1e9, 0), Failed: 3, Swept: map[string]int64{"codes": 7}}
			}
			c.Notary = func() web.Notary {
				return web.Notary{Leads: true, SealedUntil: time.Unix(1e9, 0), Lag: 2.5, Sealed: 7, Failed: 3}
			}
		}
	})
}

// Metrics are for the operator's addresses (security.md rule 13). Whoever comes through a proxy does not come from its address.
func TestMetrics_areForAllowedAddressesAlone(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{here, netip.MustParsePrefix("10.0.0.0/24")}
	open := func(trusted, allowed []netip.Prefix) *webtest.House {
		return webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) {
			o.TrustedProxies = trusted
			o.Web = func(c *web.Config) { c.MetricsAllow = allowed }
		})
	}
	nobody := open(nil, nil)
	local := open(nil, []netip.Prefix{here})
	behind := open(proxies, []netip.Prefix{here, netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")})
	near := open([]netip.Prefix{here}, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	for _, c := range []struct {
		name   string
		house  *webtest.House
		header http.Header
		want   int
	}{
		{"nobody is allowed", nobody, nil, 403},
		{"from an allowed address", local, nil, 200},
		{"from an allowed address, by another name", local, http.Header{"Host": {"10.0.0.1:9090"}}, 200},
		{"through a proxy here that nobody named", local, http.Header{"X-Forwarded-For": {"203.0.113.9"}}, 403},
		{"through one that forges our own address", local, http.Header{"X-Forwarded-For": {"0.0.0.0"}}, 403},
		{"through one that says Forwarded", local, http.Header{"Forwarded": {"for=203.0.113.9"}}, 403},
		{"through one that says Via", local, http.Header{"Via": {"1.1 proxy"}}, 403},
		{"through one that says X-Real-IP", local, http.Header{"X-Real-IP": {"203.0.113.9"}}, 403},
		{"through one that says X-Forwarded-Proto", local, http.Header{"X-Forwarded-Proto": {"https"}}, 403},
		{"the proxy's machine itself", behind, nil, 200},
		{"a stranger through our proxy", behind, http.Header{"X-Forwarded-For": {"203.0.113.9"}}, 403},
		{"a stranger who forges an address", behind, http.Header{"X-Forwarded-For": {"10.1.2.3, 203.0.113.9"}}, 403},
		{"ours through our proxy", behind, http.Header{"X-Forwarded-For": {"10.1.2.3"}}, 200},
		{"ours through our proxy, by IPv6", behind, http.Header{"X-Forwarded-For": {"2001:db8::7"}}, 200},
		{"somebody the proxy does not name", behind, http.Header{"X-Forwarded-For": {"unknown"}}, 403},
		{"somebody another proxy of ours does not name", behind, http.Header{"X-Forwarded-For": {"unknown, 10.0.0.7"}}, 403},
		{"somebody whom a proxy tells otherwise", behind, http.Header{"Forwarded": {"for=10.1.2.3"}}, 403},
		{"this machine", near, http.Header{"X-Forwarded-For": {"127.0.0.1"}, "Host": {"127.0.0.1:8080"}}, 200},
		{"this machine, by the issuer's name", near, http.Header{"X-Forwarded-For": {"::1"}}, 200},
		{"a page that a browser here opened", near, http.Header{"X-Forwarded-For": {"127.0.0.1"}, "Host": {"attacker.example:8080"}}, 403},
		{"one of a name that looks like us", near, http.Header{"X-Forwarded-For": {"::1"}, "Host": {"127.0.0.1.attacker.example"}}, 403},
	} {
		r := c.house.Request(t, http.MethodGet, "/metrics", "")
		for name, values := range c.header {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		if host := c.header.Get("Host"); host != "" {
			r.Host = host
		}
		a := c.house.Do(t, r)
		if a.Status != c.want {
			t.Errorf("%s: %d, want %d", c.name, a.Status, c.want)
		}
		if a.Status != http.StatusOK && strings.Contains(a.Body, "gatehouse_") {
			t.Errorf("%s: told all the same", c.name)
		}
	}
}

func TestMetrics_apartAreAnsweredThereAlone(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) {
		o.Web = func(c *web.Config) { c.MetricsAllow, c.MetricsApart = []netip.Prefix{here}, true }
	})
	if a := h.Get(t, "/metrics", ""); a.Status != http.StatusNotFound {
		t.Errorf("/metrics: %d", a.Status)
	}
	side := h.App.Probes()
	for path, want := range map[string]string{"/metrics": "gatehouse_ready 1", "/healthz": "ok", "/readyz": "ok", "/": "", "/console": "", "/oauth/token": ""} {
		response, err := side.Test(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.0.0.1:9090"+path, nil), -1)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want == "" && response.StatusCode != http.StatusNotFound:
			t.Errorf("%s: %d", path, response.StatusCode)
		case want != "" && (response.StatusCode != http.StatusOK || !strings.Contains(string(body), want)):
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
		if want != "" && response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, response.Header)
		}
	}
}

func TestMetrics_countWhatTheEventsTell(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), measured)
	refused := func(action audit.Action, rule string, count int64) audit.Event {
		return audit.Event{Action: action, Outcome: audit.Refused, Cause: &audit.Cause{Rule: rule, Received: "their words"}, Count: count}
	}
	for _, e := range []audit.Event{
		{Action: audit.CodeRedeemed, Outcome: audit.Success}, {Action: audit.CodeRedeemed, Outcome: audit.Success},
		{Action: audit.TokenRefreshed, Outcome: audit.Success, Count: 5}, {Action: audit.TokenRetried, Outcome: audit.Success},
		{Action: audit.TokenIssued, Outcome: audit.Success, Count: 7},
		{Action: audit.PasswordTraded, Outcome: audit.Success}, {Action: audit.ImplicitIssued, Outcome: audit.Success},
		{Action: audit.SignInSucceeded, Outcome: audit.Success}, refused(audit.SignInRefused, "password_right", 0),
		{Action: audit.CodeReplayed, Outcome: audit.Refused}, {Action: audit.RefreshReplayed, Outcome: audit.Success},
		refused(audit.TokenRefused, "code_unspent", 0), refused(audit.TokenRefused, "code_unspent", 0), refused(audit.TokenRefused, "code_verifier", 0),
		{Action: audit.RefusalsSuppressed, Outcome: audit.Refused, Count: 40},
		{Action: audit.UserCreated, Outcome: audit.Success},
	} {
		h.App.Event(e)
	}
	for series, want := range map[string]float64{
		`gatehouse_tokens_issued_total{grant="authorization_code"}`:               2,
		`gatehouse_tokens_issued_total{grant="refresh_token"}`:                    6,
		`gatehouse_tokens_issued_total{grant="password"}`:                         1,
		`gatehouse_tokens_issued_total{grant="client_credentials"}`:               7,
		`gatehouse_tokens_issued_total{grant="implicit"}`:                         1,
		`gatehouse_sign_ins_total{outcome="success"}`:                             1,
		`gatehouse_sign_ins_total{outcome="refused"}`:                             1,
		`gatehouse_replays_total{of="code"}`:                                      1,
		`gatehouse_replays_total{of="refresh_token"}`:                             1,
		`gatehouse_refusals_total{action="token.refused",rule="code_unspent"}`:    2,
		`gatehouse_refusals_total{action="token.refused",rule="code_verifier"}`:   1,
		`gatehouse_refusals_total{action="signin.refused",rule="password_right"}`: 1,
		`gatehouse_refusals_total{action="refusals.suppressed",rule=""}`:          -1, // each was counted when it came
	} {
		if got := measure(t, h, series); got != want {
			t.Errorf("%s: %v, want %v", series, got, want)
		}
	}
	if body := h.Get(t, "/metrics", "").Body; strings.Contains(body, "their words") || strings.Contains(body, "user.created") {
		t.Error("the metrics tell more than they should")
	}
}

// What people and applications do is counted as it happens, whoever writes it down.
func TestMetrics_countWhatHappens(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		tokens := h.Tokens(t, client, user, nil)
		own := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
		h.Post(t, oauth.PathToken, client, own)
		h.Post(t, oauth.PathToken, client, own)
		h.Refresh(t, client, tokens.Str("refresh_token"))
		for range 150 { // more than are written down
			h.Refresh(t, client, "gh_rt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG")
		}
		try(h.Browser(t), user.Username, "wrong")
		for series, want := range map[string]float64{
			`gatehouse_tokens_issued_total{grant="authorization_code"}`:                   1,
			`gatehouse_tokens_issued_total{grant="client_credentials"}`:                   2,
			`gatehouse_tokens_issued_total{grant="refresh_token"}`:                        1,
			`gatehouse_refusals_total{action="token.refused",rule="refresh_token_known"}`: 150,
			`gatehouse_sign_ins_total{outcome="success"}`:                                 1,
			`gatehouse_sign_ins_total{outcome="refused"}`:                                 1,
		} {
			if got := measure(t, h, series); got != want {
				t.Errorf("%s: %v, want %v", series, got, want)
			}
		}
	}, measured)
}

// A node that is being stopped says so to whoever shares requests out.
func TestReadiness_isRedWhileTheServerStops(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), measured)
	if a := h.Get(t, "/readyz", ""); a.Status != http.StatusOK {
		t.Fatalf("/readyz: %d", a.Status)
	}
	if err := h.App.ShutdownWithTimeout(time.Second); err != nil {
		t.Fatal(err)
	}
	if a := h.Get(t, "/readyz", ""); a.Status != http.StatusServiceUnavailable || a.Body != "the server is stopping\n" {
		t.Errorf("/readyz: %d %s", a.Status, a.Body)
	}
	if measure(t, h, "gatehouse_ready") != 0 {
		t.Error("the metrics say otherwise")
	}
	if a := h.Get(t, "/healthz", ""); a.Status != http.StatusOK {
		t.Errorf("/healthz: %d", a.Status)
	}
}

// Every request pays for this.
func TestMetrics_countingAllocatesNothing(t *testing.T) {
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), measured)
	h.App.Observe(http.MethodPost, oauth.PathToken, http.StatusOK, time.Millisecond)
	if n := testing.AllocsPerRun(100, func() { h.App.Observe(http.MethodPost, oauth.PathToken, http.StatusOK, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
