package main

import (
	"context"
	"fmt"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

type familyCommands struct {
	List   familyList   `cmd:"" help:"List the newest grants that are live."`
	Revoke familyRevoke `cmd:"" help:"End a grant, or all of a person or an application, with every token of it."`
}

// familyView is a family for a machine.
type familyView struct {
	ID        string     `json:"id"`
	ClientID  string     `json:"client_id"`
	UserID    string     `json:"user_id"`
	Username  string     `json:"username"`
	SessionID string     `json:"session_id,omitempty"`
	Scope     string     `json:"scope"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	EndReason string     `json:"end_reason,omitempty"`
}

type familyList struct {
	place
	Username string `aliases:"user" placeholder:"NAME" help:"Only grants of this person."`
	ClientID string `name:"client-id" aliases:"client" placeholder:"ID" help:"Only grants to this application."`
	All      bool   `help:"Also those that have ended."`
	Limit    int    `default:"100" help:"How many at most, up to 500 (100)."`
}

func (c familyList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	want := store.FamilyFilter{ClientID: c.ClientID, At: h.at, Limit: c.Limit}
	if !c.All {
		want.State = oauth.FamilyLive
	}
	if c.Username != "" {
		u, err := userNamed(ctx, h, c.Username)
		if err != nil {
			return err
		}
		want.UserID = u.ID
	}
	found, err := h.Families(ctx, want)
	if err != nil {
		return err
	}
	usernames := map[string]string{}
	views, rows := []familyView{}, [][]string{}
	for _, f := range found {
		if _, known := usernames[f.UserID]; !known {
			u, err := h.User(ctx, f.UserID)
			if err != nil {
				return err
			}
			usernames[f.UserID] = u.Username
		}
		state := f.State(h.at)
		if state == oauth.FamilyEnded {
			state = f.EndReason
		}
		v := familyView{f.ID, f.ClientID, f.UserID, usernames[f.UserID], f.SessionID, f.Scopes.String(), f.CreatedAt, f.ExpiresAt, f.EndedAt, f.EndReason}
		views = append(views, v)
		rows = append(rows, []string{v.ID, v.Username, v.ClientID, v.Scope, date(v.CreatedAt), state})
	}
	return p.list(views, "ID USERNAME CLIENT_ID SCOPE CREATED STATE", rows)
}

type familyRevoke struct {
	place
	ID       string `placeholder:"ID" help:"The grant, as family list names it."`
	Username string `aliases:"user" placeholder:"NAME" help:"All that this person granted."`
	ClientID string `name:"client-id" aliases:"client" placeholder:"ID" help:"All that this application was granted, its own tokens included."`
	Family   string `arg:"" optional:"" name:"id" help:"The grant, without the flag."`
}

func (c familyRevoke) Run(ctx context.Context, p *process) error {
	if _, err := onlyOne("grant: --id, --username or --client-id", c.ID, c.Username, c.ClientID, c.Family); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	n, err := c.revoke(ctx, h)
	if err != nil {
		return err
	}
	what := "."
	if c.ClientID != "" {
		what = ", and all tokens of the application itself."
	}
	return p.say(map[string]any{"ended": n}, "Ended %s%s", families(n), what)
}

func (c familyRevoke) revoke(ctx context.Context, h *house) (int64, error) {
	switch {
	case c.Username != "":
		u, err := userNamed(ctx, h, c.Username)
		if err != nil {
			return 0, err
		}
		return h.EndFamiliesOfUser(ctx, u.ID, oauth.EndedByOperator, h.at, h.event(audit.FamiliesEnded, partyOf(u)))
	case c.ClientID != "":
		client, err := clientNamed(ctx, h, c.ClientID)
		if err != nil {
			return 0, err
		}
		return h.RevokeClientTokens(ctx, client.ID, oauth.EndedByOperator, h.at, h.event(audit.ClientRevokedAll, partyOfClient(client)))
	}
	id := c.ID + c.Family
	f, err := h.Family(ctx, id)
	if fault.IsNotFound(err) {
		return 0, fault.NotFound(fmt.Sprintf("family %q", id))
	} else if err != nil {
		return 0, err
	}
	event := h.event(audit.FamilyEnded, audit.Party{Kind: audit.KindFamily, ID: f.ID})
	event.ClientID, event.UserID = f.ClientID, f.UserID
	if err := h.EndFamily(ctx, f.ID, oauth.EndedByOperator, h.at, event); err != nil || f.EndedAt != nil {
		return 0, err
	}
	return 1, nil
}
