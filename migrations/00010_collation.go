package migrations

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// ordered are the columns that lists are sorted by. SQLite compares bytes; PostgreSQL asks its locale, which differs from
// server to server and even between versions of one, so that a cursor would not mean the same place everywhere.
var ordered = []struct{ table, column string }{
	{"users", "search_key"}, {"clients", "search_key"}, {"scopes", "name"}, {"signing_keys", "kid"}, {"audit_events", "id"},
}

// collation makes PostgreSQL order those columns as SQLite does: by their bytes.
func collation(dialect Dialect) *goose.Migration {
	up := func(ctx context.Context, tx *sql.Tx) error {
		for _, c := range ordered {
			if err := byBytes(ctx, tx, dialect, c.table, c.column); err != nil {
				return err
			}
		}
		return nil
	}
	return goose.NewGoMigration(10, &goose.GoFunc{RunTx: up}, nil)
}

// byBytes makes PostgreSQL compare a column as SQLite does.
func byBytes(ctx context.Context, tx *sql.Tx, dialect Dialect, table, column string) error {
	if dialect != PostgreSQL {
		return nil
	}
	_, err := tx.ExecContext(ctx, "ALTER TABLE "+table+" ALTER COLUMN "+column+` TYPE TEXT COLLATE "C"`)
	return err
}
