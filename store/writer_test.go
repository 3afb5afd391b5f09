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
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// waiting lets the changes wait behind one that holds the writer, so that they are carried out together, and returns their answers.
func waiting(t *testing.T, s *store.Store, changes ...func() error) []error {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	var first, others sync.WaitGroup
	first.Go(func() {
		_ = s.InTx(ctx, func(*store.Store) error {
			close(held)
			<-hold
			return nil
		})
	})
	<-held
	answers := make([]error, len(changes))
	for i, do := range changes {
		others.Go(func() { answers[i] = do() })
		store.AwaitWriters(s, i+1)
	}
	close(hold)
	first.Wait()
	others.Wait()
	return answers
}

// Strangers in one transaction cannot hurt each other (security.md rule 25).
func TestWriter_changesThatShareATransactionFailAlone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	populated(t, s)
	must(t, s.Flush(ctx))
	record := func(id string) func() error {
		return func() error {
			e := event(audit.TokenRetried)
			e.ID = id
			return s.Record(ctx, e)
		}
	}
	no := errors.New("no")
	faults := []func() error{
		record("a"),
		record("b"),
		record("a"), // taken
		func() error {
			return s.InTx(ctx, func(tx *store.Store) error {
				must(t, tx.Record(ctx, event(audit.TokenRetried)))
				return no
			})
		},
		func() (err error) {
			defer func() { err = fmt.Errorf("panic: %v", recover()) }()
			return s.InTx(ctx, func(tx *store.Store) error {
				must(t, tx.Record(ctx, event(audit.TokenRetried)))
				panic("oh")
			})
		},
		record("c"),
		func() error {
			_, err := s.EndSession(ctx, "nobody", "x", noon, event(audit.SessionEnded)), error(nil)
			return err
		},
	}
	answers := waiting(t, s, faults...)
	for i, err := range answers {
		switch i {
		case 2:
			if fault.AsConflict(err) == nil {
				t.Errorf("%d: %v", i, err)
			}
		case 3:
			if !errors.Is(err, no) {
				t.Errorf("%d: %v", i, err)
			}
		case 4:
			if err == nil || !strings.Contains(err.Error(), "panic: oh") {
				t.Errorf("%d: %v", i, err)
			}
		default:
			must(t, err)
		}
	}
	events := must1(s.Events(ctx, store.EventFilter{Action: audit.TokenRetried}))(t)
	if len(events) != 3 {
		t.Errorf("%d events were written", len(events))
	}
	must(t, s.Flush(ctx))
	var counted int64
	for _, r := range must1(s.Rollups(ctx, "", time.Time{}, time.Hour))(t) {
		if r.Action == audit.TokenRetried {
			counted += r.Count
		}
	}
	if counted != 3 {
		t.Errorf("%d were counted", counted)
	}
}

// Whoever gives up before its turn has changed nothing.
func TestWriter_whoGivesUpWhileWaitingChangesNothing(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	populated(t, s)
	impatient, giveUp := context.WithCancel(ctx)
	answers := waiting(t, s,
		func() error {
			giveUp()
			return s.Record(impatient, event(audit.TokenRetried))
		},
		func() error { return s.Record(ctx, event(audit.TokenRetried)) },
	)
	if answers[0] == nil || answers[1] != nil {
		t.Errorf("%v", answers)
	}
	if events := must1(s.Events(ctx, store.EventFilter{Action: audit.TokenRetried}))(t); len(events) != 1 {
		t.Errorf("%d events were written", len(events))
	}
}
