package store

import (
	"context"
	"time"

	"gatehouse/internal/oauth"
)

const interactionColumns = "hash, client_id, params, browser_hash, created_at, expires_at"

// SaveInteraction keeps a pending authorization request.
func (s *Store) SaveInteraction(ctx context.Context, i oauth.Interaction) error {
	return s.insert(ctx, "interaction", row{table: "interactions", columns: interactionColumns, value: i})
}

// Interaction returns a pending authorization request by the hash of its id, expired or not.
func (s *Store) Interaction(ctx context.Context, hash string) (*oauth.Interaction, error) {
	var i oauth.Interaction
	if err := s.get(ctx, "interaction", &i, "SELECT "+interactionColumns+" FROM interactions WHERE hash = $1", hash); err != nil {
		return nil, err
	}
	return &i, nil
}

// BindInteraction binds a request that came by POST to the browser that fetched it first, and counts it as begun then;
// oauth.ErrSpent if it is another's.
func (s *Store) BindInteraction(ctx context.Context, hash, browserHash string, at time.Time) error {
	n, err := s.exec(ctx, "interaction", `
		UPDATE interactions SET browser_hash = $2, created_at = CASE WHEN browser_hash = '' THEN $3 ELSE created_at END
		WHERE hash = $1 AND browser_hash IN ('', $2)`, hash, browserHash, at)
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.Interaction(ctx, hash); err != nil {
		return err
	}
	return oauth.ErrSpent
}
