package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
)

const refreshTokenColumns = "hash, family_id, generation, created_at, ip, user_agent, request_id"

func refreshTokenRow(token oauth.RefreshToken, familyID string) row {
	token.FamilyID = familyID
	return row{table: "refresh_tokens", columns: refreshTokenColumns, value: token}
}

// RefreshTokens returns the family's refresh tokens of these generations, the first one first.
func (s *Store) RefreshTokens(ctx context.Context, familyID string, generations []int64) ([]oauth.RefreshToken, error) {
	if len(generations) == 0 {
		return nil, nil
	}
	query, args, err := sqlx.In("SELECT "+refreshTokenColumns+" FROM refresh_tokens WHERE family_id = ? AND generation IN (?) ORDER BY generation", familyID, generations)
	if err != nil {
		return nil, err
	}
	var tokens []oauth.RefreshToken
	err = s.all(ctx, "refresh token", &tokens, dollars(query), args...)
	return tokens, err
}

var rotateRefreshToken = `UPDATE families SET previous_hash = current_hash, current_hash = :successor, current_presented_at = NULL,
		rotated_at = :at, successor_sealed = :sealed, generation = generation + 1, idle_expires_at = :idle
	WHERE id = :family AND current_hash = :presented AND ended_at IS NULL AND ` + live("families.user_id", "families.client_id", "families.session_id", "families.era")

// RotateRefreshToken spends the current token and installs its successor; oauth.ErrSpent unless the presented one is current
// and the family, the person, the client and the session are live (security.md rule 1).
func (s *Store) RotateRefreshToken(ctx context.Context, r oauth.Rotation, event audit.Event) error {
	n, err := s.act(ctx, "refresh token", statement{rotateRefreshToken, map[string]any{
		"family": r.FamilyID, "presented": r.PresentedHash, "successor": r.Successor.Hash, "sealed": r.SuccessorSealed, "at": r.At, "idle": r.IdleExpiresAt,
	}}, append(accessTokenRows(r.Access), refreshTokenRow(r.Successor, r.FamilyID), eventOf(event, r.At))...)
	if err == nil && n == 0 {
		return oauth.ErrSpent
	}
	return err
}

// MarkRefreshTokenPresented notes that the owner showed the current token in a request that failed; the first time counts.
func (s *Store) MarkRefreshTokenPresented(ctx context.Context, familyID, hash string, at time.Time) error {
	_, err := s.exec(ctx, "family", `
		UPDATE families SET current_presented_at = $3 WHERE id = $1 AND current_hash = $2 AND current_presented_at IS NULL`, familyID, hash, at)
	return err
}
