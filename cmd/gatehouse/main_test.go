package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/secret"
	"gatehouse/migrations"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// A machine is where commands run in a test: an environment and the database it names.
type machine struct {
	env     map[string]string
	options store.Options
}

// eachMachine runs fn for both databases, migrated and without a master key, in parallel.
func eachMachine(t *testing.T, fn func(t *testing.T, m machine)) {
	t.Helper()
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) { fn(t, machineOn(b.Migrated(t))) })
}

// eachEmptyMachine is eachMachine with a database that has no schema.
func eachEmptyMachine(t *testing.T, fn func(t *testing.T, m machine)) {
	t.Helper()
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) { fn(t, machineOn(b.Empty(t))) })
}

func machineOn(o store.Options) machine {
	m := machine{options: o, env: map[string]string{"GATEHOUSE_DATABASE_URL": o.URL}}
	if o.Path != "" {
		m.env["GATEHOUSE_DATABASE_URL"] = "sqlite://" + o.Path
	} else {
		m.env["GATEHOUSE_MASTER_KEY"] = secret.NewMasterKey()
	}
	return m
}

func (m machine) sqlite() bool { return m.options.Path != "" }

// with is the machine with one variable set otherwise.
func (m machine) with(name, value string) machine {
	env := map[string]string{name: value}
	for n, v := range m.env {
		if n != name {
			env[n] = v
		}
	}
	m.env = env
	return m
}

// answer is what came of a command.
type answer struct {
	exit     int
	out, err string
}

// run runs a command line.
func (m machine) run(stdin string, args ...string) answer {
	var out, errs bytes.Buffer
	exit := Run(args, strings.NewReader(stdin), &out, &errs, func(name string) string { return m.env[name] })
	return answer{exit, out.String(), errs.String()}
}

// do runs a command line of words without spaces that has to succeed, and returns what it printed.
func (m machine) do(t *testing.T, line string) string {
	t.Helper()
	return m.feed(t, "", line)
}

// feed is do with something on standard input.
func (m machine) feed(t *testing.T, stdin, line string) string {
	t.Helper()
	a := m.run(stdin, strings.Fields(line)...)
	if a.exit != exitOK || a.err != "" {
		t.Fatalf("gatehouse %s: exit %d\n%s%s", line, a.exit, a.out, a.err)
	}
	return a.out
}

// refuses runs a command line that has to end with this exit code and to say this, in one line.
func (m machine) refuses(t *testing.T, exit int, says, line string) {
	t.Helper()
	a := m.run("", strings.Fields(line)...)
	if a.exit != exit || !strings.Contains(a.err, says) || strings.Count(a.err, "\n") != 1 || a.out != "" {
		t.Errorf("gatehouse %s: exit %d, expected %d and %q\n%s%s", line, a.exit, exit, says, a.out, a.err)
	}
}

// read decodes what a command printed as JSON.
func read[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// events are the newest events, newest first.
func (m machine) events(t *testing.T) []audit.Event {
	t.Helper()
	events, err := storetest.Open(t, m.options).Events(t.Context(), store.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// mustRecord expects the newest event to be this one, made by this command line.
func (m machine) mustRecord(t *testing.T, action audit.Action, target string) {
	t.Helper()
	newest := m.events(t)[0]
	if newest.Action != action || newest.Target.ID != target || newest.Outcome != audit.Success {
		t.Errorf("newest event %+v, expected %s of %s", newest, action, target)
	}
	if newest.Actor != (audit.Party{Kind: audit.KindCLI, Name: osUser()}) {
		t.Errorf("%s was done by %+v", action, newest.Actor)
	}
}

// sql changes the database behind everybody's back.
func (m machine) sql(t *testing.T, statement string) {
	t.Helper()
	driver, source := m.options.Driver, m.options.Path
	if !m.sqlite() {
		source = m.options.URL
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun_wrongCommandLinesExitWithTwo(t *testing.T) {
	t.Parallel()
	nowhere := machine{env: map[string]string{"GATEHOUSE_DATABASE_URL": "sqlite:///does/not/exist/x.db"}}
	for line, says := range map[string]string{
		"":                                     "expected one of",
		"open-sesame":                          "unexpected argument",
		"user create":                          "--username",
		"user create --username a --role king": "--role",
		"user create --username a --shoe-size 43":                         "--shoe-size",
		"user create --username a --password hunter":                      "--password",
		"user create --username a --password-stdin --password-hash-stdin": "together",
		"scope create --name a":                                           "--description",
		"client create":                                                   "--metadata",
		"api create --name a":                                             "--identifier",
		"api create --identifier urn:a":                                   "--name",
		"api create --name a --identifier urn:a --signing-secret hunter":  "--signing-secret",
		"api create --name a --identifier urn:a --access-token-ttl long":  "--access-token-ttl",
		"api update urn:a":                                                "say what to change",
		"session end":                                                     "name the session",
		"session end abc --username ada":                                  "not two",
		"family revoke":                                                   "name the grant",
		"family revoke abc --client-id cl_x":                              "not two",
		"serve --listen":                                                  "--listen",
		"user list --database-url x":                                      "GATEHOUSE_DATABASE_URL",
		"user reset-password a --issuer x.y/":                             "GATEHOUSE_ISSUER",
	} {
		a := nowhere.run("", strings.Fields(line)...)
		if a.exit != exitUsage || !strings.HasPrefix(a.err, "gatehouse: ") || !strings.Contains(a.err, says) || a.out != "" {
			t.Errorf("gatehouse %s: exit %d\n%s%s", line, a.exit, a.out, a.err)
		}
	}
	a := nowhere.run("", "session", "end", "--json")
	if f := read[failure](t, a.err); f.Code != "usage" || f.Description != "name the session: --id, --username or --client-id" {
		t.Errorf("as JSON: %s", a.err)
	}
}

func TestRun_helpExitsWithZero(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"--help", "user --help", "serve --help", "client create --help", "session end --help", "help", "help serve"} {
		if out := (machine{}).do(t, line); !strings.Contains(out, "Usage: gatehouse") {
			t.Errorf("%s printed %s", line, out)
		}
	}
	if out := (machine{}).do(t, "serve --help"); !strings.Contains(out, "$GATEHOUSE_LISTEN") || strings.Contains(out, "--master-key=") {
		t.Errorf("help of serve: %s", out)
	}
}

func TestVersion_tellsTheCommit(t *testing.T) {
	t.Parallel()
	if out := (machine{}).do(t, "version"); !strings.HasPrefix(out, "gatehouse dev (commit ") {
		t.Errorf("printed %s", out)
	}
	if b := read[build](t, (machine{}).do(t, "version --json")); b.Version != "dev" || b.Commit == "" || !strings.HasPrefix(b.Go, "go1.") {
		t.Errorf("got %+v", b)
	}
}

// Security rule 23: an SQLite database gets its key file with it; PostgreSQL needs a key only where something is sealed.
func TestCommand_furnishesAnEmptyDatabase(t *testing.T) {
	eachEmptyMachine(t, func(t *testing.T, m machine) {
		if out := m.do(t, "user list --json"); out != "[]\n" {
			t.Errorf("printed %s", out)
		}
		claimed, err := storetest.Open(t, m.options).MasterKeyID(t.Context())
		if err != nil || claimed == "" {
			t.Errorf("master key %q, %v", claimed, err)
		}
		if !m.sqlite() {
			return
		}
		key := m.options.Path + ".key"
		if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("key file: %v, %v", info, err)
		}
		if err := os.Rename(key, key+".away"); err != nil {
			t.Fatal(err)
		}
		m.do(t, "user list")
		m.refuses(t, exitFailed, "put "+key+" back", "key rotate")
		if a := m.run("", "serve"); a.exit != exitFailed || !strings.Contains(a.err, "put "+key+" back") {
			t.Errorf("serve: exit %d\n%s", a.exit, a.err)
		}
		if _, err := os.Stat(key); err == nil {
			t.Error("a second key was made")
		}
	})
}

func TestCommand_withoutAKeyWorksOnPostgreSQLUnlessItSeals(t *testing.T) {
	t.Parallel()
	m := machineOn(storetest.EmptyPostgres(t)).with("GATEHOUSE_MASTER_KEY", "")
	m.do(t, "user create --username ada --role admin")
	for _, line := range []string{"key rotate", "serve"} {
		if a := m.run("", strings.Fields(line)...); a.exit != exitUsage || !strings.Contains(a.err, "GATEHOUSE_MASTER_KEY: is not set") || !strings.Contains(a.err, "openssl rand -base64 32") {
			t.Errorf("%s: exit %d, %s", line, a.exit, a.err)
		}
	}
}

func TestCommand_aWrongMasterKeyStops(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "key rotate") // binds the database to its key
		wrong := m.with("GATEHOUSE_MASTER_KEY", secret.NewMasterKey())
		for _, line := range []string{"key rotate", "serve --listen 127.0.0.1:0"} {
			a := wrong.run("", strings.Fields(line)...)
			if a.exit != exitFailed || !strings.Contains(a.err, "the database belongs to another master key") {
				t.Errorf("%s: exit %d\n%s", line, a.exit, a.err)
			}
		}
		wrong.do(t, "key list")
		wrong.with("GATEHOUSE_MASTER_KEY", "nonsense").do(t, "key list")
		if got := read[[]keyView](t, m.do(t, "key list --json")); len(got) != 2 {
			t.Errorf("keys %+v", got)
		}
	})
}

func TestCommand_onAnotherSchemaRefuses(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "migrate up")
		m.sql(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)")
		for _, line := range []string{"user list", "migrate up", "key rotate"} {
			m.refuses(t, exitFailed, "migrated by a newer Gatehouse", line)
		}
		if a := m.run("", "serve"); a.exit != exitFailed || !strings.Contains(a.err, "migrated by a newer Gatehouse") {
			t.Errorf("serve: exit %d\n%s", a.exit, a.err)
		}
		if !strings.Contains(m.do(t, "migrate status"), "newer") {
			t.Error("migrate status does not tell")
		}
		if a := m.run("", "user", "list", "--json"); read[failure](t, a.err).Code != "schema_newer" {
			t.Errorf("as JSON: %s", a.err)
		}

		m.sql(t, "DELETE FROM goose_db_version WHERE version_id >= 10")
		m.refuses(t, exitFailed, "run `gatehouse migrate up`", "user list")
		if !strings.Contains(m.do(t, "migrate status"), "pending") {
			t.Error("migrate status does not tell what is pending")
		}
	})
}

func TestMigrate_up(t *testing.T) {
	eachEmptyMachine(t, func(t *testing.T, m machine) {
		if out := m.do(t, "migrate status"); !strings.Contains(out, "schema is empty") || strings.Count(out, "pending") != int(migrations.Latest()) {
			t.Errorf("printed %s", out)
		}
		if out := m.do(t, "migrate up"); out != "The database is up to date.\n" {
			t.Errorf("printed %s", out)
		}
		if out := m.do(t, "migrate up"); out != "The database was up to date.\n" {
			t.Errorf("printed %s", out)
		}
		type answer struct {
			Schema     store.Schema `json:"schema"`
			Migrations []step       `json:"migrations"`
		}
		got := read[answer](t, m.do(t, "migrate status --json"))
		if got.Schema != store.SchemaCurrent || len(got.Migrations) != int(migrations.Latest()) || got.Migrations[0].AppliedAt == nil {
			t.Errorf("got %+v", got)
		}
	})
}

func TestCommand_saysWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	m := machine{env: map[string]string{"GATEHOUSE_DATABASE_URL": "postgres://me:hunter2@127.0.0.1:1/house"}}
	a := m.run("", "user", "list", "--json")
	if f := read[failure](t, a.err); a.exit != exitFailed || f.Code != "unavailable" || strings.Contains(a.err, "hunter2") {
		t.Errorf("exit %d: %s", a.exit, a.err)
	}
}

func TestServe_tellsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	m := machine{env: map[string]string{
		"GATEHOUSE_DATABASE_URL": "postgres://me:hunter2@db", "GATEHOUSE_ISSUER": "http://login.example.com", "GATEHOUSE_CODE_TTL": "1h",
		"GATEHOUSE_MASTER_KEY": "hunter2",
	}}
	a := m.run("", "serve", "--listen", "here")
	if a.exit != exitUsage || a.out != "" || strings.Contains(a.err, "hunter2") {
		t.Errorf("exit %d\n%s%s", a.exit, a.out, a.err)
	}
	for _, name := range []string{"LISTEN", "ISSUER", "DATABASE_URL", "CODE_TTL", "MASTER_KEY"} {
		if !strings.Contains(a.err, "\n  GATEHOUSE_"+name+": ") {
			t.Errorf("nothing about %s in %s", name, a.err)
		}
	}
	if f := read[failure](t, m.run("", "serve", "--listen", "here", "--json").err); len(f.Mistakes) != 5 || f.Code != "invalid_configuration" {
		t.Errorf("as JSON: %+v", f)
	}
}
