package store_test

import (
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestBusiestClients_areThoseOfTheHoursAskedFor(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		hour := noon.Truncate(time.Hour)
		count := func(client string, action audit.Action, at time.Time, n int64) {
			s.Count(audit.Event{At: at, Action: action, Outcome: audit.Success, ClientID: client, Count: n})
		}
		count("app", audit.CodeRedeemed, hour, 3)
		count("app", audit.TokenRefreshed, hour.Add(time.Hour), 4)
		count("app", audit.TokenRefreshed, hour.Add(-time.Minute), 100) // before
		count("gone", audit.TokenIssued, hour, 9)
		count("quiet", audit.TokenIssued, hour, 1)
		count("quiet", audit.ConsentGiven, hour, 50) // something else
		must(t, s.Flush(ctx))
		got, err := s.BusiestClients(ctx, hour.Add(59*time.Minute), hour.Add(2*time.Hour), 2)
		must(t, err)
		if want := "[{gone  9} {app app 7}]"; fmt.Sprint(got) != want {
			t.Errorf("%v, not %s", got, want)
		}
	})
}

// A client was used when it did something that succeeded, or proved itself, or a person was given a token in its name.
func TestClientUses_areTheLast(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, id := range []string{"refused", "implicit", "proven", "never"} {
			addClient(t, s, id)
		}
		of := func(client string, action audit.Action, outcome audit.Outcome, kind string, at time.Time) {
			s.Count(audit.Event{At: at, Action: action, Outcome: outcome, ClientID: client, Actor: audit.Party{Kind: kind, ID: client}})
		}
		of("app", audit.TokenIssued, audit.Success, audit.KindClient, noon)
		of("app", audit.TokenIssued, audit.Success, audit.KindClient, noon.Add(time.Hour))
		of("refused", audit.TokenRefused, audit.Refused, audit.KindClient, noon)
		of("refused", audit.ConsentGiven, audit.Success, audit.KindUser, noon)
		of("implicit", audit.ImplicitIssued, audit.Success, audit.KindUser, noon)
		s.NoteSecretUse("proven", "proven-secret", noon)
		must(t, s.Flush(ctx))
		uses, err := s.ClientUses(ctx, "app", "refused", "implicit", "proven", "never", "unknown")
		must(t, err)
		if len(uses) != 3 || !uses["app"].Equal(noon.Add(time.Hour)) || !uses["implicit"].Equal(noon) || !uses["proven"].Equal(noon) {
			t.Errorf("%v", uses)
		}
		if none, err := s.ClientUses(ctx); err != nil || len(none) != 0 {
			t.Errorf("of none %v, %v", none, err)
		}

		must(t, s.DisableClient(ctx, "never", noon, event(audit.ClientDisabled)))
		sum, err := s.ClientSummary(ctx, noon.Add(time.Second))
		must(t, err)
		if want := (store.ClientSummary{Total: 5, Used: 3, Unused: 1}); sum != want {
			t.Errorf("%+v, not %+v", sum, want)
		}
		page, err := s.Clients(ctx, store.ClientFilter{UnusedSince: noon.Add(time.Second)})
		must(t, err)
		if page.Total != 1 || page.Clients[0].ID != "refused" {
			t.Errorf("unused are %+v", page)
		}
		if sum, err := s.ClientSummary(ctx, noon); err != nil || sum.Unused != 0 { // they are no older than that
			t.Errorf("%+v, %v", sum, err)
		}
	})
}

func TestClientSummary_countsWhatIsWorthKnowing(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		for i, c := range []oauth.Client{
			{GrantTypes: oauth.Words{"password"}, TokenEndpointAuthMethod: oauth.AuthNone},
			{GrantTypes: oauth.Words{"implicit", "password"}, TokenEndpointAuthMethod: oauth.AuthNone},
			{GrantTypes: oauth.Words{"authorization_code"}, TokenEndpointAuthMethod: oauth.AuthBasic},                    // without PKCE
			{GrantTypes: oauth.Words{"authorization_code"}, TokenEndpointAuthMethod: oauth.AuthNone},                     // public ones have to, whatever they registered
			{GrantTypes: oauth.Words{"authorization_code"}, TokenEndpointAuthMethod: oauth.AuthBasic, RequirePKCE: true}, // with
			{GrantTypes: oauth.Words{"client_credentials"}, TokenEndpointAuthMethod: oauth.AuthBasic},
		} {
			c.ID, c.Name = fmt.Sprint("c", i), fmt.Sprint("c", i)
			must(t, s.CreateClient(ctx, c, nil, noon, event(audit.ClientCreated)))
		}
		sum, err := s.ClientSummary(ctx, noon)
		must(t, err)
		if want := (store.ClientSummary{Total: 6, Password: 2, Implicit: 1, NoPKCE: 1}); sum != want {
			t.Errorf("%+v, not %+v", sum, want)
		}
	})
}

func TestExpiringSecrets_areThoseThatWantASuccessor(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		add := func(client, id string, expires time.Duration) {
			at := noon.Add(expires)
			must(t, s.AddClientSecret(ctx, oauth.ClientSecret{ID: id, ClientID: client, Hash: id, ExpiresAt: &at}, noon.Add(-48*time.Hour), event(audit.ClientSecretAdded)))
		}
		alone := func(client string) { // without the secret that never expires
			addClient(t, s, client)
			must(t, s.RevokeClientSecret(ctx, client, client+"-secret", noon, event(audit.ClientSecretRevoked)))
		}
		add("app", "soon", 9*24*time.Hour)
		add("app", "later", 31*24*time.Hour)
		add("app", "past", -time.Hour) // it has others
		alone("bare")
		add("bare", "older", -2*time.Hour)
		add("bare", "last", -time.Hour)
		alone("off")
		add("off", "off-soon", time.Hour)
		must(t, s.DisableClient(ctx, "off", noon, event(audit.ClientDisabled)))
		add("app", "revoked", time.Hour)
		must(t, s.RevokeClientSecret(ctx, "app", "revoked", noon, event(audit.ClientSecretRevoked)))
		got, err := s.ExpiringSecrets(ctx, noon, noon.Add(30*24*time.Hour), 0)
		must(t, err)
		var ids []string
		for _, secret := range got {
			ids = append(ids, secret.ClientName+"/"+secret.ID)
		}
		if fmt.Sprint(ids) != "[bare/last app/soon]" {
			t.Errorf("%v", ids)
		}
	})
}

func TestCountLiveSessions_countsUpToALimit(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addSession(t, s, "third", "bob")
		for _, c := range []struct {
			at    time.Time
			limit int
			want  int64
		}{{noon, 10, 3}, {noon, 2, 2}, {noon.Add(8 * time.Hour), 10, 0}, {noon.Add(24 * time.Hour), 10, 0}} {
			if n, err := s.CountLiveSessions(ctx, c.at, c.limit); err != nil || n != c.want {
				t.Errorf("at %s, up to %d: %d, %v", c.at, c.limit, n, err)
			}
		}
		must(t, s.EndSession(ctx, "third", "test", noon, event(audit.SessionEnded)))
		if n, err := s.CountLiveSessions(ctx, noon, 10); err != nil || n != 2 {
			t.Errorf("%d, %v", n, err)
		}
	})
}
