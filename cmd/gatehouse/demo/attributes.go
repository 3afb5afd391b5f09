package demo

import (
	"fmt"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
)

// attributes are what the house keeps of people beyond the standard profile.
var attributes = []identity.Attribute{
	{Key: "employee_number", Label: "Employee number", Type: identity.TypeNumber, Position: 10},
	{Key: "department", Label: "Department", Type: identity.TypeString, Scope: "profile", Claim: "department", Position: 20},
	{Key: "joined", Label: "Joined", Type: identity.TypeDate, Position: 30},
	{Key: "languages", Label: "Languages", Type: identity.TypeList, Own: true, Scope: "profile", Claim: "languages", Position: 40},
}

// valuesOf are the values of the nth of the residents.
func valuesOf(n int, locale string) identity.Values {
	return identity.Values{
		"employee_number": fmt.Appendf(nil, "%d", 1001+n),
		"department":      fmt.Appendf(nil, "%q", groups[n%(len(groups)-1)].name),
		"joined":          fmt.Appendf(nil, `"20%02d-%02d-01"`, 18+n%8, 1+n%12),
		"languages":       fmt.Appendf(nil, `["en",%q]`, locale),
	}
}

func (h *house) addAttribute(a *identity.Attribute) error {
	e := h.event(h.admin, audit.AttributeCreated, audit.Party{Kind: audit.KindAttribute, ID: a.Key, Name: a.Label})
	e.Changes = map[string]audit.Change{}
	for _, is := range a.Describe() {
		if is[2] != "" {
			e.Changes[is[0]] = audit.Change{After: is[2]}
		}
	}
	return h.store.CreateAttribute(h.ctx, *a, h.clock, e)
}
