package migrations_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"gatehouse/migrations"
	"gatehouse/store/storetest"
)

func TestSteps_areNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int64
	for _, entry := range entries {
		if m := regexp.MustCompile(`^(\d{5})_[a-z_]+\.(sql|go)$`).FindStringSubmatch(entry.Name()); m != nil {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != int64(i+1) {
			t.Fatalf("steps %v", numbers)
		}
	}
	if migrations.Latest() != int64(len(numbers)) {
		t.Errorf("the latest is %d of %d", migrations.Latest(), len(numbers))
	}
}

func TestUp_appliesEveryStepAndTellsWhen(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Empty(t)
		db, dialect := storetest.DB(t, o), migrations.Dialect(o.Driver)
		for _, want := range []int64{0, migrations.Latest(), migrations.Latest()} {
			version, err := migrations.Version(t.Context(), db, dialect)
			if err != nil || version != want {
				t.Fatalf("version %d, %v; want %d", version, err, want)
			}
			steps, err := migrations.Status(t.Context(), db, dialect)
			if err != nil || int64(len(steps)) != migrations.Latest() {
				t.Fatalf("%d steps, %v", len(steps), err)
			}
			for _, step := range steps {
				if step.AppliedAt.IsZero() != (want == 0) {
					t.Errorf("step %+v at version %d", step, want)
				}
			}
			if err := migrations.Up(t.Context(), db, dialect); err != nil {
				t.Fatal(err)
			}
		}
	})
}
