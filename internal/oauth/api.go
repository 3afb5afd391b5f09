package oauth

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/secret"
)

// Formats of access tokens.
const (
	FormatJWT    = "jwt"
	FormatOpaque = "opaque"
)

// What a JWT says.
const (
	ClaimsStandard = "standard" // RFC 9068
	ClaimsTutorial = "tutorial" // sub is the username, scopes a list, and there is no aud
)

// APISigningAlgs are the algorithms an API may have its tokens signed with; the first is the default.
var APISigningAlgs = []string{keys.ES256, keys.RS256, keys.EdDSA, keys.HS256}

// MinSigningSecret is how long a secret shared with an API is at least, in bytes (security.md rule 5).
const MinSigningSecret = 32

const (
	maxSigningSecret = 1 << 10 // bytes
	maxAPIName       = 200     // characters
)

// API is a resource server: something that tokens can be for, besides ourselves. Its identifier is what clients name it by
// (RFC 8707 §2) and the audience of its tokens.
type API struct {
	ID          string `db:"id"`
	Identifier  string `db:"identifier"` // never changed
	Name        string `db:"name"`
	Scopes      Scopes `db:"scope"` // those it takes
	SigningAlg  string `db:"signing_alg"`
	TokenFormat string `db:"token_format"`
	Claims      string `db:"claims"`
	// SigningSecretSealed is the secret shared with the API, sealed; empty unless it signs with HS256.
	SigningSecretSealed string    `db:"signing_secret_sealed"`
	AccessTokenTTL      int64     `db:"access_token_ttl"` // seconds; 0 for the server's own
	Clients             Words     `db:"only_clients"`     // ids of those that may have its tokens; none is all
	CreatedAt           time.Time `db:"created_at"`
	UpdatedAt           time.Time `db:"updated_at"`
	Version             int64     `db:"version"` // grows with each change; a form carries it, so that a lost race is seen
}

// Identify gives a new API its id and its dates, and fills in the defaults.
func (a *API) Identify(now time.Time) {
	a.ID, a.CreatedAt, a.UpdatedAt, a.Version = newID(), now, now, 1
	if a.TokenFormat == "" {
		a.TokenFormat = FormatJWT
	}
	if a.Claims == "" {
		a.Claims = ClaimsStandard
	}
	if a.SigningAlg == "" && a.TokenFormat == FormatJWT {
		a.SigningAlg = APISigningAlgs[0]
	}
}

// Validate says what is wrong with an API, field by field. issuer is this server's: an API is somewhere else (security.md
// rule 6).
func (a *API) Validate(issuer string) fault.Fields {
	f := fault.Fields{}
	if why := identifierFault(a.Identifier, issuer); why != "" {
		f.Add("identifier", why)
	}
	if why := NameFault(a.Name, "the API", maxAPIName); why != "" {
		f.Add("name", why)
	}
	for _, scope := range a.Scopes {
		if !ValidScopeName(scope) || len(scope) > MaxScopeName {
			f.Add("scope", fmt.Sprintf("Names of scopes are up to %d printable ASCII characters without space, \" and \\ (RFC 6749 §3.3).", MaxScopeName))
		}
		if PersonScopes.Has(scope) {
			f.Add("scope", "The scope "+scope+" is OpenID's own: no API takes it.")
		}
	}
	if len(a.Scopes.String()) > maxScope {
		f.Add("scope", "These are too many scopes.")
	}
	switch a.TokenFormat {
	case FormatJWT:
		if !slices.Contains(APISigningAlgs, a.SigningAlg) {
			f.Add("signing_alg", "Choose one of "+strings.Join(APISigningAlgs, ", ")+".")
		}
		if a.Claims != ClaimsStandard && a.Claims != ClaimsTutorial {
			f.Add("claims", "Choose standard or tutorial.")
		}
	case FormatOpaque:
		if a.SigningAlg != "" {
			f.Add("signing_alg", "An opaque token is not signed: leave the algorithm out.")
		}
		if a.Claims != ClaimsStandard {
			f.Add("claims", "An opaque token holds no claims: leave them out.")
		}
	default:
		f.Add("token_format", "Choose jwt or opaque.")
	}
	if why := lifeFault(a.AccessTokenTTL, MaxAccessTokenTTL, "24 hours"); why != "" {
		f.Add("access_token_ttl", why)
	}
	return f
}

// identifierFault says what is wrong with an API's identifier, or "" if nothing: an absolute URI without a fragment (RFC 8707
// §2), and nothing of ours.
func identifierFault(identifier, issuer string) string {
	if identifier == "" {
		return "Enter the URI that applications name the API by."
	}
	if !resourceSyntax(identifier) {
		return "Enter an absolute URI without a fragment, such as https://api.example.com (RFC 8707 §2)."
	}
	u, err := url.Parse(identifier)
	if err != nil {
		return "This is not a URI."
	}
	if ours, err := url.Parse(issuer); err == nil && ours.Host != "" && serviceOf(u) == serviceOf(ours) {
		return "This is an address of Gatehouse itself: an API is somewhere else."
	}
	return ""
}

// serviceOf is what answers at an address, however it is spelled: host and port; this machine has several names.
func serviceOf(u *url.URL) string {
	host, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if addr, err := netip.ParseAddr(host); host == "localhost" || err == nil && addr.Unmap().IsLoopback() {
		host = "localhost"
	}
	if port == "80" || port == "443" {
		port = ""
	}
	return host + ":" + port
}

// resourceSyntax reports whether s is an absolute URI without a fragment (RFC 8707 §2).
func resourceSyntax(s string) bool {
	if len(s) > maxURI || strings.Contains(s, "#") || strings.ContainsFunc(s, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`"<>\^{|}`+"`", r)
	}) {
		return false
	}
	u, err := url.Parse(s)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return u.Hostname() != "" && u.User == nil
	}
	return err == nil && u.Scheme != "" && u.User == nil && (u.Opaque != "" || u.Host != "" || strings.Trim(u.Path, "/") != "")
}

// NewSigningSecret makes a secret to share with an API. It is used as its raw bytes.
func NewSigningSecret() string { return secret.New("gh_ss_") }

// SealSigningSecret keeps a secret shared with the API, sealed for its row (security.md rule 23). It has to have its id.
// fault.Fields "signing_secret" if it is too weak.
func (a *API) SealSigningSecret(sealer *secret.Sealer, value string) error {
	if len(value) < MinSigningSecret || len(value) > maxSigningSecret {
		return fault.Fields{"signing_secret": fmt.Sprintf("Use %d to %d bytes, such as the output of openssl rand -hex 32.", MinSigningSecret, maxSigningSecret)}
	}
	a.SigningSecretSealed = sealer.Seal(signingSecretPurpose, a.signingSecretAAD(), []byte(value))
	return nil
}

func (a *API) signingSecret(sealer *secret.Sealer) ([]byte, error) {
	return sealer.Open(signingSecretPurpose, a.signingSecretAAD(), a.SigningSecretSealed)
}

// signingSecretPurpose separates the key that seals APIs' secrets from every other use of the master key.
const signingSecretPurpose = "api signing secret"

// signingSecretAAD binds a sealed secret to its table, row and column.
func (a *API) signingSecretAAD() string { return "apis/" + a.ID + "/signing_secret_sealed" }

// symmetric reports whether the API's tokens are signed with a secret that it holds too.
func (a *API) symmetric() bool { return a != nil && a.SigningAlg == keys.HS256 }

// takes reports whether a token for the API may bear the scope. Our own API (nil) takes all there are.
func (a *API) takes(scope string) bool { return a == nil || a.Scopes.Has(scope) }

// opens reports whether these scopes open anything at the API: one that has scopes gives no token without any.
func (a *API) opens(scopes Scopes) bool {
	return a == nil || len(a.Scopes) == 0 || len(a.narrowed(scopes)) > 0
}

// Serves reports whether the client may have tokens for the API: those without any scope would open what checks none.
func (a *API) Serves(c *Client) bool { return a.opens(c.Scopes) && a.admits(c.ID) }

// admits reports whether the client is one of those that may have the API's tokens, whatever their scopes.
func (a *API) admits(clientID string) bool {
	return a == nil || len(a.Clients) == 0 || slices.Contains(a.Clients, clientID)
}

// Stranded are the clients whose default resource the API is although they may have no tokens for it.
func (a *API) Stranded(clients []Client) []Client {
	return slices.DeleteFunc(slices.Clone(clients), func(c Client) bool {
		return c.DefaultResource != a.Identifier || len(c.GrantTypes) == 0 || a.Serves(&c)
	})
}

// narrowed is what a token for the API may bear of the scopes.
func (a *API) narrowed(scopes Scopes) Scopes {
	if a == nil {
		return scopes
	}
	return scopes.Common(a.Scopes)
}
