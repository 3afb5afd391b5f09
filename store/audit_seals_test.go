package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// chain is that of a master key of 32 times the byte.
func chain(t testing.TB, key byte) *audit.Chain {
	t.Helper()
	return store.NewAuditChain(must1(secret.NewSealer([]byte(strings.Repeat(string(rune(key)), 32))))(t))
}

// log writes events of each class, a second apart from the time on.
func log(t testing.TB, s *store.Store, from time.Time, n int) {
	t.Helper()
	for i := range n {
		at := from.Add(time.Duration(i) * time.Second)
		e := audit.Event{
			At: at, Action: []audit.Action{audit.TokenRefreshed, audit.TokenRefused, audit.ClientUpdated}[i%3], Outcome: audit.Success,
			Actor: audit.Party{Kind: audit.KindUser, ID: "bob", Name: "Bob"}, Target: audit.Party{Kind: audit.KindClient, ID: "app", Name: "App"}, UserID: "bob",
			Caller: audit.Caller{RequestID: fmt.Sprint("request", i), IP: "192.0.2.1", UserAgent: "browser"}, Cause: &audit.Cause{Rule: "rule", Received: "what came"},
			Changes: map[string]audit.Change{"name": {Before: "a", After: "b"}},
		}
		must(t, s.Record(ctx, e))
	}
}

func seal(t testing.TB, s *store.Store, c *audit.Chain, at time.Time) int64 {
	t.Helper()
	return must1(s.SealEvents(ctx, c, at, audit.Late, nil))(t)
}

func verify(t testing.TB, s *store.Store, c *audit.Chain, kept ...audit.Checkpoint) audit.Verification {
	t.Helper()
	return must1(s.VerifyEvents(ctx, c, kept, nil))(t)
}

// wantBreak stops unless something was found that begins so.
func wantBreak(t testing.TB, v audit.Verification, what string) {
	t.Helper()
	for _, b := range v.Breaks {
		if strings.Contains(b.String(), what) {
			return
		}
	}
	t.Errorf("found %v, not %q", v.Breaks, what)
}

func wantWhole(t testing.TB, v audit.Verification, events, unsealed int64) {
	t.Helper()
	if !v.Whole() || v.Events != events || v.Unsealed != unsealed {
		t.Errorf("%d events, %d unsealed, found %v; want %d and %d", v.Events, v.Unsealed, v.Breaks, events, unsealed)
	}
}

// Security.md rule 26.
func TestSealEvents_sealsEachOnceHoweverLateItComes(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		c := chain(t, 1)
		wantWhole(t, verify(t, s, c), 0, 0)
		log(t, s, noon, 5)
		if v := verify(t, s, c); !v.Whole() || v.Unsealed != 5 || !v.OldestOpen.Equal(noon.Truncate(time.Millisecond)) || !v.SealedUntil.IsZero() {
			t.Errorf("before the first seal: %+v", v)
		}
		if n := seal(t, s, c, noon.Add(time.Minute)); n != 5 {
			t.Errorf("sealed %d", n)
		}
		if n := seal(t, s, c, noon.Add(time.Minute)); n != 0 {
			t.Errorf("sealed %d again", n)
		}
		wantWhole(t, verify(t, s, c), 5, 0)

		log(t, s, noon.Add(-50*time.Minute), 2) // a node whose clock is behind, or a transaction that took long
		log(t, s, noon.Add(5*time.Hour), 1)     // a node whose clock is ahead
		log(t, s, noon.Add(time.Minute), 600)   // several batches
		at := noon.Add(2 * time.Minute)
		if n := must1(s.SealEvents(ctx, c, at, time.Minute, nil))(t); n != 601 {
			t.Errorf("a short look back sealed %d", n)
		}
		if v := verify(t, s, c); v.Unsealed != 2 || !v.Whole() {
			t.Errorf("%+v", v)
		}
		if n := seal(t, s, c, at); n != 2 {
			t.Errorf("a long look back sealed %d", n)
		}
		v := verify(t, s, c)
		wantWhole(t, v, 608, 0)
		if !v.SealedUntil.Equal(at) {
			t.Errorf("until %s", v.SealedUntil)
		}
	})
}

func TestSealEvents_isOneSealersAtATime(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		one, two := storetest.Open(t, o), storetest.Open(t, o)
		c := chain(t, 1)
		log(t, one, noon, 900)
		var wg sync.WaitGroup
		for _, s := range []*store.Store{one, two} {
			wg.Go(func() {
				if _, err := s.SealEvents(ctx, c, noon.Add(time.Hour), audit.Late, nil); err != nil && fault.AsUnavailable(err) == nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seal(t, one, c, noon.Add(time.Hour))
		wantWhole(t, verify(t, one, c), 900, 0)
	})
}

// Whoever finds no chain and then seals has not found a broken chain, if another has begun it meanwhile.
func TestSealEvents_anotherBeginsTheChains(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		f, through := storetest.WithFaults(o)
		one, two, c := storetest.Open(t, through), storetest.Open(t, o), chain(t, 1)
		log(t, two, noon, 100)
		at, meanwhile := noon.Add(time.Hour), int64(0)
		f.Before(2, func() { meanwhile = seal(t, two, c, at) })
		if n := seal(t, one, c, at); n != 0 || meanwhile != 100 {
			t.Errorf("%d and meanwhile %d", n, meanwhile)
		}
		wantWhole(t, verify(t, one, c), 100, 0)
	})
}

// A sealer that dies leaves whole batches behind it, and the next goes on from there.
func TestSealEvents_goesOnWhereTheLastWasInterrupted(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		c, died := chain(t, 1), errors.New("died")
		log(t, s, noon, 700)
		at := noon.Add(time.Hour)
		n, err := s.SealEvents(ctx, c, at, audit.Late, func(int) error { return died })
		if !errors.Is(err, died) || n == 0 || n >= 700 {
			t.Fatalf("%d, %v", n, err)
		}
		wantWhole(t, verify(t, s, c), n, 700-n)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.SealEvents(ended, c, at, audit.Late, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if rest := seal(t, s, c, at); rest != 700-n {
			t.Errorf("the rest was %d", rest)
		}
		wantWhole(t, verify(t, s, c), 700, 0)
	})
}

// Whoever can write to the database and does not have the master key is found out.
func TestVerifyEvents_findsWhatSomebodyDidToTheDatabase(t *testing.T) {
	type attack struct {
		name, statement, found string
	}
	const fourth = "(SELECT event_id FROM audit_seals WHERE class = 'changes' AND seq = 4)"
	attacks := []attack{
		{"deletes an event", "DELETE FROM audit_events WHERE id = " + fourth, "chain changes, seal 4, event 019"},
		{"deletes an event and its seal", "DELETE FROM audit_seals WHERE class = 'changes' AND seq = 4; DELETE FROM audit_events WHERE NOT EXISTS (SELECT 1 FROM audit_seals WHERE event_id = id)", "seal 5, event 019"},
		{"swaps two events", "UPDATE audit_seals SET seq = -4 WHERE class = 'changes' AND seq = 4; UPDATE audit_seals SET seq = 4 WHERE class = 'changes' AND seq = 5; " +
			"UPDATE audit_seals SET seq = 5 WHERE class = 'changes' AND seq = -4", "chain changes, seal 4"},
		{"claims an event was swept", "UPDATE audit_seals SET event_id = '00000000-0000-7000-8000-000000000000' WHERE event_id = " + fourth, "chain changes, seal 4"},
		{"cuts off the end", "DELETE FROM audit_seals WHERE class = 'changes' AND seq > 6; DELETE FROM audit_events WHERE NOT EXISTS (SELECT 1 FROM audit_seals WHERE event_id = id)", "chain changes, seal 7: the chain ends too early"},
		{"cuts off the end, and says so", "DELETE FROM audit_seals WHERE class = 'changes' AND seq > 6; UPDATE audit_chains SET seq = 6, mac = (SELECT mac FROM audit_seals WHERE class = 'changes' AND seq = 6) WHERE class = 'changes'", "chain changes: the record"},
		{"cuts off the beginning", "DELETE FROM audit_seals WHERE class = 'changes' AND seq < 3; DELETE FROM audit_events WHERE NOT EXISTS (SELECT 1 FROM audit_seals WHERE event_id = id)", "chain changes, seal 3"},
		{"cuts off the beginning, and says so", "UPDATE audit_chains SET start_seq = 2, start_mac = (SELECT mac FROM audit_seals WHERE class = 'changes' AND seq = 2) WHERE class = 'changes'; DELETE FROM audit_seals WHERE class = 'changes' AND seq < 3", "chain changes: the record"},
		{"forgets a chain", "DELETE FROM audit_chains WHERE class = 'changes'", "chain changes: the record"},
		{"forgets a chain and all that was in it", "DELETE FROM audit_chains WHERE class = 'changes'; DELETE FROM audit_seals WHERE class = 'changes'", "chain changes: the record"},
		{"moves the mark back", "UPDATE audit_chains SET sealed_until = '2020-01-01 00:00:00'", "the record"},
		{"puts a seal at the end", "INSERT INTO audit_seals (class, seq, event_id, salt, commitment, mac, erased) SELECT class, 1000, 'forged', salt, commitment, mac, erased FROM audit_seals WHERE class = 'changes' AND seq = 4", "there are seals after the signed end"},
		{"adds an event to the past", "INSERT INTO audit_events (" + eventColumns + ") SELECT '00000000-0000-7000-8000-000000000000', " + strings.TrimPrefix(eventColumns, "id, ") + " FROM audit_events WHERE id = " + fourth, "was added after its time"},
		{"claims an erasure", "UPDATE audit_seals SET erased = mac, salt = '' WHERE event_id = " + fourth + "; UPDATE audit_events SET ip = '' WHERE id = " + fourth, "seal 4, event 019"},
	}
	for column := range strings.SplitSeq(eventColumns, ", ") {
		value := "'forged'"
		switch column {
		case "at":
			value = "'2020-01-01 00:00:00'"
		case "count":
			value = "4711"
		case "id":
			continue
		}
		attacks = append(attacks, attack{"changes " + column, "UPDATE audit_events SET " + column + " = " + value + " WHERE id = " + fourth, "seal 4, event 019"})
	}
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		s, beside, c, at := storetest.Open(t, o), storetest.NewBeside(t, o), chain(t, 1), noon.Add(time.Hour)
		log(t, s, noon, 30)
		seal(t, s, c, at)
		whole := beside.Contents(t)
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				beside.Restore(t, whole)
				wantWhole(t, verify(t, s, c), 30, 0)
				for statement := range strings.SplitSeq(a.statement, "; ") {
					s.DB().MustExec(statement)
				}
				wantBreak(t, verify(t, s, c), a.found)
			})
		}
		t.Run("has another key", func(t *testing.T) {
			beside.Restore(t, whole)
			wantBreak(t, verify(t, s, chain(t, 2)), "the record")
			if _, err := s.SealEvents(ctx, chain(t, 2), at, audit.Late, nil); !errors.Is(err, audit.ErrChainBroken) {
				t.Errorf("sealing goes on: %v", err)
			}
		})
		t.Run("begins anew", func(t *testing.T) { // only a checkpoint that is kept elsewhere tells
			beside.Restore(t, whole)
			kept := must1(s.AuditCheckpoints(ctx, c))(t)
			s.DB().MustExec("DELETE FROM audit_chains")
			s.DB().MustExec("DELETE FROM audit_seals")
			seal(t, s, c, at)
			wantWhole(t, verify(t, s, c), 30, 0)
			wantBreak(t, verify(t, s, c, kept...), "this is not the chain that the checkpoint is of")
		})
		t.Run("puts back an older database", func(t *testing.T) {
			beside.Restore(t, whole)
			log(t, s, at, 30)
			seal(t, s, c, at.Add(time.Hour))
			kept := audit.ReadCheckpoints(fmt.Sprintf("…%v and %v", must1(s.AuditCheckpoints(ctx, c))(t), "ghcp1.nonsense"))
			if v := verify(t, s, c, kept...); len(kept) != 3 || v.Checkpoints != 3 || !v.Whole() {
				t.Fatalf("%d kept, %+v", len(kept), v)
			}
			beside.Restore(t, whole)
			wantWhole(t, verify(t, s, c), 30, 0)
			wantBreak(t, verify(t, s, c, kept...), "the chain ends before the checkpoint")
			forged := audit.ReadCheckpoints(strings.Replace(kept[0].String(), "refusals.20", "refusals.10", 1))
			wantBreak(t, verify(t, s, c, forged...), "the checkpoint is not signed")
		})
	})
}

const eventColumns = "id, at, action, outcome, actor_kind, actor_id, actor_name, target_kind, target_id, target_name, " +
	"client_id, user_id, ip, user_agent, request_id, error, cause, changes, count"

// What has expired goes, and the chain begins at what is left: signed.
func TestExpireSeals_leavesTheChainWhole(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		c := chain(t, 1)
		log(t, s, noon, 2400)
		seal(t, s, c, noon.Add(time.Hour))
		kept := must1(s.AuditCheckpoints(ctx, c))(t)
		log(t, s, noon.AddDate(0, 0, 60), 30)
		seal(t, s, c, noon.AddDate(0, 0, 60).Add(time.Hour))

		at := noon.AddDate(0, 0, 31).Add(time.Hour)
		must(t, s.ExpireSeals(ctx, c, at, audit.DefaultRetention(), nil))
		wantWhole(t, verify(t, s, c, kept...), 2430, 0) // nothing was swept yet
		must1(s.Sweep(ctx, at, nil))(t)
		if v := verify(t, s, c, kept...); v.Events != 1630 || v.Expired != 800 || !v.Whole() || v.Checkpoints != 3 {
			t.Errorf("swept: %+v", v)
		}
		must(t, s.ExpireSeals(ctx, c, at, audit.DefaultRetention(), nil))
		if v := verify(t, s, c, kept...); v.Events != 1630 || v.Expired != 0 || !v.Whole() || v.Checkpoints != 3 {
			t.Errorf("expired: %+v", v)
		}
		if n := count(t, s, "SELECT COUNT(*) FROM audit_seals"); n != 1630 {
			t.Errorf("%d seals are left", n)
		}
		at = noon.AddDate(2, 0, 0) // everything
		must(t, s.ExpireSeals(ctx, c, at, audit.DefaultRetention(), nil))
		must1(s.Sweep(ctx, at, nil))(t)
		must(t, s.ExpireSeals(ctx, c, at, audit.DefaultRetention(), nil))
		if v := verify(t, s, c, kept...); !v.Whole() || v.Events != 0 || v.Older != 3 || count(t, s, "SELECT COUNT(*) FROM audit_seals") != 0 {
			t.Errorf("all expired: %+v", v)
		}
		log(t, s, at, 3)
		seal(t, s, c, at.Add(time.Hour))
		wantWhole(t, verify(t, s, c), 3, 0)
	})
}

// How long events are kept may be changed back and forth: what is missing was signed to go before it went.
func TestExpireSeals_leavesTheChainWholeHoweverLongEventsAreKept(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		c, long := chain(t, 1), audit.DefaultRetention()
		short := audit.Retention{Refusals: audit.LeastRefusals, Activity: audit.LeastActivity, Changes: audit.LeastChanges}
		for _, days := range []int{0, 50, 80, 95} { // six events each, two of a class
			log(t, s, noon.AddDate(0, 0, days), 6)
			seal(t, s, c, noon.AddDate(0, 0, days).Add(time.Hour))
		}
		kept := must1(s.AuditCheckpoints(ctx, c))(t)
		at := noon.AddDate(0, 0, 100)
		tidied := func(keep audit.Retention, left int64) {
			t.Helper()
			must(t, s.ExpireSeals(ctx, c, at, keep, nil))
			wantWhole(t, verify(t, s, c, kept...), count(t, s, "SELECT COUNT(*) FROM audit_events"), 0)
			must1(s.Sweep(ctx, at, nil))(t)
			wantWhole(t, verify(t, s, c, kept...), left, 0) // and if this is the moment at which it is settled otherwise
		}
		if n := must1(s.ExpiringEvents(ctx, at, long, long))(t); n != 0 {
			t.Errorf("nothing changes, and %d events go", n)
		}
		tidied(long, 24-6)                                                 // refusals of the first two days, activity of the first
		if n := must1(s.ExpiringEvents(ctx, at, long, short))(t); n != 6 { // two of each class
			t.Errorf("%d events would go", n)
		}
		if n := must1(s.ExpiringEvents(ctx, at, short, long))(t); n != 0 {
			t.Errorf("kept longer, and %d events would go", n)
		}
		tidied(short, 18-6)
		tidied(long, 12) // before the seals of what went have expired
		tidied(short, 12)
		tidied(long, 12)
		at = at.AddDate(0, 0, 40)
		tidied(long, 12-2) // refusals; the rest is younger than what is kept now
		s.DB().MustExec("DELETE FROM audit_events WHERE id = (SELECT MIN(id) FROM audit_events WHERE action = 'token.refreshed')")
		wantBreak(t, verify(t, s, c, kept...), "the event was deleted") // though it would be over, were they kept shortly
	})
}

// Nobody who is no more can be told from their events, and the chain proves what is left of them.
func TestEraseEvents_takesAPersonOutAndLeavesTheChainWhole(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		c := chain(t, 1)
		addUser(t, s, "ada", identity.RoleAdmin)
		addUser(t, s, "bob", identity.RoleUser)
		log(t, s, noon, 120)
		byAda := audit.Event{
			At: noon.Add(time.Minute), Action: audit.UserUpdated, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindUser, ID: "ada", Name: "Ada"},
			Target: audit.Party{Kind: audit.KindUser, ID: "bob", Name: "Bob"}, UserID: "bob", Caller: audit.Caller{IP: "192.0.2.99", UserAgent: "office"},
			Changes: map[string]audit.Change{"email": {Before: "", After: "bob@example.org"}, audit.Reason: {After: "He asked"}},
		}
		must(t, s.Record(ctx, byAda))
		must(t, s.DeleteUser(ctx, "bob", noon.Add(time.Hour), event(audit.UserDeleted)))
		seal(t, s, c, noon.Add(2*time.Hour))
		if n := must1(s.EraseEvents(ctx, c, nil))(t); n != 0 { // one may still come late
			t.Errorf("at once: %d", n)
		}
		at := noon.Add(3 * time.Hour)
		seal(t, s, c, at)
		events := count(t, s, "SELECT COUNT(*) FROM audit_events")
		died := errors.New("died")
		if _, err := s.EraseEvents(ctx, c, func(int) error { return died }); !errors.Is(err, died) {
			t.Fatal(err)
		}
		wantWhole(t, verify(t, s, c), events, 0)
		s.DB().MustExec("UPDATE audit_events SET user_agent = 'forged' WHERE id = (SELECT MAX(id) FROM audit_events WHERE action = 'token.refreshed')")
		if n := must1(s.EraseEvents(ctx, c, nil))(t); n < 50 || n > 120 {
			t.Errorf("%d events lost something", n)
		}
		if n := must1(s.EraseEvents(ctx, c, nil))(t); n != 0 {
			t.Errorf("%d again", n)
		}
		wantBreak(t, verify(t, s, c), "the event was changed after it was sealed") // no erasure makes up for a forgery
		s.DB().MustExec("UPDATE audit_events SET user_agent = 'browser' WHERE user_agent = 'forged'")
		wantWhole(t, verify(t, s, c), events, 0)

		left := count(t, s, "SELECT COUNT(*) FROM audit_events WHERE actor_name = 'Bob' OR target_name = 'Bob' OR ip = '192.0.2.1' OR changes LIKE '%bob@example.org%' OR cause LIKE '%what came%'")
		if left != 1 || count(t, s, "SELECT COUNT(*) FROM audit_seals WHERE erased <> '' AND salt <> ''") != 0 { // the forged one
			t.Errorf("%d events tell of him", left)
		}
		told := must1(s.Events(ctx, store.EventFilter{Action: audit.UserUpdated}))(t)
		if e := told[0]; e.Actor.Name != "Ada" || e.Caller.IP != "192.0.2.99" || e.Target.ID != "bob" || e.Changes["email"].After != audit.Erased || e.Changes[audit.Reason].After != "He asked" {
			t.Errorf("what Ada did has become %+v", e)
		}
		for _, forgery := range []string{"ip = '192.0.2.7'", "actor_name = 'Eve'", "action = 'token.revoked'", "cause = ''"} {
			s.DB().MustExec("UPDATE audit_events SET " + forgery + " WHERE id = (SELECT MIN(event_id) FROM audit_seals WHERE class = 'activity' AND erased <> '')")
			wantBreak(t, verify(t, s, c), "the event was changed")
		}
	})
}

// What is read in pages is all there is, and what comes meanwhile is not among it.
func TestEachEvent_readsAll(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		log(t, s, noon, 2100)
		var ids []string
		must(t, s.EachEvent(ctx, store.EventFilter{UserID: "bob", Action: audit.ClientUpdated}, func(events []audit.Event) error {
			for _, e := range events {
				ids = append(ids, e.ID)
			}
			log(t, s, noon.Add(time.Hour), 3)
			return nil
		}))
		if len(ids) != 700 {
			t.Errorf("%d events", len(ids))
		}
		full := errors.New("full")
		n := 0
		err := s.EachEvent(ctx, store.EventFilter{}, func(events []audit.Event) error { n += len(events); return full })
		if !errors.Is(err, full) || n != 1000 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestSavedFilters_areThePersonsOwn(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addUser(t, s, "ada", identity.RoleAdmin)
		addUser(t, s, "bob", identity.RoleUser)
		save := func(user, name string) error {
			return s.SaveFilter(ctx, store.SavedFilter{UserID: user, List: "audit", Name: name, Query: "outcome=refused"}, noon)
		}
		must(t, save("ada", "Refused"))
		must(t, save("bob", "Refused"))
		wantConflict(t, save("ada", "Refused"), "name")
		mine := must1(s.SavedFilters(ctx, "ada", "audit"))(t)
		if len(mine) != 1 || mine[0].Name != "Refused" || mine[0].Query != "outcome=refused" {
			t.Fatalf("%+v", mine)
		}
		wantNotFound(t, s.DeleteSavedFilter(ctx, "bob", mine[0].ID))
		must(t, s.DeleteSavedFilter(ctx, "ada", mine[0].ID))
		for i := range store.SavedFilters {
			must(t, save("ada", fmt.Sprint(i)))
		}
		var fields fault.Fields
		if err := save("ada", "one more"); !errors.As(err, &fields) || fields["name"] == "" {
			t.Errorf("one too many: %v", err)
		}
		must(t, s.DeleteUser(ctx, "bob", noon, event(audit.UserDeleted)))
		if n := count(t, s, "SELECT COUNT(*) FROM saved_filters"); n != store.SavedFilters {
			t.Errorf("%d are left", n)
		}
	})
}

func TestVerifications_areOneAtATime(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		ask := func(id string, at time.Time) error {
			return s.AskVerification(ctx, id, "ada", at, event(audit.AuditVerifyAsked))
		}
		_, err := s.AskedVerification(ctx)
		wantNotFound(t, err)
		must(t, ask("one", noon))
		wantConflict(t, ask("two", noon.Add(time.Minute)), "")
		must(t, s.NoteVerification(ctx, "one", audit.Verification{Events: 7}, noon.Add(time.Minute)))
		if asked := must1(s.AskedVerification(ctx))(t); asked.ID != "one" || asked.AskedBy != "ada" || asked.Events != 7 || asked.SeenAt == nil || asked.FinishedAt != nil {
			t.Errorf("%+v", asked)
		}
		v := audit.Verification{Events: 8, Breaks: []audit.Break{{What: "something"}}}
		must(t, s.FinishVerification(ctx, "one", v, noon.Add(3*time.Minute), event(audit.AuditVerified)))
		wantNotFound(t, s.FinishVerification(ctx, "one", v, noon, event(audit.AuditVerified)))
		must(t, s.NoteVerification(ctx, "one", audit.Verification{Events: 9}, noon.Add(time.Hour))) // too late
		must(t, ask("two", noon.Add(4*time.Minute)))
		runs := must1(s.Verifications(ctx, 5))(t)
		if len(runs) != 2 || runs[0].ID != "two" || runs[1].Whole() || runs[1].FinishedAt == nil || runs[1].Events != 8 {
			t.Errorf("%+v", runs)
		}
		must(t, s.FinishVerification(ctx, "two", v, noon, event(audit.AuditVerified)))
		for i := range 30 {
			at, id := noon.Add(time.Duration(i+1)*time.Hour), fmt.Sprint(i)
			must(t, ask(id, at))
			must(t, s.FinishVerification(ctx, id, v, at, event(audit.AuditVerified)))
		}
		if n := count(t, s, "SELECT COUNT(*) FROM audit_verifications"); n != 20 || events(t, s, audit.AuditVerified) != 32 {
			t.Errorf("%d are kept", n)
		}
	})
}
