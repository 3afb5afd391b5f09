package console

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// clientLife is how long something holds that a client is given.
type clientLife struct {
	view.LifeField
	of func(c *oauth.Client) *int64 // seconds
}

// lives are all of them, in the order of the form.
var lives = []clientLife{
	{view.LifeField{Name: "access_token_ttl", Label: view.ClientLabel("access_token_ttl"), Hint: "1m to 24h. An API may have a life of its own: the shorter one holds."},
		func(c *oauth.Client) *int64 { return &c.AccessTokenTTL }},
	{view.LifeField{Name: "id_token_ttl", Label: view.ClientLabel("id_token_ttl"), Hint: "1m to 1h. It is read once, at sign-in."},
		func(c *oauth.Client) *int64 { return &c.IDTokenTTL }},
	{view.LifeField{Name: "refresh_token_ttl", Label: view.ClientLabel("refresh_token_ttl"), Hint: "1m to 365d, from sign-in on, however often it is used. It holds for sign-ins from now on."},
		func(c *oauth.Client) *int64 { return &c.RefreshTokenTTL }},
	{view.LifeField{Name: "refresh_token_idle", Label: view.ClientLabel("refresh_token_idle"), Hint: "1m to 365d. It ends sooner if it is not used for so long."},
		func(c *oauth.Client) *int64 { return &c.RefreshTokenIdle }},
}

// lifeFields are the fields of the lifetimes: as they stand, or as they were sent.
func lifeFields(c *oauth.Client, sent url.Values) []view.LifeField {
	fields := make([]view.LifeField, len(lives))
	for i, l := range lives {
		fields[i] = l.LifeField
		if fields[i].Value = policy.FormatSeconds(*l.of(c)); sent.Has(l.Name) {
			fields[i].Value = sent.Get(l.Name)
		}
	}
	return fields
}

// fillLives gives the client the lifetimes that were typed, right or wrong. A form without them leaves them as they are.
func fillLives(c *oauth.Client, sent url.Values) {
	for _, l := range lives {
		if sent.Has(l.Name) {
			*l.of(c) = policy.ParseSeconds(sent.Get(l.Name))
		}
	}
}

// ShowClientTokens shows how long what the client is given holds, and who says so.
func (h *Handlers) ShowClientTokens(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	return h.clientTokensPage(c, fiber.StatusOK, client, partForm{client: client})
}

func (h *Handlers) clientTokensPage(c *fiber.Ctx, status int, client *oauth.Client, f partForm) error {
	d := view.ClientTokensData{Version: f.client.Version, Fields: lifeFields(f.client, f.sent), Errs: f.errs, Conflict: f.conflict}
	var err error
	if d.Client, err = h.head(c, client); err != nil {
		return err
	}
	apis, err := h.Store.APIs(c.UserContext())
	if err != nil {
		return err
	}
	d.CanEdit, d.Holds = canEdit(c), holds(&h.Policy.Now().OAuth, client, apis)
	ch := request.Chrome(c)
	return respond.Page(c, status, view.ClientTokensPage(ch, d), view.ClientTokensForm(ch, d))
}

// holds lists what the client can be given, by the rules that give it.
func holds(p *oauth.Policy, client *oauth.Client, apis []oauth.API) (rows []view.Holding) {
	add := func(what string, l oauth.Life, api *oauth.API) {
		row := view.Holding{What: what, Life: policy.FormatDuration(l.For), By: l.By}
		if l.By == oauth.ByAPI {
			row.API = apiHead(api)
		}
		rows = append(rows, row)
	}
	people := client.WithPeople()
	both := people && client.Allows(oauth.GrantClientCredentials)
	access := func(name string, api *oauth.API) {
		of, itself := p.AccessTokenLife(client, api, true), p.AccessTokenLife(client, api, false)
		switch {
		case both && of != itself:
			add("Access token of a person for "+name, of, api)
			add("Access token of the client itself for "+name, itself, api)
		case people:
			add("Access token for "+name, of, api)
		case client.Allows(oauth.GrantClientCredentials):
			add("Access token for "+name, itself, api)
		}
	}
	access("Gatehouse's own API", nil)
	for _, a := range apis {
		if a.Serves(client) {
			access(a.Name, &a)
		}
	}
	if (client.Allows(oauth.GrantAuthorizationCode) || client.Allows(oauth.GrantPassword)) && client.Scopes.Has(oauth.ScopeOpenID) {
		add("ID token", p.IDTokenLife(client), nil)
	}
	if client.Allows(oauth.GrantRefreshToken) {
		add("Refresh token, at most", p.RefreshLife(client), nil)
		add("Refresh token, unused", p.RefreshIdleLife(client), nil)
	}
	return rows
}

// tokensPart is the part of a client's settings that its Lifetimes tab changes.
var tokensPart = clientPart{
	tab: "Lifetimes", path: "/tokens", fill: fillLives, show: (*Handlers).clientTokensPage, title: "Lifetimes saved", text: "They hold for what is issued from now on; what was issued before keeps its own end.",
	fields: func() (names []string) {
		for _, l := range lives {
			names = append(names, l.Name)
		}
		return names
	}(),
}

// UpdateClientTokens changes how long what the client is given holds, unless somebody else changed the client since the form was shown.
func (h *Handlers) UpdateClientTokens(c *fiber.Ctx) error { return h.updatePart(c, tokensPart) }
