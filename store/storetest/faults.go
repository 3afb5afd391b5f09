package storetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"gatehouse/store"
)

// A Fault is a way in which a statement fails.
type Fault string

// The faults. A transaction whose connection breaks is undone by the database.
const (
	Refused Fault = "refused" // the database has no room, and carries nothing out
	Failed  Fault = "failed"  // the database says what nobody foresaw, and carries nothing out
	Broken  Fault = "broken"  // the connection breaks before the statement is sent
	Lost    Fault = "lost"    // the statement is carried out, and the connection breaks before its answer has come
)

// EachFault is every one of them.
var EachFault = []Fault{Refused, Failed, Broken, Lost}

// Faults stands between a store and its database and lets one statement fail: BEGIN and COMMIT are statements too. A sign of
// life (store.Ping, which the house asks for whenever it likes) is none, nor is preparing one.
type Faults struct {
	postgres bool

	mu     sync.Mutex
	next   int // how many statements on is the one that fails; not positive for none
	passed int // since Strike
	how    Fault
	struck string
	// meanwhile happens instead of the fault.
	meanwhile func()
}

// WithFaults returns the options to open a store with whose statements fail when they are told to.
func WithFaults(o store.Options) (*Faults, store.Options) {
	f := &Faults{postgres: o.Driver == string(store.PostgreSQL)}
	o.Through = func(c driver.Connector) driver.Connector { return faultyConnector{c, f} }
	return f, o
}

// Strike lets the nth statement from now on fail, 1 being the next; 0 none.
func (f *Faults) Strike(n int, how Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.how, f.struck, f.passed, f.meanwhile = n, how, "", 0, nil
}

// Before lets something happen just before the nth statement from now on, which does not fail.
func (f *Faults) Before(n int, meanwhile func()) {
	f.Strike(n, "")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meanwhile = meanwhile
}

// Passed tells how many statements there were since Strike.
func (f *Faults) Passed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passed
}

// Rest lets no statement fail any more, and tells which one has; empty if it has not come to that.
func (f *Faults) Rest() (struck string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = 0
	return f.struck
}

// turn says how a statement is to fail; "" if it is not.
func (f *Faults) turn(text string) Fault {
	if text == "SELECT 1" || strings.HasPrefix(text, "PREPARE ") {
		return ""
	}
	f.mu.Lock()
	f.passed++
	f.next--
	struck, how, meanwhile := f.next == 0, f.how, f.meanwhile
	if struck {
		f.struck = strings.Join(strings.Fields(text), " ")
	}
	f.mu.Unlock()
	switch {
	case !struck:
		return ""
	case meanwhile != nil:
		meanwhile()
	}
	return how
}

type faultyConnector struct {
	driver.Connector
	f *Faults
}

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn: inner.(conn), f: c.f}, nil
}

// conn is what the connections of both drivers can do.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type faultyConn struct {
	conn
	f        *Faults
	prepared []driver.Stmt
	broken   bool
}

// run runs a statement, or lets it fail.
func run[T any](ctx context.Context, c *faultyConn, text string, statement func() (T, error)) (result T, err error) {
	if c.broken {
		return result, driver.ErrBadConn
	}
	switch how := c.f.turn(text); how {
	case "":
		return statement()
	case Broken:
		return result, c.breaks()
	case Lost:
		r, err := statement()
		if err != nil {
			return result, err
		}
		switch r := any(r).(type) {
		case driver.Rows: // carried out to its end
			err = drain(r)
		case driver.Tx: // one that nobody knows of has no end but this
			err = r.Rollback()
		}
		if err != nil {
			return result, err
		}
		if !c.f.postgres { // SQLite has no wire: what may come between is a deadline
			return result, context.DeadlineExceeded
		}
		return result, c.breaks()
	default:
		return result, c.refuses(ctx, how)
	}
}

// breaks is what a driver says whose connection has gone, pq even after it has sent the statement. database/sql then runs on
// another connection what does not belong to a transaction.
func (c *faultyConn) breaks() error {
	c.broken = true
	for _, s := range c.prepared { // as long as one is left, SQLite's connection lives on, and what it has locked is locked
		_ = s.Close()
	}
	_ = c.conn.Close()
	return driver.ErrBadConn
}

// refuses has the database itself refuse a statement: PostgreSQL then has to give up the whole transaction.
func (c *faultyConn) refuses(ctx context.Context, how Fault) error {
	statement := "nonsense"
	if c.f.postgres {
		code := map[Fault]string{Refused: "53100", Failed: "XX000"}[how] // disk_full, internal_error
		statement = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '" + code + "'; END $$"
	} else if how == Refused {
		return errNoRoom()
	}
	if _, err := c.conn.ExecContext(ctx, statement, nil); err != nil {
		return err
	}
	return fmt.Errorf("%s was carried out", statement)
}

// errNoRoom is how SQLite says SQLITE_FULL.
var errNoRoom = sync.OnceValue(func() error {
	db, err := sql.Open("sqlite", "file::memory:?_pragma=max_page_count(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err = db.Exec("CREATE TABLE full (c TEXT)"); err == nil {
		err = errors.New("there is room in one page")
	}
	return err
})

func drain(rows driver.Rows) error {
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			return rows.Close()
		} else if err != nil {
			return err
		}
	}
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := run(ctx, c, "BEGIN", func() (driver.Tx, error) { return c.conn.BeginTx(ctx, o) })
	if err != nil {
		return nil, err
	}
	return faultyTx{tx, c}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return run(ctx, c, query, func() (driver.Result, error) { return c.conn.ExecContext(ctx, query, args) })
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return run(ctx, c, query, func() (driver.Rows, error) { return c.conn.QueryContext(ctx, query, args) })
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := run(ctx, c, "PREPARE "+query, func() (driver.Stmt, error) { return c.conn.PrepareContext(ctx, query) })
	if err != nil {
		return nil, err
	}
	c.prepared = append(c.prepared, s)
	return faultyStmt{s.(stmt), c, query}, nil
}

// CheckNamedValue is asked of a connection for its arguments; one that does not care leaves them to database/sql.
func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if c.broken {
		return driver.ErrBadConn
	}
	return c.conn.ResetSession(ctx)
}

func (c *faultyConn) IsValid() bool { return !c.broken && c.conn.IsValid() }

func (c *faultyConn) Close() error {
	if c.broken {
		return nil
	}
	return c.conn.Close()
}

type faultyTx struct {
	driver.Tx
	c *faultyConn
}

// Commit that the database refuses undoes the transaction, on both.
func (tx faultyTx) Commit() error {
	_, err := run(context.Background(), tx.c, "COMMIT", func() (any, error) { return nil, tx.Tx.Commit() })
	if err != nil && !tx.c.broken {
		_ = tx.Tx.Rollback() // does nothing if it is over
	}
	return err
}

func (tx faultyTx) Rollback() error {
	if tx.c.broken {
		return driver.ErrBadConn
	}
	return tx.Tx.Rollback()
}

type stmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	stmt
	c     *faultyConn
	query string
}

func (s faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return run(ctx, s.c, s.query, func() (driver.Result, error) { return s.stmt.ExecContext(ctx, args) })
}

func (s faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return run(ctx, s.c, s.query, func() (driver.Rows, error) { return s.stmt.QueryContext(ctx, args) })
}

func (s faultyStmt) Close() error {
	if s.c.broken {
		return nil
	}
	return s.stmt.Close()
}
