package store

import "github.com/google/uuid"

// newID makes an id that sorts by the time of its making.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func orNewID(id string) string {
	if id == "" {
		return newID()
	}
	return id
}
