package console

import (
	"net/url"
	"time"

	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// SessionsData fills the list of sessions.
type SessionsData struct {
	ListData
	State string // "", "live" or "ended"
	Rows  []Session
	Now   time.Time
}

// Session is a browser in which somebody signed in.
type Session struct {
	ID        string
	Person    Person
	Device    string // "Firefox on Linux"
	UserAgent string
	IP        string
	SignedIn  time.Time
	LastSeen  time.Time
	Expires   time.Time // at the latest
	Idle      time.Time // unless it is used before
	Ended     time.Time // zero: nobody ended it
	EndReason string
	AMR       []string // how they signed in
	Clients   []Link   // signed in to through it
	Own       bool     // of whoever looks
	CanEnd    bool
	Now       time.Time
}

func (s Session) path() string { return "/console/sessions/" + url.PathEscape(s.ID) }

func (s Session) live() bool {
	return s.Ended.IsZero() && s.Now.Before(s.Expires) && s.Now.Before(s.Idle)
}

// state is the session's badge.
func (s Session) state() (tone, text string) {
	switch {
	case s.live() && s.Own:
		return "accent", "This browser"
	case s.live():
		return "success", "Live"
	case !s.Ended.IsZero():
		return "off", endReason(s.EndReason)
	case !s.Now.Before(s.Expires):
		return "off", "Expired"
	}
	return "off", "Idle for too long"
}

func (s Session) crumbs() []layout.Crumb {
	return []layout.Crumb{{Label: "Sessions", Href: "/console/sessions"}, {Label: s.Device}}
}

var sessionStates = []ui.Option{{Value: "", Label: "Any state"}, {Value: "live", Label: "Live"}, {Value: "ended", Label: "Ended"}}
