package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestNotary_isOneNodeAtATime(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		st, ctx := storetest.Open(t, o), t.Context()
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		sealer, err := secret.NewSealer(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		chain := store.NewAuditChain(sealer)
		settled, err := policy.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		node := func() *notary {
			n := newNotary(storetest.Open(t, o), chain, settled, slog.New(slog.NewTextHandler(&log, nil)))
			n.now, n.pause = func() time.Time { return at }, 0
			return n
		}
		one, two := node(), node()
		happen := func(n int, at time.Time) {
			t.Helper()
			for i := range n {
				if err := st.Record(ctx, audit.Event{At: at.Add(time.Duration(i)), Action: audit.TokenRefreshed, Outcome: audit.Success, Caller: audit.Caller{RequestID: fmt.Sprint(i)}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		sealed := func(n *notary) {
			t.Helper()
			if err := n.seal(ctx); err != nil {
				t.Fatal(err)
			}
		}
		whole := func(events, unsealed int64) {
			t.Helper()
			kept := audit.ReadCheckpoints(log.String())
			v, err := st.VerifyEvents(ctx, chain, kept, nil)
			if err != nil || !v.Whole() || v.Events != events || v.Unsealed != unsealed {
				t.Errorf("%+v, %v", v, err)
			}
		}
		happen(300, at)
		sealed(one)
		if err := two.seal(ctx); !errors.Is(err, errLost) {
			t.Errorf("a second node: %v", err)
		}
		if s := one.Stats(); !s.Leads || s.Sealed != 300 || s.Failed != 0 || s.Lag != 0 || !s.SealedUntil.Equal(at) {
			t.Errorf("the first tells %+v", s)
		}
		if s := two.Stats(); s.Leads || s.Sealed != 0 || s.Failed != 0 || s.Lag != 0 {
			t.Errorf("the second tells %+v", s)
		}
		at = at.Add(20 * time.Second)
		if lag := one.Stats().Lag; lag != 20 {
			t.Errorf("the lag is %f", lag)
		}
		whole(300, 0)

		at = at.Add(sealLease) // the first has died
		happen(5, at.Add(-time.Hour))
		sealed(two) // a long look back, for the first may have had none
		whole(305, 0)
		if one.Stats().Leads {
			t.Error("the first believes itself alive")
		}
		happen(5, at.Add(-time.Hour))
		at = at.Add(2 * time.Second)
		sealed(two)
		whole(305, 5)
		for end := at.Add(longLookEvery); !at.After(end); at = at.Add(10 * time.Second) {
			sealed(two)
		}
		whole(310, 0)
		if n := strings.Count(log.String(), "ghcp1."); n != 9 { // each node's first, and one when there was news
			t.Errorf("%d checkpoints:\n%s", n, log.String())
		}

		// Who was deleted is gone from the log an hour or two later, and old seals go with their events.
		bob := identity.User{ID: "bob", Username: "bob", Role: identity.RoleUser}
		if err := errors.Join(
			st.CreateUser(ctx, bob, at, audit.Event{At: at, Action: audit.UserCreated, Target: audit.Party{Kind: audit.KindUser, ID: "bob", Name: "bob"}, UserID: "bob"}),
			st.DeleteUser(ctx, "bob", at, audit.Event{At: at, Action: audit.UserDeleted, Target: audit.Party{Kind: audit.KindUser, ID: "bob", Name: "bob"}, UserID: "bob"}),
		); err != nil {
			t.Fatal(err)
		}
		sealed(two)
		at = at.Add(2 * time.Hour)
		sealed(two)
		at = at.Add(tidyEvery)
		sealed(two)
		about, err := st.Events(ctx, store.EventFilter{UserID: "bob"})
		if err != nil || len(about) != 2 || about[0].Target.Name+about[1].Target.Name != "" || about[0].Target.ID != "bob" {
			t.Errorf("of bob: %+v, %v", about, err)
		}
		whole(312, 0)
		at = at.AddDate(0, 0, 91)
		sealed(two)
		if _, err := st.Sweep(ctx, at, nil); err != nil {
			t.Fatal(err)
		}
		sealed(two)
		whole(2, 0)
		two.release()
		if err := one.seal(ctx); err != nil {
			t.Errorf("after the second gave it back: %v", err)
		}
	})
}

// A verification that somebody asks for is carried out by one node, and by another if that dies.
func TestVerifier_carriesOutWhatIsAsked(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		st, ctx := storetest.Open(t, o), t.Context()
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		sealer, err := secret.NewSealer(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		chain := store.NewAuditChain(sealer)
		var log bytes.Buffer
		node := func() *verifier {
			v := newVerifier(storetest.Open(t, o), chain, slog.New(slog.NewTextHandler(&log, nil)))
			v.now = func() time.Time { return at }
			return v
		}
		ask := func(id string) {
			t.Helper()
			if err := st.AskVerification(ctx, id, "ada", at, audit.Event{At: at, Action: audit.AuditVerifyAsked, Outcome: audit.Success}); err != nil {
				t.Fatal(err)
			}
			if _, err := st.SealEvents(ctx, chain, at, audit.Late, nil); err != nil {
				t.Fatal(err)
			}
		}
		newest := func() store.VerificationRun {
			t.Helper()
			runs, err := st.Verifications(ctx, 1)
			if err != nil || len(runs) != 1 {
				t.Fatalf("%v, %v", runs, err)
			}
			return runs[0]
		}
		one, two := node(), node()
		if err := one.verify(ctx); err != nil || one.leads() {
			t.Errorf("nobody has asked: %v", err)
		}
		ask("a")
		if err := one.hold(ctx); err != nil { // and dies
			t.Fatal(err)
		}
		if err := two.verify(ctx); !errors.Is(err, errLost) || newest().FinishedAt != nil {
			t.Errorf("a second node: %v", err)
		}
		at = at.Add(verifyLease)
		if err := two.verify(ctx); err != nil {
			t.Fatal(err)
		}
		if run := newest(); run.FinishedAt == nil || !run.Whole() || run.Events != 1 || run.Unsealed != 0 {
			t.Errorf("%+v", run)
		}
		if _, err := storetest.DB(t, o).Exec("UPDATE audit_events SET ip = 'forged'"); err != nil {
			t.Fatal(err)
		}
		ask("b")
		if err := two.verify(ctx); err != nil {
			t.Fatal(err)
		}
		if run := newest(); run.Whole() || run.FinishedAt == nil || !strings.Contains(log.String(), "the event was changed after it was sealed") {
			t.Errorf("%+v\n%s", run, log.String())
		}
	})
}
