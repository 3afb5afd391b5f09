package oauth

import (
	"context"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// codeInvalid is said of every code that does not hold, so that the answer reveals nothing about somebody else's.
const codeInvalid = "The code is invalid, expired, already used, or was issued to another client."

// redeemCode trades a code for tokens: this client's, same redirect_uri (RFC 6749 §4.1.3), verifier proven (RFC 7636 §4.6),
// unused and unexpired. A second use revokes what the first was given (§4.1.2, §10.5); it is judged only after possession is
// proven, and a wrong verifier does not spend the code, so that a thief cannot burn it.
func (s *Server) redeemCode(ctx context.Context, call *tokenCall) (*granted, error) {
	value := call.params.Get("code")
	if value == "" {
		return nil, InvalidRequest("code is missing.").Because(cause("code_present", "code", "", "Send the code."))
	}
	refuse := func(rule, expected string, received audit.Received, remedy string) (*granted, error) {
		return nil, InvalidGrant(codeInvalid).Because(cause(rule, expected, received, remedy))
	}
	hash := secret.Hash(value)
	code, err := s.Store.Code(ctx, hash)
	if fault.IsNotFound(err) {
		return refuse("code_known", "a code that this server issued", audit.Opaque(value), "Send the code exactly as it came.")
	}
	if err != nil {
		return nil, err
	}
	if code.ClientID != call.client.ID {
		return refuse("code_client", "the client that the code was issued to", audit.Value(call.client.ID), "Redeem the code with the client_id of the authorization request.")
	}
	sent := call.params.Get("redirect_uri")
	if (code.RedirectURISent || sent != "") && sent != code.RedirectURI {
		return refuse("code_redirect_uri", code.RedirectURI, audit.URI(sent), "Send the redirect_uri of the authorization request.")
	}
	if g, err := s.proveVerifier(ctx, call, code, refuse); g != nil || err != nil {
		return g, err
	}
	if code.SpentAt != nil {
		if err := s.Store.EndFamily(ctx, code.FamilyID, EndedByCodeReuse, call.now, audit.Event{
			At: call.now, Action: audit.CodeReplayed, Outcome: audit.Refused, ClientID: code.ClientID, UserID: code.UserID, Caller: call.from,
			Actor: audit.Party{Kind: audit.KindClient, ID: code.ClientID}, Target: audit.Party{Kind: audit.KindFamily, ID: code.FamilyID},
		}); err != nil {
			return nil, err
		}
		return refuse("code_unused", "an unused code; this one was used at "+code.SpentAt.Format("2006-01-02 15:04:05 MST"), audit.Opaque(value),
			"Redeem each code once; what it gave has been revoked.")
	}
	if !call.now.Before(code.ExpiresAt) {
		return refuse("code_fresh", "a code that expires at "+code.ExpiresAt.Format("2006-01-02 15:04:05 MST"), audit.Opaque(value), "Redeem the code at once.")
	}
	api, err := s.resourceOf(ctx, call, code.Resources, code.CreatedAt)
	if err != nil {
		return nil, err
	}
	open := *code
	if open.Scopes, err = s.unlocked(ctx, code.UserID, code.Scopes, code.CreatedAt); err != nil {
		return nil, err
	}
	return s.beginFamily(call, &open, api), nil
}

// proveVerifier compares the code_verifier with the code's challenge. It returns nothing if it holds.
func (s *Server) proveVerifier(ctx context.Context, call *tokenCall, code *Code, refuse func(rule, expected string, received audit.Received, remedy string) (*granted, error)) (*granted, error) {
	verifier := call.params.Get("code_verifier")
	if code.CodeChallenge == "" {
		if verifier != "" { // a downgrade: somebody took the challenge out (RFC 9700 §2.1.1, §4.8.2)
			return refuse("code_verifier_expected", "no code_verifier, as the request had no code_challenge", audit.Shape(verifier), "Send code_challenge in the authorization request.")
		}
		return nil, nil
	}
	if verifierMatches(verifier, code.CodeChallenge) {
		return nil, nil
	}
	if code.SpentAt == nil {
		if err := s.Store.CountWrongVerifier(ctx, code.Hash, MaxWrongVerifiers, call.now); err != nil {
			return nil, err
		}
	}
	return refuse("code_verifier", "the code_verifier whose SHA-256 is the code_challenge", audit.Shape(verifier), "Keep the verifier from the authorization request until the code is redeemed.")
}

// beginFamily prepares the family that a code begins: with what was granted, but for what the client may not ask for any more.
func (s *Server) beginFamily(call *tokenCall, code *Code, api *API) *granted {
	family := Family{
		ID: code.FamilyID, ClientID: code.ClientID, UserID: code.UserID, GrantType: GrantAuthorizationCode,
		Scopes: code.Scopes.Common(call.client.Scopes), Resources: code.Resources, AuthTime: code.AuthTime, AMR: code.AMR,
	}
	if boundToSession(code.Scopes) {
		family.SessionID = code.SessionID
	}
	g, b := s.newFamily(call, family, api)
	g.nonce = code.Nonce
	event := s.familyEvent(call, &b.Family, audit.CodeRedeemed)
	g.save = func(ctx context.Context, opaque *AccessToken) error {
		b.Access = opaque
		return s.Store.RedeemCode(ctx, code.Hash, b, event)
	}
	return g
}

// newFamily dates a family that begins now, and gives it a refresh token where the client may have one.
func (s *Server) newFamily(call *tokenCall, f Family, api *API) (*granted, Beginning) {
	f.CreatedAt, f.ExpiresAt, f.IdleExpiresAt = call.now, call.now.Add(s.Policy().RefreshLife(call.client).For), call.now
	g := &granted{api: api, grantID: f.ID, userID: f.UserID, scopes: f.Scopes, authTime: f.AuthTime, amr: f.AMR}
	var first *RefreshToken
	if f.GrantType != GrantImplicit && call.client.Allows(GrantRefreshToken) && f.SessionID == "" && mayRefresh(f.Scopes) { // RFC 6749 §4.2.2
		g.refreshToken = secret.New("gh_rt_")
		token := s.refreshTokenRow(call, f.ID, 0, g.refreshToken)
		first = &token
		f.CurrentHash, f.IdleExpiresAt = token.Hash, s.idleEnd(call, f.ExpiresAt)
	} else {
		f.ExpiresAt = call.now.Add(s.accessTokenLife(call, g))
	}
	return g, Beginning{Family: f, First: first}
}

// familyEvent is what is written down about what a client did with a family.
func (s *Server) familyEvent(call *tokenCall, f *Family, action audit.Action) audit.Event {
	return audit.Event{
		At: call.now, Action: action, Outcome: audit.Success, ClientID: f.ClientID, UserID: f.UserID, Caller: call.from,
		Actor:  audit.Party{Kind: audit.KindClient, ID: call.client.ID, Name: call.client.Name},
		Target: audit.Party{Kind: audit.KindFamily, ID: f.ID},
	}
}

// mayRefresh: offline access was granted (OpenID Connect Core §11), or it is plain OAuth.
func mayRefresh(scopes Scopes) bool {
	return scopes.Has(ScopeOfflineAccess) || !scopes.Has(ScopeOpenID)
}

// boundToSession: a sign-in without offline access ends with the browser session it came from.
func boundToSession(scopes Scopes) bool { return !mayRefresh(scopes) }
