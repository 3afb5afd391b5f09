package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/web/webtest"
)

func TestConsents_areFoundAndWithdrawn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleOperator)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		shop, phone := h.Client(t, named("Shop")), h.Client(t, named("Phone"))
		sofia, boss := h.User(t, people("Sofia", "sofia")), h.User(t, people("Ola", "ola"), admin)
		h.Tokens(t, shop, sofia, nil)
		h.Clock.Advance(time.Second)
		h.Tokens(t, phone, boss, nil)
		h.Clock.Advance(time.Second)
		token := h.Tokens(t, phone, sofia, nil).Str("access_token")
		for query, want := range map[string][]string{
			"":                                  {"Phone , Sofia", "Phone , Ola", "Shop , Sofia"},
			"?user=" + sofia.ID:                 {"Phone , Sofia", "Shop , Sofia"},
			"?client=" + phone.ID:               {"Phone , Sofia", "Phone , Ola"},
			"?q=shop":                           {"Shop , Sofia"},
			"?q=nobody+at+all":                  nil,
			"?q=192.0.2.1":                      nil,
			"?client=" + shop.ID + "&q=ola":     nil,
			"?after=garbage&client=" + shop.ID:  {"Shop , Sofia"},
			"?before=garbage&client=" + shop.ID: {"Shop , Sofia"},
		} {
			if p := auditor.Get("/console/consents" + query); p.Status != http.StatusOK || !slices.Equal(listed(p), want) {
				t.Errorf("%q: %d %q, want %q", query, p.Status, listed(p), want)
			}
		}
		for client, want := range map[*webtest.Client][]string{phone: {"Sofia", "Ola"}, shop: {"Sofia"}, h.Client(t): nil} {
			if p := auditor.Get(clientList + "/" + client.ID + "/consents"); p.Status != http.StatusOK || !slices.Equal(listed(p), want) {
				t.Errorf("of %s: %d %q, want %q", client.Name, p.Status, listed(p), want)
			}
		}
		if p := auditor.Get("/console/consents"); !strings.Contains(p.Text(), "offline_access") || strings.Contains(p.Text(), "Withdraw…") {
			t.Errorf("an auditor sees %s", p.Text())
		}
		// An operator withdraws what is not an administrator's.
		p := b.Get("/console/consents?client=" + phone.ID)
		var withdraw []string
		for _, a := range p.Parts("a", "data-variant", "danger-quiet") {
			withdraw = append(withdraw, a.Attr("href"))
		}
		path := userList + "/" + sofia.ID + "/consents/" + phone.ID + "/withdraw"
		if !slices.Contains(withdraw, path) || slices.Contains(withdraw, userList+"/"+boss.ID+"/consents/"+phone.ID+"/withdraw") {
			t.Fatalf("it offers %q", withdraw)
		}
		b.Get(path)
		b.Submit(path, nil)
		if got := listed(b.Get("/console/consents?user=" + sofia.ID)); !slices.Equal(got, []string{"Shop , Sofia"}) || active(t, h, phone, token) {
			t.Errorf("left: %q", got)
		}
	})
}
