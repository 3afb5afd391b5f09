package console

import (
	"net/url"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// AttributesData fills the list of attributes.
type AttributesData struct {
	Q       string // what was searched
	Rows    []Attribute
	CanEdit bool
}

// Attribute is an attribute as its pages show it.
type Attribute struct{ identity.Attribute }

func (a Attribute) path() string {
	return "/console/attributes/edit?key=" + url.QueryEscape(a.Key)
}

func (a Attribute) deletePath() string {
	return "/console/attributes/delete?key=" + url.QueryEscape(a.Key)
}
func (a Attribute) crumbs() []layout.Crumb { return attributeCrumbs(layout.Crumb{Label: a.Label}) }
func (a Attribute) below(l string) []layout.Crumb {
	return attributeCrumbs(layout.Crumb{Label: a.Label, Href: a.path()}, layout.Crumb{Label: l})
}

func attributeCrumbs(last ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Attributes", Href: "/console/attributes"}}, last...)
}

// editor says who changes the values.
func (a Attribute) editor() string { return either(a.Own, "The person too", "Administrators") }

var attributeTypes = []Choice{
	{Value: identity.TypeString, Label: "Text", Hint: "One line."},
	{Value: identity.TypeNumber, Label: "Number", Hint: "Up to 15 digits, with or without decimals."},
	{Value: identity.TypeBoolean, Label: "Yes or no", Hint: "Applications are told true or false."},
	{Value: identity.TypeDate, Label: "Date", Hint: "A day, such as 2024-12-31."},
	{Value: identity.TypeList, Label: "List", Hint: "Several short texts."},
}

func (a Attribute) typeName() string {
	for _, t := range attributeTypes {
		if t.Value == a.Type {
			return t.Label
		}
	}
	return a.Type
}

// AttributeFormData is an attribute as it stands in its form: what was stored, or what was sent and refused.
type AttributeFormData struct {
	Attribute
	IsNew         bool
	CanEdit       bool
	PositionTyped string
	Scopes        []ui.Option // to choose from
	People        int64       // who have a value
	Errs          map[string]string
	Conflict      *Conflict // the race this form lost
}

func (d AttributeFormData) frame() frame {
	action := "/console/attributes"
	if !d.IsNew {
		action = d.path()
	}
	return frame{
		noun: "attribute", list: "/console/attributes", action: action, isNew: d.IsNew, version: d.Version, conflict: d.Conflict,
		errs: labelled(ui.Errors(d.Errs, "key", "label", "type", "required", "own", "scope", "claim", "position"), attributeLabels),
	}
}

var attributeLabels = map[string]string{
	"key": "Key", "label": "Label", "type": "Type", "scope": "Scope", "claim": "Claim", "position": "Position",
}

// AttributeActData fills the confirmation of deleting an attribute.
type AttributeActData struct {
	Attribute Attribute
	People    int64         // who have a value
	Life      time.Duration // how long an ID token may still tell it
	Confirm   string        // what was typed
	Errs      map[string]string
}
