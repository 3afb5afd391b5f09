package store_test

import (
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/store"
)

// A browser has one form kept, the last, for as long as was said.
func TestKeepForm_keepsOneForEachBrowser(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		until := noon.Add(time.Minute)
		for _, form := range []store.KeptForm{
			{BrowserHash: "here", UserID: "ada", Sealed: "first", ExpiresAt: until}, {BrowserHash: "here", UserID: "bob", Sealed: "second", ExpiresAt: until}, {BrowserHash: "there", UserID: "bob", Sealed: "third", ExpiresAt: until},
		} {
			must(t, s.KeepForm(ctx, form))
		}
		if kept := must1(s.KeptForm(ctx, "here", noon))(t); kept.UserID != "bob" || kept.Sealed != "second" || !kept.ExpiresAt.Equal(until) {
			t.Errorf("kept %+v", kept)
		}
		_, err := s.KeptForm(ctx, "here", until)
		wantNotFound(t, err)
		must(t, s.DropForm(ctx, "here"))
		_, err = s.KeptForm(ctx, "here", noon)
		wantNotFound(t, err)
		must1(s.Sweep(ctx, until.Add(time.Second), nil))(t)
		if n := count(t, s, "SELECT COUNT(*) FROM kept_forms"); n != 0 {
			t.Errorf("%d forms are kept for ever", n)
		}
	})
}

// A proof is of the password as it is: a new one ends it, in the session that the change leaves alive too.
func TestProveSession_holdsUntilThePasswordChanges(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		proven := func() *time.Time { return must1(s.Session(ctx, "bob-session"))(t).ProvenAt }
		wantNotFound(t, s.ProveSession(ctx, "bob-session", "bob", "another hash", noon, event(audit.SudoGranted)))
		wantNotFound(t, s.ProveSession(ctx, "ada-session", "bob", "hash", noon, event(audit.SudoGranted)))
		if proven() != nil || events(t, s, audit.SudoGranted) != 0 {
			t.Fatal("a wrong proof counts")
		}
		must(t, s.ProveSession(ctx, "bob-session", "bob", "hash", noon, event(audit.SudoGranted)))
		if at := proven(); at == nil || !at.Equal(noon) || events(t, s, audit.SudoGranted) != 1 {
			t.Fatalf("proven at %v", at)
		}
		change := store.PasswordChange{UserID: "bob", OldHash: "hash", NewHash: "new", KeepSession: "bob-session"}
		must(t, s.ChangePassword(ctx, change, noon, event(audit.UserPasswordChanged)))
		if proven() != nil {
			t.Error("the proof of the old password counts still")
		}
		must(t, s.EndSession(ctx, "bob-session", "why", noon, event(audit.SessionEnded)))
		wantNotFound(t, s.ProveSession(ctx, "bob-session", "bob", "new", noon, event(audit.SudoGranted)))
	})
}
