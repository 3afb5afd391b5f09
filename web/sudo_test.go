package web_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// confirm fills in the page that asks for the password again.
func confirm(b *webtest.Browser, action, password string) *webtest.Page {
	return b.Submit(action, url.Values{"sudo_password": {password}})
}

func asksForPassword(p *webtest.Page) bool {
	return p.Status == http.StatusUnauthorized && strings.Contains(p.Text(), "Is it still you?")
}

func eventsOf(t *testing.T, h *webtest.House, action audit.Action) []audit.Event {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Action: action})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// What is worth it asks for the password ten minutes after it was last given; what was sent is carried out then, as it was typed
// (security.md rule 27).
func TestSudo_asksAgainAndLosesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := "/console/clients/" + client.ID
		b.Get(path)
		h.Clock.Advance(10*time.Minute - time.Second)
		if p := b.Submit(path, url.Values{"client_name": {"In time"}}); p.Status != http.StatusOK || p.URL.Path != path {
			t.Fatalf("%d at %s", p.Status, p.URL)
		}
		h.Clock.Advance(time.Second)
		b.Get(path)
		typed := []string{"https://app.example.test/callback", "https://app.example.test/other"}
		form := b.Form(path).Values
		form["client_name"], form["redirect_uris"], form["contacts"] = []string{"Typed at 2 a.m."}, typed, []string{"a@example.test\nb@example.test"}
		if p := b.Post(path, form); !asksForPassword(p) {
			t.Fatalf("%d: %s", p.Status, p.Text())
		}
		stored := func() *oauth.Client {
			c, err := h.Store.Client(t.Context(), client.ID)
			must(t, err)
			return c
		}
		if stored().Name != "In time" {
			t.Fatal("carried out without the password")
		}
		if p := confirm(b, path, ""); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "Enter your password") {
			t.Errorf("no password: %d %s", p.Status, p.Text())
		}
		if p := confirm(b, path, "wrong password"); !asksForPassword(p) || !strings.Contains(p.Text(), "This is not your password") {
			t.Errorf("a wrong password: %d %s", p.Status, p.Text())
		}
		if p := confirm(b, path, webtest.Password); p.Status != http.StatusOK || p.URL.Path != path {
			t.Fatalf("%d at %s: %s", p.Status, p.URL, p.Text())
		}
		if c := stored(); c.Name != "Typed at 2 a.m." || !slices.Equal(c.RedirectURIs, typed) || !slices.Equal(c.Contacts, []string{"a@example.test", "b@example.test"}) {
			t.Errorf("saved %+v", c)
		}
		// For ten minutes nothing is asked.
		h.Clock.Advance(9 * time.Minute)
		b.Get(path)
		if p := b.Submit(path, url.Values{"client_name": {"Later"}}); p.Status != http.StatusOK || stored().Name != "Later" {
			t.Errorf("asked again: %d", p.Status)
		}
		granted, refused := eventsOf(t, h, audit.SudoGranted), eventsOf(t, h, audit.SudoRefused)
		if len(granted) != 1 || granted[0].Actor.ID != boss.ID || len(refused) != 1 || refused[0].Cause.Rule != "password" || refused[0].UserID != boss.ID {
			t.Errorf("written down: %+v and %+v", granted, refused)
		}
		if strings.Contains(h.Log.String(), "wrong password") || strings.Contains(h.Log.String(), webtest.Password) {
			t.Error("a password is in the log")
		}
	})
}

// With htmx the question comes in a dialog over the form, which stays as it is.
func TestSudo_isADialogOverTheForm(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := "/console/clients/" + client.ID
		b.Get(path)
		form := b.Form(path).Values
		h.Clock.Advance(11 * time.Minute)
		p := partial(t, b, h, http.MethodPost, path, form)
		if p.Status != http.StatusUnauthorized || p.Header.Get("HX-Retarget") != "#dialog-slot" || p.Header.Get("HX-Reswap") != "innerHTML" || p.Header.Get("HX-Reselect") != "#sudo-dialog" {
			t.Errorf("%d, %v", p.Status, p.Header)
		}
		if strings.Contains(p.Body, "<html") || !strings.Contains(p.Body, `<dialog class="dialog" id="sudo-dialog"`) || strings.Contains(p.Body, "hx-post") {
			t.Errorf("sent %s", p.Body)
		}
	})
}

// Whoever has the password but not the form gets nothing done, and the form is of one person, one browser, one address and one
// half hour.
func TestSudo_theFormIsBound(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		client, other := h.Client(t), h.Client(t)
		path := "/console/clients/" + client.ID + "/delete"
		h.Clock.Advance(11 * time.Minute)
		ask := func() url.Values {
			b.Get(path)
			if p := b.Submit(path, url.Values{"confirm": {client.Name}}); !asksForPassword(p) {
				t.Fatalf("%d: %s", p.Status, p.Text())
			}
			form := b.Form(path).Values
			form.Set("sudo_password", webtest.Password)
			return form
		}
		refused := func(why string, p *webtest.Page) {
			t.Helper()
			if p.Status != http.StatusForbidden {
				t.Errorf("%s: %d %s", why, p.Status, p.Text())
			}
		}
		refused("another address", b.Post("/console/clients/"+other.ID+"/delete", ask()))
		forged := ask()
		forged.Set("sudo_form", forged.Get("sudo_form")+"A")
		refused("changed", b.Post(path, forged))
		forged = ask()
		forged.Set("csrf_token", "forged")
		refused("another site's", b.Post(path, forged))
		stolen := ask()
		there := h.Browser(t)
		there.SignIn(boss)
		h.Clock.Advance(11 * time.Minute)
		there.Get(path)
		stolen.Set("csrf_token", there.Form(path).Values.Get("csrf_token"))
		refused("another browser", there.Post(path, stolen))
		late := ask()
		for range 3 { // the console stays open
			h.Clock.Advance(10 * time.Minute)
			b.Get(path)
		}
		refused("too late", b.Post(path, late))
		if _, err := h.Store.Client(t.Context(), client.ID); err != nil {
			t.Error(err)
		}
		if p := b.Post(path, ask()); p.URL.Path != "/console/clients" || p.Status != http.StatusOK {
			t.Errorf("the right one: %d at %s", p.Status, p.URL)
		}
	})
}

// Guessing at the question counts as guessing at sign-in does (security.md rule 15), and says so in words.
func TestSudo_sharesTheCountersOfSignIn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		path := "/console/clients/" + h.Client(t).ID
		h.Clock.Advance(11 * time.Minute)
		b.Get(path)
		b.Submit(path, nil)
		var p *webtest.Page
		for range 30 {
			if p = confirm(b, path, "wrong password"); p.Status != http.StatusUnauthorized {
				break
			}
		}
		if p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" || !strings.Contains(p.Text(), "Password checks are paused") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		there := h.Browser(t)
		there.Get("/login")
		if p := there.Submit("/login", url.Values{"username": {boss.Username}, "password": {webtest.Password}}); p.Status != http.StatusTooManyRequests {
			t.Errorf("signing in elsewhere on the same network: %d", p.Status)
		}
		h.Clock.Advance(6 * time.Minute)
		if p := confirm(b, path, webtest.Password); p.Status != http.StatusOK || p.URL.Path != path {
			t.Errorf("afterwards: %d %s", p.Status, p.Text())
		}
	})
}

// A secret that was typed does not wait with the form: it is asked for once more.
func TestSudo_secretsAreNotKept(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Clock.Advance(11 * time.Minute)
		const typed = "a secret that an API has already, long enough"
		b.Get("/console/apis/new")
		p := b.Submit("/console/apis", url.Values{
			"name": {"Orders"}, "identifier": {"urn:orders"}, "signing_alg": {keys.HS256}, "signing_secret_from": {"own"}, "signing_secret": {typed}, "scope_names": {"orders:read"}, "scope_descriptions": {"Read"},
		})
		if !asksForPassword(p) || strings.Contains(p.Body, typed) || !strings.Contains(p.Text(), "A secret that you typed is never kept") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		p = confirm(b, "/console/apis", webtest.Password)
		if p.Status != http.StatusUnprocessableEntity {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		form := b.Form("/console/apis").Values
		if form.Get("name") != "Orders" || form.Get("identifier") != "urn:orders" || form.Get("scope_names") != "orders:read" || form.Get("signing_secret") != "" {
			t.Errorf("the form holds %v", form)
		}
		if p := b.Submit("/console/apis", url.Values{"signing_secret": {typed}}); p.Status != http.StatusOK {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	})
}

// Every field for a password or a secret is among those that are never kept.
func TestSudo_knowsEverySecretField(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("request/interrupted.go")
	must(t, err)
	files, err := filepath.Glob("../views/*/*.templ")
	must(t, err)
	named := regexp.MustCompile(`@(?:ui\.Field|password)\([^@]*?"([a-z_]+)"[^@]*?(?:Type: "password"|-password")`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			if n := regexp.MustCompile(`Name: "([a-z_]+)"`).FindStringSubmatch(m[0]); n != nil {
				name = n[1]
			}
			if found++; !strings.Contains(string(source), `"`+name+`"`) {
				t.Errorf("%s: %s would be kept", file, name)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d fields were found", found)
	}
}

// A proof ends with the password it is of, and begins anew at sign-in.
func TestSudo_endsWithThePassword(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		path := "/console/clients/" + h.Client(t).ID
		const next = "another rather long password"
		b.Get("/account")
		b.Submit("/account/password", url.Values{"current_password": {webtest.Password}, "password": {next}, "password_again": {next}})
		b.Get(path)
		if p := b.Submit(path, nil); !asksForPassword(p) {
			t.Fatalf("%d at %s", p.Status, p.URL)
		}
		if p := confirm(b, path, webtest.Password); p.Status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", p.Status)
		}
		if p := confirm(b, path, next); p.Status != http.StatusOK {
			t.Errorf("the new password: %d %s", p.Status, p.Text())
		}
		h.Clock.Advance(11 * time.Minute)
		b.Get("/login?return_to=/account")
		b.Submit("/login", url.Values{"username": {boss.Username}, "password": {next}})
		b.Get(path)
		if p := b.Submit(path, nil); p.Status != http.StatusOK || p.URL.Path != path {
			t.Errorf("after signing in: %d at %s", p.Status, p.URL)
		}
	})
}

// Which acts ask is said once, in the site map: all that administrators alone may do, but what only stops a client or changes nothing.
func TestSudo_everyActOfAdministratorsAsks(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		operator, _ := staff(t, h, identity.RoleOperator)
		free := []string{ // and whatever operators may do
			"/console/clients/:id/disable", "/console/clients/import", "/console/clients/redirect-uri", // these only read what is sent
			"/console/users/import",                                                       // it checks the file; beginning is asked for
			"/console/settings/branding/preview", "/console/clients/:id/branding/preview", // nothing holds before it is saved
		}
		h.Clock.Advance(11 * time.Minute)
		for _, s := range street {
			if s.method != http.MethodPost || !strings.HasPrefix(s.path, "/console/") {
				continue
			}
			path := strings.NewReplacer(":id", "none", ":secret", "none").Replace(s.path)
			b.Get("/console")
			operator.Get("/console")
			byOperator := operator.Post(path, url.Values{"csrf_token": {csrf(operator)}}).Status != http.StatusForbidden
			p := b.Post(path, url.Values{"csrf_token": {csrf(b)}})
			if asks := asksForPassword(p); asks == (byOperator || slices.Contains(free, s.path)) {
				t.Errorf("%s asks: %t (%d)", s.path, asks, p.Status)
			}
		}
	})
}

// A form that is too long to wait is sent again after the password.
func TestSudo_whatIsTooLongIsSentAgain(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Clock.Advance(11 * time.Minute)
		b.Get("/console/clients/new?type=web")
		form := b.Form("/console/clients").Values
		form.Set("contacts", strings.Repeat("a@example.test\n", 10_000))
		if p := b.Post("/console/clients", form); !asksForPassword(p) || !strings.Contains(p.Text(), "too long to wait here") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if p := confirm(b, "/console/clients", webtest.Password); p.URL.Path != "/console/clients/new" || !strings.Contains(p.Text(), "send your form again") {
			t.Fatalf("%d at %s", p.Status, p.URL)
		}
		if p := b.Post("/console/clients", form); p.Status == http.StatusUnauthorized {
			t.Error("asked again")
		}
	})
}
