package oauth

import (
	"database/sql/driver"
	"slices"
	"strings"
	"time"
)

// Client authentication methods (OpenID Connect Core §9, RFC 7591 §2).
const (
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthNone  = "none"
)

// Grant types (RFC 7591 §2).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantPassword          = "password" // RFC 6749 §4.3
	GrantImplicit          = "implicit" // RFC 6749 §4.2
)

// switches are the settings that switch on what is off, by grant type.
var switches = map[string]string{GrantPassword: "GATEHOUSE_PASSWORD_GRANT", GrantImplicit: "GATEHOUSE_IMPLICIT_GRANT"}

// Application types (OpenID Connect Dynamic Client Registration §2).
const (
	ApplicationWeb    = "web"
	ApplicationNative = "native"
)

// Kinds of applications, as people tell them apart. RFC 7591 has no member for it: it follows from what a client registers.
const (
	KindWeb     = "web"     // runs on a server that keeps a secret
	KindSPA     = "spa"     // runs in a browser
	KindNative  = "native"  // runs on a person's device
	KindService = "service" // acts as itself alone
	KindAPI     = "api"     // asks for no tokens: it introspects those it is sent
)

// Kinds are all of them.
var Kinds = []string{KindWeb, KindSPA, KindNative, KindService, KindAPI}

// MaxRedirectURIs and MaxLiveSecrets bound a client (product.md §6).
const (
	MaxRedirectURIs = 50
	MaxLiveSecrets  = 5
)

// Client is an application that may ask for tokens. Its fields bear the names of RFC 7591 §2.
type Client struct {
	ID                       string       `db:"id"` // ours, never a subject or username (RFC 9700 §4.15)
	Name                     string       `db:"client_name"`
	ApplicationType          string       `db:"application_type"`
	RedirectURIs             RedirectURIs `db:"redirect_uris"`
	GrantTypes               Words        `db:"grant_types"`
	Scopes                   Scopes       `db:"scope"` // those the client may ask for
	TokenEndpointAuthMethod  string       `db:"token_endpoint_auth_method"`
	IDTokenSignedResponseAlg string       `db:"id_token_signed_response_alg"`
	RequirePKCE              bool         `db:"require_pkce"` // our own member; false only for confidential clients
	FirstParty               bool         `db:"first_party"`  // our own member: people trust it as they trust us, and are not asked to consent
	ClientURI                string       `db:"client_uri"`
	PolicyURI                string       `db:"policy_uri"`
	TosURI                   string       `db:"tos_uri"`
	Logo                     string       `db:"logo"`   // hash of a brand.Image; logo_uri is where we serve it
	Accent                   string       `db:"accent"` // as brand.ParseAccent writes it; our own member
	Contacts                 Words        `db:"contacts"`
	// DefaultResource is the API that tokens are for where a request names no resource; empty: our own. Our own member.
	DefaultResource string `db:"default_resource"`
	// ResourceServer is the API that this client is, and introspects for (RFC 7662 §4); empty for none. Our own member.
	ResourceServer string `db:"resource_server"`
	// How long its tokens hold, in seconds; 0 for the server's own. Our own members; Policy.AccessTokenLife and its kin read them.
	AccessTokenTTL   int64 `db:"access_token_ttl"`
	IDTokenTTL       int64 `db:"id_token_ttl"`
	RefreshTokenTTL  int64 `db:"refresh_token_ttl"`  // from the beginning of a family on
	RefreshTokenIdle int64 `db:"refresh_token_idle"` // unless it is used before
	// GrantID is the grant that tokens of client_credentials name; "revoke all of this client" replaces it (security.md rule 3).
	GrantID    string     `db:"grant_id"`
	DisabledAt *time.Time `db:"disabled_at"`
	CreatedAt  time.Time  `db:"created_at"`
	UpdatedAt  time.Time  `db:"updated_at"`
	Version    int64      `db:"version"` // grows with each change; a form carries it, so that a lost race is seen
}

// Public reports whether the client authenticates by nothing (RFC 6749 §2.1).
func (c *Client) Public() bool { return c.TokenEndpointAuthMethod == AuthNone }

// Enabled reports whether the client may be served.
func (c *Client) Enabled() bool { return c.DisabledAt == nil }

// Allows reports whether the client registered the grant type.
func (c *Client) Allows(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// ResponseTypes follow from the grant types (RFC 7591 §2.1).
func (c *Client) ResponseTypes() []string {
	types := []string{}
	for _, t := range responseTypes {
		if c.Allows(t.grant) {
			types = append(types, t.name)
		}
	}
	return types
}

// Kind is what kind of application the client is. The store finds clients by it.
func (c *Client) Kind() string {
	switch {
	case len(c.GrantTypes) == 0:
		return KindAPI
	case len(c.GrantTypes) == 1 && c.Allows(GrantClientCredentials):
		return KindService
	case c.ApplicationType == ApplicationNative:
		return KindNative
	case c.Public():
		return KindSPA
	}
	return KindWeb
}

// WithPeople reports whether people take part in one of the client's grants.
func (c *Client) WithPeople() bool {
	return c.Allows(GrantAuthorizationCode) || c.Allows(GrantImplicit) || c.Allows(GrantPassword)
}

// ClientSecret is one of a client's secrets, kept as a hash and a hint.
type ClientSecret struct {
	ID         string     `db:"id"`
	ClientID   string     `db:"client_id"`
	Hash       string     `db:"hash"` // secret.Hash of the whole secret
	Hint       string     `db:"hint"` // its last four characters
	CreatedAt  time.Time  `db:"created_at"`
	ExpiresAt  *time.Time `db:"expires_at"`
	LastUsedAt *time.Time `db:"last_used_at"` // to about a minute
	RevokedAt  *time.Time `db:"revoked_at"`
}

// Live reports whether the secret opens the door at the given time.
func (s *ClientSecret) Live(at time.Time) bool {
	return s.RevokedAt == nil && (s.ExpiresAt == nil || at.Before(*s.ExpiresAt))
}

// Words is a list of words without spaces, kept in one TEXT column.
type Words []string

// Value keeps the list in one TEXT column.
func (w Words) Value() (driver.Value, error) { return strings.Join(w, " "), nil }

// Scan reads what Value wrote.
func (w *Words) Scan(src any) error {
	text, err := scanText(src)
	if err != nil {
		return err
	}
	*w = strings.Fields(text)
	return nil
}

// RedirectURIs is a list of redirection URIs, kept in one TEXT column, one a line.
type RedirectURIs []string

// Value keeps the list in one TEXT column.
func (u RedirectURIs) Value() (driver.Value, error) { return strings.Join(u, "\n"), nil }

// Scan reads what Value wrote.
func (u *RedirectURIs) Scan(src any) error {
	text, err := scanText(src)
	if err != nil {
		return err
	}
	*u = nil
	if text != "" {
		*u = strings.Split(text, "\n")
	}
	return nil
}
