package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// allowed are the scopes that are ticked in the client's form.
func allowed(b *webtest.Browser, path string) []string {
	return slices.Sorted(slices.Values(b.Form(path).Values["scopes"]))
}

// What is ticked is what the client may ask for from then on, and the page says which APIs that opens.
func TestClientScopes_holdFromTheNextRequestOn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for _, name := range []string{"orders:read", "orders:write", "staff:only"} {
			h.Scope(t, name, "May "+name)
		}
		api := h.API(t, func(a *oauth.API) { a.Name, a.Scopes = "Orders", oauth.Scopes{"orders:read", "orders:write"} })
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"openid", "staff:only"} })
		path := clientList + "/" + client.ID + "/scopes"
		p := b.Get(path)
		if said := p.Says("opens"); !strings.Contains(said, "None but Gatehouse's own API") || !slices.Equal(allowed(b, path), []string{"openid", "staff:only"}) {
			t.Errorf("it opens %s, ticked are %q", said, allowed(b, path))
		}
		if text := p.Text(); !strings.Contains(text, "orders:read May orders:read Orders Asked once") || !strings.Contains(text, "staff:only May staff:only no API Asked once") {
			t.Errorf("of its scopes it says %s", text)
		}
		itself := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {"orders:read"}, "resource": {api.Identifier}}
		if a := h.Post(t, oauth.PathToken, client, itself); a.Status != http.StatusBadRequest {
			t.Errorf("before: %d %s", a.Status, a.Body)
		}
		if p := b.Submit(path, url.Values{"scopes": {"openid", "orders:read"}}); p.URL.Path != path || !strings.Contains(p.Text(), "Scopes and APIs saved") || !strings.Contains(p.Says("opens"), "Orders "+api.Identifier+" orders:read") ||
			strings.Contains(p.Says("opens"), "orders:write") || !slices.Equal(allowed(b, path), []string{"openid", "orders:read"}) {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if a := h.Post(t, oauth.PathToken, client, itself); a.Status != http.StatusOK {
			t.Errorf("after: %d %s", a.Status, a.Body)
		}
		changed := written(t, h, client.ID, audit.ClientUpdated)
		if len(changed) != 1 || len(changed[0].Changes) != 1 || changed[0].Changes["scope"] != (audit.Change{Before: "openid staff:only", After: "openid orders:read"}) {
			t.Errorf("written down are %+v", changed)
		}
		b.Submit(path, nil) // as it stands: no change
		if n := len(written(t, h, client.ID, audit.ClientUpdated)); n != 1 {
			t.Errorf("%d changes were written down", n)
		}
		if p := b.Submit(path, url.Values{"scopes": nil}); !strings.Contains(p.Text(), "Scopes and APIs saved") || len(allowed(b, path)) != 0 {
			t.Errorf("none at all: %d %q", p.Status, allowed(b, path))
		}

		auditor, _ := staff(t, h, identity.RoleAuditor)
		b.Submit(path, url.Values{"scopes": {"orders:write"}})
		if text := auditor.Get(path).Text(); !strings.Contains(text, "orders:write May orders:write Orders Asked once") || strings.Contains(text, "orders:read") {
			t.Errorf("an auditor reads %s", text)
		}
	})
}

// Grants and scopes are settled on two tabs and belong together: neither may break what the other has, and says where to mend it.
func TestClientScopes_andGrantsGoTogether(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "jobs:run", "Run jobs")
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"openid", "jobs:run"} })
		settings := clientList + "/" + client.ID
		path := settings + "/scopes"
		b.Get(settings)
		if p := b.Submit(settings, url.Values{"grant_types": {oauth.GrantClientCredentials}, "client_name": {"Runner"}}); p.Status != http.StatusUnprocessableEntity ||
			!strings.Contains(p.Text(), "openid. That is under Scopes and APIs.") || b.Form(settings).Values.Get("client_name") != "Runner" {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		b.Get(path)
		b.Submit(path, url.Values{"scopes": {"jobs:run"}})
		b.Get(settings)
		if p := b.Submit(settings, url.Values{"grant_types": {oauth.GrantClientCredentials}}); !strings.Contains(p.Text(), "Settings saved") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if p := b.Get(path); !strings.Contains(p.Text(), "Needs a grant in which a person takes part.") || !strings.Contains(p.Text(), "jobs:run Run jobs no API No person takes part") {
			t.Errorf("%s", p.Text())
		}
		for name, sent := range map[string][]string{"a person's scope without a person": {"jobs:run", "email"}, "an unknown one": {"jobs:run", "nonsense"}} {
			values := b.Form(path).Values
			values["scopes"] = sent
			p := b.Post(path, values)
			if described, _ := p.Element("scopes", "aria-describedby"); p.Status != http.StatusUnprocessableEntity || p.Says("scopes-error") == "" || described != "scopes-error" ||
				len(p.Parts("a", "href", "#scopes")) != 1 || !slices.Contains(allowed(b, path), "jobs:run") {
				t.Errorf("%s: %d %s", name, p.Status, p.Text())
			}
			b.Get(path)
		}
		// An API's own client may do without a grant, but not cease to be one then.
		api := h.API(t)
		b.Get(path)
		b.Submit(path, url.Values{"resource_server": {api.Identifier}})
		b.Get(settings)
		if p := b.Submit(settings, url.Values{"grant_types": nil}); !strings.Contains(p.Text(), "Settings saved") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if said := b.Get(path).Says("opens"); !strings.Contains(said, "None: it has no grant.") {
			t.Errorf("it opens %s", said)
		}
		if p := b.Submit(path, url.Values{"resource_server": {""}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "Choose at least one grant type. That is under Settings.") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.ResourceServer != api.Identifier || c.Version != 5 {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// An API may name the clients that it gives tokens to: no scope helps another one.
func TestClientScopes_ofAnAPIForOthersAlone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "orders:read", "See your orders")
		client, other := h.Client(t, withScopes("orders:read")), h.Client(t, withScopes("orders:read"))
		api := h.API(t, func(a *oauth.API) { a.Scopes, a.Clients = oauth.Scopes{"orders:read"}, []string{other.ID} })
		for who, opens := range map[*webtest.Client]bool{client: false, other: true} {
			path := clientList + "/" + who.ID + "/scopes"
			if said := b.Get(path).Says("opens"); strings.Contains(said, api.Identifier) != opens {
				t.Errorf("it opens %s", said)
			}
			p := b.Submit(path, url.Values{"default_resource": {api.Identifier}})
			if opens != (p.Status == http.StatusOK) || opens == strings.Contains(p.Says("default_resource-error"), "only to clients that it names") {
				t.Errorf("%d %s", p.Status, p.Text())
			}
		}
	})
}

// Who saves second is told, and overwrites nothing unknowingly; what they had ticked is still ticked.
func TestClientScopes_aLostRaceOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		first, _ := staff(t, h, identity.RoleAdmin)
		second, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"openid"} })
		path := clientList + "/" + client.ID + "/scopes"
		first.Get(path)
		second.Get(path)
		first.Submit(path, url.Values{"scopes": {"openid", "email"}})
		p := second.Submit(path, url.Values{"scopes": {"openid", "phone"}})
		if p.Status != http.StatusConflict || !strings.Contains(p.Text(), "email openid") || !strings.Contains(p.Text(), "openid phone") || !slices.Equal(allowed(second, path), []string{"openid", "phone"}) {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Scopes.String() != "openid email" {
			t.Errorf("%+v, %v", c, err)
		}
		second.Submit(path, nil) // knowing both
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Scopes.String() != "openid phone" {
			t.Errorf("%+v, %v", c, err)
		}
	})
}
