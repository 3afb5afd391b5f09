package oauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/secret"
)

// accessTokenType is the typ header of RFC 9068 §2.1.
const accessTokenType = "at+jwt"

// registered are the claims every JWT of ours has. aud is one string: one token serves one audience (security.md rule 6).
type registered struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud,omitempty"` // empty only in tokens of tutorial claims
	Expiry   int64  `json:"exp"`           // seconds since 1970
	IssuedAt int64  `json:"iat"`
}

// The methods of jwt.Claims; the claims are judged where they are used.
func (r registered) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(r.Expiry, 0)), nil
}
func (r registered) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(r.IssuedAt, 0)), nil
}
func (r registered) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }
func (r registered) GetIssuer() (string, error)              { return r.Issuer, nil }
func (r registered) GetSubject() (string, error)             { return r.Subject, nil }
func (r registered) GetAudience() (jwt.ClaimStrings, error)  { return jwt.ClaimStrings{r.Audience}, nil }

// accessClaims are the claims of an access token (RFC 9068 §2.2) and the grant it names (security.md rule 3).
type accessClaims struct {
	registered
	JTI      string `json:"jti"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope,omitempty"`
	AuthTime int64  `json:"auth_time,omitempty"` // seconds since 1970
	GrantID  string `json:"gid"`

	// Of tutorial claims: the scopes as a list, and the API's id in place of an audience, which the guides' libraries refuse.
	Scopes *[]string `json:"scopes,omitempty"`
	APIID  string    `json:"api,omitempty"`
}

// ofPerson reports whether a person stands behind the token. Client ids never coincide with subjects and usernames (RFC 9700
// §4.15).
func (c *accessClaims) ofPerson() bool { return c.Subject != c.ClientID }

// scope is what the token bears, as the protocol writes it.
func (c *accessClaims) scope() string {
	if c.Scopes != nil {
		return Scopes(*c.Scopes).String()
	}
	return c.Scope
}

// userID is the person behind the token, as far as it says: tutorial claims name the username alone.
func (c *accessClaims) userID() string {
	if c.APIID != "" || !c.ofPerson() {
		return ""
	}
	return c.Subject
}

// AccessToken is an opaque access token as it is kept.
type AccessToken struct {
	Hash      string    `db:"hash"` // secret.Hash of the token
	JTI       string    `db:"jti"`
	APIID     string    `db:"api_id"`
	GrantID   string    `db:"grant_id"` // the family, or the client's own grant
	ClientID  string    `db:"client_id"`
	Subject   string    `db:"subject"` // the user's id, or the client's where it acts as itself
	Scopes    Scopes    `db:"scope"`
	CreatedAt time.Time `db:"created_at"`
	ExpiresAt time.Time `db:"expires_at"`
}

// opaquePrefix begins every opaque access token.
const opaquePrefix = "gh_at_"

// makeAccessToken makes an access token for what was granted: a JWT signed as its API wants it, or an opaque one, which has to
// be saved.
func (s *Server) makeAccessToken(ctx context.Context, call *tokenCall, g *granted, life time.Duration) (string, *AccessToken, error) {
	claims := accessClaims{
		registered: registered{
			Issuer: s.Issuer, Subject: g.userID, Audience: s.Issuer,
			Expiry: call.now.Add(life).Unix(), IssuedAt: call.now.Unix(),
		},
		JTI: newID(), ClientID: call.client.ID, Scope: g.api.narrowed(g.scopes).String(), GrantID: g.grantID,
	}
	if g.userID == "" {
		claims.Subject = call.client.ID // RFC 9068 §2.2
	} else {
		claims.AuthTime = g.authTime.Unix()
	}
	if g.api == nil {
		token, err := s.Keys.Sign(ctx, ownAlg, accessTokenType, claims)
		return token, nil, err
	}
	claims.Audience = g.api.Identifier
	if g.api.TokenFormat == FormatOpaque {
		token := secret.New(opaquePrefix)
		return token, &AccessToken{
			Hash: secret.Hash(token), JTI: claims.JTI, APIID: g.api.ID, GrantID: g.grantID, ClientID: call.client.ID, Subject: claims.Subject,
			Scopes: g.api.narrowed(g.scopes), CreatedAt: call.now, ExpiresAt: call.now.Add(life),
		}, nil
	}
	if g.api.symmetric() {
		claims.JTI = g.api.ID + "." + claims.JTI
	}
	if g.api.Claims == ClaimsTutorial {
		if err := s.asTutorial(ctx, &claims, g); err != nil {
			return "", nil, err
		}
	}
	token, err := s.signFor(ctx, g.api, claims)
	return token, nil, err
}

// saveWith writes down what spends nothing: a further access token of a grant that exists already.
func (s *Server) saveWith(ctx context.Context, opaque *AccessToken, event audit.Event) error {
	if opaque == nil {
		return s.Store.Record(ctx, event)
	}
	return s.Store.SaveAccessToken(ctx, *opaque, event)
}

// asTutorial turns the claims into those of the FastAPI guides: the username as subject, the scopes as a list, no audience.
func (s *Server) asTutorial(ctx context.Context, claims *accessClaims, g *granted) error {
	scopes := append([]string{}, g.api.narrowed(g.scopes)...)
	claims.Audience, claims.Scope, claims.AuthTime, claims.Scopes, claims.APIID = "", "", 0, &scopes, g.api.ID
	if g.userID == "" {
		return nil
	}
	person, err := s.Store.Person(ctx, g.userID)
	if err != nil {
		return err
	}
	claims.Subject = person.Username
	return nil
}

// ownAlg signs what is for our own API.
const ownAlg = keys.ES256

// signFor signs with the key that the API verifies with.
func (s *Server) signFor(ctx context.Context, api *API, claims accessClaims) (string, error) {
	if !api.symmetric() {
		return s.Keys.Sign(ctx, api.SigningAlg, accessTokenType, claims)
	}
	shared, err := api.signingSecret(s.Sealer)
	if err != nil {
		return "", err
	}
	return keys.SignShared(shared, api.ID, accessTokenType, claims)
}

// accessToken reads an access token for our own API: type, signature, issuer, audience and expiry hold. A nil result means that
// it is none; whether its grant is live is for live to say.
func (s *Server) accessToken(ctx context.Context, token string) (*accessClaims, error) {
	return s.readJWT(ctx, token, ownAlg, s.Issuer)
}

// readJWT reads an access token that is signed with a key of the ring: by this algorithm, for this audience (security.md rule 5).
func (s *Server) readJWT(ctx context.Context, token, alg, audience string) (*accessClaims, error) {
	var claims accessClaims
	err := s.Keys.Verify(ctx, token, keys.Purpose{Type: accessTokenType, Algorithms: []string{alg}}, &claims)
	if errors.Is(err, keys.ErrUnverified) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !s.validFor(&claims, audience) {
		return nil, nil
	}
	return &claims, nil
}

// validFor reports whether claims whose signature holds are ours, for this audience, and not expired (RFC 9068 §4).
func (s *Server) validFor(c *accessClaims, audience string) bool {
	return c.Issuer == s.Issuer && c.Audience == audience && s.Now().Unix() < c.Expiry
}

// anyAccessToken reads an access token for whatever API: ours, for which the result's API is nil, or another. A nil result means
// that it is none.
func (s *Server) anyAccessToken(ctx context.Context, token string) (*accessClaims, *API, error) {
	if strings.HasPrefix(token, opaquePrefix) {
		return s.opaqueToken(ctx, token)
	}
	var asked accessClaims
	alg, kid, ok := keys.Peek(token, &asked)
	if !ok {
		return nil, nil, nil
	}
	if asked.Audience == s.Issuer {
		claims, err := s.accessToken(ctx, token)
		return claims, nil, err
	}
	// Nothing is proven so far: it only says which API's key to try, and with that its algorithm.
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, nil, err
	}
	api := catalog.API(asked.Audience)
	switch {
	case alg == keys.HS256:
		api = catalog.APIByID(kid)
	case asked.Audience == "":
		api = catalog.APIByID(asked.APIID)
	}
	if api == nil {
		return nil, nil, nil
	}
	claims, err := s.readFor(ctx, api, alg, token)
	if err != nil || claims == nil || claims.IssuedAt < api.CreatedAt.Unix() { // for another API that had this identifier before
		return nil, nil, err
	}
	return claims, api, nil
}

// readFor reads a JWT for the API, by the API's own algorithm and key.
func (s *Server) readFor(ctx context.Context, api *API, alg, token string) (*accessClaims, error) {
	if api.TokenFormat != FormatJWT || alg != api.SigningAlg {
		return nil, nil
	}
	audience := api.Identifier
	if api.Claims == ClaimsTutorial {
		audience = ""
	}
	if !api.symmetric() {
		claims, err := s.readJWT(ctx, token, alg, audience)
		if claims == nil || audience == "" && claims.APIID != api.ID {
			return nil, err
		}
		return claims, err
	}
	shared, err := api.signingSecret(s.Sealer)
	if err != nil {
		return nil, err
	}
	var claims accessClaims
	if err := keys.VerifyShared(token, shared, api.ID, accessTokenType, &claims); err != nil {
		return nil, nil //nolint:nilerr // it is none
	}
	if !s.validFor(&claims, audience) || !s.couldBeOurs(api, &claims) {
		return nil, nil
	}
	return &claims, nil
}

// maxJTI is longer than any jti of ours, in bytes.
const maxJTI = 128

// couldBeOurs bounds what an API may make up that shares a secret with us: the names of its own tokens, and times they may have.
func (s *Server) couldBeOurs(api *API, c *accessClaims) bool {
	return strings.HasPrefix(c.JTI, api.ID+".") && len(c.JTI) <= maxJTI && ValidText(c.JTI) && c.Expiry <= s.Now().Add(MaxAccessTokenTTL).Unix()
}

// opaqueToken reads an opaque access token.
func (s *Server) opaqueToken(ctx context.Context, token string) (*accessClaims, *API, error) {
	row, api, err := s.Store.AccessToken(ctx, secret.Hash(token))
	if fault.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if s.Now().Unix() >= row.ExpiresAt.Unix() { // by the second, as its revocation
		return nil, nil, nil
	}
	return &accessClaims{
		registered: registered{Issuer: s.Issuer, Subject: row.Subject, Audience: api.Identifier, Expiry: row.ExpiresAt.Unix(), IssuedAt: row.CreatedAt.Unix()},
		JTI:        row.JTI, ClientID: row.ClientID, Scope: row.Scopes.String(), GrantID: row.GrantID,
	}, api, nil
}

// live asks the store, in one statement, whether the token's grant holds this very moment. The person is nil for a token of
// client_credentials; ok is false if the grant has ended.
func (s *Server) live(ctx context.Context, c *accessClaims) (person *Person, ok bool, err error) {
	if c.ofPerson() {
		person, err = s.Store.LivePerson(ctx, c.GrantID, c.ClientID, c.JTI)
	} else {
		err = s.Store.LiveClientGrant(ctx, c.GrantID, c.ClientID, c.JTI)
	}
	if fault.IsNotFound(err) || err == nil && person != nil && c.Subject != person.Subject && (c.APIID == "" || c.Subject != person.Username) {
		return nil, false, nil
	}
	return person, err == nil, err
}

// bearer proves a bearer token (RFC 6750 §3.1) and returns its claims and person.
func (s *Server) bearer(ctx context.Context, token string) (*accessClaims, *Person, error) {
	invalid := func(rule, expected string) error {
		return InvalidToken("The access token is invalid, expired or revoked.").
			Because(cause(rule, expected, audit.Shape(token), "Get a new access token."))
	}
	claims, err := s.accessToken(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	if claims == nil {
		return nil, nil, invalid("access_token_valid", "an unexpired access token of this server for its own API")
	}
	person, ok, err := s.live(ctx, claims)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, concerning(invalid("grant_live", "a live grant, person, client and session, and a token that was not revoked"), claims.ClientID, "")
	}
	return claims, person, nil
}
