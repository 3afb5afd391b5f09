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
	// keepJobs is how long what came of a job can be read.
	keepJobs = 7 * 24 * time.Hour
	// keepCounts is how far overviews look back.
	keepCounts = 90 * 24 * time.Hour
	// clockMargin is how long after its end no code is being redeemed and no token accepted any more, whatever the nodes' clocks say.
	clockMargin = time.Hour
)

// A sweep deletes rows that an index finds: those whose time is so long ago, the oldest first, of which the condition holds.
type sweep struct {
	table, key, time, condition string
	ago                         time.Duration
}

// sweeps are those of rows that nothing else hangs on.
var sweeps = []sweep{
	{table: "interactions", key: "hash", time: "expires_at"},
	{table: "revoked_tokens", key: "jti", time: "expires_at", ago: clockMargin}, // a node whose clock is behind would accept the token again
	{table: "access_tokens", key: "hash", time: "expires_at"},
	// No code led to these, and no refresh token came of them: there is nothing to replay, and there are many.
	{table: "families", key: "id", time: "expires_at", condition: "grant_type <> 'authorization_code' AND current_hash = ''"},
	{table: "reset_links", key: "hash", time: "expires_at"},
	{table: "kept_forms", key: "browser_hash", time: "expires_at"},
	{table: "signin_attempts", key: "key", time: "last_failure_at", ago: 2 * forgetAfter}, // a day's total has ended by then
	{table: "sessions", key: "id", time: "expires_at", ago: keepEnded},
	{table: "known_devices", key: "user_id, device_hash", time: "last_seen_at", ago: identity.DeviceLife},
	{table: "jobs", key: "id", time: "updated_at", ago: keepJobs},
	{table: "nodes", key: "id", time: "seen_at", ago: keepNodes},
	{table: "unblockings", key: "id", time: "at", ago: keepUnblockings},
	{table: "rollups", key: "client_id, hour, action, detail", time: "hour", ago: keepCounts},
	{table: "daily_rollups", key: "day, action, detail", time: "day", ago: keepCounts},
	{table: "daily_tokens", key: "day, client_id", time: "day", ago: keepCounts},
}

// sweepLines is for the lines of files that nobody went on with.
const sweepLines = `DELETE FROM import_rows WHERE (job_id, line) IN (
	SELECT job_id, line FROM import_rows WHERE job_id IN (SELECT id FROM jobs WHERE updated_at < $1) LIMIT $2)`

// The ids of events are their times: $1 is the least that is kept.
const (
	sweepOldEvents = "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE id < $1 ORDER BY id LIMIT $2)"
	// sweepEvents is for the classes that are kept for less: $3 is the action. It says action = $3 AND id < $1 in a way that only
	// the index of both serves: by that of the id alone, a database that does not know that the old ones of this action are gone
	// already would read all the others for nothing.
	sweepEvents = `DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events
		WHERE action >= $3 AND (action, id) < ($3, $1) ORDER BY action, id LIMIT $2)`
)

// query takes a time and how many rows at most. The order makes PostgreSQL go by the index: it would else read past all that
// earlier batches have left in the table.
func (w sweep) query() string {
	condition := w.time + " < $1"
	if w.condition != "" {
		condition += " AND " + w.condition
	}
	return "DELETE FROM " + w.table + " WHERE (" + w.key + ") IN (SELECT " + w.key + " FROM " + w.table +
		" WHERE " + condition + " ORDER BY " + w.time + " LIMIT $2)"
}

// overFamilies are the times at which a family is over. Idle ones are over at the latest when they expire: an index of when they
// would be idle would cost every refresh.
var overFamilies = []string{"ended_at", "expires_at"}

// SweptTables are the tables that Sweep deletes from.
var SweptTables = []string{"interactions", "revoked_tokens", "access_tokens", "families", "reset_links", "kept_forms", "signin_attempts", "sessions", "known_devices",
	"jobs", "import_rows", "images", "nodes", "unblockings", "audit_events", "rollups", "daily_rollups", "daily_tokens", "refresh_tokens", "codes"}

// Sweep deletes, in small batches, what has lapsed and can no longer matter, and tells how many rows: pending requests, opaque
// tokens and links at once; revocations an hour later; sessions and families, with their codes and refresh tokens, 30 days after their end;
// codes of which no family came; pictures that nothing shows; audit events as far as ExpireSeals has signed that they go; sign-in counters and known browsers that are long past. after, if
// there is one, is told the rows of each batch, and its error ends the sweep. Nodes that sweep at the same time do each other no harm.
func (s *Store) Sweep(ctx context.Context, at time.Time, after func(table string, rows int64) error) (total int64, err error) {
	w := &sweeper{s: s, after: func(table string, rows int64) error {
		total += rows
		if after == nil || rows == 0 {
			return nil
		}
		return after(table, rows)
	}}
	if err := w.whole(ctx, "import_rows", sweepLines, at.Add(-keepJobs)); err != nil { // a job may have a million: they go before it
		return total, err
	}
	if err := w.whole(ctx, "images", sweepImages, at.Add(-keepImages)); err != nil {
		return total, err
	}
	for _, one := range sweeps {
		if err := w.whole(ctx, one.table, one.query(), at.Add(-one.ago)); err != nil {
			return total, err
		}
	}
	if err := w.events(ctx); err != nil {
		return total, err
	}
	for _, over := range overFamilies {
		if err := w.families(ctx, over, at.Add(-keepEnded)); err != nil {
			return total, err
		}
	}
	return total, w.codes(ctx, at.Add(-clockMargin))
}

// sweeper is one sweep.
type sweeper struct {
	s     *Store
	after func(table string, rows int64) error
}

// whole runs a statement, whose arguments are a bound, the size of a batch and more, until it finds less than a whole batch.
func (w *sweeper) whole(ctx context.Context, table, query string, before any, more ...any) error {
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

// events deletes those of each class that are signed to be over, and none before anything was sealed: what is missing without a
// signature is a break of the chain.
func (w *sweeper) events(ctx context.Context) error {
	states, err := w.s.chains(ctx)
	if err != nil || len(states) < len(audit.ClassNames) {
		return err
	}
	over := states[audit.ClassChanges].ExpiredBefore
	for _, state := range states { // changes are kept longest; should a signature be behind, it is waited for
		over = earlier(over, state.ExpiredBefore)
	}
	if err := w.whole(ctx, "audit_events", sweepOldEvents, firstIDAt(over).String()); err != nil {
		return err
	}
	for _, class := range audit.Classes {
		over := firstIDAt(states[class.Name].ExpiredBefore).String()
		for _, action := range class.Actions {
			if err := w.whole(ctx, "audit_events", sweepEvents, over, string(action)); err != nil {
				return err
			}
		}
	}
	return nil
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
