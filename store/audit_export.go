package store

import (
	"context"

	"gatehouse/internal/audit"
)

// exportRows is how many events an export holds at a time.
const exportRows = 1000

// EachEvent reads all events that fit the filter, newest first, some at a time, each time in a statement of its own: nothing is held
// in memory or in the database for long, and events that come meanwhile are not among them. each is told of them; its error ends the
// reading.
func (s *Store) EachEvent(ctx context.Context, want EventFilter, each func([]audit.Event) error) error {
	f := want.conditions()
	for edge := ""; ; {
		fits := f
		if edge != "" {
			fits = f.and(filter{[]string{"id < ?"}, []any{edge}})
		}
		var rows []eventRow
		err := s.all(ctx, "audit event", &rows, dollars("SELECT "+eventColumns+" FROM audit_events"+fits.where()+" ORDER BY id DESC LIMIT ?"),
			append(fits.args[:len(fits.args):len(fits.args)], exportRows)...)
		if err != nil {
			return err
		}
		events, err := readEvents(rows)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			if err := each(events); err != nil {
				return err
			}
		}
		if len(rows) < exportRows {
			return nil
		}
		edge = rows[len(rows)-1].ID
	}
}
