package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// span is how long a JWT holds, as it says itself.
func span(t *testing.T, token string) time.Duration {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return time.Unix(int64(claims["exp"].(float64)), 0).Sub(time.Unix(int64(claims["iat"].(float64)), 0))
}

// Lifetimes that are settled for one client hold for what it is given from then on, and for nobody else.
func TestClientTokens_holdAsLongAsWasSettled(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "read", "Read")
		short := h.API(t, func(a *oauth.API) { a.Name, a.Scopes, a.AccessTokenTTL = "Short", oauth.Scopes{"read"}, 60 })
		client, other, user := h.Client(t, withScopes("read")), h.Client(t, withScopes("read")), h.User(t)
		path := clientList + "/" + client.ID + "/tokens"
		before := h.Tokens(t, client, user, nil)
		b.Get(path)
		p := b.Submit(path, url.Values{"access_token_ttl": {"5m"}, "id_token_ttl": {" 2m "}, "refresh_token_ttl": {"2h"}, "refresh_token_idle": {"1h"}})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Lifetimes saved") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		holds := p.Says("holds")
		for _, want := range []string{"Access token for Gatehouse's own API 5m by this client", "Access token for Short 1m by Short", "ID token 2m by this client", "Refresh token, at most 2h by this client", "Refresh token, unused 1h by this client"} {
			if !strings.Contains(holds, want) {
				t.Errorf("%q is not in %q", want, holds)
			}
		}
		changed := written(t, h, client.ID, audit.ClientUpdated)
		if len(changed) != 1 || len(changed[0].Changes) != 4 || changed[0].Changes["access_token_ttl"] != (audit.Change{After: "5m"}) || changed[0].Changes["refresh_token_ttl"].After != "2h" {
			t.Errorf("written down are %+v", changed)
		}
		b.Submit(path, nil) // as it stands: no change
		if n := len(written(t, h, client.ID, audit.ClientUpdated)); n != 1 {
			t.Errorf("%d changes were written down", n)
		}

		first := h.Tokens(t, client, user, nil)
		if got, id := span(t, first.Str("access_token")), span(t, first.Str("id_token")); got != 5*time.Minute || id != 2*time.Minute || first.JSON["expires_in"] != 300.0 {
			t.Errorf("the access token holds %s (%v s), the ID token %s", got, first.JSON["expires_in"], id)
		}
		if got := span(t, h.Tokens(t, client, user, url.Values{"resource": {short.Identifier}, "scope": {"openid read"}}).Str("access_token")); got != time.Minute {
			t.Errorf("for the API it holds %s", got)
		}
		if got := span(t, h.Tokens(t, other, user, nil).Str("access_token")); got != 15*time.Minute {
			t.Errorf("another client's holds %s", got)
		}

		// A family that began before keeps its own end; its tokens are of today.
		if a := h.Refresh(t, client, before.Str("refresh_token")); span(t, a.Str("access_token")) != 5*time.Minute {
			t.Errorf("refreshed, it holds %s", span(t, a.Str("access_token")))
		}
		h.Clock.Advance(59 * time.Minute)
		second := h.Refresh(t, client, first.Str("refresh_token"))
		if second.Status != http.StatusOK {
			t.Fatalf("within its idle time: %d %s", second.Status, second.Body)
		}
		idle := h.Tokens(t, client, user, nil)
		h.Clock.Advance(59 * time.Minute)
		third := h.Refresh(t, client, second.Str("refresh_token"))
		if third.Status != http.StatusOK {
			t.Fatalf("within its life: %d %s", third.Status, third.Body)
		}
		h.Clock.Advance(2 * time.Minute)
		refused(t, h.Refresh(t, client, third.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
		if e := h.Refusal(t, "family_age"); !strings.Contains(e.Cause.Expected, "2h0m0s") {
			t.Errorf("the cause expects %q", e.Cause.Expected)
		}
		refused(t, h.Refresh(t, client, idle.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
		h.Refusal(t, "refresh_token_idle")
	})
}

// What cannot be is said at its field, and nothing is saved; who may only look sees no form and cannot send one.
func TestClientTokens_refuseWhatCannotBe(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID + "/tokens"
		for field, typed := range map[string]string{"access_token_ttl": "25h", "id_token_ttl": "61m", "refresh_token_ttl": "366d", "refresh_token_idle": "forever"} {
			b.Get(path)
			p := b.Submit(path, url.Values{field: {typed}})
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says(field+"-error"), "Use 1 minute to") || b.Form(path).Values.Get(field) != typed {
				t.Errorf("%s=%s: %d %q", field, typed, p.Status, p.Says(field+"-error"))
			}
		}
		if p := b.Submit(path, url.Values{"refresh_token_ttl": {"1h"}, "refresh_token_idle": {"2h"}}); p.Status != http.StatusUnprocessableEntity || p.Says("refresh_token_idle-error") == "" {
			t.Errorf("unused for longer than it lives: %d", p.Status)
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Version != 1 {
			t.Errorf("stored %+v, %v", c, err)
		}

		auditor, _ := staff(t, h, identity.RoleAuditor)
		p := auditor.Get(path)
		if p.Status != http.StatusOK || len(p.Parts("form", "id", "lifetimes-form")) != 0 || !strings.Contains(p.Says("holds"), "15m by the server") {
			t.Errorf("an auditor sees %d %s", p.Status, p.Text())
		}
		if p := auditor.Post(path, url.Values{"csrf_token": {csrf(auditor)}, "access_token_ttl": {"1h"}}); p.Status != http.StatusForbidden {
			t.Errorf("an auditor's POST: %d", p.Status)
		}
	})
}

// The form carries the version of the whole client: who saves second is told, and overwrites nothing unknowingly.
func TestClientTokens_aLostRaceOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		first, ada := staff(t, h, identity.RoleAdmin)
		second, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		path := clientList + "/" + client.ID + "/tokens"
		first.Get(path)
		second.Get(path)
		first.Submit(path, url.Values{"access_token_ttl": {"5m"}})
		p := second.Submit(path, url.Values{"access_token_ttl": {"1h"}})
		if notice := p.Says("conflict"); p.Status != http.StatusConflict || !strings.Contains(notice, ada.Username) || !strings.Contains(notice, "5m") || !strings.Contains(notice, "1h") {
			t.Fatalf("%d %q", p.Status, notice)
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.AccessTokenTTL != 300 {
			t.Errorf("stored %+v, %v", c, err)
		}
		second.Submit(path, nil) // knowingly now
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.AccessTokenTTL != 3600 {
			t.Errorf("stored %+v, %v", c, err)
		}
		// The settings form leaves the lifetimes alone.
		settings := clientList + "/" + client.ID
		second.Get(settings)
		second.Submit(settings, url.Values{"client_name": {"Renamed"}})
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Name != "Renamed" || c.AccessTokenTTL != 3600 {
			t.Errorf("stored %+v, %v", c, err)
		}
	})
}

// Lifetimes go out in files and come in again, and a copy has them.
func TestClientTokens_goWithTheMetadata(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t, func(c *oauth.Client) { c.AccessTokenTTL, c.RefreshTokenIdle = 90, 86400 })
		path := clientList + "/" + client.ID
		document := b.Get(path + "/export").Body
		if !strings.Contains(document, `"access_token_ttl": 90`) || strings.Contains(document, "id_token_ttl") {
			t.Errorf("the file is %s", document)
		}
		if table := b.Get(clientList + "/export?format=csv").Body; !strings.Contains(table, "access_token_ttl,id_token_ttl,refresh_token_ttl,refresh_token_idle") || !strings.Contains(table, ",90,,,86400,") {
			t.Errorf("the table is %s", table)
		}
		for name, begin := range map[string]func(){
			"an import": func() {
				b.Get(clientList + "/import")
				b.Submit(clientList+"/import", url.Values{"metadata": {document}})
			},
			"a copy": func() { b.Get(clientList + "/new?from=" + client.ID) },
		} {
			begin()
			b.Submit(clientList, url.Values{"client_name": {name}})
			made, err := h.Store.ClientsNamed(t.Context(), name, 2)
			if err != nil || len(made) != 1 || made[0].AccessTokenTTL != 90 || made[0].RefreshTokenIdle != 86400 || made[0].IDTokenTTL != 0 {
				t.Errorf("%s made %+v", name, made)
			}
		}
		b.Get(clientList + "/import")
		if p := b.Submit(clientList+"/import", url.Values{"metadata": {strings.Replace(document, `: 90`, `: 9`, 1)}}); p.Status != http.StatusUnprocessableEntity || p.Says("access_token_ttl-error") == "" {
			t.Errorf("a wrong one: %d %s", p.Status, p.Text())
		}
	})
}

// Before a client is disabled or a person ended, it is said until when APIs may accept their tokens: its own lifetime counts.
func TestClientTokens_countInWhatEnds(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client, user := h.Client(t, func(c *oauth.Client) { c.AccessTokenTTL = 6 * 3600 }), h.User(t)
		for _, path := range []string{clientList + "/" + client.ID + "/disable", "/console/users/" + user.ID + "/end"} {
			if p := b.Get(path); !strings.Contains(p.Text(), "6 h") && !strings.Contains(p.Text(), "360 min") {
				t.Errorf("%s says %s", path, p.Text())
			}
		}
	})
}
