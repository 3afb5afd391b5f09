package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

type clientCommands struct {
	Create       clientCreate       `cmd:"" help:"Register an application by its metadata (RFC 7591)."`
	List         clientList         `cmd:"" help:"List applications."`
	Show         clientShow         `cmd:"" help:"Show an application's metadata, status and secrets, as JSON."`
	Logo         clientLogo         `cmd:"" help:"Give an application a logo of its own, shown where people sign in to it, or take it away."`
	RotateSecret clientRotateSecret `cmd:"" help:"Give an application a new secret, shown once as JSON."`
	Disable      clientDisable      `cmd:"" help:"Stop serving an application and end all it was given."`
	Enable       clientEnable       `cmd:"" help:"Serve an application again."`
	Delete       clientDelete       `cmd:"" help:"Remove an application and all that belongs to it."`
}

// application names which client a command is about.
type application struct {
	ClientID string `name:"client-id" placeholder:"ID" help:"The application's client id."`
	ID       string `arg:"" optional:"" name:"client-id" help:"The same, without the flag."`
}

func (w application) find(ctx context.Context, h *house) (*oauth.Client, error) {
	id, err := onlyOne("application: --client-id", w.ClientID, w.ID)
	if err != nil {
		return nil, err
	}
	return clientNamed(ctx, h, id)
}

func clientNamed(ctx context.Context, h *house, id string) (*oauth.Client, error) {
	c, err := h.Client(ctx, id)
	if fault.IsNotFound(err) {
		return nil, fault.NotFound(fmt.Sprintf("client %q", id))
	}
	return c, err
}

func partyOfClient(c *oauth.Client) audit.Party {
	return audit.Party{Kind: audit.KindClient, ID: c.ID, Name: c.Name}
}

type clientCreate struct {
	place
	Metadata string `required:"" placeholder:"FILE|-" help:"File with the metadata as a JSON object; - reads standard input."`
}

// maxMetadata bounds a registration: fifty long redirect URIs fit.
const maxMetadata = 512 << 10

// Run registers a client: RFC 7591 §2 in, RFC 7591 §3.2.1 out, and its §3.2.2 where that is refused. All of it is JSON.
func (c clientCreate) Run(ctx context.Context, p *process) error {
	p.json = true
	document, err := c.read(p)
	if err != nil {
		return err
	}
	client, refusal := oauth.ClientFromMetadata(document)
	if refusal != nil {
		return refusal
	}
	h, err := openHouse(ctx, p, c.config(), "GATEHOUSE_PASSWORD_GRANT", "GATEHOUSE_IMPLICIT_GRANT")
	if err != nil {
		return err
	}
	defer h.Close()
	offer, err := h.Offer(ctx, oauth.New(oauth.Config{Policy: func() *oauth.Policy { return &h.settled.Now().OAuth }}).GrantTypes())
	if err != nil {
		return err
	}
	if refusal := oauth.MetadataFault(client.Validate(offer)); refusal != nil {
		return refusal
	}
	client.Identify(h.at)
	var value string
	var first *oauth.ClientSecret
	if !client.Public() {
		v, row := oauth.NewClientSecret(client.ID, h.at, nil)
		value, first = v, &row
	}
	if err := h.CreateClient(ctx, *client, first, h.at, h.event(audit.ClientCreated, partyOfClient(client))); err != nil {
		return err
	}
	return p.writeJSON(p.stdout, client.Registration(h.settings.Issuer, value, nil))
}

func (c clientCreate) read(p *process) ([]byte, error) {
	in, err := p.input(c.Metadata)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	document, err := io.ReadAll(io.LimitReader(in, maxMetadata+1))
	if err == nil && len(document) > maxMetadata {
		return nil, oauth.InvalidClientMetadata(fmt.Sprintf("The metadata is longer than %d KiB.", maxMetadata>>10))
	}
	return document, err
}

// clientView is a client in a list, for a machine.
type clientView struct {
	ClientID                string    `json:"client_id"`
	ClientName              string    `json:"client_name"`
	GrantTypes              []string  `json:"grant_types"`
	TokenEndpointAuthMethod string    `json:"token_endpoint_auth_method"`
	Status                  string    `json:"status"`
	CreatedAt               time.Time `json:"created_at"`
}

type clientList struct {
	place
	Query  string `placeholder:"TEXT" help:"Only applications with this in name, id or redirect URIs."`
	Status string `enum:"active,disabled,all" default:"all" placeholder:"STATUS" help:"active, disabled or all (all)."`
}

func (c clientList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	want := store.ClientFilter{Query: c.Query, Limit: pageSize}
	if c.Status != "all" {
		want.Status = c.Status
	}
	views, rows := []clientView{}, [][]string{}
	for more := true; more; {
		page, err := h.Clients(ctx, want)
		if err != nil {
			return err
		}
		for _, c := range page.Clients {
			v := clientView{
				ClientID: c.ID, ClientName: c.Name, GrantTypes: c.GrantTypes, TokenEndpointAuthMethod: c.TokenEndpointAuthMethod,
				Status: status(c.DisabledAt), CreatedAt: c.CreatedAt,
			}
			views = append(views, v)
			rows = append(rows, []string{v.ClientID, v.ClientName, strings.Join(v.GrantTypes, ","), v.TokenEndpointAuthMethod, v.Status, date(v.CreatedAt)})
		}
		want.After, more = page.Next, page.Next != ""
	}
	return p.list(views, "CLIENT_ID NAME GRANTS AUTHENTICATION STATUS CREATED", rows)
}

type clientShow struct {
	place
	application
}

// clientDetail is all that can be told of a client: its secrets only by their hints.
type clientDetail struct {
	oauth.Registration
	Status     string       `json:"status"`
	DisabledAt *time.Time   `json:"disabled_at,omitempty"`
	Secrets    []secretView `json:"secrets"`
}

type secretView struct {
	ID         string     `json:"id"`
	Hint       string     `json:"hint"` // the last four characters
	Live       bool       `json:"live"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

func (c clientShow) Run(ctx context.Context, p *process) error {
	p.json = true
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	client, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	secrets, err := h.ClientSecrets(ctx, client.ID)
	if err != nil {
		return err
	}
	detail := clientDetail{
		Registration: client.Registration(h.settings.Issuer, "", nil), Status: status(client.DisabledAt), DisabledAt: client.DisabledAt, Secrets: []secretView{},
	}
	for _, s := range secrets {
		detail.Secrets = append(detail.Secrets, secretView{
			ID: s.ID, Hint: s.Hint, Live: s.Live(h.at), CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, LastUsedAt: s.LastUsedAt, RevokedAt: s.RevokedAt,
		})
	}
	return p.writeJSON(p.stdout, detail)
}

type clientRotateSecret struct {
	place
	application
	Keep bool `help:"Let the earlier secrets work on, so that the application can change over; a client has at most five."`
}

func (c clientRotateSecret) Run(ctx context.Context, p *process) error {
	p.json = true
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	client, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	if client.Public() {
		return fmt.Errorf("%s is a public client: it has no secret", client.ID)
	}
	value, row := oauth.NewClientSecret(client.ID, h.at, nil)
	event := h.event(audit.ClientSecretAdded, audit.Party{Kind: audit.KindSecret, ID: row.ID, Name: client.Name})
	event.ClientID = client.ID
	if c.Keep {
		err = h.AddClientSecret(ctx, row, h.at, event)
	} else {
		event.Changes = map[string]audit.Change{"earlier_secrets": {Before: "live", After: "revoked"}}
		err = h.ReplaceClientSecrets(ctx, client.ID, row, h.at, event)
	}
	if err != nil {
		return err
	}
	return p.writeJSON(p.stdout, struct {
		ClientID  string `json:"client_id"`
		Secret    string `json:"client_secret"`
		ExpiresAt int64  `json:"client_secret_expires_at"` // 0: never (RFC 7591 §3.2.1)
	}{client.ID, value, 0})
}

// ended is what a client loses when it goes.
type ended struct {
	ClientID string `json:"client_id"`
	Status   string `json:"status"`
	Families int64  `json:"families"`
	Secrets  int64  `json:"secrets,omitempty"`
	Consents int64  `json:"consents,omitempty"`
}

type clientDisable struct {
	place
	application
}

func (c clientDisable) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	client, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	var impact store.ClientImpact
	err = h.InTx(ctx, func(tx *store.Store) error {
		if impact, err = tx.ClientImpact(ctx, client.ID); err != nil {
			return err
		}
		return tx.DisableClient(ctx, client.ID, h.at, h.event(audit.ClientDisabled, partyOfClient(client)))
	})
	if err != nil {
		return err
	}
	result := ended{ClientID: client.ID, Status: "disabled", Families: impact.Families}
	if !client.Enabled() {
		return p.say(result, "%s was disabled already.", client.ID)
	}
	return p.say(result, "Disabled %s (%s): %s ended, with its own tokens and unused codes.", client.ID, client.Name, families(impact.Families))
}

type clientEnable struct {
	place
	application
}

func (c clientEnable) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	client, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	if err := h.EnableClient(ctx, client.ID, h.at, h.event(audit.ClientEnabled, partyOfClient(client))); err != nil {
		return err
	}
	result := map[string]any{"client_id": client.ID, "status": "active"}
	if client.Enabled() {
		return p.say(result, "%s was not disabled.", client.ID)
	}
	return p.say(result, "Enabled %s (%s). What was ended stays so.", client.ID, client.Name)
}

type clientDelete struct {
	place
	application
}

func (c clientDelete) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	client, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	var impact store.ClientImpact
	err = h.InTx(ctx, func(tx *store.Store) error {
		if impact, err = tx.ClientImpact(ctx, client.ID); err != nil {
			return err
		}
		return tx.DeleteClient(ctx, client.ID, h.at, h.event(audit.ClientDeleted, partyOfClient(client)))
	})
	if err != nil {
		return err
	}
	return p.say(ended{ClientID: client.ID, Status: "deleted", Families: impact.Families, Secrets: impact.Secrets, Consents: impact.Consents},
		"Deleted %s (%s), and with it %s, %s and the consent of %s.", client.ID, client.Name, families(impact.Families),
		count(impact.Secrets, "secret", "secrets"), count(impact.Consents, "person", "people"))
}

func families(n int64) string { return count(n, "family", "families") }
