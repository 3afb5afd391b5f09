package console

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// ScopesData fills the list of scopes.
type ScopesData struct {
	Q       string // what was searched
	Rows    []ScopeUse
	CanEdit bool
}

// ScopeUse is a scope of the list and who uses it.
type ScopeUse struct {
	Scope
	APIs    []string // names of those that take it
	Clients int      // that may ask for it
}

// Scope is the head of a scope's pages.
type Scope struct {
	Name, Description string
	Builtin           bool // OpenID's own
	Created           time.Time
	Version           int64
	ByName            bool     // not granted unless it is named
	ConsentFree       bool     // nobody is asked about it
	Roles             []string // with Groups, names: whom it is limited to
	Groups            []string
}

// origin says whose a built-in scope is.
func (s Scope) origin() string {
	if s.Name == "groups" {
		return "Gatehouse"
	}
	return "OpenID"
}

func (s Scope) limited() bool { return len(s.Roles)+len(s.Groups) > 0 }

// whom says who may be granted it.
func (s Scope) whom() string {
	if !s.limited() {
		return "Everybody"
	}
	var names []string
	for _, r := range userRoles {
		if slices.Contains(s.Roles, r.Value) {
			names = append(names, r.Label)
		}
	}
	return strings.Join(append(names, s.Groups...), ", ")
}

// Names of scopes may hold anything, a slash too: they stand in the query.
func (s Scope) path() string       { return "/console/scopes/edit?name=" + url.QueryEscape(s.Name) }
func (s Scope) deletePath() string { return "/console/scopes/delete?name=" + url.QueryEscape(s.Name) }
func (s Scope) crumbs() []layout.Crumb {
	return scopeCrumbs(layout.Crumb{Label: s.Name})
}

func (s Scope) below(l string) []layout.Crumb {
	return scopeCrumbs(layout.Crumb{Label: s.Name, Href: s.path()}, layout.Crumb{Label: l})
}

func scopeCrumbs(last ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Scopes", Href: "/console/scopes"}}, last...)
}

// ScopeFormData is a scope as it stands in its form: what was stored, or what was sent and refused.
type ScopeFormData struct {
	Scope
	IsNew        bool
	CanEdit      bool
	RequestToken string
	GroupsTyped  string      // one a line
	Known        []ui.Option // groups there are
	ScopeUsers
	Errs     map[string]string
	Conflict *Conflict // the race this form lost
}

// ScopeUsers are what needs a scope.
type ScopeUsers struct {
	Attributes []Attribute // that applications with it are told
	APIs       []APILink   // that take it
	Clients    []APIClient // that may ask for it, as many as there is room for
	More       int         // clients besides
}

// Any reports whether anything does.
func (u ScopeUsers) Any() bool { return len(u.Attributes)+len(u.APIs)+len(u.Clients) > 0 }

func (d ScopeFormData) frame() frame {
	action := "/console/scopes"
	if !d.IsNew {
		action = d.path()
	}
	return frame{
		noun: "scope", list: "/console/scopes", action: action, isNew: d.IsNew, version: d.Version, requestToken: d.RequestToken,
		conflict: d.Conflict, errs: labelled(ui.Errors(d.Errs, "name", "description", "only_roles", "only_groups"), scopeLabels),
	}
}

var scopeLabels = map[string]string{"name": "Name", "description": "Description", "only_roles": "Roles", "only_groups": "Groups"}

// ScopeActData fills the confirmation of deleting a scope.
type ScopeActData struct {
	Scope Scope
	ScopeUsers
	People int // who allowed it
	Errs   map[string]string
}
