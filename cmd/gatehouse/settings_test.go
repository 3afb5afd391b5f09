package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// setting is one of those that the command lists.
func (m machine) setting(t *testing.T, name string) settingView {
	t.Helper()
	all := read[[]settingView](t, m.do(t, "settings list --json"))
	i := slices.IndexFunc(all, func(v settingView) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("%s is not listed", name)
	}
	return all[i]
}

func TestSettings_areSetListedAndReset(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		if v := m.setting(t, "code_ttl"); v.Value != "1m" || v.Default != "1m" || v.Source != "default" {
			t.Errorf("%+v", v)
		}
		m.do(t, "settings set code_ttl 2m")
		if v := m.setting(t, "code_ttl"); v.Value != "2m" || v.Source != "database" {
			t.Errorf("%+v", v)
		}
		if out := m.do(t, "settings list"); !strings.Contains(out, "code_ttl") || !strings.Contains(out, "SOURCE") {
			t.Errorf("%s", out)
		}
		m.do(t, "settings reset code_ttl")
		if v := m.setting(t, "code_ttl"); v.Value != "1m" || v.Source != "default" {
			t.Errorf("%+v", v)
		}
		events, err := storetest.Open(t, m.options).Events(t.Context(), store.EventFilter{Action: audit.SettingsChanged, Limit: 5})
		if err != nil || len(events) != 2 || events[1].Changes["code_ttl"] != (audit.Change{Before: "1m", After: "2m"}) || events[0].Actor.Kind != audit.KindCLI {
			t.Errorf("%+v, %v", events, err)
		}
		for _, line := range []string{"settings set code_ttl soon", "settings set nothing 1", "settings reset nothing", "settings set code_ttl 1h"} {
			if a := m.run("", strings.Fields(line)...); a.exit == exitOK {
				t.Errorf("%s works", line)
			}
		}
		// Keeping the audit log shorter deletes: that is said, and asked.
		old := storetest.Open(t, m.options)
		if err := old.Record(t.Context(), audit.Event{At: time.Now().UTC().AddDate(0, 0, -20), Action: audit.TokenRefused, Outcome: audit.Refused}); err != nil {
			t.Fatal(err)
		}
		m.refuses(t, exitFailed, "1 event would be deleted", "settings set audit_keep_refusals 10d")
		if v := m.setting(t, "audit_keep_refusals"); v.Value != "30d" {
			t.Errorf("%+v", v)
		}
		m.do(t, "settings set audit_keep_refusals 10d --yes")
		if v := m.setting(t, "audit_keep_refusals"); v.Value != "10d" {
			t.Errorf("%+v", v)
		}
		// What the environment says wins, and is said to.
		pinned := m.with("GATEHOUSE_CODE_TTL", "3m").with("GATEHOUSE_RATE_CLIENT", "7")
		if v := pinned.setting(t, "code_ttl"); v.Value != "3m" || v.Source != "GATEHOUSE_CODE_TTL" {
			t.Errorf("%+v", v)
		}
		if v := pinned.setting(t, "rate_client"); v.Value != "7" {
			t.Errorf("%+v", v)
		}
		pinned.refuses(t, exitFailed, "GATEHOUSE_CODE_TTL", "settings set code_ttl 2m")
	})
}

// What is settled holds for commands, too: a grant that is on can be registered, a password is as long as it has to be.
func TestSettings_holdForCommands(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		metadata := `{"client_name": "Form", "grant_types": ["password"], "token_endpoint_auth_method": "none"}`
		create := []string{"client", "create", "--metadata", "-"}
		if m.run(metadata, create...).exit == exitOK {
			t.Fatal("the password grant is on")
		}
		m.do(t, "settings set password_grant true")
		if a := m.run(metadata, create...); a.exit != exitOK {
			t.Errorf("%+v", a)
		}
		m.do(t, "settings set password_min_length 30")
		if a := m.run("zebra-lamp-quartz", "user", "create", "--username", "ola", "--password-stdin"); a.exit == exitOK || !strings.Contains(a.err, "30 characters") {
			t.Errorf("%+v", a)
		}
	})
}

func TestConfig_saysWhereEachValueComesFrom(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("GATEHOUSE_LOG_LEVEL", "debug")
	t.Setenv("GATEHOUSE_DATABASE_URL", "postgres://ada:open-sesame@db.example/gatehouse?sslmode=disable")
	t.Setenv("GATEHOUSE_SESSION_IDLE", "2h")
	t.Setenv("GATEHOUSE_MASTER_KEY", secret.NewMasterKey())
	file := write(t, 0o600, "metrics_allow: 192.0.2.0/24\nrate_signin: 5\naccess_token_ttl: 5m\n")
	s := mustValidate(t, parse(t, "--config="+file, "--listen=127.0.0.1:9", "--code-ttl=2m"))
	from := map[string][2]string{}
	for _, o := range s.Origins {
		from[o.Name] = [2]string{o.Value, o.Source}
		if strings.Contains(o.Value, "open-sesame") {
			t.Errorf("%s tells a password", o.Name)
		}
	}
	for name, want := range map[string][2]string{
		"GATEHOUSE_LISTEN": {"127.0.0.1:9", "flag"}, "GATEHOUSE_LOG_LEVEL": {"debug", "environment"},
		"GATEHOUSE_METRICS_ALLOW": {"192.0.2.0/24", "metrics_allow in " + file + ":1"}, "GATEHOUSE_ACME": {"false", "default"}, "GATEHOUSE_MASTER_KEY": {"[secret]", "environment"},
		"GATEHOUSE_DATABASE_URL": {"postgres://ada:xxxxx@db.example/gatehouse", "environment"},
	} {
		if from[name] != want {
			t.Errorf("%s: %q, want %q", name, from[name], want)
		}
	}
	for name, want := range map[string][2]string{
		"code_ttl": {"2m", "--code-ttl"}, "session_idle": {"2h", "GATEHOUSE_SESSION_IDLE"}, "rate_signin": {"5", "rate_signin in " + file + ":2"},
		"access_token_ttl": {"5m", "access_token_ttl in " + file + ":3"}, "client_token_ttl": {"5m", "access_token_ttl in " + file + ":3"},
	} {
		if pin := s.Pins[name]; pin.Text != want[0] || pin.Source != want[1] {
			t.Errorf("%s: %+v, want %q", name, pin, want)
		}
	}
	if len(s.Pins) != 5 {
		t.Errorf("pinned are %v", s.Pins)
	}
	if _, err := (Config{SessionIdle: "1m", RateClient: "many", PasswordHashMemory: "18"}).Validate(func(string) string { return "" }); err == nil ||
		strings.Count(err.Error(), "expected ") != 3 || !strings.Contains(err.Error(), `GATEHOUSE_SESSION_IDLE: "1m": expected 5m to 30d`) {
		t.Errorf("%v", err)
	}
}
