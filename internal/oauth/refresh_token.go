package oauth

import "time"

// Family is a grant that a person gave a client: every token issued under it names it and dies with it (security.md rule 3).
// Where the client may refresh, it also holds the state of the rotation: a family has exactly one current refresh token.
type Family struct {
	ID       string `db:"id"`
	ClientID string `db:"client_id"`
	UserID   string `db:"user_id"`
	// GrantType is how it began: a Grant constant.
	GrantType string `db:"grant_type"`
	// SessionID is the browser session the family lives and dies with; empty for offline access and plain OAuth.
	SessionID string     `db:"session_id"`
	Scopes    Scopes     `db:"scope"`
	Resources Words      `db:"resource"` // what its tokens may be for; empty: our own API
	AuthTime  time.Time  `db:"auth_time"`
	AMR       Words      `db:"amr"`
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt time.Time  `db:"expires_at"` // absolute end of refreshing; without a refresh token, of the one access token
	EndedAt   *time.Time `db:"ended_at"`
	EndReason string     `db:"end_reason"` // an EndedBy constant
	// EraOver: all that the client was given until a moment was taken from it at once. EndedAt follows where there is much of it.
	EraOver bool `db:"era_over"`

	Generation         int64      `db:"generation"`           // of the current refresh token; 0 is the first
	CurrentHash        string     `db:"current_hash"`         // secret.Hash of the current refresh token; empty without one
	CurrentPresentedAt *time.Time `db:"current_presented_at"` // when its owner first showed it in a request that failed
	PreviousHash       string     `db:"previous_hash"`        // its predecessor, which may be retried (security.md rule 1)
	RotatedAt          *time.Time `db:"rotated_at"`           // when the predecessor was spent
	SuccessorSealed    string     `db:"successor_sealed"`     // the current token, sealed under its predecessor
	IdleExpiresAt      time.Time  `db:"idle_expires_at"`      // end of refreshing unless the current token is used before
}

// States of a family.
const (
	FamilyLive    = "live"
	FamilyExpired = "expired" // nobody ended it, and nothing can be refreshed any more
	FamilyEnded   = "ended"
)

// State is a Family constant. A family that is bound to a session ends with it.
func (f *Family) State(at time.Time) string {
	switch {
	case f.EndedAt != nil || f.EraOver:
		return FamilyEnded
	case !at.Before(f.ExpiresAt), f.CurrentHash != "" && !at.Before(f.IdleExpiresAt):
		return FamilyExpired
	}
	return FamilyLive
}

// Replayed reports whether a code or a refresh token was used twice, which ended the family.
func (f *Family) Replayed() bool {
	return f.EndReason == EndedByReplay || f.EndReason == EndedByCodeReuse
}

// Why a family ended.
const (
	EndedByClient    = "revoked_by_client"
	EndedByReplay    = "refresh_token_replayed"
	EndedByCodeReuse = "code_replayed"
	EndedByOperator  = "revoked_by_operator"
	EndedByPerson    = "consent_withdrawn"
	EndedBySession   = "session_ended"
	EndedByPassword  = "password_changed"
	EndedByDisabling = "disabled"
	EndedByDeletion  = "deleted"
	EndedByRole      = "console_role_given"
)

// RefreshToken is one refresh token of a family, current or spent: kept so that a replay is recognised and its story told.
type RefreshToken struct {
	Hash       string    `db:"hash"` // secret.Hash of the token
	FamilyID   string    `db:"family_id"`
	Generation int64     `db:"generation"`
	CreatedAt  time.Time `db:"created_at"`
	IP         string    `db:"ip"` // of the request that was given it
	UserAgent  string    `db:"user_agent"`
	RequestID  string    `db:"request_id"`
}

// PresentedRefreshToken is what one statement tells about a refresh token that somebody presents.
type PresentedRefreshToken struct {
	Family
	Presented     int64 `db:"presented_generation"`
	UserEnabled   bool  `db:"user_enabled"`
	ClientEnabled bool  `db:"client_enabled"`
	SessionLive   bool  `db:"session_live"` // true also where the family is bound to none
}

// Beginning is a family that begins, with all that is handed out at once.
type Beginning struct {
	Family Family
	First  *RefreshToken // nil where the client may not refresh
	Access *AccessToken  // nil unless the access token is opaque
	// Consent is what the person has just agreed to; nil where nobody asked them.
	Consent *Consent
	// CheckedHash is the password hash that was checked; it has to be the person's still. Empty where no password took part.
	CheckedHash string
}

// Rotation spends a family's current refresh token and puts its successor there.
type Rotation struct {
	FamilyID        string
	PresentedHash   string // must be current for the rotation to happen
	Successor       RefreshToken
	SuccessorSealed string
	Access          *AccessToken // nil unless the access token is opaque
	At              time.Time
	IdleExpiresAt   time.Time
}
