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
	return `INSERT INTO signin_attempts (key, failures, last_failure_at, paused_until) VALUES ($1, 1, $2, $4)
		ON CONFLICT (key) DO UPDATE SET failures = ` + failures + `, last_failure_at = $2,
			paused_until = CASE` + pause.String() + ` ELSE signin_attempts.paused_until END
		WHERE signin_attempts.paused_until <= $2 -- or nobody has to wait yet, whatever another node's clock says
			OR signin_attempts.failures <= ` + strconv.Itoa(identity.FreeFailures) + `
		RETURNING failures`, n
}()

// BeginAttempt asks whether a password may be tried, before it is looked at. It counts the try as a failure at once, so that
// parallel tries cannot all be the first; success takes it back by ForgiveAttempt. If the key is paused nothing is counted,
// allowed is false and pausedUntil says until when; else pausedUntil is when the next try may come (identity.Pause).
func (s *Store) BeginAttempt(ctx context.Context, key string, at time.Time) (pausedUntil time.Time, allowed bool, err error) {
	at = stamp(at)
	args := []any{key, at, at.Add(-forgetAfter)}
	for n := range pauses {
		args = append(args, at.Add(identity.Pause(int64(n+1))))
	}
	var failures int64
	err = s.returning(ctx, "attempt", &failures, beginAttempt, args...)
	if err == nil {
		return at.Add(identity.Pause(failures)), true, nil
	}
	if !fault.IsNotFound(err) {
		return time.Time{}, false, err
	}
	err = s.get(ctx, "attempt", &pausedUntil, "SELECT paused_until FROM signin_attempts WHERE key = $1", key)
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

// ForgiveFailures forgets the failures of these keys because somebody says so, and tells whether there were any; no event if not.
func (s *Store) ForgiveFailures(ctx context.Context, keys []string, at time.Time, event audit.Event) (forgiven bool, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		var n int64
		for _, key := range keys {
			forgotten, err := tx.exec(ctx, "attempt", "DELETE FROM signin_attempts WHERE key = $1", key)
			if err != nil {
				return err
			}
			n += forgotten
		}
		if forgiven = n > 0; !forgiven {
			return nil
		}
		return tx.record(ctx, event, at)
	})
	return forgiven, err
}

// CountDaily counts a failure towards an account's total of a day, both of which the key names, and returns the total.
func (s *Store) CountDaily(ctx context.Context, dayKey string, at time.Time) (int64, error) {
	var failures int64
	err := s.returning(ctx, "attempt", &failures, `
		INSERT INTO signin_attempts (key, failures, last_failure_at, paused_until) VALUES ($1, 1, $2, $2)
		ON CONFLICT (key) DO UPDATE SET failures = signin_attempts.failures + 1, last_failure_at = excluded.last_failure_at
		RETURNING failures`, dayKey, at)
	return failures, err
}

// DailyFailures is the total that CountDaily has reached.
func (s *Store) DailyFailures(ctx context.Context, dayKey string) (int64, error) {
	var failures int64
	err := s.get(ctx, "attempt", &failures, "SELECT COALESCE(SUM(failures), 0) FROM signin_attempts WHERE key = $1", dayKey)
	return failures, err
}
