package oauth

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// Credentials are what a client identifies itself with.
type Credentials struct {
	Method string // AuthBasic, AuthPost or AuthNone; empty if nothing was sent
	ID     string
	secret string
}

// ParseCredentials reads client authentication from the Authorization header and the body (RFC 6749 §2.3.1): one way only.
func ParseCredentials(authorization string, p Params) (Credentials, *Error) {
	inBody := Credentials{ID: p.Get("client_id"), secret: p.Get("client_secret")}
	if p.Has("client_assertion") || p.Has("client_assertion_type") { // RFC 7521 §4.2
		if authorization != "" || inBody.secret != "" {
			return Credentials{}, InvalidRequest("More than one way of client authentication was used.").
				Because(cause("client_authentication_single", "one method", "", "Use the one method the client registered."))
		}
		return Credentials{}, InvalidClient().
			Because(causeReceived("token_endpoint_auth_method_supported", "client_secret_basic, client_secret_post or none", "client_assertion", "Use the method the client registered."))
	}
	if authorization == "" {
		switch {
		case inBody.secret != "":
			inBody.Method = AuthPost
		case inBody.ID != "":
			inBody.Method = AuthNone
		}
		return inBody, nil
	}
	basic, e := parseBasic(authorization)
	if e != nil {
		return Credentials{}, e
	}
	if inBody.secret != "" {
		return Credentials{}, InvalidRequest("More than one way of client authentication was used.").
			Because(cause("client_authentication_single", "one method", "", "Send the secret in the header or in the body, not in both."))
	}
	if inBody.ID != "" && inBody.ID != basic.ID {
		return Credentials{}, InvalidRequest("client_id in the body differs from the one in the Authorization header.").
			Because(cause("client_id_same", "one client_id", "", "Send the same client_id, or leave it out of the body."))
	}
	return basic, nil
}

// parseBasic reads HTTP Basic credentials, each half urlencoded (RFC 6749 §2.3.1 and Appendix B).
func parseBasic(authorization string) (Credentials, *Error) {
	malformed := InvalidClient().
		Because(cause("basic_syntax", "Basic BASE64(urlencoded client_id:urlencoded client_secret)", audit.Shape(authorization), "Use your library's HTTP Basic support."))
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return Credentials{}, malformed
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(encoded, " "))
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // DecodeString skips line breaks, even when strict
		return Credentials{}, malformed
	}
	id, sec, found := strings.Cut(string(raw), ":")
	if !found || strings.Contains(sec, ":") { // a ':' within either half is urlencoded
		return Credentials{}, malformed
	}
	c := Credentials{Method: AuthBasic}
	if c.ID, err = url.QueryUnescape(id); err != nil {
		return Credentials{}, malformed
	}
	if c.secret, err = url.QueryUnescape(sec); err != nil {
		return Credentials{}, malformed
	}
	if !ValidText(c.ID) || !ValidText(c.secret) {
		return Credentials{}, malformed
	}
	return c, nil
}

// caller is the client that sent the parameters, each of them once.
func (s *Server) caller(ctx context.Context, p Params, authorization, ip string) (*Client, error) {
	if e := p.once(); e != nil {
		return nil, e
	}
	credentials, e := ParseCredentials(authorization, p)
	if e != nil {
		return nil, e
	}
	client, err := s.authenticate(ctx, credentials)
	if err == nil && s.Admit != nil {
		err = s.Admit(client, ip)
	}
	if err != nil {
		return nil, err
	}
	return client, nil
}

// authenticate proves who the client is, by the one method it registered (RFC 6749 §3.2.1). Every failure looks the same.
func (s *Server) authenticate(ctx context.Context, c Credentials) (*Client, error) {
	if c.Method == "" || c.ID == "" {
		nobody := InvalidClient() // tells nothing about who exists: nobody was named
		nobody.Description = "The request names no client."
		return nil, nobody.Because(cause("client_identified", "client authentication or client_id", "", "Send the client's credentials."))
	}
	now := s.Now()
	client, found, err := s.Store.ClientBySecret(ctx, c.ID, secret.Hash(c.secret))
	if fault.IsNotFound(err) {
		return nil, InvalidClient().Because(unknownClientID(c.ID))
	}
	if err != nil {
		return nil, err
	}
	refuse := func(rule, expected string, received audit.Received, remedy string) (*Client, error) {
		return nil, InvalidClient().For(client.ID, "").Because(cause(rule, expected, received, remedy))
	}
	switch {
	case client.TokenEndpointAuthMethod != c.Method:
		return refuse("token_endpoint_auth_method", client.TokenEndpointAuthMethod, audit.Value(c.Method), "Use the method the client registered, or change it in the console.")
	case !client.Enabled():
		return refuse("client_enabled", "an enabled client", "", "Enable the client in the console.")
	case client.Public():
		return client, nil
	case found == nil:
		return refuse("client_secret", "a live secret of the client", audit.Opaque(c.secret), "Add a secret in the console and use it.")
	case found.RevokedAt != nil:
		return refuse("client_secret_revoked", "a secret that is not revoked", audit.Opaque(c.secret), "Use a live secret.")
	case !found.Live(now):
		return refuse("client_secret_expired", "a secret that has not expired", audit.Opaque(c.secret), "Add a secret in the console and use it.")
	}
	s.Store.NoteSecretUse(client.ID, found.ID, now)
	return client, nil
}
