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
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

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
