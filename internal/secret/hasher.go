package secret

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBusy means that too many passwords are being checked: answer 503 with Retry-After.
var ErrBusy = errors.New("too many passwords are being checked")

// HasherOptions sets the cost of new hashes and the bounds of the pool. The zero value is right for a server.
type HasherOptions struct {
	MemoryKiB uint32 // argon2id memory of a new hash; default and least DefaultMemoryKiB, at most 256 MiB
	Time      uint32 // argon2id passes of a new hash; default and least DefaultTime, at most 10
	Threads   uint8  // argon2id lanes of a new hash; default DefaultThreads, at most 16

	Workers int           // hashes under way at once; default the cores this process may use
	Memory  uint64        // bytes all of them together may use; default 25 % of what this process may have
	Queue   int           // callers that may wait in each queue; default 1024
	Wait    time.Duration // how long one waits before ErrBusy; default 10 s
	Idle    time.Duration // how long the pool rests before its memory goes back; default 1 min

	Now func() time.Time // what Stats measures durations with; without it they stay zero
}

// Hasher hashes and checks passwords, a bounded number at a time: as many as cores and a quarter of the
// memory allow. Others wait in two queues, known devices first, and strangers get half of the cores, so that a
// storm of wrong passwords delays strangers, and nothing else that the server does. It is safe for concurrent use; it starts no goroutine and computes no hash
// until it is asked.
type Hasher struct {
	cost       atomic.Pointer[params] // of new hashes
	wait       time.Duration
	queueLimit int
	idleAfter  time.Duration
	free       func() // gives memory back to the system
	now        func() time.Time

	mu        sync.Mutex
	workers   int    // all there are
	idle      int    // those not in use
	memoryKiB uint64 // all there is
	unusedKiB uint64 // that not in use
	queues    [2][]*waiter
	strange   int           // workers that strangers use
	ahead     int           // known devices served while a stranger waits
	rest      *time.Timer   // runs while the pool is idle
	stats     HasherStats   // what adds up; Stats fills in the rest
	done      chan struct{} // closed by Close
}

// The queues, in the order they are served.
const (
	knownDevices = iota
	strangers
)

// waiter is one caller in a queue, and what its hash will take.
type waiter struct {
	known   bool
	workers int
	kib     uint64
	ready   chan struct{} // closed once the pool has given it that
	since   time.Time     // when it began to wait, and then to hash
}

// HasherStats is what a Hasher has to do now, and what it has done since it was made.
type HasherStats struct {
	Workers          int // hashes that may be under way at once
	Running          int // workers in use
	WaitingKnown     int // known devices that wait
	WaitingStrangers int
	Done             uint64        // hashes computed
	Refused          uint64        // callers turned away with ErrBusy
	Waited           time.Duration // what all that were served have waited
	Took             time.Duration // what all hashes took
}

// Stats tells how busy the pool is.
func (h *Hasher) Stats() HasherStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Workers, s.Running = h.workers, h.workers-h.idle
	s.WaitingKnown, s.WaitingStrangers = len(h.queues[knownDevices]), len(h.queues[strangers])
	return s
}

// NewHasher returns a Hasher. It fails if the cost of new hashes lies outside its bounds.
func NewHasher(o HasherOptions) (*Hasher, error) {
	cost := params{
		memoryKiB: orDefault(o.MemoryKiB, DefaultMemoryKiB),
		time:      orDefault(o.Time, DefaultTime),
		threads:   orDefault(o.Threads, DefaultThreads),
	}
	if cost.memoryKiB < DefaultMemoryKiB || cost.memoryKiB > maxMemoryKiB ||
		cost.time < DefaultTime || cost.time > maxTime || cost.threads > maxThreads {
		return nil, fmt.Errorf("password hash: expected memory of %d to %d KiB, time of %d to %d and up to %d threads",
			DefaultMemoryKiB, maxMemoryKiB, DefaultTime, maxTime, maxThreads)
	}
	h := &Hasher{
		wait:       orDefault(o.Wait, 10*time.Second),
		queueLimit: orDefault(o.Queue, 1024),
		idleAfter:  orDefault(o.Idle, time.Minute),
		free:       debug.FreeOSMemory,
		now:        o.Now,
		workers:    orDefault(o.Workers, runtime.GOMAXPROCS(0)),
		done:       make(chan struct{}),
	}
	memory := o.Memory
	if memory == 0 {
		memory = availableMemory() / 4
	}
	h.cost.Store(&cost)
	h.memoryKiB = max(memory/1024, uint64(cost.memoryKiB)) // one hash is always possible
	h.idle, h.unusedKiB = h.workers, h.memoryKiB
	if h.now == nil {
		h.now = func() time.Time { return time.Time{} }
	}
	return h, nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Close answers ErrBusy to those who wait and to all who come, and forgets the timer. Hashes under way finish.
func (h *Hasher) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed() {
		close(h.done)
	}
	h.stopResting()
}

func (h *Hasher) closed() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// acquire waits for the pool's leave to use so many threads and so much memory; release gives them back.
func (h *Hasher) acquire(ctx context.Context, threads int, kib uint32, known bool) (release func(), err error) {
	w, err := h.enter(ctx, threads, kib, known)
	if err != nil {
		return nil, err
	}
	return func() { h.release(w) }, nil
}

// enter is acquire for whoever gives back by themselves.
func (h *Hasher) enter(ctx context.Context, threads int, kib uint32, known bool) (w *waiter, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	queue := strangers
	if known {
		queue = knownDevices
	}
	w = &waiter{known: known, ready: make(chan struct{}), since: h.now()}
	// A hash larger than the whole pool runs alone.
	w.workers, w.kib = min(threads, h.workers), min(uint64(kib), h.memoryKiB)

	h.mu.Lock()
	if h.closed() || len(h.queues[queue]) >= h.queueLimit || !known && h.crowded() {
		h.stats.Refused++
		h.mu.Unlock()
		return nil, ErrBusy
	}
	h.stopResting()
	h.queues[queue] = append(h.queues[queue], w)
	h.serve()
	h.mu.Unlock()

	select { // spares a free pool the timer
	case <-w.ready:
		return w, nil
	default:
	}
	patience := time.NewTimer(h.wait)
	defer patience.Stop()
	select {
	case <-w.ready:
		return w, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = ErrBusy
	case <-h.done:
		err = ErrBusy
	}
	h.leave(queue, w, errors.Is(err, ErrBusy))
	return nil, err
}

// Admit refuses a stranger who would wait in vain, with ErrBusy: before anything is done for them that costs more than this.
func (h *Hasher) Admit() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed() || len(h.queues[strangers]) >= h.queueLimit || h.crowded() {
		h.stats.Refused++
		return ErrBusy
	}
	return nil
}

// crowded reports whether the strangers who wait already take longer than anybody does. It is called with mu held.
func (h *Hasher) crowded() bool {
	if h.stats.Done == 0 {
		return false
	}
	typical := h.stats.Took / time.Duration(h.stats.Done)
	return typical*time.Duration(len(h.queues[strangers])+1)/time.Duration(h.forStrangers()) > h.wait
}

// forStrangers is how many workers strangers may use: the other cores are for those who are known, and for all that is no password.
func (h *Hasher) forStrangers() int { return max(1, h.workers/2) }

// knownAhead is how many known devices pass a waiting stranger.
const knownAhead = 3

// serve lets in whoever fits, known devices first, but a waiting stranger after every few of them, or one person with many
// connections would keep all strangers out. Whoever is first and does not fit holds up those behind,
// or large hashes would wait for ever. It is called with mu held.
func (h *Hasher) serve() {
	for {
		q, waits := h.turn()
		if !waits {
			return
		}
		w := h.queues[q][0]
		if w.workers > h.idle || w.kib > h.unusedKiB {
			return
		}
		if h.ahead++; q == strangers || len(h.queues[strangers]) == 0 {
			h.ahead = 0
		}
		h.queues[q] = slices.Delete(h.queues[q], 0, 1)
		if q == strangers {
			h.strange += w.workers
		}
		h.idle -= w.workers
		h.unusedKiB -= w.kib
		began := h.now()
		h.stats.Waited += began.Sub(w.since)
		w.since = began
		close(w.ready)
	}
}

// turn is the queue whose first is next; waits is false where nobody is. It is called with mu held.
func (h *Hasher) turn() (q int, waits bool) {
	known, stranger := len(h.queues[knownDevices]) > 0, false
	if waiting := h.queues[strangers]; len(waiting) > 0 { // a hash larger than their share runs alone
		stranger = h.strange == 0 || h.strange+waiting[0].workers <= h.forStrangers()
	}
	if stranger && (!known || h.ahead >= knownAhead) {
		return strangers, true
	}
	return knownDevices, known
}

func (h *Hasher) release(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Done++
	h.stats.Took += h.now().Sub(w.since)
	h.giveBack(w)
}

// giveBack is called with mu held.
func (h *Hasher) giveBack(w *waiter) {
	if !w.known {
		h.strange -= w.workers
	}
	h.idle += w.workers
	h.unusedKiB += w.kib
	h.serve()
	if h.idle == h.workers && !h.closed() {
		h.startResting()
	}
}

// leave takes w out of its queue; if the pool let it in meanwhile, it gives back what it got.
func (h *Hasher) leave(queue int, w *waiter, refused bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if refused {
		h.stats.Refused++
	}
	if i := slices.Index(h.queues[queue], w); i >= 0 {
		h.queues[queue] = slices.Delete(h.queues[queue], i, i+1)
		h.serve() // those behind a large one may fit now
		return
	}
	h.giveBack(w)
}

// startResting arms the timer that gives the pool's memory back: without it the process keeps what its
// largest moment took. Called with mu held, as stopResting is.
func (h *Hasher) startResting() {
	if h.rest == nil {
		h.rest = time.AfterFunc(h.idleAfter, h.free)
		return
	}
	h.rest.Reset(h.idleAfter)
}

func (h *Hasher) stopResting() {
	if h.rest != nil {
		h.rest.Stop()
	}
}
