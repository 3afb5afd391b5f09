package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

type scopeCommands struct {
	Create scopeCreate `cmd:"" help:"Add a scope."`
	List   scopeList   `cmd:"" help:"List scopes."`
}

// Bounds of a scope, in characters: a consent page shows both.
const (
	maxScopeName        = 100
	maxScopeDescription = 200
)

// scopeView is a scope for a machine.
type scopeView struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Builtin     bool      `json:"builtin"`
	CreatedAt   time.Time `json:"created_at"`
}

type scopeCreate struct {
	place
	Name        string `required:"" placeholder:"NAME" help:"What applications ask for, such as invoices.read."`
	Description string `required:"" placeholder:"TEXT" help:"What it allows, in words for the person who is asked: See your invoices."`
}

func (c scopeCreate) Run(ctx context.Context, p *process) error {
	wrong := fault.Fields{}
	if !oauth.ValidScopeName(c.Name) || len(c.Name) > maxScopeName {
		wrong.Add("name", fmt.Sprintf("Use up to %d printable ASCII characters without space, \" and \\ (RFC 6749 §3.3).", maxScopeName))
	}
	description := strings.TrimSpace(c.Description)
	if description == "" || !utf8.ValidString(description) || utf8.RuneCountInString(description) > maxScopeDescription || strings.ContainsFunc(description, unicode.IsControl) {
		wrong.Add("description", fmt.Sprintf("Describe it in one line of up to %d characters.", maxScopeDescription))
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	scope := oauth.Scope{Name: c.Name, Description: description}
	event := h.event(audit.ScopeCreated, audit.Party{Kind: audit.KindScope, ID: c.Name, Name: c.Name})
	if err := h.CreateScope(ctx, scope, h.at, event); err != nil {
		return err
	}
	return p.say(scopeView{c.Name, description, false, h.at}, "Created the scope %s.", c.Name)
}

type scopeList struct{ place }

func (c scopeList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	scopes, err := h.Scopes(ctx)
	if err != nil {
		return err
	}
	views, rows := []scopeView{}, [][]string{}
	for _, s := range scopes {
		origin := "created " + date(s.CreatedAt)
		if s.Builtin {
			origin = "built in"
		}
		views = append(views, scopeView{s.Name, s.Description, s.Builtin, s.CreatedAt})
		rows = append(rows, []string{s.Name, s.Description, origin})
	}
	return p.list(views, "NAME DESCRIPTION ORIGIN", rows)
}
