package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestRedeemCode_aCodeWorksOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.IssueCode(ctx, code("k", "bob", "bob-session"), nil, event(audit.CodeIssued)))
		won, spent, _ := race(t, 50, func(int) error { return redeem(s, "k", "bob", "bob-session") })
		if won != 1 || spent != 49 {
			t.Fatalf("%d won, %d found it spent", won, spent)
		}
		if n := events(t, s, audit.CodeRedeemed); n != 1 {
			t.Errorf("%d events", n)
		}
		c := must1(s.Code(ctx, "k"))(t)
		f := must1(s.Family(ctx, c.FamilyID))(t)
		if c.SpentAt == nil || !c.SpentAt.Equal(f.CreatedAt) || f.CurrentHash != "k-0" || f.Scopes.String() != "openid email" || f.SessionID != "bob-session" {
			t.Errorf("code %+v, family %+v", c, f)
		}
		token := must1(s.RefreshToken(ctx, "k-0"))(t)
		if token.Presented != 0 || token.Generation != 0 || !token.UserEnabled || !token.ClientEnabled || !token.SessionLive || !alive(t, s, f.ID) {
			t.Errorf("refresh token %+v", token)
		}
	})
}

func TestRedeemCode_withoutARefreshTokenItBeginsAFamilyAlone(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.IssueCode(ctx, code("k", "bob", ""), nil))
		f := family("k", "bob", "")
		f.CurrentHash = ""
		must(t, s.RedeemCode(ctx, "k", oauth.Beginning{Family: f}, event(audit.CodeRedeemed)))
		if !alive(t, s, f.ID) || count(t, s, "SELECT COUNT(*) FROM refresh_tokens") != 0 {
			t.Error("no family, or a refresh token")
		}
	})
}

func TestRedeemCode_needsThePersonTheClientAndTheSessionLive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.IssueCode(ctx, code("k", "bob", "bob-session"), nil))
		// Set behind the verbs, which would void the code.
		for _, c := range []struct{ end, undo string }{
			{"UPDATE users SET disabled_at = updated_at WHERE id = 'bob'", "UPDATE users SET disabled_at = NULL"},
			{"UPDATE clients SET disabled_at = updated_at", "UPDATE clients SET disabled_at = NULL"},
			{"UPDATE sessions SET ended_at = auth_time WHERE id = 'bob-session'", "UPDATE sessions SET ended_at = NULL"},
			{"DELETE FROM session_clients; UPDATE sessions SET id = 'other' WHERE id = 'bob-session'", "UPDATE sessions SET id = 'bob-session' WHERE id = 'other'"},
		} {
			s.DB().MustExec(c.end)
			wantNotFound(t, redeem(s, "k", "bob", "bob-session"))
			wantNotFound(t, s.IssueCode(ctx, code("another", "bob", "bob-session"), nil))
			s.DB().MustExec(c.undo)
		}
		wantNotFound(t, redeem(s, "unknown", "bob", "bob-session"))
		must(t, redeem(s, "k", "bob", "bob-session"))
	})
}

func TestIssueCode_keepsTheConsentAndItsEventsOrNothing(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		consent := &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid", "email"}}
		must(t, s.IssueCode(ctx, code("k", "bob", "bob-session"), consent, event(audit.CodeIssued), event(audit.ConsentGiven)))
		later := code("k2", "bob", "bob-session")
		later.CreatedAt = noon.Add(time.Hour)
		consent.Scopes = oauth.Scopes{"profile", "email"}
		must(t, s.IssueCode(ctx, later, consent, event(audit.ConsentGiven)))
		kept := must1(s.Consent(ctx, "bob", "app"))(t)
		if kept.Scopes.String() != "openid email profile" || !kept.UpdatedAt.Equal(later.CreatedAt) {
			t.Errorf("consent %+v", kept)
		}
		wantNotFound(t, s.IssueCode(ctx, code("k3", "nobody", "bob-session"), consent, event(audit.ConsentGiven)))
		if events(t, s, audit.CodeIssued) != 1 || events(t, s, audit.ConsentGiven) != 2 {
			t.Error("events")
		}
		read, want := must1(s.Code(ctx, "k"))(t), code("k", "bob", "bob-session")
		if read.Scopes.String() != "openid email" || read.AMR[0] != "pwd" || !read.RedirectURISent || read.CodeChallenge != "c" || !read.ExpiresAt.Equal(want.ExpiresAt) || read.SpentAt != nil {
			t.Errorf("code %+v", read)
		}
	})
}

func TestCountWrongVerifier_theFifthSpendsTheCode(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.IssueCode(ctx, code("k", "bob", ""), nil))
		for i := range oauth.MaxWrongVerifiers {
			if c := must1(s.Code(ctx, "k"))(t); c.SpentAt != nil || c.WrongVerifiers != int64(i) {
				t.Fatalf("after %d: %+v", i, c)
			}
			must(t, s.CountWrongVerifier(ctx, "k", oauth.MaxWrongVerifiers, noon))
		}
		if err := redeem(s, "k", "bob", ""); !errors.Is(err, oauth.ErrSpent) {
			t.Fatal(err)
		}
	})
}

func TestRotateRefreshToken_aTokenIsReplacedOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "bob-session")
		must(t, s.MarkRefreshTokenPresented(ctx, "k-family", "k-0", noon))
		must(t, s.MarkRefreshTokenPresented(ctx, "k-family", "k-0", noon.Add(time.Hour)))
		if f := must1(s.Family(ctx, "k-family"))(t); f.CurrentPresentedAt == nil || !f.CurrentPresentedAt.Equal(noon) {
			t.Errorf("presented %v", f.CurrentPresentedAt)
		}
		won, spent, _ := race(t, 50, func(i int) error {
			return s.RotateRefreshToken(ctx, rotation("k", "k-0", "k-1-"+string(rune('A'+i)), 1), event(audit.TokenRefreshed))
		})
		if won != 1 || spent != 49 || events(t, s, audit.TokenRefreshed) != 1 || count(t, s, "SELECT COUNT(*) FROM refresh_tokens") != 2 {
			t.Fatalf("%d won, %d found it spent", won, spent)
		}
		f := must1(s.Family(ctx, "k-family"))(t)
		want := rotation("k", "k-0", f.CurrentHash, 1)
		if f.Generation != 1 || f.PreviousHash != "k-0" || f.SuccessorSealed != "sealed" || f.CurrentPresentedAt != nil || !f.RotatedAt.Equal(want.At) || !f.IdleExpiresAt.Equal(want.IdleExpiresAt) {
			t.Errorf("family %+v", f)
		}
		if old := must1(s.RefreshToken(ctx, "k-0"))(t); old.Presented != 0 || old.Generation != 1 {
			t.Errorf("the spent token tells %+v", old)
		}
		if now := must1(s.RefreshToken(ctx, f.CurrentHash))(t); now.Presented != 1 {
			t.Errorf("the current token tells %+v", now)
		}
	})
}

func TestRotateRefreshToken_needsAllThatTheFamilyHangsOnLive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "bob-session")
		rotate := func() error {
			return s.RotateRefreshToken(ctx, rotation("k", "k-0", "k-1", 1), event(audit.TokenRefreshed))
		}
		for _, c := range []struct{ end, undo string }{
			{"UPDATE users SET disabled_at = updated_at WHERE id = 'bob'", "UPDATE users SET disabled_at = NULL"},
			{"UPDATE clients SET disabled_at = updated_at", "UPDATE clients SET disabled_at = NULL"},
			{"UPDATE sessions SET ended_at = auth_time WHERE id = 'bob-session'", "UPDATE sessions SET ended_at = NULL"},
			{"DELETE FROM session_clients; UPDATE sessions SET id = 'other' WHERE id = 'bob-session'", "UPDATE sessions SET id = 'bob-session' WHERE id = 'other'"},
			{"UPDATE families SET ended_at = auth_time", "UPDATE families SET ended_at = NULL"},
		} {
			s.DB().MustExec(c.end)
			if err := rotate(); !errors.Is(err, oauth.ErrSpent) {
				t.Errorf("after %s: %v", c.end, err)
			}
			if alive(t, s, "k-family") {
				t.Errorf("after %s the access token holds", c.end)
			}
			s.DB().MustExec(c.undo)
			if !alive(t, s, "k-family") {
				t.Errorf("after %s the access token does not hold", c.undo)
			}
		}
		must(t, rotate())
	})
}

func TestEndFamily_theFirstReasonStays(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		must(t, s.EndFamily(ctx, "k-family", oauth.EndedByReplay, noon, event(audit.FamilyEnded)))
		must(t, s.EndFamily(ctx, "k-family", oauth.EndedByClient, noon.Add(time.Hour), event(audit.FamilyEnded)))
		must(t, s.EndFamily(ctx, "unknown", oauth.EndedByClient, noon, event(audit.FamilyEnded)))
		wantEnded(t, s, "k-family", oauth.EndedByReplay)
		if n := events(t, s, audit.FamilyEnded); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

// An ending and a redemption that race leave no live family behind, whichever comes first.
func TestRedeemCode_racingAnEndingLeavesNothingAlive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		endings := []func(user, session string) error{
			func(user, _ string) error { return s.DisableUser(ctx, user, noon, event(audit.UserDisabled)) },
			func(_, session string) error { return s.EndSession(ctx, session, "x", noon, event(audit.SessionEnded)) },
			func(user, _ string) error {
				return s.ChangePassword(ctx, store.PasswordChange{UserID: user, OldHash: "hash", NewHash: "new"}, noon, event(audit.UserPasswordChanged))
			},
			func(user, _ string) error {
				_, err := s.EndFamiliesOfUser(ctx, user, oauth.EndedByOperator, noon, event(audit.FamiliesEnded))
				return err
			},
		}
		for i := range 120 {
			user := fmt.Sprint("user", i)
			addUser(t, s, user, identity.RoleUser)
			session := user + "-session"
			addSession(t, s, session, user)
			bound := session
			if i%3 == 0 && i%len(endings) != 1 { // all but the end of a session reach what is bound to none
				bound = ""
			}
			must(t, s.IssueCode(ctx, code(user, user, bound), nil))
			race(t, 2, func(n int) error {
				if n == 0 {
					return endings[i%len(endings)](user, session)
				}
				return redeem(s, user, user, bound)
			})
			for _, f := range must1(s.Families(ctx, store.FamilyFilter{UserID: user, State: oauth.FamilyLive}))(t) {
				t.Errorf("ending %d left %s alive", i%len(endings), f.ID)
			}
		}
	})
}

// A code from before its client's end gives nothing that outlives it, whichever of the two is first, and even if the client is enabled again.
func TestRedeemCode_racingTheEndOfItsClientLeavesNothingAlive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		endings := []func() error{
			func() error {
				_, err := s.RevokeClientTokens(ctx, "app", oauth.EndedByOperator, noon, event(audit.FamiliesEnded))
				return err
			},
			func() error {
				if err := s.DisableClient(ctx, "app", noon, event(audit.ClientDisabled)); err != nil {
					return err
				}
				return s.EnableClient(ctx, "app", noon, event(audit.ClientEnabled))
			},
		}
		for i := range 120 {
			name := fmt.Sprint("code", i)
			must(t, s.IssueCode(ctx, code(name, "bob", ""), nil))
			race(t, 3, func(n int) error {
				switch n {
				case 0:
					return endings[i%len(endings)]()
				case 1:
					return redeem(s, name, "bob", "")
				}
				return s.RotateRefreshToken(ctx, rotation(name, name+"-0", name+"-1", 1), event(audit.TokenRefreshed))
			})
			if err := redeem(s, name, "bob", ""); err == nil {
				t.Errorf("%s is redeemed after its client's end", name)
			}
			if _, err := s.Family(ctx, name+"-family"); err == nil && alive(t, s, name+"-family") {
				t.Errorf("ending %d left the family of %s alive", i%len(endings), name)
			}
			for _, presented := range []string{name + "-0", name + "-1"} {
				if err := s.RotateRefreshToken(ctx, rotation(name, presented, name+"-2", 2), event(audit.TokenRefreshed)); err == nil {
					t.Errorf("%s refreshes after its client's end", presented)
				}
			}
		}
	})
}
