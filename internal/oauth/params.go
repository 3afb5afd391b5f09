package oauth

import (
	"maps"
	"net/url"
	"slices"

	"gatehouse/internal/audit"
)

// Params are the parameters of one request. A parameter without a value counts as omitted, and one may come only once
// (RFC 6749 §3.1, §3.2).
type Params struct {
	values    map[string]string
	twice     []string // names that came more than once
	resources []string // the one parameter that may (RFC 8707 §2)
}

// ParseParams reads an urlencoded query or body.
func ParseParams(raw string) (Params, *Error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return Params{}, InvalidRequest("The parameters are not properly urlencoded.").
			Because(cause("parameters_urlencoded", "application/x-www-form-urlencoded", "", "Encode the parameters with your library's form encoder."))
	}
	p := Params{values: make(map[string]string, len(values))}
	for name, all := range values {
		for _, v := range append(all, name) {
			if !ValidText(v) {
				return Params{}, InvalidRequest("A parameter holds bytes that are not text.").
					Because(cause("parameters_text", "UTF-8 without NUL", "", "Send text only."))
			}
		}
		if name == paramResource {
			for _, v := range all {
				if v != "" && len(p.resources) <= maxResources && !slices.Contains(p.resources, v) { // one too many says enough
					p.resources = append(p.resources, v)
				}
			}
			continue
		}
		if len(all) > 1 {
			p.twice = append(p.twice, name)
			continue
		}
		if all[0] != "" {
			p.values[name] = all[0]
		}
	}
	slices.Sort(p.twice)
	return p, nil
}

// Get returns the parameter's value, empty if it was omitted or came more than once.
func (p Params) Get(name string) string { return p.values[name] }

// Has reports whether the parameter came once and with a value.
func (p Params) Has(name string) bool { return p.values[name] != "" }

// Twice reports whether the parameter came more than once.
func (p Params) Twice(name string) bool { return slices.Contains(p.twice, name) }

// with is p with one parameter more, or another value for it.
func (p Params) with(name, value string) Params {
	values := make(map[string]string, len(p.values)+1)
	maps.Copy(values, p.values)
	values[name] = value
	p.values = values
	return p
}

// paramResource names an API (RFC 8707 §2).
const paramResource = "resource"

// resourceOr is the one resource that a token request names, or what it is for otherwise.
func (p Params) resourceOr(otherwise string) string {
	if len(p.resources) == 0 {
		return otherwise
	}
	return p.resources[0]
}

// authorizeParams are the parameters that mean something at the authorization endpoint, but for resource.
var authorizeParams = []string{
	"claims", "client_id", "code_challenge", "code_challenge_method", "id_token_hint", "login_hint", "max_age", "nonce", "prompt", "redirect_uri",
	"request", "request_uri", "response_mode", "response_type", "scope", "state",
}

// knownParams are those that mean something anywhere.
var knownParams = append([]string{
	"client_assertion", "client_assertion_type", "client_secret", "code", "code_verifier", "grant_type", "password", "refresh_token", "token",
	"token_type_hint", "username",
}, authorizeParams...)

// encode writes the parameters of an authorization request as an urlencoded query, so that it can be read again later.
// Others mean nothing and may be anything: they are left out.
func (p Params) encode() string {
	values := url.Values{}
	for _, name := range authorizeParams {
		if p.Has(name) {
			values.Set(name, p.values[name])
		}
	}
	if len(p.resources) > 0 {
		values[paramResource] = p.resources
	}
	return values.Encode()
}

// once refuses parameters that came more than once. Of resources there may be several (RFC 8707 §2).
func (p Params) once() *Error {
	if len(p.twice) == 0 {
		return nil
	}
	name := p.twice[0]
	received := audit.Shape(name)
	if slices.Contains(knownParams, name) {
		received = audit.Value(name)
	}
	return InvalidRequest("A parameter was sent more than once.").
		Because(cause("parameter_once", "each parameter once", received, "Send each parameter once."))
}
