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
		for _, f := range []struct {
			id, grant, hash string
			life            time.Duration
		}{
			{"old-implicit", oauth.GrantImplicit, "", time.Minute}, {"fresh-implicit", oauth.GrantImplicit, "", time.Hour},
			{"old-password", oauth.GrantPassword, "", time.Minute}, {"refreshable", oauth.GrantPassword, "current", time.Minute},
		} {
			b := oauth.Beginning{Family: family(f.id, "bob", "")}
			b.Family.GrantType, b.Family.CurrentHash, b.Family.ExpiresAt = f.grant, f.hash, noon.Add(f.life)
			must(t, s.BeginFamily(ctx, b))
		}
		ended := family("of-a-code", "bob", "")
		ended.GrantType, ended.CurrentHash, ended.ExpiresAt = oauth.GrantAuthorizationCode, "", noon.Add(time.Minute)
		must(t, s.IssueCode(ctx, code("of-a-code", "bob", ""), nil))
		must(t, s.RedeemCode(ctx, "of-a-code", oauth.Beginning{Family: ended}, event(audit.CodeRedeemed)))

		if n, err := s.Sweep(ctx, noon.Add(2*time.Minute)); n != 1205 || err != nil {
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
		for _, id := range []string{"fresh-implicit", "refreshable", "of-a-code"} {
			_, err = s.Family(ctx, id+"-family")
			must(t, err)
		}
	})
}
