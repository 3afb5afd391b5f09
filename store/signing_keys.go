package store

import (
	"context"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
)

const signingKeyColumns = "kid, alg, public_jwk, private_sealed, created_at, active_from"

// SigningKeys returns all signing keys, the first to become active first.
func (s *Store) SigningKeys(ctx context.Context) ([]keys.SigningKey, error) {
	var found []keys.SigningKey
	err := s.all(ctx, "signing key", &found, "SELECT "+signingKeyColumns+" FROM signing_keys ORDER BY active_from, kid")
	return found, err
}

// AddSigningKeys keeps new signing keys. fault.Conflict "kid" if there is one of that name.
func (s *Store) AddSigningKeys(ctx context.Context, added []keys.SigningKey, event audit.Event) error {
	rows := make([]row, 0, len(added)+1)
	for _, key := range added {
		rows = append(rows, row{table: "signing_keys", columns: signingKeyColumns, value: key})
	}
	return s.InTx(ctx, func(tx *Store) error {
		return tx.insert(ctx, "signing key", append(rows, eventOf(event, event.At))...)
	})
}
