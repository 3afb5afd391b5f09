package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

// many repeats an insert for the numbers n from 1 on.
func many(t testing.TB, s *store.Store, n int, insert string, args ...any) {
	t.Helper()
	must1(s.DB().Exec(fmt.Sprintf("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) ", n)+insert+" FROM numbers", args...))(t)
}

func manyUsers(t testing.TB, s *store.Store, n int) {
	t.Helper()
	users := func(yield func(identity.User) bool) {
		for i := range n {
			if id := fmt.Sprintf("many-%05d", i+1); !yield(identity.User{ID: id, Username: id, Role: identity.RoleUser, CreatedAt: noon, UpdatedAt: noon, Version: 1}) {
				return
			}
		}
	}
	must1(store.NewBulk(s).Users(ctx, users))(t)
}

const numbered = "'many-' || SUBSTR('0000' || n, LENGTH('0000' || n) - 4)"

func removing(t testing.TB, s *store.Store, of, id string) *store.Job {
	t.Helper()
	job := must1(s.Removing(ctx, of, id))(t)
	if job.State != store.JobQueued || job.Done != 0 || job.Total == 0 {
		t.Errorf("it begins as %+v", job)
	}
	return job
}

func wantRemoved(t testing.TB, s *store.Store, job *store.Job, atLeast int) {
	t.Helper()
	if parts := finish(t, s, job.ID); parts < atLeast {
		t.Errorf("%d parts", parts)
	}
	if now := must1(s.Job(ctx, job.ID))(t); now.State != store.JobDone || now.Done != now.Total {
		t.Errorf("done: %+v", now)
	}
}

// What a client was given stops to work in one moment, however much it is; only its ends are written down in parts, and what is
// given from then on is of another era.
func TestRevokeClientTokens_ofAGreatDealTakesEffectAtOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "first", "bob", "")
		manyFamilies(t, s, "first-family", 1200)
		must(t, s.IssueCode(ctx, code("unused", "bob", ""), nil))
		if n := must1(s.RevokeClientTokens(ctx, "app", oauth.EndedByOperator, noon, event(audit.ClientRevokedAll)))(t); n != 1201 {
			t.Errorf("%d families", n)
		}
		live := store.FamilyFilter{ClientID: "app", State: oauth.FamilyLive}
		if n := must1(s.FamilyImpact(ctx, live))(t).Families; n != 0 || liveFamilies(t, s) != 1201 {
			t.Errorf("%d live, %d without an end", n, liveFamilies(t, s))
		}
		if alive(t, s, "first-family") || alive(t, s, "many-100900") {
			t.Error("access tokens hold")
		}
		f := must1(s.Family(ctx, "many-100900"))(t)
		token := must1(s.RefreshToken(ctx, "first-0"))(t)
		if f.State(noon) != oauth.FamilyEnded || !token.EraOver {
			t.Errorf("it is %s, %+v", f.State(noon), token)
		}
		if err := s.RotateRefreshToken(ctx, rotation("first", "first-0", "first-1", 1), event(audit.TokenRefreshed)); !errors.Is(err, oauth.ErrSpent) {
			t.Errorf("a refresh: %v", err)
		}
		wantNotFound(t, redeem(s, "unused", "bob", ""))
		grant(t, s, "after", "bob", "") // the client is still there
		jobs := must1(s.Jobs(ctx, store.KindEndEra, 10))(t)
		if len(jobs) != 1 || jobs[0].Total != 1201 {
			t.Fatalf("%+v", jobs)
		}
		wantNotFound(t, s.CancelEnding(ctx, jobs[0].ID, noon, event(audit.EndingCancelled))) // there is nothing to be stopped
		wantRemoved(t, s, &jobs[0], 3)
		wantEnded(t, s, "many-100900", oauth.EndedByOperator)
		if !alive(t, s, "after-family") || liveFamilies(t, s) != 1 {
			t.Error("what was given afterwards has ended")
		}
	})
}

func TestDeleteClient_withAGreatDealIsGoneAtOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "first", "bob", "")
		manyFamilies(t, s, "first-family", 1200)
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid"}}))
		must(t, s.DeleteClient(ctx, "app", noon, event(audit.ClientDeleted)))
		_, err := s.Client(ctx, "app")
		wantNotFound(t, err)
		_, _, err = s.ClientBySecret(ctx, "app", "app-hash")
		wantNotFound(t, err)
		wantNotFound(t, s.DeleteClient(ctx, "app", noon, event(audit.ClientDeleted)))
		wantNotFound(t, s.EnableClient(ctx, "app", noon, event(audit.ClientEnabled)))
		wantNotFound(t, redeem(s, "unused", "bob", "bob-session"))
		if alive(t, s, "first-family") || len(must1(s.Clients(ctx, store.ClientFilter{Query: "app"}))(t).Clients) > 0 {
			t.Error("it is there")
		}
		wantRemoved(t, s, removing(t, s, audit.KindClient, "app"), 12)
		for _, table := range []string{"clients WHERE id = 'app'", "families WHERE client_id = 'app'", "codes", "consents", "refresh_tokens"} {
			if n := count(t, s, "SELECT COUNT(*) FROM "+table); n > 0 {
				t.Errorf("%d left of %s", n, table)
			}
		}
		if events(t, s, audit.ClientDeleted) != 1 {
			t.Error("it is not told once")
		}
	})
}

func TestDeleteAttribute_thatManyHaveIsGoneAtOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		attributed(t, s)
		manyUsers(t, s, 1100)
		many(t, s, 1100, `INSERT INTO user_attributes (user_id, key, value) SELECT `+numbered+`, 'dept', '"Sales"'`)
		must(t, s.DeleteAttribute(ctx, "dept", noon.Add(time.Minute), event(audit.AttributeDeleted)))
		_, err := s.Attribute(ctx, "dept")
		wantNotFound(t, err)
		if bob := must1(s.User(ctx, "bob"))(t); bob.Attributes["dept"] != nil || bob.Attributes["sites"] == nil {
			t.Errorf("bob has %v", bob.Attributes)
		}
		if now := must1(s.Person(ctx, "many-00007"))(t); len(now.Attributes) > 0 {
			t.Errorf("an application is told %v", now.Attributes)
		}
		again := identity.Attribute{Key: "dept", Label: "dept", Type: identity.TypeString}
		if taken := fault.AsConflict(s.CreateAttribute(ctx, again, noon, event(audit.AttributeCreated))); taken == nil || taken.Field != "key" {
			t.Error("it is made anew while values of it are there")
		}
		wantRemoved(t, s, removing(t, s, audit.KindAttribute, "dept"), 3)
		must(t, s.CreateAttribute(ctx, again, noon, event(audit.AttributeCreated)))
		u := must1(s.User(ctx, "many-00007"))(t)
		if len(u.Attributes) > 0 || u.Version != 2 || !u.UpdatedAt.Equal(noon.Add(2*time.Minute)) {
			t.Errorf("%+v", u)
		}
	})
}

func TestDeleteGroup_ofManyIsGoneAtOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		manyUsers(t, s, 1100)
		must(t, s.CreateGroup(ctx, identity.Group{ID: "all", Name: "All"}, noon, event(audit.GroupCreated)))
		must(t, s.AddMember(ctx, "all", "bob", noon, event(audit.GroupMemberAdded)))
		many(t, s, 1100, `INSERT INTO memberships (group_id, user_id, created_at) SELECT 'all', `+numbered+`, (SELECT created_at FROM users WHERE id = 'bob')`)
		must(t, s.DeleteGroup(ctx, "all", noon, event(audit.GroupDeleted)))
		_, err := s.Group(ctx, "all")
		wantNotFound(t, err)
		wantNotFound(t, s.AddMember(ctx, "all", "ada", noon, event(audit.GroupMemberAdded)))
		wantNotFound(t, s.CreateScope(ctx, oauth.Scope{Name: "limited", Groups: []string{"all"}}, noon, event(audit.ScopeCreated)))
		if groups, standing := must1(s.GroupsOf(ctx, "bob"))(t), must1(s.Standing(ctx, "bob"))(t); len(groups)+len(standing.Groups) > 0 {
			t.Errorf("bob is in %v, %v", groups, standing.Groups)
		}
		if page := must1(s.Groups(ctx, store.GroupFilter{}))(t); len(page.Groups) > 0 {
			t.Errorf("listed: %+v", page.Groups)
		}
		wantRemoved(t, s, removing(t, s, audit.KindGroup, "all"), 3)
		if n := count(t, s, "SELECT COUNT(*) FROM memberships"); n > 0 {
			t.Errorf("%d left", n)
		}
		must(t, s.CreateGroup(ctx, identity.Group{ID: "new", Name: "All"}, noon, event(audit.GroupCreated)))
	})
}

func TestDeleteScope_thatManyAllowedIsGoneAtOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		manyUsers(t, s, 1100)
		must(t, s.CreateScope(ctx, oauth.Scope{Name: "spare"}, noon, event(audit.ScopeCreated)))
		many(t, s, 1100, `INSERT INTO consents (user_id, client_id, scope, created_at) SELECT `+numbered+`, 'app', 'spare', (SELECT created_at FROM users WHERE id = 'bob')`)
		must(t, s.DeleteScope(ctx, "spare", noon, event(audit.ScopeDeleted)))
		_, err := s.Scope(ctx, "spare")
		wantNotFound(t, err)
		for _, scope := range must1(s.Scopes(ctx))(t) {
			if scope.Name == "spare" {
				t.Error("it is listed")
			}
		}
		if taken := fault.AsConflict(s.CreateScope(ctx, oauth.Scope{Name: "spare"}, noon, event(audit.ScopeCreated))); taken == nil || taken.Field != "name" {
			t.Error("it is made anew while people have allowed it")
		}
		wantRemoved(t, s, removing(t, s, audit.KindScope, "spare"), 3)
		if n := count(t, s, "SELECT COUNT(*) FROM consents"); n > 0 {
			t.Errorf("%d left", n)
		}
	})
}

// A form that is sent twice asks once, also when it is long done; two forms that ask for the same while it is under way do, too.
func TestBeginEnding_isAskedForOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "bobs", "bob", "")
		ask := func(e store.Ending, form string) (*store.Job, bool) {
			job, begun, err := s.BeginEnding(ctx, store.KindEndFamilies, e, 1, form, noon.Add(time.Minute), event(audit.EndingBegun))
			must(t, err)
			return job, begun
		}
		first, begun := ask(store.Ending{UserID: "bob", Reason: "A leak"}, "one")
		if !begun {
			t.Fatal("nothing has begun")
		}
		for _, form := range []string{"one", "two", ""} {
			if job, begun := ask(store.Ending{UserID: "bob", Reason: "Another word"}, form); begun || job.ID != first.ID {
				t.Errorf("form %q: %v %s", form, begun, job.ID)
			}
		}
		if other, begun := ask(store.Ending{UserID: "ada"}, "three"); !begun || other.ID == first.ID {
			t.Error("another ending is not begun")
		}
		finish(t, s, first.ID)
		if job, begun := ask(store.Ending{UserID: "bob"}, "one"); begun || job.ID != first.ID {
			t.Error("the form begins it again")
		}
		if _, begun := ask(store.Ending{UserID: "bob"}, "four"); !begun {
			t.Error("it is not begun anew")
		}
		if n := events(t, s, audit.EndingBegun); n != 3 {
			t.Errorf("told %d times", n)
		}
		var begins [4]bool
		race(t, len(begins), func(i int) (err error) {
			_, begins[i], err = s.BeginEnding(ctx, store.KindEndSessions, store.Ending{UserID: "bob"}, 1, "", noon, event(audit.EndingBegun))
			return err
		})
		n := 0
		for _, b := range begins {
			if b {
				n++
			}
		}
		if n != 1 {
			t.Errorf("of four that ask at once %d begin", n)
		}
	})
}

// Whoever does jobs is told of one when it can be found, and of nothing else.
func TestOnJob_isToldAfterTheCommit(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		told, found := 0, 0
		s.OnJob(func() { told, found = told+1, len(must1(s.QueuedJobs(ctx))(t)) })
		defer s.OnJob(nil)
		begun(t, s, store.KindEndFamilies, store.Ending{UserID: "bob"}, 1)
		if told != 1 || found != 1 {
			t.Errorf("told %d times, and found %d", told, found)
		}
		if err := s.InTx(ctx, func(tx *store.Store) error {
			_, _, err := tx.BeginEnding(ctx, store.KindEndFamilies, store.Ending{UserID: "ada"}, 1, "", noon, event(audit.EndingBegun))
			must(t, err)
			return fault.NotFound("anything")
		}); err == nil || told != 1 {
			t.Errorf("told %d times of what was undone", told)
		}
	})
}
