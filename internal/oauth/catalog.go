package oauth

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
