package main

import (
	"strings"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// Every list of a seeded house is looked at, its later pages too.
func TestLists_looksAtAllOfThem(t *testing.T) {
	t.Parallel()
	o := storetest.SQLite(t)
	h := webtest.OpenLocal(t, storetest.Open(t, o))
	chief := h.User(t, func(u *identity.User) { u.Role = identity.RoleAuditor })
	if exit, stdout, stderr := bench("seed", "--database-url", "sqlite://"+o.Path, "--users", "60", "--clients", "60", "--families", "120", "--rotations", "2", "--audit", "300", "--counts", "10"); exit != exitOK {
		t.Fatalf("exit %d\n%s%s", exit, stdout, stderr)
	}
	lists := func(args ...string) (int, string, string) {
		return bench(append([]string{"lists", "--server", h.Issuer, "--user", chief.Username, "--requests", "2"}, args...)...)
	}
	exit, stdout, stderr := lists("--password", webtest.Password)
	if exit != exitOK {
		t.Fatalf("exit %d\n%s%s", exit, stdout, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 1+len(views) {
		t.Errorf("%d lines of %d views:\n%s", len(lines), len(views), stdout)
	}
	for _, line := range lines[1:] {
		if f := strings.Fields(line); strings.HasPrefix(line, "audit") && strings.Contains(line, "  all  ") && f[4] != "10" {
			t.Errorf("the tenth page of the log is not looked at: %s", line)
		}
	}
	if exit, _, stderr := lists("--password", "wrong"); exit != exitFailed || !strings.Contains(stderr, "does not let") {
		t.Errorf("with a wrong password: exit %d, %s", exit, stderr)
	}
	if exit, stdout, _ := lists("--password", webtest.Password, "--only", "consents"); exit != exitOK || strings.Count(stdout, "\n") != 5 {
		t.Errorf("of consents alone: exit %d\n%s", exit, stdout)
	}
}
