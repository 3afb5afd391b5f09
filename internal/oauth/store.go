package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gatehouse/internal/audit"
)

// ErrSpent says that a single-use thing was used by somebody else first. The store found out in one conditional statement.
var ErrSpent = errors.New("already spent")

// Store is where the rulebook keeps what it knows. Each verb is one act of the protocol and one transaction: it happens
// whole or not at all. What is not there is a fault.NotFound. No verb asks the time: it is told. An audit.Event handed to
// a verb is written in the same transaction.
type Store interface {
	// Client returns the client, enabled or not, as it is now.
	Client(ctx context.Context, id string) (*Client, error)
	// ClientBySecret returns the client and, if one of its secrets has this hash, that secret, both as they are now.
	// The secret is nil where none fits; liveness is the caller's to judge. The client is not to be changed.
	ClientBySecret(ctx context.Context, id, secretHash string) (*Client, *ClientSecret, error)
	// NoteSecretUse notes that the secret proved its client.
	NoteSecretUse(clientID, id string, at time.Time)
	// Catalog returns the scopes and APIs there are, as of when the last client was read. It is not to be changed.
	Catalog(ctx context.Context, at time.Time) (*Catalog, error)

	// SaveInteraction keeps a pending authorization request.
	SaveInteraction(ctx context.Context, i Interaction) error
	// Interaction returns a pending authorization request by the hash of its id, expired or not.
	Interaction(ctx context.Context, hash string) (*Interaction, error)
	// BindInteraction binds a request that came by POST to the browser that fetched it first, and counts it as begun then;
	// ErrSpent if it is another's.
	BindInteraction(ctx context.Context, hash, browserHash string, at time.Time) error

	// Consent returns what the person allows the client; NotFound if nothing.
	Consent(ctx context.Context, userID, clientID string) (*Consent, error)
	// IssueCode saves a code and, where the person has just given it, the consent (nil otherwise).
	// NotFound if the person, the client or the session is not live any more.
	IssueCode(ctx context.Context, code Code, consent *Consent, events ...audit.Event) error

	// Code returns a code, spent or not.
	Code(ctx context.Context, hash string) (*Code, error)
	// CountWrongVerifier counts a wrong code_verifier and spends the code at the limit.
	CountWrongVerifier(ctx context.Context, hash string, limit int64, at time.Time) error
	// RedeemCode spends the code and begins its family. ErrSpent if the code was spent; NotFound if the person, the client or
	// the session is not live any more.
	RedeemCode(ctx context.Context, codeHash string, b Beginning, event audit.Event) error
	// BeginFamily begins a family that no code led to. NotFound if the person, the client or the session is not live any more,
	// or, where a password took part, if it is not the person's any more or they have come to have a role in the console.
	BeginFamily(ctx context.Context, b Beginning, events ...audit.Event) error

	// RefreshToken returns what is known about the refresh token with this hash, current or spent.
	RefreshToken(ctx context.Context, hash string) (*PresentedRefreshToken, error)
	// RotateRefreshToken spends the current token and installs its successor; ErrSpent unless the presented one is current
	// and the family, the person, the client and the session are live.
	RotateRefreshToken(ctx context.Context, r Rotation, event audit.Event) error
	// MarkRefreshTokenPresented notes that the owner showed the current token in a request that failed.
	MarkRefreshTokenPresented(ctx context.Context, familyID, hash string, at time.Time) error
	// EndFamily ends the family, whatever its state; ending it twice keeps the first reason.
	EndFamily(ctx context.Context, id, reason string, at time.Time, event audit.Event) error

	// SaveAccessToken keeps an opaque access token of a grant that exists already.
	SaveAccessToken(ctx context.Context, t AccessToken, events ...audit.Event) error
	// AccessToken returns the opaque access token with this hash, expired or not, and the API it is for.
	AccessToken(ctx context.Context, hash string) (*AccessToken, *API, error)
	// LivePerson answers, in one statement, whether a person's access token still holds: family, person, client and
	// session live, jti not revoked. NotFound if not.
	LivePerson(ctx context.Context, familyID, clientID, jti string) (*Person, error)
	// LiveClientGrant answers the same for a token of client_credentials.
	LiveClientGrant(ctx context.Context, grantID, clientID, jti string) error
	// Person returns the person's claims; NotFound if disabled or unknown.
	Person(ctx context.Context, userID string) (*Person, error)
	// Standing returns the person's role, groups and attributes; NotFound if disabled or unknown.
	Standing(ctx context.Context, userID string) (*Standing, error)
	// RevokeAccessToken makes one JWT invalid until it expires.
	RevokeAccessToken(ctx context.Context, jti string, expiresAt time.Time, event audit.Event) error

	// Record writes an event that belongs to no other change.
	Record(ctx context.Context, event audit.Event) error
}

// Person is what the rulebook may know about a user.
type Person struct {
	Subject  string // the user's id
	Username string
	// Claims are the standard claims of OpenID Connect Core §5.1 that have a value, typed as §5.1 has them. Which of them
	// a client sees depends on its scopes.
	Claims map[string]any
	// Attributes are their values as JSON, by key; what a scope opens of them a client sees too.
	Attributes map[string]json.RawMessage
}

// Standing is what opens limited scopes to a person, and what is told of them beyond the standard claims.
type Standing struct {
	Role       string
	Groups     []Group                    // by name
	Attributes map[string]json.RawMessage // as those of a Person
}

// Group is one that a person is in.
type Group struct{ ID, Name string }
