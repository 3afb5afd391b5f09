package web

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
)

// TendKeys does to the signing keys what the calendar asks for: it publishes new ones a day before the schedule has them sign,
// destroys the private parts of those that have retired, and forgets those that nobody needs any more. Nodes that do it at the
// same time do each other no harm.
func (a *App) TendKeys(ctx context.Context) error {
	s := a.site
	all, err := s.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	at := s.Now()
	if change := keys.Tidy(all, at); !change.None() {
		if err := s.tend(ctx, all, change, audit.KeyForgotten); err != nil {
			return err
		}
		if all, err = s.Store.SigningKeys(ctx); err != nil {
			return err
		}
	}
	if !keys.Due(all, s.KeyRotation, at) {
		return nil
	}
	change, err := keys.Stage(all, s.Sealer, at)
	if err != nil {
		return err
	}
	return s.tend(ctx, all, change, audit.KeyStaged)
}

func (s *site) tend(ctx context.Context, all []keys.SigningKey, change keys.Change, action audit.Action) error {
	err := s.Store.ChangeSigningKeys(ctx, all, change, audit.Event{
		At: s.Now(), Action: action, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindSystem, Name: "schedule"},
	})
	switch {
	case fault.AsConflict(err) != nil: // somebody was faster: there may be nothing left to do, and if there is, it is done the next time
		err = nil
	case err == nil:
		s.Log.Info("signing keys tended", "action", action, "added", len(change.Added), "destroyed", len(change.Updated), "forgotten", len(change.Removed))
	}
	return err
}

// keyAges tells how long the current keys have been signing, as the ring knows them.
type keyAges struct{ site *site }

var keyAge = prometheus.NewDesc("gatehouse_signing_key_age_seconds", "How long the current key has been signing, by algorithm.", []string{"alg"}, nil)

func (k keyAges) Describe(to chan<- *prometheus.Desc) { to <- keyAge }

func (k keyAges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), actDeadline)
	defer cancel()
	current, err := k.site.rules.Keys.Current(ctx)
	if err != nil { // the database is away, which gatehouse_ready tells
		return
	}
	for _, one := range current {
		to <- prometheus.MustNewConstMetric(keyAge, prometheus.GaugeValue, k.site.Now().Sub(one.ActiveFrom).Seconds(), one.Algorithm)
	}
}
