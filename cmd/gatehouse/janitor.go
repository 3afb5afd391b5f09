package main

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/store"
)

// sweepEvery is how often a server looks for rows that have lapsed.
const sweepEvery = time.Minute

// flushEvery is how often a server writes down what it has counted: a server that is killed loses no more than that.
const flushEvery = 5 * time.Second

// flushRegularly writes down what was counted until the context ends.
func flushRegularly(ctx context.Context, st *store.Store, log *slog.Logger) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		flush(context.WithoutCancel(ctx), st, log)
	}
}

func flush(ctx context.Context, st *store.Store, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, flushEvery)
	defer cancel()
	if err := st.Flush(ctx); err != nil {
		log.Warn("what was counted could not be written down", "error", err)
	}
}

// sweepRegularly deletes what has lapsed until the context ends.
func sweepRegularly(ctx context.Context, st *store.Store, log *slog.Logger) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch n, err := st.Sweep(ctx, now()); {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("lapsed rows could not be swept", "error", err)
		case n > 0:
			log.Info("swept", "rows", n)
		}
	}
}
