package oauth

import (
	"context"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// ScopeQuestion is one scope on the consent page.
type ScopeQuestion struct {
	Scope
	Needed bool // cannot be left out
	Given  bool // the person agreed to it before
	// APIs are those that were asked for and take the scope, besides our own.
	APIs []*API
}

// Question is what a person is asked before a client gets anything.
type Question struct {
	Authorization *Authorization
	Scopes        []ScopeQuestion
	RedirectHost  string // where the answer goes (RFC 8252 §8.6)
}

// Question prepares the consent page.
func (s *Server) Question(ctx context.Context, a *Authorization, login *Login) (*Question, error) {
	if err := s.narrowFor(ctx, a, login); err != nil {
		return nil, err
	}
	consent, err := s.Store.Consent(ctx, login.Subject, a.Target.Client.ID)
	if err != nil && !fault.IsNotFound(err) {
		return nil, err
	}
	q := &Question{Authorization: a, RedirectHost: RedirectHost(a.Target.RedirectURI)}
	for _, name := range a.Scopes {
		asked := ScopeQuestion{Scope: a.known[name], Needed: a.needs(name), Given: consent != nil && consent.Scopes.Has(name)}
		for _, api := range a.apis {
			if api != nil && api.takes(name) {
				asked.APIs = append(asked.APIs, api)
			}
		}
		q.Scopes = append(q.Scopes, asked)
	}
	return q, nil
}

// needs reports whether the scope cannot be left out: openid, and what nobody is asked about.
func (a *Authorization) needs(scope string) bool {
	return scope == ScopeOpenID || a.known[scope].ConsentFree
}

// Approve grants the scopes the person ticked, of those that were asked for, and returns the redirection with the code.
func (s *Server) Approve(ctx context.Context, a *Authorization, login *Login, i *Interaction, ticked Scopes, from audit.Caller) (string, error) {
	// Whoever approves has to be who was asked: the session may have ended or changed since the page was shown.
	if d := Decide(a, login, &Consent{Scopes: a.Scopes}, begunAt(i), s.Now()); d.Step == SignIn || d.Step == Refuse {
		return "", (&Error{Code: "access_denied", Description: "The sign-in ended before the answer came."}).For(a.Target.Client.ID, subjectOf(login)).
			Because(cause("signed_in", "the person who was asked, still signed in", "", "Start again."))
	}
	if err := s.narrowFor(ctx, a, login); err != nil {
		return "", err
	}
	var granted Scopes
	for _, name := range a.Scopes {
		if a.needs(name) || ticked.Has(name) {
			granted = append(granted, name)
		}
	}
	if len(granted) == 0 && len(a.Scopes) > 0 {
		return "", fault.Fields{"scope": "Choose at least one, or deny."}
	}
	consent := &Consent{UserID: login.Subject, ClientID: a.Target.Client.ID, Scopes: granted.Common(a.toAsk()), UpdatedAt: s.Now()}
	return s.answer(ctx, &agreed{Authorization: a, scopes: granted, login: login, consent: consent, from: from})
}

// Deny records that the person said no and returns the refusal for the client (RFC 6749 §4.1.2.1).
func (s *Server) Deny(a *Authorization, login *Login) *Error {
	return (&Error{Code: "access_denied", Description: "The person said no."}).For(a.Target.Client.ID, subjectOf(login)).
		Because(cause("consent_given", "the person's consent", "", "Ask for less, or explain why you ask."))
}
