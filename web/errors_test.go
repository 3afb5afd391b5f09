package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// Every kind of error reaches the right renderer: JSON with CORS and without cookies for machines, a page without CORS for
// people, whether or not any handler ran.
func TestErrors_reachTheRightRenderer(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		for _, c := range []struct {
			name, method, path, body string
			header                   map[string]string
			status                   int
			machine                  bool
			allow                    string
		}{
			{name: "token without a body", method: "POST", path: "/oauth/token", status: 401, machine: true},
			{name: "token as JSON", method: "POST", path: "/oauth/token", body: "{}", header: map[string]string{"Content-Type": "application/json"}, status: 400, machine: true},
			{name: "token by GET", method: "GET", path: "/oauth/token", status: 405, machine: true, allow: "POST, OPTIONS"},
			{name: "token by PUT", method: "PUT", path: "/oauth/token", status: 405, machine: true, allow: "POST, OPTIONS"},
			{name: "revoke by GET", method: "GET", path: "/oauth/revoke", status: 405, machine: true, allow: "POST, OPTIONS"},
			{name: "unknown machine path", method: "GET", path: "/oauth/nothing", status: 404, machine: true},
			{name: "unknown well-known", method: "GET", path: "/.well-known/nothing", status: 404, machine: true},
			{name: "userinfo without a token", method: "GET", path: "/oauth/userinfo", status: 401, machine: true},
			{name: "another host's token", method: "POST", path: "/oauth/token", header: map[string]string{"Host": "evil.test"}, status: 421, machine: true},
			{name: "unknown page", method: "GET", path: "/nothing", status: 404},
			{name: "like a machine's", method: "GET", path: "/oauthfoo", status: 404},
			{name: "upper case", method: "GET", path: "/Console", status: 404},
			{name: "trailing slash", method: "GET", path: "/login/", status: 404},
			{name: "authorize without anything", method: "GET", path: "/oauth/authorize", status: 400},
			{name: "authorize by PUT", method: "PUT", path: "/oauth/authorize", status: 405, allow: "GET, HEAD, POST"},
			{name: "forged login", method: "POST", path: "/login", body: "username=x", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 403},
			{name: "another host's page", method: "GET", path: "/login", header: map[string]string{"Host": "evil.test"}, status: 421},
			{name: "unknown error code", method: "GET", path: "/errors/nonsense", status: 404},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := h.Request(t, c.method, c.path, c.body)
				for k, v := range c.header {
					r.Header.Set(k, v)
				}
				if host := c.header["Host"]; host != "" {
					r.Host = host
				}
				a := h.Do(t, r)
				if a.Status != c.status {
					t.Errorf("answered %d, want %d: %.200s", a.Status, c.status, a.Body)
				}
				if a.Header.Get("Allow") != c.allow {
					t.Errorf("Allow is %q, want %q", a.Header.Get("Allow"), c.allow)
				}
				if a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Content-Security-Policy") == "" {
					t.Error("the security headers are missing")
				}
				kind, cors, cookies := a.Header.Get("Content-Type"), a.Header.Get("Access-Control-Allow-Origin"), a.Header.Values("Set-Cookie")
				if c.machine && (!strings.HasPrefix(kind, "application/json") || cors != "*" || len(cookies) > 0) {
					t.Errorf("not a machine's answer: %q, CORS %q, cookies %q", kind, cors, cookies)
				}
				if !c.machine && (!strings.HasPrefix(kind, "text/html") || cors != "") {
					t.Errorf("not a person's answer: %q, CORS %q", kind, cors)
				}
			})
		}
	})
}

// Faults that Fiber finds before any handler runs show only on a real connection.
func TestErrors_beforeAnyHandlerRuns(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	host := strings.TrimPrefix(h.Listen(t), "http://")
	for _, c := range []struct {
		name, head string
		status     int
		machine    bool
	}{
		{"too long for token", "POST /oauth/token HTTP/1.1\r\nContent-Length: 600000\r\n", 413, true},
		{"too long for a page", "POST /login HTTP/1.1\r\nContent-Length: 600000\r\n", 413, false},
		{"long headers for a page", "GET /login HTTP/1.1\r\nX-Long: " + strings.Repeat("x", 33<<10) + "\r\n", 431, false},
	} {
		status, header, err := exchange(host, c.head+"Host: "+strings.TrimPrefix(h.Issuer, "https://")+"\r\n\r\n")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		kind, cors := header.Get("Content-Type"), header.Get("Access-Control-Allow-Origin")
		if status != c.status || strings.Contains(kind, "json") != c.machine || (cors == "*") != c.machine || header.Get("X-Content-Type-Options") == "" {
			t.Errorf("%s: answered %d, %q, CORS %q", c.name, status, kind, cors)
		}
	}
}

// exchange sends the head of a request by hand and reads the head of the answer: a client that is still writing when it is
// refused sees the refusal or a broken pipe, as luck has it.
func exchange(host, head string) (status int, header http.Header, err error) {
	conn, err := net.Dial("tcp", host) //nolint:noctx // loopback
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, head); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, response.Header, response.Body.Close()
}

// Rule 14: the page behind error_uri is the same for every id, existing or not.
func TestErrors_thePublicPageTellsNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		a := h.Redeem(t, h.Client(t), "no-such-code")
		uri, err := url.Parse(a.Str("error_uri"))
		if err != nil || uri.Path != "/errors/invalid_grant" {
			t.Fatalf("error_uri is %q", a.Str("error_uri"))
		}
		e := h.Refusal(t, "code_known")
		if e.Caller.RequestID != uri.Query().Get("request") {
			t.Errorf("written down under %q, told %q", e.Caller.RequestID, uri.Query().Get("request"))
		}
		existing := h.Browser(t).Get(uri.RequestURI())
		id := strings.Repeat("A", 22)
		made := h.Browser(t).Get("/errors/invalid_grant?request=" + id)
		if existing.Status != http.StatusOK || strings.ReplaceAll(existing.Text(), e.Caller.RequestID, id) != made.Text() {
			t.Error("the page differs for an id that exists")
		}
		if strings.Contains(h.Browser(t).Get("/errors/invalid_grant?request=%3Cb%3Ehi").Text(), "hi") {
			t.Error("the page repeats what is no request id")
		}
	})
}

// What is wrong before the client is proven is for a page; nothing is redirected (RFC 6749 §4.1.2.1).
func TestAuthorize_neverRedirectsToWhatIsNotProven(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t, func(c *oauth.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://app.example.test/other?a=b") })
		for name, with := range map[string]url.Values{
			"no client_id":             {"client_id": {""}},
			"unknown client":           {"client_id": {"cl_nobody"}},
			"client_id twice":          {"client_id": {client.ID, client.ID}},
			"no redirect_uri of two":   {"redirect_uri": {""}},
			"redirect_uri twice":       {"redirect_uri": {webtest.Callback, webtest.Callback}},
			"port":                     {"redirect_uri": {"https://app.example.test:443/callback"}},
			"upper-case host":          {"redirect_uri": {"https://APP.example.test/callback"}},
			"trailing slash":           {"redirect_uri": {webtest.Callback + "/"}},
			"added query":              {"redirect_uri": {webtest.Callback + "?x=y"}},
			"fragment":                 {"redirect_uri": {webtest.Callback + "#x"}},
			"dots":                     {"redirect_uri": {"https://app.example.test/x/../callback"}},
			"encoded dots":             {"redirect_uri": {"https://app.example.test/%2e/callback"}},
			"userinfo":                 {"redirect_uri": {"https://u@app.example.test/callback"}},
			"another host":             {"redirect_uri": {"https://evil.test/callback"}},
			"missing query":            {"redirect_uri": {"https://app.example.test/other"}},
			"other response_mode, too": {"redirect_uri": {"https://evil.test/"}, "response_mode": {"fragment"}},
		} {
			p := h.Browser(t).Get(h.AuthorizeURL(client, with))
			if p.Status != http.StatusBadRequest && p.Status != http.StatusUnauthorized || p.Location != nil {
				t.Errorf("%s: %d to %v", name, p.Status, p.Location)
			}
			if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s: answered %q", name, p.Header.Get("Content-Type"))
			}
		}
		if p := h.Browser(t).Get(h.AuthorizeURL(client, url.Values{"redirect_uri": {"https://evil.test/?secret=1"}})); !strings.Contains(p.Text(), "redirect_uri is not registered for this client") {
			t.Errorf("the page says %q", p.Text())
		}
		if e := h.Refusal(t, "redirect_uri_registered"); strings.Contains(string(e.Cause.Received), "secret") {
			t.Errorf("the query was kept: %q", e.Cause.Received)
		}
	})
}

// What is wrong after it goes back to the client, with state and iss (RFC 9207 §2).
func TestAuthorize_tellsTheClientWhatIsWrong(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		for _, c := range []struct {
			name string
			with url.Values
			code string
			rule string
		}{
			{"no response_type", url.Values{"response_type": {""}}, "invalid_request", "response_type_present"},
			{"response_type token", url.Values{"response_type": {"token"}}, "unsupported_response_type", "response_type_supported"},
			{"response_mode form_post", url.Values{"response_mode": {"form_post"}}, "invalid_request", "response_mode_supported"},
			{"scope twice", url.Values{"scope": {"openid", "email"}}, "invalid_request", "parameter_once"},
			{"unknown scope", url.Values{"scope": {"openid nonsense"}}, "invalid_scope", "scope_known"},
			{"malformed scope", url.Values{"scope": {"openid \"x\""}}, "invalid_scope", "scope_syntax"},
			{"prompt none and login", url.Values{"prompt": {"none login"}}, "invalid_request", "prompt_none_alone"},
			{"unknown prompt", url.Values{"prompt": {"maybe"}}, "invalid_request", "prompt_known"},
			{"max_age -1", url.Values{"max_age": {"-1"}}, "invalid_request", "max_age_number"},
			{"max_age abc", url.Values{"max_age": {"abc"}}, "invalid_request", "max_age_number"},
			{"no challenge", url.Values{"code_challenge": {""}, "code_challenge_method": {""}}, "invalid_request", "pkce_required"},
			{"plain challenge", url.Values{"code_challenge_method": {"plain"}}, "invalid_request", "code_challenge_method_supported"},
			{"no method", url.Values{"code_challenge_method": {""}}, "invalid_request", "code_challenge_method_supported"},
			{"method alone", url.Values{"code_challenge": {""}}, "invalid_request", "code_challenge_present"},
			{"short challenge", url.Values{"code_challenge": {"short"}}, "invalid_request", "code_challenge_syntax"},
			{"request object", url.Values{"request": {"x.y.z"}}, "request_not_supported", "request_object"},
			{"request_uri", url.Values{"request_uri": {"https://x.test"}}, "request_uri_not_supported", "request_object"},
			{"garbage hint", url.Values{"id_token_hint": {"garbage"}}, "invalid_request", "id_token_hint_valid"},
			{"unknown resource", url.Values{"resource": {"https://api.test"}}, "invalid_target", "resource_known"},
			{"prompt none, signed out", url.Values{"prompt": {"none"}}, "login_required", "signed_in"},
		} {
			p := h.Browser(t).Get(h.AuthorizeURL(client, c.with))
			if p.Location == nil || p.Status != http.StatusSeeOther {
				t.Errorf("%s: %d %s", c.name, p.Status, p.Text())
				continue
			}
			q := webtest.Told(p.Location)
			if q.Get("error") != c.code || q.Get("state") != "state-0123456789" || q.Get("iss") != h.Issuer || q.Get("error_uri") == "" || q.Has("code") {
				t.Errorf("%s: the client was told %v", c.name, q)
			}
			h.Refusal(t, c.rule)
			if p.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: authorize sends CORS headers", c.name)
			}
		}
	})
}

func TestConsole_rolesAreEnforced(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		for role, want := range map[identity.Role]struct{ read, write int }{
			identity.RoleAdmin: {200, 422}, identity.RoleOperator: {200, 403}, identity.RoleAuditor: {200, 403}, identity.RoleUser: {403, 403},
		} {
			b := h.Browser(t)
			b.SignIn(h.User(t, func(u *identity.User) { u.Role = role }))
			b.Get("/account")
			token := b.Form("/logout").Values.Get("csrf_token")
			if p := b.Get("/console/clients/" + client.ID); p.Status != want.read {
				t.Errorf("%s reads: %d", role, p.Status)
			}
			if p := b.Post("/console/clients", url.Values{"csrf_token": {token}}); p.Status != want.write {
				t.Errorf("%s writes: %d %s", role, p.Status, p.Text())
			}
		}
		if p := h.Browser(t).Get("/console/clients?q=x"); p.URL.Path != "/login" || p.URL.Query().Get("return_to") != "/console/clients?q=x" {
			t.Errorf("a stranger was led to %s", p.URL)
		}
		h.Refusal(t, "role")
	})
}
