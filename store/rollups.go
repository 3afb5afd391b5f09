package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/audit"
)

// A rollupKey is a row of the rollups: an action of a client, or of all where client is empty, in an hour.
type rollupKey struct {
	client string
	hour   time.Time
	action audit.Action
	detail string // of a refusal: the rule that failed
}

// tally counts in memory what happened, and remembers who was last used when, until Flush writes it down.
type tally struct {
	mu        sync.Mutex
	observers []func(audit.Event)
	counts    map[rollupKey]int64
	clients   map[string]time.Time // last used
	secrets   map[string]time.Time // last used
	written   map[string]time.Time // uses of clients and secrets as they stand in the database, so far as this node knows
}

// useGrain is how exactly the last use of a client or a secret is known.
const useGrain = time.Minute

// maxWritten bounds what is remembered of what was written.
const maxWritten = 100_000

func newTally() *tally {
	return &tally{counts: map[rollupKey]int64{}, clients: map[string]time.Time{}, secrets: map[string]time.Time{}, written: map[string]time.Time{}}
}

// Observe has f told of every event once it is certain: of those that are only counted too. It is called before the store is
// shared; f must be quick and safe for concurrent use.
func (s *Store) Observe(f func(audit.Event)) { s.tally.observers = append(s.tally.observers, f) }

// Count counts an event that is not written down by itself.
func (s *Store) Count(e audit.Event) { s.happened(e) }

// happened is told of the events of a change that was carried out. Those of a transaction wait for its commit.
func (s *Store) happened(events ...audit.Event) {
	if s.db == nil {
		s.pending = append(s.pending, events...)
		return
	}
	for _, e := range events {
		s.tally.add(e)
		for _, f := range s.tally.observers {
			f(e)
		}
	}
}

func (t *tally) add(e audit.Event) {
	n := max(e.Count, 1)
	key := rollupKey{hour: e.At.Truncate(time.Hour), action: e.Action}
	if e.Outcome == audit.Refused && e.Cause != nil {
		key.detail = e.Cause.Rule
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[key] += n
	if e.ClientID == "" {
		return
	}
	key.client = e.ClientID
	t.counts[key] += n
	if e.Outcome == audit.Success && (e.Actor.Kind == audit.KindClient || e.Action == audit.ImplicitIssued) {
		t.clients[e.ClientID] = e.At
	}
}

// NoteSecretUse notes that the secret proved its client.
func (s *Store) NoteSecretUse(clientID, id string, at time.Time) {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	s.tally.clients[clientID], s.tally.secrets[id] = at, at
}

// taken is what one flush writes.
type taken struct {
	counts           map[rollupKey]int64
	clients, secrets map[string]time.Time
}

func (t *tally) take() taken {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := taken{t.counts, t.clients, t.secrets}
	t.counts, t.clients, t.secrets = map[rollupKey]int64{}, map[string]time.Time{}, map[string]time.Time{}
	for _, uses := range []map[string]time.Time{out.clients, out.secrets} {
		for id, at := range uses {
			if at.Sub(t.written[id]) < useGrain {
				delete(uses, id)
			}
		}
	}
	return out
}

// giveBack takes what could not be written.
func (t *tally) giveBack(back taken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, n := range back.counts {
		t.counts[key] += n
	}
	for id, at := range back.clients {
		t.clients[id] = later(at, t.clients[id])
	}
	for id, at := range back.secrets {
		t.secrets[id] = later(at, t.secrets[id])
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *tally) wrote(done taken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.written) > maxWritten {
		t.written = map[string]time.Time{}
	}
	for _, uses := range []map[string]time.Time{done.clients, done.secrets} {
		for id, at := range uses {
			t.written[id] = at
		}
	}
}

// rollupBatch is how many rows one statement adds to the rollups.
const rollupBatch = 200

// Flush writes down what this node has counted since the last time. What it cannot write it keeps for the next; where the
// outcome is unknown it takes it for written, for nothing may count twice.
func (s *Store) Flush(ctx context.Context) error {
	what := s.tally.take()
	if len(what.counts)+len(what.clients)+len(what.secrets) == 0 {
		return nil
	}
	err := s.InTx(ctx, func(tx *Store) error { return tx.flush(ctx, what) })
	if err != nil && !isUnknown(err) {
		s.tally.giveBack(what)
		return err
	}
	s.tally.wrote(what)
	return err
}

func (s *Store) flush(ctx context.Context, what taken) error {
	keys := make([]rollupKey, 0, len(what.counts))
	for key := range what.counts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b rollupKey) int { // nodes that write at the same time take rows in the same order
		return cmp.Or(cmp.Compare(a.client, b.client), a.hour.Compare(b.hour), cmp.Compare(a.action, b.action), cmp.Compare(a.detail, b.detail))
	})
	for batch := range slices.Chunk(keys, rollupBatch) {
		var args []any
		for _, key := range batch {
			args = append(args, key.client, key.hour, string(key.action), key.detail, what.counts[key])
		}
		query := "INSERT INTO rollups (client_id, hour, action, detail, count) VALUES (?, ?, ?, ?, ?)" + strings.Repeat(", (?, ?, ?, ?, ?)", len(batch)-1) +
			" ON CONFLICT (client_id, hour, action, detail) DO UPDATE SET count = rollups.count + excluded.count"
		if _, err := s.exec(ctx, "rollup", dollars(query), args...); err != nil {
			return err
		}
	}
	for _, use := range []struct {
		of    map[string]time.Time
		query string
	}{
		{what.clients, `INSERT INTO client_uses (client_id, last_used_at) SELECT id, $2 FROM clients WHERE id = $1
			ON CONFLICT (client_id) DO UPDATE SET last_used_at = excluded.last_used_at WHERE client_uses.last_used_at < excluded.last_used_at`},
		{what.secrets, "UPDATE client_secrets SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)"},
	} {
		for _, id := range slices.Sorted(maps.Keys(use.of)) {
			if _, err := s.exec(ctx, "last use", use.query, id, use.of[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rollup is how often something happened in an hour.
type Rollup struct {
	Hour   time.Time    `db:"hour"`
	Action audit.Action `db:"action"`
	Detail string       `db:"detail"` // of a refusal: the rule that failed
	Count  int64        `db:"count"`
}

// Rollups returns what happened since the beginning of an hour, hour by hour: of the client, or of all together where clientID
// is empty.
func (s *Store) Rollups(ctx context.Context, clientID string, since time.Time) ([]Rollup, error) {
	var rows []Rollup
	err := s.all(ctx, "rollup", &rows, `
		SELECT hour, action, detail, count FROM rollups WHERE client_id = $1 AND hour >= $2 ORDER BY hour, action, detail`, clientID, since.Truncate(time.Hour))
	return rows, err
}

// Refusal reports whether what happened is that something was refused.
func (r Rollup) Refusal() bool {
	return r.Detail != "" || strings.HasSuffix(string(r.Action), ".refused")
}

// ClientCount is how often a client did something.
type ClientCount struct {
	ClientID string `db:"client_id"`
	Name     string `db:"client_name"` // empty if the client was deleted
	Count    int64  `db:"count"`
}

// BusiestClients returns the clients that did one of these things most often since the beginning of an hour, the busiest first. It
// reads the hours asked for and nothing before.
func (s *Store) BusiestClients(ctx context.Context, actions []audit.Action, since time.Time, limit int) ([]ClientCount, error) {
	args := []any{since.Truncate(time.Hour)}
	for _, action := range actions {
		args = append(args, string(action))
	}
	query := `SELECT r.client_id, COALESCE(c.client_name, '') AS client_name, r.count FROM (
			SELECT client_id, CAST(SUM(count) AS BIGINT) AS count FROM rollups
			WHERE hour >= ? AND client_id <> '' AND action IN (?` + strings.Repeat(", ?", len(actions)-1) + `)
			GROUP BY client_id ORDER BY count DESC, client_id LIMIT ?
		) r LEFT JOIN clients c ON c.id = r.client_id ORDER BY r.count DESC, r.client_id`
	var counts []ClientCount
	err := s.all(ctx, "rollup", &counts, dollars(query), append(args, limited(limit))...)
	return counts, err
}

// ClientUses tells when each of these clients last did something that succeeded, to the minute; those that never did are left out.
func (s *Store) ClientUses(ctx context.Context, ids ...string) (map[string]time.Time, error) {
	uses := make(map[string]time.Time, len(ids))
	if len(ids) == 0 {
		return uses, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	var rows []struct {
		ID string    `db:"client_id"`
		At time.Time `db:"last_used_at"`
	}
	err := s.all(ctx, "last use", &rows, dollars("SELECT client_id, last_used_at FROM client_uses WHERE client_id IN (?"+strings.Repeat(", ?", len(ids)-1)+")"), args...)
	for _, row := range rows {
		uses[row.ID] = row.At
	}
	return uses, err
}
