package respond

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

const soon = 30 * time.Second

// A street is a server whose only page is a stream.
type street struct {
	app     *fiber.App
	streams *Streams
	url     string
	log     *lockedLog
}

type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func open(t *testing.T, limit int, produce Producer) *street {
	t.Helper()
	s := &street{log: &lockedLog{}}
	s.streams = NewStreams(limit, limit, slog.New(slog.NewTextHandler(s.log, nil)))
	s.streams.heartbeat = 20 * time.Millisecond
	s.app = fiber.New(fiber.Config{DisableStartupMessage: true, WriteTimeout: 200 * time.Millisecond, Immutable: true})
	s.app.Use(func(c *fiber.Ctx) error { // as the edge does
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		c.SetUserContext(ctx)
		return c.Next()
	})
	s.app.Get("/", func(c *fiber.Ctx) error {
		return s.streams.Stream(c, c.Query("owner"), func(context.Context) (Producer, error) { return produce, nil })
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.app.Listener(listener) //nolint:errcheck // ends with the test
	t.Cleanup(func() {
		s.streams.Close()
		_ = s.app.ShutdownWithTimeout(soon)
	})
	s.url = "http://" + listener.Addr().String()
	return s
}

// An answer is a stream that has begun.
type answer struct {
	status int
	header http.Header
	body   io.Reader
}

// follow begins a stream; the context ends it.
func (s *street) follow(ctx context.Context, t *testing.T, lastID string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", lastID)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return answer{response.StatusCode, response.Header, response.Body}
}

func (s *street) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for started := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(started) > soon {
			t.Fatalf("%s: never", what)
		}
	}
}

// fields reads a stream's fields, comments left out, until there are n or it ends.
func fields(body io.Reader, n int) (out []string) {
	for lines := bufio.NewScanner(body); len(out) < n && lines.Scan(); {
		if text := lines.Text(); text != "" && !strings.HasPrefix(text, ":") && !strings.HasPrefix(text, "retry:") {
			out = append(out, text)
		}
	}
	return out
}

func TestStream_sendsEventsAndIsToldWhatWasSeen(t *testing.T) {
	t.Parallel()
	s := open(t, 10, func(_ context.Context, lastID string, send func(Event) error) error {
		return errors.Join(
			send(Event{ID: "8", Name: "signin", Data: "one\ntwo\r\nthree\rfour"}),
			send(Event{ID: "9\nevent: forged", Name: "a\r\ndata: forged", Data: "seen " + lastID}),
			send(Event{}),
		)
	})
	response := s.follow(t.Context(), t, "7")
	if response.header.Get("Content-Type") != "text/event-stream" || response.header.Get("Cache-Control") != "no-store" || response.header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("headers %v", response.header)
	}
	want := "id: 8|event: signin|data: one|data: two|data: three|data: four|id: 9event: forged|event: adata: forged|data: seen 7|data: "
	if got := strings.Join(fields(response.body, 100), "|"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, bad := range []string{strings.Repeat("x", 200), "a\tb"} {
		if got := fields(s.follow(t.Context(), t, bad).body, 9); got[8] != "data: seen " {
			t.Errorf("taken: %q", got[8])
		}
	}
	s.until(t, "the streams end", func() bool { return s.streams.Open() == 0 })
	if s.log.String() != "" {
		t.Error(s.log.String())
	}
}

// Streams outlive the time that ordinary answers have.
func TestStream_isNotCutByTheWriteTimeout(t *testing.T) {
	t.Parallel()
	s := open(t, 1, func(ctx context.Context, _ string, send func(Event) error) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(700 * time.Millisecond): // the write timeout is 200 ms
		}
		return send(Event{Data: "late"})
	})
	if got := fields(s.follow(t.Context(), t, "").body, 1); len(got) != 1 || got[0] != "data: late" {
		t.Errorf("got %q", got)
	}
}

// A server that stops does not wait for those who listen.
func TestStream_endsWithTheServer(t *testing.T) {
	t.Parallel()
	const n = 100
	var running atomic.Int64
	s := open(t, n, func(ctx context.Context, _ string, send func(Event) error) error {
		running.Add(1)
		defer running.Add(-1)
		<-ctx.Done()
		return send(Event{Data: "too late"})
	})
	var bodies []answer
	for range n {
		bodies = append(bodies, s.follow(t.Context(), t, ""))
	}
	s.until(t, "all listen", func() bool { return running.Load() == n && s.streams.Open() == n })
	started := time.Now()
	s.streams.Close()
	if err := s.app.ShutdownWithTimeout(soon); err != nil {
		t.Error(err)
	}
	took := time.Since(started)
	t.Logf("%d streams: stopped after %s", n, took.Round(time.Millisecond))
	if took > time.Second {
		t.Errorf("it took %s", took)
	}
	s.until(t, "the producers end", func() bool { return running.Load() == 0 && s.streams.Open() == 0 })
	for _, response := range bodies {
		if rest, err := io.ReadAll(response.body); err != nil || strings.Contains(string(rest), "too late") {
			t.Fatalf("the stream ends with %q, %v", rest, err)
		}
	}
}

func TestStream_endsWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	s := open(t, 1, func(ctx context.Context, _ string, send func(Event) error) error {
		<-ctx.Done()
		ended <- send(Event{})
		return nil
	})
	ctx, leave := context.WithCancel(t.Context())
	s.follow(ctx, t, "")
	leave()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it could still send")
		}
	case <-time.After(soon):
		t.Fatal("the producer goes on")
	}
	s.until(t, "its room is free", func() bool { return s.streams.Open() == 0 })
}

func TestStream_aPanicEndsTheStreamAlone(t *testing.T) {
	t.Parallel()
	s := open(t, 1, func(context.Context, string, func(Event) error) error { panic("lost") })
	for range 3 {
		if got := fields(s.follow(t.Context(), t, "").body, 1); len(got) != 0 {
			t.Errorf("got %q", got)
		}
		s.until(t, "its room is free", func() bool { return s.streams.Open() == 0 })
	}
	if got := strings.Count(s.log.String(), "panic: lost"); got != 3 {
		t.Errorf("%d of 3 are logged:\n%s", got, s.log)
	}
}

func TestStream_thereIsRoomForSoMany(t *testing.T) {
	t.Parallel()
	s := open(t, 2, func(ctx context.Context, _ string, _ func(Event) error) error { <-ctx.Done(); return nil })
	ctx, leave := context.WithCancel(t.Context())
	s.follow(ctx, t, "")
	s.follow(t.Context(), t, "")
	third := s.follow(t.Context(), t, "")
	if third.status != http.StatusServiceUnavailable || third.header.Get("Retry-After") != "10" {
		t.Errorf("a third: %d %v", third.status, third.header)
	}
	leave()
	s.until(t, "one is gone", func() bool { return s.streams.Open() == 1 })
	if again := s.follow(t.Context(), t, ""); again.status != http.StatusOK {
		t.Errorf("again: %d", again.status)
	}
	s.streams.Close()
	if after := s.follow(t.Context(), t, ""); after.status != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d", after.status)
	}
}

// A client that reads nothing holds up nobody but itself.
func TestStream_headAndHangersOnLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s := open(t, 5, func(ctx context.Context, _ string, _ func(Event) error) error { <-ctx.Done(); return nil })
	response, err := http.Head(s.url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	s.until(t, "HEAD leaves", func() bool { return s.streams.Open() == 0 })
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	s.until(t, "it has begun", func() bool { return s.streams.Open() == 1 })
	_ = conn.Close()
	s.until(t, "it has ended", func() bool { return s.streams.Open() == 0 })
}

// A producer that cannot begin is an ordinary answer, and takes no room.
func TestStream_whatCannotBeginIsAnswered(t *testing.T) {
	t.Parallel()
	streams := NewStreams(2, 1, slog.New(slog.DiscardHandler))
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error {
		return streams.Stream(c, "owner", func(context.Context) (Producer, error) { return nil, fiber.ErrTeapot })
	})
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := app.Test(r, -1)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusTeapot || streams.Open() != 0 || streams.Refused() != 0 {
			t.Errorf("%d, %d open", response.StatusCode, streams.Open())
		}
	}
}

// One owner has no more than their share, and what they leave is theirs again.
func TestStreams_areShared(t *testing.T) {
	t.Parallel()
	s := NewStreams(3, 2, slog.New(slog.DiscardHandler))
	var got []bool
	for _, owner := range []string{"a", "a", "a", "b", "c"} {
		got = append(got, s.enter(owner))
	}
	s.leave("a")
	got = append(got, s.enter("a"))
	if want := []bool{true, true, false, true, false, true}; !slices.Equal(got, want) || s.Open() != 3 || s.Refused() != 2 {
		t.Errorf("%v, %d open, %d refused", got, s.Open(), s.Refused())
	}
}
