package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/web/webtest"
)

func try(b *webtest.Browser, username, password string) *webtest.Page {
	b.Get("/login")
	return b.Submit("/login", url.Values{"username": {username}, "password": {password}})
}

func TestSignIn_leadsWhereSomebodyBelongs(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		admin, user := h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }), h.User(t)
		if p := h.Browser(t).SignIn(admin); p.URL.Path != "/console" {
			t.Errorf("an administrator lands on %s", p.URL)
		}
		if p := h.Browser(t).SignIn(user); p.URL.Path != "/account" {
			t.Errorf("a user lands on %s", p.URL)
		}
		b := h.Browser(t)
		b.Get("/login?return_to=%2Faccount%3Fx%3Dy")
		if p := b.SignIn(user); p.URL.RequestURI() != "/account?x=y" {
			t.Errorf("return_to led to %s", p.URL)
		}
		for _, evil := range []string{"https://evil.test/", "//evil.test/", `/\evil.test/`, "/\t/evil.test", "javascript:alert(1)"} {
			b := h.Browser(t)
			b.Get("/login?return_to=" + url.QueryEscape(evil))
			if p := b.SignIn(user); p.URL.Path != "/account" || p.Location != nil {
				t.Errorf("%q led to %s %v", evil, p.URL, p.Location)
			}
		}
		byMail := h.Browser(t)
		if p := try(byMail, strings.ToUpper(user.Email), webtest.Password); p.URL.Path != "/account" {
			t.Errorf("the e-mail address does not sign in: %s", p.Text())
		}
	})
}

// Every cause of a failed sign-in looks the same.
func TestSignIn_refusalsLookAlike(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user := h.User(t)
		disabled := h.User(t)
		if err := h.Store.DisableUser(t.Context(), disabled.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		blank := h.User(t, func(u *identity.User) { u.PasswordHash = "" })
		var pages []string
		for _, c := range []struct{ username, password, rule string }{
			{user.Username, "not the password", "password"},
			{"nobody-at-all", webtest.Password, "user_known"},
			{disabled.Username, webtest.Password, "user_enabled"},
			{blank.Username, webtest.Password, "password_set"},
		} {
			p := try(h.Browser(t), c.username, c.password)
			if p.Status != http.StatusUnauthorized {
				t.Errorf("%s: %d", c.rule, p.Status)
			}
			pages = append(pages, p.Text())
			e := h.Refusal(t, c.rule)
			if c.rule == "user_known" && strings.Contains(e.Target.Name+string(e.Cause.Received)+h.Log.String(), "nobody-at-all") {
				t.Error("an unknown username was kept")
			}
		}
		for _, page := range pages {
			if page != pages[0] {
				t.Errorf("refusals differ:\n%s\n%s", pages[0], page)
			}
		}
	})
}

// Rule 15: from the fifth failure on there are pauses, known devices pass them, and others at the same address are not stopped.
func TestSignIn_guessingIsSlowedDown(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, neighbour, known := h.User(t), h.User(t), h.Browser(t)
		known.SignIn(user)
		known.Get("/logout")
		known.Submit("/logout", nil)
		attacker := h.Browser(t)
		for i := range identity.FreeFailures + 1 {
			if p := try(attacker, user.Username, "guess"); p.Status != http.StatusUnauthorized {
				t.Fatalf("failure %d: %d", i+1, p.Status)
			}
		}
		p := try(attacker, user.Username, webtest.Password) // even the right one has to wait
		if p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") != "1" {
			t.Errorf("the sixth try: %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
		}
		if p := known.SignIn(user); p.URL.Path != "/account" {
			t.Errorf("a known device was stopped: %d %s", p.Status, p.Text())
		}
		if p := h.Browser(t).SignIn(neighbour); p.URL.Path != "/account" {
			t.Errorf("a neighbour was stopped: %d", p.Status)
		}
		h.Clock.Advance(time.Second)
		if p := try(attacker, user.Username, webtest.Password); p.URL.Path != "/account" {
			t.Errorf("after the pause: %d %s", p.Status, p.Text())
		}
	})
}

func TestSignIn_parallelGuessesAreCountedBeforeTheyAreLookedAt(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user := h.User(t)
		looked := 0
		browsers := make([]*webtest.Browser, 12)
		for i := range browsers {
			browsers[i] = h.Browser(t)
			browsers[i].Get("/login")
		}
		next := make(chan *webtest.Browser, len(browsers))
		for _, b := range browsers {
			next <- b
		}
		for _, status := range parallel(len(browsers), func() int {
			b := <-next
			return b.Submit("/login", url.Values{"username": {user.Username}, "password": {"guess"}}).Status
		}) {
			if status == http.StatusUnauthorized {
				looked++
			}
		}
		if looked > identity.FreeFailures+1 {
			t.Errorf("%d passwords were looked at", looked)
		}
	})
}

func TestSignIn_anAccountUnderAttackTakesKnownBrowsersOnly(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, known := h.User(t), h.Browser(t)
		known.SignIn(user)
		key := h.Sealer.MAC("sign-in attempts of a day", user.Username, h.Clock.Now().Format(time.DateOnly))
		for range identity.DailyFailureLimit {
			if _, err := h.Store.CountDaily(t.Context(), identity.Counter{Key: key}, h.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if p := try(h.Browser(t), user.Username, webtest.Password); p.Status != http.StatusUnauthorized {
			t.Errorf("an unknown browser: %d", p.Status)
		}
		h.Refusal(t, "signin_daily_failures")
		known.Get("/logout")
		known.Submit("/logout", nil)
		if p := known.SignIn(user); p.URL.Path != "/account" {
			t.Errorf("a known browser: %d", p.Status)
		}
	})
}

func TestSignIn_theSessionGetsANewIdAndLastsItsTime(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, b := h.User(t), h.Browser(t)
		cookie := func() string {
			here, err := url.Parse(h.Issuer)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range b.Jar().Cookies(here) {
				if c.Name == "__Host-gh_session" {
					return c.Value
				}
			}
			return ""
		}
		b.SignIn(user)
		first := cookie()
		b.Get("/login?return_to=/account")
		b.Submit("/login", url.Values{"username": {user.Username}, "password": {webtest.Password}})
		if second := cookie(); first == "" || second == "" || first == second {
			t.Errorf("the cookie went from %q to %q", first, second)
		}
		sessions, err := h.Store.LiveSessions(t.Context(), user.ID, h.Clock.Now())
		if err != nil || len(sessions) != 1 {
			t.Errorf("%d sessions, %v", len(sessions), err)
		}
		h.Clock.Advance(identity.SessionIdle)
		if p := b.Get("/account"); p.URL.Path != "/login" {
			t.Errorf("an idle session shows %s", p.URL)
		}
	})
}

// Rule 12: only the name that fits the issuer is read; rule 10: forms are bound to session and browser.
func TestForms_areBoundToWhoWasShownThem(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, other := h.User(t), h.User(t)
		victim, thief := h.Browser(t), h.Browser(t)
		victim.SignIn(user)
		thief.SignIn(other)
		token := thief.Form("/account/profile").Values.Get("csrf_token")
		if p := victim.Post("/account/profile", url.Values{"csrf_token": {token}, "name": {"Owned"}}); p.Status != http.StatusForbidden {
			t.Errorf("another session's token: %d", p.Status)
		}
		victim.Get("/account")
		f := victim.Form("/account/profile")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Issuer+"/account/profile", strings.NewReader(f.Values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if p := victim.Do(r); p.Status != http.StatusForbidden {
			t.Errorf("a cross-site POST: %d", p.Status)
		}
		if p := victim.Post("/logout", nil); p.Status != http.StatusForbidden {
			t.Errorf("a forged sign-out: %d", p.Status)
		}
		if u, err := h.Store.User(t.Context(), user.ID); err != nil || u.Name != user.Name {
			t.Errorf("the name is %q, %v", u.Name, err)
		}
	})
}

func TestSetup_worksOnceAndOnlyWithTheLink(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		if p := h.Browser(t).Get("/"); p.Status != http.StatusOK || strings.Contains(p.Body, h.SetupToken) || !strings.Contains(p.Text(), "Not set up yet") {
			t.Errorf("a new server greets with %d %s", p.Status, p.Text())
		}
		if p := h.Browser(t).Get("/setup?token=wrong"); p.Status != http.StatusNotFound {
			t.Errorf("a wrong link: %d", p.Status)
		}
		b := h.Browser(t)
		b.Get("/setup?token=" + h.SetupToken)
		fill := url.Values{"name": {"Ada Lovelace"}, "username": {"Ada"}, "email": {"ada@example.test"}, "password": {"short"}}
		p := b.Submit("/setup", fill)
		if p.Status != http.StatusUnprocessableEntity || b.Form("/setup").Values.Get("name") != "Ada Lovelace" || b.Form("/setup").Values.Get("password") != "" {
			t.Errorf("a short password: %d %s", p.Status, p.Text())
		}
		if described, _ := p.Element("password", "aria-invalid"); described != "true" {
			t.Error("the field is not marked")
		}
		fill.Set("password", webtest.Password)
		late := h.Browser(t)
		late.Get("/setup?token=" + h.SetupToken)
		if p := b.Submit("/setup", fill); p.URL.Path != "/console" {
			t.Fatalf("set-up led to %s (%d): %s", p.URL, p.Status, p.Text())
		}
		if p := h.Browser(t).Get("/"); p.URL.Path != "/login" {
			t.Errorf("a server with users greets with %s", p.URL)
		}
		fill.Set("username", "eve")
		if p := late.Submit("/setup", fill); p.Status != http.StatusNotFound {
			t.Errorf("the link worked twice: %d", p.Status)
		}
		if u, err := h.Store.UserByUsername(t.Context(), "ada"); err != nil || u.Role != identity.RoleAdmin {
			t.Errorf("made %+v, %v", u, err)
		}
		if strings.Contains(h.Log.String(), h.SetupToken) || strings.Contains(h.Log.String(), webtest.Password) {
			t.Error("a secret is in the log")
		}
	})
}

func TestReset_worksOnceAndEndsEverything(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, signedIn := h.Client(t), h.User(t), h.Browser(t)
		tokens := h.Redeem(t, client, signedIn.Code(client, user, nil))
		link := secret.New("")
		if err := h.Store.CreateResetLink(t.Context(), identity.ResetLink{Hash: secret.Hash(link), UserID: user.ID, CreatedAt: h.Clock.Now(), ExpiresAt: h.Clock.Now().Add(time.Hour)},
			h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		b := h.Browser(t)
		b.Get("/reset?token=" + link)
		b.Get("/reset?token=" + link) // a scanner's visit uses nothing up
		const fresh = "another long passphrase entirely"
		if p := b.Submit("/reset", url.Values{"password": {fresh}, "password_again": {"different"}}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("two passwords: %d", p.Status)
		}
		if p := b.Submit("/reset", url.Values{"password": {fresh}, "password_again": {fresh}}); p.Status != http.StatusOK {
			t.Fatalf("reset: %d %s", p.Status, p.Text())
		}
		if p := b.Get("/reset?token=" + link); p.Status != http.StatusNotFound {
			t.Errorf("the link works on: %d", p.Status)
		}
		if p := signedIn.Get("/account"); p.URL.Path != "/login" {
			t.Error("the old session lives on")
		}
		if active(t, h, client, tokens.Str("access_token")) || active(t, h, client, tokens.Str("refresh_token")) {
			t.Error("the old tokens live on")
		}
		if p := try(h.Browser(t), user.Username, webtest.Password); p.Status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", p.Status)
		}
		if p := try(h.Browser(t), user.Username, fresh); p.URL.Path != "/account" {
			t.Errorf("the new password: %d", p.Status)
		}
	})
}

// bcrypt hashes as passlib makes them sign in, and are raised to today's parameters.
func TestSignIn_raisesAnImportedHash(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		const fromPasslib = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW" // of "secret"
		user := h.User(t, func(u *identity.User) { u.PasswordHash = fromPasslib })
		if p := try(h.Browser(t), user.Username, "secret"); p.URL.Path != "/account" {
			t.Fatalf("refused: %d %s", p.Status, p.Text())
		}
		if u, err := h.Store.User(t.Context(), user.ID); err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
			t.Errorf("kept as %q, %v", u.PasswordHash, err)
		}
		if p := try(h.Browser(t), user.Username, "secret"); p.URL.Path != "/account" {
			t.Errorf("refused after raising: %d", p.Status)
		}
	})
}

// OpenID Connect Core §3.1.2.1, as certification asks for it.
func TestAuthorize_prompts(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		authTime := func(q url.Values) float64 {
			tokens := h.Redeem(t, client, q.Get("code"))
			return claimsOf(t, tokens.Str("id_token"))["auth_time"].(float64)
		}
		first := authTime(b.Authorize(client, user, nil))
		h.Clock.Advance(2 * time.Second)
		if again := authTime(b.Authorize(client, user, url.Values{"prompt": {"none"}})); again != first {
			t.Errorf("prompt=none: auth_time %v, was %v", again, first)
		}
		if again := authTime(b.Authorize(client, user, url.Values{"max_age": {"10000"}})); again != first {
			t.Errorf("max_age=10000: auth_time %v, was %v", again, first)
		}
		if again := authTime(b.Authorize(client, user, url.Values{"max_age": {"1"}})); again <= first {
			t.Errorf("max_age=1: auth_time %v, was %v", again, first)
		}
		slow := url.Values{"max_age": {"60"}, "prompt": {"consent"}} // thinking about consent takes nothing from max_age
		b.Get(h.AuthorizeURL(client, slow))
		h.Clock.Advance(2 * time.Minute)
		if p := b.Allow(); p.Location == nil || p.Location.Query().Get("code") == "" {
			t.Errorf("a slow answer: %d %v", p.Status, p.Location)
		}
		h.Clock.Advance(2 * time.Second)
		if again := authTime(b.Authorize(client, user, url.Values{"prompt": {"login"}})); again <= first+2 {
			t.Errorf("prompt=login: auth_time %v, was %v", again, first)
		}
		if p := b.Get(h.AuthorizeURL(client, url.Values{"prompt": {"consent"}})); p.URL.Path != "/consent" {
			t.Errorf("prompt=consent led to %s", p.URL)
		}
		idToken := h.Redeem(t, client, b.Code(client, user, nil)).Str("id_token")
		h.Clock.Advance(time.Hour) // an expired hint is fine
		if q := b.Authorize(client, user, url.Values{"prompt": {"none"}, "id_token_hint": {idToken}}); q.Get("code") == "" {
			t.Errorf("with a hint: %v", q)
		}
		stranger := h.Browser(t)
		stranger.Code(client, h.User(t), nil)
		if q := stranger.Authorize(client, user, url.Values{"prompt": {"none"}, "id_token_hint": {idToken}}); q.Get("error") != "login_required" {
			t.Errorf("somebody else's hint: %v", q)
		}
		if q := h.Browser(t).Authorize(client, user, url.Values{"id_token_hint": {h.Redeem(t, client, b.Code(client, user, nil)).Str("access_token")}}); q.Get("error") != "invalid_request" {
			t.Errorf("an access token as a hint: %v", q)
		}
		hinted := h.Browser(t)
		hinted.Get(h.AuthorizeURL(client, url.Values{"login_hint": {"buffy@example.test"}}))
		if name := hinted.Form("/login").Values.Get("username"); name != "buffy@example.test" || !strings.Contains(hinted.Page.Text(), client.Name) {
			t.Errorf("login_hint shows %q", name)
		}
	})
}
