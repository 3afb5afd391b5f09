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

const apiColumns = "id, identifier, name, scope, signing_alg, token_format, claims, signing_secret_sealed, access_token_ttl, only_clients, created_at, updated_at, version"

// APIs returns all APIs, by name.
func (s *Store) APIs(ctx context.Context) ([]oauth.API, error) {
	var apis []oauth.API
	err := s.all(ctx, "API", &apis, "SELECT "+apiColumns+" FROM apis")
	// Here, for PostgreSQL would ask its locale: see migrations/00010_collation.go.
	slices.SortFunc(apis, func(a, b oauth.API) int {
		return strings.Compare(searchKey(a.Name, a.Identifier), searchKey(b.Name, b.Identifier))
	})
	return apis, err
}

// API returns the API of this identifier.
func (s *Store) API(ctx context.Context, identifier string) (*oauth.API, error) {
	return s.api(ctx, "identifier = $1", identifier)
}

// APIByID returns the API of this id.
func (s *Store) APIByID(ctx context.Context, id string) (*oauth.API, error) {
	return s.api(ctx, "id = $1", id)
}

func (s *Store) api(ctx context.Context, condition, arg string) (*oauth.API, error) {
	var a oauth.API
	if err := s.get(ctx, "API", &a, "SELECT "+apiColumns+" FROM apis WHERE "+condition, arg); err != nil {
		return nil, err
	}
	return &a, nil
}

// CreateAPI adds an API, and those of the scopes that do not exist. fault.Conflict "identifier" if it is taken, "id" if a
// form is sent twice; fault.Fields "claims" for the second whose tokens nothing would tell from another's.
func (s *Store) CreateAPI(ctx context.Context, a oauth.API, scopes []oauth.Scope, at time.Time, event audit.Event) error {
	a.ID, a.CreatedAt, a.UpdatedAt, a.Version = orNewID(a.ID), at, at, 1
	create := row{table: "apis", columns: apiColumns, value: a}
	_, err := s.act(ctx, "API", create.insert("TRUE"), append(missingScopes(scopes, at), revised(), eventOf(event, at))...)
	if taken := fault.AsConflict(err); taken != nil && taken.Field == "claims" { // security.md rule 6
		return fault.Fields{"claims": "Another API has tutorial claims and a published key: nothing would tell their tokens apart. Choose HS256 or standard claims."}
	}
	return err
}

// missingScopes adds scopes unless they exist.
func missingScopes(scopes []oauth.Scope, at time.Time) []row {
	rows := make([]row, len(scopes))
	for i, scope := range scopes {
		rows[i] = newScope(scope, at)
		rows[i].onConflict = "ON CONFLICT (name) DO NOTHING"
	}
	return rows
}

// UpdateAPI changes name, scopes, clients, life of tokens and the shared secret; the rest of an API stays as it began, for tokens out
// there depend on it. Scopes that do not exist are added. a.Version is that of the API it was read as: fault.Conflict with an
// empty field if somebody was faster.
func (s *Store) UpdateAPI(ctx context.Context, a oauth.API, scopes []oauth.Scope, at time.Time, event audit.Event) error {
	a.UpdatedAt = at
	n, err := s.act(ctx, "API", statement{`
		UPDATE apis SET name = :name, scope = :scope, access_token_ttl = :access_token_ttl, signing_secret_sealed = :signing_secret_sealed,
			only_clients = :only_clients, updated_at = :updated_at, version = version + 1
		WHERE id = :id AND version = :version`, a}, append(missingScopes(scopes, at), revised(), eventOf(event, at))...)
	if err == nil && n == 0 {
		if _, err := s.APIByID(ctx, a.ID); err != nil {
			return err
		}
		return fault.Conflict("API", "")
	}
	return err
}

// DeleteAPI removes the API; its tokens end. fault.Fields if it is a client's default resource, or has a client of its own.
func (s *Store) DeleteAPI(ctx context.Context, id string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		// Changing nothing locks the row: a client that comes to name it waits, and one that came before is seen by what follows.
		n, err := tx.exec(ctx, "API", "UPDATE apis SET id = id WHERE id = $1", id)
		if err := mustChange("API", n, err); err != nil {
			return err
		}
		n, err = tx.exec(ctx, "API", `
			DELETE FROM apis WHERE id = $1 AND NOT EXISTS (
				SELECT 1 FROM clients WHERE default_resource = apis.identifier OR resource_server = apis.identifier)`, id)
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Fields{"": "Clients depend on this API, as their default resource or as its own client. Change or delete them first."}
		}
		return tx.insert(ctx, "API", revised(), eventOf(event, at))
	})
}

// ClientsOfAPI returns the clients that name the API: as their default resource, or as what they are.
func (s *Store) ClientsOfAPI(ctx context.Context, identifier string) ([]oauth.Client, error) {
	var clients []oauth.Client
	err := s.all(ctx, "client", &clients,
		"SELECT "+clientColumns+" FROM clients WHERE default_resource = $1 OR resource_server = $1 ORDER BY search_key", identifier)
	return clients, err
}
