package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// security.md rule 15: per address only failures count. Those that may still come are none.
func TestAttack_manyPeopleAtOneAddressSignInAtOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, _ := guides(t, h)
		people := make(chan *identity.User, 80)
		for range cap(people) {
			people <- h.User(t)
		}
		counts := map[int]int{}
		for _, a := range parallel(cap(people), func() webtest.Answer {
			return h.Password(t, oauth.PathToken, client, (<-people).Username, webtest.Password, nil)
		}) {
			counts[a.Status]++
		}
		if counts[http.StatusOK] != 80 {
			t.Errorf("80 right passwords of 80 people: %v", counts)
		}
	}, tutorial)
}

// Consent to a sign-in is none to act at an API.
func TestAttack_aSignInIsNoConsentToAnAPI(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guide := h.API(t, hs256)
		client, user := h.Client(t, withScopes("read", "write")), h.User(t)
		b := h.Browser(t)
		b.Code(client, user, url.Values{"scope": {"openid"}})
		silent := b.Authorize(client, user, url.Values{"scope": {"openid"}, "resource": {guide.Identifier}, "prompt": {"none"}})
		if code := silent.Get("code"); code != "" {
			a := h.Redeem(t, client, code)
			t.Errorf("silently, a token for %s: %v", guide.Identifier, claimsOf(t, a.Str("access_token")))
		}
	})
}

// A client that a person never agreed to learns nothing about who they are.
func TestAttack_claimsTellAStrangerNothingOfAPerson(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		known, stranger, user := h.Client(t), h.Client(t), h.User(t)
		b := h.Browser(t)
		b.Code(known, user, nil)
		ask := func(sub string) string {
			return b.Authorize(stranger, user, url.Values{"scope": {"openid"}, "prompt": {"none"}, "claims": {fmt.Sprintf(`{"id_token":{"sub":{"value":%q}}}`, sub)}}).Get("error")
		}
		if is, isNot := ask(user.ID), ask("somebody-else"); is != isNot {
			t.Errorf("a client nobody agreed to is told %s of the person, and %s of anybody else", is, isNot)
		}
	})
}

// Whoever takes the API's scopes off the list gives the client nothing there: what is left is the sign-in.
func TestAttack_refusedScopesGiveNoTokenForTheirAPI(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guide := h.API(t, hs256)
		client, user := h.Client(t, withScopes("read", "write")), h.User(t)
		b := h.Browser(t)
		b.SignIn(user)
		b.Get(h.AuthorizeURL(client, url.Values{"scope": {"openid read write"}, "resource": {guide.Identifier}}))
		p := b.Submit("/consent", url.Values{"scope": nil, "decision": {"allow"}})
		code := webtest.Told(p.Location).Get("code")
		refused(t, h.Post(t, oauth.PathToken, client, url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}, "resource": {guide.Identifier},
		}), http.StatusBadRequest, "invalid_target")
		a := h.Redeem(t, client, code)
		if claims := claimsOf(t, a.Str("access_token")); claims["aud"] != h.Issuer || claims["scope"] != "openid" || a.Str("id_token") == "" {
			t.Errorf("refused, and yet: %v", claims)
		}
	})
}

// A default resource is for what it takes: a sign-in alone is for our own API, where userinfo is.
func TestAPI_theDefaultIsForWhatItTakes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guides(t, h)
		api := h.API(t)
		client, user := h.Client(t, withScopes("read"), func(c *oauth.Client) { c.DefaultResource = api.Identifier }), h.User(t)
		signIn := h.Tokens(t, client, user, url.Values{"scope": {"openid email"}})
		if info := h.Get(t, oauth.PathUserinfo, signIn.Str("access_token")); info.Str("email") != user.Email {
			t.Errorf("a sign-in: %d %s", info.Status, info.Body)
		}
		both := h.Tokens(t, client, user, url.Values{"scope": {"openid read offline_access"}})
		if claims := claimsOf(t, both.Str("access_token")); claims["aud"] != api.Identifier || claims["scope"] != "read" {
			t.Errorf("both: %v", claims)
		}
		narrow := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {both.Str("refresh_token")}, "scope": {"openid"}})
		refused(t, narrow, http.StatusBadRequest, "invalid_scope")
		h.Refusal(t, "scope_of_resource")
		if again := h.Refresh(t, client, both.Str("refresh_token")); again.Status != http.StatusOK {
			t.Errorf("the refresh token was spoilt: %d %s", again.Status, again.Body)
		}
		password := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, url.Values{"scope": {"openid"}})
		if claims := claimsOf(t, password.Str("access_token")); claims["aud"] != h.Issuer {
			t.Errorf("by password: %v", claims)
		}
		told := webtest.Told(h.Browser(t).Get(h.AuthorizeURL(client, url.Values{"scope": {"openid"}, "resource": {api.Identifier}})).Location)
		if told.Get("error") != "invalid_scope" {
			t.Errorf("by name: %v", told)
		}
	}, tutorial)
}

func TestAttack_theNoticeOfStrandedClientsFitsACookie(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		api := h.API(t)
		for range 30 {
			h.Client(t, withScopes("read"), func(c *oauth.Client) { c.Name, c.DefaultResource = strings.Repeat("é", 100), api.Identifier })
		}
		b, _ := staff(t, h, identity.RoleAdmin)
		token := csrf(b)
		origin, err := url.Parse(h.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		body := url.Values{"csrf_token": {token}, "version": {"1"}, "name": {"Other"}, "scope_names": {"write"}, "scope_descriptions": {""}, "scope_shown": {""}}.Encode()
		r := h.Request(t, http.MethodPost, "/console/apis/"+api.ID, body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range b.Jar().Cookies(origin) {
			r.AddCookie(c)
		}
		a := h.Do(t, r)
		n := 0
		for _, c := range a.Header.Values("Set-Cookie") {
			n = max(n, len(c))
		}
		if a.Status != http.StatusSeeOther || n > 4096 {
			t.Errorf("%d, and no browser keeps a cookie of %d bytes", a.Status, n)
		}
	})
}

// security.md rule 15: known devices go first in the hash queue.

// An acknowledged revocation holds, whatever was revoked in its name before.
func TestAttack_aMadeUpRevocationDoesNotShortenARealOne(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guide := h.API(t, hs256)
		client, accomplice, own := h.Client(t, withScopes("read", "write")), h.Client(t, withScopes("read", "write")), ownClient(t, h, guide)
		sent := h.Tokens(t, client, h.User(t), url.Values{"scope": {"offline_access read"}, "resource": {guide.Identifier}}).Str("access_token")
		made := forge(t, guide, sent, map[string]any{"client_id": accomplice.ID, "exp": h.Clock.Now().Add(2 * time.Second).Unix()})
		if a := h.Post(t, oauth.PathRevoke, accomplice, url.Values{"token": {made}}); a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		if a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {sent}}); a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		h.Clock.Advance(5 * time.Second)
		if _, err := h.Store.Sweep(t.Context(), h.Clock.Now(), nil); err != nil {
			t.Fatal(err)
		}
		if a := h.Introspect(t, own, sent); a.JSON["active"] != false {
			t.Errorf("alive again: %s", a.Body)
		}
	})
}
