package store

import (
	"cmp"
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
	// checkedRows is how many seals verifying reads at a time.
	checkedRows = 2000
	// erasedRows is how many events one transaction erases somebody from.
	erasedRows = 50
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
		var seals bool
		if !exists {
			err = s.get(ctx, "audit seal", &seals, "SELECT EXISTS (SELECT 1 FROM audit_seals WHERE class = $1)", class)
		}
		if err != nil {
			return nil, err
		}
		if exists || seals {
			return nil, audit.ErrChainBroken
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

// ExpireSeals deletes the oldest seals whose events' time is over, and signs where the chains begin then. after is told how many
// of each batch.
func (s *Store) ExpireSeals(ctx context.Context, c *audit.Chain, at time.Time, after func(seals int) error) error {
	states, err := s.chains(ctx)
	if err != nil {
		return err
	}
	for _, class := range audit.ClassNames {
		state, exists := states[class]
		if !exists {
			continue
		}
		if !c.Ours(state) {
			return audit.ErrChainBroken
		}
		before := at.Add(-audit.KeptFor(class))
		for {
			// Of those in a row, the events are gone: one that was sealed out of turn waits for its own time.
			var seals []struct {
				audit.Seal
				Gone bool `db:"gone"`
			}
			err := s.all(ctx, "audit seal", &seals, `
				SELECT s.seq, s.event_id, s.mac, NOT EXISTS (SELECT 1 FROM audit_events WHERE id = s.event_id) AS gone FROM (
					SELECT seq, event_id, mac FROM audit_seals WHERE class = $1 AND seq > $2 ORDER BY seq LIMIT `+strconv.Itoa(sweepBatch)+`
				) s ORDER BY s.seq`, class, state.StartSeq)
			if err != nil {
				return err
			}
			over := 0
			for over < len(seals) && seals[over].Gone && seals[over].EventID < firstIDAt(before).String() {
				over++
			}
			next := state
			next.ExpiredBefore = latest(stamp(before), state.ExpiredBefore)
			if over > 0 {
				next.StartSeq, next.StartMAC = seals[over-1].Seq, seals[over-1].MAC
			} else if next.ExpiredBefore.Sub(state.ExpiredBefore) < time.Hour {
				break // not worth a signature
			}
			next = c.Sign(next)
			err = s.InTx(ctx, func(tx *Store) error {
				if err := tx.advance(ctx, state, next); err != nil {
					return err
				}
				_, err := tx.exec(ctx, "audit seal", "DELETE FROM audit_seals WHERE class = $1 AND seq <= $2", class, next.StartSeq)
				return err
			})
			if err != nil {
				return err
			}
			if state = next; after != nil {
				if err := after(over); err != nil {
					return err
				}
			}
			if over < sweepBatch {
				break
			}
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time { return later(a, b).UTC() }

// askErasure has the person taken out of the events by EraseEvents.
func askErasure(userID string, at time.Time) row {
	return row{table: "erasures", columns: "user_id, asked_at", value: map[string]any{"user_id": userID, "asked_at": at}, onConflict: "ON CONFLICT DO NOTHING"}
}

// EraseEvents takes people who were deleted out of the events about them, and tells how many events lost something. It begins
// with a person when every event about them has been sealed. after is told how many events of each batch were looked at.
func (s *Store) EraseEvents(ctx context.Context, c *audit.Chain, after func(events int) error) (total int64, err error) {
	states, err := s.chains(ctx)
	if err != nil || len(states) < len(audit.ClassNames) {
		return 0, err
	}
	until := (&sealing{states: states}).until()
	var people []string
	if err := s.all(ctx, "erasure", &people, "SELECT user_id FROM erasures WHERE asked_at <= $1 ORDER BY asked_at LIMIT 100", until.Add(-audit.Late)); err != nil {
		return 0, err
	}
	for _, id := range people {
		for _, about := range []string{"e.user_id = $1", "e.target_id = $1 AND e.target_kind = 'user'", "e.actor_id = $1 AND e.actor_kind = 'user'"} {
			n, err := s.eraseFrom(ctx, c, id, about, after)
			total += n
			if err != nil {
				return total, err
			}
		}
		if _, err := s.exec(ctx, "erasure", "DELETE FROM erasures WHERE user_id = $1", id); err != nil {
			return total, err
		}
	}
	return total, nil
}

// sealedEvent is a seal and its event, which may be gone.
type sealedEvent struct {
	audit.Seal
	Event eventRow `db:"event"`
}

var sealedEvents = "SELECT " + columns("s", "", sealColumns) + ", " + columns("e", "event.", eventColumns) +
	" FROM audit_seals s JOIN audit_events e ON e.id = s.event_id WHERE "

func (s *Store) eraseFrom(ctx context.Context, c *audit.Chain, userID, about string, after func(events int) error) (total int64, err error) {
	for edge, whole := "", true; whole; {
		var found []sealedEvent
		if err := s.all(ctx, "audit event", &found, sealedEvents+about+" AND e.id > $2 ORDER BY e.id LIMIT $3", userID, edge, erasedRows); err != nil {
			return total, err
		}
		n := int64(0)
		err := s.InTx(ctx, func(tx *Store) error {
			n = 0
			for _, f := range found {
				if !c.Covers(f.Seal, f.Event.evidence()) {
					continue // it is not what was sealed: verifying shall find that, and find no signature of ours below it
				}
				e, err := f.Event.event()
				if err != nil {
					return failure("audit event", err)
				}
				e.Erase(userID)
				left := eventOf(e, e.At).value.(eventRow)
				if slices.Equal(left.evidence(), f.Event.evidence()) {
					continue
				}
				n++
				if err := tx.erase(ctx, left, c.Erase(f.Seal, left.evidence())); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		if total += n; after != nil && len(found) > 0 {
			if err := after(len(found)); err != nil {
				return total, err
			}
		}
		if whole = len(found) == erasedRows; whole {
			edge = found[len(found)-1].EventID
		}
	}
	return total, nil
}

// erase writes what an erasure leaves of an event, and the proof of it.
func (s *Store) erase(ctx context.Context, left eventRow, seal audit.Seal) error {
	_, err := s.run(ctx, "audit event", statement{`UPDATE audit_events SET actor_name = :actor_name, target_name = :target_name, ip = :ip,
		user_agent = :user_agent, cause = :cause, changes = :changes WHERE id = :id`, left})
	if err == nil {
		_, err = s.exec(ctx, "audit seal", "UPDATE audit_seals SET salt = $2, erased = $3 WHERE event_id = $1", seal.EventID, seal.Salt, seal.Erased)
	}
	return err
}

// --- verifying

// VerifyEvents looks at every seal and every event, and tells where they are not what was sealed, and how much is not sealed yet.
// What is sealed while it looks it leaves to the next time. checkpoints are those that were kept elsewhere; progress, if there is
// one, is told of each batch, and its error ends the verifying.
func (s *Store) VerifyEvents(ctx context.Context, c *audit.Chain, at time.Time, checkpoints []audit.Checkpoint, progress func(audit.Verification) error) (audit.Verification, error) {
	w := &verifying{s: s, c: c, at: at, progress: progress}
	states, err := s.chains(ctx)
	if err != nil {
		return w.v, err
	}
	for _, state := range states {
		w.v.Of += max(state.Seq-state.StartSeq, 0)
	}
	if len(states) > 0 {
		if until := (&sealing{states: states}).until(); until.Unix() > 0 {
			w.v.SealedUntil = until.UTC()
		}
	}
	w.checkpoints(checkpoints, states)
	for _, class := range audit.ClassNames {
		if err := w.chain(ctx, class, states); err != nil {
			return w.v, err
		}
	}
	for class := range states {
		if !slices.Contains(audit.ClassNames, class) {
			w.found(audit.Break{Class: class, What: "there is no such chain"})
		}
	}
	return w.v, w.open(ctx)
}

type verifying struct {
	s        *Store
	c        *audit.Chain
	at       time.Time
	progress func(audit.Verification) error
	compared map[string][]audit.Checkpoint // by class, in order
	v        audit.Verification
}

// found notes a break, the first of its kind in a chain.
func (w *verifying) found(b audit.Break) {
	if !slices.ContainsFunc(w.v.Breaks, func(o audit.Break) bool { return o.Class == b.Class && o.What == b.What }) {
		w.v.Breaks = append(w.v.Breaks, b)
	}
}

func (w *verifying) told() error {
	if w.progress == nil {
		return nil
	}
	return w.progress(w.v)
}

// checkpoints sorts out what the chains are compared with.
func (w *verifying) checkpoints(kept []audit.Checkpoint, states map[string]audit.ChainState) {
	w.compared = map[string][]audit.Checkpoint{}
	seen := map[string]bool{}
	for _, p := range kept {
		state, exists := states[p.Class]
		switch {
		case seen[p.String()]:
			continue
		case !w.c.Vouches(p):
			w.found(audit.Break{Class: p.Class, Seq: p.Seq, What: "the checkpoint is not signed under this house's master key"})
		case !exists || p.Seq > state.Seq:
			w.found(audit.Break{Class: p.Class, Seq: p.Seq, What: "the chain ends before the checkpoint: what came after was cut off"})
		case p.Seq < state.StartSeq:
			w.v.Older++
		default:
			w.compared[p.Class] = append(w.compared[p.Class], p)
			w.v.Checkpoints++
		}
		seen[p.String()] = true
	}
	for _, points := range w.compared {
		slices.SortFunc(points, func(a, b audit.Checkpoint) int { return cmp.Compare(a.Seq, b.Seq) })
	}
}

// compare holds the chain, where it is at seq with this MAC, to the checkpoints there.
func (w *verifying) compare(class string, seq int64, mac string) {
	points := w.compared[class]
	for len(points) > 0 && points[0].Seq <= seq {
		if points[0].Seq == seq && points[0].MAC != mac {
			w.found(audit.Break{Class: class, Seq: seq, What: "this is not the chain that the checkpoint is of"})
		}
		points = points[1:]
	}
	w.compared[class] = points
}

// chain follows the chain of a class from its signed beginning to where it ended when verifying began.
func (w *verifying) chain(ctx context.Context, class string, states map[string]audit.ChainState) error {
	state, exists := states[class]
	if !exists || !w.c.Ours(state) {
		var seals bool
		if err := w.s.get(ctx, "audit seal", &seals, "SELECT EXISTS (SELECT 1 FROM audit_seals WHERE class = $1)", class); err != nil {
			return err
		}
		if exists || seals || len(states) > 0 {
			w.found(audit.Break{Class: class, What: "the record of where the chain begins and ends is not what was signed"})
		}
		return nil
	}
	seq, mac := state.StartSeq, state.StartMAC
	w.compare(class, seq, mac)
	for seq < state.Seq {
		seals, err := w.page(ctx, class, seq)
		if err != nil {
			return err
		}
		if len(seals) == 0 || seals[0].Seq != seq+1 { // the oldest may have expired meanwhile
			now, err := w.s.chains(ctx)
			if err != nil {
				return err
			}
			if begun := now[class]; w.c.Ours(begun) && begun.StartSeq > seq {
				seq, mac = begun.StartSeq, begun.StartMAC
				state.ExpiredBefore = begun.ExpiredBefore
				w.compare(class, seq, mac)
				continue
			}
		}
		if len(seals) == 0 {
			w.found(audit.Break{Class: class, Seq: seq + 1, What: "the chain ends too early: seals were cut off"})
			return nil
		}
		over := firstIDAt(later(state.ExpiredBefore, w.at.Add(-audit.KeptFor(class)))).String()
		for _, f := range seals {
			if f.Seq > state.Seq {
				break
			}
			if b := w.wrong(f, seq, mac, over); b != "" {
				w.found(audit.Break{Class: class, Seq: f.Seq, EventID: f.EventID, What: b})
				return nil
			}
			seq, mac = f.Seq, f.MAC
			w.compare(class, seq, mac)
		}
		if err := w.told(); err != nil {
			return err
		}
	}
	if mac != state.MAC && seq == state.Seq {
		w.found(audit.Break{Class: class, Seq: seq, What: "the chain does not end as it was signed"})
	}
	return w.beyond(ctx, class)
}

// keptSeal is a seal and its event, if that is left.
type keptSeal struct {
	audit.Seal
	Event *eventRow
}

// page reads seals with their events, as they were at one moment.
func (w *verifying) page(ctx context.Context, class string, after int64) ([]keptSeal, error) {
	var found []struct {
		audit.Seal
		ID         *string    `db:"id"`
		At         *time.Time `db:"at"`
		Action     *string    `db:"action"`
		Outcome    *string    `db:"outcome"`
		ActorKind  *string    `db:"actor_kind"`
		ActorID    *string    `db:"actor_id"`
		ActorName  *string    `db:"actor_name"`
		TargetKind *string    `db:"target_kind"`
		TargetID   *string    `db:"target_id"`
		TargetName *string    `db:"target_name"`
		ClientID   *string    `db:"client_id"`
		UserID     *string    `db:"user_id"`
		IP         *string    `db:"ip"`
		UserAgent  *string    `db:"user_agent"`
		RequestID  *string    `db:"request_id"`
		Error      *string    `db:"error"`
		Cause      *string    `db:"cause"`
		Changes    *string    `db:"changes"`
		Count      *int64     `db:"count"`
	}
	err := w.s.all(ctx, "audit seal", &found, "SELECT "+columns("s", "", sealColumns)+", "+columns("e", "", eventColumns)+`
		FROM (SELECT `+sealColumns+` FROM audit_seals WHERE class = $1 AND seq > $2 ORDER BY seq LIMIT `+strconv.Itoa(checkedRows)+`) s
		LEFT JOIN audit_events e ON e.id = s.event_id ORDER BY s.seq`, class, after)
	seals := make([]keptSeal, len(found))
	for i, f := range found {
		seals[i].Seal = f.Seal
		if f.ID != nil {
			seals[i].Event = &eventRow{*f.ID, *f.At, *f.Action, *f.Outcome, *f.ActorKind, *f.ActorID, *f.ActorName, *f.TargetKind, *f.TargetID, *f.TargetName,
				*f.ClientID, *f.UserID, *f.IP, *f.UserAgent, *f.RequestID, *f.Error, *f.Cause, *f.Changes, *f.Count}
		}
	}
	return seals, err
}

// wrong tells what is wrong with a seal that should be the next, and its event; empty if nothing is.
func (w *verifying) wrong(f keptSeal, seq int64, mac, over string) string {
	switch {
	case f.Seq != seq+1:
		return "seals are missing before this one"
	case !w.c.Follows(f.Seal, mac):
		return "the seal was changed, or others were put before it"
	case f.Event == nil && f.EventID >= over:
		return "the event was deleted"
	case f.Event == nil:
		w.v.Expired++
		return ""
	case !w.c.Covers(f.Seal, f.Event.evidence()):
		return "the event was changed after it was sealed"
	}
	w.v.Events++
	return ""
}

// beyond finds seals after the signed end.
func (w *verifying) beyond(ctx context.Context, class string) error {
	var end struct {
		Signed int64 `db:"signed"`
		Last   int64 `db:"last"`
	}
	err := w.s.get(ctx, "audit chain", &end, `SELECT seq AS signed, COALESCE((SELECT MAX(seq) FROM audit_seals WHERE class = $1), 0) AS last
		FROM audit_chains WHERE class = $1`, class)
	if err == nil && end.Last > end.Signed {
		w.found(audit.Break{Class: class, Seq: end.Signed + 1, What: "there are seals after the signed end of the chain"})
	}
	return err
}

// open counts the events that are not sealed, and finds those that came too late to be.
func (w *verifying) open(ctx context.Context) error {
	tooLate := firstIDAt(w.v.SealedUntil.Add(-audit.Late)).String()
	for edge := ""; ; {
		ids, last, err := w.s.unsealedIDs(ctx, edge)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if id < tooLate && !w.v.SealedUntil.IsZero() {
				w.found(audit.Break{EventID: id, What: "the event was added after its time had been sealed"})
				continue
			}
			if w.v.Unsealed++; w.v.OldestOpen.IsZero() {
				w.v.OldestOpen, _ = timeOfID(id)
			}
		}
		if last == "" {
			return w.told()
		}
		if edge = last; w.v.Unsealed%sealScan == 0 {
			if err := w.told(); err != nil {
				return err
			}
		}
	}
}
