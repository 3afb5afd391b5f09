package oauth

import (
	"context"
	"maps"
	"strings"

	"gatehouse/internal/audit"
)

// BearerToken finds the access token of a request to a protected resource: in the header or in a form body, one of them
// (RFC 6750 §2), never in the query (RFC 9700 §4.3.2).
func BearerToken(authorization string, query, body Params) (string, *Error) {
	if query.Has("access_token") || query.Twice("access_token") {
		return "", bearerRequest("An access token in the URL is not accepted.", "access_token_in_header", "the Authorization header")
	}
	inBody := body.Get("access_token")
	if body.Twice("access_token") {
		return "", bearerRequest("access_token was sent more than once.", "parameter_once", "one access token")
	}
	if authorization == "" {
		if inBody == "" { // RFC 6750 §3.1: no error code where nothing was sent
			return "", (&Error{Bearer: true, Description: "An access token is needed."}).
				Because(cause("access_token_present", "Authorization: Bearer …", "", "Send the access token."))
		}
		return inBody, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: schemes are case-insensitive
		return "", (&Error{Bearer: true, Description: "An access token is needed."}).
			Because(cause("access_token_scheme", "Bearer", audit.Shape(authorization), "Send Authorization: Bearer …"))
	}
	if inBody != "" {
		return "", bearerRequest("The access token was sent in two ways.", "access_token_single", "one access token")
	}
	return strings.TrimSpace(token), nil
}

func bearerRequest(description, rule, expected string) *Error {
	e := InvalidRequest(description).Because(cause(rule, expected, "", "Send the token in the Authorization header alone."))
	e.Bearer = true
	return e
}

// Userinfo returns the claims that the token's scopes open (OpenID Connect Core §5.3).
func (s *Server) Userinfo(ctx context.Context, token string) (map[string]any, error) {
	claims, person, err := s.bearer(ctx, token)
	if err != nil {
		return nil, err
	}
	scopes, err := ParseScopes(claims.Scope)
	if err != nil || person == nil || !scopes.Has(ScopeOpenID) {
		return nil, (&Error{Code: "insufficient_scope", Description: "The access token does not have the scope openid.", Bearer: true, Scope: ScopeOpenID}).
			For(claims.ClientID, subjectOfPerson(person)).
			Because(cause("scope_openid", ScopeOpenID, audit.Value(claims.Scope), "Ask for the scope openid."))
	}
	answer := person.claimsFor(scopes)
	own, err := s.ownClaims(ctx, person.Subject, person.Attributes, scopes)
	maps.Copy(answer, own)
	return answer, err
}

func subjectOfPerson(p *Person) string {
	if p == nil {
		return ""
	}
	return p.Subject
}
