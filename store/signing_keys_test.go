package store_test

import (
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/store"
)

func signingKey(kid string) keys.SigningKey {
	return keys.SigningKey{KID: kid, Algorithm: keys.ES256, PublicJWK: "{}", PrivateSealed: "sealed " + kid, CreatedAt: noon, ActiveFrom: noon}
}

// Of two who decide on the same keys at once one does, and the other decides again.
func TestChangeSigningKeys_isOfTheKeysAsTheyWereSeen(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		must(t, s.AddSigningKeys(ctx, []keys.SigningKey{signingKey("first")}, event(audit.KeyRotated)))
		seen := must1(s.SigningKeys(ctx))(t)
		answers := make(chan error, 8)
		for i := range cap(answers) {
			added := signingKey(string(rune('a' + i)))
			added.ActiveFrom = noon.Add(24 * time.Hour)
			go func() {
				answers <- s.ChangeSigningKeys(ctx, seen, keys.Change{Added: []keys.SigningKey{added}}, event(audit.KeyStaged))
			}()
		}
		done := 0
		for range cap(answers) {
			if err := <-answers; err == nil {
				done++
			} else {
				wantConflict(t, err, "")
			}
		}
		if n := len(must1(s.SigningKeys(ctx))(t)); done != 1 || n != 2 || events(t, s, audit.KeyStaged) != 1 {
			t.Errorf("%d were staged, and there are %d keys", done, n)
		}
	})
}

// What is written down names the keys that are new and tells of every one whose state changes; what only destroys a private part
// is no event.
func TestChangeSigningKeys_tellsWhoseStateChanges(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		at := noon.Add(time.Minute)
		must(t, s.AddSigningKeys(ctx, []keys.SigningKey{signingKey("old")}, event(audit.KeyRotated)))
		seen := must1(s.SigningKeys(ctx))(t)
		lost, fresh := seen[0], signingKey("fresh")
		lost.PrivateSealed, lost.CompromisedAt, fresh.ActiveFrom = "", &at, at
		replaced := event(audit.KeyReplaced)
		replaced.At, replaced.Changes = at, map[string]audit.Change{audit.Reason: {After: "A lost backup"}}
		must(t, s.ChangeSigningKeys(ctx, seen, keys.Change{Added: []keys.SigningKey{fresh}, Updated: []keys.SigningKey{lost}}, replaced))
		e := must1(s.Events(ctx, store.EventFilter{Action: audit.KeyReplaced}))(t)[0]
		if e.Target != (audit.Party{Kind: audit.KindKey, ID: "fresh", Name: keys.ES256}) || len(e.Changes) != 3 || e.Changes[audit.Reason].After != "A lost backup" ||
			e.Changes["ES256 old"] != (audit.Change{Before: "current", After: "compromised"}) || e.Changes["ES256 (new) fresh"] != (audit.Change{After: "current"}) {
			t.Errorf("written down: %+v", e)
		}
		now := must1(s.SigningKeys(ctx))(t)
		if len(now) != 2 || now[0].PrivateSealed != "" || !now[0].CompromisedAt.Equal(at) {
			t.Fatalf("there are %+v", now)
		}
		bare := now[1]
		bare.PrivateSealed = ""
		must(t, s.ChangeSigningKeys(ctx, now, keys.Change{Updated: []keys.SigningKey{bare}}, event(audit.KeyForgotten)))
		if n := events(t, s, audit.KeyForgotten); n != 0 {
			t.Errorf("%d events", n)
		}
		if now = must1(s.SigningKeys(ctx))(t); now[1].PrivateSealed != "" {
			t.Error("the private part is there")
		}
		must(t, s.ChangeSigningKeys(ctx, now, keys.Change{Removed: []string{"old"}}, event(audit.KeyForgotten)))
		if events(t, s, audit.KeyForgotten) != 1 || len(must1(s.SigningKeys(ctx))(t)) != 1 {
			t.Error("the old key is not forgotten")
		}
	})
}

func TestLastJWKSFetch_isWrittenWithWhatWasCounted(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		if at := must1(s.LastJWKSFetch(ctx))(t); !at.IsZero() {
			t.Errorf("fetched at %s", at)
		}
		for _, step := range []struct{ fetched, want time.Time }{
			{noon, noon}, {noon.Add(30 * time.Second), noon}, {noon.Add(2 * time.Minute), noon.Add(2 * time.Minute)}, {noon, noon.Add(2 * time.Minute)},
		} {
			s.NoteJWKSFetch(step.fetched)
			must(t, s.Flush(ctx))
			if at := must1(s.LastJWKSFetch(ctx))(t); !at.Equal(step.want) {
				t.Errorf("fetched at %s: %s is known, want %s", step.fetched, at, step.want)
			}
		}
	})
}
