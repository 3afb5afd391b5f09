package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"gatehouse/internal/audit"
)

// KindRemoval deletes what a great deal hangs on, in parts. It is marked before: from then on it is there for nobody else, and what
// hangs on it works no more.
const KindRemoval = "removal"

// removedAtOnce is how much may hang on a thing that is deleted with its act: for more, that would keep everybody else waiting.
const removedAtOnce = 1000

// Removal says what such a job deletes.
type Removal struct {
	Of   string `json:"of"`             // an audit.Kind
	ID   string `json:"id"`             // of a scope its name, of an attribute its key
	Name string `json:"name,omitempty"` // what it was called
}

// RemovalOf is what a removal deletes.
func RemovalOf(job *Job) (r Removal) {
	_ = json.Unmarshal([]byte(job.Params), &r) // it is ours
	return r
}

// A removable is a thing on which a great deal may hang. In statements $1 is its id.
type removable struct {
	table, key string
	// mark is what else is set where it is only marked, so that nothing finds it by what it names.
	mark string
	// hangs are the rows that hang on it; those of the first are what is counted for people.
	hangs []string
	// parts delete some of them, at most $2; the first that finds any is the next part.
	parts []removalPiece
}

type removalPiece struct {
	what, sql string
	before    string // is run first, on the same rows
	counted   bool
}

// nextFamilies are the families of a client that are taken apart next.
const nextFamilies = "SELECT id FROM families WHERE client_id = $1 ORDER BY id LIMIT 100"

// some deletes rows of a table by its key. They are in an order only where an index of the column has one: then PostgreSQL goes by it,
// and does not read past all that earlier parts have left in the table.
func some(table, column, key, order string) string {
	if order != "" {
		order = " ORDER BY " + order
	}
	return "DELETE FROM " + table + " WHERE (" + key + ") IN (SELECT " + key + " FROM " + table + " WHERE " + column + " = $1" + order + " LIMIT $2)"
}

var removables = map[string]removable{
	audit.KindClient: {
		table: "clients", key: "id",
		mark: "disabled_at = COALESCE(disabled_at, $3), era = 'removed', grant_id = 'removed', scope = '', default_resource = '', resource_server = ''",
		hangs: []string{
			"families WHERE client_id = $1", "refresh_tokens WHERE family_id IN (SELECT id FROM families WHERE client_id = $1)", "codes WHERE client_id = $1",
			"consents WHERE client_id = $1", "session_clients WHERE client_id = $1", "access_tokens WHERE client_id = $1", "interactions WHERE client_id = $1",
		},
		parts: []removalPiece{
			{what: "refresh token", sql: "DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE family_id IN (" + nextFamilies + ") LIMIT $2)"},
			{what: "code", sql: some("codes", "client_id", "hash", "")},
			{what: "family", sql: "DELETE FROM families WHERE id IN (" + nextFamilies + ")", counted: true},
			{what: "consent", sql: some("consents", "client_id", "user_id, client_id, scope", "created_at")},
			{what: "session", sql: some("session_clients", "client_id", "session_id, client_id", "session_id")},
			{what: "access token", sql: some("access_tokens", "client_id", "hash", "")},
			{what: "interaction", sql: some("interactions", "client_id", "hash", "")},
		},
	},
	audit.KindScope: {
		table: "scopes", key: "name",
		hangs: []string{"consents WHERE scope = $1"},
		parts: []removalPiece{{what: "consent", sql: some("consents", "scope", "user_id, client_id, scope", "user_id, client_id"), counted: true}},
	},
	audit.KindGroup: {
		table: "user_groups", key: "id",
		hangs: []string{"memberships WHERE group_id = $1"},
		parts: []removalPiece{{what: "member", sql: some("memberships", "group_id", "group_id, user_id", "user_id"), counted: true}},
	},
	audit.KindAttribute: {
		table: "attributes", key: "key", mark: "scope = '', claim = ''",
		hangs: []string{"user_attributes WHERE key = $1"},
		parts: []removalPiece{{
			what: "attribute", sql: some("user_attributes", "key", "key, user_id", "user_id"), counted: true,
			// Who had a value is another from now on: what is remembered of them, or stands in a form, is old.
			before: "UPDATE users SET updated_at = $3, version = version + 1 WHERE id IN (SELECT user_id FROM user_attributes WHERE key = $1 ORDER BY user_id LIMIT $2)",
		}},
	},
}

// holdRemovable keeps what names the thing, or comes to, waiting for its removal; fault.NotFound if it is not there or being removed. It
// needs a transaction.
func (s *Store) holdRemovable(ctx context.Context, of, id string) error {
	r := removables[of]
	n, err := s.exec(ctx, of, "UPDATE "+r.table+" SET "+r.key+" = "+r.key+" WHERE "+r.key+" = $1 AND removal = ''", id)
	return mustChange(of, n, err)
}

// remove deletes the thing that the event is about, with all that hangs on it: at once if that is little, else in a job. It needs a
// transaction that has seen to it that nothing more comes to hang on it.
func (s *Store) remove(ctx context.Context, of, id string, at time.Time, event audit.Event) error {
	r := removables[of]
	much := false
	for _, hangs := range r.hangs {
		var n int64
		if err := s.get(ctx, of, &n, "SELECT COUNT(*) FROM (SELECT 1 FROM "+hangs+" LIMIT $2) AS counted", id, removedAtOnce+1); err != nil {
			return err
		}
		if much = n > removedAtOnce; much {
			break
		}
	}
	if !much {
		for _, p := range r.parts {
			if _, err := s.removePiece(ctx, p, id, removedAtOnce, at); err != nil {
				return err
			}
		}
		return s.removeLast(ctx, of, id)
	}
	var total int64
	if err := s.get(ctx, of, &total, "SELECT COUNT(*) FROM "+r.hangs[0], id); err != nil {
		return err
	}
	job, _, err := s.createJob(ctx, Job{Kind: KindRemoval, State: JobQueued, Total: total, SameKey: removing(of, id)}, Removal{of, id, event.Target.Name}, event.Actor, at)
	if err != nil {
		return err
	}
	mark := "removal = $2, updated_at = $3, version = version + 1"
	if r.mark != "" {
		mark += ", " + r.mark
	}
	_, err = s.exec(ctx, of, "UPDATE "+r.table+" SET "+mark+" WHERE "+r.key+" = $1", id, job.ID, at)
	return err
}

// removalPart deletes some of what hangs on the thing and, when nothing does any more, the thing.
func removalPart(ctx context.Context, tx *Store, job *Job, size int, at time.Time) error {
	of := RemovalOf(job)
	r := removables[of.Of]
	job.Position++
	for _, p := range r.parts {
		n, err := tx.removePiece(ctx, p, of.ID, size, at)
		if err != nil || n > 0 {
			if p.counted {
				job.Done += n
				job.Total = max(job.Total, job.Done)
			}
			return err
		}
	}
	job.State = JobDone
	return tx.removeLast(ctx, of.Of, of.ID)
}

// removePiece deletes some of what hangs on the thing, and tells how much.
func (s *Store) removePiece(ctx context.Context, p removalPiece, id string, size int, at time.Time) (int64, error) {
	if p.before != "" {
		if _, err := s.exec(ctx, p.what, p.before, id, size, at); err != nil {
			return 0, err
		}
	}
	args := []any{id, size}
	if !strings.Contains(p.sql, "$2") { // it says itself how many
		args = args[:1]
	}
	return s.exec(ctx, p.what, p.sql, args...)
}

// removeLast deletes the thing itself.
func (s *Store) removeLast(ctx context.Context, of, id string) error {
	_, err := s.exec(ctx, of, "DELETE FROM "+removables[of].table+" WHERE "+removables[of].key+" = $1", id)
	return err
}

// Removing is the job that deletes the thing; fault.NotFound if none does.
func (s *Store) Removing(ctx context.Context, of, id string) (*Job, error) {
	var job Job
	err := s.get(ctx, "job", &job, "SELECT "+jobColumns+" FROM jobs WHERE same_key = $1 AND state = $2", removing(of, id), JobQueued)
	return &job, err
}

func removing(of, id string) string { return KindRemoval + " " + of + " " + id }
