package web

import (
	"context"
	"time"

	"gatehouse/internal/policy"
)

// settingsEvery is how often a node asks whether something was settled on another.
const settingsEvery = 500 * time.Millisecond

// apply tells those of the settings who keep some of them.
func (s *site) apply(settled *policy.Settings) {
	s.Hasher.SetCost(settled.Password.Cost)
	s.Store.SetSessionIdle(settled.Sessions.Idle)
}

// ReadSettings takes over what administrators have settled.
func (a *App) ReadSettings(ctx context.Context) error {
	s := a.site
	revision, stored, err := s.Store.Settings(ctx)
	if err != nil {
		return err
	}
	if s.Policy.Adopt(revision, stored) {
		for name, message := range s.Policy.State().Faults {
			s.Log.Warn("a setting in the database is left out", "setting", name, "error", message)
		}
	}
	return nil
}

// WatchSettings takes over, until the context ends, what is settled on other nodes and by commands, and whom they unblock, within a second.
func (a *App) WatchSettings(ctx context.Context) {
	Regularly(ctx, settingsEvery, nil, func() {
		reading, cancel := context.WithTimeout(ctx, actDeadline)
		defer cancel()
		err := a.ReadSettings(reading)
		if err == nil {
			err = a.ReadUnblockings(reading)
		}
		if err != nil && ctx.Err() == nil {
			a.site.ready.suspect() // which says so
		}
	})
}
