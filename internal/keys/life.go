package keys

import (
	"slices"
	"time"
)

const (
	// publishedAfter is how long a key stays in the JWKS after a newer one signs: the longest token (24 h) and an hour.
	publishedAfter = 25 * time.Hour
	// hintsAfter is how long a key verifies ID token hints after it signed for the last time (security.md rule 9).
	hintsAfter = 365 * 24 * time.Hour
)

// State says where in its life a key is.
type State string

// The states of a key.
const (
	Next        State = "next"
	Current     State = "current"
	Retiring    State = "retiring"
	Retired     State = "retired"
	Compromised State = "compromised"
)

// Life is a key and what becomes of it.
type Life struct {
	SigningKey
	// DisplacedAt is when a newer key of its algorithm signs instead; nil while none is to.
	DisplacedAt *time.Time
}

// Lives orders the keys by age and finds out which displaces which.
func Lives(all []SigningKey) []Life {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b SigningKey) int {
		if c := a.ActiveFrom.Compare(b.ActiveFrom); c != 0 {
			return c
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	out := make([]Life, len(all))
	for i, k := range all {
		out[i] = Life{SigningKey: k}
		if k.neverSigns() {
			continue
		}
		for j := range i {
			if out[j].Algorithm == k.Algorithm && out[j].DisplacedAt == nil {
				out[j].DisplacedAt = &out[i].ActiveFrom
			}
		}
	}
	return out
}

// neverSigns tells of a key that was taken out of use before its turn: it displaces nobody.
func (k *SigningKey) neverSigns() bool {
	for _, end := range []*time.Time{k.RetiredAt, k.CompromisedAt} {
		if end != nil && !end.After(k.ActiveFrom) {
			return true
		}
	}
	return false
}

// States returns the state of each key at the given time, by key id.
func States(all []SigningKey, at time.Time) map[string]State {
	out := make(map[string]State, len(all))
	for _, k := range Lives(all) {
		out[k.KID] = k.At(at)
	}
	return out
}

// At is the state of the key at the given time.
func (k *Life) At(at time.Time) State {
	switch {
	case k.CompromisedAt != nil && !at.Before(*k.CompromisedAt):
		return Compromised
	case k.RetiredAt != nil && !at.Before(*k.RetiredAt):
		return Retired
	case at.Before(k.ActiveFrom):
		return Next
	case k.DisplacedAt == nil || at.Before(*k.DisplacedAt):
		return Current
	case at.Before(k.DisplacedAt.Add(publishedAfter)):
		return Retiring
	}
	return Retired
}

// Published reports whether the key is in the JWKS at the given time.
func (k *Life) Published(at time.Time) bool {
	switch k.At(at) {
	case Next, Current, Retiring:
		return true
	}
	return false
}

// PublishedUntil is when the key leaves the JWKS, or left it; the zero time while nothing is to end it.
func (k *Life) PublishedUntil() time.Time {
	var until time.Time
	if k.DisplacedAt != nil {
		until = k.DisplacedAt.Add(publishedAfter)
	}
	return sooner(sooner(until, k.RetiredAt), k.CompromisedAt)
}

// ended is when the key signed for the last time or, if it never did, was taken out of use; the zero time while it may sign yet.
func (k *Life) ended() time.Time {
	var end time.Time
	for _, at := range []*time.Time{k.DisplacedAt, k.RetiredAt, k.CompromisedAt} {
		end = sooner(end, at)
	}
	return end
}

// sooner is the first of both; the zero time and nil are never.
func sooner(a time.Time, b *time.Time) time.Time {
	if b == nil || (!a.IsZero() && a.Before(*b)) {
		return a
	}
	return *b
}
