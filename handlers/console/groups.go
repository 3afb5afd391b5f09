package console

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	groupsPath    = "/console/groups"
	groupsPerPage = 25
	// groupsOffered is as many groups as the field of a person's page suggests.
	groupsOffered = 200
)

func groupPath(id string) string { return groupsPath + "/" + url.PathEscape(id) }

// group reads the group that the path names.
func (h *Handlers) group(c *fiber.Ctx) (*identity.Group, error) {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return nil, fault.NotFound("group")
	}
	return h.Store.Group(c.UserContext(), id)
}

// groupEvent is what is written down about a change of the group.
func groupEvent(c *fiber.Ctx, at time.Time, action audit.Action, g *identity.Group) audit.Event {
	return eventOn(c, at, action, audit.Party{Kind: audit.KindGroup, ID: g.ID, Name: g.Name})
}

func groupHead(g *identity.Group) view.Group {
	return view.Group{ID: g.ID, Name: g.Name, Description: g.Description, Created: g.CreatedAt, Version: g.Version}
}

// scopesOf are the scopes that are limited to the group.
func scopesOf(scopes []oauth.Scope, groupID string) (links []view.ScopeLink) {
	for _, s := range scopes {
		if s.OnlyFor(groupID) {
			links = append(links, scopeLink(&s))
		}
	}
	return links
}

func scopeLink(s *oauth.Scope) view.ScopeLink {
	return view.ScopeLink{Name: s.Name, Description: s.Description}
}

// ListGroups shows the groups by name, how many people are in them, and what they unlock.
func (h *Handlers) ListGroups(c *fiber.Ctx) error {
	l := listingOf(c, groupsPath)
	page, err := h.Store.Groups(c.UserContext(), store.GroupFilter{Query: l.get("q"), After: c.Query("after"), Before: c.Query("before"), Limit: groupsPerPage})
	if err != nil {
		return err
	}
	if len(page.Groups) == 0 && page.Total > 0 { // what stood on this page was deleted meanwhile
		return respond.SeeOther(c, l.address())
	}
	scopes, err := h.Store.Scopes(c.UserContext())
	if err != nil {
		return err
	}
	d := view.GroupsData{ListData: view.ListData{Q: l.get("q"), Total: int(page.Total)}, CanEdit: canEdit(c)}
	l.pages(&d.ListData, page.Previous, page.Next)
	for _, g := range page.Groups {
		row := view.GroupRow{Group: groupHead(&g.Group), Members: g.Members}
		for _, s := range scopesOf(scopes, g.ID) {
			row.Scopes = append(row.Scopes, s.Name)
		}
		d.Rows = append(d.Rows, row)
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.GroupsPage(ch, d), view.GroupsTable(ch, d))
}

// NewGroup shows the empty form.
func (h *Handlers) NewGroup(c *fiber.Ctx) error {
	return newGroupPage(c, fiber.StatusOK, view.GroupFormData{RequestToken: secret.New("")})
}

func newGroupPage(c *fiber.Ctx, status int, f view.GroupFormData) error {
	f.IsNew, f.CanEdit = true, true
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewGroupPage(ch, f), view.GroupForm(ch, f))
}

// fillGroup gives the group what was typed; the rules judge it afterwards.
func fillGroup(g *identity.Group, sent url.Values) {
	g.Name, g.Description = strings.TrimSpace(sent.Get("name")), strings.TrimSpace(sent.Get("description"))
}

// groupTaken is said where another group has the name.
var groupTaken = fault.Fields{"name": "Another group has this name, or one that is just being deleted."}

// CreateGroup adds a group. Sent twice it makes one.
func (h *Handlers) CreateGroup(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	g := identity.Group{ID: identity.NewID()}
	if id := idOf(sent.Get("request_token")); id != "" {
		g.ID = identity.IDFrom(id)
	}
	fillGroup(&g, sent)
	refuse := func(errs fault.Fields) error {
		return newGroupPage(c, fiber.StatusUnprocessableEntity, view.GroupFormData{Group: groupHead(&g), RequestToken: sent.Get("request_token"), Errs: errs})
	}
	if errs := g.Validate(); len(errs) > 0 {
		return refuse(errs)
	}
	now := h.Now()
	created := groupEvent(c, now, audit.GroupCreated, &g)
	created.Changes = changes(groupDifferences(&identity.Group{}, &g))
	err = h.Store.CreateGroup(c.UserContext(), g, now, created)
	if fault.AsConflict(err) != nil {
		if _, err := h.Store.Group(c.UserContext(), g.ID); err == nil {
			return respond.Flash(c, groupPath(g.ID), "info", "Already added", "This form was sent twice. There is one group.")
		}
		return refuse(groupTaken)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, groupPath(g.ID), "success", "Group added", "Add the people who belong in it.")
}

// groupDifferences lists in what the two differ, in the order of the form.
func groupDifferences(before, after *identity.Group) (differ compared) {
	differ.setting("name", "Name", before.Name, after.Name)
	differ.setting("description", "Description", before.Description, after.Description)
	return differ
}

// EditGroup shows what the group is called: as a form for those who may change it, else in words.
func (h *Handlers) EditGroup(c *fiber.Ctx) error {
	g, err := h.group(c)
	if err != nil {
		return err
	}
	return h.groupPage(c, fiber.StatusOK, g, view.GroupFormData{Group: groupHead(g)})
}

func (h *Handlers) groupPage(c *fiber.Ctx, status int, g *identity.Group, f view.GroupFormData) error {
	scopes, err := h.Store.Scopes(c.UserContext())
	if err != nil {
		return err
	}
	f.CanEdit, f.Scopes = canEdit(c), scopesOf(scopes, g.ID)
	ch := request.Chrome(c)
	return respond.Page(c, status, view.GroupPage(ch, groupHead(g), f), view.GroupForm(ch, f))
}

// UpdateGroup renames and describes the group, unless somebody else did since the form was shown.
func (h *Handlers) UpdateGroup(c *fiber.Ctx) error {
	stored, err := h.group(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	g := *stored
	fillGroup(&g, sent)
	g.Version = versionOf(sent)
	refuse := func(errs fault.Fields) error {
		return h.groupPage(c, fiber.StatusUnprocessableEntity, stored, view.GroupFormData{Group: groupHead(&g), Errs: errs})
	}
	if errs := g.Validate(); len(errs) > 0 {
		return refuse(errs)
	}
	if changed := groupDifferences(stored, &g); len(changed) > 0 { // none: it reads so already
		now := h.Now()
		update := groupEvent(c, now, audit.GroupUpdated, &g)
		update.Changes = changes(changed)
		err = h.Store.UpdateGroup(c.UserContext(), g, now, update)
		switch taken := fault.AsConflict(err); {
		case taken != nil && taken.Field == "":
			return h.lostGroupRace(c, &g)
		case taken != nil:
			return refuse(groupTaken)
		case err != nil:
			return err
		}
	}
	return respond.Flash(c, groupPath(g.ID)+"/edit", "success", "Group saved", "Applications that are told groups see it from now on.")
}

// lostGroupRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostGroupRace(c *fiber.Ctx, mine *identity.Group) error {
	theirs, err := h.Store.Group(c.UserContext(), mine.ID)
	if err != nil {
		return err
	}
	f := view.GroupFormData{Group: groupHead(mine)}
	f.Version = theirs.Version
	if f.Conflict, err = h.conflict(c, groupEvent(c, theirs.UpdatedAt, audit.GroupUpdated, theirs), groupDifferences(theirs, mine)); err != nil {
		return err
	}
	return h.groupPage(c, fiber.StatusConflict, theirs, f)
}

// groupAct reads the group that a confirmation is about.
func (h *Handlers) groupAct(c *fiber.Ctx) (*identity.Group, view.GroupActData, error) {
	g, err := h.group(c)
	if err != nil {
		return nil, view.GroupActData{}, err
	}
	d := view.GroupActData{Group: groupHead(g)}
	scopes, err := h.Store.Scopes(c.UserContext())
	if err != nil {
		return nil, d, err
	}
	d.Scopes = scopesOf(scopes, g.ID)
	d.Members, err = h.Store.Members(c.UserContext(), g.ID)
	return g, d, err
}

// ConfirmDeleteGroup asks for the group's name before it is deleted.
func (h *Handlers) ConfirmDeleteGroup(c *fiber.Ctx) error {
	_, d, err := h.groupAct(c)
	if err != nil {
		return err
	}
	return confirm(c, view.GroupDeletePage, view.GroupDeleteDialog, d)
}

// DeleteGroup removes the group, if its name was typed and no scope is limited to it.
func (h *Handlers) DeleteGroup(c *fiber.Ctx) error {
	g, d, err := h.groupAct(c)
	if err != nil {
		return err
	}
	var wrong fault.Fields
	if d.Confirm, wrong, err = typed(c, "name", g.Name); err != nil {
		return err
	}
	refuse := func(errs fault.Fields) error {
		d.Errs = errs
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.GroupDeletePage(request.Chrome(c), d), nil)
	}
	if len(wrong) > 0 {
		return refuse(wrong)
	}
	now := h.Now()
	deleted := groupEvent(c, now, audit.GroupDeleted, g)
	deleted.Changes = changes(groupDifferences(g, &identity.Group{}))
	err = h.Store.DeleteGroup(c.UserContext(), g.ID, now, deleted)
	if errors.As(err, &wrong) {
		return refuse(wrong)
	}
	if err != nil {
		return err
	}
	return h.deleted(c, audit.KindGroup, g.ID, groupsPath, "Group deleted", "Its people are still there.")
}
