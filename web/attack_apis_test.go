package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// forge makes a token as the API that shares a secret can make it, from one it was sent.
func forge(t *testing.T, a *webtest.API, like string, change map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims(claimsOf(t, like))
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["kid"], token.Header["typ"] = a.ID, "at+jwt"
	signed, err := token.SignedString([]byte(a.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func hs256(a *oauth.API) {
	a.Identifier, a.SigningAlg, a.Claims = "https://guide.example.test", keys.HS256, oauth.ClaimsTutorial
}

// security.md rule 5: a secret shared with an API serves introspection by that API alone; revocation by it would end, and write down,
// what the API makes up.
func TestAttack_aSharedSecretRevokesNothingElse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guide := h.API(t, hs256)
		client, user := h.Client(t, withScopes("read", "write"), webtest.Public), h.User(t)
		own := h.Tokens(t, client, user, url.Values{"scope": {"openid offline_access read"}}).Str("access_token")
		sent := h.Tokens(t, client, user, url.Values{"scope": {"offline_access read"}, "resource": {guide.Identifier}}).Str("access_token")
		for name, change := range map[string]map[string]any{
			"another token's jti": {"jti": claimsOf(t, own)["jti"]},
			"no text":             {"jti": "a\x00b"},
			"for ever":            {"jti": "x", "exp": int64(9e18)},
			"long":                {"jti": strings.Repeat("j", 40<<10)},
			"about somebody else": {"jti": "y", "api": nil, "sub": "somebody-else"},
		} {
			a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {forge(t, guide, sent, change)}})
			if a.Status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		if a := h.Get(t, oauth.PathMe, own); a.Status != http.StatusOK {
			t.Errorf("the API ended a token for our own: %d %s", a.Status, a.Body)
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.UserID == "somebody-else" {
				t.Errorf("the audit log says what the API made up: %+v", e)
			}
		}
	})
}

// A revoked opaque token stays revoked, in its last second too.
func TestAttack_aRevokedOpaqueTokenStaysRevoked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		opaque := h.API(t, func(a *oauth.API) { a.TokenFormat = oauth.FormatOpaque })
		client, own := h.Client(t, withScopes("read", "write")), ownClient(t, h, opaque)
		h.Clock.Advance(time.Second - time.Duration(h.Clock.Now().Nanosecond()) + 900*time.Millisecond)
		token := h.Tokens(t, client, h.User(t), url.Values{"scope": {"offline_access read"}, "resource": {opaque.Identifier}}).Str("access_token")
		if a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {token}}); a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		if a := h.Introspect(t, own, token); a.JSON["active"] != false {
			t.Fatal(a.Body)
		}
		h.Clock.Advance(15*time.Minute - 400*time.Millisecond)
		if _, err := h.Store.Sweep(t.Context(), h.Clock.Now(), nil); err != nil {
			t.Fatal(err)
		}
		if a := h.Introspect(t, own, token); a.JSON["active"] != false {
			t.Errorf("alive again: %s", a.Body)
		}
	})
}

// What an API's deletion ended stays ended when another API takes the identifier.
func TestAttack_tokensOfADeletedAPIDoNotReturn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		orders := h.API(t)
		client := h.Client(t, withScopes("read", "write"))
		tokens := h.Tokens(t, client, h.User(t), url.Values{"scope": {"offline_access read"}, "resource": {orders.Identifier}})
		if err := h.Store.DeleteAPI(t.Context(), orders.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if a := h.Introspect(t, client, tokens.Str("access_token")); a.JSON["active"] != false {
			t.Fatal(a.Body)
		}
		h.Clock.Advance(time.Minute)
		other := h.API(t, func(a *oauth.API) { a.Name = "Somebody else's" })
		if a := h.Introspect(t, ownClient(t, h, other), tokens.Str("access_token")); a.JSON["active"] != false {
			t.Errorf("the JWT is alive again: %s", a.Body)
		}
		if a := h.Refresh(t, client, tokens.Str("refresh_token")); a.Status == http.StatusOK {
			t.Errorf("the refresh token serves the new API: %s", a.Body)
		}
	})
}

// security.md rule 6: one access token serves one API. Without aud and with a key that all share a guide's check cannot tell, so
// there is one such API at most.
func TestAttack_tutorialTokensWithPublishedKeysServeOneAPI(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.API(t, func(a *oauth.API) { a.Claims = oauth.ClaimsTutorial })
		h.API(t, hs256)                                                                                 // has a key of its own
		h.API(t, func(a *oauth.API) { a.Identifier = "https://standard.example.test" })                 // has an audience
		h.API(t, func(a *oauth.API) { a.Identifier, a.TokenFormat = "urn:opaque", oauth.FormatOpaque }) // says nothing
		for _, alg := range []string{keys.ES256, keys.RS256, keys.EdDSA} {
			second := oauth.API{Identifier: "https://second.example.test", Name: "Second", Claims: oauth.ClaimsTutorial, SigningAlg: alg}
			second.Identify(h.Clock.Now())
			err := h.Store.CreateAPI(t.Context(), second, nil, h.Clock.Now(), event())
			if fields, ok := errors.AsType[fault.Fields](err); !ok || fields["claims"] == "" {
				t.Errorf("%s: %v", alg, err)
			}
		}
	})
}

// security.md rule 15: counters run before hashing.
func TestAttack_aBurstFromOneAddressIsCounted(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, _ := guides(t, h)
		names := make(chan string, 150)
		for i := range cap(names) {
			names <- fmt.Sprintf("victim%d", i)
		}
		counts := map[int]int{}
		for _, a := range parallel(cap(names), func() webtest.Answer {
			return h.Password(t, oauth.PathToken, client, <-names, "Spring2025!", nil)
		}) {
			counts[a.Status]++
		}
		if counts[http.StatusBadRequest] > 40 {
			t.Errorf("%d passwords were looked at; 30 a minute are allowed from one address: %v", counts[http.StatusBadRequest], counts)
		}
	}, tutorial)
}

// Right passwords are never too many.
func TestAttack_rightPasswordsAtOnceAllWork(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		counts := map[int]int{}
		for _, a := range parallel(20, func() webtest.Answer {
			return h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, nil)
		}) {
			counts[a.Status]++
		}
		if counts[http.StatusOK] != 20 {
			t.Errorf("%v", counts)
		}
	}, tutorial)
}

// Tries on one account, all at once: no more than the counters let through.
func TestAttack_parallelGuessesOnOneAccount(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		counts := map[int]int{}
		for _, a := range parallel(50, func() webtest.Answer {
			return h.Password(t, oauth.PathToken, client, user.Username, "guess", nil)
		}) {
			counts[a.Status]++
		}
		if counts[http.StatusBadRequest] > 5 {
			t.Errorf("%v", counts)
		}
	}, tutorial)
}

// A client gets no tokens for an API none of whose scopes it has.
func TestAttack_aClientWithoutTheAPIsScopesGetsNoToken(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.API(t)
		guide := h.API(t, hs256)
		stranger, user := h.Client(t), h.User(t)
		if a := h.Post(t, oauth.PathToken, stranger, url.Values{"grant_type": {"client_credentials"}, "resource": {guide.Identifier}}); a.Status == http.StatusOK {
			t.Errorf("client_credentials: %s", a.Body)
		}
		// The person agreed to a sign-in; from then on the client gets tokens for whatever API without a question.
		b := h.Browser(t)
		b.Code(stranger, user, url.Values{"scope": {"openid"}})
		silent := b.Authorize(stranger, user, url.Values{"scope": {"openid"}, "resource": {guide.Identifier}, "prompt": {"none"}})
		if code := silent.Get("code"); code != "" {
			a := h.Redeem(t, stranger, code)
			t.Errorf("silently, a token for %s: %v", guide.Identifier, claimsOf(t, a.Str("access_token")))
		}
	})
}

// Ending the sessions in which people signed in to a client takes those of implicit along.
func TestAttack_endingAClientsSessionsEndsImplicitOnesToo(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "me", "See who you are")
		client, user := h.Client(t, withScopes("me")), h.User(t)
		token := h.Browser(t).Authorize(client, user, url.Values{"response_type": {"token"}, "scope": {"me"}, "code_challenge": {""}, "code_challenge_method": {""}}).Get("access_token")
		if a := h.Get(t, oauth.PathMe, token); a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		n, err := h.Store.EndClientSessions(t.Context(), client.ID, "ended_by_operator", h.Clock.Now(), event())
		if err != nil {
			t.Fatal(err)
		}
		if a := h.Get(t, oauth.PathMe, token); a.Status == http.StatusOK {
			t.Errorf("%d sessions ended; the implicit token holds: %s", n, a.Body)
		}
	}, tutorial)
}

// What a client holds for a password is shown beside what was agreed to.
func TestAttack_consentsShowWhatAPasswordGaveBesides(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "me", "See who you are")
		h.Scope(t, "items", "See your items")
		client, user := h.Client(t, withScopes("me", "items")), h.User(t)
		h.Tokens(t, client, user, url.Values{"scope": {"me"}})
		if a := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, url.Values{"scope": {"items offline_access"}}); a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		shown, err := h.Store.Consents(t.Context(), user.ID, h.Clock.Now())
		if err != nil || len(shown) != 1 {
			t.Fatal(shown, err)
		}
		if !shown[0].Scopes.Has("items") {
			t.Errorf("the person sees %v", shown[0].Scopes)
		}
	}, tutorial)
}

// A JWT of which nothing is proven breaks nothing.
func TestAttack_unprovenTokensAreQuietlyInactive(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guide := h.API(t, hs256)
		orders := h.API(t)
		client := h.Client(t, withScopes("read", "write"))
		issued := h.Tokens(t, client, h.User(t), url.Values{"scope": {"offline_access read"}, "resource": {orders.Identifier}}).Str("access_token")
		part := strings.Split(issued, ".")
		enc := func(v any) string {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return jwt.NewWithClaims(jwt.SigningMethodNone, nil).EncodeSegment(b)
		}
		for _, head := range []map[string]any{
			{"alg": "ES256", "typ": "at+jwt"}, {"alg": "HS256", "kid": "a\x00", "typ": "at+jwt"}, {"alg": "HS256", "kid": guide.ID, "typ": "at+jwt"}, {"alg": "HS256", "kid": orders.ID, "typ": "at+jwt"},
			{"alg": "none", "typ": "at+jwt"}, {"alg": "HS256", "kid": 7}, {"alg": "HS384", "kid": guide.ID}, {"alg": "ES256", "crit": []string{"x"}}, {"alg": "PS256"}, {"alg": "EdDSA"}, {"alg": []string{"ES256"}},
			{"alg": "HS256", "kid": headerOf(t, issued)["kid"], "typ": "at+jwt"},
		} {
			for _, body := range []any{
				map[string]any{"aud": "a\x00b"}, map[string]any{"aud": orders.Identifier}, map[string]any{"aud": []string{h.Issuer, orders.Identifier}}, map[string]any{"api": "\x00"},
				map[string]any{"aud": strings.Repeat("x", 20<<10)}, []int{1}, nil, "x", map[string]any{"aud": h.Issuer}, map[string]any{"exp": "x"}, map[string]any{},
			} {
				for _, sig := range []string{part[2], "", "AAAA"} {
					token := enc(head) + "." + enc(body) + "." + sig
					a := h.Introspect(t, client, token)
					if a.Status != http.StatusOK || a.Body != `{"active":false}` {
						t.Errorf("%v %v: %d %s", head, body, a.Status, a.Body)
					}
					if a := h.Post(t, oauth.PathRevoke, client, url.Values{"token": {token}}); a.Status != http.StatusOK {
						t.Errorf("revoke %v %v: %d %s", head, body, a.Status, a.Body)
					}
					if a := h.Get(t, oauth.PathMe, token); a.Status != http.StatusUnauthorized {
						t.Errorf("me: %d", a.Status)
					}
				}
			}
		}
	})
}

// Whatever ends while others begin: nothing that began lives on, and nothing is in each other's way.
func TestAttack_whatBeginsWhileSomethingEnds(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "a", "A")
		h.Scope(t, "b", "B")
		ctx := t.Context()
		enders := map[string]func(u *identity.User, c *webtest.Client) error{
			"disable user": func(u *identity.User, _ *webtest.Client) error {
				return h.Store.DisableUser(ctx, u.ID, h.Clock.Now(), event())
			},
			"password": func(u *identity.User, _ *webtest.Client) error { return changePassword(ctx, h, u.ID) },
			"disable client": func(_ *identity.User, c *webtest.Client) error {
				return h.Store.DisableClient(ctx, c.ID, h.Clock.Now(), event())
			},
			"delete client": func(_ *identity.User, c *webtest.Client) error {
				return h.Store.DeleteClient(ctx, c.ID, h.Clock.Now(), event())
			},
			"revoke client": func(_ *identity.User, c *webtest.Client) error {
				_, err := h.Store.RevokeClientTokens(ctx, c.ID, "x", h.Clock.Now(), event())
				return err
			},
			"families": func(u *identity.User, _ *webtest.Client) error {
				_, err := h.Store.EndFamiliesOfUser(ctx, u.ID, "x", h.Clock.Now(), event())
				return err
			},
			"update user": func(u *identity.User, _ *webtest.Client) error {
				return h.Store.UpdateUser(ctx, *u, h.Clock.Now(), event())
			},
			"update client": func(_ *identity.User, c *webtest.Client) error {
				return h.Store.UpdateClient(ctx, c.Client, h.Clock.Now(), event())
			},
			"sessions": func(u *identity.User, _ *webtest.Client) error {
				_, err := h.Store.EndSessions(ctx, u.ID, "", "x", h.Clock.Now(), event())
				return err
			},
			"client sessions": func(_ *identity.User, c *webtest.Client) error {
				_, err := h.Store.EndClientSessions(ctx, c.ID, "x", h.Clock.Now(), event())
				return err
			},
		}
		bound := map[string]bool{"sessions": true, "client sessions": true}
		for name, end := range enders {
			for round := range 6 {
				user, client := h.User(t), h.Client(t, withScopes("a", "b"))
				sid := identity.NewID()
				if err := h.Store.CreateSession(ctx, store.SignIn{Session: identity.Session{ID: sid, UserID: user.ID, TokenHash: sid, AuthTime: h.Clock.Now(), LastSeenAt: h.Clock.Now(), ExpiresAt: h.Clock.Now().Add(time.Hour)}, CheckedHash: user.PasswordHash}, h.Clock.Now(), event()); err != nil {
					t.Fatal(err)
				}
				begun := make(chan string, 200)
				errs := make(chan error, 200)
				var wg sync.WaitGroup
				for i := range 50 {
					wg.Go(func() {
						f := oauth.Family{ID: identity.NewID(), ClientID: client.ID, UserID: user.ID, Scopes: oauth.Scopes{"a"}, CreatedAt: h.Clock.Now(), ExpiresAt: h.Clock.Now().Add(time.Hour), AuthTime: h.Clock.Now(), IdleExpiresAt: h.Clock.Now()}
						bg := oauth.Beginning{Family: f}
						scopes := oauth.Scopes{"a", "b"}
						if i%2 == 1 {
							scopes = oauth.Scopes{"b", "a"}
						}
						consent := &oauth.Consent{UserID: user.ID, ClientID: client.ID, Scopes: scopes}
						var err error
						switch {
						case i%5 == 4:
							err = h.Store.IssueCode(ctx, oauth.Code{Hash: identity.NewID(), ClientID: client.ID, UserID: user.ID, SessionID: sid, FamilyID: f.ID, CreatedAt: h.Clock.Now(), ExpiresAt: h.Clock.Now().Add(time.Minute), AuthTime: h.Clock.Now()}, consent, event())
						case i%5 < 2 || bound[name]:
							bg.Family.SessionID = sid
							bg.Consent = consent
							err = h.Store.BeginFamily(ctx, bg, event())
						default:
							bg.CheckedHash = user.PasswordHash
							err = h.Store.BeginFamily(ctx, bg, event())
						}
						if err == nil {
							begun <- f.ID
						} else if !fault.IsNotFound(err) {
							errs <- fmt.Errorf("begin %d: %w", i, err)
						}
					})
					if i == 8+round*7 {
						wg.Go(func() {
							if err := end(user, client); err != nil {
								errs <- fmt.Errorf("end: %w", err)
							}
						})
					}
				}
				wg.Wait()
				close(errs)
				seen := map[string]int{}
				for err := range errs {
					seen[err.Error()]++
				}
				for e, n := range seen {
					t.Errorf("%s: %d x %s", name, n, e)
				}
				if name == "update user" || name == "update client" || name == "revoke client" || name == "families" || bound[name] {
					continue // begins after the end may live
				}
				live, err := h.Store.Families(ctx, store.FamilyFilter{UserID: user.ID, ClientID: client.ID, State: oauth.FamilyLive})
				if err != nil || len(live) != 0 {
					t.Errorf("%s: %d families live on, %v", name, len(live), err)
				}
			}
		}
	})
}

// Rule 19: nobody proves to be a client where the token comes by redirection, so any program on the machine could ask again.
func TestAttack_implicitToALoopbackAsksEachTime(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "me", "See who you are")
		client, user := h.Client(t, withScopes("me"), func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{"http://127.0.0.1/cb"} }), h.User(t)
		ask := url.Values{"response_type": {"token"}, "scope": {"me"}, "redirect_uri": {"http://127.0.0.1:4000/cb"}, "code_challenge": {""}, "code_challenge_method": {""}}
		b := h.Browser(t)
		b.Authorize(client, user, ask)
		ask.Set("redirect_uri", "http://127.0.0.1:6666/cb")
		ask.Set("prompt", "none")
		if got := b.Authorize(client, user, ask); got.Get("access_token") != "" {
			t.Error("another port got a token, and nobody was asked")
		}
	}, tutorial)
}

// Rule 16: who gets a role in the console has no tokens for a password any more.
func TestAttack_aPromotionEndsWhatThePasswordGave(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := guides(t, h)
		a := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, nil)
		user.Role = identity.RoleAdmin
		if err := h.Store.UpdateUser(t.Context(), *user, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if next := h.Refresh(t, client, a.Str("refresh_token")); next.Status == http.StatusOK {
			t.Error("an administrator's tokens go on without their sign-in")
		}
	}, tutorial)
}

// One person's guesses at many names, through one application's server, do not shut out everybody else there.
func TestAttack_guessesThroughAnApplicationStopNobodyElse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		guides(t, h)
		client, user := h.Client(t, withScopes("me")), h.User(t)
		for i := range 30 {
			h.Password(t, oauth.PathToken, client, fmt.Sprint("x", i), "guess", nil)
		}
		if a := h.Password(t, oauth.PathToken, client, user.Username, webtest.Password, nil); a.Status != http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}, tutorial)
}
