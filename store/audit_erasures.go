package store

import (
	"context"
	"slices"
	"time"

	"gatehouse/internal/audit"
)

// erasedRows is how many events one transaction erases somebody from.
const erasedRows = 50

// askErasure has the person taken out of the events by EraseEvents.
func askErasure(userID string, at time.Time) row {
	return row{table: "erasures", columns: "user_id, asked_at", value: map[string]any{"user_id": userID, "asked_at": at}, onConflict: "ON CONFLICT DO NOTHING"}
}

// EraseEvents takes people who were deleted out of the events about them, and tells how many events lost something. It begins
// with a person when every event about them has been sealed. after is told how many events of each batch were looked at.
func (s *Store) EraseEvents(ctx context.Context, c *audit.Chain, after func(events int) error) (total int64, err error) {
	states, err := s.chains(ctx)
	if err != nil || len(states) < len(audit.ClassNames) {
		return 0, err
	}
	until := (&sealing{states: states}).until()
	var people []string
	if err := s.all(ctx, "erasure", &people, "SELECT user_id FROM erasures WHERE asked_at <= $1 ORDER BY asked_at LIMIT 100", until.Add(-audit.Late)); err != nil {
		return 0, err
	}
	for _, id := range people {
		for _, about := range []string{"e.user_id = $1", "e.target_id = $1 AND e.target_kind = 'user'", "e.actor_id = $1 AND e.actor_kind = 'user'"} {
			n, err := s.eraseFrom(ctx, c, id, about, after)
			total += n
			if err != nil {
				return total, err
			}
		}
		if _, err := s.exec(ctx, "erasure", "DELETE FROM erasures WHERE user_id = $1", id); err != nil {
			return total, err
		}
	}
	return total, nil
}

// sealedEvent is a seal and its event, which may be gone.
type sealedEvent struct {
	audit.Seal
	Event eventRow `db:"event"`
}

var sealedEvents = "SELECT " + columns("s", "", sealColumns) + ", " + columns("e", "event.", eventColumns) +
	" FROM audit_seals s JOIN audit_events e ON e.id = s.event_id WHERE "

func (s *Store) eraseFrom(ctx context.Context, c *audit.Chain, userID, about string, after func(events int) error) (total int64, err error) {
	for edge, whole := "", true; whole; {
		var found []sealedEvent
		if err := s.all(ctx, "audit event", &found, sealedEvents+about+" AND e.id > $2 ORDER BY e.id LIMIT $3", userID, edge, erasedRows); err != nil {
			return total, err
		}
		n := int64(0)
		err := s.InTx(ctx, func(tx *Store) error {
			n = 0
			for _, f := range found {
				if !c.Covers(f.Seal, f.Event.evidence()) {
					continue // it is not what was sealed: verifying shall find that, and find no signature of ours below it
				}
				e, err := f.Event.event()
				if err != nil {
					return failure("audit event", err)
				}
				e.Erase(userID)
				left := eventOf(e, e.At).value.(eventRow)
				if slices.Equal(left.evidence(), f.Event.evidence()) {
					continue
				}
				n++
				if err := tx.erase(ctx, left, c.Erase(f.Seal, left.evidence())); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		if total += n; after != nil && len(found) > 0 {
			if err := after(len(found)); err != nil {
				return total, err
			}
		}
		if whole = len(found) == erasedRows; whole {
			edge = found[len(found)-1].EventID
		}
	}
	return total, nil
}

// erase writes what an erasure leaves of an event, and the proof of it.
func (s *Store) erase(ctx context.Context, left eventRow, seal audit.Seal) error {
	_, err := s.run(ctx, "audit event", statement{`UPDATE audit_events SET actor_name = :actor_name, target_name = :target_name, ip = :ip,
		user_agent = :user_agent, cause = :cause, changes = :changes WHERE id = :id`, left})
	if err == nil {
		_, err = s.exec(ctx, "audit seal", "UPDATE audit_seals SET salt = $2, erased = $3 WHERE event_id = $1", seal.EventID, seal.Salt, seal.Erased)
	}
	return err
}
