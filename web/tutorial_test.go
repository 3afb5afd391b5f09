package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

const defaultClient = "cl_default"

// tutorial opens a house with the grants of the FastAPI guides.
func tutorial(o *webtest.Options) {
	o.PasswordGrant, o.ImplicitGrant, o.DefaultClient = true, true, defaultClient
}

// guideClient is a public client of the guides' kind, the default one.
func guideClient(c *oauth.Client) {
	c.ID, c.TokenEndpointAuthMethod, c.RequirePKCE = defaultClient, oauth.AuthNone, true
	c.GrantTypes, c.RedirectURIs = oauth.Words{oauth.GrantPassword, oauth.GrantRefreshToken}, nil
	c.Scopes = oauth.Scopes{"openid", "profile", "email", "offline_access", "me", "items"}
}

func guides(t *testing.T, h *webtest.House) (client *webtest.Client, user *identity.User) {
	t.Helper()
	h.Scope(t, "me", "See who you are")
	h.Scope(t, "items", "See your items")
	return h.Client(t, func(c *oauth.Client) {
		guideClient(c)
		c.GrantTypes = oauth.Words{oauth.GrantPassword, oauth.GrantRefreshToken}
	}), h.User(t)
}

// RFC 6749 §4.3.
func TestPassword_givesTokens(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		_, user := guides(t, h)
		client := h.Client(t, withScopes("me", "items"))
		a := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, url.Values{"scope": {"me items"}})
		if a.Status != http.StatusOK || a.Str("scope") != "me items" || a.Str("refresh_token") == "" || a.Str("id_token") != "" || a.Str("token_type") != "Bearer" {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if me := h.Get(t, oauth.PathMe, a.Str("access_token")); me.Str("username") != user.Username {
			t.Errorf("%s", me.Body)
		}
		if next := h.Refresh(t, client, a.Str("refresh_token")); next.Status != http.StatusOK || next.Str("scope") != "me items" {
			t.Errorf("%d %s", next.Status, next.Body)
		}
		// By e-mail address, with OpenID's scopes: an ID token, and userinfo.
		b := h.Password(t, oauth.PathToken, client, " "+strings.ToUpper(user.Email)+" ", webtest.Password, url.Values{"scope": {"openid email"}})
		if b.Status != http.StatusOK || b.Str("id_token") == "" || b.Str("refresh_token") != "" {
			t.Fatalf("%d %s", b.Status, b.Body)
		}
		if info := h.Get(t, oauth.PathUserinfo, b.Str("access_token")); info.Str("email") != user.Email {
			t.Errorf("%s", info.Body)
		}
		// Without a scope: all the client may have that need not be asked for by name.
		if c := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, nil); c.Str("scope") != "me items" {
			t.Errorf("%s", c.Body)
		}
	}, tutorial)
}

// security.md rule 16: whatever is wrong, the answer is the same; what it was is written down.
func TestPassword_everyRefusalLooksTheSame(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		admin := h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin })
		operator := h.User(t, func(u *identity.User) { u.Role = identity.RoleOperator })
		off := h.User(t)
		if err := h.Store.DisableUser(t.Context(), off.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		var bodies []string
		for _, c := range []struct{ name, username, password, rule string }{
			{"a wrong password", user.Username, "wrong password here", "password"},
			{"nobody", "nobody-at-all", webtest.Password, "user_known"},
			{"an administrator", admin.Username, webtest.Password, "password_grant_role"},
			{"an operator", operator.Username, webtest.Password, "password_grant_role"},
			{"somebody disabled", off.Username, webtest.Password, "user_enabled"},
		} {
			a := h.Password(t, oauth.PathToken, client, c.username, c.password, nil)
			refused(t, a, http.StatusBadRequest, "invalid_grant")
			delete(a.JSON, "error_uri")
			text, err := json.Marshal(a.JSON)
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(text))
			e := h.Refusal(t, c.rule)
			if text, _ := json.Marshal(e); strings.Contains(string(text), "nobody-at-all") || strings.Contains(string(text), "wrong password") {
				t.Errorf("%s: written down: %s", c.name, text)
			}
		}
		for _, body := range bodies {
			if body != bodies[0] {
				t.Errorf("they differ: %q", bodies)
			}
		}
	}, tutorial)
}

// security.md rules 15 and 16: one set of counters for the page and the grant, and no oracle for an administrator's password.
func TestPassword_sharesTheSignInsCounters(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		admin := h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin })
		for _, who := range []*identity.User{user, admin} {
			for range 5 {
				refused(t, h.Password(t, oauth.PathToken, client, who.Username, "not the password", nil), http.StatusBadRequest, "invalid_grant")
			}
			a := h.Password(t, oauth.PathToken, client, who.Username, webtest.Password, nil)
			if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
				t.Errorf("the sixth try: %d %s", a.Status, a.Body)
			}
			b := h.Browser(t)
			b.Get("/login")
			if p := b.Submit("/login", url.Values{"username": {who.Username}, "password": {webtest.Password}}); p.Status != http.StatusTooManyRequests {
				t.Errorf("the sign-in page does not know: %d", p.Status)
			}
			h.Clock.Advance(2 * time.Second)
		}
		// After the pause the right password works, and is forgiven; an administrator's is as wrong as any.
		if a := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, nil); a.Status != http.StatusOK {
			t.Errorf("after the pause: %d %s", a.Status, a.Body)
		}
		refused(t, h.Password(t, oauth.PathToken, client, admin.Username, webtest.Password, nil), http.StatusBadRequest, "invalid_grant")
		if a := h.Password(t, oauth.PathToken, client, admin.Username, webtest.Password, nil); a.Status != http.StatusTooManyRequests {
			t.Errorf("an administrator's right password was told from a wrong one: %d %s", a.Status, a.Body)
		}
	}, tutorial)
}

// What is missing or not allowed.
func TestPassword_whatIsRefused(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		without := h.Client(t, func(c *oauth.Client) { c.GrantTypes = oauth.Words{oauth.GrantAuthorizationCode} })
		for _, c := range []struct {
			client     *webtest.Client
			more       url.Values
			code, rule string
		}{
			{client, url.Values{"username": nil}, "invalid_request", "password_present"},
			{client, url.Values{"password": {""}}, "invalid_request", "password_present"},
			{client, url.Values{"scope": {"admin"}}, "invalid_scope", "scope_known"},
			{client, url.Values{"scope": {"address"}}, "invalid_scope", "scope_allowed"},
			{client, url.Values{"resource": {"https://unknown.test"}}, "invalid_target", "resource_known"},
			{client, url.Values{"username": {user.Username, "other"}}, "invalid_request", "parameter_once"},
			{client, url.Values{"password": {webtest.Password, "other"}}, "invalid_request", "parameter_once"},
			{without, nil, "unauthorized_client", "grant_type_registered"},
		} {
			refused(t, h.Password(t, oauth.PathToken, c.client, user.Username, webtest.Password, c.more), http.StatusBadRequest, c.code)
			h.Refusal(t, c.rule)
		}
	}, tutorial)
}

// The switches are off: nothing of it is there, or said to be.
func TestSwitches_offMeansOff(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		refused(t, h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, nil), http.StatusBadRequest, "unsupported_grant_type")
		refused(t, h.Password(t, oauth.PathTutorialToken, nil, user.Username, webtest.Password, nil), http.StatusUnauthorized, "invalid_client")
		told := webtest.Told(h.Browser(t).Get(h.AuthorizeURL(client, url.Values{"response_type": {"token"}})).Location)
		if told.Get("error") != "unsupported_response_type" {
			t.Errorf("%v", told)
		}
		discovered := h.Get(t, "/.well-known/openid-configuration", "").JSON
		if !reflect.DeepEqual(discovered["grant_types_supported"], []any{"authorization_code", "refresh_token", "client_credentials"}) || !reflect.DeepEqual(discovered["response_types_supported"], []any{"code"}) {
			t.Errorf("%v, %v", discovered["grant_types_supported"], discovered["response_types_supported"])
		}
		offer, err := h.Store.Offer(t.Context(), h.App.Rules().GrantTypes())
		if err != nil {
			t.Fatal(err)
		}
		for _, grant := range []string{"password", "implicit"} {
			c, e := oauth.ClientFromMetadata([]byte(`{"redirect_uris":["https://app.test/cb"],"grant_types":["` + grant + `"]}`))
			if e != nil {
				t.Fatal(e)
			}
			if e := oauth.MetadataFault(c.Validate(offer)); e == nil || e.Code != "invalid_client_metadata" {
				t.Errorf("%s could be registered: %v", grant, e)
			}
		}
	})
}

func TestSwitches_onMeansAdvertised(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		discovered := h.Get(t, "/.well-known/openid-configuration", "").JSON
		if !reflect.DeepEqual(discovered["grant_types_supported"], []any{"authorization_code", "refresh_token", "client_credentials", "password", "implicit"}) ||
			!reflect.DeepEqual(discovered["response_types_supported"], []any{"code", "token"}) {
			t.Errorf("%v, %v", discovered["grant_types_supported"], discovered["response_types_supported"])
		}
	}, tutorial)
}

// RFC 6749 §4.2.2: a token in the fragment, no refresh token, and a grant of its own that ends with the browser session.
func TestImplicit_givesATokenInTheFragment(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		api := h.API(t)
		opaque := h.API(t, func(a *oauth.API) { a.Identifier, a.TokenFormat = "https://opaque.example.test", oauth.FormatOpaque })
		client, user := h.Client(t, withScopes("read")), h.User(t)
		ask := url.Values{"response_type": {"token"}, "code_challenge": {""}, "code_challenge_method": {""}, "scope": {"openid email read"}}
		b := h.Browser(t)
		answer := b.Authorize(client, user, ask)
		if b.Page.Location.RawQuery != "" {
			t.Errorf("it came by %s", b.Page.Location)
		}
		if answer.Get("token_type") != "Bearer" || answer.Get("expires_in") != "900" || answer.Get("scope") != "openid email read" || answer.Get("iss") != h.Issuer ||
			answer.Get("state") != "state-0123456789" || answer.Has("refresh_token") || answer.Has("code") || answer.Has("id_token") {
			t.Errorf("%v", answer)
		}
		token := answer.Get("access_token")
		if info := h.Get(t, oauth.PathUserinfo, token); info.Str("email") != user.Email {
			t.Errorf("%d %s", info.Status, info.Body)
		}
		again := b.Authorize(client, user, ask).Get("access_token")
		if claimsOf(t, token)["gid"] == claimsOf(t, again)["gid"] {
			t.Error("two authorizations share a grant")
		}
		for _, a := range []*webtest.API{api, opaque} {
			own := ownClient(t, h, a)
			other := b.Authorize(client, user, url.Values{"response_type": {"token"}, "scope": {"read"}, "resource": {a.Identifier}}).Get("access_token")
			if !active(t, h, own, other) {
				t.Errorf("%s: %s is not active", a.Identifier, other)
			}
		}
		if a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {again}}); a.Status != http.StatusOK || active(t, h, client, again) || !active(t, h, client, token) {
			t.Error("revoking one did not end that one alone")
		}
		b.Get("/account")
		b.Submit("/logout", nil)
		if active(t, h, client, token) {
			t.Error("it outlived the browser session")
		}
	}, tutorial)
}

// OAuth 2.0 Multiple Response Types §5: what goes wrong is told where the token would have been.
func TestImplicit_errorsGoIntoTheFragment(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		code := h.Client(t, func(c *oauth.Client) { c.GrantTypes = oauth.Words{oauth.GrantAuthorizationCode} })
		for _, c := range []struct {
			client *webtest.Client
			with   url.Values
			code   string
		}{
			{client, url.Values{"response_type": {"token"}, "response_mode": {"query"}}, "invalid_request"},
			{client, url.Values{"response_type": {"token"}, "response_mode": {"form_post"}}, "invalid_request"},
			{client, url.Values{"response_type": {"token"}, "scope": {"unknown"}}, "invalid_scope"},
			{client, url.Values{"response_type": {"token"}, "prompt": {"none"}}, "login_required"},
			{client, url.Values{"response_type": {"id_token token"}}, "unsupported_response_type"},
			{client, url.Values{"response_type": {"token id_token"}}, "unsupported_response_type"},
			{client, url.Values{"response_type": {"code token"}}, "unsupported_response_type"},
			{code, url.Values{"response_type": {"token"}}, "unauthorized_client"},
			{client, url.Values{"response_mode": {"fragment"}, "scope": {"unknown"}}, "invalid_scope"},
		} {
			p := h.Browser(t).Get(h.AuthorizeURL(c.client, c.with))
			if p.Location == nil || p.Location.RawQuery != "" || p.Status != http.StatusSeeOther {
				t.Errorf("%v: %d %s", c.with, p.Status, p.Location)
				continue
			}
			told := webtest.Told(p.Location)
			if told.Get("error") != c.code || told.Get("state") != "state-0123456789" || told.Get("iss") != h.Issuer || told.Get("error_uri") == "" {
				t.Errorf("%v: %v", c.with, told)
			}
		}
		// A code may go there too, if the client says so.
		b := h.Browser(t)
		if answer := b.Authorize(client, h.User(t), url.Values{"response_mode": {"fragment"}}); answer.Get("code") == "" || b.Page.Location.RawQuery != "" {
			t.Errorf("%v by %s", answer, b.Page.Location)
		}
	}, tutorial)
}

// At /token who says nothing of itself is the default client, and what is left out is what the guides mean.
func TestTutorial_whatIsLeftOutIsFilledIn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		service := h.Client(t, withScopes("items"))
		body := h.Client(t, withScopes("items"), func(c *oauth.Client) { c.TokenEndpointAuthMethod = oauth.AuthPost })
		password := url.Values{"username": {user.Username}, "password": {webtest.Password}, "scope": {"me"}}
		for _, c := range []struct {
			name          string
			form          url.Values
			authorization string
			scope         string
		}{
			{"password, nobody, no grant_type", password, "", "me"},
			{"password, the empty Basic", password, "Basic Og==", "me"},
			{"password, a client_id and no secret by Basic", password, raw(client.ID + ":"), "me"},
			{"password, client_id in the body", with(password, "client_id", client.ID), "", "me"},
			{"password, empty client_id and client_secret", with(with(password, "client_id", ""), "client_secret", ""), "", "me"},
			{"password, a confidential client", with(password, "scope", "items"), as(service.ID, service.Secret), "items"},
			{"with grant_type", with(password, "grant_type", "password"), "", "me"},
			{"client authentication alone", url.Values{}, as(service.ID, service.Secret), "items"},
			{"client authentication alone, in the body", url.Values{"client_id": {body.ID}, "client_secret": {body.Secret}}, "", "items"},
			{"client_credentials as RFC 6749 has them", url.Values{"grant_type": {"client_credentials"}}, as(service.ID, service.Secret), "items"},
		} {
			a := send(t, h, "/token", c.form, c.authorization)
			if a.Status != http.StatusOK || a.Str("scope") != c.scope {
				t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
			}
		}
		// HTTP Basic and no body at all, without a Content-Type.
		r := h.Request(t, http.MethodPost, "/token", "")
		r.Header.Set("Authorization", as(service.ID, service.Secret))
		if a := h.Do(t, r); a.Status != http.StatusOK {
			t.Errorf("no body: %d %s", a.Status, a.Body)
		}
		// Our own endpoint fills in nothing.
		refused(t, send(t, h, oauth.PathToken, password, ""), http.StatusUnauthorized, "invalid_client")
		refused(t, send(t, h, oauth.PathToken, with(password, "grant_type", "password"), "Basic Og=="), http.StatusUnauthorized, "invalid_client")
		refused(t, send(t, h, oauth.PathToken, url.Values{}, as(service.ID, service.Secret)), http.StatusBadRequest, "invalid_request")
	}, tutorial)
}

func TestTutorial_refreshTokenHasAPathOfItsOwn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		_, user := guides(t, h)
		token := h.Password(t, "/token", nil, user.Username, webtest.Password, nil).Str("refresh_token")
		first := send(t, h, "/refresh_token", url.Values{"refresh_token": {token}}, "")
		if first.Status != http.StatusOK || first.Str("refresh_token") == token {
			t.Fatalf("%d %s", first.Status, first.Body)
		}
		second := send(t, h, "/refresh_token", url.Values{"refresh_token": {first.Str("refresh_token")}, "grant_type": {"refresh_token"}}, "Basic Og==")
		if second.Status != http.StatusOK {
			t.Fatalf("%d %s", second.Status, second.Body)
		}
		refused(t, send(t, h, "/refresh_token", url.Values{"refresh_token": {second.Str("refresh_token")}, "grant_type": {"password"}}, ""), http.StatusBadRequest, "invalid_request")
		h.Refusal(t, "grant_type_here")
		refused(t, send(t, h, "/refresh_token", url.Values{}, ""), http.StatusBadRequest, "invalid_request")
		if third := send(t, h, "/token", url.Values{"refresh_token": {second.Str("refresh_token")}, "grant_type": {"refresh_token"}}, ""); third.Status != http.StatusOK {
			t.Errorf("at /token: %d %s", third.Status, third.Body)
		}
	}, tutorial)
}

// RFC 9700 §4.3.2: a token in the URL is refused, and the answer says why. It is not spent.
func TestTutorial_aRefreshTokenInTheURLIsRefused(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		_, user := guides(t, h)
		token := h.Password(t, "/token", nil, user.Username, webtest.Password, nil).Str("refresh_token")
		for _, form := range []url.Values{{}, {"refresh_token": {token}}} {
			a := send(t, h, "/refresh_token?refresh_token="+token, form, "")
			refused(t, a, http.StatusBadRequest, "invalid_request")
			if !strings.Contains(a.Str("error_description"), "URL") {
				t.Errorf("it says %s", a.Body)
			}
			h.Refusal(t, "refresh_token_in_body")
		}
		if strings.Contains(h.Log.String(), token) {
			t.Error("it is in the log")
		}
		if a := send(t, h, "/refresh_token", url.Values{"refresh_token": {token}}, ""); a.Status != http.StatusOK {
			t.Errorf("afterwards: %d %s", a.Status, a.Body)
		}
	}, tutorial)
}

// security.md rule 16.
func TestTutorial_theDefaultClientServesPasswordAndRefreshAlone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "me", "See who you are")
		h.Scope(t, "items", "See your items")
		user := h.User(t)
		client := h.Client(t, func(c *oauth.Client) {
			guideClient(c)
			c.GrantTypes, c.RedirectURIs = oauth.Words{oauth.GrantPassword, oauth.GrantRefreshToken, oauth.GrantAuthorizationCode}, oauth.RedirectURIs{webtest.Callback}
		})
		code := h.Browser(t).Code(client, user, nil)
		redeem := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}
		for name, form := range map[string]url.Values{
			"a code":                redeem,
			"client_credentials":    {"grant_type": {"client_credentials"}},
			"nothing":               {},
			"a scope alone":         {"scope": {"me"}},
			"a username alone":      {"username": {user.Username}},
			"an unknown grant":      {"grant_type": {"urn:x"}},
			"a secret of no client": {"username": {user.Username}, "password": {webtest.Password}, "client_secret": {"x"}},
		} {
			a := send(t, h, "/token", form, "")
			if a.Status != http.StatusUnauthorized || a.Str("error") != "invalid_client" {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		if a := send(t, h, "/token", with(redeem, "client_id", client.ID), ""); a.Status != http.StatusOK {
			t.Errorf("the code was spoilt: %d %s", a.Status, a.Body)
		}
		if a := send(t, h, "/token", url.Values{"username": {user.Username}, "password": {webtest.Password}}, "Basic !!"); a.Str("error") != "invalid_client" {
			t.Errorf("a broken header means nobody: %s", a.Body)
		}
		if err := h.Store.DisableClient(t.Context(), client.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		refused(t, h.Password(t, "/token", nil, user.Username, webtest.Password, nil), http.StatusUnauthorized, "invalid_client")
	}, tutorial)
}

// A default client that does not exist, or has a secret, is nobody.
func TestTutorial_aDefaultClientThatDoesNotFitIsNobody(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user := h.User(t)
		refused(t, h.Password(t, "/token", nil, user.Username, webtest.Password, nil), http.StatusUnauthorized, "invalid_client")
		h.Client(t, func(c *oauth.Client) { c.ID = defaultClient })
		refused(t, h.Password(t, "/token", nil, user.Username, webtest.Password, nil), http.StatusUnauthorized, "invalid_client")
		h.Refusal(t, "token_endpoint_auth_method")
	}, tutorial)
}

func TestTutorial_usersMe(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		_, user := guides(t, h)
		token := func(scope string) string {
			return h.Password(t, "/token", nil, user.Username, webtest.Password, url.Values{"scope": {scope}}).Str("access_token")
		}
		for scope, want := range map[string]map[string]any{
			"me items":             {"username": user.Username, "disabled": false, "scopes": []any{"me", "items"}},
			"me profile":           {"username": user.Username, "disabled": false, "scopes": []any{"me", "profile"}, "full_name": user.Name},
			"openid profile email": {"username": user.Username, "disabled": false, "scopes": []any{"openid", "profile", "email"}, "full_name": user.Name, "email": user.Email},
		} {
			if a := h.Get(t, "/users/me", token(scope)); a.Status != http.StatusOK || !reflect.DeepEqual(a.JSON, want) {
				t.Errorf("%s: %d %s", scope, a.Status, a.Body)
			}
		}
		bare := h.Client(t, func(c *oauth.Client) { c.Scopes = nil })
		if a := h.Get(t, "/users/me", h.Password(t, "/token", bare, user.Username, webtest.Password, nil).Str("access_token")); !strings.Contains(a.Body, `"scopes":[]`) {
			t.Errorf("without scopes: %d %s", a.Status, a.Body)
		}
		service := h.Client(t, withScopes("items"))
		own := h.Get(t, "/users/me", h.Post(t, oauth.PathToken, service, url.Values{"grant_type": {"client_credentials"}}).Str("access_token"))
		if own.Status != http.StatusForbidden || !strings.Contains(own.Header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
			t.Errorf("a client's own token: %d %s", own.Status, own.Header)
		}
		h.Refusal(t, "token_of_person")
		none := h.Get(t, "/users/me", "")
		if none.Status != http.StatusUnauthorized || !strings.HasPrefix(none.Header.Get("WWW-Authenticate"), "Bearer") || strings.Contains(none.Header.Get("WWW-Authenticate"), "error") {
			t.Errorf("no token: %d %s", none.Status, none.Header)
		}
		if a := h.Get(t, "/users/me?access_token="+token("me"), ""); a.Status != http.StatusBadRequest {
			t.Errorf("a token in the URL: %d", a.Status)
		}
		refused(t, h.Get(t, "/users/me", token("me")+"x"), http.StatusUnauthorized, "invalid_token")
	}, tutorial)
}

// /auth is the authorization endpoint, forms and all.
func TestTutorial_authIsTheAuthorizationEndpoint(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		b := h.Browser(t)
		b.Get(strings.Replace(h.AuthorizeURL(client, nil), oauth.PathAuthorize, "/auth", 1))
		b.SignIn(user)
		code := webtest.Told(b.Allow().Location).Get("code")
		if a := send(t, h, "/token", url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier},
		}, as(client.ID, client.Secret)); a.Status != http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
}

// A password that is changed, or a person disabled, while the grant looks at it, gives nothing.
func TestPassword_aFamilyBeginsOnlyWithThePasswordThatWasChecked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		now := h.Clock.Now()
		begin := func(hash string) error {
			return h.Store.BeginFamily(t.Context(), oauth.Beginning{CheckedHash: hash, Family: oauth.Family{
				ID: identity.NewID(), ClientID: client.ID, UserID: user.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour), IdleExpiresAt: now, AuthTime: now,
			}}, audit.Event{Action: audit.PasswordTraded, Outcome: audit.Success})
		}
		if err := begin(user.PasswordHash); err != nil {
			t.Fatal(err)
		}
		if err := changePassword(t.Context(), h, user.ID); err != nil {
			t.Fatal(err)
		}
		if err := begin(user.PasswordHash); err == nil {
			t.Error("the old password began a family")
		}
		families, err := h.Store.Families(t.Context(), store.FamilyFilter{UserID: user.ID, State: oauth.FamilyLive})
		if err != nil || len(families) != 0 {
			t.Errorf("%d families, %v", len(families), err)
		}
	}, tutorial)
}

// with is the form with a field set.
func with(form url.Values, name, value string) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = v
	}
	out.Set(name, value)
	return out
}

// send posts a form with an Authorization header as it is.
func send(t *testing.T, h *webtest.House, path string, form url.Values, authorization string) webtest.Answer {
	t.Helper()
	r := h.Request(t, http.MethodPost, path, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return h.Do(t, r)
}
