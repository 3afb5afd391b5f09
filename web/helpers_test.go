package web_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// event is what an act of the test itself leaves in the audit log.
func event() audit.Event { return audit.Event{Action: audit.FamilyEnded, Outcome: audit.Success} }

// claimsOf reads a JWT's claims; its signature is checked elsewhere.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// changePassword gives the person another password, as if they had chosen it elsewhere.
func changePassword(ctx context.Context, h *webtest.House, userID string) error {
	user, err := h.Store.User(ctx, userID)
	if err != nil {
		return err
	}
	change := store.PasswordChange{UserID: userID, OldHash: user.PasswordHash, NewHash: "$2b$10$abcdefghijklmnopqrstuuXcW6mA5vM7.Pbt5yJIr2kTcB5vGxY5m"}
	return h.Store.ChangePassword(ctx, change, h.Clock.Now(), event())
}

// browserHash is how the house knows the browser.
func browserHash(t *testing.T, h *webtest.House, b *webtest.Browser) string {
	t.Helper()
	here, err := url.Parse(h.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar().Cookies(here) {
		if c.Name == "__Host-gh_browser" {
			return secret.Hash(c.Value)
		}
	}
	t.Fatal("the browser has no cookie")
	return ""
}
