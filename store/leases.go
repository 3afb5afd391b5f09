package store

import (
	"context"
	"time"
)

// HoldLease takes the lease for this holder, or takes it for longer, until the given time, and tells whether the holder has it
// now: not while it is another's and has not run out. Nodes whose clocks differ may both believe to have it for that long.
func (s *Store) HoldLease(ctx context.Context, name, holder string, at, until time.Time) (held bool, err error) {
	n, err := s.exec(ctx, "lease", `
		INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $4)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
		WHERE leases.holder = excluded.holder OR leases.expires_at <= $3`, name, holder, at, until)
	return n > 0, err
}

// ReleaseLease gives the lease back, if it is this holder's, so that another need not wait for its end.
func (s *Store) ReleaseLease(ctx context.Context, name, holder string) error {
	_, err := s.exec(ctx, "lease", "DELETE FROM leases WHERE name = $1 AND holder = $2", name, holder)
	return err
}
