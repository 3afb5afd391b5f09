package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

// A rollupKey is what happened in an hour: an action of a client, or of all where client is empty.
type rollupKey struct {
	client string
	hour   time.Time
	action audit.Action
	detail string // of a refusal: the rule that failed
}

func (k rollupKey) day() time.Time { return k.hour.Truncate(day) }

const day = 24 * time.Hour

// rollups are where what happened is counted: by the hour, and for what looks back for weeks by the day. Each has its key, and which
// of its rows an hour belongs to; none where it is not counted there.
var rollups = []struct {
	table, key string
	row        func(k rollupKey) (values rollupRow, counts bool)
}{
	{"rollups", "client_id, hour, action, detail", func(k rollupKey) (rollupRow, bool) {
		return rollupRow{k.client, k.hour, string(k.action), k.detail}, true
	}},
	{"daily_rollups", "day, action, detail", func(k rollupKey) (rollupRow, bool) {
		return rollupRow{k.day(), string(k.action), k.detail}, k.client == ""
	}},
	{"daily_tokens", "day, client_id", func(k rollupKey) (rollupRow, bool) {
		return rollupRow{k.day(), k.client}, k.client != "" && oauth.GrantOf(k.action) != ""
	}},
}

// A rollupRow is a row's key. As an array it compares.
type rollupRow [4]any

// tally counts in memory what happened, and remembers who was last used when, until Flush writes it down.
type tally struct {
	mu        sync.Mutex
	observers []func(audit.Event)
	counts    map[rollupKey]int64
	clients   map[string]time.Time // last used
	secrets   map[string]time.Time // last used
	times     map[string]time.Time // when something last happened, by its name
	written   map[string]time.Time // uses of clients and secrets as they stand in the database, so far as this node knows
}

// useGrain is how exactly the last use of a client or a secret is known.
const useGrain = time.Minute

// maxWritten bounds what is remembered of what was written.
const maxWritten = 100_000

func newTally() *tally {
	return &tally{counts: map[rollupKey]int64{}, clients: map[string]time.Time{}, secrets: map[string]time.Time{}, times: map[string]time.Time{}, written: map[string]time.Time{}}
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

// jwksFetched is when anybody last asked for the public keys.
const jwksFetched = "jwks.fetched"

// NoteJWKSFetch notes that somebody asked for the public keys.
func (s *Store) NoteJWKSFetch(at time.Time) {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	s.tally.times[jwksFetched] = at
}

// LastJWKSFetch is when somebody last asked for the public keys, to the minute; the zero time for never.
func (s *Store) LastJWKSFetch(ctx context.Context) (at time.Time, err error) {
	err = s.get(ctx, "last time", &at, "SELECT at FROM last_times WHERE name = $1", jwksFetched)
	if fault.IsNotFound(err) {
		err = nil
	}
	return at, err
}

// taken is what one flush writes.
type taken struct {
	counts                  map[rollupKey]int64
	clients, secrets, times map[string]time.Time
}

func (t *tally) take() taken {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := taken{t.counts, t.clients, t.secrets, t.times}
	t.counts, t.clients, t.secrets, t.times = map[rollupKey]int64{}, map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}
	for _, uses := range []map[string]time.Time{out.clients, out.secrets, out.times} {
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
	for name, at := range back.times {
		t.times[name] = later(at, t.times[name])
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
	for _, uses := range []map[string]time.Time{done.clients, done.secrets, done.times} {
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
	if len(what.counts)+len(what.clients)+len(what.secrets)+len(what.times) == 0 {
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
	keys := slices.SortedFunc(maps.Keys(what.counts), func(a, b rollupKey) int { // nodes that write at the same time take rows in the same order
		return cmp.Or(cmp.Compare(a.client, b.client), a.hour.Compare(b.hour), cmp.Compare(a.action, b.action), cmp.Compare(a.detail, b.detail))
	})
	for _, to := range rollups {
		var rows []rollupRow
		counts := map[rollupRow]int64{}
		for _, key := range keys {
			row, counted := to.row(key)
			if !counted {
				continue
			}
			if counts[row] == 0 {
				rows = append(rows, row)
			}
			counts[row] += what.counts[key]
		}
		if err := s.addCounts(ctx, to.table, to.key, rows, counts); err != nil {
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
		{what.times, "INSERT INTO last_times (name, at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE last_times.at < excluded.at"},
	} {
		for _, id := range slices.Sorted(maps.Keys(use.of)) {
			if _, err := s.exec(ctx, "last use", use.query, id, use.of[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) addCounts(ctx context.Context, table, key string, rows []rollupRow, counts map[rollupRow]int64) error {
	columns := strings.Count(key, ",") + 1
	values := "(?" + strings.Repeat(", ?", columns) + ")"
	for batch := range slices.Chunk(rows, rollupBatch) {
		var args []any
		for _, row := range batch {
			args = append(append(args, row[:columns]...), counts[row])
		}
		query := "INSERT INTO " + table + " (" + key + ", count) VALUES " + values + strings.Repeat(", "+values, len(batch)-1) +
			" ON CONFLICT (" + key + ") DO UPDATE SET count = " + table + ".count + excluded.count"
		if _, err := s.exec(ctx, "rollup", dollars(query), args...); err != nil {
			return err
		}
	}
	return nil
}

// Rollup is how often something happened in an hour or a day.
type Rollup struct {
	From   time.Time    `db:"begins"` // zero of a sum
	Action audit.Action `db:"action"`
	Detail string       `db:"detail"` // of a refusal: the rule that failed
	Count  int64        `db:"count"`
}

// Rollups returns what a client did since the beginning of an hour, hour by hour, or all together where clientID is empty: that day by
// day, if it is for steps of whole days.
func (s *Store) Rollups(ctx context.Context, clientID string, since time.Time, step time.Duration) ([]Rollup, error) {
	query, args := "SELECT hour AS begins, action, detail, count FROM rollups WHERE client_id = $2 AND hour >= $1", []any{since.Truncate(time.Hour), clientID}
	if clientID == "" && step%day == 0 {
		query, args = "SELECT day AS begins, action, detail, count FROM daily_rollups WHERE day >= $1", []any{since.Truncate(day)}
	}
	var rows []Rollup
	err := s.all(ctx, "rollup", &rows, query+" ORDER BY begins, action, detail", args...)
	return rows, err
}

// RollupSums returns what happened from one hour to another, all of it together.
func (s *Store) RollupSums(ctx context.Context, from, to time.Time) ([]Rollup, error) {
	within := hoursAndDays(from, to)
	var rows []Rollup
	err := s.all(ctx, "rollup", &rows, `SELECT action, detail, CAST(SUM(count) AS BIGINT) AS count FROM (
			SELECT action, detail, count FROM rollups WHERE client_id = '' AND `+hours+`
			UNION ALL SELECT action, detail, count FROM daily_rollups WHERE `+days+`
		) c GROUP BY action, detail ORDER BY action, detail`, within...)
	return rows, err
}

// hours and days are the conditions of what hoursAndDays found.
const (
	hours = "(hour >= $1 AND hour < $2 OR hour >= $3 AND hour < $4)"
	days  = "day >= $2 AND day < $3"
)

// hoursAndDays takes the whole days out of a time, and leaves the hours at its beginning and end.
func hoursAndDays(from, to time.Time) []any {
	from, to = from.Truncate(time.Hour), to.Truncate(time.Hour)
	first, last := from.Add(day-time.Hour).Truncate(day), to.Truncate(day)
	if !first.Before(last) { // there is no whole day
		first, last = to, to
	}
	return []any{from, first, last, to}
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

// BusiestClients returns the clients that were given most tokens from one hour to another, the busiest first.
func (s *Store) BusiestClients(ctx context.Context, from, to time.Time, limit int) ([]ClientCount, error) {
	args := append(hoursAndDays(from, to), limited(limit))
	actions := oauth.TokenActions()
	in := make([]string, len(actions))
	for i, action := range actions {
		args = append(args, string(action))
		in[i] = "$" + strconv.Itoa(len(args))
	}
	var counts []ClientCount
	err := s.all(ctx, "rollup", &counts, `SELECT r.client_id, COALESCE(c.client_name, '') AS client_name, r.count FROM (
			SELECT client_id, CAST(SUM(count) AS BIGINT) AS count FROM (
				SELECT client_id, count FROM rollups WHERE client_id <> '' AND action IN (`+strings.Join(in, ", ")+") AND "+hours+`
				UNION ALL SELECT client_id, count FROM daily_tokens WHERE `+days+`
			) t GROUP BY client_id ORDER BY count DESC, client_id LIMIT $5
		) r LEFT JOIN clients c ON c.id = r.client_id ORDER BY r.count DESC, r.client_id`, args...)
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
