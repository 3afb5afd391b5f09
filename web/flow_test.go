package web_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// A relying party built on the libraries everybody uses signs a person in, calls userinfo and refreshes.
func TestFlow_aRelyingPartySignsAPersonIn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		for _, method := range []string{oauth.AuthBasic, oauth.AuthPost, oauth.AuthNone} {
			for _, alg := range []string{keys.RS256, keys.ES256} {
				t.Run(method+" "+alg, func(t *testing.T) {
					client := h.Client(t, func(c *oauth.Client) { c.TokenEndpointAuthMethod, c.IDTokenSignedResponseAlg = method, alg })
					relyingParty(t, h, client, alg)
				})
			}
		}
	})
}

func relyingParty(t *testing.T, h *webtest.House, client *webtest.Client, alg string) {
	user := h.User(t, func(u *identity.User) { u.Profile.GivenName = "Sofia" })
	ctx := oidc.ClientContext(context.Background(), h.HTTP())
	provider, err := oidc.NewProvider(ctx, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	rp := oauth2.Config{
		ClientID: client.ID, ClientSecret: client.Secret, Endpoint: provider.Endpoint(), RedirectURL: webtest.Callback,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}
	verifier := oauth2.GenerateVerifier()
	b := h.Browser(t)
	b.Get(rp.AuthCodeURL("the state", oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(verifier)))
	b.SignIn(user)
	answer := b.Allow().Location
	if answer == nil {
		t.Fatalf("not sent back to the client: %d %s", b.Page.Status, b.Page.Text())
	}
	if q := answer.Query(); q.Get("state") != "the state" || q.Get("iss") != h.Issuer {
		t.Errorf("state and iss came back as %q and %q", q.Get("state"), q.Get("iss"))
	}
	tokens, err := rp.Exchange(ctx, answer.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	check := provider.Verifier(&oidc.Config{ClientID: client.ID, Now: h.Clock.Now, SupportedSigningAlgs: []string{alg}})
	idToken, err := check.Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if idToken.Subject != user.ID || idToken.Nonce != "the nonce" {
		t.Errorf("the ID token is about %s with nonce %q", idToken.Subject, idToken.Nonce)
	}
	if err := idToken.VerifyAccessToken(tokens.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	var claims struct {
		Name       string `json:"name"`
		GivenName  string `json:"given_name"`
		Preferred  string `json:"preferred_username"`
		Email      string `json:"email"`
		Verified   bool   `json:"email_verified"`
		UpdatedAt  int64  `json:"updated_at"`
		PhoneClaim string `json:"phone_number"`
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		t.Fatal(err)
	}
	if err := info.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if info.Subject != user.ID || claims.Name != user.Name || claims.GivenName != "Sofia" || claims.Preferred != user.Username ||
		claims.Email != user.Email || !claims.Verified || claims.UpdatedAt == 0 {
		t.Errorf("userinfo says %+v of %+v", claims, user)
	}
	if tokens.RefreshToken == "" {
		t.Fatal("no refresh token came with offline_access")
	}
	expired := *tokens
	expired.Expiry = time.Now().Add(-time.Hour)
	fresh, err := rp.TokenSource(ctx, &expired).Token()
	if err != nil {
		t.Fatal(err)
	}
	if fresh.AccessToken == tokens.AccessToken || fresh.RefreshToken == tokens.RefreshToken {
		t.Error("the refresh gave the old tokens again")
	}
}

// The second time nobody is asked: the sign-in holds, and consent is remembered per scope.
func TestFlow_consentIsRememberedPerScope(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Code(client, user, nil)
		if p := b.Get(h.AuthorizeURL(client, nil)); p.Location == nil || p.Location.Query().Get("code") == "" {
			t.Fatalf("asked again: %s", p.Text())
		}
		p := b.Get(h.AuthorizeURL(client, url.Values{"scope": {"openid phone"}}))
		if p.URL.Path != "/consent" {
			t.Fatalf("a new scope was not asked for: %v", p.Location)
		}
		// What is left unticked is not granted.
		p = b.Submit("/consent", url.Values{"decision": {"allow"}, "scope": nil})
		tokens := h.Redeem(t, client, p.Location.Query().Get("code"))
		if tokens.Str("scope") != "openid" {
			t.Errorf("granted %q without a tick", tokens.Str("scope"))
		}
	})
}

func TestFlow_denialGoesBackToTheClient(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Get(h.AuthorizeURL(client, nil))
		b.SignIn(user)
		q := b.Submit("/consent", url.Values{"decision": {"deny"}}).Location.Query()
		if q.Get("error") != "access_denied" || q.Get("state") != "state-0123456789" || q.Get("iss") != h.Issuer || q.Get("code") != "" {
			t.Errorf("the client was told %v", q)
		}
		if e := h.Refusal(t, "consent_given"); e.ClientID != client.ID || e.UserID != user.ID || e.Caller.RequestID == "" {
			t.Errorf("written down as %+v", e)
		}
	})
}

// Public clients on loopback redirects could be any program of the machine (RFC 8252 §8.6): they always ask.
func TestFlow_loopbackClientsAlwaysAsk(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t, webtest.Public, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{"http://127.0.0.1/cb"} })
		user, b := h.User(t), h.Browser(t)
		with := url.Values{"redirect_uri": {"http://127.0.0.1:51423/cb"}}
		b.Code(client, user, with)
		if p := b.Get(h.AuthorizeURL(client, with)); p.URL.Path != "/consent" {
			t.Errorf("not asked the second time: %v", p.Location)
		}
		with.Set("prompt", "none")
		if q := b.Authorize(client, user, with); q.Get("error") != "consent_required" {
			t.Errorf("prompt=none gave %v", q)
		}
	})
}

func TestFlow_postAuthorizeKeepsTheSession(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Code(client, user, nil)
		target, err := url.Parse(h.AuthorizeURL(client, nil))
		if err != nil {
			t.Fatal(err)
		}
		if p := b.Post(oauth.PathAuthorize, target.Query()); p.Location == nil || p.Location.Query().Get("code") == "" {
			t.Fatalf("POST led to %s (%d): %s", p.URL, p.Status, p.Text())
		}
	})
}

// A request that was put aside belongs to the browser that began it.
func TestFlow_aPendingRequestBelongsToItsBrowser(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, victim := h.Client(t), h.User(t), h.Browser(t)
		attacker := h.Browser(t)
		attacker.Get(h.AuthorizeURL(client, nil))
		link := attacker.Page.URL.Query().Get("return_to")
		victim.SignIn(user)
		if p := victim.Get(link); p.Location != nil || p.Status != http.StatusBadRequest {
			t.Errorf("another browser's request went on: %d %v", p.Status, p.Location)
		}
		h.Refusal(t, "interaction_browser")
	})
}

// A request without any scope is consented to once, as any other.
func TestFlow_consentWithoutScopesIsRemembered(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Code(client, user, url.Values{"scope": {""}})
		if p := b.Get(h.AuthorizeURL(client, url.Values{"scope": {""}})); p.Location == nil {
			t.Errorf("asked again: %s", p.Text())
		}
		if p := b.Get(h.AuthorizeURL(client, nil)); p.URL.Path != "/consent" {
			t.Errorf("the empty consent covers scopes: %v", p.Location)
		}
	})
}
