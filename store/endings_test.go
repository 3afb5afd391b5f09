package store_test

import (
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

// manyFamilies adds n families that are like the one with this id.
func manyFamilies(t testing.TB, s *store.Store, like string, n int) {
	t.Helper()
	rest := "client_id, user_id, grant_type, session_id, scope, resource, auth_time, amr, created_at, expires_at, ended_at, end_reason, " +
		"generation, current_hash, current_presented_at, previous_hash, rotated_at, successor_sealed, idle_expires_at"
	must1(s.DB().Exec(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < `+fmt.Sprint(n)+`)
		INSERT INTO families (id, `+rest+`) SELECT 'many-' || (100000 + n), `+rest+` FROM families, numbers WHERE id = $1`, like))(t)
}

func liveFamilies(t testing.TB, s *store.Store) int64 {
	return count(t, s, "SELECT COUNT(*) FROM families WHERE ended_at IS NULL")
}

func begun(t testing.TB, s *store.Store, kind string, e store.Ending, total int64) *store.Job {
	t.Helper()
	asked := event(audit.EndingBegun)
	asked.Actor = audit.Party{Kind: audit.KindUser, ID: "ada", Name: "ada"}
	job, begun, err := s.BeginEnding(ctx, kind, e, total, "", noon.Add(time.Minute), asked)
	if must(t, err); !begun {
		t.Fatal("it is under way")
	}
	return job
}

// finish does all parts of a job and tells how many there were.
func finish(t testing.TB, s *store.Store, id string) (parts int) {
	t.Helper()
	for more := true; more; parts++ {
		more = must1(s.DoJobPart(ctx, id, noon.Add(2*time.Minute)))(t)
	}
	return parts
}

// Each part is a transaction of its own, whoever does it next goes on from there, and what does not fit, began later, ended
// before or belongs to an administrator stays as it was.
func TestEnding_endsWhatFitsInParts(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addClient(t, s, "shop")
		grant(t, s, "bobs", "bob", "")
		grant(t, s, "adas", "ada", "")
		grant(t, s, "later", "bob", "")
		grant(t, s, "earlier", "bob", "")
		manyFamilies(t, s, "bobs-family", 1200)
		must1(s.DB().Exec("UPDATE families SET client_id = 'shop' WHERE id = 'many-100007'"))(t)
		must1(s.DB().Exec("UPDATE families SET created_at = $1 WHERE id = 'later-family'", noon.Add(time.Minute+time.Microsecond)))(t)
		must(t, s.EndFamily(ctx, "earlier-family", oauth.EndedByClient, noon, event(audit.FamilyEnded)))
		job := begun(t, s, store.KindEndFamilies, store.Ending{ClientID: "app", KeepAdmins: true, Reason: "A leak"}, 1200)
		if !must1(s.DoJobPart(ctx, job.ID, noon.Add(2*time.Minute)))(t) {
			t.Fatal("one part did all")
		}
		if now := must1(s.Job(ctx, job.ID))(t); now.Done < 400 || now.Done > 500 || now.Mark == "" || now.State != store.JobQueued {
			t.Errorf("after a part: %+v", now)
		}
		if parts := finish(t, s, job.ID); parts != 2 {
			t.Errorf("%d parts more", parts)
		}
		now := must1(s.Job(ctx, job.ID))(t)
		if now.Done != 1200 || now.State != store.JobDone {
			t.Errorf("done: %+v", now)
		}
		wantEnded(t, s, "bobs-family", oauth.EndedByOperator)
		wantEnded(t, s, "earlier-family", oauth.EndedByClient)
		for _, id := range []string{"adas-family", "later-family", "many-100007"} {
			if !alive(t, s, id) {
				t.Errorf("%s has ended", id)
			}
		}
		if n := liveFamilies(t, s); n != 3 {
			t.Errorf("%d live", n)
		}
		told := must1(s.Events(ctx, store.EventFilter{TargetID: job.ID}))(t)
		if len(told) != 2 || told[0].Action != audit.EndingFinished || told[0].Changes["ended"].After != "1200" || told[0].Changes["client"].After != "app" ||
			told[0].Actor.ID != "ada" || told[1].Action != audit.EndingBegun || told[1].Changes["total"].After != "1200" || told[1].Changes[audit.Reason].After != "A leak" {
			t.Errorf("written down: %+v", told)
		}
	})
}

func TestEnding_ofSessionsTakesAlongWhatHangsOnThem(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for i := range 60 {
			id := fmt.Sprintf("s%02d", i)
			session := identity.Session{ID: id, TokenHash: id, UserID: "bob", AuthTime: noon, LastSeenAt: noon, ExpiresAt: noon.Add(time.Hour), IP: "192.0.2.7"}
			must(t, s.CreateSession(ctx, signIn(session, ""), noon, event(audit.SignInSucceeded)))
		}
		grant(t, s, "bound", "bob", "s03")
		must(t, s.IssueCode(ctx, code("unused", "bob", "s03"), nil))
		job := begun(t, s, store.KindEndSessions, store.Ending{IP: "192.0.2.7", KeepSession: "s09"}, 59)
		if parts := finish(t, s, job.ID); parts != 2 {
			t.Errorf("%d parts", parts)
		}
		if now := must1(s.Job(ctx, job.ID))(t); now.Done != 59 || now.State != store.JobDone {
			t.Errorf("done: %+v", now)
		}
		wantEnded(t, s, "bound-family", oauth.EndedBySession)
		wantSpent(t, s, "unused")
		if n := count(t, s, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL"); n != 3 { // two elsewhere, and the one that is kept
			t.Errorf("%d live sessions", n)
		}
		// Of a client: those that somebody signed in to it through.
		must(t, s.IssueCode(ctx, code("signed-in", "bob", "bob-session"), nil))
		must(t, redeem(s, "signed-in", "bob", "bob-session"))
		job = begun(t, s, store.KindEndSessions, store.Ending{ClientID: "app"}, 1)
		finish(t, s, job.ID)
		if now := must1(s.Job(ctx, job.ID))(t); now.Done != 1 {
			t.Errorf("of the client: %+v", now)
		}
		wantEnded(t, s, "signed-in-family", oauth.EndedBySession)
	})
}

func TestEnding_isStoppedAndTellsHowFarItCame(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "bobs", "bob", "")
		manyFamilies(t, s, "bobs-family", 700)
		job := begun(t, s, store.KindEndFamilies, store.Ending{UserID: "bob"}, 701)
		must1(s.DoJobPart(ctx, job.ID, noon.Add(2*time.Minute)))(t)
		must(t, s.CancelEnding(ctx, job.ID, noon.Add(3*time.Minute), event(audit.EndingCancelled)))
		wantNotFound(t, s.CancelEnding(ctx, job.ID, noon.Add(3*time.Minute), event(audit.EndingCancelled)))
		if must1(s.DoJobPart(ctx, job.ID, noon.Add(4*time.Minute)))(t) {
			t.Error("it goes on")
		}
		if n := liveFamilies(t, s); n != 201 {
			t.Errorf("%d live", n)
		}
		told := must1(s.Events(ctx, store.EventFilter{Action: audit.EndingCancelled}))(t)
		if len(told) != 1 || told[0].Changes["ended"].After != "500" || told[0].Target.ID != job.ID {
			t.Errorf("%+v", told)
		}
		// An error is told too.
		job = begun(t, s, store.KindEndFamilies, store.Ending{UserID: "bob"}, 201)
		must(t, s.FailJob(ctx, job.ID, "why", noon.Add(5*time.Minute)))
		if n := events(t, s, audit.EndingFailed); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}
