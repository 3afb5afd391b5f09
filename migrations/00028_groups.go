package migrations

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// groups are the statements that let people belong together, and scopes be for some of them.
var groups = []string{
	`CREATE TABLE user_groups (
		id          TEXT      NOT NULL PRIMARY KEY,
		name        TEXT      NOT NULL,
		-- name folded for comparison
		name_key    TEXT      NOT NULL UNIQUE,
		description TEXT      NOT NULL,
		-- folded name and id: the order of lists
		search_key  TEXT      NOT NULL UNIQUE,
		created_at  TIMESTAMP NOT NULL,
		updated_at  TIMESTAMP NOT NULL,
		version     BIGINT    NOT NULL
	)`,
	`CREATE TABLE memberships (
		group_id   TEXT      NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
		user_id    TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
		created_at TIMESTAMP NOT NULL,
		PRIMARY KEY (group_id, user_id)
	)`,
	`CREATE INDEX memberships_user ON memberships (user_id, group_id)`,
	// Not granted unless it is asked for by its name; granted without anybody being asked; granted to these people alone.
	`ALTER TABLE scopes ADD COLUMN by_name BOOLEAN NOT NULL DEFAULT FALSE`,
	`ALTER TABLE scopes ADD COLUMN consent_free BOOLEAN NOT NULL DEFAULT FALSE`,
	`ALTER TABLE scopes ADD COLUMN only_roles TEXT NOT NULL DEFAULT ''`,
	`ALTER TABLE scopes ADD COLUMN only_groups TEXT NOT NULL DEFAULT ''`,
	`INSERT INTO scopes (name, description, builtin, created_at) VALUES ('groups', 'See which groups you are in', TRUE, '1970-01-01 00:00:00')
		ON CONFLICT (name) DO UPDATE SET builtin = TRUE, description = excluded.description`,
	// The clients that may ask for an API's tokens; none named is all.
	`ALTER TABLE apis ADD COLUMN only_clients TEXT NOT NULL DEFAULT ''`,
	// When the password was last chosen; NULL where it is not known.
	`ALTER TABLE users ADD COLUMN password_changed_at TIMESTAMP`,
}

// grouped makes PostgreSQL order groups by their bytes.
func grouped(dialect Dialect) *goose.Migration {
	up := func(ctx context.Context, tx *sql.Tx) error {
		if err := each(ctx, tx, groups); err != nil {
			return err
		}
		return byBytes(ctx, tx, dialect, "user_groups", "search_key")
	}
	return goose.NewGoMigration(28, &goose.GoFunc{RunTx: up}, nil)
}
