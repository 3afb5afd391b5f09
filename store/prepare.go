package store

import (
	"context"
	"errors"

	"gatehouse/migrations"
)

// Schema says how the database's schema relates to the one this binary knows.
type Schema string

// The relations.
const (
	SchemaEmpty   Schema = "empty"   // a new database
	SchemaCurrent Schema = "current" // ready
	SchemaBehind  Schema = "behind"  // has to be migrated
	SchemaNewer   Schema = "newer"   // belongs to a newer binary; this one must not touch it
)

// SchemaState compares the schemas and changes nothing.
func (s *Store) SchemaState(ctx context.Context) (Schema, error) {
	version, err := migrations.Version(ctx, s.db.DB, s.dialect)
	switch latest := migrations.Latest(); {
	case err != nil:
		return "", failure("schema", err)
	case version == 0:
		return SchemaEmpty, nil
	case version < latest:
		return SchemaBehind, nil
	case version > latest:
		return SchemaNewer, nil
	}
	return SchemaCurrent, nil
}

// Prepare makes the database ready to serve: it migrates what is behind and then runs fn, if any, in a transaction. It holds
// a lock meanwhile, so that of many nodes that start together one does the work and the others find it done.
// migrations.ErrNewer if the schema belongs to a newer binary; fn's error undoes what fn did.
func (s *Store) Prepare(ctx context.Context, fn func(ctx context.Context, tx *Store) error) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	schema, err := s.SchemaState(ctx)
	if err != nil {
		return err
	}
	switch schema {
	case SchemaNewer:
		return migrations.ErrNewer
	case SchemaEmpty, SchemaBehind:
		if err := migrations.Up(ctx, s.db.DB, s.dialect); errors.Is(err, migrations.ErrNewer) {
			return err
		} else if err != nil {
			return failure("migration", err)
		}
	}
	if fn == nil {
		return nil
	}
	return s.InTx(ctx, func(tx *Store) error { return fn(ctx, tx) })
}

// MigrationStatus lists the steps of the schema and when each was applied.
func (s *Store) MigrationStatus(ctx context.Context) ([]migrations.Step, error) {
	steps, err := migrations.Status(ctx, s.db.DB, s.dialect)
	return steps, failure("schema", err)
}
