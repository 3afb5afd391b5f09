package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// A writer carries out SQLite's changes, which has one at a time: those that wait together are committed together, so that they
// wait for the disk once (security.md rule 25). Each has its savepoint, is answered after the commit, and fails alone. No context
// interrupts one: SQLite would undo what its neighbours did.
type writer struct {
	queue[*change]
	s *Store
}

func newWriter(s *Store) *writer {
	w := &writer{s: s}
	w.work = w.carryOut
	return w
}

type change struct {
	do       func(tx *Store) error
	inside   *Store // as it was carried out
	err      error
	panicked any
	done     chan struct{}

	mu    sync.Mutex
	taken bool // it is being carried out
	gone  bool // nobody waits for it any more
}

// write carries out a change and waits for it to be committed. A context that ends takes it back while it waits for its turn.
func (w *writer) write(ctx context.Context, do func(tx *Store) error) error {
	c := &change{do: do, done: make(chan struct{})}
	if err := w.add(c); err != nil {
		return err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		c.mu.Lock()
		c.gone = !c.taken
		gone := c.gone
		c.mu.Unlock()
		if gone {
			return failure("", ctx.Err())
		}
		<-c.done
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.err
}

func (c *change) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = !c.gone
	return c.taken
}

// carryOut carries out, in one transaction, those of the changes that are still waited for. Where that is lost to one of them,
// each has one of its own.
func (w *writer) carryOut(waiting []*change) {
	var batch []*change
	for _, c := range waiting {
		if c.take() {
			batch = append(batch, c)
		}
	}
	if !w.together(batch) {
		for _, c := range batch {
			w.together([]*change{c})
		}
	}
	for _, c := range batch {
		if c.err == nil && c.panicked == nil {
			w.s.committed(c.inside)
		}
		close(c.done)
	}
}

// together runs one transaction. It is false if nothing of it was kept, because one of several changes lost it for all.
func (w *writer) together(batch []*change) bool {
	if len(batch) == 0 {
		return true
	}
	ctx := context.Background()
	all := func(err error) bool {
		for _, c := range batch {
			if c.err == nil && c.panicked == nil {
				c.err = err
			}
		}
		return true
	}
	tx, err := w.s.db.BeginTxx(ctx, nil)
	if err != nil {
		return all(failure("", err))
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit, and before it the reason is known already
	kept := 0
	for _, c := range batch {
		c.err, c.panicked = nil, nil
		if len(batch) > 1 {
			if _, err := tx.ExecContext(ctx, "SAVEPOINT change"); err != nil {
				return false
			}
		}
		c.run(w.s.inside(tx))
		failed := c.err != nil || c.panicked != nil
		if !failed {
			kept++
		}
		if len(batch) == 1 {
			break
		}
		if failed {
			if _, err := tx.ExecContext(ctx, "ROLLBACK TO change"); err != nil { // SQLite has undone everything already
				return false
			}
		}
		if _, err := tx.ExecContext(ctx, "RELEASE change"); err != nil {
			return false
		}
	}
	if kept == 0 {
		return true
	}
	if err := commitFailure(tx.Commit()); err != nil {
		return all(err)
	}
	return true
}

// run carries the change out. A panic is kept for whoever asked for it.
func (c *change) run(inside *Store) {
	defer func() {
		if p := recover(); p != nil {
			c.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	c.inside = inside
	c.err = c.do(inside)
}
