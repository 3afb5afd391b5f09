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

const scopeList = "/console/scopes"

func scopePage(name string) string   { return scopeList + "/edit?name=" + url.QueryEscape(name) }
func scopeDelete(name string) string { return scopeList + "/delete?name=" + url.QueryEscape(name) }

func TestScopes_areListedWithWhoUsesThem(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		boss, _ := staff(t, h, identity.RoleAdmin)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		h.API(t)
		h.Scope(t, "spare", "Do what nobody does")
		h.Client(t, withScopes("read"))
		h.Client(t, withScopes("read"), named("Other"))
		for _, b := range []*webtest.Browser{boss, auditor} {
			p := b.Get(scopeList)
			want := append([]string{"read", "spare", "write"}, slices.Sorted(slices.Values(oauth.PersonScopes))...)
			if got := listed(p); !slices.Equal(got, want) {
				t.Errorf("listed: %q", got)
			}
			for _, words := range []string{"Use read", "Orders", "Do what nobody does", "no API", "Know who you are", "OpenID"} {
				if !strings.Contains(p.Text(), words) {
					t.Errorf("the list does not say %q: %s", words, p.Text())
				}
			}
			if led := len(p.Parts("a", "href", scopeList+"/new")) + len(p.Parts("a", "href", scopeDelete("spare"))); (led > 0) != (b == boss) {
				t.Errorf("it leads %d times to what changes something", led)
			}
			for name, numbers := range map[string]string{"read": "2", "spare": "0"} {
				p := b.Get(scopePage(name))
				if p.Status != http.StatusOK || (numbers == "2") != strings.Contains(p.Text(), "Other") {
					t.Errorf("%s: %d %s", name, p.Status, p.Text())
				}
			}
			if p := b.Get(scopePage("read")); !strings.Contains(p.Text(), "read at Orders (https://orders.example.test)") {
				t.Errorf("the line of the consent page is not shown: %s", p.Text())
			}
			if p := b.Get(scopePage("openid")); p.Status != http.StatusOK || len(p.Parts("input", "name", "description")) > 0 {
				t.Errorf("OpenID's own can be changed: %d", p.Status)
			}
			if p := b.Get(scopePage("nothing")); p.Status != http.StatusNotFound {
				t.Errorf("a scope that is not there: %d", p.Status)
			}
		}
	})
}

// The line that is previewed is that of the consent page.
func TestScopes_thePreviewIsTheConsentPage(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		boss, _ := staff(t, h, identity.RoleAdmin)
		api := h.API(t)
		client := h.Client(t, withScopes("read"), func(c *oauth.Client) { c.DefaultResource = api.Identifier })
		line := func(p *webtest.Page) (lines []string) {
			for _, tag := range []string{"div", "label"} {
				for _, scope := range p.Parts(tag, "class", "scope") {
					if strings.Contains(scope.Text(), "Use read") {
						lines = append(lines, strings.TrimSuffix(scope.Text(), " Needed"))
					}
				}
			}
			return lines
		}
		shown := line(boss.Get(scopePage("read")))
		asking := asked(t, h, client, url.Values{"scope": {"read"}}).Page
		asks := line(&asking)
		if len(shown) != 1 || !slices.Equal(shown, asks) {
			t.Errorf("the preview says %q, the consent page %q", shown, asks)
		}
	})
}

// Names that no path could hold.
var oddScopes = []string{"new", ".", "..", "https://api.example.test/read", "a&b=c", "%2e", "a+b", "~#?"}

func TestConsole_addsDescribesAndDeletesScopes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		for _, name := range append([]string{"invoices:read"}, oddScopes...) {
			b.Get(scopeList + "/new")
			p := b.Submit(scopeList, url.Values{"name": {" " + name + " "}, "description": {" See your invoices "}})
			if p.URL.RequestURI() != scopePage(name) || !strings.Contains(p.Text(), "Scope added") || described(t, h, name) != "See your invoices" {
				t.Fatalf("%s: led to %s %d: %s", name, p.URL, p.Status, p.Text())
			}
			p = b.Submit(scopeList+"/edit", url.Values{"description": {"See what you paid"}})
			if p.URL.RequestURI() != scopePage(name) || !strings.Contains(p.Text(), "Scope saved") || described(t, h, name) != "See what you paid" {
				t.Errorf("%s: led to %s %d: %s", name, p.URL, p.Status, p.Text())
			}
			b.Submit(scopeList+"/edit", nil) // it reads so already
			if p := b.Submit(scopeList+"/edit", url.Values{"description": {""}}); p.Status != http.StatusUnprocessableEntity || p.Says("description-error") == "" {
				t.Errorf("%s: without words: %d", name, p.Status)
			}
			b.Get(scopeDelete(name))
			p = b.Submit(scopeList+"/delete", nil)
			if p.URL.Path != scopeList || !strings.Contains(p.Text(), "Scope deleted") {
				t.Errorf("%s: led to %s %d: %s", name, p.URL, p.Status, p.Text())
			}
			for action, want := range map[audit.Action]audit.Change{
				audit.ScopeCreated: {After: "See your invoices"}, audit.ScopeUpdated: {Before: "See your invoices", After: "See what you paid"}, audit.ScopeDeleted: {Before: "See what you paid"},
			} {
				events := happenedTo(t, h, name, action)
				if len(events) != 1 || events[0].Actor.ID != admin.ID || events[0].Changes["description"] != want {
					t.Errorf("%s, %s: written down as %+v", name, action, events)
				}
			}
		}
	})
}

func TestConsole_mistakesWithScopesStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "taken", "Do something")
		for _, c := range []struct{ name, description, field string }{
			{"", "Do", "name"}, {"a b", "Do", "name"}, {`a"b`, "Do", "name"}, {strings.Repeat("x", 101), "Do", "name"}, {"taken", "Do", "name"}, {"openid", "Know who you are", "name"},
			{"fresh", "", "description"}, {"fresh", strings.Repeat("x", 201), "description"}, {"fresh", "a\u2028b", "description"},
		} {
			b.Get(scopeList + "/new")
			p := b.Submit(scopeList, url.Values{"name": {c.name}, "description": {c.description}})
			if f := b.Form(scopeList).Values; p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" || f.Get("name") != c.name || f.Get("description") != c.description {
				t.Errorf("%q %q: %d %q, came back as %v", c.name, c.description, p.Status, p.Says(c.field+"-error"), f)
			}
		}
		// Sent twice it makes one.
		b.Get(scopeList + "/new")
		f := b.Form(scopeList).Values
		f.Set("name", "once")
		f.Set("description", "Do it once")
		b.Post(scopeList, f)
		if p := b.Post(scopeList, f); p.URL.RequestURI() != scopePage("once") || !strings.Contains(p.Text(), "Already there") || len(happenedTo(t, h, "once", audit.ScopeCreated)) != 1 {
			t.Errorf("sent twice: %s %s", p.URL, p.Text())
		}
		// OpenID's own cannot be reached by any form.
		for _, path := range []string{scopePage("openid"), scopeDelete("openid")} {
			if p := b.Post(path, url.Values{"csrf_token": {csrf(b)}, "description": {"Know nothing"}, "version": {"1"}}); p.Status != http.StatusNotFound || described(t, h, "openid") != "Know who you are" {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
	})
}

func TestConsole_aLostRaceOverAScopeOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		one, _ := staff(t, h, identity.RoleAdmin)
		two, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "read", "Read")
		one.Get(scopePage("read"))
		two.Get(scopePage("read"))
		two.Submit(scopeList+"/edit", url.Values{"description": {"Theirs"}})
		p := one.Submit(scopeList+"/edit", url.Values{"description": {"Mine"}})
		if p.Status != http.StatusConflict || !strings.Contains(p.Says("conflict"), "Theirs") || !strings.Contains(p.Says("conflict"), "Mine") || described(t, h, "read") != "Theirs" {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if one.Submit(scopeList+"/edit", nil); described(t, h, "read") != "Mine" {
			t.Errorf("it reads %q", described(t, h, "read"))
		}
	})
}

func TestConsole_aScopeInUseIsNotDeleted(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.API(t)
		h.Scope(t, "spare", "Do more")
		client := h.Client(t, withScopes("spare"), named("Spender"))
		for name, user := range map[string]string{"read": "Orders", "spare": "Spender"} {
			p := b.Get(scopeDelete(name))
			if !strings.Contains(p.Text(), "cannot be deleted yet") || !strings.Contains(p.Text(), user) || len(p.Parts("button", "id", "scope-delete-confirm")) > 0 {
				t.Errorf("%s: %s", name, p.Text())
			}
			if p := b.Post(scopeDelete(name), url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), user) || described(t, h, name) == "" {
				t.Errorf("%s: %d %s", name, p.Status, p.Text())
			}
		}
		// What people allowed once is not allowed again when another scope takes the name.
		user := h.User(t)
		h.Browser(t).Code(client, user, url.Values{"scope": {"openid spare"}})
		b.Get(clientList + "/" + client.ID + "/scopes")
		b.Submit(clientList+"/"+client.ID+"/scopes", url.Values{"scopes": {"openid"}})
		if p := b.Get(scopeDelete("spare")); !strings.Contains(p.Text(), "1 person") {
			t.Errorf("it does not say that somebody allowed it: %s", p.Text())
		}
		b.Submit(scopeList+"/delete", nil)
		consent, err := h.Store.Consent(t.Context(), user.ID, client.ID)
		if err != nil || consent.Scopes.Has("spare") || !consent.Scopes.Has("openid") {
			t.Errorf("%+v, %v", consent, err)
		}
	})
}

func TestConsole_operatorsAndAuditorsOnlyLookAtScopes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "read", "Read")
		for _, role := range []identity.Role{identity.RoleOperator, identity.RoleAuditor} {
			b, _ := staff(t, h, role)
			token := csrf(b)
			for _, path := range []string{scopeList, scopePage("read"), scopeDelete("read")} {
				if p := b.Post(path, url.Values{"csrf_token": {token}, "name": {"x"}, "description": {"X"}, "version": {"1"}}); p.Status != http.StatusForbidden {
					t.Errorf("%s posts to %s: %d", role, path, p.Status)
				}
			}
			for _, path := range []string{scopeList + "/new", scopeDelete("read")} {
				if p := b.Get(path); p.Status != http.StatusForbidden {
					t.Errorf("%s opens %s: %d", role, path, p.Status)
				}
			}
		}
		if described(t, h, "read") != "Read" {
			t.Error("it was changed")
		}
	})
}

func TestConsole_htmxGetsThePartsOfScopes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "read", "Read")
		for path, id := range map[string]string{scopeList: "results", scopePage("read"): "scope-form", scopeDelete("read"): "scope-delete-dialog", scopeDelete("read") + "&x=1": "scope-delete-dialog"} {
			p := partial(t, b, h, http.MethodGet, path, nil)
			if _, found := p.Element(id, "id"); p.Status != http.StatusOK || !found || strings.Contains(p.Body, "<html") {
				t.Errorf("%s: %d, or it is a whole page", path, p.Status)
			}
		}
	})
}
