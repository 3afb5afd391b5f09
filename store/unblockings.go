package store

import (
	"context"
	"time"

	"gatehouse/internal/audit"
)

// keepUnblockings is how long nodes hear of one. Limits are counted by the minute: it is long for a clock to be wrong, not for a node
// to be away.
const keepUnblockings = 10 * time.Minute

// Unblocking lets somebody go on at once who asked too much, on every node.
type Unblocking struct {
	ID   string    `db:"id"`
	What string    `db:"what"` // is limited, in the words of the nodes
	Who  string    `db:"who"`
	At   time.Time `db:"at"`
}

// Unblock tells all nodes whom to let go on.
func (s *Store) Unblock(ctx context.Context, u Unblocking, event audit.Event) error {
	tell := row{table: "unblockings", columns: "id, what, who, at", value: u}
	_, err := s.act(ctx, "unblocking", tell.insert("TRUE"), eventOf(event, u.At))
	return err
}

// Unblockings are those that nodes may not have heard of yet.
func (s *Store) Unblockings(ctx context.Context, at time.Time) ([]Unblocking, error) {
	var all []Unblocking
	err := s.all(ctx, "unblocking", &all, "SELECT id, what, who, at FROM unblockings WHERE at > $1", at.Add(-keepUnblockings))
	return all, err
}
