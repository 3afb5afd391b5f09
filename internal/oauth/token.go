package oauth

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// TokenResponse is the answer of the token endpoint (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"` // what was granted, said always but for nothing at all (RFC 6749 §5.1)
}

// tokenCall is one call of the token endpoint by a client that is proven.
type tokenCall struct {
	client *Client
	params Params
	from   audit.Caller
	now    time.Time
}

// grant proves what the client holds and says what it may have. Everything shared (client authentication, allowed grants,
// issuing) happens around it.
type grant func(ctx context.Context, call *tokenCall) (*granted, error)

// granted is what a grant proved.
type granted struct {
	api          *API   // what the access token is for; nil is our own API
	grantID      string // what the access token names (security.md rule 3)
	userID       string // empty where the client acts as itself
	scopes       Scopes // that were granted; the access token bears those that its API takes
	authTime     time.Time
	amr          Words
	nonce        string
	refreshToken string // to hand out with it
	// save spends what was presented, together with saving what is issued for it: an access token that is opaque, nil where it
	// is a JWT. On ErrSpent the grant is judged anew.
	save func(ctx context.Context, opaque *AccessToken) error
}

// Token answers a token request (RFC 6749 §3.2). A refusal is a *Error.
func (s *Server) Token(ctx context.Context, p Params, authorization string, from audit.Caller) (*TokenResponse, error) {
	client, err := s.caller(ctx, p, authorization, from.IP)
	if err != nil {
		return nil, err
	}
	call := &tokenCall{client: client, params: p, from: from, now: s.Now()}
	response, err := s.tokenFor(ctx, call)
	return response, concerning(err, client.ID, userOf(err))
}

func userOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.UserID
	}
	return ""
}

func (s *Server) tokenFor(ctx context.Context, call *tokenCall) (*TokenResponse, error) {
	prove, err := s.grantFor(call)
	if err != nil {
		return nil, err
	}
	if len(call.params.resources) > 1 {
		return nil, severalResources()
	}
	for range 4 {
		g, err := prove(ctx, call)
		if err != nil {
			return nil, err
		}
		if !g.api.opens(g.scopes) {
			return nil, concerning(noScopeFor(g.api), "", g.userID)
		}
		response, opaque, err := s.issue(ctx, call, g)
		if err == nil {
			err = g.save(ctx, opaque)
		}
		if errors.Is(err, ErrSpent) { // somebody else was faster: look again at what is true now
			continue
		}
		if fault.IsNotFound(err) {
			return nil, InvalidGrant("The grant has ended.").For("", g.userID).
				Because(cause("grant_live", "a live person, client and session", "", "Send the person through sign-in again."))
		}
		if err != nil {
			return nil, err
		}
		return response, nil
	}
	return nil, fault.Unavailable(time.Second, errors.New("a token request kept losing its race"))
}

// grantFor finds the grant the request names, if this client registered it (RFC 6749 §5.2).
func (s *Server) grantFor(call *tokenCall) (grant, error) {
	grantType := call.params.Get("grant_type")
	if grantType == "" {
		return nil, InvalidRequest("grant_type is missing.").
			Because(cause("grant_type_present", strings.Join(s.GrantTypes(), ", "), "", "Send grant_type."))
	}
	prove, on := s.grants[grantType]
	on = on && s.Policy().on(grantType)
	if setting := switches[grantType]; !on && setting != "" {
		return nil, (&Error{Code: "unsupported_grant_type", Description: "This grant_type is not supported."}).
			Because(causeReceived("grant_type_on", setting+"=true", grantType, "Switch the grant on, or use another."))
	}
	if !on {
		return nil, (&Error{Code: "unsupported_grant_type", Description: "This grant_type is not supported."}).
			Because(causeReceived("grant_type_supported", strings.Join(s.GrantTypes(), ", "), grantType, "Use a supported grant type; they are case-sensitive."))
	}
	if !call.client.Allows(grantType) {
		return nil, UnauthorizedClient("The client has not registered this grant_type.").
			Because(causeReceived("grant_type_registered", strings.Join(call.client.GrantTypes, ", "), grantType, "Add the grant type to the client."))
	}
	return prove, nil
}

// issue makes the tokens for what was granted. Nothing is saved yet; opaque is what has to be.
func (s *Server) issue(ctx context.Context, call *tokenCall, g *granted) (response *TokenResponse, opaque *AccessToken, err error) {
	response = &TokenResponse{TokenType: "Bearer", RefreshToken: g.refreshToken, Scope: g.api.narrowed(g.scopes).String()}
	life := s.accessTokenLife(call, g)
	response.ExpiresIn = int64(life / time.Second)
	if response.AccessToken, opaque, err = s.makeAccessToken(ctx, call, g, life); err != nil {
		return nil, nil, err
	}
	if g.userID != "" && g.scopes.Has(ScopeOpenID) {
		if response.IDToken, err = s.signIDToken(ctx, call, g, response.AccessToken); err != nil {
			return nil, nil, err
		}
	}
	return response, opaque, nil
}

// accessTokenLife is how long an access token for what was granted holds.
func (s *Server) accessTokenLife(call *tokenCall, g *granted) time.Duration {
	return s.Policy().AccessTokenLife(call.client, g.api, g.userID != "").For
}

// newID makes an id whose order is that of time (UUIDv7).
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// ValidText reports whether s is text that both databases take: UTF-8 without NUL (security.md rule 25).
func ValidText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
