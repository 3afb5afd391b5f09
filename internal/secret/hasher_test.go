package secret

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// take gets a place in the pool at once, or fails the test.
func take(t *testing.T, h *Hasher, threads int, kib uint32) (release func()) {
	t.Helper()
	release, err := h.acquire(t.Context(), threads, kib, true)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestHasher_servesKnownDevicesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 1})
		release := take(t, h, 1, 1)
		var mu sync.Mutex
		var order []string
		enter := func(name string, known bool) {
			go func() {
				release, err := h.acquire(t.Context(), 1, 1, known)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				release()
			}()
			synctest.Wait()
		}
		enter("stranger 1", false)
		enter("stranger 2", false)
		for _, name := range []string{"known 1", "known 2", "known 3", "known 4"} {
			enter(name, true)
		}
		release()
		synctest.Wait()
		// Every few of them let a stranger pass, or whoever has many connections would keep all strangers out.
		if want := []string{"known 1", "known 2", "known 3", "stranger 1", "known 4", "stranger 2"}; !slices.Equal(order, want) {
			t.Errorf("served %v", order)
		}
	})
}

// However many strangers come, half of the cores are for others: known devices, and all that is no password.
func TestHasher_givesStrangersHalfOfTheCores(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 4})
		running := map[bool]int{}
		var mu sync.Mutex
		enough := make(chan struct{})
		enter := func(known bool, threads int) {
			go func() {
				release, err := h.acquire(t.Context(), threads, 1, known)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				running[known] += threads
				mu.Unlock()
				<-enough
				release()
			}()
			synctest.Wait()
		}
		for range 5 {
			enter(false, 1)
		}
		if running[false] != 2 || running[true] != 0 {
			t.Errorf("strangers alone: %v", running)
		}
		enter(true, 1)
		enter(true, 1)
		if running[false] != 2 || running[true] != 2 {
			t.Errorf("known devices too: %v", running)
		}
		close(enough)
		synctest.Wait()
		enough = make(chan struct{})
		clear(running)
		enter(false, 4) // larger than their share: it runs alone
		enter(false, 1)
		if running[false] != 4 {
			t.Errorf("a large one: %v", running)
		}
		close(enough)
		synctest.Wait()
	})
}

// Nobody is let in to wait who would wait in vain.
func TestHasher_admitsNoMoreStrangersThanItCanServeInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 1, Wait: 10 * time.Second, Now: time.Now})
		release := take(t, h, 1, 1)
		time.Sleep(2 * time.Second) // what a hash takes here
		release()
		release = take(t, h, 1, 1)
		for i := range 5 {
			if err := h.Admit(); err != nil {
				t.Fatalf("stranger %d: %v", i+1, err)
			}
			go func() {
				if release, err := h.acquire(t.Context(), 1, 1, false); err == nil {
					release()
				}
			}()
			synctest.Wait()
		}
		if err := h.Admit(); !errors.Is(err, ErrBusy) {
			t.Errorf("the sixth would wait for 12 s: %v", err)
		}
		if _, err := h.acquire(t.Context(), 1, 1, false); !errors.Is(err, ErrBusy) {
			t.Errorf("the sixth waits: %v", err)
		}
		release()
		synctest.Wait()
		if err := h.Admit(); err != nil {
			t.Errorf("when they have gone: %v", err)
		}
	})
}

func TestHasher_isBusyAfterItsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 1})
		release := take(t, h, 1, 1)
		start := time.Now()
		if _, err := h.acquire(t.Context(), 1, 1, false); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited %v", waited)
		}
		release()
		take(t, h, 1, 1)() // the one who left holds nothing
	})
}

func TestHasher_refusesWhenTheQueueIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 1, Queue: 2})
		release := take(t, h, 1, 1)
		for range 2 {
			go func() {
				if r, err := h.acquire(t.Context(), 1, 1, false); err != nil {
					t.Error(err)
				} else {
					r()
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := h.acquire(t.Context(), 1, 1, false); !errors.Is(err, ErrBusy) || time.Since(start) != 0 {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		go func() { // strangers do not fill the queue of known devices
			if r, err := h.acquire(t.Context(), 1, 1, true); err != nil {
				t.Error(err)
			} else {
				r()
			}
		}()
		synctest.Wait()
		release()
		synctest.Wait()
		if h.idle != 1 || len(h.queues[strangers])+len(h.queues[knownDevices]) != 0 {
			t.Errorf("idle %d, queues %v", h.idle, h.queues)
		}
	})
}

func TestHasher_givesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 1})
		release := take(t, h, 1, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.acquire(ctx, 1, 1, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		release()
		if _, err := h.acquire(ctx, 1, 1, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an ended context got in: %v", err)
		}
		if h.idle != 1 {
			t.Errorf("%d idle", h.idle)
		}
	})
}

func TestHasher_countsMemoryAndLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 4, Memory: 64 << 20, Wait: time.Second})
		busy := func(threads int, kib uint32) bool {
			r, err := h.acquire(t.Context(), threads, kib, true)
			if err == nil {
				r()
			}
			return errors.Is(err, ErrBusy)
		}
		release := take(t, h, 1, 48<<10)
		if busy(1, 16<<10) || !busy(1, 17<<10) {
			t.Error("memory is not what bounds the pool")
		}
		if busy(3, 1) || !busy(4, 1) {
			t.Error("lanes do not bound the pool")
		}
		release()
		take(t, h, 16, 256<<10)() // larger than the pool: it runs alone
		if h.idle != 4 || h.unusedKiB != 64<<10 {
			t.Errorf("afterwards %d idle, %d KiB unused", h.idle, h.unusedKiB)
		}
	})
}

func TestHasher_givesItsMemoryBackWhenIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 2})
		var freed atomic.Int32
		h.free = func() { freed.Add(1) }
		expect := func(want int32) {
			t.Helper()
			synctest.Wait()
			if got := freed.Load(); got != want {
				t.Errorf("freed %d times, expected %d", got, want)
			}
		}
		time.Sleep(time.Hour)
		expect(0) // never used
		take(t, h, 1, 1)()
		time.Sleep(59 * time.Second)
		release := take(t, h, 1, 1) // used in time
		time.Sleep(time.Hour)
		expect(0) // still in use
		release()
		time.Sleep(61 * time.Second)
		expect(1)
		time.Sleep(time.Hour)
		expect(1) // once per rest
		take(t, h, 1, 1)()
		h.Close()
		time.Sleep(time.Hour)
		expect(1) // closed
	})
}

func TestHasher_closeSendsThemAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 1})
		release := take(t, h, 1, 1)
		left := make(chan error)
		go func() {
			_, err := h.acquire(t.Context(), 1, 1, true)
			left <- err
		}()
		synctest.Wait()
		h.Close()
		h.Close() // twice is once
		if err := <-left; !errors.Is(err, ErrBusy) {
			t.Errorf("who waited got %v", err)
		}
		release()
		if _, err := h.acquire(t.Context(), 1, 1, true); !errors.Is(err, ErrBusy) {
			t.Errorf("who came later got %v", err)
		}
	})
}

func TestHasher_losesNoPlaceUnderLoad(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{Workers: 3, Memory: 64 << 20, Wait: time.Millisecond})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
			defer cancel()
			for range 50 {
				if release, err := h.acquire(ctx, 1+i%4, uint32(i%70)<<10, i%2 == 0); err == nil {
					release()
				}
			}
		})
	}
	wg.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.idle != 3 || h.unusedKiB != 64<<10 || len(h.queues[0])+len(h.queues[1]) != 0 {
		t.Errorf("%d idle, %d KiB unused, queues %v", h.idle, h.unusedKiB, h.queues)
	}
}

func TestNewHasher_boundsTheCost(t *testing.T) {
	t.Parallel()
	for _, o := range []HasherOptions{
		{MemoryKiB: DefaultMemoryKiB - 1}, {MemoryKiB: maxMemoryKiB + 1}, {Time: 1}, {Time: maxTime + 1}, {Threads: maxThreads + 1},
	} {
		if _, err := NewHasher(o); err == nil {
			t.Errorf("took %+v", o)
		}
	}
	h := newHasher(t, HasherOptions{Memory: 1})
	if h.memoryKiB != DefaultMemoryKiB {
		t.Errorf("a pool of %d KiB has no room for one hash", h.memoryKiB)
	}
}

func TestHasher_tellsHowBusyItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, HasherOptions{Workers: 2, Queue: 1, Now: time.Now})
		first, second := take(t, h, 1, 1), take(t, h, 1, 1)
		go func() {
			if r, err := h.acquire(t.Context(), 1, 1, true); err == nil {
				r()
			}
		}()
		go func() {
			if r, err := h.acquire(t.Context(), 1, 1, false); err == nil {
				r()
			}
		}()
		synctest.Wait()
		if _, err := h.acquire(t.Context(), 1, 1, false); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		want := HasherStats{Workers: 2, Running: 2, WaitingKnown: 1, WaitingStrangers: 1, Refused: 1}
		if got := h.Stats(); got != want {
			t.Errorf("while busy %+v", got)
		}
		time.Sleep(3 * time.Second)
		first()
		time.Sleep(2 * time.Second)
		second()
		synctest.Wait()
		want = HasherStats{Workers: 2, Done: 4, Refused: 1, Waited: 6 * time.Second, Took: 8 * time.Second}
		if got := h.Stats(); got != want {
			t.Errorf("afterwards %+v", got)
		}
	})
}
