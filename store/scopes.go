package store

import (
	"context"
	"slices"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

const scopeColumns = "name, description, builtin, by_name, consent_free, only_roles, only_groups, created_at, updated_at, version"

// readScopes reads with each scope the claims that it opens: "key=claim", as oauth.ScopeClaims has them.
const readScopes = "SELECT " + scopeColumns + `, COALESCE((SELECT string_agg(key || '=' || claim, ' ') FROM attributes WHERE scope = scopes.name), '') AS claims FROM scopes`

// newScope is the row of a scope, never a built-in one.
func newScope(scope oauth.Scope, at time.Time) row {
	scope.Builtin, scope.CreatedAt, scope.UpdatedAt, scope.Version = false, at, at, 1
	return row{table: "scopes", columns: scopeColumns, value: scope}
}

// Scopes returns all scopes, by name.
func (s *Store) Scopes(ctx context.Context) ([]oauth.Scope, error) {
	var scopes []oauth.Scope
	err := s.all(ctx, "scope", &scopes, readScopes+" WHERE removal = '' ORDER BY name")
	return scopes, err
}

// Scope returns the scope with this name.
func (s *Store) Scope(ctx context.Context, name string) (*oauth.Scope, error) {
	var scope oauth.Scope
	if err := s.get(ctx, "scope", &scope, readScopes+" WHERE name = $1 AND removal = ''", name); err != nil {
		return nil, err
	}
	return &scope, nil
}

// CreateScope adds a scope, never a built-in one. fault.Conflict "name" if there is one of this name; fault.NotFound if one of its
// groups is gone.
func (s *Store) CreateScope(ctx context.Context, scope oauth.Scope, at time.Time, event audit.Event) error {
	return s.withGroups(ctx, scope.Groups, func(s *Store) error {
		_, err := s.act(ctx, "scope", newScope(scope, at).insert("TRUE"), revised(), eventOf(event, at))
		return err
	})
}

// withGroups does something that names these groups while none of them is deleted. fault.NotFound if one is gone.
func (s *Store) withGroups(ctx context.Context, ids []string, do func(*Store) error) error {
	if len(ids) == 0 {
		return do(s)
	}
	return s.InTx(ctx, func(tx *Store) error {
		for _, id := range slices.Sorted(slices.Values(ids)) { // in one order, or two at once would wait for each other
			n, err := tx.exec(ctx, "group", "UPDATE user_groups SET id = id WHERE id = $1 AND removal = ''", id)
			if err := mustChange("group", n, err); err != nil {
				return err
			}
		}
		return do(tx)
	})
}

// UpdateScope changes what the scope says and to whom it is granted. fault.NotFound unless there is one of this name that is not built in. scope.Version is
// that of the scope it was read as: fault.Conflict with an empty field if somebody was faster.
func (s *Store) UpdateScope(ctx context.Context, scope oauth.Scope, at time.Time, event audit.Event) error {
	scope.UpdatedAt = at
	return s.withGroups(ctx, scope.Groups, func(s *Store) error { return s.updateScope(ctx, scope, at, event) })
}

func (s *Store) updateScope(ctx context.Context, scope oauth.Scope, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "scope", statement{`
		UPDATE scopes SET description = :description, by_name = :by_name, consent_free = :consent_free, only_roles = :only_roles,
			only_groups = :only_groups, updated_at = :updated_at, version = version + 1
		WHERE name = :name AND NOT builtin AND version = :version`, scope}, revised(), eventOf(event, at))
	if err == nil && n == 0 {
		stored, err := s.Scope(ctx, scope.Name)
		if err == nil && stored.Builtin {
			return fault.NotFound("scope")
		}
		if err != nil {
			return err
		}
		return fault.Conflict("scope", "")
	}
	return err
}

// names is the condition that a column of scopes holds this one; its argument is naming(name).
func names(column string) string { return "' ' || " + column + ` || ' ' LIKE ? ESCAPE '\'` }

func naming(name string) string { return "% " + likeEscaper.Replace(name) + " %" }

// DeleteScope removes a scope and what people remember of having allowed it: should one of this name come again, it may mean
// something else. fault.NotFound unless there is one that is not built in; fault.Fields while an API takes it, a client may ask for it, or an attribute is told with it.
func (s *Store) DeleteScope(ctx context.Context, name string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "scope", "UPDATE scopes SET name = name WHERE name = $1 AND NOT builtin AND removal = ''", name)
		if err := mustChange("scope", n, err); err != nil {
			return err
		}
		n, err = tx.exec(ctx, "scope", dollars(`
			UPDATE scopes SET name = name WHERE name = ?
				AND NOT EXISTS (SELECT 1 FROM apis WHERE `+names("apis.scope")+`) AND NOT EXISTS (SELECT 1 FROM clients WHERE `+names("clients.scope")+`)
				AND NOT EXISTS (SELECT 1 FROM attributes WHERE scope = ?)`),
			name, naming(name), naming(name), name)
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Fields{"": "APIs take this scope, clients may ask for it, or attributes are told with it. Take it from them first."}
		}
		if err := tx.remove(ctx, audit.KindScope, name, at, event); err != nil {
			return err
		}
		return tx.insert(ctx, "scope", revised(), eventOf(event, at))
	})
}

// ClientsOfScope returns the clients that may ask for the scope, by name.
func (s *Store) ClientsOfScope(ctx context.Context, name string) ([]oauth.Client, error) {
	var clients []oauth.Client
	err := s.all(ctx, "client", &clients, dollars("SELECT "+clientColumns+" FROM clients WHERE "+names("scope")+" ORDER BY search_key"), naming(name))
	return clients, err
}

// ScopeClients counts, by scope, the clients that may ask for it.
func (s *Store) ScopeClients(ctx context.Context) (map[string]int, error) {
	var asked []struct {
		Scope oauth.Scopes `db:"scope"`
		N     int          `db:"n"`
	}
	err := s.all(ctx, "client", &asked, "SELECT scope, COUNT(*) AS n FROM clients GROUP BY scope")
	clients := map[string]int{}
	for _, a := range asked {
		for _, name := range a.Scope {
			clients[name] += a.N
		}
	}
	return clients, err
}

// ScopeConsents counts the people who allowed some client the scope.
func (s *Store) ScopeConsents(ctx context.Context, name string) (n int64, err error) {
	err = s.get(ctx, "consent", &n, "SELECT COUNT(DISTINCT user_id) FROM consents WHERE scope = $1", name)
	return n, err
}
