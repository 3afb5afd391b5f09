package console

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const keysPath = "/console/keys"

var keyCrumbs = view.Crumbs{Label: "Signing keys", Href: keysPath}

// ListSigningKeys shows for each algorithm which key signs, which is next, and which are on their way out.
func (h *Handlers) ListSigningKeys(c *fiber.Ctx) error {
	ctx, now := c.UserContext(), h.Now()
	all, err := h.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	d := view.SigningKeysData{
		Now: now, CanEdit: canEdit(c), Every: h.KeyRotation, NextRotation: keys.NextRotation(all, h.KeyRotation, now), Staged: len(keys.Staged(all, now)) > 0,
	}
	if !d.NextRotation.IsZero() {
		d.NextStaged = d.NextRotation.Add(-keys.PublishAhead)
	}
	if d.LastFetch, err = h.Store.LastJWKSFetch(ctx); err != nil {
		return err
	}
	for _, k := range keys.Lives(all) {
		d.Add(view.SigningKey{
			KID: k.KID, Algorithm: k.Algorithm, State: k.At(now), Created: k.CreatedAt, Signs: k.ActiveFrom, Displaced: orZero(k.DisplacedAt),
			PublishedUntil: k.PublishedUntil(), Withdrawn: k.PrivateSealed == "",
		})
	}
	return respond.Page(c, fiber.StatusOK, view.SigningKeysPage(request.Chrome(c), d), nil)
}

// a keyAct is something that can be done to the keys.
type keyAct struct {
	view.EndData
	action audit.Action
	decide func(all []keys.SigningKey, at time.Time) (keys.Change, error)
	done   [2]string // what to say afterwards: a title and a text
}

// actOnKeys asks whether to do it or, if the person is sure, does it, and says why it is not possible now.
func (h *Handlers) actOnKeys(c *fiber.Ctx, a keyAct, all []keys.SigningKey, at time.Time, sure bool) error {
	change, err := a.decide(all, at)
	if refusal, ok := errors.AsType[keys.Refusal](err); ok {
		return respond.Flash(c, keysPath, "danger", "Not possible now", string(refusal))
	}
	if err != nil {
		return err
	}
	a.Section, a.Heading, a.Back = keyCrumbs, "Signing keys", keysPath
	e := &end{EndData: a.EndData, event: eventOn(c, at, a.action, audit.Party{})}
	e.do = func(event audit.Event) (string, string, error) {
		err := h.Store.ChangeSigningKeys(c.UserContext(), all, change, event)
		return a.done[0], a.done[1], err
	}
	if !sure {
		return ask(c, fiber.StatusOK, e)
	}
	err = carryOut(c, e)
	if fault.AsConflict(err) != nil {
		return respond.Flash(c, keysPath, "danger", "Nothing was changed", "Somebody else changed the keys at the same moment. Look at what there is now, then decide again.")
	}
	return err
}

// ConfirmStageKeys asks whether to publish new keys.
func (h *Handlers) ConfirmStageKeys(c *fiber.Ctx) error { return h.stageKeys(c, false) }

// StageKeys publishes new keys that sign a day later.
func (h *Handlers) StageKeys(c *fiber.Ctx) error { return h.stageKeys(c, true) }

func (h *Handlers) stageKeys(c *fiber.Ctx, sure bool) error {
	at := h.Now()
	all, err := h.Store.SigningKeys(c.UserContext())
	if err != nil {
		return err
	}
	signs := ui.Minute(at.Add(keys.PublishAhead))
	return h.actOnKeys(c, keyAct{
		EndData: view.EndData{
			ID: "keys-stage", Calm: true, Icon: "key", Title: "Rotate the signing keys?", Button: "Publish new keys", Action: keysPath + "/stage", KeepWords: "Cancel",
			Text: "A new key of each algorithm is published now, and signs from " + signs + ": in a day, when everybody who keeps a copy of the keys has fetched them again.",
			Notes: []string{
				"Nothing stops working, and nobody has to sign in again.",
				"Until then you can withdraw the new keys. Afterwards the old ones stay published for 25 hours, and you can go back to them.",
			},
		},
		action: audit.KeyStaged, done: [2]string{"New keys are published", "They sign from " + signs + "."},
		decide: func(all []keys.SigningKey, at time.Time) (keys.Change, error) {
			if !sure { // keys are made when they are wanted
				return keys.Change{}, keys.MayStage(all, at)
			}
			return keys.Stage(all, h.Rules.Sealer, at)
		},
	}, all, at, sure)
}

// ConfirmReplaceKeys asks whether to replace all keys at once.
func (h *Handlers) ConfirmReplaceKeys(c *fiber.Ctx) error { return h.replaceKeys(c, false) }

// ReplaceKeys is the emergency: new keys sign at once, and nothing that the old ones signed is believed any more.
func (h *Handlers) ReplaceKeys(c *fiber.Ctx) error { return h.replaceKeys(c, true) }

func (h *Handlers) replaceKeys(c *fiber.Ctx, sure bool) error {
	ctx, at := c.UserContext(), h.Now()
	all, err := h.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	life, err := h.tokenLife(ctx)
	if err != nil {
		return err
	}
	issued, err := h.issuedSince(c, at.Add(-life))
	if err != nil {
		return err
	}
	lost := 0
	for _, k := range all {
		if k.PrivateSealed != "" {
			lost++
		}
	}
	return h.actOnKeys(c, keyAct{
		EndData: view.EndData{
			ID: "keys-replace", Icon: "alert", Title: "Replace all signing keys now?", Button: "Replace all keys", Action: keysPath + "/replace", KeepWords: "Keep them",
			Text: "For when somebody else may have a private key. New keys sign at once; those of now count as compromised, for ever.",
			Impact: []view.ImpactLine{
				{N: lost, One: "key compromised", Many: "keys compromised"},
				{N: issued, One: "access token issued lately", Many: "access tokens issued lately"},
			},
			Notes: []string{
				"Access tokens that are JWTs, and ID tokens, signed until now are refused here at once: by userinfo, introspection and as hints. Opaque tokens, refresh tokens and sessions stay.",
				"Applications get new tokens by refreshing. Those that do not, and those that keep our keys for long without asking again when they meet an unknown one, fail until they do.",
				"The old keys leave the JWKS at once. Copies of it are kept for 5 minutes, longer by those who do not mind what we say.",
			},
			Life: acceptedUntil(at, life),
		},
		action: audit.KeyReplaced, done: [2]string{"All keys are replaced", "New keys sign from now on. Nothing that the old ones signed is accepted here any more."},
		decide: func(all []keys.SigningKey, at time.Time) (keys.Change, error) {
			if !sure {
				return keys.Change{}, nil
			}
			return keys.Replace(all, h.Rules.Sealer, at)
		},
	}, all, at, sure)
}

// issuedSince counts the answers with an access token since then, from the hour's beginning on.
func (h *Handlers) issuedSince(c *fiber.Ctx, since time.Time) (int, error) {
	rows, err := h.Store.Rollups(c.UserContext(), "", since, time.Hour)
	n := 0
	for _, r := range rows {
		if oauth.GrantOf(r.Action) != "" && !r.Refusal() {
			n += int(r.Count)
		}
	}
	return n, err
}

// ConfirmRollBackKey asks whether to sign with a key again.
func (h *Handlers) ConfirmRollBackKey(c *fiber.Ctx) error { return h.rollBackKey(c, false) }

// RollBackKey signs with a key again that is published still.
func (h *Handlers) RollBackKey(c *fiber.Ctx) error { return h.rollBackKey(c, true) }

func (h *Handlers) rollBackKey(c *fiber.Ctx, sure bool) error {
	all, k, at, err := h.signingKey(c)
	if err != nil {
		return err
	}
	return h.actOnKeys(c, keyAct{
		EndData: view.EndData{
			ID: "key-roll-back", Calm: true, Icon: "key", Title: "Sign with this key again?", Button: "Sign with it again", Action: keyPath(k.KID) + "/roll-back", KeepWords: "Cancel",
			Text: k.Algorithm + " tokens are signed with the key …" + view.KeyEnd(k.KID) + " from now on. Everybody knows it: it is published still.",
			Notes: []string{
				"Nothing stops working: the key that signs now stays published for 25 hours, and you can go back to it.",
				"If somebody else may have a private key, replace all keys instead.",
			},
		},
		action: audit.KeyRolledBack, done: [2]string{"Rolled back", "The key …" + view.KeyEnd(k.KID) + " signs " + k.Algorithm + " again."},
		decide: func(all []keys.SigningKey, at time.Time) (keys.Change, error) { return keys.RollBack(all, k.KID, at) },
	}, all, at, sure)
}

// ConfirmRetireKey asks whether to take a key out of use.
func (h *Handlers) ConfirmRetireKey(c *fiber.Ctx) error { return h.retireKey(c, false) }

// RetireKey takes a key out of use: one that is retiring, or one that is staged.
func (h *Handlers) RetireKey(c *fiber.Ctx) error { return h.retireKey(c, true) }

func (h *Handlers) retireKey(c *fiber.Ctx, sure bool) error {
	all, k, at, err := h.signingKey(c)
	if err != nil {
		return err
	}
	a := keyAct{
		EndData: view.EndData{
			ID: "key-retire", Icon: "ban", Title: "Withdraw this key?", Button: "Withdraw", Action: keyPath(k.KID) + "/retire", KeepWords: "Keep it",
			Text:  "The " + k.Algorithm + " key …" + view.KeyEnd(k.KID) + " leaves the JWKS and never signs. Its private part is destroyed.",
			Notes: []string{"Nothing stops working: no token was signed with it. The key that signs now goes on."},
		},
		action: audit.KeyRetired, done: [2]string{"Withdrawn", "The key …" + view.KeyEnd(k.KID) + " never signs."},
		decide: func(all []keys.SigningKey, at time.Time) (keys.Change, error) { return keys.Retire(all, k.KID, at) },
	}
	if k.DisplacedAt != nil && k.At(at) == keys.Retiring {
		life, err := h.tokenLife(c.UserContext())
		if err != nil {
			return err
		}
		a.Title, a.Button = "Retire this key now?", "Retire"
		a.Text = "The " + k.Algorithm + " key …" + view.KeyEnd(k.KID) + " leaves the JWKS at once, " + ui.Minute(k.PublishedUntil()) + " being its time. Its private part is destroyed: it cannot sign again."
		a.Notes = []string{"Its last token has expired: nothing stops working."}
		if last := k.DisplacedAt.Add(life); at.Before(last) {
			a.Notes = []string{"JWTs that it signed are refused here at once, though the last would be good until " + ui.Minute(last) + ". Applications get new ones by refreshing."}
			a.Life = acceptedUntil(*k.DisplacedAt, life)
		}
		a.done = [2]string{"Retired", "The key …" + view.KeyEnd(k.KID) + " is published no more."}
	}
	return h.actOnKeys(c, a, all, at, sure)
}

// signingKey reads the key that the path names, and all others.
func (h *Handlers) signingKey(c *fiber.Ctx) (all []keys.SigningKey, k keys.Life, at time.Time, err error) {
	all, err = h.Store.SigningKeys(c.UserContext())
	for _, k := range keys.Lives(all) {
		if k.KID == c.Params("id") {
			return all, k, h.Now(), err
		}
	}
	if err == nil {
		err = fault.NotFound("signing key")
	}
	return all, k, at, err
}

func keyPath(kid string) string { return keysPath + "/" + kid } // base64url
