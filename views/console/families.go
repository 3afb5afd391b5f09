package console

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/oauth"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// FamiliesData fills the list of token families.
type FamiliesData struct {
	ListData
	State string // "", "live", "expired", "ended" or "replayed"
	Rows  []Family
	Now   time.Time
}

// Family is a grant that a person gave a client, with all tokens under it.
type Family struct {
	ID          string
	Person      Person
	Client      Link
	Session     string // it lives and dies with, "" for none
	GrantType   string
	Scopes      []string
	Resources   []string
	AMR         []string
	AuthTime    time.Time
	Created     time.Time
	LastRefresh time.Time // zero: never
	Expires     time.Time
	Idle        time.Time // zero where nothing can be refreshed
	Ended       time.Time // zero: nobody ended it
	EndReason   string
	EraOver     bool   // it ended with all of its client's, and when is not written down yet
	State       string // "live", "expired" or "ended"
	Replayed    bool
	Rotations   int64
	CanEnd      bool
	Now         time.Time
}

func (f Family) path() string { return "/console/families/" + url.PathEscape(f.ID) }

func (f Family) live() bool { return f.State == oauth.FamilyLive }

// badge is the family's state.
func (f Family) badge() (tone, text string) {
	switch {
	case f.Replayed:
		return "danger", "Used twice"
	case f.live():
		return "success", "Live"
	case f.State == oauth.FamilyExpired:
		return "off", "Expired"
	}
	if f.Ended.IsZero() && f.EraOver { // with every other of its client
		return "off", "All revoked"
	}
	return "off", endReason(f.EndReason)
}

// ends says when it lapses by itself.
func (f Family) ends() time.Time {
	if !f.Idle.IsZero() && f.Idle.Before(f.Expires) {
		return f.Idle
	}
	return f.Expires
}

func (f Family) crumbs() []layout.Crumb {
	return []layout.Crumb{{Label: "Token families", Href: "/console/families"}, {Label: f.Client.Text + ", " + f.Person.Label()}}
}

// began says how the family began, in words.
func (f Family) began() string {
	if name := grantNames[f.GrantType]; name != "" {
		return name
	}
	return f.GrantType
}

var familyStates = []ui.Option{
	{Value: "", Label: "Any state"}, {Value: "live", Label: "Live"}, {Value: "expired", Label: "Expired"},
	{Value: "ended", Label: "Ended"}, {Value: "replayed", Label: "Used twice"},
}

// FamilyData fills the page of a token family.
type FamilyData struct {
	Family  Family
	Lineage []LineageStep // what followed the sign-in
	Replay  *Replay       // that ended it
	Events  []EventRow    // newest first, without refreshes
}

// LineageStep is a refresh token of a family, or a gap where several are left out.
type LineageStep struct {
	Number    int64 // 1 is the first
	Given     time.Time
	Spent     time.Time // zero: not
	IP        string    // of the request that was given it
	Device    string
	RequestID string
	State     string // "spent", "current", "revoked" or "lapsed"
	Again     []Presented
	Left      int    // how many are left out, instead of a token
	Show      string // URL that shows some of those
}

// Presented is a spent refresh token that somebody presented again.
type Presented struct {
	At         time.Time
	IP, Device string
	Event      string // URL
	Replay     bool   // refused; else answered with the same successor
}

// Replay is the second use of what works once.
type Replay struct {
	What       string // "Refresh token 3" or "The code"
	Code       bool   // it was a code
	At         time.Time
	IP, Device string
	FirstIP    string // of the first use, "" where it is not known
	FirstAt    time.Time
	Event      string // URL
}

// story says where both uses came from, and what that may mean.
func (r Replay) story() string {
	text := "The second use came from " + r.IP + " (" + r.Device + ")"
	if r.FirstIP != "" {
		text += ", " + strings.TrimSuffix(ui.Relative(r.FirstAt, r.At), " ago") + " after the first from " + r.FirstIP
	}
	innocent := "the client lost its newest token and tried an old one"
	if r.Code {
		innocent = "the client sent its request twice"
	}
	return text + ". Either somebody else has a copy of it, or " + innocent + "."
}

func tokenName(n int64) string { return "Token " + strconv.FormatInt(n, 10) }

var lineageBadges = map[string][2]string{
	"spent": {"off", "Spent"}, "current": {"success", "Current"}, "revoked": {"danger", "Revoked"}, "lapsed": {"off", "Expired"},
}

// hop is what led to the step: the grant for the first, the time for others.
func (d FamilyData) hop(i int) string {
	if i > 0 {
		return ""
	}
	switch d.Family.GrantType {
	case oauth.GrantAuthorizationCode:
		return "code"
	case oauth.GrantPassword:
		return "password"
	}
	return ""
}
