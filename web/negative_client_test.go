package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// clientNegatives are about client authentication and the token endpoint: cases 1 to 22.
var clientNegatives = []negative{
	{1, "Basic with bad base64", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", "Basic !!!")
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic with nothing", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer { return x.token("grant_type=refresh_token", "Authorization", "Basic ") }, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic without a colon", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw(x.basic.ID))
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic of three parts", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw(x.basic.ID+":"+x.basic.Secret+":x"))
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "another scheme", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", "Bearer "+x.basic.Secret)
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic with bytes that are no text", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw("a%00:\xff"))
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic alone", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer { return x.token("grant_type=refresh_token", "Authorization", "Basic") }, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic with three words", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, x.basic.Secret)+" more")
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "Basic with a colon alone", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer { return x.token("grant_type=refresh_token", "Authorization", raw(":")) }, 401, "invalid_client", "client_identified", ""},
	{1, "Basic with an empty secret", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, ""))
	}, 401, "invalid_client", "client_secret", ""},
	{1, "bad base64 at revocation", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathRevoke, "token=x", "Authorization", "Basic !!!")
	}, 401, "invalid_client", "basic_syntax", ""},
	{1, "bad base64 at introspection", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathIntrospect, "token=x", "Authorization", "Basic !!!")
	}, 401, "invalid_client", "basic_syntax", ""},
	{2, "a secret with : % + and a space", "RFC 6749 §2.3.1, Appendix B", func(x *stage) webtest.Answer {
		c := x.withSecret("a:b%c+d e/f=ä", nil)
		return x.token("grant_type=client_credentials", "Authorization", as(c.ID, c.Secret))
	}, 200, "", "", ""},
	{2, "a secret whose every byte is encoded, and the client_id too", "RFC 6749 §2.3.1, Appendix B", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Authorization", raw(everyByte(x.job.ID)+":"+everyByte(x.job.Secret)))
	}, 200, "", "", ""},
	{2, "a secret with + that was not encoded, which is a space", "RFC 6749 §2.3.1, Appendix B", func(x *stage) webtest.Answer {
		c := x.withSecret("a+b+c+d", nil)
		return x.token("grant_type=client_credentials", "Authorization", raw(c.ID+":"+c.Secret))
	}, 401, "invalid_client", "client_secret", ""},
	{2, "a broken %zz in the secret", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw(x.basic.ID+":%zz"))
	}, 401, "invalid_client", "basic_syntax", ""},
	{2, "a broken %zz in the client_id", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw("%zz:"+x.basic.Secret))
	}, 401, "invalid_client", "basic_syntax", ""},
	{2, "half a percent sign's escape", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw(x.basic.ID+":abc%4"))
	}, 401, "invalid_client", "basic_syntax", ""},
	{2, "bytes that are no text, encoded", "RFC 6749 Appendix B", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw(x.basic.ID+":%ff%00"))
	}, 401, "invalid_client", "basic_syntax", ""},
	{3, "a wrong secret by Basic", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, "gh_cs_wrong-wrong-wrong-wrong-wrong-wrong"))
	}, 401, "invalid_client", "client_secret", ""},
	{3, "a wrong secret by body", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_id=" + x.post.ID + "&client_secret=wrong")
	}, 401, "invalid_client", "client_secret", ""},
	{3, "a wrong secret at revocation", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathRevoke, "token=x", "Authorization", as(x.basic.ID, "wrong"))
	}, 401, "invalid_client", "client_secret", ""},
	{3, "a wrong secret at introspection", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathIntrospect, "token=x", "Authorization", as(x.basic.ID, "wrong"))
	}, 401, "invalid_client", "client_secret", ""},
	{3, "a secret that was revoked", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		secrets, err := x.h.Store.ClientSecrets(x.Context(), c.ID)
		x.must(err)
		_, more := oauth.NewClientSecret(c.ID, x.h.Clock.Now(), nil)
		x.must(x.h.Store.AddClientSecret(x.Context(), more, x.h.Clock.Now(), event()))
		x.must(x.h.Store.RevokeClientSecret(x.Context(), c.ID, secrets[0].ID, x.h.Clock.Now(), event()))
		return x.grant(c, "grant_type", "client_credentials")
	}, 401, "invalid_client", "client_secret_revoked", ""},
	{3, "another client's secret", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, x.other.Secret))
	}, 401, "invalid_client", "client_secret", ""},
	{4, "an unknown client, by Basic", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		unknown := x.token("grant_type=refresh_token", "Authorization", as("cl_nobody", "wrong"))
		x.alike(unknown, x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, "wrong")))
		return unknown
	}, 401, "invalid_client", "client_known", ""},
	{4, "an unknown client, by body", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		unknown := x.token("grant_type=refresh_token&client_secret=wrong&client_id=cl_nobody")
		x.alike(unknown, x.token("grant_type=refresh_token&client_secret=wrong&client_id="+x.post.ID))
		return unknown
	}, 401, "invalid_client", "client_known", ""},
	{4, "an unknown client, that only says who it is", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		unknown := x.token("grant_type=refresh_token&client_id=cl_nobody")
		x.alike(unknown, x.token("grant_type=refresh_token&client_id="+x.basic.ID))
		return unknown
	}, 401, "invalid_client", "client_known", ""},
	{4, "an unknown client, at revocation", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		unknown := x.send("POST", oauth.PathRevoke, "token=x", "Authorization", as("cl_nobody", "wrong"))
		x.alike(unknown, x.send("POST", oauth.PathRevoke, "token=x", "Authorization", as(x.basic.ID, "wrong")))
		return unknown
	}, 401, "invalid_client", "client_known", ""},
	{4, "an unknown client, at introspection", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		unknown := x.send("POST", oauth.PathIntrospect, "token=x", "Authorization", as("cl_nobody", "wrong"))
		x.alike(unknown, x.send("POST", oauth.PathIntrospect, "token=x", "Authorization", as(x.basic.ID, "wrong")))
		return unknown
	}, 401, "invalid_client", "client_known", ""},
	{4, "a disabled client looks like a wrong secret, too", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		x.must(x.h.Store.DisableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		x.alike(x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, "wrong")), x.grant(c, "grant_type", "refresh_token"))
		return x.grant(c, "grant_type", "refresh_token")
	}, 401, "invalid_client", "client_enabled", ""},
	{5, "Basic and client_secret", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_secret="+x.basic.Secret, "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "client_authentication_single", ""},
	{5, "Basic, and client_id and client_secret", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_id="+x.job.ID+"&client_secret="+x.job.Secret, "Authorization", as(x.job.ID, x.job.Secret))
	}, 400, "invalid_request", "client_authentication_single", ""},
	{6, "two client_ids", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_id="+x.other.ID, "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "client_id_same", ""},
	{6, "the same client_id twice is one", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_id="+x.job.ID, "Authorization", as(x.job.ID, x.job.Secret))
	}, 200, "", "", ""},
	{7, "an assertion beside Basic", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.asserts(x.assertion(), "", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "client_authentication_single", ""},
	{7, "an assertion beside a secret", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.asserts(x.assertion(), "&client_id="+x.post.ID+"&client_secret="+x.post.Secret)
	}, 400, "invalid_request", "client_authentication_single", ""},
	{7, "an assertion's type alone, beside Basic", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_assertion_type="+jwtBearer, "Authorization", as(x.job.ID, x.job.Secret))
	}, 400, "invalid_request", "client_authentication_single", ""},
	{8, "an assertion without its type", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_assertion=" + x.assertion() + "&client_id=" + x.job.ID)
	}, 401, "invalid_client", noAssertions, ""},
	{8, "an assertion of a wrong type", "RFC 7521 §4.2.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_assertion=" + x.assertion() + "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer&client_id=" + x.job.ID)
	}, 401, "invalid_client", noAssertions, ""},
	{8, "a type without an assertion", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_assertion_type=" + jwtBearer + "&client_id=" + x.job.ID)
	}, 401, "invalid_client", noAssertions, ""},
	{9, "an assertion, and its replay", "RFC 7523 §3 (7)", func(x *stage) webtest.Answer {
		assertion := x.assertion()
		first := x.asserts(assertion, "")
		again := x.asserts(assertion, "")
		x.alike(first, again)
		return again
	}, 401, "invalid_client", noAssertions, ""},
	{9, "an assertion twice at once", "RFC 7523 §3 (7)", func(x *stage) webtest.Answer {
		assertion := x.assertion()
		both := parallel(2, func() webtest.Answer { return x.asserts(assertion, "") })
		refused(x.T, both[0], 401, "invalid_client")
		return both[1]
	}, 401, "invalid_client", noAssertions, ""},
	{10, "an assertion with alg none", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, x.assertionClaims()), "")
	}, 401, "invalid_client", noAssertions, ""},
	{10, "an assertion with HS256, keyed with the RSA public key", "RFC 8725 §3.1", func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodHS256, x.publicKey(), nil, x.assertionClaims()), "")
	}, 401, "invalid_client", noAssertions, ""},
	{10, "an assertion with HS256, keyed with the client's secret", "RFC 7523 §3", func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodHS256, []byte(x.job.Secret), nil, x.assertionClaims()), "")
	}, 401, "invalid_client", noAssertions, ""},
	{10, "an assertion with an alg that was not registered", "RFC 7523 §3", func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodES256, strangersKey(), nil, x.assertionClaims()), "")
	}, 401, "invalid_client", noAssertions, ""},
	{10, "an assertion with an unknown kid", "RFC 7523 §3", func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodES256, strangersKey(), map[string]any{"kid": "unknown"}, x.assertionClaims()), "")
	}, 401, "invalid_client", noAssertions, ""},
	{11, "an assertion whose iss is not its sub", "RFC 7523 §3 (1, 2)", asserted("iss", "cl_somebody"), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion without sub", "RFC 7523 §3 (2)", asserted("sub", nil), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion without exp", "RFC 7523 §3 (4)", asserted("exp", nil), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion that has expired", "RFC 7523 §3 (4)", asserted("exp", 1), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion whose nbf is ahead", "RFC 7523 §3 (5)", asserted("nbf", 1<<40), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion for another aud", "RFC 7523 §3 (3)", asserted("aud", "https://evil.test"), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion whose aud array holds a number", "RFC 7519 §4.1.3", asserted("aud", []any{webtest.Issuer, 7}), 401, "invalid_client", noAssertions, ""},
	{11, "an assertion whose payload is no object", "RFC 7519 §7.2", func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodES256, strangersKey(), nil, []string{x.job.ID}), "")
	}, 401, "invalid_client", noAssertions, ""},
	{12, "a confidential client that only says who it is", "RFC 6749 §3.2.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=authorization_code&code=" + x.code() + "&code_verifier=" + webtest.Verifier + "&client_id=" + x.basic.ID)
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "nobody at all", "RFC 6749 §3.2.1", func(x *stage) webtest.Answer { return x.token("grant_type=client_credentials") }, 401, "invalid_client", "client_identified", ""},
	{12, "the body where the header was registered", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_id=" + x.basic.ID + "&client_secret=" + x.basic.Secret)
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "the header where the body was registered", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Authorization", as(x.post.ID, x.post.Secret))
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "a public client with a header", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&refresh_token=x", "Authorization", as(x.public.ID, ""))
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "refreshing, by a confidential client that only says who it is", "RFC 6749 §6", func(x *stage) webtest.Answer {
		token := x.tokens().Str("refresh_token")
		a := x.token("grant_type=refresh_token&client_id=" + x.basic.ID + "&refresh_token=" + token)
		x.works(x.refresh(x.basic, token), "the token was spent")
		return a
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "revoking, by a confidential client that only says who it is", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("refresh_token")
		a := x.send("POST", oauth.PathRevoke, "client_id="+x.basic.ID+"&token="+token)
		x.works(x.refresh(x.basic, token), "the token was revoked")
		return a
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "introspecting by the body where the header was registered", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathIntrospect, "token=x&client_id="+x.basic.ID+"&client_secret="+x.basic.Secret)
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{12, "a public client with a secret", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&refresh_token=x&client_secret=x&client_id=" + x.public.ID)
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{13, "grant_type twice", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "refresh_token", "grant_type", "refresh_token")
	}, 400, "invalid_request", "parameter_once", ""},
	{13, "code twice", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		code := x.code()
		a := x.grant(x.basic, "grant_type", "authorization_code", "code", code, "code", code, "redirect_uri", webtest.Callback, "code_verifier", webtest.Verifier)
		x.works(x.h.Redeem(x, x.basic, code), "the code was consumed")
		return a
	}, 400, "invalid_request", "parameter_once", ""},
	{13, "client_id twice", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_id=" + x.public.ID + "&client_id=" + x.public.ID)
	}, 400, "invalid_request", "parameter_once", ""},
	{13, "client_secret twice", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials&client_id=" + x.post.ID + "&client_secret=" + x.post.Secret + "&client_secret=" + x.post.Secret)
	}, 400, "invalid_request", "parameter_once", ""},
	{13, "an unknown parameter twice", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "anything", "a", "anything", "b")
	}, 400, "invalid_request", "parameter_once", ""},
	{14, "credentials in the URL", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathToken+"?client_id="+x.post.ID+"&client_secret="+x.post.Secret, "grant_type=client_credentials")
	}, 401, "invalid_client", "client_identified", ""},
	{14, "a code in the URL", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		code := x.code()
		a := x.send("POST", oauth.PathToken+"?code="+code+"&grant_type=authorization_code", "redirect_uri="+url.QueryEscape(webtest.Callback), "Authorization", as(x.basic.ID, x.basic.Secret))
		x.works(x.h.Redeem(x, x.basic, code), "the code was consumed")
		return a
	}, 400, "invalid_request", "grant_type_present", ""},
	{14, "a secret in the URL, a client_id in the body", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathToken+"?client_secret="+x.post.Secret, "grant_type=client_credentials&client_id="+x.post.ID)
	}, 401, "invalid_client", "token_endpoint_auth_method", ""},
	{14, "a code alone in the URL", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		code := x.code()
		a := x.send("POST", oauth.PathToken+"?code="+code, "grant_type=authorization_code&code_verifier="+webtest.Verifier+"&redirect_uri="+url.QueryEscape(webtest.Callback), "Authorization", as(x.basic.ID, x.basic.Secret))
		x.works(x.h.Redeem(x, x.basic, code), "the code was consumed")
		return a
	}, 400, "invalid_request", "code_present", ""},
	{15, "JSON", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token(`{"grant_type":"client_credentials"}`, "Content-Type", "application/json", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{15, "multipart", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("--x\r\n\r\n--x--", "Content-Type", "multipart/form-data; boundary=x", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{15, "no content type", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Content-Type", "", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{15, "plain text", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Content-Type", "text/plain", "Authorization", as(x.job.ID, x.job.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{16, "a content type in capitals, with a charset", "RFC 9110 §8.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Content-Type", "APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8", "Authorization", as(x.job.ID, x.job.Secret))
	}, 200, "", "", ""},
	{17, "GET", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.unserved("GET") }, 405, "invalid_request", "", ""},
	{17, "PUT", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.unserved("PUT") }, 405, "invalid_request", "", ""},
	{17, "DELETE", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.unserved("DELETE") }, 405, "invalid_request", "", ""},
	{18, "the answer to a code", "RFC 6749 §5.1", func(x *stage) webtest.Answer { return x.success(x.tokens()) }, 200, "", "", ""},
	{18, "the answer to a refresh token", "RFC 6749 §5.1", func(x *stage) webtest.Answer {
		return x.success(x.refresh(x.basic, x.tokens().Str("refresh_token")))
	}, 200, "", "", ""},
	{18, "the answer to a client", "RFC 6749 §5.1", func(x *stage) webtest.Answer {
		return x.success(x.grant(x.job, "grant_type", "client_credentials"))
	}, 200, "", "", ""},
	{18, "what a hostile grant_type is told", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.job, "grant_type", hostile) }, 400, "unsupported_grant_type", "grant_type_supported", ""},
	{18, "what a hostile scope is told", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "scope", hostile)
	}, 400, "invalid_scope", "scope_syntax", ""},
	{18, "what a hostile code is told", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "authorization_code", "code", hostile)
	}, 400, "invalid_grant", "code_known", ""},
	{18, "what a hostile client_id is told", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(nil, "grant_type", "client_credentials", "client_id", hostile)
	}, 401, "invalid_client", "client_known", ""},
	{18, "what a hostile parameter sent twice is told", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.job, hostile, "a", hostile, "b") }, 400, "invalid_request", "parameter_once", ""},
	{18, "what a hostile resource is told", "RFC 8707 §2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "client_credentials", "resource", hostile)
	}, 400, "invalid_target", "", ""},
	{18, "what a client is told that did not register the grant", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "refresh_token", "refresh_token", hostile)
	}, 400, "unauthorized_client", "grant_type_registered", ""},
	{18, "a compressed body", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Content-Encoding", "gzip", "Authorization", as(x.job.ID, x.job.Secret))
	}, 415, "invalid_request", "", ""},
	{18, "too many failures", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		var a webtest.Answer
		for range 61 {
			a = x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, "wrong"))
		}
		x.works(x.grant(x.job, "grant_type", "client_credentials"), "who proves who they are")
		if a.Header.Get("Retry-After") == "" {
			x.Error("when to try again is not said")
		}
		x.h.Clock.Advance(time.Minute)
		return a
	}, 429, "invalid_request", "", ""},
	{18, "another host", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		r := x.h.Request(x, "POST", oauth.PathToken, "")
		r.Host = "evil.test"
		return x.h.Do(x, r)
	}, 421, "invalid_request", "", ""},
	{19, "preflight of token", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathToken) }, 204, "", "", ""},
	{19, "preflight of userinfo", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathUserinfo) }, 204, "", "", ""},
	{19, "preflight of revoke", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathRevoke) }, 204, "", "", ""},
	{19, "preflight of introspect", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathIntrospect) }, 204, "", "", ""},
	{19, "preflight of discovery", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight("/.well-known/openid-configuration") }, 204, "", "", ""},
	{19, "preflight of the JWKS", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathJWKS) }, 204, "", "", ""},
	{19, "discovery is open", "RFC 9700 §2.6", func(x *stage) webtest.Answer {
		return x.send("GET", "/.well-known/openid-configuration", "", "Origin", spa)
	}, 200, "", "", ""},
	{19, "the JWKS is open", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.send("GET", oauth.PathJWKS, "", "Origin", spa) }, 200, "", "", ""},
	{19, "a refusal at the token endpoint can be read", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.token("grant_type=refresh_token", "Origin", spa) }, 401, "invalid_client", "client_identified", ""},
	{19, "preflight of authorize", "RFC 9700 §2.6", func(x *stage) webtest.Answer {
		return x.send("OPTIONS", oauth.PathAuthorize, "", "Origin", spa, "Access-Control-Request-Method", "GET")
	}, 405, "", "", toPerson},
	{19, "authorize, called by a script", "RFC 9700 §2.6", func(x *stage) webtest.Answer {
		r := x.h.Request(x, "GET", x.h.AuthorizeURL(x.basic, nil), "")
		r.Header.Set("Origin", spa)
		return x.told(x.b.Do(r))
	}, 303, "", "", toClient},
	{20, "an empty code", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "authorization_code", "code", "")
	}, 400, "invalid_request", "code_present", ""},
	{20, "an empty scope is none", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.refresh(x.basic, x.tokens().Str("refresh_token"), "scope", "")
	}, 200, "", "", ""},
	{20, "an empty refresh token", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.refresh(x.basic, "") }, 400, "invalid_request", "refresh_token_present", ""},
	{20, "an empty scope at authorize is none", "RFC 6749 §3.1", func(x *stage) webtest.Answer {
		r := x.h.AuthorizeURL(x.basic, url.Values{"scope": nil})
		return x.told(x.b.Get(r + "&scope="))
	}, 303, "", "", toClient},
	{20, "an empty scope of a client's own is none", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		a := x.grant(x.job, "grant_type", "client_credentials", "scope", "")
		if a.Str("scope") != "jobs:run" {
			x.Errorf("got %q", a.Str("scope"))
		}
		return a
	}, 200, "", "", ""},
	{20, "an empty grant_type", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.grant(x.basic, "grant_type", "", "code", "x") }, 400, "invalid_request", "grant_type_present", ""},
	{21, "no grant_type", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.basic, "code", "x") }, 400, "invalid_request", "grant_type_present", ""},
	{21, "Authorization_Code", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.basic, "grant_type", "Authorization_Code") }, 400, "unsupported_grant_type", "grant_type_supported", ""},
	{21, "password", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "password", "username", "u", "password", "a-password-that-is-kept-nowhere")
	}, 400, "unsupported_grant_type", "grant_type_on", ""},
	{21, "a grant_type that was not registered", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "authorization_code", "code", "x")
	}, 400, "unauthorized_client", "grant_type_registered", ""},
	{21, "a grant_type nobody knows", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.basic, "grant_type", "urn:example:unknown") }, 400, "unsupported_grant_type", "grant_type_supported", ""},
	{22, "a disabled client", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		tokens := x.h.Redeem(x, c, x.b.Code(c, x.user, nil))
		x.must(x.h.Store.DisableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_enabled", ""},
	{22, "a deleted client", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		tokens := x.h.Redeem(x, c, x.b.Code(c, x.user, nil))
		x.must(x.h.Store.DeleteClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_known", ""},
	{22, "a secret that expired", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		soon := x.h.Clock.Now().Add(time.Second)
		c := x.withSecret("gh_cs_expires-expires-expires-expires-expires", &soon)
		tokens := x.h.Redeem(x, c, x.b.Code(c, x.user, nil))
		x.h.Clock.Advance(time.Second)
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_secret_expired", ""},
	{22, "a disabled public client", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x, webtest.Public)
		tokens := x.h.Redeem(x, c, x.b.Code(c, x.user, nil))
		x.must(x.h.Store.DisableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_enabled", ""},
	{22, "what a client had before it was disabled and enabled again", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		tokens := x.h.Redeem(x, c, x.b.Code(c, x.user, nil))
		own := x.grant(c, "grant_type", "client_credentials")
		x.works(own, "its own token")
		x.must(x.h.Store.DisableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		x.must(x.h.Store.EnableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		x.inactive(c, tokens.Str("access_token"))
		x.inactive(c, tokens.Str("refresh_token"))
		x.inactive(c, own.Str("access_token"))
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 400, "invalid_grant", "family_live", ""},
}

const (
	jwtBearer    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	noAssertions = "token_endpoint_auth_method_supported" // no method of ours takes an assertion
	spa          = "https://spa.example.test"
	hostile      = "\"><script>\\é\r\nX-Evil: 1"
)

// everyByte is s with every byte percent-encoded.
func everyByte(s string) string {
	var out strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&out, "%%%02x", s[i])
	}
	return out.String()
}

// strangersKey is a key that nobody registered.
var strangersKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// assertionClaims are those of an assertion with nothing wrong (RFC 7523 §3).
func (x *stage) assertionClaims() map[string]any {
	return map[string]any{
		"iss": x.job.ID, "sub": x.job.ID, "aud": x.h.Issuer, "jti": rand.Text(), "iat": x.h.Clock.Now().Unix(), "exp": x.h.Clock.Now().Add(time.Minute).Unix(),
	}
}

func (x *stage) assertion() string {
	return signedBy(jwt.SigningMethodES256, strangersKey(), nil, x.assertionClaims())
}

// asserts sends an assertion to the token endpoint, with more of a body.
func (x *stage) asserts(assertion, more string, headers ...string) webtest.Answer {
	return x.token("grant_type=client_credentials&client_assertion_type="+jwtBearer+"&client_assertion="+assertion+more, headers...)
}

// asserted sends an assertion with one claim changed.
func asserted(claim string, value any) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer {
		return x.asserts(signedBy(jwt.SigningMethodES256, strangersKey(), nil, changed(x.assertionClaims(), claim, value)), "")
	}
}

// publicKey is the house's RSA key as everybody can read it, in PEM.
func (x *stage) publicKey() []byte {
	var key rsa.PublicKey
	for _, k := range x.h.Get(x, oauth.PathJWKS, "").JSON["keys"].([]any) {
		if k := k.(map[string]any); k["kty"] == "RSA" {
			n, err := base64.RawURLEncoding.DecodeString(k["n"].(string))
			x.must(err)
			key = rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
		}
	}
	der, err := x509.MarshalPKIXPublicKey(&key)
	x.must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// success is what every answer with tokens has to have (RFC 6749 §5.1).
func (x *stage) success(a webtest.Answer) webtest.Answer {
	life, _ := a.JSON["expires_in"].(float64)
	if a.Header.Get("Pragma") != "no-cache" || a.Str("token_type") != "Bearer" || a.Str("access_token") == "" || life <= 0 {
		x.Errorf("answered %v %s", a.Header, a.Body)
	}
	return a
}

// unserved asks the token endpoint by a method it does not serve, with everything that would redeem a code.
func (x *stage) unserved(method string) webtest.Answer {
	code := x.code()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}.Encode()
	a := x.send(method, oauth.PathToken+"?"+form, form, "Authorization", as(x.basic.ID, x.basic.Secret))
	if !slices.Contains(strings.Split(a.Header.Get("Allow"), ", "), http.MethodPost) {
		x.Errorf("Allow is %q", a.Header.Get("Allow"))
	}
	x.works(x.h.Redeem(x, x.basic, code), "the code was consumed")
	return a
}

func (x *stage) preflight(path string) webtest.Answer {
	a := x.send("OPTIONS", path, "", "Origin", spa, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "POST") || a.Header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, X-Requested-With" {
		x.Errorf("answered %v", a.Header)
	}
	if credentials := a.Header.Get("Access-Control-Allow-Credentials"); credentials != "" {
		x.Errorf("cookies are let in: %q", credentials)
	}
	return a
}
