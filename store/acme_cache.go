package store

import (
	"context"
	"time"
)

// ACMEEntry returns what was kept for ACME under this name, sealed; fault.NotFound if there is nothing.
func (s *Store) ACMEEntry(ctx context.Context, name string) (sealed string, err error) {
	err = s.get(ctx, "ACME entry", &sealed, "SELECT sealed FROM acme_cache WHERE name = $1", name)
	return sealed, err
}

// SaveACMEEntry keeps a sealed value under this name, in the place of what was there.
func (s *Store) SaveACMEEntry(ctx context.Context, name, sealed string, at time.Time) error {
	_, err := s.exec(ctx, "ACME entry", `INSERT INTO acme_cache (name, sealed, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`, name, sealed, at)
	return err
}

// DeleteACMEEntry forgets what is kept under this name, if anything is.
func (s *Store) DeleteACMEEntry(ctx context.Context, name string) error {
	_, err := s.exec(ctx, "ACME entry", "DELETE FROM acme_cache WHERE name = $1", name)
	return err
}
