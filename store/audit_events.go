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
	if e.ID == "" {
		e.ID = idAt(e.At) // the log is read in the order of its ids, which is to be that of the times it tells
	}
	r := eventRow{
		ID: e.ID, At: e.At, Action: string(e.Action), Outcome: string(e.Outcome),
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
	ActorID                     string // a person who acted
	TargetID                    string // what was acted upon
	IP, Error                   string
	Action                      audit.Action
	Except                      audit.Action // all actions but this
	Outcome                     audit.Outcome
	From, To                    time.Time // To is the first instant that is not meant
	After, Before               string    // cursors of an EventPage; garbage there shows the first page
	Limit                       int       // 0 is 50
}

// sameText is a column that has to have the value asked for, and where an event has it.
type sameText struct{ column, want, has string }

// same are the filter's values beside those of the event.
func (want *EventFilter) same(e *audit.Event) [7]sameText {
	return [...]sameText{
		{"request_id", want.RequestID, e.Caller.RequestID},
		{"client_id", want.ClientID, e.ClientID},
		{"user_id", want.UserID, e.UserID},
		{"target_id", want.TargetID, e.Target.ID},
		{"ip", want.IP, e.Caller.IP},
		{"action", string(want.Action), string(e.Action)},
		{"error", want.Error, e.Error},
	}
}

// outcome is the one asked for: nothing but a refusal has an error.
func (want *EventFilter) outcome() audit.Outcome {
	if want.Error != "" {
		return audit.Refused
	}
	return want.Outcome
}

func (want EventFilter) conditions() filter {
	var f filter
	for _, c := range want.same(&audit.Event{}) {
		f.addIf(c.column, c.want)
	}
	if want.ActorID != "" {
		f.add("actor_kind = 'user'") // written out, as all that a partial index holds by
		f.add("actor_id = ?", want.ActorID)
	}
	if want.Except != "" {
		f.add("action <> ?", string(want.Except))
	}
	switch outcome := want.outcome(); outcome {
	case "":
	case audit.Refused:
		f.add("outcome = 'refused'")
	default:
		f.add("outcome = ?", string(outcome))
	}
	if !want.From.IsZero() {
		f.add("id >= ?", firstIDAt(want.From).String())
	}
	if !want.To.IsZero() {
		f.add("id < ?", firstIDAt(want.To).String())
	}
	return f
}

// Fits reports whether a list of this filter has the event: what conditions asks the database, asked of the event itself.
func (want EventFilter) Fits(e audit.Event) bool {
	for _, c := range want.same(&e) {
		if c.want != "" && c.want != c.has {
			return false
		}
	}
	outcome := want.outcome()
	return (want.ActorID == "" || e.Actor.Kind == audit.KindUser && e.Actor.ID == want.ActorID) &&
		(want.Except == "" || e.Action != want.Except) &&
		(outcome == "" || e.Outcome == outcome) &&
		(want.From.IsZero() || e.ID >= firstIDAt(want.From).String()) &&
		(want.To.IsZero() || e.ID < firstIDAt(want.To).String())
}

// EventPage is a part of the audit log, newest first. Next and Previous are cursors, empty where the list ends.
type EventPage struct {
	Events         []audit.Event
	Previous, Next string
	Total          int64 // of all pages; beyond CountLimit there are more
}

var eventList = list[eventRow]{what: "audit event", table: "audit_events", columns: eventColumns, newest: true, key: func(r *eventRow) string { return r.ID }}

// EventPage returns a page of the events that fit the filter, newest first.
func (s *Store) EventPage(ctx context.Context, want EventFilter) (EventPage, error) {
	var p EventPage
	rows, previous, next, total, err := eventList.page(ctx, s, want.conditions(), want.After, want.Before, want.Limit)
	if err != nil {
		return p, err
	}
	p.Previous, p.Next, p.Total = previous, next, total
	p.Events, err = readEvents(rows)
	return p, err
}

// Events returns the newest events that fit the filter, newest first.
func (s *Store) Events(ctx context.Context, want EventFilter) ([]audit.Event, error) {
	f := want.conditions()
	var rows []eventRow
	err := s.all(ctx, "audit event", &rows, dollars("SELECT "+eventColumns+" FROM audit_events"+f.where()+" ORDER BY id DESC LIMIT ?"),
		append(f.args, limited(want.Limit))...)
	if err != nil {
		return nil, err
	}
	return readEvents(rows)
}

// Event returns one event.
func (s *Store) Event(ctx context.Context, id string) (*audit.Event, error) {
	var r eventRow
	if err := s.get(ctx, "audit event", &r, "SELECT "+eventColumns+" FROM audit_events WHERE id = $1", id); err != nil {
		return nil, err
	}
	events, err := readEvents([]eventRow{r})
	if err != nil {
		return nil, err
	}
	return &events[0], nil
}

func readEvents(rows []eventRow) (events []audit.Event, err error) {
	events = make([]audit.Event, len(rows))
	for i, r := range rows {
		if events[i], err = r.event(); err != nil {
			return nil, failure("audit event", err)
		}
	}
	return events, nil
}
