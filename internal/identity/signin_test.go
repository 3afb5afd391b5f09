package identity

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

const (
	rightPassword = "correct horse battery staple"
	floor         = 300 * time.Millisecond
	home          = "192.0.2.7"
)

// memory is a SignInStore of one person, and everything a try may change.
type memory struct {
	Person   User
	Attempts map[string]int64 // by key, those of a day among them
	Devices  []string
	Failed   []string // addresses a failure was counted against
}

func (m *memory) UserBySignIn(_ context.Context, name string) (*User, error) {
	if FoldUsername(name) != m.Person.Username {
		return nil, fault.NotFound("user")
	}
	u := m.Person
	return &u, nil
}

func (m *memory) User(_ context.Context, id string) (*User, error) {
	if id != m.Person.ID {
		return nil, fault.NotFound("user")
	}
	u := m.Person
	return &u, nil
}

func (m *memory) RaisePasswordHash(_ context.Context, _, oldHash, newHash string) (bool, error) {
	if m.Person.PasswordHash != oldHash {
		return false, nil
	}
	m.Person.PasswordHash = newHash
	return true, nil
}

func (m *memory) KnownDevice(_ context.Context, _, deviceHash string, _ time.Time) (bool, error) {
	for _, d := range m.Devices {
		if secret.Hash(d) == deviceHash {
			return true, nil
		}
	}
	return false, nil
}

func (m *memory) BeginAttempt(_ context.Context, c Counter, at time.Time) (time.Time, bool, error) {
	key := c.Key
	if pause := Pause(m.Attempts[key]); pause > 0 {
		return at.Add(pause), false, nil
	}
	m.Attempts[key]++
	return at.Add(Pause(m.Attempts[key])), true, nil
}

func (m *memory) ForgiveAttempt(_ context.Context, keys ...string) error {
	for _, key := range keys {
		delete(m.Attempts, key)
	}
	return nil
}

func (m *memory) CountDaily(_ context.Context, c Counter, _ time.Time) (int64, error) {
	key := c.Key
	m.Attempts[key]++
	return m.Attempts[key], nil
}

func (m *memory) DailyFailures(_ context.Context, key string) (int64, error) {
	return m.Attempts[key], nil
}

// tried is what a try leads to, for the outside and in the counters.
type tried struct {
	who     string
	message string
	err     error
	took    time.Duration
	left    memory
}

const (
	networkKey = "sign-in attempts|ada|192.0.2.0/24"
	dayKey     = "sign-in attempts of a day|ada|2026-03-01"
	deviceKey  = "sign-in attempts of a browser|1|laptop"
)

// try lets a doorkeeper look at the attempt. Its hash is a weak one, so that the right password would raise it.
func try(t *testing.T, before map[string]int64, a Attempt, change func(*Doorkeeper, *User)) tried {
	t.Helper()
	weak, err := bcrypt.GenerateFromPassword([]byte(rightPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := secret.NewHasher(secret.HasherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer hasher.Close()
	m := &memory{Person: User{ID: "1", Username: "ada", PasswordHash: string(weak), Role: RoleAdmin}, Attempts: map[string]int64{}, Devices: []string{"laptop"}}
	maps.Copy(m.Attempts, before)
	d := &Doorkeeper{
		Store: m, Hasher: hasher, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler), FailureFloor: floor,
		MAC: func(purpose string, parts ...string) string { return purpose + "|" + strings.Join(parts, "|") },
		Reserve: func(_ context.Context, ip, _ string, _ bool) (func(bool), error) {
			return func(failed bool) {
				if failed {
					m.Failed = append(m.Failed, ip)
				}
			}, nil
		},
	}
	if change != nil {
		change(d, &m.Person)
	}
	began := time.Now()
	user, refusal, err := d.Prove(t.Context(), a)
	got := tried{err: err, took: time.Since(began), left: *m}
	if user != nil {
		got.who = user.Username
	}
	if refusal != nil {
		got.message = refusal.Message
	}
	if got.left.Person.PasswordHash == string(weak) {
		got.left.Person.PasswordHash = "as it was" // the salt differs from try to try
	}
	return got
}

func barAdmins(u *User) *Refusal {
	if u.Role.Console() {
		return &Refusal{Rule: "no_console", Expected: "a user without a console role", Remedy: "Use the code grant.", Message: "You are an administrator."}
	}
	return nil
}

// security.md rule 16: otherwise the password grant would say which password is an administrator's.
func TestDoorkeeper_theRightPasswordOfSomebodyBarredIsAWrongOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before map[string]int64
		device string
	}{
		"the first try":              {},
		"after a failure":            {before: map[string]int64{networkKey: 1, dayKey: 1}},
		"the last without a pause":   {before: map[string]int64{networkKey: 4, dayKey: 4}},
		"during a pause":             {before: map[string]int64{networkKey: 5, dayKey: 5}},
		"an account under attack":    {before: map[string]int64{networkKey: 4, dayKey: DailyFailureLimit}},
		"an unknown browser":         {device: "phone"},
		"a known browser":            {before: map[string]int64{networkKey: 5, dayKey: 5, deviceKey: 2}, device: "laptop"},
		"a known browser that waits": {before: map[string]int64{deviceKey: 5}, device: "laptop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := Attempt{Name: "ada", Password: "a wrong guess", IP: home, Device: c.device, Bar: barAdmins}
				wrong := try(t, c.before, a, nil)
				a.Password = rightPassword
				if barred := try(t, c.before, a, nil); !reflect.DeepEqual(barred, wrong) {
					t.Errorf("barred:\n%+v\nwrong:\n%+v", barred, wrong)
				}
				if wrong.who != "" || (wrong.message == "" && wrong.err == nil) {
					t.Errorf("the wrong password: %+v", wrong)
				}
			})
		})
	}
}

func TestDoorkeeper_countsEveryRefusalAndForgivesWhoIsLetIn(t *testing.T) {
	t.Parallel()
	once := map[string]int64{networkKey: 3, dayKey: 3}
	for name, c := range map[string]struct {
		before   map[string]int64
		attempt  Attempt
		change   func(*Doorkeeper, *User)
		who      string
		rule     string
		message  string
		fails    func(error) bool
		attempts map[string]int64
	}{
		"the right password": {
			before: once, attempt: Attempt{Name: "Ada", Password: rightPassword, Bar: func(*User) *Refusal { return nil }},
			who: "ada", attempts: map[string]int64{dayKey: 3},
		},
		"the right password in a known browser": {
			before:  map[string]int64{networkKey: 9, dayKey: DailyFailureLimit, deviceKey: 2},
			attempt: Attempt{Name: "ada", Password: rightPassword, Device: "laptop"},
			who:     "ada", attempts: map[string]int64{dayKey: DailyFailureLimit},
		},
		"a wrong password": {
			before: once, attempt: Attempt{Name: "ada", Password: "guess"},
			rule: "password", message: WrongCredentials, attempts: map[string]int64{networkKey: 4, dayKey: 4},
		},
		"a wrong password in a known browser": {
			before: once, attempt: Attempt{Name: "ada", Password: "guess", Device: "laptop"},
			rule: "password", message: WrongCredentials, attempts: map[string]int64{networkKey: 3, dayKey: 3, deviceKey: 1},
		},
		"a wrong password in a known browser that waits": { // it is a stranger's until then
			before: map[string]int64{deviceKey: 5}, attempt: Attempt{Name: "ada", Password: "guess", Device: "laptop"},
			rule: "password", message: WrongCredentials, attempts: map[string]int64{deviceKey: 5, networkKey: 1, dayKey: 1},
		},
		"nobody of that name": {
			attempt: Attempt{Name: "eve", Password: "guess"},
			rule:    "user_known", message: WrongCredentials,
			attempts: map[string]int64{"sign-in attempts|eve|192.0.2.0/24": 1, "sign-in attempts of a day|eve|2026-03-01": 1},
		},
		"no password set": {
			attempt: Attempt{Name: "ada", Password: rightPassword}, change: func(_ *Doorkeeper, u *User) { u.PasswordHash = "" },
			rule: "password_set", message: WrongCredentials, attempts: map[string]int64{networkKey: 1, dayKey: 1},
		},
		"disabled": {
			attempt: Attempt{Name: "ada", Password: rightPassword}, change: func(_ *Doorkeeper, u *User) { u.DisabledAt = &noon },
			rule: "user_enabled", message: WrongCredentials, attempts: map[string]int64{networkKey: 1, dayKey: 1},
		},
		"barred": {
			attempt: Attempt{Name: "ada", Password: rightPassword, Bar: barAdmins},
			rule:    "no_console", message: WrongCredentials, attempts: map[string]int64{networkKey: 1, dayKey: 1},
		},
		"an account under attack": {
			before: map[string]int64{dayKey: DailyFailureLimit}, attempt: Attempt{Name: "ada", Password: rightPassword},
			rule: "signin_daily_failures", message: manyFailures, attempts: map[string]int64{dayKey: DailyFailureLimit},
		},
		"a pause": {
			before: map[string]int64{networkKey: 6}, attempt: Attempt{Name: "ada", Password: rightPassword},
			fails: func(err error) bool {
				wait := fault.AsTooMany(err)
				return wait != nil && wait.RetryAfter == 2*time.Second
			},
			attempts: map[string]int64{networkKey: 6},
		},
		"an address with too many failures": {
			attempt: Attempt{Name: "ada", Password: rightPassword},
			change: func(d *Doorkeeper, _ *User) {
				d.Reserve = func(_ context.Context, ip, client string, known bool) (func(bool), error) {
					if ip != home || client != "" || known {
						return func(bool) {}, nil
					}
					return nil, fault.TooMany(time.Minute)
				}
			},
			fails: func(err error) bool {
				wait := fault.AsTooMany(err)
				return wait != nil && wait.RetryAfter == time.Minute
			},
			attempts: map[string]int64{},
		},
		"a busy server": {
			attempt: Attempt{Name: "ada", Password: rightPassword}, change: func(d *Doorkeeper, _ *User) { d.Hasher.Close() },
			fails:    func(err error) bool { return errors.Is(err, secret.ErrBusy) },
			attempts: map[string]int64{}, // nothing is done, and nothing counted, for who would wait in vain
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rule := ""
				c.attempt.IP = home
				c.attempt.Refused = func(_ *User, r *Refusal) error { rule = r.Rule; return nil }
				got := try(t, c.before, c.attempt, c.change)
				if got.who != c.who || got.message != c.message || rule != c.rule || !maps.Equal(got.left.Attempts, c.attempts) {
					t.Errorf("%q came in, told %q by rule %q, counters %v", got.who, got.message, rule, got.left.Attempts)
				}
				if c.fails != nil && !c.fails(got.err) || c.fails == nil && got.err != nil {
					t.Errorf("failed with %v", got.err)
				}
				took, failed := time.Duration(0), []string(nil)
				if c.rule != "" {
					took, failed = floor, []string{home}
				}
				if got.took != took || !reflect.DeepEqual(got.left.Failed, failed) {
					t.Errorf("took %s, counted against %v", got.took, got.left.Failed)
				}
				if raised := strings.HasPrefix(got.left.Person.PasswordHash, "$argon2id$"); raised != (c.who != "") {
					t.Errorf("the hash is %q", got.left.Person.PasswordHash)
				}
			})
		})
	}
}

// What could not be written down is not told either: the handler answers for the error.
func TestDoorkeeper_anUnwrittenRefusalIsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("no room left")
	got := try(t, nil, Attempt{Name: "ada", Password: "guess", IP: home, Refused: func(u *User, _ *Refusal) error {
		if u == nil || u.ID != "1" {
			t.Errorf("meant %+v", u)
		}
		return broken
	}}, nil)
	if !errors.Is(got.err, broken) || got.who != "" {
		t.Errorf("%+v", got)
	}
}
