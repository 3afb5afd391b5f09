package store

import (
	"errors"
	"sync"

	"gatehouse/internal/fault"
)

const (
	// maxTogether is how much of a queue is done at a time.
	maxTogether = 64
	// maxWaiting bounds a queue; past it the house says that it is busy.
	maxWaiting = 16 << 10
)

// A queue hands what waits to its worker, together, as soon as that is done with what came before: no timer delays anything,
// and whoever comes alone waits for nobody.
type queue[T any] struct {
	work func(batch []T)

	mu      sync.Mutex
	waiting []T
	wake    chan struct{} // nil before the worker has begun; it stays, for its stack has grown to what the work needs
	closed  bool
}

// add puts t into the queue; fault.Unavailable if that is full.
func (q *queue[T]) add(t T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.waiting) >= maxWaiting:
		return fault.Unavailable(retryContention, errors.New("too many wait for the database"))
	case q.closed:
		return fault.Unavailable(retryConnection, errors.New("the store is closed"))
	case q.wake == nil:
		q.wake = make(chan struct{}, 1)
		go q.run(q.wake)
	}
	q.waiting = append(q.waiting, t)
	select {
	case q.wake <- struct{}{}:
	default: // it will look again anyway
	}
	return nil
}

func (q *queue[T]) run(wake <-chan struct{}) {
	for range wake {
		for batch := q.next(); len(batch) > 0; batch = q.next() {
			q.work(batch)
		}
	}
}

func (q *queue[T]) next() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxTogether)
	batch := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	return batch
}

// close takes nothing more, and ends the worker once it has done what waits.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wake != nil && !q.closed {
		close(q.wake)
	}
	q.closed = true
}
