package console

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

func standingOf(u *identity.User, groups []identity.Group) *oauth.Standing {
	s := &oauth.Standing{Role: string(u.Role)}
	for _, g := range groups {
		s.Groups = append(s.Groups, oauth.Group{ID: g.ID, Name: g.Name})
	}
	return s
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
