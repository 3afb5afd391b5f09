package oauth

import (
	"context"
	"encoding/base64"
	"strings"

	"gatehouse/internal/audit"
)

// The FastAPI guides' applications call the token endpoint at paths of their own, and say less there than RFC 6749 asks. What they
// leave out is filled in here; then the endpoint is the one there is.

// TutorialToken answers at /token: no grant_type beside a username and a password means password, none beside client
// authentication alone means client_credentials, and whoever does not identify itself is the default client.
func (s *Server) TutorialToken(ctx context.Context, p Params, authorization string, from audit.Caller) (*TokenResponse, error) {
	p, authorization = withoutEmptyBasic(p, authorization)
	switch {
	case p.Has("grant_type") || p.Twice("grant_type"):
	case p.Has("username") && p.Has("password"):
		p = p.with("grant_type", GrantPassword)
	case p.nothingButClient() && (authorization != "" || p.Has("client_secret")):
		p = p.with("grant_type", GrantClientCredentials)
	}
	return s.Token(ctx, s.asDefaultClient(p, authorization), authorization, from)
}

// RefreshToken answers at /refresh_token, which is for refresh tokens alone. One in the URL, where logs keep it, is refused
// (RFC 9700 §4.3.2).
func (s *Server) RefreshToken(ctx context.Context, query, p Params, authorization string, from audit.Caller) (*TokenResponse, error) {
	if query.Has("refresh_token") || query.Twice("refresh_token") {
		return nil, InvalidRequest("A refresh token in the URL is not accepted: URLs end up in logs. Send it as a form field.").
			Because(cause("refresh_token_in_body", "refresh_token in the body", "", "Send refresh_token as a form field, and take the one in the URL for stolen."))
	}
	p, authorization = withoutEmptyBasic(p, authorization)
	switch grantType := p.Get("grant_type"); {
	case p.Twice("grant_type"):
	case grantType == "":
		p = p.with("grant_type", GrantRefreshToken)
	case grantType != GrantRefreshToken:
		return nil, InvalidRequest("This URL takes refresh tokens alone.").
			Because(causeReceived("grant_type_here", GrantRefreshToken, grantType, "Use "+PathToken+" for other grants."))
	}
	return s.Token(ctx, s.asDefaultClient(p, authorization), authorization, from)
}

// withoutEmptyBasic takes away HTTP Basic credentials without a secret, which an Authorize dialog sends for a client that has none:
// with a client_id they name a public client, without one (Og==) nobody (security.md rule 16).
func withoutEmptyBasic(p Params, authorization string) (Params, string) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(encoded))
	id, noSecret := strings.CutSuffix(string(raw), ":")
	if !strings.EqualFold(scheme, "Basic") || err != nil || !noSecret || strings.Contains(id, ":") || p.Has("client_secret") {
		return p, authorization
	}
	if id == "" {
		return p, ""
	}
	c, e := parseBasic(authorization)
	if e != nil || p.Has("client_id") && p.Get("client_id") != c.ID {
		return p, authorization
	}
	return p.with("client_id", c.ID), ""
}

// asDefaultClient names the default client where nobody is named. It may use the password and its refresh tokens, nothing else
// (security.md rule 16).
func (s *Server) asDefaultClient(p Params, authorization string) Params {
	if s.DefaultClient == "" || authorization != "" {
		return p
	}
	for _, name := range []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"} {
		if p.Has(name) || p.Twice(name) {
			return p
		}
	}
	if grantType := p.Get("grant_type"); grantType != GrantPassword && grantType != GrantRefreshToken {
		return p
	}
	return p.with("client_id", s.DefaultClient)
}

// nothingButClient reports whether the parameters say who the client is, and no more.
func (p Params) nothingButClient() bool {
	for name := range p.values {
		if name != "client_id" && name != "client_secret" {
			return false
		}
	}
	return len(p.twice) == 0 && len(p.resources) == 0
}

// Me is what the guides read about whoever is signed in.
type Me struct {
	Username string   `json:"username"`
	FullName string   `json:"full_name,omitempty"` // with the scope profile
	Email    string   `json:"email,omitempty"`     // with the scope email
	Disabled bool     `json:"disabled"`            // never true: the tokens of the disabled do not hold
	Scopes   []string `json:"scopes"`
}

// Me tells whose token it is. Any person's token for our own API will do.
func (s *Server) Me(ctx context.Context, token string) (*Me, error) {
	claims, person, err := s.bearer(ctx, token)
	if err != nil {
		return nil, err
	}
	if person == nil {
		return nil, (&Error{Code: "insufficient_scope", Description: "The token is an application's own: nobody is signed in.", Bearer: true}).
			For(claims.ClientID, "").
			Because(cause("token_of_person", "a token that a person signed in for", "", "Use the authorization code or the password grant."))
	}
	scopes, err := ParseScopes(claims.Scope)
	if err != nil {
		return nil, err
	}
	me := &Me{Username: person.Username, Scopes: append([]string{}, scopes...)}
	if scopes.Has(ScopeProfile) {
		me.FullName, _ = person.Claims["name"].(string)
	}
	if scopes.Has(ScopeEmail) {
		me.Email, _ = person.Claims["email"].(string)
	}
	return me, nil
}
