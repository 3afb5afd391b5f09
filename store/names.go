package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// Names are what people and clients are called, by id: of people the username.
type Names struct{ Users, Clients map[string]string }

// Names returns what those of the people and clients are called who still exist.
func (s *Store) Names(ctx context.Context, userIDs, clientIDs []string) (n Names, err error) {
	if n.Users, err = s.names(ctx, "user", "SELECT id, username AS name FROM users WHERE id IN (?)", userIDs); err != nil {
		return n, err
	}
	n.Clients, err = s.names(ctx, "client", "SELECT id, client_name AS name FROM clients WHERE removal = '' AND id IN (?)", clientIDs)
	return n, err
}

func (s *Store) names(ctx context.Context, what, query string, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	query, args, err := sqlx.In(query, ids)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID   string `db:"id"`
		Name string `db:"name"`
	}
	if err := s.all(ctx, what, &rows, dollars(query), args...); err != nil {
		return nil, err
	}
	names := make(map[string]string, len(rows))
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, nil
}
