package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
)

// accessTokenType is the typ header of RFC 9068 §2.1.
const accessTokenType = "at+jwt"

// registered are the claims every JWT of ours has. aud is one string: one token serves one audience (security.md rule 6).
type registered struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expiry   int64  `json:"exp"` // seconds since 1970
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
}

// ofPerson reports whether a person stands behind the token. Client ids and subjects never coincide (RFC 9700 §4.15).
func (c *accessClaims) ofPerson() bool { return c.Subject != c.ClientID }

func (s *Server) signAccessToken(ctx context.Context, call *tokenCall, g *granted, life time.Duration) (string, error) {
	claims := accessClaims{
		registered: registered{
			Issuer: s.Issuer, Subject: g.userID, Audience: s.Issuer,
			Expiry: call.now.Add(life).Unix(), IssuedAt: call.now.Unix(),
		},
		JTI: newID(), ClientID: call.client.ID, Scope: g.scopes.String(), GrantID: g.grantID,
	}
	if g.userID == "" {
		claims.Subject = call.client.ID // RFC 9068 §2.2
	} else {
		claims.AuthTime = g.authTime.Unix()
	}
	return s.Keys.Sign(ctx, keys.ES256, accessTokenType, claims)
}

// accessToken reads one of our access tokens: type, signature, issuer, audience and expiry hold. A nil result means that it
// is none; whether its grant is live is for live to say.
func (s *Server) accessToken(ctx context.Context, token string) (*accessClaims, error) {
	var claims accessClaims
	err := s.Keys.Verify(ctx, token, keys.Purpose{Type: accessTokenType, Algorithms: []string{keys.ES256}}, &claims)
	if errors.Is(err, keys.ErrUnverified) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if claims.Issuer != s.Issuer || claims.Audience != s.Issuer || s.Now().Unix() >= claims.Expiry {
		return nil, nil
	}
	return &claims, nil
}

// live asks the store, in one statement, whether the token's grant holds this very moment. The person is nil for a token of
// client_credentials; ok is false if the grant has ended.
func (s *Server) live(ctx context.Context, c *accessClaims) (person *Person, ok bool, err error) {
	if c.ofPerson() {
		person, err = s.Store.LivePerson(ctx, c.GrantID, c.ClientID, c.Subject, c.JTI)
	} else {
		err = s.Store.LiveClientGrant(ctx, c.GrantID, c.ClientID, c.JTI)
	}
	if fault.IsNotFound(err) {
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
