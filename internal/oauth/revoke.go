package oauth

import (
	"context"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// Revoke ends a token at its client's wish (RFC 7009 §2). Revoking a refresh token, even a spent one, ends its family and
// every access token of it; an unknown token is no error (§2.2).
func (s *Server) Revoke(ctx context.Context, p Params, authorization string, from audit.Caller) error {
	client, err := s.caller(ctx, p, authorization, from.IP)
	if err != nil {
		return err
	}
	token := p.Get("token")
	if token == "" {
		return InvalidRequest("token is missing.").For(client.ID, "").Because(cause("token_present", "token", "", "Send the token."))
	}
	claims, api, err := s.anyAccessToken(ctx, token)
	if err != nil {
		return err
	}
	event := audit.Event{
		At: s.Now(), Action: audit.TokenRevoked, Outcome: audit.Success, ClientID: client.ID, Caller: from,
		Actor: audit.Party{Kind: audit.KindClient, ID: client.ID, Name: client.Name},
	}
	if claims != nil {
		if claims.ClientID != client.ID {
			return foreignToken(client)
		}
		event.Target = audit.Party{Kind: audit.KindToken, ID: claims.JTI}
		if !api.symmetric() { // which may say of anybody what it likes
			event.UserID = claims.userID()
		}
		return s.Store.RevokeAccessToken(ctx, claims.JTI, time.Unix(claims.Expiry, 0).UTC(), event)
	}
	t, err := s.Store.RefreshToken(ctx, secret.Hash(token))
	if fault.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if t.ClientID != client.ID {
		return foreignToken(client)
	}
	event.UserID, event.Target = t.UserID, audit.Party{Kind: audit.KindFamily, ID: t.ID}
	return s.Store.EndFamily(ctx, t.ID, EndedByClient, event.At, event)
}

// foreignToken refuses to revoke what was issued to somebody else (RFC 7009 §2.1).
func foreignToken(client *Client) error {
	return InvalidRequest("The token was not issued to this client.").For(client.ID, "").
		Because(cause("token_client", "a token of the client that revokes it", "", "Revoke with the client that was given the token."))
}
