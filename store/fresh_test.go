package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// Two nodes of one house, or a server and the command line beside it: what one ends the other refuses at once, however well it
// remembers it (security.md rule 4).
func TestFresh_whatOneNodeEndsAnotherRefusesAtOnce(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		here, there := storetest.Open(t, o), storetest.Open(t, o)
		populated(t, here)
		at := noon
		later := func() time.Time { at = at.Add(time.Second); return at }
		holds := func(k string) bool {
			t.Helper()
			_, err := there.LivePerson(ctx, k+"-family", "app", k+"-jti")
			if err != nil {
				wantNotFound(t, err)
			}
			return err == nil
		}
		did := func(action audit.Action) audit.Event {
			e := event(action)
			e.At = later()
			return e
		}
		for _, c := range []struct {
			name      string
			end, mend func() error
		}{
			{"its family", func() error {
				return here.EndFamily(ctx, "its family-family", oauth.EndedByOperator, later(), event(audit.FamilyEnded))
			}, nil},
			{"its jti", func() error {
				return here.RevokeAccessToken(ctx, "its jti-jti", at.Add(time.Hour), did(audit.TokenRevoked))
			}, nil},
			{"all of the person", func() error {
				_, err := here.EndFamiliesOfUser(ctx, "bob", oauth.EndedByOperator, later(), event(audit.FamiliesEnded))
				return err
			}, nil},
			{"the person", func() error { return here.DisableUser(ctx, "bob", later(), event(audit.UserDisabled)) },
				func() error { return here.EnableUser(ctx, "bob", later(), event(audit.UserEnabled)) }},
			{"the client", func() error { return here.DisableClient(ctx, "app", later(), event(audit.ClientDisabled)) },
				func() error { return here.EnableClient(ctx, "app", later(), event(audit.ClientEnabled)) }},
			{"a client that was deleted and made again", func() error { return here.DeleteClient(ctx, "app", later(), event(audit.ClientDeleted)) }, nil},
		} {
			grant(t, here, c.name, "bob", "")
			for range 2 { // the second time it is remembered
				if !holds(c.name) {
					t.Fatalf("%s: did not hold before", c.name)
				}
			}
			must(t, c.end())
			if holds(c.name) {
				t.Errorf("%s: holds on the other node", c.name)
			}
			if c.mend != nil {
				must(t, c.mend())
			}
		}
		addClient(t, here, "app")
		before, secret, err := there.ClientBySecret(ctx, "app", "app-hash")
		must(t, err)
		if secret == nil || there.LiveClientGrant(ctx, before.GrantID, "app", "jti") != nil {
			t.Fatal("the client is not the one that was made")
		}
		must(t, here.RevokeClientSecret(ctx, "app", "app-secret", later(), event(audit.ClientSecretRevoked)))
		if _, secret, err := there.ClientBySecret(ctx, "app", "app-hash"); err != nil || secret.Live(at) {
			t.Errorf("a revoked secret: %v, %v", secret, err)
		}
		_, err = here.RevokeClientTokens(ctx, "app", oauth.EndedByOperator, later(), event(audit.ClientRevokedAll))
		must(t, err)
		wantNotFound(t, there.LiveClientGrant(ctx, before.GrantID, "app", "jti"))
		// Another client of the same id, made by nobody who told us: what is remembered of the first is not the second's.
		must(t, here.DeleteClient(ctx, "app", later(), event(audit.ClientDeleted)))
		if _, _, err := there.ClientBySecret(ctx, "app", "app-hash"); !fault.IsNotFound(err) {
			t.Errorf("a deleted client: %v", err)
		}
		second := oauth.Client{ID: "app", Name: "second", RedirectURIs: oauth.RedirectURIs{"https://second.example/cb"}, GrantTypes: oauth.Words{oauth.GrantAuthorizationCode},
			TokenEndpointAuthMethod: oauth.AuthNone, ApplicationType: oauth.ApplicationWeb, IDTokenSignedResponseAlg: "RS256"}
		must(t, here.CreateClient(ctx, second, nil, later(), event(audit.ClientCreated)))
		if c := must1(there.Client(ctx, "app"))(t); c.Name != "second" || !c.Public() || c.GrantID == before.GrantID || c.RedirectURIs[0] != "https://second.example/cb" {
			t.Errorf("the client of before: %+v", c)
		}
		// What is told of a person is what they are called now.
		must(t, here.CreateClient(ctx, oauth.Client{ID: "app2", Name: "app2", GrantTypes: second.GrantTypes, TokenEndpointAuthMethod: oauth.AuthNone,
			ApplicationType: oauth.ApplicationWeb, IDTokenSignedResponseAlg: "RS256"}, nil, later(), event(audit.ClientCreated)))
		f := family("named", "ada", "")
		f.ClientID = "app2"
		must(t, here.BeginFamily(ctx, oauth.Beginning{Family: f}))
		must1(there.LivePerson(ctx, f.ID, "app2", "j"))(t)
		ada := must1(here.User(ctx, "ada"))(t)
		ada.Name, ada.Role = "Ada Byron", identity.RoleAdmin
		must(t, here.UpdateUser(ctx, *ada, later(), event(audit.UserUpdated)))
		if p := must1(there.LivePerson(ctx, f.ID, "app2", "j"))(t); p.Claims["name"] != "Ada Byron" {
			t.Errorf("called %v", p.Claims["name"])
		}
	})
}

// Whoever asks for what cannot be there hurts nobody who asks at the same time.
func TestFresh_aHostileKeyHurtsNobodyBesideIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		var asked sync.WaitGroup
		bad := []string{"a\x00b", "a\xffb", strings.Repeat("x", 60<<10), "", "' OR 1=1 --", "\U0010ffff", strings.Repeat("\u20ac", 600)}
		for i := range 400 {
			asked.Go(func() {
				key := bad[i%len(bad)]
				for name, err := range map[string]error{
					"client": second(s.Client(ctx, key)), "person": second(s.LivePerson(ctx, "k-family", "app"+key, key)), "refresh token": second(s.RefreshToken(ctx, key)),
					"code": second(s.Code(ctx, key)), "grant": s.LiveClientGrant(ctx, key, "app", key),
				} {
					if !fault.IsNotFound(err) && (name != "person" || key != "") {
						t.Errorf("%s %.20q: %v", name, key, err)
					}
				}
			})
			asked.Go(func() {
				hasty, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Microsecond) // who goes before the answer comes
				defer cancel()
				_, _ = s.Client(hasty, "app")
			})
			asked.Go(func() {
				if c, err := s.Client(ctx, "app"); err != nil || c.ID != "app" {
					t.Errorf("the client: %v", err)
				}
				if p, err := s.LivePerson(ctx, "k-family", "app", "jti"); err != nil || p.Subject != "bob" {
					t.Errorf("the person: %v", err)
				}
				if c, err := s.Code(ctx, "k"); err != nil || c.UserID != "bob" {
					t.Errorf("the code: %v", err)
				}
			})
		}
		asked.Wait()
	})
}

func second[T any](_ T, err error) error { return err }
