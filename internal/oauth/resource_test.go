package oauth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/keys"
)

// RFC 8707 §2: an absolute URI without a fragment.
func TestResourceSyntax(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]bool{
		"https://api.example": true, "https://api.example/": true, "https://api.example/v1?tenant=a": true, "http://localhost:8000": true,
		"urn:example:orders": true, "api://orders": true, "com.example:orders": true,
		"": false, "orders": false, "/orders": false, "//api.example": false, "https://": false, "https:///": false, "https:": false,
		"https://api.example#": false, "https://api.example/#x": false, "https://u:p@api.example": false, "https://api.example/ x": false,
		"https://api.example/\u00e9": false, "https://api.example/\n": false, "https://api.example/\"": false, "https://api.example\\x": false,
		"https://api.example/" + strings.Repeat("x", maxURI): false,
	} {
		if got := resourceSyntax(uri); got != want {
			t.Errorf("%.60q: %v", uri, got)
		}
	}
}

// RFC 8707 §2.2; case 67.
func TestResourceOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		granted    []string
		query      string
		want, rule string
	}{
		{nil, "", "", ""}, // our own alone
		{nil, "resource=https://id.example", "", ""},
		{nil, "resource=https://orders.example", "", "invalid_target resource_granted"},
		{[]string{issuer}, "", "", ""},
		{[]string{"https://orders.example"}, "", "orders-id", ""},
		{[]string{"https://orders.example"}, "resource=https://orders.example", "orders-id", ""},
		{[]string{"https://orders.example"}, "resource=https://id.example", "", "invalid_target resource_granted"},
		{[]string{issuer, "https://orders.example"}, "", "", ""},
		{[]string{issuer, "https://orders.example"}, "resource=https://orders.example", "orders-id", ""},
		{[]string{"https://gone.example"}, "", "", "invalid_target resource_known"},
	} {
		api, err := keyed().resourceOf(t.Context(), &tokenCall{client: &Client{Scopes: Scopes{"read"}}, params: parse(t, c.query)}, c.granted, noon)
		id := ""
		if api != nil {
			id = api.ID
		}
		if rule(err) != c.rule || id != c.want {
			t.Errorf("%q of %v: %q, %s", c.query, c.granted, id, rule(err))
		}
	}
}

// An API that took over the name of another since the grant is not the one that was granted; nor does a client get tokens for one
// of whose scopes it may ask for none (security.md rule 6).
func TestResourceOf_isTheAPIThatWasGranted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at     time.Time
		scopes Scopes
		rule   string
	}{
		"the same":             {noon, Scopes{"write"}, ""},
		"before it began":      {noon.Add(-time.Microsecond), Scopes{"write"}, "invalid_target resource_same"},
		"none of its scopes":   {noon, Scopes{"openid", "send"}, "invalid_target resource_allowed"},
		"not a scope any more": {noon, nil, "invalid_target resource_allowed"},
	} {
		_, err := keyed().resourceOf(t.Context(), &tokenCall{client: &Client{Scopes: c.scopes}}, []string{orders.Identifier}, c.at)
		if rule(err) != c.rule {
			t.Errorf("%s: %s", name, rule(err))
		}
	}
}

// OAuth 2.0 Multiple Response Types §2.1, §5: a token never travels in a query, whatever is asked for.
func TestModeOf(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": modeQuery, "response_type=code": modeQuery, "response_type=code&response_mode=query": modeQuery, "response_type=code&response_mode=fragment": modeFragment,
		"response_type=token": modeFragment, "response_type=token&response_mode=query": modeFragment, "response_type=token&response_mode=form_post": modeFragment,
		"response_type=id_token": modeFragment, "response_type=id_token+token": modeFragment, "response_type=code+token": modeFragment,
		"response_type=Token": modeQuery, "response_type=token&response_type=code": modeQuery, "response_mode=form_post": modeQuery,
	} {
		if got := modeOf(parse(t, query)); got != want {
			t.Errorf("%q: %s", query, got)
		}
	}
}

func TestAPI_Validate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change func(*API)
		fields string
	}{
		{func(*API) {}, ""},
		{func(a *API) { a.Identifier = "" }, "identifier"},
		{func(a *API) { a.Identifier = "orders" }, "identifier"},
		{func(a *API) { a.Identifier = "https://orders.example#x" }, "identifier"},
		{func(a *API) { a.Identifier = issuer }, "identifier"}, // security.md rule 6
		{func(a *API) { a.Identifier = issuer + "/oauth/userinfo" }, "identifier"},
		{func(a *API) { a.Identifier = "HTTPS://ID.example/x" }, "identifier"},
		{func(a *API) { a.Identifier = "https://id.example:443/x" }, "identifier"},
		{func(a *API) { a.Identifier = "https://id.example./x" }, "identifier"},
		{func(a *API) { a.Identifier = "http://id.example" }, "identifier"},
		{func(a *API) { a.Identifier = "https://id.example.org" }, ""},
		{func(a *API) { a.Identifier = "https://id.example:8443" }, ""},
		{func(a *API) { a.Name = " " }, "name"},
		{func(a *API) { a.Name = "Orders\u202e" }, "name"},
		{func(a *API) { a.Name = strings.Repeat("n", 201) }, "name"},
		{func(a *API) { a.Scopes = nil }, ""},
		{func(a *API) { a.Scopes = Scopes{"openid"} }, "scope"},
		{func(a *API) { a.Scopes = Scopes{"re\"ad"} }, "scope"},
		{func(a *API) { a.SigningAlg = keys.HS256 }, ""},
		{func(a *API) { a.SigningAlg = keys.EdDSA }, ""},
		{func(a *API) { a.SigningAlg = "none" }, "signing_alg"},
		{func(a *API) { a.SigningAlg = "" }, "signing_alg"},
		{func(a *API) { a.TokenFormat, a.SigningAlg = FormatOpaque, "" }, ""},
		{func(a *API) { a.TokenFormat = FormatOpaque }, "signing_alg"},
		{func(a *API) { a.TokenFormat, a.SigningAlg, a.Claims = FormatOpaque, "", ClaimsTutorial }, "claims"},
		{func(a *API) { a.TokenFormat = "saml" }, "token_format"},
		{func(a *API) { a.Claims = "x" }, "claims"},
		{func(a *API) { a.AccessTokenTTL = 60 }, ""},
		{func(a *API) { a.AccessTokenTTL = 59 }, "access_token_ttl"},
		{func(a *API) { a.AccessTokenTTL = 86401 }, "access_token_ttl"},
		{func(a *API) { a.AccessTokenTTL = -1 }, "access_token_ttl"},
	} {
		a := orders
		c.change(&a)
		var fields []string
		for name := range a.Validate(issuer) {
			fields = append(fields, name)
		}
		slices.Sort(fields)
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%+v: %q, want %q", a, got, c.fields)
		}
	}
}

// security.md rules 5 and 23: at least 32 bytes, sealed for its own row.
func TestAPI_sealsItsSecretForItself(t *testing.T) {
	t.Parallel()
	a, b := orders, orders
	b.ID = "mail-id"
	for _, weak := range []string{"", strings.Repeat("x", 31), strings.Repeat("x", 1025)} {
		if err := a.SealSigningSecret(houseSealer(), weak); err == nil {
			t.Errorf("%d bytes were taken", len(weak))
		}
	}
	value := strings.Repeat("é", 16) // 32 bytes, as they are
	if err := a.SealSigningSecret(houseSealer(), value); err != nil || strings.Contains(a.SigningSecretSealed, value) {
		t.Fatalf("%q, %v", a.SigningSecretSealed, err)
	}
	if got, err := a.signingSecret(houseSealer()); err != nil || string(got) != value {
		t.Errorf("%q, %v", got, err)
	}
	b.SigningSecretSealed = a.SigningSecretSealed
	if _, err := b.signingSecret(houseSealer()); err == nil {
		t.Error("another API's row opens it")
	}
	if made := NewSigningSecret(); len(made) < MinSigningSecret {
		t.Errorf("%q is short", made)
	}
}
