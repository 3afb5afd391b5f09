package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// statLine is a line as Linux writes it: field 1 is the pid, 2 the name, 24 the memory in pages.
func statLine(pid, name string, parent, utime, stime, cutime, cstime, pages int) string {
	n := strconv.Itoa
	return pid + " (" + name + ") S " + n(parent) + " 1 1 0 -1 4194560 100 0 0 0 " + strings.Join([]string{n(utime), n(stime), n(cutime), n(cstime)}, " ") +
		" 20 0 5 0 12345 1000000 " + n(pages) + " 18446744073709551615 1 1 0 0 0 0 0 0 2143420159 0 0 0 17 1 0 0 0 0 0\n"
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	page := int64(os.Getpagesize())
	for _, name := range []string{"gatehouse", "a (b) c", ") 1 2", ""} {
		s, err := parseStat(statLine("42", name, 7, 150, 50, 30, 20, 1000))
		if want := (stat{7, 2 * time.Second, 500 * time.Millisecond, 1000 * page}); err != nil || s != want {
			t.Errorf("%q: %+v, %v; expected %+v", name, s, err, want)
		}
	}
	for _, text := range []string{"", "42 (x", "42 (x) S", "42 (x) S one" + strings.Repeat(" 1", 40)} {
		if s, err := parseStat(text); err == nil {
			t.Errorf("%q is read as %+v", text, s)
		}
	}
}

func TestUsage_countsChildren(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	put := func(pid, line string) {
		if err := os.Mkdir(filepath.Join(proc, pid), 0o700); err != nil {
			t.Fatal(err)
		}
		if line != "" {
			if err := os.WriteFile(filepath.Join(proc, pid, "stat"), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("10", statLine("10", "postgres", 1, 10, 10, 100, 0, 5))
	put("11", statLine("11", "postgres: backend", 10, 20, 20, 0, 0, 7))
	put("12", statLine("12", "other", 11, 1000, 0, 0, 0, 1000)) // a grandchild, or somebody else's
	put("13", "")                                               // it has just ended
	u, err := usageIn(proc, 10)
	if want := (usage{1600 * time.Millisecond, 12 * int64(os.Getpagesize())}); err != nil || u != want {
		t.Errorf("%+v, %v; expected %+v", u, err, want)
	}
	if u, err := usageIn(proc, 99); err == nil {
		t.Errorf("a process that is not there has used %+v", u)
	}
}

func TestUsage_ofThisProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done").Run(); err != nil {
		t.Fatal(err)
	}
	after, err := usageOf(os.Getpid())
	if err != nil || after.cpu <= before.cpu || after.rss == 0 {
		t.Errorf("before %+v, after a child's work %+v, %v", before, after, err)
	}
}
