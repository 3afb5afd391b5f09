package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Whom a URL answers.
const (
	aPerson  = "person"
	aPassage = "passage" // its forms may lead out to a client
	aMachine = "machine"
	aFile    = "file"
	aProbe   = "probe"
)

// street is every URL there is, and whom it answers. :id is filled in.
var street = []struct{ method, path, audience string }{
	{"GET", "/oauth/authorize", aPassage}, {"POST", "/oauth/authorize", aPassage},
	{"POST", "/oauth/token", aMachine}, {"POST", "/oauth/revoke", aMachine}, {"POST", "/oauth/introspect", aMachine},
	{"GET", "/oauth/userinfo", aMachine}, {"POST", "/oauth/userinfo", aMachine}, {"GET", "/oauth/jwks", aMachine},
	{"GET", "/auth", aPassage}, {"POST", "/auth", aPassage}, {"POST", "/token", aMachine}, {"POST", "/refresh_token", aMachine}, {"GET", "/users/me", aMachine},
	{"GET", "/.well-known/openid-configuration", aMachine}, {"GET", "/.well-known/oauth-authorization-server", aMachine},
	{"GET", "/errors/:code", aPerson}, {"GET", "/", aPerson},
	{"GET", "/consent", aPassage}, {"POST", "/consent", aPassage}, {"GET", "/login", aPassage}, {"POST", "/login", aPassage},
	{"GET", "/logout", aPassage}, {"POST", "/logout", aPassage},
	{"GET", "/setup", aPerson}, {"POST", "/setup", aPerson}, {"GET", "/reset", aPerson}, {"POST", "/reset", aPerson},
	{"POST", "/preferences/theme", aPerson},
	{"GET", "/account", aPerson}, {"POST", "/account/profile", aPerson}, {"POST", "/account/password", aPerson},
	{"POST", "/account/sessions/end-others", aPerson}, {"POST", "/account/sessions/:id/end", aPerson}, {"POST", "/account/consents/:client/withdraw", aPerson},
	{"GET", "/console", aPerson}, {"GET", "/console/clients", aPerson}, {"POST", "/console/clients", aPerson}, {"GET", "/console/clients/new", aPerson},
	{"GET", "/console/clients/import", aPerson}, {"POST", "/console/clients/import", aPerson}, {"POST", "/console/clients/redirect-uri", aPerson},
	{"GET", "/console/clients/export", aPerson}, {"GET", "/console/clients/:id/export", aPerson},
	{"GET", "/console/clients/:id", aPerson}, {"POST", "/console/clients/:id", aPerson},
	{"GET", "/console/clients/:id/disable", aPerson}, {"POST", "/console/clients/:id/disable", aPerson}, {"POST", "/console/clients/:id/enable", aPerson},
	{"GET", "/console/clients/:id/delete", aPerson}, {"POST", "/console/clients/:id/delete", aPerson},
	{"GET", "/console/clients/:id/branding", aPerson}, {"POST", "/console/clients/:id/branding", aPerson}, {"POST", "/console/clients/:id/branding/preview", aPerson},
	{"GET", "/console/settings/branding", aPerson}, {"POST", "/console/settings/branding", aPerson}, {"POST", "/console/settings/branding/preview", aPerson},
	{"GET", "/console/clients/:id/scopes", aPerson}, {"POST", "/console/clients/:id/scopes", aPerson},
	{"GET", "/console/clients/:id/tokens", aPerson}, {"POST", "/console/clients/:id/tokens", aPerson},
	{"GET", "/console/clients/:id/credentials", aPerson}, {"GET", "/console/clients/:id/integrate", aPerson},
	{"GET", "/console/clients/:id/access", aPerson}, {"GET", "/console/clients/:id/consents", aPerson}, {"GET", "/console/clients/:id/activity", aPerson}, {"POST", "/console/clients/:id/secrets", aPerson},
	{"GET", "/console/clients/:id/secrets/:secret/revoke", aPerson}, {"POST", "/console/clients/:id/secrets/:secret/revoke", aPerson},
	{"GET", "/console/apis", aPerson}, {"POST", "/console/apis", aPerson}, {"GET", "/console/apis/new", aPerson},
	{"GET", "/console/apis/:id", aPerson}, {"POST", "/console/apis/:id", aPerson},
	{"GET", "/console/apis/:id/rotate-secret", aPerson}, {"POST", "/console/apis/:id/rotate-secret", aPerson},
	{"GET", "/console/apis/:id/delete", aPerson}, {"POST", "/console/apis/:id/delete", aPerson},
	{"GET", "/console/scopes", aPerson}, {"POST", "/console/scopes", aPerson}, {"GET", "/console/scopes/new", aPerson},
	{"GET", "/console/scopes/edit", aPerson}, {"POST", "/console/scopes/edit", aPerson},
	{"GET", "/console/scopes/delete", aPerson}, {"POST", "/console/scopes/delete", aPerson},
	{"GET", "/console/groups", aPerson}, {"POST", "/console/groups", aPerson}, {"GET", "/console/groups/new", aPerson}, {"GET", "/console/groups/:id", aPerson},
	{"GET", "/console/groups/:id/edit", aPerson}, {"POST", "/console/groups/:id/edit", aPerson}, {"POST", "/console/groups/:id/members", aPerson},
	{"GET", "/console/groups/:id/members/:user/remove", aPerson}, {"POST", "/console/groups/:id/members/:user/remove", aPerson},
	{"GET", "/console/groups/:id/delete", aPerson}, {"POST", "/console/groups/:id/delete", aPerson},
	{"GET", "/console/attributes", aPerson}, {"POST", "/console/attributes", aPerson}, {"GET", "/console/attributes/new", aPerson},
	{"GET", "/console/attributes/edit", aPerson}, {"POST", "/console/attributes/edit", aPerson},
	{"GET", "/console/attributes/delete", aPerson}, {"POST", "/console/attributes/delete", aPerson},
	{"GET", "/console/users/:id/security", aPerson}, {"POST", "/console/users/:id/unlock", aPerson}, {"GET", "/console/users/:id/consents", aPerson},
	{"GET", "/console/users/:id/consents/:client/withdraw", aPerson}, {"POST", "/console/users/:id/consents/:client/withdraw", aPerson},
	{"GET", "/console/users/import", aPerson}, {"POST", "/console/users/import", aPerson},
	{"GET", "/console/users/import/:id", aPerson}, {"POST", "/console/users/import/:id/start", aPerson}, {"POST", "/console/users/import/:id/cancel", aPerson},
	{"GET", "/console/users/import/:id/refused", aPerson}, {"GET", "/console/users/export", aPerson}, {"POST", "/console/users/export", aPerson},
	{"GET", "/console/users/:id/groups", aPerson}, {"POST", "/console/users/:id/groups", aPerson},
	{"GET", "/console/users", aPerson}, {"POST", "/console/users", aPerson}, {"GET", "/console/users/new", aPerson},
	{"GET", "/console/users/:id", aPerson}, {"POST", "/console/users/:id", aPerson},
	{"GET", "/console/users/:id/access", aPerson}, {"GET", "/console/users/:id/activity", aPerson},
	{"GET", "/console/users/:id/end", aPerson}, {"POST", "/console/users/:id/end", aPerson},
	{"GET", "/console/users/:id/disable", aPerson}, {"POST", "/console/users/:id/disable", aPerson}, {"POST", "/console/users/:id/enable", aPerson},
	{"GET", "/console/users/:id/reset-link", aPerson}, {"POST", "/console/users/:id/reset-link", aPerson},
	{"GET", "/console/users/:id/delete", aPerson}, {"POST", "/console/users/:id/delete", aPerson},
	{"GET", "/console/sessions", aPerson}, {"GET", "/console/sessions/end", aPerson}, {"POST", "/console/sessions/end", aPerson},
	{"GET", "/console/sessions/end-found", aPerson}, {"POST", "/console/sessions/end-found", aPerson},
	{"GET", "/console/families/revoke-found", aPerson}, {"POST", "/console/families/revoke-found", aPerson},
	{"GET", "/console/consents", aPerson}, {"GET", "/console/jobs/:id", aPerson}, {"POST", "/console/jobs/:id/cancel", aPerson},
	{"GET", "/console/sessions/:id", aPerson}, {"GET", "/console/sessions/:id/end", aPerson}, {"POST", "/console/sessions/:id/end", aPerson},
	{"GET", "/console/families", aPerson}, {"GET", "/console/families/revoke", aPerson}, {"POST", "/console/families/revoke", aPerson},
	{"GET", "/console/families/:id", aPerson}, {"GET", "/console/families/:id/revoke", aPerson}, {"POST", "/console/families/:id/revoke", aPerson},
	{"GET", "/console/keys", aPerson}, {"GET", "/console/keys/stage", aPerson}, {"POST", "/console/keys/stage", aPerson},
	{"GET", "/console/keys/replace", aPerson}, {"POST", "/console/keys/replace", aPerson},
	{"GET", "/console/keys/:id/roll-back", aPerson}, {"POST", "/console/keys/:id/roll-back", aPerson},
	{"GET", "/console/keys/:id/retire", aPerson}, {"POST", "/console/keys/:id/retire", aPerson},
	{"GET", "/console/security", aPerson}, {"POST", "/console/security", aPerson}, {"POST", "/console/security/measure", aPerson},
	{"GET", "/console/security/unblock", aPerson}, {"POST", "/console/security/unblock", aPerson},
	{"GET", "/console/settings", aPerson}, {"POST", "/console/settings", aPerson}, {"GET", "/console/system", aPerson}, {"GET", "/console/search", aPerson},
	{"GET", "/console/audit", aPerson}, {"GET", "/console/audit/export", aPerson}, {"GET", "/console/audit/verification", aPerson}, {"POST", "/console/audit/verification", aPerson},
	{"POST", "/console/audit/filters", aPerson}, {"POST", "/console/audit/filters/:id/delete", aPerson}, {"GET", "/console/audit/:id", aPerson}, {"GET", "/console/events/audit", aPerson},
	{"GET", "/brand/accent/:file", aFile}, {"GET", "/brand/logo/:file", aFile},
	{"GET", "/assets/*", aFile}, {"GET", "/favicon.ico", aFile}, {"GET", "/healthz", aProbe}, {"GET", "/readyz", aProbe},
	{"GET", "/metrics", aProbe},
}

// A route that is added is walked, too.
func TestHeaders_theStreetIsWhole(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	for _, r := range h.App.GetRoutes(true) {
		if r.Method == http.MethodHead || r.Method == http.MethodOptions {
			continue
		}
		if !slices.ContainsFunc(street, func(s struct{ method, path, audience string }) bool { return s.method == r.Method && s.path == r.Path }) {
			t.Errorf("%s %s is not walked", r.Method, r.Path)
		}
	}
}

// Whatever a URL answers, a page or an error, its headers are those of whom it answers (security.md rules 10 to 12).
func TestHeaders_fitWhomTheyAreFor(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		sheet := assetOf(h.Browser(t).Get("/login"), "css/gatehouse")
		for _, signedIn := range []bool{true, false} {
			who := b
			if !signedIn {
				who = h.Browser(t)
			}
			for _, s := range street {
				path := strings.NewReplacer(":code", "invalid_grant", ":id", client.ID, ":secret", "none", ":client", "none", ":user", "none", "/accent/:file", "/accent/2452c4.css", "/assets/*", sheet).Replace(s.path)
				if path == "/logout" && s.method == "POST" {
					continue // its form's token is not sent, but nobody shall end the walk
				}
				method := s.method
				if strings.HasPrefix(path, "/console/events/") {
					method = http.MethodHead // its body does not end
				}
				r := h.Request(t, method, path, "")
				r.Header.Set("Origin", "https://evil.test")
				for _, cookie := range who.Jar().Cookies(r.URL) {
					r.AddCookie(cookie)
				}
				a := h.Do(t, r)
				get := a.Header.Get
				says := func(name, want string) {
					t.Helper()
					if get(name) != want {
						t.Errorf("%s %s (%d): %s is %q, want %q", s.method, s.path, a.Status, name, get(name), want)
					}
				}
				says("X-Content-Type-Options", "nosniff")
				says("Referrer-Policy", "same-origin")
				says("Strict-Transport-Security", "max-age=31536000")
				csp := get("Content-Security-Policy")
				if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
					t.Errorf("%s %s: the CSP is %q", s.method, s.path, csp)
				}
				if a.Status >= 500 {
					t.Errorf("%s %s: %d", s.method, s.path, a.Status)
				}
				switch s.audience {
				case aPerson, aPassage:
					says("X-Frame-Options", "DENY")
					says("Cache-Control", "no-store")
					says("Access-Control-Allow-Origin", "")
					if !strings.Contains(csp, "base-uri 'none'") || strings.Contains(csp, "form-action 'self'") != (s.audience == aPerson) {
						t.Errorf("%s %s: the CSP is %q", s.method, s.path, csp)
					}
				case aMachine:
					says("Access-Control-Allow-Origin", "*")
					says("Access-Control-Allow-Credentials", "")
					if cookies := a.Header.Values("Set-Cookie"); len(cookies) > 0 {
						t.Errorf("%s %s sets %q", s.method, s.path, cookies)
					}
					want := "no-store"
					if s.path == "/oauth/jwks" || strings.HasPrefix(s.path, "/.well-known/") {
						want = "public, max-age=300"
					}
					says("Cache-Control", want)
				case aFile, aProbe:
					says("Access-Control-Allow-Origin", "")
					if cookies := a.Header.Values("Set-Cookie"); len(cookies) > 0 {
						t.Errorf("%s %s sets %q", s.method, s.path, cookies)
					}
				}
			}
		}
	})
}

// Preflights are answered for machines and for nobody else (security.md rule 10).
func TestHeaders_onlyMachinesAnswerPreflights(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	for _, s := range street {
		r := h.Request(t, http.MethodOptions, strings.ReplaceAll(s.path, "*", "x"), "")
		r.Header.Set("Origin", "https://spa.example.test")
		r.Header.Set("Access-Control-Request-Method", s.method)
		a := h.Do(t, r)
		if s.audience == aMachine {
			if a.Status != http.StatusNoContent || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), s.method) || a.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s %s: %d %v", s.method, s.path, a.Status, a.Header)
			}
			continue
		}
		for name := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s sends %s", s.method, s.path, name)
			}
		}
	}
}

// setCookies are the cookies an answer sets, by name.
func setCookies(header http.Header) map[string]*http.Cookie {
	out := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: header}).Cookies() {
		out[c.Name] = c
	}
	return out
}

// Rule 12: the name fits the issuer, and only that name is read.
func TestCookies_fitTheIssuer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		issuer, prefix, other string
		secure                bool
	}{
		{"https://id.example.test", "__Host-gh_", "gh_", true},
		{"https://id.example.test:8443", "__Host-gh_", "gh_", true},
		{"http://localhost:8080", "gh_", "__Host-gh_", false},
		{"http://127.0.0.1:8080", "gh_", "__Host-gh_", false},
	} {
		t.Run(c.issuer, func(t *testing.T) {
			t.Parallel()
			h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) { o.Issuer = c.issuer })
			user, b := h.User(t), h.Browser(t)
			b.Get("/login")
			f := b.Form("/login").Values
			f.Set("username", user.Username)
			f.Set("password", webtest.Password)
			post := func(path string, form url.Values, cookies ...*http.Cookie) webtest.Answer {
				r := h.Request(t, http.MethodPost, path, form.Encode())
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				for _, cookie := range cookies {
					r.AddCookie(cookie)
				}
				return h.Do(t, r)
			}
			here := h.Request(t, http.MethodGet, "/", "").URL
			set := setCookies(b.Page.Header)
			signedIn := post("/login", f, b.Jar().Cookies(here)...)
			for name, cookie := range setCookies(signedIn.Header) {
				set[name] = cookie
			}
			theme := post("/preferences/theme", url.Values{"theme": {"dark"}, "csrf_token": f["csrf_token"]}, b.Jar().Cookies(here)...)
			for name, cookie := range setCookies(theme.Header) {
				set[name] = cookie
			}
			for _, kind := range []string{"session", "browser", "device", "theme"} {
				if set[c.prefix+kind] == nil {
					t.Errorf("no %s cookie: %v", kind, set)
				}
			}
			for name, cookie := range set {
				if !strings.HasPrefix(name, c.prefix) || cookie.Path != "/" || cookie.Domain != "" || !cookie.HttpOnly || cookie.Secure != c.secure || cookie.SameSite != http.SameSiteLaxMode {
					t.Errorf("%+v", cookie)
				}
			}
			session := set[c.prefix+"session"]
			if session == nil {
				t.Fatal("nobody is signed in")
			}
			if session.MaxAge != 0 || !session.Expires.IsZero() {
				t.Errorf("the session outlives the browser: %+v", session)
			}
			account := func(name string) int {
				r := h.Request(t, http.MethodGet, "/account", "")
				r.AddCookie(&http.Cookie{Name: name, Value: session.Value})
				return h.Do(t, r).Status
			}
			if account(c.prefix+"session") != http.StatusOK || account(c.other+"session") != http.StatusSeeOther || account("session") != http.StatusSeeOther {
				t.Errorf("read under %s: %d, %s: %d", c.prefix, account(c.prefix+"session"), c.other, account(c.other+"session"))
			}
		})
	}
}

// Rule 13: no other name of ours appears in what we say.
func TestHost_isTheIssuersAlone(t *testing.T) {
	t.Parallel()
	open := func(issuer string) *webtest.House {
		return webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) { o.Issuer = issuer })
	}
	public, local := open("https://id.example.test"), open("http://localhost:8080")
	for _, c := range []struct {
		h                  *webtest.House
		method, path, host string
		status             int
		location           string
	}{
		{public, "GET", "/login", "id.example.test", 200, ""},
		{public, "GET", "/login", "ID.Example.TEST", 200, ""},
		{public, "GET", "/login", "id.example.test:443", 200, ""},
		{public, "GET", "/login", "id.example.test:80", 421, ""},
		{public, "GET", "/login", "id.example.test.evil.test", 421, ""},
		{public, "GET", "/login", "evil.test", 421, ""},
		{public, "GET", "/login", "localhost", 421, ""},
		{public, "GET", "/oauth/jwks", "evil.test", 421, ""},
		{public, "GET", "/.well-known/openid-configuration", "evil.test", 421, ""},
		{public, "POST", "/oauth/token", "evil.test", 421, ""},
		{public, "GET", "/oauth/authorize", "evil.test", 421, ""},
		{public, "GET", "/nothing", "evil.test", 421, ""},
		{public, "GET", "/healthz", "10.0.0.7:8080", 200, ""},
		{public, "GET", "/readyz", "10.0.0.7:8080", 200, ""},
		{local, "GET", "/login?return_to=%2Faccount", "127.0.0.1:8080", 302, "http://localhost:8080/login?return_to=%2Faccount"},
		{local, "GET", "/login", "[::1]:8080", 302, "http://localhost:8080/login"},
		{local, "GET", "/oauth/authorize?client_id=a%26b", "127.0.0.1:8080", 302, "http://localhost:8080/oauth/authorize?client_id=a%26b"},
		{local, "POST", "/login", "127.0.0.1:8080", 421, ""},
		{local, "POST", "/oauth/token", "127.0.0.1:8080", 421, ""},
		{local, "GET", "/oauth/userinfo", "127.0.0.1:8080", 421, ""},
		{local, "GET", "/login", "evil.test:8080", 421, ""},
		{local, "GET", "/login", "127.0.0.1.evil.test:8080", 421, ""},
		{local, "GET", "/healthz", "evil.test", 200, ""},
	} {
		r := c.h.Request(t, c.method, c.path, "")
		r.Host = c.host
		a := c.h.Do(t, r)
		if a.Status != c.status || a.Header.Get("Location") != c.location {
			t.Errorf("%s %s of %s: %d to %q, want %d to %q", c.method, c.path, c.host, a.Status, a.Header.Get("Location"), c.status, c.location)
		}
		if strings.Contains(a.Body, "evil.test") {
			t.Errorf("%s %s repeats the host: %s", c.method, c.path, a.Body)
		}
		forMachines := slices.Contains([]string{"/oauth/token", "/oauth/jwks", "/oauth/userinfo", "/.well-known/openid-configuration"}, c.path)
		if a.Status == http.StatusMisdirectedRequest && strings.Contains(a.Header.Get("Content-Type"), "json") != forMachines {
			t.Errorf("%s %s: refused as %s", c.method, c.path, a.Header.Get("Content-Type"))
		}
	}
}

// assetOf finds the URL of a file on a page, by the beginning of its name.
func assetOf(p *webtest.Page, name string) string {
	for _, tag := range []struct{ name, attribute string }{{"link", "href"}, {"script", "src"}} {
		for _, e := range p.Parts(tag.name, "", "") {
			if strings.HasPrefix(e.Attr(tag.attribute), "/assets/"+name) {
				return e.Attr(tag.attribute)
			}
		}
	}
	return ""
}

func TestAssets_areCachedForEverAndCompressed(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	b, _ := staff(t, h, identity.RoleAdmin)
	sheet := assetOf(b.Get("/console/clients"), "css/gatehouse")
	get := func(path string, headers ...string) webtest.Answer {
		r := h.Request(t, http.MethodGet, path, "")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return h.Do(t, r)
	}
	plain := get(sheet)
	if plain.Status != http.StatusOK || plain.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		plain.Header.Get("Content-Type") != "text/css; charset=utf-8" || plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("ETag") == "" ||
		!strings.Contains(plain.Header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("%s: %d %v", sheet, plain.Status, plain.Header)
	}
	for _, c := range []struct{ accept, want string }{
		{"", ""}, {"identity", ""}, {"gzip", "gzip"}, {"br", "br"}, {"gzip, deflate, br, zstd", "br"}, {"GZIP", "gzip"},
		{"br;q=0, gzip;q=0.5", "gzip"}, {"br; q=0.0, gzip;q=0", ""}, {"deflate", ""}, {"brotli", ""},
	} {
		a := get(sheet, "Accept-Encoding", c.accept)
		if a.Header.Get("Content-Encoding") != c.want {
			t.Errorf("%q: sent as %q, want %q", c.accept, a.Header.Get("Content-Encoding"), c.want)
			continue
		}
		body := []byte(a.Body)
		var err error
		switch c.want {
		case "gzip":
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
				body, err = io.ReadAll(z)
			}
		case "br":
			body, err = io.ReadAll(brotli.NewReader(bytes.NewReader(body)))
		}
		if err != nil || string(body) != plain.Body {
			t.Errorf("%q: not the same file: %v", c.accept, err)
		}
		if c.want != "" && len(a.Body) >= len(plain.Body) {
			t.Errorf("%q: %d bytes for %d", c.accept, len(a.Body), len(plain.Body))
		}
	}
	same := get(sheet, "If-None-Match", plain.Header.Get("ETag"))
	if same.Status != http.StatusNotModified || same.Body != "" || same.Header.Get("ETag") != plain.Header.Get("ETag") || same.Header.Get("Cache-Control") != plain.Header.Get("Cache-Control") {
		t.Errorf("the same file: %d %v", same.Status, same.Header)
	}
	if a := get(sheet, "If-None-Match", `"another"`); a.Status != http.StatusOK {
		t.Errorf("another file: %d", a.Status)
	}
	for _, gone := range []string{"/assets/", "/assets/nothing.css", "/assets/css/gatehouse.css", "/assets/css/gatehouse.0000000000000000.css", "/assets/../go.mod", "/assets/%2e%2e/go.mod", "/assets/static/embed.go", "/assets/.gitkeep"} {
		if a := get(gone); a.Status != http.StatusNotFound || strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %q", gone, a.Status, a.Header.Get("Cache-Control"))
		}
	}
	// Everything a page asks for is there, and comes from here.
	for _, path := range []string{"/console/clients", "/account", "/login?return_to=/account"} {
		p := b.Get(path)
		for _, tag := range []struct{ name, attribute string }{{"link", "href"}, {"script", "src"}, {"img", "src"}, {"use", "href"}} {
			for _, e := range p.Parts(tag.name, "", "") {
				file, _, _ := strings.Cut(e.Attr(tag.attribute), "#")
				if !strings.HasPrefix(file, "/assets/") {
					t.Errorf("%s asks for %q", path, file)
				} else if a := get(file); a.Status != http.StatusOK {
					t.Errorf("%s asks for %s: %d", path, file, a.Status)
				}
			}
		}
		if len(p.Parts("style", "", "")) > 0 {
			t.Errorf("%s has styles of its own, which the CSP forbids", path)
		}
		for _, s := range p.Parts("script", "", "") {
			if s.Attr("src") == "" {
				t.Errorf("%s has a script of its own, which the CSP forbids", path)
			}
		}
	}
	if a := get("/favicon.ico"); a.Status != http.StatusOK || a.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the favicon: %d %q", a.Status, a.Header.Get("Content-Type"))
	}
}

// What is discovered is what is on. Run with -update after a change that is meant.
func TestDiscovery_isGolden(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	openid, plain := h.Get(t, "/.well-known/openid-configuration", ""), h.Get(t, "/.well-known/oauth-authorization-server", "")
	if openid.Status != http.StatusOK || openid.Body != plain.Body || openid.Header.Get("Content-Type") != "application/json" || plain.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %q, %d %q: the two documents differ", openid.Status, openid.Header.Get("Content-Type"), plain.Status, plain.Header.Get("Content-Type"))
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(openid.Body), "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	const golden = "testdata/discovery.json"
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if pretty.String() != string(want) {
		t.Errorf("discovery says:\n%s", pretty.String())
	}
	// Every endpoint it names is there.
	for name, value := range openid.JSON {
		if uri, ok := value.(string); ok && name != "issuer" {
			path, inside := strings.CutPrefix(uri, h.Issuer)
			if a := h.Get(t, path, ""); !inside || a.Status == http.StatusNotFound {
				t.Errorf("%s is %s: %d", name, uri, a.Status)
			}
		}
	}
	if missing := oauth.PersonScopes.Missing(scopesOf(openid)); len(missing) > 0 {
		t.Errorf("not discovered: %v", missing)
	}
}

func scopesOf(a webtest.Answer) (out oauth.Scopes) {
	list, _ := a.JSON["scopes_supported"].([]any)
	for _, s := range list {
		name, _ := s.(string)
		out = append(out, name)
	}
	return out
}

func TestJWKS_hasNoPrivateParts(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		a := h.Get(t, oauth.PathJWKS, "")
		if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/jwk-set+json" {
			t.Errorf("%d %q", a.Status, a.Header.Get("Content-Type"))
		}
		list, _ := a.JSON["keys"].([]any)
		kids := map[string]bool{}
		for _, k := range list {
			key, _ := k.(map[string]any)
			for name := range key {
				if !slices.Contains([]string{"kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"}, name) {
					t.Errorf("a key has %q", name)
				}
			}
			kid, _ := key["kid"].(string)
			if kid == "" || kids[kid] || key["use"] != "sig" || (key["kty"] != "RSA" && key["kty"] != "EC") {
				t.Errorf("a key is %v", key)
			}
			kids[kid] = true
		}
		if len(kids) != 2 {
			t.Errorf("%d keys", len(kids))
		}
	})
}
