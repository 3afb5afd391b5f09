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
	running bool
	waiting []T
}

// add puts t into the queue; fault.Unavailable if that is full.
func (q *queue[T]) add(t T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxWaiting {
		return fault.Unavailable(retryContention, errors.New("too many wait for the database"))
	}
	q.waiting = append(q.waiting, t)
	if !q.running {
		q.running = true
		go q.run()
	}
	return nil
}

func (q *queue[T]) run() {
	for {
		q.mu.Lock()
		n := min(len(q.waiting), maxTogether)
		if n == 0 {
			q.running, q.waiting = false, nil
			q.mu.Unlock()
			return
		}
		batch := q.waiting[:n:n]
		q.waiting = q.waiting[n:]
		q.mu.Unlock()
		q.work(batch)
	}
}
