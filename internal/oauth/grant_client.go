package oauth

import (
	"context"

	"gatehouse/internal/audit"
)

// actAsItself gives a confidential client a token of its own (RFC 6749 §4.4). No refresh token (§4.4.3), no ID token, and
// nothing need be written unless the token is opaque: it names the client's current grant.
func (s *Server) actAsItself(ctx context.Context, call *tokenCall) (*granted, error) {
	if call.client.Public() {
		return nil, UnauthorizedClient("A public client cannot act as itself.").
			Because(cause("client_confidential", "a confidential client", "", "Give the client a secret."))
	}
	api, scopes, err := s.wanted(ctx, call)
	if err != nil {
		return nil, err
	}
	for _, name := range PersonScopes {
		if scopes.Has(name) {
			return nil, InvalidScope("A scope needs a person, and none takes part in client_credentials.").
				Because(causeReceived("scope_without_person", "scopes of APIs", name, "Leave OpenID's scopes out."))
		}
	}
	itself := audit.Party{Kind: audit.KindClient, ID: call.client.ID, Name: call.client.Name}
	event := audit.Event{
		At: call.now, Action: audit.TokenIssued, Outcome: audit.Success, ClientID: call.client.ID, Caller: call.from, Actor: itself, Target: itself,
	}
	return &granted{
		api: api, grantID: call.client.GrantID, scopes: scopes,
		save: func(ctx context.Context, opaque *AccessToken) error { return s.saveWith(ctx, opaque, event) },
	}, nil
}
