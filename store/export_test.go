package store

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

// DB lets a test look behind the verbs.
func (s *Store) DB() *sqlx.DB { return s.db }

// PostgresURL is what Open makes of a URL.
var PostgresURL = postgresURL

// SearchKey is the order of lists.
var SearchKey = searchKey

// CountRoundTrips adds to n each time the store waits for PostgreSQL to answer what it sent.
func (o *Options) CountRoundTrips(n *atomic.Int64) { o.dialer = countingDialer{n} }

type countingDialer struct{ n *atomic.Int64 }

func (d countingDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d countingDialer) DialTimeout(network, address string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d countingDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &countingConn{Conn: conn, n: d.n}, err
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
