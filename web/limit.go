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
	if w := now.Truncate(time.Minute); !w.Equal(l.window) || len(l.counts) > maxCounted {
		l.window, l.counts = w, map[string]int{}
	}
	l.counts[key]++
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

func (s *site) countSignInFailure(ip string) { s.countFailure("signin ", ip) }

func (s *site) countClientFailure(c *fiber.Ctx) { s.countFailure("client ", request.Of(c).Caller.IP) }

// signInBlocked refuses an address that failed to sign in too often.
func (s *site) signInBlocked(ip string) error { return s.blocked("signin ", ip, signInFailures) }

// clientBlocked refuses an address from which clients failed to authenticate too often.
func (s *site) clientBlocked(c *fiber.Ctx) error {
	return s.blocked("client ", request.Of(c).Caller.IP, clientFailures)
}

func (s *site) countFailure(kind, ip string) {
	if !isLoopback(ip) {
		s.limit.fail(kind+addressKey(ip), s.Now())
	}
}

func (s *site) blocked(kind, ip string, limit int) error {
	if wait := s.limit.blocked(kind+addressKey(ip), limit, s.Now()); wait > 0 {
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
