package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// soon is how long a test waits for what happens at once.
const soon = 30 * time.Second

// A tailing follows the log, in a house whose clock stands still.
type tailing struct {
	testing.TB
	*store.Follower
}

func tail(t testing.TB, of *store.Tail, want store.EventFilter) tailing {
	t.Helper()
	f, err := of.Follow(ctx, want)
	must(t, err)
	t.Cleanup(f.Leave)
	return tailing{t, f}
}

// tells waits for so many events and returns their actions and targets.
func (f tailing) tells(n int) (out []string) {
	f.Helper()
	bounded, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	for len(out) < n {
		events, missed, err := f.Next(bounded)
		if err != nil || missed || len(events) == 0 {
			f.Fatalf("after %q: missed %v, %v", out, missed, err)
		}
		for _, e := range events {
			out = append(out, e.Target.ID)
		}
	}
	return out
}

func happens(t testing.TB, s *store.Store, at time.Time, name string) string {
	t.Helper()
	e := event(audit.TokenRefused)
	e.At, e.Target, e.ClientID = at, audit.Party{Kind: audit.KindToken, ID: name}, name[:1]
	must(t, s.Record(ctx, e))
	return must1(s.Events(ctx, store.EventFilter{TargetID: name}))(t)[0].ID
}

func still() time.Time { return noon }

// Each event is told once, to those whom it concerns: also one that was committed after another which began later.
func TestTail_tellsEachEventOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		happens(t, s, noon, "a-before")
		of := store.NewTail(s, still)
		all, some := tail(t, of, store.EventFilter{}), tail(t, of, store.EventFilter{ClientID: "b"})
		happens(t, s, noon.Add(time.Second), "a-first")
		happens(t, s, noon.Add(2*time.Second), "b-second")
		if got := all.tells(2); !slices.Equal(got, []string{"a-first", "b-second"}) {
			t.Errorf("%q", got)
		}
		happens(t, s, noon.Add(-20*time.Second), "b-late")
		happens(t, s, noon.Add(-40*time.Second), "b-too-late")
		happens(t, s, noon.Add(time.Hour), "b-ahead") // by another node's clock
		if got := all.tells(2); !slices.Equal(got, []string{"b-late", "b-ahead"}) {
			t.Errorf("%q", got)
		}
		another := tail(t, of, store.EventFilter{}) // what was there before it came is not news
		happens(t, s, noon, "a-last")
		if got := append(another.tells(1), all.tells(1)...); !slices.Equal(got, []string{"a-last", "a-last"}) {
			t.Errorf("%q", got)
		}
		if got := some.tells(3); !slices.Equal(got, []string{"b-second", "b-late", "b-ahead"}) {
			t.Errorf("of a client: %q", got)
		}
	})
}

// Whoever does not listen holds nobody up, and takes no more room than TailLimit events.
func TestTail_waitsForNobody(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		of := store.NewTail(s, still)
		slow, quick := tail(t, of, store.EventFilter{ClientID: "m"}), tail(t, of, store.EventFilter{ClientID: "z"})
		must(t, s.InTx(ctx, func(tx *store.Store) error {
			for i := range store.TailLimit + 30 {
				e := event(audit.TokenRefused)
				e.At, e.ClientID, e.Target.ID = noon, "m", fmt.Sprint(i)
				must(t, tx.Record(ctx, e))
			}
			return nil
		}))
		happens(t, s, noon.Add(time.Second), "z")
		quick.tells(1)
		events, missed, err := slow.Next(ctx)
		if err != nil || !missed || len(events) != store.TailLimit || events[0].Target.ID != "30" {
			t.Errorf("%d events, missed %v, %v", len(events), missed, err)
		}
		happens(t, s, noon, "m-then") // and goes on
		if got := slow.tells(1); got[0] != "m-then" {
			t.Errorf("%q", got)
		}
	})
}

// It reads while somebody follows, and not after.
func TestTail_readsForThoseWhoFollow(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		faults, o := storetest.WithFaults(b.Migrated(t))
		s := storetest.Open(t, o)
		of := store.NewTail(s, still)
		for _, how := range []storetest.Fault{storetest.Refused, storetest.Failed} { // what cannot be read ends it for all, and it can begin anew
			faults.Strike(1, how)
			if f, err := of.Follow(ctx, store.EventFilter{}); err == nil {
				t.Errorf("%s: it follows", how)
				f.Leave()
			}
			faults.Strike(0, "")
			one, two := tail(t, of, store.EventFilter{}), tail(t, of, store.EventFilter{ClientID: "nobody"})
			faults.Strike(1, how)
			for _, f := range []tailing{one, two} {
				bounded, cancel := context.WithTimeout(ctx, soon)
				if events, _, err := f.Next(bounded); err == nil {
					t.Errorf("%s: %v", how, events)
				}
				cancel()
			}
		}
		f := tail(t, of, store.EventFilter{})
		faults.Strike(0, "")
		happens(t, s, noon, "a")
		f.tells(1)
		f.Leave()
		if store.Tailing(of) {
			t.Error("it reads for nobody")
		}
	})
}

// What is asked of the log and what is asked of an event are the same.
func TestEventFilter_fitsWhatTheListHas(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		user := audit.Party{Kind: audit.KindUser, ID: "ada"}
		for i, e := range []audit.Event{
			{Action: audit.ScopeUpdated, Outcome: audit.Success, Actor: user, Target: audit.Party{Kind: audit.KindScope, ID: "orders"}},
			{Action: audit.TokenRefused, Outcome: audit.Refused, Actor: audit.Party{Kind: audit.KindClient, ID: "ada"}, ClientID: "app", Error: "invalid_grant"},
			{Action: audit.TokenRefused, Outcome: audit.Refused, ClientID: "app", Error: "invalid_client", Caller: audit.Caller{IP: "192.0.2.1", RequestID: "r"}},
			{Action: audit.SignInSucceeded, Outcome: audit.Success, Actor: user, UserID: "ada", Caller: audit.Caller{IP: "192.0.2.1"}},
			{Action: audit.SignInRefused, Outcome: audit.Refused, UserID: "ada"},
		} {
			e.At = noon.Add(time.Duration(i) * time.Minute)
			must(t, s.Record(ctx, e))
		}
		all := must1(s.Events(ctx, store.EventFilter{}))(t)
		for _, want := range []store.EventFilter{
			{}, {ActorID: "ada"}, {TargetID: "orders"}, {ClientID: "app"}, {ClientID: "app", Error: "invalid_grant"}, {Error: "invalid_client"}, {IP: "192.0.2.1"},
			{RequestID: "r"}, {UserID: "ada"}, {UserID: "ada", Outcome: audit.Success}, {Outcome: audit.Refused}, {Outcome: audit.Success, Error: "invalid_grant"},
			{Action: audit.SignInRefused}, {Except: audit.TokenRefused}, {From: noon.Add(time.Minute)}, {To: noon.Add(time.Minute)},
			{From: noon.Add(time.Minute), To: noon.Add(3 * time.Minute), Outcome: audit.Refused}, {UserID: "nobody"},
		} {
			var listed, fit []string
			for _, e := range must1(s.Events(ctx, want))(t) {
				listed = append(listed, e.ID)
			}
			for _, e := range all {
				if want.Fits(e) {
					fit = append(fit, e.ID)
				}
			}
			if !slices.Equal(listed, fit) {
				t.Errorf("%+v: the list has %d, and %d fit", want, len(listed), len(fit))
			}
		}
	})
}

func TestEventsSince_isWhatWasMissed(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		happens(t, s, noon.Add(-time.Minute), "a-long-ago")
		happens(t, s, noon.Add(-time.Second), "a-known") // or committed late: nobody can tell
		seen := happens(t, s, noon, "a-seen")
		happens(t, s, noon.Add(time.Minute), "b-other")
		happens(t, s, noon.Add(time.Hour), "a-missed")
		since := func(id string, want store.EventFilter) (names []string, missed bool) {
			t.Helper()
			events, missed, err := s.EventsSince(ctx, id, want)
			must(t, err)
			for _, e := range events {
				names = append(names, e.Target.ID)
			}
			return names, missed
		}
		if got, missed := since(seen, store.EventFilter{ClientID: "a"}); missed || !slices.Equal(got, []string{"a-known", "a-seen", "a-missed"}) {
			t.Errorf("%q, %v", got, missed)
		}
		if got, _ := since(seen, store.EventFilter{From: noon.Add(time.Second)}); !slices.Equal(got, []string{"b-other", "a-missed"}) {
			t.Errorf("with a time of its own: %q", got)
		}
		for _, none := range []string{"", "garbage", "00000000-0000-4000-8000-000000000000"} {
			if got, missed := since(none, store.EventFilter{}); len(got) > 0 || missed {
				t.Errorf("since %q: %q", none, got)
			}
		}
		last := happens(t, s, noon.Add(2*time.Hour), "c-last")
		for i := range store.TailLimit {
			happens(t, s, noon.Add(2*time.Hour+time.Second), fmt.Sprint("d", i))
		}
		if got, missed := since(last, store.EventFilter{}); missed || len(got) != store.TailLimit || got[0] != "d0" {
			t.Errorf("all that was missed fits, but missed %v of %q", missed, got)
		}
		happens(t, s, noon.Add(2*time.Hour+2*time.Second), "d-more")
		if got, missed := since(last, store.EventFilter{}); !missed || len(got) != store.TailLimit || got[0] != "d1" {
			t.Errorf("missed %v of %q", missed, got)
		}
	})
}
