package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gatehouse/internal/audit"
	"gatehouse/store"
)

type userImport struct {
	place
	File   string `arg:"" help:"CSV file whose first line names the columns; - is standard input."`
	Update bool   `help:"People who are there get what the file says; else they are skipped."`
	DryRun bool   `help:"Say what would become of each line, and do nothing."`
}

// importView is an import for a machine.
type importView struct {
	Outcomes map[string]int64 `json:"outcomes"`
	Refused  []refusedView    `json:"refused,omitempty"`
	DryRun   bool             `json:"dry_run,omitempty"`
}

type refusedView struct {
	Line    int64  `json:"line"`
	Column  string `json:"column,omitempty"`
	Problem string `json:"problem"`
}

func (c userImport) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	file := p.stdin
	if c.File != "-" {
		opened, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer opened.Close()
		file = opened
	}
	by := h.event(audit.UsersImportChecked, audit.Party{})
	job, err := h.StageImport(ctx, file, store.ImportParams{File: filepath.Base(c.File), Update: c.Update}, by.Actor, h.at)
	if err != nil {
		return err
	}
	target := audit.Party{Kind: audit.KindJob, ID: job.ID, Name: filepath.Base(c.File)}
	if err := h.CheckImport(ctx, job.ID, job.Total, h.at, h.event(audit.UsersImportChecked, target)); err != nil {
		return err
	}
	if err := finishJob(ctx, h, job.ID); err != nil {
		return err
	}
	if !c.DryRun {
		if err := h.ApplyImport(ctx, job.ID, h.at, h.event(audit.UsersImported, target)); err != nil {
			return err
		}
		if err := finishJob(ctx, h, job.ID); err != nil {
			return err
		}
	}
	view := importView{DryRun: c.DryRun}
	if view.Outcomes, view.Refused, err = outcomeOf(ctx, h, job.ID); err != nil {
		return err
	}
	if c.DryRun {
		if err := h.CancelJob(ctx, job.ID, h.at, h.event(audit.UsersImportCancelled, target)); err != nil {
			return err
		}
	}
	if err := p.say(view, "%s", view.words()); err != nil {
		return err
	}
	if len(view.Refused) > 0 {
		return fmt.Errorf("%d lines were left out", view.Outcomes[store.ImportRefused])
	}
	return nil
}

// finishJob does a job beside the servers, one of which may help.
func finishJob(ctx context.Context, h *house, id string) error {
	for more := true; more; {
		var err error
		if more, err = h.DoJobPart(ctx, id, now()); err != nil {
			return err
		}
	}
	job, err := h.Job(ctx, id)
	if err == nil && job.State == store.JobFailed {
		err = errors.New(job.Problem)
	}
	return err
}

// refusedTold is as many lines as are told one by one.
const refusedTold = 1000

func outcomeOf(ctx context.Context, h *house, id string) (outcomes map[string]int64, refused []refusedView, err error) {
	job, err := h.Job(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if outcomes, err = h.ImportOutcomes(ctx, id); err == nil && job.Result != "" {
		err = json.Unmarshal([]byte(job.Result), &outcomes)
	}
	if err != nil {
		return nil, nil, err
	}
	lines, err := h.RefusedLines(ctx, id, 0, refusedTold)
	for _, l := range lines {
		refused = append(refused, refusedView{l.Line, l.Field, l.Problem})
	}
	return outcomes, refused, err
}

func (v importView) words() (text string) {
	for _, r := range v.Refused {
		column := ""
		if r.Column != "" {
			column = ", " + r.Column
		}
		text += fmt.Sprintf("Line %d%s: %s\n", r.Line, column, r.Problem)
	}
	n := func(outcomes ...string) (n int64) {
		for _, o := range outcomes {
			n += v.Outcomes[o]
		}
		return n
	}
	if v.DryRun {
		return text + fmt.Sprintf("Would add %d, change %d, skip %d, leave out %d. Nothing was done.", n(store.ImportCreate), n(store.ImportUpdate), n(store.ImportSkip), n(store.ImportRefused))
	}
	return text + fmt.Sprintf("Added %d, changed %d, skipped %d, left out %d.", n(store.ImportCreated), n(store.ImportUpdated), n(store.ImportSkip), n(store.ImportRefused))
}

type userExport struct {
	place
	Format string `enum:"csv,jsonl" default:"csv" placeholder:"FORMAT" help:"csv or jsonl (csv)."`
	Query  string `placeholder:"TEXT" help:"Only people whose name, username or e-mail address begins with it."`
	Status string `enum:"active,disabled," default:"" placeholder:"STATUS" help:"Only active or disabled people."`
}

func (c userExport) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	told := h.event(audit.UsersExported, audit.Party{Kind: audit.KindSystem, Name: "users." + c.Format})
	if err := h.Record(ctx, told); err != nil {
		return err
	}
	w := bufio.NewWriter(p.stdout)
	return h.WriteUsers(ctx, w, store.UserFilter{Query: c.Query, Status: c.Status}, c.Format)
}
