package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web"
)

// errLost ends a work whose lease has become another node's.
var errLost = errors.New("another node does this now")

// A lease is on work that one node does for all.
type lease struct {
	store  *store.Store
	log    *slog.Logger
	now    func() time.Time
	name   string
	holder string        // names this node
	length time.Duration // how long a node is missed that ended without giving it back

	held  sync.Mutex
	until time.Time
}

func newLease(st *store.Store, log *slog.Logger, name string, length time.Duration) lease {
	return lease{store: st, log: log, now: now, name: name, holder: secret.New("")[:22], length: length}
}

// hold takes the lease or takes it for longer; errLost if it is another's.
func (l *lease) hold(ctx context.Context) error {
	at := l.now()
	held, err := l.store.HoldLease(ctx, l.name, l.holder, at, at.Add(l.length))
	if err == nil && !held {
		err = errLost
	}
	l.held.Lock()
	defer l.held.Unlock()
	if err == nil {
		l.until = at.Add(l.length)
	} else if errors.Is(err, errLost) {
		l.until = time.Time{}
	}
	return err
}

// keep takes the lease for longer where that is due: after each batch of long work.
func (l *lease) keep(ctx context.Context) error {
	l.held.Lock()
	short := l.until.Sub(l.now()) < l.length/2
	l.held.Unlock()
	if short {
		return l.hold(ctx)
	}
	return nil
}

// leads reports whether the lease is this node's.
func (l *lease) leads() bool {
	l.held.Lock()
	defer l.held.Unlock()
	return l.until.After(l.now())
}

// release lets another node take over without having to wait for the end of the lease.
func (l *lease) release() {
	if !l.leads() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := l.store.ReleaseLease(ctx, l.name, l.holder); err != nil {
		l.log.Warn("a lease could not be given back", "lease", l.name, "error", err)
	}
	l.held.Lock()
	defer l.held.Unlock()
	l.until = time.Time{}
}

// regularly does work every so often until the context ends, and gives its lease back then.
func (l *lease) regularly(ctx context.Context, every time.Duration, failed string, work func(context.Context) error) {
	defer l.release()
	web.Regularly(ctx, every, nil, func() {
		if err := work(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errLost) {
			l.log.Warn(failed, "error", err)
		}
	})
}

// pause leaves the database to others for a moment.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
