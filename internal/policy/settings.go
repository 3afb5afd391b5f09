package policy

import (
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
)

// Settings are all that is settled, in the shape in which the rules read it. They are never changed: a change makes new ones.
type Settings struct {
	OAuth    oauth.Policy
	Sessions identity.SessionPolicy
	Password Password
	Rates    Rates
	// Retention is how long the audit log is kept.
	Retention audit.Retention
	Brand     brand.House
}

// Password is what is asked of a password, and what its hash costs.
type Password struct {
	MinLength int
	Cost      secret.Cost
}

// Rates are how much one address or client may ask of a node in a minute; zero is without limit.
type Rates struct {
	SignIn     int // wrong passwords from one address
	ClientAuth int // failed client authentications from one address
	Client     int // requests of one client that proved who it is
	// Loopback are the limits by address that hold for this machine too: those that somebody settled.
	Loopback struct{ SignIn, ClientAuth bool }
}

// Defaults are the settings of a house in which nobody has settled anything (product.md §6).
func Defaults() Settings {
	return Settings{
		OAuth:     *oauth.DefaultPolicy(),
		Sessions:  identity.DefaultSessions(),
		Password:  Password{MinLength: secret.MinPasswordLength, Cost: secret.DefaultCost()},
		Rates:     Rates{SignIn: 30, ClientAuth: 60},
		Retention: audit.DefaultRetention(),
		Brand:     brand.House{Name: brand.DefaultName},
	}
}

// bind makes of the settings what can be kept: nothing outlives what it is part of.
func (s *Settings) bind() {
	l := &s.OAuth.Lifetimes
	l.RefreshIdle = min(l.RefreshIdle, l.Refresh)
	s.Sessions.Idle = min(s.Sessions.Idle, s.Sessions.Absolute)
	s.Sessions.ConsoleIdle = min(s.Sessions.ConsoleIdle, s.Sessions.Idle)
	keep := &s.Retention
	keep.Refusals, keep.Activity = min(keep.Refusals, keep.Changes), min(keep.Activity, keep.Changes)
}

const day = 24 * time.Hour
