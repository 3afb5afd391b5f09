package web

import (
	"context"
	"time"
)

// Regularly does work every so often until the context ends.
func Regularly(ctx context.Context, every time.Duration, work func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			work()
		}
	}
}
