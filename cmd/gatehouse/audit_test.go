package main

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/audit"
)

// sealed seals what has happened, as a server does.
func (m machine) sealed(t *testing.T) {
	t.Helper()
	h, chain, err := keyedPlace{}.openChain(context.Background(), &process{getenv: func(name string) string { return m.env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.SealEvents(t.Context(), chain, now(), audit.Late, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAudit_verify(t *testing.T) {
	eachEmptyMachine(t, func(t *testing.T, m machine) {
		m.run("", "user", "create", "--username", "ada", "--role", "admin")
		if out := m.do(t, "audit verify"); !strings.Contains(out, "nothing has been sealed yet") || !strings.Contains(out, "Not sealed yet: 1 event, the oldest of 20") {
			t.Errorf("before: %s", out)
		}
		if out := m.do(t, "audit checkpoint"); out != "" {
			t.Errorf("before, the checkpoints are %s", out)
		}
		m.sealed(t)
		m.do(t, "user create --username bob")
		if out := m.do(t, "audit verify"); !strings.Contains(out, "is whole: 1 event proven, sealed until 20") || !strings.Contains(out, "Not sealed yet: 1 event") {
			t.Errorf("sealed: %s", out)
		}
		m.sealed(t)
		kept := m.do(t, "audit checkpoint")
		log := file(t, "a log line\nlevel=INFO checkpoint="+strings.Join(strings.Fields(kept), "\nmore ")+"\n")
		if out := m.do(t, "audit verify --from "+log); strings.Count(kept, "\n") != 3 || !strings.Contains(out, "agrees with 3 checkpoints") {
			t.Errorf("with checkpoints: %s", out)
		}
		if v := read[audit.Verification](t, m.feed(t, kept, "audit verify --from - --json")); v.Events != 2 || v.Checkpoints != 3 || !v.Whole() {
			t.Errorf("as JSON: %+v", v)
		}
		m.refuses(t, exitFailed, "there is no checkpoint in", "audit verify --from "+file(t, "nothing"))
		m.refuses(t, exitFailed, "no such file", "audit verify --from /does/not/exist")

		id := m.events(t)[1].ID // of ada
		m.sql(t, "UPDATE audit_events SET target_name = 'mallory' WHERE id = '"+id+"'")
		m.refuses(t, exitFailed, "the audit log is not whole: chain changes, seal 1, event "+id+": the event was changed after it was sealed", "audit verify")
		a := m.run("", "audit", "verify", "--json")
		if v := read[audit.Verification](t, a.out); a.exit != exitFailed || len(v.Breaks) != 1 || v.Breaks[0].EventID != id || !strings.Contains(a.err, "audit_log_broken") {
			t.Errorf("as JSON: %d %s%s", a.exit, a.out, a.err)
		}
		m.sql(t, "DELETE FROM audit_seals")
		m.sql(t, "DELETE FROM audit_chains")
		m.sealed(t) // somebody hopes that nobody remembers
		m.do(t, "audit verify")
		a = m.run("", "audit", "verify", "--from", log)
		if a.exit != exitFailed || !strings.Contains(a.err, "this is not the chain that the checkpoint is of") {
			t.Errorf("begun anew: %d %s%s", a.exit, a.out, a.err)
		}
	})
}

func TestAudit_export(t *testing.T) {
	eachEmptyMachine(t, func(t *testing.T, m machine) {
		for _, name := range []string{"ada", "bob", "eve"} {
			m.run("", "user", "create", "--username", name, "--role", "admin")
		}
		m.sealed(t)
		lines := strings.Split(strings.TrimSpace(m.do(t, "audit export")), "\n")
		if len(lines) != 5 || !strings.Contains(lines[4], `"complete":true,"events":4,"checkpoints":["ghcp1.`) {
			t.Errorf("exported\n%s", strings.Join(lines, "\n"))
		}
		m.mustRecord(t, audit.AuditExported, "")
		path := filepath.Join(t.TempDir(), "bob.csv")
		if out := m.do(t, "audit export --format csv --output "+path+" --username bob --action user.created --outcome success --from 2020-01-01 --to 2120-01-01"); out != "Wrote 1 event to "+path+".\n" {
			t.Errorf("printed %s", out)
		}
		if asked := m.events(t)[0].Changes; asked["action"].After != "user.created" || asked["format"].After != "csv" || asked["user"].After == "" || len(asked) != 6 {
			t.Errorf("the event tells %v", asked)
		}
		text, err := os.ReadFile(path)
		rows, fault := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil || fault != nil || len(rows) != 2 || rows[1][10] != "bob" {
			t.Errorf("%v, %v: %q", err, fault, rows)
		}
		if out := m.do(t, "audit export --format csv --target nothing"); strings.Count(out, "\n") != 1 {
			t.Errorf("nothing is %q", out)
		}
		m.refuses(t, exitUsage, "there are no events", "audit export --action nonsense")
		m.refuses(t, exitUsage, "expected success or refused", "audit export --outcome nonsense")
		m.refuses(t, exitUsage, "is no time", "audit export --from yesterday")
		m.refuses(t, exitFailed, "not found", "audit export --username nobody")
		m.refuses(t, exitFailed, "no such file", "audit export --output /does/not/exist/file")
		if a := m.run("", "audit", "export", "--format", "xlsx"); a.exit != exitUsage {
			t.Errorf("xlsx: %d", a.exit)
		}
		m.sql(t, "UPDATE audit_chains SET seq = 7") // what there is can be exported all the same
		if out := m.do(t, "audit export"); !strings.Contains(out, `"complete":true`) || strings.Contains(out, "ghcp1.") {
			t.Errorf("exported\n%s", out)
		}
	})
}
