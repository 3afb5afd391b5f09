package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// What there is to end. Each thing is asked for again at the other node; what it takes to ask is the thing's own.
var endings = []struct {
	name string
	// make brings the thing about and returns how to find out whether it still holds.
	make func(x *household) func() bool
	// endedBy are the acts that end it; everything else leaves it alone.
	endedBy string
}{
	{"browser session", func(x *household) func() bool {
		b := x.browser()
		return func() bool { return b.On(x.two).Get("/account").URL.Path == "/account" }
	}, "person-disabled session signed-out password reset"},
	{"pending request", func(x *household) func() bool {
		b := x.Browser(x.T)
		b.Get(x.AuthorizeURL(x.client, nil))
		id := b.Page.URL.Query().Get("return_to")
		return func() bool { return b.On(x.two).Get(id).Status == http.StatusOK }
	}, "client-disabled client-deleted"},
	{"unused code", func(x *household) func() bool {
		code := x.browser().Code(x.client, x.user, nil)
		return func() bool { return x.two.Redeem(x.T, x.client, code).Status == http.StatusOK }
	}, "person-disabled client-disabled client-deleted session signed-out password reset consent client-tokens families secret"},
	{"sign-in without offline access", func(x *household) func() bool {
		return x.holds(x.Redeem(x.T, x.client, x.browser().Code(x.client, x.user, url.Values{"scope": {"openid"}})))
	}, "person-disabled client-disabled client-deleted session signed-out password reset consent client-tokens families"},
	{"access token with offline access", func(x *household) func() bool { return x.holds(x.offline()) }, ofFamilies},
	{"refresh token", func(x *household) func() bool {
		token := x.offline().Str("refresh_token")
		return func() bool { return x.two.Refresh(x.T, x.client, token).Status == http.StatusOK }
	}, ofFamilies + " secret"},
	{"JWT for an API", func(x *household) func() bool { return x.known(x.orders, "") }, ofFamilies + " api"},
	{"JWT by a shared secret", func(x *household) func() bool { return x.known(x.guide, "") }, ofFamilies + " api"},
	{"opaque token", func(x *household) func() bool { return x.known(x.opaque, "") }, ofFamilies + " api"},
	{"implicit token", func(x *household) func() bool {
		token := x.browser().Authorize(x.client, x.user, url.Values{"response_type": {"token"}}).Get("access_token")
		return func() bool { return x.two.Get(x.T, oauth.PathMe, token).Status == http.StatusOK }
	}, ofFamilies + " session signed-out"},
	{"tokens for a password", func(x *household) func() bool {
		tokens := x.Password(x.T, oauth.PathToken, x.client, x.user.Username, webtest.Password, nil)
		holds := x.holds(tokens)
		return func() bool { // both or neither
			held, refreshed := holds(), x.two.Refresh(x.T, x.client, tokens.Str("refresh_token")).Status == http.StatusOK
			if held != refreshed && x.act != "secret" {
				x.Errorf("the access token holds: %v, the refresh token: %v", held, refreshed)
			}
			return held
		}
	}, ofFamilies},
	{"a client's own token", func(x *household) func() bool { return x.known(x.orders, oauth.GrantClientCredentials) }, "client-disabled client-deleted client-tokens api"},
	{"a client's own opaque token", func(x *household) func() bool { return x.known(x.opaque, oauth.GrantClientCredentials) }, "client-disabled client-deleted client-tokens api"},
}

// ofFamilies are the acts that end what a person gave a client for good.
const ofFamilies = "person-disabled client-disabled client-deleted password reset consent client-tokens families"

// enders are the acts that end things, at one node.
var enders = map[string]func(x *household) error{
	"person-disabled": func(x *household) error { return x.Store.DisableUser(x.ctx, x.user.ID, x.now(), event()) },
	"client-disabled": func(x *household) error { return x.Store.DisableClient(x.ctx, x.client.ID, x.now(), event()) },
	"client-deleted":  func(x *household) error { return x.Store.DeleteClient(x.ctx, x.client.ID, x.now(), event()) },
	"session": func(x *household) error {
		_, err := x.Store.EndSessions(x.ctx, x.user.ID, "", "ended_by_operator", x.now(), event())
		return err
	},
	"signed-out": func(x *household) error {
		for _, b := range x.browsers {
			b.Get("/account")
			b.Submit("/logout", nil)
		}
		return nil
	},
	"password": func(x *household) error { return changePassword(x.ctx, x.House, x.user.ID) },
	"reset": func(x *household) error {
		link := identity.ResetLink{Hash: x.user.ID, UserID: x.user.ID, ExpiresAt: x.now().Add(time.Hour)}
		return errors.Join(x.Store.CreateResetLink(x.ctx, link, x.now(), event()), x.Store.UseResetLink(x.ctx, link.Hash, "hash", x.now(), event()))
	},
	"consent": func(x *household) error {
		return x.Store.WithdrawConsent(x.ctx, x.user.ID, x.client.ID, x.now(), event())
	},
	"client-tokens": func(x *household) error {
		_, err := x.Store.RevokeClientTokens(x.ctx, x.client.ID, oauth.EndedByOperator, x.now(), event())
		return err
	},
	"families": func(x *household) error {
		_, err := x.Store.EndFamiliesOfUser(x.ctx, x.user.ID, oauth.EndedByOperator, x.now(), event())
		return err
	},
	"secret": func(x *household) error {
		secrets, err := x.Store.ClientSecrets(x.ctx, x.client.ID)
		if err != nil {
			return err
		}
		return x.Store.RevokeClientSecret(x.ctx, x.client.ID, secrets[0].ID, x.now(), event())
	},
	"api": func(x *household) error {
		for _, a := range []*webtest.API{x.orders, x.guide, x.opaque} {
			for _, own := range x.own[a] { // what depends on it goes first
				if err := x.Store.DeleteClient(x.ctx, own.ID, x.now(), event()); err != nil {
					return err
				}
			}
			if err := x.Store.DeleteAPI(x.ctx, a.ID, x.now(), event()); err != nil {
				return err
			}
		}
		return nil
	},
	"nothing": func(*household) error { return nil },
}

// household is a person, a client and their APIs, on two nodes.
type household struct {
	*testing.T
	*webtest.House
	two                   *webtest.House
	ctx                   context.Context
	act                   string
	client                *webtest.Client
	user                  *identity.User
	orders, guide, opaque *webtest.API
	own                   map[*webtest.API][]*webtest.Client
	browsers              []*webtest.Browser
}

func (x *household) now() time.Time { return x.Clock.Now() }

// browser is one in which the person is signed in.
func (x *household) browser() *webtest.Browser {
	b := x.Browser(x.T)
	b.Enter(x.user)
	x.browsers = append(x.browsers, b)
	return b
}

func (x *household) offline() webtest.Answer {
	return x.Redeem(x.T, x.client, x.browser().Code(x.client, x.user, nil))
}

// holds asks our own API, at the other node.
func (x *household) holds(tokens webtest.Answer) func() bool {
	return func() bool {
		return x.two.Get(x.T, oauth.PathMe, tokens.Str("access_token")).Status == http.StatusOK
	}
}

// known gets a token for the API and lets its own client ask the other node about it; once the API is gone, the one that holds it.
func (x *household) known(a *webtest.API, grant string) func() bool {
	own := ownClient(x.T, x.House, a)
	x.own[a] = append(x.own[a], own)
	var tokens webtest.Answer
	if grant == "" {
		tokens = x.Redeem(x.T, x.client, x.browser().Code(x.client, x.user, url.Values{"scope": {"offline_access read"}, "resource": {a.Identifier}}))
	} else {
		tokens = x.Post(x.T, oauth.PathToken, x.client, url.Values{"grant_type": {grant}, "resource": {a.Identifier}})
	}
	return func() bool {
		who := own
		if x.act == "api" {
			who = x.client
		}
		return active(x.T, x.two, who, tokens.Str("access_token"))
	}
}

// What ends takes with it what hangs on it, in the next answer of every node, and nothing else (security.md rules 3, 4).
func TestEnding_takesEffectAtOnce(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		for act, end := range enders {
			t.Run(act, func(t *testing.T) {
				x := &household{T: t, House: one, two: two, ctx: t.Context(), act: act, own: map[*webtest.API][]*webtest.Client{}}
				x.orders = one.API(t, func(a *oauth.API) { a.Identifier = "https://orders.example.test/" + act })
				x.guide = one.API(t, func(a *oauth.API) {
					a.Identifier, a.SigningAlg, a.Claims = "https://guide.example.test/"+act, keys.HS256, oauth.ClaimsTutorial
				})
				x.opaque = one.API(t, func(a *oauth.API) {
					a.Identifier, a.TokenFormat = "https://opaque.example.test/"+act, oauth.FormatOpaque
				})
				x.client, x.user = one.Client(t, withScopes("read", "write")), one.User(t)
				holds := make([]func() bool, len(endings))
				for i, e := range endings {
					holds[i] = e.make(x)
				}
				if err := end(x); err != nil {
					t.Fatal(err)
				}
				for i, e := range endings {
					if held, ended := holds[i](), slices.Contains(strings.Fields(e.endedBy), act); held == ended {
						t.Errorf("%s: it holds: %v", e.name, held)
					}
				}
			})
		}
	}, tutorial)
}

// RFC 7009 §2.1: a refresh token takes its family along; an access token dies alone.
func TestRevoke(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, stranger, user := h.Client(t), h.Client(t), h.User(t)
		revoke := func(c *webtest.Client, token, hint string) webtest.Answer {
			return h.Post(t, oauth.PathRevoke, c, url.Values{"token": {token}, "token_type_hint": {hint}})
		}
		tokens := h.Tokens(t, client, user, nil)
		if a := revoke(stranger, tokens.Str("refresh_token"), ""); a.Status != http.StatusBadRequest {
			t.Errorf("a stranger's revocation: %d", a.Status)
		}
		if a := revoke(client, "no-such-token", ""); a.Status != http.StatusOK || a.Body != "" {
			t.Errorf("an unknown token: %d %q", a.Status, a.Body)
		}
		if a := revoke(client, tokens.Str("access_token"), "refresh_token"); a.Status != http.StatusOK { // a wrong hint still finds it
			t.Errorf("revoking: %d %s", a.Status, a.Body)
		}
		if active(t, h, client, tokens.Str("access_token")) || !active(t, h, client, tokens.Str("refresh_token")) {
			t.Error("revoking an access token ends that token alone")
		}
		next := h.Refresh(t, client, tokens.Str("refresh_token"))
		if a := revoke(client, tokens.Str("refresh_token"), "access_token"); a.Status != http.StatusOK { // spent, but its owner's
			t.Errorf("revoking: %d", a.Status)
		}
		if active(t, h, client, next.Str("access_token")) || active(t, h, client, next.Str("refresh_token")) {
			t.Error("the family outlived the revocation of its refresh token")
		}
		refused(t, revoke(client, "", ""), http.StatusBadRequest, "invalid_request")
		refused(t, revoke(nil, "x", ""), http.StatusUnauthorized, "invalid_client")
	})
}

// RFC 7662: a client sees its own tokens; everything else is not active, and nothing more is said.
func TestIntrospect(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, public, user := h.Client(t), h.Client(t, webtest.Public), h.User(t)
		tokens := h.Tokens(t, client, user, nil)
		a := h.Post(t, oauth.PathIntrospect, client, url.Values{"token": {tokens.Str("access_token")}})
		if a.Str("username") != user.Username || a.Str("sub") != user.ID || a.Str("client_id") != client.ID || a.Str("token_type") != "Bearer" || a.Str("iss") != h.Issuer {
			t.Errorf("says %s", a.Body)
		}
		for _, token := range []string{"garbage", "a.b.c", tokens.Str("id_token"), tokens.Str("access_token") + "x"} {
			if active(t, h, client, token) {
				t.Errorf("%q is active", token)
			}
		}
		foreign := h.Tokens(t, public, user, nil)
		if active(t, h, client, foreign.Str("access_token")) || active(t, h, client, foreign.Str("refresh_token")) {
			t.Error("another client's token is active")
		}
		refused(t, h.Post(t, oauth.PathIntrospect, public, url.Values{"token": {foreign.Str("access_token")}}), http.StatusUnauthorized, "invalid_client")
		refused(t, h.Post(t, oauth.PathIntrospect, nil, url.Values{"token": {"x"}}), http.StatusUnauthorized, "invalid_client")
		refused(t, h.Post(t, oauth.PathIntrospect, client, nil), http.StatusBadRequest, "invalid_request")
		h.Clock.Advance(15 * 60 * 1e9)
		if active(t, h, client, tokens.Str("access_token")) {
			t.Error("an expired token is active")
		}
	})
}
