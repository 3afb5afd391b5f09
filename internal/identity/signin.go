package identity

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// WrongCredentials is said of every failed sign-in, so that it tells nothing about who exists.
const WrongCredentials = "The username or the password is wrong."

// manyFailures is said when an account is under attack: only a browser it knows may try a password then.
const manyFailures = "There were too many wrong tries today. Use a browser in which you signed in before, or ask your administrator for a one-time link."

// SignInStore is where a Doorkeeper finds people and keeps its counters. What is not there is a fault.NotFound.
type SignInStore interface {
	// UserBySignIn returns the user that somebody means by a username or an e-mail address, enabled or not.
	UserBySignIn(ctx context.Context, usernameOrEmail string) (*User, error)
	// User returns the user, enabled or not.
	User(ctx context.Context, id string) (*User, error)
	// RaisePasswordHash replaces the hash of an unchanged password; raised is false if it was replaced already.
	RaisePasswordHash(ctx context.Context, userID, oldHash, newHash string) (raised bool, err error)
	// KnownDevice reports whether the person has used the browser to sign in since then.
	KnownDevice(ctx context.Context, userID, deviceHash string, since time.Time) (bool, error)

	// BeginAttempt counts a try as a failure, unless the key is paused; pausedUntil is when the next one may come.
	BeginAttempt(ctx context.Context, c Counter, at time.Time) (pausedUntil time.Time, allowed bool, err error)
	// ForgiveAttempt forgets the failures of these keys.
	ForgiveAttempt(ctx context.Context, keys ...string) error
	// CountDaily counts a failure towards an account's total of a day and returns the total.
	CountDaily(ctx context.Context, day Counter, at time.Time) (int64, error)
	// DailyFailures is the total that CountDaily has reached.
	DailyFailures(ctx context.Context, dayKey string) (int64, error)
}

// Doorkeeper finds out whether a password is a person's, for the sign-in page and the password grant alike, with the same
// counters (security.md rules 15, 16).
type Doorkeeper struct {
	Store  SignInStore
	Hasher *secret.Hasher
	MAC    func(purpose string, parts ...string) string
	Now    func() time.Time
	Log    *slog.Logger
	// Reserve begins a try that may be one of the failures that an address has left, or refuses it (fault.TooMany); a known browser
	// passes. settle tells whether it was one. A client that proved who it is answers for the people behind it, in place of its address.
	Reserve func(ctx context.Context, ip, client string, known bool) (settle func(failed bool), err error)
	// FailureFloor is how long every refusal takes at least, so that its cause does not show (security.md rule 15).
	FailureFloor time.Duration

	turns turns
}

// Attempt is one try: what was typed, and where it came from.
type Attempt struct {
	Name, Password string
	IP             string
	Device         string // the browser's cookie; empty where there is no browser
	Client         string // the client that proved who it is and passes the password on; empty for none
	// Bar says why this door is closed to a person, or nil; a nil Bar bars nobody. The right password of somebody who is
	// barred looks like a wrong one, or the door would tell whether it is right.
	Bar func(*User) *Refusal
	// Refused, where there is one, writes the refusal down while its caller waits. The user is nil if nobody was meant.
	Refused func(*User, *Refusal) error
}

// Refusal is why a password was not accepted, for operators; Message alone may be told to who tried.
type Refusal struct {
	Rule, Expected, Remedy string
	Message                string
}

func refused(rule, expected, remedy string) *Refusal {
	return &Refusal{Rule: rule, Expected: expected, Remedy: remedy, Message: WrongCredentials}
}

// Prove returns the person whose name and password were typed, or why they may not come in. Every refusal is counted and
// takes the same time at least. The error is a fault.TooMany where somebody has to wait before a password is looked at, and
// secret.ErrBusy where too many are being checked.
func (d *Doorkeeper) Prove(ctx context.Context, a Attempt) (*User, *Refusal, error) {
	floor := time.NewTimer(d.FailureFloor)
	defer floor.Stop()
	user, refusal, err := d.prove(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	if refusal == nil {
		return user, nil, nil
	}
	if a.Refused != nil {
		if err := a.Refused(user, refusal); err != nil {
			return nil, nil, err
		}
	}
	select { // one floor for every cause (security.md rule 15)
	case <-floor.C:
	case <-ctx.Done():
	}
	return nil, refusal, nil
}

// prove looks at the counters before it looks at the password, and browsers the person has used pass them (security.md
// rule 15). It returns the person who was meant with the refusal, too.
func (d *Doorkeeper) prove(ctx context.Context, a Attempt) (*User, *Refusal, error) {
	if a.Device == "" { // certainly a stranger: nothing else is done for who would wait in vain
		if err := d.Hasher.Admit(); err != nil {
			return nil, nil, err
		}
	}
	user, err := d.Store.UserBySignIn(ctx, a.Name)
	if err != nil && !fault.IsNotFound(err) {
		return nil, nil, err
	}
	keys := d.counters(a, user)
	// One after the other: a try that is under way counts as a failure until it is none. Each browser has its own turn, so that
	// nobody waits for a stranger's.
	turn := keys.network.Key
	if a.Device != "" {
		turn = keys.device.Key
	}
	done, err := d.turns.take(ctx, turn)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	known, err := d.knownDevice(ctx, a, user, keys)
	if err != nil {
		return nil, nil, err
	}
	if !known {
		if err := d.Hasher.Admit(); err != nil {
			return nil, nil, err
		}
	}
	settle, err := d.Reserve(ctx, a.IP, a.Client, known)
	if err != nil {
		return nil, nil, err
	}
	failed := true // also if a panic comes between
	defer func() { settle(failed) }()
	user, refusal, err := d.decide(ctx, a, user, keys, known)
	failed = refusal != nil && err == nil
	return user, refusal, err
}

// decide is prove where it is this try's turn.
func (d *Doorkeeper) decide(ctx context.Context, a Attempt, user *User, keys counters, known bool) (*User, *Refusal, error) {
	if !known {
		if refusal, err := d.admit(ctx, keys); refusal != nil || err != nil {
			return user, refusal, err
		}
	}
	refusal, err := d.checkPassword(ctx, a, user, known)
	if err != nil {
		return nil, nil, err
	}
	if refusal != nil {
		if !known {
			if _, err := d.Store.CountDaily(ctx, keys.day, d.Now()); err != nil {
				return nil, nil, err
			}
		}
		return user, refusal, nil
	}
	return user, nil, d.Store.ForgiveAttempt(ctx, keys.network.Key, keys.device.Key)
}

// knownDevice reports whether the person has signed in with this browser before. It passes the counters of strangers, but has
// one of its own: whoever guesses in it is a stranger until its pause is over.
func (d *Doorkeeper) knownDevice(ctx context.Context, a Attempt, user *User, keys counters) (bool, error) {
	if user == nil || a.Device == "" {
		return false, nil
	}
	known, err := d.Store.KnownDevice(ctx, user.ID, secret.Hash(a.Device), d.Now().Add(-DeviceLife))
	if err != nil || !known {
		return false, err
	}
	_, allowed, err := d.Store.BeginAttempt(ctx, keys.device, d.Now())
	return allowed, err
}

// counters are the keys under which failures are counted: MACs, so that no name that was tried is stored (rule 14).
type counters struct{ network, day, device Counter }

func (d *Doorkeeper) counters(a Attempt, user *User) counters {
	typed, network, who := FoldUsername(a.Name), Network(a.IP), whose(user)
	return counters{
		// By what was typed: that two names share a counter would tell that they are one person's.
		network: Counter{d.MAC("sign-in attempts", typed, network), CountsNetwork, who, network},
		day:     Counter{d.dayKey(typed), CountsDay, who, ""},
		device:  Counter{d.MAC("sign-in attempts of a browser", who, a.Device), CountsBrowser, who, network},
	}
}

// whose names the person whose browser it is; a browser of nobody's has no counter.
func whose(user *User) string {
	if user == nil {
		return ""
	}
	return user.ID
}

// admit says whether a password may be tried now, and counts the try.
func (d *Doorkeeper) admit(ctx context.Context, keys counters) (*Refusal, error) {
	now := d.Now()
	failures, err := d.Store.DailyFailures(ctx, keys.day.Key)
	if err != nil {
		return nil, err
	}
	if failures >= DailyFailureLimit {
		r := refused("signin_daily_failures", "a known browser, after 100 failures in a day", "Make a one-time link for the person.")
		r.Message = manyFailures
		return r, nil
	}
	until, allowed, err := d.Store.BeginAttempt(ctx, keys.network, now)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, fault.TooMany(max(until.Sub(now), time.Second))
	}
	return nil, nil
}

// checkPassword compares the password, at the same cost whoever it is and whether they exist.
func (d *Doorkeeper) checkPassword(ctx context.Context, a Attempt, user *User, known bool) (*Refusal, error) {
	if user == nil || user.PasswordHash == "" {
		if err := d.Hasher.CheckNobody(ctx, a.Password, known); err != nil {
			return nil, err
		}
		if user == nil {
			return refused("user_known", "the username or e-mail address of a user", "Create the user."), nil
		}
		return refused("password_set", "a user with a password", "Make a one-time link for the person."), nil
	}
	ok, rehash, err := d.Hasher.Check(ctx, user.PasswordHash, a.Password, known)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return refused("password", "the person's password", "Make a one-time link if they forgot it."), nil
	case !user.Enabled():
		return refused("user_enabled", "an enabled user", "Enable the user."), nil
	}
	if a.Bar != nil {
		if r := a.Bar(user); r != nil {
			return refused(r.Rule, r.Expected, r.Remedy), nil // whatever its message: it must not tell that the password is right
		}
	}
	if rehash { // parameters have been raised since, or the hash came from elsewhere
		d.raise(ctx, user, a.Password)
	}
	return nil, nil
}

// raise stores the password under today's parameters. That it fails stops nobody: the next sign-in tries again.
func (d *Doorkeeper) raise(ctx context.Context, user *User, password string) {
	hash, err := d.raised(ctx, user, password)
	if err != nil {
		d.Log.Warn("a password hash could not be raised", "error", err, "user_id", user.ID)
		return
	}
	user.PasswordHash = hash
}

// raised returns the hash that is the person's now: the new one, or that of another sign-in that raised it first. If it is
// another password's, what is returned is not theirs, and no session will begin.
func (d *Doorkeeper) raised(ctx context.Context, user *User, password string) (string, error) {
	hash, err := d.Hasher.Hash(ctx, password)
	if err != nil {
		return "", err
	}
	raised, err := d.Store.RaisePasswordHash(ctx, user.ID, user.PasswordHash, hash)
	if unavailable := fault.AsUnavailable(err); unavailable != nil && unavailable.Unknown {
		err = nil // it may be there
	}
	if err != nil || raised {
		return hash, err
	}
	now, err := d.Store.User(ctx, user.ID)
	if err != nil {
		return "", err
	}
	if ok, _, err := d.Hasher.Check(ctx, now.PasswordHash, password, true); err != nil || !ok {
		return hash, err
	}
	return now.PasswordHash, nil
}
