package oauth

import (
	"context"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// Introspection is the answer of RFC 7662 §2.2. Of a token that is not active nothing else is said.
type Introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Username  string `json:"username,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expiry    int64  `json:"exp,omitempty"` // seconds since 1970
	IssuedAt  int64  `json:"iat,omitempty"` // seconds since 1970
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	JTI       string `json:"jti,omitempty"`
}

// Introspect tells a confidential client about its own tokens, and about those for the API that it is; everything else is not
// active (RFC 7662 §2.1, §4).
func (s *Server) Introspect(ctx context.Context, p Params, authorization string) (*Introspection, error) {
	client, err := s.caller(ctx, p, authorization, "") // public clients, which count by address, do not introspect
	if err != nil {
		return nil, err
	}
	if client.Public() { // security.md rule 6
		return nil, InvalidClient().For(client.ID, "").
			Because(cause("client_confidential", "a confidential client", audit.Value(AuthNone), "Give the client a secret."))
	}
	token := p.Get("token")
	if token == "" {
		return nil, InvalidRequest("token is missing.").For(client.ID, "").Because(cause("token_present", "token", "", "Send the token."))
	}
	// token_type_hint could only make this faster, and it is fast: a JWT and an opaque token never look alike.
	claims, api, err := s.anyAccessToken(ctx, token)
	if err != nil {
		return nil, err
	}
	if claims != nil {
		return s.introspectAccess(ctx, client, claims, api)
	}
	return s.introspectRefresh(ctx, client, token)
}

// introspectAccess tells the API about the tokens that are for it, and a client about those it was given; not about one that its
// API could have made itself (security.md rules 5, 6).
func (s *Server) introspectAccess(ctx context.Context, client *Client, c *accessClaims, api *API) (*Introspection, error) {
	isAPI := api != nil && client.ResourceServer == api.Identifier
	if !isAPI && (c.ClientID != client.ID || api.symmetric()) {
		return &Introspection{}, nil
	}
	person, ok, err := s.live(ctx, c)
	if err != nil || !ok {
		return &Introspection{}, err
	}
	answer := &Introspection{
		Active: true, Scope: api.narrowed(strings.Fields(c.scope())).String(), ClientID: c.ClientID, TokenType: "Bearer", Expiry: c.Expiry, IssuedAt: c.IssuedAt,
		Subject: c.Subject, Audience: c.Audience, Issuer: c.Issuer, JTI: c.JTI,
	}
	if person != nil {
		answer.Username = person.Username
	}
	return answer, nil
}

func (s *Server) introspectRefresh(ctx context.Context, client *Client, token string) (*Introspection, error) {
	hash := secret.Hash(token)
	t, err := s.Store.RefreshToken(ctx, hash)
	if fault.IsNotFound(err) {
		return &Introspection{}, nil
	}
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if t.ClientID != client.ID || t.CurrentHash != hash || t.EndedAt != nil || t.EraOver || !t.UserEnabled || !t.ClientEnabled || !t.SessionLive || !now.Before(t.IdleExpiresAt) {
		return &Introspection{}, nil
	}
	return &Introspection{
		Active: true, Scope: t.Scopes.String(), ClientID: t.ClientID, TokenType: "refresh_token",
		Expiry: t.IdleExpiresAt.Unix(), Subject: t.UserID, Issuer: s.Issuer,
	}, nil
}
