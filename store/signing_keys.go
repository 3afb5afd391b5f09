package store

import (
	"context"
	"maps"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
)

const signingKeyColumns = "kid, alg, public_jwk, private_sealed, created_at, active_from, retired_at, compromised_at"

// SigningKeys returns all signing keys, the first to become active first.
func (s *Store) SigningKeys(ctx context.Context) ([]keys.SigningKey, error) {
	var found []keys.SigningKey
	err := s.all(ctx, "signing key", &found, "SELECT "+signingKeyColumns+" FROM signing_keys ORDER BY active_from, kid")
	return found, err
}

// AddSigningKeys keeps new signing keys. fault.Conflict "kid" if there is one of that name.
func (s *Store) AddSigningKeys(ctx context.Context, added []keys.SigningKey, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		return tx.insert(ctx, "signing key", append(newKeys(added), eventOf(event, event.At))...)
	})
}

func newKeys(added []keys.SigningKey) []row {
	rows := make([]row, 0, len(added)+1)
	for _, key := range added {
		rows = append(rows, row{table: "signing_keys", columns: signingKeyColumns, value: key})
	}
	return rows
}

// ChangeSigningKeys carries out what was decided on the keys as they were seen; fault.Conflict if they are others by now, so
// that of two who decide at once one decides again. The event tells of every key whose state changes: without one it is not kept.
func (s *Store) ChangeSigningKeys(ctx context.Context, seen []keys.SigningKey, change keys.Change, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		// Changing nothing locks the row: whoever else decides waits here, and then sees what we did.
		if _, err := tx.exec(ctx, "house", "UPDATE house SET id = 1 WHERE id = 1"); err != nil {
			return err
		}
		now, err := tx.SigningKeys(ctx)
		if err != nil {
			return err
		}
		if !keys.Same(now, seen) {
			return fault.Conflict("signing keys", "")
		}
		for _, k := range change.Updated {
			if _, err := tx.run(ctx, "signing key", statement{`UPDATE signing_keys SET private_sealed = :private_sealed, active_from = :active_from,
				retired_at = :retired_at, compromised_at = :compromised_at WHERE kid = :kid`, k}); err != nil {
				return err
			}
		}
		for _, kid := range change.Removed {
			if _, err := tx.exec(ctx, "signing key", "DELETE FROM signing_keys WHERE kid = $1", kid); err != nil {
				return err
			}
		}
		rows := newKeys(change.Added)
		if turns := change.Turns(seen, event.At); len(turns) > 0 {
			rows = append(rows, eventOf(turned(event, turns), event.At))
		}
		if len(rows) == 0 {
			return nil
		}
		return tx.insert(ctx, "signing key", rows...)
	})
}

// turned is the event of keys whose states change: it names those that are new or, where none is, all of them.
func turned(event audit.Event, turns []keys.Turn) audit.Event {
	changes := maps.Clone(event.Changes)
	if changes == nil {
		changes = map[string]audit.Change{}
	}
	target := audit.Party{Kind: audit.KindKey}
	for _, t := range turns {
		name := t.Algorithm + " " + t.KID
		if t.Before == "" {
			name = t.Algorithm + " (new) " + t.KID
		}
		changes[name] = audit.Change{Before: string(t.Before), After: string(t.After)}
		if t.Before == "" || turns[0].Before != "" {
			target.ID, target.Name = strings.TrimSpace(target.ID+" "+t.KID), strings.TrimSpace(target.Name+" "+t.Algorithm)
		}
	}
	event.Changes, event.Target = changes, target
	return event
}
