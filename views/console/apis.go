package console

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// APIsData fills the list of APIs.
type APIsData struct {
	Q       string // what was searched
	Rows    []APIRow
	CanEdit bool
}

// APIRow is one API of the list.
type APIRow struct {
	API
	Scopes []string
	Life   string // of its access tokens, "" for the server's own
}

// API is the head of an API's pages.
type API struct {
	ID, Name, Identifier string
	Format               string // "jwt" or "opaque"
	Alg                  string // "" for opaque tokens
	Claims               string // "standard" or "tutorial"
	Created              time.Time
	Version              int64
}

func (a API) path() string           { return "/console/apis/" + url.PathEscape(a.ID) }
func (a API) opaque() bool           { return a.Format == "opaque" }
func (a API) shared() bool           { return a.Alg == "HS256" }
func (a API) crumbs() []layout.Crumb { return apiCrumbs(layout.Crumb{Label: a.Name}) }
func (a API) below(l string) []layout.Crumb {
	return apiCrumbs(layout.Crumb{Label: a.Name, Href: a.path()}, layout.Crumb{Label: l})
}

func apiCrumbs(last ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "APIs", Href: "/console/apis"}}, last...)
}

// formatName is what the format of tokens is called.
func (a API) formatName() string {
	if a.opaque() {
		return "Opaque"
	}
	return "JWT"
}

// tokens says in short what its tokens are.
func (a API) tokens() string {
	if a.Alg == "" {
		return a.formatName()
	}
	return a.formatName() + ", " + a.Alg
}

// APILink is an API where a client chooses one.
type APILink struct{ ID, Name, Identifier string }

// apiOptions are the APIs to choose from, after none.
func apiOptions(none string, apis []APILink) []ui.Option {
	options := []ui.Option{{Value: "", Label: none}}
	for _, a := range apis {
		options = append(options, ui.Option{Value: a.Identifier, Label: a.Name + " · " + a.Identifier})
	}
	return options
}

// APIFormData is an API as it stands in its form: what was stored, or what was sent and refused.
type APIFormData struct {
	API          // ID is "" for a new one
	CanEdit      bool
	RequestToken string // makes a new API's form one: sent twice it makes one API

	Formats, Algs, Claimed []Choice    // what a new one chooses from
	OwnSecret              bool        // the signing secret is the API's own, not one that we make
	SecretLost             bool        // it was sent with a form that comes back: it is never printed
	Life                   string      // as typed; "" for the server's own
	DefaultLife            string      // the server's own, in words
	Scopes                 []ScopeRow  // as typed, empty rows included
	Known                  []ui.Option // scopes that exist

	JWKS, Introspection string // addresses of ours
	Clients             []APIClient

	AddedScope   bool // a row was just added: it takes the focus
	RemovedScope bool // a row was just removed: the button that adds one takes its focus
	Errs         map[string]string
	Conflict     *Conflict // the race this form lost
}

// ScopeRow is a scope in the form of an API.
type ScopeRow struct {
	Name, Description string
	Shown             string   // the description that the scope had when it was shown; "" if it was not
	Also              []string // names of other APIs that take it
}

// APIClient is a client that names the API.
type APIClient struct {
	ID, Name string
	Own      bool // it is the API, and introspects
	Default  bool // its tokens are for the API where it asks for nothing else
	Disabled bool
}

func (d APIFormData) isNew() bool { return d.ID == "" }

func (d APIFormData) action() string {
	if d.isNew() {
		return "/console/apis"
	}
	return d.path()
}

func (d APIFormData) frame() frame {
	return frame{
		noun: "API", list: "/console/apis", action: d.action(), isNew: d.isNew(), version: d.Version, requestToken: d.RequestToken,
		conflict: d.Conflict, errs: d.errors(),
	}
}

// untouched tells a new API's form that nobody has sent yet.
func (d APIFormData) untouched() bool {
	return d.isNew() && len(d.Errs) == 0 && !d.AddedScope && !d.RemovedScope
}

// rows are the rows to draw: one empty row where there is none.
func (d APIFormData) rows() []ScopeRow {
	if len(d.Scopes) == 0 {
		return []ScopeRow{{}}
	}
	return d.Scopes
}

// identifierUse says what the identifier is for.
func (d APIFormData) identifierUse() string {
	if d.Claims == "tutorial" {
		return "Clients send it as resource. It cannot be changed."
	}
	return "Clients send it as resource, and tokens carry it as their audience. It cannot be changed."
}

// hasOwnClient reports whether the API can introspect.
func (d APIFormData) hasOwnClient() bool {
	return slices.ContainsFunc(d.Clients, func(c APIClient) bool { return c.Own })
}

// ownClient is where the API's own client is registered.
func (d APIFormData) ownClient() string {
	return "/console/clients/new?resource_server=" + url.QueryEscape(d.Identifier)
}

var apiLabels = map[string]string{
	"name": "Name", "identifier": "Identifier", "token_format": "Format", "signing_alg": "Signature", "claims": "Claims",
	"signing_secret": "Signing secret", "access_token_ttl": "Access token lifetime", "scope_names": "Scope", "scope_descriptions": "Scope",
	"scopes": "Scopes",
}

func (d APIFormData) errors() []ui.FieldError {
	order := []string{"name", "identifier", "scopes", "scope_names", "scope_descriptions", "token_format", "signing_alg", "signing_secret", "claims", "access_token_ttl"}
	if !d.isNew() {
		order = []string{"name", "scopes", "scope_names", "scope_descriptions", "access_token_ttl"}
	}
	return labelled(ui.Errors(d.Errs, order...), apiLabels)
}

// alsoTaken says which other APIs a scope's description speaks for.
func (r ScopeRow) alsoTaken() string {
	return "Also used by " + strings.Join(r.Also, " and ") + ": a new description applies there too."
}

// APIActData fills a confirmation: rotating the signing secret of an API, or deleting it.
type APIActData struct {
	API       API
	Clients   []APIClient       // that name it
	TokenLife time.Duration     // how long a token may outlive the act where only its signature is checked
	OwnSecret bool              // the new signing secret is the API's own, not one that we make
	Confirm   string            // what was typed
	Errs      map[string]string // "", "confirm" and "signing_secret"
}

// NewSigningSecretData is a secret that is shared with an API from now on. It is shown this once.
type NewSigningSecretData struct {
	API    API
	Secret string
	NewAPI bool   // the API was made with it
	Issuer string // what the API has to know besides
}
