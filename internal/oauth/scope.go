package oauth

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/fault"
)

// Scopes of OpenID Connect Core §5.4 and §11.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeAddress       = "address"
	ScopePhone         = "phone"
	ScopeOfflineAccess = "offline_access"
)

// ScopeGroups is ours: the claim of the same name lists the groups that the person is in.
const ScopeGroups = "groups"

// PersonScopes need a person and have to be asked for by name: none of them is ever a default.
var PersonScopes = Scopes{ScopeOpenID, ScopeProfile, ScopeEmail, ScopeAddress, ScopePhone, ScopeGroups, ScopeOfflineAccess}

// maxScope bounds a scope parameter, in bytes.
const maxScope = 4 << 10

// Scope is a right with a global name, described to people on the consent page.
type Scope struct {
	Name        string `db:"name"`
	Description string `db:"description"`
	Builtin     bool   `db:"builtin"` // it means the same everywhere; cannot be changed or deleted
	ByName      bool   `db:"by_name"` // a request without the parameter scope does not get it (RFC 6749 §3.3)
	ConsentFree bool   `db:"consent_free"`
	// Roles and Groups (their ids) are who may be granted it: people who have one of the roles or are in one of the groups. Without
	// any of either it is for everybody.
	Roles     Words       `db:"only_roles"`
	Groups    Words       `db:"only_groups"`
	Claims    ScopeClaims `db:"claims"` // that it opens beside those of standards
	CreatedAt time.Time   `db:"created_at"`
	UpdatedAt time.Time   `db:"updated_at"`
	Version   int64       `db:"version"`
}

// Tells reports whether claims can be given with the scope: offline_access is about tokens alone (OpenID Connect Core §11).
func (s *Scope) Tells() bool { return s.Name != ScopeOfflineAccess }

// Limited reports whether only some people may be granted the scope.
func (s *Scope) Limited() bool { return len(s.Roles)+len(s.Groups) > 0 }

// OpenTo reports whether somebody of this standing may be granted the scope.
func (s *Scope) OpenTo(p *Standing) bool {
	return !s.Limited() || slices.Contains(s.Roles, p.Role) ||
		slices.ContainsFunc(p.Groups, func(g Group) bool { return s.OnlyFor(g.ID) })
}

// OnlyFor reports whether this is one of the groups that the scope is limited to.
func (s *Scope) OnlyFor(groupID string) bool { return slices.Contains(s.Groups, groupID) }

// ScopeNames are the names of the scopes.
func ScopeNames(scopes []Scope) Scopes {
	names := make(Scopes, len(scopes))
	for i, s := range scopes {
		names[i] = s.Name
	}
	return names
}

// Bounds of a scope, in characters: a consent page shows both.
const (
	MaxScopeName        = 100
	maxScopeDescription = 200
)

// Validate says what is wrong with a scope, field by field.
func (s *Scope) Validate() fault.Fields {
	f := fault.Fields{}
	if !ValidScopeName(s.Name) || len(s.Name) > MaxScopeName {
		f.Add("name", fmt.Sprintf("Use up to %d printable ASCII characters without space, \" and \\ (RFC 6749 §3.3).", MaxScopeName))
	}
	if strings.TrimSpace(s.Description) == "" || !ValidText(s.Description) || utf8.RuneCountInString(s.Description) > maxScopeDescription ||
		strings.ContainsFunc(s.Description, misleading) {
		f.Add("description", fmt.Sprintf("Describe it in one line of up to %d characters.", maxScopeDescription))
	}
	return f
}

// unlocked leaves those of the scopes out that the person may not be granted at this moment: less than was asked for may be
// granted, and the answer says what (RFC 6749 §3.3). A refusal if that leaves nothing. Every grant to a person passes here,
// when it begins and at each refresh; nobody is looked up unless one of the scopes is limited. A scope that was made after the
// person granted its name is another one, which nobody has granted.
func (s *Server) unlocked(ctx context.Context, userID string, scopes Scopes, granted time.Time) (Scopes, error) {
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	another := func(name string) bool { return catalog.Scopes[name].CreatedAt.After(granted) }
	if slices.ContainsFunc(scopes, another) {
		asked := scopes
		if scopes = slices.DeleteFunc(slices.Clone(scopes), another); len(scopes) == 0 {
			return nil, InvalidScope("None of the scopes is the one that was granted.").For("", userID).
				Because(causeReceived("scope_same", "a scope older than the grant", asked.String(), "Send the person through sign-in again."))
		}
	}
	limited := func(name string) bool { scope := catalog.Scopes[name]; return scope.Limited() }
	if !slices.ContainsFunc(scopes, limited) {
		return scopes, nil
	}
	standing, err := s.Store.Standing(ctx, userID)
	if fault.IsNotFound(err) { // disabled or deleted meanwhile, which whoever asks finds out
		standing, err = &Standing{}, nil
	}
	if err != nil {
		return nil, err
	}
	open := slices.DeleteFunc(slices.Clone(scopes), func(name string) bool { scope := catalog.Scopes[name]; return !scope.OpenTo(standing) })
	if len(open) == 0 {
		return nil, InvalidScope("None of the scopes is open to this person.").For("", userID).
			Because(causeReceived("scope_open_to_person", "a person with one of the roles or groups that the scope is limited to", scopes.String(),
				"Add the person to a group that the scope is for, or open the scope to everybody."))
	}
	return open, nil
}

// Scopes is a list of scope names in the order they were asked for, without doubles.
type Scopes []string

// ParseScopes reads a scope parameter (RFC 6749 §3.3): names of %x21 %x23-5B %x5D-7E, one space between them.
func ParseScopes(s string) (Scopes, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > maxScope {
		return nil, fmt.Errorf("scope is longer than %d bytes", maxScope)
	}
	var out Scopes
	for name := range strings.SplitSeq(s, " ") {
		if !ValidScopeName(name) {
			return nil, fmt.Errorf("scope holds a name that RFC 6749 §3.3 does not allow")
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// ValidScopeName reports whether name is a scope-token of RFC 6749 §3.3.
func ValidScopeName(name string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Has reports whether name is among s.
func (s Scopes) Has(name string) bool { return slices.Contains(s, name) }

// Covers reports whether every one of others is among s.
func (s Scopes) Covers(others Scopes) bool { return len(s.Missing(others)) == 0 }

// Missing returns those of others that are not among s.
func (s Scopes) Missing(others Scopes) Scopes {
	var out Scopes
	for _, name := range others {
		if !s.Has(name) {
			out = append(out, name)
		}
	}
	return out
}

// Common returns those of s that are also among others.
func (s Scopes) Common(others Scopes) Scopes {
	var out Scopes
	for _, name := range s {
		if others.Has(name) {
			out = append(out, name)
		}
	}
	return out
}

// String joins the names by spaces, as the protocol has them.
func (s Scopes) String() string { return strings.Join(s, " ") }

// Value keeps the list in one TEXT column.
func (s Scopes) Value() (driver.Value, error) { return s.String(), nil }

// Scan reads what Value wrote.
func (s *Scopes) Scan(src any) error {
	text, err := scanText(src)
	if err != nil {
		return err
	}
	*s = strings.Fields(text)
	return nil
}

func scanText(src any) (string, error) {
	switch v := src.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("cannot scan %T as text", src)
}
