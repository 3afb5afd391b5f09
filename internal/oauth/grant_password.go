package oauth

import (
	"context"

	"gatehouse/internal/audit"
)

// PasswordCheck is what came of a username and a password.
type PasswordCheck struct {
	UserID      string // whose they are; with a refusal whom it concerns, if anybody
	CheckedHash string // the hash that the password was checked against
	Refusal     *Error // set unless the password may be traded for tokens
}

// WrongPassword refuses a username and a password, for whatever reason, in the same words (security.md rule 16).
func WrongPassword(c audit.Cause, userID string) *Error {
	return InvalidGrant("The username or the password is wrong.").For("", userID).Because(c)
}

// tradePassword gives a client tokens for a person who trusted it with their password (RFC 6749 §4.3). That is as good as
// consent: nobody else could be asked. The family belongs to no browser session.
func (s *Server) tradePassword(ctx context.Context, call *tokenCall) (*granted, error) {
	username, password := call.params.Get("username"), call.params.Get("password")
	if username == "" || password == "" { // RFC 6749 §4.3.2
		return nil, InvalidRequest("username and password are needed.").
			Because(cause("password_present", "username, password", "", "Send both."))
	}
	api, scopes, err := s.wanted(ctx, call)
	if err != nil {
		return nil, err
	}
	proof, err := s.CheckPassword(ctx, call.client, username, password, call.from)
	if err != nil {
		return nil, err
	}
	if proof.Refusal != nil {
		return nil, proof.Refusal
	}
	if scopes, err = s.unlocked(ctx, proof.UserID, scopes, call.now); err != nil {
		return nil, err
	}
	resource := s.Issuer
	if api != nil {
		resource = api.Identifier
	}
	g, b := s.newFamily(call, Family{
		ID: newID(), ClientID: call.client.ID, UserID: proof.UserID, GrantType: GrantPassword, Scopes: scopes, Resources: s.kept(resource),
		AuthTime: call.now, AMR: Words{"pwd"},
	}, api)
	b.CheckedHash = proof.CheckedHash
	event := s.familyEvent(call, &b.Family, audit.PasswordTraded)
	g.save = func(ctx context.Context, opaque *AccessToken) error {
		b.Access = opaque
		return s.Store.BeginFamily(ctx, b, event)
	}
	return g, nil
}
