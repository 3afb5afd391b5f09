package console

import (
	"net/url"
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
	APIs         []APILink   // that take it
	Clients      []APIClient // that may ask for it, as many as there is room for
	More         int         // clients besides
	Errs         map[string]string
	Conflict     *Conflict // the race this form lost
}

func (d ScopeFormData) used() bool { return len(d.APIs)+len(d.Clients) > 0 }

func (d ScopeFormData) frame() frame {
	action := "/console/scopes"
	if !d.IsNew {
		action = d.path()
	}
	return frame{
		noun: "scope", list: "/console/scopes", action: action, isNew: d.IsNew, version: d.Version, requestToken: d.RequestToken,
		conflict: d.Conflict, errs: labelled(ui.Errors(d.Errs, "name", "description"), map[string]string{"name": "Name", "description": "Description"}),
	}
}

// ScopeActData fills the confirmation of deleting a scope.
type ScopeActData struct {
	Scope   Scope
	APIs    []APILink   // that take it
	Clients []APIClient // that may ask for it, as many as there is room for
	More    int         // clients besides
	People  int         // who allowed it
	Errs    map[string]string
}

func (d ScopeActData) used() bool { return len(d.APIs)+len(d.Clients) > 0 }
