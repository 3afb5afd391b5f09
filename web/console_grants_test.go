package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// A grant that is switched off for a while is not lost by whoever saves a client meanwhile.
func TestConsole_aClientKeepsAGrantThatIsSwitchedOff(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		lax := webtest.Open(t, h.Store, func(o *webtest.Options) { o.Clock, o.Sealer, o.PasswordGrant = h.Clock, h.Sealer, true })
		client, plain := lax.Client(t), h.Client(t)
		b, _ := staff(t, h, identity.RoleAdmin)
		path := clientList + "/" + client.ID
		if p := b.Get(path); !strings.Contains(p.Text(), "Switched off") {
			t.Errorf("the page says %s", p.Text())
		}
		if p := b.Submit(path, url.Values{"client_name": {"Renamed"}}); p.Status != http.StatusOK {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		stored := newest(t, h, "Renamed")
		if !stored.Allows(oauth.GrantPassword) {
			t.Errorf("it has %v now", stored.GrantTypes)
		}
		without := slices.DeleteFunc(slices.Clone(stored.GrantTypes), func(g string) bool { return g == oauth.GrantPassword })
		b.Get(path)
		b.Submit(path, url.Values{"grant_types": without})
		if stored := newest(t, h, "Renamed"); stored.Allows(oauth.GrantPassword) {
			t.Error("it cannot be taken away")
		}
		for _, c := range []*webtest.Client{client, plain} { // nor be given (back) while it is off
			b.Get(clientList + "/" + c.ID)
			f := b.Form(clientList + "/" + c.ID)
			f.Values["grant_types"] = append(f.Values["grant_types"], oauth.GrantPassword)
			if p := b.Post(f.Action, f.Values); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("given: %d", p.Status)
			}
		}
	})
}
