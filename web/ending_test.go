package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// What ends takes its tokens with it, at once, seen by introspection, userinfo and refresh alike.
func TestEnding_takesEffectAtOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		ctx := t.Context()
		for _, c := range []struct {
			name string
			end  func(t *testing.T, client *webtest.Client, userID, sessionID, familyID string) error
			// survives: offline access outlives the browser session it came from.
			survives bool
		}{
			{name: "family", end: func(_ *testing.T, _ *webtest.Client, _, _, family string) error {
				return h.Store.EndFamily(ctx, family, oauth.EndedByOperator, h.Clock.Now(), event())
			}},
			{name: "user disabled", end: func(_ *testing.T, _ *webtest.Client, user, _, _ string) error {
				return h.Store.DisableUser(ctx, user, h.Clock.Now(), event())
			}},
			{name: "client disabled", end: func(_ *testing.T, client *webtest.Client, _, _, _ string) error {
				return h.Store.DisableClient(ctx, client.ID, h.Clock.Now(), event())
			}},
			{name: "client deleted", end: func(_ *testing.T, client *webtest.Client, _, _, _ string) error {
				return h.Store.DeleteClient(ctx, client.ID, h.Clock.Now(), event())
			}},
			{name: "consent withdrawn", end: func(_ *testing.T, client *webtest.Client, user, _, _ string) error {
				return h.Store.WithdrawConsent(ctx, user, client.ID, h.Clock.Now(), event())
			}},
			{name: "password changed", end: func(_ *testing.T, _ *webtest.Client, user, _, _ string) error {
				return changePassword(ctx, h, user)
			}},
			{name: "session", survives: true, end: func(_ *testing.T, _ *webtest.Client, _, session, _ string) error {
				return h.Store.EndSession(ctx, session, "ended_by_operator", h.Clock.Now(), event())
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				client, user, b := h.Client(t), h.User(t), h.Browser(t)
				offline := h.Redeem(t, client, b.Code(client, user, nil))
				bound := h.Redeem(t, client, b.Code(client, user, url.Values{"scope": {"openid"}}))
				sessions, err := h.Store.LiveSessions(ctx, user.ID, h.Clock.Now())
				if err != nil || len(sessions) != 1 {
					t.Fatalf("%d sessions, %v", len(sessions), err)
				}
				pending := b.Code(client, user, nil)
				family := familyOf(t, h, user.ID, oauth.ScopeOfflineAccess)
				watcher := h.Client(t) // sees nothing of others, but proves that introspection still answers
				if err := c.end(t, client, user.ID, sessions[0].ID, family); err != nil {
					t.Fatal(err)
				}
				holds := func(token string) bool { return h.Get(t, oauth.PathUserinfo, token).Status == http.StatusOK }
				if holds(offline.Str("access_token")) != c.survives {
					t.Errorf("the offline access token holds: %v", !c.survives)
				}
				if a := h.Refresh(t, client, offline.Str("refresh_token")); (a.Status == http.StatusOK) != c.survives {
					t.Errorf("refresh answered %d %s", a.Status, a.Body)
				}
				if c.name != "family" {
					if holds(bound.Str("access_token")) {
						t.Error("the token bound to the session still holds")
					}
					if a := h.Redeem(t, client, pending); a.Status == http.StatusOK {
						t.Errorf("a pending code was redeemed: %s", a.Body)
					}
				}
				if active(t, h, watcher, offline.Str("access_token")) {
					t.Error("introspection shows a stranger's token")
				}
			})
		}
	})
}

func familyOf(t *testing.T, h *webtest.House, userID, scope string) string {
	t.Helper()
	families, err := h.Store.Families(t.Context(), storeFilter(userID))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.Scopes.Has(scope) {
			return f.ID
		}
	}
	t.Fatal("no such family")
	return ""
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
