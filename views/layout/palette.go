package layout

import "strings"

// Palette is what a search of the whole console finds.
type Palette struct {
	Q      string
	Groups []PaletteGroup
}

// PaletteGroup are findings of a kind.
type PaletteGroup struct {
	Label string
	Items []PaletteItem
}

// PaletteItem is a page to go to.
type PaletteItem struct{ Label, Note, Href, Icon string }

// Count is how much was found.
func (p Palette) Count() int {
	n := 0
	for _, g := range p.Groups {
		n += len(g.Items)
	}
	return n
}

// acts are pages where something new is made, for who may.
var acts = []navItem{
	{"New client", "/console/clients/new", "plus"},
	{"New user", "/console/users/new", "plus"},
	{"New API", "/console/apis/new", "plus"},
	{"New scope", "/console/scopes/new", "plus"},
}

// PalettePages are the pages of the console whose name has a word that begins so, and for whoever may edit those that make something.
func PalettePages(q string, canEdit bool) []PaletteGroup {
	var pages, makes []PaletteItem
	for _, g := range nav {
		for _, item := range g.items {
			pages = addNamed(pages, item, q)
		}
	}
	if canEdit {
		for _, item := range acts {
			makes = addNamed(makes, item, q)
		}
	}
	var out []PaletteGroup
	for _, g := range []PaletteGroup{{"Go to", pages}, {"Do", makes}} {
		if len(g.Items) > 0 {
			out = append(out, g)
		}
	}
	return out
}

func addNamed(items []PaletteItem, item navItem, q string) []PaletteItem {
	q = strings.ToLower(strings.TrimSpace(q))
	name := strings.ToLower(item.label)
	if !strings.HasPrefix(name, q) && !strings.Contains(name, " "+q) {
		return items
	}
	return append(items, PaletteItem{Label: item.label, Href: item.href, Icon: item.icon})
}
