package main

import (
	"fmt"
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

// What is seeded is a house as the house itself knows it: lists, searches, lineages, states.
func TestSeed_fillsAHouse(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		address := o.URL
		if o.Path != "" {
			address = "sqlite://" + o.Path
		}
		const users, clients, families, rotations, events = 300, 20, 400, 5, 500
		flags := []string{
			"seed", "--database-url", address, "--users", fmt.Sprint(users), "--clients", fmt.Sprint(clients), "--families", fmt.Sprint(families),
			"--rotations", fmt.Sprint(rotations), "--audit", fmt.Sprint(events),
		}
		if exit, stdout, stderr := bench(flags...); exit != exitOK || !strings.Contains(stdout, "400 families") {
			t.Fatalf("exit %d\n%s%s", exit, stdout, stderr)
		}
		ctx, s := t.Context(), storetest.Open(t, o)
		now := time.Now()

		people := must(s.Users(ctx, store.UserFilter{Limit: 500}))(t)
		if people.Total != users || len(people.Users) != users {
			t.Fatalf("%d people", people.Total)
		}
		disabled, last := 0, ""
		for _, u := range people.Users {
			if errs := u.Validate(); len(errs) > 0 {
				t.Errorf("%+v: %v", u, errs)
			}
			if key := strings.ToLower(u.Name); key < last {
				t.Errorf("%s comes after %s", u.Name, last)
			} else {
				last = key
			}
			if u.CreatedAt.After(now) || u.CreatedAt.Before(now.Add(-span-time.Minute)) {
				t.Errorf("%s began at %s", u.Username, u.CreatedAt)
			}
			if !u.Enabled() {
				disabled++
			}
		}
		if disabled == 0 || disabled > users/10 {
			t.Errorf("%d people are disabled", disabled)
		}
		somebody := people.Users[users/2]
		if found := must(s.Users(ctx, store.UserFilter{Query: strings.ToUpper(somebody.Username)}))(t); !slices.ContainsFunc(found.Users, func(u identity.User) bool { return u.ID == somebody.ID }) {
			t.Errorf("%s is not found by name", somebody.Username)
		}
		if u := must(s.UserByUsername(ctx, somebody.Username))(t); u.ID != somebody.ID {
			t.Errorf("%s is %s", somebody.Username, u.ID)
		}

		offer := must(s.Offer(ctx, []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials}))(t)
		applications := must(s.Clients(ctx, store.ClientFilter{Limit: 500}))(t)
		if applications.Total != clients {
			t.Errorf("%d applications", applications.Total)
		}
		used := 0
		for _, c := range applications.Clients {
			if at := c.LastUsedAt; at != nil {
				if used++; at.Before(c.CreatedAt) || at.After(now) {
					t.Errorf("%s of %s was used at %s", c.Name, c.CreatedAt, at)
				}
			}
			if errs := c.Validate(offer); len(errs) > 0 {
				t.Errorf("%+v: %v", c, errs)
			}
			if secrets := must(s.ClientSecrets(ctx, c.ID))(t); (len(secrets) == 0) != c.Public() {
				t.Errorf("%s has %d secrets", c.Name, len(secrets))
			}
		}

		if used == 0 {
			t.Error("no application was used")
		}

		all := must(s.Families(ctx, store.FamilyFilter{Limit: 500}))(t)
		if len(all) != families {
			t.Fatalf("%d families", len(all))
		}
		reasons, generations, tokens := map[string]int{}, map[int64]int{}, int64(0)
		for _, f := range all {
			reasons[f.EndReason]++
			generations[f.Generation]++
			tokens += f.Generation + 1
			current := must(s.RefreshToken(ctx, f.CurrentHash))(t)
			if current.ID != f.ID || current.Presented != f.Generation {
				t.Errorf("the current token of %s is number %d of %s", f.ID, current.Presented, current.ID)
			}
			if f.Generation > 0 {
				if before := must(s.RefreshToken(ctx, f.PreviousHash))(t); before.ID != f.ID || before.Presented != f.Generation-1 {
					t.Errorf("the token before that of %s is number %d of %s", f.ID, before.Presented, before.ID)
				}
				if f.RotatedAt.Before(f.CreatedAt) || f.RotatedAt.After(now) {
					t.Errorf("a family of %s was rotated at %s", f.CreatedAt, f.RotatedAt)
				}
			}
			if (f.EndedAt == nil) != (f.EndReason == "") || f.EndedAt != nil && (f.EndedAt.Before(f.CreatedAt) || f.EndedAt.After(now)) {
				t.Errorf("a family of %s ended at %v: %q", f.CreatedAt, f.EndedAt, f.EndReason)
			}
		}
		// Which of the rarer reasons come up among 400 is chance.
		if rare := families - reasons[""] - reasons[oauth.EndedBySession]; reasons[""] == 0 || reasons[oauth.EndedBySession] == 0 || rare == 0 {
			t.Errorf("families ended by %v", reasons)
		}
		if len(generations) < rotations {
			t.Errorf("generations %v", generations)
		}
		db := storetest.DB(t, o)
		for table, want := range map[string]int64{"refresh_tokens": tokens, "sessions": families / everySession} {
			var n int64
			if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != want {
				t.Errorf("%d %s, expected %d: %v", n, table, want, err)
			}
		}
		if average := float64(tokens) / families; average < 0.6*rotations || average > 1.2*rotations {
			t.Errorf("%.1f tokens a family", average)
		}
		f := all[len(all)-1] // the oldest
		if consent := must(s.Consent(ctx, f.UserID, f.ClientID))(t); !consent.Scopes.Covers(f.Scopes) {
			t.Errorf("%s allowed %s, and the family has %s", f.UserID, consent.Scopes, f.Scopes)
		}

		recent := must(s.Events(ctx, store.EventFilter{Limit: 500}))(t)
		refused := 0
		for i, e := range recent {
			if i > 0 && e.At.After(recent[i-1].At) {
				t.Errorf("events %d and %d are out of order", i-1, i)
			}
			if e.Outcome == audit.Refused {
				refused++
				if e.Cause == nil || e.Cause.Rule == "" {
					t.Errorf("refused without a cause: %+v", e)
				}
			}
		}
		if len(recent) != events || refused == 0 || refused > events/4 {
			t.Errorf("%d events, %d refused", len(recent), refused)
		}
		if mine := must(s.Events(ctx, store.EventFilter{ClientID: recent[0].ClientID}))(t); len(mine) == 0 {
			t.Error("an application has no history")
		}

		// A second time it becomes twice as much.
		if exit, _, stderr := bench(flags...); exit != exitOK {
			t.Fatal(stderr)
		}
		if n := must(s.Users(ctx, store.UserFilter{Limit: 1}))(t).Total; n != 2*users {
			t.Errorf("%d people after the second time", n)
		}
	})
}

// Ids and hashes ascend with their numbers: what a family is called, and its tokens, never depends on others.
func TestSeed_rowsFollowFromTheirNumbers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	s := &seed{seedCommand: seedCommand{Users: 50, Clients: 5, Families: 200, Rotations: 10, Audit: 100}, now: at, salt: 42}
	again := &seed{seedCommand: s.seedCommand, now: at, salt: 42}
	last, hash := "", ""
	for i := range s.Families {
		f := s.family(i)
		if other := again.family(i); other.ID != f.ID || other.CurrentHash != f.CurrentHash || other.UserID != f.UserID {
			t.Fatalf("family %d is %+v and %+v", i, f, other)
		}
		if f.ID <= last || f.CurrentHash <= hash || len(f.CurrentHash) != 43 {
			t.Errorf("family %d is called %s after %s, its token %s after %s", i, f.ID, last, f.CurrentHash, hash)
		}
		last, hash = f.ID, f.CurrentHash
		if f.ID[14] != '7' || !strings.ContainsRune("89ab", rune(f.ID[19])) {
			t.Errorf("%s is no UUIDv7", f.ID)
		}
	}
	if s.user(1).ID != s.family(1).UserID {
		t.Error("a family is of somebody else")
	}
}

func TestSeed_refuses(t *testing.T) {
	t.Parallel()
	empty := "sqlite://" + storetest.EmptySQLite(t).Path
	for _, c := range []struct {
		says string
		args []string
	}{
		{"run `gatehouse migrate up` first", []string{"--database-url", empty}},
		{"expected sqlite", []string{"--database-url", "mysql://localhost/x"}},
		{"at least one rotation", []string{"--database-url", empty, "--rotations", "0"}},
		{"families need users", []string{"--database-url", empty, "--users", "0"}},
	} {
		if exit, stdout, stderr := bench(append([]string{"seed"}, c.args...)...); exit != exitFailed || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %q %q", c.args, exit, stdout, stderr)
		}
	}
	if exit, stdout, _ := bench("seed", "--help"); exit != exitOK || !strings.Contains(stdout, "gatehouse client create") {
		t.Errorf("help: exit %d\n%s", exit, stdout)
	}
}
