package console

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/views/ui"
)

// SecurityData fills the page about who is kept out, and how.
type SecurityData struct {
	Lockouts     []Lockout
	MoreLockouts bool // there are more than are shown
	Limited      []Limited
	LimitedTotal int
	Hash         HashCost
	Settings     SettingsData
	CanEdit      bool
	CanUnblock   bool
	Now          time.Time
}

// Lockout is a person whose sign-in is slowed down by failures.
type Lockout struct {
	Person    Person
	Networks  []string // where they came from
	Failures  int
	Last      time.Time
	Until     time.Time // no password is looked at before; zero where one is
	Strangers bool      // after so many in a day no unknown browser is let try
	CanUnlock bool
}

func (l Lockout) state(now time.Time) (tone, text string) {
	switch {
	case l.Strangers:
		return "danger", "Known browsers only, until midnight UTC"
	case l.Until.After(now):
		return "warning", "Waits " + wait(l.Until.Sub(now))
	}
	return "off", "The next wrong one waits longer"
}

func (l Lockout) from() string {
	const shown = 3
	if len(l.Networks) > shown {
		return strings.Join(l.Networks[:shown], ", ") + " and " + ui.Count(len(l.Networks)-shown, "more", "more")
	}
	return strings.Join(l.Networks, ", ")
}

// Limited is an address or a client that asks too much of this node.
type Limited struct {
	What    string // a key of limits
	Who     string // who counts: an address, or a client's id and, for a public one, an address
	Client  Link
	Address string // with the client's
	Until   time.Time
}

// limits are what is counted, in words.
var limits = map[string]string{
	"signin": "Wrong passwords", "password": "Wrong passwords it passed on", "client": "Failed client authentications", "requests": "Requests",
}

// Known reports whether it is something that is limited.
func (l Limited) Known() bool { return limits[l.What] != "" }

// OfClient reports whether a client is limited, and not an address.
func (l Limited) OfClient() bool { return l.What == "password" || l.What == "requests" }

// Name is who it is in a sentence.
func (l Limited) Name() string {
	switch {
	case !l.OfClient():
		return l.Who
	case l.Address != "":
		return l.Client.Text + " at " + l.Address
	}
	return l.Client.Text
}

func (l Limited) unblockPath() string {
	return "/console/security/unblock?" + url.Values{"what": {l.What}, "who": {l.Who}}.Encode()
}

func (l Limited) why() string { return limits[l.What] }

// HashCost is what a password hash costs, and what was measured on this node.
type HashCost struct {
	Now         string // "m=19 MiB, t=2"
	AtOnce      int
	Measuring   bool
	At          time.Time // of the measurement; zero for none
	Measured    []MeasuredHash
	Suggestions []SuggestedHash
	Fault       string
	Pinned      bool
}

// MeasuredHash is how long a hash took.
type MeasuredHash struct {
	Cost string
	Took time.Duration
}

// SuggestedHash is the strongest cost that stays within the target.
type SuggestedHash struct {
	Target          time.Duration
	Cost            string
	MemoryMiB, Time int
	Takes           time.Duration
	AtOnce          int
	InUse           bool
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
}

// wait is how long somebody still has to wait, in whole seconds.
func wait(d time.Duration) string {
	return ui.Count(int((d+time.Second-1)/time.Second), "second", "seconds")
}
