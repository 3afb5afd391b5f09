package store_test

import (
	"slices"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

// What overviews show is what happened: whole acts, by hour, client and rule, each of them once.
func TestRollups_countWhatHappened(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.Flush(ctx))
		hour := noon.Truncate(time.Hour).Add(24 * time.Hour)
		of := func(action audit.Action, at time.Time) audit.Event {
			e := event(action)
			e.At, e.ClientID, e.Actor = at, "app", audit.Party{Kind: audit.KindClient, ID: "app"}
			return e
		}
		var seen int64
		s.Observe(func(e audit.Event) { seen += max(e.Count, 1) })
		must(t, s.Record(ctx, of(audit.TokenIssued, hour)))
		must(t, s.Record(ctx, of(audit.TokenIssued, hour.Add(59*time.Minute))))
		must(t, s.Record(ctx, of(audit.TokenRetried, hour.Add(time.Hour))))
		refused := of(audit.TokenRefused, hour)
		refused.Outcome, refused.Cause = audit.Refused, &audit.Cause{Rule: "code_unused"}
		must(t, s.Record(ctx, refused))
		refused.Count = 40
		s.Count(refused)
		must(t, s.Flush(ctx))
		must(t, s.Flush(ctx))
		must(t, s.Record(ctx, of(audit.TokenIssued, hour)))
		must(t, s.Flush(ctx))
		// A change that is undone did not happen.
		_ = s.InTx(ctx, func(tx *store.Store) error {
			must(t, tx.Record(ctx, of(audit.TokenRetried, hour)))
			return oauth.ErrSpent
		})
		must(t, s.Flush(ctx))

		want := []store.Rollup{
			{From: hour, Action: audit.TokenIssued, Count: 3},
			{From: hour, Action: audit.TokenRefused, Detail: "code_unused", Count: 41},
			{From: hour.Add(time.Hour), Action: audit.TokenRetried, Count: 1},
		}
		same := func(what string, got []store.Rollup, err error, want []store.Rollup) {
			t.Helper()
			must(t, err)
			if len(got) != len(want) {
				t.Fatalf("%s: %+v", what, got)
			}
			for i, g := range got {
				if w := want[i]; !g.From.Equal(w.From) || g.Action != w.Action || g.Detail != w.Detail || g.Count != w.Count {
					t.Errorf("%s: %+v, not %+v", what, g, w)
				}
			}
		}
		day, together := slices.Clone(want), slices.Clone(want)
		for i := range want {
			day[i].From, together[i].From = hour.Truncate(24*time.Hour), time.Time{}
		}
		for _, byAction := range [][]store.Rollup{day, together} { // there is no hour to sort them by
			byAction[1], byAction[2] = byAction[2], byAction[1]
		}
		for _, client := range []string{"", "app"} {
			got, err := s.Rollups(ctx, client, hour.Add(30*time.Minute), 6*time.Hour)
			same(client+" by the hour", got, err, want)
		}
		got, err := s.Rollups(ctx, "", hour, 24*time.Hour)
		same("by the day", got, err, day)
		got, err = s.RollupSums(ctx, hour, hour.Add(2*time.Hour))
		same("together", got, err, together)
		if seen != 45 {
			t.Errorf("%d were seen", seen)
		}
		if events, err := s.Events(ctx, store.EventFilter{Action: audit.TokenIssued}); err != nil || len(events) != 0 {
			t.Errorf("%d tokens were written down, %v", len(events), err)
		}
	})
}

// Whatever hours are asked for, the sum is that of the hours: days stand in for hours where they are whole, and nowhere else.
func TestRollupSums_areThoseOfTheHours(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.Flush(ctx))
		midnight := noon.Truncate(24*time.Hour).AddDate(0, 0, 10)
		const hours = 4 * 24
		for i := range hours { // each hour has a count that no others add up to, in the order of two
			s.Count(audit.Event{At: midnight.Add(time.Duration(i)*time.Hour + 59*time.Minute), Action: audit.TokenIssued, Outcome: audit.Success, ClientID: "app", Count: 1 + int64(i*i)})
			if i%7 == 0 {
				must(t, s.Flush(ctx))
			}
		}
		must(t, s.Flush(ctx))
		for _, c := range [][2]int{{0, 96}, {0, 0}, {5, 5}, {5, 6}, {0, 24}, {0, 23}, {1, 24}, {1, 25}, {23, 25}, {23, 49}, {24, 48}, {30, 40}, {1, 95}, {47, 73}, {48, 47}, {-30, 200}} {
			var want int64
			for i := max(c[0], 0); i < min(c[1], hours); i++ {
				want += 1 + int64(i*i)
			}
			from, to := midnight.Add(time.Duration(c[0])*time.Hour), midnight.Add(time.Duration(c[1])*time.Hour)
			var got int64
			sums, err := s.RollupSums(ctx, from, to)
			must(t, err)
			for _, sum := range sums {
				got += sum.Count
			}
			if got != want {
				t.Errorf("hours %v: %d, not %d", c, got, want)
			}
			busiest, err := s.BusiestClients(ctx, from, to, 5)
			must(t, err)
			if (want == 0) != (len(busiest) == 0) || want > 0 && busiest[0].Count != want {
				t.Errorf("the busiest of hours %v: %v, not %d", c, busiest, want)
			}
		}
	})
}
