package web_test

import (
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

const longURI = "https://api.warehouse.logistics.example/customers/self-service/orders-and-shipments/version-2"

// apiScenes are the scenes of APIs, and of clients that have to do with them.
func apiScenes(t *testing.T, h *webtest.House, boss, auditor, user *identity.User, menu, dialog func(string) func(*tab)) []scene {
	t.Helper()
	h.Scope(t, "orders:read", "See your orders and where they are")
	h.Scope(t, "orders:write", "Place and change orders")
	signed := h.API(t, func(a *oauth.API) {
		a.Name, a.Scopes = "Orders", oauth.Scopes{"orders:read", "orders:write", "orders:cancel", "orders:refund", "orders:export"}
	})
	opaque := h.API(t, func(a *oauth.API) {
		a.Identifier, a.Name, a.TokenFormat = "urn:example:payments", "Payments", oauth.FormatOpaque
		a.Scopes, a.AccessTokenTTL = oauth.Scopes{"payments:read"}, 300
	})
	sharing := h.API(t, func(a *oauth.API) {
		a.Identifier, a.Name = "https://tutorial.example.test", "Tutorial"
		a.SigningAlg, a.Claims, a.Scopes = keys.HS256, oauth.ClaimsTutorial, oauth.Scopes{"orders:read"}
	})
	long := h.API(t, func(a *oauth.API) {
		a.Identifier, a.Name, a.Scopes = longURI, longName, oauth.Scopes{strings.Repeat("long:scope:", 8) + "read", "orders:read"}
	})
	app := openApplication(t)
	client := h.Client(t, withScopes("orders:read", "orders:write"), func(c *oauth.Client) {
		c.Name, c.DefaultResource, c.RedirectURIs = "Order desk", signed.Identifier, oauth.RedirectURIs{app.url}
	})
	ownClient(t, h, signed)
	h.Client(t, withScopes("orders:read"), func(c *oauth.Client) { c.Name, c.DefaultResource = longName, long.Identifier })
	one, other := "/console/apis/"+signed.ID, "/console/apis/"+sharing.ID
	longPage := "/console/apis/" + long.ID

	risky := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), func(o *webtest.Options) { o.PasswordGrant, o.ImplicitGrant = true, true })
	chief := risky.User(t, admin, people("Sofia Ivanova", "sofia"))
	choose := func(name, value string) func(*tab) {
		return func(b *tab) { b.click(`[name="` + name + `"][value="` + value + `"]`) }
	}

	return []scene{
		{name: "apis none", house: risky, as: chief, open: "/console/apis"},
		{name: "apis", as: boss, open: "/console/apis"},
		{name: "apis auditor", as: auditor, open: "/console/apis"},
		{name: "apis menu", as: boss, open: "/console/apis", after: menu("row-3")},
		{name: "api new", as: boss, open: "/console/apis/new"},
		{name: "api new opaque", as: boss, open: "/console/apis/new", then: choose("token_format", "opaque")},
		{name: "api new shared", as: boss, open: "/console/apis/new", then: func(b *tab) {
			choose("signing_alg", "HS256")(b)
			choose("signing_secret_from", "own")(b)
		}},
		{name: "api new refused", as: boss, open: "/console/apis/new", then: func(b *tab) {
			choose("signing_alg", "HS256")(b)
			choose("signing_secret_from", "own")(b)
			b.fill("#identifier", "orders")
			b.fill("#signing_secret", "short")
			b.fill("#access_token_ttl", "2 days")
			b.fill(`[id="scope_names.0"]`, "orders:read")
			b.fill(`[id="scope_descriptions.0"]`, "See what you ordered")
			b.press("#api-save")
		}},
		{name: "api registered", house: risky, as: chief, open: "/console/apis/new", then: func(b *tab) {
			b.fill("#name", "Data")
			b.fill("#identifier", "https://data.example.test")
			choose("signing_alg", "HS256")(b)
			choose("claims", "tutorial")(b)
			b.press("#api-save")
		}},
		{name: "api", as: boss, open: one},
		{name: "api opaque", as: boss, open: "/console/apis/" + opaque.ID},
		{name: "api sharing", as: boss, open: other},
		{name: "api long", as: boss, open: longPage},
		{name: "api auditor", as: auditor, open: one},
		{name: "api opaque auditor", as: auditor, open: "/console/apis/" + opaque.ID},
		{name: "api menu", as: boss, open: other, after: menu("api-menu")},
		{name: "api refused", as: boss, open: longPage, then: func(b *tab) {
			b.fill("#name", "")
			b.click("#add-scope")
			b.wait(`document.getElementsByName("scope_names").length === 3`)
			b.fill(`[id="scope_names.2"]`, "openid")
			b.click("#api-save")
			b.wait(`document.activeElement.id === "name" && document.activeElement.ariaInvalid`)
		}},
		{name: "api conflict", as: boss, open: longPage, then: func(b *tab) {
			elsewhere := openTab(b.t, h)
			elsewhere.enter(boss)
			elsewhere.open(longPage)
			elsewhere.fill("#access_token_ttl", "30")
			elsewhere.click("#api-save")
			elsewhere.sees("Settings saved")
			b.fill("#access_token_ttl", "90s")
			b.click("#api-save")
			b.wait(`document.activeElement.id === "conflict"`)
		}},
		{name: "rotate", as: boss, open: other + "/rotate-secret"},
		{name: "rotate dialog", as: boss, open: other, then: dialog(other + "/rotate-secret")},
		{name: "rotate refused", as: boss, open: other + "/rotate-secret", then: func(b *tab) {
			choose("signing_secret_from", "own")(b)
			b.fill("#signing_secret", "short")
			b.press("#rotate-secret-confirm")
		}},
		{name: "api delete", as: boss, open: other + "/delete"},
		{name: "api delete dialog", as: boss, open: other, then: dialog(other + "/delete")},
		{name: "api delete refused", as: boss, open: one + "/delete"},
		{name: "client with an API", as: boss, open: "/console/clients/" + client.ID},
		{name: "client with an API auditor", as: auditor, open: "/console/clients/" + client.ID},
		{name: "client new of an API", as: boss, open: "/console/clients/new?resource_server=" + url.QueryEscape(opaque.Identifier)},
		{name: "client new with risks", house: risky, as: chief, open: "/console/clients/new?type=web"},
		{name: "consent for an API", as: user, open: h.AuthorizeURL(client, url.Values{"redirect_uri": {app.url}, "scope": {"openid orders:read orders:write"}})},
	}
}

// An administrator registers an API that shares a secret, describes what it takes, rotates the secret and deletes the API;
// whoever switches JavaScript off does the same.
func TestBrowser_anAPIIsRegisteredAndRotated(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		t.Run(map[bool]string{false: "with JavaScript", true: "without"}[plain], func(t *testing.T) {
			t.Parallel()
			h := openHouse(t)
			h.Scope(t, "read", "Read things")
			b := openTab(t, h)
			b.enter(h.User(t, admin))
			if plain {
				b.withoutScript()
			}
			b.open("/console/apis")
			b.sees("No APIs yet")
			b.press(".empty .btn")
			b.wait(`document.activeElement.id === "name"`)
			shown := func(selector string) bool {
				return js[bool](b, `document.querySelector(%q).checkVisibility()`, selector)
			}
			if shown("#signing_secret_from") || !shown("#claims") {
				t.Error("ES256 shares a secret, or has no claims")
			}
			b.click(`[name="token_format"][value="opaque"]`)
			if shown("#signing_alg") || shown("#claims") {
				t.Error("an opaque token is signed")
			}
			b.click(`[name="token_format"][value="jwt"]`)
			b.click(`[name="signing_alg"][value="HS256"]`)
			if !shown("#signing_secret_from") || shown("#signing_secret") {
				t.Error("HS256 has no choice of secrets, or asks for one at once")
			}
			b.click(`[name="signing_secret_from"][value="own"]`)
			b.fill("#signing_secret", "pasted from the configuration of the API")
			b.fill("#name", "Tutorial")
			b.fill("#identifier", "https://tutorial.example.test")
			b.fill(`[id="scope_names.0"]`, "read")
			b.click("#add-scope")
			b.wait(`document.getElementsByName("scope_names").length === 2`)
			if b.values("scope_names") != "read " || b.values("scope_descriptions") != "Read things " || b.value("#name") != "Tutorial" {
				t.Errorf("with a new row the form holds %q and %q", b.values("scope_names"), b.values("scope_descriptions"))
			}
			kept := b.value("#signing_secret")
			if said := b.text("#signing_secret-hint"); plain != (kept == "") || plain != strings.Contains(said, "paste it again") {
				t.Errorf("the secret is %q, and the hint says %q", kept, said)
			}
			if !plain {
				b.wait(`document.activeElement.id === "scope_names.1"`)
			}
			b.click(`[name="signing_secret_from"][value="new"]`)
			b.fill(`[id="scope_names.1"]`, "write")
			b.fill(`[id="scope_descriptions.1"]`, "Write things")
			if plain {
				b.press("#api-save")
			} else {
				b.doubleClick("#api-save")
			}
			b.sees("Copy the secret now")
			secret := b.text("#new-signing-secret")
			if apis, err := h.Store.APIs(t.Context()); err != nil || len(apis) != 1 || apis[0].Scopes.String() != "read write" {
				t.Fatalf("there are %+v, %v", apis, err)
			}
			b.press(".once .btn")
			page := b.path()
			if strings.Contains(b.text("body"), secret) {
				t.Error("the secret is shown twice")
			}

			b.click(`[name="remove_scope"][value="0"]`)
			b.wait(`document.getElementsByName("scope_names").length === 1`)
			b.fill(`[id="scope_descriptions.0"]`, "Change things")
			save := b.click
			if plain {
				save = func(selector string) { b.press(selector) }
			}
			save("#api-save")
			b.sees("Settings saved")
			if a := storedAPI(t, h, "https://tutorial.example.test"); a.Scopes.String() != "write" || described(t, h, "write") != "Change things" {
				t.Errorf("saved %+v", a)
			}

			if plain {
				b.press("#rotate-secret")
				b.press("#rotate-secret-confirm")
			} else {
				b.click("#rotate-secret")
				b.wait(`document.querySelector("dialog[open]")`)
				b.wait(`document.activeElement.name === "signing_secret_from"`)
				b.doubleClick("#rotate-secret-confirm")
			}
			b.sees("New signing secret for Tutorial")
			if again := b.text("#new-signing-secret"); again == secret || !strings.HasPrefix(again, "gh_ss_") {
				t.Errorf("the new secret is %q", again)
			}
			b.press(".once .btn")
			b.at(page)

			if plain {
				b.click(`[popovertarget="api-menu"]`)
				b.press(`#api-menu [href$="/delete"]`)
			} else {
				b.choose("#api-menu", "Delete…")
			}
			b.fill("#confirm", "https://tutorial.example.test")
			save("#api-delete-confirm")
			b.sees("Tutorial is deleted")
			b.sees("No APIs yet")
		})
	}
}
