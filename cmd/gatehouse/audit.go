package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/store"
)

type auditCommands struct {
	Verify     auditVerify     `cmd:"" help:"Prove that the audit log is whole, or name the first place that is not."`
	Checkpoint auditCheckpoint `cmd:"" help:"Print where the audit log's chains stand, signed: to be kept elsewhere."`
	Export     auditExport     `cmd:"" help:"Write events as CSV or JSON lines, newest first."`
}

// openChain opens the database and the chain of its audit log.
func (l keyedPlace) openChain(ctx context.Context, p *process) (*house, *audit.Chain, error) {
	h, sealer, err := l.open(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	return h, store.NewAuditChain(sealer), nil
}

type auditVerify struct {
	keyedPlace
	From string `placeholder:"FILE" help:"A file with checkpoints that were kept elsewhere: a log, an export, what audit checkpoint printed; - is standard input."`
}

// broken says where the log is not whole, to a machine with all that was found.
type broken struct{ audit.Verification }

func (b broken) Error() string {
	text := "the audit log is not whole: " + b.Breaks[0].String()
	for _, other := range b.Breaks[1:] {
		text += "; also " + other.String()
	}
	return text
}

func (c auditVerify) Run(ctx context.Context, p *process) error {
	var kept []audit.Checkpoint
	if c.From != "" {
		var err error
		if kept, err = p.readCheckpoints(c.From); err != nil {
			return err
		}
	}
	h, chain, err := c.openChain(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	v, err := h.VerifyEvents(ctx, chain, kept, func(audit.Verification) error { return ctx.Err() })
	if err != nil {
		return err
	}
	if !v.Whole() {
		if p.json {
			err = p.writeJSON(p.stdout, v)
		}
		return errors.Join(err, broken{v})
	}
	return p.say(v, "%s", verified(v))
}

// verified tells what was found to be whole, and what was not looked at.
func verified(v audit.Verification) string {
	var text strings.Builder
	fmt.Fprintf(&text, "The audit log is whole: %s", count(v.Events, "event", "events"))
	if v.SealedUntil.IsZero() {
		text.WriteString(" sealed, for nothing has been sealed yet")
	} else {
		fmt.Fprintf(&text, " proven, sealed until %s", date(v.SealedUntil))
	}
	if v.Expired > 0 {
		fmt.Fprintf(&text, ", %d more expired", v.Expired)
	}
	fmt.Fprintf(&text, ".\nNot sealed yet: %s", count(v.Unsealed, "event", "events"))
	if !v.OldestOpen.IsZero() {
		fmt.Fprintf(&text, ", the oldest of %s", date(v.OldestOpen))
	}
	text.WriteString(".")
	if v.Checkpoints+v.Older > 0 {
		fmt.Fprintf(&text, "\nIt agrees with %s", count(int64(v.Checkpoints), "checkpoint", "checkpoints"))
		if v.Older > 0 {
			fmt.Fprintf(&text, "; %d more are of events that have expired", v.Older)
		}
		text.WriteString(".")
	}
	return text.String()
}

// readCheckpoints finds the checkpoints in a file, line by line: a log may be long.
func (p *process) readCheckpoints(path string) (found []audit.Checkpoint, err error) {
	from, err := p.input(path)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	defer from.Close()
	newest := map[string]audit.Checkpoint{} // a word that is told again says nothing new
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		for _, point := range audit.ReadCheckpoints(line) {
			if _, known := newest[point.String()]; !known {
				newest[point.String()] = point
				found = append(found, point)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("--from: there is no checkpoint in %s; each is one word that begins with ghcp1", path)
	}
	return found, nil
}

type auditCheckpoint struct{ keyedPlace }

func (c auditCheckpoint) Run(ctx context.Context, p *process) error {
	h, chain, err := c.openChain(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	points, err := h.AuditCheckpoints(ctx, chain)
	if err != nil {
		return err
	}
	if p.json {
		return p.writeJSON(p.stdout, points)
	}
	for _, point := range points {
		fmt.Fprintln(p.stdout, point)
	}
	return nil
}

type auditExport struct {
	keyedPlace
	Format    string        `enum:"csv,jsonl" default:"jsonl" help:"csv or jsonl (jsonl, whose last line says that it is complete)."`
	Output    string        `short:"o" placeholder:"FILE" help:"A file, which is there only if all was written; standard output without."`
	Action    audit.Action  `placeholder:"ACTION" help:"Only these events, such as client.updated."`
	Outcome   audit.Outcome `placeholder:"OUTCOME" help:"Only success or refused."`
	Username  string        `aliases:"user" placeholder:"NAME" help:"Only what concerns this person."`
	ClientID  string        `name:"client-id" aliases:"client" placeholder:"ID" help:"Only what concerns this application."`
	Target    string        `placeholder:"ID" help:"Only what was done to this."`
	IP        string        `name:"ip" placeholder:"ADDRESS" help:"Only from this address."`
	RequestID string        `name:"request" placeholder:"ID" help:"Only of this request."`
	From      string        `placeholder:"TIME" help:"Only since then: 2026-03-14 or 2026-03-14T09:30:00Z."`
	To        string        `placeholder:"TIME" help:"Only before then."`
}

func (c auditExport) Run(ctx context.Context, p *process) error {
	want := store.EventFilter{Action: c.Action, Outcome: c.Outcome, ClientID: c.ClientID, TargetID: c.Target, IP: c.IP, RequestID: c.RequestID}
	if c.Action != "" && !c.Action.Known() {
		return usage(fmt.Sprintf("--action: there are no events %q; an audit export without a filter shows them all", string(c.Action)))
	}
	if c.Outcome != "" && c.Outcome != audit.Success && c.Outcome != audit.Refused {
		return usage("--outcome: expected success or refused")
	}
	var err error
	if want.From, err = moment("--from", c.From); err != nil {
		return err
	}
	if want.To, err = moment("--to", c.To); err != nil {
		return err
	}
	h, chain, err := c.openChain(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	if c.Username != "" {
		u, err := userNamed(ctx, h, c.Username)
		if err != nil {
			return err
		}
		want.UserID = u.ID
	}
	event := h.event(audit.AuditExported, audit.Party{})
	event.Changes = audit.Asked(map[string]string{
		"format": c.Format, "action": string(c.Action), "outcome": string(c.Outcome), "user": want.UserID, "client": c.ClientID, "target": c.Target, "ip": c.IP,
		"request": c.RequestID, "from": c.From, "to": c.To,
	})
	if err := h.Record(ctx, event); err != nil {
		return err
	}
	if c.Output == "" {
		_, err := c.write(ctx, h, chain, want, p.stdout)
		return err
	}
	n, err := c.writeFile(ctx, h, chain, want)
	if err != nil {
		return err
	}
	return p.say(map[string]any{"events": n, "file": c.Output}, "Wrote %s to %s.", count(n, "event", "events"), c.Output)
}

// writeFile writes a file that is whole from the moment it has its name.
func (c auditExport) writeFile(ctx context.Context, h *house, chain *audit.Chain, want store.EventFilter) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(c.Output), filepath.Base(c.Output)+".*") // mode 0600
	if err != nil {
		return 0, err
	}
	n, err = c.write(ctx, h, chain, want, f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.Output)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(f.Name()))
	}
	return n, nil
}

func (c auditExport) write(ctx context.Context, h *house, chain *audit.Chain, want store.EventFilter, to io.Writer) (int64, error) {
	w := bufio.NewWriter(to)
	export := audit.NewExport(w, c.Format)
	if err := h.EachEvent(ctx, want, export.Write); err != nil {
		return 0, err
	}
	points, err := h.AuditCheckpoints(ctx, chain)
	if errors.Is(err, audit.ErrChainBroken) { // what there is can be exported all the same
		points, err = nil, nil
	}
	if err == nil {
		err = export.Close(points)
	}
	return export.Events(), errors.Join(err, w.Flush())
}

// moment reads a time that a flag names; none is the zero time.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage(fmt.Sprintf("%s: %q is no time: write it as 2026-03-14 or 2026-03-14T09:30:00Z", flag, text))
}
