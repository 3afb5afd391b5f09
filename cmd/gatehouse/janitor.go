package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"gatehouse/store"
	"gatehouse/web"
)

const (
	// sweepEvery is how often the node that sweeps looks for rows that have lapsed, and another whether there is such a node.
	sweepEvery = time.Minute
	// sweepLease is how long a node is missed that ended without giving its lease back.
	sweepLease = 3 * sweepEvery
	// sweepPause is how long others have the database to themselves between two batches.
	sweepPause = 50 * time.Millisecond
)

// flushEvery is how often a server writes down what it has counted: a server that is killed loses no more than that.
const flushEvery = 5 * time.Second

// flushRegularly writes down what was counted until the context ends.
func flushRegularly(ctx context.Context, st *store.Store, log *slog.Logger) {
	web.Regularly(ctx, flushEvery, nil, func() { flush(context.WithoutCancel(ctx), st, log) })
}

func flush(ctx context.Context, st *store.Store, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, flushEvery)
	defer cancel()
	if err := st.Flush(ctx); err != nil {
		log.Warn("what was counted could not be written down", "error", err)
	}
}

// A janitor sweeps what has lapsed, while no other node does.
type janitor struct {
	lease
	pause time.Duration
	tend  func(context.Context) error // what else one node does for all each time; nil for nothing

	mu    sync.Mutex
	stats web.Janitor
}

func newJanitor(st *store.Store, log *slog.Logger) *janitor {
	j := &janitor{lease: newLease(st, log, "sweep", sweepLease), pause: sweepPause, stats: web.Janitor{Swept: map[string]int64{}}}
	for _, table := range store.SweptTables {
		j.stats.Swept[table] = 0 // to be seen from the start
	}
	return j
}

// Stats tells what became of sweeping.
func (j *janitor) Stats() web.Janitor {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Swept = maps.Clone(s.Swept)
	s.Leads = j.leads()
	return s
}

// work sweeps regularly until the context ends.
func (j *janitor) work(ctx context.Context) {
	j.regularly(ctx, sweepEvery, "lapsed rows could not be swept", j.sweep)
}

// sweep sweeps once, if this is the node that does.
func (j *janitor) sweep(ctx context.Context) error {
	started := j.now()
	err := j.hold(ctx)
	if err == nil {
		var n int64
		n, err = j.store.Sweep(ctx, started, func(table string, rows int64) error { return j.swept(ctx, table, rows) })
		if n > 0 {
			j.log.Info("swept", "rows", n, "duration_ms", j.now().Sub(started).Milliseconds())
		}
	}
	if err == nil && j.tend != nil {
		err = j.tend(ctx)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.stats.LastRun = j.now()
	case !errors.Is(err, errLost) && ctx.Err() == nil:
		j.stats.Failed++
	}
	return err
}

// swept counts a batch, leaves the database to others for a moment, and keeps the lease while there is much to do.
func (j *janitor) swept(ctx context.Context, table string, rows int64) error {
	j.mu.Lock()
	j.stats.Swept[table] += rows
	j.mu.Unlock()
	if err := pause(ctx, j.pause); err != nil {
		return err
	}
	return j.keep(ctx)
}
