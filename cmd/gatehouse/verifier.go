package main

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/store"
)

const (
	// verifyEvery is how often a node looks whether somebody has asked for a verification.
	verifyEvery = 2 * time.Second
	// verifyLease is how long a node is missed that ended in the middle of one; another begins it anew then.
	verifyLease = 30 * time.Second
	// noteEvery is how often it tells how far it is.
	noteEvery = time.Second
)

// A verifier carries out the verifications of the audit log that the console is asked for, while no other node does.
type verifier struct {
	lease
	chain *audit.Chain
}

func newVerifier(st *store.Store, chain *audit.Chain, log *slog.Logger) *verifier {
	return &verifier{newLease(st, log, "verify audit log", verifyLease), chain}
}

// work verifies whenever it is asked, until the context ends.
func (v *verifier) work(ctx context.Context) {
	v.regularly(ctx, verifyEvery, "the audit log could not be verified", v.verify)
}

// verify carries out what was asked for first, if anything was.
func (v *verifier) verify(ctx context.Context) error {
	asked, err := v.store.AskedVerification(ctx)
	if fault.IsNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	if err := v.hold(ctx); err != nil {
		return err
	}
	var noted time.Time
	found, err := v.store.VerifyEvents(ctx, v.chain, nil, func(soFar audit.Verification) error {
		at := v.now()
		if at.Sub(noted) < noteEvery {
			return ctx.Err()
		}
		noted = at
		if err := v.keep(ctx); err != nil {
			return err
		}
		return v.store.NoteVerification(ctx, asked.ID, soFar, at)
	})
	if err != nil {
		return err
	}
	event := audit.Event{At: v.now(), Action: audit.AuditVerified, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindSystem}}
	if !found.Whole() {
		event.Changes = map[string]audit.Change{"broken": {After: found.Breaks[0].String()}}
		v.log.Error("the audit log is not whole", "place", found.Breaks[0].String(), "breaks", len(found.Breaks))
	}
	err = v.store.FinishVerification(ctx, asked.ID, found, event.At, event)
	if fault.IsNotFound(err) { // another node has, meanwhile
		return nil
	}
	return err
}
