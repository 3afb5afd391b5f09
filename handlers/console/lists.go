package console

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
)

// What lists of what happens in the house show on a page.
const rowsPerPage = 25

// listing is a list as its URL asks for it.
type listing struct {
	path  string
	query url.Values // without what is empty
}

// listingOf reads those of the URL's parameters that the list knows.
func listingOf(c *fiber.Ctx, path string, known ...string) listing {
	return listingFrom(func(name string) string { return c.Query(name) }, path, known...)
}

// listingFrom is listingOf for parameters that come from elsewhere.
func listingFrom(get func(name string) string, path string, known ...string) listing {
	l := listing{path, url.Values{}}
	for _, name := range append(slices.Clone(known), "q") {
		if value := strings.TrimSpace(get(name)); value != "" && oauth.ValidText(value) {
			l.query.Set(name, value)
		}
	}
	return l
}

func (l listing) get(name string) string { return l.query.Get(name) }

// address is the list's URL.
func (l listing) address() string { return l.with("", "") }

// with is the list's URL with another value of a parameter; none takes it out.
func (l listing) with(name, value string) string {
	query := url.Values{}
	for k, v := range l.query {
		query[k] = v
	}
	query.Del(name)
	if value != "" {
		query.Set(name, value)
	}
	if len(query) == 0 {
		return l.path
	}
	return l.path + "?" + query.Encode()
}

// oneOf is the parameter's value if it is one of these; anything else asks for nothing.
func (l listing) oneOf(name string, values ...string) string {
	for _, v := range values {
		if l.get(name) == v {
			return v
		}
	}
	l.query.Del(name)
	return ""
}

// among is the parameter's value if it is one of the options; anything else asks for nothing.
func (l listing) among(name string, options []ui.Option) string {
	values := make([]string, len(options))
	for i, o := range options {
		values[i] = o.Value
	}
	return l.oneOf(name, values...)
}

// sorting is how the list is ordered by its parameter sort: a column, with - before it the other way. Of the columns it can be ordered
// by the first is the usual order; each stands as it orders first.
func (l listing) sorting(columns ...string) view.Sorting {
	s := view.Sorting{Value: l.get("sort"), Links: map[string]string{}}
	now := or(s.Value, columns[0])
	s.By, s.Reversed = strings.CutPrefix(now, "-")
	for _, first := range columns {
		by := strings.TrimPrefix(first, "-")
		switch {
		case by == s.By && s.Reversed:
			first = by
		case by == s.By:
			first = "-" + by
		}
		if first == columns[0] {
			first = ""
		}
		s.Links[by] = l.with("sort", first)
	}
	return s
}

// finds reports whether one of the texts holds what is searched: in lists that are short enough to be read through.
func (l listing) finds(texts ...string) bool {
	q := strings.ToLower(l.get("q"))
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), q) })
}

// pages leads to the neighbouring pages.
func (l listing) pages(d *view.ListData, previous, next string) {
	if previous != "" {
		d.Previous = l.with("before", previous)
	}
	if next != "" {
		d.Next = l.with("after", next)
	}
}

// endAll leads to where all of a list end that is one person's or one client's, as its first row knows them, for whoever may do that.
func endAll(c *fiber.Ctx, path, verb, userID, clientID string, person view.Person, ofPerson bool, clients ...view.Link) view.Link {
	if userID != "" && clientID == "" && ofPerson {
		return view.Link{Text: verb + person.Label(), Href: listing{path: path}.with("user", userID)}
	}
	for _, client := range clients {
		if clientID == client.ID && userID == "" && canEnd(c, identity.RoleUser) {
			return view.Link{Text: verb + client.Text, Href: listing{path: path}.with("client", clientID)}
		}
	}
	return view.Link{}
}

// endFound leads to where all end that fit the filters, unless something that is there already says the same of a person.
func endFound(c *fiber.Ctx, l listing, path, text string, said bool) view.Link {
	if len(l.query) == 0 || said || !canEnd(c, identity.RoleUser) {
		return view.Link{}
	}
	return view.Link{Text: text, Href: listing{path, l.query}.address()}
}

// chips are the filters of these names that are set, as people know them: field and what it is called.
func (h *Handlers) chips(ctx context.Context, l listing, names ...[2]string) ([]view.Chip, error) {
	people := unique(l.get("user"), l.get("actor"))
	known, err := h.Store.Names(ctx, people, unique(l.get("client")))
	if err != nil {
		return nil, err
	}
	var chips []view.Chip
	for _, n := range names {
		field, value := n[0], l.get(n[0])
		if value == "" {
			continue
		}
		chip := view.Chip{Name: n[1], Field: field, Value: value, Text: value, Without: l.with(field, "")}
		switch field {
		case "user", "actor":
			chip.Text = or(known.Users[value], value)
		case "client":
			chip.Text = or(known.Clients[value], value)
		}
		chips = append(chips, chip)
	}
	return chips, nil
}

// unique are the values that are not empty, each once.
func unique(values ...string) []string {
	var out []string
	for _, v := range once(values) {
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}

// meaning is what somebody means who searches a list: whichever of these it is.
type meaning struct {
	userID, clientID, ip, requestID, id, code string
	unknown                                   bool
	perhaps                                   []view.Choose // what may be meant, where it is nothing
}

const requestIDLength = 22 // 128 bits in base64url

// meant finds out what a search means. Lists of millions of rows are not read through for a piece of text: who and what there is
// to search for has an index.
func (h *Handlers) meant(ctx context.Context, l listing) (m meaning, err error) {
	q := l.get("q")
	if q == "" {
		return m, nil
	}
	if address, err := netip.ParseAddr(q); err == nil {
		m.ip = address.String()
		return m, nil
	}
	if _, known := oauth.ErrorMeanings[q]; known {
		m.code = q
		return m, nil
	}
	if c, err := h.Store.Client(ctx, q); err == nil {
		m.clientID = c.ID
		return m, nil
	} else if !fault.IsNotFound(err) {
		return m, err
	}
	who := h.Store.UserBySignIn
	isID := identity.IsID(q)
	if isID {
		who = h.Store.User
	}
	if u, err := who(ctx, q); err == nil {
		m.userID = u.ID
		return m, nil
	} else if !fault.IsNotFound(err) {
		return m, err
	}
	if isID {
		m.id = q
		return m, nil
	}
	if m, err = h.perhaps(ctx, l, q); err == nil && m.unknown && len(m.perhaps) == 0 && len(q) == requestIDLength && !strings.ContainsAny(q, " @.") {
		return meaning{requestID: q}, nil
	}
	return m, err
}

// perhaps looks for the piece of text in the names of people and clients. One that fits is meant.
func (h *Handlers) perhaps(ctx context.Context, l listing, q string) (m meaning, err error) {
	const few = 5
	clients, err := h.Store.Clients(ctx, store.ClientFilter{Query: q, Limit: few})
	if err != nil {
		return m, err
	}
	people, err := h.Store.Users(ctx, store.UserFilter{Query: q, Limit: few})
	if err != nil {
		return m, err
	}
	switch {
	case len(clients.Clients) == 1 && len(people.Users) == 0:
		m.clientID = clients.Clients[0].ID
		return m, nil
	case len(people.Users) == 1 && len(clients.Clients) == 0:
		m.userID = people.Users[0].ID
		return m, nil
	}
	m.unknown = true
	plain := listing{l.path, url.Values{}}
	for _, u := range people.Users {
		m.perhaps = append(m.perhaps, view.Choose{Text: u.Username, Kind: "Person", Href: plain.with("user", u.ID)})
	}
	for _, c := range clients.Clients {
		m.perhaps = append(m.perhaps, view.Choose{Text: c.Name, Kind: "Client", Href: plain.with("client", c.ID)})
	}
	return m, nil
}

// both is what a filter and a search ask of the same field; never where they ask for different things.
func both(filter, search string) string {
	switch {
	case search == "":
		return filter
	case filter == "", filter == search:
		return search
	}
	return "none"
}

func personOf(id string, holder store.Holder) view.Person {
	return view.Person{ID: id, Name: holder.Name, Username: holder.Username}
}

func clientLink(id, name string) view.Link {
	return view.Link{ID: id, Text: name, Href: clientPath(id)}
}

func personOfUser(u *identity.User) view.Person {
	return view.Person{ID: u.ID, Name: u.Name, Username: u.Username}
}
