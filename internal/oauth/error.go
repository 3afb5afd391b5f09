package oauth

import (
	"net/http"
	"time"

	"gatehouse/internal/audit"
)

// Error is an answer the protocol itself gives (RFC 6749 §4.1.2.1, §5.2). Description is for the client's developer;
// the cause is for our audit log alone (security.md rule 14).
type Error struct {
	Code, Description string
	// ClientID and UserID say whom the refusal concerns, once that is proven.
	ClientID, UserID string
	// AuthenticateBasic asks for WWW-Authenticate: Basic beside a 401 (RFC 6749 §5.2).
	AuthenticateBasic bool
	// Bearer asks for WWW-Authenticate: Bearer (RFC 6750 §3); with an empty Code no error is named (§3.1).
	Bearer bool
	// Scope is what would have sufficed, for insufficient_scope (RFC 6750 §3).
	Scope string
	cause *audit.Cause
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Description + " (" + e.cause.Rule + ")"
	}
	return e.Code + ": " + e.Description
}

// Because returns a copy of e that carries the cause of the refusal.
func (e *Error) Because(c audit.Cause) *Error {
	cp := *e
	cp.cause = &c
	return &cp
}

// For returns a copy of e that names whom it concerns.
func (e *Error) For(clientID, userID string) *Error {
	cp := *e
	cp.ClientID, cp.UserID = clientID, userID
	return &cp
}

// Cause returns why the request was refused, or nil.
func (e *Error) Cause() *audit.Cause { return e.cause }

// Event is what is written down about the refusal.
func (e *Error) Event(at time.Time, action audit.Action, from audit.Caller) audit.Event {
	event := audit.Event{
		At: at, Action: action, Outcome: audit.Refused, ClientID: e.ClientID, UserID: e.UserID, Caller: from, Error: e.Code, Cause: e.cause,
	}
	if e.ClientID != "" {
		event.Actor = audit.Party{Kind: audit.KindClient, ID: e.ClientID}
	}
	return event
}

// statuses that differ from 400 (RFC 6749 §5.2, RFC 6750 §3.1).
var statuses = map[string]int{
	"invalid_client":          http.StatusUnauthorized,
	"invalid_token":           http.StatusUnauthorized,
	"":                        http.StatusUnauthorized, // a protected resource asked without any token
	"insufficient_scope":      http.StatusForbidden,
	"server_error":            http.StatusInternalServerError,
	"temporarily_unavailable": http.StatusServiceUnavailable,
}

// Status is the HTTP status that belongs to the error's code.
func (e *Error) Status() int {
	if status, ok := statuses[e.Code]; ok {
		return status
	}
	return http.StatusBadRequest
}

// InvalidRequest says that a parameter is missing, malformed or given twice.
func InvalidRequest(description string) *Error {
	return &Error{Code: "invalid_request", Description: description}
}

// InvalidClient says that client authentication failed. Its description is the same for every reason.
func InvalidClient() *Error {
	return &Error{Code: "invalid_client", Description: "Client authentication failed.", AuthenticateBasic: true}
}

// InvalidGrant says that the code or refresh token does not hold.
func InvalidGrant(description string) *Error {
	return &Error{Code: "invalid_grant", Description: description}
}

// UnauthorizedClient says that the client may not use this grant or response type.
func UnauthorizedClient(description string) *Error {
	return &Error{Code: "unauthorized_client", Description: description}
}

// InvalidScope says that a scope is unknown, malformed or not this client's.
func InvalidScope(description string) *Error {
	return &Error{Code: "invalid_scope", Description: description}
}

// InvalidTarget says that the resource is not one we issue tokens for (RFC 8707 §2).
func InvalidTarget(description string) *Error {
	return &Error{Code: "invalid_target", Description: description}
}

// InvalidToken says that the bearer token does not hold (RFC 6750 §3.1).
func InvalidToken(description string) *Error {
	return &Error{Code: "invalid_token", Description: description, Bearer: true}
}
