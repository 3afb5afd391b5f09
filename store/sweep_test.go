package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
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
		revoked := event(audit.TokenRevoked)
		revoked.At = noon
		must(t, s.RevokeAccessToken(ctx, "old", noon.Add(-time.Hour), revoked))
		must(t, s.RevokeAccessToken(ctx, "just-expired", noon, revoked)) // by this node's clock
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "old", UserID: "bob", ExpiresAt: noon.Add(time.Minute)}, noon, event(audit.UserResetLinkMade)))
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "fresh", UserID: "ada", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
		for key, at := range map[string]time.Time{"old": noon.Add(-72 * time.Hour), "fresh": noon} {
			if _, _, err := s.BeginAttempt(ctx, identity.Counter{Key: key}, at); err != nil {
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

		if n, err := s.Sweep(ctx, noon.Add(2*time.Minute), nil); n != 1205 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if n, err := s.Sweep(ctx, noon.Add(2*time.Minute), nil); n != 0 || err != nil {
			t.Errorf("the second time %d, %v", n, err)
		}
		grant(t, s, "kept", "bob", "")
		_, err := s.LivePerson(ctx, "kept-family", "app", "just-expired") // asked by a node whose clock is behind
		wantNotFound(t, err)
		_, err = s.Interaction(ctx, "old7")
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

const day = 24 * time.Hour

// What a replay could still matter to is kept, and what operators want to see for 30 days more (security.md rule 2).
func TestSweep_takesFamiliesThirtyDaysAfterTheirEnd(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, name := range []string{"ended", "running", "expired"} {
			f := family(name, "bob", "")
			f.ExpiresAt = noon.Add(365 * day)
			if name == "expired" {
				f.ExpiresAt = noon.Add(day)
			}
			must(t, s.IssueCode(ctx, code(name, "bob", ""), nil))
			must(t, s.RedeemCode(ctx, name, oauth.Beginning{Family: f, First: &oauth.RefreshToken{Hash: name + "-0", CreatedAt: noon}}, event(audit.CodeRedeemed)))
			must(t, s.RotateRefreshToken(ctx, rotation(name, name+"-0", name+"-1", 1), event(audit.TokenRefreshed)))
		}
		must(t, s.EndFamily(ctx, "ended-family", oauth.EndedByClient, noon.Add(day), event(audit.FamilyEnded)))

		whole := func(name string, want bool) {
			t.Helper()
			_, family := s.Family(ctx, name+"-family")
			_, code := s.Code(ctx, name)
			_, spent := s.RefreshToken(ctx, name+"-0")
			_, current := s.RefreshToken(ctx, name+"-1")
			for what, err := range map[string]error{"family": family, "code": code, "spent token": spent, "current token": current} {
				if want {
					must(t, err)
				} else if !fault.IsNotFound(err) {
					t.Errorf("the %s of %s is still there: %v", what, name, err)
				}
			}
		}
		must1(s.Sweep(ctx, noon.Add(31*day), nil))(t)
		for _, name := range []string{"ended", "running", "expired"} {
			whole(name, true)
		}
		swept := map[string]int64{}
		must1(s.Sweep(ctx, noon.Add(31*day+time.Minute), func(table string, rows int64) error { swept[table] += rows; return nil }))(t)
		whole("ended", false)
		whole("expired", false)
		whole("running", true)
		if swept["families"] != 2 || swept["codes"] != 2 || swept["refresh_tokens"] != 4 {
			t.Errorf("swept %v", swept)
		}
	})
}

func TestSweep_takesManyFamiliesWithManyTokens(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		const families, tokens = 230, 11 // more than two batches of each
		for i := range families {
			f := family(fmt.Sprint(i), "bob", "")
			f.GrantType = oauth.GrantPassword
			f.ExpiresAt = noon.Add(time.Hour) // all in one moment
			must(t, s.BeginFamily(ctx, oauth.Beginning{Family: f}))
		}
		s.DB().MustExec(`INSERT INTO refresh_tokens (hash, family_id, generation, created_at, ip, user_agent, request_id)
			SELECT f.id || '-' || n.n, f.id, n.n, f.created_at, '', '', '' FROM families f CROSS JOIN (
				WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 10) SELECT n FROM n) n`)
		largest := int64(0)
		n, err := s.Sweep(ctx, noon.Add(32*day), func(_ string, rows int64) error { largest = max(largest, rows); return nil })
		if want := int64(families * (tokens + 1)); err != nil || count(t, s, "SELECT COUNT(*) FROM families")+count(t, s, "SELECT COUNT(*) FROM refresh_tokens") != 0 || n < want || largest > 1000 {
			t.Errorf("swept %d, want %d, in batches of up to %d: %v", n, want, largest, err)
		}
	})
}

// A code that nobody redeemed led to nothing, nor did one whose verifiers were wrong.
func TestSweep_takesCodesOfWhichNoFamilyCame(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "redeemed", "bob", "bob-session")
		must(t, s.IssueCode(ctx, code("guessed", "bob", ""), nil))
		must(t, s.CountWrongVerifier(ctx, "guessed", 1, noon))
		for i := range 2100 { // more than two batches
			c := code(fmt.Sprint("unused", i), "bob", "")
			c.ExpiresAt = noon.Add(time.Minute + time.Duration(i)*time.Microsecond)
			must(t, s.IssueCode(ctx, c, nil))
		}
		later := code("later", "bob", "")
		later.ExpiresAt = noon.Add(time.Hour)
		must(t, s.IssueCode(ctx, later, nil))

		codes := func(at time.Time) (n int64) {
			must1(s.Sweep(ctx, at, func(table string, rows int64) error {
				if table == "codes" {
					n += rows
				}
				return nil
			}))(t)
			return n
		}
		if n := codes(noon.Add(time.Hour)); n != 0 { // a node whose clock is behind may be redeeming one
			t.Errorf("%d at once", n)
		}
		if n := codes(noon.Add(time.Hour + 2*time.Minute)); n != 2101 {
			t.Errorf("%d later", n)
		}
		must1(s.Code(ctx, "redeemed"))(t)
		if n := codes(noon.Add(3 * time.Hour)); n != 1 {
			t.Errorf("%d in the end", n)
		}
		must1(s.Code(ctx, "redeemed"))(t)
		if n := codes(noon.Add(day)); n != 0 {
			t.Errorf("%d after the end", n)
		}
	})
}

// Refusals go after 30 days, what happens all day after 90, what administrators did after a year (security.md rule 14).
func TestSweep_takesEventsByTheirClass(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		keep := map[audit.Action]time.Duration{
			audit.TokenRefused: 30 * day, audit.SignInRefused: 30 * day, audit.RefusalsSuppressed: 30 * day,
			audit.SignInSucceeded: 90 * day, audit.TokenRefreshed: 90 * day,
			audit.UserCreated: 365 * day, audit.ConsentGiven: 365 * day, "of.tomorrow": 365 * day,
		}
		for action := range keep {
			e := event(action)
			e.At = noon
			must(t, s.Record(ctx, e))
		}
		must1(s.Sweep(ctx, noon.AddDate(9, 0, 0), nil))(t) // nothing was sealed: nothing says that they go
		c := chain(t, 1)
		seal(t, s, c, noon.Add(time.Hour))
		for _, days := range []int{1, 30, 31, 90, 91, 365, 366} {
			at := noon.AddDate(0, 0, days)
			must(t, s.ExpireSeals(ctx, c, at, audit.DefaultRetention(), nil))
			must1(s.Sweep(ctx, at, nil))(t)
			for action, life := range keep {
				if kept := events(t, s, action) == 1; kept != (at.Sub(noon) <= life) {
					t.Errorf("%s after %d days: %v", action, days, kept)
				}
			}
		}
	})
}

func TestSweep_endsWhenItIsTold(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for i := range 2500 {
			must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: fmt.Sprint(i), ClientID: "app", CreatedAt: noon, ExpiresAt: noon.Add(time.Minute)}))
		}
		enough := errors.New("enough")
		n, err := s.Sweep(ctx, noon.Add(day), func(table string, rows int64) error {
			if table != "interactions" || rows != 1000 {
				t.Errorf("%d of %s", rows, table)
			}
			return enough
		})
		if n != 1000 || !errors.Is(err, enough) {
			t.Errorf("swept %d, %v", n, err)
		}
	})
}

// A sweep that reads a whole table would hold up everybody once there is much in it.
func TestSweep_findsWhatItTakesByIndexes(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		explain := "EXPLAIN QUERY PLAN "
		if s.Dialect() == store.PostgreSQL {
			s.DB().SetMaxOpenConns(1)
			s.DB().MustExec("SET enable_seqscan = off") // a small table is read whole if it can be
			explain = "EXPLAIN "
		}
		for _, one := range store.SweepStatements() {
			args := []any{noon, 1000, "x"}[:one.Args]
			plan := planOf(t, s, explain+one.SQL, args...)
			for _, step := range plan {
				if strings.Contains(step, "Seq Scan") || (strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING") && !strings.Contains(step, "SUBQUERY")) {
					t.Errorf("%s\n%s", one.SQL, strings.Join(plan, "\n"))
					break
				}
			}
		}
	})
}

// planOf is what the database tells of a statement, a step a line.
func planOf(t *testing.T, s *store.Store, explain string, args ...any) (steps []string) {
	t.Helper()
	rows, err := s.DB().Queryx(explain, args...) //nolint:sqlclosecheck // it is, below
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		columns, err := rows.SliceScan()
		must(t, err)
		steps = append(steps, fmt.Sprint(columns[len(columns)-1]))
	}
	must(t, rows.Err())
	return steps
}

func TestLeases_areOneHoldersAtATime(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		hold := func(holder string, at, until time.Duration) bool {
			t.Helper()
			return must1(s.HoldLease(ctx, "sweep", holder, noon.Add(at), noon.Add(until)))(t)
		}
		won, _, _ := race(t, 20, func(i int) error {
			held, err := s.HoldLease(ctx, "race", fmt.Sprint(i), noon, noon.Add(time.Minute))
			if err == nil && !held {
				err = oauth.ErrSpent
			}
			return err
		})
		if won != 1 {
			t.Errorf("%d hold it", won)
		}
		for i, c := range []struct {
			holder    string
			at, until time.Duration
			want      bool
		}{
			{"one", 0, time.Minute, true},
			{"two", time.Second, time.Hour, false},
			{"one", 30 * time.Second, 2 * time.Minute, true}, // for longer
			{"two", time.Minute, time.Hour, false},
			{"two", 2 * time.Minute, 3 * time.Minute, true}, // it has run out
			{"one", 2 * time.Minute, 3 * time.Minute, false},
		} {
			if got := hold(c.holder, c.at, c.until); got != c.want {
				t.Errorf("%d: %s: %v", i, c.holder, got)
			}
		}
		must(t, s.ReleaseLease(ctx, "sweep", "one")) // not its own
		if hold("one", 2*time.Minute, 3*time.Minute) {
			t.Error("another gave it back")
		}
		must(t, s.ReleaseLease(ctx, "sweep", "two"))
		if !hold("one", 2*time.Minute, 3*time.Minute) {
			t.Error("it was given back, and is nobody's")
		}
	})
}

func TestACMECache_keepsTheNewest(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		_, err := s.ACMEEntry(ctx, "id.example.org")
		wantNotFound(t, err)
		must(t, s.SaveACMEEntry(ctx, "id.example.org", "first", noon))
		must(t, s.SaveACMEEntry(ctx, "id.example.org", "second", noon))
		if got := must1(s.ACMEEntry(ctx, "id.example.org"))(t); got != "second" {
			t.Errorf("kept %q", got)
		}
		must(t, s.DeleteACMEEntry(ctx, "id.example.org"))
		must(t, s.DeleteACMEEntry(ctx, "id.example.org"))
		_, err = s.ACMEEntry(ctx, "id.example.org")
		wantNotFound(t, err)
	})
}
