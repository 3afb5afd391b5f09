package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/migrations"
)

// Dialect names a kind of database.
type Dialect = migrations.Dialect

// The databases we speak.
const (
	SQLite     = migrations.SQLite
	PostgreSQL = migrations.PostgreSQL
)

// Store runs its SQL on the pool, or on one transaction inside InTx. It is safe for concurrent use; inside InTx it is not.
type Store struct {
	db       *sqlx.DB        // nil inside InTx
	q        sqlx.ExtContext // *sqlx.DB or *sqlx.Tx
	dialect  Dialect
	path     string    // of the SQLite file
	writer   *writer   // the one that SQLite has; nil for PostgreSQL and inside InTx
	recorder *recorder // of PostgreSQL; nil for SQLite and inside InTx
	fresh    *fresh    // nil inside InTx until it is asked
	tally    *tally
	idle     *atomic.Int64 // how long a session holds unused
	pending  []audit.Event // inside InTx: what will have happened once it is committed
	queued   bool          // inside InTx: a job will wait
	onJob    func()        // is told that one waits; may be nil

	auditTokens bool // Options.AuditTokens
}

var (
	_ oauth.Store          = (*Store)(nil)
	_ identity.SignInStore = (*Store)(nil)
)

// Dialect tells which database this is.
func (s *Store) Dialect() Dialect { return s.dialect }

// SetSessionIdle says how long a session holds unused, from now on.
func (s *Store) SetSessionIdle(d time.Duration) { s.idle.Store(int64(d)) }

// seenSince is when a session that holds at the given time was last used at the earliest.
func (s *Store) seenSince(at time.Time) time.Time { return at.Add(-time.Duration(s.idle.Load())) }

// Ping asks the database for a sign of life. fault.Unavailable if there is none.
func (s *Store) Ping(ctx context.Context) error {
	var one int64
	return s.get(ctx, "database", &one, "SELECT 1")
}

// PoolStats is how busy the pool of connections is, and has been since it was opened.
type PoolStats struct {
	Max, Open, InUse int
	Waits            int64         // acts that had to wait for a connection
	Waited           time.Duration // all together
}

// Busy reports whether every connection is in use: then whoever uses them hears from the database.
func (p PoolStats) Busy() bool { return p.InUse >= p.Max }

// Pool tells how busy the connections are.
func (s *Store) Pool() PoolStats {
	stats := s.db.Stats()
	return PoolStats{Max: stats.MaxOpenConnections, Open: stats.OpenConnections, InUse: stats.InUse, Waits: stats.WaitCount, Waited: stats.WaitDuration}
}

// Close waits for running statements and closes the pool.
func (s *Store) Close() error {
	s.fresh.close()
	if s.writer != nil {
		s.writer.close()
	}
	if s.recorder != nil {
		s.recorder.close()
	}
	return s.db.Close()
}

// inside is the store of a transaction.
func (s *Store) inside(tx *sqlx.Tx) *Store {
	return &Store{q: tx, dialect: s.dialect, tally: s.tally, idle: s.idle, auditTokens: s.auditTokens}
}

// InTx runs fn in a transaction: committed if fn returns nil, undone if it returns an error or panics. Inside another InTx
// it joins that one. Where the outcome of the commit is unknown it is fault.Unavailable. fn must use tx alone: the outer
// store would wait for the connection that the transaction holds.
func (s *Store) InTx(ctx context.Context, fn func(tx *Store) error) error {
	if s.db == nil {
		return fn(s)
	}
	if s.writer != nil {
		return s.writer.write(ctx, fn)
	}
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return failure("", err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit, and before it the reason is known already
	inside := s.inside(tx)
	if err := fn(inside); err != nil {
		return err
	}
	if err := commitFailure(tx.Commit()); err != nil {
		return err
	}
	s.committed(inside)
	return nil
}

// committed tells what a transaction has done.
func (s *Store) committed(inside *Store) {
	s.happened(inside.pending...)
	if inside.queued {
		s.wakeWorkers()
	}
}

// stamp is how every time is written: UTC, to the microsecond that both databases keep.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
