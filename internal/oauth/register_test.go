package oauth

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/fault"
)

var (
	grantTypes = []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials}
	anOffer    = Offer{GrantTypes: grantTypes, Scopes: allScopes}
	allScopes  = func() (out []Scope) {
		for _, name := range append(slices.Clone(PersonScopes), "read", "write") {
			out = append(out, Scope{Name: name})
		}
		return out
	}()
)

// webClient is a client with nothing wrong, but for what change does to it.
func webClient(change func(*Client)) *Client {
	c := &Client{
		Name: "Example", ApplicationType: ApplicationWeb, RedirectURIs: RedirectURIs{"https://app.example/cb"}, GrantTypes: Words{GrantAuthorizationCode},
		Scopes: Scopes{"openid", "read"}, TokenEndpointAuthMethod: AuthBasic, IDTokenSignedResponseAlg: "RS256", RequirePKCE: true,
	}
	if change != nil {
		change(c)
	}
	return c
}

// RFC 7591 §2, RFC 9700 §2.1.1, product.md §6.
func TestClient_Validate(t *testing.T) {
	t.Parallel()
	many := func(n int) (uris RedirectURIs) {
		for i := range n {
			uris = append(uris, fmt.Sprintf("https://app.example/%d", i))
		}
		return uris
	}
	for _, c := range []struct {
		name   string
		change func(*Client)
		fields string
	}{
		{"a good one", nil, ""},
		{"public", func(c *Client) { c.TokenEndpointAuthMethod = AuthNone }, ""},
		{"confidential without PKCE", func(c *Client) { c.RequirePKCE = false }, ""},
		{"public without PKCE", func(c *Client) { c.TokenEndpointAuthMethod, c.RequirePKCE = AuthNone, false }, "require_pkce"},
		{"a service", func(c *Client) {
			c.GrantTypes, c.RedirectURIs, c.Scopes = Words{GrantClientCredentials}, nil, Scopes{"read"}
		}, ""},
		{"a public service", func(c *Client) {
			c.TokenEndpointAuthMethod, c.GrantTypes, c.RedirectURIs, c.Scopes = AuthNone, Words{GrantClientCredentials}, nil, nil
		}, "grant_types"},
		{"a service with a person's scope", func(c *Client) { c.GrantTypes = Words{GrantClientCredentials} }, "scope"},
		{"everything on", func(c *Client) {
			c.GrantTypes, c.Scopes = slices.Clone(grantTypes), append(slices.Clone(PersonScopes), "read", "write")
			c.ClientURI, c.PolicyURI, c.TosURI, c.Contacts = "https://app.example", "http://app.example/policy?x", "https://app.example/tos#2", Words{"a@example.com", "b@example.com"}
		}, ""},

		{"no name", func(c *Client) { c.Name = " \t" }, "client_name"},
		{"a long name", func(c *Client) { c.Name = strings.Repeat("é", 201) }, "client_name"},
		{"a name just not too long", func(c *Client) { c.Name = strings.Repeat("é", 200) }, ""},
		{"a line break in the name", func(c *Client) { c.Name = "a\nb" }, "client_name"},
		{"a C1 control in the name", func(c *Client) { c.Name = "a\u009bb" }, "client_name"},
		{"a NUL in the name", func(c *Client) { c.Name = "a\x00" }, "client_name"},
		{"a name that is not UTF-8", func(c *Client) { c.Name = "a\xff" }, "client_name"},
		{"another application type", func(c *Client) { c.ApplicationType = "desktop" }, "application_type"},
		{"another method", func(c *Client) { c.TokenEndpointAuthMethod = "private_key_jwt" }, "token_endpoint_auth_method"},
		{"no method", func(c *Client) { c.TokenEndpointAuthMethod = "" }, "token_endpoint_auth_method"},
		{"alg none", func(c *Client) { c.IDTokenSignedResponseAlg = "none" }, "id_token_signed_response_alg"},
		{"HS256", func(c *Client) { c.IDTokenSignedResponseAlg = "HS256" }, "id_token_signed_response_alg"}, // security.md rule 5
		{"ES256", func(c *Client) { c.IDTokenSignedResponseAlg = "ES256" }, ""},

		{"no grant type", func(c *Client) { c.GrantTypes, c.Scopes, c.RedirectURIs = nil, nil, nil }, "grant_types"},
		{"a grant type that is off", func(c *Client) { c.GrantTypes = append(c.GrantTypes, "implicit") }, "grant_types"},
		{"a grant type in capitals", func(c *Client) { c.GrantTypes = append(c.GrantTypes, "Refresh_Token") }, "grant_types"},
		{"refreshing alone", func(c *Client) { c.GrantTypes, c.Scopes = Words{GrantRefreshToken}, nil }, "grant_types"},
		{"refreshing a service's token", func(c *Client) { c.GrantTypes, c.Scopes = Words{GrantClientCredentials, GrantRefreshToken}, nil }, "grant_types"},

		{"no redirect URI", func(c *Client) { c.RedirectURIs = nil }, "redirect_uris"},
		{"fifty redirect URIs", func(c *Client) { c.RedirectURIs = many(50) }, ""},
		{"fifty-one redirect URIs", func(c *Client) { c.RedirectURIs = many(51) }, "redirect_uris"},
		{"a bad second redirect URI", func(c *Client) { c.RedirectURIs = append(c.RedirectURIs, "http://app.example/cb") }, "redirect_uris.1"},
		{"a redirect URI twice", func(c *Client) { c.RedirectURIs = append(many(2), "https://app.example/0") }, "redirect_uris.2"},
		{"two bad redirect URIs", func(c *Client) { c.RedirectURIs = RedirectURIs{"", "javascript:alert(1)"} }, "redirect_uris.0 redirect_uris.1"},

		{"a scope there is not", func(c *Client) { c.Scopes = Scopes{"openid", "admin"} }, "scope"},
		{"a script for a home page", func(c *Client) { c.ClientURI = "javascript:alert(1)" }, "client_uri"},
		{"a home page without a host", func(c *Client) { c.ClientURI = "https://:443/" }, "client_uri"},
		{"a policy on a path", func(c *Client) { c.PolicyURI = "/policy" }, "policy_uri"},
		{"terms with a quote", func(c *Client) { c.TosURI = `https://app.example/"x` }, "tos_uri"},
		{"terms with a password", func(c *Client) { c.TosURI = "https://a:b@app.example/" }, "tos_uri"},
		{"terms that are not UTF-8", func(c *Client) { c.TosURI = "https://app.example/\xff" }, "tos_uri"},
		{"terms that never end", func(c *Client) { c.TosURI = "https://app.example/" + strings.Repeat("x", 2000) }, "tos_uri"},
		{"a contact that is no address", func(c *Client) { c.Contacts = Words{"a@example.com", "call me"} }, "contacts"},
		{"a contact with a name", func(c *Client) { c.Contacts = Words{"A <a@example.com>"} }, "contacts"},
		{"a contact with a space beyond ASCII", func(c *Client) { c.Contacts = Words{"a\u00a0b@example.com"} }, "contacts"},
		{"eleven contacts", func(c *Client) { c.Contacts = slices.Repeat(Words{"a@example.com"}, 11) }, "contacts"},
		{"nothing at all", func(c *Client) { *c = Client{RequirePKCE: true} }, "application_type client_name grant_types id_token_signed_response_alg token_endpoint_auth_method"},
	} {
		f := webClient(c.change).Validate(anOffer)
		if got := strings.Join(slices.Sorted(maps.Keys(f)), " "); got != c.fields {
			t.Errorf("%s: %v", c.name, f)
		}
		if e := MetadataFault(f); (e == nil) != (c.fields == "") || e != nil && e.Status() != 400 {
			t.Errorf("%s: %v", c.name, e)
		}
	}
	if f := webClient(func(c *Client) { c.GrantTypes = Words{GrantAuthorizationCode, GrantRefreshToken} }).Validate(Offer{GrantTypes: []string{GrantAuthorizationCode}, Scopes: allScopes}); f["grant_types"] == "" {
		t.Error("a grant type that the server has switched off passes")
	}
}

// RFC 7591 §2: what is left out has a default, and null is left out.
func TestClientFromMetadata_fillsInTheDefaults(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`{"redirect_uris":["https://app.example/cb"]}`,
		` {"redirect_uris":["https://app.example/cb"],"client_name":null,"grant_types":null,"response_types":null,"scope":null,"contacts":null,"require_pkce":null,"token_endpoint_auth_method":null,"application_type":null,"id_token_signed_response_alg":null,"jwks_uri":null,"client_uri":null} `,
		`{"redirect_uris":["https://app.example/cb"],"software_id":"x","client_name#de":"Beispiel","nested":{"a":1,"a":2}}`, // unknown members are ignored
		`{"redirect_uris":["https://app.example/cb"],"response_types":["code"]}`,
	} {
		c, e := ClientFromMetadata([]byte(document))
		if e != nil {
			t.Errorf("%s: %v", document, e)
			continue
		}
		if f := c.Validate(anOffer); len(f) > 0 {
			t.Errorf("%s: %v", document, f)
		}
		c.Identify(noon)
		c.ID = "cl_x"
		got, err := json.Marshal(c.Registration("https://id.example", "", nil))
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"client_id":"cl_x","client_id_issued_at":1772366400,"client_name":"Unnamed application","application_type":"web",` +
			`"redirect_uris":["https://app.example/cb"],"grant_types":["authorization_code"],"response_types":["code"],` +
			`"scope":"openid profile email address phone offline_access","token_endpoint_auth_method":"client_secret_basic",` +
			`"id_token_signed_response_alg":"RS256","require_pkce":true}`; string(got) != want {
			t.Errorf("%s became %s", document, got)
		}
	}
}

func TestClientFromMetadata_takesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	c, e := ClientFromMetadata([]byte(`{"redirect_uris":["https://app.example/cb","http://127.0.0.1/cb"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],
		"response_types":["code"],"client_name":"Ex\u00e4mple","client_uri":"https://app.example","policy_uri":"https://app.example/p","tos_uri":"https://app.example/t","contacts":["a@example.com","b@example.com"],
		"scope":"openid read","application_type":"native","id_token_signed_response_alg":"ES256","require_pkce":false,"jwks":{"keys":[]}}`))
	if e != nil {
		t.Fatal(e)
	}
	got, err := json.Marshal(c.Registration("https://id.example", "", nil))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"client_id":"","client_id_issued_at":-62135596800,"client_name":"Exämple","application_type":"native","redirect_uris":["https://app.example/cb","http://127.0.0.1/cb"],` +
		`"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"scope":"openid read","token_endpoint_auth_method":"none","id_token_signed_response_alg":"ES256","require_pkce":false,` +
		`"client_uri":"https://app.example","policy_uri":"https://app.example/p","tos_uri":"https://app.example/t","contacts":["a@example.com","b@example.com"]}`; string(got) != want {
		t.Errorf("%s", got)
	}
	service, e := ClientFromMetadata([]byte(`{"grant_types":["client_credentials"]}`))
	if e != nil || len(service.Scopes) != 0 || len(service.RedirectURIs) != 0 {
		t.Errorf("%+v, %v", service, e) // nobody takes part, so no person's scopes
	}
	if empty, e := ClientFromMetadata([]byte(`{"redirect_uris":["https://app.example/cb"],"scope":""}`)); e != nil || len(empty.Scopes) != 0 {
		t.Errorf("an empty scope is given, not left out: %+v, %v", empty, e)
	}
}

// RFC 7591 §2, §2.1, §3.2.2; cases 73 to 75.
func TestClientFromMetadata_refuses(t *testing.T) {
	t.Parallel()
	const ok = `"redirect_uris":["https://app.example/cb"]`
	for _, c := range []struct{ name, document, code string }{
		{"nothing", ``, "invalid_client_metadata"},
		{"null", `null`, "invalid_client_metadata"},
		{"an array", `[]`, "invalid_client_metadata"},
		{"an array of one", `[{` + ok + `}]`, "invalid_client_metadata"},
		{"a string", `"redirect_uris"`, "invalid_client_metadata"},
		{"a number", `7`, "invalid_client_metadata"},
		{"a form", `redirect_uris=https://app.example/cb`, "invalid_client_metadata"},
		{"half an object", `{` + ok, "invalid_client_metadata"},
		{"a comma too many", `{` + ok + `,}`, "invalid_client_metadata"},
		{"two objects", `{` + ok + `}{}`, "invalid_client_metadata"},
		{"something after it", `{` + ok + `}x`, "invalid_client_metadata"},
		{"a byte order mark", "\ufeff{" + ok + `}`, "invalid_client_metadata"},
		{"a member twice", `{` + ok + `,"scope":"a","scope":"b"}`, "invalid_client_metadata"},
		{"a member twice, once escaped", `{` + ok + `,"scope":"a","\u0073cope":"b"}`, "invalid_client_metadata"},
		{"an unknown member twice", `{` + ok + `,"x":1,"x":1}`, "invalid_client_metadata"},
		{"redirect_uris a string", `{"redirect_uris":"https://app.example/cb"}`, "invalid_client_metadata"},
		{"redirect_uris of numbers", `{"redirect_uris":[7]}`, "invalid_client_metadata"},
		{"grant_types a string", `{` + ok + `,"grant_types":"authorization_code"}`, "invalid_client_metadata"},
		{"client_name a number", `{` + ok + `,"client_name":7}`, "invalid_client_metadata"},
		{"scope a list", `{` + ok + `,"scope":["openid"]}`, "invalid_client_metadata"},
		{"require_pkce a string", `{` + ok + `,"require_pkce":"false"}`, "invalid_client_metadata"},
		{"jwks_uri an object", `{` + ok + `,"jwks_uri":{}}`, "invalid_client_metadata"},
		{"jwks and jwks_uri", `{` + ok + `,"jwks":{"keys":[]},"jwks_uri":"https://app.example/jwks"}`, "invalid_client_metadata"},
		{"a malformed scope", `{` + ok + `,"scope":"a  b"}`, "invalid_client_metadata"},
		{"a grant type with a space", `{` + ok + `,"grant_types":["authorization_code refresh_token"]}`, "invalid_client_metadata"},
		{"an empty grant type", `{` + ok + `,"grant_types":["authorization_code",""]}`, "invalid_client_metadata"},
		{"null for a grant type", `{` + ok + `,"grant_types":[null]}`, "invalid_client_metadata"},
		{"an unknown grant type", `{` + ok + `,"grant_types":["authorization_code","implicit"]}`, "invalid_client_metadata"},
		{"no grant type", `{"grant_types":[]}`, "invalid_client_metadata"},
		{"a response type we do not have", `{` + ok + `,"response_types":["id_token"]}`, "invalid_client_metadata"},
		{"one more response type", `{` + ok + `,"response_types":["code","token"]}`, "invalid_client_metadata"},
		{"response types without their grant type", `{"grant_types":["client_credentials"],"response_types":["code"]}`, "invalid_client_metadata"},
		{"a grant type without its response types", `{` + ok + `,"response_types":[]}`, "invalid_client_metadata"},
		{"a contact with a space", `{` + ok + `,"contacts":["a b@example.com"]}`, "invalid_client_metadata"},
		{"private_key_jwt", `{` + ok + `,"token_endpoint_auth_method":"private_key_jwt"}`, "invalid_client_metadata"},
		{"an unknown scope", `{` + ok + `,"scope":"openid nosuch"}`, "invalid_client_metadata"},
		{"no redirect_uris", `{}`, "invalid_redirect_uri"},
		{"null redirect_uris", `{"redirect_uris":null}`, "invalid_redirect_uri"},
		{"empty redirect_uris", `{"redirect_uris":[]}`, "invalid_redirect_uri"},
		{"null for a redirect URI", `{"redirect_uris":[null]}`, "invalid_redirect_uri"},
		{"a fragment", `{"redirect_uris":["https://app.example/cb#x"]}`, "invalid_redirect_uri"},
		{"javascript", `{"redirect_uris":["javascript:alert(1)"]}`, "invalid_redirect_uri"},
		{"plain http", `{"redirect_uris":["http://app.example/cb"]}`, "invalid_redirect_uri"},
		{"a line break", `{"redirect_uris":["https://app.example/cb\nhttps://evil.test/"]}`, "invalid_redirect_uri"},
		{"more than redirect URIs", `{"redirect_uris":["http://app.example/cb"],"application_type":"x"}`, "invalid_redirect_uri"},
		{"names in capitals, which are other members", `{"REDIRECT_URIS":["https://app.example/cb"]}`, "invalid_redirect_uri"},
		{"a name with a long s, which is another member", `{"redirect_uri` + "\u017f" + `":["https://app.example/cb"]}`, "invalid_redirect_uri"},
	} {
		client, e := ClientFromMetadata([]byte(c.document))
		if e == nil {
			e = MetadataFault(client.Validate(anOffer))
		}
		if e == nil || e.Code != c.code || e.Status() != 400 {
			t.Errorf("%s: %v", c.name, e)
		} else if !describable(e.Description) {
			t.Errorf("%s: %q", c.name, e.Description)
		}
	}
}

// Two parsers have to read one document alike: a check before us sees the first, encoding/json alone would take the last.
func TestClientFromMetadata_readsNamesAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	c, e := ClientFromMetadata([]byte(`{"redirect_uris":["https://app.example/cb"],"Redirect_URIs":["https://evil.test/cb"],"SCOPE":"admin","Require_PKCE":false}`))
	if e != nil {
		t.Fatal(e)
	}
	if !slices.Equal(c.RedirectURIs, RedirectURIs{"https://app.example/cb"}) || c.Scopes.Has("admin") || !c.RequirePKCE {
		t.Errorf("%+v", c)
	}
}

func TestMetadataFault_namesTheSameFieldEachTime(t *testing.T) {
	t.Parallel()
	for range 20 {
		if e := MetadataFault(fault.Fields{"scope": "x", "client_name": "y", "contacts": "z"}); e.Code != "invalid_client_metadata" || e.Description != "client_name: y" {
			t.Fatal(e)
		}
		if e := MetadataFault(fault.Fields{"client_name": "y", "redirect_uris.3": "x", "redirect_uris.1": "w"}); e.Code != "invalid_redirect_uri" || e.Description != "redirect_uris.1: w" {
			t.Fatal(e)
		}
	}
	if e := MetadataFault(nil); e != nil {
		t.Error(e)
	}
}

// RFC 7591 §3.2.1: client_secret_expires_at stands beside every secret, 0 where it never ends, and nowhere else.
func TestRegistration_saysWhenASecretEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secret  string
		expires *time.Time
		want    string
	}{
		{"", nil, ""}, {"", new(noon), ""}, {"s", nil, `"client_secret":"s","client_id_issued_at":0,"client_secret_expires_at":0,`},
		{"s", new(noon), `"client_secret":"s","client_id_issued_at":0,"client_secret_expires_at":1772366400,`},
	} {
		got, err := json.Marshal((&Client{CreatedAt: time.Unix(0, 0)}).Registration("https://id.example", c.secret, c.expires))
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && strings.Contains(string(got), "client_secret") || !strings.Contains(string(got), c.want) {
			t.Errorf("%s", got)
		}
		if !strings.Contains(string(got), `"redirect_uris":[],"grant_types":[],"response_types":[]`) {
			t.Errorf("an empty list is not a list: %s", got)
		}
	}
}

// RFC 9700 §4.15, RFC 6749 §10.10.
func TestIdentify_givesEveryClientItsOwnID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		var c Client
		c.Identify(noon)
		if seen[c.ID] || seen[c.GrantID] || !strings.HasPrefix(c.ID, "cl_") || len(c.ID) != 25 || c.Version != 1 || !c.CreatedAt.Equal(noon) || !c.UpdatedAt.Equal(noon) {
			t.Fatalf("%+v", c)
		}
		seen[c.ID], seen[c.GrantID] = true, true
	}
}

func TestNewClientSecret_keepsOnlyTheHash(t *testing.T) {
	t.Parallel()
	value, row := NewClientSecret("cl_a", noon, new(noon.Add(time.Hour)))
	if !strings.HasPrefix(value, "gh_cs_") || len(value) != 49 || row.Hint != value[45:] || len(row.Hash) != 43 || row.ClientID != "cl_a" || !row.ExpiresAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("%q, %+v", value, row)
	}
	if strings.Contains(fmt.Sprintf("%+v", row), value[:45]) {
		t.Error("the row holds the secret")
	}
	if again, other := NewClientSecret("cl_a", noon, nil); again == value || other.Hash == row.Hash || other.ID == row.ID {
		t.Error("the same secret twice")
	}
}

func FuzzClientFromMetadata(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `[]`, `{"redirect_uris":["https://app.example/cb"],"scope":"openid"}`, `{"a":1,"a":2}`, `{"grant_types":["client_credentials"],"response_types":[]}`,
		`{"SCOPE":"a","scope":"b"}`, `{"contacts":["a@b"],"client_name":"\u0000"}`, `{"jwks":{},"jwks_uri":"x"}`, `{"redirect_uris":["http://127.0.0.1:1/\ud800"]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, document string) {
		c, e := ClientFromMetadata([]byte(document))
		if e == nil {
			e = MetadataFault(c.Validate(anOffer))
		}
		if e != nil {
			if e.Code != "invalid_client_metadata" && e.Code != "invalid_redirect_uri" || !describable(e.Description) {
				t.Errorf("%q: %v", document, e)
			}
			return
		}
		// What passes is text that survives the store, and gives itself back as it is.
		var uris RedirectURIs
		var grants, contacts Words
		value, _ := c.RedirectURIs.Value()
		words, _ := c.GrantTypes.Value()
		people, _ := c.Contacts.Value()
		if uris.Scan(value) != nil || grants.Scan(words) != nil || contacts.Scan(people) != nil ||
			!slices.Equal(uris, c.RedirectURIs) || !slices.Equal(grants, c.GrantTypes) || !slices.Equal(contacts, c.Contacts) {
			t.Errorf("%q: %+v does not survive the store", document, c)
		}
		for _, s := range append([]string{c.Name, c.ClientURI, c.PolicyURI, c.TosURI}, c.RedirectURIs...) {
			if !ValidText(s) {
				t.Errorf("%q holds %q", document, s)
			}
		}
	})
}

func TestIgnoredMembers(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"client_name": "A", "scope": "openid", "first_party": true}`:                                                    "",
		`{"logo_uri": "https://a.example/", "client_name": "A", "client_secret": "s", "jwks_uri": "https://a.example/k"}`: "client_secret jwks_uri logo_uri",
		`[]`: "", `nothing`: "",
	} {
		if got := strings.Join(IgnoredMembers([]byte(document)), " "); got != want {
			t.Errorf("%s: %q, not %q", document, got, want)
		}
	}
}

// What was registered is read back as it was, from what the registration answers (RFC 7591 §3.2.1).
func TestRegistration_isReadBack(t *testing.T) {
	t.Parallel()
	c := &Client{
		Name: "Invoices", ApplicationType: ApplicationNative, RedirectURIs: RedirectURIs{"com.example.app:/cb", "https://app.example/cb"},
		GrantTypes: Words{GrantAuthorizationCode, GrantRefreshToken}, Scopes: Scopes{"openid", "read"}, TokenEndpointAuthMethod: AuthNone,
		IDTokenSignedResponseAlg: "ES256", RequirePKCE: true, FirstParty: true, ClientURI: "https://app.example", PolicyURI: "https://app.example/p",
		TosURI: "https://app.example/t", Contacts: Words{"a@app.example"}, DefaultResource: "https://api.example", ResourceServer: "https://own.example",
		AccessTokenTTL: 60, IDTokenTTL: 120, RefreshTokenTTL: 7200, RefreshTokenIdle: 3600,
	}
	document, err := json.Marshal(c.Registration("https://id.example", "", nil))
	if err != nil {
		t.Fatal(err)
	}
	got, refused := ClientFromMetadata(document)
	if refused != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v\nnot %+v", got, refused, c)
	}
}
