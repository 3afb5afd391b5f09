package console

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	verifiedPath = eventsPath + "/verification"

	// maxFilterName is as long as the name of a saved filter may be, in characters.
	maxFilterName = 60
	// shownVerifications is how many of the latest are shown.
	shownVerifications = 10
)

// ExportEvents answers with a file of all events that fit what the URL says.
func (h *Handlers) ExportEvents(c *fiber.Ctx) error {
	l := listingOf(c, eventsPath, eventFilters...)
	d, want, err := h.wantedEvents(c, l)
	if err != nil {
		return err
	}
	format := c.Query("format", audit.CSV)
	if format != audit.CSV && format != audit.JSONLines {
		return fault.NotFound("format")
	}
	if d.Unknown || len(d.Errs) > 0 { // the list says what is wrong
		return h.listEvents(c, fiber.StatusUnprocessableEntity, l, "", nil)
	}
	at := h.Now()
	if c.Method() != fiber.MethodHead {
		asked := map[string]string{"format": format}
		for name := range l.query {
			asked[name] = l.get(name)
		}
		event := eventOn(c, at, audit.AuditExported, audit.Party{})
		event.Changes = audit.Asked(asked)
		if err := h.Store.Record(c.UserContext(), event); err != nil {
			return err
		}
	}
	return h.Files.Download(c, request.Of(c).Session.ID, audit.ExportName(format, at), audit.MediaType(format), func(ctx context.Context, w io.Writer) error {
		export := audit.NewExport(w, format)
		if err := h.Store.EachEvent(ctx, want, export.Write); err != nil {
			return err
		}
		points, err := h.Store.AuditCheckpoints(ctx, h.Chain)
		if err != nil && !errors.Is(err, audit.ErrChainBroken) { // of a broken chain too, what there is can be exported
			return err
		}
		return export.Close(points)
	})
}

// savedFilters are the person's, and which of them the list shows.
func (h *Handlers) savedFilters(c *fiber.Ctx, l listing) ([]view.SavedFilter, error) {
	saved, err := h.Store.SavedFilters(c.UserContext(), request.Of(c).User.ID, "audit")
	filters := make([]view.SavedFilter, 0, len(saved))
	for _, f := range saved {
		filters = append(filters, view.SavedFilter{ID: f.ID, Name: f.Name, Href: eventsPath + "?" + f.Query, Current: f.Query == l.query.Encode()})
	}
	return filters, err
}

// SaveEventFilter keeps what the list is filtered by under a name.
func (h *Handlers) SaveEventFilter(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	typed, err := url.ParseQuery(form.Get("query"))
	if err != nil {
		typed = url.Values{}
	}
	l, name := listingFrom(typed.Get, eventsPath, eventFilters...), strings.TrimSpace(form.Get("name"))
	errs := fault.Fields{}
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		errs["name"] = "Give the filter a name."
	case n > maxFilterName || !oauth.ValidText(name):
		errs["name"] = "Be brief: at most 60 characters."
	case len(l.query) == 0:
		errs["name"] = "There is nothing to save yet: filter the list first."
	}
	if len(errs) == 0 {
		err := h.Store.SaveFilter(c.UserContext(), store.SavedFilter{UserID: request.Of(c).User.ID, List: "audit", Name: name, Query: l.query.Encode()}, h.Now())
		if conflict := fault.AsConflict(err); conflict != nil {
			errs["name"] = "You have a filter of this name: delete it first, or choose another name."
		} else if err != nil && !errors.As(err, &errs) {
			return err
		}
	}
	if len(errs) > 0 {
		return h.listEvents(c, fiber.StatusUnprocessableEntity, l, name, errs)
	}
	return respond.Flash(c, l.address(), "success", "Filter saved", "“"+name+"” shows above the list whenever you come back.")
}

// DeleteEventFilter forgets a filter.
func (h *Handlers) DeleteEventFilter(c *fiber.Ctx) error {
	if err := h.Store.DeleteSavedFilter(c.UserContext(), request.Of(c).User.ID, c.Params("id")); err != nil {
		return err
	}
	return respond.Flash(c, eventsPath, "success", "Filter deleted", "The events it showed are all still there.")
}

// Verify asks for a verification of the log. It may take minutes: whichever node has time carries it out.
func (h *Handlers) Verify(c *fiber.Ctx) error {
	at := h.Now()
	by := request.Of(c).User
	err := h.Store.AskVerification(c.UserContext(), identity.NewID(), or(by.Name, by.Username), at, eventOn(c, at, audit.AuditVerifyAsked, audit.Party{}))
	if err != nil && fault.AsConflict(err) == nil { // one that is under way is what they ask for
		return err
	}
	return respond.SeeOther(c, verifiedPath)
}

// ShowVerification shows how far a verification is, and what came of the last ones.
func (h *Handlers) ShowVerification(c *fiber.Ctx) error {
	runs, err := h.Store.Verifications(c.UserContext(), shownVerifications)
	if err != nil {
		return err
	}
	d := view.VerificationData{Now: h.Now()}
	for _, run := range runs {
		d.Runs = append(d.Runs, *verificationRow(run))
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.VerificationPage(ch, d), view.Verification(ch, d))
}

func verificationRow(run store.VerificationRun) *view.VerificationRow {
	return &view.VerificationRow{ID: run.ID, Asked: run.AskedAt, By: run.AskedBy, Seen: orZero(run.SeenAt), Finished: orZero(run.FinishedAt), Verification: run.Verification}
}
