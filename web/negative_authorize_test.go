package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// authorizeNegatives are about the authorization endpoint and its pages: cases 34 to 50.
var authorizeNegatives = []negative{
	{34, "an unknown client", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer { return x.stays(x.basic, url.Values{"client_id": {"cl_nobody"}}) }, 400, "", "client_known", toPerson},
	{34, "no client at all", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer { return x.stays(x.basic, url.Values{"client_id": nil}) }, 400, "", "client_id_present", toPerson},
	{34, "a disabled client", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		x.must(x.h.Store.DisableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		return x.stays(c, nil)
	}, 400, "", "client_enabled", toPerson},
	{34, "an unregistered redirect_uri", "RFC 6749 §3.1.2.4", func(x *stage) webtest.Answer {
		return x.stays(x.basic, url.Values{"redirect_uri": {"https://evil.test/"}})
	}, 400, "", "redirect_uri_registered", toPerson},
	{34, "another client's redirect_uri", "RFC 6749 §3.1.2.4", func(x *stage) webtest.Answer {
		x.h.Client(x, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{"https://other.example.test/callback"} })
		return x.stays(x.basic, url.Values{"redirect_uri": {"https://other.example.test/callback"}})
	}, 400, "", "redirect_uri_registered", toPerson},
	{34, "several redirect URIs registered and none sent", "RFC 6749 §3.1.2.3", func(x *stage) webtest.Answer {
		c := x.h.Client(x, func(c *oauth.Client) { c.RedirectURIs = append(c.RedirectURIs, webtest.Callback+"/2") })
		return x.stays(c, url.Values{"redirect_uri": nil, "scope": {"profile"}})
	}, 400, "", "redirect_uri_present", toPerson},
	{34, "one redirect URI registered and none sent, with openid", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer { return x.stays(x.basic, url.Values{"redirect_uri": nil}) }, 400, "", "redirect_uri_present", toPerson},

	{35, "redirect_uri with :443", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test:443/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with another port", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test:8443/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with an upper-case host", "RFC 9700 §4.1.3", redirectedTo("https://APP.example.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with an upper-case scheme", "RFC 9700 §4.1.3", redirectedTo("HTTPS://app.example.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with an upper-case path", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test/Callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a trailing /", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "/"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a second /", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test//callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with an added query", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "?next=https://evil.test"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with an empty query", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "?"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with /../", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test/x/../callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with /../ behind it", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "/../redirect"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with %2e", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test/%2e/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with %2e%2e", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test/x/%2e%2e/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a letter encoded", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test/%63allback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a user name", "RFC 9700 §4.1.3", redirectedTo("https://user@app.example.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with the host as user name", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test@evil.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a fragment", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "#fragment"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with an empty fragment", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "#"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri by http", "RFC 9700 §2.6", redirectedTo("http://app.example.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri of a host that begins alike", "RFC 9700 §4.1.1", redirectedTo("https://app.example.test.evil.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri of a host below", "RFC 9700 §4.1.1", redirectedTo("https://evil.app.example.test/callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a dot behind the host", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test./callback"), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a backslash", "RFC 9700 §4.1.3", redirectedTo(`https://evil.test\@app.example.test/callback`), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a space around", "RFC 9700 §4.1.3", redirectedTo(" " + webtest.Callback + " "), 400, "", "redirect_uri_registered", toPerson},
	{35, "redirect_uri with a line break", "RFC 9700 §4.1.3", redirectedTo(webtest.Callback + "\r\nX-Evil: 1"), 400, "", "redirect_uri_registered", toPerson},
	{35, "a prefix of redirect_uri", "RFC 9700 §4.1.3", redirectedTo("https://app.example.test/"), 400, "", "redirect_uri_registered", toPerson},

	{36, "127.0.0.1 with another path", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1:5000/other") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "localhost with another port", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://localhost:5000/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1.evil.test", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1.evil.test/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1@evil.test", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1:80@evil.test/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "[::1] with another path", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://[::1]:5000/other") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1 by https", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("https://127.0.0.1:5000/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.2", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.2/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.1", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://127.1/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1 as one number", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://2130706433/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "[::ffff:127.0.0.1]", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://[::ffff:127.0.0.1]/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "localhost without its port", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://localhost/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "localhost.evil.test", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://localhost.evil.test:1234/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1 with a port beyond the last", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1:65536/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{37, "state twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"state": {"a", "b"}}) }, 303, "invalid_request", "parameter_once", toClient},
	{37, "nonce twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"nonce": {"a", "a"}}) }, 303, "invalid_request", "parameter_once", toClient},
	{37, "scope twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"scope": {"openid", "openid"}})
	}, 303, "invalid_request", "parameter_once", toClient},
	{37, "state twice, and the same", "RFC 6749 §3.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"state": {"a", "a"}}) }, 303, "invalid_request", "parameter_once", toClient},
	{37, "redirect_uri twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer {
		return x.stays(x.basic, url.Values{"redirect_uri": {webtest.Callback, "https://evil.test/"}})
	}, 400, "", "parameter_once", toPerson},
	{37, "redirect_uri twice, and the same", "RFC 6749 §3.1", func(x *stage) webtest.Answer {
		return x.stays(x.basic, url.Values{"redirect_uri": {webtest.Callback, webtest.Callback}})
	}, 400, "", "parameter_once", toPerson},
	{37, "client_id twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer {
		return x.stays(x.basic, url.Values{"client_id": {x.basic.ID, x.other.ID}})
	}, 400, "", "parameter_once", toPerson},
	{38, "an unknown response_type", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"pigeon"}})
	}, 303, "unsupported_response_type", "response_type_supported", toClient},
	{38, "no response_type", "RFC 6749 §3.1.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"response_type": nil}) }, 303, "invalid_request", "response_type_present", toClient},
	{38, "code twice in one response_type", "OAuth 2.0 Multiple Response Types §3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"code code"}})
	}, 303, "unsupported_response_type", "response_type_supported", toClient},
	{38, "token id_token", "OAuth 2.0 Multiple Response Types §3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"token id_token"}})
	}, 303, "unsupported_response_type", "response_type_supported", toFragment},
	{38, "id_token token", "OAuth 2.0 Multiple Response Types §3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"id_token token"}})
	}, 303, "unsupported_response_type", "response_type_supported", toFragment},
	{38, "token, which is switched off", "RFC 9700 §2.1.2", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"token"}})
	}, 303, "unsupported_response_type", "response_type_supported", toFragment},
	{38, "token, which was not registered", "RFC 6749 §4.2.2.1", func(x *stage) webtest.Answer { return x.implicitly(x.basic, url.Values{}) }, 303, "unauthorized_client", "grant_type_registered", toFragment},
	{38, "token and code in one", "OAuth 2.0 Multiple Response Types §3", func(x *stage) webtest.Answer {
		return x.implicitly(x.old, url.Values{"response_type": {"token code"}})
	}, 303, "unsupported_response_type", "response_type_supported", toFragment},
	{39, "an error of implicit goes into the fragment", "RFC 6749 §4.2.2.1", func(x *stage) webtest.Answer {
		a := x.implicitly(x.old, url.Values{"scope": {"nosuch"}, "state": {odd}})
		if a.Str("state") != odd || a.Str("iss") != x.h.Issuer {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "invalid_scope", "scope_known", toFragment},
	{39, "a token goes into the fragment", "RFC 6749 §4.2.2", func(x *stage) webtest.Answer {
		a := x.implicitly(x.old, url.Values{"state": {odd}})
		if a.Str("state") != odd || a.Str("iss") != x.h.Issuer || a.Str("access_token") == "" || a.Str("refresh_token") != "" || a.Str("code") != "" {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "", "", toFragment},
	{38, "code, which was not registered", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		c := x.h.Client(x, service, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{webtest.Callback} })
		return x.authorize(c, nil)
	}, 303, "unauthorized_client", "grant_type_registered", toClient},
	{39, "an error carries state and iss", "RFC 9207 §2", func(x *stage) webtest.Answer {
		a := x.authorize(x.basic, url.Values{"prompt": {"maybe"}, "state": {odd}})
		if a.Str("state") != odd || a.Str("iss") != x.h.Issuer {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "invalid_request", "prompt_known", toClient},
	{39, "a code carries state and iss", "RFC 9207 §2", func(x *stage) webtest.Answer {
		a := x.authorize(x.basic, url.Values{"state": {odd}})
		if a.Str("state") != odd || a.Str("iss") != x.h.Issuer || a.Str("code") == "" {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "", "", toClient},
	{39, "an error without state has none", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		a := x.authorize(x.basic, url.Values{"prompt": {"maybe"}, "state": nil})
		if _, there := a.JSON["state"]; there {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "invalid_request", "prompt_known", toClient},
	{39, "an error keeps the query of redirect_uri", "RFC 6749 §3.1.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{webtest.Callback + "?tenant=a%26b"} })
		a := x.authorize(c, url.Values{"redirect_uri": {webtest.Callback + "?tenant=a%26b"}, "prompt": {"maybe"}})
		if a.Str("tenant") != "a&b" {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "invalid_request", "prompt_known", toClient},
	{39, "what a person denies carries state and iss", "RFC 9207 §2", func(x *stage) webtest.Answer {
		x.b.Get(x.h.AuthorizeURL(x.basic, url.Values{"prompt": {"consent"}, "state": {odd}}))
		a := x.told(x.b.Submit("/consent", url.Values{"decision": {"deny"}}))
		if a.Str("state") != odd {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "access_denied", "consent_given", toClient},
	{39, "the password never travels on", "RFC 9700 §4.12", func(x *stage) webtest.Answer {
		b := x.h.Browser(x)
		b.Get(x.h.AuthorizeURL(x.basic, url.Values{"state": {odd}}))
		f := b.Form("/login")
		f.Values.Set("username", x.user.Username)
		f.Values.Set("password", webtest.Password)
		a := x.followed(b, "/login", f.Values)
		if !strings.HasPrefix(a.Header.Get("Location"), oauth.PathAuthorize+"?interaction=") {
			x.Errorf("led to %s", a.Header.Get("Location"))
		}
		return a
	}, 303, "", "", toNext},
	{39, "an answer to the consent page never travels on", "RFC 9700 §4.12", func(x *stage) webtest.Answer {
		x.b.Get(x.h.AuthorizeURL(x.basic, url.Values{"prompt": {"consent"}}))
		f := x.b.Form("/consent")
		f.Values.Set("decision", "allow")
		return x.followed(x.b, "/consent", f.Values)
	}, 303, "", "", toNext},
	{39, "a request by POST never travels on", "RFC 9700 §4.12", func(x *stage) webtest.Answer {
		request, err := url.Parse(x.h.AuthorizeURL(x.basic, nil))
		x.must(err)
		return x.followed(x.h.Browser(x), oauth.PathAuthorize, request.Query())
	}, 303, "", "", toNext},
	{40, "prompt=none login", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"prompt": {"none login"}})
	}, 303, "invalid_request", "prompt_none_alone", toClient},
	{40, "prompt=consent none", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"prompt": {"consent none"}})
	}, 303, "invalid_request", "prompt_none_alone", toClient},
	{40, "an unknown prompt", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"prompt": {"maybe"}}) }, 303, "invalid_request", "prompt_known", toClient},
	{40, "an unknown prompt beside a known one", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"prompt": {"login maybe"}})
	}, 303, "invalid_request", "prompt_known", toClient},
	{40, "prompt=None", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"prompt": {"None"}}) }, 303, "invalid_request", "prompt_known", toClient},
	{41, "an unknown response_mode", "OAuth 2.0 Multiple Response Types §2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_mode": {"pigeon"}})
	}, 303, "invalid_request", "response_mode_supported", toClient},
	{41, "response_mode=query for an id_token", "OAuth 2.0 Multiple Response Types §5", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"id_token"}, "response_mode": {"query"}})
	}, 303, "unsupported_response_type", "response_type_supported", toFragment},
	{41, "response_mode=query for a token", "OAuth 2.0 Multiple Response Types §5", func(x *stage) webtest.Answer {
		return x.implicitly(x.old, url.Values{"response_mode": {"query"}})
	}, 303, "invalid_request", "response_mode_safe", toFragment},
	{41, "an unknown response_mode for a token", "OAuth 2.0 Multiple Response Types §2.1", func(x *stage) webtest.Answer {
		return x.implicitly(x.old, url.Values{"response_mode": {"pigeon"}})
	}, 303, "invalid_request", "response_mode_supported", toFragment},
	{41, "response_mode=fragment for a code", "OAuth 2.0 Multiple Response Types §2.1", func(x *stage) webtest.Answer {
		a := x.authorize(x.basic, url.Values{"response_mode": {"fragment"}})
		if a.Str("code") == "" {
			x.Errorf("the client was told %v", a.JSON)
		}
		return a
	}, 303, "", "", toFragment},
	{41, "response_mode=form_post", "OAuth 2.0 Form Post Response Mode §2", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_mode": {"form_post"}})
	}, 303, "invalid_request", "response_mode_supported", toClient},
	{42, "a scope with a line break", "RFC 6749 §3.3", func(x *stage) webtest.Answer {
		a := x.authorize(x.basic, url.Values{"scope": {"openid\r\nSet-Cookie: a=b"}, "state": {"s\r\nX-Evil: 1"}})
		if a.Header.Get("X-Evil") != "" || strings.Contains(strings.Join(a.Header.Values("Set-Cookie"), " "), "a=b") || a.Str("state") != "s\r\nX-Evil: 1" {
			x.Errorf("the headers are split: %v", a.Header)
		}
		return a
	}, 303, "invalid_scope", "scope_syntax", toClient},
	{42, "a scope with a tab", "RFC 6749 §3.3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"scope": {"openid\tprofile"}})
	}, 303, "invalid_scope", "scope_syntax", toClient},
	{42, `a scope with "`, "RFC 6749 §3.3", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"scope": {`openid "`}}) }, 303, "invalid_scope", "scope_syntax", toClient},
	{42, `a scope with \`, "RFC 6749 §3.3", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"scope": {`openid \`}}) }, 303, "invalid_scope", "scope_syntax", toClient},
	{42, "a scope beyond ASCII", "RFC 6749 §3.3", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"scope": {"openid é"}}) }, 303, "invalid_scope", "scope_syntax", toClient},
	{42, "a scope with a line break at the token endpoint", "RFC 6749 §3.3", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "scope", "jobs:run\r\nX-Evil: 1")
	}, 400, "invalid_scope", "scope_syntax", ""},
	{43, "max_age=-1", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"max_age": {"-1"}}) }, 303, "invalid_request", "max_age_number", toClient},
	{43, "max_age=abc", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"max_age": {"abc"}}) }, 303, "invalid_request", "max_age_number", toClient},
	{43, "max_age beyond every life", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"max_age": {"99999999999999999999"}})
	}, 303, "invalid_request", "max_age_number", toClient},
	{43, "max_age that is no number", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"max_age": {"1.5"}}) }, 303, "invalid_request", "max_age_number", toClient},
	{43, "max_age=0 with prompt=none", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		x.h.Clock.Advance(time.Second)
		return x.authorize(x.basic, url.Values{"max_age": {"0"}, "prompt": {"none"}})
	}, 303, "login_required", "max_age", toClient},
	{43, "max_age=0 asks for a sign-in", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		a := x.authorize(x.basic, url.Values{"max_age": {"0"}})
		if x.b.Page.URL.Path != "/login" {
			x.Errorf("led to %s", x.b.Page.URL)
		}
		return a
	}, 200, "", "", toPerson},
	{44, "claims that are not JSON", "OIDC Core §5.5", func(x *stage) webtest.Answer { return x.claims("not JSON") }, 303, "invalid_request", "claims_syntax", toClient},
	{44, "claims that are no object", "OIDC Core §5.5", func(x *stage) webtest.Answer { return x.claims(`[]`) }, 303, "invalid_request", "claims_syntax", toClient},
	{44, "claims whose id_token is no object", "OIDC Core §5.5", func(x *stage) webtest.Answer { return x.claims(`{"id_token":"sub"}`) }, 303, "invalid_request", "claims_syntax", toClient},
	{44, "claims whose userinfo is no object", "OIDC Core §5.5", func(x *stage) webtest.Answer { return x.claims(`{"userinfo":["sub"]}`) }, 303, "invalid_request", "claims_syntax", toClient},
	{44, "claims that ask for two people", "OIDC Core §5.5.1", func(x *stage) webtest.Answer {
		return x.claims(`{"userinfo":{"sub":{"value":"` + x.user.ID + `"}},"id_token":{"sub":{"value":"somebody-else"}}}`)
	}, 303, "invalid_request", "claims_subject_single", toClient},
	{44, "the sub of another person in the ID token, with prompt=none", "OIDC Core §3.1.2.2", func(x *stage) webtest.Answer {
		return x.claims(`{"id_token":{"sub":{"value":"somebody-else"}}}`, "prompt", "none")
	}, 303, "login_required", "id_token_hint_subject", toClient},
	{44, "the sub of another person at userinfo, with prompt=none", "OIDC Core §3.1.2.2", func(x *stage) webtest.Answer {
		return x.claims(`{"userinfo":{"sub":{"value":"somebody-else"}}}`, "prompt", "none")
	}, 303, "login_required", "id_token_hint_subject", toClient},
	{44, "the sub of another person, and who was asked to sign in is not them", "OIDC Core §3.1.2.2", func(x *stage) webtest.Answer {
		b := x.h.Browser(x)
		b.Get(x.h.AuthorizeURL(x.basic, url.Values{"claims": {`{"id_token":{"sub":{"value":"somebody-else"}}}`}}))
		return x.told(b.SignIn(x.user))
	}, 303, "login_required", "id_token_hint_subject", toClient},
	{44, "the person's own sub, and claims that nobody promised", "OIDC Core §5.5", func(x *stage) webtest.Answer {
		a := x.claims(`{"id_token":{"sub":{"value":"` + x.user.ID + `"},"phone_number":{"essential":true},"acr":{"values":["1"]}},"more":1}`)
		if supported := x.h.Get(x, "/.well-known/openid-configuration", "").JSON["claims_parameter_supported"]; supported != false || a.Str("code") == "" {
			x.Errorf("supported: %v, the client was told %v", supported, a.JSON)
		}
		return a
	}, 303, "", "", toClient},
	{45, "a hint that is garbage", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"id_token_hint": {"a.b.c"}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},
	{45, "a hint of another person, with prompt=none", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		hint := x.h.Tokens(x, x.basic, x.h.User(x), nil).Str("id_token")
		return x.authorize(x.basic, url.Values{"id_token_hint": {hint}, "prompt": {"none"}})
	}, 303, "login_required", "id_token_hint_subject", toClient},
	{45, "a hint of another person, who is asked for", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		hint := x.h.Tokens(x, x.basic, x.h.User(x), nil).Str("id_token")
		a := x.authorize(x.basic, url.Values{"id_token_hint": {hint}})
		if x.b.Page.URL.Path != "/login" {
			x.Errorf("led to %s", x.b.Page.URL)
		}
		return a
	}, 200, "", "", toPerson},
	{45, "a hint that has expired is one", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		hint := x.tokens().Str("id_token")
		x.h.Clock.Advance(x.h.App.Rules().Policy().Lifetimes.IDToken + time.Second)
		return x.authorize(x.basic, url.Values{"id_token_hint": {hint}, "prompt": {"none"}})
	}, 303, "", "", toClient},
	{45, "a hint whose signature is another's", "OIDC Core §3.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"id_token_hint": {signedBy(jwt.SigningMethodES256, strangersKey(), nil, claimsOf(x.T, x.tokens().Str("id_token")))}})
	}, 303, "invalid_request", "id_token_hint_valid", toClient},

	{46, "a request object with alg none", "RFC 9101 §6.2", func(x *stage) webtest.Answer {
		return x.requests(signedBy(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, x.requestClaims()))
	}, 303, "request_not_supported", "request_object", toClient},
	{46, "a request object with a bad signature", "RFC 9101 §6.2", func(x *stage) webtest.Answer {
		return x.requests(x.requestObject("", nil) + "AAAA")
	}, 303, "request_not_supported", "request_object", toClient},
	{46, "a request object with an alg that was not registered", "RFC 9101 §6.2", func(x *stage) webtest.Answer {
		return x.requests(signedBy(jwt.SigningMethodHS256, []byte(x.basic.Secret), nil, x.requestClaims()))
	}, 303, "request_not_supported", "request_object", toClient},
	{46, "a request object for another aud", "RFC 9101 §6.3", requested("aud", "https://evil.test"), 303, "request_not_supported", "request_object", toClient},
	{46, "a request object of another iss", "RFC 9101 §6.3", requested("iss", "cl_somebody"), 303, "request_not_supported", "request_object", toClient},
	{46, "a request object that has expired", "RFC 9101 §6.3", requested("exp", 1), 303, "request_not_supported", "request_object", toClient},
	{46, "a request object whose client_id is another's", "RFC 9101 §5", requested("client_id", "cl_somebody"), 303, "request_not_supported", "request_object", toClient},
	{47, "request and request_uri", "RFC 9101 §5", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"request": {x.requestObject("", nil)}, "request_uri": {x.outside.URL}})
	}, 303, "request_not_supported", "request_object", toClient},
	{47, "request within the request object", "RFC 9101 §4", requested("request", "a.b.c"), 303, "request_not_supported", "request_object", toClient},
	{47, "request_uri within the request object", "RFC 9101 §4", func(x *stage) webtest.Answer { return x.requests(x.requestObject("request_uri", x.outside.URL)) }, 303, "request_not_supported", "request_object", toClient},
	{48, "redirect_uri only within the request object", "RFC 9101 §6.3", func(x *stage) webtest.Answer {
		return x.stays(x.basic, url.Values{"request": {x.requestObject("", nil)}, "redirect_uri": nil})
	}, 400, "", "redirect_uri_present", toPerson},
	{48, "another redirect_uri within the request object", "RFC 9101 §6.3", requested("redirect_uri", "https://evil.test/"), 303, "request_not_supported", "request_object", toClient},
	{48, "state and scope only outside the request object", "RFC 9101 §6.3", requested("state", nil), 303, "request_not_supported", "request_object", toClient},
	{48, "state only within the request object", "RFC 9101 §6.3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"request": {x.requestObject("state", "inside")}, "state": nil})
	}, 303, "request_not_supported", "request_object", toClient},
	{49, "a request_uri that is not registered", "OIDC Core §6.2", fetched("https://app.example.test/request.jwt"), 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri by http", "OIDC Core §6.2", fetched("http://app.example.test/request.jwt"), 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri in 169.254", "RFC 9101 §10.4", fetched("http://169.254.169.254/latest/meta-data"), 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri in 10", "RFC 9101 §10.4", fetched("https://10.0.0.1/request.jwt"), 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri in 127, where somebody listens", "RFC 9101 §10.4", func(x *stage) webtest.Answer { return fetched(x.outside.URL + "/request.jwt")(x) }, 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri that redirects", "RFC 9101 §10.4", func(x *stage) webtest.Answer { return fetched(x.outside.URL + "/redirects")(x) }, 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri of more than 512 characters", "OIDC Core §6.2", func(x *stage) webtest.Answer {
		return fetched(x.outside.URL + "/" + strings.Repeat("x", 512))(x)
	}, 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri with an endless body", "RFC 9101 §10.4", func(x *stage) webtest.Answer { return fetched(x.outside.URL + "/endless")(x) }, 303, "request_uri_not_supported", "request_object", toClient},
	{49, "a request_uri by POST", "RFC 9101 §10.4", func(x *stage) webtest.Answer {
		request, err := url.Parse(x.h.AuthorizeURL(x.basic, url.Values{"request_uri": {x.outside.URL}}))
		x.must(err)
		return x.told(x.b.Post(oauth.PathAuthorize, request.Query()))
	}, 303, "request_uri_not_supported", "request_object", toClient},

	{50, "the sign-in page in a frame", "RFC 6749 §10.13", func(x *stage) webtest.Answer { return x.unframed(x.h.Browser(x).Get("/login")) }, 200, "", "", toPerson},
	{50, "the consent page in a frame", "RFC 9700 §4.16", func(x *stage) webtest.Answer { return x.unframed(x.asks(x.b)) }, 200, "", "", toPerson},
	{50, "a sign-in without the page's token", "RFC 6749 §10.12", func(x *stage) webtest.Answer { return x.signsIn(x.h.Browser(x), "") }, 403, "", "", toPerson},
	{50, "a sign-in with another browser's token", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		other := x.h.Browser(x)
		other.Get("/login")
		return x.signsIn(x.h.Browser(x), other.Form("/login").Values.Get("csrf_token"))
	}, 403, "", "", toPerson},
	{50, "a sign-in from another site", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		b := x.h.Browser(x)
		b.Get("/login")
		f := b.Form("/login")
		f.Values.Set("username", x.user.Username)
		f.Values.Set("password", webtest.Password)
		return x.crossSite(b, "/login", f.Values)
	}, 403, "", "", toPerson},
	{50, "consent without the page's token", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		x.asks(x.b)
		return x.approves(x.b, x.b.Form("/consent").Values, "csrf_token", "")
	}, 403, "", "", toPerson},
	{50, "consent with the token of another person's session", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		attacker := x.h.Browser(x)
		attacker.SignIn(x.h.User(x))
		x.asks(x.b)
		return x.approves(x.b, x.b.Form("/consent").Values, "csrf_token", attacker.Form("/account/profile").Values.Get("csrf_token"))
	}, 403, "", "", toPerson},
	{50, "consent with the token of a session that was renewed since", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		b := x.h.Browser(x)
		b.SignIn(x.user)
		x.asks(b)
		form := b.Form("/consent").Values
		b.Get("/login?return_to=/account")
		b.SignIn(x.user)
		return x.approves(b, form)
	}, 403, "", "", toPerson},
	{50, "consent from another site", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		x.asks(x.b)
		f := x.b.Form("/consent").Values
		f.Set("decision", "allow")
		return x.crossSite(x.b, "/consent", f)
	}, 403, "", "", toPerson},
	{50, "consent by GET", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		x.asks(x.b)
		f := x.b.Form("/consent").Values
		f.Set("decision", "allow")
		return x.told(x.b.Get("/consent?" + f.Encode()))
	}, 200, "", "", toPerson},
	{50, "consent by another person, who signed in to the same browser since", "RFC 6749 §10.13", func(x *stage) webtest.Answer {
		c, asked, other, b := x.h.Client(x), x.h.User(x), x.h.User(x), x.h.Browser(x)
		b.Get(x.h.AuthorizeURL(c, nil))
		b.SignIn(asked)
		form := b.Form("/consent").Values
		b.Get("/login?return_to=/account")
		b.SignIn(other)
		a := x.approves(b, form)
		for _, person := range []string{asked.ID, other.ID} {
			if _, err := x.h.Store.Consent(x.Context(), person, c.ID); !fault.IsNotFound(err) {
				x.Errorf("consent was saved: %v", err)
			}
		}
		return a
	}, 403, "", "", toPerson},
	{50, "consent to a request that another browser began", "RFC 6749 §10.12", func(x *stage) webtest.Answer {
		attacker := x.h.Browser(x)
		attacker.SignIn(x.h.User(x))
		x.asks(attacker)
		planted := attacker.Form("/consent").Values.Get("interaction")
		x.asks(x.b)
		return x.approves(x.b, x.b.Form("/consent").Values, "interaction", planted)
	}, 400, "", "interaction_browser", toPerson},
}

// odd is a state that nothing may change on its way back.
const odd = "s ~%&=+ä#?/\"<>"

// stays asks in each response mode, and without asking the person: nothing may lead out of the house.
func (x *stage) stays(c *webtest.Client, override url.Values) webtest.Answer {
	for _, mode := range []string{"query", "fragment", "form_post", "web_message"} {
		p := x.b.Get(x.h.AuthorizeURL(c, override) + "&prompt=none&response_mode=" + mode)
		if a := x.told(p); a.Status != http.StatusBadRequest || p.Location != nil || strings.Contains(p.Body, "evil.test") {
			x.Errorf("by %s: %d to %v: %s", mode, a.Status, p.Location, p.Text())
		}
	}
	return x.authorize(c, override)
}

// redirectedTo asks for an answer at a redirect_uri that is not, byte by byte, the registered one.
func redirectedTo(uri string) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"redirect_uri": {uri}}) }
}

func (x *stage) loopback(redirectURI string) webtest.Answer {
	c := x.h.Client(x, webtest.Public, func(c *oauth.Client) {
		c.RedirectURIs = oauth.RedirectURIs{"http://127.0.0.1/cb", "http://[::1]:1234/cb", "http://localhost:1234/cb"}
	})
	for _, fine := range []string{"http://127.0.0.1:51423/cb", "http://127.0.0.1/cb", "http://[::1]:7/cb", "http://localhost:1234/cb"} {
		if p := x.b.Get(x.h.AuthorizeURL(c, url.Values{"redirect_uri": {fine}})); p.URL.Path != "/consent" {
			x.Errorf("%s led to %s (%d)", fine, p.URL, p.Status)
		}
	}
	return x.authorize(c, url.Values{"redirect_uri": {redirectURI}})
}

// claims sends a claims parameter, and with it one more.
func (x *stage) claims(value string, more ...string) webtest.Answer {
	override := values(more...)
	override.Set("claims", value)
	return x.authorize(x.basic, override)
}

// requestClaims are those of a request object with nothing wrong (RFC 9101 §4).
func (x *stage) requestClaims() map[string]any {
	return map[string]any{
		"iss": x.basic.ID, "aud": x.h.Issuer, "exp": x.h.Clock.Now().Add(time.Minute).Unix(), "client_id": x.basic.ID, "response_type": "code",
		"redirect_uri": webtest.Callback, "scope": "openid", "state": "inside", "code_challenge": webtest.Challenge(), "code_challenge_method": "S256",
	}
}

// requestObject is a request object with one claim changed, if it has a name.
func (x *stage) requestObject(claim string, value any) string {
	return signedBy(jwt.SigningMethodES256, strangersKey(), nil, changed(x.requestClaims(), claim, value))
}

func (x *stage) requests(object string) webtest.Answer {
	return x.authorize(x.basic, url.Values{"request": {object}})
}

// requested sends a request object with one claim changed.
func requested(claim string, value any) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer { return x.requests(x.requestObject(claim, value)) }
}

// fetched asks the house to fetch a request object.
func fetched(uri string) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"request_uri": {uri}}) }
}

// unframed checks what keeps a page from being framed, told of or kept.
func (x *stage) unframed(p *webtest.Page) webtest.Answer {
	if h := p.Header; !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" ||
		h.Get("Referrer-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" {
		x.Errorf("%s has %v", p.URL, h)
	}
	return x.told(p)
}

// asks leads to a consent page.
func (x *stage) asks(b *webtest.Browser) *webtest.Page {
	p := b.Get(x.h.AuthorizeURL(x.basic, url.Values{"prompt": {"consent"}}))
	if p.URL.Path != "/consent" {
		x.Fatalf("led to %s (%d)", p.URL, p.Status)
	}
	return p
}

// approves allows what a consent page asked, with one field changed.
func (x *stage) approves(b *webtest.Browser, form url.Values, changes ...string) webtest.Answer {
	form.Set("decision", "allow")
	for name, value := range values(changes...) {
		form[name] = value
	}
	return x.told(b.Post("/consent", form))
}

// signsIn sends the right password with this token; nobody is signed in then.
func (x *stage) signsIn(b *webtest.Browser, token string) webtest.Answer {
	b.Get("/login")
	a := x.told(b.Post("/login", values("username", x.user.Username, "password", webtest.Password, "csrf_token", token)))
	if p := b.Get("/account"); p.URL.Path != "/login" {
		x.Errorf("signed in: %s", p.URL)
	}
	return a
}

// crossSite sends a form as another site's page would, with the browser's cookies.
func (x *stage) crossSite(b *webtest.Browser, path string, form url.Values) webtest.Answer {
	r := x.h.Request(x, http.MethodPost, path, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return x.told(b.Do(r))
}

// followed sends a form with the browser's cookies and returns the first answer, wherever it leads.
func (x *stage) followed(b *webtest.Browser, path string, form url.Values) webtest.Answer {
	r := x.h.Request(x, http.MethodPost, path, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range b.Jar().Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	return x.h.Do(x, r)
}
