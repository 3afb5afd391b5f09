package identity

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

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
	switch {
	case strings.TrimSpace(g.Name) == "":
		f.Add("name", "Name the group.")
	case utf8.RuneCountInString(g.Name) > maxGroupName:
		f.Add("name", fmt.Sprintf("Use at most %d characters.", maxGroupName))
	case !utf8.ValidString(g.Name) || strings.ContainsFunc(g.Name, misleading):
		f.Add("name", "Use plain text.")
	case strings.Contains(g.Name, "|"):
		f.Add("name", "A name has no |, which stands between groups in a file.")
	}
	checkText(f, "description", g.Description, maxGroupDescription, false)
	return f
}
