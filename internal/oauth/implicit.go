package oauth

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"gatehouse/internal/audit"
)

// issueImplicit hands out an access token in the redirection itself (RFC 6749 §4.2.2): no refresh token, and a family of its own
// (security.md rule 3), which ends with the browser session.
func (s *Server) issueImplicit(ctx context.Context, g *agreed) (url.Values, error) {
	resources, api := g.granted(s)
	call := &tokenCall{client: g.Target.Client, from: g.from, now: s.Now()}
	grant, b := s.newFamily(call, Family{
		ID: newID(), ClientID: call.client.ID, UserID: g.login.Subject, SessionID: g.login.SessionID, GrantType: GrantImplicit,
		Scopes: g.scopes, Resources: s.kept(resources...), AuthTime: g.login.AuthTime, AMR: g.login.AMR,
	}, api)
	life := s.accessTokenLife(call, grant)
	token, opaque, err := s.makeAccessToken(ctx, call, grant, life)
	if err != nil {
		return nil, err
	}
	answer := url.Values{
		"access_token": {token}, "token_type": {"Bearer"}, "expires_in": {strconv.FormatInt(int64(life/time.Second), 10)},
	}
	if scope := grant.api.narrowed(g.scopes).String(); scope != "" {
		answer.Set("scope", scope)
	}
	b.Access, b.Consent = opaque, g.consent
	return answer, s.Store.BeginFamily(ctx, b, g.events(audit.ImplicitIssued, call.now)...)
}
