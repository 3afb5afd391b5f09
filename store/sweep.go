package store

import (
	"context"
	"strconv"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
)

const (
	// sweepBatch is how many rows one statement deletes: it holds its locks for no longer.
	sweepBatch = 1000
	// familyBatch is how many families are taken apart at once.
	familyBatch = 100
	// keepEnded is how long operators find what has ended. It is longer than the last access token of a family can outlive it,
	// so that nothing is forgotten whose replay would matter (security.md rule 2).
	keepEnded = 30 * 24 * time.Hour
	// keepCounts is how far overviews look back.
	keepCounts = 90 * 24 * time.Hour
	// codeMargin is how long after its end no code is being redeemed any more, whatever the nodes' clocks say.
	codeMargin = time.Hour
)

// A sweep deletes rows that an index finds: those of which the condition holds, where $1 is so long ago.
type sweep struct {
	table, key, condition string
	ago                   time.Duration
}

// sweeps are those of rows that nothing else hangs on.
var sweeps = []sweep{
	{"interactions", "hash", "expires_at < $1", 0},
	{"revoked_tokens", "jti", "expires_at < $1", 0},
	{"access_tokens", "hash", "expires_at < $1", 0},
	// No code led to these, and no refresh token came of them: there is nothing to replay, and there are many.
	{"families", "id", "grant_type <> 'authorization_code' AND current_hash = '' AND expires_at < $1", 0},
	{"reset_links", "hash", "expires_at < $1", 0},
	{"signin_attempts", "key", "last_failure_at < $1", 2 * forgetAfter}, // a day's total has ended by then
	{"sessions", "id", "expires_at < $1", keepEnded},
	{"known_devices", "user_id, device_hash", "last_seen_at < $1", identity.DeviceLife},
	{"audit_events", "id", "at < $1", audit.AtMost},
	{"rollups", "client_id, hour, action, detail", "hour < $1", keepCounts},
}

// sweepEvents is for the classes that are kept for less: $3 is the action.
var sweepEvents = sweep{"audit_events", "id", "action = $3 AND at < $1", 0}

func (w sweep) query() string {
	return "DELETE FROM " + w.table + " WHERE (" + w.key + ") IN (SELECT " + w.key + " FROM " + w.table + " WHERE " + w.condition + " LIMIT $2)"
}

// overFamilies are the times at which a family is over. Idle ones are over at the latest when they expire: an index of when they
// would be idle would cost every refresh.
var overFamilies = []string{"ended_at", "expires_at"}

// SweptTables are the tables that Sweep deletes from.
var SweptTables = []string{"interactions", "revoked_tokens", "access_tokens", "families", "reset_links", "signin_attempts", "sessions", "known_devices",
	"audit_events", "rollups", "refresh_tokens", "codes"}

// Sweep deletes, in small batches, what has lapsed and can no longer matter, and tells how many rows: pending requests, opaque
// tokens, revocations and links at once; sessions and families, with their codes and refresh tokens, 30 days after their end;
// codes of which no family came; audit events by their class; sign-in counters and known browsers that are long past. after, if
// there is one, is told the rows of each batch, and its error ends the sweep. Nodes that sweep at the same time do each other no harm.
func (s *Store) Sweep(ctx context.Context, at time.Time, after func(table string, rows int64) error) (total int64, err error) {
	w := &sweeper{s: s, after: func(table string, rows int64) error {
		total += rows
		if after == nil || rows == 0 {
			return nil
		}
		return after(table, rows)
	}}
	for _, one := range sweeps {
		if err := w.lapsed(ctx, one, at.Add(-one.ago)); err != nil {
			return total, err
		}
	}
	for _, class := range audit.Classes {
		for _, action := range class.Actions {
			if err := w.lapsed(ctx, sweepEvents, at.Add(-class.For), string(action)); err != nil {
				return total, err
			}
		}
	}
	for _, over := range overFamilies {
		if err := w.families(ctx, over, at.Add(-keepEnded)); err != nil {
			return total, err
		}
	}
	return total, w.codes(ctx, at.Add(-codeMargin))
}

// sweeper is one sweep.
type sweeper struct {
	s     *Store
	after func(table string, rows int64) error
}

// lapsed deletes what the sweep is for; more are its further arguments.
func (w *sweeper) lapsed(ctx context.Context, one sweep, before time.Time, more ...any) error {
	return w.whole(ctx, one.table, one.query(), before, more...)
}

// whole runs a statement, whose arguments are a time, the size of a batch and more, until it finds less than a whole batch.
func (w *sweeper) whole(ctx context.Context, table, query string, before time.Time, more ...any) error {
	args := append([]any{before, sweepBatch}, more...)
	for {
		n, err := w.s.exec(ctx, "lapsed row", query, args...)
		if err != nil {
			return err
		}
		if err := w.after(table, n); err != nil || n < sweepBatch {
			return err
		}
	}
}

// someFamilies are those that were over first.
func someFamilies(over string) string {
	return "SELECT id FROM families WHERE " + over + " < $1 ORDER BY " + over + ", id LIMIT " + strconv.Itoa(familyBatch)
}

func sweepFamilies(over string) string {
	return "DELETE FROM families WHERE id IN (" + someFamilies(over) + ")"
}

// sweepOf is for what hangs on them.
func sweepOf(table, over string) string {
	return "DELETE FROM " + table + " WHERE hash IN (SELECT hash FROM " + table + " WHERE family_id IN (" + someFamilies(over) + ") LIMIT $2)"
}

// families takes apart those that are over, some at a time. A family may have thousands of refresh tokens: they go before it, not with it.
func (w *sweeper) families(ctx context.Context, over string, before time.Time) error {
	for {
		for _, table := range []string{"refresh_tokens", "codes"} {
			if err := w.whole(ctx, table, sweepOf(table, over), before); err != nil {
				return err
			}
		}
		n, err := w.s.exec(ctx, "family", sweepFamilies(over), before)
		if err != nil {
			return err
		}
		if err := w.after("families", n); err != nil || n < familyBatch {
			return err
		}
	}
}

// codes deletes those of which no family came. It looks at each code once, when it has expired: one whose family is there goes
// with the family.
func (w *sweeper) codes(ctx context.Context, until time.Time) error {
	const mark = "codes"
	var from time.Time
	if err := w.s.get(ctx, "mark", &from, "SELECT mark FROM sweep_marks WHERE name = $1", mark); err != nil && !fault.IsNotFound(err) {
		return err
	}
	for last := false; !last; {
		var to time.Time
		err := w.s.get(ctx, "code", &to, "SELECT expires_at FROM codes WHERE expires_at >= $1 AND expires_at < $2 ORDER BY expires_at LIMIT 1 OFFSET $3", from, until, sweepBatch-1)
		if last = fault.IsNotFound(err); last { // less than a batch is left
			to, err = until, nil
		} else {
			to = to.Add(time.Microsecond)
		}
		if err != nil || !to.After(from) {
			return err
		}
		n, err := w.s.exec(ctx, "code", `DELETE FROM codes WHERE expires_at >= $1 AND expires_at < $2
			AND NOT EXISTS (SELECT 1 FROM families WHERE id = codes.family_id)`, from, to)
		if err != nil {
			return err
		}
		if _, err := w.s.exec(ctx, "mark", `INSERT INTO sweep_marks (name, mark) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET mark = excluded.mark WHERE sweep_marks.mark < excluded.mark`, mark, to); err != nil {
			return err
		}
		if err := w.after("codes", n); err != nil {
			return err
		}
		from = to
	}
	return nil
}
