package store_test

import (
	"errors"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestDeleteScope_waitsForWhoDependsOnIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.CreateScope(ctx, oauth.Scope{Name: "a_b%", Description: "Do"}, noon, event(audit.ScopeCreated)))
		must(t, s.CreateScope(ctx, oauth.Scope{Name: "axbc", Description: "Do"}, noon, event(audit.ScopeCreated)))
		refused := func() {
			t.Helper()
			var fields fault.Fields
			if err := s.DeleteScope(ctx, "a_b%", noon, event(audit.ScopeDeleted)); !errors.As(err, &fields) {
				t.Errorf("deleted: %v", err)
			}
		}
		api := orders()
		api.Scopes = oauth.Scopes{"axbc", "a_b%"}
		must(t, s.CreateAPI(ctx, api, nil, noon, event(audit.APICreated)))
		refused()
		stored := must1(s.APIByID(ctx, "orders"))(t)
		stored.Scopes = oauth.Scopes{"axbc"} // no name of this kind is a pattern
		must(t, s.UpdateAPI(ctx, *stored, nil, noon, event(audit.APIUpdated)))

		c := must1(s.Client(ctx, "app"))(t)
		c.Scopes = oauth.Scopes{"a_b%", "openid"}
		must(t, s.UpdateClient(ctx, *c, noon, event(audit.ClientUpdated)))
		refused()
		if clients := must1(s.ClientsOfScope(ctx, "a_b%"))(t); len(clients) != 1 || clients[0].ID != "app" {
			t.Errorf("%+v", clients)
		}
		if clients := must1(s.ScopeClients(ctx))(t); clients["a_b%"] != 1 || clients["openid"] != 1 || clients["axbc"] != 0 {
			t.Errorf("%v", clients)
		}
		c = must1(s.Client(ctx, "app"))(t)
		c.Scopes = oauth.Scopes{"axbc"}
		must(t, s.UpdateClient(ctx, *c, noon, event(audit.ClientUpdated)))
		if len(must1(s.ClientsOfScope(ctx, "a_b%"))(t)) != 0 {
			t.Error("its name was taken for a pattern")
		}

		must(t, s.IssueCode(ctx, code("k", "bob", ""), &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"a_b%", "axbc"}}))
		if n := must1(s.ScopeConsents(ctx, "a_b%"))(t); n != 1 {
			t.Errorf("%d people allowed it", n)
		}
		must(t, s.DeleteScope(ctx, "a_b%", noon, event(audit.ScopeDeleted)))
		// Should it come again, nobody has allowed what it means then.
		if consent := must1(s.Consent(ctx, "bob", "app"))(t); consent.Scopes.String() != "axbc" {
			t.Errorf("bob still allows %q", consent.Scopes)
		}
		wantNotFound(t, s.DeleteScope(ctx, "a_b%", noon, event(audit.ScopeDeleted)))
		wantNotFound(t, s.DeleteScope(ctx, "openid", noon, event(audit.ScopeDeleted)))
		if n := events(t, s, audit.ScopeDeleted); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}
