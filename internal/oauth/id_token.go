package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"

	"gatehouse/internal/keys"
)

// idTokenType is the typ header of an ID token; an access token never passes for one (RFC 8725 §3.11).
const idTokenType = "JWT"

// idClaims are the claims of an ID token (OpenID Connect Core §2). Standard claims about the person come from userinfo.
type idClaims struct {
	registered
	AuthTime int64    `json:"auth_time"` // seconds since 1970
	Nonce    string   `json:"nonce,omitempty"`
	AMR      []string `json:"amr,omitempty"` // RFC 8176
	AtHash   string   `json:"at_hash"`

	own map[string]any // beside these, which they never replace
}

// MarshalJSON writes the standard's claims and our own.
func (c idClaims) MarshalJSON() ([]byte, error) {
	type standard idClaims
	b, err := json.Marshal(standard(c))
	if err != nil || len(c.own) == 0 {
		return b, err
	}
	all := maps.Clone(c.own)
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func (s *Server) signIDToken(ctx context.Context, call *tokenCall, g *granted, accessToken string) (string, error) {
	own, err := s.ownClaims(ctx, g.userID, nil, g.scopes)
	if err != nil {
		return "", err
	}
	claims := idClaims{
		registered: registered{
			Issuer: s.Issuer, Subject: g.userID, Audience: call.client.ID,
			Expiry: call.now.Add(s.Policy().IDTokenLife(call.client).For).Unix(), IssuedAt: call.now.Unix(),
		},
		AuthTime: g.authTime.Unix(), Nonce: g.nonce, AMR: g.amr, AtHash: halfHash(accessToken), own: own,
	}
	return s.Keys.Sign(ctx, call.client.IDTokenSignedResponseAlg, idTokenType, claims)
}

// halfHash is at_hash: the left half of the hash, SHA-256 for RS256 and ES256 alike (OpenID Connect Core §3.1.3.6).
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// verifyIDToken reads an ID token of ours, expired or not: its signature, type and issuer hold. A nil result means that it
// is none.
func (s *Server) verifyIDToken(ctx context.Context, token string) (*idClaims, error) {
	var claims idClaims
	err := s.Keys.Verify(ctx, token, keys.Purpose{Type: idTokenType, Algorithms: []string{keys.RS256, keys.ES256}, Retired: true}, &claims)
	if errors.Is(err, keys.ErrUnverified) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if claims.Issuer != s.Issuer {
		return nil, nil
	}
	return &claims, nil
}
