package console

import (
	"context"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	followPath = "/console/events/audit"
	// stillEvery is how often a stream asks whether the person may still see it.
	stillEvery = 3 * time.Second
	// followDeadline bounds what a stream asks the database.
	followDeadline = 10 * time.Second
	// clocksDiffer is how far ahead a node's clock may be and still be believed.
	clocksDiffer = 10 * time.Second
)

// Names of the events of a stream; rows have none.
const (
	streamMissed = "missed" // more happened than is told
	streamEnd    = "end"    // the person may not see it any more: nobody needs to come back
)

// liveFrom is where a page that shows these events, the newest first, hears of those to come; now is when it was made.
func liveFrom(l listing, events []audit.Event, now time.Time) string {
	since := store.FirstID(now)
	if len(events) > 0 {
		since = seenUntil(events[0].ID, now)
	}
	return listing{followPath, l.query}.with("since", since)
}

// seenUntil is where to go on from after an event. One of a node whose clock is far ahead is not: what happens before that time
// would be missed.
func seenUntil(id string, now time.Time) string { return min(id, store.FirstID(now.Add(clocksDiffer))) }

// FollowEvents sends the events that fit what the URL says as they happen: rows of the list, or lines of the overview where as=lines. It
// begins after the event that the browser saw last, or the page.
func (h *Handlers) FollowEvents(c *fiber.Ctx) error {
	l := listingOf(c, eventsPath, eventFilters...)
	d, want, err := h.wantedEvents(c, l)
	if err != nil {
		return err
	}
	if d.Unknown || len(d.Errs) > 0 {
		return c.SendStatus(fiber.StatusNoContent) // nothing will ever come, and browsers that are told so do not ask again (HTML, server-sent events)
	}
	f := following{h: h, want: want, in: l, lines: c.Query("as") == "lines", since: strings.Clone(c.Query("since")), still: h.Still(c, identity.RoleAuditor)}
	return h.Streams.Stream(c, request.Of(c).Session.ID, f.begin)
}

// following is somebody who follows the log.
type following struct {
	h     *Handlers
	want  store.EventFilter
	in    listing
	tail  *store.Follower
	lines bool
	since string // the newest event that was told
	still func(ctx context.Context) (bool, error)
	told  map[string]bool // what was read from the log may come from its tail, too
}

// begin follows before anything is answered: what happens once the answer has begun is told.
func (f *following) begin(ctx context.Context) (respond.Producer, error) {
	var err error
	f.tail, err = f.h.Tail.Follow(ctx, f.want)
	return f.produce, err
}

func (f *following) produce(ctx context.Context, lastID string, send func(respond.Event) error) error {
	defer f.tail.Leave()
	if lastID != "" {
		f.since = lastID
	}
	if !identity.IsID(f.since) {
		f.since = ""
	}
	if err := f.catchUp(ctx, send); err != nil {
		return err
	}
	check := time.NewTicker(stillEvery)
	defer check.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, stillEvery)
		events, missed, err := f.tail.Next(bounded)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-check.C: // before anything is told
			if may, err := f.may(ctx); err != nil {
				return err
			} else if !may {
				return send(respond.Event{Name: streamEnd})
			}
		default:
		}
		if err := f.tell(ctx, events, missed, send); err != nil {
			return err
		}
	}
}

func (f *following) may(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, followDeadline)
	defer cancel()
	return f.still(ctx)
}

// catchUp tells what has happened since the browser saw something.
func (f *following) catchUp(ctx context.Context, send func(respond.Event) error) error {
	bounded, cancel := context.WithTimeout(ctx, followDeadline)
	defer cancel()
	events, missed, err := f.h.Store.EventsSince(bounded, f.since, f.want)
	if err != nil {
		return err
	}
	if err := f.tell(ctx, events, missed, send); err != nil {
		return err
	}
	f.told = make(map[string]bool, len(events))
	for _, e := range events {
		f.told[e.ID] = true
	}
	return nil
}

// tell sends the events, the oldest first.
func (f *following) tell(ctx context.Context, events []audit.Event, missed bool, send func(respond.Event) error) error {
	if missed {
		if err := send(respond.Event{Name: streamMissed}); err != nil {
			return err
		}
	}
	fresh := events[:0:0]
	for _, e := range events {
		if !f.told[e.ID] {
			fresh = append(fresh, e)
			f.since = max(f.since, seenUntil(e.ID, f.h.Now()))
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, followDeadline)
	defer cancel()
	part, err := f.part(ctx, fresh)
	if err != nil {
		return err
	}
	var html strings.Builder
	if err := part.Render(ctx, &html); err != nil {
		return err
	}
	return send(respond.Event{ID: f.since, Data: html.String()})
}

func (f *following) part(ctx context.Context, events []audit.Event) (templ.Component, error) {
	if f.lines {
		return view.EventLines(events), nil
	}
	rows, err := f.h.eventRows(ctx, events, f.in)
	return view.EventRows(rows), err
}
