// Package audit says what is written down: who did what to whom, and why a request was refused. It knows neither HTTP
// nor SQL: store keeps events, the rulebook and the handlers make them.
package audit

import (
	"time"
)

// Outcome of an event.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Refused Outcome = "refused"
)

// Kinds of actors and targets.
const (
	KindUser      = "user"
	KindClient    = "client"
	KindSession   = "session"
	KindFamily    = "family"
	KindKey       = "signing_key"
	KindScope     = "scope"
	KindSecret    = "client_secret"
	KindToken     = "access_token"
	KindAPI       = "api"
	KindGroup     = "group"
	KindAttribute = "attribute"
	KindJob       = "job"
	KindAddress   = "address" // that requests come from
	KindHouse     = "house"   // what is settled for all
	KindCLI       = "cli"     // a command run beside the server
	KindSystem    = "system"  // the server itself
)

// Party is an actor or a target.
type Party struct {
	Kind string `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"` // as it was called at the time; never an unknown username
}

// Caller is where a request came from. It is an argument, never a context value.
type Caller struct {
	RequestID string // ours, 128 random bits
	IP        string // as web/security.go determined it
	UserAgent string // at most 256 bytes
}

// Event is one row of the audit log. Events are only ever added.
type Event struct {
	ID      string // UUIDv7 of At: events are read in the order of their ids; filled by the store when empty
	At      time.Time
	Action  Action
	Outcome Outcome
	Actor   Party
	Target  Party
	// ClientID and UserID say whom it concerns, so that a client's or a person's history is one query.
	ClientID, UserID string
	Caller           Caller
	Error            string            // the RFC's error code of a refusal
	Cause            *Cause            // why it was refused: for console roles alone (security.md rule 14)
	Changes          map[string]Change // what an administrator changed, and the details below
	Count            int64             // how many refusals a RefusalsSuppressed event stands for
}

// Details that are kept among the changes.
const (
	// Generation of a refresh token that was presented though it was spent, and the family's current one.
	Generation = "generation"
	// Reason is why somebody ended something, in their own words; it has no before.
	Reason = "reason"
)

// Change is a field before and after. Secrets never appear in it.
type Change struct {
	Before string `json:"before"`
	After  string `json:"after"`
}
