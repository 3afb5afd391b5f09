package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// noon is when things happen in these tests, to the microsecond.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

var ctx = context.Background()

func eachDialect(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, fn)
}

func event(action audit.Action) audit.Event {
	return audit.Event{Action: action, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindSystem}}
}

// must stops the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must1 is must for calls with a result.
func must1[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func wantNotFound(t testing.TB, err error) {
	t.Helper()
	if !fault.IsNotFound(err) {
		t.Fatalf("got %v, want not found", err)
	}
}

func wantConflict(t testing.TB, err error, field string) {
	t.Helper()
	if c := fault.AsConflict(err); c == nil || c.Field != field {
		t.Fatalf("got %v, want a conflict of field %q", err, field)
	}
}

// count reads a number behind the verbs.
func count(t testing.TB, s *store.Store, query string, args ...any) int64 {
	t.Helper()
	var n int64
	must(t, s.DB().Get(&n, query, args...))
	return n
}

// events counts the events of this kind.
func events(t testing.TB, s *store.Store, action audit.Action) int64 {
	t.Helper()
	return count(t, s, "SELECT COUNT(*) FROM audit_events WHERE action = $1", string(action))
}

// race runs fn in n goroutines that begin together and counts the errors by what they are.
func race(t testing.TB, n int, fn func(i int) error) (won, spent, notFound int64) {
	t.Helper()
	var wins, spents, missing atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			switch err := fn(i); {
			case err == nil:
				wins.Add(1)
			case errors.Is(err, oauth.ErrSpent):
				spents.Add(1)
			case fault.IsNotFound(err):
				missing.Add(1)
			default:
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	return wins.Load(), spents.Load(), missing.Load()
}

// The fixtures: ada, an administrator, bob, a user; the client app; sessions and grants of theirs.

func addUser(t testing.TB, s *store.Store, id string, role identity.Role) identity.User {
	t.Helper()
	u := identity.User{ID: id, Username: id, Email: id + "@example.org", Name: id, Role: role, PasswordHash: "hash"}
	must(t, s.CreateUser(ctx, u, noon, event(audit.UserCreated)))
	return u
}

func addClient(t testing.TB, s *store.Store, id string) {
	t.Helper()
	c := oauth.Client{
		ID: id, Name: id, ApplicationType: oauth.ApplicationWeb, RedirectURIs: oauth.RedirectURIs{"https://app.example.org/cb"},
		GrantTypes: oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}, Scopes: oauth.Scopes{"openid", "email"},
		TokenEndpointAuthMethod: oauth.AuthBasic, IDTokenSignedResponseAlg: "RS256", RequirePKCE: true,
	}
	must(t, s.CreateClient(ctx, c, &oauth.ClientSecret{ID: id + "-secret", Hash: id + "-hash", Hint: "1234"}, noon, event(audit.ClientCreated)))
}

func addSession(t testing.TB, s *store.Store, id, userID string) {
	t.Helper()
	session := identity.Session{ID: id, TokenHash: id + "-token", UserID: userID, AuthTime: noon, AMR: "pwd", LastSeenAt: noon, ExpiresAt: noon.Add(24 * time.Hour)}
	must(t, s.CreateSession(ctx, signIn(session, id+"-device"), noon, event(audit.SignInSucceeded)))
}

// signIn proves the password that every user of these tests has.
func signIn(session identity.Session, device string) store.SignIn {
	return store.SignIn{Session: session, CheckedHash: "hash", DeviceHash: device}
}

func code(hash, userID, sessionID string) oauth.Code {
	return oauth.Code{
		Hash: hash, ClientID: "app", UserID: userID, SessionID: sessionID, FamilyID: hash + "-family", RedirectURI: "https://app.example.org/cb",
		RedirectURISent: true, Scopes: oauth.Scopes{"openid", "email"}, Nonce: "n", CodeChallenge: "c", AuthTime: noon, AMR: oauth.Words{"pwd"},
		CreatedAt: noon, ExpiresAt: noon.Add(time.Minute),
	}
}

// family is the family that redeeming the code with this hash begins.
func family(codeHash, userID, sessionID string) oauth.Family {
	return oauth.Family{
		ID: codeHash + "-family", ClientID: "app", UserID: userID, SessionID: sessionID, Scopes: oauth.Scopes{"openid", "email"}, AuthTime: noon,
		AMR: oauth.Words{"pwd"}, CreatedAt: noon.Add(time.Second), ExpiresAt: noon.Add(30 * 24 * time.Hour), CurrentHash: codeHash + "-0", IdleExpiresAt: noon.Add(14 * 24 * time.Hour),
	}
}

func redeem(s *store.Store, codeHash, userID, sessionID string) error {
	first := &oauth.RefreshToken{Hash: codeHash + "-0", CreatedAt: noon, IP: "192.0.2.1", UserAgent: "browser", RequestID: "r"}
	return s.RedeemCode(ctx, codeHash, oauth.Beginning{Family: family(codeHash, userID, sessionID), First: first}, event(audit.CodeRedeemed))
}

// rotation replaces the refresh token of a generation by the next.
func rotation(codeHash string, presented, successor string, generation int64) oauth.Rotation {
	at := noon.Add(time.Duration(generation) * time.Minute)
	return oauth.Rotation{
		FamilyID: codeHash + "-family", PresentedHash: presented, SuccessorSealed: "sealed", At: at, IdleExpiresAt: at.Add(time.Hour),
		Successor: oauth.RefreshToken{Hash: successor, Generation: generation, CreatedAt: at},
	}
}

// grant walks one code all the way to a family.
func grant(t testing.TB, s *store.Store, codeHash, userID, sessionID string) {
	t.Helper()
	must(t, s.IssueCode(ctx, code(codeHash, userID, sessionID), nil, event(audit.CodeIssued)))
	must(t, redeem(s, codeHash, userID, sessionID))
}

// populated has ada (an administrator) and bob with a session each and the client app.
func populated(t testing.TB, s *store.Store) {
	t.Helper()
	addUser(t, s, "ada", identity.RoleAdmin)
	addUser(t, s, "bob", identity.RoleUser)
	addClient(t, s, "app")
	addSession(t, s, "ada-session", "ada")
	addSession(t, s, "bob-session", "bob")
}

// alive reports whether access tokens of the family hold.
func alive(t testing.TB, s *store.Store, familyID string) bool {
	t.Helper()
	f := must1(s.Family(ctx, familyID))(t)
	_, err := s.LivePerson(ctx, f.ID, f.ClientID, "jti")
	if err != nil {
		wantNotFound(t, err)
	}
	return err == nil
}

func wantEnded(t testing.TB, s *store.Store, familyID, reason string) {
	t.Helper()
	f := must1(s.Family(ctx, familyID))(t)
	if f.EndedAt == nil || f.EndReason != reason || alive(t, s, familyID) {
		t.Fatalf("family %s ended %v because %q, want %q", familyID, f.EndedAt, f.EndReason, reason)
	}
}

func wantSpent(t testing.TB, s *store.Store, codeHash string) {
	t.Helper()
	if c := must1(s.Code(ctx, codeHash))(t); c.SpentAt == nil {
		t.Fatalf("code %s still works", codeHash)
	}
}

// What is shared outside is read by a transaction for itself: it sees what it has changed, and nobody else does.
func TestInTx_readsWhatItHasChanged(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		must1(s.LivePerson(ctx, "k-family", "app", "jti"))(t)
		no := errors.New("undo")
		err := s.InTx(ctx, func(tx *store.Store) error {
			must(t, tx.EndFamily(ctx, "k-family", oauth.EndedByClient, noon, event(audit.FamilyEnded)))
			_, err := tx.LivePerson(ctx, "k-family", "app", "jti")
			wantNotFound(t, err)
			if c, secret, err := tx.ClientBySecret(ctx, "app", "app-hash"); err != nil || c.ID != "app" || secret == nil {
				t.Errorf("%v, %v, %v", c, secret, err)
			}
			if token := must1(tx.RefreshToken(ctx, "k-0"))(t); token.EndedAt == nil {
				t.Error("the family has not ended in its own transaction")
			}
			must1(tx.Catalog(ctx, noon))(t)
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		must1(s.LivePerson(ctx, "k-family", "app", "jti"))(t)
	})
}
