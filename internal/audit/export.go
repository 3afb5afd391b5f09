package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The formats of an export.
const (
	CSV       = "csv"
	JSONLines = "jsonl"
)

// Export writes events for other programs, as they come.
type Export struct {
	format string
	w      io.Writer
	n      int64
}

// NewExport begins an export in a format; nil if there is no such format.
func NewExport(w io.Writer, format string) *Export {
	if format != CSV && format != JSONLines {
		return nil
	}
	return &Export{format: format, w: w}
}

// MediaType is that of a format.
func MediaType(format string) string {
	if format == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/jsonl; charset=utf-8"
}

// ExportName is what the file of an export is called.
func ExportName(format string, at time.Time) string {
	return "gatehouse-audit-" + at.UTC().Format("2006-01-02") + "." + format
}

// Asked are the details of an event about an export: what was asked for, without what was not.
func Asked(filters map[string]string) map[string]Change {
	asked := map[string]Change{}
	for name, value := range filters {
		if value != "" {
			asked[name] = Change{After: value}
		}
	}
	return asked
}

var csvHeader = []string{"time", "id", "action", "event", "outcome", "actor_kind", "actor_id", "actor_name", "target_kind", "target_id", "target_name",
	"client_id", "user_id", "ip", "user_agent", "request_id", "error", "rule", "expected", "received", "remedy", "reason", "changes", "count"}

// exported is an event as a line of JSON.
type exported struct {
	Time      time.Time         `json:"time"`
	ID        string            `json:"id"`
	Action    Action            `json:"action"`
	Event     string            `json:"event"`
	Outcome   Outcome           `json:"outcome"`
	Actor     Party             `json:"actor"`
	Target    Party             `json:"target,omitzero"`
	ClientID  string            `json:"client_id,omitempty"`
	UserID    string            `json:"user_id,omitempty"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	Error     string            `json:"error,omitempty"`
	Cause     *Cause            `json:"cause,omitempty"`
	Changes   map[string]Change `json:"changes,omitempty"`
	Count     int64             `json:"count,omitempty"`
}

// End is the last line of an export as JSON lines: one without it was cut off.
type End struct {
	Complete    bool         `json:"complete"`
	Events      int64        `json:"events"`
	Checkpoints []Checkpoint `json:"checkpoints,omitempty"`
}

// Write writes events.
func (x *Export) Write(events []Event) (err error) {
	if x.format == JSONLines {
		lines := json.NewEncoder(x.w)
		lines.SetEscapeHTML(false)
		for _, e := range events {
			if err := lines.Encode(exported{
				e.At.UTC(), e.ID, e.Action, e.Action.Words(), e.Outcome, e.Actor, e.Target, e.ClientID, e.UserID, e.Caller.IP, e.Caller.UserAgent,
				e.Caller.RequestID, e.Error, e.Cause, e.Changes, e.Count,
			}); err != nil {
				return err
			}
		}
		x.n += int64(len(events))
		return nil
	}
	rows := csv.NewWriter(x.w)
	if x.n == 0 {
		err = rows.Write(csvHeader)
	}
	for _, e := range events {
		if err != nil {
			return err
		}
		err = rows.Write(cells(e))
		x.n++
	}
	rows.Flush()
	if err == nil {
		err = rows.Error()
	}
	return err
}

// Close says that this was all. A CSV file has no place for that: whoever writes one must break off where it is not whole.
func (x *Export) Close(points []Checkpoint) error {
	if x.format == JSONLines {
		end, err := json.Marshal(End{Complete: true, Events: x.n, Checkpoints: points})
		if err == nil {
			_, err = fmt.Fprintf(x.w, "%s\n", end)
		}
		return err
	}
	if x.n == 0 { // the header at least
		return x.Write(nil)
	}
	return nil
}

// Events is how many were written.
func (x *Export) Events() int64 { return x.n }

func cells(e Event) []string {
	cause, changes := Cause{}, map[string]Change{}
	if e.Cause != nil {
		cause = *e.Cause
	}
	for field, change := range e.Changes {
		if field != Reason {
			changes[field] = change
		}
	}
	told := ""
	if len(changes) > 0 {
		b, err := json.Marshal(changes)
		if err != nil {
			panic(err) // a map of strings
		}
		told = string(b)
	}
	count := ""
	if e.Count > 0 {
		count = strconv.FormatInt(e.Count, 10)
	}
	row := []string{e.At.UTC().Format(time.RFC3339Nano), e.ID, string(e.Action), e.Action.Words(), string(e.Outcome), e.Actor.Kind, e.Actor.ID, e.Actor.Name,
		e.Target.Kind, e.Target.ID, e.Target.Name, e.ClientID, e.UserID, e.Caller.IP, e.Caller.UserAgent, e.Caller.RequestID, e.Error,
		cause.Rule, cause.Expected, string(cause.Received), cause.Remedy, e.Changes[Reason].After, told, count}
	for i, cell := range row {
		row[i] = Cell(cell)
	}
	return row
}

// Cell is text as a spreadsheet may be given it: one that would be taken for a formula begins with an apostrophe (security.md
// rule 14).
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
