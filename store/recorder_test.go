package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// Events that come at the same time are one statement, and one that cannot be written is refused alone (security.md rule 25).
func TestRecorder_eventsThatShareAStatementFailAlone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Postgres(t))
	named := func(id string) audit.Event {
		e := event(audit.TokenRetried)
		e.ID, e.At = id, noon
		return e
	}
	// Somebody is about to write the first event, so the recorder waits, and what comes meanwhile waits for it.
	tx := must1(s.DB().Beginx())(t)
	defer tx.Rollback() //nolint:errcheck // its own assertion follows
	_, err := tx.Exec("INSERT INTO audit_events " +
		"SELECT 'first', now(), '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 0")
	must(t, err)
	var all sync.WaitGroup
	var first error
	all.Go(func() { first = s.Record(ctx, named("first")) })
	awaitBlocked(t, s)
	ids := strings.Fields("a b a c d")
	answers := make([]error, len(ids))
	for i, id := range ids {
		all.Go(func() { answers[i] = s.Record(ctx, named(id)) })
		store.AwaitRecorders(s, i+1)
	}
	must(t, tx.Rollback())
	all.Wait()
	must(t, first)
	refused := 0
	for i, err := range answers {
		if err != nil {
			if refused++; ids[i] != "a" || fault.AsConflict(err) == nil {
				t.Errorf("%s: %v", ids[i], err)
			}
		}
	}
	events := must1(s.Events(ctx, store.EventFilter{Action: audit.TokenRetried}))(t)
	if refused != 1 || len(events) != 5 {
		t.Errorf("%d refused, %d written", refused, len(events))
	}
	must(t, s.Flush(ctx))
	if counted := must1(s.Rollups(ctx, "", time.Time{}, time.Hour))(t); len(counted) != 1 || counted[0].Count != 5 {
		t.Errorf("counted %+v", counted)
	}
}

// awaitBlocked waits until PostgreSQL lets a statement wait for another.
func awaitBlocked(t *testing.T, s *store.Store) {
	t.Helper()
	for blocked := 0; blocked == 0; {
		must(t, s.DB().Get(&blocked, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
	}
}
