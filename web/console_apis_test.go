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

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

const apiList = "/console/apis"

// registerAPI fills in the form for a new API.
func registerAPI(b *webtest.Browser, fill url.Values) *webtest.Page {
	b.Get(apiList + "/new")
	return b.Submit(apiList, fill)
}

// storedAPI is the API of this identifier.
func storedAPI(t *testing.T, h *webtest.House, identifier string) *oauth.API {
	t.Helper()
	a, err := h.Store.API(t.Context(), identifier)
	if err != nil {
		t.Fatalf("%s: %v", identifier, err)
	}
	return a
}

// described is what people read of a scope.
func described(t *testing.T, h *webtest.House, name string) string {
	t.Helper()
	s, err := h.Store.Scope(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s.Description
}

// happenedTo are the events that have this target, the newest first.
func happenedTo(t *testing.T, h *webtest.House, target string, action audit.Action) []audit.Event {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Action: action, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(events, func(e audit.Event) bool { return e.Target.ID != target })
}

// machineToken is a token that the client gets for itself, at the API.
func machineToken(t *testing.T, h *webtest.House, c *webtest.Client, resource string) string {
	t.Helper()
	a := h.Post(t, oauth.PathToken, c, url.Values{"grant_type": {"client_credentials"}, "resource": {resource}})
	if a.Status != http.StatusOK {
		t.Fatalf("no token for %s: %d %s", resource, a.Status, a.Body)
	}
	return a.Str("access_token")
}

func sharedKey(secret string) jwt.Keyfunc {
	return func(*jwt.Token) (any, error) { return []byte(secret), nil }
}

// verifiesWith checks a token as an API does that shares a secret with us.
func verifiesWith(h *webtest.House, token, secret string) error {
	_, err := jwt.NewParser(jwt.WithTimeFunc(h.Clock.Now), jwt.WithValidMethods([]string{keys.HS256})).Parse(token, sharedKey(secret))
	return err
}

func TestAPIs_areListed(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		boss, _ := staff(t, h, identity.RoleAdmin)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		for _, b := range []*webtest.Browser{boss, auditor} {
			p := b.Get(apiList)
			if led := len(p.Parts("a", "href", apiList+"/new")); !strings.Contains(p.Text(), "No APIs yet") || (led > 0) != (b == boss) {
				t.Errorf("the empty list leads %d times to a new API: %s", led, p.Text())
			}
		}
		h.API(t, func(a *oauth.API) {
			a.Identifier, a.Name, a.Scopes = "https://b.example.test", "Beta", oauth.Scopes{"one", "two", "three", "four"}
		})
		h.API(t, func(a *oauth.API) {
			a.Identifier, a.Name, a.TokenFormat, a.AccessTokenTTL = "https://a.example.test", "Alpha", oauth.FormatOpaque, 90
		})
		p := boss.Get(apiList)
		if got := listed(p); !slices.Equal(got, []string{"Alpha", "Beta"}) {
			t.Errorf("listed: %q", got)
		}
		for _, words := range []string{"https://a.example.test", "Opaque", "90 s", "read write", "https://b.example.test", "JWT, ES256", "one two +2", "default"} {
			if !strings.Contains(p.Text(), words) {
				t.Errorf("the list does not say %q: %s", words, p.Text())
			}
		}
		if current := p.Parts("a", "aria-current", "page"); len(current) != 1 || current[0].Text() != "APIs" {
			t.Errorf("the navigation marks %d places", len(current))
		}
	})
}

func TestConsole_registersAnAPIOfEachKind(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "jobs:run", "Run jobs")
		rows := url.Values{"scope_names": {"jobs:run", "", "jobs:stop"}, "scope_descriptions": {"", "", " Stop jobs "}, "scope_shown": {"", "", ""}}
		for _, c := range []struct {
			name         string
			fill         url.Values
			format, alg  string
			claims       string
			seconds      int64
			signsWithKey bool
		}{
			{"es256", nil, oauth.FormatJWT, keys.ES256, oauth.ClaimsStandard, 0, true},
			{"rs256", url.Values{"signing_alg": {"RS256"}, "access_token_ttl": {"5"}}, oauth.FormatJWT, keys.RS256, oauth.ClaimsStandard, 300, true},
			{"eddsa", url.Values{"signing_alg": {"EdDSA"}, "access_token_ttl": {"1h 30m"}}, oauth.FormatJWT, keys.EdDSA, oauth.ClaimsStandard, 5400, true},
			{"opaque", url.Values{"token_format": {"opaque"}, "signing_alg": {"HS256"}, "claims": {"tutorial"}, "access_token_ttl": {"90s"}}, oauth.FormatOpaque, "", oauth.ClaimsStandard, 90, false},
		} {
			identifier := "https://" + c.name + ".example.test/v1"
			fill := maps.Clone(rows)
			fill["name"], fill["identifier"] = []string{" " + c.name + " "}, []string{" " + identifier + " "}
			maps.Copy(fill, c.fill)
			p := registerAPI(b, fill)
			a := storedAPI(t, h, identifier)
			if p.URL.Path != apiList+"/"+a.ID || !strings.Contains(p.Text(), "API registered") || p.Says("new-signing-secret") != "" {
				t.Errorf("%s: led to %s: %s", c.name, p.URL, p.Text())
			}
			if a.Name != c.name || a.TokenFormat != c.format || a.SigningAlg != c.alg || a.Claims != c.claims || a.AccessTokenTTL != c.seconds ||
				a.Scopes.String() != "jobs:run jobs:stop" || a.SigningSecretSealed != "" || a.Version != 1 {
				t.Errorf("%s: stored as %+v", c.name, a)
			}
			created := happenedTo(t, h, a.ID, audit.APICreated)
			if len(created) != 1 || created[0].Actor.ID != admin.ID || created[0].Target.Name != c.name || created[0].Caller.RequestID == "" || created[0].Changes["scope"].After != "jobs:run jobs:stop" {
				t.Errorf("%s: written down as %+v", c.name, created)
			}
			// Applications can ask for it at once, also where the house had no key of the algorithm.
			client := h.Client(t, withScopes("jobs:run", "jobs:stop"))
			token := machineToken(t, h, client, identifier)
			if c.signsWithKey {
				verified(t, h, token, c.alg, identifier)
			}
			if !active(t, h, ownClient(t, h, &webtest.API{API: *a}), token) {
				t.Errorf("%s: its own client calls the token inactive", c.name)
			}
		}
		if described(t, h, "jobs:run") != "Run jobs" || described(t, h, "jobs:stop") != "Stop jobs" {
			t.Errorf("described as %q and %q", described(t, h, "jobs:run"), described(t, h, "jobs:stop"))
		}
		all, err := h.Store.SigningKeys(t.Context())
		if err != nil || len(all) != 3 {
			t.Errorf("%d signing keys, %v: ES256 and RS256 were there, EdDSA was missing once", len(all), err)
		}
	})
}

// The secret is shown on one page, once; nothing else that the house writes or stores holds it.
func TestConsole_showsASigningSecretOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		const identifier = "https://tutorial.example.test"
		p := registerAPI(b, url.Values{"name": {"Tutorial"}, "identifier": {identifier}, "signing_alg": {"HS256"}, "claims": {"tutorial"},
			"scope_names": {"read"}, "scope_descriptions": {"Read things"}, "signing_secret_from": {"new"}, "signing_secret": {"left in a field that is hidden, and long enough"}})
		made := p.Says("new-signing-secret")
		if p.Status != http.StatusOK || !strings.HasPrefix(made, "gh_ss_") || p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %q: %s", p.Status, p.Header.Get("Cache-Control"), p.Text())
		}
		a := storedAPI(t, h, identifier)
		client := h.Client(t, withScopes("read"))
		if err := verifiesWith(h, machineToken(t, h, client, identifier), made); err != nil {
			t.Errorf("the API cannot verify with it: %v", err)
		}

		const own = "the API had this one already: 0123456789"
		p = registerAPI(b, url.Values{"name": {"Older"}, "identifier": {"https://older.example.test"}, "signing_alg": {"HS256"},
			"scope_names": {"read"}, "scope_descriptions": {""}, "signing_secret_from": {"own"}, "signing_secret": {own}})
		older := storedAPI(t, h, "https://older.example.test")
		if p.URL.Path != apiList+"/"+older.ID || strings.Contains(p.Body, own) {
			t.Errorf("led to %s, or shows what was pasted", p.URL)
		}
		if err := verifiesWith(h, machineToken(t, h, client, older.Identifier), own); err != nil {
			t.Errorf("the API cannot verify with its own: %v", err)
		}

		for _, secret := range []string{made, own} {
			for _, path := range []string{apiList, apiList + "/" + a.ID, apiList + "/" + a.ID + "/rotate-secret", apiList + "/" + a.ID + "/delete", apiList + "/" + older.ID} {
				if page := b.Get(path); page.Status != http.StatusOK || strings.Contains(page.Body, secret) {
					t.Errorf("%s: %d, or it shows the secret", path, page.Status)
				}
			}
			if strings.Contains(spread(t, h), secret) {
				t.Error("the secret is in the audit log or the log")
			}
			rows, err := json.Marshal([]*oauth.API{storedAPI(t, h, identifier), storedAPI(t, h, older.Identifier)})
			if err != nil || strings.Contains(string(rows), secret) || a.SigningSecretSealed == "" || older.SigningSecretSealed == "" {
				t.Errorf("the database holds it bare, or not at all: %s, %v", rows, err)
			}
		}
	})
}

// Every mistake stands at its field, and what was typed stays, except for a secret.
func TestConsole_mistakesWithAPIsStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		stored := h.API(t)
		h.API(t, func(a *oauth.API) { a.Identifier, a.Claims = "https://taken.example.test", oauth.ClaimsTutorial })
		typed := url.Values{"name": {"Typed"}, "scope_names": {"fresh"}, "scope_descriptions": {"Do fresh things"}, "scope_shown": {""}}
		scopes := func(names, descriptions []string) url.Values {
			return url.Values{"scope_names": names, "scope_descriptions": descriptions, "scope_shown": make([]string, len(names))}
		}
		var many, what []string
		for i := range 60 {
			many, what = append(many, fmt.Sprintf("%0100d", i)), append(what, "One of many")
		}
		secret := func(value string) url.Values {
			return url.Values{"signing_alg": {"HS256"}, "signing_secret_from": {"own"}, "signing_secret": {value}}
		}
		for _, c := range []struct {
			name  string
			fill  url.Values
			field string
			alone bool // the form of a new API alone has it
		}{
			{"no name", url.Values{"name": {"  "}}, "name", false},
			{"a long name", url.Values{"name": {strings.Repeat("ä", 201)}}, "name", false},
			{"a life too short", url.Values{"access_token_ttl": {"59s"}}, "access_token_ttl", false},
			{"a life too long", url.Values{"access_token_ttl": {"1441"}}, "access_token_ttl", false},
			{"a life of nothing", url.Values{"access_token_ttl": {"0"}}, "access_token_ttl", false},
			{"a life that is none", url.Values{"access_token_ttl": {"a day"}}, "access_token_ttl", false},
			{"a scope with a space", scopes([]string{"a b"}, []string{"Do"}), "scope_names.0", false},
			{"a long scope", scopes([]string{strings.Repeat("x", 101)}, []string{"Do"}), "scope_names.0", false},
			{"a scope without a name", scopes([]string{"fresh", ""}, []string{"Do fresh things", "Do"}), "scope_names.1", false},
			{"the same scope twice", scopes([]string{"fresh", "fresh"}, []string{"Do fresh things", ""}), "scope_names.1", false},
			{"OpenID's own scope", scopes([]string{"fresh", "openid"}, []string{"Do fresh things", ""}), "scope_names.1", false},
			{"a new scope that nobody describes", scopes([]string{"fresh"}, []string{""}), "scope_descriptions.0", false},
			{"a description of two lines", scopes([]string{"fresh"}, []string{"a\u2028b"}), "scope_descriptions.0", false},
			{"a scope that reads otherwise", scopes([]string{"write"}, []string{"Do other things"}), "scope_descriptions.0", false},
			{"too many scopes", scopes(many, what), "scopes", false},
			{"no identifier", url.Values{"identifier": {""}}, "identifier", true},
			{"no URI", url.Values{"identifier": {"orders"}}, "identifier", true},
			{"a fragment", url.Values{"identifier": {"https://a.example.test/#x"}}, "identifier", true},
			{"our own address", url.Values{"identifier": {h.Issuer + "/api"}}, "identifier", true},
			{"an identifier that is taken", url.Values{"identifier": {"https://taken.example.test"}}, "identifier", true},
			{"an unknown format", url.Values{"token_format": {"xml"}}, "token_format", true},
			{"an unknown signature", url.Values{"signing_alg": {"none"}}, "signing_alg", true},
			{"unknown claims", url.Values{"claims": {"all"}}, "claims", true},
			{"claims that nothing tells apart", url.Values{"claims": {"tutorial"}}, "claims", true},
			{"a weak secret", secret("this-secret-has-31-characters.."), "signing_secret", true},
			{"no secret", secret(""), "signing_secret", true},
		} {
			for _, where := range []string{apiList, apiList + "/" + stored.ID} {
				if where == apiList {
					b.Get(apiList + "/new")
				} else if b.Get(where); c.alone {
					continue
				}
				sent := b.Form(where).Values
				if where == apiList {
					sent.Set("identifier", "https://typed.example.test")
				}
				maps.Copy(sent, typed)
				maps.Copy(sent, c.fill)
				p := b.Post(where, sent)
				if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" {
					t.Errorf("%s, %s: %d, the field says %q: %s", where, c.name, p.Status, p.Says(c.field+"-error"), p.Text())
					continue
				}
				again := b.Form(where).Values
				for _, name := range []string{"name", "identifier", "access_token_ttl", "scope_names", "scope_descriptions", "signing_secret_from", "request_token", "version"} {
					want := slices.Clone(sent[name])
					for i := range want {
						want[i] = strings.TrimSpace(want[i])
					}
					if name == "scope_descriptions" && c.name == "the same scope twice" {
						continue // it exists by neither name
					}
					if name == "scope_descriptions" && c.name == "OpenID's own scope" {
						want[1] = again[name][1] // what it is, is said
					}
					if !slices.Equal(again[name], want) && (len(want) > 0 || len(again[name]) > 0) {
						t.Errorf("%s, %s: %s came back as %q, was %q", where, c.name, name, again[name], want)
					}
				}
				if typed := sent.Get("signing_secret"); again.Get("signing_secret") != "" || typed != "" && (strings.Contains(p.Body, typed) || !strings.Contains(p.Text(), "paste it again")) {
					t.Errorf("%s: the page shows the secret, or does not say that it is gone", c.name)
				}
				if invalid, _ := p.Element(c.field, "aria-invalid"); invalid != "true" {
					if described, _ := p.Element(c.field, "aria-describedby"); !strings.Contains(described, c.field+"-error") {
						t.Errorf("%s, %s: the field is not marked", where, c.name)
					}
				}
				if len(p.Parts("a", "href", "#"+c.field)) == 0 {
					t.Errorf("%s, %s: the summary does not lead to the field", where, c.name)
				}
			}
		}
		apis, err := h.Store.APIs(t.Context())
		if err != nil || len(apis) != 2 || storedAPI(t, h, stored.Identifier).Version != 1 {
			t.Errorf("%d APIs, %v: something was saved", len(apis), err)
		}
		if _, err := h.Store.Scope(t.Context(), "fresh"); err == nil {
			t.Error("a scope was saved")
		}
	})
}

func TestConsole_anAPIFormSentTwiceMakesOne(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for _, alg := range []string{keys.ES256, keys.HS256, keys.RS256} {
			b.Get(apiList + "/new")
			f := b.Form(apiList)
			f.Values.Set("name", "Twice")
			f.Values.Set("identifier", "https://"+strings.ToLower(alg)+".example.test")
			f.Values.Set("signing_alg", alg)
			if alg == keys.RS256 { // of which there may be one alone: it is in its own way
				f.Values.Set("claims", oauth.ClaimsTutorial)
			}
			value := b.Post(apiList, f.Values).Says("new-signing-secret")
			p := b.Post(apiList, f.Values)
			if !strings.Contains(p.Text(), "Already registered") || p.Says("new-signing-secret") != "" || (value != "" && strings.Contains(p.Body, value)) {
				t.Errorf("%s: %d %s", alg, p.Status, p.Text())
			}
			f.Values.Set("request_token", "made-up")
			f.Values.Set("identifier", "https://another-"+strings.ToLower(alg)+".example.test")
			b.Post(apiList, f.Values) // a token that is none protects nobody, and stops nobody
		}
		if apis, err := h.Store.APIs(t.Context()); err != nil || len(apis) != 5 {
			t.Errorf("%d APIs, %v", len(apis), err)
		}
		if events := happenedTo(t, h, storedAPI(t, h, "https://es256.example.test").ID, audit.APICreated); len(events) != 1 {
			t.Errorf("written down %d times", len(events))
		}
	})
}

func TestConsole_addingAndRemovingScopesSavesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		stored := h.API(t)
		p := registerAPI(b, url.Values{"name": {"Half done"}, "scope_names": {"read"}, "scope_descriptions": {""}, "add_scope": {"1"},
			"signing_alg": {"HS256"}, "signing_secret_from": {"own"}, "signing_secret": {"a secret that no page may show"}})
		f := b.Form(apiList).Values
		if p.Status != http.StatusOK || !slices.Equal(f["scope_names"], []string{"read", ""}) || !slices.Equal(f["scope_descriptions"], []string{"Use read", ""}) {
			t.Errorf("a row more: %d %v", p.Status, f)
		}
		if f.Get("signing_secret") != "" || strings.Contains(p.Body, "no page may show") || !strings.Contains(p.Text(), "paste it again") {
			t.Error("the page shows the secret, or does not say that it is gone")
		}
		if !strings.Contains(p.Text(), "Also used by Orders") {
			t.Errorf("nothing says who else takes the scope: %s", p.Text())
		}
		p = b.Submit(apiList, url.Values{"scope_names": {"read", "not finished"}, "scope_descriptions": {"Use read", "Never"}, "remove_scope": {"0"}})
		f = b.Form(apiList).Values
		if p.Status != http.StatusOK || !slices.Equal(f["scope_names"], []string{"not finished"}) || f.Get("name") != "Half done" || f.Get("signing_alg") != "HS256" {
			t.Errorf("a row less: %d %v", p.Status, f)
		}
		for _, wrong := range []string{"7", "-1", "x"} {
			f.Set("remove_scope", wrong)
			if p := b.Post(apiList, f); p.Status != http.StatusOK {
				t.Errorf("row %s: %d", wrong, p.Status)
			}
		}
		f.Del("scope_descriptions") // no form of ours sends half a row
		if p := b.Post(apiList, f); p.Status != http.StatusOK {
			t.Errorf("half a row: %d", p.Status)
		}
		path := apiList + "/" + stored.ID
		b.Get(path)
		b.Submit(path, url.Values{"name": {"Renamed"}, "add_scope": {"1"}})
		apis, err := h.Store.APIs(t.Context())
		if err != nil || len(apis) != 1 || apis[0].Name != stored.Name || apis[0].Version != 1 {
			t.Errorf("saved: %+v, %v", apis, err)
		}
		if p := b.Submit(path, url.Values{"scope_names": {"read", "write", "list"}, "scope_descriptions": {"Use read", "Use write", "List everything"}}); p.URL.Path != path || p.Status != http.StatusOK {
			t.Errorf("saving afterwards: %d", p.Status)
		}
		if a := storedAPI(t, h, stored.Identifier); a.Name != "Renamed" || a.Scopes.String() != "read write list" || described(t, h, "list") != "List everything" {
			t.Errorf("saved %+v", a)
		}
	})
}

func TestConsole_savesAnAPIAndWritesDownWhatChanged(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		api := h.API(t)
		path := apiList + "/" + api.ID
		b.Get(path)
		p := b.Submit(path, url.Values{"name": {"Order desk"}, "access_token_ttl": {"90s"}, "identifier": {"https://elsewhere.example.test"},
			"scope_names": {"read", "cancel"}, "scope_descriptions": {"See your orders", "Cancel your orders"}})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Settings saved") || p.Parts("h1", "", "")[0].Text() != "Order desk" {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if f := b.Form(path).Values; f.Get("access_token_ttl") != "90s" || f.Get("identifier") != api.Identifier {
			t.Errorf("the form shows %v", f)
		}
		updates := happenedTo(t, h, api.ID, audit.APIUpdated)
		if len(updates) != 1 || updates[0].Actor.ID != admin.ID || updates[0].Caller.RequestID == "" {
			t.Fatalf("written down: %+v", updates)
		}
		want := map[string]audit.Change{
			"name":             {Before: "Orders", After: "Order desk"},
			"scope":            {Before: "read write", After: "cancel read"},
			"new_scopes":       {After: "cancel"},
			"description.read": {Before: "Use read", After: "See your orders"},
			"access_token_ttl": {Before: "0", After: "90"},
		}
		if got := updates[0].Changes; !maps.Equal(got, want) {
			t.Errorf("changed %v, want %v", got, want)
		}
		described := happenedTo(t, h, "read", audit.ScopeUpdated)
		if len(described) != 1 || described[0].Changes["description"] != (audit.Change{Before: "Use read", After: "See your orders"}) || described[0].Target.Kind != audit.KindScope {
			t.Errorf("of the scope was written down: %+v", described)
		}
		// What is saved as it stands is no change.
		b.Get(path)
		b.Submit(path, nil)
		if n := len(happenedTo(t, h, api.ID, audit.APIUpdated)); n != 1 {
			t.Errorf("%d changes were written down", n)
		}
		client := h.Client(t, withScopes("read", "write", "cancel"))
		a := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "resource": {api.Identifier}})
		if a.Str("scope") != "read cancel" || a.JSON["expires_in"] != 90.0 {
			t.Errorf("the next token: %s", a.Body)
		}
	})
}

// A scope belongs to every API that takes it: its description changes only where somebody saw what it was.
func TestConsole_describesScopesKnowingly(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		other, _ := staff(t, h, identity.RoleAdmin)
		orders := h.API(t)
		h.API(t, func(a *oauth.API) { a.Identifier, a.Name = "https://files.example.test", "Files" })
		path, files := apiList+"/"+orders.ID, apiList+"/"+storedAPI(t, h, "https://files.example.test").ID
		if p := b.Get(path); !strings.Contains(p.Text(), "Also used by Files") {
			t.Errorf("nothing says that Files takes it too: %s", p.Text())
		}
		other.Get(files)
		other.Submit(files, url.Values{"scope_descriptions": {"Read it all", "Use write"}})
		if got := described(t, h, "read"); got != "Read it all" {
			t.Fatalf("described as %q", got)
		}
		// A form that is out of date does not put the old words back.
		b.Submit(path, url.Values{"name": {"Renamed"}})
		if got := described(t, h, "read"); got != "Read it all" || storedAPI(t, h, orders.Identifier).Name != "Renamed" {
			t.Errorf("described as %q", got)
		}
		// Nor does it overwrite unseen what somebody else wrote.
		b.Get(path)
		other.Get(files)
		other.Submit(files, url.Values{"scope_descriptions": {"Read everything", "Use write"}})
		p := b.Submit(path, url.Values{"scope_descriptions": {"See your orders", "Use write"}})
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("scope_descriptions.0-error"), "Read everything") || described(t, h, "read") != "Read everything" {
			t.Errorf("%d %q, described as %q", p.Status, p.Says("scope_descriptions.0-error"), described(t, h, "read"))
		}
		if b.Submit(path, nil); described(t, h, "read") != "See your orders" { // knowingly now
			t.Errorf("described as %q", described(t, h, "read"))
		}
		// The same holds for a new API that takes it.
		fill := url.Values{"name": {"Mail"}, "identifier": {"https://mail.example.test"}, "scope_names": {"read"}, "scope_descriptions": {"Read your mail"}}
		if p := registerAPI(b, fill); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("scope_descriptions.0-error"), "See your orders") {
			t.Errorf("a new API described it otherwise: %d", p.Status)
		}
		b.Submit(apiList, url.Values{"scope_descriptions": {""}})
		if described(t, h, "read") != "See your orders" || storedAPI(t, h, "https://mail.example.test").Scopes.String() != "read" {
			t.Errorf("described as %q", described(t, h, "read"))
		}
		if n := len(happenedTo(t, h, "read", audit.ScopeUpdated)); n != 3 {
			t.Errorf("%d descriptions were written down", n)
		}
	})
}

func TestConsole_aLostRaceOverAnAPIOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		first, ada := staff(t, h, identity.RoleAdmin)
		second, _ := staff(t, h, identity.RoleAdmin)
		api := h.API(t)
		path := apiList + "/" + api.ID
		first.Get(path)
		second.Get(path)
		first.Submit(path, url.Values{"name": {"Hers"}, "access_token_ttl": {"20"}})
		p := second.Submit(path, url.Values{"name": {"His"}, "scope_names": {"read", "forge"}, "scope_descriptions": {"Use read", "Forge"}})
		notice := p.Says("conflict")
		for _, words := range []string{"this API", "Hers", "His", ada.Username, "20 min", "read write", "forge read"} {
			if p.Status != http.StatusConflict || !strings.Contains(notice, words) {
				t.Errorf("%d: %q does not say %q", p.Status, notice, words)
			}
		}
		if f := second.Form(path); f.Values.Get("name") != "His" || f.Values.Get("version") != "2" {
			t.Errorf("the form holds %v", f.Values)
		}
		if a := storedAPI(t, h, api.Identifier); a.Name != "Hers" || a.Version != 2 {
			t.Errorf("stored %+v", a)
		}
		if _, err := h.Store.Scope(t.Context(), "forge"); err == nil || len(happenedTo(t, h, api.ID, audit.APIUpdated)) != 1 {
			t.Error("half of it was saved")
		}
		second.Submit(path, nil) // knowingly now
		if a := storedAPI(t, h, api.Identifier); a.Name != "His" || a.Scopes.String() != "read forge" || a.Version != 3 {
			t.Errorf("stored %+v", a)
		}
		first.Get(path)
		stale := first.Form(path)
		stale.Values.Del("version")
		stale.Values.Set("name", "Nobody's")
		if p := first.Post(path, stale.Values); p.Status != http.StatusConflict {
			t.Errorf("without a version: %d", p.Status)
		}
	})
}

func TestConsole_rotatesASigningSecretAtOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		api := h.API(t, func(a *oauth.API) { a.SigningAlg = keys.HS256 })
		client, own := h.Client(t, withScopes("read", "write")), ownClient(t, h, api)
		path := apiList + "/" + api.ID
		before := machineToken(t, h, client, api.Identifier)
		if !active(t, h, own, before) {
			t.Fatal("the token is not active")
		}
		if p := b.Get(path + "/rotate-secret"); !strings.Contains(p.Text(), "refuses tokens signed with the old secret at once") {
			t.Errorf("the question says %s", p.Text())
		}
		form := b.Form(path + "/rotate-secret")
		p := b.Submit(path+"/rotate-secret", nil)
		made := p.Says("new-signing-secret")
		if p.Status != http.StatusOK || made == "" || p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %q: %s", p.Status, p.Header.Get("Cache-Control"), p.Text())
		}
		after := machineToken(t, h, client, api.Identifier)
		if active(t, h, own, before) || !active(t, h, own, after) || verifiesWith(h, after, made) != nil || verifiesWith(h, after, api.Secret) == nil {
			t.Error("the old secret still serves, or the new one does not")
		}
		// The same form again shows nothing and changes nothing.
		p = b.Post(path+"/rotate-secret", form.Values)
		if !strings.Contains(p.Text(), "Already rotated") || strings.Contains(p.Body, made) || p.Says("new-signing-secret") != "" || !active(t, h, own, after) {
			t.Errorf("a second time: %d %s", p.Status, p.Text())
		}
		// Nor does one that was shown before somebody changed something else.
		b.Get(path + "/rotate-secret")
		form = b.Form(path + "/rotate-secret")
		h.Clock.Advance(time.Second)
		b.Get(path)
		b.Submit(path, url.Values{"name": {"Renamed"}})
		p = b.Post(path+"/rotate-secret", form.Values)
		if p.Status != http.StatusConflict || !strings.Contains(p.Text(), "Nothing was rotated yet") || !active(t, h, own, after) {
			t.Errorf("out of date: %d %s", p.Status, p.Text())
		}
		// The API's own is taken as it is, and never shown.
		for _, weak := range []string{"", "this-secret-has-31-characters..", strings.Repeat("x", 1025)} {
			p := b.Submit(path+"/rotate-secret", url.Values{"signing_secret_from": {"own"}, "signing_secret": {weak}})
			if p.Status != http.StatusUnprocessableEntity || p.Says("signing_secret-error") == "" || b.Form(path+"/rotate-secret").Values.Get("signing_secret") != "" {
				t.Errorf("%d bytes: %d %s", len(weak), p.Status, p.Text())
			}
		}
		const pasted = "from a vault: 0123456789 abcdefghijkl"
		p = b.Submit(path+"/rotate-secret", url.Values{"signing_secret_from": {"own"}, "signing_secret": {pasted}})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Signing secret rotated") || strings.Contains(p.Body, pasted) {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if err := verifiesWith(h, machineToken(t, h, client, api.Identifier), pasted); err != nil {
			t.Errorf("its own: %v", err)
		}
		changed := happenedTo(t, h, api.ID, audit.APISecretChanged)
		if len(changed) != 2 || changed[0].Actor.ID != admin.ID || changed[0].Target.Name != "Renamed" {
			t.Errorf("written down as %+v", changed)
		}
		if text := spread(t, h); strings.Contains(text, made) || strings.Contains(text, pasted) {
			t.Error("a secret was written down")
		}
		// An API that shares nothing has nothing to rotate.
		plain := apiList + "/" + h.API(t, func(a *oauth.API) { a.Identifier = "https://plain.example.test" }).ID
		if p := b.Get(plain + "/rotate-secret"); p.Status != http.StatusNotFound {
			t.Errorf("the page of ES256: %d", p.Status)
		}
		if p := b.Post(plain+"/rotate-secret", url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusNotFound {
			t.Errorf("rotating ES256: %d", p.Status)
		}
	})
}

func TestConsole_deletingAnAPINeedsItsIdentifier(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		api := h.API(t, func(a *oauth.API) { a.TokenFormat = oauth.FormatOpaque })
		client, own := h.Client(t, withScopes("read", "write"), named("Order desk"), func(c *oauth.Client) { c.DefaultResource = api.Identifier }), ownClient(t, h, api)
		watcher := h.Client(t)
		token := machineToken(t, h, client, api.Identifier)
		path := apiList + "/" + api.ID
		// As long as clients name it, it stays, and the page says which they are.
		p := b.Get(path + "/delete")
		if !strings.Contains(p.Text(), "cannot be deleted yet") || len(p.Parts("a", "href", clientList+"/"+client.ID+"/scopes")) == 0 || len(p.Parts("a", "href", clientList+"/"+own.ID+"/scopes")) == 0 || len(p.Parts("button", "id", "api-delete-confirm")) > 0 {
			t.Errorf("the question says %s", p.Text())
		}
		if p := b.Post(path+"/delete", url.Values{"csrf_token": {csrf(b)}, "confirm": {api.Identifier}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "Order desk") {
			t.Errorf("deleted while clients depend on it: %d %s", p.Status, p.Text())
		}
		for _, c := range []*webtest.Client{client, own} {
			b.Get(clientList + "/" + c.ID + "/scopes")
			if c == client {
				b.Submit(clientList+"/"+c.ID+"/scopes", url.Values{"default_resource": {""}})
			} else if err := h.Store.DeleteClient(t.Context(), c.ID, h.Clock.Now(), event()); err != nil {
				t.Fatal(err)
			}
		}
		if p := b.Get(path + "/delete"); !strings.Contains(p.Text(), "invalid_target") || !strings.Contains(p.Text(), "end at once") {
			t.Errorf("the question says %s", p.Text())
		}
		for _, wrong := range []string{"", strings.ToUpper(api.Identifier), api.Name, api.ID} {
			p := b.Submit(path+"/delete", url.Values{"confirm": {wrong}})
			if p.Status != http.StatusUnprocessableEntity || p.Says("confirm-error") == "" || b.Form(path+"/delete").Values.Get("confirm") != wrong {
				t.Errorf("%q: %d %s", wrong, p.Status, p.Text())
			}
		}
		storedAPI(t, h, api.Identifier)
		p = b.Submit(path+"/delete", url.Values{"confirm": {" " + api.Identifier + " "}})
		if p.URL.Path != apiList || !strings.Contains(p.Text(), "Orders is deleted") || len(listed(p)) != 0 {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if active(t, h, watcher, token) || active(t, h, client, token) {
			t.Error("its token is active")
		}
		refused(t, h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "resource": {api.Identifier}}), http.StatusBadRequest, "invalid_target")
		if p := b.Get(path); p.Status != http.StatusNotFound {
			t.Errorf("its page: %d", p.Status)
		}
		if described(t, h, "read") == "" {
			t.Error("its scopes are gone")
		}
		if e := happenedTo(t, h, api.ID, audit.APIDeleted); len(e) != 1 || e[0].Target.Name != "Orders" {
			t.Errorf("written down as %+v", e)
		}
	})
}

// Where its own client is missing, the page says what to do, and leads to a form that is almost done.
func TestConsole_anOpaqueAPIGetsItsOwnClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		looker, _ := staff(t, h, identity.RoleOperator)
		api := h.API(t, func(a *oauth.API) { a.TokenFormat, a.Identifier = oauth.FormatOpaque, "urn:example:orders?v=1&x" })
		path := apiList + "/" + api.ID
		if p := looker.Get(path); !strings.Contains(p.Text(), "The API cannot check its tokens yet") || strings.Contains(p.Body, "/clients/new") {
			t.Errorf("an operator reads %s", p.Text())
		}
		p := b.Get(path)
		to := clientList + "/new?resource_server=" + url.QueryEscape(api.Identifier)
		if !strings.Contains(p.Text(), "The API cannot check its tokens yet") || len(p.Parts("a", "href", to)) != 1 {
			t.Fatalf("the page says %s", p.Text())
		}
		b.Get(to)
		f := b.Form(clientList).Values
		if f.Get("client_name") != api.Name || f.Get("resource_server") != api.Identifier || f.Has("grant_types") || f.Has("scopes") {
			t.Errorf("prefilled: %v", f)
		}
		p = b.Submit(clientList, nil)
		own := &webtest.Client{Client: *newest(t, h, api.Name), Secret: p.Says("new-client-secret")}
		if own.ResourceServer != api.Identifier || len(own.GrantTypes) != 0 || own.Secret == "" {
			t.Fatalf("%d %+v: %s", p.Status, own.Client, p.Text())
		}
		if !active(t, h, own, machineToken(t, h, h.Client(t, withScopes("read", "write")), api.Identifier)) {
			t.Error("it cannot introspect")
		}
		p = b.Get(path)
		if strings.Contains(p.Text(), "The API cannot check") || !strings.Contains(p.Text(), "Its own client") || len(p.Parts("a", "href", clientList+"/"+own.ID+"/scopes")) != 1 {
			t.Errorf("the page says %s", p.Text())
		}
		if p := b.Get(clientList + "/new?resource_server=https://nobody.example.test"); !strings.Contains(p.Text(), "What kind of application is it?") {
			t.Errorf("for an unknown API: %s", p.Text())
		}
	})
}

func TestConsole_aClientChoosesItsAPIs(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		looker, _ := staff(t, h, identity.RoleAuditor)
		client, public := h.Client(t), h.Client(t, webtest.Public)
		path := clientList + "/" + client.ID + "/scopes"
		if p := b.Get(path); !strings.Contains(p.Text(), "There is no API yet") {
			t.Errorf("without APIs the page says %s", p.Text())
		}
		api := h.API(t)
		b.Get(path)
		if p := b.Submit(path, url.Values{"default_resource": {api.Identifier}, "resource_server": {api.Identifier}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "none of this API's scopes") {
			t.Fatalf("without any of its scopes: %d %s", p.Status, p.Text())
		}
		scopes := append(slices.Clone(client.Scopes), "read")
		if p := b.Submit(path, url.Values{"default_resource": {api.Identifier}, "resource_server": {api.Identifier}, "scopes": scopes}); p.Status != http.StatusOK {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		changed := written(t, h, client.ID, audit.ClientUpdated)
		if len(changed) != 1 || changed[0].Changes["default_resource"].After != api.Identifier || changed[0].Changes["resource_server"].After != api.Identifier || len(changed[0].Changes) != 3 {
			t.Errorf("written down as %+v", changed)
		}
		if claims := claimsOf(t, h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}}).Str("access_token")); claims["aud"] != api.Identifier {
			t.Errorf("its next token: %v", claims)
		}
		p := looker.Get(path)
		if len(p.Parts("a", "href", apiList+"/"+api.ID)) != 3 || !strings.Contains(p.Text(), api.Identifier) {
			t.Errorf("an auditor reads %s", p.Text())
		}
		for _, c := range []struct {
			client      *webtest.Client
			field, sent string
		}{
			{client, "default_resource", "https://nobody.example.test"},
			{client, "resource_server", "https://nobody.example.test"},
			{public, "resource_server", api.Identifier},
		} {
			path := clientList + "/" + c.client.ID + "/scopes"
			b.Get(path)
			p := b.Submit(path, url.Values{c.field: {c.sent}})
			if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" || len(p.Parts("a", "href", "#"+c.field)) != 1 {
				t.Errorf("%s=%s: %d %s", c.field, c.sent, p.Status, p.Text())
			}
		}
	})
}

// What RFC 9700 advises against is offered where the house has it switched on, with a warning, and nowhere else.
func TestConsole_warnsOfRiskyGrants(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, on := range []bool{false, true} {
			h := webtest.Open(t, s, func(o *webtest.Options) { o.PasswordGrant, o.ImplicitGrant = on, on })
			b, _ := staff(t, h, identity.RoleAdmin)
			p := b.Get(clientList + "/new?type=web")
			for _, grant := range []string{"password", "implicit"} {
				if len(p.Parts("input", "value", grant)) > 0 != on {
					t.Errorf("switched on %v: %s is offered otherwise", on, grant)
				}
			}
			warned := 0
			for _, badge := range p.Parts("span", "data-tone", "danger") {
				if badge.Text() == "Avoid" {
					warned++
				}
			}
			if on != (warned == 2) {
				t.Errorf("switched on %v: %d warnings", on, warned)
			}
			if !on {
				continue
			}
			p = b.Submit(clientList, url.Values{"client_name": {"Old app"}, "redirect_uris": {webtest.Callback}, "grant_types": {"implicit", "password", "refresh_token"}})
			if c := newest(t, h, "Old app"); p.Status != http.StatusOK || !slices.Equal(c.GrantTypes, []string{"implicit", "password", "refresh_token"}) {
				t.Errorf("%d %+v", p.Status, c)
			}
			if p := b.Get(clientList); !strings.Contains(p.Text(), "Implicit, password, refresh token") {
				t.Errorf("the list says %s", p.Text())
			}
		}
	})
}

// Who is asked for consent reads where a scope opens something, unless that is here.
func TestConsent_namesTheAPI(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		files := h.API(t, func(a *oauth.API) {
			a.Identifier, a.Name, a.Scopes = "https://files.example.test", "Files <b>", oauth.Scopes{"read"}
		})
		client, user := h.Client(t, withScopes("read", "write")), h.User(t)
		ask := func(resources ...string) string {
			b := h.Browser(t)
			b.Get(h.AuthorizeURL(client, url.Values{"scope": {"openid read write"}, "resource": resources}))
			return b.SignIn(user).Text()
		}
		if text := ask(orders.Identifier); !strings.Contains(text, "write at Orders (https://orders.example.test)") || strings.Contains(text, "openid at") {
			t.Errorf("one API: %s", text)
		}
		if text := ask(orders.Identifier, files.Identifier); !strings.Contains(text, "read at Orders (https://orders.example.test) and Files <b> (https://files.example.test)") || strings.Contains(text, "write at Files") {
			t.Errorf("two APIs: %s", text)
		}
		if text := ask(h.Issuer); strings.Contains(text, " at ") {
			t.Errorf("our own: %s", text)
		}
	})
}

func TestConsole_htmxGetsThePartsOfAPIs(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		api := h.API(t, func(a *oauth.API) { a.SigningAlg = keys.HS256 })
		path := apiList + "/" + api.ID
		for _, c := range []struct{ path, id string }{
			{apiList, "results"}, {apiList + "/new", "api-form"}, {path, "api-form"}, {path + "/rotate-secret", "rotate-secret-dialog"}, {path + "/delete", "api-delete"},
		} {
			p := partial(t, b, h, http.MethodGet, c.path, nil)
			if _, found := p.Element(c.id, "id"); p.Status != http.StatusOK || !found || strings.Contains(p.Body, "<html") {
				t.Errorf("%s: %d, part %v: %.80s", c.path, p.Status, found, p.Body)
			}
			if _, shell := b.Get(c.path).Element("sidebar", "id"); !shell {
				t.Errorf("%s: no shell around it without htmx", c.path)
			}
		}
		// A row more leaves the secret where it was typed: the field is not touched.
		b.Get(apiList + "/new")
		f := b.Form(apiList).Values
		f.Set("add_scope", "1")
		f.Set("signing_secret", "typed, and still there")
		p := partial(t, b, h, http.MethodPost, apiList, f)
		if _, skipped := p.Element("signing_secret", "hx-morph-skip"); !skipped || p.Status != http.StatusOK || strings.Contains(p.Text(), "paste it again") {
			t.Errorf("a row more: %d %.80s", p.Status, p.Body)
		}
		b.Get(path)
		f = b.Form(path).Values
		f.Set("name", "")
		if p := partial(t, b, h, http.MethodPost, path, f); p.Status != http.StatusUnprocessableEntity || strings.Contains(p.Body, "<html") || p.Says("name-error") == "" {
			t.Errorf("a mistake: %d %.80s", p.Status, p.Body)
		}
		f.Set("name", "Renamed")
		if p := partial(t, b, h, http.MethodPost, path, f); p.Status != http.StatusNoContent || p.Header.Get("HX-Location") != path {
			t.Errorf("success: %d, HX-Location %q", p.Status, p.Header.Get("HX-Location"))
		}
		f.Set("name", "Renamed again") // by a form that is out of date now
		if p := partial(t, b, h, http.MethodPost, path, f); p.Status != http.StatusConflict || p.Says("conflict") == "" || strings.Contains(p.Body, "<html") {
			t.Errorf("a lost race: %d", p.Status)
		}
		b.Get(path + "/delete")
		f = b.Form(path + "/delete").Values
		f.Set("confirm", api.Identifier)
		if p := partial(t, b, h, http.MethodPost, path+"/delete", f); p.Header.Get("HX-Location") != apiList {
			t.Errorf("deleting: %d, HX-Location %q", p.Status, p.Header.Get("HX-Location"))
		}
	})
}

// Operators and auditors see everything and are offered nothing; what they send all the same is refused and written down.
func TestConsole_operatorsAndAuditorsOnlyLookAtAPIs(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		api := h.API(t, func(a *oauth.API) { a.SigningAlg, a.AccessTokenTTL = keys.HS256, 300 })
		path := apiList + "/" + api.ID
		for _, role := range []identity.Role{identity.RoleOperator, identity.RoleAuditor} {
			b, u := staff(t, h, role)
			for _, page := range []string{apiList, path} {
				p := b.Get(page)
				if p.Status != http.StatusOK || !strings.Contains(p.Text(), api.Identifier) || !strings.Contains(p.Text(), "5 min") {
					t.Errorf("%s sees %s: %d %s", role, page, p.Status, p.Text())
				}
				for _, f := range p.Parts("form", "method", "post") {
					if to := f.Attr("action"); to != "/logout" && to != "/preferences/theme" {
						t.Errorf("%s is offered %s on %s", role, to, page)
					}
				}
				for _, link := range p.Parts("a", "", "") {
					for _, act := range []string{"/new", "/rotate-secret", "/delete"} {
						if strings.Contains(link.Attr("href"), act) {
							t.Errorf("%s is led to %s on %s", role, link.Attr("href"), page)
						}
					}
				}
			}
			token, tries := csrf(b), 0
			for _, post := range []string{apiList, path, path + "/rotate-secret", path + "/delete"} {
				tries++
				if p := b.Post(post, url.Values{"csrf_token": {token}, "confirm": {api.Identifier}, "version": {"1"}, "name": {"Mine"}}); p.Status != http.StatusForbidden {
					t.Errorf("%s posts to %s: %d", role, post, p.Status)
				}
			}
			for _, get := range []string{apiList + "/new", path + "/rotate-secret", path + "/delete"} {
				tries++
				if p := b.Get(get); p.Status != http.StatusForbidden {
					t.Errorf("%s opens %s: %d", role, get, p.Status)
				}
			}
			events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Action: audit.AccessDenied, Limit: 100})
			if err != nil || len(events) != tries {
				t.Errorf("%s: %d of %d refusals were written down, %v", role, len(events), tries, err)
			}
		}
		if a := storedAPI(t, h, api.Identifier); a.Version != 1 || a.SigningSecretSealed != api.SigningSecretSealed {
			t.Errorf("changed: %+v", a)
		}
		person := h.Browser(t)
		person.SignIn(h.User(t))
		for _, page := range []string{apiList, path} {
			if p := person.Get(page); p.Status != http.StatusForbidden {
				t.Errorf("somebody without a role opens %s: %d", page, p.Status)
			}
		}
	})
}

func TestConsole_anAPIThatIsNotThereIsSaidInsideTheShell(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		token := csrf(b)
		for _, id := range []string{"nothing", "%00", "%ff", "%2e%2e", "a%2Fb", strings.Repeat("x", 3000), "'%20OR%201=1%20--"} {
			for _, act := range []string{"", "/rotate-secret", "/delete"} {
				path := apiList + "/" + id + act
				for _, p := range []*webtest.Page{b.Get(path), b.Post(path, url.Values{"csrf_token": {token}})} {
					if _, shell := p.Element("sidebar", "id"); p.Status != http.StatusNotFound || !shell {
						t.Errorf("%.80s: %d, shell %v", path, p.Status, shell)
					}
				}
			}
		}
	})
}

// What an API and its scopes are called is text, wherever it is shown.
func TestConsole_namesOfAPIsAreText(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		const name = `<img src=x onerror=alert(1)>"'` + "`&amp;"
		registerAPI(b, url.Values{"name": {name}, "identifier": {"urn:a'b&amp;c"}, "signing_alg": {"HS256"}, "scope_names": {"<img/src=x>"}, "scope_descriptions": {name}})
		a := storedAPI(t, h, "urn:a'b&amp;c")
		path := apiList + "/" + a.ID
		for _, page := range []string{apiList, path, path + "/rotate-secret", path + "/delete", clientList + "/new?resource_server=" + url.QueryEscape(a.Identifier)} {
			for _, p := range []*webtest.Page{b.Get(page), auditor.Get(page)} {
				if len(p.Parts("img", "", "")) > 0 {
					t.Errorf("%s: %d became markup", page, p.Status)
				}
			}
		}
		if p := auditor.Get(path); strings.Count(p.Text(), name) < 2 || !strings.Contains(p.Text(), "<img/src=x>") || !strings.Contains(p.Text(), a.Identifier) {
			t.Errorf("shown otherwise: %s", p.Text())
		}
		b.Get(path + "/delete")
		if p := b.Submit(path+"/delete", url.Values{"confirm": {a.Identifier}}); p.URL.Path != apiList || !strings.Contains(p.Text(), name) {
			t.Errorf("deleting: %d %s", p.Status, p.Text())
		}
	})
}
