package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

type scopeCommands struct {
	Create scopeCreate `cmd:"" help:"Add a scope."`
	Update scopeUpdate `cmd:"" help:"Describe a scope anew."`
	List   scopeList   `cmd:"" help:"List scopes."`
	Delete scopeDelete `cmd:"" help:"Remove a scope that no API takes and no client may ask for."`
}

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
	scope := oauth.Scope{Name: c.Name, Description: strings.TrimSpace(c.Description)}
	if err := scope.Validate().Err(); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	event := h.event(audit.ScopeCreated, partyOfScope(&scope))
	event.Changes = map[string]audit.Change{"description": {After: scope.Description}}
	if err := h.CreateScope(ctx, scope, h.at, event); err != nil {
		return err
	}
	return p.say(scopeView{scope.Name, scope.Description, false, h.at}, "Created the scope %s.", scope.Name)
}

func partyOfScope(s *oauth.Scope) audit.Party {
	return audit.Party{Kind: audit.KindScope, ID: s.Name, Name: s.Name}
}

type scopeUpdate struct {
	place
	Name        string `required:"" placeholder:"NAME" help:"The scope."`
	Description string `required:"" placeholder:"TEXT" help:"What it allows, in words for the person who is asked: See your invoices."`
}

func (c scopeUpdate) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	scope, err := ownScope(ctx, h, c.Name)
	if err != nil {
		return err
	}
	event := h.event(audit.ScopeUpdated, partyOfScope(scope))
	event.Changes = map[string]audit.Change{"description": {Before: scope.Description, After: strings.TrimSpace(c.Description)}}
	scope.Description = strings.TrimSpace(c.Description)
	if err := scope.Validate().Err(); err != nil {
		return err
	}
	if err := h.UpdateScope(ctx, *scope, h.at, event); err != nil {
		return err
	}
	return p.say(scopeView{scope.Name, scope.Description, false, scope.CreatedAt}, "The scope %s is described anew.", scope.Name)
}

// ownScope is a scope that may change.
func ownScope(ctx context.Context, h *house, name string) (*oauth.Scope, error) {
	scope, err := h.Scope(ctx, name)
	if fault.IsNotFound(err) {
		return nil, fault.NotFound(fmt.Sprintf("scope %q", name))
	} else if err != nil {
		return nil, err
	}
	if scope.Builtin {
		return nil, fmt.Errorf("%s is OpenID's own: it means the same everywhere", scope.Name)
	}
	return scope, nil
}

type scopeDelete struct {
	place
	Name string `required:"" placeholder:"NAME" help:"The scope."`
}

func (c scopeDelete) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	scope, err := ownScope(ctx, h, c.Name)
	if err != nil {
		return err
	}
	event := h.event(audit.ScopeDeleted, partyOfScope(scope))
	event.Changes = map[string]audit.Change{"description": {Before: scope.Description}}
	if err := h.DeleteScope(ctx, scope.Name, h.at, event); err != nil {
		return namingUsers(ctx, h, scope.Name, err)
	}
	return p.say(map[string]any{"name": scope.Name, "status": "deleted"}, "Deleted the scope %s. What people allowed of it is forgotten.", scope.Name)
}

// namingUsers adds to a refusal who uses the scope.
func namingUsers(ctx context.Context, h *house, name string, refusal error) error {
	apis, err := h.APIs(ctx)
	if err != nil {
		return refusal
	}
	clients, err := h.ClientsOfScope(ctx, name)
	if err != nil {
		return refusal
	}
	var users []string
	for _, api := range apis {
		if api.Scopes.Has(name) {
			users = append(users, "the API "+api.Identifier)
		}
	}
	if len(clients) > 0 {
		users = append(users, namesOfClients(clients))
	}
	if len(users) == 0 {
		return refusal
	}
	return fmt.Errorf("%w They are: %s", refusal, strings.Join(users, ", "))
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
