package oauth

import (
	"maps"
	"slices"
)

// Catalog is what tokens can be for: the scopes and APIs there are.
type Catalog struct {
	Scopes       map[string]Scope // by name
	byIdentifier map[string]*API
	byID         map[string]*API
}

// NewCatalog makes a catalog.
func NewCatalog(scopes []Scope, apis []API) Catalog {
	c := Catalog{Scopes: make(map[string]Scope, len(scopes)), byIdentifier: map[string]*API{}, byID: map[string]*API{}}
	for _, s := range scopes {
		c.Scopes[s.Name] = s
	}
	for i := range apis {
		c.byIdentifier[apis[i].Identifier], c.byID[apis[i].ID] = &apis[i], &apis[i]
	}
	return c
}

// API returns the API of this identifier; nil if there is none.
func (c *Catalog) API(identifier string) *API { return c.byIdentifier[identifier] }

// APIByID returns the API of this id; nil if there is none.
func (c *Catalog) APIByID(id string) *API { return c.byID[id] }

// opens are the scopes that open claims beside those of standards, and these claims; a nil catalog has none.
func (c *Catalog) opens() (opening Scopes, claims []string) {
	if c == nil {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.Scopes)) {
		if opened := c.Scopes[name].Claims; len(opened) > 0 {
			opening = append(opening, name)
			claims = append(claims, slices.Sorted(maps.Keys(opened))...)
		}
	}
	return opening, claims
}
