package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// openHouse opens a house for a browser on SQLite, where nothing about the test depends on the database.
func openHouse(t *testing.T, with ...func(*webtest.Options)) *webtest.House {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a browser")
	}
	return webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), with...)
}

// Whoever switches JavaScript off does everything that the others do.
func TestBrowser_theConsoleWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	b, app := openTab(t, h), openApplication(t)
	b.withoutScript()
	b.open("/login")
	b.signIn(h.User(t, admin))
	b.at("/console")
	if js[bool](b, `typeof htmx !== "undefined"`) {
		t.Fatal("the tab runs scripts")
	}

	clientID, secret := b.register("Acme Storefront", app.url)
	page := "/console/clients/" + clientID
	newParty(t, h, clientID, secret, app).signIn(b, true)

	// What is wrong is said at its field, and nothing that was typed is lost.
	b.open(page)
	b.fill("#client_name", "Acme Warehouse")
	b.fill("#contacts", "ops")
	js[bool](b, `document.querySelector("[name=grant_types][value=client_credentials]").checked = false`)
	if status := b.press("#client-save"); status != http.StatusUnprocessableEntity {
		t.Errorf("a contact without an address is answered by %d", status)
	}
	if said := b.text("#contacts-error"); said == "" || said == "(nothing)" || js[string](b, `document.querySelector("#contacts").ariaInvalid`) != "true" {
		t.Errorf("the field does not say what is wrong: %q", said)
	}
	if b.value("#client_name") != "Acme Warehouse" || b.value("#contacts") != "ops" ||
		js[bool](b, `document.querySelector("[name=grant_types][value=client_credentials]").checked`) || b.values("redirect_uris") != app.url {
		t.Errorf("what was typed is lost\n%s", b.describe())
	}
	b.fill("#contacts", "ops@acme.example")
	b.press("#client-save")
	b.at(page)
	b.sees("Settings saved")

	b.press(`.tabs [href$="/credentials"]`)
	b.press("#secret-add")
	b.sees("Copy the secret now")
	b.press(".once .btn")
	b.press(`[aria-label="Revoke secret ending in ` + secret[len(secret)-4:] + `"]`)
	b.sees("Revoke this secret?")
	b.press("#secret-revoke-confirm")
	b.at(page + "/credentials")
	b.sees("Secret revoked")

	b.open(page)
	b.click(`[popovertarget="client-menu"]`)
	b.press(`#client-menu [href$="/disable"]`)
	b.at(page + "/disable")
	b.press("#client-disable-confirm")
	b.at(page)
	b.sees("Client disabled")
	b.press("#undo")
	b.sees("Client enabled")

	b.click(`[popovertarget="client-menu"]`)
	b.press(`#client-menu [href$="/delete"]`)
	b.fill("#confirm", "Acme")
	if status := b.press("#client-delete-confirm"); status != http.StatusUnprocessableEntity || b.value("#confirm") != "Acme" {
		t.Errorf("the wrong name is answered by %d, with %q in the field", status, b.value("#confirm"))
	}
	b.wait(`document.activeElement.id === "confirm"`)
	b.fill("#confirm", "Acme Warehouse")
	b.press("#client-delete-confirm")
	b.at("/console/clients")
	b.sees("Acme Warehouse is deleted")

	// Search is a form with a button then, and the look is chosen by one.
	h.Client(t, func(c *oauth.Client) { c.Name = "Ledger" })
	h.Client(t, func(c *oauth.Client) { c.Name = "Warehouse" })
	b.open("/console/clients")
	b.fill("#q", "ledg")
	b.press(".toolbar noscript button")
	b.sees("1 client")
	if rows := b.text("tbody"); !strings.Contains(rows, "Ledger") || strings.Contains(rows, "Warehouse") {
		t.Errorf("the search found %s", rows)
	}
	b.click(`[popovertarget="theme-menu"]`)
	b.press(`#theme-menu [value="dark"]`)
	if theme := js[string](b, `document.documentElement.dataset.theme`); theme != "dark" {
		t.Errorf("the theme is %q", theme)
	}
}

// Chromium takes no cookie with the __Host- prefix that is not Secure, and Go's cookie jar does not know the rule: only a
// real browser proves that people can sign in by https. A cookie of the other name means nothing (security.md rule 12).
func TestBrowser_cookiesFitTheIssuer(t *testing.T) {
	t.Parallel()
	for _, by := range []struct {
		scheme, name, other string
	}{{"http", "gh_session", "__Host-gh_session"}, {"https", "__Host-gh_session", "gh_session"}} {
		t.Run(by.scheme, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("it needs a browser")
			}
			open := webtest.OpenLocal
			if by.scheme == "https" {
				open = webtest.OpenLocalTLS
			}
			h := open(t, storetest.Open(t, storetest.SQLite(t)))
			b := openTab(t, h)
			b.open("/login")
			b.signIn(h.User(t))
			b.at("/account")
			c := b.cookies()[by.name]
			if c == nil {
				t.Fatalf("the browser keeps no %s but %v", by.name, b.cookies())
			}
			if c.Secure != (by.scheme == "https") || !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Domain != "localhost" {
				t.Errorf("the cookie is %+v", c)
			}

			// The same value under the other name opens nothing.
			thief := openTab(t, h)
			secure := true
			thief.do(call(network.SetCookie, network.SetCookieParams{Name: by.other, Value: c.Value, URL: "https://localhost", Path: "/", Secure: &secure}))
			if by.scheme == "https" {
				thief.do(call(network.SetCookie, network.SetCookieParams{Name: by.other, Value: c.Value, URL: h.Issuer}))
			}
			thief.open("/account")
			if _, sent := thief.cookies()[by.other]; !sent {
				t.Fatalf("the browser did not take %s", by.other)
			}
			thief.at("/login?return_to=%2Faccount")
		})
	}
}
