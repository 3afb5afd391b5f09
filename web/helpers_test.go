package web_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/store"
)

// event is what an act of the test itself leaves in the audit log.
func event() audit.Event { return audit.Event{Action: audit.FamilyEnded, Outcome: audit.Success} }

func storeFilter(userID string) store.FamilyFilter {
	return store.FamilyFilter{UserID: userID, Limit: 10}
}

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
