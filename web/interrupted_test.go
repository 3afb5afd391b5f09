package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// lapse lets the session of the browser end, in one of the ways in which sessions do.
var lapses = map[string]func(t *testing.T, h *webtest.House, u *identity.User){
	"idle in the console": func(_ *testing.T, h *webtest.House, _ *identity.User) { h.Clock.Advance(identity.ConsoleIdle) },
	"over":                func(_ *testing.T, h *webtest.House, _ *identity.User) { h.Clock.Advance(identity.SessionAbsolute) },
	"ended by somebody": func(t *testing.T, h *webtest.House, u *identity.User) {
		if _, err := h.Store.EndSessions(t.Context(), u.ID, "", "ended_by_operator", h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
	},
}

const notSaved = "You are signed in again. Nothing has been saved yet."

// A session that ends in the middle of a form loses nothing: whoever signs in again finds the form as they had filled it in, rows
// and all, and it is theirs to send.
func TestInterrupted_theFormIsThereAfterSigningIn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		for name, lapse := range lapses {
			t.Run(name, func(t *testing.T) {
				b, boss := staff(t, h, identity.RoleAdmin)
				b.Get("/console/clients/new?type=web")
				typed := b.Form("/console/clients").Values
				fresh := typed.Get("csrf_token")
				uris := []string{"https://app.example.test/one", "https://app.example.test/two?a=b&c=d", "no address at all"}
				typed["redirect_uris"], typed["client_name"], typed["application_type"] = uris, []string{`Typed "at" 2 a.m. <b> ` + name}, []string{oauth.ApplicationNative}
				typed["contacts"], typed["grant_types"] = []string{"\nops@example.test\n\nsecurity@example.test"}, []string{oauth.GrantRefreshToken}
				typed.Del("require_pkce")
				lapse(t, h, boss)
				p := b.Post("/console/clients", typed)
				if p.URL.Path != "/login" || !strings.Contains(p.Text(), "What you entered is kept for half an hour") {
					t.Fatalf("%d at %s: %s", p.Status, p.URL, p.Text())
				}
				if p = b.SignIn(boss); p.URL.Path != "/console/clients/new" || p.Status != http.StatusOK || !strings.Contains(p.Text(), notSaved) {
					t.Fatalf("%d at %s: %s", p.Status, p.URL, p.Text())
				}
				shown := b.Form("/console/clients").Values
				if shown.Get("csrf_token") == fresh || shown.Get("csrf_token") == "" {
					t.Error("the form is bound to the old session")
				}
				for field := range typed {
					want := typed[field]
					if field == "contacts" {
						want = []string{"\n" + want[0]} // of which a browser drops the first line break
					}
					if field != "csrf_token" && !slices.Equal(shown[field], want) {
						t.Errorf("%s is %q, typed was %q", field, shown[field], want)
					}
				}
				if shown.Has("require_pkce") {
					t.Error("what was not ticked is")
				}
				if id, _ := p.Element("redirect_uris.2", "aria-label"); id != "Redirect URI 3" {
					t.Errorf("the third row is called %q", id)
				}
				if strings.Contains(p.Text(), "has no place in the page") {
					t.Error(p.Text())
				}
				page, err := h.Store.Clients(t.Context(), store.ClientFilter{Query: name})
				if err != nil || len(page.Clients) != 0 {
					t.Errorf("it was carried out: %v, %v", page.Clients, err)
				}
				// Sending it is the person's own doing.
				if p := b.Submit("/console/clients", url.Values{"redirect_uris": uris[:1], "grant_types": {oauth.GrantAuthorizationCode}}); p.Status != http.StatusOK || p.URL.Path == "/login" {
					t.Errorf("%d at %s: %s", p.Status, p.URL, p.Text())
				}
				if p := b.Get("/console/clients/new?type=web"); strings.Contains(p.Text(), notSaved) {
					t.Error("it comes back unasked")
				}
			})
		}
	})
}

// Outside of the console too; what belongs to no field is said, and no password is kept.
// A browser that has lost its cookies proves nothing, and its form is not kept: it is told.
func TestInterrupted_withoutTheCookieNothingIsSaved(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		b.Get(clientList + "/new?type=web")
		typed := b.Form(clientList).Values
		typed.Set("client_name", "Lost")
		issuer, err := url.Parse(h.Issuer)
		must(t, err)
		for _, c := range b.Jar().Cookies(issuer) {
			b.Jar().SetCookies(issuer, []*http.Cookie{{Name: c.Name, Path: "/", MaxAge: -1}})
		}
		const lost = "You were signed out before you sent the form."
		if p := b.Post(clientList, typed); p.URL.Path != "/login" || !strings.Contains(p.Text(), lost) {
			t.Fatalf("%d at %s: %s", p.Status, p.URL, p.Text())
		}
		if p := b.SignIn(boss); p.URL.Path != clientList+"/new" || strings.Contains(p.Text(), lost) {
			t.Errorf("%d at %s: %s", p.Status, p.URL, p.Text())
		}
		if p := b.Get("/login"); strings.Contains(p.Text(), lost) {
			t.Error("it is said again")
		}
	})
}

func TestInterrupted_onTheAccountPage(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, user := h.Browser(t), h.User(t)
		b.SignIn(user)
		b.Get("/account")
		form := b.Form("/account/profile").Values
		form.Set("name", "Typed")
		form.Set("stray", "of an older page")
		h.Clock.Advance(identity.SessionIdle)
		b.Post("/account/profile", form)
		p := b.SignIn(user)
		if p.URL.Path != "/account" || b.Form("/account/profile").Values.Get("name") != "Typed" || !strings.Contains(p.Text(), "stray: of an older page") {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		const secret = "a password that nobody keeps"
		b.Get("/account")
		h.Clock.Advance(identity.SessionIdle)
		b.Submit("/account/password", url.Values{"current_password": {secret}, "password": {secret}, "password_again": {secret}})
		if p := b.SignIn(user); strings.Contains(p.Body, secret) || !strings.Contains(p.Text(), "Enter the passwords and secrets once more") {
			t.Errorf("%s", p.Text())
		}
	})
}

// What one person typed is not another's: it is dropped as soon as another signs in.
func TestInterrupted_isOfOnePersonAndOneBrowser(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		interrupted := func() (*webtest.Browser, *identity.User, string) {
			b, boss := staff(t, h, identity.RoleAdmin)
			b.Get("/console/scopes/new")
			h.Clock.Advance(identity.ConsoleIdle)
			b.Submit("/console/scopes", url.Values{"name": {"typed:scope"}, "description": {"Typed"}})
			return b, boss, b.Form("/login").Values.Get("return_to")
		}
		holds := func(p *webtest.Page) bool { return strings.Contains(p.Body, "typed:scope") }
		other := h.User(t, admin)

		b, boss, page := interrupted()
		if p := b.SignIn(other); holds(p) || p.URL.Path != "/console/scopes/new" {
			t.Error("another person sees it")
		}
		b.Get("/logout")
		b.Submit("/logout", nil)
		b.Get("/login?return_to=" + url.QueryEscape(page))
		if holds(b.SignIn(boss)) {
			t.Error("it outlived another person")
		}

		b, boss, page = interrupted()
		there := h.Browser(t)
		there.Get("/login?return_to=" + url.QueryEscape(page))
		if holds(there.SignIn(boss)) {
			t.Error("another browser shows it")
		}
		if !holds(b.SignIn(boss)) || !holds(b.Get(page)) {
			t.Error("it is gone, or a reload loses it")
		}
		if holds(b.Get("/console/clients/new?type=web&interrupted=1")) {
			t.Error("another page shows it")
		}
		h.Clock.Advance(20 * time.Minute)
		b.Get("/console")
		h.Clock.Advance(10 * time.Minute)
		if holds(b.Get(page)) {
			t.Error("it is kept for ever")
		}
	})
}

// Only a form of ours is kept: what another site sends in somebody's name is not.
func TestInterrupted_keepsNoForgery(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		b.Get("/console/scopes/new")
		h.Clock.Advance(identity.ConsoleIdle)
		b.Post("/console/scopes", url.Values{"csrf_token": {"forged"}, "name": {"typed:scope"}})
		if p := b.SignIn(boss); p.URL.Path != "/console/scopes/new" || strings.Contains(p.Body, "typed:scope") || p.URL.RawQuery != "" {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		stranger := h.Browser(t)
		stranger.Get("/login")
		stranger.Post("/console/scopes", url.Values{"csrf_token": {stranger.Form("/login").Values.Get("csrf_token")}, "name": {"typed:scope"}})
		if p := stranger.SignIn(boss); strings.Contains(p.Body, "typed:scope") {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
	})
}

// htmx is sent to the sign-in page as a whole, and back to the page that it was on.
func TestInterrupted_byHTMX(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := "/console/clients/" + client.ID
		b.Get(path)
		form := b.Form(path).Values
		form.Set("client_name", "Typed")
		h.Clock.Advance(identity.ConsoleIdle)
		p := partial(t, b, h, http.MethodPost, path, form)
		to := p.Header.Get("HX-Redirect")
		if p.Status != http.StatusNoContent || !strings.HasPrefix(to, "/login?return_to=") {
			t.Fatalf("%d, %v", p.Status, p.Header)
		}
		b.Get(to)
		if p := b.SignIn(boss); p.URL.Path != path || b.Form(path).Values.Get("client_name") != "Typed" || b.Form(path).Values.Get("version") != form.Get("version") {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
	})
}
