package console

import (
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	view "gatehouse/views/console"
	"gatehouse/views/layout"
	"gatehouse/views/login"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	brandingPath = settingsPath + "/branding"
	brandingTab  = "/branding" // below a client's path
)

// ShowBranding shows what people recognise the house by.
func (h *Handlers) ShowBranding(c *fiber.Ctx) error {
	if err := h.readSettings(c.UserContext()); err != nil {
		return err
	}
	return h.brandingPage(c, fiber.StatusOK, h.settingsOf(c, brandingPath))
}

// UpdateBranding settles what was changed in the form.
func (h *Handlers) UpdateBranding(c *fiber.Ctx) error {
	return h.updateSettings(c, brandingPath, h.brandingPage)
}

// PreviewBranding shows the form with what is in it, a picture that was sent with it included. Nothing is settled.
func (h *Handlers) PreviewBranding(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	if err := h.readSettings(c.UserContext()); err != nil {
		return err
	}
	d := h.settingsOf(c, brandingPath)
	d.Revision = sent.Get("revision")
	status, wrong, err := h.takeLogo(c, sent, policy.LogoName)
	if err != nil {
		return err
	}
	texts := settingsIn(sent, brandingPath)
	keepTyped(&d, texts)
	_, _, d.Errs = h.Policy.Changed(texts)
	maps.Copy(d.Errs, wrong)
	return h.brandingPage(c, status, d)
}

func (h *Handlers) brandingPage(c *fiber.Ctx, status int, d view.SettingsData) error {
	texts := map[string]string{}
	for _, g := range d.Groups {
		for _, f := range g.Fields {
			texts[f.Name] = f.Value
		}
	}
	house := h.Policy.Try(texts).Brand
	ch := request.Chrome(c)
	d.Preview = previewOf(ch, request.BrandOf(&house), nil, brandingPath)
	ch.Sheets = []string{layout.HostedSheet}
	return respond.Page(c, status, view.BrandingPage(ch, d), view.Branding(ch, d))
}

// previewOf shows the sign-in page with this brand, on behalf of an application if there is one.
func previewOf(ch layout.Chrome, b layout.Brand, app *layout.App, path string) *view.Preview {
	ch.Brand = b
	d := login.LoginData{Client: app}
	p := &view.Preview{Action: path + "/preview", Sheet: layout.AccentSheet(b), Light: login.LoginPreview(ch, d, "light"), Dark: login.LoginPreview(ch, d, "dark")}
	if b.Accent != "" {
		p.Notes = brand.Adjusted(b.Accent)
	}
	return p
}

// takeLogo keeps a picture that came with the form, and puts it into the field where it was sent from; or takes the one there out of it. A
// picture that cannot be taken is a fault of the field.
func (h *Handlers) takeLogo(c *fiber.Ctx, sent url.Values, field string) (status int, wrong fault.Fields, err error) {
	file := request.Upload(c, "file")
	switch {
	case sent.Has("remove"):
		sent.Set(field, "")
		return fiber.StatusOK, nil, nil
	case !sent.Has("upload"):
		return fiber.StatusOK, nil, nil
	case file == nil:
		return fiber.StatusUnprocessableEntity, fault.Fields{field: "Choose a file first."}, nil
	}
	opened, err := file.Open()
	if err != nil {
		return 0, nil, err
	}
	defer opened.Close()
	picture, err := brand.ReadLogo(opened)
	if errors.As(err, &wrong) {
		return fiber.StatusUnprocessableEntity, fault.Fields{field: wrong["logo"]}, nil
	}
	if err != nil {
		return 0, nil, err
	}
	sent.Set(field, picture.Hash)
	return fiber.StatusOK, nil, h.Store.SaveImage(c.UserContext(), *picture, h.Now())
}

// A clientMark is something that people recognise a client by. Its names are those of RFC 7591 §2 and our own.
type clientMark struct {
	name, hint string
	of         func(c *oauth.Client) *string
}

// clientMarks are all of them, in the order of the form.
var clientMarks = []clientMark{
	{"logo", "Shown where people sign in to it and consent. It is made to fit 256 × 256 pixels.", func(c *oauth.Client) *string { return &c.Logo }},
	{"accent_color", "The colour of buttons and links there, as #2452c4. It is made darker or lighter where it could not be read. Empty: that of the house.", func(c *oauth.Client) *string { return &c.Accent }},
	{"client_uri", "Where people learn about it.", func(c *oauth.Client) *string { return &c.ClientURI }},
	{"policy_uri", "What it does with what it learns about people.", func(c *oauth.Client) *string { return &c.PolicyURI }},
	{"tos_uri", "What people agree to who use it.", func(c *oauth.Client) *string { return &c.TosURI }},
}

// markFields are their fields: as they stand, or as they were sent.
func markFields(c *oauth.Client, sent url.Values) []view.SettingField {
	fields := make([]view.SettingField, len(clientMarks))
	for i, m := range clientMarks {
		fields[i] = view.SettingField{Name: m.name, Label: view.ClientLabel(m.name), Hint: m.hint, Value: *m.of(c), Picture: m.name == "logo"}
		if sent.Has(m.name) && !fields[i].Picture {
			fields[i].Value = sent.Get(m.name)
		}
	}
	return fields
}

// fillMarks gives the client what was typed, right or wrong. A form without them leaves them as they are.
func fillMarks(c *oauth.Client, sent url.Values) {
	for _, m := range clientMarks {
		if sent.Has(m.name) {
			*m.of(c) = strings.TrimSpace(sent.Get(m.name))
		}
	}
	if accent, ok := brand.ParseAccent(c.Accent); ok {
		c.Accent = accent
	}
}

// brandingPart is the part of a client's settings that its Branding tab changes.
var brandingPart = clientPart{
	tab: "Branding", path: brandingTab, fill: fillMarks, show: (*Handlers).clientBrandingPage, title: "Branding saved", text: "People see it from the next page on.",
	fields: func() (names []string) {
		for _, m := range clientMarks {
			names = append(names, m.name)
		}
		return names
	}(),
}

// ShowClientBranding shows what people recognise the client by.
func (h *Handlers) ShowClientBranding(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	return h.clientBrandingPage(c, fiber.StatusOK, client, partForm{client: client})
}

// UpdateClientBranding changes it, unless somebody else changed the client since the form was shown.
func (h *Handlers) UpdateClientBranding(c *fiber.Ctx) error { return h.updatePart(c, brandingPart) }

// PreviewClientBranding shows the form with what is in it, a picture that was sent with it included. Nothing is saved.
func (h *Handlers) PreviewClientBranding(c *fiber.Ctx) error {
	stored, sent, err := h.clientAndForm(c)
	if err != nil {
		return err
	}
	status, wrong, err := h.takeLogo(c, sent, "logo")
	if err != nil {
		return err
	}
	f, err := h.partOf(c, brandingPart, stored, sent)
	if err != nil {
		return err
	}
	maps.Copy(f.errs, wrong)
	return h.clientBrandingPage(c, status, stored, f)
}

func (h *Handlers) clientBrandingPage(c *fiber.Ctx, status int, stored *oauth.Client, f partForm) error {
	head, err := h.head(c, stored)
	if err != nil {
		return err
	}
	d := view.SettingsData{
		Action: clientPath(stored.ID) + brandingTab, Version: f.client.Version, CanEdit: canEdit(c), Errs: f.errs, Conflict: f.conflict,
		Groups: []view.SettingGroup{{Title: "Look and links", Text: "People see it where they sign in to this application and consent. What you leave empty is as the house has it.", Fields: markFields(f.client, f.sent)}},
	}
	ch := request.Chrome(c)
	shown, was := *f.client, *stored
	for _, m := range clientMarks { // what is wrong is shown at its field, and nowhere else
		if f.errs[m.name] != "" {
			*m.of(&shown) = *m.of(&was)
		}
	}
	d.Preview = previewOf(ch, request.Colour(ch, &shown).Brand, request.App(&shown), d.Action)
	ch.Sheets = []string{layout.HostedSheet}
	return respond.Page(c, status, view.ClientBrandingPage(ch, head, d), view.Branding(ch, d))
}
