package main

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/web"
)

// Config is what an operator may set, as written: flags by kong; environment, one YAML file and defaults by
// [Config.Validate]. A flag wins over the environment, that over the file, that over the default; an empty
// value counts as unset. In the YAML file a setting has the name of its variable without GATEHOUSE_, in lower case.
//
// All fields are text, so that Validate can tell of every mistake at once; kong would stop at the first. For the same
// reason the tags variable and fallback stand where kong has env and default of its own.
type Config struct {
	File string `name:"config" variable:"GATEHOUSE_CONFIG" placeholder:"FILE" help:"One YAML file with settings, named as the variables are without GATEHOUSE_: listen, issuer, database_url."`

	Listen string `variable:"GATEHOUSE_LISTEN" fallback:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen at (127.0.0.1:8080)."`
	Issuer string `variable:"GATEHOUSE_ISSUER" fallback:"http://localhost:8080" placeholder:"URL" help:"The URL people and applications know this server by (http://localhost:8080)."`

	TLSCert    string `name:"tls-cert" variable:"GATEHOUSE_TLS_CERT" placeholder:"FILE" help:"Certificate to speak https with, PEM, with those of the issuers between; it is read again when it changes (none: plain http)."`
	TLSKey     string `name:"tls-key" variable:"GATEHOUSE_TLS_KEY" placeholder:"FILE" help:"Private key of the certificate, PEM (none)."`
	HTTPListen string `name:"http-listen" variable:"GATEHOUSE_HTTP_LISTEN" placeholder:"HOST:PORT" help:"Another address, such as :80, that leads to https and answers ACME's http-01 (none)."`

	ACME          onOff  `name:"acme" variable:"GATEHOUSE_ACME" fallback:"false" help:"Get the certificate of the issuer's host by ACME, and agree to the terms of whoever issues it (false)."`
	ACMEEmail     string `name:"acme-email" variable:"GATEHOUSE_ACME_EMAIL" placeholder:"ADDRESS" help:"Whom the issuer of certificates writes to (none)."`
	ACMEDirectory string `name:"acme-directory" variable:"GATEHOUSE_ACME_DIRECTORY" fallback:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" help:"Who issues certificates (https://acme-v02.api.letsencrypt.org/directory)."`

	TrustedProxies string `variable:"GATEHOUSE_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Addresses and networks of the proxies in front, whose X-Forwarded-For is believed (none)."`

	LogLevel string `variable:"GATEHOUSE_LOG_LEVEL" fallback:"info" placeholder:"LEVEL" help:"What is logged at least: debug, info, warn or error (info)."`

	MetricsListen string `variable:"GATEHOUSE_METRICS_LISTEN" placeholder:"HOST:PORT" help:"Another address, for /metrics, /healthz and /readyz alone; --listen does not answer /metrics then (none)."`
	MetricsAllow  string `variable:"GATEHOUSE_METRICS_ALLOW" fallback:"127.0.0.0/8,::1" placeholder:"CIDR,…" help:"Addresses and networks that may ask for /metrics (127.0.0.0/8,::1)."`

	DatabaseURL string `variable:"GATEHOUSE_DATABASE_URL" placeholder:"URL" help:"sqlite:///absolute/path.db or postgres://user@host/database (data/gatehouse.db here). Give a password by the environment or the file: command lines are public."`

	// The key is a secret, so there is no flag for it.
	MasterKey     secret.Text `kong:"-" variable:"GATEHOUSE_MASTER_KEY"`
	MasterKeyFile string      `variable:"GATEHOUSE_MASTER_KEY_FILE" placeholder:"FILE" help:"File with the master key, 32 bytes in base64; $$GATEHOUSE_MASTER_KEY holds the key itself (a file beside the SQLite database)."`

	PasswordGrant onOff  `variable:"GATEHOUSE_PASSWORD_GRANT" fallback:"false" help:"Let clients that list it trade people's passwords for tokens (false)."`
	ImplicitGrant onOff  `variable:"GATEHOUSE_IMPLICIT_GRANT" fallback:"false" help:"Let clients that list it get tokens in the redirection (false)."`
	DefaultClient string `variable:"GATEHOUSE_DEFAULT_CLIENT" placeholder:"CLIENT_ID" help:"The public client that calls /token and /refresh_token without a client_id (none)."`

	AuditTokens string `variable:"GATEHOUSE_AUDIT_TOKENS" placeholder:"all" help:"all writes an audit event for every token of client_credentials (they are only counted)."`

	KeyRotation string `variable:"GATEHOUSE_KEY_ROTATION" fallback:"90" placeholder:"DAYS" help:"How many days a signing key signs until the server replaces it, 2 to 3650; 0 leaves that to you (90)."`

	AccessTokenTTL       string `variable:"GATEHOUSE_ACCESS_TOKEN_TTL" placeholder:"DURATION" help:"Life of access tokens, 1m to 24h (15m; 10m for client_credentials)."`
	CodeTTL              string `variable:"GATEHOUSE_CODE_TTL" fallback:"60s" placeholder:"DURATION" help:"Life of authorization codes, up to 10m (60s)."`
	RefreshTokenTTL      string `variable:"GATEHOUSE_REFRESH_TOKEN_TTL" fallback:"720h" placeholder:"DURATION" help:"How long refresh tokens go on after sign-in, up to 8760h (720h)."`
	RefreshTokenIdle     string `variable:"GATEHOUSE_REFRESH_TOKEN_IDLE" placeholder:"DURATION" help:"How long refresh tokens go on unused, up to 8760h (336h)."`
	RefreshReuseInterval string `variable:"GATEHOUSE_REFRESH_REUSE_INTERVAL" placeholder:"DURATION" help:"How long a retry may present a refresh token again and get the same successor, 0s to 60s (10s; 60s where the client authenticates)."`

	// What follows pins a setting of the console as it is written: policy.Fields knows what it may be.
	ClientTokenTTL                   string `name:"client-token-ttl" variable:"GATEHOUSE_CLIENT_TOKEN_TTL" placeholder:"DURATION" help:"Life of access tokens of client_credentials, 1m to 24h (10m)."`
	IDTokenTTL                       string `name:"id-token-ttl" variable:"GATEHOUSE_ID_TOKEN_TTL" placeholder:"DURATION" help:"Life of ID tokens, 1m to 1h (15m)."`
	RefreshReuseIntervalConfidential string `variable:"GATEHOUSE_REFRESH_REUSE_INTERVAL_CONFIDENTIAL" placeholder:"DURATION" help:"The reuse interval where the client authenticates, 0s to 60s (60s)."`
	SessionIdle                      string `variable:"GATEHOUSE_SESSION_IDLE" placeholder:"DURATION" help:"How long browser sessions go on unused, 5m to 30d (8h)."`
	SessionTTL                       string `name:"session-ttl" variable:"GATEHOUSE_SESSION_TTL" placeholder:"DURATION" help:"How long browser sessions go on after sign-in, 5m to 30d (24h)."`
	ConsoleIdle                      string `variable:"GATEHOUSE_CONSOLE_IDLE" placeholder:"DURATION" help:"How long the console goes on unused, 5m to 12h (30m)."`
	PasswordMinLength                string `variable:"GATEHOUSE_PASSWORD_MIN_LENGTH" placeholder:"NUMBER" help:"The least characters of a password that is chosen, 12 to 64 (12)."`
	PasswordHashMemory               string `variable:"GATEHOUSE_PASSWORD_HASH_MEMORY" placeholder:"MIB" help:"Memory of a new password hash, 19 to 256 MiB (19)."`
	PasswordHashTime                 string `variable:"GATEHOUSE_PASSWORD_HASH_TIME" placeholder:"NUMBER" help:"Passes of a new password hash through that memory, 2 to 10 (2)."`
	RateSignin                       string `variable:"GATEHOUSE_RATE_SIGNIN" placeholder:"NUMBER" help:"Wrong passwords a minute from one address, on each node; 0 for no limit (30, and none for this machine)."`
	RateClientAuth                   string `variable:"GATEHOUSE_RATE_CLIENT_AUTH" placeholder:"NUMBER" help:"Failed client authentications a minute from one address, on each node; 0 for no limit (60, and none for this machine)."`
	RateClient                       string `variable:"GATEHOUSE_RATE_CLIENT" placeholder:"NUMBER" help:"Requests a minute of one client, on each node; 0 for no limit (0)."`
	AuditKeepRefusals                string `variable:"GATEHOUSE_AUDIT_KEEP_REFUSALS" placeholder:"DURATION" help:"How long the audit log keeps refusals, 7d to 3650d (30d)."`
	AuditKeepActivity                string `variable:"GATEHOUSE_AUDIT_KEEP_ACTIVITY" placeholder:"DURATION" help:"How long it keeps sign-ins and tokens, 30d to 3650d (90d)."`
	AuditKeepChanges                 string `variable:"GATEHOUSE_AUDIT_KEEP_CHANGES" placeholder:"DURATION" help:"How long it keeps changes and all else, 90d to 3650d (365d)."`
	BrandName                        string `variable:"GATEHOUSE_BRAND_NAME" placeholder:"NAME" help:"What people read on the pages where they sign in (Gatehouse)."`
	BrandAccent                      string `variable:"GATEHOUSE_BRAND_ACCENT" placeholder:"COLOUR" help:"The colour of buttons and links there, as #2452c4 (none)."`
	BrandHelpURI                     string `name:"brand-help-uri" variable:"GATEHOUSE_BRAND_HELP_URI" placeholder:"URL" help:"Where people find help, https or mailto (none)."`
	BrandPolicyURI                   string `name:"brand-policy-uri" variable:"GATEHOUSE_BRAND_POLICY_URI" placeholder:"URL" help:"Your privacy policy (none)."`
	BrandTosURI                      string `name:"brand-tos-uri" variable:"GATEHOUSE_BRAND_TOS_URI" placeholder:"URL" help:"Your terms of service (none)."`
}

// pinned lists the settings of the console that the Config says, by the names of policy.Fields.
func (r *reading) pinned(c *Config) map[string]policy.Pin {
	pins := map[string]policy.Pin{}
	for _, f := range policy.Fields {
		text, _ := c.value(f.Variable())
		from := r.from[f.Variable()]
		if from == fromDefault || text == "" {
			continue
		}
		if err := f.Check(text, !slices.Contains(judgedHere, f.Variable())); err != nil {
			if !slices.Contains(judgedHere, f.Variable()) { // which have said so already
				r.mistake(f.Variable(), "%q: %s", text, strings.ToLower(err.Error()[:1])+strings.TrimSuffix(err.Error()[1:], "."))
			}
			continue
		}
		pins[f.Name] = policy.Pin{Text: text, Source: r.sourceOf(f.Variable())}
	}
	for of, and := range map[string]string{"access_token_ttl": "client_token_ttl", "refresh_reuse_interval": "refresh_reuse_interval_confidential"} {
		if pin, pinned := pins[of]; pinned { // they were there before there was another for clients that prove who they are
			if _, apart := pins[and]; !apart {
				pins[and] = pin
			}
		}
	}
	return pins
}

// judgedHere are the settings that may be shorter than the console lets anybody choose: tests and trials need that.
var judgedHere = []string{"GATEHOUSE_PASSWORD_GRANT", "GATEHOUSE_IMPLICIT_GRANT", "GATEHOUSE_ACCESS_TOKEN_TTL", "GATEHOUSE_CODE_TTL",
	"GATEHOUSE_REFRESH_TOKEN_TTL", "GATEHOUSE_REFRESH_TOKEN_IDLE", "GATEHOUSE_REFRESH_REUSE_INTERVAL"}

// Where a value comes from.
const (
	fromFlag        = "flag"
	fromEnvironment = "environment"
	fromFile        = "file"
	fromDefault     = "default"
)

// sourceOf names what set the variable, as people know it.
func (r *reading) sourceOf(variable string) string {
	switch r.from[variable] {
	case fromFlag:
		return "--" + strings.ReplaceAll(yamlKey(variable), "_", "-")
	case fromFile:
		return strings.Trim(r.sources[variable], " ()")
	}
	return variable
}

// value is that of the field with this variable.
func (c *Config) value(variable string) (text string, known bool) {
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		if fields.Type().Field(i).Tag.Get("variable") == variable {
			return fields.Field(i).String(), true
		}
	}
	return "", false
}

// Settings is a Config that was read, merged and found right.
type Settings struct {
	File   string // the YAML file, if any
	Listen string // host:port; an empty host is every address
	Issuer string // without trailing slash

	TLS TLS

	TrustedProxies []netip.Prefix

	LogLevel slog.Level

	MetricsListen string // host:port; empty to answer at Listen
	MetricsAllow  []netip.Prefix

	Database Database
	// ExplicitKey is the master key as given by variable, setting or file, in base64. It is empty where the key
	// lies beside the SQLite database or is missing: see MasterKey.
	ExplicitKey secret.Text
	keySource   string // where it comes from, for people
	keyFault    error  // why it cannot be used; only commands that need it mind

	PasswordGrant bool
	ImplicitGrant bool
	DefaultClient string // client_id; empty for none

	AuditTokens bool // every token of client_credentials is an event

	KeyRotation time.Duration // zero: signing keys are rotated by hand

	AccessTokenTTL       time.Duration  // zero: 15 min, 10 min for client_credentials
	CodeTTL              time.Duration  // at most 10 min
	RefreshTokenTTL      time.Duration  // from sign-in on
	RefreshTokenIdle     time.Duration  // from the last use on; at most RefreshTokenTTL
	RefreshReuseInterval *time.Duration // nil: 10 s, 60 s where the client authenticates; else for every client

	// Pins are the settings of the console that stand here, and cannot be changed there.
	Pins map[string]policy.Pin
	// Origins say of each setting what it is and where that comes from.
	Origins []web.Setting

	Warnings []string // what is allowed but unwise, to be logged at start
}

// TLS says where the certificate comes from: two files, or ACME, or nowhere, and then a proxy speaks https for us.
type TLS struct {
	Cert, Key  string // PEM files
	ACME       bool
	Email      string // of the ACME account; may be empty
	Directory  string // URL of the ACME server
	HTTPListen string // where plain http leads to https; empty for nowhere
}

// On reports whether we speak https ourselves.
func (t TLS) On() bool { return t.ACME || t.Cert != "" }

// Database says where the data is.
type Database struct {
	Driver string      // "sqlite" or "postgres"
	URL    secret.Text // as the operator wrote it; it may hold a password
	Path   string      // the SQLite file, absolute; empty for PostgreSQL

	unnamed bool // no setting names it: it is where the command was run
}

// What the settings are bounded by. One second is for tests: lifetimes below the
// wise minimum are allowed with a warning.
const (
	least            = time.Second
	leastKeyRotation = 2 // days: a key is published for one before it signs
	mostKeyRotation  = 3650
	mostAccessToken  = 24 * time.Hour
	mostCode         = 10 * time.Minute
	mostRefreshToken = 8760 * time.Hour
	mostReuse        = time.Minute
	wiseToken        = time.Minute
	wiseCode         = 10 * time.Second
	defaultIdle      = 336 * time.Hour
)

// Mistakes are all the settings that are wrong, one sentence each.
type Mistakes []string

// Error lists them, one on a line.
func (m Mistakes) Error() string {
	return "the configuration has mistakes:\n  " + strings.Join(m, "\n  ")
}

// Validate merges flags, environment, YAML file and defaults and parses the result. Its error is a [Mistakes]
// with every mistake, each with the setting's name and what was expected. A command that needs only some settings
// names their variables: a mistake elsewhere must not keep an operator from acting.
func (c Config) Validate(getenv func(string) string, only ...string) (Settings, error) {
	r := reading{sources: map[string]string{}, from: map[string]string{}, only: only}
	r.merge(&c, getenv)
	s := Settings{
		File:     c.File,
		Listen:   r.listen("GATEHOUSE_LISTEN", c.Listen),
		Issuer:   r.issuer(c.Issuer),
		Database: r.database(c.DatabaseURL),

		TrustedProxies: r.networks("GATEHOUSE_TRUSTED_PROXIES", c.TrustedProxies),
		LogLevel:       r.level(c.LogLevel),
		MetricsListen:  r.otherListen("GATEHOUSE_METRICS_LISTEN", c.MetricsListen, "GATEHOUSE_LISTEN", c.Listen),
		MetricsAllow:   r.networks("GATEHOUSE_METRICS_ALLOW", c.MetricsAllow),

		PasswordGrant: r.boolean("GATEHOUSE_PASSWORD_GRANT", c.PasswordGrant),
		ImplicitGrant: r.boolean("GATEHOUSE_IMPLICIT_GRANT", c.ImplicitGrant),
		DefaultClient: c.DefaultClient,

		AuditTokens: r.auditTokens(c.AuditTokens),
		KeyRotation: r.days("GATEHOUSE_KEY_ROTATION", c.KeyRotation, leastKeyRotation, mostKeyRotation),

		AccessTokenTTL:   r.lifetime("GATEHOUSE_ACCESS_TOKEN_TTL", c.AccessTokenTTL, mostAccessToken, wiseToken),
		CodeTTL:          r.lifetime("GATEHOUSE_CODE_TTL", c.CodeTTL, mostCode, wiseCode),
		RefreshTokenTTL:  r.lifetime("GATEHOUSE_REFRESH_TOKEN_TTL", c.RefreshTokenTTL, mostRefreshToken, wiseToken),
		RefreshTokenIdle: r.lifetime("GATEHOUSE_REFRESH_TOKEN_IDLE", c.RefreshTokenIdle, mostRefreshToken, wiseToken),
	}
	s.TLS = r.tls(c, s.Issuer)
	s.ExplicitKey, s.keySource, s.keyFault = r.masterKey(c.MasterKey, c.MasterKeyFile, s.Database.Driver)
	if s.RefreshTokenIdle > s.RefreshTokenTTL && s.RefreshTokenTTL > 0 {
		r.warn("GATEHOUSE_REFRESH_TOKEN_IDLE", "%s is longer than GATEHOUSE_REFRESH_TOKEN_TTL, which ends the token first", s.RefreshTokenIdle)
	}
	if s.RefreshTokenIdle == 0 {
		s.RefreshTokenIdle = defaultIdle
	}
	s.RefreshTokenIdle = min(s.RefreshTokenIdle, s.RefreshTokenTTL)
	if c.RefreshReuseInterval != "" {
		interval := r.duration("GATEHOUSE_REFRESH_REUSE_INTERVAL", c.RefreshReuseInterval, 0, mostReuse)
		s.RefreshReuseInterval = &interval
	}
	if s.PasswordGrant { // RFC 9700 §2.4
		r.warn("GATEHOUSE_PASSWORD_GRANT", "applications that take passwords themselves can keep them, and know no second factor; turn it off when the last one has moved to the authorization code")
	}
	if s.ImplicitGrant { // RFC 9700 §2.1.2
		r.warn("GATEHOUSE_IMPLICIT_GRANT", "tokens in redirections leak into histories and scripts; turn it off when the last client has moved to the authorization code with PKCE")
	}
	if s.DefaultClient != "" && !s.PasswordGrant {
		r.warn("GATEHOUSE_DEFAULT_CLIENT", "without GATEHOUSE_PASSWORD_GRANT it can only refresh")
	}
	s.Pins = r.pinned(&c)
	s.Origins = r.origins(&c, s.Database)
	s.Warnings = r.warnings
	if len(r.mistakes) > 0 {
		return Settings{}, r.mistakes
	}
	return s, nil
}

// strangers are the variables of an environment that look like settings and are none: a name that was mistyped sets nothing.
// It leaves alone what the tests are told, and what container platforms set for a service of our name.
func strangers(environ []string) []string {
	known := map[string]bool{}
	for field := range reflect.TypeFor[Config]().Fields() {
		known[field.Tag.Get("variable")] = true
	}
	var found []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		ours := strings.HasPrefix(name, "GATEHOUSE_") && !strings.HasPrefix(name, "GATEHOUSE_TEST_") &&
			!strings.HasPrefix(name, "GATEHOUSE_SERVICE_") && !strings.HasPrefix(name, "GATEHOUSE_PORT")
		if ours && value != "" && !known[name] {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// reading collects what is found while a Config is read.
type reading struct {
	sources  map[string]string // variable → where else its value came from
	from     map[string]string // variable → flag, environment, file or default
	only     []string          // the variables that matter; empty for all
	mistakes Mistakes
	warnings []string
}

func (r *reading) mistake(name, format string, args ...any) {
	if len(r.only) > 0 && name != "GATEHOUSE_CONFIG" && !slices.Contains(r.only, name) {
		return
	}
	r.mistakes = append(r.mistakes, name+r.sources[name]+": "+fmt.Sprintf(format, args...))
}

func (r *reading) warn(name, format string, args ...any) {
	r.warnings = append(r.warnings, name+r.sources[name]+": "+fmt.Sprintf(format, args...))
}

// merge fills the fields that no flag has set.
func (r *reading) merge(c *Config, getenv func(string) string) {
	if c.File == "" {
		c.File = getenv("GATEHOUSE_CONFIG")
	}
	known := map[string]bool{}
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		if name := fields.Type().Field(i).Tag.Get("variable"); name != "GATEHOUSE_CONFIG" {
			known[yamlKey(name)] = true
		}
	}
	file := r.readYAML(c.File, known)
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		name := tag.Get("variable")
		r.from[name] = fromFlag
		take := func(text, from string) {
			if fields.Field(i).Len() == 0 {
				fields.Field(i).SetString(text)
				r.from[name] = from
			}
		}
		take(getenv(name), fromEnvironment)
		if v, ok := file[yamlKey(name)]; ok && fields.Field(i).Len() == 0 && v.text != "" {
			take(v.text, fromFile)
			r.sources[name] = v.source
		}
		take(tag.Get("fallback"), fromDefault)
	}
}

func yamlKey(variable string) string {
	return strings.ToLower(strings.TrimPrefix(variable, "GATEHOUSE_"))
}

type yamlValue struct{ text, source string }

// readYAML returns the settings of a file that holds one flat mapping. What else it finds is a mistake.
func (r *reading) readYAML(path string, known map[string]bool) map[string]yamlValue {
	if path == "" {
		return nil
	}
	mistake := func(line int, format string, args ...any) {
		r.mistakes = append(r.mistakes, fmt.Sprintf("%s:%d: ", path, line)+fmt.Sprintf(format, args...))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.mistake("GATEHOUSE_CONFIG", "cannot be read: %v", err)
		return nil
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil // empty, or comments alone
	} else if err != nil {
		r.mistake("GATEHOUSE_CONFIG", "%s is not YAML: %v", path, err)
		return nil
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		mistake(1, "expected one YAML document alone")
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		if root.Tag != "!!null" {
			mistake(root.Line, "expected settings as `name: value`")
		}
		return nil
	}
	values := map[string]yamlValue{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch _, twice := values[key.Value]; {
		case !known[key.Value]:
			mistake(key.Line, "there is no setting %q", key.Value)
		case twice:
			mistake(key.Line, "%s is set twice", key.Value)
		case value.Kind != yaml.ScalarNode:
			mistake(value.Line, "%s: expected one value; several stand in one text, with commas between", key.Value)
		case value.Tag == "!!null":
			values[key.Value] = yamlValue{}
		default:
			values[key.Value] = yamlValue{value.Value, fmt.Sprintf(" (%s in %s:%d)", key.Value, path, key.Line)}
		}
	}
	return values
}

func (r *reading) listen(name, text string) string {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.mistake(name, "%q: expected host:port, such as 127.0.0.1:8080 or :8080 for every address", text)
	}
	return text
}

// otherListen is listen for an address that may be left out, and is not another's.
func (r *reading) otherListen(name, text, other, taken string) string {
	if text == "" {
		return ""
	}
	if _, port, err := net.SplitHostPort(text); err == nil && port != "0" && text == taken {
		r.mistake(name, "%q: expected another address than %s", text, other)
	}
	return r.listen(name, text)
}

// onOff is a switch as written. As a flag it may stand alone, which means true.
type onOff string

// IsBool lets kong take the flag without a value.
func (*onOff) IsBool() bool { return true }

// Decode reads the flag's value, if it has one.
func (s *onOff) Decode(ctx *kong.DecodeContext) error {
	*s = "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*s = onOff(ctx.Scan.Pop().String())
	}
	return nil
}

func (r *reading) boolean(name string, text onOff) bool {
	on, err := strconv.ParseBool(string(text))
	if err != nil {
		r.mistake(name, "%q: expected true or false", text)
	}
	return on
}

func (r *reading) level(text string) slog.Level {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, known := levels[text]
	if !known {
		r.mistake("GATEHOUSE_LOG_LEVEL", "%q: expected debug, info, warn or error", text)
	}
	return level
}

var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// networks reads a list of addresses and networks, with commas between.
func (r *reading) networks(name, text string) []netip.Prefix {
	var out []netip.Prefix
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if address, e := netip.ParseAddr(item); e == nil {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			r.mistake(name, "%q: expected addresses or networks with commas between, such as 10.0.0.0/8,192.0.2.7", item)
			continue
		}
		out = append(out, prefix.Masked())
	}
	return out
}

// issuer checks what becomes the `iss` of every token (RFC 8414 §2). Clients compare it byte by byte, so it has
// one spelling.
func (r *reading) issuer(text string) string {
	bad := func(format string, args ...any) string {
		r.mistake("GATEHOUSE_ISSUER", "%q: %s", text, fmt.Sprintf(format, args...))
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return bad("expected a URL such as https://login.example.com")
	}
	switch {
	case u.User != nil:
		return bad("expected no user name or password")
	case strings.Contains(text, "#"):
		return bad("expected no fragment")
	case strings.Contains(text, "?"):
		return bad("expected no query")
	case strings.Trim(u.Path, "/") != "":
		return bad("expected no path: Gatehouse does not serve below one yet, give it a host name of its own")
	case u.Path != "":
		return bad("expected no trailing slash: write %s", strings.TrimRight(text, "/"))
	}
	address, err := netip.ParseAddr(u.Hostname())
	if isIP := err == nil; !isIP && !hostName.MatchString(u.Hostname()) || isIP && address.String() != u.Hostname() {
		return bad("expected a host in lower case, international names in punycode (xn--…)")
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return bad("expected a port from 1 to 65535")
		}
		if u.Scheme == "https" && n == 443 || u.Scheme == "http" && n == 80 {
			return bad("expected no port where it is the scheme's own: leave out :%d", n)
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return bad("expected a port after the colon")
	}
	// Security rule 12: without TLS cookies and codes are only safe where they do not leave the machine.
	loopback := u.Hostname() == "localhost" || address == netip.IPv6Loopback() || address.Is4() && address.IsLoopback()
	if u.Scheme == "http" && !loopback {
		return bad("expected https; http is for localhost, 127.0.0.0/8 and [::1] alone")
	}
	return text
}

// tls reads where the certificate comes from.
func (r *reading) tls(c Config, issuer string) TLS {
	t := TLS{
		Cert: c.TLSCert, Key: c.TLSKey, ACME: r.boolean("GATEHOUSE_ACME", c.ACME), Email: c.ACMEEmail, Directory: c.ACMEDirectory,
		HTTPListen: r.otherListen("GATEHOUSE_HTTP_LISTEN", c.HTTPListen, "GATEHOUSE_LISTEN", c.Listen),
	}
	if t.Cert != "" && t.Key == "" {
		r.mistake("GATEHOUSE_TLS_KEY", "is not set beside GATEHOUSE_TLS_CERT: expected the file with the certificate's private key")
	}
	if t.Key != "" && t.Cert == "" {
		r.mistake("GATEHOUSE_TLS_CERT", "is not set beside GATEHOUSE_TLS_KEY: expected the file with the certificate")
	}
	if t.Cert != "" && t.Key != "" {
		cert, certErr := os.ReadFile(t.Cert)
		key, keyErr := os.ReadFile(t.Key)
		if certErr != nil {
			r.mistake("GATEHOUSE_TLS_CERT", "%v", certErr)
		}
		if keyErr != nil {
			r.mistake("GATEHOUSE_TLS_KEY", "%v", keyErr)
		}
		if certErr == nil && keyErr == nil {
			if _, err := tls.X509KeyPair(cert, key); err != nil {
				r.mistake("GATEHOUSE_TLS_CERT", "%v", err)
			}
		}
	}
	u, err := url.Parse(issuer)
	if err != nil { // a mistake already
		return t
	}
	if u.Scheme == "http" && t.Cert != "" {
		r.mistake("GATEHOUSE_TLS_CERT", "expected an https URL in GATEHOUSE_ISSUER, which is %s", issuer)
	}
	if t.HTTPListen != "" && !t.On() {
		r.mistake("GATEHOUSE_HTTP_LISTEN", "leads to https, which this server does not speak: expected GATEHOUSE_TLS_CERT or GATEHOUSE_ACME too")
	}
	if t.HTTPListen != "" && t.HTTPListen == c.MetricsListen {
		r.mistake("GATEHOUSE_HTTP_LISTEN", "%q: expected another address than GATEHOUSE_METRICS_LISTEN", t.HTTPListen)
	}
	if !t.ACME {
		if t.Email != "" {
			r.warn("GATEHOUSE_ACME_EMAIL", "does nothing without GATEHOUSE_ACME")
		}
		return t
	}
	if t.Cert != "" {
		r.mistake("GATEHOUSE_ACME", "is on beside GATEHOUSE_TLS_CERT: expected one of the two")
	}
	if _, err := netip.ParseAddr(u.Hostname()); u.Scheme != "https" || err == nil || !strings.Contains(u.Hostname(), ".") {
		r.mistake("GATEHOUSE_ACME", "expected GATEHOUSE_ISSUER to be https with a public host name, such as https://login.example.com; it is %s", issuer)
	}
	if t.Email != "" {
		if a, err := mail.ParseAddress(t.Email); err != nil || a.Address != t.Email {
			r.mistake("GATEHOUSE_ACME_EMAIL", "%q: expected an address such as admin@example.com", t.Email)
		}
	}
	if d, err := url.Parse(t.Directory); err != nil || d.Scheme != "https" || d.Host == "" || d.User != nil || d.Fragment != "" {
		r.mistake("GATEHOUSE_ACME_DIRECTORY", "%q: expected the https URL of an ACME directory", t.Directory)
	}
	return t
}

// certificateFrom tells people where the certificate comes from.
func (t TLS) certificateFrom() string {
	switch {
	case t.ACME:
		return t.Directory
	case t.Cert != "":
		return t.Cert
	}
	return "nowhere: plain http"
}

// database never shows the text in its messages, nor net/url's errors, which quote it: it may hold a password.
func (r *reading) database(text string) Database {
	const name = "GATEHOUSE_DATABASE_URL"
	if text == "" {
		path, err := filepath.Abs(filepath.Join("data", "gatehouse.db"))
		if err != nil {
			r.mistake(name, "the working directory cannot be found, expected sqlite:///absolute/path.db: %v", err)
		}
		u := url.URL{Scheme: "sqlite", Path: path}
		return Database{Driver: "sqlite", URL: secret.Text(u.String()), Path: path, unnamed: true}
	}
	u, err := url.Parse(text)
	scheme, _, _ := strings.Cut(text, ":")
	switch scheme {
	case "sqlite":
		if err != nil || u.Host != "" || u.Opaque != "" || u.User != nil || !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/") {
			r.mistake(name, "expected sqlite:///absolute/path.db, with three slashes: a relative path would depend on where the server is started")
			return Database{}
		}
		if strings.ContainsAny(text, "?#") {
			r.mistake(name, "expected sqlite:///absolute/path.db without ? and #: Gatehouse chooses SQLite's options itself")
			return Database{}
		}
		return Database{Driver: "sqlite", URL: secret.Text(text), Path: filepath.Clean(u.Path)}
	case "postgres", "postgresql":
		if err != nil || (u.Host == "" && u.Query().Get("host") == "") || len(u.Path) < 2 || u.Fragment != "" {
			r.mistake(name, "expected postgres://user:password@host:5432/database; other characters than letters, digits and -._~ in a password are written %%XX")
			return Database{}
		}
		return Database{Driver: "postgres", URL: secret.Text(text)}
	}
	r.mistake(name, "expected sqlite:///absolute/path.db or postgres://user:password@host:5432/database")
	return Database{}
}

// auditTokens reads which tokens of client_credentials are written down.
func (r *reading) auditTokens(text string) bool {
	if text != "" && text != "all" {
		r.mistake("GATEHOUSE_AUDIT_TOKENS", "%q: expected all, or nothing: then they are only counted", text)
	}
	return text == "all"
}

// lifetime reads how long something lives: whole seconds, as expires_in counts them (RFC 6749 §5.1). Empty is zero.
func (r *reading) lifetime(name, text string, most, wise time.Duration) time.Duration {
	if text == "" {
		return 0
	}
	d := r.duration(name, text, least, most)
	if d%time.Second != 0 {
		r.mistake(name, "%q: expected whole seconds", text)
	} else if d > 0 && d < wise {
		r.warn(name, "%s is very short: below %s people and applications will fail at times", d, short(wise))
	}
	return d
}

// duration is zero if text is none between low and high.
func (r *reading) duration(name, text string, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		r.mistake(name, "%q: expected a duration from %s to %s, such as 90s, 15m or 336h", text, short(low), short(high))
		return 0
	}
	return d
}

const day = 24 * time.Hour

// days reads a number of days; 0 is never.
func (r *reading) days(name, text string, low, high int) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n != 0 && (n < low || n > high) {
		r.mistake(name, "%q: expected a number of days from %d to %d, or 0 for never", text, low, high)
		return 0
	}
	return time.Duration(n) * day
}

// short writes 8760h for 8760h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

const howToMakeAKey = "make one with `openssl rand -base64 32` (or `head -c 32 /dev/urandom | base64`), keep a copy of it " +
	"in a safe place, and give it in GATEHOUSE_MASTER_KEY or in a file named by GATEHOUSE_MASTER_KEY_FILE"

// masterKey returns the key given by variable, setting or file, where it comes from, and what is wrong with it.
func (r *reading) masterKey(key secret.Text, file, driver string) (secret.Text, string, error) {
	const keyName, fileName = "GATEHOUSE_MASTER_KEY", "GATEHOUSE_MASTER_KEY_FILE"
	refuse := func(name, format string, args ...any) (secret.Text, string, error) {
		r.mistake(name, format, args...)
		return "", name, errors.New(name + r.sources[name] + ": " + fmt.Sprintf(format, args...))
	}
	switch {
	case key != "" && file != "":
		return refuse(keyName, "is set beside %s%s: expected one of the two", fileName, r.sources[fileName])
	case key != "":
		if _, err := secret.ParseMasterKey(key.Reveal()); err != nil {
			return refuse(keyName, "%v; %s", err, howToMakeAKey)
		}
		return key, keyName, nil
	case file != "":
		// A group may read it, as container platforms hand secrets to a group.
		key, mode, err := readKeyFile(file, 0o027)
		if err != nil {
			return refuse(fileName, "%v", err)
		} else if mode&0o040 != 0 && runtime.GOOS != "windows" {
			r.warn(fileName, "%s can be read by its group: `chmod 600 %s` unless that is meant", file, file)
		}
		return key, file, nil
	case driver == "postgres":
		_, _, err := refuse(keyName, "is not set, and nodes that share a PostgreSQL database need the same one: %s", howToMakeAKey)
		return "", "", err
	}
	return "", "", nil
}

// readKeyFile reads a master key and refuses a file whose mode has any of the forbidden bits: a key that
// others read or replace protects nothing.
func readKeyFile(path string, forbidden fs.FileMode) (secret.Text, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	mode := info.Mode()
	if !mode.IsRegular() {
		return "", mode, fmt.Errorf("%s is not a file", path)
	}
	if mode&forbidden != 0 && runtime.GOOS != "windows" { // there these bits are made up
		return "", mode, fmt.Errorf("%s is open to others (mode %04o): run `chmod 600 %s`", path, mode.Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", mode, err
	}
	if _, err := secret.ParseMasterKey(string(text)); err != nil {
		return "", mode, fmt.Errorf("%s: %w", path, err)
	}
	return secret.Text(text), mode, nil
}

// MasterKey returns the 32 bytes everything sealed in the database depends on (security rule 23): from
// GATEHOUSE_MASTER_KEY, from GATEHOUSE_MASTER_KEY_FILE, or for SQLite from the file <database>.key beside it.
// That file is made, with mode 0600, together with a new database and never otherwise: newDatabase says that
// there is nothing yet that a new key could fail to open. Call it once the database's directory exists.
func (s Settings) MasterKey(newDatabase bool) ([]byte, error) {
	if s.keyFault != nil {
		return nil, s.keyFault
	}
	if s.ExplicitKey != "" {
		return secret.ParseMasterKey(s.ExplicitKey.Reveal())
	}
	path := s.Database.Path + ".key"
	key, _, err := readKeyFile(path, 0o077)
	if errors.Is(err, fs.ErrNotExist) && newDatabase {
		if err := writeKeyFile(path); err != nil {
			return nil, fmt.Errorf("cannot make the master key file: %w", err)
		}
		key, _, err = readKeyFile(path, 0o077)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the master key of %s is missing: put %s back, or give the key in GATEHOUSE_MASTER_KEY or "+
			"GATEHOUSE_MASTER_KEY_FILE; without it what the database keeps sealed cannot be opened", s.Database.Path, path)
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return secret.ParseMasterKey(key.Reveal())
}

// writeKeyFile makes a key file that is whole from the moment it exists, so that a crash leaves no half of one,
// and leaves alone a file another process made meanwhile.
func writeKeyFile(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(secret.NewMasterKey() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The name must outlive a power cut, as the database will. Not every system can sync a directory.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

// keyFrom tells people where the master key comes from.
func (s Settings) keyFrom() string {
	if s.keySource == "" && s.Database.Driver == "sqlite" {
		return s.Database.Path + ".key"
	}
	return s.keySource
}

// origins tell of every setting what it is, as far as that may be told, and where it comes from.
func (r *reading) origins(c *Config, database Database) []web.Setting {
	var out []web.Setting
	for field, value := range reflect.ValueOf(c).Elem().Fields() {
		name, text := field.Tag.Get("variable"), value.String()
		if _, settled := policy.FieldByName(yamlKey(name)); settled {
			continue // the console shows them as they are now
		}
		switch {
		case text == "":
		case name == "GATEHOUSE_MASTER_KEY":
			text = "[secret]"
		case name == "GATEHOUSE_DATABASE_URL":
			text = database.Redacted()
		}
		from := r.from[name]
		if source := r.sources[name]; source != "" {
			from = strings.Trim(source, " ()")
		}
		out = append(out, web.Setting{Name: name, Value: text, Source: from})
	}
	return out
}

// Redacted returns the settings for printing at start, without the master key and the database's password.
func (s Settings) Redacted() []slog.Attr {
	file := "none"
	if s.File != "" {
		file = s.File
	}
	access, reuse := "15m, 10m for client_credentials", "10s, 60s where the client authenticates"
	if s.AccessTokenTTL > 0 {
		access = short(s.AccessTokenTTL)
	}
	if s.RefreshReuseInterval != nil {
		reuse = short(*s.RefreshReuseInterval)
	}
	return []slog.Attr{
		slog.String("config", file),
		slog.String("listen", s.Listen),
		slog.String("issuer", s.Issuer),
		slog.String("certificate_from", s.TLS.certificateFrom()),
		slog.String("http_listen", cmp.Or(s.TLS.HTTPListen, "none")),
		slog.Any("trusted_proxies", append([]netip.Prefix{}, s.TrustedProxies...)), // [] where there is none
		slog.String("log_level", strings.ToLower(s.LogLevel.String())),
		slog.String("metrics_listen", cmp.Or(s.MetricsListen, s.Listen)),
		slog.Any("metrics_allow", s.MetricsAllow),
		slog.String("database", s.Database.Redacted()),
		slog.String("master_key_from", s.keyFrom()),
		slog.Bool("password_grant", s.PasswordGrant),
		slog.Bool("implicit_grant", s.ImplicitGrant),
		slog.String("default_client", cmp.Or(s.DefaultClient, "none")),
		slog.Bool("audit_tokens", s.AuditTokens),
		slog.Int("key_rotation", int(s.KeyRotation/day)),
		slog.String("access_token_ttl", access),
		slog.String("code_ttl", short(s.CodeTTL)),
		slog.String("refresh_token_ttl", short(s.RefreshTokenTTL)),
		slog.String("refresh_token_idle", short(s.RefreshTokenIdle)),
		slog.String("refresh_reuse_interval", reuse),
	}
}

// Redacted returns the URL without what may be secret: the password, and the query, where one can be too.
func (d Database) Redacted() string {
	u, err := url.Parse(d.URL.Reveal())
	if err != nil {
		return d.Driver
	}
	if _, ok := u.User.Password(); ok {
		u.User = url.UserPassword(u.User.Username(), "xxxxx")
	}
	u.RawQuery = ""
	return u.String()
}
