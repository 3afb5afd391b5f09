package oauth

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1; case 73.
func TestRedirectURIFault(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://app.example", "https://app.example/", "https://app.example/cb", "https://app.example/cb?tenant=1&x=y", "https://app.example/cb?",
		"https://app.example:8443/cb", "https://app.example:443/cb", "https://xn--bcher-kva.example/cb", "https://192.0.2.1/cb", "https://[2001:db8::1]/cb",
		"https://app.example/a%20b", "https://app.example/.well-known/cb", "https://app.example./cb", "https://1.example/cb", "https://app.1a/cb", "https://app.example/a..b/...", "https://localhost/cb",
		"http://localhost/cb", "http://localhost:3000/cb", "http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535", "http://[::1]/cb", "http://[::1]:8080/cb",
		"com.example.app:/cb", "com.example.app://cb", "com.example.app:cb", "com.example.app:/", "https://app.example/" + strings.Repeat("x", 2000-len("https://app.example/")),
	} {
		if fault := redirectURIFault(good); fault != "" {
			t.Errorf("%q: %s", good, fault)
		}
	}
	for _, bad := range []string{
		"", " ", "/cb", "//app.example/cb", "app.example/cb", "cb", "?x", "https:", "https:/cb", "https:///cb", "https:cb", "https://", "https://:443/cb", "https://?x",
		"https://app.example/" + strings.Repeat("x", 2001-len("https://app.example/")),
		"https://app.example/#", "https://app.example/cb#x", "https://app.example/cb?x#", "com.example.app:/cb#x", // fragments
		"https://user@app.example/cb", "https://user:pw@app.example/cb", "https://@app.example/cb", "https://app.example@evil.test/cb", "com.example.app://u@cb", // user names
		"HTTPS://app.example/cb", "Https://app.example/cb", "Com.Example.App:/cb", "https://App.example/cb", "https://app.EXAMPLE/cb", // one spelling each
		"https://app.example/cb?code=x", "https://app.example/cb?a=b&state=", "https://app.example/cb?iss", "https://app.example/cb?%63ode=x", "com.example.app:/cb?error=x", // of the answer
		"http://app.example/cb", "http://127.0.0.1.evil.test/cb", "http://localhost.evil.test/cb", "http://evil.test/127.0.0.1", "http://127.0.0.2/cb", "http://0.0.0.0/cb",
		"http://127.1/cb", "http://2130706433/cb", "http://0x7f000001/cb", "http://[::]/cb", "http://[::ffff:127.0.0.1]/cb", "http://[0:0:0:0:0:0:0:1]/cb", "http://[::1%25lo]/cb",
		"http://LOCALHOST/cb", "http://localhost./cb", "http://10.0.0.1/cb", "http://", "http:cb",
		"https://app.example:/cb", "https://app.example:0/cb", "https://app.example:65536/cb", "https://app.example:http/cb", "https://app.example:-1/cb", "https://app.example:99999999999999999999/cb", "http://127.0.0.1:0/cb", // ports
		"https://app.example/../cb", "https://app.example/a/..", "https://app.example/./cb", "https://app.example/.", "https://app.example/%2e%2e/cb", "https://app.example/%2E./cb", "https://app.example/.%2e", "https://app.example/%2E/", // dots
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "blob:https://app.example/x", "about:blank", "ftp://app.example/cb", "ws://app.example", "urn:ietf:wg:oauth:2.0:oob", "myapp://cb", "localhost:3000/cb",
		"com.example.app:", "com.example.app:?x", "com.example.app", ".:/cb",
		"https://app.example/a b", "https://app.example/\tcb", "https://app.example/\r\nSet-Cookie: a=b", "https://app.example/\x00", "https://app.example/\x7f", " https://app.example/", "https://app.example/ ",
		"https://app.example\\@evil.test/cb", `https://app.example/\..`, `https://app.example/"x`, "https://app.example/<script>", "https://app.example/é", "https://bücher.example/cb", "https://b%C3%BCcher.example/cb",
		"https://app.example/%zz", "https://app.example/%", "https://app.exam%70le/cb", "https://[::1", "https://app.example]/cb", "https://*/cb", "https://*.example/cb",
		"https://2130706433/cb", "https://127.1/cb", "https://0x7f.0.0.1/cb", "https://1.2.0x/cb", "https://0177.0.0.1/cb", "https://127.0.0.1./cb", "https://256.0.0.1/cb", "https://app.example.1/cb", // a browser reads numbers its own way
	} {
		if redirectURIFault(bad) == "" {
			t.Errorf("%q passes", bad)
		}
	}
}

// Cases 35 and 36: RFC 9700 §4.1.3 (exact), RFC 8252 §7.3 (any port of a loopback IP) and §8.3 (not of localhost).
func TestRedirectURIMatches(t *testing.T) {
	t.Parallel()
	const web = "https://app.example/cb"
	for _, c := range []struct {
		registered, requested string
		want                  bool
	}{
		{web, web, true},
		{"https://app.example/cb?a=1", "https://app.example/cb?a=1", true},
		{"com.example.app:/cb", "com.example.app:/cb", true},
		{web, "", false},
		{web, "https://app.example:443/cb", false},
		{web, "https://APP.example/cb", false},
		{web, "HTTPS://app.example/cb", false},
		{web, "https://app.example/cb/", false},
		{web, "https://app.example/CB", false},
		{web, "https://app.example/cb?a=1", false},
		{web, "https://app.example/cb?", false},
		{web, "https://app.example/cb#", false},
		{web, "https://app.example/x/../cb", false},
		{web, "https://app.example/./cb", false},
		{web, "https://app.example/%63b", false},
		{web, "https://app.example/cb%2e", false},
		{web, "https://user@app.example/cb", false},
		{web, "https://app.example@evil.test/cb", false},
		{web, "https://app.example.evil.test/cb", false},
		{web, "https://evil.test/https://app.example/cb", false},
		{web, "http://app.example/cb", false},
		{web, "https://app.example:8443/cb", false}, // a port is free on a loopback IP alone
		{web, web + " ", false},
		{web, web + "\r\nX: y", false},
		{"https://app.example/cb?a=1", "https://app.example/cb?a=2", false},
		{"https://app.example/cb?a=1", "https://app.example/cb", false},
		{"https://app.example/cb?a=1", "https://app.example/cb?a=1&b=2", false},
		{"https://app.example/cb?a=1&b=2", "https://app.example/cb?b=2&a=1", false},
		{"com.example.app:/cb", "com.example.app://cb", false},
		{"https://*.example/cb", "https://app.example/cb", false},

		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true},
		{"http://127.0.0.1:80/cb", "http://127.0.0.1/cb", true},
		{"http://127.0.0.1:3000/cb", "http://127.0.0.1:65535/cb", true},
		{"http://127.0.0.1", "http://127.0.0.1:1", true},
		{"http://127.0.0.1/cb?a=1", "http://127.0.0.1:1/cb?a=1", true},
		{"http://127.0.0.1?a=1", "http://127.0.0.1:1?a=1", true},
		{"http://[::1]/cb", "http://[::1]:51004/cb", true},
		{"http://[::1]:1/cb", "http://[::1]/cb", true},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/other", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb/", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?a=1", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb#", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004", false},
		{"http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false},
		{"https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false},
		{"http://127.0.0.1/cb", "http://[::1]:51004/cb", false},
		{"http://[::1]/cb", "http://127.0.0.1:51004/cb", false},
		{"http://127.0.0.1/cb", "http://localhost:51004/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.2:51004/cb", false},
		{"http://localhost/cb", "http://localhost:51004/cb", false},
		{"http://localhost:3000/cb", "http://localhost:3001/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004.evil.test/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004@evil.test/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1@evil.test/cb", false},
		{"http://127.0.0.1/cb", `http://127.0.0.1:51004\@evil.test/cb`, false},
		{"http://127.0.0.1/cb", "http://evil.test:80@127.0.0.1:51004/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.11:51004/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:-1/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1: 80/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80\r\n/cb", false},
		{"http://127.0.0.1/cb", "HTTP://127.0.0.1:51004/cb", false},
		{"http://[::1]/cb", "http://[::1]51004/cb", false},
		{"http://[::1]/cb", "http://[::1%25lo]:51004/cb", false},
		{"http://[::1]/cb", "http://[0:0:0:0:0:0:0:1]:51004/cb", false},
		{"http://[::1]/cb", "http://::1:51004/cb", false},
	} {
		if got := redirectURIMatches(c.registered, c.requested); got != c.want {
			t.Errorf("%q against %q: %t", c.requested, c.registered, got)
		}
	}
}

// RFC 8252 §8.6, security.md rule 19: a public client on this machine could be any program.
func TestRememberable(t *testing.T) {
	t.Parallel()
	for uri, public := range map[string]bool{
		"https://app.example/cb": true, "https://localhost.example/cb": true, "https://192.0.2.1/cb": true,
		"http://127.0.0.1:1/cb": false, "http://[::1]/cb": false, "http://localhost/cb": false, "com.example.app:/cb": false,
		"https://localhost/cb": false, "https://app.localhost/cb": false, "https://127.0.0.1:8443/cb": false, "https://127.0.0.9/cb": false, "https://[::1]/cb": false, "https://[::ffff:127.0.0.1]/cb": false,
		"https://localhost./cb": false, "https://app.localhost./cb": false, "https://0.0.0.0/cb": false, "https://[::]/cb": false,
		"": false, "%": false,
	} {
		at := func(method, grant string) bool {
			target := &Target{Client: &Client{TokenEndpointAuthMethod: method}, RedirectURI: uri}
			return (&Authorization{Target: target, responseType: responseType{grant: grant}}).rememberable()
		}
		if got := at(AuthNone, GrantAuthorizationCode); got != public {
			t.Errorf("of a public client at %q: %t", uri, got)
		}
		if !at(AuthBasic, GrantAuthorizationCode) {
			t.Errorf("of a confidential client at %q: false", uri)
		}
		if got := at(AuthBasic, GrantImplicit); got != public { // with implicit it proves nothing
			t.Errorf("of implicit at %q: %t", uri, got)
		}
	}
}

func TestClient_Remembered(t *testing.T) {
	t.Parallel()
	const far, near = "https://app.example/cb", "http://127.0.0.1/cb"
	for _, c := range []struct {
		name                 string
		client               Client
		anywhere, everywhere bool
	}{
		{"a secret", Client{TokenEndpointAuthMethod: AuthBasic, GrantTypes: Words{GrantAuthorizationCode}, RedirectURIs: RedirectURIs{far, near}}, true, true},
		{"a secret, and implicit too", Client{TokenEndpointAuthMethod: AuthBasic, GrantTypes: Words{GrantAuthorizationCode, GrantImplicit}, RedirectURIs: RedirectURIs{near}}, true, false},
		{"public", Client{TokenEndpointAuthMethod: AuthNone, GrantTypes: Words{GrantAuthorizationCode}, RedirectURIs: RedirectURIs{far}}, true, true},
		{"public, here as well", Client{TokenEndpointAuthMethod: AuthNone, GrantTypes: Words{GrantAuthorizationCode}, RedirectURIs: RedirectURIs{far, near}}, true, false},
		{"public, here alone", Client{TokenEndpointAuthMethod: AuthNone, GrantTypes: Words{GrantAuthorizationCode}, RedirectURIs: RedirectURIs{near}}, false, false},
	} {
		if anywhere, everywhere := c.client.Remembered(); anywhere != c.anywhere || everywhere != c.everywhere {
			t.Errorf("%s: %t, %t", c.name, anywhere, everywhere)
		}
	}
}

func TestRedirectHost(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://app.example/cb": "app.example", "https://app.example:8443/cb?x": "app.example:8443", "http://127.0.0.1:3000/cb": "127.0.0.1:3000",
		"http://[::1]:1/cb": "[::1]:1", "com.example.app:/cb": "com.example.app:", "com.example.app://bank.example/cb": "com.example.app:", "%": "",
	} {
		if got := RedirectHost(uri); got != want {
			t.Errorf("%q leads to %q", uri, got)
		}
	}
}

// What may be registered leads a browser to the host that people are shown (RFC 9700 §4.1.3, security.md rule 19), or nowhere.
func FuzzRedirectURIFault(f *testing.F) {
	for _, s := range []string{
		"https://app.example/cb", "http://127.0.0.1:1/cb", "http://[::1]/cb?x", "com.example.app:/cb", `http://127.0.0.1\.evil.test`, "https://a/%2e",
		"https://xn--bcher-kva.example:08443/cb?", "https://[2001:db8:0::1]/cb", "https://2130706433/cb", "https://127.1/cb", "https://0x7f.1/cb", "https://localhost./cb",
		"https://a..b/", `https://app.example/\..`, "https://app.example@evil.test/", "https:///app.example/cb", "https:app.example", "HTTPS://APP.example/cb", "https://app.example:443\t/cb",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if redirectURIFault(s) != "" {
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.User != nil || len(s) > maxURI || strings.ContainsAny(s, `"<>\#`) || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Fatalf("%q passes: %v", s, err)
		}
		var kept RedirectURIs
		if value, _ := (RedirectURIs{s, s}).Value(); kept.Scan(value) != nil || !slices.Equal(kept, RedirectURIs{s, s}) {
			t.Errorf("%q comes back as %q", s, kept)
		}
		seen, ok := browse(s)
		if !ok { // a port that is none, say: nobody gets there
			return
		}
		if seen.scheme != u.Scheme {
			t.Errorf("%q leads to %s", s, seen.scheme)
		}
		shown := RedirectHost(s)
		if u.Scheme != "https" && u.Scheme != "http" {
			if !strings.Contains(u.Scheme, ".") || shown != u.Scheme+":" {
				t.Errorf("%q is shown as %q", s, shown)
			}
			return
		}
		host, port := shown, ""
		if colon := strings.LastIndexByte(shown, ':'); colon > strings.LastIndexByte(shown, ']') {
			host, port = shown[:colon], shown[colon+1:]
		}
		if again, ok := browserHost(host); !ok || again != seen.host || host[0] != '[' && host != seen.host { // an IPv6 address has several spellings
			t.Errorf("%q is shown as %q and leads to %q", s, shown, seen.host)
		}
		if port, ok := browserPort(u.Scheme, port); !ok || port != seen.port {
			t.Errorf("%q is shown as %q and leads to port %q", s, shown, seen.port)
		}
		if u.Scheme == "http" && !seen.local() {
			t.Errorf("%q is plain http", s)
		}
		if seen.local() && (&Authorization{Target: &Target{Client: &Client{TokenEndpointAuthMethod: AuthNone}, RedirectURI: s}}).rememberable() {
			t.Errorf("%q is this machine, and consent is remembered", s)
		}
	})
}

// loopbackRedirect takes a loopback redirect apart on its own (RFC 8252 §7.3).
var loopbackRedirect = regexp.MustCompile(`(?s)^http://(127\.0\.0\.1|\[::1\])(?::0*(\d{1,5}))?((?:[/?#].*)?)$`)

// A match is equality of bytes, but for the port of a loopback IP (RFC 9700 §4.1.3, RFC 8252 §7.3).
func FuzzRedirectURIMatches(f *testing.F) {
	for _, s := range []struct{ registered, requested string }{
		{"https://app.example/cb", "https://app.example/cb"}, {"https://app.example/cb", "https://app.example:443/cb"}, {"https://app.example/cb", "https://app.example/cb/"},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"}, {"http://127.0.0.1:80?x", "http://127.0.0.1?x"}, {"http://[::1]:1", "http://[::1]:65535"}, {"http://127.0.0.1/cb", "http://[::1]:1/cb"},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80@evil.test/cb"}, {"http://127.0.0.1/cb", `http://127.0.0.1:80\.evil.test/cb`}, {"http://127.0.0.1/cb", "http://127.0.0.11:80/cb"},
		{"http://[::1]/cb", "http://[::1]1/cb"}, {"http://127.0.0.1/cb", "http://127.0.0.1:00000080/cb"}, {"http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"},
		{"http://localhost/cb", "http://localhost:1/cb"}, {"https://127.0.0.1/cb", "https://127.0.0.1:1/cb"}, {"com.example.app:/cb", "com.example.app:1/cb"},
	} {
		f.Add(s.registered, s.requested)
	}
	portless := func(uri string) string {
		if m := loopbackRedirect.FindStringSubmatch(uri); m != nil && (len(m[2]) < 5 || m[2] <= "65535") {
			return m[1] + m[3]
		}
		return ""
	}
	f.Fuzz(func(t *testing.T, registered, requested string) {
		want := registered == requested || portless(registered) != "" && portless(registered) == portless(requested)
		if got := redirectURIMatches(registered, requested); got != want {
			t.Errorf("%q against %q: %t", requested, registered, got)
		}
	})
}
