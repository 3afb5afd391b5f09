package store_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// What is added in bulk is, column by column, what the verbs of everyday add.
func TestBulk_addsWhatTheVerbsAdd(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		at := time.Date(2026, 5, 1, 10, 0, 0, 123_456_000, time.UTC)
		disabled := at.Add(time.Hour)
		u := identity.User{
			ID: identity.NewID(), Username: "zoë", Email: "Zoe@Example.test", EmailVerified: true, Name: "Zoë Öztürk", Role: identity.RoleUser,
			Profile: identity.Profile{Locale: "tr-TR"}, PasswordHash: "hash", CreatedAt: at, UpdatedAt: at, Version: 1,
		}
		c := oauth.Client{
			ID: "cl_1", Name: "Acme", ApplicationType: oauth.ApplicationWeb, RedirectURIs: oauth.RedirectURIs{"https://a.test/1", "https://a.test/2"},
			GrantTypes: oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}, Scopes: oauth.Scopes{"openid", "email"},
			TokenEndpointAuthMethod: oauth.AuthBasic, IDTokenSignedResponseAlg: "RS256", RequirePKCE: true, GrantID: identity.NewID(), CreatedAt: at, UpdatedAt: at, Version: 1,
		}
		secret := oauth.ClientSecret{ID: identity.NewID(), ClientID: c.ID, Hash: "secret", Hint: "cret", CreatedAt: at}
		f := oauth.Family{
			ID: identity.NewID(), ClientID: c.ID, UserID: u.ID, GrantType: oauth.GrantPassword, Scopes: oauth.Scopes{"openid"}, AuthTime: at, AMR: oauth.Words{"pwd"},
			CreatedAt: at, ExpiresAt: at.Add(time.Hour), CurrentHash: "token", IdleExpiresAt: at.Add(time.Hour),
		}
		token := oauth.RefreshToken{Hash: "token", FamilyID: f.ID, CreatedAt: at, IP: "192.0.2.1", UserAgent: "browser", RequestID: "request"}
		event := func(action audit.Action) audit.Event {
			return audit.Event{
				ID: identity.NewID(), At: at, Action: action, Outcome: audit.Success, Cause: &audit.Cause{Rule: "rule"},
				Changes: map[string]audit.Change{"role": {After: "user"}}, UserID: u.ID, Caller: audit.Caller{IP: "192.0.2.1"},
			}
		}
		events := []audit.Event{event(audit.UserCreated), event(audit.ClientCreated), event(audit.PasswordTraded)}

		everyday := b.Migrated(t)
		s := storetest.Open(t, everyday)
		must(t, s.CreateUser(ctx, u, at, events[0]))
		must(t, s.CreateClient(ctx, c, &secret, at, events[1]))
		store.ForgetCounts(s)
		s.NoteSecretUse(c.ID, "none", at)
		must(t, s.Flush(ctx))
		must(t, s.BeginFamily(ctx, oauth.Beginning{Family: f, First: &token, Consent: &oauth.Consent{UserID: u.ID, ClientID: c.ID, Scopes: f.Scopes}}, events[2]))

		inBulk := b.Migrated(t)
		bulk := store.NewBulk(storetest.Open(t, inBulk))
		added := func(want int64) func(n int64, err error) {
			return func(n int64, err error) {
				t.Helper()
				if must(t, err); n != want {
					t.Errorf("%d rows were added, expected %d", n, want)
				}
			}
		}
		added(1)(bulk.Users(ctx, one(u)))
		added(1)(bulk.Clients(ctx, one(c)))
		added(1)(bulk.ClientSecrets(ctx, one(secret)))
		added(1)(bulk.ClientUses(ctx, one(store.ClientUse{ClientID: c.ID, LastUsedAt: at})))
		added(1)(bulk.Families(ctx, one(f)))
		added(1)(bulk.RefreshTokens(ctx, one(token)))
		added(1)(bulk.Consents(ctx, one(oauth.Consent{UserID: u.ID, ClientID: c.ID, Scopes: f.Scopes, UpdatedAt: at})))
		added(3)(bulk.Events(ctx, slices.Values(events)))
		must(t, bulk.Done(ctx))
		made := storetest.NewBeside(t, inBulk)
		want := tables(storetest.NewBeside(t, everyday).Contents(t), "house")
		if got := tables(made.Contents(t), "house"); !slices.Equal(got, want) {
			t.Errorf("added in bulk:\n%s\none by one:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}

		// NULLs that are times, and what no other verb adds whole.
		u.ID, u.Username, u.Email, u.DisabledAt = identity.NewID(), "other", "", &disabled
		added(1)(bulk.Users(ctx, one(u)))
		added(1)(bulk.Sessions(ctx, one(identity.Session{ID: "s", TokenHash: "t", UserID: u.ID, AuthTime: at, LastSeenAt: at, ExpiresAt: at, EndedAt: &disabled})))
		found, person, err := storetest.Open(t, inBulk).SessionByToken(ctx, "t")
		if must(t, err); !found.EndedAt.Equal(disabled) || !person.DisabledAt.Equal(disabled) || person.Email != "" {
			t.Errorf("read %+v of %+v", found, person)
		}
	})
}

func one[T any](v T) iter.Seq[T] { return slices.Values([]T{v}) }

// tables leaves out the rows of one table.
func tables(c storetest.Contents, except string) []string {
	return slices.DeleteFunc(slices.Clone(c), func(row string) bool { return strings.HasPrefix(row, except+" ") })
}

// More than a batch is added, in the order of the rows; what the database refuses is told, and the batch is not there.
func TestBulk_addsInBatches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
		people := func(n int, name func(i int) string) iter.Seq[identity.User] {
			return func(yield func(identity.User) bool) {
				for i := range n {
					if !yield(identity.User{ID: fmt.Sprintf("%s-%06d", name(i), i), Username: name(i), Name: "N", Role: identity.RoleUser, CreatedAt: at, UpdatedAt: at, Version: 1}) {
						return
					}
				}
			}
		}
		bulk := store.NewBulk(s)
		const n = store.BulkBatch + 1
		if added, err := bulk.Users(ctx, people(n, func(i int) string { return fmt.Sprint("u", i) })); err != nil || added != n {
			t.Fatalf("%d were added: %v", added, err)
		}
		if page, all := must1(s.Users(ctx, store.UserFilter{Limit: 1}))(t), count(t, s, "SELECT COUNT(*) FROM users"); all != n || page.Users[0].Username != "u0" {
			t.Errorf("%d people, first %q", all, page.Users[0].Username)
		}
		if added, err := bulk.Users(ctx, people(2, func(int) string { return "twice" })); err == nil || added != 0 {
			t.Errorf("a name given twice: %d were added: %v", added, err)
		}
		if page := must1(s.Users(ctx, store.UserFilter{Query: "twice"}))(t); page.Total != 0 {
			t.Errorf("%d of a batch that was refused", page.Total)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if added, err := bulk.Users(ended, people(1, func(int) string { return "late" })); err == nil || added != 0 {
			t.Errorf("after the end: %d were added: %v", added, err)
		}
	})
}
