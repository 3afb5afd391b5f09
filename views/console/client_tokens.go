package console

import (
	"slices"

	"gatehouse/views/ui"
)

// ClientTokensData fills the tab of how long what a client is given holds.
type ClientTokensData struct {
	Client   Client
	Version  int64
	CanEdit  bool
	Fields   []LifeField
	Holds    []Holding
	Errs     map[string]string // by the name of a field
	Conflict *Conflict         // the race this form lost
}

// LifeField is a time that a client may have of its own; Value is as it was typed, empty for the server's.
type LifeField struct{ Name, Label, Hint, Value string }

// Holding is something that a client can be given, how long it holds, and who says so: a constant of oauth.
type Holding struct {
	What, Life, By string
	API            API // that says so
}

func (d ClientTokensData) action() string { return d.Client.path() + "/tokens" }

func (d ClientTokensData) frame() frame {
	names := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		names[i] = f.Name
	}
	return frame{
		noun: "lifetimes", action: d.action(), version: d.Version, conflict: d.Conflict,
		errs: labelled(ui.Errors(d.Errs, names...), clientLabels),
	}
}

// marked is the same of what people recognise the client by.
func (d ClientFormData) marked() bool {
	return slices.ContainsFunc(d.Marks, func(m SettingField) bool { return m.Value != "" || d.Errs[m.Name] != "" })
}

// limited tells a form that has to show lifetimes: what they are, or what is wrong with them.
func (d ClientFormData) limited() bool {
	return slices.ContainsFunc(d.Lives, func(l LifeField) bool { return l.Value != "" || d.Errs[l.Name] != "" })
}
