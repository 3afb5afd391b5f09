package oauth

import "context"

// scopeClaims says which standard claims a scope opens (OpenID Connect Core §5.4).
var scopeClaims = map[string][]string{
	ScopeProfile: {
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
		"gender", "birthdate", "zoneinfo", "locale", "updated_at",
	},
	ScopeEmail:   {"email", "email_verified"},
	ScopeAddress: {"address"},
	ScopePhone:   {"phone_number", "phone_number_verified"},
	ScopeGroups:  {"groups"},
}

// claimsFor returns the person's claims that the scopes open, and their subject.
func (p *Person) claimsFor(scopes Scopes) map[string]any {
	out := map[string]any{"sub": p.Subject}
	for _, scope := range scopes {
		for _, name := range scopeClaims[scope] {
			if value, has := p.Claims[name]; has {
				out[name] = value
			}
		}
	}
	return out
}

// ownClaims returns the claims that no standard has, of those that the scopes open: userinfo and ID tokens say them. They are
// read as they are now.
func (s *Server) ownClaims(ctx context.Context, userID string, scopes Scopes) (map[string]any, error) {
	out := map[string]any{}
	if scopes.Has(ScopeGroups) {
		standing, err := s.Store.Standing(ctx, userID)
		if err != nil {
			return nil, err
		}
		names := make([]string, len(standing.Groups))
		for i, g := range standing.Groups {
			names[i] = g.Name
		}
		out["groups"] = names
	}
	return out, nil
}
