package store_test

import (
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestSweep_takesWhatHasLapsedAndNothingElse(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for i := range 1200 { // more than a batch
			must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: fmt.Sprint("old", i), ClientID: "app", CreatedAt: noon, ExpiresAt: noon.Add(time.Minute)}))
		}
		must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: "fresh", ClientID: "app", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}))
		must(t, s.RevokeAccessToken(ctx, "old", noon.Add(time.Minute), event(audit.TokenRevoked)))
		must(t, s.RevokeAccessToken(ctx, "fresh", noon.Add(time.Hour), event(audit.TokenRevoked)))
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "old", UserID: "bob", ExpiresAt: noon.Add(time.Minute)}, noon, event(audit.UserResetLinkMade)))
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "fresh", UserID: "ada", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
		for key, at := range map[string]time.Time{"old": noon.Add(-72 * time.Hour), "fresh": noon} {
			if _, _, err := s.BeginAttempt(ctx, key, at); err != nil {
				t.Fatal(err)
			}
		}
		must(t, s.IssueCode(ctx, code("spent", "bob", "bob-session"), nil))

		if n, err := s.Sweep(ctx, noon.Add(2*time.Minute)); n != 1203 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if n, err := s.Sweep(ctx, noon.Add(2*time.Minute)); n != 0 || err != nil {
			t.Errorf("the second time %d, %v", n, err)
		}
		_, err := s.Interaction(ctx, "old7")
		wantNotFound(t, err)
		_, err = s.Interaction(ctx, "fresh")
		must(t, err)
		_, err = s.ResetLink(ctx, "fresh")
		must(t, err)
		_, err = s.Code(ctx, "spent")
		must(t, err)
	})
}
