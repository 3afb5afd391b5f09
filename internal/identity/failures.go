package identity

import (
	"context"
	"time"
)

// dayKey names the counter of an account's failures of today, by the name that is typed for it.
func (d *Doorkeeper) dayKey(typed string) string {
	return d.MAC("sign-in attempts of a day", typed, d.Now().Format(time.DateOnly))
}

// dayKeys name the counters of the person's failures of today: each name they sign in with has its own.
func (d *Doorkeeper) dayKeys(u *User) []string {
	keys := []string{d.dayKey(FoldUsername(u.Username))}
	if u.Email != "" {
		keys = append(keys, d.dayKey(FoldUsername(u.Email)))
	}
	return keys
}

// FailuresToday is how often a wrong password was tried for the person today, and whether strangers may still try one.
func (d *Doorkeeper) FailuresToday(ctx context.Context, u *User) (failures int64, locked bool, err error) {
	for _, key := range d.dayKeys(u) {
		n, err := d.Store.DailyFailures(ctx, key)
		if err != nil {
			return 0, false, err
		}
		failures, locked = failures+n, locked || n >= DailyFailureLimit
	}
	return failures, locked, nil
}
