package respond

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// heartbeat is how often a quiet stream says that it lives: a client that fell silent shows in no other way.
	heartbeat = 15 * time.Second
	// stalled is how long a client may take to read what it is sent.
	stalled = 30 * time.Second
	// reconnect is what browsers wait before they come back, and busy how long those wait who find no room.
	reconnect = 3 * time.Second
	busy      = 10 * time.Second
	// maxEventID bounds what a client says it has seen last, in bytes.
	maxEventID = 128
)

// Event is one event of a stream (HTML, server-sent events).
type Event struct {
	ID   string // what the browser says it has seen last when it comes back; may be empty, and then the last one stands
	Name string // empty is "message"
	Data string // any number of lines
}

// Streams are the open event streams of a server. They end with it.
type Streams struct {
	limit     int // of all
	each      int // of one owner
	heartbeat time.Duration
	log       *slog.Logger
	ctx       context.Context // ends with the server
	end       context.CancelFunc

	mu      sync.Mutex
	open    int
	owners  map[string]int // how many streams are whose
	refused int64
}

// NewStreams makes room for so many streams at a time, and so many of each owner.
func NewStreams(limit, each int, log *slog.Logger) *Streams {
	s := &Streams{limit: limit, each: each, heartbeat: heartbeat, log: log, owners: map[string]int{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends all streams, and lets none begin: a server that waits for them would wait for its whole patience.
func (s *Streams) Close() { s.end() }

// Open is how many there are.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Refused is how many found no room.
func (s *Streams) Refused() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *Streams) enter(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.limit || s.owners[owner] >= s.each || s.ctx.Err() != nil {
		s.refused++
		return false
	}
	s.open++
	s.owners[owner]++
	return true
}

func (s *Streams) leave(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.owners[owner]--; s.owners[owner] == 0 {
		delete(s.owners, owner)
	}
}

// Producer sends events until its context ends or send fails, which happen when the client is gone or the server stops. lastID is
// the event that the client saw last, empty for none; it is the client's word. When the producer returns the stream ends, and
// browsers come back.
type Producer func(ctx context.Context, lastID string, send func(Event) error) error

// Stream answers with the events of the producer, or with 503 where there is no room, at all or for its owner. Where there is, begin
// makes the producer before anything is answered; its error is the answer. The producer runs on when the handler has returned: it
// must not touch the *fiber.Ctx nor the request's context, both of which end then.
func (s *Streams) Stream(c *fiber.Ctx, owner string, begin func(ctx context.Context) (Producer, error)) error {
	if !s.enter(owner) {
		RetryAfter(c, busy)
		return c.Status(fiber.StatusServiceUnavailable).SendString("too many event streams are open\n")
	}
	produce, err := begin(c.UserContext())
	if err != nil {
		s.leave(owner)
		return err
	}
	lastID := strings.Clone(c.Get("Last-Event-ID"))
	if len(lastID) > maxEventID || strings.ContainsFunc(lastID, control) {
		lastID = ""
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // proxies that gather answers leave this one alone
	connection := c.Context().Conn()
	c.Context().SetConnectionClose() // nothing follows on it that awaitClose could take away
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.leave(owner)
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		go func() {
			awaitClose(connection)
			cancel()
		}()
		events, done := make(chan Event), make(chan error, 1)
		go func() { done <- s.run(ctx, produce, lastID, events) }()
		flush := func() error { return patient{w, connection}.wait(w.Flush) }
		if err := s.copy(ctx, w, flush, events, done); err != nil && ctx.Err() == nil {
			s.log.Error("an event stream failed", "error", err)
		}
		cancel()
	})
	return nil
}

// awaitClose waits until the client closes its end, or ours is closed. A client that only falls silent shows when it is sent something.
func awaitClose(connection net.Conn) {
	_ = connection.SetReadDeadline(time.Time{}) // that of the request; one that is closed says so
	for nothing := make([]byte, 64); ; {
		if _, err := connection.Read(nothing); err != nil {
			return
		}
	}
}

// errGone tells a producer that nobody listens any more.
var errGone = errors.New("the client is gone")

// run runs the producer. A panic beside the request would end the process.
func (s *Streams) run(ctx context.Context, produce Producer, lastID string, events chan<- Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return produce(ctx, lastID, func(e Event) error {
		select {
		case events <- e:
			return nil
		case <-ctx.Done():
			return errGone
		}
	})
}

// copy writes what the producer sends, and a comment now and then. Its error is the producer's: that a client is gone is none.
func (s *Streams) copy(ctx context.Context, w *bufio.Writer, flush func() error, events <-chan Event, done <-chan error) error {
	tick := time.NewTicker(s.heartbeat)
	defer tick.Stop()
	fmt.Fprintf(w, "retry: %d\n\n", reconnect.Milliseconds())
	for {
		if flush() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-done:
			return err
		case e := <-events:
			e.write(w)
		case <-tick.C:
			_, _ = w.WriteString(": \n\n") // the flush tells
		}
	}
}

// write writes the event as it goes over the wire. A line break in a name would begin another field.
func (e Event) write(w *bufio.Writer) {
	if e.ID != "" {
		fmt.Fprintf(w, "id: %s\n", oneLine(e.ID))
	}
	if e.Name != "" {
		fmt.Fprintf(w, "event: %s\n", oneLine(e.Name))
	}
	for line := range strings.SplitSeq(lineBreaks.Replace(e.Data), "\n") {
		fmt.Fprintf(w, "data: %s\n", line)
	}
	_, _ = w.WriteString("\n") // the flush tells
}

var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func control(r rune) bool { return r < ' ' || r == 0x7f }

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if control(r) {
			return -1
		}
		return r
	}, text)
}
