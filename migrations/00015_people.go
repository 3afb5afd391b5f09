package migrations

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// people are the statements that let a list of a million users be searched, and a user be deleted.
var people = []string{
	// When the person last signed in with a browser.
	`ALTER TABLE users ADD COLUMN last_sign_in_at TIMESTAMP`,
	`UPDATE users SET last_sign_in_at = (SELECT MAX(auth_time) FROM sessions WHERE sessions.user_id = users.id)`,
	// People without a name are listed by their username.
	"UPDATE users SET search_key = username_key || '\x1f' || id WHERE name = ''",
	// The few that a list is narrowed to, in its order.
	`CREATE INDEX users_console ON users (role, search_key) WHERE role <> 'user'`,
	`CREATE INDEX users_disabled ON users (search_key) WHERE disabled_at IS NOT NULL`,
	// The usernames and subjects of people who were deleted: nobody is ever taken for them.
	`CREATE TABLE reserved_usernames (
		username_key TEXT      NOT NULL PRIMARY KEY,
		user_id      TEXT      NOT NULL UNIQUE,
		reserved_at  TIMESTAMP NOT NULL
	)`,
}

// prefixed are the columns whose beginnings are looked for.
var prefixed = []string{"username_key", "email_key"}

// peopleFound makes the beginnings of usernames and e-mail addresses ranges of their indexes: on PostgreSQL they are only by bytes.
func peopleFound(dialect Dialect) *goose.Migration {
	up := func(ctx context.Context, tx *sql.Tx) error {
		if err := each(ctx, tx, people); err != nil {
			return err
		}
		for _, column := range prefixed {
			if err := byBytes(ctx, tx, dialect, "users", column); err != nil {
				return err
			}
		}
		return nil
	}
	return goose.NewGoMigration(15, &goose.GoFunc{RunTx: up}, nil)
}
