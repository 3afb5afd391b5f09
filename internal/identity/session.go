package identity

import "time"

// How long browser sessions last where nobody has settled anything else (product.md §6).
const (
	SessionIdle     = 8 * time.Hour
	SessionAbsolute = 24 * time.Hour
	ConsoleIdle     = 30 * time.Minute
)

// SessionPolicy is how long browser sessions last.
type SessionPolicy struct {
	Idle        time.Duration // unused
	Absolute    time.Duration // from sign-in on
	ConsoleIdle time.Duration // unused, in the console
}

// DefaultSessions is the policy of a house in which nobody has settled anything.
func DefaultSessions() SessionPolicy {
	return SessionPolicy{Idle: SessionIdle, Absolute: SessionAbsolute, ConsoleIdle: ConsoleIdle}
}

const (
	// ProofLife is how long a proof of the password opens what is asked for anew (security.md rule 27).
	ProofLife = 10 * time.Minute
	// TouchEvery is how stale Session.LastSeenAt may get before a request writes it anew.
	TouchEvery = time.Minute
	// DeviceLife is how long a browser counts as known without having been used to sign in.
	DeviceLife = 180 * 24 * time.Hour
)

// Why a session ended, besides what ends a family too.
const (
	EndedSignOut  = "signed_out"
	EndedReplaced = "replaced" // by a session with a new cookie
	EndedByPerson = "ended_by_person"
)

// Session is one browser in which a person signed in.
type Session struct {
	ID         string     `db:"id"`         // UUIDv7; names the session to people and operators
	TokenHash  string     `db:"token_hash"` // secret.Hash of the cookie
	UserID     string     `db:"user_id"`
	AuthTime   time.Time  `db:"auth_time"`
	AMR        string     `db:"amr"` // authentication methods (RFC 8176), space-separated
	LastSeenAt time.Time  `db:"last_seen_at"`
	ExpiresAt  time.Time  `db:"expires_at"` // absolute
	EndedAt    *time.Time `db:"ended_at"`
	EndReason  string     `db:"end_reason"`
	IP         string     `db:"ip"`
	UserAgent  string     `db:"user_agent"`
	// ProvenAt is when the person last proved in it who they are; nil if not since their password was changed.
	ProvenAt *time.Time `db:"proven_at"`
}

// Proven reports whether the person proved who they are so lately that they may do what is worth asking for (security.md rule 27).
func (s *Session) Proven(at time.Time) bool {
	return s.ProvenAt != nil && at.Before(s.ProvenAt.Add(ProofLife))
}

// Live reports whether the session holds at the given time, if it may be unused for so long.
func (s *Session) Live(at time.Time, idle time.Duration) bool {
	return s.EndedAt == nil && at.Before(s.ExpiresAt) && at.Before(s.LastSeenAt.Add(idle))
}
