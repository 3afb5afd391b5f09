package oauth

import (
	"context"
	"net/url"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// Target is the only thing that can build a URL back to a client: client and redirect_uri are proven (RFC 6749 §4.1.2.1,
// RFC 9700 §4.11).
type Target struct {
	Client      *Client
	RedirectURI string
	sent        bool   // the request named it
	mode        string // how the answer travels
	state       string
	issuer      string
}

// Sentences that people and test robots look for.
const (
	unknownClient         = "The application that sent you here is not registered."
	redirectNotRegistered = "redirect_uri is not registered for this client"
)

// Target proves who asks and where the answer may go. Its error is for a page: nobody is redirected.
func (s *Server) Target(ctx context.Context, p Params) (*Target, error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if p.Twice(name) {
			return nil, InvalidRequest(name + " was sent more than once.").
				Because(causeReceived("parameter_once", "each parameter once", name, "Send each parameter once."))
		}
	}
	id := p.Get("client_id")
	if id == "" {
		return nil, InvalidRequest("client_id is missing.").
			Because(cause("client_id_present", "client_id", "", "Send client_id."))
	}
	client, err := s.Store.Client(ctx, id)
	if fault.IsNotFound(err) {
		return nil, (&Error{Code: "invalid_client", Description: unknownClient}).
			Because(unknownClientID(id))
	}
	if err != nil {
		return nil, err
	}
	if !client.Enabled() {
		return nil, (&Error{Code: "unauthorized_client", Description: "The application that sent you here has been disabled."}).
			For(client.ID, "").
			Because(cause("client_enabled", "an enabled client", "", "Enable the client in the console."))
	}
	t := &Target{Client: client, issuer: s.Issuer, state: p.Get("state"), mode: modeOf(p)}
	t.RedirectURI, t.sent = p.Get("redirect_uri"), p.Has("redirect_uri")
	if e := t.prove(p); e != nil {
		return nil, e.For(client.ID, "")
	}
	return t, nil
}

func (t *Target) prove(p Params) *Error {
	registered := t.Client.RedirectURIs
	if !t.sent {
		scopes, _ := ParseScopes(p.Get("scope"))
		switch {
		case scopes.Has(ScopeOpenID): // OpenID Connect Core §3.1.2.1
			return InvalidRequest("redirect_uri is missing.").
				Because(cause("redirect_uri_present", "redirect_uri, which OpenID Connect requires", "", "Send redirect_uri."))
		case len(registered) != 1: // RFC 6749 §3.1.2.3
			return InvalidRequest("redirect_uri is missing.").
				Because(cause("redirect_uri_present", "redirect_uri, as the client has not registered exactly one", "", "Send redirect_uri."))
		}
		t.RedirectURI = registered[0]
		return nil
	}
	for _, uri := range registered {
		if redirectURIMatches(uri, t.RedirectURI) {
			return nil
		}
	}
	return InvalidRequest(redirectNotRegistered).
		Because(cause("redirect_uri_registered", nearest(registered, t.RedirectURI), audit.URI(t.RedirectURI),
			"Register exactly this redirect_uri, or send one that is registered: they are compared character by character."))
}

// redirect builds the URL back to the client. The redirect_uri's own query is kept (RFC 6749 §3.1.2); state comes back
// untouched, and iss names us (RFC 9207 §2).
func (t *Target) redirect(answer url.Values) string {
	if t.state != "" {
		answer.Set("state", t.state)
	}
	answer.Set("iss", t.issuer)
	if t.mode == modeFragment { // a registered redirect_uri has none of its own
		return t.RedirectURI + "#" + answer.Encode()
	}
	separator := "&"
	switch strings.IndexByte(t.RedirectURI, '?') { // the first; others belong to the query
	case -1:
		separator = "?"
	case len(t.RedirectURI) - 1:
		separator = ""
	}
	return t.RedirectURI + separator + answer.Encode()
}

// Refuse builds the redirection that tells the client of an error.
func (t *Target) Refuse(e *Error, errorURI string) string {
	return t.redirect(url.Values{"error": {e.Code}, "error_description": {e.Description}, "error_uri": {errorURI}})
}

// unknownClientID is why a client_id was not found. What does not look like one may be a person's name, typed into the wrong
// place, and is not kept.
func unknownClientID(id string) audit.Cause {
	received := audit.Shape(id)
	if strings.HasPrefix(id, clientIDPrefix) {
		received = audit.Value(id)
	}
	return cause("client_known", "the client_id of a registered client", received, "Copy the client_id from the console.")
}

// nearest is the registered URI that begins most like the one that came.
func nearest(registered []string, requested string) string {
	best, longest := "a registered redirect_uri; there is none", -1
	for _, uri := range registered {
		n := 0
		for n < min(len(uri), len(requested)) && uri[n] == requested[n] {
			n++
		}
		if n > longest {
			best, longest = uri, n
		}
	}
	return best
}
