package oauth

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/secret"
)

// Paths of the endpoints below the issuer.
const (
	PathAuthorize  = "/oauth/authorize"
	PathToken      = "/oauth/token"
	PathRevoke     = "/oauth/revoke"
	PathIntrospect = "/oauth/introspect"
	PathUserinfo   = "/oauth/userinfo"
	PathJWKS       = "/oauth/jwks"
	PathErrors     = "/errors/"
)

// Paths by which the FastAPI guides call the same endpoints (tutorial.go), and the one they read people from.
const (
	PathTutorialAuthorize = "/auth"
	PathTutorialToken     = "/token"
	PathTutorialRefresh   = "/refresh_token"
	PathMe                = "/users/me"
)

// Lifetimes of what the server hands out.
type Lifetimes struct {
	Code              time.Duration
	Interaction       time.Duration // a request that waits for its person
	AccessToken       time.Duration // of a person's token
	ClientAccessToken time.Duration // of client_credentials
	IDToken           time.Duration
	Refresh           time.Duration // absolute, for the whole family
	RefreshIdle       time.Duration // unless used before
	Reuse             time.Duration // how long a spent refresh token may be retried by a public client
	ReuseConfidential time.Duration // the same where the client authenticates
}

// DefaultLifetimes are those of product.md §6.
func DefaultLifetimes() Lifetimes {
	return Lifetimes{
		Code: time.Minute, Interaction: 30 * time.Minute,
		AccessToken: 15 * time.Minute, ClientAccessToken: 10 * time.Minute, IDToken: 15 * time.Minute,
		Refresh: 30 * 24 * time.Hour, RefreshIdle: 14 * 24 * time.Hour,
		Reuse: 10 * time.Second, ReuseConfidential: time.Minute,
	}
}

// Policy is what administrators settle for the rulebook.
type Policy struct {
	Lifetimes Lifetimes
	// ImplicitGrant and PasswordGrant switch on what RFC 9700 §2.1.2 and §2.4 advise against.
	ImplicitGrant bool
	PasswordGrant bool
}

// DefaultPolicy is that of a house in which nobody has settled anything.
func DefaultPolicy() *Policy { return &Policy{Lifetimes: DefaultLifetimes()} }

// on reports whether the switch of a grant, if it has one, is on.
func (p *Policy) on(grant string) bool {
	return (grant != GrantPassword || p.PasswordGrant) && (grant != GrantImplicit || p.ImplicitGrant)
}

// maxReuse bounds the reuse interval where it starts at a node's return to ready (security.md rule 1).
const maxReuse = 5 * time.Minute

// Server is the rulebook at work. Make it with New.
type Server struct {
	Config
	grants map[string]grant // at the token endpoint
}

// Config is what a Server needs.
type Config struct {
	Issuer string
	Store  Store
	Keys   *keys.Ring
	Sealer *secret.Sealer // opens the secrets shared with APIs
	// Policy is what administrators have settled, as it is now: it may change between two requests. It is not to be changed.
	Policy func() *Policy
	Now    func() time.Time // UTC, to the microsecond
	// ReadySince tells when this node last became ready to serve: retries that waited for it are not taken for replays.
	ReadySince func() time.Time

	// Admit counts a request of a client that has identified itself, or refuses it; nil admits everything.
	Admit func(c *Client, ip string) error
	// CheckPassword proves a person for the password grant, with the counters of the sign-in page (security.md rule 16).
	CheckPassword func(ctx context.Context, c *Client, username, password string, from audit.Caller) (PasswordCheck, error)
	// DefaultClient is the client_id of whoever does not identify itself at the guides' paths; empty for nobody.
	DefaultClient string
}

// New makes a Server.
func New(c Config) *Server {
	s := &Server{Config: c}
	if c.Policy == nil {
		s.Policy = DefaultPolicy
	}
	// A map on the Server: discovery, registration and the console's checkboxes read it, less what the policy switches off.
	s.grants = map[string]grant{
		GrantAuthorizationCode: s.redeemCode,
		GrantRefreshToken:      s.refresh,
		GrantClientCredentials: s.actAsItself,
		GrantPassword:          s.tradePassword,
	}
	return s
}

// responses are the response types that are on.
func (s *Server) responses() []responseType {
	policy := s.Policy()
	var on []responseType
	for _, t := range responseTypes {
		if policy.on(t.grant) {
			on = append(on, t)
		}
	}
	return on
}

// GrantTypes lists the grants that are on, in the order people meet them.
func (s *Server) GrantTypes() []string {
	var out []string
	policy := s.Policy()
	for _, g := range []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantPassword, GrantImplicit} {
		_, atToken := s.grants[g]
		if policy.on(g) && (atToken || slices.ContainsFunc(responseTypes, func(t responseType) bool { return t.grant == g })) {
			out = append(out, g)
		}
	}
	return out
}

// tokenGrants are the grants by what is written down when they hand out an access token.
var tokenGrants = map[audit.Action]string{
	audit.CodeRedeemed: GrantAuthorizationCode, audit.TokenRefreshed: GrantRefreshToken, audit.TokenRetried: GrantRefreshToken,
	audit.TokenIssued: GrantClientCredentials, audit.PasswordTraded: GrantPassword, audit.ImplicitIssued: GrantImplicit,
}

// GrantOf is the grant by which what happened handed out an access token, empty where it did not.
func GrantOf(action audit.Action) string { return tokenGrants[action] }

// TokenActions lists what is written down when an access token is handed out.
func TokenActions() []audit.Action { return slices.Sorted(maps.Keys(tokenGrants)) }

// ResponseTypes lists the response types that are on.
func (s *Server) ResponseTypes() []string {
	var out []string
	for _, t := range s.responses() {
		out = append(out, t.name)
	}
	return out
}

// ErrorURI is the public page that explains an error code; the request id leads an operator to the cause.
func (s *Server) ErrorURI(code, requestID string) string {
	return s.Issuer + PathErrors + url.PathEscape(code) + "?request=" + url.QueryEscape(requestID)
}

// Catalog reads the scopes and APIs there are. It is not to be changed.
func (s *Server) Catalog(ctx context.Context) (*Catalog, error) { return s.catalog(ctx) }

func (s *Server) catalog(ctx context.Context) (*Catalog, error) { return s.Store.Catalog(ctx, s.Now()) }

func cause(rule, expected string, received audit.Received, remedy string) audit.Cause {
	return audit.Cause{Rule: rule, Expected: expected, Received: received, Remedy: remedy}
}

// causeReceived is cause for a value that may be kept as it is: a protocol parameter that is no secret.
func causeReceived(rule, expected, received, remedy string) audit.Cause {
	return cause(rule, expected, audit.Value(received), remedy)
}
