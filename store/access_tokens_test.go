package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestLivePerson_saysWhatIsKnownOfThePersonAndNoMore(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.CreateUser(ctx, identity.User{
			ID: "eve", Username: "Eve", Name: "Ève Õ", Email: "Eve@Example.org", EmailVerified: true, Role: identity.RoleUser,
			Profile: identity.Profile{GivenName: "Ève", ProfileURL: "https://eve.example.org", PhoneNumber: "+15550100", Address: &identity.Address{Locality: "Õ"}},
		}, noon, event(audit.UserCreated)))
		must(t, s.CreateUser(ctx, identity.User{ID: "bare", Username: "bare", Role: identity.RoleUser, Profile: identity.Profile{Address: &identity.Address{}, PhoneNumberVerified: true}}, noon, event(audit.UserCreated)))
		must(t, s.CreateUser(ctx, identity.User{ID: "bare2", Username: "bare2", Role: identity.RoleUser}, noon, event(audit.UserCreated))) // nor does this one have an e-mail address
		grant(t, s, "k", "eve", "")
		grant(t, s, "b", "bare", "")
		for family, want := range map[string]string{
			"k": `{"address":{"locality":"Õ"},"email":"Eve@Example.org","email_verified":true,"given_name":"Ève","name":"Ève Õ","phone_number":"+15550100","phone_number_verified":false,"preferred_username":"Eve","profile":"https://eve.example.org","updated_at":1772366400}`,
			"b": `{"preferred_username":"bare","updated_at":1772366400}`,
		} {
			f := must1(s.Family(ctx, family+"-family"))(t)
			p := must1(s.LivePerson(ctx, f.ID, "app", "jti"))(t)
			if claims := string(must1(json.Marshal(p.Claims))(t)); claims != want || p.Subject != f.UserID {
				t.Errorf("claims %s\nwant   %s", claims, want)
			}
			if other := must1(s.Person(ctx, f.UserID))(t); other.Username != p.Username || len(other.Claims) != len(p.Claims) {
				t.Errorf("Person says %+v", other)
			}
		}
	})
}

func TestLivePerson_holdsForNobodyElse(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addClient(t, s, "other")
		grant(t, s, "k", "bob", "")
		for _, c := range [][3]string{{"x", "app", "j"}, {"k-family", "other", "j"}} {
			_, err := s.LivePerson(ctx, c[0], c[1], c[2])
			wantNotFound(t, err)
		}
	})
}

func TestRevokeAccessToken_oneTokenDiesTheOthersLive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		app := must1(s.Client(ctx, "app"))(t)
		must(t, s.LiveClientGrant(ctx, app.GrantID, "app", "gone"))
		must(t, s.RevokeAccessToken(ctx, "gone", noon.Add(time.Hour), event(audit.TokenRevoked)))
		must(t, s.RevokeAccessToken(ctx, "gone", noon.Add(time.Hour), event(audit.TokenRevoked)))
		_, err := s.LivePerson(ctx, "k-family", "app", "gone")
		wantNotFound(t, err)
		wantNotFound(t, s.LiveClientGrant(ctx, app.GrantID, "app", "gone"))
		must(t, s.LiveClientGrant(ctx, app.GrantID, "app", "here"))
		wantNotFound(t, s.LiveClientGrant(ctx, app.GrantID, "other", "here"))
		wantNotFound(t, s.LiveClientGrant(ctx, "other", "app", "here"))
		if !alive(t, s, "k-family") || events(t, s, audit.TokenRevoked) != 1 {
			t.Error("the others died, or it was told twice")
		}
	})
}

func TestPerson_isNotFoundWhenDisabled(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.DisableUser(ctx, "bob", noon, event(audit.UserDisabled)))
		_, err := s.Person(ctx, "bob")
		wantNotFound(t, err)
		_, err = s.Person(ctx, "nobody")
		wantNotFound(t, err)
	})
}

func TestInteraction_belongsToTheBrowserThatFetchedItFirst(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: "i", ClientID: "app", Params: "a=b", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}))
		won, spent, _ := race(t, 50, func(n int) error { return s.BindInteraction(ctx, "i", fmt.Sprint(n), noon) })
		if won != 1 || spent != 49 {
			t.Fatalf("%d browsers have it, %d do not", won, spent)
		}
		i := must1(s.Interaction(ctx, "i"))(t)
		must(t, s.BindInteraction(ctx, "i", i.BrowserHash, noon))
		wantNotFound(t, s.BindInteraction(ctx, "unknown", "A", noon))
		wantNotFound(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: "j", ClientID: "unknown"}))
	})
}
