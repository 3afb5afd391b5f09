package web

import (
	"context"
	"time"
)

// Regularly does work every so often, and when it is woken (nil: by nobody), until the context ends.
func Regularly(ctx context.Context, every time.Duration, wake <-chan struct{}, work func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
		work()
	}
}
