package main

import (
	"context"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/policy"
)

// logoFile names a picture.
type logoFile struct {
	Picture string `name:"file" placeholder:"FILE|-" help:"A PNG, JPEG, GIF or WebP of at most 1 MiB; - reads standard input."`
}

// read makes a picture of ours of the file.
func (l logoFile) read(p *process) (*brand.Image, error) {
	in, err := p.input(l.Picture)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return brand.ReadLogo(in)
}

type settingsLogo struct {
	place
	logoFile
}

// Run gives the house a logo.
func (c settingsLogo) Run(ctx context.Context, p *process) error {
	if c.Picture == "" {
		return usage("name the picture with --file; `gatehouse settings reset " + policy.LogoName + "` takes the logo away")
	}
	picture, err := c.read(p)
	if err != nil {
		return err
	}
	return settle(ctx, p, c.place, policy.LogoName, picture.Hash, false, func(h *house) error { return h.SaveImage(ctx, *picture, h.at) })
}

type clientLogo struct {
	place
	application
	logoFile
	Remove bool `help:"Take the logo away."`
}

// Run gives an application a logo, or takes it away.
func (c clientLogo) Run(ctx context.Context, p *process) error {
	if (c.Picture == "") != c.Remove {
		return usage("name the picture with --file, or take the logo away with --remove")
	}
	picture := &brand.Image{}
	if !c.Remove {
		var err error
		if picture, err = c.read(p); err != nil {
			return err
		}
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	client, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	result := struct {
		ClientID string `json:"client_id"`
		LogoURI  string `json:"logo_uri,omitempty"`
	}{ClientID: client.ID}
	if picture.Hash != "" {
		result.LogoURI = h.settings.Issuer + brand.LogoPath(picture.Hash)
		if err := h.SaveImage(ctx, *picture, h.at); err != nil {
			return err
		}
	}
	if client.Logo != picture.Hash {
		event := h.event(audit.ClientUpdated, partyOfClient(client))
		event.Changes = map[string]audit.Change{"logo": {Before: client.Logo, After: picture.Hash}}
		client.Logo = picture.Hash
		if err := h.UpdateClient(ctx, *client, h.at, event); err != nil {
			return err
		}
	}
	if c.Remove {
		return p.say(result, "%s (%s) has no logo of its own.", client.ID, client.Name)
	}
	return p.say(result, "%s (%s) has its logo at %s.", client.ID, client.Name, result.LogoURI)
}
