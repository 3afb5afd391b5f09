package console

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/layout"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// found is as much as a search shows of a kind.
const found = 5

// Search looks for pages, clients, users, scopes and APIs by how their name begins, and for what has an id by that. Each is found by an
// index, or is in memory.
func (h *Handlers) Search(c *fiber.Ctx) error {
	q := strings.TrimSpace(c.Query("q"))
	if !oauth.ValidText(q) {
		q = ""
	}
	p := layout.Palette{Q: q}
	if q != "" && len(q) <= 256 {
		for _, look := range []func(*fiber.Ctx, string) (layout.PaletteGroup, error){h.searchIDs, h.searchClients, h.searchUsers, h.searchCatalog} {
			group, err := look(c, q)
			if err != nil {
				return err
			}
			if len(group.Items) > 0 {
				p.Groups = append(p.Groups, group)
			}
		}
	}
	p.Groups = append(p.Groups, layout.PalettePages(q, canEdit(c))...)
	return respond.Page(c, fiber.StatusOK, view.SearchPage(request.Chrome(c), p), layout.PaletteResults(p))
}

// searchIDs finds what has this id.
func (h *Handlers) searchIDs(c *fiber.Ctx, q string) (layout.PaletteGroup, error) {
	group := layout.PaletteGroup{Label: "By id"}
	ctx := c.UserContext()
	add := func(icon, label, note, href string) {
		group.Items = append(group.Items, layout.PaletteItem{Icon: icon, Label: label, Note: note, Href: href})
	}
	if client, err := h.Store.Client(ctx, q); err == nil {
		add("app", client.Name, "Client", clientPath(client.ID))
	} else if !fault.IsNotFound(err) {
		return group, err
	}
	if len(q) == requestIDLength && !strings.ContainsAny(q, " @.") {
		events, err := h.Store.Events(ctx, store.EventFilter{RequestID: q, Limit: 1})
		if err != nil {
			return group, err
		}
		if len(events) > 0 {
			add("audit", events[0].Action.Words(), "Request", listing{path: eventsPath}.with("request", q))
		}
	}
	if _, known := oauth.ErrorMeanings[q]; known {
		add("alert", q, "Refusals", listing{path: eventsPath}.with("q", q))
	}
	if !identity.IsID(q) {
		return group, nil
	}
	for _, one := range []func() error{
		func() error {
			u, err := h.Store.User(ctx, q)
			if err == nil {
				person := personOfUser(u)
				add("user", person.Label(), "User", usersPath+"/"+u.ID)
			}
			return err
		},
		func() error {
			f, err := h.Store.Family(ctx, q)
			if err == nil {
				add("session", f.ID, "Token family", familiesPath+"/"+f.ID)
			}
			return err
		},
		func() error {
			s, err := h.Store.Session(ctx, q)
			if err == nil {
				device, _ := identity.Device(s.UserAgent)
				add("device", device, "Session", sessionsPath+"/"+s.ID)
			}
			return err
		},
		func() error {
			e, err := h.Store.Event(ctx, q)
			if err == nil {
				add("audit", e.Action.Words(), "Event", eventsPath+"/"+e.ID)
			}
			return err
		},
		func() error {
			a, err := h.Store.APIByID(ctx, q)
			if err == nil {
				add("api", a.Name, "API", apisPath+"/"+a.ID)
			}
			return err
		},
	} {
		if err := one(); err != nil && !fault.IsNotFound(err) {
			return group, err
		}
	}
	return group, nil
}

func (h *Handlers) searchClients(c *fiber.Ctx, q string) (layout.PaletteGroup, error) {
	group := layout.PaletteGroup{Label: "Clients"}
	clients, err := h.Store.ClientsNamed(c.UserContext(), q, found)
	for _, client := range clients {
		group.Items = append(group.Items, layout.PaletteItem{Icon: "app", Label: client.Name, Note: client.ID, Href: clientPath(client.ID)})
	}
	return group, err
}

func (h *Handlers) searchUsers(c *fiber.Ctx, q string) (layout.PaletteGroup, error) {
	group := layout.PaletteGroup{Label: "Users"}
	page, err := h.Store.Users(c.UserContext(), store.UserFilter{Query: q, Limit: found})
	for _, u := range page.Users {
		person := personOfUser(&u)
		group.Items = append(group.Items, layout.PaletteItem{Icon: "user", Label: person.Label(), Note: u.Username, Href: usersPath + "/" + u.ID})
	}
	return group, err
}

// searchCatalog finds scopes and APIs, of which there are few, by a piece of their name.
func (h *Handlers) searchCatalog(c *fiber.Ctx, q string) (layout.PaletteGroup, error) {
	group := layout.PaletteGroup{Label: "APIs and scopes"}
	q = strings.ToLower(q)
	apis, err := h.Store.APIs(c.UserContext())
	if err != nil {
		return group, err
	}
	for _, a := range apis {
		if len(group.Items) < found && (strings.Contains(strings.ToLower(a.Name), q) || strings.HasPrefix(a.Identifier, q)) {
			group.Items = append(group.Items, layout.PaletteItem{Icon: "api", Label: a.Name, Note: a.Identifier, Href: apisPath + "/" + a.ID})
		}
	}
	scopes, err := h.Store.Scopes(c.UserContext())
	shown := 0
	for _, s := range scopes {
		if shown < found && strings.Contains(strings.ToLower(s.Name), q) {
			group.Items = append(group.Items, layout.PaletteItem{Icon: "scope", Label: s.Name, Note: s.Description, Href: scopePath(s.Name)})
			shown++
		}
	}
	return group, err
}
