package main

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// anAPI is an API as its commands print it.
type anAPI struct {
	apiView
	Secret  string      `json:"signing_secret"`
	Clients []apiClient `json:"clients"`
}

// register registers an API of this identifier, further described by flags.
func register(t *testing.T, m machine, identifier, flags string) anAPI {
	t.Helper()
	return read[anAPI](t, m.do(t, "api create --json --name Items --identifier "+identifier+" "+flags))
}

func TestAPI_isWhatItsFlagsSay(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		for _, c := range []struct {
			identifier, flags string
			want              apiView
			shared            bool
		}{
			{"https://plain.example", "", apiView{TokenFormat: "jwt", SigningAlg: "ES256", Claims: "standard"}, false},
			{"https://rsa.example/v1?x=1", "--signing-alg RS256 --scope read --scope write", apiView{Scope: "read write", TokenFormat: "jwt", SigningAlg: "RS256", Claims: "standard"}, false},
			{"urn:example:ed", "--signing-alg EdDSA --token-format jwt", apiView{TokenFormat: "jwt", SigningAlg: "EdDSA", Claims: "standard"}, false},
			{"https://hmac.example", "--signing-alg HS256 --claims tutorial --scope read", apiView{Scope: "read", TokenFormat: "jwt", SigningAlg: "HS256", Claims: "tutorial"}, true},
			{"https://opaque.example", "--token-format opaque --access-token-ttl 90s", apiView{TokenFormat: "opaque", Claims: "standard", AccessTokenTTL: 90}, false},
		} {
			out := m.do(t, "api create --json --name Items --identifier "+c.identifier+" "+c.flags)
			got := read[anAPI](t, out)
			m.mustRecord(t, audit.APICreated, got.ID)
			if (got.Secret != "") != c.shared || c.shared && len(got.Secret) < oauth.MinSigningSecret {
				t.Errorf("%s: the secret is %q", c.flags, got.Secret)
			}
			c.want.Identifier, c.want.Name = c.identifier, "Items"
			c.want.ID, c.want.CreatedAt, c.want.UpdatedAt = got.ID, got.CreatedAt, got.CreatedAt
			if got.ID == "" || got.CreatedAt.IsZero() || got.apiView != c.want {
				t.Errorf("%s: got  %+v\nwant %+v", c.flags, got.apiView, c.want)
			}
			shown := read[anAPI](t, m.do(t, "api show "+c.identifier))
			if shown.apiView != got.apiView || shown.Secret != "" {
				t.Errorf("%s: shown as %+v", c.flags, shown)
			}
			kept, err := storetest.Open(t, m.options).API(t.Context(), c.identifier)
			if err != nil || (kept.SigningSecretSealed != "") != c.shared || c.shared && strings.Contains(kept.SigningSecretSealed, got.Secret) {
				t.Errorf("%s: kept as %+v, %v", c.flags, kept, err)
			}
		}
		if got := read[[]apiView](t, m.do(t, "api list --json")); len(got) != 5 || got[0].Identifier != "https://hmac.example" {
			t.Errorf("listed %+v", got)
		}
		if out := m.do(t, "api list"); strings.Count(out, "\n") != 6 || !strings.Contains(out, "https://rsa.example/v1?x=1  Items  jwt     RS256      standard  read write") {
			t.Errorf("printed\n%s", out)
		}
	})
}

func TestAPI_badOnesAreRefusedByField(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		register(t, m, "https://taken.example", "")
		m = m.with("GATEHOUSE_ISSUER", "https://login.example.com")
		for line, field := range map[string]string{
			"--identifier api.example":                                                            "identifier",
			"--identifier https://api.example/#top":                                               "identifier",
			"--identifier https://me@api.example":                                                 "identifier",
			"--identifier https://login.example.com":                                              "identifier", // security.md rule 6
			"--identifier https://login.example.com/oauth/token":                                  "identifier",
			"--identifier HTTPS://LOGIN.example.com/":                                             "identifier",
			"--identifier https://a.example --name \u202e":                                        "name",
			"--identifier https://a.example --scope openid":                                       "scope",
			"--identifier https://a.example --scope read --scope offline_access":                  "scope",
			"--identifier https://a.example --scope réad":                                         "scope",
			"--identifier https://a.example --scope " + strings.Repeat("x", 101):                  "scope",
			"--identifier https://a.example --signing-alg none":                                   "signing_alg",
			"--identifier https://a.example --signing-alg es256":                                  "signing_alg",
			"--identifier https://a.example --token-format paseto":                                "token_format",
			"--identifier https://a.example --claims all":                                         "claims",
			"--identifier https://a.example --token-format opaque --claims tutorial":              "claims",
			"--identifier https://a.example --token-format opaque --signing-alg HS256":            "signing_alg",
			"--identifier https://a.example --access-token-ttl 59s":                               "access_token_ttl",
			"--identifier https://a.example --access-token-ttl 24h1s":                             "access_token_ttl",
			"--identifier https://a.example --access-token-ttl=-5m":                               "access_token_ttl",
			"--identifier https://a.example --access-token-ttl 90500ms":                           "access_token_ttl",
			"--identifier https://a.example --signing-alg HS256 --signing-secret-stdin":           "signing_secret",
			"--identifier https://a.example --signing-alg HS256 --signing-secret-stdin --json":    "signing_secret",
			"--identifier https://a.example --signing-alg HS256 --scope email --scope x,y --json": "scope",
		} {
			args := []string{"api", "create"}
			if !strings.Contains(line, "--name") {
				args = append(args, "--name", "A")
			}
			a := m.run(strings.Repeat("x", oauth.MinSigningSecret-1)+"\n", append(args, strings.Fields(line)...)...)
			if a.exit != exitFailed || a.out != "" {
				t.Errorf("%s: exit %d\n%s%s", line, a.exit, a.out, a.err)
				continue
			}
			if f := read[failure](t, a.err); f.Code != "invalid" || len(f.Fields) != 1 || f.Fields[field] == "" {
				t.Errorf("%s: %s", line, a.err)
			}
		}
		a := m.run("", "api", "create", "--name", "A", "--identifier", "https://taken.example")
		if f := read[failure](t, a.err); a.exit != exitFailed || f.Code != "conflict" || !strings.Contains(f.Description, "identifier is already taken") {
			t.Errorf("a second time: exit %d, %s", a.exit, a.err)
		}
		for _, alg := range []string{"ES256", "EdDSA", ""} {
			a := m.run(strings.Repeat("x", 40), "api", "create", "--name", "A", "--identifier", "https://a.example", "--signing-alg", alg, "--signing-secret-stdin")
			if f := read[failure](t, a.err); a.exit != exitUsage || f.Code != "usage" || !strings.Contains(f.Description, "--signing-alg HS256") {
				t.Errorf("a secret for %q: exit %d, %s", alg, a.exit, a.err)
			}
		}
		if got := read[[]apiView](t, m.do(t, "api list --json")); len(got) != 1 {
			t.Errorf("there are %+v", got)
		}
		if got := read[[]scopeView](t, m.do(t, "scope list --json")); len(got) != 7 {
			t.Errorf("a refused API left scopes: %+v", got)
		}
	})
}

func TestAPI_scopesThatDoNotExistAreMade(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "scope create --name read --description Reading")
		a := m.run("", "api", "create", "--name", "Items", "--identifier", "urn:items", "--scope", " read  write", "--scope", "a,b", "--scope", "write")
		if got := read[anAPI](t, a.out); a.exit != exitOK || got.Scope != "read write a,b" {
			t.Errorf("exit %d, got %+v", a.exit, got)
		}
		if !strings.Contains(a.err, "New scopes: write a,b.") || !strings.Contains(a.err, "`gatehouse scope update --name write --description TEXT`") || strings.Count(a.err, "\n") != 1 {
			t.Errorf("told %q", a.err)
		}
		if change := m.events(t)[0].Changes["new_scopes"]; change.After != "write a,b" {
			t.Errorf("recorded %+v", change)
		}
		descriptions := map[string]string{}
		for _, s := range read[[]scopeView](t, m.do(t, "scope list --json")) {
			descriptions[s.Name] = s.Description
		}
		if len(descriptions) != 10 || descriptions["read"] != "Reading" || descriptions["write"] != "Use write" || descriptions["a,b"] != "Use a,b" {
			t.Errorf("described as %v", descriptions)
		}
		create(t, m, `{"grant_types": ["client_credentials"], "scope": "read write a,b", "default_resource": "urn:items"}`)
	})
}

// RFC 7662 §4: an API asks as a client of its own, which need not be given tokens.
func TestAPI_opaqueTellsHowItsClientIsMade(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		a := m.run("", "api", "create", "--name", "Items", "--identifier", "urn:items", "--token-format", "opaque")
		_, told, found := strings.Cut(a.err, "`gatehouse client create --metadata -` with ")
		document, _, _ := strings.Cut(told, "}")
		if a.exit != exitOK || !found {
			t.Fatalf("exit %d, told %s", a.exit, a.err)
		}
		r := create(t, m, document+"}")
		if r.ClientSecret == "" || r.ResourceServer != "urn:items" || len(r.GrantTypes) != 0 || r.ClientName != "Items" {
			t.Errorf("got %+v", r)
		}
		for document, says := range map[string]string{
			`{"grant_types": [], "resource_server": "urn:items", "token_endpoint_auth_method": "none"}`: "resource_server: ",
			`{"grant_types": [], "resource_server": "urn:nothing"}`:                                     "resource_server: ",
			`{"grant_types": ["client_credentials"], "default_resource": "urn:nothing"}`:                "default_resource: ",
			`{"grant_types": []}`: "grant_types: ",
		} {
			a := m.run(document, "client", "create", "--metadata", "-")
			if f := read[failure](t, a.err); f.Code != "invalid_client_metadata" || !strings.HasPrefix(f.Description, says) {
				t.Errorf("%s: %s", document, a.err)
			}
		}
	})
}

func TestAPI_updated(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		a := register(t, m, "urn:items", "--scope read --scope write")
		for _, c := range []struct {
			args    []string
			want    func(*apiView)
			changes map[string]audit.Change
		}{
			{[]string{"--name", " Goods "}, func(v *apiView) { v.Name = "Goods" }, map[string]audit.Change{"name": {Before: "Items", After: "Goods"}}},
			{
				[]string{"--scope", "read a,b", "--access-token-ttl", "1h"}, func(v *apiView) { v.Scope, v.AccessTokenTTL = "read a,b", 3600 },
				map[string]audit.Change{"scope": {Before: "read write", After: "read a,b"}, "access_token_ttl": {Before: "0", After: "3600"}, "new_scopes": {After: "a,b"}},
			},
			{
				[]string{"--scope", "", "--access-token-ttl", "0"}, func(v *apiView) { v.Scope, v.AccessTokenTTL = "", 0 },
				map[string]audit.Change{"scope": {Before: "read a,b"}, "access_token_ttl": {Before: "3600", After: "0"}},
			},
		} {
			answer := m.run("", append([]string{"api", "update", "urn:items", "--json"}, c.args...)...)
			got := read[apiView](t, answer.out)
			c.want(&a.apiView)
			a.UpdatedAt = got.UpdatedAt
			if answer.exit != exitOK || got != a.apiView || read[anAPI](t, m.do(t, "api show --identifier urn:items")).apiView != got {
				t.Errorf("%q: exit %d, got %+v", c.args, answer.exit, got)
			}
			m.mustRecord(t, audit.APIUpdated, a.ID)
			if changes := m.events(t)[0].Changes; !reflect.DeepEqual(changes, c.changes) {
				t.Errorf("%q: recorded %+v", c.args, changes)
			}
		}
		events := len(m.events(t))
		if out := m.do(t, "api update urn:items --name Goods"); !strings.Contains(out, "Nothing changes") {
			t.Errorf("printed %s", out)
		}
		for args, field := range map[string]string{"--name=": "name", "--scope=openid": "scope", "--access-token-ttl=1s": "access_token_ttl", "--access-token-ttl=1m1ms": "access_token_ttl"} {
			a := m.run("", "api", "update", "--json", "urn:items", args)
			if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields[field] == "" {
				t.Errorf("%s: exit %d, %s", args, a.exit, a.err)
			}
		}
		if got := len(m.events(t)); got != events {
			t.Errorf("%d events of nothing", got-events)
		}
		if out := m.do(t, "api update urn:items --scope new"); !strings.Contains(out, "`gatehouse scope update --name new") {
			t.Errorf("printed %s", out)
		}
	})
}

func TestAPI_deletedWhenNobodyDependsOnIt(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		a := register(t, m, "urn:items", "")
		byDefault := create(t, m, `{"client_name": "One", "grant_types": ["client_credentials"], "default_resource": "urn:items"}`)
		own := create(t, m, `{"client_name": "Two", "grant_types": [], "resource_server": "urn:items"}`)
		want := []apiClient{{byDefault.ClientID, "One", true, false}, {own.ClientID, "Two", false, true}}
		if got := read[anAPI](t, m.do(t, "api show urn:items")).Clients; !slices.Equal(got, want) {
			t.Errorf("clients %+v", got)
		}
		// Whom a change leaves without tokens is said.
		if out := m.do(t, "api update urn:items --scope void"); !strings.Contains(out, "get no tokens: One ("+byDefault.ClientID+").") || strings.Contains(out, own.ClientID) {
			t.Errorf("printed %s", out)
		}
		for id, name := range map[string]string{byDefault.ClientID: "One", own.ClientID: "Two"} {
			m.refuses(t, exitFailed, name+" ("+id+")", "api delete urn:items")
			m.do(t, "client delete "+id)
		}
		if out := m.do(t, "api delete --identifier urn:items"); !strings.Contains(out, "Deleted urn:items (Items)") {
			t.Errorf("printed %s", out)
		}
		m.mustRecord(t, audit.APIDeleted, a.ID)
		for _, act := range []string{"show", "delete", "update --name x", "rotate-secret"} {
			if a := m.run("", strings.Fields("api "+act+" urn:items --json")...); a.exit != exitFailed || read[failure](t, a.err).Description != `API "urn:items" not found` {
				t.Errorf("%s: exit %d, %s", act, a.exit, a.err)
			}
		}
		register(t, m, "urn:items", "")
		m.refuses(t, exitUsage, "name the API: --identifier", "api delete")
		m.refuses(t, exitUsage, "not two", "api delete urn:items --identifier urn:items")
	})
}

func TestAPI_signingSecretIsRotated(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		first := register(t, m, "urn:items", "--signing-alg HS256")
		sealed := func() string {
			kept, err := storetest.Open(t, m.options).API(t.Context(), "urn:items")
			if err != nil {
				t.Fatal(err)
			}
			return kept.SigningSecretSealed
		}
		before := sealed()
		second := read[anAPI](t, m.do(t, "api rotate-secret urn:items"))
		m.mustRecord(t, audit.APISecretChanged, first.ID)
		if second.Secret == "" || second.Secret == first.Secret || second.Identifier != "urn:items" || sealed() == before {
			t.Errorf("got %+v", second)
		}
		before = sealed()
		own := strings.Repeat("ä", oauth.MinSigningSecret/2)
		if out := m.feed(t, own+"\n", "api rotate-secret --signing-secret-stdin --identifier urn:items"); strings.Contains(out, own) || strings.Contains(out, "signing_secret") || sealed() == before {
			t.Errorf("printed %s", out)
		}
		for _, e := range m.events(t) {
			for _, secret := range []string{first.Secret, second.Secret, own} {
				for _, change := range e.Changes {
					if strings.Contains(change.Before+change.After, secret) {
						t.Errorf("%s tells the secret", e.Action)
					}
				}
			}
		}
		before = sealed()
		for _, weak := range []string{"", "\n", strings.Repeat("x", oauth.MinSigningSecret-1), strings.Repeat("x", 1025)} {
			a := m.run(weak, "api", "rotate-secret", "urn:items", "--signing-secret-stdin")
			if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields["signing_secret"] == "" {
				t.Errorf("%d bytes: exit %d, %s", len(weak), a.exit, a.err)
			}
		}
		if sealed() != before {
			t.Error("a refused secret took the place of the one before")
		}
		register(t, m, "urn:plain", "")
		if a := m.run("", "api", "rotate-secret", "urn:plain"); a.exit != exitFailed || !strings.Contains(a.err, "urn:plain shares no signing secret") {
			t.Errorf("ES256: exit %d, %s", a.exit, a.err)
		}
	})
}

// Whatever came first, the server has every key it signs with: an API may be registered before the first start.
func TestAPI_keysOfItsAlgorithmAreMadeOnce(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		current := func() map[string]int {
			n := map[string]int{}
			for _, k := range read[[]keyView](t, m.do(t, "key list --json")) {
				if k.State == keys.Current {
					n[k.Algorithm]++
				}
			}
			return n
		}
		register(t, m, "urn:es", "--signing-alg ES256")
		register(t, m, "urn:hs", "--signing-alg HS256")
		if got := current(); len(got) != 0 {
			t.Errorf("keys %v", got)
		}
		register(t, m, "urn:ed:1", "--signing-alg EdDSA")
		if action := m.events(t)[1].Action; action != audit.KeyRotated {
			t.Errorf("the event before is %s", action)
		}
		register(t, m, "urn:ed:2", "--signing-alg EdDSA")
		settings, err := Config{}.Validate(func(name string) string { return m.env[name] })
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := prepare(t.Context(), storetest.Open(t, m.options), settings); err != nil {
			t.Fatal(err)
		}
		if got := current(); !reflect.DeepEqual(got, map[string]int{"EdDSA": 1, "ES256": 1, "RS256": 1}) {
			t.Errorf("keys %v", got)
		}
		m.do(t, "key rotate --staged")
		if out := m.do(t, "key list"); strings.Count(out, " next ") != 3 {
			t.Errorf("printed\n%s", out)
		}
	})
}

func TestAPI_needsTheMasterKeyOnlyWhereItSeals(t *testing.T) {
	t.Parallel()
	m := machineOn(storetest.EmptyPostgres(t))
	m.do(t, "key rotate") // binds the database to its key
	without := m.with("GATEHOUSE_MASTER_KEY", "")
	register(t, without, "urn:es", "--signing-alg ES256")
	register(t, without, "urn:opaque", "--token-format opaque")
	register(t, m, "urn:hs", "--signing-alg HS256")
	for _, line := range []string{
		"api create --name A --identifier urn:a --signing-alg HS256", "api create --name A --identifier urn:a --signing-alg EdDSA", "api rotate-secret urn:hs",
	} {
		if a := without.run("", strings.Fields(line)...); a.exit != exitUsage || !strings.Contains(a.err, "GATEHOUSE_MASTER_KEY: is not set") {
			t.Errorf("%s: exit %d, %s", line, a.exit, a.err)
		}
		other := machineOn(m.options) // has another key
		if a := other.run("", strings.Fields(line)...); a.exit != exitFailed || read[failure](t, a.err).Code != "wrong_master_key" {
			t.Errorf("%s: exit %d, %s", line, a.exit, a.err)
		}
	}
	if got := read[[]apiView](t, m.do(t, "api list --json")); len(got) != 3 {
		t.Errorf("there are %+v", got)
	}
	if got := read[[]keyView](t, m.do(t, "key list --json")); len(got) != 2 {
		t.Errorf("there are %+v", got)
	}
}

// The commands act on a server that runs: its tokens are signed by what they set.
func TestAPI_aServerIssuesTokensForIt(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		address := webtest.FreeAddress(t)
		n := m.with("GATEHOUSE_ISSUER", "http://"+address).serve(t, "--listen", address)
		n.url = "http://" + address
		n.mustBeReady(t)
		n.line(t) // the set-up link

		shared := strings.Repeat("päss", 8)
		m.feed(t, shared+"\n", "api create --json --name H --identifier urn:hs --scope read --signing-alg HS256 --signing-secret-stdin --access-token-ttl 5m")
		register(t, m, "urn:ed", "--scope read --signing-alg EdDSA")
		register(t, m, "urn:opaque", "--scope read --token-format opaque")
		c := create(t, m, `{"grant_types": ["client_credentials"], "scope": "read", "default_resource": "urn:hs"}`)
		own := create(t, m, `{"grant_types": [], "resource_server": "urn:opaque"}`)

		post := func(path string, who oauth.Registration, form url.Values) map[string]any {
			t.Helper()
			request, err := http.NewRequest(http.MethodPost, n.url+path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.SetBasicAuth(who.ClientID, who.ClientSecret)
			return answered(t, request)
		}
		token := func(resource ...string) map[string]any {
			t.Helper()
			return post(oauth.PathToken, c, url.Values{"grant_type": {"client_credentials"}, "resource": resource})
		}
		signedBy := func(secret string) bool {
			t.Helper()
			answer := token()
			text, _ := answer["access_token"].(string)
			_, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return []byte(secret), nil }, jwt.WithValidMethods([]string{"HS256"}), jwt.WithAudience("urn:hs"))
			return err == nil && answer["expires_in"] == 300.0
		}
		within2s(t, "the raw bytes of the secret verify", func() bool { return signedBy(shared) })
		next := read[anAPI](t, m.do(t, "api rotate-secret urn:hs")).Secret
		within2s(t, "those of the next one do", func() bool { return signedBy(next) })

		text, _ := token("urn:ed")["access_token"].(string)
		if parsed, _, err := jwt.NewParser().ParseUnverified(text, jwt.MapClaims{}); err != nil || parsed.Header["alg"] != "EdDSA" {
			t.Errorf("EdDSA: %v, %s", err, text)
		}
		text, _ = token("urn:opaque")["access_token"].(string)
		if got := post(oauth.PathIntrospect, own, url.Values{"token": {text}}); got["active"] != true || got["aud"] != "urn:opaque" {
			t.Errorf("opaque: %q, introspected as %v", text, got)
		}
		m.do(t, "client delete "+own.ClientID)
		m.do(t, "api delete urn:opaque")
		if got := token("urn:opaque"); got["error"] != "invalid_target" {
			t.Errorf("of a deleted API: %v", got)
		}
		n.mustEnd(t)
		for _, secret := range []string{shared, next, c.ClientSecret} {
			if strings.Contains(n.log.String(), secret) {
				t.Error("a secret is in the log")
			}
		}
	})
}

func TestScope_describedAnew(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "scope create --name read --description Reading")
		if a := m.run("", "scope", "update", "--name", "read", "--description", " See your items "); a.exit != exitOK || !strings.Contains(a.out, "read") {
			t.Fatalf("exit %d\n%s%s", a.exit, a.out, a.err)
		}
		m.mustRecord(t, audit.ScopeUpdated, "read")
		if change := m.events(t)[0].Changes["description"]; change != (audit.Change{Before: "Reading", After: "See your items"}) {
			t.Errorf("recorded %+v", change)
		}
		i := slices.IndexFunc(read[[]scopeView](t, m.do(t, "scope list --json")), func(s scopeView) bool { return s.Name == "read" && s.Description == "See your items" && !s.Builtin })
		if i < 0 {
			t.Error("the description is as it was")
		}
		m.refuses(t, exitFailed, `scope "write" not found`, "scope update --name write --description Writing")
		m.refuses(t, exitFailed, "openid is OpenID's own", "scope update --name openid --description Mine")
		for _, description := range []string{" ", "two\nlines", strings.Repeat("x", 201), "\u202eyreve"} {
			a := m.run("", "scope", "update", "--json", "--name", "read", "--description", description)
			if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields["description"] == "" {
				t.Errorf("%q: exit %d, %s", description, a.exit, a.err)
			}
		}
	})
}

func TestScope_deletedOnceNothingUsesIt(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "scope create --name read --description Reading")
		register(t, m, "urn:items", "--scope read")
		client := create(t, m, `{"grant_types": ["client_credentials"], "scope": "read"}`)
		m.refuses(t, exitFailed, "the API urn:items, ", "scope delete --name read")
		m.do(t, "api delete urn:items")
		m.refuses(t, exitFailed, client.ClientID, "scope delete --name read")
		m.do(t, "client delete "+client.ClientID)
		m.do(t, "scope delete --name read")
		m.mustRecord(t, audit.ScopeDeleted, "read")
		m.refuses(t, exitFailed, `scope "read" not found`, "scope delete --name read")
		m.refuses(t, exitFailed, "openid is OpenID's own", "scope delete --name openid")
		if got := read[[]scopeView](t, m.do(t, "scope list --json")); len(got) != 7 {
			t.Errorf("left: %+v", got)
		}
	})
}
