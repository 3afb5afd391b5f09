package store

import (
	"context"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
)

// ExpiringLimit is how far ExpiringEvents counts: one beyond it means that there are more.
const ExpiringLimit = 100_000

// ExpiringEvents counts the events whose time would be over were they kept as in will instead of was, up to ExpiringLimit and one.
func (s *Store) ExpiringEvents(ctx context.Context, at time.Time, was, will audit.Retention) (total int64, err error) {
	for _, class := range audit.ClassNames {
		if will.For(class) >= was.For(class) {
			continue
		}
		query, args, err := sqlx.In("SELECT COUNT(*) FROM (SELECT 1 FROM audit_events WHERE action IN (?) AND id < ? LIMIT ?) AS over",
			audit.ActionsOf(class), firstIDAt(at.Add(-will.For(class))).String(), ExpiringLimit+1-total)
		if err != nil {
			return total, err
		}
		var n int64
		if err := s.get(ctx, "audit event", &n, dollars(query), args...); err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// ExpireSeals signs of which events the time is over, so that they may be swept, and deletes the oldest seals whose events are gone.
// What was signed holds: kept longer from some day on, the chain stays whole. after is told how many of each batch.
func (s *Store) ExpireSeals(ctx context.Context, c *audit.Chain, at time.Time, keep audit.Retention, after func(seals int) error) error {
	states, err := s.chains(ctx)
	if err != nil {
		return err
	}
	for _, class := range audit.ClassNames {
		state, exists := states[class]
		if !exists {
			continue
		}
		if !c.Ours(state) {
			return audit.ErrChainBroken
		}
		for {
			next := state
			next.ExpiredBefore = later(stamp(at.Add(-keep.For(class))), state.ExpiredBefore).UTC()
			// Of those in a row, the events are gone: one that was sealed out of turn waits for its own time.
			var seals []struct {
				audit.Seal
				Gone bool `db:"gone"`
			}
			err := s.all(ctx, "audit seal", &seals, `
				SELECT s.seq, s.event_id, s.mac, NOT EXISTS (SELECT 1 FROM audit_events WHERE id = s.event_id) AS gone FROM (
					SELECT seq, event_id, mac FROM audit_seals WHERE class = $1 AND seq > $2 ORDER BY seq LIMIT `+strconv.Itoa(sweepBatch)+`
				) s ORDER BY s.seq`, class, state.StartSeq)
			if err != nil {
				return err
			}
			over := 0
			for over < len(seals) && seals[over].Gone && seals[over].EventID < firstIDAt(next.ExpiredBefore).String() {
				over++
			}
			if over > 0 {
				next.StartSeq, next.StartMAC = seals[over-1].Seq, seals[over-1].MAC
			} else if next.ExpiredBefore.Sub(state.ExpiredBefore) < noteEvery {
				break // not worth a signature
			}
			next = c.Sign(next)
			err = s.InTx(ctx, func(tx *Store) error {
				if err := tx.advance(ctx, state, next); err != nil {
					return err
				}
				_, err := tx.exec(ctx, "audit seal", "DELETE FROM audit_seals WHERE class = $1 AND seq <= $2", class, next.StartSeq)
				return err
			})
			if err != nil {
				return err
			}
			if state = next; after != nil {
				if err := after(over); err != nil {
					return err
				}
			}
			if over < sweepBatch {
				break
			}
		}
	}
	return nil
}
