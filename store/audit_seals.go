package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

const (
	// sealScan is how many events one statement looks at for those that are not sealed.
	sealScan = 2000
	// sealBatch is how many seals one transaction adds: on SQLite everybody waits for it.
	sealBatch = 250
	// noteEvery is how often a quiet log is noted to have been looked at.
	noteEvery = time.Minute
)

const (
	sealColumns  = "class, seq, event_id, salt, commitment, mac, erased"
	chainColumns = "class, start_seq, start_mac, expired_before, seq, mac, sealed_until, proof"
)

// NewAuditChain is the chain that this master key seals the audit log with.
func NewAuditChain(sealer *secret.Sealer) *audit.Chain {
	return audit.NewChain(sealer.MACFor("audit chain"), secret.Commit)
}

// errSealedElsewhere says that another node has continued the chain since we read where it ends.
var errSealedElsewhere = fault.Unavailable(retryContention, errors.New("another node seals"))

// evidence is the event as its seal knows it.
func (r *eventRow) evidence() audit.Evidence {
	return audit.Evidence{
		r.ID, strconv.FormatInt(r.At.UnixMicro(), 10), r.Action, r.Outcome, r.ActorKind, r.ActorID, r.ActorName, r.TargetKind, r.TargetID, r.TargetName,
		r.ClientID, r.UserID, r.IP, r.UserAgent, r.RequestID, r.Error, r.Cause, r.Changes, strconv.FormatInt(r.Count, 10),
	}
}

// chains reads where the chains stand. One that does not exist has no proof.
func (s *Store) chains(ctx context.Context) (map[string]audit.ChainState, error) {
	var rows []audit.ChainState
	err := s.all(ctx, "audit chain", &rows, "SELECT "+chainColumns+" FROM audit_chains")
	states := map[string]audit.ChainState{}
	for _, r := range rows {
		states[r.Class] = r
	}
	return states, err
}

// ownChains reads the chains and begins those that do not exist; audit.ErrChainBroken if they are not what we have written.
func (s *Store) ownChains(ctx context.Context, c *audit.Chain) (map[string]audit.ChainState, error) {
	states, err := s.chains(ctx)
	if err != nil {
		return nil, err
	}
	for _, class := range audit.ClassNames {
		state, exists := states[class]
		if exists && c.Ours(state) {
			continue
		}
		if exists {
			return nil, audit.ErrChainBroken
		}
		var seals bool
		if err := s.get(ctx, "audit seal", &seals, "SELECT EXISTS (SELECT 1 FROM audit_seals WHERE class = $1)", class); err != nil {
			return nil, err
		}
		if seals { // either another node has begun the chain meanwhile, or somebody has taken it away
			if states, err = s.chains(ctx); err != nil {
				return nil, err
			}
			if state, exists := states[class]; !exists || !c.Ours(state) {
				return nil, audit.ErrChainBroken
			}
			continue
		}
		state = c.Begin(class)
		if err := s.insert(ctx, "audit chain", row{table: "audit_chains", columns: chainColumns, value: state, onConflict: "ON CONFLICT DO NOTHING"}); err != nil {
			return nil, err
		}
		states[class] = state
	}
	return states, nil
}

// advance writes where a chain stands now, if it still stood where it was read.
func (s *Store) advance(ctx context.Context, from, to audit.ChainState) error {
	n, err := s.exec(ctx, "audit chain", `
		UPDATE audit_chains SET start_seq = $3, start_mac = $4, expired_before = $5, seq = $6, mac = $7, sealed_until = $8, proof = $9
		WHERE class = $1 AND proof = $2`,
		to.Class, from.Proof, to.StartSeq, to.StartMAC, to.ExpiredBefore, to.Seq, to.MAC, to.SealedUntil, to.Proof)
	if err == nil && n == 0 {
		return errSealedElsewhere
	}
	return err
}

// AuditCheckpoints are where the chains of all classes stand, signed.
func (s *Store) AuditCheckpoints(ctx context.Context, c *audit.Chain) ([]audit.Checkpoint, error) {
	states, err := s.chains(ctx)
	if err != nil {
		return nil, err
	}
	var points []audit.Checkpoint
	for _, class := range audit.ClassNames {
		if state, exists := states[class]; exists {
			if !c.Ours(state) {
				return nil, audit.ErrChainBroken
			}
			points = append(points, c.Checkpoint(state))
		}
	}
	return points, nil
}

// SealEvents seals the events that are not sealed yet: all of them, or of those that happened before the last time only the ones
// that were at most so late. Each is sealed once, whatever its id: the chain has an order of its own. after, if there is one, is
// told how many each batch sealed, and its error ends the sealing. fault.Unavailable if another node seals at the same time;
// audit.ErrChainBroken if the chain is not what we have written.
func (s *Store) SealEvents(ctx context.Context, c *audit.Chain, at time.Time, late time.Duration, after func(events int) error) (total int64, err error) {
	states, err := s.ownChains(ctx, c)
	if err != nil {
		return 0, err
	}
	mark := states[audit.ClassNames[0]].SealedUntil
	for _, state := range states {
		if state.SealedUntil.Before(mark) {
			mark = state.SealedUntil
		}
	}
	w := &sealing{s: s, c: c, states: states}
	edge := firstIDAt(mark.Add(-min(late, audit.Late))).String()
	for {
		found, last, err := s.unsealed(ctx, edge)
		if err != nil {
			return total, err
		}
		until := at // this was the end
		if last != "" {
			told, _ := timeOfID(last)
			until = earlier(told, at)
		}
		if until.Before(mark) {
			until = mark
		}
		for len(found) > 0 {
			n := min(len(found), sealBatch)
			batch := found[:n]
			if found = found[n:]; len(found) > 0 { // not before the rest is sealed
				err = w.seal(ctx, batch, mark)
			} else {
				err = w.seal(ctx, batch, until)
			}
			if err != nil {
				return total, err
			}
			total += int64(n)
			if after != nil {
				if err := after(n); err != nil {
					return total, err
				}
			}
		}
		if last == "" {
			if until.Sub(w.until()) >= noteEvery {
				err = w.seal(ctx, nil, until)
			}
			return total, err
		}
		edge = last
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// unsealed are the events after an id that have no seal, of those that one statement looks at; last is the last of these, empty
// where the log ends.
func (s *Store) unsealed(ctx context.Context, edge string) (found []eventRow, last string, err error) {
	ids, last, err := s.unsealedIDs(ctx, edge)
	if err != nil || len(ids) == 0 {
		return nil, last, err
	}
	err = s.all(ctx, "audit event", &found, "SELECT "+eventColumns+" FROM audit_events WHERE id >= $1 AND id <= $2 ORDER BY id", ids[0], ids[len(ids)-1])
	found = slices.DeleteFunc(found, func(r eventRow) bool {
		_, open := slices.BinarySearch(ids, r.ID)
		return !open
	})
	return found, last, err
}

// unsealedIDs is unsealed, the ids alone. What is inside FROM is read first and its size is written out, so that no plan looks at all
// seals.
func (s *Store) unsealedIDs(ctx context.Context, edge string) (ids []string, last string, err error) {
	var rows []struct {
		ID     string `db:"id"`
		Sealed bool   `db:"sealed"`
	}
	err = s.all(ctx, "audit event", &rows, `
		SELECT e.id, EXISTS (SELECT 1 FROM audit_seals WHERE event_id = e.id) AS sealed
		FROM (SELECT id FROM audit_events WHERE id > $1 ORDER BY id LIMIT `+strconv.Itoa(sealScan)+`) e ORDER BY e.id`, edge)
	if len(rows) == sealScan {
		last = rows[len(rows)-1].ID
	}
	for _, r := range rows {
		if !r.Sealed {
			ids = append(ids, r.ID)
		}
	}
	return ids, last, err
}

// sealing is one go at it.
type sealing struct {
	s      *Store
	c      *audit.Chain
	states map[string]audit.ChainState
}

// until is how far all chains say that events were looked for.
func (w *sealing) until() time.Time {
	until := time.Time{}
	for _, state := range w.states {
		if until.IsZero() || state.SealedUntil.Before(until) {
			until = state.SealedUntil
		}
	}
	return until
}

// seal adds seals and moves the ends of the chains, in one transaction.
func (w *sealing) seal(ctx context.Context, events []eventRow, until time.Time) error {
	next := map[string]audit.ChainState{}
	for class, state := range w.states {
		next[class] = state
	}
	seals := make([]audit.Seal, len(events))
	for i := range events {
		class := audit.ClassOf(audit.Action(events[i].Action))
		seals[i], next[class] = w.c.Seal(next[class], events[i].evidence())
	}
	for class, state := range next {
		state.SealedUntil = stamp(until)
		next[class] = w.c.Sign(state)
	}
	err := w.s.InTx(ctx, func(tx *Store) error {
		for _, class := range audit.ClassNames { // every node in the same order
			if err := tx.advance(ctx, w.states[class], next[class]); err != nil {
				return err
			}
		}
		return tx.addSeals(ctx, seals)
	})
	if fault.AsConflict(err) != nil { // one of the events has a seal meanwhile
		return errSealedElsewhere
	}
	if err == nil {
		w.states = next
	}
	return err
}

// addSeals adds rows in statements of few sizes: each text is prepared, and kept.
func (s *Store) addSeals(ctx context.Context, seals []audit.Seal) error {
	for len(seals) > 0 {
		n := 1
		for _, size := range []int{50, 10} {
			if len(seals) >= size {
				n = max(n, size)
			}
		}
		args := make([]any, 0, 7*n)
		for _, seal := range seals[:n] {
			args = append(args, seal.Class, seal.Seq, seal.EventID, seal.Salt, seal.Commitment, seal.MAC, seal.Erased)
		}
		const one = "(?, ?, ?, ?, ?, ?, ?)"
		query := "INSERT INTO audit_seals (" + sealColumns + ") VALUES " + one + strings.Repeat(", "+one, n-1)
		if _, err := s.exec(ctx, "audit seal", dollars(query), args...); err != nil {
			return err
		}
		seals = seals[n:]
	}
	return nil
}
