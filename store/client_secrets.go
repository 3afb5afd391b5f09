package store

import (
	"context"
	"fmt"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

const secretColumns = "id, client_id, hash, hint, created_at, expires_at, last_used_at, revoked_at"

func newSecret(secret oauth.ClientSecret, at time.Time) row {
	secret.ID, secret.CreatedAt = orNewID(secret.ID), at
	return row{table: "client_secrets", columns: secretColumns, value: secret}
}

// ClientSecrets returns the client's secrets, the newest first, revoked and expired ones too.
func (s *Store) ClientSecrets(ctx context.Context, clientID string) ([]oauth.ClientSecret, error) {
	var secrets []oauth.ClientSecret
	err := s.all(ctx, "client secret", &secrets,
		"SELECT "+secretColumns+" FROM client_secrets WHERE client_id = $1 ORDER BY created_at DESC, id DESC", clientID)
	return secrets, err
}

// ExpiringSecret is a secret that needs a successor, and whose it is.
type ExpiringSecret struct {
	oauth.ClientSecret
	ClientName string `db:"client_name"`
}

// ExpiringSecrets returns the secrets of enabled clients that expire before a given time, the first to do so first, and those that
// have expired and left their client without any that is live.
func (s *Store) ExpiringSecrets(ctx context.Context, at, before time.Time, limit int) ([]ExpiringSecret, error) {
	var secrets []ExpiringSecret
	err := s.all(ctx, "client secret", &secrets, "SELECT "+columns("s", "", secretColumns)+`, c.client_name
		FROM client_secrets s JOIN clients c ON c.id = s.client_id
		WHERE s.revoked_at IS NULL AND s.expires_at < $2 AND c.disabled_at IS NULL AND (s.expires_at > $1 OR NOT EXISTS (
			SELECT 1 FROM client_secrets o WHERE o.client_id = s.client_id AND o.revoked_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > $1 OR o.expires_at > s.expires_at)))
		ORDER BY s.expires_at, s.id LIMIT $3`, at, before, limited(limit))
	return secrets, err
}

// AddClientSecret gives the client a further secret; fault.Fields if it has oauth.MaxLiveSecrets that are live.
func (s *Store) AddClientSecret(ctx context.Context, secret oauth.ClientSecret, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.lockClient(ctx, secret.ClientID); err != nil {
			return err
		}
		var live int64
		err := tx.get(ctx, "client secret", &live, `
			SELECT COUNT(*) FROM client_secrets WHERE client_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
			secret.ClientID, at)
		if err != nil {
			return err
		}
		if live >= oauth.MaxLiveSecrets {
			return fault.Fields{"": fmt.Sprintf("A client has at most %d live secrets: revoke one first.", oauth.MaxLiveSecrets)}
		}
		return tx.insert(ctx, "client secret", newSecret(secret, at), eventOf(event, at))
	})
}

// ReplaceClientSecrets revokes the client's secrets and gives it this one.
func (s *Store) ReplaceClientSecrets(ctx context.Context, clientID string, secret oauth.ClientSecret, at time.Time, event audit.Event) error {
	secret.ClientID = clientID
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.lockClient(ctx, clientID); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, "client secret", "UPDATE client_secrets SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL", clientID, at); err != nil {
			return err
		}
		return tx.insert(ctx, "client secret", newSecret(secret, at), eventOf(event, at))
	})
}

// RevokeClientSecret makes the secret open nothing any more. A second time it does nothing.
func (s *Store) RevokeClientSecret(ctx context.Context, clientID, id string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "client secret", statement{`
		UPDATE client_secrets SET revoked_at = :at WHERE id = :id AND client_id = :client AND revoked_at IS NULL`,
		map[string]any{"id": id, "client": clientID, "at": at}}, eventOf(event, at))
	if err == nil && n == 0 {
		var there int64
		err = s.get(ctx, "client secret", &there, "SELECT 1 FROM client_secrets WHERE id = $1 AND client_id = $2", id, clientID)
	}
	return err
}

// lockClient keeps others from changing the client's secrets until the end of the transaction. Changing nothing locks the row
// on both databases; SELECT … FOR UPDATE exists on one.
func (s *Store) lockClient(ctx context.Context, id string) error {
	n, err := s.exec(ctx, "client", "UPDATE clients SET id = id WHERE id = $1", id)
	return mustChange("client", n, err)
}
