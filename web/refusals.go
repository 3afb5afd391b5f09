package web

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

// keptRefusals is how many refusals of a kind are written down in a minute for one network and client; the rest are counted
// (security.md rule 14). By kind, or a flood of one would hide the others.
const keptRefusals = 100

// refusals writes down why requests were refused, without letting a flood of them fill the database.
type refusals struct {
	store *store.Store
	log   *slog.Logger

	mu     sync.Mutex
	minute time.Time
	seen   map[refusalKey]int64
}

type refusalKey struct {
	network, client string
	action          audit.Action
}

func newRefusals(s *store.Store, log *slog.Logger) *refusals {
	return &refusals{store: s, log: log, seen: map[refusalKey]int64{}}
}

// record writes down a refusal with its cause. It never fails the request: an error is logged.
func (r *refusals) record(ctx context.Context, at time.Time, action audit.Action, from audit.Caller, e *oauth.Error) {
	why := audit.Cause{}
	if c := e.Cause(); c != nil {
		why = *c
	}
	kept, err := r.keep(ctx, e.Event(at, action, from))
	if kept {
		r.log.Info("refused", "action", action, "error", e.Code, "rule", why.Rule, "expected", why.Expected, "received", why.Received, "client_id", e.ClientID, "request_id", from.RequestID)
	}
	if err != nil {
		r.log.Error("a refusal could not be written down", "error", err, "request_id", from.RequestID)
	}
}

// write writes down a refusal that is no answer of the protocol: a sign-in, a page that somebody's role does not open.
func (r *refusals) write(ctx context.Context, event audit.Event) error {
	_, err := r.keep(ctx, event)
	return err
}

// keep writes the event down, unless there were too many of its network and client in this minute.
func (r *refusals) keep(ctx context.Context, event audit.Event) (kept bool, err error) {
	if !r.admit(ctx, event.At, refusalKey{identity.Network(event.Caller.IP), event.ClientID, event.Action}) {
		r.store.Count(event)
		return false, nil
	}
	return true, r.store.Record(ctx, event)
}

// admit counts a refusal and says whether it is one of those that are kept.
func (r *refusals) admit(ctx context.Context, at time.Time, key refusalKey) bool {
	r.mu.Lock()
	var over map[refusalKey]int64
	if minute := at.Truncate(time.Minute); minute.After(r.minute) {
		over, r.minute, r.seen = r.seen, minute, map[refusalKey]int64{}
	}
	r.seen[key]++
	kept := r.seen[key] <= keptRefusals
	r.mu.Unlock()
	r.writeCounts(ctx, at, over)
	return kept
}

// flush writes down what has been counted but not kept.
func (r *refusals) flush(ctx context.Context, at time.Time) {
	r.mu.Lock()
	over := r.seen
	r.seen = map[refusalKey]int64{}
	r.mu.Unlock()
	r.writeCounts(ctx, at, over)
}

func (r *refusals) writeCounts(ctx context.Context, at time.Time, counts map[refusalKey]int64) {
	for key, n := range counts {
		if n <= keptRefusals {
			continue
		}
		event := audit.Event{
			At: at, Action: audit.RefusalsSuppressed, Outcome: audit.Refused, Actor: audit.Party{Kind: audit.KindSystem},
			ClientID: key.client, Caller: audit.Caller{IP: key.network}, Count: n - keptRefusals,
		}
		if err := r.store.Record(ctx, event); err != nil {
			r.log.Error("suppressed refusals could not be written down", "error", err)
		}
	}
}
