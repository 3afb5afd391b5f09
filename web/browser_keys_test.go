package web_test

import (
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web"
	"gatehouse/web/webtest"
)

// openAged is a house whose keys have been through everything that can happen to keys.
func openAged(t *testing.T) *webtest.House {
	t.Helper()
	h := openHouse(t, func(o *webtest.Options) { o.Web = func(c *web.Config) { c.KeyRotation = 90 * 24 * time.Hour } })
	change := func(decide func(all []keys.SigningKey, at time.Time) (keys.Change, error)) {
		t.Helper()
		all := signingKeysOf(t, h)
		done, err := decide(all, h.Clock.Now())
		must(t, err)
		must(t, h.Store.ChangeSigningKeys(t.Context(), all, done, event()))
	}
	anew := func(all []keys.SigningKey, at time.Time) (keys.Change, error) {
		return keys.SignAnew(all, h.Sealer, at)
	}
	change(anew)
	h.Clock.Advance(40 * 24 * time.Hour)
	change(func(all []keys.SigningKey, at time.Time) (keys.Change, error) { return keys.Replace(all, h.Sealer, at) })
	h.Clock.Advance(40 * 24 * time.Hour)
	change(anew)
	h.Clock.Advance(3 * time.Hour)
	h.Get(t, oauth.PathJWKS, "")
	must(t, h.Store.Flush(t.Context()))
	h.Clock.Advance(4 * time.Minute)
	return h
}

// keyScenes are the pages of signing keys, and those that ask for the password again.
func keyScenes(t *testing.T, dialog func(string) func(*tab)) []scene {
	t.Helper()
	aged, staged, waiting, lapsed := openAged(t), openAged(t), openHouse(t), openHouse(t)
	all := signingKeysOf(t, staged)
	change, err := keys.Stage(all, staged.Sealer, staged.Clock.Now())
	must(t, err)
	must(t, staged.Store.ChangeSigningKeys(t.Context(), all, change, event()))
	boss := func(h *webtest.House) *identity.User { return h.User(t, admin, people("Sofia Ivanova", "sofia")) }
	chief, looks := boss(staged), aged.User(t, people("Ola Nordmann", "ola"), func(u *identity.User) { u.Role = identity.RoleAuditor })
	retiring, next := ringOf(t, staged)["RS256 retiring"][0], change.Added[0].KID
	asking, wrong := openHouse(t), openHouse(t)
	busy, slow, asked, refused := boss(waiting), boss(lapsed), boss(asking), boss(wrong)
	path := "/console/clients/" + waiting.Client(t).ID
	secrets, wrongSecrets := "/console/clients/"+asking.Client(t).ID+"/credentials", "/console/clients/"+wrong.Client(t).ID+"/credentials"
	return []scene{
		{name: "keys", house: aged, as: looks, open: keyList},
		{name: "keys staged", house: staged, as: chief, open: keyList, then: func(b *tab) { b.click(".disclosure > summary") }},
		{name: "keys replace", house: staged, as: chief, open: keyList + "/replace"},
		{name: "keys replace dialog", house: staged, as: chief, open: keyList, then: dialog(keyList + "/replace")},
		{name: "keys stage", house: aged, as: boss(aged), open: keyList + "/stage"},
		{name: "key roll back dialog", house: staged, as: chief, open: keyList, then: dialog(keyList + "/" + retiring + "/roll-back")},
		{name: "key roll back", house: staged, as: chief, open: keyList + "/" + retiring + "/roll-back"},
		{name: "key retire", house: staged, as: chief, open: keyList + "/" + retiring + "/retire"},
		{name: "key withdraw dialog", house: staged, as: chief, open: keyList, then: dialog(keyList + "/" + next + "/retire")},
		{name: "sudo dialog", house: waiting, as: busy, open: path, then: func(b *tab) {
			waiting.Clock.Advance(11 * time.Minute)
			b.fill("#client_name", "Typed at 2 a.m.")
			b.click("#client-save")
			b.wait(`document.querySelector("#sudo-dialog[open]") && document.activeElement.name === "sudo_password"`)
			if name := js[string](b, `document.querySelector("#client_name").value`); name != "Typed at 2 a.m." {
				b.t.Errorf("under the dialog the form holds %q", name)
			}
		}},
		{name: "sudo", house: asking, as: asked, open: secrets, then: func(b *tab) {
			asking.Clock.Advance(11 * time.Minute)
			if status := b.press("#secret-add"); status != http.StatusUnauthorized {
				b.t.Errorf("answered %d", status)
			}
		}},
		{name: "sudo refused", house: wrong, as: refused, open: wrongSecrets, then: func(b *tab) {
			wrong.Clock.Advance(11 * time.Minute)
			b.press("#secret-add")
			b.fill("[name=sudo_password]", "wrong password")
			b.press("#sudo-confirm")
		}},
		{name: "restored", house: lapsed, as: slow, open: "/console/clients/new?type=web", then: func(b *tab) {
			b.fill("#client_name", "Typed at 2 a.m.")
			lapsed.Clock.Advance(identity.ConsoleIdle)
			b.click("#client-save")
			b.wait(`document.querySelector("#login-form")`)
			b.fill("#username", slow.Username)
			b.fill("#password", webtest.Password)
			b.press("#login-submit")
			b.wait(`document.querySelector("#restored")`)
			if name := js[string](b, `document.querySelector("#client_name").value`); name != "Typed at 2 a.m." {
				b.t.Errorf("the form holds %q", name)
			}
		}},
	}
}
