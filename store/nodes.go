package store

import (
	"context"
	"time"
)

// Node is a server that works on this database.
type Node struct {
	ID        string    `db:"id"` // made anew at each start
	Address   string    `db:"address"`
	Version   string    `db:"version"`
	Commit    string    `db:"commit_id"`
	StartedAt time.Time `db:"started_at"`
	SeenAt    time.Time `db:"seen_at"` // when it last said so
}

const nodeColumns = "id, address, version, commit_id, started_at, seen_at"

// keepNodes is how long a node is remembered that was not heard from.
const keepNodes = 24 * time.Hour

// SeeNode notes that the node works at n.SeenAt.
func (s *Store) SeeNode(ctx context.Context, n Node) error {
	return s.insert(ctx, "node", row{table: "nodes", columns: nodeColumns, value: n,
		onConflict: "ON CONFLICT (id) DO UPDATE SET address = excluded.address, seen_at = excluded.seen_at"})
}

// ForgetNode notes that the node has ended.
func (s *Store) ForgetNode(ctx context.Context, id string) error {
	_, err := s.exec(ctx, "node", "DELETE FROM nodes WHERE id = $1", id)
	return err
}

// Nodes returns the servers that were heard from in the last day, the one that works longest first.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	var nodes []Node
	err := s.all(ctx, "node", &nodes, "SELECT "+nodeColumns+" FROM nodes ORDER BY started_at, id")
	return nodes, err
}

// DatabaseInfo is what a database says of itself.
type DatabaseInfo struct {
	Version string `db:"version"`
	Bytes   int64  `db:"bytes"`
}

// DatabaseInfo asks the database for its version and its size.
func (s *Store) DatabaseInfo(ctx context.Context) (info DatabaseInfo, err error) {
	query := "SELECT sqlite_version() AS version, (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size()) AS bytes"
	if s.dialect == PostgreSQL {
		query = "SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes"
	}
	err = s.get(ctx, "database", &info, query)
	return info, err
}
