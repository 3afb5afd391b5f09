package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// States of a job.
const (
	JobStaging   = "staging"   // what it works on is still arriving
	JobQueued    = "queued"    // a node does the next part, or will
	JobWaiting   = "waiting"   // somebody has to say whether to go on
	JobDone      = "done"      // to the end
	JobFailed    = "failed"    // it could not go on
	JobCancelled = "cancelled" // somebody stopped it; what was done stays
)

// Job is something that takes longer than a request. It is done in parts, each a transaction that also says how far the job is:
// whoever is killed, the next goes on from there.
type Job struct {
	ID        string    `db:"id"` // a UUIDv7
	Kind      string    `db:"kind"`
	State     string    `db:"state"` // a Job constant
	Phase     string    `db:"phase"`
	Params    string    `db:"params"`   // JSON
	Position  int64     `db:"position"` // where the next part begins
	Mark      string    `db:"mark"`     // the same, where it is the id of the last thing that was seen to
	Done      int64     `db:"done"`
	Total     int64     `db:"total"`
	Problem   string    `db:"problem"`  // why it failed
	Result    string    `db:"result"`   // what came of it, JSON; empty until it is known
	FormKey   string    `db:"form_key"` // of the form that asked for it: there is one job of it, unless it failed
	SameKey   string    `db:"same_key"` // what it is about: while it is not over there is no second
	ByKind    string    `db:"creator_kind"`
	ByID      string    `db:"creator_id"`
	ByName    string    `db:"creator_name"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
}

// By is who began it.
func (j *Job) By() audit.Party { return audit.Party{Kind: j.ByKind, ID: j.ByID, Name: j.ByName} }

// Over reports whether nothing will happen to it any more.
func (j *Job) Over() bool {
	return j.State == JobDone || j.State == JobFailed || j.State == JobCancelled
}

const jobColumns = "id, kind, state, phase, params, position, mark, done, total, problem, result, creator_kind, creator_id, creator_name, created_at, updated_at, form_key, same_key"

// errJobMoved says that another node did the part, or that somebody stopped the job.
var errJobMoved = errors.New("the job has moved on")

// jobKinds are what jobs do, in a transaction.
var jobKinds = map[string]jobKind{
	KindUserImport:  {part: importPart, giveUp: refuseNextLine, size: 50},
	KindEndFamilies: {part: endFamiliesPart, giveUp: cannotGoOn, size: 500, told: endingTold},
	KindEndSessions: {part: endSessionsPart, giveUp: cannotGoOn, size: 50, told: endingTold}, // each takes its codes and families along
	KindEndEra:      {part: endEraPart, giveUp: cannotGoOn, size: 500},
	KindRemoval:     {part: removalPart, giveUp: cannotGoOn, size: 500},
}

type jobKind struct {
	// part does the next size things and says how far the job is then.
	part func(ctx context.Context, tx *Store, job *Job, size int, at time.Time) error
	// giveUp passes over the next thing, which cannot be done.
	giveUp func(ctx context.Context, tx *Store, job *Job, why error) error
	// size is how many things one part does: it holds its locks for no longer.
	size int
	// told is what is written down when it is done or has failed; nil for nothing.
	told func(job *Job, at time.Time) audit.Event
}

// createJob adds a job and wakes who does it. Where its form has made one, or what it is about is being done, that one is returned
// and made is false. It needs a transaction.
func (s *Store) createJob(ctx context.Context, job Job, params any, by audit.Party, at time.Time) (_ *Job, made bool, err error) {
	text, err := json.Marshal(params)
	if err != nil {
		return nil, false, err
	}
	job.ID, job.Params, job.ByKind, job.ByID, job.ByName, job.CreatedAt, job.UpdatedAt = newID(), string(text), by.Kind, by.ID, by.Name, at, at
	n, err := s.run(ctx, "job", row{table: "jobs", columns: jobColumns, value: job, onConflict: "ON CONFLICT DO NOTHING"}.insert("TRUE"))
	if err != nil || n > 0 {
		s.wakeWorkers()
		return &job, err == nil, err
	}
	var there Job
	err = s.get(ctx, "job", &there, "SELECT "+jobColumns+` FROM jobs
		WHERE form_key = $1 AND form_key <> '' AND state <> 'failed' OR same_key = $2 AND same_key <> '' AND state IN ('staging', 'queued', 'waiting')
		ORDER BY id DESC LIMIT 1`, job.FormKey, job.SameKey)
	return &there, false, err
}

// OnJob tells f whenever a job waits for somebody to go on with it, once that is committed. It is set before the store is used.
func (s *Store) OnJob(f func()) { s.onJob = f }

// wakeWorkers tells that a job waits. In a transaction it waits for the commit.
func (s *Store) wakeWorkers() {
	if s.db == nil {
		s.queued = true
	} else if s.onJob != nil {
		s.onJob()
	}
}

// Job returns the job with this id.
func (s *Store) Job(ctx context.Context, id string) (*Job, error) {
	var job Job
	if err := s.get(ctx, "job", &job, "SELECT "+jobColumns+" FROM jobs WHERE id = $1", id); err != nil {
		return nil, err
	}
	return &job, nil
}

// Jobs returns the newest jobs of a kind.
func (s *Store) Jobs(ctx context.Context, kind string, limit int) (jobs []Job, err error) {
	err = s.all(ctx, "job", &jobs, "SELECT "+jobColumns+" FROM jobs WHERE kind = $1 ORDER BY id DESC LIMIT $2", kind, limit)
	return jobs, err
}

// QueuedJobs are the jobs that a node has to go on with, the oldest first, but imports last: they are long, and nobody is in danger
// while they wait.
func (s *Store) QueuedJobs(ctx context.Context) (jobs []Job, err error) {
	err = s.all(ctx, "job", &jobs, "SELECT "+jobColumns+" FROM jobs WHERE state = $1 ORDER BY kind = $2, id LIMIT 100", JobQueued, KindUserImport)
	return jobs, err
}

// DoJobPart does the next part of a job and tells whether there is more. Two nodes that do it at once do it once: the part and how
// far the job is are one transaction, and it happens only from where the job was read. What cannot be done together with others of
// the part is tried alone.
func (s *Store) DoJobPart(ctx context.Context, id string, at time.Time) (more bool, err error) {
	var begun int64
	move := func(do func(tx *Store, job *Job) error) error {
		return s.InTx(ctx, func(tx *Store) error {
			if _, err := tx.exec(ctx, "job", "UPDATE jobs SET id = id WHERE id = $1", id); err != nil { // whoever comes second finds it done
				return err
			}
			job, err := tx.Job(ctx, id)
			if err != nil {
				return err
			}
			if more = job.State == JobQueued; !more {
				return nil
			}
			from := *job
			begun = from.Position
			if err := do(tx, job); err != nil {
				return err
			}
			more = job.State == JobQueued
			if err := tx.moveJob(ctx, &from, job, at); err != nil || job.State != JobDone {
				return err
			}
			return tx.tellOfJob(ctx, job, at)
		})
	}
	for _, alone := range []bool{false, true} {
		err = move(func(tx *Store, job *Job) error {
			kind := jobKinds[job.Kind]
			if alone {
				kind.size = 1
			}
			return kind.part(ctx, tx, job, kind.size, at)
		})
		if !cannotBe(err) {
			break
		}
	}
	if cannotBe(err) {
		why, failed := err, begun
		err = move(func(tx *Store, job *Job) error {
			if job.Position != failed { // another node has passed it
				return errJobMoved
			}
			return jobKinds[job.Kind].giveUp(ctx, tx, job, why)
		})
	}
	if errors.Is(err, errJobMoved) {
		return true, nil
	}
	return more, err
}

// cannotBe reports whether the database is well, and something is not to be done as it was meant.
func cannotBe(err error) bool {
	var wrong fault.Fields
	return fault.AsConflict(err) != nil || fault.IsNotFound(err) || errors.As(err, &wrong)
}

// moveJob says how far the job is, if it is still where it was.
func (s *Store) moveJob(ctx context.Context, from, to *Job, at time.Time) error {
	n, err := s.exec(ctx, "job", `
		UPDATE jobs SET state = $5, phase = $6, position = $7, done = $8, total = $9, problem = $10, result = $11, updated_at = $12, mark = $13
		WHERE id = $1 AND state = $2 AND phase = $3 AND position = $4`,
		from.ID, from.State, from.Phase, from.Position, to.State, to.Phase, to.Position, to.Done, to.Total, to.Problem, to.Result, at, to.Mark)
	if err == nil && n == 0 {
		return errJobMoved
	}
	return err
}

// FailJob ends a job that cannot go on, and says why.
func (s *Store) FailJob(ctx context.Context, id, problem string, at time.Time) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "job", "UPDATE jobs SET state = $2, problem = $3, updated_at = $4 WHERE id = $1 AND state IN ($5, $6)",
			id, JobFailed, problem, at, JobQueued, JobStaging)
		if err != nil || n == 0 {
			return err
		}
		job, err := tx.Job(ctx, id)
		if err != nil {
			return err
		}
		return tx.tellOfJob(ctx, job, at)
	})
}

// tellOfJob writes down that a job is over, if its kind does.
func (s *Store) tellOfJob(ctx context.Context, job *Job, at time.Time) error {
	if told := jobKinds[job.Kind].told; told != nil {
		return s.record(ctx, told(job, at), at)
	}
	return nil
}

// CancelJob stops a job; what was done stays. fault.NotFound if there is none, or it is over.
func (s *Store) CancelJob(ctx context.Context, id string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "job", statement{"UPDATE jobs SET state = :cancelled, updated_at = :at WHERE id = :id AND state IN (:staging, :queued, :waiting)",
		map[string]any{"id": id, "at": at, "cancelled": JobCancelled, "staging": JobStaging, "queued": JobQueued, "waiting": JobWaiting}}, eventOf(event, at))
	return mustChange("job", n, err)
}
