package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/policy"
	"gatehouse/store"
	"gatehouse/web"
)

const (
	// sealEvery is how often the node that seals looks for events that are not sealed.
	sealEvery = 2 * time.Second
	// sealLease is how long a node is missed that ended without giving its lease back.
	sealLease = 30 * time.Second
	// sealLate is how late the events come that are looked for each time: an act has 20 seconds. What takes longer is found by a long
	// look back.
	sealLate      = 30 * time.Second
	longLookEvery = 5 * time.Minute
	// checkpointEvery is how often the log is told where the chains stand.
	checkpointEvery = 5 * time.Minute
	// tidyEvery is how often seals expire and people are erased.
	tidyEvery = time.Minute
	// sealPause is how long others have the database to themselves between two batches.
	sealPause = 2 * time.Millisecond
)

// A notary seals the audit log, while no other node does, lets old seals expire, and takes people out of it who were deleted.
type notary struct {
	lease
	chain   *audit.Chain
	settled *policy.Live // how long events are kept
	pause   time.Duration

	longLook, pointed, tidied time.Time // when each was last done
	told                      string    // the ends of the chains that the log was told last

	mu    sync.Mutex
	stats web.Notary
}

func newNotary(st *store.Store, chain *audit.Chain, settled *policy.Live, log *slog.Logger) *notary {
	return &notary{lease: newLease(st, log, "seal audit log", sealLease), chain: chain, settled: settled, pause: sealPause}
}

// Stats tells what became of sealing.
func (n *notary) Stats() web.Notary {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stats
	if s.Leads = n.leads(); s.Leads && !s.SealedUntil.IsZero() {
		s.Lag = max(n.now().Sub(s.SealedUntil).Seconds(), 0)
	}
	return s
}

// work seals regularly until the context ends.
func (n *notary) work(ctx context.Context) {
	n.regularly(ctx, sealEvery, "the audit log could not be sealed", n.seal)
	if !n.stats.SealedUntil.IsZero() { // the last word of a node that ends
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		n.point(ctx)
	}
}

// seal seals what there is, if this is the node that does, and does what is due besides.
func (n *notary) seal(ctx context.Context) error {
	led := n.leads()
	err := n.hold(ctx)
	if err == nil {
		err = n.all(ctx, led)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && !errors.Is(err, errLost) && ctx.Err() == nil {
		n.stats.Failed++
	}
	return err
}

func (n *notary) all(ctx context.Context, led bool) error {
	at, late := n.now(), sealLate
	if !led || at.Sub(n.longLook) >= longLookEvery { // another node may not have looked back for as long
		late, n.longLook = audit.Late, at
	}
	_, err := n.store.SealEvents(ctx, n.chain, at, late, func(events int) error {
		n.mu.Lock()
		n.stats.Sealed += int64(events)
		n.mu.Unlock()
		return n.rest(ctx)
	})
	if err != nil {
		n.longLook = time.Time{}
		return err
	}
	n.mu.Lock()
	n.stats.SealedUntil = at
	n.mu.Unlock()
	if at.Sub(n.pointed) >= checkpointEvery {
		n.pointed = at
		n.point(ctx)
	}
	if at.Sub(n.tidied) < tidyEvery {
		return nil
	}
	n.tidied = at
	if err := n.store.ExpireSeals(ctx, n.chain, at, n.settled.Now().Retention, func(int) error { return n.rest(ctx) }); err != nil {
		return err
	}
	erased, err := n.store.EraseEvents(ctx, n.chain, func(int) error { return n.rest(ctx) })
	if erased > 0 {
		n.log.Info("people who were deleted are erased from the audit log", "events", erased)
	}
	return err
}

// rest leaves the database to others for a moment, and keeps the lease while there is much to do.
func (n *notary) rest(ctx context.Context) error {
	if err := pause(ctx, n.pause); err != nil {
		return err
	}
	return n.keep(ctx)
}

// point tells the log where the chains stand, where that is news: whoever keeps the log elsewhere can prove that nothing was cut off.
func (n *notary) point(ctx context.Context) {
	points, err := n.store.AuditCheckpoints(ctx, n.chain)
	if err != nil {
		n.log.Warn("the audit log's checkpoints could not be told", "error", err)
		return
	}
	ends := ""
	for _, p := range points {
		ends += p.MAC
	}
	if ends == n.told {
		return
	}
	n.told = ends
	for _, p := range points {
		n.log.Info("audit checkpoint", "chain", p.Class, "seals", p.Seq, "checkpoint", p.String())
	}
}
