package web

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/store"
	"gatehouse/web/respond"
)

const (
	// probeEvery is how often a database that was lost is asked for a sign of life.
	probeEvery = 250 * time.Millisecond
	// watchEvery is how often a database that nobody asks anything is.
	watchEvery = time.Second
)

// readiness knows since when this node can serve. While the database is away it keeps asking, so that it notices the return
// by itself: retries of refresh tokens count from then on (security.md rule 1).
type readiness struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	readyAt time.Time
	down    bool
	probing bool
	leaving bool // the server is being stopped
	stopped chan struct{}
	once    sync.Once
}

func newReadiness(s *store.Store, now func() time.Time, log *slog.Logger) *readiness {
	return &readiness{store: s, now: now, log: log, readyAt: now(), stopped: make(chan struct{})}
}

// since is when this node last became ready; now, while it is not.
func (r *readiness) since() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return r.now()
	}
	return r.readyAt
}

// up reports whether this node can serve: the database answered when it was last asked, and nobody stops the server.
func (r *readiness) up() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.down && !r.leaving
}

// drain says that this node is about to end.
func (r *readiness) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = true
}

func (r *readiness) draining() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leaving
}

func (r *readiness) stop() { r.once.Do(func() { close(r.stopped) }) }

// suspect is told that something was unavailable. It looks whether the database is, and waits for it if so.
func (r *readiness) suspect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.probing {
		return
	}
	r.probing = true
	go r.probe()
}

// Watch notices that the database is away on a node to which no request comes, until the context ends: a retry that waited for
// another node's return may come to this one first (security.md rule 1).
func (a *App) Watch(ctx context.Context) {
	Regularly(ctx, watchEvery, nil, func() {
		if !a.site.Store.Pool().Busy() {
			a.site.ready.suspect()
		}
	})
}

func (r *readiness) probe() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for r.ping() != nil {
		r.mu.Lock()
		if !r.down {
			r.down = true
			r.log.Warn("the database is away")
		}
		r.mu.Unlock()
		select {
		case <-tick.C:
		case <-r.stopped:
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		r.down, r.readyAt = false, r.now()
		r.log.Info("the database is back")
	}
	r.probing = false
}

func (r *readiness) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return r.store.Ping(ctx)
}

// healthz says that the process lives.
func (s *site) healthz(c *fiber.Ctx) error { return c.SendString("ok\n") }

// readyz says whether this node can serve: whether its database answers and it is not about to end.
func (s *site) readyz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if s.ready.draining() {
		return c.Status(fiber.StatusServiceUnavailable).SendString("the server is stopping\n")
	}
	if err := s.ready.ping(); err != nil {
		s.ready.suspect()
		respond.RetryAfter(c, time.Second)
		return c.Status(fiber.StatusServiceUnavailable).SendString("the database does not answer\n")
	}
	return c.SendString("ok\n")
}
