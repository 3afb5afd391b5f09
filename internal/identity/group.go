package identity

import (
	"strings"
	"time"

	"gatehouse/internal/fault"
)

// Bounds of a group, in characters, and of how many groups one person is in: tokens name them.
const (
	maxGroupName        = 100
	maxGroupDescription = 200
	MaxGroups           = 100
)

// Group is people who belong together. Scopes can be limited to them.
type Group struct {
	ID          string    `db:"id"` // a UUID
	Name        string    `db:"name"`
	Description string    `db:"description"`
	CreatedAt   time.Time `db:"created_at"`
	UpdatedAt   time.Time `db:"updated_at"`
	Version     int64     `db:"version"` // grows with each change; a form carries it, so that a lost race is seen
}

// Validate says what is wrong with a group, field by field. Files list groups with a bar between two, so no name has one.
func (g *Group) Validate() fault.Fields {
	f := fault.Fields{}
	if strings.TrimSpace(g.Name) == "" {
		f.Add("name", "Name the group.")
	}
	checkText(f, "name", g.Name, maxGroupName, false)
	if strings.Contains(g.Name, "|") {
		f.Add("name", "A name has no |, which stands between groups in a file.")
	}
	checkText(f, "description", g.Description, maxGroupDescription, false)
	return f
}
