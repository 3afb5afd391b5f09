package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestWithdrawConsent_endsWhatThePairHasAndNoMore(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addClient(t, s, "Another")
		for _, client := range []string{"app", "Another"} {
			c := code("k-"+client, "bob", "")
			c.ClientID = client
			must(t, s.IssueCode(ctx, c, &oauth.Consent{UserID: "bob", ClientID: client, Scopes: oauth.Scopes{"openid", "email"}}))
		}
		grant(t, s, "bobs", "bob", "")
		grant(t, s, "adas", "ada", "")
		list := must1(s.Consents(ctx, "bob", noon))(t)
		if len(list) != 2 || list[0].ClientName != "Another" || list[1].ClientID != "app" || len(list[1].Scopes) != 2 || list[1].UserID != "bob" {
			t.Errorf("consents %+v", list)
		}
		must(t, s.WithdrawConsent(ctx, "bob", "app", noon, event(audit.ConsentWithdrawn)))
		wantNotFound(t, s.WithdrawConsent(ctx, "bob", "app", noon, event(audit.ConsentWithdrawn)))
		wantEnded(t, s, "bobs-family", oauth.EndedByPerson)
		wantSpent(t, s, "k-app")
		_, err := s.Consent(ctx, "bob", "app")
		wantNotFound(t, err)
		if !alive(t, s, "adas-family") || must1(s.Code(ctx, "k-Another"))(t).SpentAt != nil || len(must1(s.Consents(ctx, "bob", noon))(t)) != 1 {
			t.Error("more ended than bob gave app")
		}
		if n := events(t, s, audit.ConsentWithdrawn); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

func TestEndFamiliesOfUser_countsThem(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "a", "bob", "")
		grant(t, s, "b", "bob", "bob-session")
		must(t, s.IssueCode(ctx, code("unused", "bob", ""), nil))
		for _, want := range []int64{2, 0} {
			if n := must1(s.EndFamiliesOfUser(ctx, "bob", oauth.EndedByOperator, noon, event(audit.FamiliesEnded)))(t); n != want {
				t.Errorf("%d ended, want %d", n, want)
			}
		}
		wantEnded(t, s, "a-family", oauth.EndedByOperator)
		wantSpent(t, s, "unused")
		if len(must1(s.LiveSessions(ctx, "bob", noon))(t)) != 1 || events(t, s, audit.FamiliesEnded) != 1 {
			t.Error("the session ended too, or it was told twice")
		}
	})
}

func TestScopes_areListedByNameOnBoth(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		for _, name := range []string{"api:write", "API:read", "a_b", "a-b"} {
			must(t, s.CreateScope(ctx, oauth.Scope{Name: name, Description: "d", Builtin: true}, noon, event(audit.ScopeCreated)))
		}
		wantConflict(t, s.CreateScope(ctx, oauth.Scope{Name: "openid"}, noon, event(audit.ScopeCreated)), "name")
		var found []string
		for _, scope := range must1(s.Scopes(ctx))(t) {
			found = append(found, scope.Name)
			if scope.Builtin != oauth.PersonScopes.Has(scope.Name) || scope.Description == "" {
				t.Errorf("scope %+v", scope)
			}
		}
		if want := []string{"API:read", "a-b", "a_b", "address", "api:write", "email", "groups", "offline_access", "openid", "phone", "profile"}; !reflect.DeepEqual(found, want) {
			t.Errorf("scopes %q, want %q", found, want)
		}
		if scope := must1(s.Scope(ctx, "api:write"))(t); !scope.CreatedAt.Equal(noon) {
			t.Errorf("scope %+v", scope)
		}
		_, err := s.Scope(ctx, "unknown")
		wantNotFound(t, err)
	})
}

func TestSigningKeys_comeInTheOrderTheyBecomeActive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		later := keys.SigningKey{KID: "a", Algorithm: keys.ES256, PublicJWK: "{}", PrivateSealed: "x", CreatedAt: noon, ActiveFrom: noon.Add(1)}
		later.ActiveFrom = noon.AddDate(0, 0, 1)
		sooner, same := later, later
		sooner.KID, sooner.ActiveFrom, same.KID = "b", noon, "B"
		must(t, s.AddSigningKeys(ctx, []keys.SigningKey{later, sooner, same}, event(audit.KeyRotated)))
		found := must1(s.SigningKeys(ctx))(t)
		if len(found) != 3 || found[0].KID != "b" || found[1].KID != "B" || found[2].KID != "a" || !found[2].ActiveFrom.Equal(later.ActiveFrom) || found[0].PrivateSealed != "x" {
			t.Errorf("keys %+v", found)
		}
		wantConflict(t, s.AddSigningKeys(ctx, []keys.SigningKey{{KID: "c"}, sooner}, event(audit.KeyRotated)), "kid")
		if len(must1(s.SigningKeys(ctx))(t)) != 3 || events(t, s, audit.KeyRotated) != 1 {
			t.Error("half of them were kept")
		}
	})
}

func TestEvents_areReadAsTheyWereWrittenNewestFirst(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		full := audit.Event{
			ID: "019ca945-0a7b-7000-8000-000000000000", At: noon, Action: audit.TokenRefused, Outcome: audit.Refused,
			Actor: audit.Party{Kind: audit.KindClient, ID: "app", Name: "App"}, Target: audit.Party{Kind: audit.KindUser, ID: "bob", Name: "Bob"},
			ClientID: "app", UserID: "bob", Caller: audit.Caller{RequestID: "r1", IP: "192.0.2.1", UserAgent: "curl"}, Error: "invalid_grant",
			Cause:   &audit.Cause{Rule: "code_unspent", Expected: "an unused code", Received: audit.Value("x"), Remedy: "ask anew"},
			Changes: map[string]audit.Change{"name": {Before: "a", After: "b"}}, Count: 3,
		}
		must(t, s.Record(ctx, full))
		for range 3 {
			must(t, s.Record(ctx, audit.Event{At: noon, Action: audit.TokenRefused, ClientID: "other"}))
		}
		must(t, s.Record(ctx, audit.Event{At: noon.Add(-1e9), Action: audit.AccessDenied, ClientID: "app"}))
		found := must1(s.Events(ctx, store.EventFilter{RequestID: "r1", Action: audit.TokenRefused, ClientID: "app", UserID: "bob"}))(t)
		if len(found) != 1 || !found[0].At.Equal(full.At) {
			t.Fatalf("events %+v", found)
		}
		if found[0].At = full.At; !reflect.DeepEqual(found[0], full) {
			t.Errorf("event %+v\nwant  %+v", found[0], full)
		}
		all := must1(s.Events(ctx, store.EventFilter{Limit: 4}))(t)
		if len(all) != 4 || all[0].ID < all[1].ID || all[1].ID < all[2].ID || all[3].ID != full.ID {
			t.Errorf("order %+v", all)
		}
		if app := must1(s.Events(ctx, store.EventFilter{ClientID: "app"}))(t); len(app) != 2 || app[1].Action != audit.AccessDenied {
			t.Errorf("events of app %+v", app)
		}
	})
}

// Each person and client stand once, where the newest scope was given, and with when the client last used it.
func TestConsentPage_readsNewestFirst(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addClient(t, s, "shop")
		addClient(t, s, "mail")
		give := func(user, client string, minute int, scopes ...string) {
			t.Helper()
			at := noon.Add(time.Duration(minute) * time.Minute)
			c := code(fmt.Sprint(user, client, minute), user, "")
			c.ClientID, c.CreatedAt, c.ExpiresAt = client, at, at.Add(time.Hour)
			must(t, s.IssueCode(ctx, c, &oauth.Consent{UserID: user, ClientID: client, Scopes: scopes}))
		}
		give("bob", "app", 1, "openid", "email")
		give("ada", "app", 2, "openid")
		give("bob", "shop", 3, "openid")
		give("ada", "shop", 3, "openid")
		give("bob", "mail", 4)
		give("bob", "app", 5, "profile")
		grant(t, s, "used", "bob", "")
		must(t, s.RotateRefreshToken(ctx, rotation("used", "used-0", "used-1", 7), event(audit.TokenRefreshed)))
		for _, c := range []struct {
			want store.ConsentFilter
			ids  []string
		}{
			{store.ConsentFilter{}, []string{"bob app", "bob mail", "ada shop", "bob shop", "ada app"}},
			{store.ConsentFilter{UserID: "ada"}, []string{"ada shop", "ada app"}},
			{store.ConsentFilter{ClientID: "app"}, []string{"bob app", "ada app"}},
			{store.ConsentFilter{ClientID: "app", UserID: "ada"}, []string{"ada app"}},
			{store.ConsentFilter{ClientID: "nothing"}, nil},
		} {
			ids := walk(t, func(after, before string) ([]store.ListedConsent, string, string) {
				want := c.want
				want.After, want.Before, want.Limit = after, before, 2
				p := must1(s.ConsentPage(ctx, want))(t)
				if int(p.Total) != len(c.ids) {
					t.Errorf("%+v: %d in all", c.want, p.Total)
				}
				return p.Consents, p.Previous, p.Next
			}, func(c store.ListedConsent) string { return c.UserID + " " + c.ClientID })
			if !slices.Equal(ids, c.ids) {
				t.Errorf("%+v: %q, want %q", c.want, ids, c.ids)
			}
		}
		first := must1(s.ConsentPage(ctx, store.ConsentFilter{UserID: "bob"}))(t).Consents
		if app := first[0]; len(app.Scopes) != 3 || app.Scopes[2].Scope != "profile" || !app.Scopes[0].GivenAt.Equal(noon.Add(time.Minute)) ||
			!app.LastUsed().Equal(noon.Add(7*time.Minute)) || app.Username != "bob" || app.ClientName != "app" {
			t.Errorf("%+v", app)
		}
		if mail := first[1]; len(mail.Scopes) != 1 || mail.Scopes[0].Scope != "" || !mail.LastUsed().IsZero() {
			t.Errorf("%+v", mail)
		}
	})
}
