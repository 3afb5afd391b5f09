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

type sessionCommands struct {
	List sessionList `cmd:"" help:"List the browsers in which a person is signed in."`
	End  sessionEnd  `cmd:"" help:"Sign a browser out, a person everywhere, or everybody who used an application, with the families that live with it."`
}

// sessionView is a session for a machine.
type sessionView struct {
	ID         string    `json:"id"`
	SignedInAt time.Time `json:"signed_in_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	IP         string    `json:"ip"`
	UserAgent  string    `json:"user_agent"`
}

type sessionList struct {
	place
	person
}

func (c sessionList) Run(ctx context.Context, p *process) error {
	h, u, err := c.openFor(ctx, p, c.person)
	if err != nil {
		return err
	}
	defer h.Close()
	live, err := h.LiveSessions(ctx, u.ID, h.at)
	if err != nil {
		return err
	}
	views, rows := []sessionView{}, [][]string{}
	for _, s := range live {
		views = append(views, sessionView{s.ID, s.AuthTime, s.LastSeenAt, s.ExpiresAt, s.IP, s.UserAgent})
		rows = append(rows, []string{s.ID, date(s.AuthTime), date(s.LastSeenAt), s.IP, s.UserAgent})
	}
	return p.list(views, "ID SIGNED_IN LAST_SEEN ADDRESS BROWSER", rows)
}

type sessionEnd struct {
	place
	ID       string `placeholder:"ID" help:"The session, as session list names it."`
	Username string `aliases:"user" placeholder:"NAME" help:"All sessions of this person."`
	ClientID string `name:"client-id" aliases:"client" placeholder:"ID" help:"All sessions in which people signed in to this application."`
	Session  string `arg:"" optional:"" name:"id" help:"The session, without the flag."`
}

func (c sessionEnd) Run(ctx context.Context, p *process) error {
	if _, err := onlyOne("session: --id, --username or --client-id", c.ID, c.Username, c.ClientID, c.Session); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	n, err := c.end(ctx, h)
	if err != nil {
		return err
	}
	return p.say(map[string]any{"ended": n}, "Ended %s.", count(n, "session", "sessions"))
}

func (c sessionEnd) end(ctx context.Context, h *house) (int64, error) {
	switch {
	case c.Username != "":
		u, err := userNamed(ctx, h, c.Username)
		if err != nil {
			return 0, err
		}
		return h.EndSessions(ctx, u.ID, "", oauth.EndedByOperator, h.at, h.event(audit.SessionsEnded, partyOf(u)))
	case c.ClientID != "":
		client, err := clientNamed(ctx, h, c.ClientID)
		if err != nil {
			return 0, err
		}
		return h.EndClientSessions(ctx, client.ID, oauth.EndedByOperator, h.at, h.event(audit.SessionsEnded, partyOfClient(client)))
	}
	return c.endOne(ctx, h, c.ID+c.Session)
}

// endOne ends a session by its id. Whether there was one the event tells: it is written only with an ending.
func (c sessionEnd) endOne(ctx context.Context, h *house, id string) (int64, error) {
	event := h.event(audit.SessionEnded, audit.Party{Kind: audit.KindSession, ID: id})
	if err := h.EndSession(ctx, id, oauth.EndedByOperator, h.at, event); err != nil {
		return 0, err
	}
	written, err := h.Events(ctx, store.EventFilter{RequestID: h.runID})
	if err == nil && len(written) == 0 {
		err = fault.NotFound(fmt.Sprintf("live session %q", id))
	}
	return int64(len(written)), err
}
