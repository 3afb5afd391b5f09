package store

import (
	"context"
	"strconv"
	"time"

	"gatehouse/internal/audit"
)

// ExpireSeals deletes the oldest seals whose events' time is over, and signs where the chains begin then. after is told how many
// of each batch.
func (s *Store) ExpireSeals(ctx context.Context, c *audit.Chain, at time.Time, after func(seals int) error) error {
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
		before := at.Add(-audit.KeptFor(class))
		for {
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
			for over < len(seals) && seals[over].Gone && seals[over].EventID < firstIDAt(before).String() {
				over++
			}
			next := state
			next.ExpiredBefore = latest(stamp(before), state.ExpiredBefore)
			if over > 0 {
				next.StartSeq, next.StartMAC = seals[over-1].Seq, seals[over-1].MAC
			} else if next.ExpiredBefore.Sub(state.ExpiredBefore) < time.Hour {
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

func latest(a, b time.Time) time.Time { return later(a, b).UTC() }
