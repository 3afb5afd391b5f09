package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
)

// What an act costs is how often it waits for the database: counted on the wire, BEGIN and COMMIT included.
func TestPostgres_anActTakesFewRoundTrips(t *testing.T) {
	t.Parallel()
	o := storetest.Postgres(t)
	var trips atomic.Int64
	o.CountRoundTrips(&trips)
	s := storetest.Open(t, o)
	populated(t, s)
	must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: "i", ClientID: "app"}))
	must(t, s.SaveImage(ctx, brand.Image{Hash: "picture", PNG: []byte("png")}, noon))
	for range 3 { // opens its second connection, and prepares what is asked again
		must(t, s.Prepare(ctx, nil))
		must1(s.Client(ctx, "app"))(t)
		must1(s.Person(ctx, "bob"))(t)
	}
	app := must1(s.Client(ctx, "app"))(t)
	for _, k := range []string{"first", "second"} { // what does not refuse is remembered
		grant(t, s, k, "bob", "")
		must1(s.LivePerson(ctx, k+"-family", "app", "j"))(t)
	}
	for _, act := range []struct {
		name string
		most int64
		do   func() error
	}{
		{"Client", 1, func() error { _, err := s.Client(ctx, "app"); return err }},
		{"ClientBySecret", 1, func() error { _, _, err := s.ClientBySecret(ctx, "app", "app-hash"); return err }},
		{"Scopes", 1, func() error { _, err := s.Scopes(ctx); return err }},
		{"Image", 1, func() error { _, err := s.Image(ctx, "picture"); return err }},
		{"Standing", 1, func() error { _, err := s.Standing(ctx, "bob"); return err }}, // with groups and attributes
		{"Person", 1, func() error { _, err := s.Person(ctx, "bob"); return err }},     // with attributes
		{"User", 1, func() error { _, err := s.User(ctx, "bob"); return err }},         // with attributes
		{"SessionByToken", 1, func() error { _, _, err := s.SessionByToken(ctx, "bob-session-token"); return err }},
		{"BindInteraction", 1, func() error { return s.BindInteraction(ctx, "i", "b", noon) }},
		{"IssueCode", 1, func() error {
			consent := &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid", "email"}}
			return s.IssueCode(ctx, code("k", "bob", "bob-session"), consent, event(audit.CodeIssued), event(audit.ConsentGiven))
		}},
		{"Consent", 1, func() error { _, err := s.Consent(ctx, "bob", "app"); return err }},
		{"Code", 1, func() error { _, err := s.Code(ctx, "k"); return err }},
		{"RedeemCode", 1, func() error { return redeem(s, "k", "bob", "bob-session") }},
		{"RefreshToken", 1, func() error { _, err := s.RefreshToken(ctx, "k-0"); return err }},
		{"RotateRefreshToken", 1, func() error {
			return s.RotateRefreshToken(ctx, rotation("k", "k-0", "k-1", 1), event(audit.TokenRefreshed))
		}},
		{"LivePerson", 1, func() error { _, err := s.LivePerson(ctx, "k-family", "app", "j"); return err }},
		{"LiveClientGrant", 1, func() error { return s.LiveClientGrant(ctx, app.GrantID, "app", "j") }},
		{"CreateAPI", 1, func() error { return s.CreateAPI(ctx, orders(), readAndWrite, noon, event(audit.APICreated)) }},
		{"API", 1, func() error { _, err := s.API(ctx, orders().Identifier); return err }},
		{"BeginFamily", 1, func() error {
			token := opaque("f", "f-family", "bob")
			first := &oauth.RefreshToken{Hash: "f-0", CreatedAt: noon}
			return s.BeginFamily(ctx, oauth.Beginning{Family: family("f", "bob", ""), First: first, Access: &token, CheckedHash: "hash"}, event(audit.PasswordTraded))
		}},
		{"SaveAccessToken", 1, func() error { return s.SaveAccessToken(ctx, opaque("o", app.GrantID, "app")) }},
		{"AccessToken", 1, func() error { _, _, err := s.AccessToken(ctx, "o"); return err }},
		{"RevokeAccessToken", 1, func() error { return s.RevokeAccessToken(ctx, "gone", noon, event(audit.TokenRevoked)) }},
		{"EndFamily", 1, func() error { return s.EndFamily(ctx, "k-family", oauth.EndedByClient, noon, event(audit.FamilyEnded)) }},
		{"Record", 1, func() error { return s.Record(ctx, event(audit.TokenRefused)) }},
		{"BeginAttempt", 1, func() error { _, _, err := s.BeginAttempt(ctx, identity.Counter{Key: "key"}, noon); return err }},
		{"CreateSession", 1, func() error {
			return s.CreateSession(ctx, signIn(identity.Session{ID: "s", TokenHash: "s", UserID: "bob"}, "d"), noon, event(audit.SignInSucceeded))
		}},
		{"EndSession", 6, func() error { return s.EndSession(ctx, "s", "signed_out", noon, event(audit.SessionEnded)) }},
		{"SchemaState", 1, func() error { _, err := s.SchemaState(ctx); return err }},
		{"Prepare, nothing to do", 3, func() error { return s.Prepare(ctx, nil) }},
	} {
		before := trips.Load()
		must(t, act.do())
		n := trips.Load() - before
		t.Logf("%-24s %d", act.name, n)
		if n > act.most || n == 0 {
			t.Errorf("%s took %d round trips, expected at most %d", act.name, n, act.most)
		}
	}
}

// One of these is what a node does each time it starts.
func BenchmarkPrepare_nothingToDo(b *testing.B) {
	for _, backend := range storetest.Backends {
		b.Run(backend.Name, func(b *testing.B) {
			s := storetest.Open(b, backend.Migrated(b))
			for b.Loop() {
				must(b, s.Prepare(ctx, nil))
			}
		})
	}
}

func BenchmarkRotateRefreshToken(b *testing.B) {
	for _, backend := range storetest.Backends {
		b.Run(backend.Name, func(b *testing.B) {
			s := storetest.Open(b, backend.Migrated(b))
			populated(b, s)
			var next atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				k := "k" + time.Duration(next.Add(1)).String()
				grant(b, s, k, "bob", "")
				presented := k + "-0"
				for i := int64(1); pb.Next(); i++ {
					successor := k + "-" + time.Duration(i).String()
					if err := s.RotateRefreshToken(ctx, rotation(k, presented, successor, i), event(audit.TokenRefreshed)); err != nil {
						b.Error(err)
						return
					}
					presented = successor
				}
			})
		})
	}
}
