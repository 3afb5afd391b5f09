package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"gatehouse/internal/audit"
)

const (
	// tailEvery is how often a tail looks for events.
	tailEvery = time.Second
	// tailWindow is how far back it looks: an event has the time at which its act began, and is there when that was committed.
	tailWindow = 30 * time.Second
	// tailIDs bounds what is remembered of the window. Where more happens, the window is shorter.
	tailIDs = 10_000
	// tailDeadline bounds one look.
	tailDeadline = 10 * time.Second
	// TailLimit is how many events wait for a follower. Of more, the newest do.
	TailLimit = 100
)

// A Tail tells of events as they come to be in the log, whichever node wrote them: it reads the log for all who follow it, and only
// while somebody does. Each event is told once.
type Tail struct {
	s   *Store
	now func() time.Time

	mu        sync.Mutex
	followers map[*Follower]struct{}
	reader    *tailReader // nil while nobody follows
}

// NewTail is the tail of the store's log.
func NewTail(s *Store, now func() time.Time) *Tail {
	return &Tail{s: s, now: now, followers: map[*Follower]struct{}{}}
}

// Follow begins to follow the events that fit the filter. What is in the log already when it returns is not told. Whoever follows
// has to leave.
func (t *Tail) Follow(ctx context.Context, want EventFilter) (*Follower, error) {
	f := &Follower{tail: t, want: want, wake: make(chan struct{}, 1)}
	t.mu.Lock()
	t.followers[f] = struct{}{}
	if t.reader == nil {
		t.reader = &tailReader{t: t, begun: make(chan struct{})}
		var running context.Context
		running, t.reader.stop = context.WithCancel(context.Background())
		go t.reader.run(running)
	}
	begun := t.reader.begun
	t.mu.Unlock()
	select {
	case <-begun:
		return f, nil
	case <-f.wake: // it could not begin
		f.Leave()
		return nil, f.err
	case <-ctx.Done():
		f.Leave()
		return nil, failure("", ctx.Err())
	}
}

// A Follower is told of the events that fit its filter. Its methods are not for concurrent use.
type Follower struct {
	tail *Tail
	want EventFilter
	wake chan struct{}

	// guarded by the tail
	waiting []audit.Event
	missed  bool
	err     error
}

// Next waits for events and returns them, the oldest first, or nothing when the context ends. missed tells that more came before them
// than were kept. After an error nothing comes any more.
func (f *Follower) Next(ctx context.Context) (events []audit.Event, missed bool, err error) {
	select {
	case <-f.wake:
	case <-ctx.Done():
		return nil, false, nil
	}
	f.tail.mu.Lock()
	defer f.tail.mu.Unlock()
	events, missed, err = f.waiting, f.missed, f.err
	f.waiting, f.missed = nil, false
	return events, missed, err
}

// Leave ends the following.
func (f *Follower) Leave() {
	t := f.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.followers, f)
	if len(t.followers) == 0 && t.reader != nil {
		t.reader.stop()
		t.reader = nil
	}
}

// woken has it look. The tail is locked.
func (f *Follower) woken() {
	select {
	case f.wake <- struct{}{}:
	default: // it will
	}
}

// A tailReader reads the log from when somebody begins to follow until nobody does any more.
type tailReader struct {
	t     *Tail
	stop  context.CancelFunc
	begun chan struct{} // closed once it knows what was there before

	seen  map[string]struct{} // ids within the window
	floor string              // what is below had its time
}

func (r *tailReader) run(ctx context.Context) {
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err != nil {
			r.fail(err)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look tells of what has come to be there since it last looked; the first time of nothing.
func (r *tailReader) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tailDeadline)
	defer cancel()
	floor := firstIDAt(r.t.now().Add(-tailWindow)).String()
	var ids []string
	err := r.t.s.all(ctx, "audit event", &ids, "SELECT id FROM audit_events WHERE id >= $1 ORDER BY id DESC LIMIT $2", floor, tailIDs)
	if err != nil {
		return err
	}
	full := len(ids) == tailIDs
	if full {
		floor = ids[len(ids)-1]
	}
	first, seen := r.seen == nil, make(map[string]struct{}, len(ids))
	var fresh []string
	for _, id := range ids {
		seen[id] = struct{}{}
		if _, known := r.seen[id]; !known && id >= r.floor {
			fresh = append(fresh, id)
		}
	}
	r.seen, r.floor = seen, floor
	if first {
		close(r.begun)
		return nil
	}
	if full && len(fresh) == len(ids) { // there may be more that nobody has seen
		r.tell(nil, true)
	}
	slices.Reverse(fresh)
	for some := range slices.Chunk(fresh, maxTogether) {
		events, err := r.t.s.eventsByID(ctx, some)
		if err != nil {
			return err
		}
		r.tell(events, false)
	}
	return nil
}

// tell gives the events to those whose filter they fit. Nobody waits for anybody: of what a follower does not take in time the
// oldest is dropped, and it is told so.
func (r *tailReader) tell(events []audit.Event, missed bool) {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.t.reader != r {
		return
	}
	for f := range r.t.followers {
		before := len(f.waiting)
		for _, e := range events {
			if f.want.Fits(e) {
				f.waiting = append(f.waiting, e)
			}
		}
		if over := len(f.waiting) - TailLimit; over > 0 {
			f.waiting, f.missed = slices.Clone(f.waiting[over:]), true
		}
		f.missed = f.missed || missed
		if len(f.waiting) > before || f.missed {
			f.woken()
		}
	}
}

// fail ends all following with the error. Whoever follows anew begins anew.
func (r *tailReader) fail(err error) {
	r.stop()
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.t.reader != r {
		return
	}
	for f := range r.t.followers {
		f.err = err
		f.woken()
	}
	clear(r.t.followers)
	r.t.reader = nil
}

var withEventIDs = keyed("id")

// eventsByID returns those of the events that are there, the oldest first.
func (s *Store) eventsByID(ctx context.Context, ids []string) ([]audit.Event, error) {
	with, args := withEventIDs(hashes(ids))
	var rows []eventRow
	err := s.all(ctx, "audit event", &rows, with+"SELECT "+eventColumns+" FROM audit_events WHERE id IN (SELECT id FROM k) ORDER BY id", args...)
	if err != nil {
		return nil, err
	}
	return readEvents(rows)
}

// EventsSince returns what a list of the filter has that began after the event with this id, the oldest first: the newest of it,
// where there is more than TailLimit. It looks as far back behind the event as a tail does, for what was committed after it; who has
// that already leaves it out.
func (s *Store) EventsSince(ctx context.Context, id string, want EventFilter) (events []audit.Event, missed bool, err error) {
	at, ok := timeOfID(id)
	if !ok {
		return nil, false, nil
	}
	if from := at.Add(-tailWindow); from.After(want.From) {
		want.From = from
	}
	want.Limit = TailLimit + 1
	if events, err = s.Events(ctx, want); err != nil {
		return nil, false, err
	}
	if len(events) > TailLimit {
		missed = events[TailLimit].ID > id
		events = events[:TailLimit]
	}
	slices.Reverse(events)
	return events, missed, nil
}

// FirstID is the id that no event is before that began at that time, to the millisecond.
func FirstID(at time.Time) string { return firstIDAt(at).String() }
