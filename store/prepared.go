package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// maxPrepared bounds the statements that one connection keeps prepared. The house has fewer; those that searches put together
// are not worth more.
const maxPrepared = 200

// preparing makes a connector's connections keep what they are asked twice: planning a statement costs more than running most
// of ours.
type preparing struct{ driver.Connector }

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c := &preparingConn{kept: map[string]stmt{}}
	inner, err := p.Connector.Connect(withSocket(ctx, &c.socket))
	if err != nil {
		return nil, err
	}
	c.conn = inner.(conn)
	return c, nil
}

// conn and stmt are what the connections and statements of both drivers can do.
type (
	conn interface {
		driver.Conn
		driver.ConnBeginTx
		driver.ConnPrepareContext
		driver.ExecerContext
		driver.QueryerContext
		driver.SessionResetter
		driver.Validator
	}
	stmt interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
)

type preparingConn struct {
	conn
	kept   map[string]stmt // nil for one that was asked once
	socket net.Conn        // to PostgreSQL; nil for SQLite
}

// await bounds how long the answers to what is sent now are waited for: as long as the context, and a moment longer.
func (c *preparingConn) await(ctx context.Context) {
	if c.socket == nil {
		return
	}
	var until time.Time // never
	if end, bounded := ctx.Deadline(); bounded {
		until = end.Add(silence)
	}
	_ = c.socket.SetDeadline(until) // one that is closed says so when it is used
}

// BeginTx begins a transaction.
func (c *preparingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.await(ctx)
	return c.conn.BeginTx(ctx, o)
}

// PrepareContext prepares a statement.
func (c *preparingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.await(ctx)
	return c.conn.PrepareContext(ctx, query)
}

// prepared returns the statement kept for the query. The first time there is none: what is asked once, as most of what a
// command line does, pays no round trip to prepare it.
func (c *preparingConn) prepared(ctx context.Context, query string) (stmt, error) {
	s, known := c.kept[query]
	if s != nil {
		return s, nil
	}
	if !known {
		if len(c.kept) < maxPrepared {
			c.kept[query] = nil
		}
		return nil, nil
	}
	made, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s = made.(stmt)
	c.kept[query] = s
	return s, nil
}

func (c *preparingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.await(ctx)
	s, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.conn.ExecContext(ctx, query, args)
	}
	result, err := s.ExecContext(ctx, args)
	if c.forgets(query, s, err) {
		if again, err := c.conn.ExecContext(ctx, query, args); err == nil {
			return again, nil
		}
	}
	return result, err
}

func (c *preparingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.await(ctx)
	s, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.conn.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if c.forgets(query, s, err) {
		if again, err := c.conn.QueryContext(ctx, query, args); err == nil {
			return again, nil
		}
	}
	return rows, err
}

// forgets drops a statement that PostgreSQL did not run, because a table has changed since it was prepared, which a newer node's
// migration does, or because something between us has lost it. It may run again as it was never prepared; in a transaction, which
// the refusal has ended, it fails for the last time.
func (c *preparingConn) forgets(query string, s stmt, err error) bool {
	refused, ok := errors.AsType[*pq.Error](err)
	if !ok || refused.Code != pqerror.FeatureNotSupported && refused.Code != pqerror.InvalidSQLStatementName {
		return false
	}
	delete(c.kept, query)
	_ = s.Close() // it is gone either way
	return true
}

// CheckNamedValue is asked of a connection for its arguments; one that does not care leaves them to database/sql.
func (c *preparingConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Close closes SQLite's statements first: it keeps a file open that has any. PostgreSQL forgets them with the connection, to which
// it says good-bye, for as long as that takes at most; what was asked before may have had its time long ago.
func (c *preparingConn) Close() error {
	if c.socket != nil {
		ctx, cancel := context.WithTimeout(context.Background(), silence)
		defer cancel()
		c.await(ctx)
		return c.conn.Close()
	}
	for _, s := range c.kept {
		if s != nil {
			_ = s.Close() // the connection goes with all it holds
		}
	}
	return c.conn.Close()
}
