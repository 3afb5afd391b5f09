package console

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/keys"
	"gatehouse/views/ui"
)

// SigningKeysData fills SigningKeysPage.
type SigningKeysData struct {
	Groups       []KeyGroup // by algorithm
	Every        time.Duration
	NextRotation time.Time // when the schedule has new keys sign; zero for not now
	NextStaged   time.Time // when it publishes them
	LastFetch    time.Time // when anybody last asked for the public keys
	Staged       bool      // keys are published that do not sign yet
	CanEdit      bool
	Now          time.Time
}

// KeyGroup are the keys of an algorithm, those that sign first in front.
type KeyGroup struct {
	Algorithm string
	Shown     []SigningKey // published
	Past      []SigningKey // not any more, the last first
}

// SigningKey is a key and where in its life it is. Zero times are never, or not yet known.
type SigningKey struct {
	KID, Algorithm                            string
	State                                     keys.State
	Created, Signs, Displaced, PublishedUntil time.Time
	Withdrawn                                 bool // its private part is destroyed
}

// Add puts the key where it belongs. Keys come in the order in which they sign.
func (d *SigningKeysData) Add(k SigningKey) {
	i, found := slices.BinarySearchFunc(d.Groups, k.Algorithm, func(g KeyGroup, alg string) int { return strings.Compare(g.Algorithm, alg) })
	if !found {
		d.Groups = slices.Insert(d.Groups, i, KeyGroup{Algorithm: k.Algorithm})
	}
	g := &d.Groups[i]
	if k.State == keys.Retired || k.State == keys.Compromised {
		g.Past = slices.Insert(g.Past, 0, k)
	} else {
		g.Shown = append(g.Shown, k)
	}
}

// unfetched counts the published keys that nobody can know yet.
func (d SigningKeysData) unfetched() (n int) {
	for _, g := range d.Groups {
		for _, k := range g.Shown {
			if k.Created.After(d.LastFetch) {
				n++
			}
		}
	}
	return n
}

func (d SigningKeysData) schedule() string {
	if d.Every == 0 {
		return "off: keys are rotated by hand"
	}
	return "every " + ui.Count(int(d.Every/(24*time.Hour)), "day", "days")
}

// KeyEnd is how people tell keys apart.
func KeyEnd(kid string) string { return kid[max(len(kid)-6, 0):] }

func (k SigningKey) path() string { return "/console/keys/" + url.PathEscape(k.KID) }

// signed reports whether the key ever signed.
func (k SigningKey) signed() bool { return k.PublishedUntil.After(k.Signs) }

func (k SigningKey) retire() string {
	if k.State == keys.Next {
		return "Withdraw"
	}
	return "Retire"
}

var (
	keyTones   = map[keys.State]string{keys.Next: "accent", keys.Current: "success", keys.Retiring: "warning", keys.Retired: "off", keys.Compromised: "danger"}
	keyNodes   = map[keys.State]string{keys.Next: "origin", keys.Current: "current", keys.Retiring: "spent"}
	signsWords = map[keys.State]string{keys.Next: "signs from ", keys.Current: "signs since ", keys.Retiring: "signed from "}
	keyNames   = map[keys.State]string{keys.Next: "Signs next", keys.Current: "Signs now", keys.Retiring: "Still published"}
)
