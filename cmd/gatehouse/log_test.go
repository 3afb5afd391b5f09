package main

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// paper notes what is written, and how often.
type paper struct {
	mu     sync.Mutex
	writes []string
	fails  bool
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails {
		return 0, errors.New("no room")
	}
	p.writes = append(p.writes, string(b))
	return len(b), nil
}

func (p *paper) lines() int { return strings.Count(strings.Join(p.writes, ""), "\n") }

func TestLog_writesLinesTogetherAndSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		log := newLog(newLogWriter(p), slog.LevelInfo)
		for range 50 {
			log.Info("request", "method", "GET")
		}
		log.Debug("nothing")
		time.Sleep(logFlushAfter - time.Millisecond)
		synctest.Wait()
		if len(p.writes) != 0 {
			t.Errorf("written at once: %q", p.writes)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if len(p.writes) != 1 || p.lines() != 50 {
			t.Errorf("%d lines in %d writes", p.lines(), len(p.writes))
		}
		log.Info("later")
		time.Sleep(logFlushAfter)
		synctest.Wait()
		if len(p.writes) != 2 || p.lines() != 51 {
			t.Errorf("later %d lines in %d writes", p.lines(), len(p.writes))
		}
	})
}

func TestLog_writesWarningsAtOnceWithAllBefore(t *testing.T) {
	t.Parallel()
	for _, level := range []slog.Level{slog.LevelWarn, slog.LevelError} {
		p := &paper{}
		log := newLog(newLogWriter(p), slog.LevelInfo)
		log.Info("before")
		log.With("a", 1).WithGroup("g").Log(t.Context(), level, "bad", "b", 2)
		if p.lines() != 2 || !strings.Contains(p.writes[0], `"before"`) || !strings.Contains(p.writes[0], `"a":1,"g":{"b":2}`) {
			t.Errorf("%s: %q", level, p.writes)
		}
	}
}

func TestLog_writesWholeLinesHoweverMany(t *testing.T) {
	t.Parallel()
	p := &paper{}
	w := newLogWriter(p)
	log := newLog(w, slog.LevelInfo)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 500 {
				log.Info("request", "text", strings.Repeat("x", 300))
			}
		})
	}
	group.Wait()
	log.Info("long", "text", strings.Repeat("y", 3*logBuffered))
	w.Flush()
	if p.lines() != 4001 {
		t.Errorf("%d lines", p.lines())
	}
	for _, write := range p.writes {
		if !strings.HasPrefix(write, "{") || !strings.HasSuffix(write, "}\n") {
			t.Fatalf("a write is cut: %.40q … %q", write, write[len(write)-20:])
		}
	}
	if len(p.writes) > 100 {
		t.Errorf("%d writes", len(p.writes))
	}
}

func TestLog_goesOnWhenThereIsRoomAgain(t *testing.T) {
	t.Parallel()
	p := &paper{fails: true}
	log := newLog(newLogWriter(p), slog.LevelInfo)
	log.Warn("lost")
	log.Warn("lost too")
	p.fails = false
	log.Warn("kept")
	if p.lines() != 1 || !strings.Contains(p.writes[0], "kept") {
		t.Errorf("%q", p.writes)
	}
}
