package web_test

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// withScopes lets a client ask for what the API takes, besides OpenID's own.
func withScopes(scopes ...string) func(*oauth.Client) {
	return func(c *oauth.Client) { c.Scopes = append(slices.Clone(oauth.PersonScopes), scopes...) }
}

// ownClient registers the API's own client, which introspects for it.
func ownClient(t *testing.T, h *webtest.House, a *webtest.API) *webtest.Client {
	t.Helper()
	return h.Client(t, func(c *oauth.Client) {
		c.Name, c.ResourceServer, c.GrantTypes, c.Scopes, c.RedirectURIs = a.Name, a.Identifier, nil, nil, nil
	})
}

// headerOf reads a JWT's header.
func headerOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header
}

// verified checks a token as an API with a standard library does, against the published keys.
func verified(t *testing.T, h *webtest.House, token, alg, audience string) map[string]any {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), h.HTTP())
	config := &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{alg}, Now: h.Clock.Now}
	proven, err := oidc.NewVerifier(h.Issuer, oidc.NewRemoteKeySet(ctx, h.Issuer+oauth.PathJWKS), config).Verify(ctx, token)
	if err != nil {
		t.Errorf("%s: %v", alg, err)
		return nil
	}
	claims := map[string]any{}
	if err := proven.Claims(&claims); err != nil {
		t.Error(err)
	}
	return claims
}

// RFC 8707 §2: a token is for the API that was asked for, by name, by default, or for our own; security.md rule 6.
func TestAPI_aTokenIsForTheAPIThatWasAskedFor(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		mail := h.API(t, func(a *oauth.API) { a.Identifier, a.Scopes = "urn:example:mail", oauth.Scopes{"send"} })
		plain, user := h.Client(t, withScopes("read", "write", "send")), h.User(t)
		ordinary := h.Client(t, withScopes("read", "write", "send"), func(c *oauth.Client) { c.DefaultResource = orders.Identifier })
		for _, c := range []struct {
			name      string
			client    *webtest.Client
			authorize url.Values
			token     url.Values
			audience  string
			scope     string
		}{
			{"nothing", plain, url.Values{"scope": {"openid read"}}, nil, h.Issuer, "openid read"},
			{"the default", ordinary, url.Values{"scope": {"openid read"}}, nil, orders.Identifier, "read"},
			{"by name", plain, url.Values{"scope": {"openid read write"}, "resource": {orders.Identifier}}, nil, orders.Identifier, "read write"},
			{"by name against the default", ordinary, url.Values{"scope": {"openid read"}, "resource": {h.Issuer}}, nil, h.Issuer, "openid read"},
			{"of several the first", plain, url.Values{"scope": {"read send"}, "resource": {mail.Identifier, orders.Identifier}}, nil, mail.Identifier, "send"},
			{"of several the one named", plain, url.Values{"scope": {"read send"}, "resource": {mail.Identifier, orders.Identifier}}, url.Values{"resource": {orders.Identifier}}, orders.Identifier, "read"},
			{"the same twice is one", plain, url.Values{"scope": {"read"}, "resource": {orders.Identifier, orders.Identifier}}, nil, orders.Identifier, "read"},
			{"without a scope, what the API takes", plain, url.Values{"scope": {""}, "resource": {mail.Identifier}}, nil, mail.Identifier, "send"},
		} {
			form := url.Values{"grant_type": {"authorization_code"}, "code": {h.Browser(t).Code(c.client, user, c.authorize)}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}
			for name, values := range c.token {
				form[name] = values
			}
			a := h.Post(t, oauth.PathToken, c.client, form)
			if a.Status != http.StatusOK || a.Str("scope") != c.scope {
				t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
				continue
			}
			claims := verified(t, h, a.Str("access_token"), keys.ES256, c.audience)
			if scope, _ := claims["scope"].(string); scope != c.scope || claims["sub"] != user.ID {
				t.Errorf("%s: %v", c.name, claims)
			}
			openid := strings.Contains(c.authorize.Get("scope"), "openid")
			if hasID := a.Str("id_token") != ""; hasID != openid {
				t.Errorf("%s: an ID token came: %v", c.name, hasID)
			}
			// Our own API takes its own tokens alone.
			want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[c.audience == h.Issuer]
			if me := h.Get(t, oauth.PathMe, a.Str("access_token")); me.Status != want {
				t.Errorf("%s: /users/me answered %d", c.name, me.Status)
			}
			if info := h.Get(t, oauth.PathUserinfo, a.Str("access_token")); info.Status != want {
				t.Errorf("%s: userinfo answered %d", c.name, info.Status)
			}
		}
	})
}

// RFC 8707 §2.2: a refresh moves between what was granted, and nowhere else; the family stays whole.
func TestAPI_aRefreshMovesBetweenTheAPIsThatWereGranted(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		mail := h.API(t, func(a *oauth.API) { a.Identifier, a.Scopes = "https://mail.example.test/api", oauth.Scopes{"send"} })
		client := h.Client(t, withScopes("read", "write", "send"))
		first := h.Tokens(t, client, h.User(t), url.Values{"scope": {"offline_access read send"}, "resource": {orders.Identifier, mail.Identifier}})
		refresh := func(token, resource string) webtest.Answer {
			return h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "resource": {resource}})
		}
		second := refresh(first.Str("refresh_token"), mail.Identifier)
		verified(t, h, second.Str("access_token"), keys.ES256, mail.Identifier)
		if second.Str("scope") != "send" {
			t.Errorf("%s", second.Body)
		}
		for _, foreign := range []string{h.Issuer, "https://unknown.example.test"} {
			refused(t, refresh(second.Str("refresh_token"), foreign), http.StatusBadRequest, "invalid_target")
			h.Refusal(t, "resource_granted")
		}
		third := refresh(second.Str("refresh_token"), orders.Identifier)
		if third.Status != http.StatusOK || third.Str("scope") != "read" {
			t.Errorf("after a refusal: %d %s", third.Status, third.Body)
		}
		if err := h.Store.DeleteAPI(t.Context(), orders.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		refused(t, refresh(third.Str("refresh_token"), orders.Identifier), http.StatusBadRequest, "invalid_target")
		h.Refusal(t, "resource_known")
	})
}

// An API verifies with the algorithm it chose, and nothing else.
func TestAPI_tokensAreSignedAsTheAPIWants(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		for _, alg := range []string{keys.ES256, keys.RS256, keys.EdDSA} {
			api := h.API(t, func(a *oauth.API) { a.Identifier, a.SigningAlg = "https://"+strings.ToLower(alg)+".example.test", alg })
			client := h.Client(t, withScopes("read", "write"))
			a := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {api.Identifier}})
			claims := verified(t, h, a.Str("access_token"), alg, api.Identifier)
			if claims["client_id"] != client.ID || claims["sub"] != client.ID || claims["scope"] != "read" {
				t.Errorf("%s: %v", alg, claims)
			}
			if header := headerOf(t, a.Str("access_token")); header["typ"] != "at+jwt" {
				t.Errorf("%s: %v", alg, header)
			}
			if !active(t, h, client, a.Str("access_token")) || !active(t, h, ownClient(t, h, api), a.Str("access_token")) {
				t.Errorf("%s: introspected as inactive", alg)
			}
		}
		if jwks := h.Get(t, oauth.PathJWKS, "").Body; !strings.Contains(jwks, `"crv":"Ed25519"`) || strings.Contains(jwks, "HS256") || strings.Contains(jwks, `"oct"`) {
			t.Errorf("published: %s", jwks)
		}
	})
}

// The FastAPI guides' libraries verify with a string they were configured with, and refuse an aud they were not told of.
func TestAPI_tutorialClaims(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		for _, alg := range []string{keys.HS256, keys.ES256} {
			api := h.API(t, func(a *oauth.API) {
				a.Identifier, a.SigningAlg, a.Claims, a.AccessTokenTTL = "https://tutorial-"+strings.ToLower(alg)+".example.test", alg, oauth.ClaimsTutorial, 1800
			})
			client, user := h.Client(t, withScopes("read", "write")), h.User(t)
			a := h.Tokens(t, client, user, url.Values{"scope": {"read write"}, "resource": {api.Identifier}})
			claims := claimsOf(t, a.Str("access_token"))
			if claims["sub"] != user.Username || !reflect.DeepEqual(claims["scopes"], []any{"read", "write"}) || claims["aud"] != nil || claims["scope"] != nil {
				t.Errorf("%s: %v", alg, claims)
			}
			if a.JSON["expires_in"] != 1800.0 || claims["exp"].(float64)-claims["iat"].(float64) != 1800 {
				t.Errorf("%s: lives %v", alg, a.JSON["expires_in"])
			}
			if alg == keys.HS256 {
				if _, err := jwt.NewParser(jwt.WithTimeFunc(h.Clock.Now)).Parse(a.Str("access_token"), func(*jwt.Token) (any, error) { return []byte(api.Secret), nil }); err != nil {
					t.Errorf("with the secret as raw bytes: %v", err)
				}
			}
			own := ownClient(t, h, api)
			told := h.Introspect(t, own, a.Str("access_token"))
			if told.JSON["active"] != true || told.Str("scope") != "read write" || told.Str("sub") != user.Username || told.Str("username") != user.Username {
				t.Errorf("%s: introspection told %s", alg, told.Body)
			}
			service := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "resource": {api.Identifier}})
			if claims := claimsOf(t, service.Str("access_token")); claims["sub"] != client.ID || !reflect.DeepEqual(claims["scopes"], []any{"read", "write"}) {
				t.Errorf("%s: client_credentials: %v", alg, claims)
			}
			if !active(t, h, own, service.Str("access_token")) {
				t.Errorf("%s: a client's own token is not active", alg)
			}
		}
	})
}

// security.md rule 5: what is signed with a secret that an API holds too proves nothing to anybody but that API.
func TestAPI_aSharedSecretOpensNothingElse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		first := h.API(t, func(a *oauth.API) { a.SigningAlg = keys.HS256 })
		second := h.API(t, func(a *oauth.API) { a.Identifier, a.SigningAlg = "https://second.example.test", keys.HS256 })
		third := h.API(t, func(a *oauth.API) { a.Identifier = "https://third.example.test" })
		client, user := h.Client(t, withScopes("read", "write")), h.User(t)
		owner, stranger, asymmetric := ownClient(t, h, first), ownClient(t, h, second), ownClient(t, h, third)
		tokens := h.Tokens(t, client, user, url.Values{"scope": {"openid offline_access read"}, "resource": {first.Identifier}})
		token := tokens.Str("access_token")
		if !active(t, h, owner, token) {
			t.Error("its own API does not know it")
		}
		for name, c := range map[string]*webtest.Client{"the client it was issued to": client, "another API": stranger, "an API with a key": asymmetric} {
			if active(t, h, c, token) {
				t.Errorf("%s was told about it", name)
			}
		}

		// The holder of the secret forges what it likes: for our own API, for another, as a hint, as an ID token.
		now := h.Clock.Now().Unix()
		genuine := claimsOf(t, token)
		forge := func(kid, typ string, change map[string]any) string {
			claims := jwt.MapClaims{}
			for k, v := range genuine {
				claims[k] = v
			}
			claims["exp"], claims["iat"] = now+600, now
			for k, v := range change {
				if claims[k] = v; v == nil {
					delete(claims, k)
				}
			}
			forged := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
			forged.Header["kid"], forged.Header["typ"] = kid, typ
			text, err := forged.SignedString([]byte(first.Secret))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		ours := headerOf(t, h.Tokens(t, client, user, nil).Str("access_token"))["kid"].(string)
		for name, forged := range map[string]string{
			"for our own API, its kid":        forge(first.ID, "at+jwt", map[string]any{"aud": h.Issuer}),
			"for our own API, our kid":        forge(ours, "at+jwt", map[string]any{"aud": h.Issuer}),
			"without aud":                     forge(first.ID, "at+jwt", map[string]any{"aud": nil}),
			"without aud, our kid":            forge(ours, "at+jwt", map[string]any{"aud": nil}),
			"for another API, its kid":        forge(first.ID, "at+jwt", map[string]any{"aud": second.Identifier}),
			"for another API, that one's kid": forge(second.ID, "at+jwt", map[string]any{"aud": second.Identifier}),
			"for an API with a key":           forge(third.ID, "at+jwt", map[string]any{"aud": third.Identifier}),
			"for an API with a key, our kid":  forge(ours, "at+jwt", map[string]any{"aud": third.Identifier}),
			"as an ID token":                  forge(first.ID, "JWT", map[string]any{"aud": client.ID}),
			"expired":                         forge(first.ID, "at+jwt", map[string]any{"exp": now}),
			"of another issuer":               forge(first.ID, "at+jwt", map[string]any{"iss": "https://evil.test"}),
		} {
			for _, path := range []string{oauth.PathUserinfo, oauth.PathMe} {
				if a := h.Get(t, path, forged); a.Status != http.StatusUnauthorized {
					t.Errorf("%s: %s answered %d %s", name, path, a.Status, a.Body)
				}
			}
			for who, c := range map[string]*webtest.Client{"first": owner, "second": stranger, "third": asymmetric, "client": client} {
				if active(t, h, c, forged) {
					t.Errorf("%s: active for %s", name, who)
				}
			}
			told := h.Browser(t).Get(h.AuthorizeURL(client, url.Values{"id_token_hint": {forged}}))
			if q := webtest.Told(told.Location); q.Get("error") != "invalid_request" {
				t.Errorf("%s: as a hint: %v", name, q)
			}
		}
		// Even a token for itself says nothing of a grant that it does not have.
		if active(t, h, owner, forge(first.ID, "at+jwt", map[string]any{"gid": "none"})) || active(t, h, owner, forge(first.ID, "at+jwt", map[string]any{"sub": "somebody"})) {
			t.Error("a forged grant is live")
		}
		// The client that holds it revokes it, and its API knows at once.
		if a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {token}}); a.Status != http.StatusOK {
			t.Fatalf("revoke: %d %s", a.Status, a.Body)
		}
		if active(t, h, owner, token) {
			t.Error("a revoked token is active")
		}
	})
}

// Opaque tokens live in the database alone; the API's own client is told, nobody else but the one that was given it.
func TestAPI_opaqueTokens(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		api := h.API(t, func(a *oauth.API) { a.TokenFormat, a.AccessTokenTTL = oauth.FormatOpaque, 300 })
		client, user, foreign, own := h.Client(t, withScopes("read", "write")), h.User(t), h.Client(t), ownClient(t, h, api)
		tokens := h.Tokens(t, client, user, url.Values{"scope": {"openid offline_access read"}, "resource": {api.Identifier}})
		token := tokens.Str("access_token")
		if !strings.HasPrefix(token, "gh_at_") || tokens.JSON["expires_in"] != 300.0 || tokens.Str("id_token") == "" {
			t.Fatalf("%s", tokens.Body)
		}
		told := h.Introspect(t, own, token)
		want := map[string]any{
			"active": true, "scope": "read", "client_id": client.ID, "username": user.Username, "token_type": "Bearer", "sub": user.ID,
			"aud": api.Identifier, "iss": h.Issuer, "exp": float64(h.Clock.Now().Unix() + 300), "iat": float64(h.Clock.Now().Unix()), "jti": told.JSON["jti"],
		}
		if !reflect.DeepEqual(told.JSON, want) || told.JSON["jti"] == "" {
			t.Errorf("told %v, want %v", told.JSON, want)
		}
		if !active(t, h, client, token) || active(t, h, foreign, token) {
			t.Error("who is told is wrong")
		}
		if a := h.Get(t, oauth.PathMe, token); a.Status != http.StatusUnauthorized {
			t.Errorf("/users/me answered %d", a.Status)
		}
		refreshed := h.Refresh(t, client, tokens.Str("refresh_token"))
		retried := h.Refresh(t, client, tokens.Str("refresh_token"))
		service := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "resource": {api.Identifier}})
		all := []string{token, refreshed.Str("access_token"), retried.Str("access_token"), service.Str("access_token")}
		for i, token := range all {
			if !active(t, h, own, token) {
				t.Errorf("token %d of %q is not active", i, all)
			}
		}
		if a := h.Post(t, oauth.PathRevoke, foreign, url.Values{"token": {all[1]}}); a.Status != http.StatusBadRequest || !active(t, h, own, all[1]) {
			t.Errorf("another client's revocation: %d", a.Status)
		}
		if a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {all[1]}}); a.Status != http.StatusOK || active(t, h, own, all[1]) || !active(t, h, own, all[0]) {
			t.Errorf("revocation: %d", a.Status)
		}
		if _, err := h.Store.RevokeClientTokens(t.Context(), client.ID, oauth.EndedByOperator, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		for i, token := range all {
			if active(t, h, own, token) {
				t.Errorf("token %d outlived the client's grants", i)
			}
		}
		late := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}, "resource": {api.Identifier}}).Str("access_token")
		h.Clock.Advance(5 * time.Minute)
		if active(t, h, own, late) {
			t.Error("an expired token is active")
		}
		if _, err := h.Store.Sweep(t.Context(), h.Clock.Now().Add(time.Hour), nil); err != nil {
			t.Fatal(err)
		}
		if active(t, h, own, late) {
			t.Error("a swept token is active")
		}
	})
}

// security.md rule 6: one API per token, and of one API's own client no other's tokens.
func TestAPI_isIntrospectedByItsOwnClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		mail := h.API(t, func(a *oauth.API) { a.Identifier = "https://mail.example.test" })
		client, user := h.Client(t, withScopes("read", "write")), h.User(t)
		token := h.Tokens(t, client, user, url.Values{"scope": {"read"}, "resource": {orders.Identifier}}).Str("access_token")
		ours := h.Tokens(t, client, user, nil).Str("access_token")
		if own := ownClient(t, h, orders); !active(t, h, own, token) || active(t, h, own, ours) {
			t.Error("orders is told the wrong things")
		}
		if other := ownClient(t, h, mail); active(t, h, other, token) || active(t, h, other, ours) {
			t.Error("mail is told about others")
		}
		if !active(t, h, client, token) || !active(t, h, client, ours) {
			t.Error("a client is not told about its own")
		}
	})
}

// What the token endpoint refuses in resource and scope.
func TestAPI_whatIsRefused(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		mail := h.API(t, func(a *oauth.API) { a.Identifier, a.Scopes = "https://mail.example.test", oauth.Scopes{"send"} })
		client := h.Client(t, withScopes("read", "send"))
		for _, c := range []struct {
			form url.Values
			code string
			rule string
		}{
			{url.Values{"resource": {"orders"}}, "invalid_target", "resource_syntax"},
			{url.Values{"resource": {orders.Identifier + "#x"}}, "invalid_target", "resource_syntax"},
			{url.Values{"resource": {orders.Identifier + "/"}}, "invalid_target", "resource_known"},
			{url.Values{"resource": {orders.Identifier, mail.Identifier}}, "invalid_target", "resource_single"},
			{url.Values{"resource": {orders.Identifier}, "scope": {"read send"}}, "invalid_scope", "scope_resource"},
			{url.Values{"resource": {orders.Identifier}, "scope": {"write"}}, "invalid_scope", "scope_allowed"},
			{url.Values{"resource": {orders.Identifier}, "scope": {"openid"}}, "invalid_scope", "scope_without_person"},
		} {
			c.form.Set("grant_type", "client_credentials")
			refused(t, h.Post(t, oauth.PathToken, client, c.form), http.StatusBadRequest, c.code)
			h.Refusal(t, c.rule)
		}
		told := h.Browser(t).Get(h.AuthorizeURL(client, url.Values{"scope": {"openid send"}, "resource": {orders.Identifier}}))
		if q := webtest.Told(told.Location); q.Get("error") != "invalid_scope" {
			t.Errorf("%v", q)
		}
		h.Refusal(t, "scope_resource")
	})
}

// An API that clients depend on is not deleted under their feet.
func TestAPI_isNotDeletedWhileClientsDependOnIt(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		own := ownClient(t, h, orders)
		remove := func() error { return h.Store.DeleteAPI(t.Context(), orders.ID, h.Clock.Now(), event()) }
		if err := remove(); err == nil || !strings.Contains(err.Error(), "depend") {
			t.Fatalf("deleted: %v", err)
		}
		if err := h.Store.DeleteClient(t.Context(), own.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if a := h.Post(t, oauth.PathToken, h.Client(t), url.Values{"grant_type": {"client_credentials"}, "resource": {orders.Identifier}}); a.Str("error") != "invalid_target" {
			t.Errorf("a token for it: %s", a.Body)
		}
	})
}
