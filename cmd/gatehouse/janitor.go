package main

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/store"
)

// sweepEvery is how often a server looks for rows that have lapsed.
const sweepEvery = time.Minute

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
