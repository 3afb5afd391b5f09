package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"gatehouse/internal/secret"
)

// withoutEnvironment unsets every GATEHOUSE_ variable for the test. An empty one counts as unset.
func withoutEnvironment(t *testing.T) {
	t.Helper()
	for i := range reflect.TypeFor[Config]().NumField() {
		t.Setenv(reflect.TypeFor[Config]().Field(i).Tag.Get("variable"), "")
	}
}

// parse reads a command line the way the serve command does.
func parse(t *testing.T, args ...string) Config {
	t.Helper()
	var cli struct {
		Serve struct {
			Config `embed:""`
		} `cmd:""`
	}
	parser, err := kong.New(&cli)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"serve"}, args...)); err != nil {
		t.Fatal(err)
	}
	return cli.Serve.Config
}

func write(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustValidate(t *testing.T, c Config) Settings {
	t.Helper()
	s, err := c.Validate(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConfig_readsTrustedProxies(t *testing.T) {
	withoutEnvironment(t)
	t.Setenv("GATEHOUSE_TRUSTED_PROXIES", " 10.1.2.3/8, 192.0.2.7 ,2001:db8::/32,")
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	if s := mustValidate(t, parse(t)); !reflect.DeepEqual(s.TrustedProxies, want) {
		t.Errorf("read %v", s.TrustedProxies)
	}
	t.Setenv("GATEHOUSE_TRUSTED_PROXIES", "proxy.example,10.0.0.0/33")
	if _, err := parse(t).Validate(os.Getenv); err == nil || strings.Count(err.Error(), "GATEHOUSE_TRUSTED_PROXIES") != 2 {
		t.Errorf("took what is no address: %v", err)
	}
}

func TestConfig_readsWhoMayMeasure(t *testing.T) {
	withoutEnvironment(t)
	s := mustValidate(t, parse(t, "--metrics-allow=10.0.0.0/8", "--metrics-listen=:9090"))
	if !reflect.DeepEqual(s.MetricsAllow, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}) || s.MetricsListen != ":9090" {
		t.Errorf("read %v at %q", s.MetricsAllow, s.MetricsListen)
	}
	_, err := parse(t, "--metrics-allow=everybody", "--metrics-listen=9090").Validate(os.Getenv)
	if err == nil || !strings.Contains(err.Error(), "GATEHOUSE_METRICS_ALLOW") || !strings.Contains(err.Error(), "GATEHOUSE_METRICS_LISTEN") {
		t.Errorf("took what is neither: %v", err)
	}
	if _, err := parse(t, "--metrics-listen=127.0.0.1:8080").Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), "another address than GATEHOUSE_LISTEN") {
		t.Errorf("took one address for two: %v", err)
	}
}

func TestConfig_readsTheLogLevel(t *testing.T) {
	withoutEnvironment(t)
	if s := mustValidate(t, parse(t, "--log-level=warn")); s.LogLevel != slog.LevelWarn {
		t.Errorf("read %v", s.LogLevel)
	}
	if _, err := parse(t, "--log-level=loud").Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), `GATEHOUSE_LOG_LEVEL: "loud"`) {
		t.Errorf("took what is no level: %v", err)
	}
}

// All that cannot be is said at once, before anything starts.
func TestConfig_readsWhereTheCertificateComesFrom(t *testing.T) {
	withoutEnvironment(t)
	cert, key := certificate(t, "login.example.com")
	other, _ := certificate(t, "login.example.com")
	const https, here = "https://login.example.com", "http://localhost:8080"
	for _, c := range []struct {
		config Config
		says   []string
	}{
		{Config{Issuer: https, TLSCert: cert, TLSKey: key, HTTPListen: ":80"}, nil},
		{Config{Issuer: "https://localhost:8443", TLSCert: cert, TLSKey: key}, nil},
		{Config{Issuer: https, ACME: "true", ACMEEmail: "admin@example.com", HTTPListen: ":80"}, nil},
		{Config{Issuer: https + ":8443", ACME: "true", ACMEDirectory: "https://ca.example.com/acme"}, nil},
		{Config{Issuer: https, TLSCert: cert}, []string{"GATEHOUSE_TLS_KEY: is not set"}},
		{Config{Issuer: https, TLSKey: key}, []string{"GATEHOUSE_TLS_CERT: is not set"}},
		{Config{Issuer: https, TLSCert: cert, TLSKey: cert}, []string{"GATEHOUSE_TLS_CERT: "}},
		{Config{Issuer: https, TLSCert: other, TLSKey: key}, []string{"GATEHOUSE_TLS_CERT: tls: private key does not match"}},
		{Config{Issuer: https, TLSCert: "/none/cert.pem", TLSKey: key}, []string{"GATEHOUSE_TLS_CERT: open /none/cert.pem"}},
		{Config{Issuer: https, TLSCert: "/none/cert.pem", TLSKey: "/none/key.pem"}, []string{"GATEHOUSE_TLS_CERT: open /none/cert.pem", "GATEHOUSE_TLS_KEY: open /none/key.pem"}},
		{Config{Issuer: here, TLSCert: cert, TLSKey: key}, []string{"GATEHOUSE_TLS_CERT: expected an https URL"}},
		{Config{Issuer: here, HTTPListen: ":80"}, []string{"GATEHOUSE_HTTP_LISTEN: leads to https"}},
		{Config{Issuer: https, ACME: "true", Listen: ":80", HTTPListen: ":80"}, []string{"GATEHOUSE_HTTP_LISTEN: \":80\": expected another address than GATEHOUSE_LISTEN"}},
		{Config{Issuer: https, ACME: "true", MetricsListen: ":80", HTTPListen: ":80"}, []string{"expected another address than GATEHOUSE_METRICS_LISTEN"}},
		{Config{Issuer: https, ACME: "true", TLSCert: cert, TLSKey: key}, []string{"GATEHOUSE_ACME: is on beside"}},
		{Config{Issuer: here, ACME: "true"}, []string{"GATEHOUSE_ACME: expected GATEHOUSE_ISSUER to be https"}},
		{Config{Issuer: "https://localhost", ACME: "true"}, []string{"GATEHOUSE_ACME: expected GATEHOUSE_ISSUER"}},
		{Config{Issuer: "https://192.0.2.1", ACME: "true"}, []string{"GATEHOUSE_ACME: expected GATEHOUSE_ISSUER"}},
		{Config{Issuer: https, ACME: "perhaps"}, []string{"GATEHOUSE_ACME: \"perhaps\""}},
		{Config{Issuer: here, ACME: "true", ACMEEmail: "Admin <a@b>", ACMEDirectory: "http://ca", TLSKey: key}, []string{
			"GATEHOUSE_ACME: expected", "GATEHOUSE_ACME_EMAIL: ", "GATEHOUSE_ACME_DIRECTORY: ", "GATEHOUSE_TLS_CERT: is not set",
		}},
	} {
		_, err := c.config.Validate(os.Getenv)
		if (err == nil) != (c.says == nil) {
			t.Errorf("%+v: %v", c.config, err)
		}
		for _, says := range c.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v does not say %q", err, says)
			}
		}
	}
	if s := mustValidate(t, Config{ACMEEmail: "a@example.com"}); len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "GATEHOUSE_ACME_EMAIL") {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestConfig_hasDefaults(t *testing.T) {
	withoutEnvironment(t)
	s := mustValidate(t, parse(t))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Listen: "127.0.0.1:8080", Issuer: "http://localhost:8080",
		MetricsAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		TLS:          TLS{Directory: "https://acme-v02.api.letsencrypt.org/directory"},
		Database: Database{
			Driver: "sqlite", Path: filepath.Join(here, "data", "gatehouse.db"),
			URL: secret.Text("sqlite://" + filepath.Join(here, "data", "gatehouse.db")), unnamed: true,
		},
		KeyRotation: 90 * 24 * time.Hour,
		CodeTTL:     time.Minute, RefreshTokenTTL: 720 * time.Hour, RefreshTokenIdle: 336 * time.Hour,
	}
	if len(s.Pins) > 0 {
		t.Errorf("pinned are %v", s.Pins)
	}
	want.Pins, want.Origins = s.Pins, s.Origins
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestConfig_auditTokens(t *testing.T) {
	withoutEnvironment(t)
	if mustValidate(t, parse(t)).AuditTokens || !mustValidate(t, parse(t, "--audit-tokens=all")).AuditTokens {
		t.Error("every token is written down where all is set, and only there")
	}
	if _, err := parse(t, "--audit-tokens=some").Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), `GATEHOUSE_AUDIT_TOKENS: "some"`) {
		t.Errorf("some: %v", err)
	}
}

func TestConfig_keyRotation(t *testing.T) {
	withoutEnvironment(t)
	for text, want := range map[string]time.Duration{"0": 0, "2": 48 * time.Hour, "3650": 3650 * 24 * time.Hour} {
		if got := mustValidate(t, parse(t, "--key-rotation="+text)).KeyRotation; got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, text := range []string{"1", "-2", "3651", "90d", "never"} {
		if _, err := parse(t, "--key-rotation="+text).Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), `GATEHOUSE_KEY_ROTATION: "`+text+`"`) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestConfig_grantsAreSwitchedOn(t *testing.T) {
	withoutEnvironment(t)
	wanted := func(what string, s Settings) {
		t.Helper()
		if !s.PasswordGrant || !s.ImplicitGrant || s.DefaultClient != "cl_x" {
			t.Errorf("%s: got %+v", what, s)
		}
		// RFC 9700 §2.1.2, §2.4: on, but not recommended.
		if len(s.Warnings) != 2 || !strings.HasPrefix(s.Warnings[0], "GATEHOUSE_PASSWORD_GRANT") || !strings.HasPrefix(s.Warnings[1], "GATEHOUSE_IMPLICIT_GRANT") {
			t.Errorf("%s: warnings %q", what, s.Warnings)
		}
	}
	wanted("flags", mustValidate(t, parse(t, "--password-grant=true", "--implicit-grant", "--default-client=cl_x")))
	wanted("file", mustValidate(t, Config{File: write(t, 0o600, "password_grant: true\nimplicit_grant: true\ndefault_client: cl_x\n")}))
	t.Setenv("GATEHOUSE_PASSWORD_GRANT", "1")
	t.Setenv("GATEHOUSE_IMPLICIT_GRANT", "TRUE")
	t.Setenv("GATEHOUSE_DEFAULT_CLIENT", "cl_x")
	wanted("environment", mustValidate(t, parse(t)))
	withoutEnvironment(t)
	if s := mustValidate(t, parse(t, "--password-grant", "--implicit-grant")); !s.PasswordGrant || !s.ImplicitGrant {
		t.Errorf("by the flags alone: %+v", s)
	}
	t.Setenv("GATEHOUSE_PASSWORD_GRANT", "1")
	t.Setenv("GATEHOUSE_IMPLICIT_GRANT", "TRUE")
	t.Setenv("GATEHOUSE_DEFAULT_CLIENT", "cl_x")
	s := mustValidate(t, parse(t, "--password-grant=false", "--implicit-grant=0"))
	if s.PasswordGrant || s.ImplicitGrant || len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "GATEHOUSE_DEFAULT_CLIENT: ") {
		t.Errorf("switched off: %+v", s)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).LogAttrs(t.Context(), slog.LevelInfo, "settings", mustValidate(t, parse(t)).Redacted()...)
	if !strings.Contains(log.String(), `"password_grant":true,"implicit_grant":true,"default_client":"cl_x"`) {
		t.Errorf("printed %s", &log)
	}
	for _, text := range []string{"yes", "on", "2", "perhaps"} {
		_, err := Config{PasswordGrant: onOff(text), ImplicitGrant: onOff(text)}.Validate(os.Getenv)
		for _, name := range []string{"GATEHOUSE_PASSWORD_GRANT", "GATEHOUSE_IMPLICIT_GRANT"} {
			if err == nil || !strings.Contains(err.Error(), name+`: "`+text+`": expected true or false`) {
				t.Errorf("%s %s: %v", name, text, err)
			}
		}
	}
}

func TestConfig_flagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := write(t, 0o600, "# ours\nlisten: 127.0.0.1:1\nissuer: https://file.example\ncode_ttl: 11s\nrefresh_token_ttl:\n")
	withoutEnvironment(t)
	t.Setenv("GATEHOUSE_CONFIG", file)
	if got := mustValidate(t, parse(t)).Listen; got != "127.0.0.1:1" {
		t.Errorf("from the file: %s", got)
	}
	t.Setenv("GATEHOUSE_LISTEN", "127.0.0.1:2")
	if got := mustValidate(t, parse(t)).Listen; got != "127.0.0.1:2" {
		t.Errorf("from the environment: %s", got)
	}
	if got := mustValidate(t, parse(t, "--listen=127.0.0.1:3")).Listen; got != "127.0.0.1:3" {
		t.Errorf("from the flag: %s", got)
	}
	s := mustValidate(t, parse(t))
	if s.Issuer != "https://file.example" || s.CodeTTL != 11*time.Second || s.RefreshTokenTTL != 720*time.Hour {
		t.Errorf("got %+v", s)
	}
	t.Setenv("GATEHOUSE_CONFIG", "/nowhere")
	if got := mustValidate(t, parse(t, "--config", file)).Issuer; got != "https://file.example" {
		t.Errorf("file named by flag: %s", got)
	}
}

func TestConfig_reportsEveryMistakeAtOnce(t *testing.T) {
	withoutEnvironment(t)
	file := write(t, 0o600, "lissten: :80\nissuer: https://x.example/\nissuer: https://y.example\naccess_token_ttl: 15\nlisten: [1]\ncode_ttl: 5s\n")
	t.Setenv("GATEHOUSE_CONFIG", file)
	t.Setenv("GATEHOUSE_CODE_TTL", "11m")
	t.Setenv("GATEHOUSE_REFRESH_TOKEN_TTL", "8761h")
	t.Setenv("GATEHOUSE_REFRESH_TOKEN_IDLE", "0s")
	t.Setenv("GATEHOUSE_REFRESH_REUSE_INTERVAL", "61s")
	t.Setenv("GATEHOUSE_MASTER_KEY", "tooshort")
	t.Setenv("GATEHOUSE_DATABASE_URL", "mysql://root:hunter2@db/x")
	_, err := parse(t).Validate(os.Getenv)
	var mistakes Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		file + `:1: there is no setting "lissten"`,
		file + ":3: issuer is set twice",
		file + ":5: listen: expected one value; several stand in one text, with commas between",
		"GATEHOUSE_ISSUER (issuer in " + file + `:2): "https://x.example/": expected no trailing slash: write https://x.example`,
		"GATEHOUSE_ACCESS_TOKEN_TTL (access_token_ttl in " + file + `:4): "15": expected a duration from 1s to 24h,`,
		`GATEHOUSE_CODE_TTL: "11m": expected a duration from 1s to 10m,`,
		`GATEHOUSE_REFRESH_TOKEN_TTL: "8761h": expected a duration from 1s to 8760h,`,
		`GATEHOUSE_REFRESH_TOKEN_IDLE: "0s": expected a duration from 1s to 8760h,`,
		`GATEHOUSE_REFRESH_REUSE_INTERVAL: "61s": expected a duration from 0s to 1m,`,
		"GATEHOUSE_MASTER_KEY: a master key is 32 bytes",
		"GATEHOUSE_DATABASE_URL: expected sqlite:///absolute/path.db or postgres://",
	} {
		if !strings.Contains(err.Error(), "\n  "+want) {
			t.Errorf("missing: %s", want)
		}
	}
	if len(mistakes) != 11 || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "tooshort") {
		t.Errorf("%d mistakes: %v", len(mistakes), err)
	}
}

func TestConfig_findsVariablesThatAreNoSettings(t *testing.T) {
	t.Parallel()
	got := strangers([]string{
		"GATEHOUSE_TRUSTED_PROXY=10.0.0.1", "GATEHOUSE_LISTEN=:80", "GATEHOUSE_MASTER_KEY=x", "GATEHOUSE_CONFIG=x", "PATH=/bin", "GATEHOUSE_ISUER=x", "GATEHOUSE_EMPTY=",
		"GATEHOUSE_TEST_CHROMIUM=x", "GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_PORT_8080_TCP=tcp://10.0.0.1:8080", "GATEHOUSE_PORT=tcp://10.0.0.1:8080",
	})
	if want := []string{"GATEHOUSE_ISUER", "GATEHOUSE_TRUSTED_PROXY"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConfig_readsOneFlatYAMLFile(t *testing.T) {
	withoutEnvironment(t)
	for _, c := range []struct{ text, says string }{
		{"", ""},
		{"# nothing yet\n", ""},
		{"---\n", ""},
		{"null\n", ""},
		{"listen: \":80\"\n", ""},
		{"refresh_reuse_interval: 0s\n", ""},
		{"- listen\n", ":1: expected settings as `name: value`"},
		{"listen\n", ":1: expected settings as"},
		{"listen: {host: x}\n", "listen: expected one value"},
		{"a: 'b\n", "is not YAML"},
		{"listen: :80\n---\nlisten: :81\n", "one YAML document"},
		{"config: other.yaml\n", `no setting "config"`},
		{"GATEHOUSE_LISTEN: :80\n", `no setting "GATEHOUSE_LISTEN"`},
	} {
		_, err := Config{File: write(t, 0o600, c.text)}.Validate(os.Getenv)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	if _, err := (Config{File: "/does/not/exist.yaml"}).Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), "GATEHOUSE_CONFIG: cannot be read") {
		t.Errorf("a missing file: %v", err)
	}
}

// Security rule 12.
func TestConfig_issuerIsHTTPSOrLoopback(t *testing.T) {
	withoutEnvironment(t)
	for _, issuer := range []string{
		"https://login.example.com", "https://login.example.com:8443", "https://10.0.0.1",
		"https://xn--bcher-kva.example", "https://[2001:db8::1]:8443", "http://localhost", "http://localhost:8080",
		"http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:8080", "https://sso",
	} {
		if s, err := (Config{Issuer: issuer}).Validate(os.Getenv); err != nil || s.Issuer != issuer {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	for issuer, says := range map[string]string{
		"localhost:8080":                   "expected a URL",
		"//login.example.com":              "expected a URL",
		"ftp://login.example.com":          "expected a URL",
		"HTTPS//login.example.com":         "expected a URL",
		"https://":                         "expected a URL",
		"https:///path":                    "expected a URL",
		"http://login.example.com":         "expected https",
		"http://10.0.0.1":                  "expected https",
		"http://0.0.0.0:8080":              "expected https",
		"http://[::]:8080":                 "expected https",
		"http://[::ffff:127.0.0.1]:8080":   "expected https",
		"http://localhost.example.com":     "expected https",
		"http://127.0.0.1.example.com":     "expected https",
		"http://foo.localhost":             "expected https",
		"http://127.1":                     "expected https",
		"https://login.example.com/":       "no trailing slash: write https://login.example.com",
		"https://login.example.com/a":      "no path",
		"https://login.example.com/a/":     "no path",
		"https://login.example.com?x=1":    "no query",
		"https://login.example.com?":       "no query",
		"https://login.example.com#x":      "no fragment",
		"https://login.example.com#":       "no fragment",
		"https://me@login.example.com":     "no user name",
		"https://login.example.com/a//b":   "no path",
		"https://login.example.com/a/../b": "no path",
		"https://login.example.com/a%2fb":  "no path",
		"https://Login.Example.com":        "lower case",
		"https://bücher.example":           "punycode",
		"https://login.example.com.":       "lower case",
		"https://[2001:DB8::1]":            "lower case",
		"https://login.example.com:443":    "leave out :443",
		"http://localhost:80":              "leave out :80",
		"https://login.example.com:":       "a port after the colon",
		"https://login.example.com:0":      "a port from 1",
		"https://login.example.com:70000":  "a port from 1",
		"https://login.example.com:08443":  "a port from 1",
	} {
		if _, err := (Config{Issuer: issuer}).Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), "GATEHOUSE_ISSUER: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, expected %q", issuer, err, says)
		}
	}
}

func TestConfig_listen(t *testing.T) {
	withoutEnvironment(t)
	for listen, ok := range map[string]bool{
		":8080": true, "127.0.0.1:0": true, "[::1]:8080": true, "localhost:80": true, "0.0.0.0:65535": true,
		"8080": false, "127.0.0.1": false, "127.0.0.1:http": false, "127.0.0.1:65536": false, "::1:8080": false, "127.0.0.1:": false,
	} {
		if _, err := (Config{Listen: listen}).Validate(os.Getenv); (err == nil) != ok {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func TestConfig_database(t *testing.T) {
	withoutEnvironment(t)
	for text, want := range map[string]Database{
		"sqlite:///var/lib/gatehouse/x.db":               {Driver: "sqlite", Path: "/var/lib/gatehouse/x.db"},
		"sqlite:///var/lib/../x.db":                      {Driver: "sqlite", Path: "/var/x.db"},
		"sqlite:///my%20files/x.db":                      {Driver: "sqlite", Path: "/my files/x.db"},
		"postgres://me:p%40ss@db.example:5432/gatehouse": {Driver: "postgres"},
		"postgresql://me@db/gatehouse?sslmode=require":   {Driver: "postgres"},
		"postgres:///gatehouse?host=/run/postgresql":     {Driver: "postgres"},
	} {
		want.URL = secret.Text(text)
		if s, err := (Config{DatabaseURL: text}).Validate(os.Getenv, "GATEHOUSE_DATABASE_URL"); err != nil || s.Database != want {
			t.Errorf("%s: %+v, %v", text, s.Database, err)
		}
	}
	for text, says := range map[string]string{
		"sqlite://data/x.db":                 "a relative path would depend",
		"sqlite:data/x.db":                   "a relative path would depend",
		"sqlite:///":                         "sqlite:///absolute/path.db",
		"sqlite:///var/lib/":                 "sqlite:///absolute/path.db",
		"sqlite://:memory:":                  "sqlite:///absolute/path.db",
		"sqlite:///x.db?_pragma=foo":         "chooses SQLite's options itself",
		"/var/lib/x.db":                      "expected sqlite:///",
		"host=db user=me":                    "expected sqlite:///",
		"postgres://me:hunter2@db":           "5432/database",
		"postgres://me:hunter2@db/":          "5432/database",
		"postgres:///gatehouse":              "5432/database",
		"postgres://me:hunter2#1@db/house":   "written %XX",
		"postgres://me:hunter2%zz@db/house":  "written %XX",
		"postgres://me:hunter2/1@db:1/house": "written %XX",
	} {
		_, err := Config{DatabaseURL: text}.Validate(os.Getenv)
		if err == nil || !strings.Contains(err.Error(), "GATEHOUSE_DATABASE_URL: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the message shows the password: %v", err)
		}
	}
}

func TestConfig_lifetimes(t *testing.T) {
	withoutEnvironment(t)
	s := mustValidate(t, Config{AccessTokenTTL: "2s", CodeTTL: "1s", RefreshTokenTTL: "3s", RefreshReuseInterval: "0"})
	if s.AccessTokenTTL != 2*time.Second || s.CodeTTL != time.Second || s.RefreshTokenTTL != 3*time.Second || s.RefreshTokenIdle != 3*time.Second {
		t.Errorf("got %+v", s)
	}
	if s.RefreshReuseInterval == nil || *s.RefreshReuseInterval != 0 {
		t.Errorf("reuse interval %v", s.RefreshReuseInterval)
	}
	if len(s.Warnings) != 3 || !strings.HasPrefix(s.Warnings[0], "GATEHOUSE_ACCESS_TOKEN_TTL: 2s is very short") {
		t.Errorf("warnings %q", s.Warnings)
	}
	s = mustValidate(t, Config{AccessTokenTTL: "24h", CodeTTL: "600s", RefreshTokenTTL: "24h", RefreshTokenIdle: "48h", RefreshReuseInterval: "60s"})
	if s.RefreshTokenIdle != 24*time.Hour || len(s.Warnings) != 1 {
		t.Errorf("got %+v", s)
	}
	for _, c := range []Config{
		{AccessTokenTTL: "24h1s"},
		{AccessTokenTTL: "999ms"},
		{AccessTokenTTL: "1500ms"},
		{AccessTokenTTL: "forever"},
		{AccessTokenTTL: "-1h"},
		{CodeTTL: "0"},
		{RefreshReuseInterval: "-1s"},
	} {
		if _, err := c.Validate(os.Getenv); err == nil {
			t.Errorf("took %+v", c)
		}
	}
}

func TestConfig_takesOneMasterKey(t *testing.T) {
	withoutEnvironment(t)
	key := secret.NewMasterKey()
	want, err := secret.ParseMasterKey(key)
	if err != nil {
		t.Fatal(err)
	}
	postgres := "postgres://me@db/gatehouse"
	for name, c := range map[string]Config{
		"text": {MasterKey: secret.Text(key), DatabaseURL: postgres},
		"file": {MasterKeyFile: write(t, 0o600, key+"\n"), DatabaseURL: postgres},
		"yaml": {File: write(t, 0o600, "master_key: "+key+"\n"), DatabaseURL: postgres},
	} {
		s := mustValidate(t, c)
		if got, err := s.MasterKey(false); err != nil || !bytes.Equal(got, want) || len(s.Warnings) > 0 {
			t.Errorf("%s: %v, warnings %q", name, err, s.Warnings)
		}
	}
	t.Setenv("GATEHOUSE_MASTER_KEY", key)
	if got, err := mustValidate(t, parse(t)).MasterKey(false); err != nil || !bytes.Equal(got, want) {
		t.Errorf("environment: %v", err)
	}
	t.Setenv("GATEHOUSE_MASTER_KEY", "")
	if s := mustValidate(t, Config{MasterKeyFile: write(t, 0o640, key)}); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "chmod 600") {
		t.Errorf("a group's file: %q", s.Warnings)
	}
	for says, c := range map[string]Config{
		"expected one of the two":    {MasterKey: secret.Text(key), MasterKeyFile: write(t, 0o600, key)},
		"openssl rand -base64 32":    {MasterKey: "wrong"},
		"no such file":               {MasterKeyFile: "/does/not/exist"},
		"is not a file":              {MasterKeyFile: t.TempDir()},
		"a master key is 32 bytes":   {MasterKeyFile: write(t, 0o600, key+key)},
		"mode 0604): run `chmod 600": {MasterKeyFile: write(t, 0o604, key)},
		"mode 0620): run `chmod 600": {MasterKeyFile: write(t, 0o620, key)},
	} {
		if _, err := c.Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), key) {
			t.Errorf("got %v, expected %q", err, says)
		}
	}
	if _, err := (Config{DatabaseURL: postgres}).Validate(os.Getenv); err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") {
		t.Errorf("PostgreSQL without a key: %v", err)
	}
}

func TestConfig_mistakesElsewhereDoNotStopACommand(t *testing.T) {
	withoutEnvironment(t)
	c := Config{DatabaseURL: "postgres://me@db/gatehouse", MasterKey: "wrong", Issuer: "nonsense", CodeTTL: "soon"}
	s, err := c.Validate(os.Getenv, "GATEHOUSE_DATABASE_URL")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.MasterKey(true); err == nil || !strings.Contains(err.Error(), "GATEHOUSE_MASTER_KEY: ") {
		t.Errorf("a wrong key, when it is needed: %v", err)
	}
	if _, err := c.Validate(os.Getenv, "GATEHOUSE_ISSUER"); err == nil || strings.Contains(err.Error(), "CODE_TTL") || !strings.Contains(err.Error(), "GATEHOUSE_ISSUER") {
		t.Errorf("got %v", err)
	}
}

// Security rule 23: the key file is made only together with a new database; a missing key stops the start.
func TestSettings_makesAKeyFileOnlyWithANewDatabase(t *testing.T) {
	withoutEnvironment(t)
	dir := t.TempDir()
	s := mustValidate(t, Config{DatabaseURL: "sqlite://" + dir + "/house.db"})
	path := dir + "/house.db.key"

	if _, err := s.MasterKey(false); err == nil || !strings.Contains(err.Error(), "put "+path+" back") {
		t.Errorf("a missing key: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a key was made for an old database")
	}

	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys { // processes that start together get one key
		wg.Go(func() {
			var err error
			if keys[i], err = s.MasterKey(true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	again, err := s.MasterKey(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !bytes.Equal(key, again) {
			t.Error("keys differ")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MasterKey(false); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("an open key file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MasterKey(true); err == nil {
		t.Error("an empty key file was taken, or written over")
	}
}

func TestSettings_printNoSecrets(t *testing.T) {
	withoutEnvironment(t)
	key := secret.NewMasterKey()
	s := mustValidate(t, Config{MasterKey: secret.Text(key), DatabaseURL: "postgres://me:hunter2@db:5432/house?password=hunter2&sslmode=require"})
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.LogAttrs(t.Context(), slog.LevelInfo, "settings", s.Redacted()...)
	logger.Info("whole", "settings", s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&log, verb, s)
	}
	if strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), key) {
		t.Errorf("a secret shows: %s", &log)
	}
	if !strings.Contains(log.String(), `"database":"postgres://me:xxxxx@db:5432/house"`) || !strings.Contains(log.String(), `"master_key_from":"GATEHOUSE_MASTER_KEY"`) {
		t.Errorf("printed %s", &log)
	}
}

func TestConfig_helpTellsTheDefaults(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[Config]().NumField() {
		field := reflect.TypeFor[Config]().Field(i)
		if !strings.HasPrefix(field.Tag.Get("variable"), "GATEHOUSE_") {
			t.Errorf("%s has no variable", field.Name)
		}
		if fallback := field.Tag.Get("fallback"); fallback != "" && !strings.HasSuffix(field.Tag.Get("help"), "("+fallback+").") {
			t.Errorf("the help of %s does not tell its default, %s", field.Name, fallback)
		}
	}
}
