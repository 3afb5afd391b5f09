package identity

import (
	"context"
	"sync"
)

// turns lets one pass at a time by each key. Its zero value is ready for use.
type turns struct {
	mu   sync.Mutex
	keys map[string]*turn
}

type turn struct {
	taken   chan struct{} // holds one while somebody is at it
	waiting int           // those who wait, and who is at it
}

// take waits until nobody else is at it by this key; done lets the next one pass. The error is that of the context.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	mine := t.join(key)
	select {
	case mine.taken <- struct{}{}:
		return func() {
			<-mine.taken
			t.leave(key, mine)
		}, nil
	case <-ctx.Done():
		t.leave(key, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) join(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.keys[key]
	if mine == nil {
		mine = &turn{taken: make(chan struct{}, 1)}
		if t.keys == nil {
			t.keys = map[string]*turn{}
		}
		t.keys[key] = mine
	}
	mine.waiting++
	return mine
}

func (t *turns) leave(key string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.waiting--; mine.waiting == 0 {
		delete(t.keys, key)
	}
}
