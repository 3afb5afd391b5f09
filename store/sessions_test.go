package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestSessionByToken_bringsThePersonAlong(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		session, u, err := s.SessionByToken(ctx, "bob-session-token")
		must(t, err)
		if session.ID != "bob-session" || session.AMR != "pwd" || !session.Live(noon, identity.SessionIdle) || u.ID != "bob" || u.Email != "bob@example.org" || !u.Enabled() {
			t.Errorf("session %+v, user %+v", session, u)
		}
		_, _, err = s.SessionByToken(ctx, "unknown")
		wantNotFound(t, err)
		must(t, s.TouchSession(ctx, "bob-session", noon.Add(time.Minute)))
		must(t, s.TouchSession(ctx, "bob-session", noon)) // a slower request does not turn back the clock
		if session, _, err = s.SessionByToken(ctx, "bob-session-token"); err != nil || !session.LastSeenAt.Equal(noon.Add(time.Minute)) {
			t.Errorf("last seen %v, %v", session.LastSeenAt, err)
		}
	})
}

func TestCreateSession_remembersTheDevice(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, token := range []string{"first", "second"} {
			must(t, s.CreateSession(ctx, signIn(identity.Session{TokenHash: token, UserID: "bob"}, "laptop"), noon, event(audit.SignInSucceeded)))
		}
		if !must1(s.KnownDevice(ctx, "bob", "laptop", noon))(t) || must1(s.KnownDevice(ctx, "ada", "laptop", noon))(t) {
			t.Error("the device is not bob's alone")
		}
		if must1(s.KnownDevice(ctx, "bob", "laptop", noon.Add(time.Second)))(t) {
			t.Error("a device is known that was last seen before")
		}
	})
}

// A sign-in that checked the old password begins nothing once there is a new one, and nothing outlives the change.
func TestCreateSession_racingANewPasswordLeavesNothingAlive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for i := range 40 {
			user := addUser(t, s, fmt.Sprintf("racer%d", i), identity.RoleUser)
			changes := []func() error{
				func() error {
					return s.ChangePassword(ctx, store.PasswordChange{UserID: user.ID, OldHash: "hash", NewHash: "new"}, noon, event(audit.UserPasswordChanged))
				},
				func() error { return s.DisableUser(ctx, user.ID, noon, event(audit.UserDisabled)) },
			}
			var wg sync.WaitGroup
			for n := range 4 {
				wg.Go(func() {
					session := identity.Session{TokenHash: fmt.Sprint(user.ID, n), UserID: user.ID, LastSeenAt: noon, ExpiresAt: noon.Add(time.Hour)}
					if err := s.CreateSession(ctx, signIn(session, ""), noon, event(audit.SignInSucceeded)); err != nil && !fault.IsNotFound(err) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() { must(t, changes[i%2]()) })
			wg.Wait()
			if live := must1(s.LiveSessions(ctx, user.ID, noon))(t); len(live) != 0 {
				t.Fatalf("round %d: %d sessions outlived what ended them", i, len(live))
			}
		}
	})
}

func TestRenewSession_keepsWhatIsBoundAndChangesTheCookie(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "bob-session")
		renewed := identity.Session{ID: "bob-session", TokenHash: "fresh", UserID: "bob", AuthTime: noon.Add(time.Hour), AMR: "pwd", LastSeenAt: noon.Add(time.Hour), ExpiresAt: noon.Add(25 * time.Hour)}
		renew := func(session identity.Session) error {
			return s.RenewSession(ctx, signIn(session, "phone"), noon.Add(time.Hour), event(audit.SignInSucceeded))
		}
		must(t, renew(renewed))
		session, _, err := s.SessionByToken(ctx, "fresh")
		must(t, err)
		if !session.AuthTime.Equal(renewed.AuthTime) || !alive(t, s, "k-family") || !must1(s.KnownDevice(ctx, "bob", "phone", noon))(t) {
			t.Errorf("session %+v", session)
		}
		_, _, err = s.SessionByToken(ctx, "bob-session-token")
		wantNotFound(t, err)
		stolen := renewed
		stolen.UserID = "ada"
		wantNotFound(t, renew(stolen))
		must(t, s.EndSession(ctx, "bob-session", "signed_out", noon, event(audit.SessionEnded)))
		wantNotFound(t, renew(renewed))
	})
}

func TestEndSession_takesAlongWhatIsBoundToIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "bound", "bob", "bob-session")
		grant(t, s, "offline", "bob", "")
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), nil))
		must(t, s.IssueCode(ctx, code("elsewhere", "bob", ""), nil))
		for range 2 {
			must(t, s.EndSession(ctx, "bob-session", "signed_out", noon, event(audit.SessionEnded)))
		}
		must(t, s.EndSession(ctx, "unknown", "signed_out", noon, event(audit.SessionEnded)))
		wantEnded(t, s, "bound-family", oauth.EndedBySession)
		wantSpent(t, s, "unused")
		if !alive(t, s, "offline-family") || must1(s.Code(ctx, "elsewhere"))(t).SpentAt != nil || events(t, s, audit.SessionEnded) != 1 {
			t.Error("more ended than the session")
		}
		if len(must1(s.Families(ctx, store.FamilyFilter{UserID: "bob", State: oauth.FamilyLive}))(t)) != 1 || len(must1(s.Families(ctx, store.FamilyFilter{ClientID: "app"}))(t)) != 2 {
			t.Error("the list of families")
		}
	})
}

func TestEndSessions_sparesTheOneExcepted(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addSession(t, s, "second", "bob")
		addSession(t, s, "third", "bob")
		grant(t, s, "k", "bob", "second")
		end := func(except string) int64 {
			return must1(s.EndSessions(ctx, "bob", except, "operator", noon, event(audit.SessionsEnded)))(t)
		}
		if n := end("bob-session"); n != 2 {
			t.Errorf("%d ended", n)
		}
		wantEnded(t, s, "k-family", oauth.EndedBySession)
		if end("bob-session") != 0 || end("") != 1 || len(must1(s.LiveSessions(ctx, "ada", noon))(t)) != 1 || events(t, s, audit.SessionsEnded) != 2 {
			t.Error("the wrong ones ended")
		}
	})
}

func TestLiveSessions_leavesOutTheIdleAndTheExpired(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, c := range []struct {
			at time.Time
			n  int
		}{{noon, 1}, {noon.Add(identity.SessionIdle), 0}, {noon.Add(identity.SessionIdle - time.Second), 1}} {
			if n := len(must1(s.LiveSessions(ctx, "bob", c.at))(t)); n != c.n {
				t.Errorf("at %v %d live sessions", c.at, n)
			}
		}
	})
}

func TestBeginAttempt_parallelTriesGetNoMoreThanTheFreeOnes(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		allowed := func(key string, at time.Time, n int) int64 {
			won, _, _ := race(t, n, func(int) error {
				_, ok, err := s.BeginAttempt(ctx, identity.Counter{Key: key}, at)
				if err == nil && !ok {
					return oauth.ErrSpent
				}
				return err
			})
			return won
		}
		// The fifth failure begins the first pause.
		if n := allowed("k", noon, 50); n != identity.FreeFailures+1 {
			t.Fatalf("%d of 50 were let through", n)
		}
		at := noon
		for failures := int64(identity.FreeFailures + 1); failures < 18; failures++ {
			pause := identity.Pause(failures)
			until, ok, err := s.BeginAttempt(ctx, identity.Counter{Key: "k"}, at.Add(pause-time.Microsecond))
			if err != nil || ok || !until.Equal(at.Add(pause)) {
				t.Fatalf("failure %d: let through %v, paused until %v, %v", failures, ok, until, err)
			}
			at = at.Add(pause)
			if n := allowed("k", at, 10); n != 1 {
				t.Fatalf("after failure %d %d of 10 were let through", failures, n)
			}
		}
		if n := allowed("other", noon, 1); n != 1 {
			t.Error("another account has to wait too")
		}
		if n := allowed("k", at.Add(25*time.Hour), 50); n != identity.FreeFailures+1 {
			t.Errorf("a day later %d of 50 were let through", n)
		}
		must(t, s.ForgiveAttempt(ctx, "k", "other", "unknown"))
		if n := allowed("k", at.Add(25*time.Hour), 50); n != identity.FreeFailures+1 {
			t.Errorf("after success %d of 50 were let through", n)
		}
	})
}

func TestCountDaily_countsEveryFailure(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		if n := must1(s.DailyFailures(ctx, "ada 2026-03-01"))(t); n != 0 {
			t.Fatalf("%d before the first", n)
		}
		race(t, 30, func(int) error {
			_, err := s.CountDaily(ctx, identity.Counter{Key: "ada 2026-03-01"}, noon)
			return err
		})
		if n := must1(s.CountDaily(ctx, identity.Counter{Key: "ada 2026-03-01"}, noon))(t); n != 31 || must1(s.DailyFailures(ctx, "ada 2026-03-01"))(t) != 31 {
			t.Errorf("%d failures", n)
		}
	})
}
