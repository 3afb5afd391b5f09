package identity

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTurns_onePassesAtATime(t *testing.T) {
	t.Parallel()
	var all turns
	var inside [2]atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			key := i % 2
			done, err := all.take(t.Context(), string(rune('a'+key)))
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			if n := inside[key].Add(1); n != 1 {
				t.Errorf("%d at once", n)
			}
			inside[key].Add(-1)
		})
	}
	wg.Wait()
	if len(all.keys) != 0 {
		t.Errorf("%d keys are left", len(all.keys))
	}
}

func TestTurns_waitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	var all turns
	done, err := all.take(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done()
	again, err := all.take(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	again()
	if len(all.keys) != 0 {
		t.Errorf("%d keys are left", len(all.keys))
	}
}
