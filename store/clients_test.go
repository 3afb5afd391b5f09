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
		wantNotFound(t, redeem(s, "unused", "bob", "bob-session"))
		_, err := s.Interaction(ctx, "i")
		wantNotFound(t, err)
		wantNotFound(t, s.IssueCode(ctx, code("another", "bob", "bob-session"), nil))
		for range 2 {
			must(t, s.EnableClient(ctx, "app", noon, event(audit.ClientEnabled)))
		}
		wantNotFound(t, s.LiveClientGrant(ctx, before.GrantID, "app", "j"))
		wantNotFound(t, redeem(s, "unused", "bob", "bob-session"))
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
		wantNotFound(t, redeem(s, "unused", "bob", ""))
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

// shelf are clients of every kind and state. Ages grow from the last to the first; the uses are in minutes after noon.
func shelf(t *testing.T, s *store.Store) map[string]oauth.Client {
	t.Helper()
	populated(t, s)
	clients := map[string]oauth.Client{}
	code, own := oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}, oauth.Words{oauth.GrantClientCredentials}
	for i, c := range []struct {
		id, kind, method string
		grants           oauth.Words
		secretLives      time.Duration // negative: none
		used             time.Duration
	}{
		{"web", oauth.ApplicationWeb, oauth.AuthBasic, code, 0, 2 * time.Minute},
		{"web-expired", oauth.ApplicationWeb, oauth.AuthPost, append(code, oauth.GrantPassword), time.Hour, time.Minute},
		{"web-bare", oauth.ApplicationWeb, oauth.AuthBasic, append(own, code...), -1, 0},
		{"spa", oauth.ApplicationWeb, oauth.AuthNone, code, -1, 5 * time.Minute},
		{"native", oauth.ApplicationNative, oauth.AuthNone, code, -1, 0},
		{"native-kept", oauth.ApplicationNative, oauth.AuthBasic, code, 0, 0},
		{"service", oauth.ApplicationWeb, oauth.AuthBasic, own, 0, 2 * time.Minute},
		{"api", oauth.ApplicationWeb, oauth.AuthBasic, nil, 0, 0},
		{"gone", oauth.ApplicationWeb, oauth.AuthBasic, code, -1, 0},
	} {
		at := noon.Add(-time.Duration(i) * 24 * time.Hour)
		client := oauth.Client{ID: c.id, Name: "The " + c.id, ApplicationType: c.kind, TokenEndpointAuthMethod: c.method, GrantTypes: c.grants, RequirePKCE: true}
		var secret *oauth.ClientSecret
		if c.secretLives >= 0 {
			secret = &oauth.ClientSecret{ID: c.id + "-secret", Hash: c.id}
			if c.secretLives > 0 {
				secret.ExpiresAt = new(noon.Add(c.secretLives))
			}
		}
		must(t, s.CreateClient(ctx, client, secret, at, event(audit.ClientCreated)))
		if c.used > 0 {
			s.NoteSecretUse(c.id, "some", noon.Add(c.used))
		}
		clients[c.id] = client
	}
	must(t, s.DeleteClient(ctx, "app", noon, event(audit.ClientDeleted)))
	must(t, s.DisableClient(ctx, "gone", noon, event(audit.ClientDisabled)))
	must(t, s.Flush(ctx))
	return clients
}

func TestClients_areNarrowed(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		clients := shelf(t, s)
		later := noon.Add(2 * time.Hour)
		for _, c := range []struct {
			name string
			want store.ClientFilter
			ids  string
		}{
			{"all", store.ClientFilter{}, "api gone native native-kept service spa web web-bare web-expired"},
			{"web apps", store.ClientFilter{Kind: oauth.KindWeb}, "gone web web-bare web-expired"},
			{"single-page apps", store.ClientFilter{Kind: oauth.KindSPA}, "spa"},
			{"native apps", store.ClientFilter{Kind: oauth.KindNative}, "native native-kept"},
			{"services", store.ClientFilter{Kind: oauth.KindService}, "service"},
			{"APIs", store.ClientFilter{Kind: oauth.KindAPI}, "api"},
			{"what there is not", store.ClientFilter{Kind: "toaster"}, ""},
			{"a grant", store.ClientFilter{GrantType: oauth.GrantClientCredentials}, "service web-bare"},
			{"another", store.ClientFilter{GrantType: oauth.GrantPassword}, "web-expired"},
			{"a part of a grant's name is none", store.ClientFilter{GrantType: "client"}, ""},
			{"without a live secret", store.ClientFilter{Locked: noon}, "web-bare"},
			{"without a live secret, later", store.ClientFilter{Locked: later}, "web-bare web-expired"},
			{"never used", store.ClientFilter{UnusedSince: later}, "api native native-kept web-bare"},
			{"not used since", store.ClientFilter{IdleSince: noon.Add(90 * time.Second)}, "api native native-kept web-bare web-expired"},
			{"young and never used", store.ClientFilter{IdleSince: noon.Add(-4 * 24 * time.Hour)}, "api native-kept"},
			{"both, and a search", store.ClientFilter{Kind: oauth.KindWeb, GrantType: oauth.GrantRefreshToken, Status: "active", Query: "WEB"}, "web web-bare web-expired"},
		} {
			p := must1(s.Clients(ctx, c.want))(t)
			var ids []string
			for _, listed := range p.Clients {
				ids = append(ids, listed.ID)
				if kind := listed.Kind(); c.want.Kind != "" && kind != c.want.Kind {
					t.Errorf("%s: %s is a %s", c.name, listed.ID, kind)
				}
			}
			if got := strings.Join(ids, " "); got != c.ids || p.Total != int64(len(ids)) {
				t.Errorf("%s: %q (%d), not %q", c.name, got, p.Total, c.ids)
			}
		}
		for _, c := range clients { // every one is of a kind that finds it
			p := must1(s.Clients(ctx, store.ClientFilter{Kind: c.Kind(), Query: "the " + c.ID}))(t)
			if !slices.ContainsFunc(p.Clients, func(l store.ListedClient) bool { return l.ID == c.ID }) {
				t.Errorf("%s is a %s, and is not found as one", c.ID, c.Kind())
			}
		}
	})
}

func TestClients_areOrdered(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		shelf(t, s)
		for _, c := range []struct {
			sort     store.ClientSort
			reversed bool
			ids      string
		}{
			{store.ClientsByName, false, "api gone native native-kept service spa web web-bare web-expired"},
			{store.ClientsByName, true, "web-expired web-bare web spa service native-kept native gone api"},
			{store.ClientsByAge, false, "gone api service native-kept native spa web-bare web-expired web"},
			{store.ClientsByAge, true, "web web-expired web-bare spa native native-kept service api gone"},
			{store.ClientsByUse, true, "spa service web web-expired api gone native native-kept web-bare"}, // of the same time by name
			{store.ClientsByUse, false, "api gone native native-kept web-bare web-expired service web spa"},
		} {
			for _, limit := range []int{1, 2, 4, 20} {
				got := walk(t, func(after, before string) ([]store.ListedClient, string, string) {
					p := must1(s.Clients(ctx, store.ClientFilter{Sort: c.sort, Reversed: c.reversed, After: after, Before: before, Limit: limit}))(t)
					return p.Clients, p.Previous, p.Next
				}, func(c store.ListedClient) string { return c.ID })
				if ids := strings.Join(got, " "); ids != c.ids {
					t.Errorf("by %q, reversed %v, pages of %d: %q, not %q", c.sort, c.reversed, limit, ids, c.ids)
				}
			}
		}
		// A cursor of another order shows the first page.
		byName := must1(s.Clients(ctx, store.ClientFilter{Limit: 2}))(t)
		p := must1(s.Clients(ctx, store.ClientFilter{Sort: store.ClientsByAge, After: byName.Next, Limit: 2}))(t)
		if p.Previous != "" || p.Clients[0].ID != "gone" {
			t.Errorf("%+v", p)
		}
	})
}

func TestClients_sayWhatTheyHold(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addClient(t, s, "bare")
		must(t, s.RevokeClientSecret(ctx, "bare", "bare-secret", noon, event(audit.ClientSecretRevoked)))
		must(t, s.AddClientSecret(ctx, oauth.ClientSecret{ClientID: "app", Hash: "short", ExpiresAt: new(noon.Add(time.Hour))}, noon, event(audit.ClientSecretAdded)))
		for i := range store.LiveFamiliesCounted + 3 {
			grant(t, s, fmt.Sprint("g", i), "bob", "")
		}
		must(t, s.EndFamily(ctx, "g0-family", oauth.EndedByClient, noon, event(audit.FamilyEnded)))
		holds := func(at time.Time) string {
			var all []string
			for _, c := range must1(s.Clients(ctx, store.ClientFilter{At: at}))(t).Clients {
				all = append(all, fmt.Sprintf("%s %d %d", c.ID, c.LiveSecrets, c.Families))
			}
			return strings.Join(all, ", ")
		}
		for at, want := range map[time.Time]string{
			{}:                            "app 0 0, bare 0 0", // nobody asked
			noon:                          "app 2 101, bare 0 0",
			noon.Add(2 * time.Hour):       "app 1 101, bare 0 0",
			noon.Add(31 * 24 * time.Hour): "app 1 0, bare 0 0", // families have lapsed
		} {
			if got := holds(at); got != want {
				t.Errorf("at %s: %s, not %s", at, got, want)
			}
		}
	})
}
