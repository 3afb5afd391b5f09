package web

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/web/request"
)

// Failures a minute from one address, on this node (product.md §6). Successes never count (security.md rule 15), and a
// loopback address is this machine or a proxy on it, behind which everybody stands.
const (
	signInFailures = 30
	clientFailures = 60
	// behindClient are wrong passwords that one confidential client passes on: all its people come from its address.
	behindClient = 300
)

// maxCounted bounds the memory of a limiter; past it the whole window is forgotten.
const maxCounted = 100_000

// limiter counts failures by address in windows of a minute.
type limiter struct {
	mu      sync.Mutex
	window  time.Time
	counts  map[string]int
	pending map[string]int // tries under way, any of which may be a failure
	settled chan struct{}  // closed, and made anew, whenever one of them is none any more
}

func newLimiter() *limiter {
	return &limiter{counts: map[string]int{}, pending: map[string]int{}, settled: make(chan struct{})}
}

func (l *limiter) fail(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	l.counts[key]++
}

// turn begins a new window where the last is over.
func (l *limiter) turn(now time.Time) {
	if w := now.Truncate(time.Minute); !w.Equal(l.window) || len(l.counts) > maxCounted {
		l.window, l.counts = w, map[string]int{}
	}
}

// reserve lets a try begin if it may be a failure within the limit: so many at once cannot pass it together. While only tries
// under way stand in the way it waits for them, for they may all be right. settle tells what became of it.
func (l *limiter) reserve(ctx context.Context, key string, limit int, now func() time.Time) (settle func(failed bool), err error) {
	for {
		l.mu.Lock()
		at := now()
		l.turn(at)
		if l.counts[key] >= limit {
			wait := l.window.Add(time.Minute).Sub(at)
			l.mu.Unlock()
			return nil, fault.TooMany(wait)
		}
		if l.counts[key]+l.pending[key] < limit {
			l.pending[key]++
			l.mu.Unlock()
			return func(failed bool) { l.settle(key, failed, now()) }, nil
		}
		settled := l.settled
		l.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *limiter) settle(key string, failed bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	if failed {
		l.counts[key]++
	}
	if l.pending[key]--; l.pending[key] == 0 {
		delete(l.pending, key)
	}
	close(l.settled)
	l.settled = make(chan struct{})
}

// blocked says how long the address has to wait; 0 if it may go on.
func (l *limiter) blocked(key string, limit int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !now.Truncate(time.Minute).Equal(l.window) || l.counts[key] < limit {
		return 0
	}
	return l.window.Add(time.Minute).Sub(now)
}

// reserveSignIn begins a try to sign in, if the address, or a confidential client, has failures left this minute; known browsers
// pass. settle tells whether it was a failure.
func (s *site) reserveSignIn(ctx context.Context, ip, client string, known bool) (settle func(failed bool), err error) {
	key, limit := "signin "+addressKey(ip), signInFailures
	switch {
	case client != "":
		key, limit = "password "+client, behindClient
	case isLoopback(ip):
		return func(bool) {}, nil
	}
	if known {
		return func(failed bool) {
			if failed {
				s.limit.fail(key, s.Now())
			}
		}, nil
	}
	return s.limit.reserve(ctx, key, limit, s.Now)
}

func (s *site) countClientFailure(c *fiber.Ctx) {
	if ip := request.Of(c).Caller.IP; !isLoopback(ip) {
		s.limit.fail("client "+addressKey(ip), s.Now())
	}
}

// clientBlocked refuses an address from which clients failed to authenticate too often.
func (s *site) clientBlocked(c *fiber.Ctx) error {
	if wait := s.limit.blocked("client "+addressKey(request.Of(c).Caller.IP), clientFailures, s.Now()); wait > 0 {
		return fault.TooMany(wait)
	}
	return nil
}

// addressKey is the address, or for IPv6 its /64: who has one address there has them all.
func addressKey(ip string) string {
	if strings.Contains(ip, ":") {
		return identity.Network(ip)
	}
	return ip
}

func isLoopback(ip string) bool {
	parsed := net.ParseIP(ip)
	return parsed != nil && parsed.IsLoopback()
}
