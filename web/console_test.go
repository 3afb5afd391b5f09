package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

const clientList = "/console/clients"

// staff is somebody who has the role, signed in.
func staff(t *testing.T, h *webtest.House, role identity.Role) (*webtest.Browser, *identity.User) {
	t.Helper()
	u, b := h.User(t, func(u *identity.User) { u.Role = role }), h.Browser(t)
	b.Enter(u)
	return b, u
}

func named(name string) func(*oauth.Client) { return func(c *oauth.Client) { c.Name = name } }

// service acts as itself alone.
func service(c *oauth.Client) {
	c.GrantTypes, c.Scopes, c.RedirectURIs = []string{oauth.GrantClientCredentials}, nil, nil
}

// listed are the names in the list, from top to bottom.
func listed(p *webtest.Page) []string {
	var names []string
	for _, link := range p.Parts("a", "class", "row-link") {
		names = append(names, link.Text())
	}
	return names
}

// neighbour is where the pager's link leads, empty if it leads nowhere.
func neighbour(p *webtest.Page, rel string) string {
	for _, link := range p.Parts("a", "rel", rel) {
		return link.Attr("href")
	}
	return ""
}

// partial asks for what htmx swaps.
func partial(t *testing.T, b *webtest.Browser, h *webtest.House, method, path string, form url.Values) *webtest.Page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Request-Type", "partial")
	r.Header.Set("Referer", b.Page.URL.String())
	return b.Do(r)
}

// csrf is the token of the forms that are bound to the browser's session.
func csrf(b *webtest.Browser) string {
	b.Get("/account")
	return b.Form("/logout").Values.Get("csrf_token")
}

// written are the events of a client, the newest first.
func written(t *testing.T, h *webtest.House, clientID string, action audit.Action) []audit.Event {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{ClientID: clientID, Action: action, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// spread is everything that is written down, as one text.
func spread(t *testing.T, h *webtest.House) string {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + h.Log.String()
}

func TestClients_areFound(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		shop := h.Client(t, named("Acme Storefront"), func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{"https://shop.example.test/back"} })
		h.Client(t, named("100% Juice_Bar"))
		h.Client(t, named(`Back\slash`))
		h.Client(t, named("ร้านกาแฟ"))
		off := h.Client(t, named("Acme Warehouse"))
		if err := h.Store.DisableClient(t.Context(), off.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, q, status string
			want            []string
		}{
			{"everything, by name", "", "", []string{"100% Juice_Bar", "Acme Storefront", "Acme Warehouse", `Back\slash`, "ร้านกาแฟ"}},
			{"a part of the name, in any case", "ACME", "", []string{"Acme Storefront", "Acme Warehouse"}},
			{"the id", shop.ID, "", []string{"Acme Storefront"}},
			{"a redirect URI", "shop.example.test/ba", "", []string{"Acme Storefront"}},
			{"Thai", "กาแฟ", "", []string{"ร้านกาแฟ"}},
			{"a per cent sign is no wildcard", "%", "", []string{"100% Juice_Bar"}},
			{"an underscore is no wildcard", "e_b", "", []string{"100% Juice_Bar"}},
			{"a backslash is a backslash", `k\s`, "", []string{`Back\slash`}},
			{"spaces around", "  acme s ", "", []string{"Acme Storefront"}},
			{"nothing", "no such application", "", nil},
			{"active", "acme", "active", []string{"Acme Storefront"}},
			{"disabled", "", "disabled", []string{"Acme Warehouse"}},
		} {
			b.Get(clientList)
			p := b.Submit(clientList, url.Values{"q": {c.q}, "status": {c.status}})
			if got := listed(p); p.Status != http.StatusOK || !slices.Equal(got, c.want) {
				t.Errorf("%s: %d %q, want %q", c.name, p.Status, got, c.want)
			}
			if f := b.Form(clientList); f.Values.Get("q") != strings.TrimSpace(c.q) || f.Values.Get("status") != c.status {
				t.Errorf("%s: the form came back as %v", c.name, f.Values)
			}
			if want := fmt.Sprintf("%d client", len(c.want)); !strings.HasPrefix(p.Says("count"), want) {
				t.Errorf("%s: counted %q", c.name, p.Says("count"))
			}
		}
		if p := b.Get(clientList + "?status=nonsense&after=garbage&before=%00&q=%ff"); p.Status != http.StatusOK {
			t.Errorf("garbage in the address: %d", p.Status)
		}
	})
}

// Sixty clients, some of one name: every one is on exactly one page, forth and back, and the links keep what was searched.
func TestClients_arePagedForthAndBack(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		for i := range 60 {
			name := fmt.Sprintf("Shop %02d", i)
			switch i % 3 {
			case 0:
				name = "Shop of one name"
			case 1:
				name = fmt.Sprintf("Shop ร้าน %02d", i)
			}
			h.Client(t, named(name))
		}
		h.Client(t, named("Another"))
		off := h.Client(t, named("Shop that is closed"))
		if err := h.Store.DisableClient(t.Context(), off.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		ids := func(p *webtest.Page) (ids []string) {
			for _, link := range p.Parts("a", "class", "row-link") {
				ids = append(ids, link.Attr("href"))
			}
			return ids
		}
		var forth [][]string
		seen := map[string]bool{}
		p := b.Get(clientList + "?q=shop&status=active")
		if neighbour(p, "prev") != "" {
			t.Error("there is a page before the first")
		}
		for {
			forth = append(forth, ids(p))
			for _, id := range ids(p) {
				if seen[id] {
					t.Errorf("%s is there twice", id)
				}
				seen[id] = true
			}
			if !slices.IsSorted(lower(listed(p))) {
				t.Errorf("not in order: %q", listed(p))
			}
			next := neighbour(p, "next")
			if next == "" {
				break
			}
			if u, err := url.Parse(next); err != nil || u.Query().Get("q") != "shop" || u.Query().Get("status") != "active" {
				t.Fatalf("the pager forgot the search: %s", next)
			}
			if len(forth) > 5 {
				t.Fatal("the list does not end")
			}
			p = b.Get(next)
		}
		if len(seen) != 60 || len(forth) != 3 {
			t.Errorf("%d clients on %d pages", len(seen), len(forth))
		}
		for i := len(forth) - 2; i >= 0; i-- {
			p = b.Get(neighbour(p, "prev"))
			if !slices.Equal(ids(p), forth[i]) {
				t.Errorf("page %d looks different from behind", i+1)
			}
		}
		if neighbour(p, "prev") != "" {
			t.Error("there is a page before the first, coming back")
		}
	})
}

func lower(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	return out
}

// What stood on a page that was kept in a bookmark may be gone: the list begins anew.
func TestClients_aPageThatIsGoneLeadsToTheFirst(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		var last *webtest.Client
		for i := range 26 {
			last = h.Client(t, named(fmt.Sprintf("Shop %02d", i)))
		}
		next := neighbour(b.Get(clientList+"?q=shop"), "next")
		if err := h.Store.DeleteClient(t.Context(), last.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if p := b.Get(next); p.URL.RequestURI() != clientList+"?q=shop" || len(listed(p)) != 25 {
			t.Errorf("led to %s with %d clients", p.URL, len(listed(p)))
		}
	})
}

// register fills in the form for a new client.
func register(b *webtest.Browser, fill url.Values) *webtest.Page {
	b.Get(clientList + "/new?type=web")
	return b.Submit(clientList, fill)
}

// newest is the client with this name.
func newest(t *testing.T, h *webtest.House, name string) *oauth.Client {
	t.Helper()
	page, err := h.Store.Clients(t.Context(), store.ClientFilter{Query: name})
	if err != nil || len(page.Clients) != 1 {
		t.Fatalf("%d clients are called %q: %v", len(page.Clients), name, err)
	}
	return &page.Clients[0].Client
}

func TestConsole_registersAWebApplication(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		p := register(b, url.Values{"client_name": {" Acme Storefront "}, "redirect_uris": {webtest.Callback},
			"scopes": {"openid", "profile", "email", "offline_access"}, "contacts": {"ops@acme.example.test, dev@acme.example.test"}})
		id, value := p.Says("new-client-id"), p.Says("new-client-secret")
		if p.Status != http.StatusOK || id == "" || len(value) < 40 || p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %q: %s", p.Status, p.Header.Get("Cache-Control"), p.Text())
		}
		stored := newest(t, h, "Acme Storefront")
		if stored.ID != id || stored.Name != "Acme Storefront" || !stored.RequirePKCE || stored.Public() || len(stored.Contacts) != 2 {
			t.Errorf("stored as %+v", stored)
		}
		// The application can use it at once.
		client := &webtest.Client{Client: *stored, Secret: value}
		if tokens := h.Tokens(t, client, h.User(t), nil); tokens.Str("refresh_token") == "" {
			t.Errorf("it was given %s", tokens.Body)
		}
		// The secret is shown this once.
		for _, path := range []string{clientList, clientList + "/" + id, clientList + "/" + id + "/credentials", clientList + "?q=" + id} {
			if page := b.Get(path); page.Status != http.StatusOK || strings.Contains(page.Body, value) {
				t.Errorf("%s: %d, or it shows the secret", path, page.Status)
			}
		}
		if strings.Contains(spread(t, h), value) {
			t.Error("the secret is in the audit log or the log")
		}
		created := written(t, h, id, audit.ClientCreated)
		if len(created) != 1 || created[0].Actor.ID != admin.ID || created[0].Target.Name != "Acme Storefront" || created[0].Caller.RequestID == "" {
			t.Errorf("written down as %+v", created)
		}
	})
}

func TestConsole_registersPublicAndServiceClients(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "jobs:run", "Run jobs")
		p := register(b, url.Values{"client_name": {"Phone app"}, "application_type": {"native"}, "token_endpoint_auth_method": {"none"},
			"redirect_uris": {"com.example.app:/callback"}})
		public := newest(t, h, "Phone app")
		if p.URL.Path != clientList+"/"+public.ID || p.Says("new-client-secret") != "" || !public.Public() || public.ApplicationType != "native" {
			t.Errorf("led to %s: %+v", p.URL, public)
		}
		if secrets, err := h.Store.ClientSecrets(t.Context(), public.ID); err != nil || len(secrets) != 0 {
			t.Errorf("a public client has %d secrets, %v", len(secrets), err)
		}
		p = register(b, url.Values{"client_name": {"Nightly job"}, "token_endpoint_auth_method": {"client_secret_post"}, "grant_types": {"client_credentials"},
			"scopes": {"jobs:run"}, "redirect_uris": {""}})
		job := &webtest.Client{Client: *newest(t, h, "Nightly job"), Secret: p.Says("new-client-secret")}
		if a := h.Post(t, oauth.PathToken, job, url.Values{"grant_type": {"client_credentials"}}); a.Status != http.StatusOK || a.Str("scope") != "jobs:run" {
			t.Errorf("the job was answered %d %s", a.Status, a.Body)
		}
	})
}

// Every mistake stands at its field, and what was typed stays.
func TestConsole_mistakesStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		stored := h.Client(t, named("Already there"))
		typed := url.Values{"client_name": {"Typed"}, "redirect_uris": {webtest.Callback}, "contacts": {"typed@example.test"}}
		uris := make([]string, oauth.MaxRedirectURIs+1)
		for i := range uris {
			uris[i] = fmt.Sprintf("https://app.example.test/%d", i)
		}
		for _, c := range []struct {
			name  string
			fill  url.Values
			field string
		}{
			{"no name", url.Values{"client_name": {"   "}}, "client_name"},
			{"a long name", url.Values{"client_name": {strings.Repeat("ä", 201)}}, "client_name"},
			{"a line break in the name", url.Values{"client_name": {"a\nb"}}, "client_name"},
			{"an unknown type", url.Values{"application_type": {"fridge"}}, "application_type"},
			{"an unknown method", url.Values{"token_endpoint_auth_method": {"magic"}}, "token_endpoint_auth_method"},
			{"an unknown signature", url.Values{"id_token_signed_response_alg": {"none"}}, "id_token_signed_response_alg"},
			{"no redirect URI", url.Values{"redirect_uris": {""}}, "redirect_uris"},
			{"too many redirect URIs", url.Values{"redirect_uris": uris}, "redirect_uris"},
			{"the second redirect URI", url.Values{"redirect_uris": {webtest.Callback, "http://app.example.test/"}}, "redirect_uris.1"},
			{"a fragment", url.Values{"redirect_uris": {webtest.Callback + "#x"}}, "redirect_uris.0"},
			{"a wildcard", url.Values{"redirect_uris": {"https://*.example.test/"}}, "redirect_uris.0"},
			{"javascript:", url.Values{"redirect_uris": {"javascript:alert(1)"}}, "redirect_uris.0"},
			{"the same twice", url.Values{"redirect_uris": {webtest.Callback, webtest.Callback}}, "redirect_uris.1"},
			{"no grant", url.Values{"grant_types": nil}, "grant_types"},
			{"an unknown grant", url.Values{"grant_types": {"authorization_code", "password"}}, "grant_types"},
			{"refreshing what cannot be", url.Values{"grant_types": {"refresh_token", "client_credentials"}, "scopes": nil}, "grant_types"},
			{"an unknown scope", url.Values{"scopes": {"openid", "nonsense"}}, "scopes"},
			{"a person's scope without a person", url.Values{"grant_types": {"client_credentials"}, "scopes": {"email"}}, "scopes"},
			{"a public client without PKCE", url.Values{"token_endpoint_auth_method": {"none"}, "require_pkce": nil}, "require_pkce"},
			{"a public client that acts as itself", url.Values{"token_endpoint_auth_method": {"none"}, "grant_types": {"authorization_code", "client_credentials"}}, "grant_types"},
			{"a contact that is none", url.Values{"contacts": {"ops@acme.example.test\nnobody"}}, "contacts"},
		} {
			for _, where := range []string{clientList, clientList + "/" + stored.ID} {
				if where == clientList {
					b.Get(clientList + "/new?type=web")
				} else {
					b.Get(where)
				}
				if where != clientList && (c.fill.Get("token_endpoint_auth_method") == "none" || c.field == "scopes") {
					continue // refused for another reason: see below; on another tab
				}
				sent := b.Form(where).Values
				maps.Copy(sent, typed)
				maps.Copy(sent, c.fill)
				p := b.Post(where, sent)
				if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" {
					t.Errorf("%s, %s: %d, the field says %q: %s", where, c.name, p.Status, p.Says(c.field+"-error"), p.Text())
					continue
				}
				again := b.Form(where).Values
				for _, name := range []string{"client_name", "redirect_uris", "contacts", "grant_types", "require_pkce", "request_token", "version"} {
					want := sent[name]
					switch {
					case c.name == "no name" && name == "client_name", c.name == "a line break in the name" && name == "client_name":
						continue // browsers send neither
					case c.name == "an unknown grant" && name == "grant_types":
						want = []string{"authorization_code"} // there is no box for the other
					}
					if !slices.Equal(again[name], want) && (len(want) > 0 || len(again[name]) > 0) {
						t.Errorf("%s, %s: %s came back as %q, was %q", where, c.name, name, again[name], want)
					}
				}
				if invalid, _ := p.Element(c.field, "aria-invalid"); invalid != "true" {
					if described, _ := p.Element(c.field, "aria-describedby"); described != c.field+"-error" {
						t.Errorf("%s, %s: the field is not marked", where, c.name)
					}
				}
				if len(p.Parts("a", "href", "#"+c.field)) == 0 {
					t.Errorf("%s, %s: the summary does not lead to the field", where, c.name)
				}
			}
		}
		page, err := h.Store.Clients(t.Context(), store.ClientFilter{})
		if err != nil || page.Total != 1 || page.Clients[0].Version != 1 {
			t.Errorf("%d clients, %v: something was saved", page.Total, err)
		}
		// Applications out there hold what belongs to the old way.
		b.Get(clientList + "/" + stored.ID)
		if p := b.Submit(clientList+"/"+stored.ID, url.Values{"token_endpoint_auth_method": {"none"}}); p.Status != http.StatusUnprocessableEntity || p.Says("token_endpoint_auth_method-error") == "" {
			t.Errorf("a confidential client became public: %d", p.Status)
		}
	})
}

func TestConsole_addingAndRemovingRowsSavesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		stored := h.Client(t)
		p := register(b, url.Values{"client_name": {"Half done"}, "redirect_uris": {"https://a.example.test/"}, "add_redirect_uri": {"1"}})
		if got := b.Form(clientList).Values["redirect_uris"]; p.Status != http.StatusOK || !slices.Equal(got, []string{"https://a.example.test/", ""}) {
			t.Errorf("a row more: %d %q", p.Status, got)
		}
		p = b.Submit(clientList, url.Values{"redirect_uris": {"https://a.example.test/", "not finished"}, "remove_redirect_uri": {"0"}})
		f := b.Form(clientList)
		if p.Status != http.StatusOK || !slices.Equal(f.Values["redirect_uris"], []string{"not finished"}) || f.Values.Get("client_name") != "Half done" {
			t.Errorf("a row less: %d %v", p.Status, f.Values)
		}
		for _, wrong := range []string{"7", "-1", "x"} {
			f.Values.Set("remove_redirect_uri", wrong)
			if p := b.Post(clientList, f.Values); p.Status != http.StatusOK {
				t.Errorf("row %s: %d", wrong, p.Status)
			}
		}
		b.Get(clientList + "/" + stored.ID)
		b.Submit(clientList+"/"+stored.ID, url.Values{"client_name": {"Renamed"}, "add_redirect_uri": {"1"}})
		page, err := h.Store.Clients(t.Context(), store.ClientFilter{})
		if err != nil || page.Total != 1 || page.Clients[0].Name != stored.Name || page.Clients[0].Version != 1 {
			t.Errorf("saved: %+v, %v", page.Clients, err)
		}
		if p := b.Submit(clientList+"/"+stored.ID, url.Values{"redirect_uris": {webtest.Callback, " https://b.example.test/ "}}); p.URL.Path != clientList+"/"+stored.ID || p.Status != http.StatusOK {
			t.Errorf("saving afterwards: %d", p.Status)
		}
		if c := newest(t, h, "Renamed"); !slices.Equal(c.RedirectURIs, []string{webtest.Callback, "https://b.example.test/"}) {
			t.Errorf("saved %q", c.RedirectURIs)
		}
	})
}

func TestConsole_aFormSentTwiceMakesOne(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for _, method := range []string{"client_secret_basic", "none"} {
			b.Get(clientList + "/new?type=web")
			f := b.Form(clientList)
			f.Values.Set("client_name", "Twice "+method)
			f.Values.Set("redirect_uris", webtest.Callback)
			f.Values.Set("token_endpoint_auth_method", method)
			value := b.Post(clientList, f.Values).Says("new-client-secret")
			p := b.Post(clientList, f.Values)
			if !strings.Contains(p.Text(), "Already registered") || p.Says("new-client-secret") != "" || (value != "" && strings.Contains(p.Body, value)) {
				t.Errorf("%s: %d %s", method, p.Status, p.Text())
			}
			newest(t, h, "Twice "+method)
			f.Values.Set("request_token", "made-up")
			f.Values.Set("client_name", "Another "+method)
			b.Post(clientList, f.Values) // a token that is none protects nobody, and stops nobody
			newest(t, h, "Another "+method)
		}
		id := newest(t, h, "Twice client_secret_basic").ID
		b.Get(clientList + "/" + id + "/credentials")
		f := b.Form(clientList + "/" + id + "/secrets")
		b.Post(f.Action, f.Values)
		if p := b.Post(f.Action, f.Values); !strings.Contains(p.Text(), "Already added") {
			t.Errorf("the second secret: %d %s", p.Status, p.Text())
		}
		if secrets, err := h.Store.ClientSecrets(t.Context(), id); err != nil || len(secrets) != 2 {
			t.Errorf("%d secrets, %v", len(secrets), err)
		}
	})
}

func TestConsole_savesSettingsAndWritesDownWhatChanged(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID
		b.Get(path)
		p := b.Submit(path, url.Values{"client_name": {"Acme Shop"}, "redirect_uris": {webtest.Callback, "https://new.example.test/"}, "id_token_signed_response_alg": {"ES256"}, "require_pkce": nil})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Settings saved") || p.Parts("h1", "", "")[0].Text() != "Acme Shop" {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		updates := written(t, h, client.ID, audit.ClientUpdated)
		if len(updates) != 1 || updates[0].Actor.ID != admin.ID {
			t.Fatalf("written down: %+v", updates)
		}
		want := map[string]audit.Change{
			"client_name":                  {Before: "Acme Storefront", After: "Acme Shop"},
			"redirect_uris":                {Before: webtest.Callback, After: webtest.Callback + " https://new.example.test/"},
			"id_token_signed_response_alg": {Before: "RS256", After: "ES256"},
			"require_pkce":                 {Before: "true", After: "false"},
		}
		if got := updates[0].Changes; len(got) != len(want) {
			t.Errorf("changed %v", got)
		}
		for name, change := range want {
			if got := updates[0].Changes[name]; got != change {
				t.Errorf("%s: %+v, want %+v", name, updates[0].Changes[name], change)
			}
		}
		// What is saved as it stands is no change.
		b.Get(path)
		b.Submit(path, nil)
		if n := len(written(t, h, client.ID, audit.ClientUpdated)); n != 1 {
			t.Errorf("%d changes were written down", n)
		}
		if q := h.Browser(t).Authorize(client, h.User(t), url.Values{"redirect_uri": {"https://new.example.test/"}}); q.Get("code") == "" {
			t.Errorf("the new redirect URI is not taken: %v", q)
		}
	})
}

func TestConsole_aLostRaceOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		first, ada := staff(t, h, identity.RoleAdmin)
		second, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID
		first.Get(path)
		second.Get(path)
		first.Submit(path, url.Values{"client_name": {"Hers"}, "contacts": {"hers@example.test"}})
		p := second.Submit(path, url.Values{"client_name": {"His"}})
		notice := p.Says("conflict")
		if p.Status != http.StatusConflict || !strings.Contains(notice, "Hers") || !strings.Contains(notice, "His") || !strings.Contains(notice, ada.Username) || !strings.Contains(notice, "hers@example.test") {
			t.Fatalf("%d: %q", p.Status, notice)
		}
		if f := second.Form(path); f.Values.Get("client_name") != "His" {
			t.Errorf("the form holds %q", f.Values.Get("client_name"))
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Name != "Hers" || c.Version != 2 {
			t.Errorf("stored %+v, %v", c, err)
		}
		if n := len(written(t, h, client.ID, audit.ClientUpdated)); n != 1 {
			t.Errorf("%d changes were written down", n)
		}
		second.Submit(path, nil) // knowingly now
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Name != "His" || c.Version != 3 {
			t.Errorf("stored %+v, %v", c, err)
		}
		// A form without a version is out of date, too.
		first.Get(path)
		stale := first.Form(path)
		stale.Values.Del("version")
		stale.Values.Set("client_name", "Nobody's")
		if p := first.Post(path, stale.Values); p.Status != http.StatusConflict {
			t.Errorf("without a version: %d", p.Status)
		}
	})
}

func TestConsole_disablingEndsEverythingForGood(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client, watcher, person := h.Client(t), h.Client(t), h.Browser(t)
		user := h.User(t)
		tokens := h.Redeem(t, client, person.Code(client, user, nil))
		path := clientList + "/" + client.ID
		if p := b.Get(path + "/disable"); !strings.Contains(p.Text(), "token family 1") || !strings.Contains(p.Text(), "15 min") {
			t.Errorf("the question says %s", p.Text())
		}
		if p := b.Submit(path+"/disable", nil); p.URL.Path != path || !strings.Contains(p.Text(), "Client disabled") {
			t.Fatalf("led to %s: %s", p.URL, p.Text())
		}
		dead := func(when string) {
			t.Helper()
			if a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")); a.Status != http.StatusUnauthorized {
				t.Errorf("%s: userinfo answers %d", when, a.Status)
			}
			if a := h.Refresh(t, client, tokens.Str("refresh_token")); a.Status == http.StatusOK {
				t.Errorf("%s: refreshed", when)
			}
			if active(t, h, watcher, tokens.Str("access_token")) {
				t.Errorf("%s: introspection says active", when)
			}
		}
		dead("disabled")
		if p := person.Get(h.AuthorizeURL(client, nil)); p.Location != nil || p.Status != http.StatusBadRequest || !strings.Contains(p.Text(), "disabled") {
			t.Errorf("sign-in: %d %v %s", p.Status, p.Location, p.Text())
		}
		if p := b.Get(path + "/disable"); !strings.Contains(p.Text(), "Already disabled") {
			t.Errorf("a second time: %s", p.Text())
		}
		b.Get(path)
		if p := b.Submit(path+"/enable", nil); p.URL.Path != path || !strings.Contains(p.Text(), "Client enabled") {
			t.Fatalf("led to %s: %s", p.URL, p.Text())
		}
		dead("enabled again")
		if code := person.Code(client, user, nil); h.Redeem(t, client, code).Status != http.StatusOK {
			t.Error("nobody can sign in again")
		}
		if len(written(t, h, client.ID, audit.ClientDisabled)) != 1 || len(written(t, h, client.ID, audit.ClientEnabled)) != 1 {
			t.Error("not written down once each")
		}
	})
}

func TestConsole_deletingNeedsTheName(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t, named("Acme “Storefront”"))
		tokens := h.Tokens(t, client, h.User(t), nil)
		path := clientList + "/" + client.ID
		b.Get(path + "/delete")
		for _, wrong := range []string{"", "acme “storefront”", client.ID} {
			p := b.Submit(path+"/delete", url.Values{"confirm": {wrong}})
			if p.Status != http.StatusUnprocessableEntity || p.Says("confirm-error") == "" || b.Form(path+"/delete").Values.Get("confirm") != wrong {
				t.Errorf("%q: %d %s", wrong, p.Status, p.Text())
			}
		}
		if _, err := h.Store.Client(t.Context(), client.ID); err != nil {
			t.Fatalf("deleted: %v", err)
		}
		if p := b.Submit(path+"/delete", url.Values{"confirm": {" Acme “Storefront” "}}); p.URL.Path != clientList || !strings.Contains(p.Text(), "is deleted") || len(listed(p)) != 0 {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("its token: %d", a.Status)
		}
		refused(t, h.Refresh(t, client, tokens.Str("refresh_token")), http.StatusUnauthorized, "invalid_client")
		if p := b.Get(path); p.Status != http.StatusNotFound {
			t.Errorf("its page: %d", p.Status)
		}
		if e := written(t, h, client.ID, audit.ClientDeleted); len(e) != 1 || e[0].Target.Name != client.Name {
			t.Errorf("written down as %+v", e)
		}
	})
}

func TestConsole_secretsAreRotatedWithoutAGap(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t, service)
		path := clientList + "/" + client.ID
		works := func(value string) bool {
			c := *client
			c.Secret = value
			return h.Post(t, oauth.PathToken, &c, url.Values{"grant_type": {"client_credentials"}}).Status == http.StatusOK
		}
		add := func(life string) *webtest.Page {
			b.Get(path + "/credentials")
			return b.Submit(path+"/secrets", url.Values{"expires_in": {life}})
		}
		p := add("30")
		fresh := p.Says("new-client-secret")
		if fresh == "" || p.Header.Get("Cache-Control") != "no-store" || !works(client.Secret) || !works(fresh) {
			t.Fatalf("%d: old %v, new %v", p.Status, works(client.Secret), works(fresh))
		}
		if p := b.Get(path + "/credentials"); strings.Contains(p.Body, fresh) || !strings.Contains(p.Text(), "…"+fresh[len(fresh)-4:]) {
			t.Error("the list shows the secret, or not its end")
		}
		secrets, err := h.Store.ClientSecrets(t.Context(), client.ID)
		if err != nil {
			t.Fatal(err)
		}
		old := secrets[slices.IndexFunc(secrets, func(s oauth.ClientSecret) bool { return s.Hint == client.Secret[len(client.Secret)-4:] })]
		revoke := path + "/secrets/" + old.ID + "/revoke"
		b.Get(revoke)
		if p := b.Submit(revoke, nil); p.URL.Path != path+"/credentials" || !strings.Contains(p.Text(), "Secret revoked") {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if works(client.Secret) || !works(fresh) {
			t.Errorf("after revoking: old %v, new %v", works(client.Secret), works(fresh))
		}
		for range oauth.MaxLiveSecrets - 1 {
			add("0")
		}
		p = b.Get(path + "/credentials")
		if _, offered := p.Element("secret-add", "id"); offered {
			t.Error("a sixth is offered")
		}
		sixth := b.Form(path + "/secrets").Values
		sixth.Set("expires_in", "0")
		if p := b.Post(path+"/secrets", sixth); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "at most 5 live secrets") {
			t.Errorf("the sixth: %d %s", p.Status, p.Text())
		}
		sixth.Set("expires_in", "31")
		if p := b.Post(path+"/secrets", sixth); p.Status != http.StatusUnprocessableEntity || p.Says("new-client-secret") != "" {
			t.Errorf("a lifetime nobody offers: %d", p.Status)
		}
		h.Clock.Advance(29 * time.Minute) // the console's own session holds
		if !works(fresh) {
			t.Error("gone too soon")
		}
		h.Clock.Advance(30 * 24 * time.Hour)
		if works(fresh) {
			t.Error("the secret outlived its 30 days")
		}
		h.Refusal(t, "client_secret_expired")
		if len(written(t, h, client.ID, audit.ClientSecretAdded)) != oauth.MaxLiveSecrets || len(written(t, h, client.ID, audit.ClientSecretRevoked)) != 1 {
			t.Error("not every secret was written down")
		}
		if text := spread(t, h); strings.Contains(text, fresh) || strings.Contains(text, client.Secret) {
			t.Error("a secret was written down")
		}
		public := h.Client(t, webtest.Public)
		b.SignIn(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }))
		if p := b.Post(clientList+"/"+public.ID+"/secrets", url.Values{"csrf_token": {csrf(b)}, "expires_in": {"0"}}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("a secret for a public client: %d", p.Status)
		}
	})
}

// Revoking one client's secret through another client's page finds nothing.
func TestConsole_aSecretBelongsToItsClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		mine, other := h.Client(t, service), h.Client(t, service)
		secrets, err := h.Store.ClientSecrets(t.Context(), mine.ID)
		if err != nil {
			t.Fatal(err)
		}
		path := clientList + "/" + other.ID + "/secrets/" + secrets[0].ID + "/revoke"
		if p := b.Post(path, url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusNotFound {
			t.Errorf("answered %d", p.Status)
		}
		if a := h.Post(t, oauth.PathToken, mine, url.Values{"grant_type": {"client_credentials"}}); a.Status != http.StatusOK {
			t.Error("it was revoked")
		}
		only := clientList + "/" + mine.ID + "/secrets/" + secrets[0].ID + "/revoke"
		if p := b.Get(only); !strings.Contains(p.Text(), "It is the only live secret") {
			t.Errorf("no warning: %s", p.Text())
		}
	})
}

func TestConsole_htmxGetsTheParts(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID
		for _, c := range []struct{ path, id string }{
			{clientList + "?q=acme", "results"}, {clientList + "/new?type=web", "client-form"}, {path, "client-form"}, {path + "/credentials", "credentials"},
			{path + "/disable", "client-disable"}, {path + "/delete", "client-delete"},
		} {
			p := partial(t, b, h, http.MethodGet, c.path, nil)
			_, found := p.Element(c.id, "id")
			if p.Status != http.StatusOK || !found || strings.Contains(p.Body, "<html") {
				t.Errorf("%s: %d, part %v: %.80s", c.path, p.Status, found, p.Body)
			}
			if vary := strings.Join(p.Header.Values("Vary"), ", "); !strings.Contains(vary, "HX-Request") || !strings.Contains(vary, "HX-Request-Type") {
				t.Errorf("%s: Vary is %q", c.path, vary)
			}
			whole := b.Get(c.path)
			if _, shell := whole.Element("sidebar", "id"); !shell {
				t.Errorf("%s: no shell around it without htmx", c.path)
			}
			if vary := strings.Join(whole.Header.Values("Vary"), ", "); !strings.Contains(vary, "HX-Request-Type") {
				t.Errorf("%s: Vary of the page is %q", c.path, vary)
			}
		}
		// Boosted and history requests want the page.
		r := h.Request(t, http.MethodGet, clientList, "")
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Request-Type", "full")
		if p := b.Do(r); !strings.Contains(p.Body, "<html") {
			t.Error("a boosted request got a part")
		}
		b.Get(path)
		f := b.Form(path).Values
		f.Set("client_name", "")
		if p := partial(t, b, h, http.MethodPost, path, f); p.Status != http.StatusUnprocessableEntity || strings.Contains(p.Body, "<html") || p.Says("client_name-error") == "" {
			t.Errorf("a mistake: %d %.80s", p.Status, p.Body)
		}
		f.Set("client_name", "Renamed")
		if p := partial(t, b, h, http.MethodPost, path, f); p.Status != http.StatusNoContent || p.Header.Get("HX-Location") != path || p.Location != nil || !strings.Contains(p.Header.Get("Vary"), "HX-Request") {
			t.Errorf("success: %d, HX-Location %q", p.Status, p.Header.Get("HX-Location"))
		}
		if p := b.Get(path); !strings.Contains(p.Text(), "Settings saved") {
			t.Error("the next page does not say so")
		}
		if p := b.Get(path); strings.Contains(p.Text(), "Settings saved") {
			t.Error("it is said twice")
		}
		f.Set("client_name", "Renamed again") // by a form that is out of date now
		if p := partial(t, b, h, http.MethodPost, path, f); p.Status != http.StatusConflict || p.Says("conflict") == "" || strings.Contains(p.Body, "<html") {
			t.Errorf("a lost race: %d", p.Status)
		}
		b.Get(path + "/delete")
		f = b.Form(path + "/delete").Values
		f.Set("confirm", "Renamed")
		if p := partial(t, b, h, http.MethodPost, path+"/delete", f); p.Header.Get("HX-Location") != clientList {
			t.Errorf("deleting: %d, HX-Location %q", p.Status, p.Header.Get("HX-Location"))
		}
		b.Get(clientList)
		h.Clock.Advance(identity.ConsoleIdle)
		if p := partial(t, b, h, http.MethodGet, clientList, nil); p.Header.Get("HX-Redirect") != "/login?return_to=%2Fconsole%2Fclients" {
			t.Errorf("idle: %d, HX-Redirect %q", p.Status, p.Header.Get("HX-Redirect"))
		}
	})
}

// Operators and auditors see everything and are offered nothing; what they send all the same is refused and written down.
func TestConsole_operatorsAndAuditorsOnlyLook(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		secrets, err := h.Store.ClientSecrets(t.Context(), client.ID)
		if err != nil {
			t.Fatal(err)
		}
		path := clientList + "/" + client.ID
		revoke := path + "/secrets/" + secrets[0].ID + "/revoke"
		for _, role := range []identity.Role{identity.RoleOperator, identity.RoleAuditor} {
			b, u := staff(t, h, role)
			for _, page := range []string{clientList, path, path + "/credentials", path + "/scopes", path + "/tokens"} {
				p := b.Get(page)
				if p.Status != http.StatusOK {
					t.Errorf("%s sees %s: %d", role, page, p.Status)
				}
				for _, f := range p.Parts("form", "method", "post") {
					if to := f.Attr("action"); to != "/logout" && to != "/preferences/theme" {
						t.Errorf("%s is offered %s on %s", role, to, page)
					}
				}
				for _, link := range p.Parts("a", "", "") {
					to := link.Attr("href")
					for _, act := range []string{"/new", "/disable", "/delete", "/revoke"} {
						if strings.HasSuffix(to, act) {
							t.Errorf("%s is led to %s on %s", role, to, page)
						}
					}
				}
				for _, control := range append(p.Parts("button", "", ""), p.Parts("input", "", "")...) {
					if control.Attr("hx-post") != "" {
						t.Errorf("%s can press %q on %s", role, control.Text(), page)
					}
				}
			}
			token := csrf(b)
			tries := 0
			for _, post := range []string{clientList, path, path + "/disable", path + "/enable", path + "/delete", path + "/secrets", path + "/scopes", path + "/tokens", revoke} {
				tries++
				if p := b.Post(post, url.Values{"csrf_token": {token}, "confirm": {client.Name}, "expires_in": {"0"}}); p.Status != http.StatusForbidden {
					t.Errorf("%s posts to %s: %d", role, post, p.Status)
				} else if _, shell := p.Element("sidebar", "id"); !shell {
					t.Errorf("%s: the refusal of %s stands outside the shell", role, post)
				}
			}
			for _, get := range []string{clientList + "/new", path + "/disable", path + "/delete", revoke} {
				tries++
				if p := b.Get(get); p.Status != http.StatusForbidden {
					t.Errorf("%s opens %s: %d", role, get, p.Status)
				}
			}
			events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Action: audit.AccessDenied, Limit: 100})
			if err != nil || len(events) != tries {
				t.Errorf("%s: %d of %d refusals were written down, %v", role, len(events), tries, err)
			}
			for _, e := range events {
				if e.Cause == nil || e.Cause.Rule != "role" || e.Cause.Expected != "admin" || string(e.Cause.Received) != string(role) || e.Actor.ID != u.ID || e.Caller.RequestID == "" {
					t.Errorf("written down as %+v", e)
				}
			}
		}
		c, err := h.Store.Client(t.Context(), client.ID)
		if err != nil || !c.Enabled() || c.Version != 1 {
			t.Errorf("changed: %+v, %v", c, err)
		}
		if after, err := h.Store.ClientSecrets(t.Context(), client.ID); err != nil || len(after) != 1 || after[0].RevokedAt != nil {
			t.Errorf("secrets: %+v, %v", after, err)
		}
	})
}

func TestConsole_forgetsWhoWasAwayForHalfAnHour(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID
		for range 3 { // who works stays
			h.Clock.Advance(identity.ConsoleIdle - time.Second)
			if p := b.Get(clientList); p.Status != http.StatusOK || p.URL.Path != clientList {
				t.Fatalf("%d at %s", p.Status, p.URL)
			}
		}
		b.Get(path)
		f := b.Form(path).Values
		f.Set("client_name", "Saved after a nap")
		h.Clock.Advance(identity.ConsoleIdle)
		if p := b.Get(clientList + "?q=x"); p.URL.Path != "/login" || p.URL.Query().Get("return_to") != clientList+"?q=x" {
			t.Errorf("led to %s", p.URL)
		}
		for _, outside := range []string{"/login", "/account", "/"} { // none of them wakes the console
			b.Get(outside)
		}
		if p := b.Post(path, f); p.URL.Path != "/login" {
			t.Errorf("a form led to %s (%d)", p.URL, p.Status)
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Name != client.Name {
			t.Errorf("saved %q, %v", c.Name, err)
		}
		b.Get(clientList + "?q=acme")
		if p := b.SignIn(admin); p.URL.RequestURI() != clientList+"?q=acme" || len(listed(p)) != 1 {
			t.Errorf("after signing in again: %s", p.URL)
		}
	})
}

func TestConsole_whatIsNotThereIsSaidInsideTheShell(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		token := csrf(b)
		client := h.Client(t)
		for _, id := range []string{"cl_nobody", "%00", "%ff", "%2e%2e", "a%2Fb", strings.Repeat("x", 3000), "%F0%9F%98%80", "' OR 1=1 --"} {
			path := clientList + "/" + strings.ReplaceAll(id, " ", "%20")
			for _, page := range []string{path, path + "/credentials", path + "/disable", path + "/delete", path + "/secrets/x/revoke", clientList + "/" + client.ID + "/secrets/" + strings.ReplaceAll(id, " ", "%20") + "/revoke"} {
				p := b.Get(page)
				if _, shell := p.Element("sidebar", "id"); p.Status != http.StatusNotFound || !shell {
					t.Errorf("%.80s: %d, shell %v", page, p.Status, shell)
				}
			}
			for _, act := range []string{"", "/disable", "/enable", "/delete", "/secrets", "/secrets/x/revoke"} {
				p := b.Post(path+act, url.Values{"csrf_token": {token}, "expires_in": {"0"}})
				if _, shell := p.Element("sidebar", "id"); p.Status != http.StatusNotFound || !shell {
					t.Errorf("POST %.80s: %d, shell %v", path+act, p.Status, shell)
				}
			}
		}
	})
}

// What an application is called is text, wherever it is shown.
func TestConsole_namesAreText(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		const name = `<img src=x onerror=alert(1)>"'` + "`&amp;"
		p := register(b, url.Values{"client_name": {name}, "redirect_uris": {webtest.Callback + "?a=<b>&c=%22"}})
		if p.Status != http.StatusUnprocessableEntity || p.Says("redirect_uris.0-error") == "" {
			t.Errorf("a redirect URI with markup: %d", p.Status)
		}
		p = b.Submit(clientList, url.Values{"redirect_uris": {webtest.Callback}})
		id := p.Says("new-client-id")
		path := clientList + "/" + id
		for _, page := range []string{path, path + "/credentials", path + "/disable", path + "/delete", clientList, clientList + "?q=" + url.QueryEscape(name)} {
			p := b.Get(page)
			if !strings.Contains(p.Text(), name) || len(p.Parts("img", "", "")) > 0 {
				t.Errorf("%s: %d shows it otherwise: %s", page, p.Status, p.Text())
			}
		}
		b.Get(path + "/delete")
		if p := b.Submit(path+"/delete", url.Values{"confirm": {name}}); p.URL.Path != clientList || !strings.Contains(p.Text(), name) {
			t.Errorf("deleting: %d %s", p.Status, p.Text())
		}
	})
}
