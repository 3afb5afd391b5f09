package console

import (
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// IntegrateClient shows programs that use the client, in the language that lang names, and how far the application has come.
func (h *Handlers) IntegrateClient(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	head, err := h.head(c, client)
	if err != nil {
		return err
	}
	apis, err := h.Store.APIs(ctx)
	if err != nil {
		return err
	}
	d := view.Integration{Client: head, Now: head.Now}
	v := h.snippetValues(client, apis)
	if d.Languages, d.Lang, d.Snippet, err = view.Snippets(v, c.Query("lang")); err != nil {
		return err
	}
	d.Endpoints = []view.Link{
		{Text: "Issuer", Href: v.Issuer}, {Text: "Discovery", Href: v.Discovery}, {Text: "Authorization", Href: v.AuthorizationEndpoint},
		{Text: "Token", Href: v.TokenEndpoint}, {Text: "JWKS", Href: v.JWKS}, {Text: "Introspection", Href: v.IntrospectionEndpoint},
		{Text: "Revocation", Href: h.Rules.Issuer + oauth.PathRevoke},
	}
	// Before the milestones are read: nothing lies between the two.
	latest, err := h.Store.Events(ctx, store.EventFilter{ClientID: client.ID, Limit: 1})
	if err != nil {
		return err
	}
	d.Live = liveFrom(listing{query: url.Values{"client": {client.ID}, "as": {"lines"}}}, latest, head.Now)
	come, err := h.Store.ClientMilestones(ctx, client.ID)
	if err != nil {
		return err
	}
	d.Milestones = milestones(client, come, !head.LastUsed.IsZero())
	refused, err := h.Store.Events(ctx, store.EventFilter{ClientID: client.ID, Outcome: audit.Refused, Limit: 1})
	if err != nil {
		return err
	}
	rows, err := h.eventRows(c.UserContext(), refused, listing{path: eventsPath})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		d.Refusal = rows[0]
	}
	return respond.Page(c, fiber.StatusOK, view.IntegratePage(request.Chrome(c), d, canEdit(c)), view.Milestones(d))
}

// snippetValues are what the client's programs have to know.
func (h *Handlers) snippetValues(client *oauth.Client, apis []oauth.API) view.SnippetValues {
	v := view.SnippetValues{
		Issuer: h.Rules.Issuer, Discovery: h.Rules.Issuer + "/.well-known/openid-configuration", TokenEndpoint: h.Rules.Issuer + oauth.PathToken,
		AuthorizationEndpoint: h.Rules.Issuer + oauth.PathAuthorize, IntrospectionEndpoint: h.Rules.Issuer + oauth.PathIntrospect, JWKS: h.Rules.Issuer + oauth.PathJWKS,
		ClientID: client.ID, AuthMethod: client.TokenEndpointAuthMethod, GrantTypes: client.GrantTypes, Scopes: client.Scopes, Alg: client.IDTokenSignedResponseAlg,
		IsAPI: client.ResourceServer != "", Audience: h.Rules.Issuer, TokenAlg: keys.ES256,
	}
	if len(client.RedirectURIs) > 0 {
		v.RedirectURI = client.RedirectURIs[0]
	}
	if i := slices.IndexFunc(apis, func(a oauth.API) bool { return a.Identifier == client.DefaultResource }); i >= 0 {
		v.Audience, v.TokenAlg = apis[i].Identifier, apis[i].SigningAlg
		if apis[i].TokenFormat == oauth.FormatOpaque || v.TokenAlg == keys.HS256 || apis[i].Claims == oauth.ClaimsTutorial {
			v.TokenAlg = ""
		}
	}
	return v
}

// milestones are what the client is made for, and what of it has happened.
func milestones(client *oauth.Client, come store.ClientMilestones, used bool) (all []view.Milestone) {
	if slices.Contains(client.GrantTypes, oauth.GrantAuthorizationCode) {
		all = append(all,
			view.Milestone{Text: "Authorization request received", Done: come.Asked || come.Code, Unheard: true, Hint: "The application sends a browser to the authorization endpoint."},
			view.Milestone{Text: "A person signed in and consented", Done: come.Code, Hint: "Try it with an account of your own."},
			view.Milestone{Text: "Code redeemed", Done: come.Redeemed, Hint: "Within a minute, with the code_verifier of its request."})
	}
	if slices.Contains(client.GrantTypes, oauth.GrantPassword) {
		all = append(all, view.Milestone{Text: "Token for a password", Done: come.Password, Hint: "The server has to allow the password grant, too."})
	}
	if slices.Contains(client.GrantTypes, oauth.GrantRefreshToken) {
		all = append(all, view.Milestone{Text: "First refresh", Done: come.Refreshed, Hint: "Keep the new refresh token each time: the old one is spent."})
	}
	if slices.Contains(client.GrantTypes, oauth.GrantClientCredentials) || client.ResourceServer != "" {
		all = append(all, view.Milestone{Text: "First request of its own", Done: used, Unheard: true, Hint: "It shows here a few seconds later."})
	}
	return all
}
