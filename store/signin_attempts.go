package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
)

// forgetAfter: failures older than this count no more.
const forgetAfter = 24 * time.Hour

// beginAttempt counts a try and says how long the next one has to wait: $2 is now, $3 a day ago, and from $4 on stand the
// ends of the pauses after the first failure, the second, and so on to the longest.
var beginAttempt, pauses = func() (string, int) {
	const failures = "(CASE WHEN signin_attempts.last_failure_at < $3 THEN 1 ELSE signin_attempts.failures + 1 END)"
	var pause strings.Builder
	n := 0
	for last := false; !last; {
		n++
		last = identity.Pause(int64(n)) == identity.MaxPause*time.Second
		op := " = "
		if last {
			op = " >= "
		}
		pause.WriteString(" WHEN " + failures + op + strconv.Itoa(n) + " THEN $" + strconv.Itoa(3+n))
	}
	return `INSERT INTO signin_attempts (key, failures, last_failure_at, paused_until, kind, user_id, network)
		VALUES ($1, 1, $2, $4, $` + strconv.Itoa(4+n) + ", $" + strconv.Itoa(5+n) + ", $" + strconv.Itoa(6+n) + `)
		ON CONFLICT (key) DO UPDATE SET user_id = excluded.user_id, failures = ` + failures + `, last_failure_at = $2,
			paused_until = CASE` + pause.String() + ` ELSE signin_attempts.paused_until END
		WHERE signin_attempts.paused_until <= $2 -- or nobody has to wait yet, whatever another node's clock says
			OR signin_attempts.failures <= ` + strconv.Itoa(identity.FreeFailures) + `
		RETURNING failures`, n
}()

// BeginAttempt asks whether a password may be tried, before it is looked at. It counts the try as a failure at once, so that
// parallel tries cannot all be the first; success takes it back by ForgiveAttempt. If the key is paused nothing is counted,
// allowed is false and pausedUntil says until when; else pausedUntil is when the next try may come (identity.Pause).
func (s *Store) BeginAttempt(ctx context.Context, c identity.Counter, at time.Time) (pausedUntil time.Time, allowed bool, err error) {
	at = stamp(at)
	args := []any{c.Key, at, at.Add(-forgetAfter)}
	for n := range pauses {
		args = append(args, at.Add(identity.Pause(int64(n+1))))
	}
	args = append(args, c.Kind, c.UserID, c.Network)
	var failures int64
	err = s.returning(ctx, "attempt", &failures, beginAttempt, args...)
	if err == nil {
		return at.Add(identity.Pause(failures)), true, nil
	}
	if !fault.IsNotFound(err) {
		return time.Time{}, false, err
	}
	err = s.get(ctx, "attempt", &pausedUntil, "SELECT paused_until FROM signin_attempts WHERE key = $1", c.Key)
	if fault.IsNotFound(err) { // forgiven meanwhile
		return at, false, nil
	}
	return pausedUntil, false, err
}

// ForgiveAttempt forgets the failures of these keys, because a try succeeded.
func (s *Store) ForgiveAttempt(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.exec(ctx, "attempt", "DELETE FROM signin_attempts WHERE key = $1", key); err != nil {
			return err
		}
	}
	return nil
}

// CountDaily counts a failure towards an account's total of a day, both of which the key names, and returns the total.
func (s *Store) CountDaily(ctx context.Context, day identity.Counter, at time.Time) (int64, error) {
	var failures int64
	err := s.returning(ctx, "attempt", &failures, `
		INSERT INTO signin_attempts (key, failures, last_failure_at, paused_until, kind, user_id, network) VALUES ($1, 1, $2, $2, $3, $4, '')
		ON CONFLICT (key) DO UPDATE SET failures = signin_attempts.failures + 1, last_failure_at = excluded.last_failure_at, user_id = excluded.user_id
		RETURNING failures`, day.Key, at, identity.CountsDay, day.UserID)
	return failures, err
}

// DailyFailures is the total that CountDaily has reached.
func (s *Store) DailyFailures(ctx context.Context, dayKey string) (int64, error) {
	var failures int64
	err := s.get(ctx, "attempt", &failures, "SELECT COALESCE(SUM(failures), 0) FROM signin_attempts WHERE key = $1", dayKey)
	return failures, err
}

// Lockout is a person whose sign-in is slowed down by failures.
type Lockout struct {
	UserID string `db:"user_id"`
	Holder
	Kind          string    `db:"kind"` // of the counter
	Network       string    `db:"network"`
	Failures      int64     `db:"failures"`
	LastFailureAt time.Time `db:"last_failure_at"`
	PausedUntil   time.Time `db:"paused_until"`
}

// Lockouts returns the counters that slow somebody down at the given time, the last failure first: those past the free failures,
// and those of a day that let no stranger try. Counters of names that nobody has are not among them.
func (s *Store) Lockouts(ctx context.Context, at time.Time, limit int) ([]Lockout, error) {
	var lockouts []Lockout
	err := s.all(ctx, "attempt", &lockouts, `
		SELECT a.user_id`+holderColumns("a.user_id")+`, a.kind, a.network, a.failures, a.last_failure_at, a.paused_until
		FROM signin_attempts a JOIN users u ON u.id = a.user_id
		WHERE a.user_id <> '' AND a.failures > 4 -- identity.FreeFailures, in the words of the index
			AND a.last_failure_at > $1
			AND (a.kind <> $2 OR (a.failures >= $3 AND a.last_failure_at >= $4))
		ORDER BY a.last_failure_at DESC, a.user_id DESC LIMIT $5`,
		at.Add(-forgetAfter), identity.CountsDay, identity.DailyFailureLimit, at.UTC().Truncate(24*time.Hour), limited(limit))
	return lockouts, err
}

// Unlock forgets the failures that are counted for the person and tells how many counters there were; no event if there was none.
func (s *Store) Unlock(ctx context.Context, userID string, at time.Time, event audit.Event) (int64, error) {
	return s.act(ctx, "attempt", statement{"DELETE FROM signin_attempts WHERE user_id = :id AND user_id <> ''", map[string]any{"id": userID}}, eventOf(event, at))
}
