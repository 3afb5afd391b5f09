// Package storetest gives tests a database of their own: a file in the test's folder, or a PostgreSQL database on the server
// that GATEHOUSE_TEST_DATABASE_URL names. Each is a copy of one made by the first test, so that a test pays milliseconds.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gatehouse/migrations"
	"gatehouse/store"
)

// Variable names the environment variable with the URL of a PostgreSQL server where tests may create databases.
const Variable = "GATEHOUSE_TEST_DATABASE_URL"

// A Backend makes fresh databases of one kind.
type Backend struct {
	Name string
	// Migrated makes a database with the schema and nothing else in it.
	Migrated func(testing.TB) store.Options
	// Empty makes a database without a schema.
	Empty func(testing.TB) store.Options
}

// Backends are the databases that every test of stored things runs on.
var Backends = []Backend{
	{"SQLite", SQLite, EmptySQLite},
	{"PostgreSQL", Postgres, EmptyPostgres},
}

// Each runs fn once per backend, in parallel, with a store on a migrated database.
func Each(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachBackend(t, func(t *testing.T, b Backend) { fn(t, Open(t, b.Migrated(t))) })
}

// EachBackend runs fn once per backend, in parallel. With -short that is SQLite alone.
func EachBackend(t *testing.T, fn func(t *testing.T, b Backend)) {
	t.Helper()
	for _, b := range Backends {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			fn(t, b)
		})
	}
}

// Open opens a store and closes it when the test is over.
func Open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return s
}

// DB opens the database beside the store, to look or reach behind its verbs, and closes it when the test is over.
func DB(t testing.TB, o store.Options) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+o.Path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(0)&_txlock=immediate&_time_format=sqlite&_timezone=UTC")
	if o.Driver == string(store.PostgreSQL) {
		db, err = open(o.URL)
	}
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// EmptySQLite names a file that does not exist yet.
func EmptySQLite(t testing.TB) store.Options {
	t.Helper()
	return store.Options{Driver: string(store.SQLite), Path: filepath.Join(t.TempDir(), "gatehouse.db")}
}

// SQLite makes a file with the schema.
func SQLite(t testing.TB) store.Options {
	t.Helper()
	image, err := sqliteImage()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	o := EmptySQLite(t)
	if err := os.WriteFile(o.Path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

var sqliteImage = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "gatehouse-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	o := store.Options{Driver: string(store.SQLite), Path: filepath.Join(folder, "template.db")}
	if err := prepare(o); err != nil {
		return nil, err
	}
	return os.ReadFile(o.Path) // whole: the last connection to close moves the write-ahead log into it
})

func prepare(o store.Options) error {
	s, err := store.Open(context.Background(), o)
	if err != nil {
		return err
	}
	return errors.Join(s.Prepare(context.Background(), nil), s.Close())
}

// EmptyPostgres makes a database without a schema and drops it when the test is over.
func EmptyPostgres(t testing.TB) store.Options {
	t.Helper()
	return create(t, server(t), foreign)
}

// Postgres makes a database with the schema and drops it when the test is over.
func Postgres(t testing.TB) store.Options {
	t.Helper()
	address := server(t)
	template, err := postgresTemplate()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	return create(t, address, template)
}

// foreign is an empty database that sorts as people in some country do: nothing of ours may depend on it.
const foreign = "template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"

// server is the address of the PostgreSQL server; the test fails without one, because half of what it proves would be left out.
func server(t testing.TB) string {
	t.Helper()
	address := os.Getenv(Variable)
	if address == "" {
		if testing.Short() {
			t.Skipf("%s is not set", Variable)
		}
		t.Fatalf("%s is not set: name a PostgreSQL server where tests may create databases, or run with -short to leave it out", Variable)
	}
	return address
}

func create(t testing.TB, address, template string) store.Options {
	t.Helper()
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	name := "gatehouse_test_" + hex.EncodeToString(random)
	admin, err := open(address)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	run := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run("CREATE DATABASE " + name + " TEMPLATE " + template)
	t.Cleanup(func() { run("DROP DATABASE " + name + " WITH (FORCE)") })
	return on(address, name)
}

// on names another database on the same server. The pools of many tests share the server's connections.
func on(address, name string) store.Options {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // connect has parsed it before
	}
	u.Path = "/" + name
	return store.Options{Driver: string(store.PostgreSQL), URL: u.String(), MaxConns: 20}
}

func open(address string) (*sql.DB, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	if query := u.Query(); !query.Has("sslmode") {
		query.Set("sslmode", "prefer")
		u.RawQuery = query.Encode()
	}
	return sql.Open("postgres", u.String())
}

// postgresTemplate makes the database that tests copy, once per server and schema: test processes that run at the same time
// share it, and it is left behind for the next.
var postgresTemplate = sync.OnceValues(func() (name string, err error) {
	ctx := context.Background()
	address := os.Getenv(Variable)
	db, err := open(address)
	if err != nil {
		return "", err
	}
	defer db.Close()
	admin, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer admin.Close() // and with it the lock
	if _, err := admin.ExecContext(ctx, "SELECT pg_advisory_lock(1)"); err != nil {
		return "", err
	}
	name = "gatehouse_template_" + migrations.Fingerprint()
	var ready bool
	if err := admin.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&ready); err != nil || ready {
		return name, err
	}
	// Under its final name it is complete.
	making := name + "_making"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + making + " WITH (FORCE)", "CREATE DATABASE " + making + " TEMPLATE " + foreign} {
		if _, err := admin.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	if err := prepare(on(address, making)); err != nil {
		return "", err
	}
	_, err = admin.ExecContext(ctx, "ALTER DATABASE "+making+" RENAME TO "+name)
	return name, err
})
