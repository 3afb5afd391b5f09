package web_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// application is somebody else's small server. It notes how people come back to it, and sends them on to another origin: a
// Content-Security-Policy with form-action would stop them there, or before.
type application struct {
	url  string // its redirect URI
	back chan url.Values
}

func openApplication(t *testing.T) *application {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound at once
	if err != nil {
		t.Fatal(err)
	}
	a := &application{url: "http://" + listener.Addr().String() + "/cb", back: make(chan url.Values, 10)}
	server := &http.Server{ReadHeaderTimeout: within, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/cb" {
			a.back <- r.URL.Query()
			http.Redirect(w, r, "http://"+strings.Replace(listener.Addr().String(), "127.0.0.1", "localhost", 1)+"/welcome", http.StatusSeeOther)
			return
		}
		_, _ = w.Write([]byte(`<!DOCTYPE html><html lang="en"><head><title>Application</title><link rel="icon" href="data:,"></head><body>Welcome back</body></html>`))
	})}
	go server.Serve(listener) //nolint:errcheck // ends with the close below
	t.Cleanup(func() { _ = server.Close() })
	return a
}

// answer is what the application was told last.
func (a *application) answer(b *tab) url.Values {
	b.t.Helper()
	select {
	case q := <-a.back:
		return q
	case <-time.After(within):
		b.t.Fatalf("nobody came back to the application\n%s", b.describe())
		return nil
	}
}

// The job that everything is for, as people and their application do it: set up the house, register a client in the
// console, sign in with it, refresh; then switch the client off and on, roll its secrets, delete it.
func TestBrowser_aClientIsRegisteredAndUsed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := webtest.OpenLocal(t, s)
		b, app := openTab(t, h), openApplication(t)

		b.open("/setup?token=" + h.SetupToken)
		b.fill("#name", "Sofia Ivanova")
		b.fill("#username", "sofia")
		b.fill("#email", "sofia@example.test")
		b.fill("#password", webtest.Password)
		b.press("#setup-submit")
		b.at("/console")
		b.sees("First steps")

		clientID, secret := b.register("Acme Storefront", app.url)
		rp := newParty(t, h, clientID, secret, app)
		tokens := rp.signIn(b, true)
		rp.signIn(openTab(t, h), false) // where the sign-in form alone leads out
		fresh, err := rp.refresh(tokens)
		if err != nil {
			t.Fatal(err)
		}
		if fresh.AccessToken == tokens.AccessToken || fresh.RefreshToken == tokens.RefreshToken {
			t.Error("the refresh gave the old tokens again")
		}
		if err := rp.userinfo(fresh); err != nil {
			t.Fatal(err)
		}

		page := "/console/clients/" + clientID
		b.open(page)
		b.choose("#client-menu", "Disable…")
		b.click("#client-disable-confirm")
		b.sees("Client disabled")
		b.wait(`document.querySelector("#client-enable")`)
		if err := rp.userinfo(fresh); err == nil {
			t.Error("the access token still opens userinfo")
		}
		if _, err := rp.refresh(fresh); err == nil {
			t.Error("the refresh token still gives tokens")
		}

		b.press("#client-enable")
		b.sees("Client enabled")
		if _, err := rp.refresh(fresh); err == nil {
			t.Error("what was ended came back")
		}
		rp.signIn(b, false)

		b.open(page + "/credentials")
		b.press("#secret-add")
		b.sees("Copy the secret now")
		second := b.text("#new-client-secret")
		b.press(".once .btn")
		b.at(page + "/credentials")
		if n := js[int](b, `document.querySelectorAll(".secret").length`); n != 2 {
			t.Errorf("the page lists %d secrets", n)
		}
		b.click(`[aria-label="Revoke secret ending in ` + secret[len(secret)-4:] + `"]`)
		b.wait(`document.querySelector("dialog[open]")`)
		b.click("#secret-revoke-confirm")
		b.sees("Secret revoked")
		if _, err := rp.machine(secret); err == nil {
			t.Error("the revoked secret still opens the door")
		}
		if _, err := rp.machine(second); err != nil {
			t.Errorf("the new secret does not: %v", err)
		}

		b.open(page)
		b.choose("#client-menu", "Delete…")
		if off := js[string](b, `document.querySelector("#client-delete-confirm").ariaDisabled`); off != "true" {
			t.Errorf("before the name is typed the button says aria-disabled=%s", off)
		}
		b.fill("#confirm", "Acme")
		b.keys("\r")
		b.wait(`document.querySelector("#confirm").ariaInvalid === "true" && document.activeElement.id === "confirm"`)
		if b.value("#confirm") != "Acme" {
			t.Errorf("after the wrong name the field holds %q", b.value("#confirm"))
		}
		b.fill("#confirm", "Acme Storefront")
		b.click("#client-delete-confirm")
		b.sees("Acme Storefront is deleted")
		b.sees("No clients yet")
		if status := b.open(page); status != http.StatusNotFound {
			t.Errorf("the deleted client's page answers %d", status)
		}
		if _, err := rp.machine(second); err == nil {
			t.Error("a deleted client gets tokens")
		}
	})
}

// register registers a web client by the console's form, adding and removing a row by the way.
func (b *tab) register(name, redirect string) (clientID, secret string) {
	b.t.Helper()
	b.open("/console/clients/new")
	b.press(`.choices [href$="?type=web"]`)
	b.wait(`document.activeElement.id === "client_name"`)
	b.fill("#client_name", name)
	b.fill(`[name="redirect_uris"]`, redirect)
	b.click("#add-redirect-uri")
	b.wait(`document.getElementsByName("redirect_uris").length === 2`)
	if b.scripted() {
		b.wait(`document.activeElement.ariaLabel === "Redirect URI 2"`)
	}
	if b.value("#client_name") != name || b.values("redirect_uris") != redirect+" " {
		b.t.Errorf("with a new row the form holds %q and %q", b.value("#client_name"), b.values("redirect_uris"))
	}
	b.click(`[name="remove_redirect_uri"][value="1"]`)
	b.wait(`document.getElementsByName("redirect_uris").length === 1`)
	if b.scripted() {
		b.wait(`document.activeElement.id === "add-redirect-uri"`)
	}
	js[bool](b, `document.querySelector("[name=grant_types][value=client_credentials]").checked = true`)
	js[bool](b, `document.querySelector("[name=scopes][value=offline_access]").checked = true`)
	b.press("#client-save")
	b.sees(name + " is registered")
	clientID, secret = b.text("#new-client-id"), b.text("#new-client-secret")
	if !strings.HasPrefix(clientID, "cl_") || len(secret) < 43 {
		b.t.Fatalf("the client is %q with the secret %q", clientID, secret)
	}
	b.press(".once .btn")
	b.at("/console/clients/" + clientID + "/credentials")
	if body := b.text("body"); strings.Contains(body, secret) || !strings.Contains(body, "…"+secret[len(secret)-4:]) {
		b.t.Error("the secret is shown twice, or not named by its end")
	}
	return clientID, secret
}

// choose opens the menu and takes the item that has these words, which opens a dialog.
func (b *tab) choose(menu, words string) {
	b.t.Helper()
	b.click(`[popovertarget="` + menu[1:] + `"]`)
	b.wait(`document.querySelector(%q).matches(":popover-open")`, menu)
	item := menu + ` [href$="/` + strings.ToLower(strings.Trim(words, "…")) + `"]`
	b.click(item)
	b.wait(`document.querySelector("#dialog-slot > dialog[open]")`)
}

// party is an application built on the libraries everybody uses.
type party struct {
	oauth2.Config
	ctx      context.Context // it carries the http.Client, as oauth2 wants it
	provider *oidc.Provider
	house    *webtest.House
	app      *application
	t        *testing.T
}

func newParty(t *testing.T, h *webtest.House, clientID, secret string, app *application) *party {
	t.Helper()
	ctx := oidc.ClientContext(context.Background(), &http.Client{Timeout: within})
	provider, err := oidc.NewProvider(ctx, h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	return &party{ctx: ctx, provider: provider, house: h, app: app, t: t, Config: oauth2.Config{
		ClientID: clientID, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: app.url,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}}
}

// signIn sends the browser through the authorization endpoint and trades the code; asked tells that consent is due.
func (p *party) signIn(b *tab, asked bool) *oauth2.Token {
	p.t.Helper()
	verifier := oauth2.GenerateVerifier()
	b.open(p.AuthCodeURL("the state", oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(verifier)))
	if strings.HasPrefix(js[string](b, "location.pathname"), "/login") {
		b.signIn(&identity.User{Username: "sofia"})
	}
	if asked {
		b.sees("wants to use your account")
		b.press("#consent-allow")
	}
	b.sees("Welcome back")
	answer := p.app.answer(b)
	if answer.Get("state") != "the state" || answer.Get("iss") != p.house.Issuer {
		p.t.Errorf("the application was told %v", answer)
	}
	tokens, err := p.Exchange(p.ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		p.t.Fatal(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	check := p.provider.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.house.Clock.Now})
	idToken, err := check.Verify(p.ctx, raw)
	if err != nil {
		p.t.Fatal(err)
	}
	if idToken.Nonce != "the nonce" || idToken.VerifyAccessToken(tokens.AccessToken) != nil {
		p.t.Errorf("the ID token does not belong to the request: %+v", idToken)
	}
	return tokens
}

func (p *party) refresh(tokens *oauth2.Token) (*oauth2.Token, error) {
	expired := *tokens
	expired.Expiry = time.Now().Add(-time.Hour)
	return p.TokenSource(p.ctx, &expired).Token()
}

func (p *party) userinfo(tokens *oauth2.Token) error {
	_, err := p.provider.UserInfo(p.ctx, oauth2.StaticTokenSource(tokens))
	return err
}

// machine asks for a token without a person, with this secret.
func (p *party) machine(secret string) (*oauth2.Token, error) {
	form := url.Values{"grant_type": {oauth.GrantClientCredentials}}
	r, err := http.NewRequestWithContext(p.ctx, http.MethodPost, p.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(p.ClientID, secret)
	response, err := (&http.Client{Timeout: within}).Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &oauth2.RetrieveError{Response: response}
	}
	return &oauth2.Token{}, nil
}

// scripted reports whether the tab runs JavaScript.
func (b *tab) scripted() bool { return !b.plain }

func admin(u *identity.User) { u.Role = identity.RoleAdmin }
