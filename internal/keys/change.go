package keys

import (
	"slices"
	"strings"
	"time"

	"gatehouse/internal/secret"
)

// Change is what an act does to the keys.
type Change struct {
	Added, Updated []SigningKey
	Removed        []string // key ids
}

// None reports whether the act changes nothing.
func (c Change) None() bool { return len(c.Added)+len(c.Updated)+len(c.Removed) == 0 }

// apply is what there is after the change.
func (c Change) apply(all []SigningKey) []SigningKey {
	out := slices.DeleteFunc(slices.Clone(all), func(k SigningKey) bool { return slices.Contains(c.Removed, k.KID) })
	for _, updated := range c.Updated {
		if i := indexOf(out, updated.KID); i >= 0 {
			out[i] = updated
		}
	}
	return append(out, c.Added...)
}

func indexOf(all []SigningKey, kid string) int {
	return slices.IndexFunc(all, func(k SigningKey) bool { return k.KID == kid })
}

// Turn is a key whose state a change changes; Before is empty for a key that is new, After for one that is gone.
type Turn struct {
	KID, Algorithm string
	Before, After  State
}

// Turns tells whose state the change changes, at the given time, the new keys first. Destroying a private part turns nothing.
func (c Change) Turns(all []SigningKey, at time.Time) []Turn {
	before, later := States(all, at), c.apply(all)
	after := States(later, at)
	var turns []Turn
	seen := map[string]bool{}
	for _, k := range slices.Concat(c.Added, later, all) {
		if b, a := before[k.KID], after[k.KID]; b != a && !seen[k.KID] {
			turns = append(turns, Turn{k.KID, k.Algorithm, b, a})
		}
		seen[k.KID] = true
	}
	return turns
}

// Refusal is why an act on keys is not possible now, in words for who asked.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Staged are the keys that are published and do not sign yet.
func Staged(all []SigningKey, at time.Time) []SigningKey { return inState(all, at, Next) }

func inState(all []SigningKey, at time.Time, is State) []SigningKey {
	var found []SigningKey
	for _, k := range Lives(all) {
		if k.At(at) == is {
			found = append(found, k.SigningKey)
		}
	}
	return found
}

// MayStage is a Refusal while keys are staged: two sets at once would only confuse.
func MayStage(all []SigningKey, at time.Time) error {
	if staged := Staged(all, at); len(staged) > 0 {
		return Refusal("New keys are published already, and sign from " + staged[0].ActiveFrom.UTC().Format("2 Jan 2006, 15:04") + " UTC. Wait for them, or withdraw them first.")
	}
	return nil
}

// Stage publishes a new key of each algorithm, to sign with when everybody knows it, if MayStage lets it.
func Stage(all []SigningKey, sealer *secret.Sealer, at time.Time) (Change, error) {
	if err := MayStage(all, at); err != nil {
		return Change{}, err
	}
	added, err := GenerateAll(all, sealer, at, at.Add(PublishAhead))
	return Change{Added: added}, err
}

// SignAnew makes a new key of each algorithm that signs at once. Who cached the JWKS does not know it yet.
func SignAnew(all []SigningKey, sealer *secret.Sealer, at time.Time) (Change, error) {
	added, err := GenerateAll(all, sealer, at, at)
	return Change{Added: added}, err
}

// Replace is the emergency: new keys sign at once, without having been published ahead, and every key whose private part there
// still is counts as compromised, staged ones too. Nothing that those signed is believed any more (security.md rule 9).
func Replace(all []SigningKey, sealer *secret.Sealer, at time.Time) (Change, error) {
	change, err := SignAnew(all, sealer, at)
	for _, k := range all {
		if k.PrivateSealed != "" {
			k.PrivateSealed, k.CompromisedAt = "", &at
			change.Updated = append(change.Updated, k)
		}
	}
	return change, err
}

// RollBack signs with a key again that a newer one displaced. A Refusal unless it is published still: one that was compromised
// never returns (security.md rule 9).
func RollBack(all []SigningKey, kid string, at time.Time) (Change, error) {
	k, state := find(all, kid, at)
	switch {
	case state == "":
		return Change{}, noSuchKey
	case state == Compromised:
		return Change{}, Refusal("This key is compromised: nothing is ever signed with it again.")
	case state != Retiring || k.PrivateSealed == "":
		return Change{}, Refusal("Only a key that is retiring can sign again, as long as it is published.")
	}
	change := Change{}
	for _, older := range Lives(all) { // the key no longer displaces them when it did: those that have retired stay so
		if until := older.PublishedUntil(); older.Algorithm == k.Algorithm && older.RetiredAt == nil && older.At(at) == Retired {
			older.RetiredAt = &until
			change.Updated = append(change.Updated, older.SigningKey)
		}
	}
	k.ActiveFrom = at
	change.Updated = append(change.Updated, k)
	return change, nil
}

// Retire takes a key out of the JWKS before its time: one that is retiring, or one that is staged and shall not sign. Its
// private part is destroyed. A Refusal for every other.
func Retire(all []SigningKey, kid string, at time.Time) (Change, error) {
	k, state := find(all, kid, at)
	if state == "" {
		return Change{}, noSuchKey
	}
	if state != Next && state != Retiring {
		return Change{}, Refusal("Only a key that is retiring or next can be taken out of use. The current one is replaced by a rotation.")
	}
	k.RetiredAt, k.PrivateSealed = &at, ""
	return Change{Updated: []SigningKey{k}}, nil
}

const noSuchKey = Refusal("There is no signing key with this id.")

func find(all []SigningKey, kid string, at time.Time) (SigningKey, State) {
	i := indexOf(all, kid)
	if i < 0 {
		return SigningKey{}, ""
	}
	return all[i], States(all, at)[kid]
}

// Due reports whether the schedule asks for new keys to be staged, so that they sign when the oldest current one has signed for
// that long. 0 is no schedule.
func Due(all []SigningKey, every time.Duration, at time.Time) bool {
	when := NextRotation(all, every, at)
	return !when.IsZero() && !at.Before(when.Add(-PublishAhead))
}

// NextRotation is when the schedule has new keys sign; the zero time where there is no schedule, or keys are staged already.
func NextRotation(all []SigningKey, every time.Duration, at time.Time) time.Time {
	current := inState(all, at, Current)
	if every <= 0 || len(current) == 0 || len(Staged(all, at)) > 0 {
		return time.Time{}
	}
	oldest := slices.MinFunc(current, func(a, b SigningKey) int { return a.ActiveFrom.Compare(b.ActiveFrom) })
	return oldest.ActiveFrom.Add(every)
}

// Tidy destroys the private parts of keys that have retired, and forgets those whose public parts nobody needs any more: a year
// after they signed for the last time (security.md rule 9).
func Tidy(all []SigningKey, at time.Time) (change Change) {
	for _, k := range Lives(all) {
		switch state := k.At(at); {
		case state != Retired && state != Compromised:
		case !at.Before(k.ended().Add(hintsAfter)):
			change.Removed = append(change.Removed, k.KID)
		case k.PrivateSealed != "":
			k.PrivateSealed = ""
			change.Updated = append(change.Updated, k.SigningKey)
		}
	}
	return change
}

// Same reports whether both are the same keys in the same condition, in whatever order.
func Same(a, b []SigningKey) bool {
	sorted := func(all []SigningKey) []SigningKey {
		return slices.SortedFunc(slices.Values(all), func(a, b SigningKey) int { return strings.Compare(a.KID, b.KID) })
	}
	return slices.EqualFunc(sorted(a), sorted(b), func(a, b SigningKey) bool {
		return a.KID == b.KID && a.PrivateSealed == b.PrivateSealed && a.ActiveFrom.Equal(b.ActiveFrom) && sameTime(a.RetiredAt, b.RetiredAt) && sameTime(a.CompromisedAt, b.CompromisedAt)
	})
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
