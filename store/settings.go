package store

import (
	"context"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/policy"
	"time"
)

// Settings returns what administrators have settled otherwise than it is by itself, by name, and the revision that names this state.
func (s *Store) Settings(ctx context.Context) (revision string, values map[string]string, err error) {
	var rows []struct {
		Revision string  `db:"revision"`
		Name     *string `db:"name"`
		Value    *string `db:"value"`
	}
	err = s.all(ctx, "settings", &rows, "SELECT r.revision, s.name, s.value FROM revisions r LEFT JOIN settings s ON TRUE WHERE r.name = 'settings'")
	values = map[string]string{}
	for _, r := range rows {
		revision = r.Revision
		if r.Name != nil {
			values[*r.Name] = *r.Value
		}
	}
	return revision, values, err
}

// SaveSettings settles what is given, by name; an empty value leaves it as it is by itself. fault.Conflict with an empty field if
// somebody was faster than the revision that the caller has seen.
func (s *Store) SaveSettings(ctx context.Context, seen string, values map[string]string, at time.Time, event audit.Event) error {
	return s.showing(ctx, values[policy.LogoName], policy.LogoName, at, func(tx *Store) error { return tx.saveSettings(ctx, seen, values, at, event) })
}

func (s *Store) saveSettings(ctx context.Context, seen string, values map[string]string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "settings", "UPDATE revisions SET revision = $1 WHERE name = 'settings' AND revision = $2", newID(), seen)
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Conflict("settings", "")
		}
		for name, value := range values {
			if value == "" {
				_, err = tx.exec(ctx, "settings", "DELETE FROM settings WHERE name = $1", name)
			} else {
				_, err = tx.exec(ctx, "settings", "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
			}
			if err != nil {
				return err
			}
		}
		return tx.record(ctx, event, at)
	})
}
