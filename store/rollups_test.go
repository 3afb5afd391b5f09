package store_test

import (
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
			{Hour: hour, Action: audit.TokenIssued, Count: 3},
			{Hour: hour, Action: audit.TokenRefused, Detail: "code_unused", Count: 41},
			{Hour: hour.Add(time.Hour), Action: audit.TokenRetried, Count: 1},
		}
		for _, client := range []string{"", "app"} {
			got, err := s.Rollups(ctx, client, hour.Add(30*time.Minute))
			must(t, err)
			if len(got) != len(want) {
				t.Fatalf("%q: %+v", client, got)
			}
			for i, g := range got {
				if w := want[i]; !g.Hour.Equal(w.Hour) || g.Action != w.Action || g.Detail != w.Detail || g.Count != w.Count {
					t.Errorf("%q: %+v, not %+v", client, g, w)
				}
			}
		}
		if seen != 45 {
			t.Errorf("%d were seen", seen)
		}
		if events, err := s.Events(ctx, store.EventFilter{Action: audit.TokenIssued}); err != nil || len(events) != 0 {
			t.Errorf("%d tokens were written down, %v", len(events), err)
		}
	})
}
