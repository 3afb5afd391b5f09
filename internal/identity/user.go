package identity

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/secret"
)

// Role is what somebody may do in the console.
type Role string

// The roles, from most to least.
const (
	RoleAdmin    Role = "admin"    // everything
	RoleOperator Role = "operator" // reads all; ends sessions, revokes tokens, disables people
	RoleAuditor  Role = "auditor"  // reads all
	RoleUser     Role = "user"     // no console
)

// Roles lists every role.
var Roles = []Role{RoleAdmin, RoleOperator, RoleAuditor, RoleUser}

// rank orders the roles; an unknown role ranks with none.
func (r Role) rank() int {
	switch r {
	case RoleAdmin:
		return 3
	case RoleOperator:
		return 2
	case RoleAuditor:
		return 1
	}
	return 0
}

// AtLeast reports whether r may do all that other may.
func (r Role) AtLeast(other Role) bool { return r.rank() >= other.rank() }

// Console reports whether r opens the console.
func (r Role) Console() bool { return r.rank() > 0 }

// User is a person who signs in.
type User struct {
	ID            string  `db:"id"` // a UUID; the subject of their tokens
	Username      string  `db:"username"`
	Email         string  `db:"email"`
	EmailVerified bool    `db:"email_verified"`
	Name          string  `db:"name"`
	Profile       Profile `db:"profile"`
	Role          Role    `db:"role"`
	PasswordHash  string  `db:"password_hash"` // PHC or modular crypt; empty without a password
	// PasswordChangedAt is when the password was last chosen; nil where that is not known.
	PasswordChangedAt *time.Time `db:"password_changed_at"`
	DisabledAt        *time.Time `db:"disabled_at"`
	LastSignInAt      *time.Time `db:"last_sign_in_at"` // with a browser; nil for never
	CreatedAt         time.Time  `db:"created_at"`
	UpdatedAt         time.Time  `db:"updated_at"`
	Version           int64      `db:"version"`
	// Attributes are nil where they were not read; saved so, they stay as they are.
	Attributes Values `db:"attributes"`
}

// Enabled reports whether the person may sign in.
func (u *User) Enabled() bool { return u.DisabledAt == nil }

// Label is what the person is called: their name, else their username.
func (u *User) Label() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Username
}

// Profile holds the further standard claims of OpenID Connect Core §5.1, under their names there.
type Profile struct {
	GivenName           string   `json:"given_name,omitempty"`
	FamilyName          string   `json:"family_name,omitempty"`
	MiddleName          string   `json:"middle_name,omitempty"`
	Nickname            string   `json:"nickname,omitempty"`
	ProfileURL          string   `json:"profile,omitempty"`
	Picture             string   `json:"picture,omitempty"`
	Website             string   `json:"website,omitempty"`
	Gender              string   `json:"gender,omitempty"`
	Birthdate           string   `json:"birthdate,omitempty"` // YYYY-MM-DD, 0000-MM-DD or YYYY
	Zoneinfo            string   `json:"zoneinfo,omitempty"`
	Locale              string   `json:"locale,omitempty"`
	PhoneNumber         string   `json:"phone_number,omitempty"` // E.164
	PhoneNumberVerified bool     `json:"phone_number_verified,omitempty"`
	Address             *Address `json:"address,omitempty"`
}

// Address is the address claim of OpenID Connect Core §5.1.1.
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// Value keeps the profile as JSON in one TEXT column.
func (p Profile) Value() (driver.Value, error) {
	b, err := json.Marshal(p)
	return string(b), err
}

// Scan reads what Value wrote.
func (p *Profile) Scan(src any) error {
	*p = Profile{}
	return scanJSON(src, p)
}

// scanJSON reads a column of JSON.
func scanJSON(src, into any) error {
	switch v := src.(type) {
	case string:
		return json.Unmarshal([]byte(v), into)
	case []byte:
		return json.Unmarshal(v, into)
	}
	return fmt.Errorf("cannot scan %T as JSON", src)
}

// ResetLink lets its bearer choose a new password once.
type ResetLink struct {
	Hash      string     `db:"hash"` // secret.Hash of the token in the link
	UserID    string     `db:"user_id"`
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt time.Time  `db:"expires_at"`
	UsedAt    *time.Time `db:"used_at"`
}

// ResetLinkLife is how long a link to choose a password works (product.md §6).
const ResetLinkLife = 24 * time.Hour

// NewResetLink makes a link with which the person chooses a password: what is kept of it, and its address, which is told once.
func NewResetLink(issuer, userID string, at time.Time) (link ResetLink, address string) {
	token := secret.New("")
	link = ResetLink{Hash: secret.Hash(token), UserID: userID, CreatedAt: at, ExpiresAt: at.Add(ResetLinkLife)}
	return link, issuer + "/reset?token=" + url.QueryEscape(token)
}

// IDFrom makes the id of a user that is the same whenever it is made of the same secret (UUIDv8, RFC 9562 §5.8).
func IDFrom(seed string) string {
	return uuid.NewHash(sha256.New(), uuid.Nil, []byte(seed), 8).String()
}

// NewID makes an id for a user or a session whose order is that of time (UUIDv7).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// IsID reports whether the text is such an id.
func IsID(text string) bool { return len(text) == 36 && uuid.Validate(text) == nil }
