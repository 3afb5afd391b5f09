package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
)

type keyCommands struct {
	List     keyList     `cmd:"" help:"List signing keys."`
	Rotate   keyRotate   `cmd:"" help:"Make new signing keys, one for each algorithm, and sign with them from now on."`
	RollBack keyRollBack `cmd:"" help:"Sign again with a key that is retiring."`
	Retire   keyRetire   `cmd:"" help:"Take a key out of use before its time: one that is retiring, or one that is staged."`
}

// keyView is a signing key for a machine. Its private part is nobody's business.
type keyView struct {
	KID        string     `json:"kid"`
	Algorithm  string     `json:"alg"`
	State      keys.State `json:"state"`
	CreatedAt  time.Time  `json:"created_at"`
	ActiveFrom time.Time  `json:"active_from"`
	// PublishedUntil is when the key leaves the JWKS; nil while nothing is to end it.
	PublishedUntil *time.Time `json:"published_until"`
}

func keyViews(all []keys.SigningKey, at time.Time) []keyView {
	views := []keyView{}
	for _, k := range keys.Lives(all) {
		v := keyView{k.KID, k.Algorithm, k.At(at), k.CreatedAt, k.ActiveFrom, nil}
		if until := k.PublishedUntil(); !until.IsZero() {
			v.PublishedUntil = &until
		}
		views = append(views, v)
	}
	return views
}

func (p *process) listKeys(views []keyView) error {
	rows := [][]string{}
	for _, v := range views {
		until := "-"
		if v.PublishedUntil != nil {
			until = date(*v.PublishedUntil)
		}
		rows = append(rows, []string{v.KID, v.Algorithm, string(v.State), date(v.CreatedAt), date(v.ActiveFrom), until})
	}
	return p.list(views, "KID ALGORITHM STATE CREATED ACTIVE_FROM PUBLISHED_UNTIL", rows)
}

type keyList struct{ place }

func (c keyList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	all, err := h.SigningKeys(ctx)
	if err != nil {
		return err
	}
	return p.listKeys(keyViews(all, h.at))
}

type keyRotate struct {
	keyedPlace
	Staged    bool `xor:"how" help:"Publish the keys now and sign with them in 24 hours, when everybody knows them."`
	Emergency bool `xor:"how" help:"Count all other keys as compromised: what they signed is refused at once, and they leave the JWKS."`
}

func (c keyRotate) Run(ctx context.Context, p *process) error {
	h, sealer, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	existing, err := h.SigningKeys(ctx)
	if err != nil {
		return err
	}
	decide, action := keys.SignAnew, audit.KeyRotated
	switch {
	case c.Staged:
		decide, action = keys.Stage, audit.KeyStaged
	case c.Emergency:
		decide, action = keys.Replace, audit.KeyReplaced
	}
	change, err := decide(existing, sealer, h.at)
	if err != nil {
		return err
	}
	if err := h.ChangeSigningKeys(ctx, existing, change, h.event(action, audit.Party{})); err != nil {
		return err
	}
	return p.listNewKeys(ctx, h, change)
}

// listNewKeys lists what was made: in what state it is depends on all keys.
func (p *process) listNewKeys(ctx context.Context, h *house, change keys.Change) error {
	all, err := h.SigningKeys(ctx)
	if err != nil {
		return err
	}
	touched := change.Added
	if len(touched) == 0 {
		touched = change.Updated
	}
	states, views := keyViews(all, h.at), []keyView{}
	for _, k := range touched {
		views = append(views, states[slices.IndexFunc(states, func(v keyView) bool { return v.KID == k.KID })])
	}
	return p.listKeys(views)
}

type keyRollBack struct {
	place
	KID string `arg:"" help:"The key's id."`
}

func (c keyRollBack) Run(ctx context.Context, p *process) error {
	return c.changeKey(ctx, p, c.KID, keys.RollBack, audit.KeyRolledBack)
}

type keyRetire struct {
	place
	KID string `arg:"" help:"The key's id."`
}

func (c keyRetire) Run(ctx context.Context, p *process) error {
	return c.changeKey(ctx, p, c.KID, keys.Retire, audit.KeyRetired)
}

// changeKey does something to a key that exists, and shows it.
func (l place) changeKey(ctx context.Context, p *process, kid string, decide func([]keys.SigningKey, string, time.Time) (keys.Change, error), action audit.Action) error {
	h, err := l.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	existing, err := h.SigningKeys(ctx)
	if err != nil {
		return err
	}
	change, err := decide(existing, kid, h.at)
	if err != nil {
		return err
	}
	if err := h.ChangeSigningKeys(ctx, existing, change, h.event(action, audit.Party{})); err != nil {
		return err
	}
	return p.listNewKeys(ctx, h, change)
}

// keyParty names keys that were made together.
func keyParty(made []keys.SigningKey) audit.Party {
	var ids, algorithms []string
	for _, k := range made {
		ids, algorithms = append(ids, k.KID), append(algorithms, k.Algorithm)
	}
	return audit.Party{Kind: audit.KindKey, ID: strings.Join(ids, " "), Name: strings.Join(algorithms, " ")}
}
