package store

import (
	"context"
	"time"

	"gatehouse/internal/identity"
)

// sweepBatch is how many rows one statement deletes: it holds its locks for no longer.
const sweepBatch = 1000

// sweeps delete what has lapsed and can no longer matter: $1 is now, $2 how many at most. Codes and refresh tokens are not
// among them: a replay has to be recognised as long as what they gave may live (security.md rule 2).
var sweeps = []string{
	"DELETE FROM interactions WHERE hash IN (SELECT hash FROM interactions WHERE expires_at < $1 LIMIT $2)",
	"DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM revoked_tokens WHERE expires_at < $1 LIMIT $2)",
	"DELETE FROM access_tokens WHERE hash IN (SELECT hash FROM access_tokens WHERE expires_at < $1 LIMIT $2)",
	// No code led to these, and no refresh token came of them: there is nothing to replay.
	"DELETE FROM families WHERE id IN (SELECT id FROM families WHERE grant_type <> 'authorization_code' AND current_hash = '' AND expires_at < $1 LIMIT $2)",
	"DELETE FROM reset_links WHERE hash IN (SELECT hash FROM reset_links WHERE expires_at < $1 LIMIT $2)",
}

// sweepsOfOld delete what has been of no use for long: the first number is how long.
var sweepsOfOld = []struct {
	after time.Duration
	query string
}{
	{2 * forgetAfter, "DELETE FROM signin_attempts WHERE key IN (SELECT key FROM signin_attempts WHERE last_failure_at < $1 LIMIT $2)"}, // a day's total has ended by then
	{30 * 24 * time.Hour, "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2)"},
	{identity.DeviceLife, "DELETE FROM known_devices WHERE device_hash IN (SELECT device_hash FROM known_devices WHERE last_seen_at < $1 LIMIT $2) AND last_seen_at < $1"},
}

// Sweep deletes, in small batches, pending requests, opaque tokens, revocations, links and families without codes and refresh
// tokens that have lapsed, and sign-in counters, sessions and known browsers that are long past, and tells how many. Nodes that
// sweep at the same time do each other no harm.
func (s *Store) Sweep(ctx context.Context, at time.Time) (total int64, err error) {
	sweep := func(query string, before time.Time) error {
		for n := int64(sweepBatch); n >= sweepBatch; {
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
	for _, old := range sweepsOfOld {
		if err := sweep(old.query, at.Add(-old.after)); err != nil {
			return total, err
		}
	}
	return total, nil
}
