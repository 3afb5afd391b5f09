package main

import (
	"context"
	"time"

	"gatehouse/store"
)

type migrateCommands struct {
	Up     migrateUp     `cmd:"" help:"Migrate the database to this version's schema."`
	Status migrateStatus `cmd:"" help:"Tell which migrations were applied."`
}

type migrateUp struct{ place }

func (c migrateUp) Run(ctx context.Context, p *process) error {
	h, err := openAnySchema(ctx, p, c.config())
	if err != nil {
		return err
	}
	defer h.Close()
	before, err := h.SchemaState(ctx)
	if err != nil {
		return err
	}
	if err := h.prepare(ctx); err != nil {
		return err
	}
	done := "The database is up to date."
	if before == store.SchemaCurrent {
		done = "The database was up to date."
	}
	return p.say(map[string]any{"before": before, "schema": store.SchemaCurrent}, "%s", done)
}

type migrateStatus struct{ place }

// step is a migration for a machine.
type step struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"` // null: not yet
}

func (c migrateStatus) Run(ctx context.Context, p *process) error {
	h, err := openAnySchema(ctx, p, c.config())
	if err != nil {
		return err
	}
	defer h.Close()
	schema, err := h.SchemaState(ctx)
	if err != nil {
		return err
	}
	migrations, err := h.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	steps, rows := []step{}, [][]string{}
	for _, m := range migrations {
		s, applied := step{Version: m.Version, Name: m.Name}, "pending"
		if !m.AppliedAt.IsZero() {
			at := m.AppliedAt.UTC()
			s.AppliedAt, applied = &at, date(at)
		}
		steps, rows = append(steps, s), append(rows, []string{s.Name, applied})
	}
	if !p.json {
		if err := p.say(nil, "The database's schema is %s.\n", schema); err != nil {
			return err
		}
	}
	return p.list(map[string]any{"schema": schema, "migrations": steps}, "MIGRATION APPLIED", rows)
}
