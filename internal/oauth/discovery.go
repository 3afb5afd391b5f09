package oauth

import (
	"slices"

	"gatehouse/internal/keys"
)

// Metadata is what clients discover (RFC 8414 §2, OpenID Connect Discovery §3). It says exactly what is on.
type Metadata struct {
	Issuer                            string   `json:"issuer"`
	AuthorizationEndpoint             string   `json:"authorization_endpoint"`
	TokenEndpoint                     string   `json:"token_endpoint"`
	UserinfoEndpoint                  string   `json:"userinfo_endpoint"`
	JWKSURI                           string   `json:"jwks_uri"`
	RevocationEndpoint                string   `json:"revocation_endpoint"`
	IntrospectionEndpoint             string   `json:"introspection_endpoint"`
	ScopesSupported                   []string `json:"scopes_supported"`
	ResponseTypesSupported            []string `json:"response_types_supported"`
	ResponseModesSupported            []string `json:"response_modes_supported"`
	GrantTypesSupported               []string `json:"grant_types_supported"`
	SubjectTypesSupported             []string `json:"subject_types_supported"`
	IDTokenSigningAlgs                []string `json:"id_token_signing_alg_values_supported"`
	TokenEndpointAuthMethods          []string `json:"token_endpoint_auth_methods_supported"`
	RevocationEndpointAuthMethods     []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpointAuthMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethods              []string `json:"code_challenge_methods_supported"`
	PromptValues                      []string `json:"prompt_values_supported"`
	ClaimTypes                        []string `json:"claim_types_supported"`
	ClaimsSupported                   []string `json:"claims_supported"`
	ClaimsParameterSupported          bool     `json:"claims_parameter_supported"`
	RequestParameterSupported         bool     `json:"request_parameter_supported"`
	RequestURIParameterSupported      bool     `json:"request_uri_parameter_supported"`
	AuthorizationResponseIssSupported bool     `json:"authorization_response_iss_parameter_supported"`
}

// AuthMethods are the client authentication methods of the token endpoint.
var AuthMethods = []string{AuthBasic, AuthPost, AuthNone}

// IDTokenAlgs are the algorithms a client may register for its ID tokens; the first is the default.
var IDTokenAlgs = []string{keys.RS256, keys.ES256}

// Discovery computes the metadata from the tables that act; c may be nil where there is none.
func (s *Server) Discovery(c *Catalog) Metadata {
	confidential := slices.DeleteFunc(slices.Clone(AuthMethods), func(m string) bool { return m == AuthNone })
	claims := []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash"}
	for _, scope := range PersonScopes {
		claims = append(claims, scopeClaims[scope]...)
	}
	opening, opened := c.opens()
	return Metadata{
		Issuer:                            s.Issuer,
		AuthorizationEndpoint:             s.Issuer + PathAuthorize,
		TokenEndpoint:                     s.Issuer + PathToken,
		UserinfoEndpoint:                  s.Issuer + PathUserinfo,
		JWKSURI:                           s.Issuer + PathJWKS,
		RevocationEndpoint:                s.Issuer + PathRevoke,
		IntrospectionEndpoint:             s.Issuer + PathIntrospect,
		ScopesSupported:                   slices.Concat(PersonScopes, PersonScopes.Missing(opening)),
		ResponseTypesSupported:            s.ResponseTypes(),
		ResponseModesSupported:            []string{modeQuery, modeFragment},
		GrantTypesSupported:               s.GrantTypes(),
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgs:                IDTokenAlgs,
		TokenEndpointAuthMethods:          AuthMethods,
		RevocationEndpointAuthMethods:     AuthMethods,
		IntrospectionEndpointAuthMethods:  confidential,
		CodeChallengeMethods:              []string{ChallengeS256},
		PromptValues:                      []string{promptNone, promptLogin, promptConsent, promptSelectAccount},
		ClaimTypes:                        []string{"normal"},
		ClaimsSupported:                   append(claims, opened...),
		AuthorizationResponseIssSupported: true,
	}
}
