package policy

import (
	"maps"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/secret"
)

func live(t *testing.T, pins map[string]Pin, stored map[string]string) *Live {
	t.Helper()
	l, err := New(pins)
	if err != nil {
		t.Fatal(err)
	}
	l.Adopt("read", stored)
	return l
}

func TestDurations_areWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0s": 0, "10s": 10 * time.Second, "90s": 90 * time.Second, "1m": time.Minute, "15m": 15 * time.Minute, "1h30m": 90 * time.Minute,
		"24h": day, "2d": 2 * day, "30d": 30 * day, "2d12h": 60 * time.Hour, "365d": 365 * day,
	} {
		d, err := ParseDuration(text)
		if err != nil || d != want {
			t.Errorf("%s is %s, %v", text, d, err)
		}
		if got := FormatDuration(want); got != text {
			t.Errorf("%s is written %s", want, got)
		}
	}
	for _, text := range []string{"", "15", "-1m", "d", "1.5d", "-2d", "99999999d", "1d-1h", "soon"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %s", text, d)
		}
	}
}

// product.md §6: what nobody has settled is within what may be settled, and is written as it is read.
func TestFields_areWithinTheirBounds(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range Fields {
		if names[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		names[f.Name] = true
		if err := f.Check(f.Default(), true); err != nil {
			t.Errorf("%s: the default %s is refused: %v", f.Name, f.Default(), err)
		}
		bad := []string{"", "nonsense", "-1", "-1s", "999999999", "99999d"}
		if f.read != nil { // each is of another kind: TestFields_ofTextAreOfTheirKinds
			bad = nil
		}
		for _, bad := range bad {
			if err := f.Check(bad, true); err == nil {
				t.Errorf("%s may be %q", f.Name, bad)
			}
		}
		if f.Label == "" || f.Hint == "" || f.Group == "" {
			t.Errorf("%s is not explained", f.Name)
		}
	}
}

func TestFields_ofTextAreOfTheirKinds(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", 32)
	for _, c := range []struct{ name, text, want string }{ // "-": refused
		{"brand_name", "Acme", "Acme"}, {"brand_name", " Acme ", "Acme"}, {"brand_name", "", "Gatehouse"}, {"brand_name", strings.Repeat("é", 60), strings.Repeat("é", 60)},
		{"brand_name", strings.Repeat("é", 61), "-"}, {"brand_name", "two\nlines", "-"}, {"brand_name", "\u202eemca", "-"},
		{"brand_accent", "#2452C4", "2452c4"}, {"brand_accent", "2452c4", "2452c4"}, {"brand_accent", "", ""}, {"brand_accent", "blue", "-"}, {"brand_accent", "#24c", "-"},
		{"brand_help_uri", "https://help.example.com/a?b=c", "https://help.example.com/a?b=c"}, {"brand_help_uri", "mailto:help@example.com", "mailto:help@example.com"},
		{"brand_help_uri", "mailto:help", "-"}, {"brand_help_uri", "mailto:a@example.com?bcc=b@example.com", "-"}, {"brand_help_uri", "mailto:Help <a@example.com>", "-"},
		{"brand_help_uri", "javascript:alert(1)", "-"}, {"brand_policy_uri", "javascript:alert(1)", "-"}, {"brand_policy_uri", "mailto:help@example.com", "-"},
		{"brand_policy_uri", "http://example.com/", "http://example.com/"}, {"brand_tos_uri", "//example.com", "-"}, {"brand_tos_uri", "https://a:b@example.com", "-"},
		{"brand_logo", hash, hash}, {"brand_logo", "../../etc/passwd", "-"}, {"brand_logo", strings.ToUpper(hash), "-"},
	} {
		f, known := FieldByName(c.name)
		if !known || f.IsSwitch() || f.IsDuration() || f.Bounds() == "" {
			t.Fatalf("%s: %+v", c.name, f)
		}
		var s Settings
		err := f.set(&s, c.text, true)
		if (err != nil) != (c.want == "-") || err == nil && f.Text(&s) != c.want {
			t.Errorf("%s: %q is %q, %v", c.name, c.text, f.Text(&s), err)
		}
	}
}

// A name is put back by leaving it empty, a picture cannot be pinned.
func TestLive_brandingIsSettledAndPutBack(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", 32)
	l := live(t, map[string]Pin{"brand_tos_uri": {"https://example.com/tos", "GATEHOUSE_BRAND_TOS_URI"}}, map[string]string{"brand_name": "Acme", "brand_logo": hash, "brand_accent": "gone wrong"})
	if b := l.Now().Brand; b.Name != "Acme" || b.Logo != hash || b.Accent != "" || b.TosURI != "https://example.com/tos" || l.State().Faults["brand_accent"] == "" {
		t.Errorf("%+v", b)
	}
	kept, diff, faults := l.Changed(map[string]string{"brand_name": "", "brand_accent": "#FFAA00", LogoName: "", "brand_help_uri": ""})
	want := map[string]string{"brand_name": "", "brand_accent": "ffaa00", "brand_logo": ""}
	if len(faults) > 0 || !maps.Equal(kept, want) || diff["brand_name"].Before != "Acme" || diff["brand_name"].After != "Gatehouse" || diff["brand_logo"].Before != hash {
		t.Errorf("%v %v %v", kept, diff, faults)
	}
	if _, _, faults := l.Changed(map[string]string{"brand_tos_uri": "https://example.com/other"}); faults["brand_tos_uri"] == "" {
		t.Error("what is pinned was changed")
	}
}

func TestLive_pinsWinOverTheDatabaseAndItOverTheDefault(t *testing.T) {
	t.Parallel()
	l := live(t, map[string]Pin{"code_ttl": {"2s", "GATEHOUSE_CODE_TTL"}}, map[string]string{
		"code_ttl": "5m", "id_token_ttl": "5m", "access_token_ttl": "90d", "of_a_newer_version": "yes",
	})
	lifetimes := l.Now().OAuth.Lifetimes
	if lifetimes.Code != 2*time.Second || lifetimes.IDToken != 5*time.Minute || lifetimes.AccessToken != 15*time.Minute {
		t.Errorf("%+v", lifetimes)
	}
	for name, want := range map[string]string{"code_ttl": "GATEHOUSE_CODE_TTL", "id_token_ttl": "database", "access_token_ttl": "default", "session_idle": "default"} {
		if got := l.Source(name); got != want {
			t.Errorf("%s comes from %s", name, got)
		}
	}
	if faults := l.State().Faults; len(faults) != 1 || faults["access_token_ttl"] == "" {
		t.Errorf("%v", faults)
	}
	if l.Adopt("read", nil) || l.Now().OAuth.Lifetimes.IDToken != 5*time.Minute {
		t.Error("a revision that is known is read again")
	}
	told := 0
	l.OnChange(func(*Settings) { told++ })
	if !l.Adopt("later", nil) || l.Now().OAuth.Lifetimes.IDToken != 15*time.Minute || told != 2 {
		t.Errorf("told %d times", told)
	}
	for name, pin := range map[string]Pin{"nothing": {"1", "x"}, "code_ttl": {"soon", "x"}} {
		if _, err := New(map[string]Pin{name: pin}); err == nil {
			t.Errorf("%s can be pinned", name)
		}
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	l := live(t, map[string]Pin{"implicit_grant": {"false", "--implicit-grant"}}, map[string]string{"id_token_ttl": "5m", "rate_signin": "5"})
	for _, c := range []struct {
		name   string
		texts  map[string]string
		kept   map[string]string
		faulty string
	}{
		{"nothing", nil, map[string]string{}, ""},
		{"what it is", map[string]string{"id_token_ttl": "300s", "code_ttl": "60s", "password_grant": "false"}, map[string]string{}, ""},
		{"another", map[string]string{"code_ttl": " 2m ", "password_grant": "true"}, map[string]string{"code_ttl": "2m", "password_grant": "true"}, ""},
		{"the default", map[string]string{"id_token_ttl": "15m"}, map[string]string{"id_token_ttl": ""}, ""},
		{"none", map[string]string{"id_token_ttl": "", "code_ttl": ""}, map[string]string{"id_token_ttl": ""}, ""},
		{"a limit that is the default, and holds for this machine because it was set", map[string]string{"rate_signin": "30"}, map[string]string{"rate_signin": "30"}, ""},
		{"no limit of one's own", map[string]string{"rate_signin": ""}, map[string]string{"rate_signin": ""}, ""},
		{"what is pinned, as it is", map[string]string{"implicit_grant": "false"}, map[string]string{}, ""},
		{"what is pinned", map[string]string{"implicit_grant": "true"}, nil, "implicit_grant"},
		{"too long", map[string]string{"code_ttl": "11m"}, nil, "code_ttl"},
		{"unknown", map[string]string{"nothing": "1"}, nil, "nothing"},
		{"longer than what it is part of", map[string]string{"refresh_token_idle": "31d"}, nil, "refresh_token_idle"},
		{"shorter than its part, which it binds", map[string]string{"refresh_token_ttl": "7d", "refresh_token_idle": "14d"}, map[string]string{"refresh_token_ttl": "7d"}, ""},
		{"a session", map[string]string{"session_idle": "30d"}, nil, "session_idle"},
		{"longer than changes", map[string]string{"audit_keep_activity": "366d"}, nil, "audit_keep_activity"},
		{"changes shorter than the rest", map[string]string{"audit_keep_activity": "200d", "audit_keep_changes": "365d", "audit_keep_refusals": "30d"}, map[string]string{"audit_keep_activity": "200d"}, ""},
		{"changes shorter than activity", map[string]string{"audit_keep_changes": "90d"}, map[string]string{"audit_keep_changes": "90d"}, ""},
		{"the console", map[string]string{"console_idle": "9h"}, nil, "console_idle"},
	} {
		kept, diff, faults := l.Changed(c.texts)
		if c.faulty != "" {
			if len(faults) != 1 || faults[c.faulty] == "" {
				t.Errorf("%s: %v", c.name, faults)
			}
			continue
		}
		if len(faults) > 0 || !maps.Equal(kept, c.kept) || len(diff) != len(kept) {
			t.Errorf("%s: %v, %v, %v", c.name, kept, diff, faults)
		}
	}
	if _, diff, _ := l.Changed(map[string]string{"id_token_ttl": ""}); diff["id_token_ttl"].Before != "5m" || diff["id_token_ttl"].After != "15m" {
		t.Errorf("%v", diff)
	}
	if next := l.With(map[string]string{"audit_keep_changes": "90d", "id_token_ttl": ""}); next.Retention.Changes != 90*day || next.OAuth.Lifetimes.IDToken != 15*time.Minute || l.Now().Retention.Changes != 365*day {
		t.Errorf("%+v", next)
	}
	if bound := live(t, map[string]Pin{"audit_keep_changes": {"90d", "x"}}, map[string]string{"audit_keep_activity": "200d"}).Now().Retention; bound.Activity != 90*day || bound.Refusals != 30*day {
		t.Errorf("%+v", bound)
	}
	if bound := live(t, nil, map[string]string{"session_ttl": "10m"}).Now().Sessions; bound.Idle != 10*time.Minute || bound.ConsoleIdle != 10*time.Minute {
		t.Errorf("%+v", bound)
	}
}

// Every request asks what is settled: that costs nothing.
func TestNow_allocatesNothing(t *testing.T) {
	l := live(t, nil, map[string]string{"code_ttl": "2m"})
	total := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() { total += l.Now().OAuth.Lifetimes.Code }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if total == 0 {
		t.Error("nothing was read")
	}
}

func BenchmarkNow(b *testing.B) {
	l, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_ = l.Now().OAuth.Lifetimes.Code
	}
}

func TestDefaults_costNoLessThanTheFloor(t *testing.T) {
	t.Parallel()
	if c := Defaults().Password.Cost; c.MemoryMiB != 19 || c.Time != 2 || c != secret.DefaultCost() {
		t.Errorf("%s", c)
	}
}
