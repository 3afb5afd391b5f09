package main

import (
	"context"
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
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	a, err := h.Attribute(ctx, c.Key)
	if fault.IsNotFound(err) {
		return fault.NotFound(fmt.Sprintf("attribute %q", c.Key))
	} else if err != nil {
		return err
	}
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

// readAttributes fills in the values of attributes that were given by their keys.
func readAttributes(ctx context.Context, h *house, given map[string]string, u *identity.User) (identity.Attributes, error) {
	attributes, err := h.Attributes(ctx)
	if err != nil {
		return nil, err
	}
	values, wrong := attributes.Fill(nil, func(field string) (string, bool) {
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
