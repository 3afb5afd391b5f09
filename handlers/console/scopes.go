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
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	scopesPath = "/console/scopes"
	// clientsNamed is as many clients as the page of a scope names.
	clientsNamed = 12
	// maxScopeGroups is as many groups as a scope is limited to.
	maxScopeGroups = 50
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
	return view.Scope{
		Name: s.Name, Description: s.Description, Builtin: s.Builtin, Created: s.CreatedAt, Version: s.Version,
		ByName: s.ByName, ConsentFree: s.ConsentFree, Roles: s.Roles,
	}
}

// withGroups names the groups that the scope is limited to.
func (h *Handlers) withGroups(ctx context.Context, s *oauth.Scope) (view.Scope, error) {
	head := scopeHead(s)
	names, err := h.Store.GroupNames(ctx, s.Groups)
	for _, id := range s.Groups {
		head.Groups = append(head.Groups, or(names[id], id))
	}
	return head, err
}

// takers are the names of the APIs that take the scope.
func takers(scope string, apis []oauth.API) (names []string) {
	for _, a := range apis {
		if a.Scopes.Has(scope) {
			names = append(names, a.Name)
		}
	}
	return names
}

// fillScope gives the scope what was typed; the rules judge it afterwards. The groups are named, and those that are none are told.
func (h *Handlers) fillScope(ctx context.Context, s *oauth.Scope, sent url.Values) (groups []string, wrong fault.Fields, err error) {
	s.Description = strings.TrimSpace(sent.Get("description"))
	s.ByName, s.ConsentFree, s.Roles, s.Groups = sent.Get("default") != "true", sent.Get("consent_free") == "true", sent["only_roles"], nil
	wrong = fault.Fields{}
	for _, role := range s.Roles {
		if !slices.Contains(identity.Roles, identity.Role(role)) {
			wrong.Add("only_roles", "Choose among the roles.")
		}
	}
	for line := range strings.Lines(sent.Get("only_groups")) {
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		groups = append(groups, name)
		g, err := h.Store.GroupByName(ctx, name)
		switch {
		case fault.IsNotFound(err):
			wrong.Add("only_groups", "There is no group “"+name+"”. Write one name a line.")
		case err != nil:
			return nil, nil, err
		case !s.OnlyFor(g.ID):
			s.Groups = append(s.Groups, g.ID)
		}
		if len(groups) > maxScopeGroups {
			wrong.Add("only_groups", "Name fewer groups.")
			break
		}
	}
	for field, message := range s.Validate() {
		wrong.Add(field, message)
	}
	return groups, wrong, nil
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
		head, err := h.withGroups(ctx, &s)
		if err != nil {
			return err
		}
		d.Rows = append(d.Rows, view.ScopeUse{Scope: head, APIs: takers(s.Name, apis), Clients: clients[s.Name]})
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
	return h.newScopePage(c, fiber.StatusOK, view.ScopeFormData{})
}

func (h *Handlers) newScopePage(c *fiber.Ctx, status int, f view.ScopeFormData) (err error) {
	f.IsNew, f.CanEdit = true, true
	if f.Known, err = h.groupsToName(c.UserContext()); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewScopePage(ch, f), view.ScopeForm(ch, f))
}

// CreateScope adds a scope. Sent twice it makes one: its name is its id.
func (h *Handlers) CreateScope(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	s := oauth.Scope{Name: strings.TrimSpace(sent.Get("name"))}
	groups, errs, err := h.fillScope(c.UserContext(), &s, sent)
	if err != nil {
		return err
	}
	refuse := func(errs fault.Fields) error {
		return h.newScopePage(c, fiber.StatusUnprocessableEntity, view.ScopeFormData{Scope: scopeHead(&s), GroupsTyped: sent.Get("only_groups"), Errs: errs})
	}
	if len(errs) > 0 {
		return refuse(errs)
	}
	now := h.Now()
	created := scopeEvent(c, now, audit.ScopeCreated, &s)
	created.Changes = changes(scopeDifferences(&oauth.Scope{}, &s, nil, groups))
	err = h.Store.CreateScope(c.UserContext(), s, now, created)
	if fault.AsConflict(err) != nil {
		if twice, err := h.Store.Scope(c.UserContext(), s.Name); err == nil && !twice.Builtin && len(scopeDifferences(twice, &s, twice.Groups, s.Groups)) == 0 {
			return respond.Flash(c, scopePath(s.Name), "info", "Already there", "There is one scope of this name, and it reads so.")
		}
		return refuse(fault.Fields{"name": "There is a scope of this name, or one that is just being deleted."})
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
	head, err := h.withGroups(c.UserContext(), s)
	if err != nil {
		return err
	}
	return h.scopePage(c, fiber.StatusOK, s, view.ScopeFormData{Scope: head, GroupsTyped: strings.Join(head.Groups, "\n")})
}

// groupsToName are some of the groups there are.
func (h *Handlers) groupsToName(ctx context.Context) (known []ui.Option, err error) {
	page, err := h.Store.Groups(ctx, store.GroupFilter{Limit: groupsOffered})
	for _, g := range page.Groups {
		known = append(known, ui.Option{Value: g.Name})
	}
	return known, err
}

func (h *Handlers) scopePage(c *fiber.Ctx, status int, s *oauth.Scope, f view.ScopeFormData) (err error) {
	f.CanEdit = canEdit(c) && !s.Builtin
	if f.Known, err = h.groupsToName(c.UserContext()); err != nil {
		return err
	}
	if f.ScopeUsers, err = h.usersOfScope(c.UserContext(), s.Name); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.ScopePage(ch, scopeHead(s), f), view.ScopeForm(ch, f))
}

// usersOfScope are the attributes that are told with the scope, the APIs that take it and the first of the clients that may ask for it.
func (h *Handlers) usersOfScope(ctx context.Context, name string) (u view.ScopeUsers, err error) {
	attributes, err := h.Store.Attributes(ctx)
	if err != nil {
		return u, err
	}
	for _, a := range attributes {
		if a.Scope == name {
			u.Attributes = append(u.Attributes, view.Attribute{Attribute: a})
		}
	}
	apis, err := h.Store.APIs(ctx)
	if err != nil {
		return u, err
	}
	for _, a := range apis {
		if a.Scopes.Has(name) {
			u.APIs = append(u.APIs, apiLink(&a))
		}
	}
	clients, err := h.Store.ClientsOfScope(ctx, name)
	for _, c := range clients[:min(len(clients), clientsNamed)] {
		u.Clients = append(u.Clients, view.APIClient{ID: c.ID, Name: c.Name, Disabled: !c.Enabled()})
	}
	u.More = len(clients) - len(u.Clients)
	return u, err
}

// scopeDifferences lists in what the two differ, in the order of the form; their groups are named beside them.
func scopeDifferences(before, after *oauth.Scope, groupsBefore, groupsAfter []string) []difference {
	var out compared
	out.setting("description", "Description", before.Description, after.Description)
	out.setting("by_name", "Only when it is named", strconv.FormatBool(before.ByName), strconv.FormatBool(after.ByName))
	out.setting("consent_free", "Without consent", strconv.FormatBool(before.ConsentFree), strconv.FormatBool(after.ConsentFree))
	out.setting("only_roles", "Roles", set(before.Roles), set(after.Roles))
	if set(before.Groups) != set(after.Groups) {
		out.setting("only_groups", "Groups", strings.Join(groupsBefore, ", "), strings.Join(groupsAfter, ", "))
	}
	return out
}

// UpdateScope changes what the scope says and to whom it is granted, unless somebody else did since the form was shown.
func (h *Handlers) UpdateScope(c *fiber.Ctx) error {
	stored, err := h.ownScope(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	head, err := h.withGroups(c.UserContext(), stored)
	if err != nil {
		return err
	}
	s := *stored
	groups, errs, err := h.fillScope(c.UserContext(), &s, sent)
	if err != nil {
		return err
	}
	s.Version = versionOf(sent)
	if len(errs) > 0 {
		return h.scopePage(c, fiber.StatusUnprocessableEntity, stored, view.ScopeFormData{Scope: scopeHead(&s), GroupsTyped: sent.Get("only_groups"), Errs: errs})
	}
	if changed := scopeDifferences(stored, &s, head.Groups, groups); len(changed) > 0 { // else it reads so already
		now := h.Now()
		update := scopeEvent(c, now, audit.ScopeUpdated, &s)
		update.Changes = changes(changed)
		err = h.Store.UpdateScope(c.UserContext(), s, now, update)
		if fault.AsConflict(err) != nil {
			return h.lostScopeRace(c, &s, groups)
		}
		if err != nil {
			return err
		}
	}
	return respond.Flash(c, scopePath(s.Name), "success", "Scope saved", "It is so from the next grant on.")
}

// lostScopeRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostScopeRace(c *fiber.Ctx, mine *oauth.Scope, groups []string) error {
	theirs, err := h.ownScope(c)
	if err != nil {
		return err
	}
	head, err := h.withGroups(c.UserContext(), theirs)
	if err != nil {
		return err
	}
	f := view.ScopeFormData{Scope: scopeHead(mine), GroupsTyped: strings.Join(groups, "\n")}
	f.Version = theirs.Version
	if f.Conflict, err = h.conflict(c, scopeEvent(c, theirs.UpdatedAt, audit.ScopeUpdated, theirs), scopeDifferences(theirs, mine, head.Groups, groups)); err != nil {
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
	if d.ScopeUsers, err = h.usersOfScope(c.UserContext(), s.Name); err != nil {
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
		if d.Errs = wrong; d.Any() {
			d.Errs = nil
		}
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.ScopeDeletePage(request.Chrome(c), d), nil)
	}
	if err != nil {
		return err
	}
	return h.deleted(c, audit.KindScope, s.Name, scopesPath, "Scope deleted", "Nobody can ask for "+s.Name+" any more.")
}
