package identity

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// security.md rule 15.
func TestPause(t *testing.T) {
	t.Parallel()
	for failures, seconds := range map[int64]int{
		-1: 0, 0: 0, 1: 0, 4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16, 10: 32, 11: 64, 12: 128, 13: 256, 14: 300, 15: 300, 100: 300, 1 << 40: 300,
	} {
		if got := Pause(failures); got != time.Duration(seconds)*time.Second {
			t.Errorf("after %d failures: %s", failures, got)
		}
	}
}

func TestPause_neverGrowsShorter(t *testing.T) {
	t.Parallel()
	for failures := range int64(200) {
		if Pause(failures+1) < Pause(failures) {
			t.Errorf("after %d failures %s, after one more %s", failures, Pause(failures), Pause(failures+1))
		}
	}
}

func TestRole_AtLeast(t *testing.T) {
	t.Parallel()
	for i, r := range Roles { // from most to least
		for j, other := range Roles {
			if got := r.AtLeast(other); got != (i <= j) {
				t.Errorf("%s.AtLeast(%s) is %t", r, other, got)
			}
		}
	}
	for _, unknown := range []Role{"", "root", "Admin", "admin "} {
		if unknown.Console() || unknown.AtLeast(RoleAuditor) {
			t.Errorf("%q opens the console", unknown)
		}
	}
	if got := slices.DeleteFunc(slices.Clone(Roles), func(r Role) bool { return !r.Console() }); !slices.Equal(got, []Role{RoleAdmin, RoleOperator, RoleAuditor}) {
		t.Errorf("the console opens to %v", got)
	}
}

func TestSession_Live(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Session)
		at     time.Time
		live   bool
	}{
		{"just made", func(*Session) {}, noon, true},
		{"idle for less than eight hours", func(*Session) {}, noon.Add(SessionIdle - time.Microsecond), true},
		{"idle for eight hours", func(*Session) {}, noon.Add(SessionIdle), false},
		{"seen since", func(s *Session) { s.LastSeenAt = noon.Add(7 * time.Hour) }, noon.Add(SessionIdle), true},
		{"used all day", func(s *Session) { s.LastSeenAt = noon.Add(23 * time.Hour) }, noon.Add(SessionAbsolute - time.Microsecond), true},
		{"at its absolute end", func(s *Session) { s.LastSeenAt = noon.Add(23 * time.Hour) }, noon.Add(SessionAbsolute), false},
		{"ended", func(s *Session) { s.EndedAt = &noon }, noon, false},
	} {
		s := &Session{LastSeenAt: noon, ExpiresAt: noon.Add(SessionAbsolute)}
		c.change(s)
		if got := s.Live(c.at, SessionIdle); got != c.live {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestUser_Enabled(t *testing.T) {
	t.Parallel()
	if u := (&User{}); !u.Enabled() {
		t.Error("a new user is disabled")
	}
	if u := (&User{DisabledAt: &noon}); u.Enabled() {
		t.Error("a disabled user is enabled")
	}
}

func TestProfile_comesBackAsItWasSaved(t *testing.T) {
	t.Parallel()
	for _, p := range []Profile{
		{},
		{GivenName: "Élise", Birthdate: "1980-02-29", PhoneNumber: "+4930123456", PhoneNumberVerified: true, Address: &Address{Formatted: "1 Road\nTown", Country: "DE"}},
	} {
		value, err := p.Value()
		if err != nil {
			t.Fatal(err)
		}
		text, ok := value.(string)
		if !ok {
			t.Fatalf("a %T is no TEXT", value)
		}
		for _, column := range []any{text, []byte(text)} { // SQLite gives one, PostgreSQL the other
			got := Profile{Nickname: "of the row before"}
			if err := got.Scan(column); err != nil || !reflect.DeepEqual(got, p) {
				t.Errorf("%+v became %+v: %v", p, got, err)
			}
		}
	}
	for _, bad := range []any{nil, 7, "", "[]", "{"} {
		if err := new(Profile).Scan(bad); err == nil {
			t.Errorf("%v is a profile", bad)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "192.0.2.1": "192.0.2.0/24", "192.0.3.1": "192.0.3.0/24", "::ffff:192.0.2.77": "192.0.2.0/24",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64", "2001:db8:1:3::1": "2001:db8:1:3::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "unix": "unix",
	} {
		if got := Network(ip); got != want {
			t.Errorf("%s belongs to %s", ip, got)
		}
	}
}
