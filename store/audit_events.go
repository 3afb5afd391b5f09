package store

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/internal/audit"
)

const eventColumns = "id, at, action, outcome, actor_kind, actor_id, actor_name, target_kind, target_id, target_name, " +
	"client_id, user_id, ip, user_agent, request_id, error, cause, changes, count"

// eventRow is an audit.Event as it is kept.
type eventRow struct {
	ID         string    `db:"id"`
	At         time.Time `db:"at"`
	Action     string    `db:"action"`
	Outcome    string    `db:"outcome"`
	ActorKind  string    `db:"actor_kind"`
	ActorID    string    `db:"actor_id"`
	ActorName  string    `db:"actor_name"`
	TargetKind string    `db:"target_kind"`
	TargetID   string    `db:"target_id"`
	TargetName string    `db:"target_name"`
	ClientID   string    `db:"client_id"`
	UserID     string    `db:"user_id"`
	IP         string    `db:"ip"`
	UserAgent  string    `db:"user_agent"`
	RequestID  string    `db:"request_id"`
	Error      string    `db:"error"`
	Cause      string    `db:"cause"`
	Changes    string    `db:"changes"`
	Count      int64     `db:"count"`
}

// eventOf is the row of an event; one that does not say when happened at the given time.
func eventOf(e audit.Event, at time.Time) row {
	if e.At.IsZero() {
		e.At = at
	}
	r := eventRow{
		ID: orNewID(e.ID), At: e.At, Action: string(e.Action), Outcome: string(e.Outcome),
		ActorKind: e.Actor.Kind, ActorID: e.Actor.ID, ActorName: e.Actor.Name,
		TargetKind: e.Target.Kind, TargetID: e.Target.ID, TargetName: e.Target.Name,
		ClientID: e.ClientID, UserID: e.UserID,
		IP: e.Caller.IP, UserAgent: e.Caller.UserAgent, RequestID: e.Caller.RequestID,
		Error: e.Error, Count: e.Count,
	}
	if e.Cause != nil {
		r.Cause = jsonOf(e.Cause)
	}
	if len(e.Changes) > 0 {
		r.Changes = jsonOf(e.Changes)
	}
	return row{table: "audit_events", columns: eventColumns, value: r, event: &e}
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs and maps of strings
	}
	return string(b)
}

func (r eventRow) event() (audit.Event, error) {
	e := audit.Event{
		ID: r.ID, At: r.At, Action: audit.Action(r.Action), Outcome: audit.Outcome(r.Outcome),
		Actor:    audit.Party{Kind: r.ActorKind, ID: r.ActorID, Name: r.ActorName},
		Target:   audit.Party{Kind: r.TargetKind, ID: r.TargetID, Name: r.TargetName},
		ClientID: r.ClientID, UserID: r.UserID,
		Caller: audit.Caller{RequestID: r.RequestID, IP: r.IP, UserAgent: r.UserAgent},
		Error:  r.Error, Count: r.Count,
	}
	if r.Cause != "" {
		if err := json.Unmarshal([]byte(r.Cause), &e.Cause); err != nil {
			return e, err
		}
	}
	if r.Changes != "" {
		if err := json.Unmarshal([]byte(r.Changes), &e.Changes); err != nil {
			return e, err
		}
	}
	return e, nil
}

// Record writes an event that belongs to no other change, or counts it where its kind is not written down.
func (s *Store) Record(ctx context.Context, event audit.Event) error {
	if !s.keeps(event) {
		s.happened(event)
		return nil
	}
	if s.recorder != nil {
		return s.recorder.write(ctx, event)
	}
	return s.record(ctx, event, event.At)
}

// keeps reports whether the event is written down and not only counted.
func (s *Store) keeps(e audit.Event) bool { return e.Action != audit.TokenIssued || s.auditTokens }

// EventFilter says which events; what is empty means any.
type EventFilter struct {
	RequestID, ClientID, UserID string
	Action                      audit.Action
	Limit                       int // 0 is 50
}

// Events returns the newest events that fit the filter, newest first.
func (s *Store) Events(ctx context.Context, want EventFilter) ([]audit.Event, error) {
	var f filter
	f.addIf("request_id", want.RequestID)
	f.addIf("client_id", want.ClientID)
	f.addIf("user_id", want.UserID)
	f.addIf("action", string(want.Action))
	query := "SELECT " + eventColumns + " FROM audit_events" + f.where() + " ORDER BY at DESC, id DESC LIMIT ?"
	var rows []eventRow
	err := s.all(ctx, "audit event", &rows, dollars(query), append(f.args, limited(want.Limit))...)
	if err != nil {
		return nil, err
	}
	events := make([]audit.Event, len(rows))
	for i, r := range rows {
		if events[i], err = r.event(); err != nil {
			return nil, failure("audit event", err)
		}
	}
	return events, nil
}
