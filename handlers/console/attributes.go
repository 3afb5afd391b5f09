package console

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const attributesPath = "/console/attributes"

func attributePath(key string) string {
	return attributesPath + "/edit?key=" + url.QueryEscape(key)
}

// attribute reads the attribute that the query names.
func (h *Handlers) attribute(c *fiber.Ctx) (*identity.Attribute, error) {
	return h.Store.Attribute(c.UserContext(), c.Query("key"))
}

// attributeEvent is what is written down about a change of the attribute.
func attributeEvent(c *fiber.Ctx, at time.Time, action audit.Action, a *identity.Attribute) audit.Event {
	return eventOn(c, at, action, audit.Party{Kind: audit.KindAttribute, ID: a.Key, Name: a.Label})
}

// ListAttributes shows the attributes in their order.
func (h *Handlers) ListAttributes(c *fiber.Ctx) error {
	list, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	l := listingOf(c, attributesPath)
	d := view.AttributesData{Q: l.get("q"), CanEdit: canEdit(c)}
	for _, a := range list {
		if l.finds(a.Key, a.Label, a.Claim) {
			d.Rows = append(d.Rows, view.Attribute{Attribute: a})
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.AttributesPage(ch, d), view.AttributesTable(ch, d))
}

// NewAttribute shows the empty form.
func (h *Handlers) NewAttribute(c *fiber.Ctx) error {
	list, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	a := identity.Attribute{Type: identity.TypeString}
	for _, other := range list { // it comes last
		a.Position = max(a.Position, other.Position+10)
	}
	return h.newAttributePage(c, fiber.StatusOK, attributeFormOf(&a))
}

func attributeFormOf(a *identity.Attribute) view.AttributeFormData {
	return view.AttributeFormData{Attribute: view.Attribute{Attribute: *a}, PositionTyped: strconv.FormatInt(a.Position, 10)}
}

func (h *Handlers) newAttributePage(c *fiber.Ctx, status int, f view.AttributeFormData) (err error) {
	f.IsNew, f.CanEdit = true, true
	if f.Scopes, err = h.scopesThatTell(c); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewAttributePage(ch, f), view.AttributeForm(ch, f))
}

// scopesThatTell are the scopes with which a claim can be given.
func (h *Handlers) scopesThatTell(c *fiber.Ctx) ([]ui.Option, error) {
	scopes, err := h.Store.Scopes(c.UserContext())
	options := []ui.Option{{Value: "", Label: "None: applications are not told"}}
	for _, s := range scopes {
		if s.Tells() {
			options = append(options, ui.Option{Value: s.Name, Label: s.Name})
		}
	}
	return options, err
}

// fillAttribute gives the attribute what was typed, but for what stays as it is; it says what is wrong.
func fillAttribute(a *identity.Attribute, sent url.Values) fault.Fields {
	line := func(name string) string { return strings.TrimSpace(sent.Get(name)) }
	a.Label, a.Scope, a.Claim = line("label"), line("scope"), line("claim")
	a.Required, a.Own = sent.Get("required") == "true", sent.Get("own") == "true"
	position, err := strconv.ParseInt(line("position"), 10, 64)
	if a.Position = position; err != nil {
		a.Position = -1
	}
	return a.Validate()
}

// attributeRefused says at which field something is that cannot be; nil if it is another error.
func attributeRefused(err error) fault.Fields {
	var wrong fault.Fields
	switch taken := fault.AsConflict(err); {
	case errors.As(err, &wrong):
		return wrong
	case taken != nil && taken.Field == "key":
		return fault.Fields{"key": "There is an attribute of this key, or one that is just being deleted."}
	case taken != nil && taken.Field == "claim":
		return fault.Fields{"claim": "Another attribute is told under this name."}
	}
	return nil
}

// CreateAttribute adds an attribute. Sent twice it makes one: its key is its id.
func (h *Handlers) CreateAttribute(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	a := identity.Attribute{Key: strings.TrimSpace(sent.Get("key")), Type: sent.Get("type")}
	errs := fillAttribute(&a, sent)
	refuse := func(errs fault.Fields) error {
		f := attributeFormOf(&a)
		f.PositionTyped, f.Errs = sent.Get("position"), errs
		return h.newAttributePage(c, fiber.StatusUnprocessableEntity, f)
	}
	if len(errs) > 0 {
		return refuse(errs)
	}
	now := h.Now()
	created := attributeEvent(c, now, audit.AttributeCreated, &a)
	created.Changes = changes(attributeDifferences(&identity.Attribute{}, &a))
	err = h.Store.CreateAttribute(c.UserContext(), a, now, created)
	if fault.AsConflict(err) != nil {
		if twice, err := h.Store.Attribute(c.UserContext(), a.Key); err == nil && len(attributeDifferences(twice, &a)) == 0 {
			return respond.Flash(c, attributePath(a.Key), "info", "Already there", "There is one attribute of this key, and it reads so.")
		}
	}
	if wrong := attributeRefused(err); wrong != nil {
		return refuse(wrong)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, attributePath(a.Key), "success", "Attribute added", "It stands on everybody's profile from now on.")
}

// attributeDifferences lists in what the two differ, in the order of the form.
func attributeDifferences(before, after *identity.Attribute) (differ compared) {
	was := before.Describe()
	for i, is := range after.Describe() {
		if before.Key == "" { // nothing was there before
			was[i][2] = ""
		}
		differ.setting(is[0], is[1], was[i][2], is[2])
	}
	return differ
}

// ShowAttribute shows what the attribute is: as a form for those who may change it, else in words.
func (h *Handlers) ShowAttribute(c *fiber.Ctx) error {
	a, err := h.attribute(c)
	if err != nil {
		return err
	}
	return h.attributePage(c, fiber.StatusOK, a, attributeFormOf(a))
}

func (h *Handlers) attributePage(c *fiber.Ctx, status int, a *identity.Attribute, f view.AttributeFormData) (err error) {
	f.CanEdit = canEdit(c)
	if f.Scopes, err = h.scopesThatTell(c); err != nil {
		return err
	}
	if f.People, err = h.Store.AttributeUsers(c.UserContext(), a.Key); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.AttributePage(ch, view.Attribute{Attribute: *a}, f), view.AttributeForm(ch, f))
}

// UpdateAttribute changes the attribute, unless somebody else did since the form was shown.
func (h *Handlers) UpdateAttribute(c *fiber.Ctx) error {
	stored, err := h.attribute(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	a := *stored
	errs := fillAttribute(&a, sent)
	a.Version = versionOf(sent)
	refuse := func(errs fault.Fields) error {
		f := attributeFormOf(&a)
		f.PositionTyped, f.Errs = sent.Get("position"), errs
		return h.attributePage(c, fiber.StatusUnprocessableEntity, stored, f)
	}
	if len(errs) > 0 {
		return refuse(errs)
	}
	if changed := attributeDifferences(stored, &a); len(changed) > 0 { // else it reads so already
		now := h.Now()
		update := attributeEvent(c, now, audit.AttributeUpdated, &a)
		update.Changes = changes(changed)
		err = h.Store.UpdateAttribute(c.UserContext(), a, now, update)
		if taken := fault.AsConflict(err); taken != nil && taken.Field == "" {
			return h.lostAttributeRace(c, &a)
		}
		if wrong := attributeRefused(err); wrong != nil {
			return refuse(wrong)
		}
		if err != nil {
			return err
		}
	}
	return respond.Flash(c, attributePath(a.Key), "success", "Attribute saved", "Applications are told so from their next token or question on.")
}

// lostAttributeRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostAttributeRace(c *fiber.Ctx, mine *identity.Attribute) error {
	theirs, err := h.attribute(c)
	if err != nil {
		return err
	}
	f := attributeFormOf(mine)
	f.Version = theirs.Version
	if f.Conflict, err = h.conflict(c, attributeEvent(c, theirs.UpdatedAt, audit.AttributeUpdated, theirs), attributeDifferences(theirs, mine)); err != nil {
		return err
	}
	return h.attributePage(c, fiber.StatusConflict, theirs, f)
}

// attributeAct reads the attribute that a confirmation is about, and how many people have a value.
func (h *Handlers) attributeAct(c *fiber.Ctx) (*identity.Attribute, view.AttributeActData, error) {
	a, err := h.attribute(c)
	if err != nil {
		return nil, view.AttributeActData{}, err
	}
	d := view.AttributeActData{Attribute: view.Attribute{Attribute: *a}}
	d.Life = h.Policy.Now().OAuth.Lifetimes.IDToken
	d.People, err = h.Store.AttributeUsers(c.UserContext(), a.Key)
	return a, d, err
}

// ConfirmDeleteAttribute asks for the attribute's key before it is deleted, and says whose values go with it.
func (h *Handlers) ConfirmDeleteAttribute(c *fiber.Ctx) error {
	_, d, err := h.attributeAct(c)
	if err != nil {
		return err
	}
	return confirm(c, view.AttributeDeletePage, view.AttributeDeleteDialog, d)
}

// DeleteAttribute removes the attribute and everybody's value of it, if its key was typed.
func (h *Handlers) DeleteAttribute(c *fiber.Ctx) error {
	a, d, err := h.attributeAct(c)
	if err != nil {
		return err
	}
	if d.Confirm, d.Errs, err = typed(c, "key", a.Key); err != nil {
		return err
	}
	if len(d.Errs) > 0 {
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.AttributeDeletePage(request.Chrome(c), d), nil)
	}
	now := h.Now()
	deleted := attributeEvent(c, now, audit.AttributeDeleted, a)
	deleted.Changes = changes(attributeDifferences(a, &identity.Attribute{}))
	deleted.Changes["people"] = audit.Change{Before: strconv.FormatInt(d.People, 10), After: "0"}
	if err := h.Store.DeleteAttribute(c.UserContext(), a.Key, now, deleted); err != nil {
		return err
	}
	return h.deleted(c, audit.KindAttribute, a.Key, attributesPath, "Attribute deleted", a.Label+" is gone from all profiles.")
}
