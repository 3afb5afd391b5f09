package store

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
)

// DB lets a test look behind the verbs.
func (s *Store) DB() *sqlx.DB { return s.db }

// PostgresURL is what Open makes of a URL.
var PostgresURL = postgresURL

// SearchKey is the order of lists.
var SearchKey = searchKey

// BulkBatch is how many rows are added at once.
const BulkBatch = bulkBatch

// CountRoundTrips adds to n each time the store waits for PostgreSQL to answer what it sent.
func (o *Options) CountRoundTrips(n *atomic.Int64) {
	o.wire = func(conn net.Conn) net.Conn { return &countingConn{Conn: conn, n: n} }
}

// LoseAnswers breaks the connection over which PostgreSQL answers next, once lose is set, and unsets it.
func (o *Options) LoseAnswers(lose *atomic.Bool) {
	o.wire = func(conn net.Conn) net.Conn { return &losingConn{Conn: conn, lose: lose} }
}

// FallSilent keeps everything from PostgreSQL, on connections that stay open, as long as silent is set.
func (o *Options) FallSilent(silent *atomic.Bool) {
	o.wire = func(conn net.Conn) net.Conn { return &silentConn{Conn: conn, silent: silent} }
}

// silentConn loses what is sent.
type silentConn struct {
	net.Conn
	silent *atomic.Bool
}

func (c *silentConn) Write(b []byte) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// losingConn waits for an answer and does not pass it on.
type losingConn struct {
	net.Conn
	lose *atomic.Bool
}

func (c *losingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.lose.Swap(false) {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// countingConn counts the reads that follow a write.
type countingConn struct {
	net.Conn
	n    *atomic.Int64
	sent atomic.Bool
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.sent.Store(true)
	return c.Conn.Write(b)
}

func (c *countingConn) Read(b []byte) (int, error) {
	if c.sent.Swap(false) {
		c.n.Add(1)
	}
	return c.Conn.Read(b)
}

// ForgetCounts drops what was counted and not written.
func ForgetCounts(s *Store) { s.tally = newTally() }

// AwaitWriters waits until n changes wait for SQLite's writer.
func AwaitWriters(s *Store, n int) {
	for {
		s.writer.mu.Lock()
		waiting := len(s.writer.waiting)
		s.writer.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

// AwaitRecorders waits until n events wait for the recorder.
func AwaitRecorders(s *Store, n int) {
	for {
		s.recorder.mu.Lock()
		waiting := len(s.recorder.waiting)
		s.recorder.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

// Tailing reports whether the tail reads the log.
func Tailing(t *Tail) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reader != nil
}
