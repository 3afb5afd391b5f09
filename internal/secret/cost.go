package secret

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/crypto/argon2"
)

// Bounds of what a new hash may cost. More would be refused if it were imported.
const (
	LeastMemoryMiB = DefaultMemoryKiB / 1024
	MostMemoryMiB  = maxMemoryKiB / 1024
	MostTime       = maxTime
)

// Cost is what a new hash costs: memory, and how often argon2id goes through it.
type Cost struct{ MemoryMiB, Time int }

// DefaultCost is OWASP's minimum, and the least.
func DefaultCost() Cost { return Cost{LeastMemoryMiB, DefaultTime} }

// String names the cost as argon2id does.
func (c Cost) String() string { return fmt.Sprintf("m=%d MiB, t=%d", c.MemoryMiB, c.Time) }

// SetCost makes new hashes cost this, and hashes that cost less be raised at the next sign-in. What lies outside the bounds is cut.
func (h *Hasher) SetCost(c Cost) {
	next := *h.cost.Load()
	next.memoryKiB = uint32(min(max(c.MemoryMiB, LeastMemoryMiB), MostMemoryMiB)) * 1024
	next.time = uint32(min(max(c.Time, DefaultTime), MostTime))
	h.cost.Store(&next)
}

// Cost is what new hashes cost.
func (h *Hasher) Cost() Cost {
	c := h.cost.Load()
	return Cost{int(c.memoryKiB / 1024), int(c.time)}
}

// AtOnce is how many hashes of this cost the pool computes at the same time.
func (h *Hasher) AtOnce(c Cost) int {
	return max(min(h.workers, int(h.memoryKiB/(uint64(c.MemoryMiB)*1024))), 1)
}

// Measured is how long a hash of this cost took.
type Measured struct {
	Cost
	Took time.Duration
}

// measuredMiB are the amounts of memory that Measure tries, and samples how often each: the fastest counts, for what disturbs a
// hash only makes it slower.
var measuredMiB = []int{LeastMemoryMiB, 32, 46, 64, 96, 128, 192, 256}

const samples = 3

// enoughToMeasure ends a measurement: nobody wants to wait so long for a sign-in.
const enoughToMeasure = 500 * time.Millisecond

// Measure finds out what hashes cost here. Each takes its turn in the pool behind everybody who signs in, with the room of one
// stranger; no more than half of the pool's memory is tried. The error is ErrBusy or ctx's; what was measured before is returned with it.
func (h *Hasher) Measure(ctx context.Context, clock func() time.Time) (out []Measured, err error) {
	for _, mib := range measuredMiB {
		if kib := uint64(mib) * 1024; mib > LeastMemoryMiB && kib > h.memoryKiB/2 {
			break
		}
		one := Measured{Cost: Cost{mib, DefaultTime}}
		for i := range samples {
			took, err := h.measure(ctx, one.Cost, clock)
			if err != nil {
				return out, err
			}
			if i == 0 || took < one.Took {
				one.Took = took
			}
		}
		if out = append(out, one); one.Took > enoughToMeasure {
			break
		}
	}
	return out, nil
}

// measure times one hash. It does not count as a sign-in: what a stranger's takes is guessed from those (crowded).
func (h *Hasher) measure(ctx context.Context, c Cost, clock func() time.Time) (time.Duration, error) {
	w, err := h.enter(ctx, 1, uint32(c.MemoryMiB)*1024, false)
	if err != nil {
		return 0, err
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.giveBack(w)
	}()
	began := clock()
	argon2.IDKey([]byte("correct horse"), []byte("nobody lives here")[:saltBytes], uint32(c.Time), uint32(c.MemoryMiB)*1024, DefaultThreads, keyBytes)
	return clock().Sub(began), nil
}

// Suggest is the strongest cost that stays within the target, by what was measured: as much memory as fits, then as many passes.
// fits is false where even the least takes longer.
func Suggest(measured []Measured, target time.Duration) (c Cost, takes time.Duration, fits bool) {
	for i, m := range measured {
		if m.Took > target && i > 0 {
			break
		}
		if c, takes, fits = m.Cost, m.Took, m.Took <= target; !fits {
			break
		}
	}
	if !fits || takes <= 0 {
		return c, takes, fits
	}
	pass := takes / time.Duration(c.Time)
	if pass > 0 {
		c.Time = min(max(int(target/pass), c.Time), MostTime)
		takes = pass * time.Duration(c.Time)
	}
	return c, takes, fits
}
