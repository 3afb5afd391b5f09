package oauth

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// check runs one of the checks of an authorization request over these parameters.
func check(t *testing.T, name string, c *Client, query string) (*Authorization, error) {
	t.Helper()
	checks := map[string]func(*Server, *Authorization) error{
		"once":           func(s *Server, a *Authorization) error { return s.checkOnce(t.Context(), a) },
		"request object": func(s *Server, a *Authorization) error { return s.checkRequestObject(t.Context(), a) },
		"response type":  func(s *Server, a *Authorization) error { return s.checkResponseType(t.Context(), a) },
		"response mode":  func(s *Server, a *Authorization) error { return s.checkResponseMode(t.Context(), a) },
		"resource":       func(s *Server, a *Authorization) error { return s.checkResource(t.Context(), a) },
		"length":         func(s *Server, a *Authorization) error { return s.checkLength(t.Context(), a) },
		"prompt":         func(s *Server, a *Authorization) error { return s.checkPrompt(t.Context(), a) },
		"max_age": func(s *Server, a *Authorization) error {
			if err := s.checkPrompt(t.Context(), a); err != nil {
				return err
			}
			return s.checkMaxAge(t.Context(), a)
		},
		"PKCE": func(s *Server, a *Authorization) error { return s.checkPKCE(t.Context(), a) },
	}
	p := parse(t, query)
	a := &Authorization{Target: &Target{Client: c, state: p.Get("state"), issuer: issuer}, params: p}
	for _, r := range responseTypes {
		if r.name == p.Get("response_type") {
			a.responseType = r
		}
	}
	return a, checks[name](keyed(), a)
}

// Cases 37, 38, 40, 41, 43, 47, 67.
func TestAuthorizeChecks(t *testing.T) {
	t.Parallel()
	service := &Client{TokenEndpointAuthMethod: AuthBasic, GrantTypes: Words{GrantClientCredentials}}
	web := webClient(nil)
	for _, c := range []struct {
		check  string
		client *Client
		query  string
		rule   string
	}{
		{"once", web, "response_type=code&unknown=1", ""}, // unknown parameters are ignored
		{"once", web, "state=1&state=2", "invalid_request parameter_once"},
		{"once", web, "scope=openid&scope=openid", "invalid_request parameter_once"},
		{"once", web, "nonce=&nonce=", "invalid_request parameter_once"},
		{"once", web, "resource=https://a&resource=https://b", ""}, // RFC 8707 §2

		{"request object", web, "response_type=code", ""},
		{"request object", web, "request=&request_uri=", ""},
		{"request object", web, "request=eyJ", "request_not_supported request_object"},
		{"request object", web, "request_uri=https://app.example/r", "request_uri_not_supported request_object"},
		{"request object", web, "request=eyJ&request_uri=https://app.example/r", "request_not_supported request_object"},

		{"response type", web, "response_type=code", ""},
		{"response type", web, "", "invalid_request response_type_present"},
		{"response type", web, "response_type=", "invalid_request response_type_present"},
		{"response type", web, "response_type=token", "unsupported_response_type response_type_supported"},
		{"response type", web, "response_type=id_token+token", "unsupported_response_type response_type_supported"},
		{"response type", web, "response_type=code+id_token", "unsupported_response_type response_type_supported"},
		{"response type", web, "response_type=Code", "unsupported_response_type response_type_supported"},
		{"response type", web, "response_type=code+code", "unsupported_response_type response_type_supported"},
		{"response type", web, "response_type=none", "unsupported_response_type response_type_supported"},
		{"response type", service, "response_type=code", "unauthorized_client grant_type_registered"},
		{"response type", service, "response_type=token", "unsupported_response_type response_type_supported"},

		{"response mode", web, "", ""},
		{"response mode", web, "response_mode=query", ""},
		{"response mode", web, "response_mode=fragment", ""},
		{"response mode", web, "response_type=token", ""},
		{"response mode", web, "response_type=token&response_mode=fragment", ""},
		{"response mode", web, "response_type=token&response_mode=query", "invalid_request response_mode_safe"},
		{"response mode", web, "response_mode=form_post", "invalid_request response_mode_supported"},
		{"response mode", web, "response_mode=web_message", "invalid_request response_mode_supported"},

		{"resource", web, "", ""},
		{"resource", web, "resource=https://id.example", ""},
		{"resource", web, "resource=https://id.example/", "invalid_target resource_known"},
		{"resource", web, "resource=https://api.example", "invalid_target resource_known"},
		{"resource", web, "resource=https://orders.example", ""},
		{"resource", web, "resource=https://orders.example&resource=https://id.example", ""},
		{"resource", web, "resource=https://orders.example&resource=https://api.example", "invalid_target resource_known"},
		{"resource", web, "resource=https://orders.example/", "invalid_target resource_known"},
		{"resource", web, "resource=/api", "invalid_target resource_syntax"},
		{"resource", web, "resource=https://orders.example%23x", "invalid_target resource_syntax"},
		{"resource", web, "resource=https://orders.example%23", "invalid_target resource_syntax"},
		{"resource", web, "response_type=token&resource=https://orders.example", ""},
		{"resource", web, "response_type=token&resource=https://orders.example&resource=https://id.example", "invalid_target resource_single"},
		{"resource", webClient(func(c *Client) { c.DefaultResource = "https://orders.example" }), "", ""},
		{"resource", webClient(func(c *Client) { c.DefaultResource = "https://gone.example" }), "", "invalid_target resource_known"},

		{"length", web, "state=" + strings.Repeat("s", 4096) + "&nonce=" + strings.Repeat("n", 4096), ""},
		{"length", web, "state=" + strings.Repeat("s", 4097), "invalid_request request_length"},
		{"length", web, "nonce=" + strings.Repeat("n", 4097), "invalid_request request_length"},
		{"length", web, "login_hint=" + strings.Repeat("w", 16<<10), "invalid_request request_length"},

		{"prompt", web, "", ""},
		{"prompt", web, "prompt=none", ""},
		{"prompt", web, "prompt=login+consent+select_account", ""},
		{"prompt", web, "prompt=none+login", "invalid_request prompt_none_alone"},
		{"prompt", web, "prompt=consent+none", "invalid_request prompt_none_alone"},
		{"prompt", web, "prompt=create", "invalid_request prompt_known"},
		{"prompt", web, "prompt=login+Login", "invalid_request prompt_known"},
		{"prompt", web, "prompt=none,login", "invalid_request prompt_known"},

		{"max_age", web, "max_age=-1", "invalid_request max_age_number"},
		{"max_age", web, "max_age=abc", "invalid_request max_age_number"},
		{"max_age", web, "max_age=1.5", "invalid_request max_age_number"},
		{"max_age", web, "max_age=%2B1", "invalid_request max_age_number"},
		{"max_age", web, "max_age=0x10", "invalid_request max_age_number"},
		{"max_age", web, "max_age=1_000", "invalid_request max_age_number"},
		{"max_age", web, "max_age=+1", "invalid_request max_age_number"},
		{"max_age", web, "max_age=99999999999999999999", "invalid_request max_age_number"},
		{"max_age", web, "max_age=2147483648", "invalid_request max_age_number"},
	} {
		if _, err := check(t, c.check, c.client, c.query); rule(err) != c.rule {
			t.Errorf("%s %.60q: %s", c.check, c.query, rule(err))
		}
	}
}

// OpenID Connect Core §3.1.2.1: max_age=0 is prompt=login; prompt=none stays as it is.
func TestCheckMaxAge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query string
		age   time.Duration // -1 without
		login bool
	}{
		{"", -1, false}, {"max_age=", -1, false}, {"max_age=1", time.Second, false}, {"max_age=10000", 10000 * time.Second, false}, {"max_age=007", 7 * time.Second, false},
		{"max_age=2147483647", 2147483647 * time.Second, false}, {"max_age=0", 0, true}, {"max_age=0&prompt=consent", 0, true}, {"max_age=0&prompt=none", 0, false},
	} {
		a, err := check(t, "max_age", webClient(nil), c.query)
		if err != nil || (a.MaxAge == nil) != (c.age < 0) || a.MaxAge != nil && *a.MaxAge != c.age || a.Prompt.has(promptLogin) != c.login {
			t.Errorf("%q: %v, %v, %v", c.query, a.MaxAge, a.Prompt, err)
		}
	}
}

// RFC 7636 §4.3, §4.4.1; RFC 9700 §2.1.1; cases 31 to 33.
func TestCheckPKCE(t *testing.T) {
	t.Parallel()
	app, strict := webClient(func(c *Client) { c.TokenEndpointAuthMethod = AuthNone }), webClient(nil)
	lax := webClient(func(c *Client) { c.RequirePKCE = false })
	for _, c := range []struct {
		name      string
		client    *Client
		query     string
		challenge string
		rule      string
	}{
		{"S256", app, "code_challenge=" + challenge + "&code_challenge_method=S256", challenge, ""},
		{"S256, not required", lax, "code_challenge=" + challenge + "&code_challenge_method=S256", challenge, ""},
		{"none, not required", lax, "", "", ""},
		{"none, public", app, "", "", "invalid_request pkce_required"},
		{"none, required", strict, "", "", "invalid_request pkce_required"},
		{"an empty one, public", app, "code_challenge=", "", "invalid_request pkce_required"},
		{"public, though its row says otherwise", webClient(func(c *Client) { c.TokenEndpointAuthMethod, c.RequirePKCE = AuthNone, false }), "", "", "invalid_request pkce_required"},
		{"a method alone", lax, "code_challenge_method=S256", "", "invalid_request code_challenge_present"},
		{"plain alone", lax, "code_challenge_method=plain", "", "invalid_request code_challenge_present"},
		{"plain", lax, "code_challenge=" + verifier + "&code_challenge_method=plain", "", "invalid_request code_challenge_method_supported"},
		{"no method, which means plain", app, "code_challenge=" + challenge, "", "invalid_request code_challenge_method_supported"},
		{"s256", app, "code_challenge=" + challenge + "&code_challenge_method=s256", "", "invalid_request code_challenge_method_supported"},
		{"S512", app, "code_challenge=" + challenge + "&code_challenge_method=S512", "", "invalid_request code_challenge_method_supported"},
		{"42 characters", app, "code_challenge=" + challenge[:42] + "&code_challenge_method=S256", "", "invalid_request code_challenge_syntax"},
		{"44 characters", app, "code_challenge=" + challenge + "A&code_challenge_method=S256", "", "invalid_request code_challenge_syntax"},
		{"padding", app, "code_challenge=" + challenge + "%3D&code_challenge_method=S256", "", "invalid_request code_challenge_syntax"},
		{"a line break", app, "code_challenge=" + challenge + "%0A&code_challenge_method=S256", "", "invalid_request code_challenge_syntax"},
		{"a bad one, not required", lax, "code_challenge=x&code_challenge_method=S256", "", "invalid_request code_challenge_syntax"},
	} {
		a, err := check(t, "PKCE", c.client, c.query)
		if rule(err) != c.rule || a.codeChallenge != c.challenge {
			t.Errorf("%s: %q, %s", c.name, a.codeChallenge, rule(err))
		}
	}
}

// OpenID Connect Core §5.5, §3.1.2.2; case 44.
func TestCheckClaims(t *testing.T) {
	t.Parallel()
	const sub = `{"sub":{"value":"alice"}}`
	for _, c := range []struct{ claims, hint, subject, rule string }{
		{"", "", "", ""},
		{"", "alice", "alice", ""},
		{`{}`, "", "", ""},
		{` {"userinfo":null,"id_token":null} `, "", "", ""},
		{`{"userinfo":{"email":null,"sub":null},"id_token":{"acr":{"values":["1","2"]},"sub":{"essential":true}}}`, "alice", "alice", ""},
		{`{"verified":[],"USERINFO":1,"id_token":{"Sub":{"value":"bob"},"email":"x"}}`, "", "", ""},
		{`{"id_token":` + sub + `}`, "", "alice", ""},
		{`{"userinfo":` + sub + `}`, "", "alice", ""},
		{`{"id_token":` + sub + `,"userinfo":` + sub + `}`, "alice", "alice", ""},
		{`{"id_token":{"sub":{"values":["alice"]}}}`, "", "alice", ""},

		{`{"id_token":` + sub + `}`, "bob", "bob", "invalid_request claims_subject_single"},
		{`{"id_token":` + sub + `,"userinfo":{"sub":{"value":"bob"}}}`, "", "bob", "invalid_request claims_subject_single"},
		{`{"id_token":{"sub":{"values":["alice","bob"]}}}`, "", "alice", "invalid_request claims_subject_single"},
		{`{"id_token":{"sub":{"value":""}}}`, "", "", "invalid_request claims_subject_single"},

		{`not JSON`, "", "", "invalid_request claims_syntax"},
		{`{`, "", "", "invalid_request claims_syntax"},
		{`null`, "", "", "invalid_request claims_syntax"},
		{`[]`, "", "", "invalid_request claims_syntax"},
		{`"{}"`, "", "", "invalid_request claims_syntax"},
		{`{} {}`, "", "", "invalid_request claims_syntax"},
		{`{"id_token":[]}`, "", "", "invalid_request claims_syntax"},
		{`{"userinfo":"sub"}`, "", "", "invalid_request claims_syntax"},
		{`{"id_token":{},"id_token":` + sub + `}`, "", "", "invalid_request claims_syntax"},
		{`{"id_token":{"sub":"alice"}}`, "", "", "invalid_request claims_syntax"},
		{`{"id_token":{"sub":{"value":7}}}`, "", "", "invalid_request claims_syntax"},
	} {
		a := &Authorization{params: parse(t, url.Values{"claims": {c.claims}}.Encode()), hintSubject: c.hint}
		err := keyed().checkClaims(t.Context(), a)
		if rule(err) != c.rule || a.hintSubject != c.subject {
			t.Errorf("%s: %q, %s", c.claims, a.hintSubject, rule(err))
		}
		if err != nil && !describable(err.(*Error).Description) { //nolint:errorlint // a check returns a *Error
			t.Errorf("%s: %q cannot be said", c.claims, err)
		}
	}
}

func TestCheckEchoed_keepsTheNonce(t *testing.T) {
	t.Parallel()
	a, err := check(t, "length", webClient(nil), "nonce=%20n%2B%22")
	if err != nil || a.nonce != ` n+"` {
		t.Errorf("%q, %v", a.nonce, err)
	}
}

// What the checks read, discovery says (RFC 8414 §2): each from the table that acts.
func TestDiscovery_saysWhatTheChecksTake(t *testing.T) {
	t.Parallel()
	m := keyed().Discovery(nil)
	for _, value := range m.PromptValues {
		if _, err := check(t, "prompt", webClient(nil), "prompt="+value); err != nil {
			t.Errorf("prompt=%s: %v", value, err)
		}
	}
	for _, value := range m.ResponseTypesSupported {
		if _, err := check(t, "response type", webClient(nil), "response_type="+value); err != nil {
			t.Errorf("response_type=%s: %v", value, err)
		}
	}
	for _, value := range m.ResponseModesSupported {
		if _, err := check(t, "response mode", webClient(nil), "response_mode="+value); err != nil {
			t.Errorf("response_mode=%s: %v", value, err)
		}
	}
	for _, value := range m.CodeChallengeMethods {
		if _, err := check(t, "PKCE", webClient(nil), "code_challenge="+challenge+"&code_challenge_method="+value); err != nil {
			t.Errorf("code_challenge_method=%s: %v", value, err)
		}
	}
	for _, value := range m.IDTokenSigningAlgs {
		if f := webClient(func(c *Client) { c.IDTokenSignedResponseAlg = value }).Validate(anOffer); len(f) > 0 {
			t.Errorf("id_token_signed_response_alg=%s: %v", value, f)
		}
	}
	for _, value := range m.TokenEndpointAuthMethods {
		if f := webClient(func(c *Client) { c.TokenEndpointAuthMethod = value }).Validate(anOffer); len(f) > 0 {
			t.Errorf("token_endpoint_auth_method=%s: %v", value, f)
		}
	}
	if slices.Contains(m.IntrospectionEndpointAuthMethods, AuthNone) || len(m.IntrospectionEndpointAuthMethods) != 2 || !slices.Contains(m.TokenEndpointAuthMethods, AuthNone) {
		t.Errorf("introspection by %v, token by %v", m.IntrospectionEndpointAuthMethods, m.TokenEndpointAuthMethods)
	}
	off := keyed()
	delete(off.grants, GrantRefreshToken)
	if got := off.Discovery(nil).GrantTypesSupported; !slices.Equal(got, []string{GrantAuthorizationCode, GrantClientCredentials}) {
		t.Errorf("with refresh switched off: %v", got)
	}
	for _, endpoint := range []string{m.AuthorizationEndpoint, m.TokenEndpoint, m.UserinfoEndpoint, m.JWKSURI, m.RevocationEndpoint, m.IntrospectionEndpoint} {
		if !strings.HasPrefix(endpoint, issuer+"/") {
			t.Errorf("%s is elsewhere", endpoint)
		}
	}
}
