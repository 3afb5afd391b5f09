package console

import (
	"context"
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
	"gatehouse/views/ui"
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

// memberEvent is what is written down about somebody who comes or goes: it is part of their history too.
func memberEvent(c *fiber.Ctx, at time.Time, action audit.Action, g *identity.Group, u *identity.User) audit.Event {
	e := groupEvent(c, at, action, g)
	e.UserID = u.ID
	change := audit.Change{After: u.Username}
	if action == audit.GroupMemberRemoved {
		change = audit.Change{Before: u.Username}
	}
	e.Changes = map[string]audit.Change{"member": change}
	return e
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

// ShowGroup shows the people in the group.
func (h *Handlers) ShowGroup(c *fiber.Ctx) error {
	g, err := h.group(c)
	if err != nil {
		return err
	}
	return h.membersPage(c, fiber.StatusOK, g, "", nil)
}

// membersPage shows the people that fit what the URL says; typed is whom somebody tried to add, and errs why that failed.
func (h *Handlers) membersPage(c *fiber.Ctx, status int, g *identity.Group, typed string, errs fault.Fields) error {
	l := listingOf(c, groupPath(g.ID))
	page, err := h.Store.Users(c.UserContext(), store.UserFilter{
		Group: g.ID, Query: l.get("q"), After: c.Query("after"), Before: c.Query("before"), Limit: usersPerPage,
	})
	if err != nil {
		return err
	}
	if len(page.Users) == 0 && page.Total > 0 {
		return respond.SeeOther(c, l.address())
	}
	d := view.MembersData{
		Group: groupHead(g), CanEdit: canEdit(c), ListData: view.ListData{Q: l.get("q")}, Count: peopleCounted(page.Total), Typed: typed, Errs: errs, Now: h.Now(),
	}
	l.pages(&d.ListData, page.Previous, page.Next)
	for _, u := range page.Users {
		d.Rows = append(d.Rows, userHead(&u, request.Of(c).User))
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.MembersPage(ch, d), view.MembersTable(ch, d))
}

func peopleCounted(n int64) string {
	if n > store.CountLimit {
		return "1,000+ people"
	}
	return ui.Count(int(n), "person", "people")
}

// AddMember takes the person into the group whom somebody names by username or e-mail address.
func (h *Handlers) AddMember(c *fiber.Ctx) error {
	g, err := h.group(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(sent.Get("username"))
	refuse := func(errs fault.Fields) error {
		return h.membersPage(c, fiber.StatusUnprocessableEntity, g, typed, errs)
	}
	if typed == "" {
		return refuse(fault.Fields{"username": "Enter a username or an e-mail address."})
	}
	u, err := h.Store.UserBySignIn(c.UserContext(), typed)
	if fault.IsNotFound(err) {
		return refuse(fault.Fields{"username": "Nobody has this username or address."})
	}
	if err != nil {
		return err
	}
	return h.join(c, g, u, groupPath(g.ID), refuse)
}

// join takes the person into the group and leads back to where that was asked.
func (h *Handlers) join(c *fiber.Ctx, g *identity.Group, u *identity.User, back string, refuse func(fault.Fields) error) error {
	now := h.Now()
	err := h.Store.AddMember(c.UserContext(), g.ID, u.ID, now, memberEvent(c, now, audit.GroupMemberAdded, g, u))
	var wrong fault.Fields
	if errors.As(err, &wrong) {
		return refuse(wrong)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, back, "success", u.Label()+" is in "+g.Name, "What it unlocks they can be granted from now on.")
}

// memberAct reads the group and the person that a confirmation is about, and what they would lose.
func (h *Handlers) memberAct(c *fiber.Ctx) (*identity.Group, *identity.User, view.MemberActData, error) {
	var d view.MemberActData
	g, err := h.group(c)
	if err != nil {
		return nil, nil, d, err
	}
	id, err := url.PathUnescape(c.Params("user"))
	if err != nil {
		return nil, nil, d, fault.NotFound("user")
	}
	u, err := h.Store.User(c.UserContext(), id)
	if err != nil {
		return nil, nil, d, err
	}
	d = view.MemberActData{Group: groupHead(g), User: userHead(u, request.Of(c).User)}
	if c.Query("from") == "user" {
		d.From = "?from=user"
	}
	if d.Scopes, err = h.lost(c.UserContext(), u, g.ID); err == nil {
		d.Life, err = h.tokenLife(c.UserContext())
	}
	return g, u, d, err
}

// lost are the scopes that are open to the person by this group alone.
func (h *Handlers) lost(ctx context.Context, u *identity.User, groupID string) (names []string, err error) {
	scopes, err := h.Store.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	groups, err := h.Store.GroupsOf(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	with, without := standingOf(u, groups), &oauth.Standing{Role: string(u.Role)}
	for _, g := range with.Groups {
		if g.ID != groupID {
			without.Groups = append(without.Groups, g)
		}
	}
	for _, s := range scopes {
		if s.OpenTo(with) && !s.OpenTo(without) {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

func standingOf(u *identity.User, groups []identity.Group) *oauth.Standing {
	s := &oauth.Standing{Role: string(u.Role)}
	for _, g := range groups {
		s.Groups = append(s.Groups, oauth.Group{ID: g.ID, Name: g.Name})
	}
	return s
}

// ConfirmRemoveMember asks whether to take the person out of the group, and says what they lose.
func (h *Handlers) ConfirmRemoveMember(c *fiber.Ctx) error {
	_, _, d, err := h.memberAct(c)
	if err != nil {
		return err
	}
	return confirm(c, view.MemberRemovePage, view.MemberRemoveDialog, d)
}

// RemoveMember takes the person out of the group.
func (h *Handlers) RemoveMember(c *fiber.Ctx) error {
	g, u, d, err := h.memberAct(c)
	if err != nil {
		return err
	}
	back := groupPath(g.ID)
	if d.From != "" {
		back = userPath(u.ID) + "/groups"
	}
	now := h.Now()
	err = h.Store.RemoveMember(c.UserContext(), g.ID, u.ID, now, memberEvent(c, now, audit.GroupMemberRemoved, g, u))
	if fault.IsNotFound(err) {
		return respond.Flash(c, back, "info", "Already out", u.Label()+" is not in "+g.Name+".")
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, back, "success", u.Label()+" is out of "+g.Name, "Their next tokens come without what it unlocked.")
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

// ShowUserGroups shows the person's role and groups, and what these unlock.
func (h *Handlers) ShowUserGroups(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	return h.userGroupsPage(c, fiber.StatusOK, u, "", nil)
}

func (h *Handlers) userGroupsPage(c *fiber.Ctx, status int, u *identity.User, typed string, errs fault.Fields) error {
	ctx := c.UserContext()
	groups, err := h.Store.GroupsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	scopes, err := h.Store.Scopes(ctx)
	if err != nil {
		return err
	}
	d := view.UserGroupsData{
		User: userHead(u, request.Of(c).User), Rights: rightsOver(c, u), CanEdit: canEdit(c), Typed: typed, Errs: errs,
	}
	for _, g := range groups {
		d.Groups = append(d.Groups, groupHead(&g))
	}
	standing := standingOf(u, groups)
	for _, s := range scopes {
		if s.Limited() {
			d.Scopes = append(d.Scopes, view.UserScope{ScopeLink: scopeLink(&s), Open: s.OpenTo(standing), Why: openedBy(&s, standing)})
		}
	}
	if d.CanEdit {
		if d.Known, err = h.groupsToName(ctx); err != nil {
			return err
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.UserGroupsPage(ch, d), view.UserGroups(ch, d))
}

// openedBy is what opens the scope to somebody: their role, or the first of their groups that does.
func openedBy(s *oauth.Scope, p *oauth.Standing) string {
	for _, g := range p.Groups {
		if s.OnlyFor(g.ID) {
			return g.Name
		}
	}
	return "their role"
}

// JoinGroup takes the person into the group that somebody names.
func (h *Handlers) JoinGroup(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(sent.Get("group"))
	refuse := func(errs fault.Fields) error {
		return h.userGroupsPage(c, fiber.StatusUnprocessableEntity, u, typed, errs)
	}
	if typed == "" {
		return refuse(fault.Fields{"group": "Enter the name of a group."})
	}
	g, err := h.Store.GroupByName(c.UserContext(), typed)
	if fault.IsNotFound(err) {
		return refuse(fault.Fields{"group": "There is no group of this name."})
	}
	if err != nil {
		return err
	}
	return h.join(c, g, u, userPath(u.ID)+"/groups", refuse)
}
