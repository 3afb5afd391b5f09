package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// brandedHouse settles what the house looks like, in colours that are hard to read, and returns a client that looks otherwise.
func brandedHouse(t *testing.T, h *webtest.House) *webtest.Client {
	t.Helper()
	must(t, h.Store.SaveImage(t.Context(), *logo(t), h.Clock.Now()))
	revision, _, err := h.Store.Settings(t.Context())
	must(t, err)
	must(t, h.Store.SaveSettings(t.Context(), revision, map[string]string{
		"brand_name": "Acme Warehouse and Logistics ID", "brand_accent": "facc15", "brand_logo": logo(t).Hash,
		"brand_help_uri": "mailto:help@acme.example", "brand_policy_uri": "https://acme.example/privacy", "brand_tos_uri": "https://acme.example/terms",
	}, h.Clock.Now(), event()))
	settled(t, h)
	return h.Client(t, named(longName), func(c *oauth.Client) {
		c.Logo, c.Accent = logo(t).Hash, "0a0a3c"
		c.ClientURI, c.PolicyURI, c.TosURI = "https://www.acme.example/", "https://www.acme.example/privacy", "https://www.acme.example/terms"
	})
}

// houseScenes are the scenes of security, settings and system, and of the palette.
func houseScenes(t *testing.T, dialog func(path string) func(*tab)) []scene {
	t.Helper()
	h, quiet := openHouse(t), webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) { o.Pins = map[string]string{"code_ttl": "2m", "password_grant": "true"} })
	boss := h.User(t, admin, people("Sofia Ivanova", "sofia"))
	auditor := h.User(t, people("Ola Nordmann", "ola"), ofRole(identity.RoleAuditor))
	founder := quiet.User(t, admin, people("Sofia Ivanova", "sofia"))
	branded := openHouse(t)
	chief, shop := branded.User(t, admin, people("Sofia Ivanova", "sofia")), brandedHouse(t, branded)
	victim := h.User(t, people("Maximiliane Freifrau von Wolkenstein-Hohenlohe", "maximiliane"))
	h.Client(t, named(longName))
	at := h.Clock.Now()
	for _, c := range []identity.Counter{
		{Key: "one", Kind: identity.CountsNetwork, UserID: victim.ID, Network: "192.0.2.0/24"}, {Key: "two", Kind: identity.CountsNetwork, UserID: victim.ID, Network: "2001:db8:1:2::/64"},
		{Key: "three", Kind: identity.CountsNetwork, UserID: auditor.ID, Network: "198.51.100.0/24"},
	} {
		for i := range identity.FreeFailures + 1 {
			if _, _, err := h.Store.BeginAttempt(t.Context(), c, at.Add(-identity.Pause(int64(i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(t, h.App.SayHere(t.Context(), "10.0.0.1:8080"))
	must(t, h.Store.SeeNode(t.Context(), store.Node{ID: "other", Address: "gatehouse-7f9c4d-warehouse-eu-central-1.internal.example:8080", Version: "v1.2.3-rc.1", Commit: "0123456789ab", StartedAt: at, SeenAt: at}))
	busy := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) { o.Pins = map[string]string{"rate_client": "1"} })
	waiting := busy.Client(t, named(longName))
	for range 2 {
		busy.Post(t, oauth.PathToken, waiting, url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}})
	}
	guard := busy.User(t, people("Ola Nordmann", "ola"), ofRole(identity.RoleOperator))
	must(t, h.Store.Record(t.Context(), audit.Event{At: at.AddDate(0, 0, -20), Action: audit.TokenRefused, Outcome: audit.Refused}))
	palette := func(typed, sees string) func(*tab) {
		return func(b *tab) {
			if js[bool](b, `!document.querySelector("#palette").open`) {
				js[bool](b, `(document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true})), true)`)
			}
			if typed != "" && js[bool](b, `document.querySelector("#palette-q").value !== %q`, typed) {
				b.fill("#palette-q", typed)
			}
			b.wait(`document.querySelector("#palette[open]").innerText.includes(%q)`, sees)
		}
	}
	return []scene{
		{name: "security", house: h, as: boss, open: securityPage},
		{name: "security quiet", house: quiet, as: founder, open: securityPage},
		{name: "security auditor", house: h, as: auditor, open: securityPage},
		{name: "security refused", house: h, as: boss, open: securityPage, then: func(b *tab) {
			b.fill("#password_min_length", "3")
			b.click("#settings-save")
			b.wait(`document.activeElement.id === "password_min_length" && document.activeElement.ariaInvalid`)
		}},
		{name: "security measured", house: h, as: boss, open: securityPage, then: func(b *tab) {
			b.press("#measure")
			b.wait(`document.querySelector("#suggestions")`)
		}},
		{name: "security limited", house: busy, as: guard, open: securityPage},
		{name: "unblock", house: busy, as: guard, open: securityPage + "/unblock?what=signin&who=2001%3Adb8%3A1%3A2%3A%3A%2F64"},
		{name: "unblock dialog", house: busy, as: guard, open: securityPage, after: dialog(securityPage + "/unblock?" + url.Values{"what": {"requests"}, "who": {waiting.ID}}.Encode())},
		{name: "branding", house: branded, as: chief, open: brandingPage},
		{name: "branding plain", house: h, as: boss, open: brandingPage},
		{name: "branding auditor", house: h, as: auditor, open: brandingPage},
		{name: "branding refused", house: h, as: boss, open: brandingPage, then: func(b *tab) {
			b.fill("#brand_accent", "blue")
			b.click("#settings-save")
			b.wait(`document.activeElement.id === "brand_accent" && document.activeElement.ariaInvalid`)
		}},
		{name: "branding of a client", house: branded, as: chief, open: clientList + "/" + shop.ID + "/branding"},
		{name: "branding of a client, as it is typed", house: branded, as: chief, open: clientList + "/" + shop.ID + "/branding", then: func(b *tab) {
			b.fill("#accent_color", "#facc15")
			b.wait(`document.querySelector("#preview [data-scheme=dark][data-accent=facc15]") && document.querySelector("#preview").innerText.includes("darker")`)
		}},
		{name: "login branded", house: branded, open: "/login"},
		{name: "login branded for a client", house: branded, open: branded.AuthorizeURL(shop, nil)},
		{name: "consent branded", house: branded, as: chief, open: branded.AuthorizeURL(shop, nil)},
		{name: "account branded", house: branded, as: chief, open: "/account"},
		{name: "settings", house: h, as: boss, open: settingsPage},
		{name: "settings that delete events", house: h, as: boss, open: settingsPage, then: func(b *tab) {
			b.fill("#audit_keep_refusals", "7d")
			b.click("#settings-save")
			b.wait(`document.activeElement.id === "loss"`)
		}},
		{name: "settings pinned", house: quiet, as: founder, open: settingsPage},
		{name: "settings auditor", house: h, as: auditor, open: settingsPage},
		{name: "settings refused", house: h, as: boss, open: settingsPage, then: func(b *tab) {
			b.fill("#code_ttl", "soon")
			b.fill("#session_idle", "31d")
			b.click("#settings-save")
			b.wait(`document.activeElement.id === "code_ttl" && document.activeElement.ariaInvalid`)
		}},
		{name: "settings conflict", house: quiet, as: founder, open: settingsPage, then: func(b *tab) {
			other := openTab(b.t, quiet)
			other.enter(founder)
			other.open(settingsPage)
			other.fill("#id_token_ttl", "5m")
			other.click("#settings-save")
			other.sees("Settings saved")
			b.fill("#id_token_ttl", "6m")
			b.click("#settings-save")
			b.wait(`document.activeElement.id === "conflict"`)
		}},
		{name: "system", house: h, as: boss, open: "/console/system", then: func(b *tab) { b.click(".disclosure > summary") }},
		{name: "search", house: h, as: boss, open: "/console/search?q=s"},
		{name: "search none", house: h, as: auditor, open: "/console/search?q=" + strings.Repeat("nothing", 20)},
		{name: "palette", house: h, as: boss, open: "/console/system", after: palette("", "New client")},
		{name: "palette found", house: h, as: boss, open: "/console/scopes", after: palette("max", "Maximiliane")},
		{name: "palette none", house: h, as: boss, open: "/console/scopes", after: palette("nothing at all", "Nothing is called")},
		{name: "console nowhere", house: h, as: boss, open: "/console/nothing/here", status: http.StatusNotFound},
	}
}

// The palette opens by keys, is moved through by keys, opens what was found, and gives the focus back.
func TestBrowser_thePaletteWorksByKeyboardAlone(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	boss, sofia := h.User(t, admin, people("Ada Boss", "ada")), h.User(t, people("Sofia Ivanova", "sofia"))
	h.User(t, people("Sofus Berg", "sofus"))
	b := openTab(t, h)
	b.enter(boss)
	b.open("/console/users")
	js[bool](b, `(document.querySelector("#q").focus(), true)`)
	open := func() {
		t.Helper()
		js[bool](b, `(document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true, cancelable: true})), true)`)
		b.wait(`document.querySelector("#palette[open]") && document.activeElement.id === "palette-q"`)
	}
	open()
	b.keys("\u001b")
	b.wait(`!document.querySelector("#palette").open && document.activeElement.id === "q"`)
	open()
	b.keys("sof")
	b.wait(`document.querySelectorAll("#palette [role=option]").length === 2 && document.querySelector("#palette-q").getAttribute("aria-activedescendant")`)
	chosen := `document.getElementById(document.querySelector("#palette-q").getAttribute("aria-activedescendant"))`
	arrow := func(key string) {
		js[bool](b, `(document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true})), true)`, key)
	}
	first := js[string](b, "%s.innerText", chosen)
	arrow("ArrowDown")
	if second := js[string](b, "%s.innerText", chosen); second == first || js[int](b, `document.querySelectorAll("#palette [aria-selected=true]").length`) != 1 {
		t.Errorf("down leads from %q to %q", first, second)
	}
	arrow("ArrowDown") // around
	if again := js[string](b, "%s.innerText", chosen); again != first || !strings.Contains(again, "Sofia") {
		t.Errorf("it came to %q", again)
	}
	if says := js[string](b, `document.querySelector("#palette-says").textContent`); says != "2 results" {
		t.Errorf("a screen reader hears %q", says)
	}
	b.keys("\r")
	b.wait(`location.pathname === "/console/users/%s" && document.readyState === "complete"`, sofia.ID)
	b.ready()
	// What was seen lately is offered, and known to this tab alone.
	open()
	b.wait(`document.querySelector("#palette [role=option][href='/console/users']") && document.querySelector("#palette-recent")`)
	b.keys("nothing is called so\r") // before anything was found: the page that searches
	b.wait(`location.pathname === "/console/search" && document.readyState === "complete"`)
}

// What is settled by hand is saved, with and without a script.
func TestBrowser_settingsAreSaved(t *testing.T) {
	t.Parallel()
	for _, scripted := range []bool{true, false} {
		h := openHouse(t)
		b := openTab(t, h)
		b.enter(h.User(t, admin))
		if !scripted {
			b.withoutScript()
		}
		b.open(settingsPage)
		b.fill("#code_ttl", "2m")
		b.click("#settings-save")
		b.sees("Settings saved")
		if got := b.value("#code_ttl"); got != "2m" || h.App.Rules().Policy().Lifetimes.Code.String() != "2m0s" {
			t.Errorf("with a script %v: %q", scripted, got)
		}
	}
}
