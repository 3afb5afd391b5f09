package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gatehouse/internal/fault"
	"gatehouse/store"
	"gatehouse/web"
)

const (
	// jobsAtOnce is how many jobs a node does at a time. Of imports it does one, and a verification of the audit log is not among
	// them: whatever takes an hour, there is room for an ending, which may be urgent.
	jobsAtOnce = 4
	// jobsEvery is how often a node looks for jobs that another was asked for, or left behind.
	jobsEvery = 2 * time.Second
	// jobLease is how long a job waits for a node that ended without giving it back.
	jobLease = 30 * time.Second
	// jobPause is how long others have the database to themselves between two parts of a job.
	jobPause = 5 * time.Millisecond
	// jobPartTime is how long one part may take.
	jobPartTime = 20 * time.Second
)

// A worker does the parts of jobs, some jobs at a time and each while no other node does.
type worker struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{}

	mu    sync.Mutex
	kinds map[string]string // of the jobs that are being done here, by id
}

// newWorker is woken by each job that this node is asked for.
func newWorker(st *store.Store, log *slog.Logger) *worker {
	w := &worker{store: st, log: log, now: now, wake: make(chan struct{}, 1), kinds: map[string]string{}}
	st.OnJob(w.look)
	w.look() // others may have left some behind
	return w
}

// look makes the worker look for jobs now.
func (w *worker) look() {
	select {
	case w.wake <- struct{}{}:
	default: // it will anyway
	}
}

// work looks for jobs until the context ends, and waits for the parts that are under way then.
func (w *worker) work(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	web.Regularly(ctx, jobsEvery, w.wake, func() {
		jobs, err := w.store.QueuedJobs(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("jobs could not be looked for", "error", err)
		}
		for _, job := range jobs {
			if !w.take(&job) {
				continue
			}
			under.Go(func() {
				went := w.finish(ctx, job.ID)
				w.leave(&job)
				if went { // there is room for another; one that another node has is looked at later
					w.look()
				}
			})
		}
	})
}

// take reports whether there is room for the job, and keeps it.
func (w *worker) take(job *store.Job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, here := w.kinds[job.ID]; here || len(w.kinds) >= jobsAtOnce {
		return false
	}
	for _, kind := range w.kinds {
		if kind == store.KindUserImport && job.Kind == kind {
			return false
		}
	}
	w.kinds[job.ID] = job.Kind
	return true
}

func (w *worker) leave(job *store.Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.kinds, job.ID)
}

// finish does a job as far as it goes, if no other node does. It tells whether a part was done.
func (w *worker) finish(ctx context.Context, id string) (went bool) {
	held := newLease(w.store, w.log, "job "+id, jobLease)
	defer held.release()
	for more := true; more; {
		if held.keep(ctx) != nil {
			return went
		}
		var err error
		if more, err = w.part(ctx, id); err != nil {
			w.failed(ctx, id, err)
			return went
		}
		if went = true; pause(ctx, jobPause) != nil {
			return went
		}
	}
	return went
}

// part does the next part. It is done to its end also when the server is asked to end: what was done of it would be for nothing.
func (w *worker) part(ctx context.Context, id string) (more bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobPartTime)
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
