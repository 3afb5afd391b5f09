package oauth

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/audit"
)

// Response types (RFC 6749 §3.1.1).
const (
	ResponseTypeCode  = "code"
	ResponseTypeToken = "token"
)

// Response modes (OAuth 2.0 Multiple Response Types §2.1).
const (
	modeQuery    = "query"
	modeFragment = "fragment"
)

// responseType is what an authorization request may ask for.
type responseType struct {
	name  string
	grant string // the grant type that a client registers for it (RFC 7591 §2.1)
	// answer hands out what was granted, as parameters of the redirection.
	answer func(s *Server, ctx context.Context, g *agreed) (url.Values, error)
}

// agreed is an authorization that nothing stands in the way of.
type agreed struct {
	*Authorization
	scopes  Scopes // granted, of those asked for
	login   *Login
	consent *Consent // as it was just given; nil if it was not asked
	from    audit.Caller
}

var responseTypes = []responseType{
	{ResponseTypeCode, GrantAuthorizationCode, (*Server).issueCode},
	{ResponseTypeToken, GrantImplicit, (*Server).issueImplicit},
}

// byFragment reports whether an answer to this response type would carry a token, which must not get into logs and Referer
// headers (OAuth 2.0 Multiple Response Types §5): errors take the same way.
func byFragment(responseType string) bool {
	return slices.ContainsFunc(strings.Fields(responseType), func(word string) bool { return word == ResponseTypeToken || word == "id_token" })
}

// modeOf is how the answer to a request travels.
func modeOf(p Params) string {
	if byFragment(p.Get("response_type")) || p.Get("response_mode") == modeFragment {
		return modeFragment
	}
	return modeQuery
}

func (s *Server) checkResponseType(_ context.Context, a *Authorization) error {
	asked := a.params.Get("response_type")
	supported := strings.Join(s.ResponseTypes(), ", ")
	if asked == "" {
		return InvalidRequest("response_type is missing.").
			Because(cause("response_type_present", supported, "", "Send response_type=code."))
	}
	for _, t := range s.responses() {
		if t.name != asked {
			continue
		}
		if client := a.Target.Client; !client.Allows(t.grant) {
			return UnauthorizedClient("The client has not registered the grant type " + t.grant + ".").
				Because(causeReceived("grant_type_registered", strings.Join(client.GrantTypes, " "), t.grant, "Add the grant type to the client."))
		}
		a.responseType = t
		return nil
	}
	return (&Error{Code: "unsupported_response_type", Description: "This response_type is not supported."}).
		Because(causeReceived("response_type_supported", supported, asked, "Send response_type=code."))
}

func (s *Server) checkResponseMode(_ context.Context, a *Authorization) error {
	switch mode := a.params.Get("response_mode"); {
	case mode == "", mode == modeFragment, mode == modeQuery && !byFragment(a.responseType.name):
		return nil
	case mode == modeQuery: // OAuth 2.0 Multiple Response Types §5
		return InvalidRequest("A token is never sent in the query.").
			Because(causeReceived("response_mode_safe", modeFragment, mode, "Leave response_mode out."))
	default:
		return InvalidRequest("This response_mode is not supported.").
			Because(causeReceived("response_mode_supported", modeQuery+", "+modeFragment, mode, "Leave response_mode out."))
	}
}
