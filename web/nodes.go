package web

import (
	"context"
	"time"

	"gatehouse/handlers/console"
	"gatehouse/internal/identity"
	"gatehouse/store"
)

// beatEvery is how often a node says that it works.
const beatEvery = 10 * time.Second

// Beat notes, until the context ends, that this node works on the database, and then that it does not. The address is where it listens.
func (a *App) Beat(ctx context.Context, address string) {
	beat := func() {
		if err := a.SayHere(ctx, address); err != nil && ctx.Err() == nil {
			a.site.Log.Debug("this node could not be noted", "error", err) // readiness says that the database is away
		}
	}
	beat()
	Regularly(ctx, beatEvery, nil, beat)
	a.leave(ctx)
}

// leave notes that this node has ended. If that fails, others see that it is silent.
func (a *App) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = a.site.Store.ForgetNode(ctx, a.site.node.ID)
}

// SayHere notes that this node works now.
func (a *App) SayHere(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery/2)
	defer cancel()
	n := a.site.node
	n.Address, n.SeenAt = address, a.site.Now()
	return a.site.Store.SeeNode(ctx, n)
}

// system is what the console shows of this node.
func (s *site) system() console.System {
	out := console.System{Node: s.node, Settings: s.Settings, CertificateExpires: s.CertificateExpires}
	if s.Janitor != nil {
		out.Swept = func() (time.Time, int64, bool) {
			j := s.Janitor()
			return j.LastRun, j.Failed, j.Leads
		}
	}
	return out
}

// newNode is this node from now on.
func newNode(cfg Config) store.Node {
	return store.Node{ID: identity.NewID(), Version: cfg.Version, Commit: cfg.Commit, StartedAt: cfg.Now()}
}
