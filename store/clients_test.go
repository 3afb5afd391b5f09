package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestCreateClient_isReadAsItWasWritten(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addClient(t, s, "app")
		c := must1(s.Client(ctx, "app"))(t)
		if c.Name != "app" || c.RedirectURIs[0] != "https://app.example.org/cb" || !c.Allows(oauth.GrantRefreshToken) || !c.Scopes.Has("email") ||
			!c.RequirePKCE || c.GrantID == "" || c.Version != 1 || !c.Enabled() || !c.CreatedAt.Equal(noon) || c.Public() {
			t.Errorf("client %+v", c)
		}
		_, err := s.Client(ctx, "unknown")
		wantNotFound(t, err)
	})
}

func TestCreateClient_itsIDIsNobodysName(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, id := range []string{"app", "ada", "ADA"} {
			err := s.CreateClient(ctx, oauth.Client{ID: id, Name: "x"}, nil, noon, event(audit.ClientCreated))
			wantConflict(t, err, "id")
		}
	})
}

func TestUpdateClient_whoeverIsSlowerIsTold(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addClient(t, s, "app")
		c := must1(s.Client(ctx, "app"))(t)
		grant := c.GrantID
		c.Name, c.GrantID, c.RedirectURIs = "Renamed", "", oauth.RedirectURIs{"https://a.example/1", "https://a.example/2"}
		won := 0
		errs := make([]error, 10)
		race(t, 10, func(i int) error {
			errs[i] = s.UpdateClient(ctx, *c, noon.Add(time.Hour), event(audit.ClientUpdated))
			return nil
		})
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantConflict(t, err, "")
		}
		read := must1(s.Client(ctx, "app"))(t)
		if won != 1 || read.Name != "Renamed" || read.GrantID != grant || len(read.RedirectURIs) != 2 || read.Version != 2 || !read.UpdatedAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%d won, client %+v", won, read)
		}
		c.ID = "unknown"
		wantNotFound(t, s.UpdateClient(ctx, *c, noon, event(audit.ClientUpdated)))
	})
}

func TestClientBySecret_bringsTheSecretThatFits(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addClient(t, s, "app")
		addClient(t, s, "other")
		c, secret, err := s.ClientBySecret(ctx, "app", "app-hash")
		must(t, err)
		if c.ID != "app" || c.Name != "app" || secret == nil || secret.ID != "app-secret" || secret.ClientID != "app" || !secret.Live(noon) || secret.LastUsedAt != nil {
			t.Errorf("client %+v, secret %+v", c, secret)
		}
		for at, want := range map[time.Duration]time.Duration{0: 0, 59 * time.Second: 0, 61 * time.Second: 61 * time.Second} {
			s.NoteSecretUse("other", "other-secret", noon)
			must(t, s.Flush(ctx))
			s.NoteSecretUse("other", "other-secret", noon.Add(at))
			must(t, s.Flush(ctx))
			if _, secret, err := s.ClientBySecret(ctx, "other", "other-hash"); err != nil || secret.LastUsedAt.Before(noon.Add(want)) {
				t.Errorf("used after %v, kept %v, %v", at, secret.LastUsedAt, err)
			}
		}
		if c, secret, err = s.ClientBySecret(ctx, "app", "other-hash"); err != nil || c == nil || secret != nil {
			t.Errorf("another's secret: %v %v %v", c, secret, err)
		}
		_, _, err = s.ClientBySecret(ctx, "unknown", "app-hash")
		wantNotFound(t, err)
	})
}

func TestAddClientSecret_noMoreThanFiveLive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addClient(t, s, "app")
		soon := noon.Add(time.Hour)
		must(t, s.AddClientSecret(ctx, oauth.ClientSecret{ClientID: "app", Hash: "brief", ExpiresAt: &soon}, noon, event(audit.ClientSecretAdded)))
		add := func(hash string, at time.Time) error {
			return s.AddClientSecret(ctx, oauth.ClientSecret{ClientID: "app", Hash: hash}, at, event(audit.ClientSecretAdded))
		}
		errs := make([]error, 20)
		race(t, len(errs), func(i int) error { errs[i] = add(fmt.Sprint(i), noon); return nil })
		won := 0
		for _, err := range errs {
			var fields fault.Fields
			if err == nil {
				won++
			} else if !errors.As(err, &fields) {
				t.Error(err)
			}
		}
		if won != oauth.MaxLiveSecrets-2 {
			t.Errorf("%d more were added", won)
		}
		must(t, add("after the brief one", soon))
		wantConflict(t, s.ReplaceClientSecrets(ctx, "app", oauth.ClientSecret{Hash: "brief"}, noon, event(audit.ClientSecretAdded)), "secret")
		must(t, s.ReplaceClientSecrets(ctx, "app", oauth.ClientSecret{ID: "only", Hash: "only"}, soon, event(audit.ClientSecretAdded)))
		live := 0
		secrets := must1(s.ClientSecrets(ctx, "app"))(t)
		for _, secret := range secrets {
			if secret.Live(soon) {
				live++
			}
		}
		if live != 1 || secrets[0].ID != "only" || len(secrets) != 7 {
			t.Errorf("%d of %d live, the newest is %s", live, len(secrets), secrets[0].ID)
		}
		for range 2 {
			must(t, s.RevokeClientSecret(ctx, "app", "only", soon, event(audit.ClientSecretRevoked)))
		}
		wantNotFound(t, s.RevokeClientSecret(ctx, "other", "only", soon, event(audit.ClientSecretRevoked)))
		wantNotFound(t, s.AddClientSecret(ctx, oauth.ClientSecret{ClientID: "unknown"}, noon, event(audit.ClientSecretAdded)))
		if _, secret, err := s.ClientBySecret(ctx, "app", "only"); err != nil || secret.Live(soon) || events(t, s, audit.ClientSecretRevoked) != 1 {
			t.Errorf("secret %+v, %v", secret, err)
		}
	})
}

func TestDisableClient_endsAllItWasGiven(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "bob-session")
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), nil))
		must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: "i", ClientID: "app"}))
		before := must1(s.Client(ctx, "app"))(t)
		must(t, s.LiveClientGrant(ctx, before.GrantID, "app", "j"))
		for range 2 {
			must(t, s.DisableClient(ctx, "app", noon, event(audit.ClientDisabled)))
		}
		wantEnded(t, s, "k-family", oauth.EndedByDisabling)
		wantSpent(t, s, "unused")
		_, err := s.Interaction(ctx, "i")
		wantNotFound(t, err)
		wantNotFound(t, s.IssueCode(ctx, code("another", "bob", "bob-session"), nil))
		for range 2 {
			must(t, s.EnableClient(ctx, "app", noon, event(audit.ClientEnabled)))
		}
		wantNotFound(t, s.LiveClientGrant(ctx, before.GrantID, "app", "j"))
		after := must1(s.Client(ctx, "app"))(t)
		must(t, s.LiveClientGrant(ctx, after.GrantID, "app", "j"))
		if after.Version != 3 || events(t, s, audit.ClientDisabled) != 1 || events(t, s, audit.ClientEnabled) != 1 {
			t.Errorf("client %+v", after)
		}
		wantNotFound(t, s.DisableClient(ctx, "unknown", noon, event(audit.ClientDisabled)))
		wantNotFound(t, s.EnableClient(ctx, "unknown", noon, event(audit.ClientEnabled)))
	})
}

func TestRevokeClientTokens_endsTheGrantsAndNotTheClient(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		grant(t, s, "k2", "ada", "")
		must(t, s.IssueCode(ctx, code("unused", "bob", ""), nil))
		before := must1(s.Client(ctx, "app"))(t)
		if n := must1(s.RevokeClientTokens(ctx, "app", oauth.EndedByOperator, noon, event(audit.ClientRevokedAll)))(t); n != 2 {
			t.Errorf("%d families ended", n)
		}
		wantEnded(t, s, "k-family", oauth.EndedByOperator)
		wantSpent(t, s, "unused")
		wantNotFound(t, s.LiveClientGrant(ctx, before.GrantID, "app", "j"))
		if after := must1(s.Client(ctx, "app"))(t); !after.Enabled() || after.Version != before.Version {
			t.Errorf("client %+v", after)
		}
		_, err := s.RevokeClientTokens(ctx, "unknown", "x", noon, event(audit.ClientRevokedAll))
		wantNotFound(t, err)
	})
}

func TestDeleteClient_leavesItsEventsAlone(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		must(t, s.IssueCode(ctx, code("unused", "ada", ""), &oauth.Consent{UserID: "ada", ClientID: "app", Scopes: oauth.Scopes{"openid", "email"}}))
		impact := must1(s.ClientImpact(ctx, "app"))(t)
		if want := (store.ClientImpact{Secrets: 1, Families: 1, Consents: 1, People: 2}); impact != want {
			t.Errorf("impact %+v, want %+v", impact, want)
		}
		must(t, s.DeleteClient(ctx, "app", noon, event(audit.ClientDeleted)))
		wantNotFound(t, s.DeleteClient(ctx, "app", noon, event(audit.ClientDeleted)))
		for _, table := range []string{"client_secrets", "codes", "consents", "families", "refresh_tokens"} {
			if n := count(t, s, "SELECT COUNT(*) FROM "+table); n != 0 {
				t.Errorf("%d rows of %s stayed", n, table)
			}
		}
		if events(t, s, audit.ClientDeleted) != 1 || events(t, s, audit.ClientCreated) != 1 {
			t.Error("events")
		}
		_, err := s.ClientImpact(ctx, "app")
		wantNotFound(t, err)
	})
}

// names that are ties, prefixes of one another, not ASCII, or full of what LIKE takes for wildcards.
var names = []string{
	"Same", "same", "SAME", "Sam", "sam e", "Éclair", "éclair", "Zebra", "zebra", "ångström", "Ωmega", "ωmega", "日本", "100%", "100 percent", "under_score",
	"underXscore", `back\slash`, "ab", "a", "B", "_", "%", "", " ", "a-b", "a b", "A.b", "ſ", "\U0001F511 key", "~",
}

func TestClients_pagesGoForthAndBackInTheSameOrderOnBoth(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		var want []string
		for i, name := range names {
			c := oauth.Client{ID: fmt.Sprintf("id-%02d", i), Name: name}
			must(t, s.CreateClient(ctx, c, nil, noon, event(audit.ClientCreated)))
			want = append(want, store.SearchKey(name, c.ID))
		}
		slices.Sort(want) // by bytes, as Go compares strings
		keys := func(p store.ClientPage) (keys []string) {
			for _, c := range p.Clients {
				keys = append(keys, store.SearchKey(c.Name, c.ID))
			}
			return keys
		}
		for _, limit := range []int{1, 2, 7, len(names), 100} {
			var forth, back [][]string
			p := must1(s.Clients(ctx, store.ClientFilter{Limit: limit}))(t)
			if p.Previous != "" || p.Total != int64(len(names)) {
				t.Fatalf("the first page has a previous one, or %d in all", p.Total)
			}
			for forth = append(forth, keys(p)); p.Next != ""; forth = append(forth, keys(p)) {
				p = must1(s.Clients(ctx, store.ClientFilter{Limit: limit, After: p.Next}))(t)
			}
			for back = append(back, keys(p)); p.Previous != ""; back = append(back, keys(p)) {
				p = must1(s.Clients(ctx, store.ClientFilter{Limit: limit, Before: p.Previous}))(t)
			}
			if !slices.Equal(slices.Concat(forth...), want) {
				t.Errorf("pages of %d forth: %q\nwant %q", limit, slices.Concat(forth...), want)
			}
			slices.Reverse(back)
			if !slices.Equal(slices.Concat(back...), want) {
				t.Errorf("pages of %d back: %q\nwant %q", limit, slices.Concat(back...), want)
			}
		}
		for _, garbage := range []string{"!", "AAAA", "_w", strings.Repeat("x", 1000)} {
			if p := must1(s.Clients(ctx, store.ClientFilter{After: garbage, Before: garbage, Limit: 3}))(t); !slices.Equal(keys(p), want[:3]) || p.Previous != "" {
				t.Errorf("cursor %q shows %q", garbage, keys(p))
			}
		}
	})
}

func TestClients_theSearchTakesNoWildcards(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		for i, name := range names {
			c := oauth.Client{ID: fmt.Sprintf("id-%02d", i), Name: name, RedirectURIs: oauth.RedirectURIs{fmt.Sprintf("https://h%02d.example/CB", i)}}
			must(t, s.CreateClient(ctx, c, nil, noon, event(audit.ClientCreated)))
		}
		must(t, s.DisableClient(ctx, "id-00", noon, event(audit.ClientDisabled)))
		for query, want := range map[string]int64{
			"%": 2, "_": 2, `\`: 1, "SAME": 3, "éCLAIR": 2, "Ω": 2, "日": 1, "id-07": 1, "H07.EXAMPLE/cb": 1, "under_": 1, "nothing like it": 0, "'": 0, "  zebra ": 2,
			"\U0001F511": 1, strings.Repeat("q", 100_000): 0,
		} {
			if p := must1(s.Clients(ctx, store.ClientFilter{Query: query}))(t); p.Total != want || int64(len(p.Clients)) != want {
				t.Errorf("%.20q finds %d, want %d", query, p.Total, want)
			}
		}
		for status, want := range map[string]int64{"": 3, "active": 2, "disabled": 1} {
			if p := must1(s.Clients(ctx, store.ClientFilter{Query: "same", Status: status}))(t); p.Total != want {
				t.Errorf("%q finds %d, want %d", status, p.Total, want)
			}
		}
	})
}

func TestUsers_pagesGoForthAndBack(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		for i, name := range names {
			u := identity.User{ID: fmt.Sprintf("id-%02d", i), Username: fmt.Sprintf("user%02d", i), Name: name, Role: identity.RoleUser}
			must(t, s.CreateUser(ctx, u, noon, event(audit.UserCreated)))
		}
		first := must1(s.Users(ctx, store.UserFilter{Limit: 10}))(t)
		second := must1(s.Users(ctx, store.UserFilter{Limit: 10, After: first.Next}))(t)
		again := must1(s.Users(ctx, store.UserFilter{Limit: 10, Before: second.Previous}))(t)
		if len(again.Users) != 10 || again.Users[0].ID != first.Users[0].ID || again.Next != first.Next || again.Previous != "" || second.Users[0].ID == first.Users[9].ID {
			t.Errorf("first %+v\nagain %+v", first, again)
		}
		for query, want := range map[string]int64{"user07": 1, "USER0": 10, "%": 1, "same": 3, "ame": 0, " éc ": 2, "100": 2, "日": 1, "\U0001F511": 1} { //nolint:gocritic // spaces that were typed do not count
			if p := must1(s.Users(ctx, store.UserFilter{Query: query}))(t); p.Total != want {
				t.Errorf("%q finds %d, want %d", query, p.Total, want)
			}
		}
	})
}
