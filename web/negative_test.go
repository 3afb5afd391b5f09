package web_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// stage is what the negative cases are played on. Each case makes its own codes and tokens and leaves the rest as it was.
type stage struct {
	*testing.T
	h                              *webtest.House
	basic, post, public, job, free *webtest.Client // free need not use PKCE
	other                          *webtest.Client
	b                              *webtest.Browser // whose person has consented to basic, public and free
	user                           *identity.User   // that person
}

// withSecret gives a new client a secret of our choice.
func (x *stage) withSecret(value string, expires *time.Time) *webtest.Client {
	c := x.h.Client(x)
	if err := x.h.Store.AddClientSecret(x.Context(), oauth.ClientSecret{
		ClientID: c.ID, Hash: secret.Hash(value), Hint: value[len(value)-4:], ExpiresAt: expires,
	}, x.h.Clock.Now(), event()); err != nil {
		x.Fatal(err)
	}
	c.Secret = value
	return c
}

func (x *stage) code() string           { return x.b.Code(x.basic, nil, nil) }
func (x *stage) tokens() webtest.Answer { return x.h.Redeem(x, x.basic, x.code()) }

// token sends a form to the token endpoint as it is, with headers as name, value.
func (x *stage) token(body string, headers ...string) webtest.Answer {
	return x.send(http.MethodPost, oauth.PathToken, body, headers...)
}

func (x *stage) send(method, path, body string, headers ...string) webtest.Answer {
	r := x.h.Request(x, method, path, body)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return x.h.Do(x, r)
}

// as is an Authorization header with these two halves, encoded as RFC 6749 §2.3.1 asks.
func as(id, value string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(value)))
}

func raw(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

func (x *stage) grant(c *webtest.Client, fields ...string) webtest.Answer {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return x.h.Post(x, oauth.PathToken, c, form)
}

// redeem is a code's redemption with one field changed; empty removes it.
func (x *stage) redeem(c *webtest.Client, code, field, value string) webtest.Answer {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}
	form.Set(field, value)
	if value == "" {
		form.Del(field)
	}
	return x.h.Post(x, oauth.PathToken, c, form)
}

func (x *stage) refresh(c *webtest.Client, token string, more ...string) webtest.Answer {
	return x.grant(c, append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

func (x *stage) userinfo(token string) webtest.Answer {
	return x.h.Get(x, oauth.PathUserinfo, token)
}

// authorize sends a request to the authorization endpoint and returns what the client is told, as an answer. Its status is that
// of a page where nothing was sent back.
func (x *stage) authorize(c *webtest.Client, override url.Values) webtest.Answer {
	return x.told(x.b.Get(x.h.AuthorizeURL(c, override)))
}

// told is what a page that leads back to the client tells it.
func (x *stage) told(p *webtest.Page) webtest.Answer {
	a := webtest.Answer{Status: p.Status, Header: p.Header, Body: p.Body, JSON: map[string]any{}}
	if p.Location != nil {
		for name := range p.Location.Query() {
			a.JSON[name] = p.Location.Query().Get(name)
		}
		if q := p.Location.Query(); q.Get("error") != "" && (q.Get("iss") != x.h.Issuer || q.Has("code")) {
			x.Errorf("an error came with %v", q)
		}
	}
	return a
}

func (x *stage) works(a webtest.Answer, what string) {
	x.Helper()
	if a.Status != http.StatusOK {
		x.Errorf("%s: %d %s", what, a.Status, a.Body)
	}
}

func (x *stage) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// Where an answer is.
const (
	toClient = "client" // in a redirection
	toPerson = "person" // on a page
)

// negative is a case of protocol.md §4: its number there, what is sent, and what has to come back. An empty code with a status
// of 200 is a case that has to work; rule is the cause that is written down.
type negative struct {
	no     int
	name   string
	spec   string
	send   func(x *stage) webtest.Answer
	status int
	code   string
	rule   string
	where  string // a machine's JSON unless told
}

var negatives = []negative{
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
	{2, "a secret with : % + and a space", "RFC 6749 §2.3.1, Appendix B", func(x *stage) webtest.Answer {
		c := x.withSecret("a:b%c+d e/f=ä", nil)
		return x.token("grant_type=authorization_code&code=x", "Authorization", as(c.ID, c.Secret))
	}, 400, "invalid_grant", "code_known", ""}, // authenticated: only the code is wrong
	{2, "a broken %zz", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", raw(x.basic.ID+":%zz"))
	}, 401, "invalid_client", "basic_syntax", ""},
	{3, "a wrong secret by Basic", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, "gh_cs_wrong-wrong-wrong-wrong-wrong-wrong"))
	}, 401, "invalid_client", "client_secret", ""},
	{3, "a wrong secret by body", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_id=" + x.post.ID + "&client_secret=wrong")
	}, 401, "invalid_client", "client_secret", ""},
	{4, "an unknown client looks like a wrong secret", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		unknown := x.token("grant_type=refresh_token", "Authorization", as("cl_nobody", "wrong"))
		wrong := x.token("grant_type=refresh_token", "Authorization", as(x.basic.ID, "wrong"))
		if unknown.Status != wrong.Status || unknown.Str("error_description") != wrong.Str("error_description") || unknown.Header.Get("WWW-Authenticate") != wrong.Header.Get("WWW-Authenticate") {
			x.Errorf("%s differs from %s", unknown.Body, wrong.Body)
		}
		return unknown
	}, 401, "invalid_client", "client_known", ""},
	{5, "Basic and client_secret", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_secret="+x.basic.Secret, "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "client_authentication_single", ""},
	{6, "two client_ids", "RFC 6749 §2.3", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_id="+x.other.ID, "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "client_id_same", ""},
	{7, "an assertion beside Basic", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_assertion=a.b.c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "client_authentication_single", ""},
	{7, "an assertion beside a secret", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_assertion=a.b.c&client_secret=x&client_id=" + x.post.ID)
	}, 400, "invalid_request", "client_authentication_single", ""},
	{8, "an assertion without its type", "RFC 7521 §4.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_assertion=a.b.c&client_id=" + x.basic.ID)
	}, 401, "invalid_client", "token_endpoint_auth_method_supported", ""},
	{8, "an assertion of a wrong type", "RFC 7521 §4.2.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=refresh_token&client_assertion=a.b.c&client_assertion_type=urn:x&client_id=" + x.basic.ID)
	}, 401, "invalid_client", "token_endpoint_auth_method_supported", ""},
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
	{14, "credentials in the URL", "RFC 6749 §2.3.1", func(x *stage) webtest.Answer {
		return x.send("POST", oauth.PathToken+"?client_id="+x.post.ID+"&client_secret="+x.post.Secret, "grant_type=client_credentials")
	}, 401, "invalid_client", "client_identified", ""},
	{14, "a code in the URL", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		code := x.code()
		a := x.send("POST", oauth.PathToken+"?code="+code+"&grant_type=authorization_code", "redirect_uri="+url.QueryEscape(webtest.Callback), "Authorization", as(x.basic.ID, x.basic.Secret))
		x.works(x.h.Redeem(x, x.basic, code), "the code was consumed")
		return a
	}, 400, "invalid_request", "grant_type_present", ""},
	{15, "JSON", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token(`{"grant_type":"client_credentials"}`, "Content-Type", "application/json", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{15, "multipart", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("--x\r\n\r\n--x--", "Content-Type", "multipart/form-data; boundary=x", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{15, "no content type", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Content-Type", "", "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "invalid_request", "content_type", ""},
	{16, "a content type in capitals, with a charset", "RFC 9110 §8.3.1", func(x *stage) webtest.Answer {
		return x.token("grant_type=client_credentials", "Content-Type", "APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8", "Authorization", as(x.job.ID, x.job.Secret))
	}, 200, "", "", ""},
	{17, "GET", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.unserved("GET") }, 405, "invalid_request", "", ""},
	{17, "PUT", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.unserved("PUT") }, 405, "invalid_request", "", ""},
	{19, "preflight of token", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathToken) }, 204, "", "", ""},
	{19, "preflight of userinfo", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathUserinfo) }, 204, "", "", ""},
	{19, "preflight of revoke", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathRevoke) }, 204, "", "", ""},
	{19, "preflight of introspect", "RFC 9700 §2.6", func(x *stage) webtest.Answer { return x.preflight(oauth.PathIntrospect) }, 204, "", "", ""},
	{20, "an empty code", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "authorization_code", "code", "")
	}, 400, "invalid_request", "code_present", ""},
	{20, "an empty scope is none", "RFC 6749 §3.2", func(x *stage) webtest.Answer {
		return x.refresh(x.basic, x.tokens().Str("refresh_token"), "scope", "")
	}, 200, "", "", ""},
	{20, "an empty refresh token", "RFC 6749 §3.2", func(x *stage) webtest.Answer { return x.refresh(x.basic, "") }, 400, "invalid_request", "refresh_token_present", ""},
	{21, "no grant_type", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.basic, "code", "x") }, 400, "invalid_request", "grant_type_present", ""},
	{21, "Authorization_Code", "RFC 6749 §5.2", func(x *stage) webtest.Answer { return x.grant(x.basic, "grant_type", "Authorization_Code") }, 400, "unsupported_grant_type", "grant_type_supported", ""},
	{21, "password", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.basic, "grant_type", "password", "username", "u", "password", "a-password-that-is-kept-nowhere")
	}, 400, "unsupported_grant_type", "grant_type_supported", ""},
	{21, "a grant_type that was not registered", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		return x.grant(x.job, "grant_type", "authorization_code", "code", "x")
	}, 400, "unauthorized_client", "grant_type_registered", ""},
	{22, "a disabled client", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		tokens := x.h.Redeem(x, c, x.b.Code(c, nil, nil))
		x.must(x.h.Store.DisableClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_enabled", ""},
	{22, "a deleted client", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		c := x.h.Client(x)
		tokens := x.h.Redeem(x, c, x.b.Code(c, nil, nil))
		x.must(x.h.Store.DeleteClient(x.Context(), c.ID, x.h.Clock.Now(), event()))
		refused(x.T, x.userinfo(tokens.Str("access_token")), 401, "invalid_token")
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_known", ""},
	{22, "a secret that expired", "RFC 6749 §5.2", func(x *stage) webtest.Answer {
		soon := x.h.Clock.Now().Add(time.Second)
		c := x.withSecret("gh_cs_expires-expires-expires-expires-expires", &soon)
		tokens := x.h.Redeem(x, c, x.b.Code(c, nil, nil))
		x.h.Clock.Advance(time.Second)
		return x.refresh(c, tokens.Str("refresh_token"))
	}, 401, "invalid_client", "client_secret_expired", ""},
	{23, "a code's second use", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		first := x.h.Redeem(x, x.basic, code)
		again := x.h.Redeem(x, x.basic, code)
		refused(x.T, x.userinfo(first.Str("access_token")), 401, "invalid_token")
		refused(x.T, x.refresh(x.basic, first.Str("refresh_token")), 400, "invalid_grant")
		return again
	}, 400, "invalid_grant", "code_unused", ""},
	{24, "two at once", "RFC 6749 §10.5", func(x *stage) webtest.Answer {
		code := x.code()
		both := parallel(2, func() webtest.Answer { return x.h.Redeem(x, x.basic, code) })
		slices.SortFunc(both, func(a, b webtest.Answer) int { return a.Status - b.Status })
		x.works(both[0], "neither")
		return both[1]
	}, 400, "invalid_grant", "code_unused", ""},
	{25, "another client's code", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer {
		code := x.code()
		a, unknown := x.h.Redeem(x, x.other, code), x.h.Redeem(x, x.other, "gh_ac_no-such-code-no-such-code-no-such-code-no")
		if a.Status != unknown.Status || a.Str("error_description") != unknown.Str("error_description") {
			x.Errorf("it is told from an unknown one: %s", a.Body)
		}
		x.works(x.h.Redeem(x, x.basic, code), "the owner's")
		return a
	}, 400, "invalid_grant", "code_client", ""},
	{26, "redirect_uri left out", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer { return x.redeem(x.basic, x.code(), "redirect_uri", "") }, 400, "invalid_grant", "code_redirect_uri", ""},
	{26, "another redirect_uri", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer {
		return x.redeem(x.basic, x.code(), "redirect_uri", webtest.Callback+"/")
	}, 400, "invalid_grant", "code_redirect_uri", ""},
	{27, "a code after its time", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		x.h.Clock.Advance(x.h.App.Rules().Lifetimes.Code)
		return x.h.Redeem(x, x.basic, code)
	}, 400, "invalid_grant", "code_fresh", ""},
	{28, "no verifier", "RFC 7636 §4.6", func(x *stage) webtest.Answer { return x.redeem(x.basic, x.code(), "code_verifier", "") }, 400, "invalid_grant", "code_verifier", ""},
	{28, "a wrong verifier", "RFC 7636 §4.6", func(x *stage) webtest.Answer {
		return x.redeem(x.basic, x.code(), "code_verifier", strings.Repeat("a", 43))
	}, 400, "invalid_grant", "code_verifier", ""},
	{28, "the right one after five wrong ones", "security.md rule 2", func(x *stage) webtest.Answer {
		code := x.code()
		for range 5 {
			refused(x.T, x.redeem(x.basic, code, "code_verifier", strings.Repeat("a", 43)), 400, "invalid_grant")
		}
		return x.h.Redeem(x, x.basic, code)
	}, 400, "invalid_grant", "code_unused", ""},
	{29, "a verifier of 42 characters", "RFC 7636 §4.1", func(x *stage) webtest.Answer { return x.verifier(strings.Repeat("a", 42)) }, 400, "invalid_grant", "code_verifier", ""},
	{29, "a verifier of 129 characters", "RFC 7636 §4.1", func(x *stage) webtest.Answer { return x.verifier(strings.Repeat("a", 129)) }, 400, "invalid_grant", "code_verifier", ""},
	{29, "a verifier with +", "RFC 7636 §4.1", func(x *stage) webtest.Answer { return x.verifier("+" + strings.Repeat("a", 43)) }, 400, "invalid_grant", "code_verifier", ""},
	{30, "a verifier nobody asked for", "RFC 9700 §4.8.2", func(x *stage) webtest.Answer {
		return x.h.Redeem(x, x.free, x.b.Code(x.free, nil, url.Values{"code_challenge": nil, "code_challenge_method": nil}))
	}, 400, "invalid_grant", "code_verifier_expected", ""},
	{31, "plain", "RFC 7636 §4.4.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"code_challenge_method": {"plain"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "no method, which means plain", "RFC 7636 §4.3", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"code_challenge_method": nil}) }, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "s256", "RFC 7636 §4.3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"code_challenge_method": {"s256"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "plain, by a client that need not", "RFC 7636 §4.4.1", func(x *stage) webtest.Answer {
		return x.authorize(x.free, url.Values{"code_challenge_method": {"plain"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{32, "a method without a challenge", "RFC 7636 §4.3", func(x *stage) webtest.Answer { return x.authorize(x.free, url.Values{"code_challenge": nil}) }, 303, "invalid_request", "code_challenge_present", toClient},
	{32, "a challenge of 42 characters", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge(webtest.Challenge()[:42]) }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{32, "a challenge with padding", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge(webtest.Challenge() + "=") }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{32, "a challenge in base64", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge("+" + webtest.Challenge()[1:]) }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{33, "a public client without PKCE", "RFC 9700 §2.1.1", func(x *stage) webtest.Answer {
		return x.authorize(x.public, url.Values{"code_challenge": nil, "code_challenge_method": nil})
	}, 303, "invalid_request", "pkce_required", toClient},
	{34, "an unknown client, by fragment", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"client_id": {"cl_nobody"}, "response_mode": {"fragment"}})
	}, 400, "", "client_known", toPerson},
	{34, "an unregistered redirect_uri, by form_post", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"redirect_uri": {"https://evil.test/"}, "response_mode": {"form_post"}})
	}, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1 with another path", "RFC 8252 §7.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1:5000/other") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "localhost with another port", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://localhost:5000/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1.evil.test", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1.evil.test/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{36, "127.0.0.1@evil.test", "RFC 8252 §8.3", func(x *stage) webtest.Answer { return x.loopback("http://127.0.0.1:80@evil.test/cb") }, 400, "", "redirect_uri_registered", toPerson},
	{37, "state twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"state": {"a", "b"}}) }, 303, "invalid_request", "parameter_once", toClient},
	{37, "nonce twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"nonce": {"a", "a"}}) }, 303, "invalid_request", "parameter_once", toClient},
	{37, "scope twice", "RFC 6749 §3.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"scope": {"openid", "openid"}})
	}, 303, "invalid_request", "parameter_once", toClient},
	{38, "token id_token", "OAuth 2.0 Multiple Response Types §3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"token id_token"}})
	}, 303, "unsupported_response_type", "response_type_supported", toClient},
	{38, "id_token token", "OAuth 2.0 Multiple Response Types §3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_type": {"id_token token"}})
	}, 303, "unsupported_response_type", "response_type_supported", toClient},
	{38, "code, which was not registered", "RFC 6749 §4.1.2.1", func(x *stage) webtest.Answer {
		c := x.h.Client(x, service, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{webtest.Callback} })
		return x.authorize(c, nil)
	}, 303, "unauthorized_client", "grant_type_registered", toClient},
	{41, "an unknown response_mode", "OAuth 2.0 Multiple Response Types §2.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"response_mode": {"pigeon"}})
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
	{54, "another client's refresh token", "RFC 6749 §5.2, §10.4", func(x *stage) webtest.Answer {
		token := x.tokens().Str("refresh_token")
		a := x.refresh(x.other, token)
		x.works(x.refresh(x.basic, token), "the owner's")
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
	{56, "a token whose successor was used", "RFC 9700 §4.14.2", func(x *stage) webtest.Answer {
		first := x.tokens().Str("refresh_token")
		second := x.refresh(x.basic, first).Str("refresh_token")
		third := x.refresh(x.basic, second)
		a := x.refresh(x.basic, first)
		refused(x.T, x.userinfo(third.Str("access_token")), 401, "invalid_token")
		refused(x.T, x.refresh(x.basic, third.Str("refresh_token")), 400, "invalid_grant")
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
	{58, "an access token as refresh token", "RFC 6749 §6", func(x *stage) webtest.Answer { return x.refresh(x.basic, x.tokens().Str("access_token")) }, 400, "invalid_grant", "refresh_token_known", ""},
	{58, "a refresh token at userinfo", "RFC 6750 §3.1", func(x *stage) webtest.Answer { return x.userinfo(x.tokens().Str("refresh_token")) }, 401, "invalid_token", "access_token_valid", ""},
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
		x.h.Clock.Advance(x.h.App.Rules().Lifetimes.AccessToken)
		return x.userinfo(token)
	}, 401, "invalid_token", "access_token_valid", ""},
	{62, "revoked", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		token := x.tokens().Str("access_token")
		x.works(x.revoke(x.basic, token), "revoking")
		return x.userinfo(token)
	}, 401, "invalid_token", "grant_live", ""},
	{62, "without openid", "RFC 6750 §3.1", func(x *stage) webtest.Answer {
		a := x.userinfo(x.h.Redeem(x, x.basic, x.b.Code(x.basic, nil, url.Values{"scope": {"profile"}})).Str("access_token"))
		if !strings.Contains(a.Header.Get("WWW-Authenticate"), `scope="openid"`) {
			x.Errorf("challenged with %q", a.Header.Get("WWW-Authenticate"))
		}
		return a
	}, 403, "insufficient_scope", "scope_openid", ""},
	{62, "bEaReR", "RFC 9110 §11.1", func(x *stage) webtest.Answer {
		return x.send("GET", oauth.PathUserinfo, "", "Authorization", "bEaReR "+x.tokens().Str("access_token"))
	}, 200, "", "", ""},
	{63, "a client's own token at userinfo", "OIDC Core §5.3", func(x *stage) webtest.Answer {
		return x.userinfo(x.grant(x.job, "grant_type", "client_credentials").Str("access_token"))
	}, 403, "insufficient_scope", "scope_openid", ""},
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
		x.h.Clock.Advance(x.h.App.Rules().Lifetimes.AccessToken)
		return x.inactive(x.basic, token)
	}, 200, "", "", ""},
	{64, "a wrong hint finds it all the same", "RFC 7662 §2.1", func(x *stage) webtest.Answer {
		a := x.h.Post(x, oauth.PathIntrospect, x.basic, url.Values{"token": {x.tokens().Str("access_token")}, "token_type_hint": {"refresh_token"}})
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
	{66, "an access token whose refresh token was revoked", "RFC 7009 §2.1", func(x *stage) webtest.Answer {
		tokens := x.tokens()
		x.works(x.revoke(x.basic, tokens.Str("refresh_token")), "revoking")
		x.inactive(x.basic, tokens.Str("access_token"))
		return x.userinfo(tokens.Str("access_token"))
	}, 401, "invalid_token", "grant_live", ""},
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
		return x.userinfo(x.h.Redeem(x, c, x.b.Code(c, nil, nil)).Str("id_token"))
	}, 401, "invalid_token", "access_token_valid", ""},
	{85, "an ID token as assertion", "RFC 8725 §3.11", func(x *stage) webtest.Answer {
		return x.token("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion="+x.tokens().Str("id_token"), "Authorization", as(x.basic.ID, x.basic.Secret))
	}, 400, "unsupported_grant_type", "grant_type_supported", ""},
}

// unserved asks the token endpoint by a method it does not serve, with everything that would redeem a code.
func (x *stage) unserved(method string) webtest.Answer {
	code := x.code()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}.Encode()
	a := x.send(method, oauth.PathToken+"?"+form, form, "Authorization", as(x.basic.ID, x.basic.Secret))
	if !slices.Contains(strings.Split(a.Header.Get("Allow"), ", "), "POST") {
		x.Errorf("Allow is %q", a.Header.Get("Allow"))
	}
	x.works(x.h.Redeem(x, x.basic, code), "the code was consumed")
	return a
}

func (x *stage) preflight(path string) webtest.Answer {
	a := x.send("OPTIONS", path, "", "Origin", "https://spa.example.test", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "POST") || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		x.Errorf("answered %v", a.Header)
	}
	if credentials := a.Header.Get("Access-Control-Allow-Credentials"); credentials != "" {
		x.Errorf("cookies are let in: %q", credentials)
	}
	return a
}

func (x *stage) verifier(value string) webtest.Answer {
	return x.redeem(x.basic, x.code(), "code_verifier", value)
}

// claims sends a claims parameter, and with it one more.
func (x *stage) claims(value string, more ...string) webtest.Answer {
	override := url.Values{"claims": {value}}
	for i := 0; i < len(more); i += 2 {
		override.Set(more[i], more[i+1])
	}
	return x.authorize(x.basic, override)
}

func (x *stage) challenge(value string) webtest.Answer {
	return x.authorize(x.basic, url.Values{"code_challenge": {value}})
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

// afterwards refreshes what a person of its own was given, after something happened to them.
func (x *stage) afterwards(act func(user, client string) error) webtest.Answer {
	user := x.h.User(x)
	token := x.h.Tokens(x, x.basic, user, nil).Str("refresh_token")
	x.must(act(user.ID, x.basic.ID))
	return x.refresh(x.basic, token)
}

func (x *stage) introspect(c *webtest.Client, token string) webtest.Answer {
	return x.h.Post(x, oauth.PathIntrospect, c, url.Values{"token": {token}})
}

// inactive introspects a token of which nothing may be said.
func (x *stage) inactive(c *webtest.Client, token string) webtest.Answer {
	a := x.introspect(c, token)
	if a.Body != `{"active":false}` {
		x.Errorf("introspection says %s", a.Body)
	}
	return a
}

func (x *stage) revoke(c *webtest.Client, token string) webtest.Answer {
	return x.h.Post(x, oauth.PathRevoke, c, url.Values{"token": {token}})
}

// forged is the token under another header, without a signature.
func forged(token, header string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Split(token, ".")[1] + "."
}

func TestNegatives(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "jobs:run", "Run jobs")
		h.Scope(t, "orders:read", "See orders")
		x := &stage{h: h, basic: h.Client(t), other: h.Client(t), public: h.Client(t, webtest.Public), b: h.Browser(t)}
		x.post = h.Client(t, func(c *oauth.Client) { c.TokenEndpointAuthMethod = oauth.AuthPost })
		x.job = h.Client(t, service, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"jobs:run"} })
		x.free = h.Client(t, func(c *oauth.Client) { c.RequirePKCE = false })
		x.user = h.User(t)
		for _, c := range []*webtest.Client{x.basic, x.public, x.free} {
			x.b.Code(c, x.user, nil)
		}
		for _, c := range negatives {
			t.Run(fmt.Sprintf("%02d %s", c.no, c.name), func(t *testing.T) {
				if c.spec == "" {
					t.Error("says no section")
				}
				h.Clock.Advance(3 * time.Second) // failures are counted by the minute
				y := *x
				y.T = t
				before := h.Clock.Now()
				a := c.send(&y)
				y.judge(c, a, before)
			})
		}
	})
}

func (x *stage) judge(c negative, a webtest.Answer, since time.Time) {
	if a.Status != c.status || a.Str("error") != c.code {
		x.Errorf("%s: answered %d %s %v, want %d %s", c.spec, a.Status, a.Body, a.JSON, c.status, c.code)
	}
	switch c.where {
	case toPerson:
		if kind := a.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") || len(a.JSON) > 0 {
			x.Errorf("not a page: %q, sent back %v", kind, a.JSON)
		}
	case toClient:
		if (a.Str("error_uri") == "") != (c.code == "") || strings.ContainsAny(a.Str("error_description"), "\r\n\t\"\\") {
			x.Errorf("the client was told %v", a.JSON)
		}
	default:
		x.machine(c, a)
	}
	if c.where != "" && a.Header.Get("Access-Control-Allow-Origin") != "" { // case 19
		x.Error("the authorization endpoint sends CORS headers")
	}
	if c.rule == "" {
		return
	}
	events, err := x.h.Store.Events(x.Context(), store.EventFilter{Limit: 30})
	x.must(err)
	i := slices.IndexFunc(events, func(e audit.Event) bool {
		return e.Cause != nil && e.Cause.Rule == c.rule && !e.At.Before(since)
	})
	if i < 0 {
		x.Errorf("no refusal by %s was written down", c.rule)
		return
	}
	e := events[i]
	if uri, err := url.Parse(a.Str("error_uri")); a.Str("error_uri") != "" && (err != nil || uri.Path != "/errors/"+c.code || uri.Query().Get("request") == "") {
		x.Errorf("error_uri is %q", a.Str("error_uri"))
	}
	// Causes are for the console alone (security.md rule 14).
	if told := a.Body + a.Str("error_description"); c.where != toPerson && (strings.Contains(told, e.Cause.Rule) || (len(e.Cause.Remedy) > 25 && strings.Contains(told, e.Cause.Remedy))) {
		x.Errorf("the cause is told: %s", told)
	}
	if len(e.Cause.Received) > 256 {
		x.Errorf("%d bytes were kept", len(e.Cause.Received))
	}
}

// machine is case 18: what every answer to a machine has to have.
func (x *stage) machine(c negative, a webtest.Answer) {
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || len(a.Header.Values("Set-Cookie")) > 0 {
		x.Errorf("CORS %q, cookies %q", a.Header.Get("Access-Control-Allow-Origin"), a.Header.Values("Set-Cookie"))
	}
	if a.Body == "" { // a preflight, a revocation
		return
	}
	cache := a.Header.Get("Cache-Control")
	if cache != "no-store" && (c.no != 84 || a.Status != 200) || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		x.Errorf("Cache-Control %q, Content-Type %q", cache, a.Header.Get("Content-Type"))
	}
	for _, r := range a.Str("error_description") { // RFC 6749 §5.2
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			x.Errorf("error_description holds %q", r)
		}
	}
	if a.Status == 401 && c.code == "invalid_client" && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic") {
		x.Errorf("challenged with %q", a.Header.Get("WWW-Authenticate"))
	}
}

// RFC 9700 §4.12: never 307 after a password, and state comes back as it was (case 39).
func TestNegatives_39_thePasswordNeverTravels(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		state := strings.Repeat("s ~%&=+ä", 16)
		b.Get(h.AuthorizeURL(client, url.Values{"state": {state}}))
		f := b.Form("/login")
		f.Values.Set("username", user.Username)
		f.Values.Set("password", webtest.Password)
		r := h.Request(t, http.MethodPost, "/login", "")
		encoded := f.Values.Encode()
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, cookie := range b.Jar().Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		if a := h.Do(t, r); a.Status != http.StatusSeeOther {
			t.Errorf("after the password: %d", a.Status)
		}
		b.SignIn(user)
		if p := b.Allow(); p.Status != http.StatusSeeOther || p.Location == nil || p.Location.Query().Get("state") != state || p.Location.Query().Get("iss") != h.Issuer {
			t.Errorf("%d to %v", p.Status, p.Location)
		}
	})
}
