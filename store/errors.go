package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/internal/fault"
)

// How long to wait before another try, by what is in the way.
const (
	retryContention = 1 * time.Second // others are at it
	retryConnection = 2 * time.Second // the database restarts or fails over
	retryDisk       = 5 * time.Second // somebody has to make room
)

// fields names, for people, what a unique constraint protects. Constraints bear the names PostgreSQL gives them.
var fields = map[string]string{
	"users_pkey":                        "id",
	"users_username_key_key":            "username",
	"users_email_key_key":               "email",
	"reserved_usernames_pkey":           "username",
	"user_groups_pkey":                  "id",
	"user_groups_name_key_key":          "name",
	"clients_pkey":                      "id",
	"client_secrets_client_id_hash_key": "secret",
	"scopes_pkey":                       "name",
	"attributes_pkey":                   "key",
	"attributes_claim_key":              "claim",
	"signing_keys_pkey":                 "kid",
	"apis_pkey":                         "id",
	"apis_identifier_key":               "identifier",
	"apis_claims_key":                   "claims",
}

// failure is the one place where a driver's error becomes one that the rest of the house understands. what names the thing
// that was looked for or written.
func failure(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fault.NotFound(what)
	case errors.Is(err, context.Canceled):
		return err // nobody waits for the answer any more
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Unavailable(retryContention, err)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Unavailable(retryConnection, err)
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return postgresFailure(what, e)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteFailure(what, e)
	}
	if e, ok := errors.AsType[net.Error](err); ok {
		return fault.Unavailable(retryConnection, e)
	}
	return fmt.Errorf("store: %s: %w", what, err)
}

func postgresFailure(what string, e *pq.Error) error {
	switch e.Code {
	case pqerror.UniqueViolation:
		return fault.Conflict(what, field(e.Constraint))
	case pqerror.ForeignKeyViolation: // what it belongs to was deleted meanwhile
		return fault.NotFound(what)
	case pqerror.TRSerializationFailure, pqerror.TRDeadlockDetected, pqerror.LockNotAvailable, pqerror.QueryCanceled, pqerror.TooManyConnections:
		return fault.Unavailable(retryContention, e)
	case pqerror.ReadOnlySQLTransaction: // a standby that is not the primary yet
		return fault.Unavailable(retryConnection, e)
	}
	switch e.Code.Class() {
	case "08", "57": // connection exception, operator intervention
		return fault.Unavailable(retryConnection, e)
	case "53", "58": // insufficient resources, system error
		return fault.Unavailable(retryDisk, e)
	}
	return fmt.Errorf("store: %s: %w", what, e)
}

func sqliteFailure(what string, e *sqlite.Error) error {
	switch e.Code() { // extended codes
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return fault.Conflict(what, field(sqliteConstraint(e, "_key")))
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fault.Conflict(what, field(sqliteConstraint(e, "_pkey")))
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fault.NotFound(what)
	}
	switch e.Code() & 0xff { // primary codes
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return fault.Unavailable(retryContention, e)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY:
		return fault.Unavailable(retryDisk, e)
	}
	return fmt.Errorf("store: %s: %w", what, e)
}

// sqliteConstraint derives the name that PostgreSQL would give the constraint. SQLite tells its columns in the message alone:
// "constraint failed: UNIQUE constraint failed: users.email_key (2067)".
func sqliteConstraint(e *sqlite.Error, suffix string) string {
	text := e.Error()
	text = text[strings.LastIndex(text, "failed: ")+len("failed: "):]
	text, _, _ = strings.Cut(text, " (")
	var table string
	var columns []string
	for column := range strings.SplitSeq(text, ", ") {
		t, c, _ := strings.Cut(column, ".")
		table, columns = t, append(columns, c)
	}
	if suffix == "_pkey" {
		return table + suffix
	}
	return table + "_" + strings.Join(columns, "_") + suffix
}

func field(constraint string) string {
	if name, known := fields[constraint]; known {
		return name
	}
	return constraint // never empty: that would tell of a lost race
}

// changeFailure is failure for a change: outside a transaction it may have been carried out, unless the database itself says no.
func (s *Store) changeFailure(what string, err error) error {
	answer := failure(what, err)
	if s.db == nil || databaseSays(err) {
		return answer
	}
	return unknown(answer)
}

// commitFailure: whatever kept us from learning of a commit, the change may have happened.
func commitFailure(err error) error {
	if err == nil {
		return nil
	}
	if err = failure("", err); fault.AsConflict(err) != nil || fault.IsNotFound(err) {
		return err
	}
	if fault.AsUnavailable(err) == nil {
		err = fault.Unavailable(retryConnection, fmt.Errorf("outcome of the commit unknown: %w", err))
	}
	return unknown(err)
}

// databaseSays reports whether an error is the database's own answer.
func databaseSays(err error) bool {
	if _, ok := errors.AsType[*pq.Error](err); ok {
		return true
	}
	_, ok := errors.AsType[*sqlite.Error](err)
	return ok
}

// isUnknown reports whether something may have happened.
func isUnknown(err error) bool {
	u := fault.AsUnavailable(err)
	return u != nil && u.Unknown
}

// unknown says of what is unavailable that it may have happened.
func unknown(err error) error {
	if u := fault.AsUnavailable(err); u != nil {
		return fault.Unknown(u.RetryAfter, u.Cause)
	}
	return err
}
