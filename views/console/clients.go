package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/oauth"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// ClientsData fills the list of clients.
type ClientsData struct {
	Q, Kind, Grant, Status string // what was searched: one of ClientKinds, ClientGrants, ClientStatuses
	Sorted                 Sorting
	Rows                   []ClientRow
	Count                  int    // clients that match
	Previous, Next         string // URLs of the neighbouring pages, "" where there is none
	CSV, JSON              string // URLs of what is listed as a file
	CanEdit                bool
	Now                    time.Time
}

// ClientRow is one client of the list.
type ClientRow struct {
	Client
	URI      string
	Grants   []string
	Families int // that live; beyond FamiliesCountedTo there are more
}

// FamiliesCountedTo is how far the families of a listed client are counted.
const FamiliesCountedTo = 100

func (r ClientRow) families() string {
	if r.Families > FamiliesCountedTo {
		return number(FamiliesCountedTo) + "+"
	}
	return number(r.Families)
}

func (d ClientsData) searched() bool {
	return d.Q != "" || d.Kind != "" || d.Grant != "" || d.Status != ""
}

// ClientKinds are the kinds of clients a list is narrowed to.
func ClientKinds() []ui.Option {
	options := []ui.Option{{Label: "Any type"}}
	for _, kind := range oauth.Kinds {
		options = append(options, ui.Option{Value: kind, Label: clientKindNames[kind]})
	}
	return options
}

// ClientGrants are the grants a list is narrowed to: those that are off, too.
func ClientGrants() []ui.Option {
	options := []ui.Option{{Label: "Any grant"}}
	for _, g := range []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials, oauth.GrantPassword, oauth.GrantImplicit} {
		options = append(options, ui.Option{Value: g, Label: grantNames[g]})
	}
	return options
}

// ClientStatuses are the states a list is narrowed to.
func ClientStatuses() []ui.Option {
	return []ui.Option{
		{Label: "Any status"}, {Value: "active", Label: "Active"}, {Value: "disabled", Label: "Disabled"}, {Value: "locked", Label: noLiveSecret},
		{Value: "idle", Label: "Unused for 90 days"}, {Value: "unused", Label: "Never used"},
	}
}

// Client is the head of a client's pages.
type Client struct {
	ID, Name    string
	Kind        string // of oauth.Client
	Public      bool   // holds no secret
	FirstParty  bool
	Disabled    bool
	Created     time.Time
	LastUsed    time.Time // zero: never
	Now         time.Time
	LiveSecrets int
	Version     int64
	Logo        string // hash of a picture
	Scopes      int    // that it may ask for
}

const noLiveSecret = "No live secret"

// state is the client's badge. One that cannot prove itself is not active, whatever its settings say.
func (c Client) state() (tone, text string) {
	switch {
	case c.Disabled:
		return "off", "Disabled"
	case !c.Public && c.LiveSecrets == 0:
		return "warning", noLiveSecret
	}
	return "success", "Active"
}

func (c Client) path() string           { return "/console/clients/" + url.PathEscape(c.ID) }
func (c Client) scopesPath() string     { return c.path() + "/scopes" }
func (c Client) duplicatePath() string  { return "/console/clients/new?from=" + url.QueryEscape(c.ID) }
func (c Client) crumbs() []layout.Crumb { return clientCrumbs(layout.Crumb{Label: c.Name}) }
func (c Client) below(l string) []layout.Crumb {
	return clientCrumbs(layout.Crumb{Label: c.Name, Href: c.path()}, layout.Crumb{Label: l})
}

func clientCrumbs(last ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Clients", Href: "/console/clients"}}, last...)
}

// ClientFormData is a client as it stands in its form: what was stored, or
// what was sent and refused. Its fields have the names of RFC 7591.
type ClientFormData struct {
	ID      string // "" for a new client
	Version int64
	CanEdit bool
	// RequestToken makes a new client's form one: sent twice it makes one client.
	RequestToken string

	ClientName      string
	ApplicationType string   // "web" or "native"
	AuthMethod      string   // token_endpoint_auth_method
	RedirectURIs    []string // as typed, empty rows included
	Grants          []Choice // grant_types
	Scopes          []Choice // scopes
	RequirePKCE     bool
	FirstParty      bool
	SigningAlg      string // id_token_signed_response_alg
	Contacts        string // one a line
	DefaultResource string // identifier of an API, "" for our own
	ResourceServer  string // identifier of the API that this client is, "" for none
	APIs            []APILink
	Lives           []LifeField    // of a new client that was not made from nothing
	Marks           []SettingField // the same

	Profile    *ClientProfile // what a new client's form was prefilled for; nil for nothing
	Notice     string         // what became of metadata that was read
	AddedURI   bool           // a row was just added: it takes the focus
	RemovedURI bool           // a row was just removed: the button that adds one takes its focus
	Errs       map[string]string
	Conflict   *Conflict // the race this form lost
}

// untouched tells a new client's form that nobody has sent yet.
func (d ClientFormData) untouched() bool {
	return d.ID == "" && len(d.Errs) == 0 && !d.AddedURI && !d.RemovedURI
}

// Choice is one of a set of things to have. Badge warns, in the tone given.
type Choice struct {
	Value, Label, Hint, Badge, Tone string
	Checked                         bool
}

// Conflict says that somebody else saved first. The form holds the loser's
// values; Changes lists each field that differs.
type Conflict struct {
	What    string    // what was changed: "client"
	By      string    // who saved, "" when unknown
	At      time.Time // when
	Changes []Change
}

// Change is a field with its stored value and the one in the form.
type Change struct{ Field, Theirs, Yours string }

func (d ClientFormData) frame() frame {
	return frame{
		noun: "client", list: "/console/clients", action: d.action(), isNew: d.ID == "", version: d.Version, requestToken: d.RequestToken,
		conflict: d.Conflict, errs: d.errors(),
	}
}

func (d ClientFormData) action() string {
	if d.ID == "" {
		return "/console/clients"
	}
	return "/console/clients/" + url.PathEscape(d.ID)
}

// uris are the rows to draw: one empty row where there is none.
func (d ClientFormData) uris() []string {
	if len(d.RedirectURIs) == 0 {
		return []string{""}
	}
	return d.RedirectURIs
}

// authMethods are the choices there are: a client that exists neither begins nor ceases to have a secret.
func (d ClientFormData) authMethods() []Choice {
	if d.ID == "" {
		return authMethods
	}
	return slices.DeleteFunc(slices.Clone(authMethods), func(m Choice) bool { return (m.Value == "none") != (d.AuthMethod == "none") })
}

// clientLabels are the fields' names where a summary lists several faults.
var clientLabels = map[string]string{
	"client_name": "Name", "application_type": "Type", "client_uri": "Home page", "token_endpoint_auth_method": "Authentication",
	"redirect_uris": "Redirect URI", "grant_types": "Grants", "scopes": "Scopes", "require_pkce": "PKCE", "first_party": "First party",
	"id_token_signed_response_alg": "ID token signature", "logo": "Logo", "accent_color": "Accent", "policy_uri": "Privacy policy", "tos_uri": "Terms of service", "contacts": "Contacts",
	"default_resource": "Tokens are for", "resource_server": "Own client of", "access_token_ttl": "Access token", "id_token_ttl": "ID token",
	"refresh_token_ttl": "Refresh token, at most", "refresh_token_idle": "Refresh token, unused",
}

// ClientLabel is what a field of the form is called.
func ClientLabel(field string) string { return clientLabels[field] }

func (d ClientFormData) errors() []ui.FieldError { return labelled(d.inOrder(), clientLabels) }

// labelled puts the name of its field before each message, and the number of its row.
func labelled(list []ui.FieldError, labels map[string]string) []ui.FieldError {
	for i := range list {
		base, row, numbered := strings.Cut(list[i].Field, ".")
		label := labels[base]
		if n, err := strconv.Atoi(row); numbered && err == nil {
			label += " " + strconv.Itoa(n+1)
		}
		if label != "" {
			list[i].Message = label + ": " + list[i].Message
		}
	}
	return list
}

func (d ClientFormData) inOrder() []ui.FieldError {
	return ui.Errors(d.Errs, "client_name", "application_type", "token_endpoint_auth_method", "redirect_uris",
		"grant_types", "scopes", "default_resource", "resource_server", "require_pkce", "first_party", "id_token_signed_response_alg", "access_token_ttl", "id_token_ttl", "refresh_token_ttl", "refresh_token_idle", "logo", "accent_color", "client_uri", "policy_uri", "tos_uri", "contacts")
}

var applicationTypes = []ui.Option{
	{Value: "web", Label: "Web application"},
	{Value: "native", Label: "Native application"},
}

var signingAlgs = []ui.Option{
	{Value: "RS256", Label: "RS256, read by every library"},
	{Value: "ES256", Label: "ES256, smaller and faster"},
}

var authMethods = []Choice{
	{Value: "client_secret_basic", Label: "Secret in the Authorization header", Hint: "client_secret_basic. For servers that can keep a secret. What most libraries do."},
	{Value: "client_secret_post", Label: "Secret in the form body", Hint: "client_secret_post. For libraries that cannot send the header."},
	{Value: "none", Label: "No secret", Hint: "none. For apps on people's devices and in browsers: whatever they hold, anybody can read. PKCE protects them."},
}

func label(options []ui.Option, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

// clientKindNames are what kinds of clients are called.
var clientKindNames = map[string]string{
	oauth.KindWeb: "Web app", oauth.KindSPA: "Single-page app", oauth.KindNative: "Native app", oauth.KindService: "Service", oauth.KindAPI: "API",
}

var grantNames = map[string]string{
	"authorization_code": "Authorization code",
	"refresh_token":      "Refresh token",
	"client_credentials": "Client credentials",
	"password":           "Password",
	"implicit":           "Implicit",
}

func grantList(grants []string) string {
	names := make([]string, len(grants))
	for i, g := range grants {
		if names[i] = grantNames[g]; names[i] == "" {
			names[i] = g
		}
		if i > 0 {
			names[i] = strings.ToLower(names[i])
		}
	}
	return strings.Join(names, ", ")
}

func checked(choices []Choice) []Choice {
	var on []Choice
	for _, c := range choices {
		if c.Checked {
			on = append(on, c)
		}
	}
	return on
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// ClientProfile is a kind of application to register, and what its form is prefilled with.
type ClientProfile struct {
	Name, Label, Icon, Text string
	Sets                    []Choice // what is set, and why: Label and Hint
}

const metadataExample = `{"client_name": "Invoices", "redirect_uris": ["https://invoices.example.com/callback"]}`

// ImportData fills the form that reads a client's metadata.
type ImportData struct {
	Metadata string // as it was pasted
	Errs     map[string]string
}

// ClientActData fills a confirmation: disabling or deleting a client.
type ClientActData struct {
	Client    Client
	Impact    Impact
	TokenLife time.Duration     // how long an access token may outlive the act where only its signature is checked
	Confirm   string            // what was typed
	Errs      map[string]string // "" and "confirm"
}

// Impact is what an act ends.
type Impact struct{ Secrets, Families, Consents, People int }

// SecretRevokeData fills the confirmation of revoking a secret.
type SecretRevokeData struct {
	Client Client
	Secret Secret
	Last   bool // the client's only live secret
	Now    time.Time
	Errs   map[string]string // ""
}

// ClientAccessData fills the tab of what a client holds.
type ClientAccessData struct {
	Client             Client
	Families, Sessions ListData // how many live
	FamilyRows         []Family // the newest
	SessionRows        []Session
}

// CredentialsData fills the credentials of a client.
type CredentialsData struct {
	Client  Client
	Secrets []Secret // newest first
	Full    bool     // no further secret may be added
	Expires string   // chosen lifetime of SecretLifetimes
	CanEdit bool
	Now     time.Time
	// RequestToken makes the form that adds a secret one: sent twice it adds one secret.
	RequestToken string
	Errs         map[string]string // "", "expires_in"
}

// Secret is a client secret without the secret. Zero times: never.
type Secret struct {
	ID, Last4 string
	Created   time.Time
	Expires   time.Time
	LastUsed  time.Time
	Revoked   time.Time
}

func (s Secret) live(now time.Time) bool {
	return s.Revoked.IsZero() && (s.Expires.IsZero() || now.Before(s.Expires))
}

// unused is the state of a secret that nobody has presented yet.
const unused = "Not used yet"

// state is the secret's badge.
func (s Secret) state(now time.Time) (tone, text string) {
	switch {
	case !s.Revoked.IsZero():
		return "off", "Revoked"
	case !s.live(now):
		return "danger", "Expired"
	case !s.Expires.IsZero() && s.Expires.Sub(now) < 30*24*time.Hour:
		return "warning", "Expires " + ui.Relative(s.Expires, now)
	case s.LastUsed.IsZero():
		return "accent", unused
	}
	return "success", "In use"
}

// SecretLifetimes are the choices for how long a new secret lives: the values
// of expires_in, in days; "0" is for ever.
func SecretLifetimes() []ui.Option {
	return []ui.Option{
		{Value: "365", Label: "Expires in a year"},
		{Value: "180", Label: "Expires in 180 days"},
		{Value: "90", Label: "Expires in 90 days"},
		{Value: "30", Label: "Expires in 30 days"},
		{Value: "0", Label: "Never expires"},
	}
}

// NewSecretData is a secret that was just made. It is shown this once.
type NewSecretData struct {
	Client    Client
	Secret    string
	Expires   time.Time // zero: never
	NewClient bool      // the client was made with it
	Issuer    string    // what the application has to know besides
}
