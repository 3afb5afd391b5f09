package web_test

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// A few hundred bytes must not become gigabytes: compressed bodies are refused unread.
func TestAttack_compressedBodiesAreNotUnpacked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte("grant_type=client_credentials&client_id=x")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{oauth.PathToken, oauth.PathAuthorize, "/login", "/setup"} {
			r := h.Request(t, http.MethodPost, path, "")
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(packed.Bytes())), int64(packed.Len())
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Content-Encoding", "gzip")
			if a := h.Do(t, r); a.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%s: %d", path, a.Status)
			}
		}
	})
}

// Long parameters are refused before anything looks at them closely.
func TestAttack_longScopesCostNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		long := strings.Repeat("a b ", 10<<10)
		p := h.Browser(t).Post(oauth.PathAuthorize, url.Values{"client_id": {client.ID}, "response_type": {"code"}, "redirect_uri": {webtest.Callback}, "scope": {long}})
		if p.Location == nil || p.Location.Query().Get("error") != "invalid_request" {
			t.Errorf("answered %d %v", p.Status, p.Location)
		}
		a := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "scope": {long}})
		refused(t, a, http.StatusBadRequest, "invalid_scope")
	})
}

// A known browser passes the counters of strangers, but may not guess without end itself.
func TestAttack_aKnownBrowserCannotGuessForEver(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, b := h.User(t), h.Browser(t)
		b.SignIn(user)
		b.Get("/logout")
		b.Submit("/logout", nil)
		looked := 0
		for range 30 {
			if p := try(b, user.Username, "guess"); p.Status == http.StatusUnauthorized {
				looked++
			}
		}
		if most := 2 * (identity.FreeFailures + 1); looked > most { // as a known browser, and then as a stranger
			t.Errorf("%d passwords were looked at", looked)
		}
		h.Clock.Advance(identity.MaxPause * time.Second)
		if p := b.SignIn(user); p.URL.Path != "/account" {
			t.Errorf("after the pause: %d %s", p.Status, p.Text())
		}
	})
}

// However a name is typed, who exists and who does not is paused alike.
func TestAttack_pausesTellNothingAboutWhoExists(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user := h.User(t)
		answers := func(name, email string) []int {
			b := h.Browser(t)
			for range identity.FreeFailures + 1 {
				try(b, name, "guess")
			}
			var out []int
			for _, spelled := range []string{name, " " + name, strings.ToUpper(name), name + " ", email} {
				out = append(out, try(b, spelled, "guess").Status)
			}
			return out
		}
		there, nowhere := answers(user.Username, user.Email), answers("nobody", "nobody@example.test")
		for i := range there {
			if there[i] != nowhere[i] {
				t.Errorf("spelling %d: %d for who exists, %d for who does not", i, there[i], nowhere[i])
			}
		}
	})
}

// What was sent to authorize is sealed while it waits, and what means nothing is not kept at all.
func TestAttack_pendingRequestsAreSealed(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, b := h.Client(t), h.Browser(t)
		b.Get(h.AuthorizeURL(client, url.Values{"login_hint": {"buffy@example.test"}, "password": {"hunter2"}}))
		back, err := url.Parse(b.Page.URL.Query().Get("return_to"))
		if err != nil || !back.Query().Has("interaction") {
			t.Fatalf("led to %s", b.Page.URL)
		}
		i, params, err := h.App.Rules().Resume(t.Context(), back.Query().Get("interaction"), browserHash(t, h, b))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(i.Params, "buffy") || strings.Contains(i.Params, "response_type") {
			t.Errorf("kept as %q", i.Params)
		}
		if params.Get("login_hint") != "buffy@example.test" || params.Has("password") {
			t.Error("what comes back is not what was asked")
		}
	})
}

// A sign-in from before the browser fetched a request that came by POST is none that prompt=login asked for.
func TestAttack_anEarlierSignInDoesNotCountForPromptLogin(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Code(client, user, nil)
		target, err := url.Parse(h.AuthorizeURL(client, url.Values{"prompt": {"login"}}))
		if err != nil {
			t.Fatal(err)
		}
		posted := h.Post(t, oauth.PathAuthorize, nil, target.Query()) // by whoever wants to skip the prompt
		h.Clock.Advance(time.Second)
		b.Get("/login?return_to=/account")
		b.Submit("/login", url.Values{"username": {user.Username}, "password": {webtest.Password}})
		h.Clock.Advance(time.Second)
		if p := b.Get(posted.Header.Get("Location")); p.URL.Path != "/login" {
			t.Errorf("led to %s %v", p.URL, p.Location)
		}
	})
}

// A link, and return_to after signing in, may lead anywhere among our pages: nothing happens because a page is looked at. Only
// authorize acts by GET, as it must (RFC 6749 §3.1).
func TestAttack_noLinkActs(t *testing.T) {
	onBoth(t, func(t *testing.T, h *webtest.House, db *sql.DB) {
		b, admin := staff(t, h, identity.RoleAdmin)
		client, link := h.Client(t), secret.New("")
		secrets, err := h.Store.ClientSecrets(t.Context(), client.ID)
		if err != nil || len(secrets) != 1 {
			t.Fatal(secrets, err)
		}
		if err := h.Store.CreateResetLink(t.Context(), identity.ResetLink{Hash: secret.Hash(link), UserID: admin.ID, CreatedAt: h.Clock.Now(), ExpiresAt: h.Clock.Now().Add(time.Hour)},
			h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		asked := b.Get(h.AuthorizeURL(client, nil)).URL
		if asked.Path != "/consent" {
			t.Fatalf("led to %s", asked)
		}
		fill := strings.NewReplacer(":code", "invalid_grant", ":id", client.ID, ":secret", secrets[0].ID, "/assets/*", "/favicon.ico")
		kept := func() string { // refusals are written down
			return regexp.MustCompile(`(?m)^audit_events: .*\n`).ReplaceAllString(contents(t, db), "")
		}
		before := kept()
		for _, s := range street {
			if s.method != http.MethodGet || s.path == oauth.PathAuthorize {
				continue
			}
			path := fill.Replace(s.path)
			for _, query := range []string{"", "?" + asked.RawQuery, "?token=" + link, "?token=" + h.SetupToken, "?theme=dark&decision=allow&confirm=yes&password=x&csrf_token=x&_method=POST"} {
				b.Get(path + query)
				if after := kept(); after != before {
					t.Fatalf("%s: the database was\n%s\nand is\n%s", path+query, before, after)
				}
			}
		}
	})
}

// Security.md rule 1: a successor shown in any request that failed has arrived.
func TestAttack_aSuccessorShownWithABadResourceHasArrived(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		first := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		second := h.Refresh(t, client, first).Str("refresh_token")
		refused(t, h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second}, "resource": {"https://api.test"}}),
			http.StatusBadRequest, "invalid_target")
		refused(t, h.Refresh(t, client, first), http.StatusBadRequest, "invalid_grant")
	})
}

// A token has one spelling: the unused bits of its last character are no room for another.
func TestAttack_tokensAreNotMalleable(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		token := h.Tokens(t, h.Client(t), h.User(t), nil).Str("access_token")
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := strings.IndexByte(alphabet, token[len(token)-1])
		other := token[:len(token)-1] + string(alphabet[last^1])
		if a := h.Get(t, oauth.PathUserinfo, other); a.Status != http.StatusUnauthorized {
			t.Errorf("another spelling: %d", a.Status)
		}
		if a := h.Post(t, oauth.PathUserinfo, nil, url.Values{"access_token": {token[:len(token)-5] + "\n" + token[len(token)-5:]}}); a.Status != http.StatusUnauthorized {
			t.Errorf("with a line break: %d", a.Status)
		}
	})
}

// Only the console reads long bodies: a client may have many long redirect URIs.
func TestAttack_bodiesAreAsLongAsTheirPageNeeds(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b := h.Browser(t)
		b.SignIn(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }))
		b.Get("/console/clients/new?type=web")
		form := b.Form("/console/clients").Values
		form.Set("client_name", "Long")
		form.Del("redirect_uris")
		for range oauth.MaxRedirectURIs {
			form.Add("redirect_uris", "https://app.example.test/"+strings.Repeat("%41", 650))
		}
		if p := b.Post("/console/clients", form); p.Status != http.StatusUnprocessableEntity { // they are all the same
			t.Errorf("%d bytes in the console: %d", len(form.Encode()), p.Status)
		}
		r := h.Request(t, http.MethodPost, "/login", "pad="+strings.Repeat("x", 100<<10))
		if _, err := h.HTTP().Do(r); err == nil || //nolint:bodyclose // there is no response
			!strings.Contains(err.Error(), "body size exceeds") {
			t.Errorf("as many bytes at the sign-in: %v", err)
		}
	})
}

// Two sign-ins that raise an imported hash at the same time both succeed.
func TestAttack_signInsThatRaiseAHashDoNotStopEachOther(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user := h.User(t, func(u *identity.User) {
			u.PasswordHash = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW" // of "secret"
		})
		browsers := make(chan *webtest.Browser, 3)
		for range cap(browsers) {
			b := h.Browser(t)
			b.Get("/login")
			browsers <- b
		}
		for _, path := range parallel(cap(browsers), func() string {
			b := <-browsers
			return b.Submit("/login", url.Values{"username": {user.Username}, "password": {"secret"}}).URL.Path
		}) {
			if path != "/account" {
				t.Errorf("a right password led to %s", path)
			}
		}
	})
}

// A flood of one kind of refusal does not hide the others.
func TestAttack_junkDoesNotHideGuessing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		for range 110 {
			h.Get(t, oauth.PathAuthorize+"?client_id=nope", "")
		}
		try(h.Browser(t), h.User(t).Username, "guess")
		h.Refusal(t, "password")
	})
}

// Only people of the console may announce long bodies, and what a trailer says came from nobody we trust.
func TestAttack_longBodiesAndTrailersOfStrangers(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	host := strings.TrimPrefix(h.Listen(t), "http://")
	to := " HTTP/1.1\r\nHost: " + strings.TrimPrefix(h.Issuer, "https://") + "\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	status, _, err := exchange(host, "POST /console/clients"+to+"Content-Length: 100000\r\n\r\n")
	if err != nil || status != http.StatusRequestEntityTooLarge {
		t.Errorf("a stranger announced 100,000 bytes: %d %v", status, err)
	}
	status, _, err = exchange(host, "POST /oauth/token"+to+"X-Forwarded-For: 203.0.113.9:4444\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
	if err != nil || status != http.StatusUnauthorized {
		t.Fatalf("answered %d %v", status, err)
	}
	if e := h.Refusal(t, "client_identified"); e.Caller.IP != "203.0.113.9" {
		t.Errorf("came from %s", e.Caller.IP)
	}
}
