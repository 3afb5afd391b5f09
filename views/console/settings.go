package console

import (
	"github.com/a-h/templ"

	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// SettingField is a setting as a form shows it.
type SettingField struct {
	Name, Label, Hint, Unit string
	Value, Default, Bounds  string
	Source                  string // what pins it; empty if it may be changed
	Switch                  bool
	Picture                 bool // its value is the hash of one
	Kept                    bool // it differs from the default because somebody settled it
}

// SettingGroup are settings that belong together.
type SettingGroup struct {
	Title, Text string
	Fields      []SettingField
}

// SettingsData fills a form of settings.
type SettingsData struct {
	Action   string // where it is sent
	Revision string // of what it shows
	Groups   []SettingGroup
	CanEdit  bool
	Errs     map[string]string
	Conflict *Conflict
	Loss     *SettingsLoss // what saving would delete, and was not agreed to yet
	Version  int64         // of a client, which has no revision
	Preview  *Preview      // of what is settled, where it can be seen
}

// SettingsLoss is what settings would delete.
type SettingsLoss struct {
	Events string // how many, in words
	Of     string // the settings that somebody agrees to
}

// Preview shows what a sign-in page looks like with what is in the form, and is told of it at Action.
type Preview struct {
	Action      string
	Sheet       templ.Component // of the accent
	Light, Dark templ.Component
	Notes       []string // what is shown otherwise than it was chosen
}

func (d SettingsData) errors() []ui.FieldError {
	var order []string
	labels := map[string]string{}
	for _, g := range d.Groups {
		for _, f := range g.Fields {
			order = append(order, f.Name)
			labels[f.Name] = f.Label
		}
	}
	return labelled(ui.Errors(d.Errs, order...), labels)
}

// part is what of the page a form changes when it comes back.
func (d SettingsData) part() string {
	if d.Preview != nil {
		return "#branding"
	}
	return "#settings-form"
}

// hint is what is said under the setting's control.
func (f SettingField) hint() string {
	hint := f.Hint
	if f.Source != "" {
		return hint + " Set by " + f.Source + "."
	}
	switch {
	case f.Switch, f.Bounds == "":
	case f.Default == "":
		hint += " " + f.Bounds + "; none by default."
	default:
		hint += " " + f.Bounds + "; the default is " + f.Default + "."
	}
	return hint
}

// value is the setting in words.
func (f SettingField) value() string {
	switch {
	case f.Switch && f.Value == "true":
		return "On"
	case f.Switch:
		return "Off"
	case f.Unit != "":
		return f.Value + " " + f.Unit
	}
	return f.Value
}

// pinned is what stands in its control where nobody may change it.
func (f SettingField) pinned() string {
	if f.Switch {
		return f.value()
	}
	return f.Value
}

func (f SettingField) source() string {
	switch {
	case f.Source != "":
		return "Set by " + f.Source
	case f.Bounds == "": // of a client
		return ""
	case f.Kept && f.Default == "":
		return "Changed here; none by default"
	case f.Kept:
		return "Changed here; the default is " + f.Default
	}
	return "Default"
}

var settingsCrumbs = []layout.Crumb{{Label: "Settings"}}
