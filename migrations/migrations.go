package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Dialect names a kind of database.
type Dialect string

// The databases there is a schema for.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// ErrNewer says that the database was brought to a schema this binary does not know.
var ErrNewer = errors.New("the database was migrated by a newer Gatehouse: start that version, or restore a backup made before it")

//go:embed *.sql
var files embed.FS

// inGo are the steps that differ between the databases.
func inGo(dialect Dialect) []*goose.Migration {
	return []*goose.Migration{collation(dialect), peopleFound(dialect), dailyRollups(dialect), sealOrder(dialect), grouped(dialect), clusteredTokens(dialect)}
}

// each carries the statements out, one after the other.
func each(ctx context.Context, tx *sql.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Latest is the version of the schema this binary knows.
func Latest() int64 {
	var latest int64
	for _, m := range inGo(SQLite) {
		latest = max(latest, m.Version)
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, e := range entries {
		version, err := goose.NumericComponent(e.Name())
		if err != nil {
			panic(err) // a test reads every name
		}
		latest = max(latest, version)
	}
	return latest
}

// Fingerprint names the schema: it changes whenever a step does. Tests keep a migrated database under it.
func Fingerprint() string {
	sum := sha256.New()
	_, _ = fmt.Fprint(sum, ordered, people, prefixed, byDay, midnight, groups, clustered) // a hash never fails
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		step, err := files.ReadFile(path)
		_, _ = fmt.Fprintf(sum, "%s %d %s", path, len(step), step)
		return err
	})
	if err != nil {
		panic(err) // it is embedded
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// Version is the version of the database's schema, 0 for an empty database. It changes nothing.
func Version(ctx context.Context, db *sql.DB, dialect Dialect) (int64, error) {
	if dialect == SQLite { // which has no error code of its own for a missing table
		var tables int64
		err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'").Scan(&tables)
		if err != nil || tables == 0 {
			return 0, err
		}
	}
	var version int64
	err := db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&version)
	const undefinedTable = "42P01"
	if state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok && state.SQLState() == undefinedTable {
		return 0, nil
	}
	return version, err
}

// Up brings the database to the latest schema; ErrNewer if it is beyond. The caller holds a lock that keeps other nodes out.
func Up(ctx context.Context, db *sql.DB, dialect Dialect) error {
	version, err := Version(ctx, db, dialect)
	switch {
	case err != nil:
		return err
	case version > Latest():
		return ErrNewer
	case version == Latest():
		return nil
	}
	p, err := provider(db, dialect)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Step is one migration and when it was applied; the zero time if it has not been.
type Step struct {
	Version   int64
	Name      string
	AppliedAt time.Time
}

// Status lists every step this binary knows, in order.
func Status(ctx context.Context, db *sql.DB, dialect Dialect) ([]Step, error) {
	p, err := provider(db, dialect)
	if err != nil {
		return nil, err
	}
	found, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	steps := make([]Step, 0, len(found))
	for _, m := range found {
		steps = append(steps, Step{Version: m.Source.Version, Name: name(m.Source), AppliedAt: m.AppliedAt})
	}
	return steps, nil
}

func name(source *goose.Source) string {
	if source.Path == "" {
		return fmt.Sprintf("%05d (Go)", source.Version)
	}
	return source.Path
}

func provider(db *sql.DB, dialect Dialect) (*goose.Provider, error) {
	names := map[Dialect]goose.Dialect{SQLite: goose.DialectSQLite3, PostgreSQL: goose.DialectPostgres}
	return goose.NewProvider(names[dialect], db, files,
		goose.WithGoMigrations(inGo(dialect)...),
		goose.WithDisableGlobalRegistry(true), // nothing but what this package names
		goose.WithLogger(goose.NopLogger()),
	)
}
