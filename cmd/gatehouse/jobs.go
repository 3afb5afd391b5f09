package main

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/internal/fault"
	"gatehouse/store"
	"gatehouse/web"
)

const (
	// jobsEvery is how often a node looks for jobs.
	jobsEvery = 2 * time.Second
	// jobLease is how long a job waits for a node that ended without giving it back.
	jobLease = 30 * time.Second
	// jobPause is how long others have the database to themselves between two parts of a job.
	jobPause = 5 * time.Millisecond
	// jobPartTime is how long one part may take.
	jobPartTime = 20 * time.Second
)

// A worker does the parts of jobs, each job while no other node does.
type worker struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
}

func newWorker(st *store.Store, log *slog.Logger) *worker {
	return &worker{store: st, log: log, now: now}
}

// work looks for jobs until the context ends.
func (w *worker) work(ctx context.Context) {
	web.Regularly(ctx, jobsEvery, func() {
		ids, err := w.store.QueuedJobs(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("jobs could not be looked for", "error", err)
		}
		for _, id := range ids {
			w.finish(ctx, id)
		}
	})
}

// finish does a job as far as it goes, if no other node does.
func (w *worker) finish(ctx context.Context, id string) {
	held := newLease(w.store, w.log, "job "+id, jobLease)
	defer held.release()
	for more := true; more; {
		if held.keep(ctx) != nil {
			return
		}
		var err error
		if more, err = w.part(ctx, id); err != nil {
			w.failed(ctx, id, err)
			return
		}
		if pause(ctx, jobPause) != nil {
			return
		}
	}
}

func (w *worker) part(ctx context.Context, id string) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, jobPartTime)
	defer cancel()
	return w.store.DoJobPart(ctx, id, w.now())
}

// failed leaves a job for later where the database is to blame, and else ends it.
func (w *worker) failed(ctx context.Context, id string, err error) {
	if ctx.Err() != nil || fault.IsNotFound(err) {
		return
	}
	w.log.Error("a job failed", "job", id, "error", err)
	if fault.AsUnavailable(err) != nil {
		return
	}
	if err := w.store.FailJob(ctx, id, "An unexpected error; the log of the server has it.", w.now()); err != nil {
		w.log.Warn("a failed job could not be ended", "job", id, "error", err)
	}
}
