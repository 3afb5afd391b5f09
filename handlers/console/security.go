package console

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	securityPath = "/console/security"
	// mostLockouts are the counters that are looked at, mostLimited the addresses and clients that are shown.
	mostLockouts = 200
	mostLimited  = 50
	// measureFor bounds a measurement, and measureWait how long its page is waited for.
	measureFor  = 15 * time.Second
	measureWait = 10 * time.Second
)

// Limited is an address or a client that has to wait now, on this node.
type Limited struct {
	What string // "signin", "password", "client" or "requests"
	Who  string // an address, or a client's id and, for a public one, an address
	Wait time.Duration
}

// ShowSecurity shows who is kept from signing in, who asks too much, and what is asked of passwords.
func (h *Handlers) ShowSecurity(c *fiber.Ctx) error {
	if err := h.readSettings(c.UserContext()); err != nil {
		return err
	}
	return h.securityPage(c, fiber.StatusOK, h.settingsOf(c, securityPath))
}

// UpdateSecurity settles what was changed in its form.
func (h *Handlers) UpdateSecurity(c *fiber.Ctx) error {
	return h.updateSettings(c, securityPath, h.securityPage)
}

func (h *Handlers) securityPage(c *fiber.Ctx, status int, settings view.SettingsData) error {
	ctx, now := c.UserContext(), h.Now()
	d := view.SecurityData{Settings: settings, Now: now, CanEdit: canEdit(c), CanUnblock: canEnd(c, identity.RoleUser)}
	rows, err := h.Store.Lockouts(ctx, now, mostLockouts)
	if err != nil {
		return err
	}
	d.Lockouts, d.MoreLockouts = lockoutsOf(c, rows), len(rows) == mostLockouts
	limited, total := h.Limited(mostLimited)
	var clients []string
	for _, l := range limited {
		if (view.Limited{What: l.What}).OfClient() {
			id, _, _ := strings.Cut(l.Who, " ")
			clients = append(clients, id)
		}
	}
	known, err := h.Store.Names(ctx, nil, unique(clients...))
	if err != nil {
		return err
	}
	for _, l := range limited {
		row := view.Limited{What: l.What, Who: l.Who, Until: now.Add(l.Wait)}
		if row.OfClient() {
			id, address, _ := strings.Cut(l.Who, " ")
			row.Client, row.Address = clientLink(id, or(known.Clients[id], id)), address
		}
		d.Limited = append(d.Limited, row)
	}
	d.LimitedTotal = total
	d.Hash = h.hashCost()
	ch := request.Chrome(c)
	return respond.Page(c, status, view.SecurityPage(ch, d), view.SettingsForm(ch, settings))
}

// lockoutsOf puts together what is counted for each person, the last failure first.
func lockoutsOf(c *fiber.Ctx, rows []store.Lockout) []view.Lockout {
	var out []view.Lockout
	at := map[string]int{}
	for _, r := range rows {
		i, known := at[r.UserID]
		if !known {
			i = len(out)
			at[r.UserID] = i
			out = append(out, view.Lockout{Person: personOf(r.UserID, r.Holder), Last: r.LastFailureAt, CanUnlock: canEnd(c, r.Role)})
		}
		l := &out[i]
		if r.Kind == identity.CountsDay {
			l.Strangers = true
			l.Failures = max(l.Failures, int(r.Failures))
			continue
		}
		l.Failures = max(l.Failures, int(r.Failures))
		if r.PausedUntil.After(l.Until) {
			l.Until = r.PausedUntil
		}
		if r.Network != "" {
			l.Networks = append(l.Networks, r.Network)
		}
	}
	for i := range out {
		out[i].Networks = once(out[i].Networks)
	}
	return out
}

// tuner measures what password hashes cost on this node, one measurement at a time.
type tuner struct {
	mu       sync.Mutex
	running  chan struct{} // closed when the measurement under way ends; nil while there is none
	measured []secret.Measured
	at       time.Time
	err      error
}

// measure begins a measurement, unless one is under way, and returns what is closed at its end.
func (t *tuner) measure(h *secret.Hasher, now func() time.Time) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running != nil {
		return t.running
	}
	done := make(chan struct{})
	t.running = done
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), measureFor)
		defer cancel()
		measured, err := h.Measure(ctx, now)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.measured, t.err, t.at, t.running = measured, err, now(), nil
		close(done)
	}()
	return done
}

// MeasureHash measures password hashes on this node, behind everybody who signs in, and shows what it found.
func (h *Handlers) MeasureHash(c *fiber.Ctx) error {
	patience := time.NewTimer(measureWait)
	defer patience.Stop()
	select {
	case <-h.tuner.measure(h.Hasher, h.Now):
	case <-patience.C:
	case <-c.UserContext().Done():
	}
	if err := h.readSettings(c.UserContext()); err != nil {
		return err
	}
	return h.securityPage(c, fiber.StatusOK, h.settingsOf(c, securityPath))
}

// targets are how long a sign-in may take for its password.
var targets = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}

// hashCost is what hashes cost, and what was measured.
func (h *Handlers) hashCost() view.HashCost {
	t := &h.tuner
	t.mu.Lock()
	defer t.mu.Unlock()
	now := h.Hasher.Cost()
	out := view.HashCost{Now: now.String(), AtOnce: h.Hasher.AtOnce(now), Measuring: t.running != nil, At: t.at}
	if errors.Is(t.err, secret.ErrBusy) {
		out.Fault = "People are signing in, and they go first: try again when it is quieter."
	} else if t.err != nil {
		out.Fault = "It took too long: this machine has much else to do. Try again when it is quieter."
	}
	for _, m := range t.measured {
		out.Measured = append(out.Measured, view.MeasuredHash{Cost: m.String(), Took: m.Took})
	}
	for _, target := range targets {
		if c, takes, fits := secret.Suggest(t.measured, target); fits {
			out.Suggestions = append(out.Suggestions, view.SuggestedHash{
				Target: target, Cost: c.String(), MemoryMiB: c.MemoryMiB, Time: c.Time, Takes: takes, AtOnce: h.Hasher.AtOnce(c), InUse: c == now,
			})
		}
	}
	_, pinnedMemory := h.Policy.Pinned("password_hash_memory")
	_, pinnedTime := h.Policy.Pinned("password_hash_time")
	out.Pinned = pinnedMemory || pinnedTime
	return out
}
