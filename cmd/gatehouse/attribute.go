package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
)

type attributeCommands struct {
	Create attributeCreate `cmd:"" help:"Add an attribute."`
	Update attributeUpdate `cmd:"" help:"Change what an attribute is called, who changes it, or with which scope it is told."`
	List   attributeList   `cmd:"" help:"List attributes."`
	Delete attributeDelete `cmd:"" help:"Remove an attribute and everybody's value of it."`
}

// attributeView is an attribute for a machine.
type attributeView struct {
	Key       string    `json:"key"`
	Label     string    `json:"label"`
	Type      string    `json:"type"`
	Required  bool      `json:"required"`
	Own       bool      `json:"own"`
	Scope     string    `json:"scope,omitempty"`
	Claim     string    `json:"claim,omitempty"`
	Position  int64     `json:"position"`
	CreatedAt time.Time `json:"created_at"`
}

func viewOfAttribute(a *identity.Attribute) attributeView {
	return attributeView{a.Key, a.Label, a.Type, a.Required, a.Own, a.Scope, a.Claim, a.Position, a.CreatedAt}
}

func partyOfAttribute(a *identity.Attribute) audit.Party {
	return audit.Party{Kind: audit.KindAttribute, ID: a.Key, Name: a.Label}
}

type attributeCreate struct {
	place
	Key      string `required:"" placeholder:"KEY" help:"What files and commands name it by, such as employee_number. It is never changed."`
	Label    string `required:"" placeholder:"TEXT" help:"What people read in forms."`
	Type     string `enum:"string,number,boolean,date,list" default:"string" placeholder:"TYPE" help:"string, number, boolean, date or list (of strings); it is never changed (string)."`
	Required bool   `help:"Nobody is added, and no profile saved, without it."`
	Own      bool   `help:"People change their own; else administrators alone."`
	Scope    string `placeholder:"SCOPE" help:"Applications with this scope are told the claim."`
	Claim    string `placeholder:"NAME" help:"What applications are told it as; a name that no standard uses."`
	Position int64  `placeholder:"NUMBER" help:"The lower, the earlier it stands in forms (0)."`
}

func (c attributeCreate) Run(ctx context.Context, p *process) error {
	a := identity.Attribute{
		Key: c.Key, Label: strings.TrimSpace(c.Label), Type: c.Type, Required: c.Required, Own: c.Own, Scope: c.Scope, Claim: c.Claim, Position: c.Position,
	}
	if err := a.Validate().Err(); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	event := h.event(audit.AttributeCreated, partyOfAttribute(&a))
	event.Changes = map[string]audit.Change{}
	for _, is := range a.Describe() {
		if is[2] != "" {
			event.Changes[is[0]] = audit.Change{After: is[2]}
		}
	}
	if err := h.CreateAttribute(ctx, a, h.at, event); err != nil {
		return err
	}
	a.CreatedAt = h.at
	return p.say(viewOfAttribute(&a), "Created the attribute %s.", a.Key)
}

type attributeUpdate struct {
	place
	Key      string  `required:"" placeholder:"KEY" help:"The attribute. Key and type stay as they are."`
	Label    *string `placeholder:"TEXT" help:"What people read in forms."`
	Required *bool   `negatable:"" help:"Nobody is added, and no profile saved, without it."`
	Own      *bool   `negatable:"" help:"People change their own; else administrators alone."`
	Scope    *string `placeholder:"SCOPE" help:"Applications with this scope are told the claim; empty for none."`
	Claim    *string `placeholder:"NAME" help:"What applications are told it as; empty with an empty scope."`
	Position *int64  `placeholder:"NUMBER" help:"The lower, the earlier it stands in forms."`
}

func (c attributeUpdate) Run(ctx context.Context, p *process) error {
	if c.Label == nil && c.Required == nil && c.Own == nil && c.Scope == nil && c.Claim == nil && c.Position == nil {
		return usage("say what to change: --label, --required, --own, --scope, --claim or --position")
	}
	h, a, err := c.openForAttribute(ctx, p, c.Key)
	if err != nil {
		return err
	}
	defer h.Close()
	was := a.Describe()
	change(&a.Label, c.Label)
	change(&a.Required, c.Required)
	change(&a.Own, c.Own)
	change(&a.Scope, c.Scope)
	change(&a.Claim, c.Claim)
	change(&a.Position, c.Position)
	a.Label = strings.TrimSpace(a.Label)
	if err := a.Validate().Err(); err != nil {
		return err
	}
	event := h.event(audit.AttributeUpdated, partyOfAttribute(a))
	event.Changes = map[string]audit.Change{}
	for i, is := range a.Describe() {
		if is[2] != was[i][2] {
			event.Changes[is[0]] = audit.Change{Before: was[i][2], After: is[2]}
		}
	}
	if len(event.Changes) == 0 {
		return p.say(viewOfAttribute(a), "Nothing changes: %s is so already.", a.Key)
	}
	if err := h.UpdateAttribute(ctx, *a, h.at, event); err != nil {
		return err
	}
	return p.say(viewOfAttribute(a), "Updated the attribute %s.", a.Key)
}

// change makes the value what was given, if anything was.
func change[T any](value, given *T) {
	if given != nil {
		*value = *given
	}
}

// openForAttribute opens the database for a command about an attribute, which it finds.
func (l place) openForAttribute(ctx context.Context, p *process, key string) (*house, *identity.Attribute, error) {
	h, err := l.open(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	a, err := h.Attribute(ctx, key)
	if fault.IsNotFound(err) {
		err = fault.NotFound(fmt.Sprintf("attribute %q", key))
	}
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, a, nil
}

type attributeList struct{ place }

func (c attributeList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	attributes, err := h.Attributes(ctx)
	if err != nil {
		return err
	}
	views, rows := []attributeView{}, [][]string{}
	for i := range attributes {
		a := &attributes[i]
		required, by := "no", "administrators"
		if a.Required {
			required = "yes"
		}
		if a.Own {
			by = "the person too"
		}
		views = append(views, viewOfAttribute(a))
		rows = append(rows, []string{a.Key, a.Label, a.Type, required, by, a.Scope, a.Claim})
	}
	return p.list(views, "KEY LABEL TYPE REQUIRED CHANGED-BY SCOPE CLAIM", rows)
}

type attributeDelete struct {
	place
	Key string `required:"" placeholder:"KEY" help:"The attribute."`
	Yes bool   `help:"Delete it although people have values, which go with it."`
}

func (c attributeDelete) Run(ctx context.Context, p *process) error {
	h, a, err := c.openForAttribute(ctx, p, c.Key)
	if err != nil {
		return err
	}
	defer h.Close()
	people, err := h.AttributeUsers(ctx, a.Key)
	if err != nil {
		return err
	}
	if people > 0 && !c.Yes {
		return fmt.Errorf("%s: values of %s would be lost; --yes deletes it all the same", count(people, "person's", "people's"), a.Key)
	}
	event := h.event(audit.AttributeDeleted, partyOfAttribute(a))
	event.Changes = map[string]audit.Change{"people": {Before: fmt.Sprint(people), After: "0"}}
	for _, was := range a.Describe() {
		if was[2] != "" {
			event.Changes[was[0]] = audit.Change{Before: was[2]}
		}
	}
	if err := h.DeleteAttribute(ctx, a.Key, h.at, event); err != nil {
		return err
	}
	return p.say(map[string]any{"key": a.Key, "status": "deleted", "people": people}, "Deleted the attribute %s, of which %s had a value.", a.Key, count(people, "person", "people"))
}

// readAttributes fills in the values of attributes that were given by their keys, beside those that the person has.
func readAttributes(ctx context.Context, h *house, given map[string]string, u *identity.User) (identity.Attributes, error) {
	attributes, err := h.Attributes(ctx)
	if err != nil {
		return nil, err
	}
	values, wrong := attributes.Fill(u.Attributes, func(field string) (string, bool) {
		text, has := given[strings.TrimPrefix(field, "attr:")]
		return text, has
	})
	for key := range given {
		if !attributes.Has(key) {
			wrong.Add("attr:"+key, "There is no such attribute.")
		}
	}
	missing := attributes.Missing(values)
	maps.Copy(missing, wrong)
	u.Attributes = values
	return attributes, missing.Err()
}
