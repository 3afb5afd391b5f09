package web

import (
	"strconv"
	"testing"
	"time"

	"gatehouse/internal/fault"
)

var limitNoon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestLimiter_aBucketFillsAgainInAMinute(t *testing.T) {
	t.Parallel()
	l, key, now := newLimiter(), countedKey{countsRequests, "app"}, limitNoon
	admit := func(want time.Duration) {
		t.Helper()
		err := l.admit(key, 6, now)
		if wait := fault.AsTooMany(err); (wait == nil) != (want == 0) || wait != nil && wait.RetryAfter != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for range 6 {
		admit(0)
	}
	admit(10 * time.Second)
	now = now.Add(4 * time.Second)
	admit(6 * time.Second)
	now = now.Add(6 * time.Second)
	admit(0)
	admit(10 * time.Second)
	now = now.Add(time.Hour)
	for range 6 { // and holds no more than it does
		admit(0)
	}
	admit(10 * time.Second)
	now = now.Add(-time.Hour) // a clock that was set back gives nothing, and takes nothing
	admit(10 * time.Second)
	if err := l.admit(key, 0, now); err != nil {
		t.Errorf("no limit: %v", err)
	}
	if err := l.admit(countedKey{countsRequests, "other"}, 6, now); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

func TestLimiter_failuresBlockAndAreShown(t *testing.T) {
	t.Parallel()
	l, now := newLimiter(), limitNoon
	for i := range 3 {
		key := countedKey{countsSignIn, "192.0.2." + strconv.Itoa(i)}
		for range 2 + i {
			l.fail(key, 3, now)
		}
		if wait := l.blocked(key, 3, now); (wait > 0) != (i > 0) {
			t.Errorf("after %d failures it waits %s", 2+i, wait)
		}
	}
	if list, total := l.waiting(now, 1); total != 2 || len(list) != 1 || list[0].What != countsSignIn || list[0].Wait != 20*time.Second {
		t.Errorf("%v of %d", list, total)
	}
	if _, total := l.waiting(now.Add(time.Minute), 1); total != 0 {
		t.Errorf("a minute later %d wait", total)
	}
	if l.fail(countedKey{}, 0, now); l.blocked(countedKey{}, 0, now) != 0 {
		t.Error("without a limit somebody waits")
	}
}

func TestLimiter_itsMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l, now := newLimiter(), limitNoon
	busy := countedKey{countsSignIn, "busy"}
	settle, err := l.reserve(t.Context(), busy, 1, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxCounted + 10 {
		l.fail(countedKey{countsSignIn, strconv.Itoa(i)}, 30, now)
	}
	if n := len(l.buckets); n > maxCounted || n < maxCounted/2 {
		t.Errorf("%d buckets", n)
	}
	settle(true) // what is under way is never forgotten
	if l.blocked(busy, 1, now) == 0 {
		t.Error("a failure was forgotten")
	}
	now = now.Add(time.Hour)
	for i := range maxCounted {
		l.fail(countedKey{countsClientAuth, strconv.Itoa(i)}, 30, now)
	}
	if n := len(l.buckets); n > maxCounted {
		t.Errorf("%d buckets", n)
	}
}
