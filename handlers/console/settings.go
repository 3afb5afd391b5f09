package console

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/policy"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const settingsPath = "/console/settings"

// settingGroups say what the groups of settings are about, page by page.
var settingGroups = map[string][][2]string{
	settingsPath: {
		{policy.GroupTokens, "How long what is handed out holds. Shorter is safer where a token is stolen; what was handed out before keeps its own end."},
		{policy.GroupSessions, "How long a browser stays signed in."},
		{policy.GroupAudit, "How long events are kept. Kept longer, they take more room; kept shorter, the oldest are deleted for good."},
		{policy.GroupGrants, "What is only for applications that cannot do better yet. Off means off for every client."},
	},
	brandingPath: {
		{policy.GroupBrand, "What you leave empty is as Gatehouse brings it. Links stand at the foot of each page."},
	},
	securityPath: {
		{policy.GroupPasswords, "What is asked of a password that somebody chooses, and what its hash costs whoever guesses. Hashes that are weaker are raised at the next sign-in."},
		{policy.GroupRates, "Each node counts by itself, in memory. Who asks too much gets 429 and is told when to come again."},
	},
}

// settingsOf are the settings of a page, as they are.
func (h *Handlers) settingsOf(c *fiber.Ctx, path string) view.SettingsData {
	state := h.Policy.State()
	d := view.SettingsData{Action: path, Revision: state.Revision, CanEdit: canEdit(c)}
	for _, g := range settingGroups[path] {
		group := view.SettingGroup{Title: g[0], Text: g[1]}
		for _, f := range policy.Fields {
			if f.Group != g[0] {
				continue
			}
			field := view.SettingField{
				Name: f.Name, Label: f.Label, Hint: f.Hint, Unit: f.Unit, Value: f.Text(&state.Settings), Default: f.Default(), Bounds: f.Bounds(), Switch: f.IsSwitch(), Picture: f.IsPicture(),
			}
			if pin, pinned := h.Policy.Pinned(f.Name); pinned {
				field.Source = pin.Source
			} else if _, field.Kept = state.Stored[f.Name]; state.Faults[f.Name] != "" {
				field.Kept = false
			}
			group.Fields = append(group.Fields, field)
		}
		d.Groups = append(d.Groups, group)
	}
	return d
}

// keepTyped puts what was typed into the form.
func keepTyped(d *view.SettingsData, texts map[string]string) {
	for _, g := range d.Groups {
		for i := range g.Fields {
			if text, sent := texts[g.Fields[i].Name]; sent && g.Fields[i].Source == "" {
				g.Fields[i].Value = text
			}
		}
	}
}

// ShowSettings shows what is settled for the whole house.
func (h *Handlers) ShowSettings(c *fiber.Ctx) error {
	if err := h.readSettings(c.UserContext()); err != nil {
		return err
	}
	return h.settingsPage(c, fiber.StatusOK, h.settingsOf(c, settingsPath))
}

func (h *Handlers) settingsPage(c *fiber.Ctx, status int, d view.SettingsData) error {
	ch := request.Chrome(c)
	return respond.Page(c, status, view.SettingsPage(ch, d), view.SettingsForm(ch, d))
}

// UpdateSettings settles what was changed in the form, unless somebody else did since it was shown.
func (h *Handlers) UpdateSettings(c *fiber.Ctx) error {
	return h.updateSettings(c, settingsPath, h.settingsPage)
}

// readSettings makes sure that this node knows what is settled: it may have been on another a moment ago.
func (h *Handlers) readSettings(ctx context.Context) error {
	revision, stored, err := h.Store.Settings(ctx)
	if err == nil {
		h.Policy.Adopt(revision, stored)
	}
	return err
}

func (h *Handlers) updateSettings(c *fiber.Ctx, path string, show func(*fiber.Ctx, int, view.SettingsData) error) error {
	ctx := c.UserContext()
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	if err := h.readSettings(ctx); err != nil {
		return err
	}
	d := h.settingsOf(c, path)
	d.Revision = sent.Get("revision")
	texts := settingsIn(sent, path)
	if f, known := policy.FieldByName(sent.Get("reset")); known { // to be looked at before it is saved
		texts[f.Name] = f.Default()
		keepTyped(&d, texts)
		return show(c, fiber.StatusOK, d)
	}
	kept, diff, faults := h.Policy.Changed(texts)
	if len(faults) > 0 {
		keepTyped(&d, texts)
		d.Errs = faults
		return show(c, fiber.StatusUnprocessableEntity, d)
	}
	if len(kept) > 0 { // else it stands already as it was sent
		now := h.Now()
		event := eventOn(c, now, audit.SettingsChanged, audit.Party{Kind: audit.KindHouse, Name: "Settings"})
		event.Changes = diff
		lost, err := h.eventsLost(ctx, now, kept)
		if err != nil {
			return err
		}
		if lost != "" {
			asked := view.SettingsLoss{Events: lost, Of: retentionText(h.Policy.With(kept))}
			if sent.Get("delete_events") != asked.Of {
				keepTyped(&d, texts)
				d.Loss = &asked
				return show(c, fiber.StatusUnprocessableEntity, d)
			}
			event.Changes["events"] = audit.Change{Before: lost}
		}
		err = h.Store.SaveSettings(ctx, d.Revision, kept, now, event)
		if fault.AsConflict(err) != nil {
			if err := h.readSettings(ctx); err != nil {
				return err
			}
			_, diff, _ := h.Policy.Changed(texts)
			return h.lostSettings(c, d, texts, diff, show)
		}
		var wrong fault.Fields
		if errors.As(err, &wrong) { // what was right a moment ago
			keepTyped(&d, texts)
			d.Errs = wrong
			return show(c, fiber.StatusUnprocessableEntity, d)
		}
		if err != nil {
			return err
		}
		_ = h.readSettings(ctx) // it is saved, and this node hears of it like the others if not now
	}
	return respond.Flash(c, path, "success", "Settings saved", "They hold here at once, and on every other node within a second.")
}

// eventsLost says how many events the settings would delete, up to a bound; empty for none.
func (h *Handlers) eventsLost(ctx context.Context, now time.Time, kept map[string]string) (string, error) {
	n, err := h.Store.ExpiringEvents(ctx, now, h.Policy.Now().Retention, h.Policy.With(kept).Retention)
	switch {
	case err != nil || n == 0:
		return "", err
	case n > store.ExpiringLimit:
		return "over 100,000 events", nil
	}
	return ui.Count(int(n), "event", "events"), nil
}

// retentionText names what somebody agrees to: should it be shorter still by then, they are asked again.
func retentionText(s *policy.Settings) string {
	var parts []string
	for _, class := range audit.ClassNames {
		parts = append(parts, policy.FormatDuration(s.Retention.For(class)))
	}
	return strings.Join(parts, " ")
}

// settingsIn are the settings of a page that its form was sent with.
func settingsIn(sent url.Values, path string) map[string]string {
	texts := map[string]string{}
	for _, name := range sent["with"] {
		f, known := policy.FieldByName(name)
		if !known || !slices.ContainsFunc(settingGroups[path], func(g [2]string) bool { return g[0] == f.Group }) {
			continue
		}
		if texts[name] = sent.Get(name); f.IsSwitch() && texts[name] == "" {
			texts[name] = "false"
		}
	}
	return texts
}

// lostSettings shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostSettings(c *fiber.Ctx, d view.SettingsData, texts map[string]string, diff map[string]audit.Change, show func(*fiber.Ctx, int, view.SettingsData) error) error {
	fresh := h.settingsOf(c, d.Action)
	fresh.Conflict = &view.Conflict{What: "page of settings"}
	for _, f := range policy.Fields {
		if change, differs := diff[f.Name]; differs {
			fresh.Conflict.Changes = append(fresh.Conflict.Changes, view.Change{Field: f.Label, Theirs: change.Before, Yours: change.After})
		}
	}
	last, err := h.Store.Events(c.UserContext(), store.EventFilter{Action: audit.SettingsChanged, Limit: 1})
	if err != nil {
		return err
	}
	if len(last) == 1 {
		fresh.Conflict.By, fresh.Conflict.At = last[0].Actor.Name, last[0].At
	}
	keepTyped(&fresh, texts)
	return show(c, fiber.StatusConflict, fresh)
}
