package oauth

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
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
		{"https://app.example/cb?ask=why?", "s", "https://app.example/cb?ask=why?&code=x&iss=https%3A%2F%2Fid.example&state=s"},
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

// An answer goes where the client registered that it may, whatever is sent, and says what it says once (RFC 6749 §3.1.2, §4.1.2).
func FuzzTarget_redirect(f *testing.F) {
	f.Add("https://app.example/cb", "https://app.example/cb", "state")
	f.Add("https://app.example/cb?a=1", "", "\r\n")
	f.Add("http://127.0.0.1/cb?", "http://127.0.0.1:51004/cb?", "é&=%00")
	f.Add("http://[::1]:80", "http://[::1]", "#")
	f.Add("com.example.app:/cb", "com.example.app:/cb", "&code=x")
	f.Add("https://app.example", "https://app.example.evil.test", "s")
	f.Add("https://app.example?x=%26&", "https://app.example?x=%26&", "")
	f.Fuzz(func(t *testing.T, registered, requested, state string) {
		if redirectURIFault(registered) != "" || !ValidText(requested) || !ValidText(state) {
			t.Skip()
		}
		target := &Target{
			Client: &Client{RedirectURIs: RedirectURIs{registered}}, RedirectURI: requested, sent: requested != "", state: state, issuer: issuer,
		}
		if e := target.prove(Params{}); e != nil {
			if requested == "" || redirectURIMatches(registered, requested) {
				t.Errorf("%q for %q: %v", requested, registered, e)
			}
			return
		}
		want := url.Values{"iss": {issuer}}
		if state != "" {
			want.Set("state", state)
		}
		for where, own := range map[string]url.Values{
			target.redirect(url.Values{"code": {"gh_ac_x"}}):   {"code": {"gh_ac_x"}},
			target.Refuse(InvalidScope("No."), issuer+"/err?"): {"error": {"invalid_scope"}, "error_description": {"No."}, "error_uri": {issuer + "/err?"}},
		} {
			there, ok := browse(where)
			home, known := browse(registered)
			if ok != known || there.scheme != home.scheme || there.host != home.host || there.port != home.port && there.host != "127.0.0.1" && there.host != "[::1]" {
				t.Errorf("%q, registered as %q, leads to %q", requested, registered, where)
			}
			rest, found := strings.CutPrefix(where, target.RedirectURI)
			if !found || strings.ContainsFunc(where, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) || !strings.Contains(where, "?") {
				t.Fatalf("%q, registered as %q, leads to %q", requested, registered, where)
			}
			maps.Copy(own, want)
			answer, err := url.ParseQuery(strings.TrimLeft(rest, "?&"))
			if err != nil || !reflect.DeepEqual(answer, own) {
				t.Errorf("%q with %q leads to %q: %v", requested, state, where, err)
			}
			before, _ := url.ParseQuery(query(target.RedirectURI))
			after, _ := url.ParseQuery(query(where))
			for name, values := range before { // the client's own come first, as they are
				if len(after[name]) < len(values) || !slices.Equal(after[name][:len(values)], values) {
					t.Errorf("%q loses %q on the way to %q", requested, name, where)
				}
			}
		}
	})
}

func query(uri string) string {
	_, q, _ := strings.Cut(uri, "?")
	return q
}
