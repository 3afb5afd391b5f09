package store

import (
	"context"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

// PasswordChange is a new password that a person chose who knew the old one.
type PasswordChange struct {
	UserID      string
	OldHash     string // what the old password was checked against; it has to be the person's still
	NewHash     string
	KeepSession string // where it was chosen; it has to be live still. Empty: every session ends
	KeepDevice  string // hash of the browser that stays known; empty: none does
}

// ChangePassword gives the person a new password hash and ends what the old password may have opened: other sessions than
// the one kept, all families, unused codes and reset links, and knowing other browsers. fault.NotFound if the password was
// changed or the session ended meanwhile: a change under way must not undo a reset.
func (s *Store) ChangePassword(ctx context.Context, c PasswordChange, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "user", `
			UPDATE users SET id = id WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL
				AND ($3 = '' OR EXISTS (SELECT 1 FROM sessions WHERE id = $3 AND user_id = $1 AND ended_at IS NULL))`, c.UserID, c.OldHash, c.KeepSession)
		if err := mustChange("user", n, err); err != nil {
			return err
		}
		if err := tx.setPassword(ctx, c.UserID, c.NewHash, c.KeepSession, c.KeepDevice, at); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// setPassword replaces the hash and ends what the old one may have opened. It needs a transaction.
func (s *Store) setPassword(ctx context.Context, userID, hash, keepSession, keepDevice string, at time.Time) error {
	n, err := s.exec(ctx, "user", "UPDATE users SET password_hash = $2, password_changed_at = $3, updated_at = $3, version = version + 1 WHERE id = $1", userID, hash, at)
	if err := mustChange("user", n, err); err != nil {
		return err
	}
	if _, err := s.exec(ctx, "device", "DELETE FROM known_devices WHERE user_id = $1 AND device_hash <> $2", userID, keepDevice); err != nil {
		return err
	}
	if _, err := s.exec(ctx, "session", "UPDATE sessions SET proven_at = NULL WHERE id = $1", keepSession); err != nil { // what was proven is the password no more
		return err
	}
	_, err = s.endUser(ctx, userID, keepSession, oauth.EndedByPassword, at)
	return err
}

// RaisePasswordHash replaces the hash of an unchanged password by a stronger one; raised is false if it was replaced already.
func (s *Store) RaisePasswordHash(ctx context.Context, userID, oldHash, newHash string) (raised bool, err error) {
	n, err := s.exec(ctx, "user", "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", userID, oldHash, newHash)
	return n > 0, err
}

const resetLinkColumns = "hash, user_id, created_at, expires_at, used_at"

// CreateResetLink keeps a reset link; those before it do not work any more. fault.NotFound unless the person is enabled.
func (s *Store) CreateResetLink(ctx context.Context, link identity.ResetLink, at time.Time, event audit.Event) error {
	link.CreatedAt = at
	return s.InTx(ctx, func(tx *Store) error {
		// Changing nothing locks the person's row, so that of two links made at once one is voided.
		n, err := tx.exec(ctx, "user", "UPDATE users SET id = id WHERE id = $1 AND disabled_at IS NULL", link.UserID)
		if err := mustChange("user", n, err); err != nil {
			return err
		}
		if err := tx.voidResetLinks(ctx, link.UserID); err != nil {
			return err
		}
		return tx.insert(ctx, "reset link", row{table: "reset_links", columns: resetLinkColumns, value: link}, eventOf(event, at))
	})
}

func (s *Store) voidResetLinks(ctx context.Context, userID string) error {
	_, err := s.exec(ctx, "reset link", "DELETE FROM reset_links WHERE user_id = $1 AND used_at IS NULL", userID)
	return err
}

// ResetLink returns the link with this hash, expired or used too; one that was voided is not found.
func (s *Store) ResetLink(ctx context.Context, hash string) (*identity.ResetLink, error) {
	var link identity.ResetLink
	if err := s.get(ctx, "reset link", &link, "SELECT "+resetLinkColumns+" FROM reset_links WHERE hash = $1", hash); err != nil {
		return nil, err
	}
	return &link, nil
}

// UseResetLink uses the link up and gives its person a new password hash: as with ChangePassword, every session and family
// ends, and no device is known any more. fault.NotFound unless the link is unused and unexpired and the person enabled.
func (s *Store) UseResetLink(ctx context.Context, hash, passwordHash string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		var userID string
		err := tx.returning(ctx, "reset link", &userID, `
			UPDATE reset_links SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2
				AND EXISTS (SELECT 1 FROM users WHERE id = reset_links.user_id AND disabled_at IS NULL)
			RETURNING user_id`, hash, at)
		if err != nil {
			return err
		}
		if err := tx.setPassword(ctx, userID, passwordHash, "", "", at); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}
