package store

import (
	"context"
	"time"
)

// sweepBatch is how many rows one statement deletes: it holds its locks for no longer.
const sweepBatch = 1000

// sweeps delete what has lapsed and can no longer matter: $1 is now, $2 how many at most. Codes and refresh tokens are not
// among them: a replay has to be recognised as long as what they gave may live (security.md rule 2).
var sweeps = []string{
	"DELETE FROM interactions WHERE hash IN (SELECT hash FROM interactions WHERE expires_at < $1 LIMIT $2)",
	"DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM revoked_tokens WHERE expires_at < $1 LIMIT $2)",
	"DELETE FROM reset_links WHERE hash IN (SELECT hash FROM reset_links WHERE expires_at < $1 LIMIT $2)",
}

const sweepAttempts = "DELETE FROM signin_attempts WHERE key IN (SELECT key FROM signin_attempts WHERE last_failure_at < $1 LIMIT $2)"

// Sweep deletes, in small batches, pending requests, revocations, links and sign-in counters that have lapsed, and tells how
// many. Nodes that sweep at the same time do each other no harm.
func (s *Store) Sweep(ctx context.Context, at time.Time) (total int64, err error) {
	sweep := func(query string, before time.Time) error {
		for n := int64(sweepBatch); n == sweepBatch; {
			if n, err = s.exec(ctx, "lapsed row", query, before, sweepBatch); err != nil {
				return err
			}
			total += n
		}
		return nil
	}
	for _, query := range sweeps {
		if err := sweep(query, at); err != nil {
			return total, err
		}
	}
	return total, sweep(sweepAttempts, at.Add(-2*forgetAfter)) // a day's total too has ended by then
}
