package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

// consentRows adds the scopes to what the person allows already; those given again are as new. Consent to a request without
// any scope is kept as the empty one: the client may know the person, and need not ask again.
func consentRows(c oauth.Consent, at time.Time) []row {
	scopes := c.Scopes
	if len(scopes) == 0 {
		scopes = oauth.Scopes{""}
	}
	rows := make([]row, len(scopes))
	for i, scope := range slices.Sorted(slices.Values(scopes)) { // in one order, or two at once would wait for each other
		rows[i] = row{
			table: "consents", columns: "user_id, client_id, scope, created_at",
			value:      map[string]any{"user_id": c.UserID, "client_id": c.ClientID, "scope": scope, "created_at": at},
			onConflict: "ON CONFLICT (user_id, client_id, scope) DO UPDATE SET created_at = excluded.created_at",
		}
	}
	return rows
}

type consentRow struct {
	UserID     string    `db:"user_id"`
	ClientID   string    `db:"client_id"`
	ClientName string    `db:"client_name"`
	Scope      string    `db:"scope"`
	CreatedAt  time.Time `db:"created_at"`
	SearchKey  string    `db:"search_key"`
}

// ClientConsent is what a person lets a client do, with the client's name.
type ClientConsent struct {
	oauth.Consent
	ClientName string
}

// Consent returns what the person allows the client, in the order in which it was allowed; fault.NotFound if nothing.
func (s *Store) Consent(ctx context.Context, userID, clientID string) (*oauth.Consent, error) {
	found, err := s.consents(ctx, consented+" WHERE k.user_id = $1 AND k.client_id = $2", userID, clientID)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.NotFound("consent")
	}
	return &found[0].Consent, nil
}

// Consents returns what the person allows clients, by the clients' names: what they agreed to, and what live families hold that
// nobody was asked about, because the person gave the client their password.
func (s *Store) Consents(ctx context.Context, userID string, at time.Time) ([]ClientConsent, error) {
	return s.consents(ctx, consented+" WHERE k.user_id = $1 UNION ALL "+`
		SELECT f.user_id, f.client_id, c.client_name, f.scope, f.created_at, c.search_key FROM families f JOIN clients c ON c.id = f.client_id
		WHERE f.user_id = $1 AND f.ended_at IS NULL AND f.expires_at > $2`, userID, at)
}

const consented = `SELECT k.user_id, k.client_id, c.client_name, k.scope AS scope, k.created_at AS created_at, c.search_key AS search_key FROM consents k JOIN clients c ON c.id = k.client_id`

func (s *Store) consents(ctx context.Context, query string, args ...any) ([]ClientConsent, error) {
	var rows []consentRow
	err := s.all(ctx, "consent", &rows, query+" ORDER BY search_key, created_at, scope", args...)
	if err != nil {
		return nil, err
	}
	var out []ClientConsent
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].ClientID != r.ClientID {
			out = append(out, ClientConsent{Consent: oauth.Consent{UserID: r.UserID, ClientID: r.ClientID}, ClientName: r.ClientName})
		}
		last := &out[len(out)-1]
		if more := last.Scopes.Missing(strings.Fields(r.Scope)); len(more) > 0 || last.UpdatedAt.IsZero() {
			last.Scopes, last.UpdatedAt = append(last.Scopes, more...), r.CreatedAt
		}
	}
	return out, nil
}

// WithdrawConsent takes back what the person allowed the client and ends what it was given: families and unused codes.
// fault.NotFound if there was nothing.
func (s *Store) WithdrawConsent(ctx context.Context, userID, clientID string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.holdUser(ctx, userID); err != nil {
			return err
		}
		consents, err := tx.exec(ctx, "consent", "DELETE FROM consents WHERE user_id = $1 AND client_id = $2", userID, clientID)
		if err != nil {
			return err
		}
		if err := tx.voidCodes(ctx, at, "user_id = ? AND client_id = ?", userID, clientID); err != nil {
			return err
		}
		families, err := tx.endFamilies(ctx, oauth.EndedByPerson, at, "user_id = ? AND client_id = ?", userID, clientID)
		if err := mustChange("consent", consents+families, err); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}
