package oauth

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// refreshInvalid is said of every refresh token that does not hold.
const refreshInvalid = "The refresh token is invalid, expired, revoked, or was issued to another client."

// successorAAD binds a sealed successor to its column.
const successorAAD = "families/successor_sealed/"

// refresh trades a refresh token for new tokens (RFC 6749 §6) and rotates it (RFC 9700 §4.14.2), by security.md rule 1: a
// spent token is taken again only as a retry whose answer may have been lost, and then answered with the same successor.
// Every other spent token ends its family.
func (s *Server) refresh(ctx context.Context, call *tokenCall) (*granted, error) {
	value := call.params.Get("refresh_token")
	if value == "" {
		return nil, InvalidRequest("refresh_token is missing.").Because(cause("refresh_token_present", "refresh_token", "", "Send the refresh token."))
	}
	hash := secret.Hash(value)
	t, err := s.Store.RefreshToken(ctx, hash)
	if fault.IsNotFound(err) {
		return nil, InvalidGrant(refreshInvalid).
			Because(cause("refresh_token_known", "a refresh token that this server issued", audit.Opaque(value), "Send the newest refresh token exactly as it came."))
	}
	if err != nil {
		return nil, err
	}
	refuse := func(rule, expected, remedy string) (*granted, error) {
		return nil, InvalidGrant(refreshInvalid).For("", t.UserID).Because(cause(rule, expected, audit.Opaque(value), remedy))
	}
	if t.ClientID != call.client.ID { // not provably the caller's: it kills nothing
		return nil, InvalidGrant(refreshInvalid).
			Because(cause("refresh_token_client", "the client that the refresh token was issued to", audit.Value(call.client.ID), "Refresh with the client_id that was given the token."))
	}
	const again = "Send the person through sign-in again."
	switch {
	case t.EndedAt != nil:
		return refuse("family_live", fmt.Sprintf("a live family; this one ended at %s: %s", t.EndedAt.Format("2006-01-02 15:04:05 MST"), t.EndReason), again)
	case t.EraOver:
		return refuse("family_live", "a live family; all that this client was given has been revoked", again)
	case !t.UserEnabled:
		return refuse("user_enabled", "an enabled user", "Enable the user in the console.")
	case !t.SessionLive:
		return refuse("session_live", "a live browser session, as offline_access was not granted", "Ask for offline_access to outlive the session.")
	}
	current := t.CurrentHash == hash
	if !current {
		if why := s.notARetry(call, t, hash); why != "" {
			return s.replayed(ctx, call, t, value, why)
		}
	}
	switch {
	case !call.now.Before(t.ExpiresAt):
		return refuse("family_age", "a family that began less than "+t.ExpiresAt.Sub(t.CreatedAt).String()+" ago", again)
	case !call.now.Before(t.IdleExpiresAt):
		return refuse("refresh_token_idle", "a refresh token used before "+t.IdleExpiresAt.Format("2006-01-02 15:04:05 MST"), again)
	}
	api, scopes, err := s.narrowed(ctx, call, t)
	if err != nil {
		if current { // its owner has it: from now on its predecessor cannot be an honest retry
			if e := s.Store.MarkRefreshTokenPresented(ctx, t.ID, hash, call.now); e != nil {
				return nil, e
			}
		}
		return nil, err
	}
	g := &granted{api: api, grantID: t.ID, userID: t.UserID, scopes: scopes, authTime: t.AuthTime, amr: t.AMR}
	if !current {
		return s.retried(call, t, g, value)
	}
	return s.rotated(call, t, g, hash, value), nil
}

// narrowed reads what a refresh asks for, its resource and scope: never more than the family has (RFC 6749 §6), nor than the client may still
// ask for and the person have.
func (s *Server) narrowed(ctx context.Context, call *tokenCall, t *PresentedRefreshToken) (*API, Scopes, error) {
	api, err := s.resourceOf(ctx, call, t.Resources, t.CreatedAt)
	if err != nil {
		return nil, nil, concerning(err, "", t.UserID)
	}
	granted := t.Scopes.Common(call.client.Scopes)
	asked := granted
	if call.params.Has("scope") {
		asked, err = ParseScopes(call.params.Get("scope"))
	}
	if err == nil && granted.Covers(asked) {
		open, err := s.unlocked(ctx, t.UserID, asked, t.CreatedAt)
		return api, open, err
	}
	return nil, nil, InvalidScope("The scope goes beyond what was granted.").For("", t.UserID).
		Because(causeReceived("scope_granted", granted.String(), call.params.Get("scope"), "Ask for less, or send the person through consent again."))
}

// rotated spends the current token for its successor, which is kept sealed under the spent one for a retry.
func (s *Server) rotated(call *tokenCall, t *PresentedRefreshToken, g *granted, hash, value string) *granted {
	g.refreshToken = secret.New("gh_rt_")
	rotation := Rotation{
		FamilyID: t.ID, PresentedHash: hash, Successor: s.refreshTokenRow(call, t.ID, t.Generation+1, g.refreshToken),
		SuccessorSealed: secret.SealUnder(value, successorAAD+t.ID, []byte(g.refreshToken)),
		At:              call.now, IdleExpiresAt: s.idleEnd(call, t.ExpiresAt),
	}
	event := s.familyEvent(call, &t.Family, audit.TokenRefreshed)
	g.save = func(ctx context.Context, opaque *AccessToken) error {
		rotation.Access = opaque
		return s.Store.RotateRefreshToken(ctx, rotation, event)
	}
	return g
}

// notARetry says why a spent token is a replay and not an honest retry; "" if it is one (security.md rule 1).
func (s *Server) notARetry(call *tokenCall, t *PresentedRefreshToken, hash string) string {
	switch {
	case t.PreviousHash != hash || t.RotatedAt == nil:
		return "its successor is spent too"
	case t.CurrentPresentedAt != nil:
		return "its successor has been presented"
	}
	interval := s.Policy().Lifetimes.Reuse
	if !call.client.Public() {
		interval = s.Policy().Lifetimes.ReuseConfidential
	}
	since := *t.RotatedAt
	if ready := s.ReadySince(); ready.After(since) {
		since = ready
	}
	age := call.now.Sub(*t.RotatedAt)
	if call.now.Sub(since) > interval || age > max(interval, maxReuse) {
		return fmt.Sprintf("it was rotated %s ago, outside the reuse interval of %s", age.Round(time.Second), interval)
	}
	return ""
}

// retried answers a retry with the one successor there is and a fresh access token.
func (s *Server) retried(call *tokenCall, t *PresentedRefreshToken, g *granted, value string) (*granted, error) {
	successor, err := secret.OpenUnder(value, successorAAD+t.ID, t.SuccessorSealed)
	if err != nil {
		return nil, fmt.Errorf("the successor of a refresh token cannot be opened: %w", err)
	}
	g.refreshToken = string(successor)
	event := s.presentedEvent(call, t, audit.TokenRetried)
	g.save = func(ctx context.Context, opaque *AccessToken) error { return s.saveWith(ctx, opaque, event) }
	return g, nil
}

// replayed ends the family, durably, before it answers (RFC 9700 §4.14.2).
func (s *Server) replayed(ctx context.Context, call *tokenCall, t *PresentedRefreshToken, value, why string) (*granted, error) {
	event := s.presentedEvent(call, t, audit.RefreshReplayed)
	event.Outcome = audit.Refused
	if err := s.Store.EndFamily(ctx, t.ID, EndedByReplay, call.now, event); err != nil {
		return nil, err
	}
	return nil, InvalidGrant(refreshInvalid).For("", t.UserID).
		Because(cause("refresh_token_current", "the family's current refresh token; this one is spent and "+why, audit.Opaque(value),
			"Store each new refresh token before you use it. The family has ended: send the person through sign-in again."))
}

// presentedEvent is what is written down about a spent token that was presented: which one it was, and how far the family is.
func (s *Server) presentedEvent(call *tokenCall, t *PresentedRefreshToken, action audit.Action) audit.Event {
	event := s.familyEvent(call, &t.Family, action)
	event.Changes = map[string]audit.Change{
		audit.Generation: {Before: strconv.FormatInt(t.Presented, 10), After: strconv.FormatInt(t.Generation, 10)},
	}
	return event
}

func (s *Server) refreshTokenRow(call *tokenCall, familyID string, generation int64, value string) RefreshToken {
	return RefreshToken{
		Hash: secret.Hash(value), FamilyID: familyID, Generation: generation, CreatedAt: call.now,
		IP: call.from.IP, UserAgent: call.from.UserAgent, RequestID: call.from.RequestID,
	}
}

// idleEnd is when a refresh token issued now lapses unless it is used.
func (s *Server) idleEnd(call *tokenCall, familyEnd time.Time) time.Time {
	if idle := call.now.Add(s.Policy().RefreshIdleLife(call.client).For); idle.Before(familyEnd) {
		return idle
	}
	return familyEnd
}
