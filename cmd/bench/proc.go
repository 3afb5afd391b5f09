package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc/<pid>/stat: Linux has told 100 a second to programs on every platform Go knows.
const tick = time.Second / 100

// usage is what a process and its children have used.
type usage struct {
	cpu time.Duration // of living children too, and of those that were waited for
	rss int64         // bytes
}

// usageOf reads what a process and its children have used; /proc has it on Linux alone.
func usageOf(pid int) (usage, error) { return usageIn("/proc", pid) }

func usageIn(proc string, pid int) (u usage, err error) {
	of := func(pid string) (stat, error) {
		text, err := os.ReadFile(filepath.Join(proc, pid, "stat"))
		if err != nil {
			return stat{}, err
		}
		return parseStat(string(text))
	}
	self, err := of(strconv.Itoa(pid))
	if err != nil {
		return u, err
	}
	u = usage{cpu: self.own + self.reaped, rss: self.rss}
	stats, err := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	if err != nil {
		return u, err
	}
	for _, path := range stats {
		child, err := of(filepath.Base(path))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) { // it has ended meanwhile
			continue
		} else if err != nil {
			return u, err
		}
		if child.parent == pid {
			u.cpu += child.own + child.reaped
			u.rss += child.rss
		}
	}
	return u, nil
}

// stat is what we need of /proc/<pid>/stat.
type stat struct {
	parent      int
	own, reaped time.Duration
	rss         int64
}

// parseStat reads proc(5)'s line: pid (comm) state ppid … utime stime cutime cstime … rss. comm may hold anything, blanks and
// parentheses too.
func parseStat(text string) (s stat, err error) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return s, fmt.Errorf("not a line of /proc/<pid>/stat: %q", text)
	}
	rest := strings.Fields(text[end+1:]) // from field 3 on
	const first = 3
	number := func(field int) int64 {
		if field-first >= len(rest) {
			err = fmt.Errorf("/proc/<pid>/stat has no field %d: %q", field, text)
			return 0
		}
		n, wrong := strconv.ParseInt(rest[field-first], 10, 64)
		if wrong != nil {
			err = fmt.Errorf("/proc/<pid>/stat, field %d: %w", field, wrong)
		}
		return n
	}
	s.parent = int(number(4))
	s.own = time.Duration(number(14)+number(15)) * tick
	s.reaped = time.Duration(number(16)+number(17)) * tick
	s.rss = number(24) * int64(os.Getpagesize())
	return s, err
}
