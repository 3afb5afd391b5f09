package main

import (
	"context"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
)

type keyCommands struct {
	List   keyList   `cmd:"" help:"List signing keys."`
	Rotate keyRotate `cmd:"" help:"Make new signing keys, one for each algorithm, and sign with them from now on."`
}

// keyView is a signing key for a machine. Its private part is nobody's business.
type keyView struct {
	KID        string     `json:"kid"`
	Algorithm  string     `json:"alg"`
	State      keys.State `json:"state"`
	CreatedAt  time.Time  `json:"created_at"`
	ActiveFrom time.Time  `json:"active_from"`
}

func keyViews(all []keys.SigningKey, at time.Time) []keyView {
	states := keys.States(all, at)
	views := []keyView{}
	for _, k := range all {
		views = append(views, keyView{k.KID, k.Algorithm, states[k.KID], k.CreatedAt, k.ActiveFrom})
	}
	return views
}

func (p *process) listKeys(views []keyView) error {
	rows := [][]string{}
	for _, v := range views {
		rows = append(rows, []string{v.KID, v.Algorithm, string(v.State), date(v.CreatedAt), date(v.ActiveFrom)})
	}
	return p.list(views, "KID ALGORITHM STATE CREATED ACTIVE_FROM", rows)
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
	Staged bool `help:"Publish the keys now and sign with them in 24 hours, when everybody knows them."`
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
	activeFrom := h.at
	if c.Staged {
		activeFrom = h.at.Add(keys.PublishAhead)
	}
	made, err := keys.GenerateAll(existing, sealer, h.at, activeFrom)
	if err != nil {
		return err
	}
	event := h.event(audit.KeyRotated, keyParty(made))
	event.Changes = map[string]audit.Change{"active_from": {After: activeFrom.Format(time.RFC3339)}}
	if err := h.AddSigningKeys(ctx, made, event); err != nil {
		return err
	}
	return p.listKeys(keyViews(made, h.at))
}

// keyParty names keys that were made together.
func keyParty(made []keys.SigningKey) audit.Party {
	var ids, algorithms []string
	for _, k := range made {
		ids, algorithms = append(ids, k.KID), append(algorithms, k.Algorithm)
	}
	return audit.Party{Kind: audit.KindKey, ID: strings.Join(ids, " "), Name: strings.Join(algorithms, " ")}
}
