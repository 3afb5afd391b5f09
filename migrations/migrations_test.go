package migrations_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"gatehouse/internal/audit"
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

// A database that has counted by the hour alone has its days afterwards, and counts on.
func TestUp_makesDaysOfTheHours(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Empty(t)
		db, dialect := storetest.DB(t, o), migrations.Dialect(o.Driver)
		if err := migrations.UpTo(t.Context(), db, dialect, 18); err != nil {
			t.Fatal(err)
		}
		midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		for _, row := range []struct {
			client, action string
			hour           int
			count          int64
		}{{"", "token.issued", 0, 1}, {"app", "token.issued", 0, 1}, {"", "token.issued", 23, 2}, {"app", "token.issued", 23, 2}, {"", "token.issued", 24, 4}, {"", "consent.given", 5, 8}, {"app", "consent.given", 5, 8}} {
			if _, err := db.ExecContext(t.Context(), "INSERT INTO rollups (client_id, hour, action, detail, count) VALUES ($1, $2, $3, '', $4)",
				row.client, midnight.Add(time.Duration(row.hour)*time.Hour), row.action, row.count); err != nil {
				t.Fatal(err)
			}
		}
		if err := migrations.Up(t.Context(), db, dialect); err != nil {
			t.Fatal(err)
		}
		s := storetest.Open(t, o)
		s.Count(audit.Event{At: midnight.Add(time.Hour), Action: audit.TokenIssued, Outcome: audit.Success, ClientID: "app", Count: 16})
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		days, err := s.Rollups(t.Context(), "", midnight, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range days {
			got = append(got, fmt.Sprintf("%s %s %d", d.From.Sub(midnight), d.Action, d.Count))
		}
		if want := "[0s consent.given 8 0s token.issued 19 24h0m0s token.issued 4]"; fmt.Sprint(got) != want {
			t.Errorf("%v, not %s", got, want)
		}
		busiest, err := s.BusiestClients(t.Context(), midnight, midnight.Add(24*time.Hour), 5)
		if err != nil || len(busiest) != 1 || busiest[0].Count != 19 {
			t.Errorf("%v, %v", busiest, err)
		}
	})
}
