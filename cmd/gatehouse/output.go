package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/migrations"
	"gatehouse/store"
)

// say tells what a command did: value to a machine, the text to a person.
func (p *process) say(value any, format string, args ...any) error {
	if p.json {
		return p.writeJSON(p.stdout, value)
	}
	_, err := fmt.Fprintf(p.stdout, format+"\n", args...)
	return err
}

// list shows things: value, a slice, to a machine; the rows below their header to a person.
func (p *process) list(value any, header string, rows [][]string) error {
	if p.json {
		return p.writeJSON(p.stdout, value)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(strings.Fields(header), "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// printable takes out what a terminal would obey: some of what we show was written by strangers.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

func (p *process) writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// date writes a time for people.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// status is what a person, a client or the like is.
func status(disabledAt *time.Time) string {
	if disabledAt != nil {
		return "disabled"
	}
	return "active"
}

// count writes "1 session", "2 sessions".
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// usage is an error of whoever typed the command.
type usage string

func (u usage) Error() string { return string(u) }

// failure is an error for a machine. Its first two members are those of RFC 6749 §5.2 and RFC 7591 §3.2.2.
type failure struct {
	Code        string       `json:"error"`
	Description string       `json:"error_description"`
	Fields      fault.Fields `json:"fields,omitempty"`
	Mistakes    Mistakes     `json:"mistakes,omitempty"`
}

// fail tells why a command failed, in one line where there is one reason, and returns the exit code for it.
func (p *process) fail(err error) int {
	f, exit := failureOf(err)
	if p.json {
		_ = p.writeJSON(p.stderr, f) // nobody is left to be told
		return exit
	}
	fmt.Fprintln(p.stderr, "gatehouse: "+f.Description)
	return exit
}

func failureOf(err error) (failure, int) {
	f := failure{Code: "failed", Description: err.Error()}
	var (
		wrongUse usage
		refusal  *oauth.Error
		tampered broken
	)
	switch {
	case errors.As(err, &wrongUse):
		f.Code = "usage"
		return f, exitUsage
	case errors.As(err, &f.Mistakes):
		f.Code = "invalid_configuration"
		return f, exitUsage
	case errors.As(err, &refusal):
		f.Code, f.Description = refusal.Code, refusal.Description
	case errors.As(err, &tampered):
		f.Code = "audit_log_broken"
	case errors.As(err, &f.Fields):
		f.Code = "invalid"
	case fault.IsNotFound(err):
		f.Code = "not_found"
	case fault.AsConflict(err) != nil:
		f.Code = "conflict"
	case fault.AsUnavailable(err) != nil:
		f.Code = "unavailable"
	case errors.Is(err, migrations.ErrNewer):
		f.Code = "schema_newer"
	case errors.Is(err, errBehind):
		f.Code = "schema_behind"
	case errors.Is(err, store.ErrOtherMasterKey):
		f.Code = "wrong_master_key"
	}
	return f, exitFailed
}
