package oauth

import (
	"context"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
)

// maxResources bounds how many APIs one authorization may be for.
const maxResources = 10

// api returns the API that a resource names, nil for our own (RFC 8707 §2), if the client may ask for any of its scopes.
func (s *Server) api(ctx context.Context, c *Client, identifier string) (*API, error) {
	if identifier == s.Issuer {
		return nil, nil
	}
	unknown := func(rule, expected string) error {
		return InvalidTarget("The resource is not one this server issues tokens for.").
			Because(cause(rule, expected, audit.URI(identifier), "Name an API by its identifier, or leave resource out."))
	}
	if !resourceSyntax(identifier) {
		return nil, unknown("resource_syntax", "an absolute URI without a fragment")
	}
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	api := catalog.API(identifier)
	if api == nil {
		return nil, unknown("resource_known", "the identifier of an API")
	}
	if !api.admits(c.ID) {
		return nil, InvalidTarget("The client may not ask for the resource.").
			Because(cause("resource_client", "one of the clients that the API is for", audit.Value(c.ID), "Add the client to those that may ask for the API."))
	}
	if !api.Serves(c) {
		return nil, InvalidTarget("The client may not ask for any scope of the resource.").
			Because(cause("resource_allowed", api.Scopes.String(), audit.Value(c.Scopes.String()), "Add one of the API's scopes to the client."))
	}
	return api, nil
}

// defaultResource is what a client's token is for where the request names nothing (security.md rule 6).
func (s *Server) defaultResource(c *Client) string {
	if c.DefaultResource != "" {
		return c.DefaultResource
	}
	return s.Issuer
}

// resourceOf is the API that this one token is for: the one that the token request names, which has to be among those that were
// granted (RFC 8707 §2.2), else the first of these. at is when they were: an API that took over a name since is another.
func (s *Server) resourceOf(ctx context.Context, call *tokenCall, granted []string, at time.Time) (*API, error) {
	if len(granted) == 0 {
		granted = []string{s.Issuer}
	}
	asked := call.params.resourceOr(granted[0])
	if !slices.Contains(granted, asked) {
		return nil, InvalidTarget("The resource was not asked for in the authorization request.").
			Because(cause("resource_granted", strings.Join(granted, " "), audit.URI(asked), "Send the resource in the authorization request too."))
	}
	api, err := s.api(ctx, call.client, asked)
	if api != nil && at.Before(api.CreatedAt) {
		return nil, InvalidTarget("The resource is not the one that was asked for in the authorization request.").
			Because(cause("resource_same", "an API older than the grant", audit.URI(asked), "Send the person through sign-in again."))
	}
	return api, err
}

// kept is what is written down of the resources that were granted: nothing where it is our own API alone, which stays that when the
// server moves to another issuer.
func (s *Server) kept(resources ...string) Words {
	if len(resources) == 1 && resources[0] == s.Issuer {
		return nil
	}
	return resources
}

// wanted is what a client asks for where no authorization went before: the API, and scopes that it takes.
func (s *Server) wanted(ctx context.Context, call *tokenCall) (*API, Scopes, error) {
	api, err := s.api(ctx, call.client, call.params.resourceOr(s.defaultResource(call.client)))
	if err != nil {
		return nil, nil, err
	}
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, nil, err
	}
	scopes, err := call.client.grantable(call.params, catalog.Scopes, api)
	if err == nil && len(call.params.resources) == 0 && !api.opens(scopes) { // the default is for what it takes
		api = nil
	}
	return api, scopes, err
}

// noScopeFor refuses a token for an API without any of its scopes.
func noScopeFor(api *API) *Error {
	return InvalidScope("None of the scopes is one that the resource takes.").
		Because(cause("scope_of_resource", api.Scopes.String(), "", "Ask for at least one of the API's scopes."))
}

// severalResources refuses more than one resource for one access token (security.md rule 6).
func severalResources() *Error {
	return InvalidTarget("Several resources were asked for; one access token serves one.").
		Because(cause("resource_single", "one resource", "", "Ask for one resource at a time."))
}
