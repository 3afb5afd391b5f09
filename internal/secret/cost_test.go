package secret

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// ticking is a clock that moves by the step each time it is asked.
func ticking(step time.Duration) func() time.Time {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(step); return now }
}

func TestSetCost_holdsForNewHashesAndRaisesOldOnes(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	old, err := h.Hash(context.Background(), "a password")
	if err != nil {
		t.Fatal(err)
	}
	h.SetCost(Cost{MemoryMiB: 20, Time: 3})
	if ok, raise, err := h.Check(context.Background(), old, "a password", true); !ok || !raise || err != nil {
		t.Errorf("%v %v %v", ok, raise, err)
	}
	made, err := h.Hash(context.Background(), "a password")
	if err != nil || !strings.HasPrefix(made, "$argon2id$v=19$m=20480,t=3,p=1$") {
		t.Errorf("%s, %v", made, err)
	}
	h.SetCost(Cost{})
	if h.Cost() != DefaultCost() {
		t.Errorf("below the floor: %s", h.Cost())
	}
	h.SetCost(Cost{1 << 20, 1 << 20})
	if h.Cost() != (Cost{MostMemoryMiB, MostTime}) {
		t.Errorf("above the most: %s", h.Cost())
	}
}

func TestMeasure_triesNoMoreThanHalfOfTheMemory(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{Memory: 70 << 20, Workers: 2})
	measured, err := h.Measure(context.Background(), ticking(time.Millisecond))
	if err != nil || len(measured) != 2 || measured[0].Cost != DefaultCost() || measured[1].MemoryMiB != 32 {
		t.Errorf("%v, %v", measured, err)
	}
	for _, m := range measured {
		if m.Took != time.Millisecond {
			t.Errorf("%s took %s", m.Cost, m.Took)
		}
	}
	if s := h.Stats(); s.Done != 0 || s.Running != 0 {
		t.Errorf("it counts as sign-ins: %+v", s)
	}
	if measured, err := newHasher(t, HasherOptions{}).Measure(context.Background(), ticking(2*time.Second)); err != nil || len(measured) != 1 {
		t.Errorf("on a slow machine: %v, %v", measured, err)
	}
}

func TestMeasure_waitsBehindWhoeverSignsIn(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{Workers: 1})
	release, err := h.acquire(context.Background(), 1, 8, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan error, 1)
	go func() { _, err := h.Measure(ctx, time.Now); cancelled <- err }()
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("it did not wait: %v", err)
	}
	release()
	h.Close()
	if _, err := h.Measure(context.Background(), time.Now); !errors.Is(err, ErrBusy) {
		t.Errorf("closed: %v", err)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	measured := []Measured{{Cost{19, 2}, 20 * ms}, {Cost{46, 2}, 50 * ms}, {Cost{64, 2}, 80 * ms}, {Cost{128, 2}, 300 * ms}}
	for _, c := range []struct {
		target time.Duration
		want   Cost
		takes  time.Duration
		fits   bool
	}{
		{10 * ms, Cost{19, 2}, 20 * ms, false},
		{20 * ms, Cost{19, 2}, 20 * ms, true},
		{45 * ms, Cost{19, 4}, 40 * ms, true},
		{50 * ms, Cost{46, 2}, 50 * ms, true},
		{250 * ms, Cost{64, 6}, 240 * ms, true},
		{time.Hour, Cost{128, 10}, 1500 * ms, true},
	} {
		if got, takes, fits := Suggest(measured, c.target); got != c.want || takes != c.takes || fits != c.fits {
			t.Errorf("%s: %s in %s, %v", c.target, got, takes, fits)
		}
	}
	if _, _, fits := Suggest(nil, time.Second); fits {
		t.Error("nothing was measured")
	}
}
