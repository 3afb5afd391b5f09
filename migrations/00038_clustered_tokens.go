package migrations

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// clustered keeps what each client was given in a day in the order of its key alone: an overview of weeks reads all of it, and
// SQLite would look each row up by itself. PostgreSQL has no such tables.
var clustered = []string{
	`CREATE TABLE clustered (
		day       TIMESTAMP NOT NULL,
		client_id TEXT      NOT NULL,
		count     BIGINT    NOT NULL,
		PRIMARY KEY (day, client_id)
	) WITHOUT ROWID`,
	`INSERT INTO clustered (day, client_id, count) SELECT day, client_id, count FROM daily_tokens ORDER BY day, client_id`,
	`DROP TABLE daily_tokens`,
	`ALTER TABLE clustered RENAME TO daily_tokens`,
}

func clusteredTokens(dialect Dialect) *goose.Migration {
	up := func(ctx context.Context, tx *sql.Tx) error {
		if dialect != SQLite {
			return nil
		}
		return each(ctx, tx, clustered)
	}
	return goose.NewGoMigration(38, &goose.GoFunc{RunTx: up}, nil)
}
