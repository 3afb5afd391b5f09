package web_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/web/webtest"
)

// tokenNegatives are about refresh tokens, clients' own tokens, bearer tokens, introspection and revocation: cases 54 to 66.
var tokenNegatives = []negative{
	{54, "another client's refresh token", "RFC 6749 §5.2, §10.4", func(x *stage) webtest.Answer {
		token := x.tokens().Str("refresh_token")
		a := x.refresh(x.other, token)
		x.works(x.refresh(x.basic, token), "the owner's")
		return a
	}, 400, "invalid_grant", "refresh_token_client", ""},
	{54, "another client's refresh token, spent", "RFC 6749 §5.2, §10.4", func(x *stage) webtest.Answer {
		spent := x.tokens().Str("refresh_token")
		current := x.refresh(x.basic, spent)
		x.refresh(x.basic, current.Str("refresh_token"))
		a := x.refresh(x.other, spent)
		x.works(x.userinfo(current.Str("access_token")), "the owner's family")
		return a
	}, 400, "invalid_grant", "refresh_token_client", ""},
	{54, "another client's refresh token looks unknown", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		a := x.refresh(x.other, x.tokens().Str("refresh_token"))
		x.alike(a, x.refresh(x.other, "gh_rt_no-such-token-no-such-token-no-such-token-no"))
		return a
	}, 400, "invalid_grant", "refresh_token_client", ""},
	{55, "more scope than granted", "RFC 6749 §6", func(x *stage) webtest.Answer {
		return x.refresh(x.basic, x.tokens().Str("refresh_token"), "scope", "openid phone")
	}, 400, "invalid_scope", "scope_granted", ""},
	{55, "less, and then all again", "RFC 6749 §6", func(x *stage) webtest.Answer {
		all := x.tokens()
		less := x.refresh(x.basic, all.Str("refresh_token"), "scope", "openid email")
		if less.Str("scope") != "openid email" {
			x.Errorf("got %q", less.Str("scope"))
		}
		if _, named := x.userinfo(less.Str("access_token")).JSON["name"]; named {
			x.Error("the narrow token shows the name")
		}
		again := x.refresh(x.basic, less.Str("refresh_token"))
		if again.Str("scope") != all.Str("scope") {
			x.Errorf("got %q", again.Str("scope"))
		}
		return again
	}, 200, "", "", ""},
	{55, "an unknown scope at refresh", "RFC 6749 §6", func(x *stage) webtest.Answer {
		token := x.tokens().Str("refresh_token")
		a := x.refresh(x.basic, token, "scope", "openid nonsense")
		x.works(x.refresh(x.basic, token), "the token was spent")
		return a
	}, 400, "invalid_scope", "scope_granted", ""},
	{56, "a token whose successor was used", "RFC 9700 §4.14.2", func(x *stage) webtest.Answer {
		first := x.tokens().Str("refresh_token")
		second := x.refresh(x.basic, first).Str("refresh_token")
		third := x.refresh(x.basic, second)
		a := x.refresh(x.basic, first)
		refused(x.T, x.userinfo(third.Str("access_token")), 401, "invalid_token")
		refused(x.T, x.refresh(x.basic, third.Str("refresh_token")), 400, "invalid_grant")
		return a
	}, 400, "invalid_grant", "refresh_token_current", ""},
	{56, "a retry gets the one successor", "security.md rule 1", func(x *stage) webtest.Answer {
		first := x.tokens().Str("refresh_token")
		second, again := x.refresh(x.basic, first), x.refresh(x.basic, first)
		if second.Str("refresh_token") != again.Str("refresh_token") || second.Str("access_token") == again.Str("access_token") {
			x.Errorf("%s, then %s", second.Body, again.Body)
		}
		return again
	}, 200, "", "", ""},
	{56, "five at once get the one successor", "security.md rule 1", func(x *stage) webtest.Answer {
		first := x.tokens().Str("refresh_token")
		all := parallel(5, func() webtest.Answer { return x.refresh(x.basic, first) })
		for _, a := range all {
			if x.works(a, "one of five"); a.Str("refresh_token") != all[0].Str("refresh_token") {
				x.Error("there are two successors")
			}
		}
		return x.refresh(x.basic, all[0].Str("refresh_token"))
	}, 200, "", "", ""},
	{56, "a retry after the interval", "security.md rule 1", func(x *stage) webtest.Answer {
		first := x.tokens().Str("refresh_token")
		second := x.refresh(x.basic, first)
		x.h.Clock.Advance(time.Minute + time.Second)
		a := x.refresh(x.basic, first)
		refused(x.T, x.userinfo(second.Str("access_token")), 401, "invalid_token")
		refused(x.T, x.refresh(x.basic, second.Str("refresh_token")), 400, "invalid_grant")
		return a
	}, 400, "invalid_grant", "refresh_token_current", ""},
	{57, "after consent was withdrawn", "RFC 6749 §10.4", func(x *stage) webtest.Answer {
		return x.afterwards(func(user, client string) error {
			return x.h.Store.WithdrawConsent(x.Context(), user, client, x.h.Clock.Now(), event())
		})
	}, 400, "invalid_grant", "family_live", ""},
	{57, "after the person was disabled", "RFC 6749 §10.4", func(x *stage) webtest.Answer {
		return x.afterwards(func(user, _ string) error {
			return x.h.Store.DisableUser(x.Context(), user, x.h.Clock.Now(), event())
		})
	}, 400, "invalid_grant", "family_live", ""},
	{57, "after the password was changed", "RFC 6749 §10.4", func(x *stage) webtest.Answer {
		return x.afterwards(func(user, _ string) error {
			return changePassword(x.Context(), x.h, user)
		})
	}, 400, "invalid_grant", "family_live", ""},
	{57, "after the password was reset by a link", "RFC 6749 §10.4", func(x *stage) webtest.Answer {
		return x.afterwards(func(user, _ string) error {
			now, link := x.h.Clock.Now(), secret.Hash(secret.New(""))
			if err := x.h.Store.CreateResetLink(x.Context(), identity.ResetLink{Hash: link, UserID: user, ExpiresAt: now.Add(time.Hour)}, now, event()); err != nil {
				return err
			}
			return x.h.Store.UseResetLink(x.Context(), link, "$2b$10$abcdefghijklmnopqrstuuXcW6mA5vM7.Pbt5yJIr2kTcB5vGxY5m", now, event())
		})
	}, 400, "invalid_grant", "family_live", ""},
	{57, "after the person was disabled and enabled again", "RFC 6749 §10.4", func(x *stage) webtest.Answer {
		return x.afterwards(func(user, _ string) error {
			if err := x.h.Store.DisableUser(x.Context(), user, x.h.Clock.Now(), event()); err != nil {
				return err
			}
			return x.h.Store.EnableUser(x.Context(), user, x.h.Clock.Now(), event())
		})
	}, 400, "invalid_grant", "family_live", ""},
	{58, "an access token as refresh token", "RFC 6749 §6", func(x *stage) webtest.Answer { return x.refresh(x.basic, x.tokens().Str("access_token")) }, 400, "invalid_grant", "refresh_token_known", ""},
	{58, "a refresh token at userinfo", "RFC 6750 §3.1", func(x *stage) webtest.Answer { return x.userinfo(x.tokens().Str("refresh_token")) }, 401, "invalid_token", "access_token_valid", ""},
	{58, "an ID token as refresh token", "RFC 6749 §6", func(x *stage) webtest.Answer { return x.refresh(x.basic, x.tokens().Str("id_token")) }, 400, "invalid_grant", "refresh_token_known", ""},
	{58, "a code as refresh token", "RFC 6749 §6", func(x *stage) webtest.Answer { return x.refresh(x.basic, x.code()) }, 400, "invalid_grant", "refresh_token_known", ""},
	{58, "a refresh token as code", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer { return x.h.Redeem(x, x.basic, x.tokens().Str("refresh_token")) }, 400, "invalid_grant", "code_known", ""},
	{59, "client_credentials of a public client", "RFC 6749 §4.4", func(x *stage) webtest.Answer { return x.grant(x.public, "grant_type", "client_credentials") }, 400, "unauthorized_client", "grant_type_registered", ""},
	{59, "no refresh and no ID token", "RFC 6749 §4.4.3", func(x *stage) webtest.Answer {
		a := x.grant(x.job, "grant_type", "client_credentials")
		for _, never := range []string{"refresh_token", "id_token"} {
			if _, there := a.JSON[never]; there {
				x.Errorf("there is a %s", never)
			}
		}
		return a
	}, 200, "", "", ""},
	{59, "a scope that is not the client's", "RFC 6749 §3.3", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "scope", "orders:read")
	}, 400, "invalid_scope", "scope_allowed", ""},
	{59, "a scope that needs a person", "RFC 6749 §3.3", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "client_credentials", "scope", "openid")
	}, 400, "invalid_scope", "scope_without_person", ""},
	{59, "a scope that does not exist", "RFC 6749 §3.3", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "scope", "nonsense")
	}, 400, "invalid_scope", "scope_known", ""},
	{60, "userinfo without a token", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		a := x.userinfo("")
		if got := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") || strings.Contains(got, "error") || len(a.JSON) != 0 {
			x.Errorf("challenged with %q: %s", got, a.Body)
		}
		return a
	}, 401, "", "access_token_present", ""},
	{60, "userinfo with Basic", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		return x.send("GET", oauth.PathUserinfo, "", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 401, "", "access_token_scheme", ""},
	{60, "userinfo with a wrong token has a code, without one it has none", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		a := x.userinfo("wrong")
		if got := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") || !strings.Contains(got, `error="invalid_token"`) {
			x.Errorf("challenged with %q", got)
		}
		return a
	}, 401, "invalid_token", "access_token_valid", ""},
	{61, "a token in header and body", "RFC 6750 §2", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		return x.send("POST", oauth.PathUserinfo, "access_token="+token, "Authorization", "Bearer "+token)
	}, 400, "invalid_request", "access_token_single", ""},
	{61, "a token in the URL", "RFC 9700 §4.3.2", func(x *stage) webtest.Answer {
		return x.send("GET", oauth.PathUserinfo+"?access_token="+x.tokens().Str("access_token"), "")
	}, 400, "invalid_request", "access_token_in_header", ""},
	{61, "a token in the body alone", "RFC 6750 §2.2", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathUserinfo, "access_token="+x.tokens().Str("access_token"))
	}, 200, "", "", ""},
	{61, "a token in header and URL", "RFC 6750 §2", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		return x.send("GET", oauth.PathUserinfo+"?access_token="+token, "", "Authorization", "Bearer "+token)
	}, 400, "invalid_request", "access_token_in_header", ""},
	{61, "a token twice in the body", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		return x.send("POST", oauth.PathUserinfo, "access_token="+token+"&access_token="+token)
	}, 400, "invalid_request", "parameter_once", ""},
	{62, "garbage", "RFC 6750 §3.1", func(x *stage) webtest.Answer { return x.userinfo("garbage") }, 401, "invalid_token", "access_token_valid", ""},
	{62, "alg none", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		return x.userinfo(forged(x.tokens().Str("access_token"), `{"alg":"none","typ":"at+jwt"}`))
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "another subject under the same signature", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		parts := strings.Split(x.tokens().Str("access_token"), ".")
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(claims), `"scope":"`, `"scope":"phone `, 1)))
		return x.userinfo(strings.Join(parts, "."))
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "expired", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		x.h.Clock.Advance(x.h.App.Rules().Policy().Lifetimes.AccessToken)
		return x.userinfo(token)
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "revoked", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		x.works(x.revoke(x.basic, token), "revoking")
		return x.userinfo(token)
	}, 401, "invalid_token", "grant_live", ""},
	{62, "without openid", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		a := x.userinfo(x.h.Redeem(x, x.basic, x.b.Code(x.basic, x.user, url.Values{"scope": {"profile"}})).Str("access_token"))
		if !strings.Contains(a.Header.Get("WWW-Authenticate"), `scope="openid"`) {
			x.Errorf("challenged with %q", a.Header.Get("WWW-Authenticate"))
		}
		return a
	}, 403, "insufficient_scope", "scope_openid", ""},
	{62, "bEaReR", "RFC 9110 §11.1", func(x *stage) webtest.Answer {
		return x.send("GET", oauth.PathUserinfo, "", "Authorization", "bEaReR "+x.tokens().Str("access_token"))
	}, 200, "", "", ""},
	{62, "a signature of nobody's", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		return x.userinfo(signedBy(jwt.SigningMethodES256, strangersKey(), map[string]any{"typ": "at+jwt"}, claimsOf(x.T, x.tokens().Str("access_token"))))
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "HS256, keyed with the RSA public key", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		return x.userinfo(signedBy(jwt.SigningMethodHS256, x.publicKey(), map[string]any{"typ": "at+jwt"}, claimsOf(x.T, x.tokens().Str("access_token"))))
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "a signature of ours, but of the key for ID tokens", "security.md rule 5", func(x *stage) webtest.Answer {
		return x.userinfo(x.signed(keys.RS256, "at+jwt", claimsOf(x.T, x.tokens().Str("access_token"))))
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "after the person signed out", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		b := x.h.Browser(x)
		tokens := x.h.Redeem(x, x.basic, b.Code(x.basic, x.user, url.Values{"scope": {"openid"}}))
		x.works(x.userinfo(tokens.Str("access_token")), "before")
		b.Get("/logout")
		b.Submit("/logout", nil)
		return x.userinfo(tokens.Str("access_token"))
	}, 401, "invalid_token", "grant_live", ""},
	{63, "a client's own token at userinfo", "OIDC Core §5.3", func(x *stage) webtest.Answer {
		return x.userinfo(x.grant(x.job, "grant_type", "client_credentials").Str("access_token"))
	}, 403, "insufficient_scope", "scope_openid", ""},
	{63, "a token for another resource at userinfo", "security.md rule 6", func(x *stage) webtest.Answer {
		return x.userinfo(x.forAPI(x.orders, "openid read").Str("access_token"))
	}, 401, "invalid_token", "access_token_valid", ""},
	{63, "a token for another resource at /users/me", "security.md rule 6", func(x *stage) webtest.Answer {
		return x.h.Get(x, oauth.PathMe, x.forAPI(x.orders, "openid read").Str("access_token"))
	}, 401, "invalid_token", "access_token_valid", ""},
	{63, "a client's own token at /users/me", "OIDC Core §5.3", func(x *stage) webtest.Answer {
		return x.h.Get(x, oauth.PathMe, x.grant(x.job, "grant_type", "client_credentials").Str("access_token"))
	}, 403, "insufficient_scope", "token_of_person", ""},
	{64, "introspection by nobody", "RFC 7662 §2.1", func(x *stage) webtest.Answer { return x.introspect(nil, "x") }, 401, "invalid_client", "client_identified", ""},
	{64, "introspection by a public client", "security.md rule 6", func(x *stage) webtest.Answer { return x.introspect(x.public, "x") }, 401, "invalid_client", "client_confidential", ""},
	{64, "introspection of nothing", "RFC 7662 §2.1", func(x *stage) webtest.Answer { return x.introspect(x.basic, "") }, 400, "invalid_request", "token_present", ""},
	{64, "introspection of an unknown token", "RFC 7662 §2.2", func(x *stage) webtest.Answer { return x.inactive(x.basic, "gh_rt_unknown") }, 200, "", "", ""},
	{64, "introspection of a malformed token", "RFC 7662 §2.2", func(x *stage) webtest.Answer { return x.inactive(x.basic, "a.b.c") }, 200, "", "", ""},
	{64, "introspection of another client's token", "RFC 7662 §4", func(x *stage) webtest.Answer {
		tokens := x.tokens()
		x.inactive(x.other, tokens.Str("refresh_token"))
		return x.inactive(x.other, tokens.Str("access_token"))
	}, 200, "", "", ""},
	{64, "introspection of an expired token", "RFC 7662 §2.2", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		x.h.Clock.Advance(x.h.App.Rules().Policy().Lifetimes.AccessToken)
		return x.inactive(x.basic, token)
	}, 200, "", "", ""},
	{64, "a wrong hint finds it all the same", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		a := x.h.Post(x, oauth.PathIntrospect, x.basic, url.Values{"token": {x.tokens().Str("access_token")}, "token_type_hint": {"refresh_token"}})
		if a.JSON["active"] != true {
			x.Errorf("says %s", a.Body)
		}
		return a
	}, 200, "", "", ""},
	{64, "introspection with a wrong secret", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathIntrospect, "token="+x.tokens().Str("access_token"), "Authorization", as(x.basic.ID, "wrong"))
	}, 401, "invalid_client", "client_secret", ""},
	{64, "introspection of a token twice", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		return x.h.Post(x, oauth.PathIntrospect, x.basic, url.Values{"token": {"a", "b"}})
	}, 400, "invalid_request", "parameter_once", ""},
	{64, "introspection by GET", "RFC 7662 §2.1", func(x *stage) webtest.Answer { return x.send("GET", oauth.PathIntrospect+"?token=x", "") }, 405, "invalid_request", "", ""},
	{64, "introspection of a revoked token", "RFC 7662 §2.2", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		x.works(x.revoke(x.basic, token), "revoking")
		return x.inactive(x.basic, token)
	}, 200, "", "", ""},
	{64, "introspection of a spent refresh token", "RFC 7662 §2.2", func(x *stage) webtest.Answer {
		first := x.tokens().Str("refresh_token")
		x.works(x.refresh(x.basic, first), "refreshing")
		return x.inactive(x.basic, first)
	}, 200, "", "", ""},
	{64, "introspection of a code", "RFC 7662 §2.2", func(x *stage) webtest.Answer { return x.inactive(x.basic, x.code()) }, 200, "", "", ""},
	{64, "a wrong hint finds a refresh token all the same", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		a := x.h.Post(x, oauth.PathIntrospect, x.basic, url.Values{"token": {x.tokens().Str("refresh_token")}, "token_type_hint": {"access_token"}})
		if a.JSON["active"] != true {
			x.Errorf("says %s", a.Body)
		}
		return a
	}, 200, "", "", ""},
	{65, "revoking an unknown token", "RFC 7009 §2.2", func(x *stage) webtest.Answer { return x.revoke(x.basic, "gh_rt_unknown") }, 200, "", "", ""},
	{65, "revoking another client's token", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		tokens := x.tokens()
		refused(x.T, x.revoke(x.other, tokens.Str("access_token")), 400, "invalid_request")
		a := x.revoke(x.other, tokens.Str("refresh_token"))
		x.works(x.userinfo(tokens.Str("access_token")), "the owner's access token")
		x.works(x.refresh(x.basic, tokens.Str("refresh_token")), "the owner's refresh token")
		return a
	}, 400, "invalid_request", "token_client", ""},
	{65, "a wrong hint revokes it all the same", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("refresh_token")
		x.works(x.h.Post(x, oauth.PathRevoke, x.basic, url.Values{"token": {token}, "token_type_hint": {"access_token"}}), "revoking")
		return x.refresh(x.basic, token)
	}, 400, "invalid_grant", "family_live", ""},
	{65, "revoking nothing", "RFC 7009 §2.1", func(x *stage) webtest.Answer { return x.revoke(x.basic, "") }, 400, "invalid_request", "token_present", ""},
	{65, "revoking by GET", "RFC 7009 §2.1", func(x *stage) webtest.Answer { return x.send("GET", oauth.PathRevoke+"?token=x", "") }, 405, "invalid_request", "", ""},
	{65, "a public client revoking another client's token", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		tokens := x.tokens()
		a := x.revoke(x.public, tokens.Str("refresh_token"))
		x.works(x.userinfo(tokens.Str("access_token")), "the owner's access token")
		x.works(x.refresh(x.basic, tokens.Str("refresh_token")), "the owner's refresh token")
		return a
	}, 400, "invalid_request", "token_client", ""},
	{65, "an unknown hint revokes it all the same", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		x.works(x.h.Post(x, oauth.PathRevoke, x.basic, url.Values{"token": {token}, "token_type_hint": {"pigeon"}}), "revoking")
		return x.userinfo(token)
	}, 401, "invalid_token", "grant_live", ""},
	{66, "an access token whose refresh token was revoked", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		tokens := x.tokens()
		x.works(x.revoke(x.basic, tokens.Str("refresh_token")), "revoking")
		x.inactive(x.basic, tokens.Str("access_token"))
		return x.userinfo(tokens.Str("access_token"))
	}, 401, "invalid_token", "grant_live", ""},
	{66, "a refresh token whose access token was revoked", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		tokens := x.tokens()
		x.works(x.revoke(x.basic, tokens.Str("access_token")), "revoking")
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(x.basic, tokens.Str("refresh_token"))
	}, 200, "", "", ""},
}

// afterwards refreshes what a person of its own was given, after something happened to them.
func (x *stage) afterwards(act func(user, client string) error) webtest.Answer {
	user := x.h.User(x)
	token := x.h.Tokens(x, x.basic, user, nil).Str("refresh_token")
	x.must(act(user.ID, x.basic.ID))
	return x.refresh(x.basic, token)
}

// forged is the token under another header, without a signature.
func forged(token, header string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Split(token, ".")[1] + "."
}
