package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/mail"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// MaxClientName bounds a client's name, in characters.
const MaxClientName = 200

const maxContacts = 10

// Offer is what a client can be given.
type Offer struct {
	GrantTypes []string // that are on
	Scopes     []Scope  // that exist
	APIs       []API    // that exist
}

// Validate says what is wrong with a client, field by field, by the names of RFC 7591 §2; one redirect URI is
// "redirect_uris.N". The console, the command line and registration ask it alike.
func (c *Client) Validate(o Offer) fault.Fields {
	f := fault.Fields{}
	if why := NameFault(c.Name, "the application", MaxClientName); why != "" {
		f.Add("client_name", why)
	}
	if c.ApplicationType != ApplicationWeb && c.ApplicationType != ApplicationNative {
		f.Add("application_type", "Choose web or native.")
	}
	if !slices.Contains(AuthMethods, c.TokenEndpointAuthMethod) {
		f.Add("token_endpoint_auth_method", "Choose one of "+strings.Join(AuthMethods, ", ")+".")
	}
	if !slices.Contains(IDTokenAlgs, c.IDTokenSignedResponseAlg) {
		f.Add("id_token_signed_response_alg", "Choose one of "+strings.Join(IDTokenAlgs, ", ")+".")
	}
	c.validateGrants(f, o.GrantTypes)
	c.validateRedirectURIs(f)
	c.validateScopes(f, o.Scopes)
	c.validateResources(f, o.APIs)
	c.validateLives(f)
	c.validateBrand(f)
	if len(c.Contacts) > maxContacts {
		f.Add("contacts", fmt.Sprintf("At most %d contacts.", maxContacts))
	}
	for _, contact := range c.Contacts {
		// They are kept in one column with spaces between; net/mail lets spaces beyond ASCII pass.
		if a, err := mail.ParseAddress(contact); err != nil || a.Address != contact || !ValidText(contact) || strings.ContainsFunc(contact, unicode.IsSpace) {
			f.Add("contacts", "Enter e-mail addresses.")
		}
	}
	return f
}

// NameFault says what is wrong with a name that people go by, or "" if nothing. whose says what it is the name of.
func NameFault(name, whose string, most int) string {
	switch trimmed := strings.TrimSpace(name); {
	case trimmed == "":
		return "Give " + whose + " a name that people recognise."
	case len([]rune(trimmed)) > most:
		return fmt.Sprintf("Use at most %d characters.", most)
	case !ValidText(name) || strings.ContainsFunc(name, misleading):
		return "Use plain text."
	}
	return ""
}

func (c *Client) validateBrand(f fault.Fields) {
	for field, uri := range map[string]string{"client_uri": c.ClientURI, "policy_uri": c.PolicyURI, "tos_uri": c.TosURI} {
		if why := WebURIFault(uri); uri != "" && why != "" {
			f.Add(field, why)
		}
	}
	if accent, ok := brand.ParseAccent(c.Accent); c.Accent != "" && (!ok || accent != c.Accent) {
		f.Add("accent_color", brand.AccentFault)
	}
	if c.Logo != "" && !brand.IsHash(c.Logo) {
		f.Add("logo", "This is no picture of ours: upload one.")
	}
}

// misleading characters break a line, or make text read otherwise than it is: controls and the marks that turn its direction.
func misleading(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\u200b' || r == '\u200e' || r == '\u200f' || r == '\ufeff' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func (c *Client) validateGrants(f fault.Fields, grantTypes []string) {
	if len(c.GrantTypes) == 0 && c.ResourceServer == "" { // an API need not ask for tokens
		f.Add("grant_types", "Choose at least one grant type.")
	}
	for _, g := range c.GrantTypes {
		if setting := switches[g]; !slices.Contains(grantTypes, g) && setting != "" {
			f.Add("grant_types", "The grant type "+g+" is switched off: "+setting+"=true switches it on.")
		} else if !slices.Contains(grantTypes, g) {
			f.Add("grant_types", "The grant type "+g+" is unknown.")
		}
	}
	if c.Allows(GrantRefreshToken) && !c.Allows(GrantAuthorizationCode) && !c.Allows(GrantPassword) {
		f.Add("grant_types", "Refresh tokens come where people sign in: choose authorization_code too.")
	}
	if c.Allows(GrantClientCredentials) && c.Public() {
		f.Add("grant_types", "A public client cannot act as itself: give it a secret, or leave client_credentials out.")
	}
	if !c.RequirePKCE && c.Public() { // RFC 9700 §2.1.1
		f.Add("require_pkce", "A public client has to use PKCE.")
	}
}

func (c *Client) validateRedirectURIs(f fault.Fields) {
	if len(c.ResponseTypes()) > 0 && len(c.RedirectURIs) == 0 {
		f.Add("redirect_uris", "Enter at least one redirect URI: the answer to an authorization request needs one.")
	}
	if len(c.RedirectURIs) > MaxRedirectURIs {
		f.Add("redirect_uris", fmt.Sprintf("At most %d redirect URIs.", MaxRedirectURIs))
	}
	for i := range c.RedirectURIs {
		if fault := RedirectURIFault(c.RedirectURIs, i); fault != "" {
			f.Add(fmt.Sprintf("redirect_uris.%d", i), fault)
		}
	}
}

// RedirectURIFault says what is wrong with one of the redirect URIs of a client, or "" if nothing.
func RedirectURIFault(uris []string, i int) string {
	if fault := redirectURIFault(uris[i]); fault != "" {
		return fault
	}
	if slices.Index(uris, uris[i]) < i {
		return "This redirect URI is there twice."
	}
	return ""
}

func (c *Client) validateScopes(f fault.Fields, scopes []Scope) {
	var unknown, ofPerson Scopes
	for _, name := range c.Scopes {
		if !slices.ContainsFunc(scopes, func(s Scope) bool { return s.Name == name }) {
			unknown = append(unknown, name)
		}
		if PersonScopes.Has(name) && !c.WithPeople() {
			ofPerson = append(ofPerson, name)
		}
	}
	if len(unknown) > 0 {
		f.Add("scope", "There is no scope "+strings.Join(unknown, ", ")+".")
	}
	if len(ofPerson) > 0 {
		f.Add("scope", "These need a person, and so a grant in which one takes part: "+strings.Join(ofPerson, ", ")+".")
	}
}

func (c *Client) validateResources(f fault.Fields, apis []API) {
	find := func(field, identifier string) *API {
		i := slices.IndexFunc(apis, func(a API) bool { return a.Identifier == identifier })
		if i >= 0 {
			return &apis[i]
		}
		if identifier != "" {
			f.Add(field, "There is no API of this identifier.")
		}
		return nil
	}
	if api := find("default_resource", c.DefaultResource); api != nil && len(c.GrantTypes) > 0 {
		switch {
		case !api.admits(c.ID):
			f.Add("default_resource", "This API gives tokens only to clients that it names, and this is none of them.")
		case !api.opens(c.Scopes):
			f.Add("default_resource", "The client may ask for none of this API's scopes ("+api.Scopes.String()+"): give it one.")
		}
	}
	find("resource_server", c.ResourceServer)
	if c.ResourceServer != "" && c.Public() { // security.md rule 6
		f.Add("resource_server", "An API introspects as a confidential client: give this one a secret.")
	}
}

// WebURIFault says what is wrong with the address of a page that people are led to, or "" if nothing.
func WebURIFault(s string) string {
	u, err := url.Parse(s)
	if err == nil && len(s) <= maxURI && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`"<>\`, r)
	}) {
		return ""
	}
	return "Enter a full address that begins with https:// or http://."
}

// clientIDPrefix begins every client id, and no username or subject (RFC 9700 §4.15).
const clientIDPrefix = "cl_"

// Identify gives a new client its id, its first grant and its dates.
func (c *Client) Identify(now time.Time) {
	c.ID = clientIDPrefix + secret.New("")[:22] // 132 bits
	c.GrantID, c.CreatedAt, c.UpdatedAt, c.Version = newID(), now, now, 1
}

// NewClientSecret makes a secret and the row that keeps its hash. The value is shown once and never again.
func NewClientSecret(clientID string, now time.Time, expiresAt *time.Time) (value string, row ClientSecret) {
	value = secret.New("gh_cs_")
	return value, ClientSecret{
		ID: newID(), ClientID: clientID, Hash: secret.Hash(value), Hint: value[len(value)-4:], CreatedAt: now, ExpiresAt: expiresAt,
	}
}

// metadata is client metadata on the wire (RFC 7591 §2). Pointers tell what was left out.
type metadata struct {
	RedirectURIs             []string `json:"redirect_uris"`
	TokenEndpointAuthMethod  *string  `json:"token_endpoint_auth_method"`
	GrantTypes               []string `json:"grant_types"`
	ResponseTypes            []string `json:"response_types"`
	ClientName               *string  `json:"client_name"`
	ClientURI                *string  `json:"client_uri"`
	PolicyURI                *string  `json:"policy_uri"`
	TosURI                   *string  `json:"tos_uri"`
	AccentColor              *string  `json:"accent_color"`
	Contacts                 []string `json:"contacts"`
	Scope                    *string  `json:"scope"`
	ApplicationType          *string  `json:"application_type"`
	IDTokenSignedResponseAlg *string  `json:"id_token_signed_response_alg"`
	RequirePKCE              *bool    `json:"require_pkce"`
	FirstParty               *bool    `json:"first_party"`
	DefaultResource          *string  `json:"default_resource"`
	ResourceServer           *string  `json:"resource_server"`
	AccessTokenTTL           *int64   `json:"access_token_ttl"` // seconds, as the three after it
	IDTokenTTL               *int64   `json:"id_token_ttl"`
	RefreshTokenTTL          *int64   `json:"refresh_token_ttl"`
	RefreshTokenIdle         *int64   `json:"refresh_token_idle"`

	// Read only to refuse both at once (RFC 7591 §2): no method of ours uses a client's keys yet.
	JWKS    json.RawMessage `json:"jwks"`
	JWKSURI *string         `json:"jwks_uri"`
}

// InvalidClientMetadata refuses a registration (RFC 7591 §3.2.2).
func InvalidClientMetadata(description string) *Error {
	return &Error{Code: "invalid_client_metadata", Description: description}
}

// ClientFromMetadata reads client metadata (RFC 7591 §2) and fills in the defaults. Members it does not know are ignored, as
// RFC 7591 asks. The client is not validated yet.
func ClientFromMetadata(document []byte) (*Client, *Error) {
	var m metadata
	if err := unmarshalObject(document, &m); err != nil {
		return nil, InvalidClientMetadata("The metadata is not a JSON object as RFC 7591 has it: " + err.Error() + ".")
	}
	if m.JWKSURI != nil && len(m.JWKS) > 0 { // RFC 7591 §2
		return nil, InvalidClientMetadata("jwks and jwks_uri exclude each other.")
	}
	c := &Client{
		Name: value(m.ClientName, ""), ApplicationType: value(m.ApplicationType, ApplicationWeb), RedirectURIs: m.RedirectURIs,
		GrantTypes: m.GrantTypes, TokenEndpointAuthMethod: value(m.TokenEndpointAuthMethod, AuthBasic),
		IDTokenSignedResponseAlg: value(m.IDTokenSignedResponseAlg, IDTokenAlgs[0]), RequirePKCE: value(m.RequirePKCE, true), FirstParty: value(m.FirstParty, false),
		ClientURI: value(m.ClientURI, ""), PolicyURI: value(m.PolicyURI, ""), TosURI: value(m.TosURI, ""), Contacts: m.Contacts, Accent: accentOf(m.AccentColor),
		DefaultResource: value(m.DefaultResource, ""), ResourceServer: value(m.ResourceServer, ""),
		AccessTokenTTL: value(m.AccessTokenTTL, 0), IDTokenTTL: value(m.IDTokenTTL, 0),
		RefreshTokenTTL: value(m.RefreshTokenTTL, 0), RefreshTokenIdle: value(m.RefreshTokenIdle, 0),
	}
	if m.GrantTypes == nil {
		c.GrantTypes = grantsFor(m.ResponseTypes)
	}
	if strings.TrimSpace(c.Name) == "" {
		c.Name = "Unnamed application"
	}
	scopes, err := ParseScopes(value(m.Scope, ""))
	if err != nil {
		return nil, InvalidClientMetadata("scope is malformed.")
	}
	c.Scopes = scopes
	if m.Scope == nil && c.WithPeople() {
		c.Scopes = Scopes{ScopeGroups}.Missing(PersonScopes)
	}
	for _, word := range slices.Concat([]string(c.GrantTypes), c.Contacts) {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' }) {
			return nil, InvalidClientMetadata("grant_types and contacts hold words without spaces.")
		}
	}
	// RFC 7591 §2.1: the response types have to fit the grant types; where only one of the two is given, the other follows.
	if m.ResponseTypes != nil && !slices.Equal(slices.Sorted(slices.Values(m.ResponseTypes)), slices.Sorted(slices.Values(c.ResponseTypes()))) {
		return nil, InvalidClientMetadata("response_types do not fit grant_types, with which go: " + strings.Join(c.ResponseTypes(), ", ") + ".")
	}
	return c, nil
}

// accentOf is a colour as we keep it; what is none stays, to be found by Validate.
func accentOf(color *string) string {
	text := value(color, "")
	if accent, ok := brand.ParseAccent(text); ok {
		return accent
	}
	return text
}

// IgnoredMembers are those of a client's metadata that are not kept: what a server does not understand it ignores (RFC 7591 §2), but
// whoever brings a client along should hear of it.
func IgnoredMembers(document []byte) []string {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil
	}
	known := reflect.TypeFor[metadata]()
	for i := range known.NumField() {
		if name := known.Field(i).Tag.Get("json"); !strings.HasPrefix(name, "jwks") { // read, but of no use yet
			delete(members, name)
		}
	}
	return slices.Sorted(maps.Keys(members))
}

// grantsFor are the grant types of a client that names none: those its response types need, else the code (RFC 7591 §2).
func grantsFor(names []string) Words {
	var grants Words
	for _, t := range responseTypes {
		if slices.Contains(names, t.name) {
			grants = append(grants, t.grant)
		}
	}
	if grants == nil {
		grants = Words{GrantAuthorizationCode}
	}
	return grants
}

// MetadataFault turns what Validate found into the error of RFC 7591 §3.2.2, or nil.
func MetadataFault(f fault.Fields) *Error {
	if len(f) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(f))
	for _, name := range names { // redirect URIs have a code of their own
		if strings.HasPrefix(name, "redirect_uris") {
			return &Error{Code: "invalid_redirect_uri", Description: name + ": " + f[name]}
		}
	}
	return InvalidClientMetadata(names[0] + ": " + f[names[0]])
}

// Registration is a client as RFC 7591 §3.2.1 answers it.
type Registration struct {
	ClientID                 string   `json:"client_id"`
	ClientSecret             string   `json:"client_secret,omitempty"`
	ClientIDIssuedAt         int64    `json:"client_id_issued_at"`                // seconds since 1970
	ClientSecretExpiresAt    *int64   `json:"client_secret_expires_at,omitempty"` // seconds since 1970; 0 never; only beside a secret
	ClientName               string   `json:"client_name"`
	ApplicationType          string   `json:"application_type"`
	RedirectURIs             []string `json:"redirect_uris"`
	GrantTypes               []string `json:"grant_types"`
	ResponseTypes            []string `json:"response_types"`
	Scope                    string   `json:"scope"`
	TokenEndpointAuthMethod  string   `json:"token_endpoint_auth_method"`
	IDTokenSignedResponseAlg string   `json:"id_token_signed_response_alg"`
	RequirePKCE              bool     `json:"require_pkce"`
	FirstParty               bool     `json:"first_party,omitempty"`
	ClientURI                string   `json:"client_uri,omitempty"`
	PolicyURI                string   `json:"policy_uri,omitempty"`
	TosURI                   string   `json:"tos_uri,omitempty"`
	LogoURI                  string   `json:"logo_uri,omitempty"`
	AccentColor              string   `json:"accent_color,omitempty"` // our own member
	Contacts                 []string `json:"contacts,omitempty"`
	DefaultResource          string   `json:"default_resource,omitempty"`
	ResourceServer           string   `json:"resource_server,omitempty"`
	AccessTokenTTL           int64    `json:"access_token_ttl,omitempty"` // seconds, as the three after it
	IDTokenTTL               int64    `json:"id_token_ttl,omitempty"`
	RefreshTokenTTL          int64    `json:"refresh_token_ttl,omitempty"`
	RefreshTokenIdle         int64    `json:"refresh_token_idle,omitempty"`
}

// Registration describes the client of the issuer; secretValue is empty unless it was made just now.
func (c *Client) Registration(issuer, secretValue string, secretExpires *time.Time) Registration {
	r := Registration{
		ClientID: c.ID, ClientSecret: secretValue, ClientIDIssuedAt: c.CreatedAt.Unix(), ClientName: c.Name, ApplicationType: c.ApplicationType,
		RedirectURIs: orEmpty(c.RedirectURIs), GrantTypes: orEmpty(c.GrantTypes), ResponseTypes: c.ResponseTypes(), Scope: c.Scopes.String(),
		TokenEndpointAuthMethod: c.TokenEndpointAuthMethod, IDTokenSignedResponseAlg: c.IDTokenSignedResponseAlg, RequirePKCE: c.RequirePKCE, FirstParty: c.FirstParty,
		ClientURI: c.ClientURI, PolicyURI: c.PolicyURI, TosURI: c.TosURI, Contacts: c.Contacts,
		DefaultResource: c.DefaultResource, ResourceServer: c.ResourceServer,
		AccessTokenTTL: c.AccessTokenTTL, IDTokenTTL: c.IDTokenTTL, RefreshTokenTTL: c.RefreshTokenTTL, RefreshTokenIdle: c.RefreshTokenIdle,
	}
	if c.Logo != "" {
		r.LogoURI = issuer + brand.LogoPath(c.Logo)
	}
	if c.Accent != "" {
		r.AccentColor = "#" + c.Accent
	}
	if secretValue != "" {
		var at int64
		if secretExpires != nil {
			at = secretExpires.Unix()
		}
		r.ClientSecretExpiresAt = &at
	}
	return r
}

func orEmpty[S ~[]string](s S) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// unmarshalObject reads one JSON object strictly: nothing after it, no member twice, which parsers read differently (RFC
// 8259 §4), and names as they are written, where encoding/json would take Redirect_URIs for redirect_uris.
func unmarshalObject(document []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(document))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return errors.New("it is no object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return errors.New("it is not valid JSON")
		}
		name := token.(string)
		if _, twice := members[name]; twice {
			return errors.New("a member is there twice")
		}
		var member json.RawMessage
		if err := d.Decode(&member); err != nil {
			return errors.New("it is not valid JSON")
		}
		members[name] = member
	}
	if _, err := d.Token(); err != nil {
		return errors.New("it is not valid JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	// Every member that RFC 7591 and its kin define is in lower-case ASCII; others are unknown, and ignored.
	maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool {
		return strings.ContainsFunc(name, func(r rune) bool { return r >= 'A' && r <= 'Z' || r > '~' })
	})
	exact, err := json.Marshal(members)
	if err != nil {
		return errors.New("it is not valid JSON")
	}
	if err := json.Unmarshal(exact, into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("%s has the wrong type", kind.Field)
		}
		return errors.New("it is not valid JSON")
	}
	return nil
}
