package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

// get reads one row into dest; fault.NotFound(what) if there is none.
func (s *Store) get(ctx context.Context, what string, dest any, query string, args ...any) error {
	args, err := values(args)
	if err != nil {
		return fault.NotFound(what) // what cannot be written cannot be there
	}
	return failure(what, sqlx.GetContext(s.context(ctx), s.q, dest, query, args...))
}

// all reads every row into dest, a pointer to a slice.
func (s *Store) all(ctx context.Context, what string, dest any, query string, args ...any) error {
	args, err := values(args)
	if err != nil {
		return err
	}
	return failure(what, sqlx.SelectContext(s.context(ctx), s.q, dest, query, args...))
}

// exec runs one changing statement and tells how many rows it changed.
func (s *Store) exec(ctx context.Context, what, query string, args ...any) (int64, error) {
	args, err := values(args)
	if err != nil {
		return 0, err
	}
	if s.writer != nil {
		var n int64
		err := s.writer.write(ctx, func(tx *Store) error {
			n, err = tx.exec(ctx, what, query, args...)
			return err
		})
		if err != nil { // of what was not committed nothing was changed
			return 0, err
		}
		return n, nil
	}
	q, done, err := s.once(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	result, err := q.ExecContext(s.context(ctx), query, args...)
	if err != nil {
		return 0, s.changeFailure(what, err)
	}
	n, err := result.RowsAffected()
	return n, failure(what, err)
}

// returning is exec for a statement with RETURNING; fault.NotFound(what) if it changed nothing.
func (s *Store) returning(ctx context.Context, what string, dest any, query string, args ...any) error {
	args, err := values(args)
	if err != nil {
		return err
	}
	if s.writer != nil {
		return s.writer.write(ctx, func(tx *Store) error { return tx.returning(ctx, what, dest, query, args...) })
	}
	q, done, err := s.once(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.changeFailure(what, sqlx.GetContext(s.context(ctx), q, dest, query, args...))
}

// queryer is a pool, one connection of it, or a transaction.
type queryer interface {
	sqlx.QueryerContext
	sqlx.ExecerContext
}

// once is where one changing statement runs: the transaction, or else one connection. The pool would run it again on another
// when the first breaks, although it may have been carried out: a code would seem to be spent twice, a row that was added to be
// in the way of itself, one wrong password to be two.
func (s *Store) once(ctx context.Context) (q queryer, done func(), err error) {
	if s.db == nil {
		return s.q, func() {}, nil
	}
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return nil, nil, failure("", err)
	}
	return conn, func() { _ = conn.Close() }, nil // gives it back to the pool
}

// context is what a statement runs under: on SQLite nothing interrupts what shares a transaction with others'.
func (s *Store) context(ctx context.Context) context.Context {
	if s.db == nil && s.dialect == SQLite {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// A statement changes something; its :names are filled from args, a struct or a map.
type statement struct {
	sql  string
	args any
}

// A row to insert. columns are both the table's and the names in value.
type row struct {
	table, columns string
	value          any
	onConflict     string       // what to do if it is there; empty fails
	event          *audit.Event // that the row is, if it is one
	ofClient       bool         // it belongs to the era of the client that it names
}

// eventsOf are the events among the rows.
func eventsOf(rows []row) (events []audit.Event) {
	for _, r := range rows {
		if r.event != nil {
			events = append(events, *r.event)
		}
	}
	return events
}

func (r row) names() string { return ":" + strings.ReplaceAll(r.columns, ", ", ", :") }

// insert is a statement that adds the row, if the condition holds.
func (r row) insert(condition string) statement {
	columns, names := r.columns, r.names()
	if r.ofClient {
		columns, names = columns+", era", names+", "+eraOf(":client_id")
	}
	return statement{"INSERT INTO " + r.table + " (" + columns + ") SELECT " + names + " WHERE " + condition + " " + r.onConflict, r.value}
}

// act runs a change and, if that touched anything, adds the rows that follow from it, whole or not at all; it tells how many
// rows the change touched. PostgreSQL does it in one statement, hence in one round trip and holding its locks for no longer
// than that; SQLite, which cannot change data inside WITH, in one transaction.
func (s *Store) act(ctx context.Context, what string, change statement, then ...row) (int64, error) {
	if s.dialect == SQLite {
		return s.actInTx(ctx, what, change, then)
	}
	query, args, err := change.bind()
	if err != nil {
		return 0, err
	}
	var sql strings.Builder
	sql.WriteString("WITH changed AS (" + query + " RETURNING 1)")
	for i, r := range then {
		query, more, err := r.insert("EXISTS (SELECT 1 FROM changed)").bind()
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(&sql, ", then%d AS (%s)", i, query)
		args = append(args, more...)
	}
	sql.WriteString(" SELECT COUNT(*) FROM changed")
	if args, err = values(args); err != nil {
		return 0, err
	}
	q, done, err := s.once(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	var n int64
	err = sqlx.GetContext(ctx, q, &n, dollars(sql.String()), args...)
	if err == nil && n > 0 {
		s.happened(eventsOf(then)...)
	}
	return n, s.changeFailure(what, err)
}

func (s *Store) actInTx(ctx context.Context, what string, change statement, then []row) (n int64, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if n, err = tx.run(ctx, what, change); err != nil || n == 0 {
			return err
		}
		return tx.insert(ctx, what, then...)
	})
	return n, err
}

// run is exec with :names.
func (s *Store) run(ctx context.Context, what string, change statement) (int64, error) {
	query, args, err := change.bind()
	if err != nil {
		return 0, err
	}
	return s.exec(ctx, what, dollars(query), args...)
}

// insert adds rows one by one.
func (s *Store) insert(ctx context.Context, what string, rows ...row) error {
	for _, r := range rows {
		if _, err := s.run(ctx, what, r.insert("TRUE")); err != nil {
			return err
		}
	}
	s.happened(eventsOf(rows)...)
	return nil
}

// record adds the event of a change that happened at the given time.
func (s *Store) record(ctx context.Context, event audit.Event, at time.Time) error {
	return s.insert(ctx, "audit event", eventOf(event, at))
}

// dollars writes $1, $2 … for each ?: for statements put together from parts that do not know of one another.
func dollars(query string) string { return sqlx.Rebind(sqlx.DOLLAR, query) }

// columns puts the table's alias before each column and, if there is a prefix, names it anew, so that sqlx finds the field of
// an inner struct.
func columns(alias, prefix, list string) string {
	names := strings.Split(list, ", ")
	for i, name := range names {
		names[i] = alias + "." + name
		if prefix != "" {
			names[i] += ` AS "` + prefix + name + `"`
		}
	}
	return strings.Join(names, ", ")
}

// mustChange turns a change that touched nothing into fault.NotFound.
func mustChange(what string, n int64, err error) error {
	if err == nil && n == 0 {
		return fault.NotFound(what)
	}
	return err
}

// values makes arguments what both drivers take alike: times stamped, lists and roles as their text, and no text that
// PostgreSQL refuses and SQLite keeps.
func values(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("store: argument %d: %w", i+1, err)
		}
		switch v := v.(type) {
		case time.Time:
			out[i] = stamp(v)
		case string:
			if !oauth.ValidText(v) {
				return nil, fault.Fields{"": "Text must be valid UTF-8 without NUL characters."}
			}
			out[i] = v
		default:
			out[i] = v
		}
	}
	return out, nil
}
