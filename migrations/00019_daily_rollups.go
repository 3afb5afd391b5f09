package migrations

import (
	"context"
	"database/sql"
	"strings"

	"github.com/pressly/goose/v3"
)

// byDay are the tables that keep what was counted by the day, beside the hours: what looks back for weeks reads few rows.
var byDay = []string{
	`CREATE TABLE daily_rollups (
		day    TIMESTAMP NOT NULL,
		action TEXT      NOT NULL,
		detail TEXT      NOT NULL,
		count  BIGINT    NOT NULL,
		PRIMARY KEY (day, action, detail)
	)`,
	// How many tokens a client was given.
	`CREATE TABLE daily_tokens (
		day       TIMESTAMP NOT NULL,
		client_id TEXT      NOT NULL,
		count     BIGINT    NOT NULL,
		PRIMARY KEY (day, client_id)
	)`,
	`INSERT INTO daily_rollups (day, action, detail, count)
		SELECT midnight(hour), action, detail, SUM(count) FROM rollups WHERE client_id = '' GROUP BY 1, 2, 3`,
	`INSERT INTO daily_tokens (day, client_id, count)
		SELECT midnight(hour), client_id, SUM(count) FROM rollups WHERE client_id <> '' AND action IN
		('code.redeemed', 'password.traded', 'token.issued', 'token.issued_implicitly', 'token.refreshed', 'token.refresh_retried') GROUP BY 1, 2`,
}

// midnight begins the day of an hour, as each database has it.
var midnight = map[Dialect]string{SQLite: `substr(hour, 1, 10) || ' 00:00:00+00:00'`, PostgreSQL: `date_trunc('day', hour)`}

// dailyRollups makes days out of the hours that there are.
func dailyRollups(dialect Dialect) *goose.Migration {
	up := func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range byDay {
			if _, err := tx.ExecContext(ctx, strings.ReplaceAll(statement, "midnight(hour)", midnight[dialect])); err != nil {
				return err
			}
		}
		return nil
	}
	return goose.NewGoMigration(19, &goose.GoFunc{RunTx: up}, nil)
}
