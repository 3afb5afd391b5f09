package oauth

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

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

// ScopeClaims are the claims that a scope opens beside those of standards: what they are called, and which of a person's
// attributes they tell.
type ScopeClaims map[string]string

// Scan reads pairs of an attribute's key and a claim, with = between the two and a space between pairs.
func (c *ScopeClaims) Scan(src any) error {
	text, err := scanText(src)
	if err != nil {
		return err
	}
	*c = ScopeClaims{}
	for _, pair := range strings.Fields(text) {
		key, claim, _ := strings.Cut(pair, "=")
		(*c)[claim] = key
	}
	return nil
}

// ownClaims returns the claims that no standard has, of those that the scopes open: userinfo and ID tokens say them. They are
// read as they are now, with the person's attributes unless these were read already; nothing is read where no scope opens any.
func (s *Server) ownClaims(ctx context.Context, userID string, attributes map[string]json.RawMessage, scopes Scopes) (map[string]any, error) {
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	opens := slices.ContainsFunc(scopes, func(name string) bool { return len(catalog.Scopes[name].Claims) > 0 })
	out := map[string]any{}
	if scopes.Has(ScopeGroups) || opens && attributes == nil {
		standing, err := s.Store.Standing(ctx, userID)
		if err != nil {
			return nil, err
		}
		attributes = standing.Attributes
		if scopes.Has(ScopeGroups) {
			names := make([]string, len(standing.Groups))
			for i, g := range standing.Groups {
				names[i] = g.Name
			}
			out["groups"] = names
		}
	}
	for _, name := range scopes {
		for claim, key := range catalog.Scopes[name].Claims {
			if value, has := attributes[key]; has {
				out[claim] = value
			}
		}
	}
	return out, nil
}
