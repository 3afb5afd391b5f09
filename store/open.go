package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"modernc.org/sqlite"

	"gatehouse/internal/identity"
)

// Options say which database to open.
type Options struct {
	Driver   string // "sqlite" or "postgres"
	URL      string // PostgreSQL: postgres://user:password@host:port/database?option=value
	Path     string // SQLite: the database's file; it and its folder are made where they are missing
	MaxConns int    // size of the pool; 0 for a default
	// AuditTokens writes an event for every token of client_credentials; otherwise they are only counted.
	AuditTokens bool
	// Throwaway is a SQLite database that nobody keeps: nothing waits for the disk, and a power cut may leave it broken.
	Throwaway bool
	// Through stands between the pool and the driver: tests let statements fail there. nil for nothing.
	Through func(driver.Connector) driver.Connector

	wire func(net.Conn) net.Conn // tests stand between the driver and PostgreSQL's network with it
}

// pool is a pool of the driver's connections, of which sqlx knows the placeholders by the driver's name.
func (o Options) pool(c driver.Connector, name string) *sqlx.DB {
	if o.Through != nil {
		c = o.Through(c)
	}
	return sqlx.NewDb(sql.OpenDB(preparing{c}), name)
}

// sqlx knows the driver of another name only.
var bindOnce = sync.OnceFunc(func() { sqlx.BindDriver("sqlite", sqlx.DOLLAR) })

// Open opens the database and makes sure that it answers. It does not look at the schema: see Prepare and SchemaState.
func Open(ctx context.Context, o Options) (*Store, error) {
	bindOnce()
	switch Dialect(o.Driver) {
	case SQLite:
		return openSQLite(ctx, o)
	case PostgreSQL:
		return openPostgres(ctx, o)
	}
	return nil, fmt.Errorf("unknown database driver %q: expected %s or %s", o.Driver, SQLite, PostgreSQL)
}

// sharedCache is how much of SQLite's file all connections together may hold in memory, in KiB, and leastCache what each may, which is
// SQLite's own default: with that alone a million people make every refresh read the upper parts of its indexes anew.
const (
	sharedCache = 64 << 10
	leastCache  = 2000
)

func openSQLite(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("the SQLite database needs a path")
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("database folder: %w", err)
	}
	file, err := os.OpenFile(o.Path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite itself would let others read it
	if err != nil {
		return nil, fmt.Errorf("database file: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("database file: %w", err)
	}
	conns := o.MaxConns
	if conns == 0 {
		conns = 4 * runtime.GOMAXPROCS(0) // one writes, the others read
	}
	// FULL: what was committed outlives a power cut. It is SQLite's default, but builds of SQLite may choose another for WAL.
	synchronous := "FULL"
	if o.Throwaway {
		synchronous = "OFF"
	}
	dsn := "file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(" + synchronous + ")" +
		"&_pragma=cache_size(-" + strconv.Itoa(max(leastCache, sharedCache/conns)) + ")&_pragma=foreign_keys(1)&_txlock=immediate&_time_format=sqlite&_timezone=UTC"
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := o.pool(connector, "sqlite")
	bound(db, conns)
	s := &Store{db: db, q: db, dialect: SQLite, path: o.Path, tally: newTally(), idle: new(atomic.Int64), auditTokens: o.AuditTokens}
	s.SetSessionIdle(identity.SessionIdle)
	s.writer = newWriter(s)
	unlock, err := s.lock(ctx) // the first to come switches the file to WAL, which suffers no company
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	defer unlock()
	s.fresh = newFresh(s)
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func openPostgres(ctx context.Context, o Options) (*Store, error) {
	dsn, err := postgresURL(o.URL)
	if err != nil {
		return nil, err
	}
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, errors.New("database URL: the driver does not understand it") // its own words may show the password
	}
	connector.Dialer(sockets{o.wire})
	db := o.pool(uncompiled{connector}, "postgres")
	bound(db, cmp.Or(o.MaxConns, 25))
	s := &Store{db: db, q: db, dialect: PostgreSQL, tally: newTally(), idle: new(atomic.Int64), auditTokens: o.AuditTokens}
	s.SetSessionIdle(identity.SessionIdle)
	s.fresh, s.recorder = newFresh(s), newRecorder(s)
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// uncompiled makes connections on which PostgreSQL compiles no statement for the processor: that takes longer than the slowest of ours.
type uncompiled struct{ driver.Connector }

// Connect connects. A relative of PostgreSQL that knows no such setting goes on without.
func (u uncompiled) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := u.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	var refused *pq.Error
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "SET jit = off", nil); err != nil && !errors.As(err, &refused) {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// postgresURL adds what the URL leaves open: TLS where the server has it, one round trip a statement instead of two, and an
// end to waiting for a server that is not there.
func postgresURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", errors.New("database URL: expected postgres://user:password@host:port/database") // never the text: it holds a password
	}
	query := u.Query()
	for name, value := range map[string]string{"sslmode": "prefer", "binary_parameters": "yes", "connect_timeout": "5"} {
		if !query.Has(name) {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// bound keeps connections ready up to the size of the pool, and lets them go after a while, so that a server that moved is
// found again. Preparing needs two: one holds the lock.
func bound(db *sqlx.DB, size int) {
	size = max(size, 2)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
}
