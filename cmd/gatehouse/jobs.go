package main

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
	"gatehouse/store"
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
	store  *store.Store
	log    *slog.Logger
	now    func() time.Time
	holder string // names this node in its leases
}

func newWorker(st *store.Store, log *slog.Logger) *worker {
	return &worker{store: st, log: log, now: now, holder: secret.New("")[:22]}
}

// work looks for jobs until the context ends.
func (w *worker) work(ctx context.Context) {
	tick := time.NewTicker(jobsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ids, err := w.store.QueuedJobs(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("jobs could not be looked for", "error", err)
		}
		for _, id := range ids {
			w.finish(ctx, id)
		}
	}
}

// finish does a job as far as it goes, if no other node does.
func (w *worker) finish(ctx context.Context, id string) {
	lease := "job " + id
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := w.store.ReleaseLease(ctx, lease, w.holder); err != nil {
			w.log.Warn("the lease on a job could not be given back", "job", id, "error", err)
		}
	}()
	var until time.Time
	for more := true; more; {
		if at := w.now(); until.Sub(at) < jobLease/2 {
			held, err := w.store.HoldLease(ctx, lease, w.holder, at, at.Add(jobLease))
			if err != nil || !held {
				return
			}
			until = at.Add(jobLease)
		}
		var err error
		if more, err = w.part(ctx, id); err != nil {
			w.failed(ctx, id, err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(jobPause):
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
