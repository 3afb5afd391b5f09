package migrations

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// sealOrder lets PostgreSQL find the seal of an event by an index: the two ids have to compare alike.
func sealOrder(dialect Dialect) *goose.Migration {
	up := func(ctx context.Context, tx *sql.Tx) error {
		return byBytes(ctx, tx, dialect, "audit_seals", "event_id")
	}
	return goose.NewGoMigration(21, &goose.GoFunc{RunTx: up}, nil)
}
