package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"gatehouse/internal/audit"
)

// checkedRows is how many seals verifying reads at a time.
const checkedRows = 2000

// VerifyEvents looks at every seal and every event, and tells where they are not what was sealed, and how much is not sealed yet.
// What is sealed while it looks it leaves to the next time. checkpoints are those that were kept elsewhere; progress, if there is
// one, is told of each batch, and its error ends the verifying.
func (s *Store) VerifyEvents(ctx context.Context, c *audit.Chain, checkpoints []audit.Checkpoint, progress func(audit.Verification) error) (audit.Verification, error) {
	w := &verifying{s: s, c: c, progress: progress}
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
		now, err := w.s.chains(ctx) // the oldest may have expired meanwhile, which was signed before they went
		if err != nil {
			return err
		}
		if begun := now[class]; w.c.Ours(begun) {
			state.ExpiredBefore = begun.ExpiredBefore
			if begun.StartSeq > seq {
				seq, mac = begun.StartSeq, begun.StartMAC
				w.compare(class, seq, mac)
				continue
			}
		}
		if len(seals) == 0 {
			w.found(audit.Break{Class: class, Seq: seq + 1, What: "the chain ends too early: seals were cut off"})
			return nil
		}
		over := firstIDAt(state.ExpiredBefore).String()
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
