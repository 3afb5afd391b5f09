package web

import (
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
	mu     sync.Mutex
	window time.Time
	counts map[string]int
}

func newLimiter() *limiter { return &limiter{counts: map[string]int{}} }

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

// reserve counts a failure that may come, if the limit allows one more: so many at once cannot pass it together. wait is how long
// to come back in if not, and giveBack takes it off again.
func (l *limiter) reserve(key string, limit int, now time.Time) (giveBack func(), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	if l.counts[key] >= limit {
		return nil, l.window.Add(time.Minute).Sub(now)
	}
	l.counts[key]++
	window := l.window
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.window.Equal(window) && l.counts[key] > 0 {
			l.counts[key]--
		}
	}, 0
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

// reserveSignIn takes one of the failures to sign in that an address, or a confidential client, has left this minute.
func (s *site) reserveSignIn(ip, client string) (giveBack func(), err error) {
	key, limit := "signin "+addressKey(ip), signInFailures
	switch {
	case client != "":
		key, limit = "password "+client, behindClient
	case isLoopback(ip):
		return func() {}, nil
	}
	giveBack, wait := s.limit.reserve(key, limit, s.Now())
	if wait > 0 {
		return nil, fault.TooMany(wait)
	}
	return giveBack, nil
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
