package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

const groupColumns = "id, name, description, created_at, updated_at, version"

// groupRow is a group with what is derived for comparing and ordering.
type groupRow struct {
	identity.Group
	NameKey   string `db:"name_key"`
	SearchKey string `db:"search_key"`
}

func groupRowOf(g identity.Group) groupRow {
	return groupRow{Group: g, NameKey: fold(g.Name), SearchKey: searchKey(g.Name, g.ID)}
}

// GroupFilter says which groups: Query is a part of their name. After and Before are cursors of a GroupPage; garbage there shows
// the first page.
type GroupFilter struct {
	Query         string
	After, Before string
	Limit         int // 0 is 50
}

// ListedGroup is a group and how many people are in it.
type ListedGroup struct {
	identity.Group
	Members int64 `db:"members"` // CountLimit + 1 is that many or more
}

// GroupPage is a part of the list of groups. Next and Previous are cursors, empty where the list ends.
type GroupPage struct {
	Groups         []ListedGroup
	Previous, Next string
	Total          int64
}

var groupList = list[ListedGroup]{
	what: "group", table: "user_groups", key: func(g *ListedGroup) string { return searchKey(g.Name, g.ID) },
	columns: groupColumns + ", (" + countedMembers("user_groups.id") + ") AS members",
}

// countedMembers counts the people in a group, up to CountLimit and one.
func countedMembers(group string) string {
	return "SELECT COUNT(*) FROM (SELECT 1 FROM memberships WHERE group_id = " + group + " LIMIT " + strconv.Itoa(CountLimit+1) + ") AS counted"
}

// Groups returns a page of the groups by name.
func (s *Store) Groups(ctx context.Context, want GroupFilter) (p GroupPage, err error) {
	var f filter
	f.add("removal = ''")
	if sought(want.Query) != "" {
		f.add(`name_key LIKE ? ESCAPE '\'`, contains(want.Query))
	}
	p.Groups, p.Previous, p.Next, p.Total, err = groupList.page(ctx, s, f, want.After, want.Before, want.Limit)
	return p, err
}

// Group returns the group with this id.
func (s *Store) Group(ctx context.Context, id string) (*identity.Group, error) {
	return s.group(ctx, "id = $1", id)
}

// GroupByName returns the group of this name, in whatever case it is written.
func (s *Store) GroupByName(ctx context.Context, name string) (*identity.Group, error) {
	return s.group(ctx, "name_key = $1", fold(name))
}

func (s *Store) group(ctx context.Context, condition, arg string) (*identity.Group, error) {
	var g identity.Group
	if err := s.get(ctx, "group", &g, "SELECT "+groupColumns+" FROM user_groups WHERE removal = '' AND "+condition, arg); err != nil {
		return nil, err
	}
	return &g, nil
}

// GroupNames returns what those of the groups are called that still exist, by id.
func (s *Store) GroupNames(ctx context.Context, ids []string) (map[string]string, error) {
	return s.names(ctx, "group", "SELECT id, name FROM user_groups WHERE removal = '' AND id IN (?)", ids)
}

// CreateGroup adds a group. fault.Conflict "name" if there is one of this name, "id" if a form is sent twice.
func (s *Store) CreateGroup(ctx context.Context, g identity.Group, at time.Time, event audit.Event) error {
	g.ID, g.CreatedAt, g.UpdatedAt, g.Version = orNewID(g.ID), at, at, 1
	create := row{table: "user_groups", columns: groupColumns + ", name_key, search_key", value: groupRowOf(g)}
	_, err := s.act(ctx, "group", create.insert("TRUE"), eventOf(event, at))
	return err
}

// UpdateGroup renames and describes the group. g.Version is that of the group it was read as: fault.Conflict with an empty field
// if somebody was faster, and "name" if the name is another's.
func (s *Store) UpdateGroup(ctx context.Context, g identity.Group, at time.Time, event audit.Event) error {
	g.UpdatedAt = at
	n, err := s.act(ctx, "group", statement{`
		UPDATE user_groups SET name = :name, name_key = :name_key, search_key = :search_key, description = :description, updated_at = :updated_at,
			version = version + 1
		WHERE id = :id AND version = :version`, groupRowOf(g)}, eventOf(event, at))
	if err == nil && n == 0 {
		if _, err := s.Group(ctx, g.ID); err != nil {
			return err
		}
		return fault.Conflict("group", "")
	}
	return err
}

// DeleteGroup removes the group; its people stay. fault.Fields while a scope is limited to it: without the group it would be open
// to nobody, or to everybody.
func (s *Store) DeleteGroup(ctx context.Context, id string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		// A scope that comes to name it waits, and one that came before is seen by what follows.
		if err := tx.holdRemovable(ctx, audit.KindGroup, id); err != nil {
			return err
		}
		n, err := tx.exec(ctx, "group", dollars("UPDATE user_groups SET id = id WHERE id = ? AND NOT EXISTS (SELECT 1 FROM scopes WHERE "+names("only_groups")+")"), id, naming(id))
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Fields{"": "Scopes are limited to this group. Take it from them first."}
		}
		if err := tx.remove(ctx, audit.KindGroup, id, at, event); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// Members counts the people in the group, up to CountLimit and one.
func (s *Store) Members(ctx context.Context, groupID string) (n int64, err error) {
	err = s.get(ctx, "member", &n, countedMembers("$1"), groupID)
	return n, err
}

// AddMember takes the person into the group. A second time it does nothing. fault.NotFound if either is gone; fault.Fields where
// the person is in too many groups.
func (s *Store) AddMember(ctx context.Context, groupID, userID string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "group or user", statement{`
		INSERT INTO memberships (group_id, user_id, created_at) SELECT g.id, u.id, :at FROM user_groups g, users u
		WHERE g.id = :group_id AND g.removal = '' AND u.id = :user_id AND (SELECT COUNT(*) FROM memberships WHERE user_id = :user_id) < ` + strconv.Itoa(identity.MaxGroups) + `
		ON CONFLICT (group_id, user_id) DO NOTHING`, map[string]any{"group_id": groupID, "user_id": userID, "at": at}}, eventOf(event, at))
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.Group(ctx, groupID); err != nil {
		return err
	}
	groups, err := s.GroupsOf(ctx, userID)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.ID == groupID {
			return nil
		}
	}
	if len(groups) >= identity.MaxGroups {
		return fault.Fields{"": fmt.Sprintf("One person is in at most %d groups. Take them out of another first.", identity.MaxGroups)}
	}
	return fault.NotFound("user")
}

// RemoveMember takes the person out of the group. fault.NotFound if they are not in it.
func (s *Store) RemoveMember(ctx context.Context, groupID, userID string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "member", statement{"DELETE FROM memberships WHERE group_id = :group_id AND user_id = :user_id",
		map[string]any{"group_id": groupID, "user_id": userID}}, eventOf(event, at))
	return mustChange("member", n, err)
}

// GroupsOf returns the groups that the person is in, by name.
func (s *Store) GroupsOf(ctx context.Context, userID string) ([]identity.Group, error) {
	var groups []identity.Group
	err := s.all(ctx, "group", &groups, "SELECT "+columns("g", "", groupColumns)+
		" FROM memberships m JOIN user_groups g ON g.id = m.group_id AND g.removal = '' WHERE m.user_id = $1 ORDER BY g.search_key", userID)
	return groups, err
}

// Standing returns the person's role, groups and attributes, as they are now, in one statement; fault.NotFound if disabled or unknown.
func (s *Store) Standing(ctx context.Context, userID string) (*oauth.Standing, error) {
	var rows []struct {
		Role       string          `db:"role"`
		Attributes identity.Values `db:"attributes"`
		ID         *string         `db:"id"`
		Name       *string         `db:"name"`
	}
	err := s.all(ctx, "user", &rows, `
		SELECT u.role, `+valuesOf("u.id")+`, g.id, g.name FROM users u LEFT JOIN memberships m ON m.user_id = u.id LEFT JOIN user_groups g ON g.id = m.group_id AND g.removal = ''
		WHERE u.id = $1 AND u.disabled_at IS NULL ORDER BY g.search_key`, userID)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.NotFound("user")
	}
	standing := &oauth.Standing{Role: rows[0].Role, Attributes: rows[0].Attributes}
	for _, r := range rows {
		if r.ID != nil {
			standing.Groups = append(standing.Groups, oauth.Group{ID: *r.ID, Name: *r.Name})
		}
	}
	return standing, nil
}
