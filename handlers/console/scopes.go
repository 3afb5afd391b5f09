package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	scopesPath = "/console/scopes"
	// clientsNamed is as many clients as the page of a scope names.
	clientsNamed = 12
)

// Names of scopes may hold a slash, or be a dot (RFC 6749 §3.3): they stand in the query, where proxies leave them alone.
func scopePath(name string) string { return scopesPath + "/edit?name=" + url.QueryEscape(name) }

// scope reads the scope that the query names.
func (h *Handlers) scope(c *fiber.Ctx) (*oauth.Scope, error) {
	return h.Store.Scope(c.UserContext(), c.Query("name"))
}

// ownScope is scope for what may change: OpenID's own mean the same everywhere.
func (h *Handlers) ownScope(c *fiber.Ctx) (*oauth.Scope, error) {
	s, err := h.scope(c)
	if err == nil && s.Builtin {
		return nil, fault.NotFound("scope")
	}
	return s, err
}

// scopeEvent is what is written down about a change of the scope.
func scopeEvent(c *fiber.Ctx, at time.Time, action audit.Action, s *oauth.Scope) audit.Event {
	return eventOn(c, at, action, audit.Party{Kind: audit.KindScope, ID: s.Name, Name: s.Name})
}

func scopeHead(s *oauth.Scope) view.Scope {
	return view.Scope{Name: s.Name, Description: s.Description, Builtin: s.Builtin, Created: s.CreatedAt, Version: s.Version}
}

// ListScopes shows the scopes that fit the search by name, and who uses them.
func (h *Handlers) ListScopes(c *fiber.Ctx) error {
	ctx := c.UserContext()
	scopes, err := h.Store.Scopes(ctx)
	if err != nil {
		return err
	}
	apis, err := h.Store.APIs(ctx)
	if err != nil {
		return err
	}
	clients, err := h.Store.ScopeClients(ctx)
	if err != nil {
		return err
	}
	l := listingOf(c, scopesPath)
	d := view.ScopesData{Q: l.get("q"), CanEdit: canEdit(c)}
	for _, s := range scopes {
		if !l.finds(s.Name, s.Description) {
			continue
		}
		row := view.ScopeUse{Scope: scopeHead(&s), Clients: clients[s.Name]}
		for _, a := range apis {
			if a.Scopes.Has(s.Name) {
				row.APIs = append(row.APIs, a.Name)
			}
		}
		d.Rows = append(d.Rows, row)
	}
	// One's own come first: those are what people come here for.
	slices.SortStableFunc(d.Rows, func(a, b view.ScopeUse) int {
		switch {
		case a.Builtin == b.Builtin:
			return 0
		case a.Builtin:
			return 1
		}
		return -1
	})
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ScopesPage(ch, d), view.ScopesTable(ch, d))
}

// NewScope shows the empty form.
func (h *Handlers) NewScope(c *fiber.Ctx) error {
	return newScopePage(c, fiber.StatusOK, view.ScopeFormData{})
}

func newScopePage(c *fiber.Ctx, status int, f view.ScopeFormData) error {
	f.IsNew, f.CanEdit = true, true
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewScopePage(ch, f), view.ScopeForm(ch, f))
}

// CreateScope adds a scope. Sent twice it makes one: its name is its id.
func (h *Handlers) CreateScope(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	s := oauth.Scope{Name: strings.TrimSpace(sent.Get("name")), Description: strings.TrimSpace(sent.Get("description"))}
	refuse := func(errs fault.Fields) error {
		return newScopePage(c, fiber.StatusUnprocessableEntity, view.ScopeFormData{Scope: scopeHead(&s), Errs: errs})
	}
	if errs := s.Validate(); len(errs) > 0 {
		return refuse(errs)
	}
	now := h.Now()
	created := scopeEvent(c, now, audit.ScopeCreated, &s)
	created.Changes = map[string]audit.Change{"description": {After: s.Description}}
	err = h.Store.CreateScope(c.UserContext(), s, now, created)
	if fault.AsConflict(err) != nil {
		if twice, err := h.Store.Scope(c.UserContext(), s.Name); err == nil && twice.Description == s.Description && !twice.Builtin {
			return respond.Flash(c, scopePath(s.Name), "info", "Already there", "There is one scope of this name, and it reads so.")
		}
		return refuse(fault.Fields{"name": "There is a scope of this name."})
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, scopePath(s.Name), "success", "Scope added", "Add it to an API that takes it, and to the clients that may ask for it.")
}

// ShowScope shows what the scope says: as a form for those who may change it, else in words.
func (h *Handlers) ShowScope(c *fiber.Ctx) error {
	s, err := h.scope(c)
	if err != nil {
		return err
	}
	return h.scopePage(c, fiber.StatusOK, s, view.ScopeFormData{Scope: scopeHead(s)})
}

func (h *Handlers) scopePage(c *fiber.Ctx, status int, s *oauth.Scope, f view.ScopeFormData) (err error) {
	f.CanEdit = canEdit(c) && !s.Builtin
	if f.APIs, f.Clients, f.More, err = h.usersOfScope(c.UserContext(), s.Name); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.ScopePage(ch, scopeHead(s), f), view.ScopeForm(ch, f))
}

// usersOfScope are the APIs that take the scope and the first of the clients that may ask for it.
func (h *Handlers) usersOfScope(ctx context.Context, name string) (takers []view.APILink, askers []view.APIClient, more int, err error) {
	apis, err := h.Store.APIs(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, a := range apis {
		if a.Scopes.Has(name) {
			takers = append(takers, view.APILink{ID: a.ID, Name: a.Name, Identifier: a.Identifier})
		}
	}
	clients, err := h.Store.ClientsOfScope(ctx, name)
	for _, c := range clients[:min(len(clients), clientsNamed)] {
		askers = append(askers, view.APIClient{ID: c.ID, Name: c.Name, Disabled: !c.Enabled()})
	}
	return takers, askers, len(clients) - len(askers), err
}

// UpdateScope describes the scope anew, unless somebody else did since the form was shown.
func (h *Handlers) UpdateScope(c *fiber.Ctx) error {
	stored, err := h.ownScope(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	s := *stored
	s.Description = strings.TrimSpace(sent.Get("description"))
	s.Version, _ = strconv.ParseInt(sent.Get("version"), 10, 64) // none is version 0, which nothing has
	if errs := s.Validate(); len(errs) > 0 {
		return h.scopePage(c, fiber.StatusUnprocessableEntity, stored, view.ScopeFormData{Scope: scopeHead(&s), Errs: errs})
	}
	if s.Description != stored.Description { // else it reads so already
		now := h.Now()
		update := scopeEvent(c, now, audit.ScopeUpdated, &s)
		update.Changes = map[string]audit.Change{"description": {Before: stored.Description, After: s.Description}}
		err = h.Store.UpdateScope(c.UserContext(), s, now, update)
		if fault.AsConflict(err) != nil {
			return h.lostScopeRace(c, &s)
		}
		if err != nil {
			return err
		}
	}
	return respond.Flash(c, scopePath(s.Name), "success", "Description saved", "People read it so from now on.")
}

// lostScopeRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostScopeRace(c *fiber.Ctx, mine *oauth.Scope) error {
	theirs, err := h.ownScope(c)
	if err != nil {
		return err
	}
	var differ compared
	differ.setting("description", "Description", theirs.Description, mine.Description)
	f := view.ScopeFormData{Scope: scopeHead(mine)}
	f.Version = theirs.Version
	if f.Conflict, err = h.conflict(c, scopeEvent(c, theirs.UpdatedAt, audit.ScopeUpdated, theirs), differ); err != nil {
		return err
	}
	return h.scopePage(c, fiber.StatusConflict, theirs, f)
}

// ConfirmDeleteScope asks whether to delete the scope, and says who keeps it from that or what it ends.
func (h *Handlers) ConfirmDeleteScope(c *fiber.Ctx) error {
	_, d, err := h.scopeAct(c)
	if err != nil {
		return err
	}
	return confirm(c, view.ScopeDeletePage, view.ScopeDeleteDialog, d)
}

// scopeAct reads the scope that a confirmation is about, who uses it, and how many people allowed it.
func (h *Handlers) scopeAct(c *fiber.Ctx) (*oauth.Scope, view.ScopeActData, error) {
	s, err := h.ownScope(c)
	if err != nil {
		return nil, view.ScopeActData{}, err
	}
	d := view.ScopeActData{Scope: scopeHead(s)}
	if d.APIs, d.Clients, d.More, err = h.usersOfScope(c.UserContext(), s.Name); err != nil {
		return nil, d, err
	}
	people, err := h.Store.ScopeConsents(c.UserContext(), s.Name)
	d.People = int(people)
	return s, d, err
}

// DeleteScope removes the scope, if no API takes it and no client may ask for it.
func (h *Handlers) DeleteScope(c *fiber.Ctx) error {
	s, d, err := h.scopeAct(c)
	if err != nil {
		return err
	}
	now := h.Now()
	deleted := scopeEvent(c, now, audit.ScopeDeleted, s)
	deleted.Changes = map[string]audit.Change{"description": {Before: s.Description}}
	err = h.Store.DeleteScope(c.UserContext(), s.Name, now, deleted)
	var wrong fault.Fields
	if errors.As(err, &wrong) { // the page says who uses it
		if d.Errs = wrong; len(d.APIs)+len(d.Clients) > 0 {
			d.Errs = nil
		}
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.ScopeDeletePage(request.Chrome(c), d), nil)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, scopesPath, "success", "Scope deleted", "Nobody can ask for "+s.Name+" any more.")
}
