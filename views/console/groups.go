package console

import (
	"net/url"
	"time"

	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// GroupsData fills the list of groups.
type GroupsData struct {
	ListData
	Rows    []GroupRow
	CanEdit bool
}

// GroupRow is a group of the list.
type GroupRow struct {
	Group
	Members int64    // beyond CountedTo there are more
	Scopes  []string // that it unlocks
}

// Group is the head of a group's pages.
type Group struct {
	ID, Name, Description string
	Created               time.Time
	Version               int64
}

func (g Group) path() string           { return "/console/groups/" + url.PathEscape(g.ID) }
func (g Group) crumbs() []layout.Crumb { return groupCrumbs(layout.Crumb{Label: g.Name}) }
func (g Group) below(l string) []layout.Crumb {
	return groupCrumbs(layout.Crumb{Label: g.Name, Href: g.path()}, layout.Crumb{Label: l})
}

// removePath is where a person is taken out of the group; from says which page it leads back to.
func (g Group) removePath(userID, from string) string {
	return g.path() + "/members/" + url.PathEscape(userID) + "/remove" + from
}

func groupCrumbs(last ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Groups", Href: "/console/groups"}}, last...)
}

// members says how many people there are, as far as they are counted.
func members(n int64) string {
	if n > CountedTo {
		return "1,000+ people"
	}
	return ui.Count(int(n), "person", "people")
}

// GroupFormData is a group as it stands in its form: what was stored, or what was sent and refused.
type GroupFormData struct {
	Group
	IsNew        bool
	CanEdit      bool
	RequestToken string
	Scopes       []ScopeLink // that are limited to it
	Errs         map[string]string
	Conflict     *Conflict // the race this form lost
}

// ScopeLink is a scope where something else names it.
type ScopeLink struct{ Name, Description string }

func (s ScopeLink) path() string { return Scope{Name: s.Name}.path() }

func (d GroupFormData) frame() frame {
	action := "/console/groups"
	if !d.IsNew {
		action = d.path() + "/edit"
	}
	return frame{
		noun: "group", list: "/console/groups", action: action, isNew: d.IsNew, version: d.Version, requestToken: d.RequestToken,
		conflict: d.Conflict, errs: labelled(ui.Errors(d.Errs, "name", "description"), map[string]string{"name": "Name", "description": "Description"}),
	}
}

// MembersData fills the list of a group's people.
type MembersData struct {
	Group   Group
	CanEdit bool
	ListData
	Rows  []User
	Count string            // how many, in words
	Typed string            // whom somebody tried to add
	Errs  map[string]string // "username" and ""
	Now   time.Time
}

// MemberActData fills the confirmation of taking a person out of a group.
type MemberActData struct {
	Group  Group
	User   User
	Scopes []string      // they may no longer be granted
	Life   time.Duration // how long their tokens may still bear these
	From   string        // "?from=user" where it began on the person's page
	Errs   map[string]string
}

// back is the page that it began on.
func (d MemberActData) back() string {
	if d.From != "" {
		return d.User.path() + "/groups"
	}
	return d.Group.path()
}

// GroupActData fills the confirmation of deleting a group.
type GroupActData struct {
	Group   Group
	Members int64
	Scopes  []ScopeLink // that keep it from that
	Confirm string
	Errs    map[string]string
}

// UserGroupsData fills the tab of a person's role and groups.
type UserGroupsData struct {
	User    User
	Rights  UserRights
	Groups  []Group
	Scopes  []UserScope // that are limited, and whether the person may have them
	Known   []ui.Option // groups to choose from
	CanEdit bool
	Typed   string
	Errs    map[string]string
}

// UserScope is a limited scope, and why a person may be granted it.
type UserScope struct {
	ScopeLink
	Open bool
	Why  string // "Administrator", or the name of a group
}
