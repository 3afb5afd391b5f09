package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gatehouse/migrations"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestPrepare_eightNodesThatStartTogetherMakeTheSetupLinkOnce(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Empty(t)
		var made atomic.Int64
		race(t, 8, func(i int) error {
			s, err := store.Open(ctx, o)
			if err != nil {
				return err
			}
			err = s.Prepare(ctx, func(ctx context.Context, tx *store.Store) error {
				if _, hash, err := tx.SetupSeed(ctx); err != nil || hash != "" {
					return err
				}
				made.Add(1)
				return tx.SaveSetupLink(ctx, "seed", "hash")
			})
			return errors.Join(err, s.Close())
		})
		if made.Load() != 1 {
			t.Fatalf("the set-up link was made %d times", made.Load())
		}
		s := storetest.Open(t, o)
		if state := must1(s.SchemaState(ctx))(t); state != store.SchemaCurrent {
			t.Fatalf("the schema is %s", state)
		}
	})
}

func TestPrepare_theSchemaGoesFromEmptyToCurrentAndANewerOneIsRefused(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		s := storetest.Open(t, b.Empty(t))
		want := func(want store.Schema) {
			t.Helper()
			if state := must1(s.SchemaState(ctx))(t); state != want {
				t.Fatalf("the schema is %s, want %s", state, want)
			}
		}
		want(store.SchemaEmpty)
		must(t, s.Prepare(ctx, nil))
		want(store.SchemaCurrent)
		for _, step := range must1(s.MigrationStatus(ctx))(t) {
			if step.AppliedAt.IsZero() {
				t.Errorf("step %s was not applied", step.Name)
			}
		}
		_, err := s.DB().Exec("DELETE FROM goose_db_version WHERE version_id >= $1", undoLatest(t, s))
		must(t, err)
		want(store.SchemaBehind)
		must(t, s.Prepare(ctx, nil))
		want(store.SchemaCurrent)

		_, err = s.DB().Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, TRUE)", migrations.Latest()+1)
		must(t, err)
		want(store.SchemaNewer)
		err = s.Prepare(ctx, func(context.Context, *store.Store) error {
			t.Error("a newer database was touched")
			return nil
		})
		if !errors.Is(err, migrations.ErrNewer) {
			t.Fatalf("got %v, want ErrNewer", err)
		}
	})
}

// undoLatest runs the Down part of the latest step that is SQL, and tells its version.
func undoLatest(t *testing.T, s *store.Store) (undone int64) {
	t.Helper()
	for undone = migrations.Latest(); ; undone-- { // steps in Go come after it, and change nothing that they find changed
		found, err := filepath.Glob(fmt.Sprintf("../migrations/%05d_*.sql", undone))
		must(t, err)
		if len(found) == 1 {
			text := must1(os.ReadFile(found[0]))(t)
			_, down, _ := strings.Cut(string(text), "-- +goose Down")
			must1(s.DB().Exec(down))(t)
			return undone
		}
	}
}

func TestPrepare_anErrorUndoesWhatWasMadeButNotTheSchema(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		s := storetest.Open(t, b.Empty(t))
		sentinel := errors.New("no")
		err := s.Prepare(ctx, func(ctx context.Context, tx *store.Store) error {
			return errors.Join(tx.SaveSetupLink(ctx, "seed", "hash"), sentinel)
		})
		if !errors.Is(err, sentinel) {
			t.Fatal(err)
		}
		if seed, _, err := s.SetupSeed(ctx); err != nil || seed != "" {
			t.Fatalf("seed %q, %v", seed, err)
		}
	})
}

func TestPrepare_waitingForTheLockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		s, other := storetest.Open(t, o), storetest.Open(t, o)
		must(t, s.Prepare(ctx, func(context.Context, *store.Store) error {
			waiting, cancel := context.WithCancel(ctx)
			cancel()
			if err := other.Prepare(waiting, nil); err == nil {
				t.Error("two nodes held the lock")
			}
			return nil
		}))
		must(t, other.Prepare(ctx, nil))
	})
}
