package webtest

import (
	"context"
	"net/url"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
)

// API is an API and, if it signs with one, the secret it shares.
type API struct {
	oauth.API
	Secret string
}

// API registers an API that takes the scopes read and write, which exist then; override what the test is about.
func (h *House) API(t testing.TB, with ...func(*oauth.API)) *API {
	t.Helper()
	a := API{API: oauth.API{Identifier: "https://orders.example.test", Name: "Orders", Scopes: oauth.Scopes{"read", "write"}}}
	for _, f := range with {
		f(&a.API)
	}
	a.Identify(h.Clock.Now())
	must(t, a.Validate(h.Issuer).Err())
	if a.SigningAlg == keys.HS256 {
		a.Secret = oauth.NewSigningSecret()
		must(t, a.SealSigningSecret(h.Sealer, a.Secret))
	}
	ctx, now := context.Background(), h.Clock.Now()
	existing, err := h.Store.SigningKeys(ctx)
	must(t, err)
	made, err := keys.Missing(existing, a.SigningAlg, h.Sealer, now)
	must(t, err)
	if len(made) > 0 {
		must(t, h.Store.AddSigningKeys(ctx, made, audit.Event{At: now, Action: audit.KeyRotated, Outcome: audit.Success}))
	}
	var scopes []oauth.Scope
	for _, name := range a.Scopes {
		scopes = append(scopes, oauth.Scope{Name: name, Description: "Use " + name})
	}
	must(t, h.Store.CreateAPI(ctx, a.API, scopes, now, audit.Event{Action: audit.APICreated, Outcome: audit.Success}))
	return &a
}

// Password trades a person's password for tokens at one of the token endpoint's paths; c is nil for nobody.
func (h *House) Password(t testing.TB, path string, c *Client, username, password string, more url.Values) Answer {
	t.Helper()
	form := url.Values{"grant_type": {oauth.GrantPassword}, "username": {username}, "password": {password}}
	for name, values := range more {
		if form[name] = values; len(values) == 0 {
			form.Del(name)
		}
	}
	return h.Post(t, path, c, form)
}

// Introspect asks about a token as this client.
func (h *House) Introspect(t testing.TB, c *Client, token string) Answer {
	t.Helper()
	return h.Post(t, oauth.PathIntrospect, c, url.Values{"token": {token}})
}
