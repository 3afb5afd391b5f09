package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func TestCompleteSetup_ofManyOneMakesTheAdministrator(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		complete := func(hash, name string) error {
			return s.CompleteSetup(ctx, hash, identity.User{ID: name, Username: name, Role: identity.RoleAdmin}, noon, event(audit.SetupCompleted))
		}
		wantNotFound(t, complete("", "early"))
		must(t, s.SaveSetupLink(ctx, "seed", "hash"))
		wantNotFound(t, complete("wrong", "thief"))
		if must1(s.AnyUser(ctx))(t) {
			t.Fatal("there is a user")
		}
		won, _, missing := race(t, 50, func(i int) error { return complete("hash", fmt.Sprint("u", i)) })
		if won != 1 || missing != 49 || count(t, s, "SELECT COUNT(*) FROM users") != 1 || events(t, s, audit.SetupCompleted) != 1 {
			t.Fatalf("%d made an administrator", won)
		}
		if seed, hash, err := s.SetupSeed(ctx); err != nil || seed+hash != "" {
			t.Errorf("the link stayed: %q, %v", seed, err)
		}
		must(t, s.SaveSetupLink(ctx, "seed", "hash")) // even so: there is a user
		wantNotFound(t, complete("hash", "late"))
		if !must1(s.AnyUser(ctx))(t) {
			t.Error("there is no user")
		}
	})
}

func TestCreateUser_endsTheSetupLink(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		must(t, s.SaveSetupLink(ctx, "seed", "hash"))
		addUser(t, s, "ada", identity.RoleAdmin)
		if _, hash, err := s.SetupSeed(ctx); err != nil || hash != "" {
			t.Fatalf("hash %q, %v", hash, err)
		}
	})
}

func TestClaimMasterKey_theFirstStays(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		must(t, s.ClaimMasterKey(ctx, "one"))
		must(t, s.ClaimMasterKey(ctx, "one"))
		if err := s.ClaimMasterKey(ctx, "two"); !errors.Is(err, store.ErrOtherMasterKey) {
			t.Errorf("another key: %v", err)
		}
		if id := must1(s.MasterKeyID(ctx))(t); id != "one" {
			t.Errorf("bound to %q", id)
		}
	})
}

func TestCreateUser_aConflictNamesItsField(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		create := func(u identity.User) error {
			u.Role = identity.RoleUser
			return s.CreateUser(ctx, u, noon, event(audit.UserCreated))
		}
		wantConflict(t, create(identity.User{ID: "x", Username: "ADA", Email: "x@example.org"}), "username")
		wantConflict(t, create(identity.User{ID: "x", Username: "x", Email: "ADA@EXAMPLE.ORG"}), "email")
		wantConflict(t, create(identity.User{ID: "x", Username: "app", Email: "x@example.org"}), "username") // a client's id
		wantConflict(t, create(identity.User{ID: "ada", Username: "x", Email: "x@example.org"}), "id")
		if n := events(t, s, audit.UserCreated); n != 2 {
			t.Errorf("%d events", n)
		}
	})
}

func TestUserBySignIn_takesANameOrAnAddressInAnyCase(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, name := range []string{"ada", "ADA", "ada@example.org", "Ada@Example.ORG"} {
			if u := must1(s.UserBySignIn(ctx, name))(t); u.ID != "ada" || u.Version != 1 || !u.CreatedAt.Equal(noon) || u.Role != identity.RoleAdmin {
				t.Errorf("%s is %+v", name, u)
			}
		}
		_, err := s.UserBySignIn(ctx, "nobody")
		wantNotFound(t, err)
		_, err = s.UserBySignIn(ctx, "@")
		wantNotFound(t, err)
	})
}

func TestUpdateUser_whoeverIsSlowerIsTold(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		u := must1(s.User(ctx, "bob"))(t)
		u.Name, u.Email, u.Username, u.Profile.Nickname = "Bobby", "", "renamed", "B"
		must(t, s.UpdateUser(ctx, *u, noon.Add(time.Hour), event(audit.UserUpdated)))
		wantConflict(t, s.UpdateUser(ctx, *u, noon, event(audit.UserUpdated)), "")
		read := must1(s.User(ctx, "bob"))(t)
		if read.Name != "Bobby" || read.Email != "" || read.Username != "bob" || read.Profile.Nickname != "B" || read.Version != 2 || read.PasswordHash != "hash" {
			t.Errorf("read %+v", read)
		}
		read.Email = "ada@example.org"
		wantConflict(t, s.UpdateUser(ctx, *read, noon, event(audit.UserUpdated)), "email")
		u.ID = "nobody"
		wantNotFound(t, s.UpdateUser(ctx, *u, noon, event(audit.UserUpdated)))
		if p := must1(s.Users(ctx, store.UserFilter{Query: "BOBB"}))(t); p.Total != 1 || p.Users[0].ID != "bob" {
			t.Errorf("found %+v", p)
		}
	})
}

func TestUpdateUser_twoAdministratorsCannotRemoveOneAnother(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		ids := []string{"ada", "eve"}
		for _, id := range ids {
			addUser(t, s, id, identity.RoleAdmin)
		}
		demoted := 0
		errs := make([]error, 2)
		race(t, 2, func(i int) error {
			u, err := s.User(ctx, ids[i])
			if err != nil {
				return err
			}
			if u.Role = identity.RoleUser; i == 0 {
				errs[i] = s.UpdateUser(ctx, *u, noon, event(audit.UserUpdated))
			} else {
				errs[i] = s.DisableUser(ctx, u.ID, noon, event(audit.UserDisabled))
			}
			return nil
		})
		for _, err := range errs {
			var fields fault.Fields
			switch {
			case err == nil:
				demoted++
			case !errors.As(err, &fields) || fields["role"] == "":
				t.Error(err)
			}
		}
		if demoted != 1 || count(t, s, "SELECT COUNT(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL") != 1 {
			t.Errorf("%d of two administrators were removed", demoted)
		}
	})
}

func TestDisableUser_endsAllTheyHave(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		grant(t, s, "bound", "bob", "bob-session")
		grant(t, s, "adas", "ada", "ada-session")
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), nil))
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "l", UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
		must(t, s.DisableUser(ctx, "bob", noon, event(audit.UserDisabled)))
		must(t, s.DisableUser(ctx, "bob", noon, event(audit.UserDisabled)))
		wantEnded(t, s, "k-family", oauth.EndedByDisabling)
		wantEnded(t, s, "bound-family", oauth.EndedBySession)
		wantSpent(t, s, "unused")
		_, err := s.ResetLink(ctx, "l")
		wantNotFound(t, err)
		session, u, err := s.SessionByToken(ctx, "bob-session-token")
		must(t, err)
		if session.EndedAt == nil || session.EndReason != oauth.EndedByDisabling || u.Enabled() || u.Version != 2 {
			t.Errorf("session %+v, user %+v", session, u)
		}
		if !alive(t, s, "adas-family") || events(t, s, audit.UserDisabled) != 1 {
			t.Error("somebody else was hit, or it was told twice")
		}
		wantNotFound(t, s.CreateSession(ctx, signIn(identity.Session{ID: "new", TokenHash: "new", UserID: "bob"}, ""), noon, event(audit.SignInSucceeded)))
		wantNotFound(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "l2", UserID: "bob"}, noon, event(audit.UserResetLinkMade)))
		wantNotFound(t, s.DisableUser(ctx, "nobody", noon, event(audit.UserDisabled)))

		must(t, s.EnableUser(ctx, "bob", noon, event(audit.UserEnabled)))
		must(t, s.EnableUser(ctx, "bob", noon, event(audit.UserEnabled)))
		wantNotFound(t, s.EnableUser(ctx, "nobody", noon, event(audit.UserEnabled)))
		wantEnded(t, s, "k-family", oauth.EndedByDisabling)
		if u := must1(s.User(ctx, "bob"))(t); !u.Enabled() || events(t, s, audit.UserEnabled) != 1 {
			t.Error("bob is not enabled")
		}
	})
}

func TestChangePassword_endsAllButTheSessionItWasChangedIn(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		addSession(t, s, "other", "bob")
		grant(t, s, "k", "bob", "bob-session")
		grant(t, s, "offline", "bob", "")
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), nil))
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "l", UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
		change := store.PasswordChange{UserID: "bob", OldHash: "hash", NewHash: "new", KeepSession: "bob-session", KeepDevice: "bob-session-device"}
		wrong := change
		wrong.OldHash = "another"
		wantNotFound(t, s.ChangePassword(ctx, wrong, noon, event(audit.UserPasswordChanged)))
		wrong = change
		wrong.KeepSession = "ada-session"
		wantNotFound(t, s.ChangePassword(ctx, wrong, noon, event(audit.UserPasswordChanged)))
		must(t, s.ChangePassword(ctx, change, noon, event(audit.UserPasswordChanged)))
		if live := must1(s.LiveSessions(ctx, "bob", noon))(t); len(live) != 1 || live[0].ID != "bob-session" {
			t.Errorf("live sessions %+v", live)
		}
		wantEnded(t, s, "k-family", oauth.EndedByPassword)
		wantEnded(t, s, "offline-family", oauth.EndedByPassword)
		wantSpent(t, s, "unused")
		_, err := s.ResetLink(ctx, "l")
		wantNotFound(t, err)
		if u := must1(s.User(ctx, "bob"))(t); u.PasswordHash != "new" ||
			must1(s.KnownDevice(ctx, "bob", "other-device", noon))(t) || !must1(s.KnownDevice(ctx, "bob", "bob-session-device", noon))(t) {
			t.Errorf("user %+v", u)
		}
		wantNotFound(t, s.ChangePassword(ctx, store.PasswordChange{UserID: "nobody", NewHash: "new"}, noon, event(audit.UserPasswordChanged)))
	})
}

func TestRaisePasswordHash_doesNotBringAnOldPasswordBack(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		if !must1(s.RaisePasswordHash(ctx, "bob", "hash", "stronger"))(t) || must1(s.RaisePasswordHash(ctx, "bob", "hash", "late"))(t) {
			t.Error("the first raises it, and nobody else")
		}
		if u := must1(s.User(ctx, "bob"))(t); u.PasswordHash != "stronger" || u.Version != 1 {
			t.Errorf("user %+v", u)
		}
	})
}

func TestUseResetLink_theNewestWorksOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		for _, hash := range []string{"old", "new"} {
			must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: hash, UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
		}
		use := func(hash string, at time.Time) error {
			return s.UseResetLink(ctx, hash, "fresh", at, event(audit.UserPasswordReset))
		}
		wantNotFound(t, use("old", noon))
		wantNotFound(t, use("new", noon.Add(time.Hour)))
		won, _, missing := race(t, 50, func(int) error { return use("new", noon.Add(time.Minute)) })
		if won != 1 || missing != 49 || events(t, s, audit.UserPasswordReset) != 1 {
			t.Fatalf("%d used the link", won)
		}
		wantEnded(t, s, "k-family", oauth.EndedByPassword)
		link := must1(s.ResetLink(ctx, "new"))(t)
		if len(must1(s.LiveSessions(ctx, "bob", noon))(t)) != 0 || must1(s.KnownDevice(ctx, "bob", "bob-session-device", noon))(t) || link.UsedAt == nil {
			t.Errorf("a session or a device stayed, link %+v", link)
		}
		if u := must1(s.User(ctx, "bob"))(t); u.PasswordHash != "fresh" {
			t.Errorf("user %+v", u)
		}
	})
}

func TestCreateResetLink_ofManyMadeAtOnceOneWorks(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		race(t, 50, func(i int) error {
			return s.CreateResetLink(ctx, identity.ResetLink{Hash: fmt.Sprint(i), UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade))
		})
		if n := count(t, s, "SELECT COUNT(*) FROM reset_links"); n != 1 {
			t.Errorf("%d links", n)
		}
	})
}

// Whoever is looked for is found by name, by username and by e-mail address, each on exactly one page, forth and back.
func TestUsers_whoeverIsLookedForIsOnOnePage(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		add := func(id, name, username, email string, role identity.Role) {
			t.Helper()
			must(t, s.CreateUser(ctx, identity.User{ID: id, Name: name, Username: username, Email: email, Role: role}, noon, event(audit.UserCreated)))
		}
		add("boss", "Boss", "boss", "", identity.RoleAdmin)
		for i := range 7 {
			add(fmt.Sprint("name", i), fmt.Sprintf("Kim %d", i), fmt.Sprintf("x%d", i), "", identity.RoleUser)
			add(fmt.Sprint("username", i), fmt.Sprintf("Someone %d", i), fmt.Sprintf("kim%d", i), "", identity.RoleUser)
			add(fmt.Sprint("email", i), fmt.Sprintf("Other %d", i), fmt.Sprintf("y%d", i), fmt.Sprintf("Kim.%d@example.org", i), identity.RoleUser)
		}
		add("all", "Kim", "kim", "kim@example.org", identity.RoleAuditor)
		add("unnamed", "", "kimberly", "", identity.RoleUser) // listed by username
		must(t, s.DisableUser(ctx, "username3", noon, event(audit.UserDisabled)))
		must(t, s.DisableUser(ctx, "all", noon, event(audit.UserDisabled)))

		ids := func(p store.UserPage) (out []string) {
			for _, u := range p.Users {
				out = append(out, u.ID)
			}
			return out
		}
		for _, c := range []struct {
			want store.UserFilter
			n    int
		}{
			{store.UserFilter{Query: "kim"}, 23}, {store.UserFilter{Query: " KIM "}, 23}, {store.UserFilter{Query: "kim "}, 23}, {store.UserFilter{Query: "kim."}, 7},
			{store.UserFilter{Query: "kim", Status: "active"}, 21}, {store.UserFilter{Query: "kim", Status: "disabled"}, 2},
			{store.UserFilter{Query: "kim", Role: identity.RoleUser}, 22}, {store.UserFilter{Query: "kim", Role: identity.RoleAuditor}, 1},
			{store.UserFilter{Query: "kim", Role: identity.RoleAuditor, Status: "active"}, 0}, {store.UserFilter{Query: "kim", Role: identity.RoleUser, Status: "disabled"}, 1},
			{store.UserFilter{}, 24}, {store.UserFilter{Status: "disabled"}, 2}, {store.UserFilter{Role: identity.RoleAdmin}, 1}, {store.UserFilter{Query: "nobody"}, 0},
		} {
			for _, limit := range []int{1, 3, 7, 8, 50} {
				want, seen := c.want, []string(nil)
				want.Limit = limit
				var pages []store.UserPage
				for {
					p := must1(s.Users(ctx, want))(t)
					pages, seen = append(pages, p), append(seen, ids(p)...)
					if p.Total != int64(c.n) || len(p.Users) > limit {
						t.Fatalf("%+v: %d of %d", want, len(p.Users), p.Total)
					}
					if want.After = p.Next; p.Next == "" {
						break
					}
				}
				slices.Sort(seen)
				if len(slices.Compact(seen)) != c.n || pages[0].Previous != "" {
					t.Errorf("%+v: saw %q", want, seen)
				}
				for i := len(pages) - 1; i > 0; i-- {
					back := c.want
					back.Limit, back.Before = limit, pages[i].Previous
					p := must1(s.Users(ctx, back))(t)
					if !slices.Equal(ids(p), ids(pages[i-1])) || p.Next != pages[i-1].Next || p.Previous != pages[i-1].Previous {
						t.Errorf("%+v: page %d is %q from behind, %q from before", back, i, ids(p), ids(pages[i-1]))
					}
				}
			}
		}
		if first := must1(s.Users(ctx, store.UserFilter{Query: "kim", Limit: 9}))(t); first.Users[0].ID != "all" || first.Users[8].ID != "unnamed" {
			t.Errorf("by name first: %q", ids(first))
		}
	})
}

func TestUsers_areCountedUpToABound(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		_, err := s.DB().Exec(`INSERT INTO users (id, username, username_key, email, email_verified, name, profile, role, password_hash, search_key, search_text, created_at, updated_at, version)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
			SELECT 'id' || i, 'user' || i, 'user' || i, '', TRUE, '', '{}', 'user', '', 'user' || i || '` + "\x1f" + `id' || i, '', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 1 FROM n`)
		must(t, err)
		for query, want := range map[string]int64{"": store.CountLimit + 1, "user": store.CountLimit + 1, "user1": 312, "user12": 12} {
			if p := must1(s.Users(ctx, store.UserFilter{Query: query}))(t); p.Total != want {
				t.Errorf("%q: %d, want %d", query, p.Total, want)
			}
		}
	})
}

func TestCreateSession_isTheLastSignIn(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addUser(t, s, "bob", identity.RoleUser)
		if u := must1(s.User(ctx, "bob"))(t); u.LastSignInAt != nil {
			t.Errorf("signed in at %v", u.LastSignInAt)
		}
		addSession(t, s, "one", "bob")
		if u := must1(s.User(ctx, "bob"))(t); u.LastSignInAt == nil || !u.LastSignInAt.Equal(noon) || u.Version != 1 {
			t.Errorf("signed in at %v, version %d", u.LastSignInAt, u.Version)
		}
	})
}

func TestEndUser_endsAllTheyHaveAndTellsHowMuch(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "")
		grant(t, s, "bound", "bob", "bob-session")
		grant(t, s, "adas", "ada", "ada-session")
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid"}}))
		must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "l", UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
		counted := must1(s.UserImpact(ctx, "bob", noon))(t)
		if want := (store.UserImpact{Sessions: 1, Families: 2, Codes: 1, Clients: 1, Consents: 1, Links: 1}); counted != want {
			t.Errorf("counted %+v", counted)
		}
		if ended := must1(s.EndUser(ctx, "bob", oauth.EndedByOperator, noon, event(audit.UserEnded)))(t); ended != counted {
			t.Errorf("ended %+v of %+v", ended, counted)
		}
		wantEnded(t, s, "k-family", oauth.EndedByOperator)
		wantEnded(t, s, "bound-family", oauth.EndedBySession)
		wantSpent(t, s, "unused")
		_, err := s.ResetLink(ctx, "l")
		wantNotFound(t, err)
		if again := must1(s.EndUser(ctx, "bob", oauth.EndedByOperator, noon, event(audit.UserEnded)))(t); again.Any() || again.Consents != 1 || events(t, s, audit.UserEnded) != 1 {
			t.Errorf("ended twice: %+v", again)
		}
		if !alive(t, s, "adas-family") {
			t.Error("somebody else was hit")
		}
		addSession(t, s, "new", "bob") // they may sign in again
		_, err = s.EndUser(ctx, "nobody", oauth.EndedByOperator, noon, event(audit.UserEnded))
		wantNotFound(t, err)
		_, err = s.UserImpact(ctx, "nobody", noon)
		wantNotFound(t, err)
		// What has lapsed does not end any more.
		if lapsed := must1(s.UserImpact(ctx, "ada", noon.Add(365*24*time.Hour)))(t); lapsed.Any() || lapsed.Clients != 0 {
			t.Errorf("a year later %+v", lapsed)
		}
	})
}

func TestDeleteUser_leavesTheirNameToNobody(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "k", "bob", "bob-session")
		must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid"}}))
		must(t, s.DeleteUser(ctx, "bob", noon, event(audit.UserDeleted)))
		wantNotFound(t, s.DeleteUser(ctx, "bob", noon, event(audit.UserDeleted)))
		for _, table := range []string{"sessions", "families", "codes", "consents", "known_devices"} {
			if n := count(t, s, "SELECT COUNT(*) FROM "+table+" WHERE user_id = 'bob'"); n != 0 {
				t.Errorf("%d %s stayed", n, table)
			}
		}
		_, err := s.User(ctx, "bob")
		wantNotFound(t, err)
		create := func(id, name string) error {
			return s.CreateUser(ctx, identity.User{ID: id, Username: name, Role: identity.RoleUser}, noon, event(audit.UserCreated))
		}
		wantConflict(t, create("other", "bob"), "username")
		wantConflict(t, create("other", "BOB"), "username")
		wantConflict(t, create("bob", "other"), "username") // nor their subject
		must(t, create("other", "bobby"))
		wantConflict(t, s.CreateClient(ctx, oauth.Client{ID: "bob", Name: "Bob"}, nil, noon, event(audit.ClientCreated)), "id")

		var fields fault.Fields
		if err := s.DeleteUser(ctx, "ada", noon, event(audit.UserDeleted)); !errors.As(err, &fields) || fields["role"] == "" {
			t.Errorf("the last administrator: %v", err)
		}
		addUser(t, s, "eve", identity.RoleAdmin)
		deleted, _, _ := race(t, 2, func(i int) error {
			err := s.DeleteUser(ctx, []string{"ada", "eve"}[i], noon, event(audit.UserDeleted))
			if errors.As(err, &fields) {
				return fault.NotFound("another administrator")
			}
			return err
		})
		if deleted != 1 || count(t, s, "SELECT COUNT(*) FROM users WHERE role = 'admin'") != 1 {
			t.Errorf("%d of two administrators were deleted", deleted)
		}
	})
}

// Whoever is deleted while somebody makes a user of their name leaves it to nobody.
func TestDeleteUser_inARaceForTheName(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addUser(t, s, "boss", identity.RoleAdmin)
		for i := range 20 {
			name := fmt.Sprint("kim", i)
			addUser(t, s, name, identity.RoleUser)
			race(t, 2, func(j int) error {
				if j == 0 {
					return s.DeleteUser(ctx, name, noon, event(audit.UserDeleted))
				}
				err := s.CreateUser(ctx, identity.User{ID: "new" + name, Username: name, Role: identity.RoleUser}, noon, event(audit.UserCreated))
				wantConflict(t, err, "username")
				return nil
			})
		}
	})
}
