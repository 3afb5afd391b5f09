package store

import (
	"context"
	"strings"
	"time"

	"gatehouse/internal/audit"
)

// recordDeadline bounds the statement that writes several events: it is nobody's own, so nobody's context ends it.
const recordDeadline = 10 * time.Second

// A recorder writes events that belong to no other change: those that come at the same time in one statement, so that they wait
// for the disk once. Whoever brought one is answered when it is durable; one that cannot be written is refused alone
// (security.md rule 25).
type recorder struct {
	queue[*recording]
	s *Store
}

type recording struct {
	row  row
	err  error
	done chan struct{}
}

func newRecorder(s *Store) *recorder {
	r := &recorder{s: s}
	r.work = r.record
	return r
}

func (r *recorder) write(ctx context.Context, event audit.Event) error {
	one := &recording{row: eventOf(event, event.At), done: make(chan struct{})}
	if err := r.add(one); err != nil {
		return err
	}
	select {
	case <-one.done:
		return one.err
	case <-ctx.Done():
		return unknown(failure("", ctx.Err()))
	}
}

func (r *recorder) record(batch []*recording) {
	ctx, cancel := context.WithTimeout(context.Background(), recordDeadline)
	defer cancel()
	err := r.insert(ctx, batch)
	for _, one := range batch {
		if one.err = err; err != nil && len(batch) > 1 && !isUnknown(err) { // nothing was written: one of them may be to blame
			one.err = r.insert(ctx, []*recording{one})
		}
		if one.err == nil {
			r.s.happened(*one.row.event)
		}
		close(one.done)
	}
}

func (r *recorder) insert(ctx context.Context, batch []*recording) error {
	first := batch[0].row
	var query strings.Builder
	query.WriteString("INSERT INTO " + first.table + " (" + first.columns + ") VALUES ")
	var args []any
	for i, one := range batch {
		text, more, err := statement{"(" + one.row.names() + ")", one.row.value}.bind()
		if err != nil {
			return err
		}
		if i > 0 {
			query.WriteString(", ")
		}
		query.WriteString(text)
		args = append(args, more...)
	}
	_, err := r.s.exec(ctx, "audit event", dollars(query.String()), args...)
	return err
}
