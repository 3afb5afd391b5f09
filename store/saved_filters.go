package store

import (
	"context"
	"time"

	"gatehouse/internal/fault"
)

// SavedFilters is how many filters of a list somebody may keep.
const SavedFilters = 30

// SavedFilter is what somebody looks for in a list again and again.
type SavedFilter struct {
	ID     string `db:"id"`
	UserID string `db:"user_id"`
	List   string `db:"list"`
	Name   string `db:"name"`
	Query  string `db:"query"` // of the list's URL
}

// SaveFilter keeps a filter. fault.Conflict "name" if the person has one of that name; fault.Fields "name" if they have too many.
func (s *Store) SaveFilter(ctx context.Context, f SavedFilter, at time.Time) error {
	f.ID = orNewID(f.ID)
	n, err := s.run(ctx, "saved filter", row{
		table: "saved_filters", columns: "id, user_id, list, name, query, created_at",
		value: map[string]any{"id": f.ID, "user_id": f.UserID, "list": f.List, "name": f.Name, "query": f.Query, "created_at": at, "most": SavedFilters},
	}.insert("(SELECT COUNT(*) FROM saved_filters WHERE user_id = :user_id AND list = :list) < :most"))
	if c := fault.AsConflict(err); c != nil {
		return fault.Conflict("saved filter", "name")
	}
	if err == nil && n == 0 {
		return fault.Fields{"name": "You have 30 saved filters: delete one first."}
	}
	return err
}

// SavedFilters returns somebody's filters of a list by name.
func (s *Store) SavedFilters(ctx context.Context, userID, list string) ([]SavedFilter, error) {
	var found []SavedFilter
	err := s.all(ctx, "saved filter", &found, `
		SELECT id, user_id, list, name, query FROM saved_filters WHERE user_id = $1 AND list = $2 ORDER BY name`, userID, list)
	return found, err
}

// DeleteSavedFilter removes a filter of this person; fault.NotFound if they have none of that id.
func (s *Store) DeleteSavedFilter(ctx context.Context, userID, id string) error {
	n, err := s.exec(ctx, "saved filter", "DELETE FROM saved_filters WHERE user_id = $1 AND id = $2", userID, id)
	return mustChange("saved filter", n, err)
}
