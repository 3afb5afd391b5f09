package store

import (
	"context"
	"time"
)

// KeptForm is what somebody typed, kept for the moment when they have signed in again. Only who sealed it can read it.
type KeptForm struct {
	BrowserHash string    `db:"browser_hash"`
	UserID      string    `db:"user_id"`
	Sealed      string    `db:"sealed"`
	ExpiresAt   time.Time `db:"expires_at"`
}

const keptFormColumns = "browser_hash, user_id, sealed, expires_at"

// KeepForm keeps the form; the one before it, of the same browser, is forgotten.
func (s *Store) KeepForm(ctx context.Context, form KeptForm) error {
	return s.InTx(ctx, func(tx *Store) error {
		return tx.insert(ctx, "form", row{table: "kept_forms", columns: keptFormColumns, value: form, onConflict: `
			ON CONFLICT (browser_hash) DO UPDATE SET user_id = excluded.user_id, sealed = excluded.sealed, expires_at = excluded.expires_at`})
	})
}

// KeptForm returns the form that is kept for the browser, whoever's it is; fault.NotFound if there is none that has not lapsed.
func (s *Store) KeptForm(ctx context.Context, browserHash string, at time.Time) (*KeptForm, error) {
	var form KeptForm
	err := s.get(ctx, "form", &form, "SELECT "+keptFormColumns+" FROM kept_forms WHERE browser_hash = $1 AND expires_at > $2", browserHash, at)
	if err != nil {
		return nil, err
	}
	return &form, nil
}

// DropForm forgets what was kept for the browser.
func (s *Store) DropForm(ctx context.Context, browserHash string) error {
	_, err := s.exec(ctx, "form", "DELETE FROM kept_forms WHERE browser_hash = $1", browserHash)
	return err
}
