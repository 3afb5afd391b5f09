package console

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// A clientPart is some of a client's settings, on a tab of their own.
type clientPart struct {
	tab    string   // what the tab is called
	path   string   // of the tab, below the client's
	fields []string // those that it changes, as the form names them
	fill   func(c *oauth.Client, sent url.Values)
	// show answers with the tab's page; stored is the client as it is.
	show        func(h *Handlers, c *fiber.Ctx, status int, stored *oauth.Client, f partForm) error
	title, text string // what is said when it is saved
}

var clientParts = []clientPart{scopesPart, tokensPart, brandingPart}

const settingsTab = "Settings"

// tabOf is the name of the tab on which a field of a client is: Settings has what no other has.
func tabOf(field string) string {
	for _, part := range clientParts {
		if slices.Contains(part.fields, field) {
			return part.tab
		}
	}
	return settingsTab
}

// faultsOn is what is wrong with a client after the form on a tab was sent. What was wrong on the others before is not for this form
// to say; what it would break there has no field here, and is said of the form.
func faultsOn(tab string, stored, client *oauth.Client, o oauth.Offer) fault.Fields {
	was, wrong, out := faults(stored, o), faults(client, o), fault.Fields{}
	for _, field := range slices.Sorted(maps.Keys(wrong)) {
		if base, _, _ := strings.Cut(field, "."); tabOf(base) == tab {
			out[field] = wrong[field]
		} else if was[field] == "" {
			out.Add("", view.ClientLabel(base)+": "+wrong[field]+" That is under "+tabOf(base)+".")
		}
	}
	return out
}

// partForm is the form of a part: as the client stands, or as it was sent.
type partForm struct {
	client   *oauth.Client // with what was sent, and the version that the form is for
	sent     url.Values    // nil if nothing was
	errs     fault.Fields
	conflict *view.Conflict
}

// partOf is the form of a part that was sent.
func (h *Handlers) partOf(c *fiber.Ctx, part clientPart, stored *oauth.Client, sent url.Values) (partForm, error) {
	o, err := h.offerTo(c.UserContext(), stored)
	if err != nil {
		return partForm{}, err
	}
	client := *stored
	part.fill(&client, sent)
	client.Version = versionOf(sent)
	return partForm{client: &client, sent: sent, errs: faultsOn(part.tab, stored, &client, o)}, nil
}

// clientAndForm reads the client that the path names, and the form that was sent about it.
func (h *Handlers) clientAndForm(c *fiber.Ctx) (*oauth.Client, url.Values, error) {
	client, err := h.client(c)
	if err != nil {
		return nil, nil, err
	}
	sent, err := request.Form(c)
	return client, sent, err
}

// updatePart changes some of a client's settings, unless somebody else changed the client since the form was shown.
func (h *Handlers) updatePart(c *fiber.Ctx, part clientPart) error {
	stored, sent, err := h.clientAndForm(c)
	if err != nil {
		return err
	}
	f, err := h.partOf(c, part, stored, sent)
	if err != nil {
		return err
	}
	if len(f.errs) > 0 {
		return part.show(h, c, fiber.StatusUnprocessableEntity, stored, f)
	}
	err = h.saveClient(c, stored, f.client)
	if fault.AsConflict(err) != nil {
		theirs, conflict, err := h.overtaken(c, f.client)
		if err != nil {
			return err
		}
		f.client.Version, f.conflict = theirs.Version, conflict
		return part.show(h, c, fiber.StatusConflict, theirs, f)
	}
	if errors.As(err, &f.errs) { // what was right a moment ago
		return part.show(h, c, fiber.StatusUnprocessableEntity, stored, f)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, clientPath(stored.ID)+part.path, "success", part.title, part.text)
}
