package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/policy"
	"gatehouse/store"
)

type settingsCommands struct {
	List  settingsList  `cmd:"" help:"Show all settings, and where each comes from."`
	Set   settingsSet   `cmd:"" help:"Settle something otherwise. Servers that run follow within a second."`
	Logo  settingsLogo  `cmd:"" help:"Give the house a logo, shown where people sign in."`
	Reset settingsReset `cmd:"" help:"Leave something as it is by itself."`
}

// settingView is a setting for a machine.
type settingView struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Bounds  string `json:"bounds"`
	Source  string `json:"source"` // "default", "database", or what pins it
}

type settingsList struct{ place }

func (c settingsList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	var views []settingView
	for _, f := range policy.Fields {
		views = append(views, settingView{f.Name, f.Text(h.settled.Now()), f.Default(), f.Bounds(), h.settled.Source(f.Name)})
	}
	if p.json {
		return p.writeJSON(p.stdout, views)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tDEFAULT\tSOURCE")
	for _, v := range views {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Name, v.Value, v.Default, v.Source)
	}
	return w.Flush()
}

type settingsSet struct {
	place
	Name  string `arg:"" help:"The setting, as list shows it."`
	Value string `arg:"" help:"What it shall be: 15m, 30d, true, 12."`
	Yes   bool   `help:"Keep the audit log shorter although events are deleted by it."`
}

func (c settingsSet) Run(ctx context.Context, p *process) error {
	if c.Value == "" {
		return usage("expected a value; `gatehouse settings reset " + c.Name + "` leaves it as it is by itself")
	}
	return settle(ctx, p, c.place, c.Name, c.Value, c.Yes)
}

type settingsReset struct {
	place
	Name string `arg:"" help:"The setting, as list shows it."`
	Yes  bool   `help:"Keep the audit log shorter although events are deleted by it."`
}

func (c settingsReset) Run(ctx context.Context, p *process) error {
	return settle(ctx, p, c.place, c.Name, "", c.Yes)
}

// settle keeps what a setting shall be. What has to be done before is given last.
func settle(ctx context.Context, p *process, at place, name, text string, yes bool, before ...func(h *house) error) error {
	field, known := policy.FieldByName(name)
	if !known {
		return usage(fmt.Sprintf("there is no setting %q: `gatehouse settings list` shows them all", name))
	}
	h, err := at.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	if pin, pinned := h.settled.Pinned(name); pinned {
		return fault.Fields{name: "It is set by " + pin.Source + ", which wins."}
	}
	for _, do := range before {
		if err := do(h); err != nil {
			return err
		}
	}
	seen := h.settled.State().Revision
	kept, diff, faults := h.settled.Changed(map[string]string{name: text})
	if err := faults.Err(); err != nil {
		return err
	}
	now := field.Text(h.settled.Now())
	if len(kept) > 0 {
		event := h.event(audit.SettingsChanged, audit.Party{Kind: audit.KindHouse, Name: "Settings"})
		event.Changes = diff
		lost, err := h.ExpiringEvents(ctx, h.at, h.settled.Now().Retention, h.settled.With(kept).Retention)
		if err != nil {
			return err
		}
		if lost > 0 {
			how := count(lost, "event", "events")
			if lost > store.ExpiringLimit {
				how = fmt.Sprintf("more than %d events", store.ExpiringLimit)
			}
			if !yes {
				return fmt.Errorf("%s would be deleted from the audit log; --yes settles it all the same", how)
			}
			event.Changes["events"] = audit.Change{Before: how}
		}
		if err := h.SaveSettings(ctx, seen, kept, h.at, event); err != nil {
			return err
		}
		now = diff[name].After
	}
	if now == "" {
		now = "not set"
	}
	return p.say(settingView{Name: name, Value: now, Default: field.Default(), Bounds: field.Bounds()}, "%s is %s.", name, now)
}
