package console

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// fillScopes gives the client the scopes and APIs that were chosen, right or wrong.
func fillScopes(c *oauth.Client, sent url.Values) {
	c.Scopes = once(sent["scopes"])
	c.DefaultResource, c.ResourceServer = strings.TrimSpace(sent.Get("default_resource")), strings.TrimSpace(sent.Get("resource_server"))
}

// scopesPart is the part of a client's settings that its tab Scopes and APIs changes.
var scopesPart = clientPart{
	tab: "Scopes and APIs", path: "/scopes", fields: []string{"scopes", "default_resource", "resource_server"}, fill: fillScopes,
	show: (*Handlers).clientScopesPage, title: "Scopes and APIs saved", text: "They hold from the next request on.",
}

// ShowClientScopes shows what the client may ask for, and which APIs that opens.
func (h *Handlers) ShowClientScopes(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	return h.clientScopesPage(c, fiber.StatusOK, client, partForm{client: client})
}

func (h *Handlers) clientScopesPage(c *fiber.Ctx, status int, stored *oauth.Client, f partForm) error {
	ctx := c.UserContext()
	o, err := h.offer(ctx)
	if err != nil {
		return err
	}
	d := view.ClientScopesData{
		Version: f.client.Version, CanEdit: canEdit(c), Grants: len(stored.GrantTypes) > 0, WithPeople: stored.WithPeople(), Asks: len(stored.ResponseTypes()) > 0,
		DefaultResource: f.client.DefaultResource, ResourceServer: f.client.ResourceServer, Errs: f.errs, Conflict: f.conflict,
	}
	d.Anywhere, d.Everywhere = stored.Remembered()
	if d.Client, err = h.head(c, stored); err != nil {
		return err
	}
	for _, s := range o.Scopes {
		row := view.ClientScope{APIs: takers(s.Name, o.APIs), Checked: f.client.Scopes.Has(s.Name), OfPeople: oauth.PersonScopes.Has(s.Name)}
		if row.Scope, err = h.withGroups(ctx, &s); err != nil {
			return err
		}
		d.Scopes = append(d.Scopes, row)
	}
	for _, a := range o.APIs {
		d.APIs = append(d.APIs, apiLink(&a))
		if d.Grants && a.Serves(stored) {
			d.Opens = append(d.Opens, view.OpenAPI{API: apiHead(&a), Scopes: stored.Scopes.Common(a.Scopes)})
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.ClientScopesPage(ch, d), view.ClientScopesForm(ch, d))
}

// UpdateClientScopes changes what the client may ask for, unless somebody else changed the client since the form was shown.
func (h *Handlers) UpdateClientScopes(c *fiber.Ctx) error { return h.updatePart(c, scopesPart) }
