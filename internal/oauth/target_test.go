package oauth

import (
	"net/url"
	"strings"
	"testing"
)

// RFC 6749 §3.1.2 (the query is kept), §4.1.2; RFC 9207 §2.
func TestTarget_redirect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, state, want string }{
		{"https://app.example/cb", "", "https://app.example/cb?code=x&iss=https%3A%2F%2Fid.example"},
		{"https://app.example/cb", "s", "https://app.example/cb?code=x&iss=https%3A%2F%2Fid.example&state=s"},
		{"https://app.example", "s", "https://app.example?code=x&iss=https%3A%2F%2Fid.example&state=s"},
		{"https://app.example/cb?tenant=1&b=%2F+", "s", "https://app.example/cb?tenant=1&b=%2F+&code=x&iss=https%3A%2F%2Fid.example&state=s"},
		{"https://app.example/cb?", "s", "https://app.example/cb?code=x&iss=https%3A%2F%2Fid.example&state=s"},
		{"http://127.0.0.1:51004/cb", "s", "http://127.0.0.1:51004/cb?code=x&iss=https%3A%2F%2Fid.example&state=s"},
		{"com.example.app:/cb", "s", "com.example.app:/cb?code=x&iss=https%3A%2F%2Fid.example&state=s"},
		{"com.example.app:cb", "s", "com.example.app:cb?code=x&iss=https%3A%2F%2Fid.example&state=s"},
	} {
		target := &Target{RedirectURI: c.uri, state: c.state, issuer: issuer}
		if got := target.redirect(url.Values{"code": {"x"}}); got != c.want {
			t.Errorf("%s: %s", c.uri, got)
		}
	}
}

// state comes back as it was sent, whatever it holds (certification sends 128 characters), and splits no header.
func TestTarget_redirectGivesStateBackUntouched(t *testing.T) {
	t.Parallel()
	for _, state := range []string{
		"a b+c%20d", "&code=evil&iss=https://evil.test#", "\r\nSet-Cookie: a=b", "é🙂", strings.Repeat("aB3~._-", 18) + "xx", `"<script>`, "=", "?",
	} {
		target := &Target{RedirectURI: "https://app.example/cb?own=1", state: state, issuer: issuer}
		for _, where := range []string{target.redirect(url.Values{"code": {"x"}}), target.Refuse(InvalidRequest("The request is too long."), issuer+"/errors/invalid_request?request=1")} {
			u, err := url.Parse(where)
			if err != nil || u.Fragment != "" || u.Host != "app.example" || strings.ContainsAny(where, "\r\n \"<") {
				t.Fatalf("%q: %v", where, err)
			}
			q := u.Query()
			if got := q["state"]; len(got) != 1 || got[0] != state {
				t.Errorf("%q came back as %q", state, got)
			}
			if got := q["iss"]; len(got) != 1 || got[0] != issuer {
				t.Errorf("iss is %q", got)
			}
			if q.Get("own") != "1" {
				t.Errorf("the client's own query is gone: %s", where)
			}
			if q.Has("error") == q.Has("code") {
				t.Errorf("both or neither of code and error: %s", where)
			}
		}
	}
}

// Certification refuses any other member in an error answer; RFC 6749 §4.1.2.1.
func TestTarget_refuse(t *testing.T) {
	t.Parallel()
	target := &Target{RedirectURI: "https://app.example/cb", state: "s", issuer: issuer}
	e := InvalidScope("A scope does not exist.").Because(causeReceived("scope_known", "a scope that exists", "gh_private", "Create it."))
	where := target.Refuse(e, issuer+"/errors/invalid_scope?request=7")
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"error": {"invalid_scope"}, "error_description": {"A scope does not exist."}, "error_uri": {issuer + "/errors/invalid_scope?request=7"}, "state": {"s"}, "iss": {issuer},
	}
	if got := u.Query(); got.Encode() != want.Encode() {
		t.Errorf("%v", got)
	}
	if strings.Contains(where, "scope_known") || strings.Contains(where, "gh_private") { // security.md rule 14
		t.Errorf("the cause goes out: %s", where)
	}
}

// RFC 6749 §3.1.2.3, OpenID Connect Core §3.1.2.1, RFC 9700 §4.1.3; cases 34, 35.
func TestTarget_prove(t *testing.T) {
	t.Parallel()
	one, two := RedirectURIs{"https://app.example/cb"}, RedirectURIs{"https://app.example/cb", "http://127.0.0.1/cb"}
	missing, unregistered := "invalid_request redirect_uri_present", "invalid_request redirect_uri_registered"
	for _, c := range []struct {
		name       string
		registered RedirectURIs
		query      string
		leads      string
		rule       string
	}{
		{"the only one", one, "redirect_uri=https://app.example/cb", "https://app.example/cb", ""},
		{"one of two", two, "redirect_uri=http://127.0.0.1:7/cb", "http://127.0.0.1:7/cb", ""},
		{"none sent, one registered", one, "scope=read", "https://app.example/cb", ""},
		{"an empty one counts as none", one, "redirect_uri=", "https://app.example/cb", ""},
		{"none sent, two registered", two, "", "", missing},
		{"none sent, none registered", nil, "", "", missing},
		{"none sent, but OpenID Connect needs it", one, "scope=email+openid", "", missing},
		{"another", one, "redirect_uri=https://evil.test/cb", "", unregistered},
		{"one character more", one, "redirect_uri=https://app.example/cb/", "", unregistered},
		{"its query", one, "redirect_uri=https://app.example/cb%3Fx%3D1", "", unregistered},
		{"any, none registered", nil, "redirect_uri=https://app.example/cb", "", unregistered},
	} {
		p := parse(t, c.query)
		target := &Target{Client: &Client{RedirectURIs: c.registered}, RedirectURI: p.Get("redirect_uri"), sent: p.Has("redirect_uri"), issuer: issuer}
		e := target.prove(p)
		if refused(e) != c.rule || e == nil && target.RedirectURI != c.leads {
			t.Errorf("%s: %q, %s", c.name, target.RedirectURI, refused(e))
		}
		if c.rule == unregistered && e.Description != "redirect_uri is not registered for this client" { // robots look for it
			t.Errorf("%s: %s", c.name, e.Description)
		}
	}
}

// Client and redirect_uri have to be single before anything may be redirected (RFC 6749 §4.1.2.1; case 37).
func TestTarget_isNotProvenFromDoubles(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": "invalid_request client_id_present", "client_id=": "invalid_request client_id_present",
		"client_id=a&client_id=a":                          "invalid_request parameter_once",
		"client_id=a&redirect_uri=x&redirect_uri=x":        "invalid_request parameter_once",
		"redirect_uri=https://x&redirect_uri=https://evil": "invalid_request parameter_once",
	} {
		if target, err := keyed().Target(t.Context(), parse(t, query)); rule(err) != want || target != nil {
			t.Errorf("%q: %s", query, rule(err))
		}
	}
}

func FuzzTarget_redirect(f *testing.F) {
	f.Add("https://app.example/cb", "state")
	f.Add("https://app.example/cb?a=1", "\r\n")
	f.Add("com.example.app:/cb", "&code=x")
	f.Fuzz(func(t *testing.T, uri, state string) {
		if redirectURIFault(uri) != "" || !ValidText(state) {
			t.Skip()
		}
		where := (&Target{RedirectURI: uri, state: state, issuer: issuer}).redirect(url.Values{"code": {"gh_ac_x"}})
		rest, found := strings.CutPrefix(where, uri)
		if !found || strings.ContainsAny(where, "\r\n\x00# ") {
			t.Fatalf("%q leads to %q", uri, where)
		}
		answer, err := url.ParseQuery(strings.TrimLeft(rest, "?&"))
		if err != nil || answer.Get("state") != state || answer.Get("iss") != issuer || answer.Get("code") != "gh_ac_x" {
			t.Errorf("%q with %q leads to %q: %v", uri, state, where, err)
		}
	})
}
