package store_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/store"
)

func TestImages_comeBackAsTheyWere(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		whole := make([]byte, 300<<10) // bytes of every kind, no text
		for i := range whole {
			whole[i] = byte(i)
		}
		picture := brand.ImageOf(whole)
		must(t, s.SaveImage(ctx, *picture, noon))
		must(t, s.SaveImage(ctx, *picture, noon.Add(time.Hour))) // somebody else has the same
		if found := must1(s.Image(ctx, picture.Hash))(t); !bytes.Equal(found.PNG, whole) || found.Hash != picture.Hash {
			t.Errorf("%d bytes, %s", len(found.PNG), found.Hash)
		}
		_, err := s.Image(ctx, "unknown")
		wantNotFound(t, err)
	})
}

// A picture that something shows stays for as long as that does; one that nothing shows is gone a day later.
func TestImages_areSweptWhenNothingShowsThem(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for _, hash := range []string{"of the house", "of an app", "of an app that goes", "of nobody"} {
			must(t, s.SaveImage(ctx, brand.Image{Hash: hash, PNG: []byte(hash)}, noon))
		}
		must(t, s.SaveSettings(ctx, "first", map[string]string{policy.LogoName: "of the house"}, noon, event(audit.SettingsChanged)))
		app := must1(s.Client(ctx, "app"))(t)
		app.Logo, app.Accent = "of an app", "2452c4"
		must(t, s.UpdateClient(ctx, *app, noon, event(audit.ClientUpdated)))
		must(t, s.CreateClient(ctx, oauth.Client{ID: "going", Name: "Going", Logo: "of an app that goes"}, nil, noon, event(audit.ClientCreated)))
		if app = must1(s.Client(ctx, "app"))(t); app.Logo != "of an app" || app.Accent != "2452c4" {
			t.Errorf("%+v", app)
		}
		shown := func(want ...string) {
			t.Helper()
			for _, hash := range []string{"of the house", "of an app", "of an app that goes", "of nobody"} {
				_, err := s.Image(ctx, hash)
				there := false
				for _, w := range want {
					there = there || w == hash
				}
				if there != (err == nil) {
					t.Errorf("%s: %v", hash, err)
				}
			}
		}
		must1(s.Sweep(ctx, noon.Add(day), nil))(t)
		shown("of the house", "of an app", "of an app that goes", "of nobody") // it may be in somebody's form
		must(t, s.DeleteClient(ctx, "going", noon, event(audit.ClientDeleted)))
		must1(s.Sweep(ctx, noon.Add(day+time.Minute), nil))(t)
		shown("of the house", "of an app")

		// What was swept cannot be shown any more, and says so.
		for what, err := range map[string]error{
			"a client":  s.CreateClient(ctx, oauth.Client{ID: "late", Name: "Late", Logo: "of nobody"}, nil, noon, event(audit.ClientCreated)),
			"the house": s.SaveSettings(ctx, "first", map[string]string{policy.LogoName: "of nobody"}, noon, event(audit.SettingsChanged)),
		} {
			var wrong fault.Fields
			if !errors.As(err, &wrong) || len(wrong) != 1 {
				t.Errorf("%s: %v", what, err)
			}
		}

		// One that nothing shows any more goes, too.
		revision, _, err := s.Settings(ctx)
		must(t, err)
		must(t, s.SaveSettings(ctx, revision, map[string]string{policy.LogoName: ""}, noon, event(audit.SettingsChanged)))
		app.Logo = ""
		must(t, s.UpdateClient(ctx, *app, noon, event(audit.ClientUpdated)))
		must1(s.Sweep(ctx, noon.Add(day+time.Minute), nil))(t)
		shown()
	})
}

// Who begins to show a picture that was about to be swept keeps it.
func TestImages_areTouchedByWhoeverShowsThem(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.SaveImage(ctx, brand.Image{Hash: "old", PNG: []byte("old")}, noon))
		later := noon.Add(3 * day)
		err := s.InTx(ctx, func(tx *store.Store) error {
			if err := tx.CreateClient(ctx, oauth.Client{ID: "new", Name: "New", Logo: "old"}, nil, later, event(audit.ClientCreated)); err != nil {
				return err
			}
			return tx.DeleteClient(ctx, "new", later, event(audit.ClientDeleted))
		})
		must(t, err)
		must1(s.Sweep(ctx, later, nil))(t) // nothing shows it, but somebody did a moment ago
		must1(s.Image(ctx, "old"))(t)
	})
}
