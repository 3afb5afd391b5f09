package oauth

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/secret"
)

// issued signs an access token and an ID token for alice and this client.
func issued(t *testing.T, s *Server, c *Client, scope string) *TokenResponse {
	t.Helper()
	call := &tokenCall{client: c, now: s.Now()}
	g := &granted{grantID: "family", userID: "alice-id", scopes: strings.Fields(scope), authTime: noon.Add(-time.Minute), amr: Words{"pwd"}, nonce: "n"}
	response, _, err := s.issue(t.Context(), call, g)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// RFC 9068 §2.2, RFC 6749 §5.1, OpenID Connect Core §2 and §3.1.3.6.
func TestIssue_saysWhatWasGranted(t *testing.T) {
	t.Parallel()
	s := keyed()
	for _, alg := range IDTokenAlgs {
		c := webClient(func(c *Client) { c.ID, c.IDTokenSignedResponseAlg = "cl_web", alg })
		r := issued(t, s, c, "openid email")
		if r.TokenType != "Bearer" || r.ExpiresIn != 900 || r.Scope != "openid email" || r.RefreshToken != "" {
			t.Errorf("%+v", r)
		}
		access, err := s.accessToken(t.Context(), r.AccessToken)
		if err != nil || access == nil {
			t.Fatal(access, err)
		}
		if access.JTI == "" || *access != (accessClaims{
			registered: registered{Issuer: issuer, Subject: "alice-id", Audience: issuer, Expiry: noon.Unix() + 900, IssuedAt: noon.Unix()},
			JTI:        access.JTI, ClientID: "cl_web", Scope: "openid email", AuthTime: noon.Unix() - 60, GrantID: "family",
		}) || !access.ofPerson() {
			t.Errorf("%+v", access)
		}
		id, err := s.verifyIDToken(t.Context(), r.IDToken)
		if err != nil || id == nil {
			t.Fatal(id, err)
		}
		if id.registered != (registered{Issuer: issuer, Subject: "alice-id", Audience: "cl_web", Expiry: noon.Unix() + 900, IssuedAt: noon.Unix()}) ||
			id.AuthTime != noon.Unix()-60 || id.Nonce != "n" || strings.Join(id.AMR, " ") != "pwd" || id.AtHash != halfHash(r.AccessToken) {
			t.Errorf("%+v", id)
		}
	}
	if r := issued(t, s, webClient(nil), "read"); r.IDToken != "" {
		t.Error("an ID token without openid")
	}
}

// RFC 6749 §4.4.3, RFC 9068 §2.2: a client that acts as itself is the subject, and gets an access token alone.
func TestIssue_forAClientItself(t *testing.T) {
	t.Parallel()
	s := keyed()
	c := webClient(func(c *Client) { c.ID, c.GrantID = "cl_service", "client-grant" })
	r, _, err := s.issue(t.Context(), &tokenCall{client: c, now: noon}, &granted{grantID: c.GrantID, scopes: Scopes{"read", "openid"}})
	if err != nil || r.IDToken != "" || r.RefreshToken != "" || r.ExpiresIn != 600 {
		t.Fatalf("%+v, %v", r, err)
	}
	claims, err := s.accessToken(t.Context(), r.AccessToken)
	if err != nil || claims == nil || claims.Subject != "cl_service" || claims.GrantID != "client-grant" || claims.AuthTime != 0 || claims.ofPerson() {
		t.Errorf("%+v, %v", claims, err)
	}
}

// OpenID Connect Core, Appendix A.3 gives an example.
func TestHalfHash(t *testing.T) {
	t.Parallel()
	if got := halfHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Error(got)
	}
}

// RFC 8725 §3.11 and §3.12, RFC 9068 §4; case 85: one kind of token never passes for another, nor another issuer's for ours.
func TestTokens_areNotMistakenForEachOther(t *testing.T) {
	t.Parallel()
	s := keyed()
	c := webClient(func(c *Client) { c.ID, c.IDTokenSignedResponseAlg = "cl_web", keys.ES256 })
	good := issued(t, s, c, "openid")
	sign := func(typ, alg string, iss, aud string, exp time.Time) string {
		t.Helper()
		token, err := s.Keys.Sign(t.Context(), alg, typ, accessClaims{
			registered: registered{Issuer: iss, Subject: "alice-id", Audience: aud, Expiry: exp.Unix(), IssuedAt: noon.Unix()}, JTI: "j", ClientID: "cl_web", GrantID: "family",
		})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	later := noon.Add(time.Minute)
	for _, k := range []struct {
		name, token string
		access, id  bool
	}{
		{"an access token", good.AccessToken, true, false},
		{"an ID token", good.IDToken, false, true},
		{"an access token for another audience", sign(accessTokenType, keys.ES256, issuer, "https://api.example", later), false, false},
		{"an access token for its own client", sign(accessTokenType, keys.ES256, issuer, "cl_web", later), false, false},
		{"another issuer's access token", sign(accessTokenType, keys.ES256, "https://evil.example", issuer, later), false, false},
		{"an issuer with a slash more", sign(accessTokenType, keys.ES256, issuer+"/", issuer, later), false, false},
		{"an access token by an algorithm we do not use for them", sign(accessTokenType, keys.RS256, issuer, issuer, later), false, false},
		{"an access token in its last second", sign(accessTokenType, keys.ES256, issuer, issuer, noon.Add(time.Second)), true, false},
		{"an access token that has just expired", sign(accessTokenType, keys.ES256, issuer, issuer, noon), false, false},
		{"an expired ID token, which is a fair hint", sign(idTokenType, keys.RS256, issuer, "cl_web", noon.Add(-time.Hour)), false, true},
		{"another issuer's ID token", sign(idTokenType, keys.RS256, "https://evil.example", "cl_web", later), false, false},
		{"a logout token", sign("logout+jwt", keys.RS256, issuer, "cl_web", later), false, false},
		{"a typ in capitals", sign("AT+JWT", keys.ES256, issuer, issuer, later), false, false},
		{"a refresh token", secret.New("gh_rt_"), false, false},
		{"nothing", "", false, false},
	} {
		access, err := s.accessToken(t.Context(), k.token)
		if err != nil || (access != nil) != k.access {
			t.Errorf("%s as an access token: %+v, %v", k.name, access, err)
		}
		id, err := s.verifyIDToken(t.Context(), k.token)
		if err != nil || (id != nil) != k.id {
			t.Errorf("%s as an ID token: %+v, %v", k.name, id, err)
		}
	}
}

// OpenID Connect Core §3.1.2.1; case 45: a hint is one of ours, for this client.
func TestHintSubject(t *testing.T) {
	t.Parallel()
	s := keyed()
	c := webClient(func(c *Client) { c.ID, c.IDTokenSignedResponseAlg = "cl_web", keys.ES256 })
	good := issued(t, s, c, "openid")
	if subject, err := s.hintSubject(t.Context(), good.IDToken, "cl_web"); err != nil || subject != "alice-id" {
		t.Errorf("%q, %v", subject, err)
	}
	for name, hint := range map[string]struct{ token, client string }{
		"garbage": {"garbage", "cl_web"}, "another client's": {good.IDToken, "cl_other"}, "an access token": {good.AccessToken, "cl_web"}, "an access token, as its audience": {good.AccessToken, issuer},
	} {
		if subject, err := s.hintSubject(t.Context(), hint.token, hint.client); rule(err) != "invalid_request id_token_hint_valid" || subject != "" {
			t.Errorf("%s: %q, %s", name, subject, rule(err))
		}
	}
}

// RFC 6749 §5.2; case 21.
func TestGrantFor(t *testing.T) {
	t.Parallel()
	s := keyed()
	c := webClient(nil)
	for query, want := range map[string]string{
		"grant_type=authorization_code": "",
		"":                              "invalid_request grant_type_present",
		"grant_type=":                   "invalid_request grant_type_present",
		"grant_type=Authorization_Code": "unsupported_grant_type grant_type_supported",
		"grant_type=password":           "unsupported_grant_type grant_type_on",
		"grant_type=implicit":           "unsupported_grant_type grant_type_on",
		"grant_type=refresh_token":      "unauthorized_client grant_type_registered",
		"grant_type=client_credentials": "unauthorized_client grant_type_registered",
	} {
		prove, err := s.grantFor(&tokenCall{client: c, params: parse(t, query)})
		if rule(err) != want || (prove != nil) != (want == "") {
			t.Errorf("%q: %s", query, rule(err))
		}
	}
	delete(s.grants, GrantAuthorizationCode)
	if _, err := s.grantFor(&tokenCall{client: c, params: parse(t, "grant_type=authorization_code")}); rule(err) != "unsupported_grant_type grant_type_supported" {
		t.Errorf("switched off: %s", rule(err))
	}
}

// RFC 6749 §4.4; case 59. The rule comes before the store.
func TestActAsItself_isNotForPublicClients(t *testing.T) {
	t.Parallel()
	if _, err := keyed().actAsItself(t.Context(), &tokenCall{client: public}); rule(err) != "unauthorized_client client_confidential" {
		t.Error(rule(err))
	}
}

// RFC 9700 §2.1.1, §4.8.2; case 30: a verifier without a challenge means that somebody took the challenge out.
func TestProveVerifier_refusesADowngrade(t *testing.T) {
	t.Parallel()
	refuse := func(rule, expected string, received audit.Received, remedy string) (*granted, error) {
		return nil, InvalidGrant("x").Because(cause(rule, expected, received, remedy))
	}
	spent := &Code{CodeChallenge: challenge, SpentAt: new(noon)} // of a spent code nothing is counted, so no store is asked
	for _, c := range []struct {
		code  *Code
		query string
		rule  string
	}{
		{&Code{}, "", ""},
		{&Code{}, "code_verifier=", ""},
		{&Code{}, "code_verifier=" + verifier, "invalid_grant code_verifier_expected"},
		{&Code{CodeChallenge: challenge}, "code_verifier=" + verifier, ""},
		{spent, "code_verifier=" + verifier, ""},
		{spent, "", "invalid_grant code_verifier"},
		{spent, "code_verifier=" + challenge, "invalid_grant code_verifier"},
	} {
		g, err := keyed().proveVerifier(context.Background(), &tokenCall{params: parse(t, c.query)}, c.code, refuse)
		if rule(err) != c.rule || g != nil {
			t.Errorf("%q: %s", c.query, rule(err))
		}
	}
}

// RFC 6749 §6; case 55: less, never more than the family has, nor than the client may still ask for.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	family := &PresentedRefreshToken{Family: Family{Scopes: Scopes{"openid", "read", "offline_access"}}}
	same := &Client{Scopes: Scopes{"offline_access", "read", "openid", "write"}}
	reduced := &Client{Scopes: Scopes{"openid", "offline_access", "write"}}
	for _, c := range []struct {
		client      *Client
		query, want string
	}{
		{same, "", "openid read offline_access"},
		{same, "scope=", "openid read offline_access"},
		{same, "scope=read", "read"},
		{same, "scope=offline_access+openid", "offline_access openid"},
		{same, "scope=write", "invalid_scope scope_granted"},
		{same, "scope=read+write", "invalid_scope scope_granted"},
		{same, "scope=Read", "invalid_scope scope_granted"},
		{same, "scope=read++openid", "invalid_scope scope_granted"},
		{same, "scope=+", "invalid_scope scope_granted"},
		{reduced, "", "openid offline_access"},
		{reduced, "scope=openid", "openid"},
		{reduced, "scope=read", "invalid_scope scope_granted"},
		{reduced, "scope=write", "invalid_scope scope_granted"},
	} {
		_, got, err := keyed().narrowed(t.Context(), &tokenCall{client: c.client, params: parse(t, c.query)}, family)
		if err != nil && rule(err) != c.want || err == nil && got.String() != c.want {
			t.Errorf("%q of %v: %q, %s", c.query, c.client.Scopes, got, rule(err))
		}
	}
	if got := family.Scopes.String(); got != "openid read offline_access" {
		t.Errorf("the family now has %q", got)
	}
}

// security.md rule 1; RFC 9700 §4.14.2: which spent refresh token is a retry whose answer may have been lost.
func TestNotARetry(t *testing.T) {
	t.Parallel()
	second := time.Second
	for _, c := range []struct {
		name    string
		client  *Client
		rotated time.Duration // ago
		ready   time.Duration // ago
		change  func(*PresentedRefreshToken)
		retry   bool
	}{
		{"at once", public, 0, time.Hour, nil, true},
		{"within the public interval", public, 10 * second, time.Hour, nil, true},
		{"after the public interval", public, 10*second + 1, time.Hour, nil, false},
		{"within the confidential interval", confidential, 60 * second, time.Hour, nil, true},
		{"after the confidential interval", confidential, 60*second + 1, time.Hour, nil, false},
		{"shortly after this node came back", public, 2 * time.Minute, 10 * second, nil, true},
		{"longer after this node came back", public, 2 * time.Minute, 10*second + 1, nil, false},
		{"this node came back before the rotation", public, 11 * second, 12 * second, nil, false},
		{"five minutes old, this node just came back", public, 5 * time.Minute, 0, nil, true},
		{"more than five minutes old, this node just came back", public, 5*time.Minute + 1, 0, nil, false},
		{"more than five minutes old, confidential, this node just came back", confidential, 5*time.Minute + 1, 0, nil, false},
		{"its successor was presented", public, 0, time.Hour, func(p *PresentedRefreshToken) { p.CurrentPresentedAt = new(noon) }, false},
		{"its successor is spent", public, 0, time.Hour, func(p *PresentedRefreshToken) { p.PreviousHash = "of its successor" }, false},
		{"nothing was rotated", public, 0, time.Hour, func(p *PresentedRefreshToken) { p.RotatedAt = nil }, false},
		{"there is no predecessor", public, 0, time.Hour, func(p *PresentedRefreshToken) { p.PreviousHash = "" }, false},
	} {
		s := New(Config{ReadySince: func() time.Time { return noon.Add(-c.ready) }})
		p := &PresentedRefreshToken{Family: Family{PreviousHash: "presented", RotatedAt: new(noon.Add(-c.rotated))}}
		if c.change != nil {
			c.change(p)
		}
		why := s.notARetry(&tokenCall{client: c.client, now: noon}, p, "presented")
		if (why == "") != c.retry {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}

// security.md rule 1: the successor is sealed under the token that a retry presents, and opens for no other.
func TestRetried_answersWithTheOneSuccessor(t *testing.T) {
	t.Parallel()
	s := keyed()
	const value, successor = "gh_rt_spent", "gh_rt_successor"
	p := &PresentedRefreshToken{Family: Family{ID: "family", SuccessorSealed: secret.SealUnder(value, successorAAD+"family", []byte(successor))}}
	call := &tokenCall{client: public, now: noon}
	for range 2 {
		g, err := s.retried(call, p, &granted{}, value)
		if err != nil || g.refreshToken != successor {
			t.Errorf("%+v, %v", g, err)
		}
	}
	if _, err := s.retried(call, p, &granted{}, "gh_rt_other"); err == nil {
		t.Error("opens for another token")
	}
	p.ID = "other"
	if _, err := s.retried(call, p, &granted{}, value); err == nil {
		t.Error("opens in another family")
	}
}

func TestIdleEnd_isNeverBeyondTheFamilys(t *testing.T) {
	t.Parallel()
	s := keyed()
	idle := s.Policy().Lifetimes.RefreshIdle
	for _, c := range []struct{ family, want time.Time }{
		{noon.Add(idle + time.Hour), noon.Add(idle)}, {noon.Add(idle), noon.Add(idle)}, {noon.Add(time.Hour), noon.Add(time.Hour)},
	} {
		if got := s.idleEnd(&tokenCall{client: &Client{}, now: noon}, c.family); !got.Equal(c.want) {
			t.Errorf("%s", got)
		}
	}
}

// The family a code begins: bound to its session unless it may outlive it, with a refresh token only where it may have one.
func TestBeginFamily(t *testing.T) {
	t.Parallel()
	s := keyed()
	with := func(scope string, grants ...string) *Client {
		return webClient(func(c *Client) {
			c.GrantTypes, c.Scopes = append(Words{GrantAuthorizationCode}, grants...), strings.Fields(scope)
		})
	}
	refreshing := with("openid email offline_access read", GrantRefreshToken)
	for _, c := range []struct {
		name          string
		client        *Client
		scope, begins string
		refreshes     bool
	}{
		{"sign-in alone", refreshing, "openid email", "openid email", false},
		{"offline access", refreshing, "openid offline_access", "openid offline_access", true},
		{"plain OAuth", refreshing, "read", "read", true},
		{"a client that has not registered refresh_token", with("openid offline_access"), "openid offline_access", "openid offline_access", false},
		{"a scope the client lost", with("openid offline_access", GrantRefreshToken), "openid offline_access read", "openid offline_access", true},
		{"offline access the client lost", with("openid", GrantRefreshToken), "openid offline_access", "openid", false},
		{"a sign-in of a client that lost openid", with("email", GrantRefreshToken), "openid email", "email", false},
	} {
		g := s.beginFamily(&tokenCall{client: c.client, now: noon}, &Code{FamilyID: "family", UserID: "alice-id", SessionID: "session", Scopes: strings.Fields(c.scope), Nonce: "n"}, nil)
		if (g.refreshToken != "") != c.refreshes || g.grantID != "family" || g.userID != "alice-id" || g.nonce != "n" || g.scopes.String() != c.begins {
			t.Errorf("%s: %+v", c.name, g)
		}
		if c.refreshes && (!strings.HasPrefix(g.refreshToken, "gh_rt_") || len(g.refreshToken) != 49) {
			t.Errorf("%s: %q", c.name, g.refreshToken)
		}
	}
}
