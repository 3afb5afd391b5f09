package store

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
)

// ErrOtherMasterKey says that the values of this database are sealed under another master key.
var ErrOtherMasterKey = errors.New("the database belongs to another master key")

// MasterKeyID names the master key that seals the values of this database; empty until one was claimed.
func (s *Store) MasterKeyID(ctx context.Context) (string, error) {
	var id string
	err := s.get(ctx, "house", &id, "SELECT master_key_id FROM house WHERE id = 1")
	return id, err
}

// ClaimMasterKey binds the database to the master key with this id. ErrOtherMasterKey if it is bound to another.
func (s *Store) ClaimMasterKey(ctx context.Context, id string) error {
	n, err := s.exec(ctx, "house", "UPDATE house SET master_key_id = $1 WHERE id = 1 AND master_key_id IN ('', $1)", id)
	if err == nil && n == 0 {
		return ErrOtherMasterKey
	}
	return err
}

// SetupSeed returns what the set-up link is made from and the hash of its token; both empty where there is no link.
func (s *Store) SetupSeed(ctx context.Context) (seed, hash string, err error) {
	var found struct {
		Seed string `db:"setup_seed"`
		Hash string `db:"setup_hash"`
	}
	err = s.get(ctx, "house", &found, "SELECT setup_seed, setup_hash FROM house WHERE id = 1")
	return found.Seed, found.Hash, err
}

// SaveSetupLink keeps the set-up link; the one before it does not work any more.
func (s *Store) SaveSetupLink(ctx context.Context, seed, hash string) error {
	_, err := s.exec(ctx, "house", "UPDATE house SET setup_seed = $1, setup_hash = $2 WHERE id = 1", seed, hash)
	return err
}

// AnyUser reports whether there is a user, enabled or not.
func (s *Store) AnyUser(ctx context.Context) (bool, error) {
	var found bool
	err := s.get(ctx, "user", &found, "SELECT EXISTS (SELECT 1 FROM users)")
	return found, err
}

// CompleteSetup makes the first user and uses up the set-up link. fault.NotFound unless the token is the link's and there is
// no user; of two that race one wins.
func (s *Store) CompleteSetup(ctx context.Context, tokenHash string, u identity.User, at time.Time, event audit.Event) error {
	u.PasswordChangedAt = &at
	n, err := s.act(ctx, "set-up link", statement{`
		UPDATE house SET setup_seed = '', setup_hash = ''
		WHERE id = 1 AND setup_hash = :hash AND setup_hash <> '' AND NOT EXISTS (SELECT 1 FROM users)`,
		map[string]any{"hash": tokenHash}},
		newUser(u, at), eventOf(event, at))
	return mustChange("set-up link", n, err)
}

// voidSetupLink ends the link, because there is about to be a user. A set-up under way has the row locked: then we wait for it.
func (s *Store) voidSetupLink(ctx context.Context) error {
	_, err := s.exec(ctx, "house", "UPDATE house SET setup_seed = '', setup_hash = '' WHERE id = 1 AND setup_hash <> ''")
	return err
}

// keepAnAdmin refuses to go on if nobody but this person administers the house. It locks the house's row until the end of the
// transaction, so that two administrators cannot remove one another at the same time.
func (s *Store) keepAnAdmin(ctx context.Context, userID string) error {
	if _, err := s.exec(ctx, "house", "UPDATE house SET id = 1 WHERE id = 1"); err != nil {
		return err
	}
	var last bool
	err := s.get(ctx, "user", &last, `
		SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND role = $2 AND disabled_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM users WHERE id <> $1 AND role = $2 AND `+hasConsoleRole+` AND disabled_at IS NULL)`, userID, identity.RoleAdmin)
	if err == nil && last {
		return fault.Fields{"role": "This is the last administrator: make another one first."}
	}
	return err
}
