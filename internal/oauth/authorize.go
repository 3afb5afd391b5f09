package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// Authorization is an authorization request whose parameters are proven (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).
type Authorization struct {
	Target    *Target
	Scopes    Scopes
	Resources []string // what its tokens may be for, by identifier
	Prompt    prompts
	MaxAge    *time.Duration
	LoginHint string

	responseType  responseType
	apis          []*API // those of Resources; nil is our own
	nonce         string
	codeChallenge string // S256, or empty
	hintSubject   string // of id_token_hint, or asked for by claims
	params        Params
	known         map[string]Scope
}

// The values of prompt (OpenID Connect Core §3.1.2.1).
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

type prompts []string

func (p prompts) has(value string) bool { return slices.Contains(p, value) }

// maxAuthorizeRequest bounds a request that is stored, in bytes.
const maxAuthorizeRequest = 16 << 10

// maxLoginHint bounds who a client expects, in bytes: an address is at most 254.
const maxLoginHint = 1 << 10

// maxEchoed bounds what is kept for the client and given back to it: state and nonce, in bytes.
const maxEchoed = 4 << 10

// authorizeChecks prove a request's parameters, in this order. Their errors go back to the client.
var authorizeChecks = []func(*Server, context.Context, *Authorization) error{
	(*Server).checkOnce,
	(*Server).checkLength,
	(*Server).checkRequestObject,
	(*Server).checkResponseType,
	(*Server).checkResponseMode,
	(*Server).checkResource,
	(*Server).checkScope,
	(*Server).checkPrompt,
	(*Server).checkMaxAge,
	(*Server).checkPKCE,
	(*Server).checkIDTokenHint,
	(*Server).checkClaims,
}

// Authorization proves a request's parameters for the target. A *Error goes back to the client through the target.
func (s *Server) Authorization(ctx context.Context, t *Target, p Params) (*Authorization, error) {
	a := &Authorization{Target: t, params: p, LoginHint: p.Get("login_hint")}
	for _, check := range authorizeChecks {
		if err := check(s, ctx, a); err != nil {
			return nil, concerning(err, t.Client.ID, "")
		}
	}
	return a, nil
}

// concerning names whom a refusal concerns, if err is one.
func concerning(err error, clientID, userID string) error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // checks return *Error unwrapped
		return e.For(clientID, userID)
	}
	return err
}

func (s *Server) checkOnce(_ context.Context, a *Authorization) error {
	if e := a.params.once(); e != nil {
		return e
	}
	return nil
}

// checkRequestObject refuses what OpenID Connect Core §6 and RFC 9101 would have put into a request object.
func (s *Server) checkRequestObject(_ context.Context, a *Authorization) error {
	for _, object := range []struct{ param, code string }{
		{"request", "request_not_supported"}, {"request_uri", "request_uri_not_supported"},
	} {
		if a.params.Has(object.param) {
			return (&Error{Code: object.code, Description: "The parameter " + object.param + " is not supported."}).
				Because(cause("request_object", "plain parameters", "", "Send the parameters themselves."))
		}
	}
	return nil
}

// checkResource finds the APIs that are asked for: several may be (RFC 8707 §2), and each token is for one of them.
func (s *Server) checkResource(ctx context.Context, a *Authorization) error {
	a.Resources = a.params.resources
	if len(a.Resources) == 0 {
		a.Resources = []string{s.defaultResource(a.Target.Client)}
	}
	if len(a.Resources) > 1 && a.responseType.grant == GrantImplicit {
		return severalResources()
	}
	if len(a.Resources) > maxResources {
		return InvalidTarget("Too many resources were asked for.").
			Because(cause("resource_count", fmt.Sprintf("at most %d", maxResources), audit.Value(strconv.Itoa(len(a.Resources))), "Ask for fewer."))
	}
	for _, identifier := range a.Resources {
		api, err := s.api(ctx, a.Target.Client, identifier)
		if err != nil {
			return err
		}
		a.apis = append(a.apis, api)
	}
	return nil
}

func (s *Server) checkScope(ctx context.Context, a *Authorization) error {
	catalog, err := s.catalog(ctx)
	if err != nil {
		return err
	}
	a.known = catalog.Scopes
	if a.Scopes, err = a.Target.Client.grantable(a.params, a.known, a.apis...); err != nil {
		return err
	}
	if len(a.params.resources) > 0 { // nobody is asked about an API without any of its scopes
		for _, api := range a.apis {
			if !api.opens(a.Scopes) {
				return noScopeFor(api)
			}
		}
	}
	return nil
}

// grantable reads the scope parameter and refuses what is unknown, not the client's, or taken by none of the APIs that the
// token may be for. Without the parameter it is all the client may have there that need not be asked for by name (RFC 6749 §3.3).
func (c *Client) grantable(p Params, known map[string]Scope, apis ...*API) (Scopes, error) {
	taken := func(scope string) bool { return slices.ContainsFunc(apis, func(a *API) bool { return a.takes(scope) }) }
	scopes, err := ParseScopes(p.Get("scope"))
	if err != nil {
		return nil, InvalidScope("The scope is malformed.").
			Because(causeReceived("scope_syntax", "names as RFC 6749 §3.3 has them, one space between", p.Get("scope"), "Join the scopes by one space."))
	}
	if len(scopes) == 0 {
		return slices.DeleteFunc(PersonScopes.Missing(c.Scopes), func(name string) bool { return !taken(name) || known[name].ByName }), nil
	}
	for _, name := range scopes {
		if _, ok := known[name]; !ok {
			return nil, InvalidScope("A scope does not exist.").
				Because(causeReceived("scope_known", "a scope that exists", name, "Create the scope, or do not ask for it."))
		}
		if !c.Scopes.Has(name) {
			return nil, InvalidScope("The client may not ask for one of the scopes.").
				Because(causeReceived("scope_allowed", c.Scopes.String(), name, "Add the scope to the client, or do not ask for it."))
		}
		if !PersonScopes.Has(name) && !taken(name) {
			return nil, InvalidScope("A scope is not one that the resource takes.").
				Because(causeReceived("scope_resource", "a scope of the API that the token is for", name, "Add the scope to the API, or send the resource it belongs to."))
		}
	}
	return scopes, nil
}

// checkLength bounds what is stored and what goes back to the client, before anything else looks at it.
func (s *Server) checkLength(_ context.Context, a *Authorization) error {
	a.nonce = a.params.Get("nonce")
	if len(a.nonce) > maxEchoed || len(a.Target.state) > maxEchoed || len(a.LoginHint) > maxLoginHint || len(a.params.encode()) > maxAuthorizeRequest {
		return InvalidRequest("The request is too long.").
			Because(cause("request_length", "state and nonce of at most 4096 bytes", "", "Keep what is long on your side and send a short state."))
	}
	return nil
}

func (s *Server) checkPrompt(_ context.Context, a *Authorization) error {
	a.Prompt = strings.Fields(a.params.Get("prompt"))
	for _, value := range a.Prompt {
		if !slices.Contains([]string{promptNone, promptLogin, promptConsent, promptSelectAccount}, value) {
			return InvalidRequest("prompt holds an unknown value.").
				Because(causeReceived("prompt_known", "none, login, consent or select_account", value, "Leave it out."))
		}
	}
	if a.Prompt.has(promptNone) && len(a.Prompt) > 1 {
		return InvalidRequest("prompt=none stands alone.").
			Because(causeReceived("prompt_none_alone", promptNone, a.params.Get("prompt"), "Send prompt=none alone."))
	}
	return nil
}

func (s *Server) checkMaxAge(_ context.Context, a *Authorization) error {
	if !a.params.Has("max_age") {
		return nil
	}
	seconds, err := strconv.ParseUint(a.params.Get("max_age"), 10, 31)
	if err != nil {
		return InvalidRequest("max_age is not a number of seconds.").
			Because(causeReceived("max_age_number", "seconds", a.params.Get("max_age"), "Send whole seconds."))
	}
	age := time.Duration(seconds) * time.Second
	a.MaxAge = &age
	if seconds == 0 && !a.Prompt.has(promptNone) { // OpenID Connect Core §3.1.2.1: the same as prompt=login
		a.Prompt = append(a.Prompt, promptLogin)
	}
	return nil
}

// checkPKCE takes S256 alone (RFC 7636 §4.4.1, RFC 9700 §2.1.1); without a challenge only who need not send one.
func (s *Server) checkPKCE(_ context.Context, a *Authorization) error {
	challenge, method := a.params.Get("code_challenge"), a.params.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return InvalidRequest("code_challenge_method came without code_challenge.").
			Because(causeReceived("code_challenge_present", "code_challenge", method, "Send code_challenge too."))
	case challenge == "" && a.responseType.grant == GrantImplicit: // there is no code to protect
		return nil
	case challenge == "" && (a.Target.Client.Public() || a.Target.Client.RequirePKCE):
		return InvalidRequest("code_challenge is missing: this client has to use PKCE.").
			Because(cause("pkce_required", "code_challenge and code_challenge_method=S256", "", "Turn PKCE on in your OAuth library."))
	case challenge == "":
		return nil
	case method != ChallengeS256: // absent means plain (RFC 7636 §4.3)
		return InvalidRequest("code_challenge_method has to be S256.").
			Because(causeReceived("code_challenge_method_supported", ChallengeS256, method, "Send code_challenge_method=S256."))
	case !validChallenge(challenge):
		return InvalidRequest("code_challenge is not a base64url-encoded SHA-256 hash.").
			Because(cause("code_challenge_syntax", "43 base64url characters without padding", audit.Shape(challenge), "Send BASE64URL(SHA-256(code_verifier))."))
	}
	a.codeChallenge = challenge
	return nil
}

// checkIDTokenHint proves an ID token of ours, expired or not (OpenID Connect Core §3.1.2.1).
func (s *Server) checkIDTokenHint(ctx context.Context, a *Authorization) error {
	hint := a.params.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	subject, err := s.hintSubject(ctx, hint, a.Target.Client.ID)
	if err != nil {
		return err
	}
	a.hintSubject = subject
	return nil
}

// checkClaims reads the claims parameter for whom it asks: nobody else's tokens may come back (OpenID Connect Core §5.5,
// §3.1.2.2). Everything else in it is ignored, as discovery says.
func (s *Server) checkClaims(_ context.Context, a *Authorization) error {
	raw := a.params.Get("claims")
	if raw == "" {
		return nil
	}
	subjects, err := subjectsOf(raw)
	if err != nil {
		return InvalidRequest("claims cannot be read: " + err.Error() + ".").
			Because(cause("claims_syntax", "a JSON object with the members userinfo and id_token", audit.Shape(raw), "Send valid JSON, or leave claims out."))
	}
	for _, subject := range subjects {
		if subject == "" || a.hintSubject != "" && a.hintSubject != subject {
			return InvalidRequest("The request asks for more than one person, or for nobody.").
				Because(cause("claims_subject_single", "one sub in claims, that of id_token_hint", audit.Shape(raw), "Ask for one person, or for none."))
		}
		a.hintSubject = subject
	}
	return nil
}

// subjectsOf lists every value that a claims parameter asks of sub (OpenID Connect Core §5.5.1).
func subjectsOf(raw string) ([]string, error) {
	var claims struct {
		Userinfo json.RawMessage `json:"userinfo"`
		IDToken  json.RawMessage `json:"id_token"`
	}
	if err := unmarshalObject([]byte(raw), &claims); err != nil {
		return nil, err
	}
	var subjects []string
	for _, member := range []json.RawMessage{claims.Userinfo, claims.IDToken} {
		var asked struct {
			Sub json.RawMessage `json:"sub"`
		}
		var sub struct {
			Value  *string  `json:"value"`
			Values []string `json:"values"`
		}
		if err := unmarshalMember(member, &asked); err != nil {
			return nil, err
		}
		if err := unmarshalMember(asked.Sub, &sub); err != nil {
			return nil, err
		}
		if sub.Value != nil {
			subjects = append(subjects, *sub.Value)
		}
		subjects = append(subjects, sub.Values...)
	}
	return subjects, nil
}

// unmarshalMember is unmarshalObject for a member that may be left out, or null.
func unmarshalMember(member json.RawMessage, into any) error {
	if len(member) == 0 || string(member) == "null" {
		return nil
	}
	return unmarshalObject(member, into)
}

// Answer is what an authorization request leads to: a redirection to the client, or the next step.
type Answer struct {
	Step     Step
	Redirect string // where to send the browser, if Step is Done
}

// begunAt is when a request that the browser brought back was put aside; nil for one that was not.
func begunAt(i *Interaction) *time.Time {
	if i == nil {
		return nil
	}
	return &i.CreatedAt
}

// Advance takes a proven request as far as it goes: to a code, or to what needs the person. A refusal is a *Error.
func (s *Server) Advance(ctx context.Context, a *Authorization, login *Login, i *Interaction, from audit.Caller) (Answer, error) {
	var consent *Consent
	if login != nil {
		var err error
		if err = s.narrowFor(ctx, a, login); err != nil {
			return Answer{}, err
		}
		if consent, err = s.Store.Consent(ctx, login.Subject, a.Target.Client.ID); err != nil && !fault.IsNotFound(err) {
			return Answer{}, err
		}
	}
	d := Decide(a, login, consent, begunAt(i), s.Now())
	switch d.Step {
	case Refuse:
		return Answer{}, d.Refusal.For(a.Target.Client.ID, subjectOf(login))
	case Done:
		url, err := s.answer(ctx, &agreed{Authorization: a, scopes: a.Scopes, login: login, from: from})
		return Answer{Redirect: url}, err
	default:
		return Answer{Step: d.Step}, nil
	}
}

// narrowFor leaves of a request what the person may be granted.
func (s *Server) narrowFor(ctx context.Context, a *Authorization, login *Login) (err error) {
	a.Scopes, err = s.unlocked(ctx, login.Subject, a.Scopes, s.Now())
	return concerning(err, a.Target.Client.ID, login.Subject)
}

// toAsk are the scopes that the person is asked about.
func (a *Authorization) toAsk() Scopes {
	return slices.DeleteFunc(slices.Clone(a.Scopes), func(name string) bool { return a.known[name].ConsentFree })
}

// allowedBy reports whether nobody has to be asked: all there is to ask was allowed before. A request of nothing but scopes that
// nobody is asked about needs no answer; one without any scope does, for it makes the person known.
func (a *Authorization) allowedBy(consent *Consent) bool {
	asked := a.toAsk()
	if len(asked) == 0 && len(a.Scopes) > 0 {
		return true
	}
	return consent != nil && consent.Scopes.Covers(asked)
}

func subjectOf(login *Login) string {
	if login == nil {
		return ""
	}
	return login.Subject
}

// granted are the APIs that the person let the client have tokens for: of which they refused every scope, none. What is left is our
// own, so that a sign-in stays one.
func (g *agreed) granted(s *Server) (resources []string, first *API) {
	for i, api := range g.apis {
		if api.opens(g.scopes) {
			if resources = append(resources, g.Resources[i]); len(resources) == 1 {
				first = api
			}
		}
	}
	if len(resources) == 0 {
		resources = []string{s.Issuer}
	}
	return resources, first
}

// answer hands out what was agreed and builds the redirection that carries it.
func (s *Server) answer(ctx context.Context, g *agreed) (string, error) {
	values, err := g.responseType.answer(s, ctx, g)
	if fault.IsNotFound(err) { // signed out, disabled or deleted while we decided
		return "", (&Error{Code: "access_denied", Description: "The sign-in or the application ended meanwhile."}).For(g.Target.Client.ID, g.login.Subject).
			Because(cause("still_live", "a live session, person and client", "", "Start again."))
	}
	if err != nil {
		return "", err
	}
	return g.Target.redirect(values), nil
}

// events are what is written down about it: what was handed out, and the consent if it was just given.
func (g *agreed) events(action audit.Action, at time.Time) []audit.Event {
	client := g.Target.Client
	event := audit.Event{
		At: at, Action: action, Outcome: audit.Success, ClientID: client.ID, UserID: g.login.Subject, Caller: g.from,
		Actor: audit.Party{Kind: audit.KindUser, ID: g.login.Subject}, Target: audit.Party{Kind: audit.KindClient, ID: client.ID, Name: client.Name},
	}
	events := []audit.Event{event}
	if g.consent != nil {
		given := event
		given.Action = audit.ConsentGiven
		given.Changes = map[string]audit.Change{"scope": {After: g.consent.Scopes.String()}}
		events = append(events, given)
	}
	return events
}

// issueCode saves a code for what was granted (RFC 6749 §4.1.2).
func (s *Server) issueCode(ctx context.Context, g *agreed) (url.Values, error) {
	now := s.Now()
	resources, _ := g.granted(s)
	code := secret.New("gh_ac_") // 256 random bits (RFC 6749 §10.10 asks for 128)
	row := Code{
		Hash: secret.Hash(code), ClientID: g.Target.Client.ID, UserID: g.login.Subject, SessionID: g.login.SessionID, FamilyID: newID(),
		RedirectURI: g.Target.RedirectURI, RedirectURISent: g.Target.sent, Scopes: g.scopes, Resources: s.kept(resources...),
		Nonce: g.nonce, CodeChallenge: g.codeChallenge,
		AuthTime: g.login.AuthTime, AMR: g.login.AMR, CreatedAt: now, ExpiresAt: now.Add(s.Policy().Lifetimes.Code),
	}
	err := s.Store.IssueCode(ctx, row, g.consent, g.events(audit.CodeIssued, now)...)
	return url.Values{"code": {code}}, err
}

// interactionAAD binds the sealed parameters of a request to their column.
const interactionAAD = "interactions/params"

// PutAside stores a request for the time its person signs in and consents, and returns the id that brings it back. What was
// asked is sealed under that id, of which only a hash is kept: hints name people.
func (s *Server) PutAside(ctx context.Context, a *Authorization, browserHash string) (string, error) {
	now := s.Now()
	id := secret.New("")
	err := s.Store.SaveInteraction(ctx, Interaction{
		Hash: secret.Hash(id), ClientID: a.Target.Client.ID, BrowserHash: browserHash,
		Params:    secret.SealUnder(id, interactionAAD, []byte(a.params.encode())),
		CreatedAt: now, ExpiresAt: now.Add(s.Policy().Lifetimes.Interaction),
	})
	return id, err
}

// Resume brings back a request that was put aside, for the browser that began it. Its error is for a page.
func (s *Server) Resume(ctx context.Context, id, browserHash string) (*Interaction, Params, error) {
	gone := func(rule, expected string) error {
		return InvalidRequest("This request has expired or belongs to another browser. Go back to the application and start again.").
			Because(cause(rule, expected, audit.Opaque(id), "Start again from the application, with cookies allowed."))
	}
	hash := secret.Hash(id)
	i, err := s.Store.Interaction(ctx, hash)
	if fault.IsNotFound(err) {
		return nil, Params{}, gone("interaction_known", "a request that was put aside")
	}
	if err != nil {
		return nil, Params{}, err
	}
	if !s.Now().Before(i.ExpiresAt) {
		return nil, Params{}, gone("interaction_fresh", "a request younger than "+s.Policy().Lifetimes.Interaction.String())
	}
	if i.BrowserHash == "" {
		now := s.Now()
		if err := s.Store.BindInteraction(ctx, hash, browserHash, now); errors.Is(err, ErrSpent) {
			return nil, Params{}, gone("interaction_browser", "the browser that began the request")
		} else if err != nil {
			return nil, Params{}, err
		}
		i.BrowserHash, i.CreatedAt = browserHash, now // whoever signed in before has not done so for this request
	} else if !secret.Equal(i.BrowserHash, browserHash) {
		return nil, Params{}, gone("interaction_browser", "the browser that began the request")
	}
	params, err := secret.OpenUnder(id, interactionAAD, i.Params)
	if err != nil {
		return nil, Params{}, err
	}
	p, e := ParseParams(string(params))
	if e != nil {
		return nil, Params{}, e
	}
	return i, p, nil
}

// hintSubject proves an id_token_hint and returns its subject.
func (s *Server) hintSubject(ctx context.Context, hint, clientID string) (string, error) {
	claims, err := s.verifyIDToken(ctx, hint)
	if err != nil {
		return "", err
	}
	if claims == nil || claims.Audience != clientID {
		return "", InvalidRequest("id_token_hint is not an ID token of this server for this client.").
			Because(cause("id_token_hint_valid", "an ID token that this server issued to this client", audit.Shape(hint), "Send the ID token as it was issued, or leave the hint out."))
	}
	return claims.Subject, nil
}

// AuthorizePath is where a request that was put aside goes on.
func AuthorizePath(interaction string) string {
	return PathAuthorize + "?interaction=" + url.QueryEscape(interaction)
}
