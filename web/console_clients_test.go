package web_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
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

func singlePage(c *oauth.Client) {
	webtest.Public(c)
	c.Name, c.GrantTypes = "Single page", oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
}

// What narrows and orders the list stands in the URL, and stays while one pages, sorts and saves.
func TestClients_areNarrowedAndOrderedByTheAddress(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		web := h.Client(t, named("Web"))
		h.Clock.Advance(time.Minute)
		h.Client(t, singlePage)
		h.Clock.Advance(time.Minute)
		worker := h.Client(t, named("Worker"), service)
		h.Post(t, oauth.PathToken, worker, url.Values{"grant_type": {"client_credentials"}})
		h.Tokens(t, web, h.User(t), nil)
		if err := h.Store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for address, want := range map[string][]string{
			"":                                  {"Single page", "Web", "Worker"},
			"?type=web":                         {"Web"},
			"?type=service":                     {"Worker"},
			"?grant=client_credentials":         {"Web", "Worker"},
			"?type=spa&grant=password":          nil,
			"?sort=-name":                       {"Worker", "Web", "Single page"},
			"?sort=created":                     {"Web", "Single page", "Worker"},
			"?sort=-created":                    {"Worker", "Single page", "Web"},
			"?sort=last_used":                   {"Single page", "Web", "Worker"},
			"?status=unused":                    nil, // it is too young to worry about
			"?type=x&grant=x&status=x&sort=x":   {"Single page", "Web", "Worker"},
			"?sort=created&type=web&q=w&after=": {"Web"},
		} {
			if got := listed(b.Get(clientList + address)); !slices.Equal(got, want) {
				t.Errorf("%s: %q, not %q", address, got, want)
			}
		}
		p := b.Get(clientList + "?type=web&sort=-created")
		if sorted := p.Parts("th", "aria-sort", "descending"); len(sorted) != 1 || sorted[0].Text() != "Created" {
			t.Error("the order is not marked")
		}
		for _, link := range p.Parts("a", "class", "sort") {
			want := map[string]string{"Name": "?type=web", "Last used": "?sort=-last_used&type=web", "Created": "?sort=created&type=web"}[link.Text()]
			if link.Attr("href") != clientList+want {
				t.Errorf("%s leads to %s", link.Text(), link.Attr("href"))
			}
		}
		if f := b.Form(clientList).Values; f.Get("sort") != "-created" || f.Get("type") != "web" {
			t.Errorf("a search would forget %v", f)
		}
		if links := p.Parts("a", "href", clientList+"/export?format=csv&sort=-created&type=web"); len(links) != 1 {
			t.Error("what is saved is not what is listed")
		}
		row := p.Text()
		if !strings.Contains(row, "Web app") || len(p.Parts("a", "href", "/console/families?client="+web.ID+"&state=live")) != 1 {
			t.Errorf("the row says %s", row)
		}
		// Idle for 90 days is who has not been seen for as long, used or not.
		h.Clock.Advance(91 * 24 * time.Hour)
		b, _ = staff(t, h, identity.RoleAuditor)
		h.Post(t, oauth.PathToken, worker, url.Values{"grant_type": {"client_credentials"}})
		if err := h.Store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := listed(b.Get(clientList + "?status=idle")); !slices.Equal(got, []string{"Single page", "Web"}) {
			t.Errorf("idle are %q", got)
		}
	})
}

// A client whose last secret expired or was revoked cannot do anything: it is not called active.
func TestClients_withoutALiveSecretAreNotActive(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		locked := h.Client(t, named("Locked"))
		h.Client(t, singlePage)
		secrets, err := h.Store.ClientSecrets(t.Context(), locked.ID)
		if err != nil {
			t.Fatal(err)
		}
		path := clientList + "/" + locked.ID
		badge := func(where string) string {
			for _, badge := range b.Get(where).Parts("span", "class", "badge") {
				if tone := badge.Attr("data-tone"); tone == "success" || tone == "warning" || tone == "off" {
					return badge.Text()
				}
			}
			return ""
		}
		revoke := path + "/secrets/" + secrets[0].ID + "/revoke"
		b.Get(revoke)
		b.Submit(revoke, nil)
		for _, where := range []string{clientList + "?q=locked", path, path + "/credentials", path + "/disable", path + "/delete", revoke} {
			if got := badge(where); got != "No live secret" {
				t.Errorf("%s calls it %q", where, got)
			}
		}
		if got := listed(b.Get(clientList + "?status=locked")); !slices.Equal(got, []string{"Locked"}) {
			t.Errorf("found %q", got)
		}
		if got := badge(clientList + "?type=spa"); got != "Active" {
			t.Errorf("a public client is %q", got)
		}
		if err := h.Store.DisableClient(t.Context(), locked.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if got := badge(path); got != "Disabled" {
			t.Errorf("disabled it is %q", got)
		}
	})
}

// A file holds what the list does, by the names of RFC 7591, and no secret; nothing in it is a formula (security.md rule 14).
func TestClients_areSavedAsFiles(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		formula := h.Client(t, named(`=HYPERLINK("https://evil.test","Acme")`))
		for i := range 3 {
			h.Client(t, named(fmt.Sprintf("Team, %d", i)), singlePage)
		}
		p := b.Get(clientList + "/export?format=csv&sort=-name")
		if p.Status != http.StatusOK || p.Header.Get("Content-Type") != audit.MediaType(audit.CSV) || !strings.Contains(p.Header.Get("Content-Disposition"), `attachment; filename="clients-`) ||
			p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", p.Status, p.Header)
		}
		rows, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
		if err != nil || len(rows) != 5 || rows[0][0] != "client_id" {
			t.Fatalf("%v: %s", err, p.Body)
		}
		at := func(row int, column string) string { return rows[row][slices.Index(rows[0], column)] }
		if at(4, "client_name") != "'"+formula.Name || at(4, "client_id") != formula.ID || at(4, "redirect_uris") != webtest.Callback || at(4, "require_pkce") != "true" ||
			at(1, "token_endpoint_auth_method") != "none" || at(1, "response_types") != "code" || at(4, "status") != "active" {
			t.Errorf("%q", rows)
		}
		if strings.Contains(p.Body, formula.Secret) || strings.Contains(p.Body, "client_secret,") {
			t.Error("a secret is in the file")
		}

		p = b.Get(clientList + "/export?format=json&type=spa&q=single")
		var clients []map[string]any
		if err := json.Unmarshal([]byte(p.Body), &clients); err != nil || len(clients) != 3 || clients[0]["application_type"] != "web" || p.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%v %v: %s", err, p.Header, p.Body)
		}
		// Whatever a registration has to say has a column, but for what is secret.
		for member := range clients[0] {
			if !slices.Contains(rows[0], member) {
				t.Errorf("%s has no column", member)
			}
		}
		if p := b.Get(clientList + "/export?format=json&q=nobody"); strings.Join(strings.Fields(p.Body), "") != "[]" {
			t.Errorf("of none: %s", p.Body)
		}
		if p := b.Get(clientList + "/export?format=exe"); p.Status != http.StatusNotFound {
			t.Errorf("an unknown format: %d", p.Status)
		}
		person, _ := staff(t, h, identity.RoleUser)
		if p := person.Get(clientList + "/export?format=csv"); p.Status != http.StatusForbidden || strings.Contains(p.Body, formula.ID) {
			t.Errorf("somebody without a role: %d", p.Status)
		}
	})
}

// More clients than are read at a time.
func TestClients_aLongFileIsWhole(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		const many = 1003
		for i := range many {
			c := oauth.Client{ID: fmt.Sprintf("cl_%04d", i), Name: fmt.Sprint("Client ", i), TokenEndpointAuthMethod: oauth.AuthNone}
			if err := h.Store.CreateClient(t.Context(), c, nil, h.Clock.Now(), event()); err != nil {
				t.Fatal(err)
			}
		}
		var clients []struct {
			ID string `json:"client_id"`
		}
		if err := json.Unmarshal([]byte(b.Get(clientList+"/export?format=json&sort=-created").Body), &clients); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range clients {
			seen[c.ID] = true
		}
		if len(clients) != many || len(seen) != many {
			t.Errorf("%d clients, %d of them once", len(clients), len(seen))
		}
	})
}

// Each kind of application begins with what is safe for it, and needs no more than a name and where it returns to.
func TestConsole_eachKindOfApplicationBeginsSafely(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		var choices []string
		for _, link := range b.Get(clientList+"/new").Parts("a", "", "") {
			choices = append(choices, link.Attr("href"))
		}
		code := []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
		for _, c := range []struct {
			kind, redirect, method, application, is string
			grants                                  []string
			firstParty                              bool
		}{
			{"web", "https://web.example.test/cb", oauth.AuthBasic, oauth.ApplicationWeb, oauth.KindWeb, code, false},
			{"spa", "https://spa.example.test/cb", oauth.AuthNone, oauth.ApplicationWeb, oauth.KindSPA, code, false},
			{"native", "com.example.app:/cb", oauth.AuthNone, oauth.ApplicationNative, oauth.KindNative, code, false},
			{"service", "", oauth.AuthBasic, oauth.ApplicationWeb, oauth.KindService, []string{oauth.GrantClientCredentials}, false},
			{"first-party", "https://app.example.test/cb", oauth.AuthNone, oauth.ApplicationNative, oauth.KindNative, code, true},
		} {
			step := clientList + "/new?type=" + c.kind
			if !slices.Contains(choices, step) {
				t.Errorf("%s is no choice", c.kind)
				continue
			}
			if p := b.Get(step); p.Says("profile") == "" {
				t.Errorf("%s is not explained", c.kind)
			}
			// What is refused keeps its explanation.
			if p := b.Submit(clientList, url.Values{"client_name": {""}, "redirect_uris": {c.redirect}}); p.Status != http.StatusUnprocessableEntity || p.Says("profile") == "" {
				t.Errorf("%s without a name: %d", c.kind, p.Status)
			}
			if p := b.Submit(clientList, url.Values{"client_name": {"New " + c.kind}}); p.Status != http.StatusOK {
				t.Errorf("%s: %d %s", c.kind, p.Status, p.Text())
				continue
			}
			made := newest(t, h, "New "+c.kind)
			if made.TokenEndpointAuthMethod != c.method || made.ApplicationType != c.application || made.Kind() != c.is || !made.RequirePKCE || made.FirstParty != c.firstParty ||
				!slices.Equal(made.GrantTypes, c.grants) || (len(made.Scopes) == 0) != (c.kind == "service") {
				t.Errorf("%s makes %+v", c.kind, made)
			}
		}
		if p := b.Get(clientList + "/new?type=toaster"); !strings.Contains(p.Text(), "What kind of application is it?") {
			t.Errorf("an unknown kind shows %s", p.Text())
		}
	})
}

// Nobody is asked to consent to an application of our own; where any program could stand behind it they are (RFC 8252 §8.6).
func TestConsent_isNotAskedForOurOwn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		own := func(c *oauth.Client) { c.FirstParty = true }
		app := func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{"com.example.own:/cb"} }
		for _, c := range []struct {
			name   string
			client *webtest.Client
			ask    url.Values
			asked  bool
		}{
			{"ours", h.Client(t, own), nil, false},
			{"ours and public, at a claimed address", h.Client(t, webtest.Public, own), nil, false},
			{"ours, that asks", h.Client(t, own), url.Values{"prompt": {"consent"}}, true},
			{"ours, at a scheme of its own", h.Client(t, webtest.Public, own, app), url.Values{"redirect_uri": {"com.example.own:/cb"}}, true},
			{"somebody's", h.Client(t), nil, true},
		} {
			b, u := h.Browser(t), h.User(t)
			b.Get(h.AuthorizeURL(c.client, c.ask))
			p := b.SignIn(u)
			if asked := p.Location == nil && p.URL.Path == "/consent"; asked != c.asked || !asked && webtest.Told(p.Location).Get("code") == "" {
				t.Errorf("%s: %s leads to %v", c.name, p.URL, p.Location)
			}
		}
	})
}

// A copy is a client of its own: the settings are the same, the id and the secret are not.
func TestConsole_copiesAClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		original := h.Client(t, named(strings.Repeat("ö", 199)), func(c *oauth.Client) {
			c.RedirectURIs = oauth.RedirectURIs{webtest.Callback, "https://second.example.test/cb"}
			c.FirstParty, c.Contacts = true, oauth.Words{"ops@example.test"}
		})
		if err := h.Store.DisableClient(t.Context(), original.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		link := b.Get(clientList+"/"+original.ID).Parts("a", "href", clientList+"/new?from="+original.ID)
		if len(link) != 1 {
			t.Fatal("no page offers it")
		}
		b.Get(link[0].Attr("href"))
		if p := b.Submit(clientList, nil); p.Status != http.StatusOK || strings.Contains(p.Body, original.Secret) {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		made := newest(t, h, "ö copy")
		if made.ID == original.ID || made.GrantID == original.GrantID || !made.Enabled() || made.Version != 1 || !slices.Equal(made.RedirectURIs, original.RedirectURIs) || !made.FirstParty ||
			!slices.Equal(made.GrantTypes, original.GrantTypes) || !made.Scopes.Covers(original.Scopes) || !slices.Equal(made.Contacts, original.Contacts) {
			t.Errorf("the copy is %+v", made)
		}
		if secrets, err := h.Store.ClientSecrets(t.Context(), made.ID); err != nil || len(secrets) != 1 {
			t.Errorf("it has %d secrets, %v", len(secrets), err)
		}
		if p := b.Get(clientList + "/new?from=cl_nobody"); p.Status != http.StatusNotFound {
			t.Errorf("a copy of nothing: %d", p.Status)
		}
	})
}

// What is exported is read again; before anything is saved it is shown, with what is wrong at its members (RFC 7591 §2).
func TestConsole_importsAClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		original := h.Client(t, named("Original"), func(c *oauth.Client) {
			c.GrantTypes, c.ClientURI, c.IDTokenSignedResponseAlg = oauth.Words{oauth.GrantAuthorizationCode}, "https://app.example.test", "ES256"
		})
		file := b.Get(clientList + "/" + original.ID + "/export")
		if file.Status != http.StatusOK || !strings.Contains(file.Header.Get("Content-Disposition"), original.ID+".json") || strings.Contains(file.Body, "secret\"") {
			t.Fatalf("%d %v %s", file.Status, file.Header, file.Body)
		}
		exported := file.Body // the page is another one soon
		read := func(document string) *webtest.Page {
			b.Get(clientList + "/import")
			return b.Submit(clientList+"/import", url.Values{"metadata": {document}})
		}
		p := read("\ufeff" + strings.Replace(exported, "Original", "Second", 1))
		if p.Status != http.StatusOK || !strings.Contains(p.Text(), "Nothing is saved yet") || !strings.Contains(p.Text(), "Not taken over: client_id, client_id_issued_at.") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if page, err := h.Store.Clients(t.Context(), store.ClientFilter{Query: "Second"}); err != nil || page.Total != 0 {
			t.Fatalf("it was saved: %v", err)
		}
		b.Submit(clientList, nil)
		made := newest(t, h, "Second")
		again, err := json.Marshal(made.Registration(h.Issuer, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		var one, two map[string]any
		if json.Unmarshal([]byte(exported), &one) != nil || json.Unmarshal(again, &two) != nil {
			t.Fatal("no JSON")
		}
		for member, value := range one {
			sorted := func(value any) []string { return slices.Sorted(strings.FieldsSeq(fmt.Sprint(value))) } // the form has an order of its own
			if same := slices.Equal(sorted(value), sorted(two[member])); same == (member == "client_id" || member == "client_name") {
				t.Errorf("%s is %v, was %v", member, two[member], value)
			}
		}
		for _, c := range []struct {
			name, document, field string
		}{
			{"no JSON", "{", "metadata"},
			{"nothing", "", "metadata"},
			{"a list", "[]", "metadata"},
			{"a member twice", `{"client_name": "A", "client_name": "B"}`, "metadata"},
			{"a redirect URI", `{"client_name": "A", "redirect_uris": ["https://a.example/cb", "http://a.example/cb"]}`, "redirect_uris.1"},
			{"a grant", `{"client_name": "A", "redirect_uris": ["https://a.example/cb"], "grant_types": ["authorization_code", "magic"]}`, "grant_types"},
			{"a scope", `{"client_name": "A", "redirect_uris": ["https://a.example/cb"], "scope": "openid magic"}`, "scopes"},
		} {
			p := read(c.document)
			if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" {
				t.Errorf("%s: %d %s", c.name, p.Status, p.Text())
			}
			if c.field == "metadata" && b.Form(clientList+"/import").Values.Get("metadata") != c.document {
				t.Errorf("%s: what was pasted is gone", c.name)
			}
		}
	})
}

// A redirect URI is judged while it is typed, by the same rules as when it is saved; nothing is saved by that.
func TestConsole_judgesARedirectURIWhileItIsTyped(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		token := csrf(b)
		for _, c := range []struct {
			row  string
			uris []string
			says string
		}{
			{"0", []string{"https://app.example/cb"}, ""},
			{"0", []string{" https://app.example/cb "}, ""},
			{"0", []string{""}, ""},
			{"1", []string{"", "http://app.example/cb"}, "Use https."},
			{"0", []string{"https://app.example/#x"}, "no fragment"},
			{"1", []string{"https://app.example/cb", "https://app.example/cb"}, "there twice"},
			{"0", []string{"https://app.example/cb", "https://app.example/cb"}, ""},
		} {
			p := partial(t, b, h, http.MethodPost, clientList+"/redirect-uri", url.Values{"csrf_token": {token}, "row": {c.row}, "redirect_uris": c.uris})
			if text := p.Text(); p.Status != http.StatusOK || (text == "") != (c.says == "") || !strings.Contains(text, c.says) {
				t.Errorf("row %s of %q: %d %q", c.row, c.uris, p.Status, text)
			}
		}
		for _, row := range []string{"", "-1", "1", "x"} {
			if p := b.Post(clientList+"/redirect-uri", url.Values{"csrf_token": {token}, "row": {row}, "redirect_uris": {"https://app.example/cb"}}); p.Status != http.StatusNotFound {
				t.Errorf("row %q: %d", row, p.Status)
			}
		}
	})
}

// Disabling can be undone at once; what it ended stays so (security.md rule 30).
func TestConsole_disablingIsUndone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client, user := h.Client(t), h.User(t)
		tokens := h.Tokens(t, client, user, nil)
		path := clientList + "/" + client.ID
		b.Get(path + "/disable")
		p := b.Submit(path+"/disable", nil)
		if _, offered := p.Element("undo", "class"); !offered {
			t.Fatalf("nothing undoes it: %s", p.Text())
		}
		token := csrf(b) // the message is shown once
		if _, offered := b.Get(path).Element("undo", "class"); offered {
			t.Error("it is offered again")
		}
		b.Post(path+"/enable", url.Values{"csrf_token": {token}})
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || !c.Enabled() {
			t.Errorf("%+v, %v", c, err)
		}
		if a := h.Refresh(t, client, tokens.Str("refresh_token")); a.Status != http.StatusBadRequest {
			t.Errorf("what was ended lives again: %d", a.Status)
		}
		if n := len(written(t, h, client.ID, audit.ClientEnabled)); n != 1 {
			t.Errorf("written down %d times", n)
		}
		person := userList + "/" + user.ID
		b.Get(person + "/disable")
		if _, offered := b.Submit(person+"/disable", nil).Element("undo", "class"); !offered {
			t.Error("disabling a person is not undone")
		}
		if p := b.Submit(person+"/enable", nil); p.Status != http.StatusOK {
			t.Errorf("%d", p.Status)
		}
	})
}

// A message is ours or none: whoever can plant a cookie cannot speak in our name, or offer an act.
func TestFlash_isOursOrNone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID
		b.Get(path)
		f := b.Form(path)
		r := h.Request(t, http.MethodPost, path, f.Values.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, cookie := range b.Jar().Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		flash := setCookies(h.Do(t, r).Header)["__Host-gh_flash"]
		if flash == nil {
			t.Fatal("nothing is said")
		}
		said := func(value string, who *webtest.Browser) bool {
			r := h.Request(t, http.MethodGet, clientList, "")
			for _, cookie := range who.Jar().Cookies(r.URL) {
				r.AddCookie(cookie)
			}
			r.AddCookie(&http.Cookie{Name: flash.Name, Value: value})
			return strings.Contains(h.Do(t, r).Body, "Settings saved")
		}
		message, _, _ := strings.Cut(flash.Value, ".")
		other, _ := staff(t, h, identity.RoleAdmin)
		if !said(flash.Value, b) || said(message, b) || said(message+".", b) || said(message+"."+strings.Repeat("A", 43), b) || said(flash.Value, other) {
			t.Error("a message that is not ours is shown, or ours is not")
		}
	})
}

// Short lists are searched, too.
func TestConsole_searchesAPIsAndScopes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		h.API(t, func(a *oauth.API) {
			a.Name, a.Identifier, a.Scopes = "Orders", "https://orders.example.test", oauth.Scopes{"orders:read"}
		})
		h.API(t, func(a *oauth.API) {
			a.Name, a.Identifier, a.Scopes = "Mail", "https://mail.example.test", oauth.Scopes{"mail:send"}
		})
		for address, want := range map[string][]string{
			apiList + "?q=ORD": {"Orders"}, apiList + "?q=mail.example": {"Mail"}, apiList + "?q=mail:s": {"Mail"}, apiList + "?q=nothing": nil, apiList: {"Mail", "Orders"},
			scopeList + "?q=orders": {"orders:read"}, scopeList + "?q=nothing": nil, scopeList + "?q=OPENID": {"openid"},
		} {
			p := b.Get(address)
			if got := listed(p); p.Status != http.StatusOK || !slices.Equal(got, want) {
				t.Errorf("%s: %d %q, not %q", address, p.Status, got, want)
			}
			if count := p.Says("count"); !strings.HasPrefix(count, fmt.Sprint(len(want), " ")) {
				t.Errorf("%s: counted %q", address, count)
			}
			if len(want) == 0 && !strings.Contains(p.Text(), "matches “nothing”") {
				t.Errorf("%s says %s", address, p.Text())
			}
		}
	})
}

// Whoever loses a race is told by whom, in the same words at each kind of thing.
func TestConsole_aLostRaceNamesTheWinner(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		first, ada := staff(t, h, identity.RoleAdmin)
		second, _ := staff(t, h, identity.RoleAdmin)
		api, user := h.API(t), h.User(t)
		for _, c := range []struct{ path, action, field string }{
			{clientList + "/" + h.Client(t).ID, "", "client_name"}, {apiList + "/" + api.ID, "", "name"}, {userList + "/" + user.ID, "", "name"},
			{scopeList + "/edit?name=" + url.QueryEscape(api.Scopes[0]), scopeList + "/edit", "description"},
		} {
			action := c.action
			if action == "" {
				action = c.path
			}
			first.Get(c.path)
			second.Get(c.path)
			first.Submit(action, url.Values{c.field: {"Hers"}})
			p := second.Submit(action, url.Values{c.field: {"His"}})
			notice := p.Says("conflict")
			if p.Status != http.StatusConflict || !strings.Contains(notice, ada.Username+" changed this") || !strings.Contains(notice, "Hers") || !strings.Contains(notice, "His") {
				t.Errorf("%s: %d %q", c.path, p.Status, notice)
			}
			if f := second.Form(action).Values; f.Get(c.field) != "His" {
				t.Errorf("%s: the form holds %q", c.path, f.Get(c.field))
			}
		}
	})
}
