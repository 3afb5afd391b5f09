package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

// Kinds of jobs that end all that fits a filter.
const (
	KindEndFamilies = "end_families"
	KindEndSessions = "end_sessions"
	// KindEndEra writes down the ends of what a client was given in an era that is over: none of it works any more.
	KindEndEra = "end_era"
)

// Ending says what such a job ends: what of this lives and began before it was asked for. What is empty means any.
type Ending struct {
	UserID      string `json:"user,omitempty"`
	ClientID    string `json:"client,omitempty"`
	ID          string `json:"id,omitempty"`           // the one thing
	IP          string `json:"ip,omitempty"`           // of sessions
	KeepSession string `json:"keep_session,omitempty"` // the session of whoever asked
	KeepAdmins  bool   `json:"keep_admins,omitempty"`  // for whoever asked is none (security.md rule 27)
	Reason      string `json:"reason,omitempty"`
	As          string `json:"as,omitempty"` // an oauth.EndedBy constant; empty is by an operator
}

// EndingOf is what an ending job ends.
func EndingOf(job *Job) (e Ending) {
	_ = json.Unmarshal([]byte(job.Params), &e) // it is ours
	return e
}

// changes tell an event what is ended.
func (e Ending) changes() map[string]audit.Change {
	told := map[string]audit.Change{}
	for name, value := range map[string]string{"user": e.UserID, "client": e.ClientID, "id": e.ID, "ip": e.IP, audit.Reason: e.Reason} {
		if value != "" {
			told[name] = audit.Change{After: value}
		}
	}
	return told
}

// BeginEnding asks for a job that ends what it says, total as it was counted. form names the form that asks, if one does. Where it was
// sent before, or just this is under way, the job that there is comes back and begun is false.
func (s *Store) BeginEnding(ctx context.Context, kind string, e Ending, total int64, form string, at time.Time, event audit.Event) (job *Job, begun bool, err error) {
	meant := e
	meant.Reason = ""
	err = s.InTx(ctx, func(tx *Store) error {
		asked := Job{Kind: kind, State: JobQueued, Total: total, FormKey: form, SameKey: kind + " " + jsonOf(meant)}
		if job, begun, err = tx.createJob(ctx, asked, e, event.Actor, at); err != nil || !begun {
			return err
		}
		event.Target, event.Changes = job.party(), e.changes()
		event.Changes["total"] = audit.Change{After: strconv.FormatInt(total, 10)}
		return tx.record(ctx, event, at)
	})
	return job, begun, err
}

// party is the job in an event.
func (j *Job) party() audit.Party { return audit.Party{Kind: audit.KindJob, ID: j.ID, Name: j.Kind} }

// CancelEnding stops an ending; what has ended stays so. The event is told how many that are. fault.NotFound if it is over.
func (s *Store) CancelEnding(ctx context.Context, id string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "job", "UPDATE jobs SET state = $2, updated_at = $3 WHERE id = $1 AND state = $4 AND kind IN ($5, $6)",
			id, JobCancelled, at, JobQueued, KindEndFamilies, KindEndSessions)
		if err := mustChange("job", n, err); err != nil {
			return err
		}
		job, err := tx.Job(ctx, id)
		if err != nil {
			return err
		}
		told := endingTold(job, at)
		event.Target, event.Changes = told.Target, told.Changes
		return tx.record(ctx, event, at)
	})
}

// endingTold is what an ending writes down when it is over.
func endingTold(job *Job, at time.Time) audit.Event {
	changes := EndingOf(job).changes()
	changes["ended"] = audit.Change{After: strconv.FormatInt(job.Done, 10)}
	event := audit.Event{At: at, Action: audit.EndingFinished, Outcome: audit.Success, Actor: job.By(), Target: job.party(), Changes: changes}
	if job.State == JobFailed {
		event.Action, event.Outcome = audit.EndingFailed, audit.Refused
	}
	return event
}

// stretch is a part of a list: what an index finds, and which of it is meant.
type stretch struct {
	what, table, key string
	found, meant     filter
}

// endPart ends what is meant among the next size things that the index finds, live or not: so it holds its locks for no longer,
// however much there is that ended long ago.
func (s *Store) endPart(ctx context.Context, job *Job, l stretch, size int, end func(condition string, args []any) (int64, error)) error {
	found := l.found.and(filter{})
	found.add(l.key+" > ?", job.Mark)
	var last []string
	err := s.all(ctx, l.what, &last, dollars("SELECT "+l.key+" FROM "+l.table+found.where()+" ORDER BY "+l.key+" LIMIT 1 OFFSET ?"), append(found.args, size-1)...)
	if err != nil {
		return err
	}
	these := found.and(l.meant)
	if len(last) > 0 {
		these.add(l.key+" <= ?", last[0])
	}
	n, err := end("id IN (SELECT "+l.key+" FROM "+l.table+these.where()+")", these.args)
	if err != nil {
		return err
	}
	job.Done, job.Position = job.Done+n, job.Position+1
	job.Total = max(job.Total, job.Done) // more may have begun after they were counted and before it was asked for
	if len(last) == 0 {
		job.State = JobDone
		return nil
	}
	job.Mark = last[0]
	return nil
}

func endFamiliesPart(ctx context.Context, tx *Store, job *Job, size int, at time.Time) error {
	e := EndingOf(job)
	l := stretch{
		what: "family", table: "families", key: "id", found: FamilyFilter{ID: e.ID, UserID: e.UserID, ClientID: e.ClientID}.conditions(),
		meant: FamilyFilter{State: oauth.FamilyLive, At: at, BegunBy: job.CreatedAt, KeepAdmins: e.KeepAdmins}.conditions(),
	}
	return tx.endPart(ctx, job, l, size, func(condition string, args []any) (int64, error) {
		return tx.endFamilies(ctx, oauth.EndedByOperator, at, condition, args...)
	})
}

func endEraPart(ctx context.Context, tx *Store, job *Job, size int, at time.Time) error {
	e := EndingOf(job)
	l := stretch{what: "family", table: "families", key: "id", found: FamilyFilter{ClientID: e.ClientID}.conditions()}
	l.meant.add("era <> " + eraOf("families.client_id"))
	return tx.endPart(ctx, job, l, size, func(condition string, args []any) (int64, error) {
		return tx.endFamilies(ctx, e.As, at, condition, args...)
	})
}

func endSessionsPart(ctx context.Context, tx *Store, job *Job, size int, at time.Time) error {
	e := EndingOf(job)
	found := SessionFilter{ID: e.ID, UserID: e.UserID, ClientID: e.ClientID, IP: e.IP}
	l := stretch{
		what: "session", table: found.table(), key: found.key(), found: found.conditions(time.Time{}),
		meant: SessionFilter{State: SessionLive, At: at, BegunBy: job.CreatedAt, Except: e.KeepSession, KeepAdmins: e.KeepAdmins}.conditions(tx.seenSince(at)),
	}
	return tx.endPart(ctx, job, l, size, func(condition string, args []any) (int64, error) {
		return tx.endSessions(ctx, oauth.EndedByOperator, at, condition, args...)
	})
}

// cannotGoOn ends an ending that meets what is not to be: it never passes anything over.
func cannotGoOn(_ context.Context, _ *Store, _ *Job, why error) error { return why }

// ofAdmins is the condition that the person in the column is an administrator.
func ofAdmins(column string) string {
	return column + " IN (SELECT id FROM users WHERE role = '" + string(identity.RoleAdmin) + "')"
}
