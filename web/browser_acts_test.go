package web_test

import (
	"fmt"
	"testing"

	"gatehouse/internal/identity"
)

// What each page is mainly there for is done in a browser, with scripts and without.
func TestBrowser_eachPageDoesWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, scripted := range []bool{true, false} {
		t.Run(fmt.Sprintf("scripted %v", scripted), func(t *testing.T) {
			t.Parallel()
			h := openHouse(t)
			sofia, shop := h.User(t, people("Sofia Ivanova", "sofia")), h.Client(t, named("Acme Storefront"))
			h.Tokens(t, shop, sofia, nil)
			b := openTab(t, h)
			b.enter(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }))
			if !scripted {
				b.withoutScript()
			}
			const save = `.save-bar [data-variant="primary"]`
			client, person := clientList+"/"+shop.ID, userList+"/"+sofia.ID
			for _, act := range []struct {
				open  string
				typed [][2]string
				press string
				says  string
			}{
				{"/console/scopes/new", [][2]string{{"#name", "invoices:read"}, {"#description", "See your invoices"}}, save, "Scope added"},
				{"/console/groups/new", [][2]string{{"#name", "Accounting"}}, save, "Group added"},
				{"/console/attributes/new", [][2]string{{"#label", "Badge"}, {"#key", "badge"}}, save, "Attribute added"},
				{person + "/groups", [][2]string{{"#group", "Accounting"}}, "#join-group-save", "Sofia Ivanova is in Accounting"},
				{person + "/consents/" + shop.ID + "/withdraw", nil, `main form [data-variant="danger"]`, "Consent withdrawn"},
				{person + "/end", nil, `main form [data-variant="danger"]`, "Everything has ended"},
				{client + "/tokens", [][2]string{{"#access_token_ttl", "5m"}}, save, "Lifetimes saved"},
				{client + "/branding", [][2]string{{"#client_uri", "https://www.acme.example/"}}, "#settings-save", "Branding saved"},
				{brandingPage, [][2]string{{"#brand_name", "Acme ID"}}, "#settings-save", "Settings saved"},
				{securityPage, [][2]string{{"#password_min_length", "14"}}, "#settings-save", "Settings saved"},
				{"/console/keys/stage", nil, `main form [data-variant="primary"]`, "New keys are published"},
				{verificationPage, nil, `main form [data-variant="primary"]`, "Refresh"},
			} {
				b.open(act.open)
				for _, field := range act.typed {
					b.fill(field[0], field[1])
				}
				b.click(act.press)
				b.sees(act.says)
			}
			groups, err := h.Store.GroupsOf(t.Context(), sofia.ID)
			must(t, err)
			if len(groups) != 1 || groups[0].Name != "Accounting" {
				t.Errorf("Sofia is in %v", groups)
			}
			if families := allLive(t, h, shop); len(families) != 0 {
				t.Errorf("%d families live on", len(families))
			}
			c, err := h.Store.Client(t.Context(), shop.ID)
			must(t, err)
			if c.ClientURI != "https://www.acme.example/" || c.AccessTokenTTL != 300 {
				t.Errorf("the client has %q and %d", c.ClientURI, c.AccessTokenTTL)
			}
		})
	}
}
