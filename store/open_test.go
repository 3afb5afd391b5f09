package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestOpen_bothDatabasesKeepTheSameInstant(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addUser(t, s, "ada", identity.RoleAdmin)
		east := time.FixedZone("east", 7*3600)
		written := time.Date(2026, 3, 1, 19, 0, 0, 123456789, east) // noon in UTC, and more than microseconds
		session := identity.Session{ID: "s", TokenHash: "t", UserID: "ada", AuthTime: written, LastSeenAt: written, ExpiresAt: written.Add(500 * time.Millisecond)}
		must(t, s.CreateSession(ctx, signIn(session, ""), written, event(audit.SignInSucceeded)))
		read, _, err := s.SessionByToken(ctx, "t")
		must(t, err)
		if want := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC); !read.AuthTime.Equal(want) || read.EndedAt != nil {
			t.Fatalf("read %v, ended %v; want %v, never", read.AuthTime, read.EndedAt, want)
		}
		for _, c := range []struct {
			at   time.Time
			live bool
		}{
			{written.Add(499 * time.Millisecond), true}, {written.Add(499 * time.Millisecond).UTC(), true},
			{written.Add(500 * time.Millisecond), false}, {written.Add(time.Second), false}, {written.Add(-time.Hour), true},
		} {
			if live := must1(s.LiveSessions(ctx, "ada", c.at))(t); (len(live) == 1) != c.live {
				t.Errorf("at %v there are %d live sessions", c.at, len(live))
			}
		}
	})
}

func TestOpen_sqlxFindsPlaceholdersOnBoth(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		db := s.DB()
		if db.Rebind("?") != "$1" {
			t.Errorf("sqlx takes %s for another database", db.DriverName())
		}
		if _, err := db.NamedExec("INSERT INTO revoked_tokens (jti, expires_at) VALUES (:jti, :at)",
			[]map[string]any{{"jti": "a", "at": noon}, {"jti": "b", "at": noon}, {"jti": "c", "at": noon}}); err != nil {
			t.Fatal(err)
		}
		query, args, err := sqlx.In("SELECT jti FROM revoked_tokens WHERE jti IN (?) AND expires_at = ? ORDER BY jti", []string{"a", "c", "z"}, noon)
		must(t, err)
		var found []string
		must(t, db.Select(&found, db.Rebind(query), args...))
		if strings.Join(found, "") != "ac" {
			t.Fatalf("found %v", found)
		}
	})
}

func TestOpen_theSQLiteFileIsPrivateAndItsFolderIsMade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b %23?#", "gatehouse.db")
	s := storetest.Open(t, store.Options{Driver: "sqlite", Path: path})
	must(t, s.Prepare(ctx, nil))
	for _, file := range []struct {
		path string
		mode os.FileMode
	}{{path, 0o600}, {path + "-wal", 0o600}, {path + ".lock", 0o600}, {filepath.Dir(path), 0o700 | os.ModeDir}} {
		if info := must1(os.Stat(file.path))(t); info.Mode() != file.mode {
			t.Errorf("%s has mode %v, want %v", file.path, info.Mode(), file.mode)
		}
	}
}

// What SQLite has committed is on the disk, whichever connection did it: a write-ahead log that is synced at each commit.
func TestOpen_whatSQLiteCommitsOutlivesAPowerCut(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	for range 3 {
		conn := must1(s.DB().Connx(ctx))(t)
		t.Cleanup(func() { _ = conn.Close() }) // held until then: the next one is another
		var mode string
		var synchronous int
		must(t, conn.GetContext(ctx, &mode, "PRAGMA journal_mode"))
		must(t, conn.GetContext(ctx, &synchronous, "PRAGMA synchronous"))
		if mode != "wal" || synchronous != 2 { // FULL
			t.Errorf("journal_mode %s, synchronous %d", mode, synchronous)
		}
	}
}

func TestOpen_thePostgresURLIsCompleted(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://u:p@h/d":                                "postgres://u:p@h/d?binary_parameters=yes&connect_timeout=5&sslmode=prefer",
		"postgresql://u@h/d?sslmode=disable":                "postgresql://u@h/d?binary_parameters=yes&connect_timeout=5&sslmode=disable",
		"postgres:///d?binary_parameters=no&host=/run/pgsq": "postgres:///d?binary_parameters=no&connect_timeout=5&host=%2Frun%2Fpgsq&sslmode=prefer",
	} {
		if url := must1(store.PostgresURL(given))(t); url != want {
			t.Errorf("%s became %s, want %s", given, url, want)
		}
	}
}

func TestOpen_mistakesDoNotShowThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d", "user=u password=hunter2", "postgres://u:hunter2@h/d?sslmode=hunter2", ""} {
		_, err := store.Open(ctx, store.Options{Driver: "postgres", URL: url})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := store.Open(ctx, store.Options{Driver: "oracle"}); err == nil {
		t.Error("an unknown driver was opened")
	}
}

func TestOpen_aDatabaseThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := store.Open(ctx, store.Options{Driver: "postgres", URL: "postgres://u:p@127.0.0.1:1/d"}) // a port nobody is given
	if fault.AsUnavailable(err) == nil {
		t.Errorf("a closed port: %v", err)
	}
	_, err = store.Open(ctx, store.Options{Driver: "sqlite", Path: t.TempDir()})
	if err == nil {
		t.Error("a folder was opened")
	}
}

func TestStore_aDatabaseThatWentAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		s := storetest.Open(t, o)
		populated(t, s)
		if s.Dialect() == store.PostgreSQL {
			other := storetest.Open(t, o)
			drop := func() {
				_, err := other.DB().Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
				must(t, err)
			}
			// Not on a connection of the pool that finds out by itself: in the middle of a transaction.
			err := s.InTx(ctx, func(tx *store.Store) error {
				drop()
				return tx.SaveSetupLink(ctx, "", "")
			})
			if fault.AsUnavailable(err) == nil {
				t.Errorf("a broken connection: %v", err)
			}
			must(t, s.Ping(ctx)) // the pool mends itself
			return
		}
		// A folder where the file was: SQLite cannot open it for a new connection.
		must(t, s.InTx(ctx, func(*store.Store) error {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				must(t, os.Remove(o.Path+suffix))
			}
			must(t, os.Mkdir(o.Path, 0o700))
			if err := s.Ping(ctx); err == nil || fault.AsUnavailable(err) == nil { // a second connection
				t.Errorf("a file that is gone: %v", err)
			}
			return os.Remove(o.Path)
		}))
	})
}

func TestPostgres_aConnectionIsClosedLongAfterItsLastDeadline(t *testing.T) {
	t.Parallel()
	s := must1(store.Open(ctx, storetest.Postgres(t)))(t)
	brief, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	for range 3 { // prepared by then
		must(t, s.Ping(brief))
	}
	time.Sleep(1500 * time.Millisecond) // what is waited for beyond a context has passed too
	must(t, s.Close())
}

// A node of the next release may change what a statement answers, and a pooler may lose one: whoever prepared it asks anew.
func TestPostgres_aStatementThatHoldsNoMoreIsPreparedAnew(t *testing.T) {
	t.Parallel()
	o := storetest.Postgres(t)
	o.MaxConns = 2 // one beside that which changes the tables
	s := storetest.Open(t, o)
	populated(t, s)
	read := func() error { _, err := s.User(ctx, "bob"); return err }
	write := func() error { return s.TouchSession(ctx, "bob-session", noon.Add(time.Hour)) }
	for range 3 {
		must(t, read())
		must(t, write())
	}
	for _, change := range []string{"ALTER TABLE users ALTER COLUMN name TYPE VARCHAR(300)", "DEALLOCATE ALL"} {
		must1(s.DB().Exec(change))(t) // the pool hands out the connection that was last used
		for range 3 {
			if err := read(); err != nil {
				t.Errorf("%s: %v", change, err)
			}
			if err := write(); err != nil {
				t.Errorf("%s: %v", change, err)
			}
		}
		// In a transaction once at most.
		inTx := func() error {
			return s.InTx(ctx, func(tx *store.Store) error { _, err := tx.User(ctx, "bob"); return err })
		}
		must1(s.DB().Exec("DEALLOCATE ALL"))(t)
		_ = inTx()
		must(t, inTx())
	}
}

// A server that loses power says nothing, and its connections stay open: whoever waits for it gives up in time, and what is shared
// goes on as soon as there is a server again.
func TestPostgres_aServerThatFallsSilentKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	o := storetest.Postgres(t)
	var silent atomic.Bool
	o.FallSilent(&silent)
	s := storetest.Open(t, o)
	populated(t, s)
	for _, read := range []struct {
		name string
		most time.Duration
		do   func(ctx context.Context) error
	}{
		{"alone", 5 * time.Second, s.Ping},
		{"in a transaction", 5 * time.Second, func(ctx context.Context) error {
			return s.InTx(ctx, func(tx *store.Store) error { return tx.Ping(ctx) })
		}},
		{"shared", 20 * time.Second, func(ctx context.Context) error { // by its own deadline, which is nobody's
			_, err := s.Client(ctx, "app")
			return err
		}},
	} {
		must(t, read.do(ctx))
		silent.Store(true)
		brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		answered := make(chan error, 1)
		go func() { answered <- read.do(brief) }()
		select {
		case err := <-answered:
			if fault.AsUnavailable(err) == nil {
				t.Errorf("%s: %v", read.name, err)
			}
		case <-time.After(read.most):
			t.Fatalf("%s: whoever asked waits", read.name)
		}
		cancel()
		silent.Store(false)
		again, cancel := context.WithTimeout(ctx, read.most)
		if err := read.do(again); err != nil {
			t.Errorf("%s: when the server was back: %v", read.name, err)
		}
		cancel()
	}
}

func TestStore_aDeadlineIsUnavailableAndACancelledContextIsItself(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		late, cancel := context.WithDeadline(ctx, noon.Add(-100*365*24*time.Hour))
		defer cancel()
		if err := s.Ping(late); fault.AsUnavailable(err) == nil {
			t.Errorf("deadline: %v", err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.SaveSetupLink(gone, "", ""); !errors.Is(err, context.Canceled) || fault.AsUnavailable(err) != nil {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestStore_textThatOneDatabaseRefusesBothRefuse(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		for _, text := range []string{"a\x00b", "a\xffb"} {
			var fields fault.Fields
			if err := s.SaveSetupLink(ctx, text, "h"); !errors.As(err, &fields) {
				t.Errorf("%q was written: %v", text, err)
			}
			u := identity.User{ID: "u", Username: "u", Role: identity.RoleUser, Profile: identity.Profile{Nickname: text}, Name: text}
			if err := s.CreateUser(ctx, u, noon, event(audit.UserCreated)); !errors.As(err, &fields) {
				t.Errorf("%q was written: %v", text, err)
			}
			_, err := s.Client(ctx, text)
			wantNotFound(t, err)
			if p := must1(s.Users(ctx, store.UserFilter{Query: text, After: text}))(t); p.Total != 0 {
				t.Errorf("%q was found", text)
			}
		}
	})
}

func TestInTx_isUndoneByAnErrorAndByAPanicAndJoinsTheOneAroundIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		sentinel := errors.New("no")
		err := s.InTx(ctx, func(tx *store.Store) error {
			must(t, tx.InTx(ctx, func(inner *store.Store) error { return inner.SaveSetupLink(ctx, "seed", "hash") }))
			return sentinel
		})
		if !errors.Is(err, sentinel) {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = s.InTx(ctx, func(tx *store.Store) error {
				must(t, tx.SaveSetupLink(ctx, "seed", "hash"))
				panic("no")
			})
		}()
		if seed, _, err := s.SetupSeed(ctx); err != nil || seed != "" {
			t.Fatalf("seed %q, %v", seed, err)
		}
		must(t, s.InTx(ctx, func(tx *store.Store) error { return tx.SaveSetupLink(ctx, "seed", "hash") }))
		if seed, hash, err := s.SetupSeed(ctx); err != nil || seed != "seed" || hash != "hash" {
			t.Fatalf("seed %q, hash %q, %v", seed, hash, err)
		}
	})
}

func TestInTx_writersThatWaitDoNotKeepReadersOut(t *testing.T) {
	t.Parallel()
	o := storetest.SQLite(t)
	o.MaxConns = 3
	s := storetest.Open(t, o)
	waiting, cancel := context.WithCancel(ctx)
	var writers, begun sync.WaitGroup
	must(t, s.InTx(ctx, func(*store.Store) error {
		for range 10 {
			begun.Add(1)
			writers.Go(func() {
				begun.Done()
				if err := s.SaveSetupLink(waiting, "", ""); !errors.Is(err, context.Canceled) {
					t.Errorf("a writer that waited in vain: %v", err)
				}
			})
		}
		begun.Wait()
		reading, stop := context.WithTimeout(ctx, 4*time.Second) // less than SQLite lets a writer try
		defer stop()
		for range 1000 {
			if err := s.Ping(reading); err != nil {
				t.Errorf("a reader: %v", err)
				break
			}
		}
		cancel()
		writers.Wait()
		return nil
	}))
}

// A statement whose answer was lost is not run again behind our back: the code it spent would seem to be spent twice, and
// whoever holds it a thief; the row it added would be in its own way.
func TestPostgres_anActWhoseAnswerIsLostIsUnavailable(t *testing.T) {
	t.Parallel()
	o := storetest.Postgres(t)
	var lose atomic.Bool
	o.LoseAnswers(&lose)
	s := storetest.Open(t, o)
	populated(t, s)
	must(t, s.IssueCode(ctx, code("k", "bob", ""), nil))
	lose.Store(true)
	err := redeem(s, "k", "bob", "")
	if lose.Load() || fault.AsUnavailable(err) == nil {
		t.Fatalf("lost %v: %v", !lose.Load(), err)
	}
	wantSpent(t, s, "k") // it had happened
	if !alive(t, s, "k-family") {
		t.Error("half of it had happened")
	}
	lose.Store(true)
	err = s.SaveInteraction(ctx, oauth.Interaction{Hash: "i", ClientID: "app"})
	if u := fault.AsUnavailable(err); lose.Load() || u == nil || !u.Unknown {
		t.Fatalf("lost %v: %v", !lose.Load(), err)
	}
	must1(s.Interaction(ctx, "i"))(t)
}

func TestInTx_fiftyWritersWaitForOneAnotherAndNobodyGivesUp(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		won, _, _ := race(t, 50, func(i int) error {
			for range 20 {
				if err := s.Record(ctx, event(audit.TokenRefused)); err != nil {
					return err
				}
			}
			return nil
		})
		if n := events(t, s, audit.TokenRefused); won != 50 || n != 1000 {
			t.Fatalf("%d writers wrote %d events", won, n)
		}
	})
}
