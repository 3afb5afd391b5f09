package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store/storetest"
)

const metadata = `{"client_name": "Invoices", "redirect_uris": ["https://app.example/cb"], "grant_types": ["authorization_code", "refresh_token"]}`

func create(t *testing.T, m machine, metadata string) oauth.Registration {
	t.Helper()
	return read[oauth.Registration](t, m.feed(t, metadata, "client create --metadata -"))
}

func TestClient_createdByItsMetadata(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		r := create(t, m, metadata)
		m.mustRecord(t, audit.ClientCreated, r.ClientID)
		if r.ClientSecret == "" || r.ClientSecretExpiresAt == nil || *r.ClientSecretExpiresAt != 0 || r.ClientName != "Invoices" || !r.RequirePKCE {
			t.Errorf("got %+v", r)
		}
		_, s, err := storetest.Open(t, m.options).ClientBySecret(t.Context(), r.ClientID, secret.Hash(r.ClientSecret))
		if err != nil || s == nil {
			t.Errorf("the secret opens nothing: %v", err)
		}
		public := read[oauth.Registration](t, m.do(t, "client create --metadata "+
			file(t, `{"redirect_uris": ["http://127.0.0.1/cb"], "application_type": "native", "token_endpoint_auth_method": "none"}`)))
		if public.ClientSecret != "" || public.ClientSecretExpiresAt != nil {
			t.Errorf("a public client got a secret: %+v", public)
		}
	})
}

// RFC 7591 §3.2.2.
func TestClient_badMetadataIsRefusedAsRFC7591Has(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		for document, code := range map[string]string{
			``:                       "invalid_client_metadata",
			`[]`:                     "invalid_client_metadata",
			`{} {}`:                  "invalid_client_metadata",
			`{"client_name": 5}`:     "invalid_client_metadata",
			`{"client_name": "Nil"}`: "invalid_redirect_uri",
			`{"redirect_uris": []}`:  "invalid_redirect_uri",
			`{"redirect_uris": ["https://app.example/cb#x"]}`:                                                                "invalid_redirect_uri",
			`{"redirect_uris": ["javascript:alert(1)"]}`:                                                                     "invalid_redirect_uri",
			`{"redirect_uris": ["http://app.example/cb"]}`:                                                                   "invalid_redirect_uri",
			`{"redirect_uris": ["https://app.example/cb"], "grant_types": ["password"]}`:                                     "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "scope": "nothing.read"}`:                                         "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none", "require_pkce": false}`:     "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "response_types": ["token"]}`:                                     "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "jwks": {}, "jwks_uri": "https://app.example/jwks"}`:              "invalid_client_metadata",
			`{"client_name": "` + strings.Repeat("x", maxMetadata) + `"}`:                                                    "invalid_client_metadata",
			`{"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}`:                                  "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "client_name": "a", "client_name": "b"}`:                          "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "client_uri": "javascript:alert(1)"}`:                             "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "id_token_signed_response_alg": "HS256"}`:                         "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "application_type": "tv"}`:                                        "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "contacts": ["no body"]}`:                                         "invalid_client_metadata",
			`{"redirect_uris": ["https://app.example/cb"], "grant_types": ["refresh_token"], "client_name": "Only refresh"}`: "invalid_client_metadata",
		} {
			a := m.run(document, "client", "create", "--metadata", "-")
			var refusal map[string]string
			if err := json.Unmarshal([]byte(a.err), &refusal); err != nil {
				t.Errorf("%.100s: %v", document, err)
				continue
			}
			if a.exit != exitFailed || a.out != "" || refusal["error"] != code || refusal["error_description"] == "" || len(refusal) != 2 {
				t.Errorf("%.100s: exit %d %s", document, a.exit, a.err)
			}
		}
		if got := read[[]clientView](t, m.do(t, "client list --json")); len(got) != 0 {
			t.Errorf("there are %+v", got)
		}
		missing := filepath.Join(t.TempDir(), "missing")
		if a := m.run("", "client", "create", "--metadata", missing); a.exit != exitFailed || read[failure](t, a.err).Code != "failed" {
			t.Errorf("a missing file: exit %d, %s", a.exit, a.err)
		}
	})
}

// Registering a client with a grant that is off is refused; the switch may be a variable or a line in the file.
func TestClient_grantsThatAreOffCannotBeRegistered(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		for grant, variable := range map[string]string{"password": "GATEHOUSE_PASSWORD_GRANT", "implicit": "GATEHOUSE_IMPLICIT_GRANT"} {
			document := `{"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none", "grant_types": ["` + grant + `"]}`
			file := func(on string) string { return write(t, 0o600, yamlKey(variable)+": "+on+"\n") }
			for name, off := range map[string]machine{
				"by default": m, "by variable": m.with(variable, "false"), "by file": m.with("GATEHOUSE_CONFIG", file("false")),
				"by variable against the file": m.with("GATEHOUSE_CONFIG", file("true")).with(variable, "false"),
			} {
				a := off.run(document, "client", "create", "--metadata", "-")
				if f := read[failure](t, a.err); a.exit != exitFailed || f.Code != "invalid_client_metadata" || !strings.Contains(f.Description, grant) {
					t.Errorf("%s off %s: exit %d, %s", grant, name, a.exit, a.err)
				}
			}
			for name, on := range map[string]machine{"by variable": m.with(variable, "true"), "by file": m.with("GATEHOUSE_CONFIG", file("true"))} {
				if r := create(t, on, document); !slices.Equal(r.GrantTypes, []string{grant}) {
					t.Errorf("%s on %s: %+v", grant, name, r)
				}
			}
			a := m.with(variable, "perhaps").run(document, "client", "create", "--metadata", "-")
			if f := read[failure](t, a.err); a.exit != exitUsage || len(f.Mistakes) != 1 || !strings.Contains(f.Description, variable+`: "perhaps": expected true or false`) {
				t.Errorf("%s: exit %d, %s", variable, a.exit, a.err)
			}
		}
	})
}

func TestClient_listedAndShown(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		a := create(t, m, metadata)
		create(t, m, strings.Replace(metadata, "Invoices", "Journal", 1))
		if out := m.do(t, "client list"); strings.Count(out, "\n") != 3 || !strings.Contains(out, a.ClientID+"  Invoices") {
			t.Errorf("printed\n%s", out)
		}
		if got := read[[]clientView](t, m.do(t, "client list --query journ --json")); len(got) != 1 || got[0].ClientName != "Journal" {
			t.Errorf("found %+v", got)
		}
		for _, line := range []string{"client show " + a.ClientID, "client show --client-id " + a.ClientID} {
			out := m.do(t, line)
			shown := read[clientDetail](t, out)
			if shown.ClientID != a.ClientID || shown.Status != "active" || len(shown.Secrets) != 1 || !shown.Secrets[0].Live || !strings.HasSuffix(a.ClientSecret, shown.Secrets[0].Hint) {
				t.Errorf("%s shows %+v", line, shown)
			}
			if strings.Contains(out, a.ClientSecret) || strings.Contains(out, secret.Hash(a.ClientSecret)) || strings.Contains(out, `"client_secret"`) {
				t.Errorf("%s shows a secret", line)
			}
		}
		if f := read[failure](t, m.run("", "client", "show", "cl_nothing").err); f.Code != "not_found" {
			t.Errorf("got %+v", f)
		}
	})
}

func TestClient_secretIsRotated(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		r := create(t, m, metadata)
		s := storetest.Open(t, m.options)
		live := func(value string) bool {
			_, row, err := s.ClientBySecret(t.Context(), r.ClientID, secret.Hash(value))
			if err != nil {
				t.Fatal(err)
			}
			return row != nil && row.Live(now())
		}
		second := read[oauth.Registration](t, m.do(t, "client rotate-secret --keep "+r.ClientID)).ClientSecret
		if m.events(t)[0].ClientID != r.ClientID {
			t.Error("the event is not in the client's history")
		}
		if !live(r.ClientSecret) || !live(second) {
			t.Error("--keep did not keep the earlier secret")
		}
		third := read[oauth.Registration](t, m.do(t, "client rotate-secret --client-id "+r.ClientID)).ClientSecret
		if live(r.ClientSecret) || live(second) || !live(third) {
			t.Error("the earlier secrets still work, or the new one does not")
		}
		for range oauth.MaxLiveSecrets - 1 {
			m.do(t, "client rotate-secret --keep "+r.ClientID)
		}
		if a := m.run("", "client", "rotate-secret", "--keep", r.ClientID); a.exit != exitFailed || !strings.Contains(a.err, "at most 5") {
			t.Errorf("a sixth secret: exit %d, %s", a.exit, a.err)
		}
		public := create(t, m, `{"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"}`)
		if a := m.run("", "client", "rotate-secret", public.ClientID); a.exit != exitFailed || !strings.Contains(a.err, "public client") {
			t.Errorf("a public client: exit %d, %s", a.exit, a.err)
		}
	})
}

func TestClient_disabledEnabledAndDeleted(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		r := create(t, m, metadata)
		family := signIn(t, m, r.ClientID)
		if got := read[ended](t, m.do(t, "client disable --json "+r.ClientID)); got.Families != 1 || got.Status != "disabled" {
			t.Errorf("got %+v", got)
		}
		m.mustRecord(t, audit.ClientDisabled, r.ClientID)
		if f, err := storetest.Open(t, m.options).Family(t.Context(), family); err != nil || f.EndedAt == nil {
			t.Errorf("the family lives on: %+v, %v", f, err)
		}
		if out := m.do(t, "client disable "+r.ClientID); !strings.Contains(out, "disabled already") {
			t.Errorf("printed %s", out)
		}
		if got := read[clientDetail](t, m.do(t, "client show "+r.ClientID)); got.Status != "disabled" || got.DisabledAt == nil {
			t.Errorf("got %+v", got)
		}
		m.do(t, "client enable "+r.ClientID)
		m.mustRecord(t, audit.ClientEnabled, r.ClientID)
		signIn(t, m, r.ClientID)
		if out := m.do(t, "client delete --client-id "+r.ClientID); !strings.Contains(out, "1 family, 1 secret and the consent of 0 people") {
			t.Errorf("printed %s", out)
		}
		m.mustRecord(t, audit.ClientDeleted, r.ClientID)
		for _, act := range []string{"delete", "disable", "enable"} {
			m.refuses(t, exitFailed, "not found", "client "+act+" "+r.ClientID)
		}
	})
}

func TestScope_createdAndListed(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "scope create --name invoices.read --description Invoices")
		m.mustRecord(t, audit.ScopeCreated, "invoices.read")
		m.refuses(t, exitFailed, "name is already taken", "scope create --name invoices.read --description Again")
		m.refuses(t, exitFailed, "name is already taken", "scope create --name openid --description Mine")
		a := m.run("", "scope", "create", "--json", "--name", "two words", "--description", " ")
		if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields["name"] == "" || f.Fields["description"] == "" {
			t.Errorf("got %+v", f)
		}
		if got := read[[]scopeView](t, m.do(t, "scope list --json")); len(got) != 8 {
			t.Errorf("there are %+v", got)
		}
		create(t, m, `{"grant_types": ["client_credentials"], "scope": "invoices.read"}`)
	})
}

func TestKey_rotated(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		first := read[[]keyView](t, m.do(t, "key rotate --json"))
		m.mustRecord(t, audit.KeyRotated, first[0].KID+" "+first[1].KID)
		m.do(t, "key rotate")
		staged := read[[]keyView](t, m.do(t, "key rotate --staged --json"))
		if staged[0].State != "next" || staged[0].ActiveFrom.Sub(staged[0].CreatedAt).Hours() != 24 {
			t.Errorf("staged %+v", staged)
		}
		states := map[string]int{}
		for _, k := range read[[]keyView](t, m.do(t, "key list --json")) {
			states[k.Algorithm+" "+string(k.State)]++
		}
		for _, want := range []string{"ES256 retiring", "ES256 current", "ES256 next", "RS256 retiring", "RS256 current", "RS256 next"} {
			if states[want] != 1 {
				t.Errorf("%d are %s", states[want], want)
			}
		}
		if out := m.do(t, "key list"); strings.Count(out, "\n") != 7 {
			t.Errorf("printed\n%s", out)
		}
	})
}

// The command line does what the console does: it stages once, withdraws, goes back, and replaces what was lost.
func TestKey_stagedWithdrawnRolledBackReplaced(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		first := read[[]keyView](t, m.do(t, "key rotate --json"))[0].KID
		staged := read[[]keyView](t, m.do(t, "key rotate --staged --json"))
		m.refuses(t, exitFailed, "New keys are published already", "key rotate --staged")
		if n := strings.Count(m.do(t, "key list"), " next "); n != 2 {
			t.Errorf("%d are next", n)
		}
		m.refuses(t, exitFailed, "Only a key that is retiring can sign again", "key roll-back -- "+staged[0].KID)
		m.refuses(t, exitFailed, "The current one is replaced by a rotation", "key retire -- "+first)
		m.refuses(t, exitFailed, "There is no signing key", "key retire nothing")
		for _, k := range staged {
			if got := read[[]keyView](t, m.do(t, "key retire --json -- "+k.KID)); len(got) != 1 || got[0].State != "retired" || got[0].PublishedUntil == nil {
				t.Errorf("withdrawn: %+v", got)
			}
		}
		m.mustRecord(t, audit.KeyRetired, staged[1].KID)
		m.do(t, "key rotate")
		if got := read[[]keyView](t, m.do(t, "key roll-back --json -- "+first)); got[len(got)-1].KID != first || got[len(got)-1].State != "current" {
			t.Errorf("rolled back: %+v", got)
		}
		made := read[[]keyView](t, m.do(t, "key rotate --emergency --json"))
		if len(made) != 2 || made[0].State != "current" {
			t.Errorf("made %+v", made)
		}
		m.mustRecord(t, audit.KeyReplaced, made[0].KID+" "+made[1].KID)
		if out := m.do(t, "key list"); strings.Count(out, " compromised ") != 4 || strings.Count(out, " current ") != 2 {
			t.Errorf("printed\n%s", out)
		}
		m.refuses(t, exitFailed, "nothing is ever signed with it again", "key roll-back -- "+first)
		m.refuses(t, exitUsage, "", "key rotate --staged --emergency")
	})
}

// A key that is only staged signs nothing: a server that finds no other makes one.
func TestServe_doesNotStartWithStagedKeysAlone(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "key rotate --staged")
		settings, err := Config{}.Validate(func(name string) string { return m.env[name] })
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := prepare(t.Context(), storetest.Open(t, m.options), settings); err != nil {
			t.Fatal(err)
		}
		if out := m.do(t, "key list"); strings.Count(out, " current ") != 2 || strings.Count(out, " next ") != 2 {
			t.Errorf("printed\n%s", out)
		}
	})
}

func TestList_takesOutWhatATerminalObeys(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &process{stdout: &out}
	if err := p.list(nil, "A B", [][]string{{"x\x1b[31m\u202ey\n", ""}}); err != nil || out.String() != "A       B\nx[31my  -\n" {
		t.Errorf("printed %q, %v", out.String(), err)
	}
}
