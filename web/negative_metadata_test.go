package web_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web"
	"gatehouse/web/webtest"
)

// metadataNegatives are about resources, client metadata, sign-out, the issuer and tokens out of place: cases 67, 73, 83 to 85.
var metadataNegatives = []negative{
	{67, "a relative resource", "RFC 8707 §2", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"resource": {"/api"}}) }, 303, "invalid_target", "resource_syntax", toClient},
	{67, "a relative resource at the token endpoint", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "resource", "/api")
	}, 400, "invalid_target", "resource_syntax", ""},
	{67, "a resource with a fragment", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"resource": {webtest.Issuer + "#api"}})
	}, 303, "invalid_target", "resource_syntax", toClient},
	{67, "a resource with a fragment at the token endpoint", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "resource", webtest.Issuer+"#api")
	}, 400, "invalid_target", "resource_syntax", ""},
	{67, "several resources at the token endpoint", "security.md rule 6", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "resource", webtest.Issuer, "resource", "https://api.example.test")
	}, 400, "invalid_target", "resource_single", ""},
	{67, "several resources for a code", "security.md rule 6", func(x *stage) webtest.Answer {
		code := x.b.Code(x.shop, x.user, url.Values{"scope": {"read send"}, "resource": {x.orders.Identifier, x.mail.Identifier}})
		a := x.grant(x.shop, "grant_type", "authorization_code", "code", code, "redirect_uri", webtest.Callback, "code_verifier", webtest.Verifier,
			"resource", x.orders.Identifier, "resource", x.mail.Identifier)
		x.works(x.redeem(x.shop, code, "resource", x.mail.Identifier), "the code was consumed")
		return a
	}, 400, "invalid_target", "resource_single", ""},
	{67, "several resources for a token in the redirection", "security.md rule 6", func(x *stage) webtest.Answer {
		return x.implicitly(x.old, url.Values{"scope": {"read send"}, "resource": {x.orders.Identifier, x.mail.Identifier}})
	}, 303, "invalid_target", "resource_single", toFragment},
	{67, "several resources at authorize are allowed", "RFC 8707 §2", func(x *stage) webtest.Answer {
		a := x.authorize(x.shop, url.Values{"scope": {"read send"}, "resource": {x.orders.Identifier, x.mail.Identifier}, "prompt": {"consent"}})
		if x.b.Page.URL.Path != "/consent" {
			x.Errorf("led to %s", x.b.Page.URL)
		}
		return a
	}, 200, "", "", toPerson},
	{67, "a resource that is unknown", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.authorize(x.shop, url.Values{"resource": {"https://unknown.example.test"}})
	}, 303, "invalid_target", "resource_known", toClient},
	{67, "a resource that is ours, but not the issuer", "security.md rule 6", func(x *stage) webtest.Answer {
		return x.authorize(x.shop, url.Values{"resource": {x.h.Issuer + oauth.PathUserinfo}})
	}, 303, "invalid_target", "resource_known", toClient},
	{67, "a resource in other letters", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.grant(x.shop, "grant_type", "client_credentials", "resource", strings.ToUpper(x.orders.Identifier))
	}, 400, "invalid_target", "resource_known", ""},
	{67, "a resource that was not granted, for a code", "RFC 8707 §2.2", func(x *stage) webtest.Answer {
		code := x.b.Code(x.shop, x.user, url.Values{"scope": {"read"}, "resource": {x.orders.Identifier}})
		a := x.redeem(x.shop, code, "resource", x.mail.Identifier)
		x.works(x.h.Redeem(x, x.shop, code), "the code was consumed")
		return a
	}, 400, "invalid_target", "resource_granted", ""},
	{67, "our own API, which was not granted, for a code", "RFC 8707 §2.2", func(x *stage) webtest.Answer {
		code := x.b.Code(x.shop, x.user, url.Values{"scope": {"openid read"}, "resource": {x.orders.Identifier}})
		return x.redeem(x.shop, code, "resource", x.h.Issuer)
	}, 400, "invalid_target", "resource_granted", ""},
	{67, "a resource that was not granted, at refresh", "RFC 8707 §2.2", func(x *stage) webtest.Answer {
		token := x.forAPI(x.orders, "offline_access read").Str("refresh_token")
		a := x.refresh(x.shop, token, "resource", x.mail.Identifier)
		x.works(x.refresh(x.shop, token), "the refresh token was consumed")
		return a
	}, 400, "invalid_target", "resource_granted", ""},
	{67, "a scope that the resource does not take", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.grant(x.shop, "grant_type", "client_credentials", "resource", x.orders.Identifier, "scope", "send")
	}, 400, "invalid_scope", "scope_resource", ""},
	{67, "a token for one API, of which another asks", "security.md rule 6", func(x *stage) webtest.Answer {
		return x.inactive(ownClient(x.T, x.h, x.mail), x.forAPI(x.orders, "read").Str("access_token"))
	}, 200, "", "", ""},

	{73, "no redirect_uris", "RFC 7591 §3.2.2", registered(`{"client_name":"A"}`), 400, "invalid_redirect_uri", "", toCommand},
	{73, "redirect_uris that are empty", "RFC 7591 §3.2.2", registered(`{"redirect_uris":[]}`), 400, "invalid_redirect_uri", "", toCommand},
	{73, "an empty redirect URI", "RFC 7591 §3.2.2", registeredAt(""), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a redirect URI with a fragment", "RFC 6749 §3.1.2", registeredAt("https://app.example.test/callback#fragment"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a redirect URI with an empty fragment", "RFC 6749 §3.1.2", registeredAt("https://app.example.test/callback#"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "javascript:", "RFC 7591 §5", registeredAt("javascript:alert(1)"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "JavaScript:", "RFC 7591 §5", registeredAt("JavaScript:alert(1)"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "data:", "RFC 7591 §5", registeredAt("data:text/html,hi"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a custom scheme without a dot", "RFC 8252 §7.1", registeredAt("app:/callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "http elsewhere than on this machine", "RFC 9700 §2.6", registeredAt("http://app.example.test/callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "http on a host that begins like this machine", "RFC 8252 §8.3", registeredAt("http://127.0.0.1.evil.test/callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a relative redirect URI", "RFC 6749 §3.1.2", registeredAt("/callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a redirect URI without a host", "RFC 6749 §3.1.2", registeredAt("https:///callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a redirect URI with a user name", "RFC 9700 §4.1.3", registeredAt("https://user@app.example.test/callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a redirect URI with a wildcard", "RFC 9700 §4.1.1", registeredAt("https://*.example.test/callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a redirect URI with /../", "RFC 9700 §4.1.3", registeredAt("https://app.example.test/x/../callback"), 400, "invalid_redirect_uri", "", toCommand},
	{73, "a good redirect URI and a bad one", "RFC 7591 §3.2.2", registered(`{"redirect_uris":["https://app.example.test/callback","javascript:alert(1)"]}`), 400, "invalid_redirect_uri", "", toCommand},
	{73, "the password grant, which is switched off", "RFC 7591 §3.2.2", registered(`{"grant_types":["password"],"redirect_uris":[]}`), 400, "invalid_client_metadata", "", toCommand},
	{73, "implicit, which is switched off", "RFC 7591 §3.2.2", registered(`{"response_types":["token"],"redirect_uris":["https://app.example.test/callback"]}`), 400, "invalid_client_metadata", "", toCommand},
	{73, "an API that does not exist", "RFC 7591 §3.2.2", registered(`{"default_resource":"https://unknown.example.test","redirect_uris":["https://app.example.test/callback"]}`), 400, "invalid_client_metadata", "", toCommand},
	{73, "redirect_uris that are no array", "RFC 7591 §3.2.2", registered(`{"redirect_uris":"https://app.example.test/callback"}`), 400, "invalid_client_metadata", "", toCommand},

	{83, "post_logout_redirect_uri alone", "RP-Initiated Logout §3", loggedOut("post_logout_redirect_uri", "https://evil.test/"), 200, "", "", toPerson},
	{83, "a post_logout_redirect_uri that is not registered", "RP-Initiated Logout §3", func(x *stage) webtest.Answer {
		return loggedOut("post_logout_redirect_uri", "https://evil.test/", "client_id", x.basic.ID, "id_token_hint", x.tokens().Str("id_token"))(x)
	}, 200, "", "", toPerson},
	{83, "a redirect_uri for post_logout_redirect_uri", "RP-Initiated Logout §3", func(x *stage) webtest.Answer {
		return loggedOut("post_logout_redirect_uri", webtest.Callback, "client_id", x.basic.ID, "state", "s")(x)
	}, 200, "", "", toPerson},
	{83, "a hint of another issuer", "RP-Initiated Logout §2", func(x *stage) webtest.Answer {
		claims := changed(claimsOf(x.T, x.tokens().Str("id_token")), "iss", "https://evil.test")
		return loggedOut("post_logout_redirect_uri", "https://evil.test/", "id_token_hint", signedBy(jwt.SigningMethodES256, strangersKey(), nil, claims))(x)
	}, 200, "", "", toPerson},
	{83, "a hint with alg none", "RP-Initiated Logout §2", func(x *stage) webtest.Answer {
		hint := forged(x.tokens().Str("id_token"), `{"alg":"none","typ":"JWT"}`)
		return loggedOut("post_logout_redirect_uri", "https://evil.test/", "id_token_hint", hint)(x)
	}, 200, "", "", toPerson},
	{83, "a hint of another client_id", "RP-Initiated Logout §2", func(x *stage) webtest.Answer {
		return loggedOut("post_logout_redirect_uri", webtest.Callback, "client_id", x.other.ID, "id_token_hint", x.tokens().Str("id_token"))(x)
	}, 200, "", "", toPerson},
	{83, "a hint of ours that has expired", "RP-Initiated Logout §2", func(x *stage) webtest.Answer {
		hint := x.tokens().Str("id_token")
		x.h.Clock.Advance(x.h.App.Rules().Policy().Lifetimes.IDToken + time.Second)
		return loggedOut("post_logout_redirect_uri", webtest.Callback, "id_token_hint", hint)(x)
	}, 200, "", "", toPerson},
	{83, "GET without a hint asks first", "RP-Initiated Logout §2, §6", loggedOut(), 200, "", "", toPerson},
	{83, "POST from another site", "RP-Initiated Logout §6", func(x *stage) webtest.Answer {
		x.b.Get("/logout")
		a := x.crossSite(x.b, "/logout", x.b.Form("/logout").Values)
		x.stillSignedIn()
		return a
	}, 403, "", "", toPerson},
	{83, "POST without the page's token", "RP-Initiated Logout §6", func(x *stage) webtest.Answer {
		a := x.told(x.b.Post("/logout", values("id_token_hint", x.tokens().Str("id_token"))))
		x.stillSignedIn()
		return a
	}, 403, "", "", toPerson},
	{83, "who says yes stays here", "RP-Initiated Logout §3", func(x *stage) webtest.Answer {
		b, away := x.h.Browser(x), values("post_logout_redirect_uri", "https://evil.test/", "state", "s")
		b.SignIn(x.user)
		b.Get("/logout?" + away.Encode())
		away.Set("csrf_token", b.Form("/logout").Values.Get("csrf_token"))
		a := x.told(b.Post("/logout?"+away.Encode(), away))
		if p := b.Get("/account"); p.URL.Path != "/login" {
			x.Errorf("still signed in: %s", p.URL)
		}
		return a
	}, 200, "", "", toPerson},
	{83, "who is signed out stays here", "RP-Initiated Logout §3", func(x *stage) webtest.Answer {
		return x.told(x.h.Browser(x).Get("/logout?post_logout_redirect_uri=https://evil.test/&client_id=" + x.basic.ID))
	}, 200, "", "", toPerson},

	{84, "an issuer with a path does not start", "RFC 8414 §3.1", func(x *stage) webtest.Answer {
		for _, issuer := range []string{x.h.Issuer + "/tenant", x.h.Issuer + "/"} {
			if _, err := web.New(web.Config{Issuer: issuer}); err == nil {
				x.Errorf("%s starts", issuer)
			}
		}
		return x.send("GET", "/.well-known/oauth-authorization-server/tenant", "")
	}, 404, "invalid_request", "", ""},
	{84, "a path before the well-known one", "OIDC Discovery §4", func(x *stage) webtest.Answer {
		return x.told(x.b.Get("/tenant/.well-known/openid-configuration"))
	}, 404, "", "", toPerson},
	{84, "a path behind the well-known one", "OIDC Discovery §4", func(x *stage) webtest.Answer {
		return x.send("GET", "/.well-known/openid-configuration/tenant", "")
	}, 404, "invalid_request", "", ""},
	{84, "both documents name the same issuer", "RFC 8414 §3.3", func(x *stage) webtest.Answer {
		a, b := x.h.Get(x, "/.well-known/openid-configuration", ""), x.h.Get(x, "/.well-known/oauth-authorization-server", "")
		x.alike(a, b)
		if a.Str("issuer") != x.h.Issuer {
			x.Errorf("the issuer is %q", a.Str("issuer"))
		}
		return b
	}, 200, "", "", ""},
	{84, "another host's metadata", "RFC 8414 §3.3", func(x *stage) webtest.Answer {
		r := x.h.Request(x, "GET", "/.well-known/openid-configuration", "")
		r.Host = "evil.test"
		a := x.h.Do(x, r)
		if strings.Contains(a.Body, "evil.test") {
			x.Errorf("says %s", a.Body)
		}
		if m := x.h.Get(x, "/.well-known/openid-configuration", ""); m.Str("issuer") != x.h.Issuer {
			x.Errorf("the issuer is %q", m.Str("issuer"))
		}
		return a
	}, 421, "invalid_request", "", ""},
	{84, "a forwarded host", "RFC 8414 §3.3", func(x *stage) webtest.Answer {
		a := x.send("GET", "/.well-known/openid-configuration", "", "X-Forwarded-Host", "evil.test", "Forwarded", "host=evil.test")
		if a.Str("issuer") != x.h.Issuer || strings.Contains(a.Body, "evil.test") {
			x.Errorf("says %s", a.Body)
		}
		return a
	}, 200, "", "", ""},
	{84, "another host at the OAuth metadata", "RFC 8414 §3.3", func(x *stage) webtest.Answer {
		r := x.h.Request(x, "GET", "/.well-known/oauth-authorization-server", "")
		r.Host = "evil.test"
		return x.h.Do(x, r)
	}, 421, "invalid_request", "", ""},
	{84, "an absolute address of another host", "RFC 9112 §3.2.2", func(x *stage) webtest.Answer {
		r := x.h.Request(x, "GET", "/", "")
		r.URL.Opaque = "https://evil.test/.well-known/openid-configuration"
		return x.h.Do(x, r)
	}, 421, "invalid_request", "", ""},

	{85, "an access token as hint", "RFC 9068 §4", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"id_token_hint": {x.tokens().Str("access_token")}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},
	{85, "another client's ID token as hint", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.free, url.Values{"id_token_hint": {x.tokens().Str("id_token")}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},
	{85, "an ID token with alg none as hint", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"id_token_hint": {forged(x.tokens().Str("id_token"), `{"alg":"none","typ":"JWT"}`)}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},
	{85, "an ID token as access token", "RFC 8725 §3.11", func(x *stage) webtest.Answer {
		token := x.tokens().Str("id_token")
		x.inactive(x.basic, token)
		return x.userinfo(token)
	}, 401, "invalid_token", "access_token_valid", ""},
	{85, "an ES256 ID token as access token", "RFC 8725 §3.11", func(x *stage) webtest.Answer {
		c := x.h.Client(x, func(c *oauth.Client) { c.IDTokenSignedResponseAlg = "ES256" })
		return x.userinfo(x.h.Redeem(x, c, x.b.Code(c, x.user, nil)).Str("id_token"))
	}, 401, "invalid_token", "access_token_valid", ""},
	{85, "an ID token as assertion", "RFC 8725 §3.11", func(x *stage) webtest.Answer {
		return x.token("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion="+x.tokens().Str("id_token"), "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "unsupported_grant_type", "grant_type_supported", ""},
	{85, "a client's own access token as hint", "RFC 9068 §4", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"id_token_hint": {x.grant(x.job, "grant_type", "client_credentials").Str("access_token")}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},
	{85, "a logout token as hint", "OIDC Back-Channel Logout §2.6, RFC 8725 §3.11", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"id_token_hint": {x.logoutToken(keys.RS256)}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},
	{85, "a logout token as access token", "RFC 8725 §3.11", func(x *stage) webtest.Answer {
		token := x.logoutToken(keys.ES256)
		x.inactive(x.basic, token)
		return x.userinfo(token)
	}, 401, "invalid_token", "access_token_valid", ""},
	{85, "an ID token as client assertion", "RFC 8725 §3.11", func(x *stage) webtest.Answer { return x.asserts(x.tokens().Str("id_token"), "") }, 401, "invalid_client", noAssertions, ""},
	{85, "an access token as client assertion", "RFC 8725 §3.11", func(x *stage) webtest.Answer {
		return x.asserts(x.grant(x.job, "grant_type", "client_credentials").Str("access_token"), "")
	}, 401, "invalid_client", noAssertions, ""},
	{85, "an ID token as refresh token", "RFC 8725 §3.11", func(x *stage) webtest.Answer { return x.refresh(x.basic, x.tokens().Str("id_token")) }, 400, "invalid_grant", "refresh_token_known", ""},
	{85, "an ID token as refresh token at revocation", "RFC 7009 §2.2", func(x *stage) webtest.Answer { return x.revoke(x.basic, x.tokens().Str("id_token")) }, 200, "", "", ""},
}

// forAPI gets the person's token for the API.
func (x *stage) forAPI(a *webtest.API, scope string) webtest.Answer {
	return x.h.Redeem(x, x.shop, x.b.Code(x.shop, x.user, url.Values{"scope": {scope}, "resource": {a.Identifier}}))
}

// registered registers a client by this document as the command line does, with the scopes and grants of this house.
func registered(document string) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer {
		client, refusal := oauth.ClientFromMetadata([]byte(document))
		if refusal == nil {
			offer, err := x.h.Store.Offer(x.Context(), x.h.App.Rules().GrantTypes())
			x.must(err)
			refusal = oauth.MetadataFault(client.Validate(offer))
		}
		if refusal == nil {
			x.Fatalf("%s is taken", document)
		}
		return webtest.Answer{Status: refusal.Status(), JSON: map[string]any{"error": refusal.Code, "error_description": refusal.Description}}
	}
}

// registeredAt registers a client with this redirect URI.
func registeredAt(uri string) func(x *stage) webtest.Answer {
	document, err := json.Marshal(map[string]any{"redirect_uris": []string{uri}, "application_type": oauth.ApplicationWeb})
	if err != nil {
		panic(err)
	}
	return registered(string(document))
}

// loggedOut opens the sign-out page with these parameters: it asks, and neither signs out nor leads out.
func loggedOut(parameters ...string) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer {
		p := x.b.Get("/logout?" + values(parameters...).Encode())
		x.b.Form("/logout")
		if strings.Contains(p.Body, "evil.test") || strings.Contains(p.Body, webtest.Callback) {
			x.Errorf("the page leads out: %s", p.Body)
		}
		a := x.told(p)
		x.stillSignedIn()
		return a
	}
}

func (x *stage) stillSignedIn() {
	x.Helper()
	if p := x.b.Get("/account"); p.URL.Path != "/account" {
		x.Errorf("signed out: %s", p.URL)
	}
}

// logoutToken is a logout token of the house's own key, about the person who sits at the browser.
func (x *stage) logoutToken(alg string) string {
	events := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	return x.signed(alg, "logout+jwt", changed(claimsOf(x.T, x.tokens().Str("id_token")), "events", events))
}
