package web

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/handlers/console"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/request"
)

// behindClient are the wrong passwords that one confidential client may pass on in a minute: all its people come from its address.
const behindClient = 300

// maxCounted bounds the memory of a limiter; past it those are forgotten who have nothing to wait for, then anybody.
const maxCounted = 100_000

// forgetHeard is when no unblocking is told any more that was heard already.
const forgetHeard = time.Hour

// What a limiter counts (security.md rule 15): failures of an address, and all that a client asks. Successes of an address never
// count, and a loopback address is this machine or a proxy on it, behind which everybody stands: it counts once somebody says so.
const (
	countsSignIn     = "signin"
	countsPassedOn   = "password"
	countsClientAuth = "client"
	countsRequests   = "requests"
)

// countedKey is whom a limiter counts, and what of theirs.
type countedKey struct{ what, who string }

// limiter gives everybody a bucket of so many tokens, which fills again in a minute. What counts takes one, and nothing passes
// an empty bucket. It lives in this node's memory.
type limiter struct {
	mu      sync.Mutex
	buckets map[countedKey]*bucket
	heard   map[string]time.Time // unblockings, by id, and when they were
	settled chan struct{}        // closed, and made anew, whenever a try under way is none any more
}

type bucket struct {
	tokens  float64
	limit   int // how many it holds, and gets in a minute
	at      time.Time
	pending int // tries under way, any of which may be a failure
}

func newLimiter() *limiter {
	return &limiter{buckets: map[countedKey]*bucket{}, heard: map[string]time.Time{}, settled: make(chan struct{})}
}

// bucket is that of the key as it stands now. It is called with mu held.
func (l *limiter) bucket(key countedKey, limit int, now time.Time) *bucket {
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxCounted {
			l.forget(now)
		}
		b = &bucket{tokens: float64(limit), limit: limit, at: now}
		l.buckets[key] = b
	}
	b.fill(limit, now)
	return b
}

// fill gives the bucket what it is due. A clock that was set back gives nothing.
func (b *bucket) fill(limit int, now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens += passed.Minutes() * float64(b.limit)
	}
	b.tokens, b.limit, b.at = min(b.tokens, float64(limit)), limit, now
}

// wait is how long it takes until there is a whole token.
func (b *bucket) wait() time.Duration {
	if b.tokens >= 1 {
		return 0
	}
	return max(time.Duration((1-b.tokens)/float64(b.limit)*float64(time.Minute)).Round(time.Millisecond), time.Millisecond)
}

func (b *bucket) take() { b.tokens = max(b.tokens-1, 0) }

// forget makes room: whose bucket is full has nothing to lose. It is called with mu held.
func (l *limiter) forget(now time.Time) {
	for key, b := range l.buckets {
		if b.fill(b.limit, now); b.pending == 0 && b.tokens >= float64(b.limit) {
			delete(l.buckets, key)
		}
	}
	for key, b := range l.buckets {
		if len(l.buckets) < maxCounted*9/10 {
			return
		}
		if b.pending == 0 {
			delete(l.buckets, key)
		}
	}
}

// fail counts something, whether there is a token for it or not. A limit of 0 is none.
func (l *limiter) fail(key countedKey, limit int, now time.Time) {
	if limit <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(key, limit, now).take()
}

// admit counts something, or refuses it.
func (l *limiter) admit(key countedKey, limit int, now time.Time) error {
	if limit <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key, limit, now)
	if wait := b.wait(); wait > 0 {
		return fault.TooMany(wait)
	}
	b.take()
	return nil
}

// reserve lets a try begin if it may be a failure within the limit: so many at once cannot pass it together. While only tries
// under way stand in the way it waits for them, for they may all be right. settle tells what became of it.
func (l *limiter) reserve(ctx context.Context, key countedKey, limit int, now func() time.Time) (settle func(failed bool), err error) {
	if limit <= 0 {
		return func(bool) {}, nil
	}
	for {
		l.mu.Lock()
		b := l.bucket(key, limit, now())
		if wait := b.wait(); wait > 0 {
			l.mu.Unlock()
			return nil, fault.TooMany(wait)
		}
		if b.tokens-float64(b.pending) >= 1 {
			b.pending++
			l.mu.Unlock()
			return func(failed bool) { l.settle(b, failed, now()) }, nil
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

func (l *limiter) settle(b *bucket, failed bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.fill(b.limit, now)
	if failed {
		b.take()
	}
	b.pending--
	close(l.settled)
	l.settled = make(chan struct{})
}

// blocked says how long the key has to wait; 0 if it may go on.
func (l *limiter) blocked(key countedKey, limit int, now time.Time) time.Duration {
	if limit <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		return 0
	}
	b.fill(limit, now)
	return b.wait()
}

// unblock gives everybody their whole allowance back whom these unblock, once.
func (l *limiter) unblock(unblocked []store.Unblocking, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, at := range l.heard {
		if now.Sub(at) > forgetHeard {
			delete(l.heard, id)
		}
	}
	for _, u := range unblocked {
		if _, heard := l.heard[u.ID]; heard {
			continue
		}
		l.heard[u.ID] = u.At
		if b := l.buckets[countedKey{u.What, u.Who}]; b != nil {
			b.tokens = float64(b.limit)
		}
	}
}

// ReadUnblockings lets those go on who asked too much of this node and were unblocked, here or on another.
func (a *App) ReadUnblockings(ctx context.Context) error { return a.site.readUnblockings(ctx) }

func (s *site) readUnblockings(ctx context.Context) error {
	now := s.Now()
	unblocked, err := s.Store.Unblockings(ctx, now)
	if err == nil {
		s.limit.unblock(unblocked, now)
	}
	return err
}

// waiting are those who have to wait, the longest first, and how many there are.
func (l *limiter) waiting(now time.Time, most int) (out []console.Limited, total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, b := range l.buckets {
		b.fill(b.limit, now)
		if wait := b.wait(); wait > 0 {
			out = append(out, console.Limited{What: key.what, Who: key.who, Wait: wait})
		}
	}
	slices.SortFunc(out, func(a, b console.Limited) int {
		return cmp.Or(cmp.Compare(b.Wait, a.Wait), cmp.Compare(a.What, b.What), cmp.Compare(a.Who, b.Who))
	})
	return out[:min(len(out), most)], len(out)
}

func (s *site) limited(most int) ([]console.Limited, int) { return s.limit.waiting(s.Now(), most) }

// reserveSignIn begins a try to sign in, if the address, or a confidential client, has failures left this minute; known browsers
// pass. settle tells whether it was a failure.
func (s *site) reserveSignIn(ctx context.Context, ip, client string, known bool) (settle func(failed bool), err error) {
	rates := &s.Policy.Now().Rates
	key, limit := countedKey{countsSignIn, addressKey(ip)}, rates.SignIn
	switch {
	case client != "":
		key, limit = countedKey{countsPassedOn, client}, behindClient
	case isLoopback(ip) && !rates.Loopback.SignIn:
		return func(bool) {}, nil
	}
	if known {
		return func(failed bool) {
			if failed {
				s.limit.fail(key, limit, s.Now())
			}
		}, nil
	}
	return s.limit.reserve(ctx, key, limit, s.Now)
}

// clientAuth is what counts where a client fails to authenticate; no limit where nobody counts.
func (s *site) clientAuth(c *fiber.Ctx) (key countedKey, limit int) {
	ip, rates := request.Of(c).Caller.IP, &s.Policy.Now().Rates
	if isLoopback(ip) && !rates.Loopback.ClientAuth {
		return countedKey{}, 0
	}
	return countedKey{countsClientAuth, addressKey(ip)}, rates.ClientAuth
}

func (s *site) countClientFailure(c *fiber.Ctx) {
	key, limit := s.clientAuth(c)
	s.limit.fail(key, limit, s.Now())
}

// clientBlocked refuses an address from which clients failed to authenticate too often.
func (s *site) clientBlocked(c *fiber.Ctx) error {
	key, limit := s.clientAuth(c)
	if wait := s.limit.blocked(key, limit, s.Now()); wait > 0 {
		return fault.TooMany(wait)
	}
	return nil
}

// admitClient counts a request of a client that has said, and if it can proven, who it is. A public client can be named by
// anybody: its requests count by address, or a stranger would use up what is its.
func (s *site) admitClient(client *oauth.Client, ip string) error {
	limit := s.Policy.Now().Rates.Client
	if limit <= 0 {
		return nil
	}
	who := client.ID
	if client.Public() {
		who += " " + addressKey(ip)
	}
	return s.limit.admit(countedKey{countsRequests, who}, limit, s.Now())
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
