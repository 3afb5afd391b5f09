package store

import (
	"context"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
)

const scopeColumns = "name, description, builtin, created_at"

// Scopes returns all scopes, by name.
func (s *Store) Scopes(ctx context.Context) ([]oauth.Scope, error) {
	var scopes []oauth.Scope
	err := s.all(ctx, "scope", &scopes, "SELECT "+scopeColumns+" FROM scopes ORDER BY name")
	return scopes, err
}

// Scope returns the scope with this name.
func (s *Store) Scope(ctx context.Context, name string) (*oauth.Scope, error) {
	var scope oauth.Scope
	if err := s.get(ctx, "scope", &scope, "SELECT "+scopeColumns+" FROM scopes WHERE name = $1", name); err != nil {
		return nil, err
	}
	return &scope, nil
}

// UpdateScope describes the scope anew. fault.NotFound unless there is one of this name that is not built in.
func (s *Store) UpdateScope(ctx context.Context, scope oauth.Scope, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "scope", statement{"UPDATE scopes SET description = :description WHERE name = :name AND NOT builtin", scope}, revised(), eventOf(event, at))
	return mustChange("scope", n, err)
}

// CreateScope adds a scope, never a built-in one. fault.Conflict "name" if there is one of this name.
func (s *Store) CreateScope(ctx context.Context, scope oauth.Scope, at time.Time, event audit.Event) error {
	scope.Builtin, scope.CreatedAt = false, at
	create := row{table: "scopes", columns: scopeColumns, value: scope}
	_, err := s.act(ctx, "scope", create.insert("TRUE"), revised(), eventOf(event, at))
	return err
}
