package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// janitors are two nodes on one database, whose clock stands at what the returned time is set to.
func janitors(t *testing.T, b storetest.Backend) (st *store.Store, one, two *janitor, at *time.Time) {
	t.Helper()
	o := b.Migrated(t)
	st = storetest.Open(t, o)
	at = new(time.Time)
	*at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	node := func() *janitor {
		j := newJanitor(storetest.Open(t, o), slog.New(slog.DiscardHandler))
		j.now, j.pause = func() time.Time { return *at }, 0
		return j
	}
	return st, node(), node(), at
}

func TestJanitor_isOneNodeAtATime(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		st, one, two, at := janitors(t, b)
		ctx := t.Context()
		add := func(n int) {
			t.Helper()
			for i := range n {
				i := oauth.Interaction{Hash: fmt.Sprint(at.Unix(), i), ClientID: "app", CreatedAt: *at, ExpiresAt: at.Add(-time.Second)}
				if err := st.SaveInteraction(ctx, i); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := st.CreateClient(ctx, oauth.Client{ID: "app", Name: "App"}, nil, *at, audit.Event{Action: audit.ClientCreated}); err != nil {
			t.Fatal(err)
		}
		add(3)
		tended := 0
		one.tend = func(context.Context) error { tended++; return nil }
		two.tend = one.tend
		if err := one.sweep(ctx); err != nil || tended != 1 {
			t.Fatalf("%v, tended %d times", err, tended)
		}
		if err := two.sweep(ctx); !errors.Is(err, errLost) || tended != 1 {
			t.Errorf("a second node: %v, tended %d times", err, tended)
		}
		if s := one.Stats(); !s.Leads || !s.LastRun.Equal(*at) || s.Swept["interactions"] != 3 || s.Failed != 0 {
			t.Errorf("the first tells %+v", s)
		}
		if s := two.Stats(); s.Leads || !s.LastRun.IsZero() || s.Swept["interactions"] != 0 || s.Failed != 0 {
			t.Errorf("the second tells %+v", s)
		}

		*at = at.Add(sweepLease) // the first has died
		add(2)
		if err := two.sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if s := two.Stats(); !s.Leads || s.Swept["interactions"] != 2 {
			t.Errorf("the second tells %+v", s)
		}
		if one.Stats().Leads {
			t.Error("the first believes itself alive")
		}
		if err := one.sweep(ctx); !errors.Is(err, errLost) {
			t.Errorf("the first: %v", err)
		}
		two.release()
		if err := one.sweep(ctx); err != nil {
			t.Errorf("after the second gave it back: %v", err)
		}
	})
}

// A long sweep keeps its lease, and one that has lost it ends.
func TestJanitor_keepsItsLeaseWhileItSweeps(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		_, one, two, at := janitors(t, b)
		ctx := t.Context()
		if err := one.hold(ctx); err != nil {
			t.Fatal(err)
		}
		for range 10 { // batches
			*at = at.Add(sweepLease * 2 / 3)
			if err := one.swept(ctx, "codes", 1000); err != nil {
				t.Fatal(err)
			}
			if err := two.hold(ctx); !errors.Is(err, errLost) {
				t.Fatalf("another takes it: %v", err)
			}
		}
		*at = at.Add(sweepLease)
		if err := two.hold(ctx); err != nil {
			t.Fatal(err)
		}
		if err := one.swept(ctx, "codes", 1000); !errors.Is(err, errLost) {
			t.Errorf("it goes on: %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		two.pause = time.Hour
		if err := two.swept(ended, "codes", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("at the end: %v", err)
		}
	})
}
