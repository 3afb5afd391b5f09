package policy

import (
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
)

// Groups that people look for settings in.
const (
	GroupTokens    = "Tokens"
	GroupSessions  = "Sessions"
	GroupGrants    = "Grants"
	GroupPasswords = "Passwords"
	GroupRates     = "Traffic limits"
	GroupAudit     = "Audit log"
	GroupBrand     = "Look and links"
)

// Field is one setting: how it is called, and what it may be.
type Field struct {
	// Name is its key in the configuration file; the variable is GATEHOUSE_ and the name in capitals.
	Name  string
	Group string
	Label string
	Hint  string
	// Unit stands behind a number.
	Unit string

	min, max int64                 // nanoseconds for a duration
	of       func(s *Settings) any // *time.Duration, *int, *bool or *string
	loopback func(s *Settings) *bool
	read     func(text string) (value, why string) // of a *string that is not empty: as it is kept, or why it cannot be
	bounds   string                                // of a *string
}

// Fields are all settings, in the order people meet them.
var Fields = []Field{
	{Name: "access_token_ttl", Group: GroupTokens, Label: "Access token", Hint: "Of people. An API may have a life of its own.",
		min: int64(oauth.MinTokenTTL), max: int64(oauth.MaxAccessTokenTTL), of: func(s *Settings) any { return &s.OAuth.Lifetimes.AccessToken }},
	{Name: "client_token_ttl", Group: GroupTokens, Label: "Access token of a client itself", Hint: "By client_credentials.",
		min: int64(oauth.MinTokenTTL), max: int64(oauth.MaxAccessTokenTTL), of: func(s *Settings) any { return &s.OAuth.Lifetimes.ClientAccessToken }},
	{Name: "id_token_ttl", Group: GroupTokens, Label: "ID token", Hint: "Clients read it once, at sign-in.",
		min: int64(oauth.MinTokenTTL), max: int64(oauth.MaxIDTokenTTL), of: func(s *Settings) any { return &s.OAuth.Lifetimes.IDToken }},
	{Name: "code_ttl", Group: GroupTokens, Label: "Authorization code", Hint: "It is redeemed at once, or never.",
		min: int64(10 * time.Second), max: int64(10 * time.Minute), of: func(s *Settings) any { return &s.OAuth.Lifetimes.Code }},
	{Name: "refresh_token_ttl", Group: GroupTokens, Label: "Refresh token, at most", Hint: "From sign-in on, however often it is used. It holds for sign-ins from now on.",
		min: int64(oauth.MinTokenTTL), max: int64(oauth.MaxRefreshTTL), of: func(s *Settings) any { return &s.OAuth.Lifetimes.Refresh }},
	{Name: "refresh_token_idle", Group: GroupTokens, Label: "Refresh token, unused", Hint: "It ends sooner if it is not used for so long.",
		min: int64(oauth.MinTokenTTL), max: int64(oauth.MaxRefreshTTL), of: func(s *Settings) any { return &s.OAuth.Lifetimes.RefreshIdle }},
	{Name: "refresh_reuse_interval", Group: GroupTokens, Label: "Refresh retry, public clients", Hint: "How long a spent refresh token may be sent again, for the same successor.",
		max: int64(time.Minute), of: func(s *Settings) any { return &s.OAuth.Lifetimes.Reuse }},
	{Name: "refresh_reuse_interval_confidential", Group: GroupTokens, Label: "Refresh retry, clients that authenticate", Hint: "The same where the client proves who it is.",
		max: int64(time.Minute), of: func(s *Settings) any { return &s.OAuth.Lifetimes.ReuseConfidential }},

	{Name: "session_idle", Group: GroupSessions, Label: "Session, unused", Hint: "A browser is signed out that nobody uses for so long.",
		min: int64(5 * time.Minute), max: int64(30 * day), of: func(s *Settings) any { return &s.Sessions.Idle }},
	{Name: "session_ttl", Group: GroupSessions, Label: "Session, at most", Hint: "From sign-in on. It holds for sign-ins from now on.",
		min: int64(5 * time.Minute), max: int64(30 * day), of: func(s *Settings) any { return &s.Sessions.Absolute }},
	{Name: "console_idle", Group: GroupSessions, Label: "Console, unused", Hint: "The console asks for a sign-in sooner than the rest.",
		min: int64(5 * time.Minute), max: int64(12 * time.Hour), of: func(s *Settings) any { return &s.Sessions.ConsoleIdle }},

	{Name: "password_grant", Group: GroupGrants, Label: "Password grant",
		Hint: "Clients that list it trade people's passwords for tokens. They can keep the passwords, and know no second factor: leave it off (RFC 9700 §2.4).",
		of:   func(s *Settings) any { return &s.OAuth.PasswordGrant }},
	{Name: "implicit_grant", Group: GroupGrants, Label: "Implicit grant",
		Hint: "Clients that list it get tokens in the redirection, where histories and scripts see them: leave it off (RFC 9700 §2.1.2).",
		of:   func(s *Settings) any { return &s.OAuth.ImplicitGrant }},

	{Name: "password_min_length", Group: GroupPasswords, Label: "Shortest password", Unit: "characters", Hint: "For passwords chosen from now on. There are no other rules, but what is easy to guess is refused.",
		min: secret.MinPasswordLength, max: 64, of: func(s *Settings) any { return &s.Password.MinLength }},
	{Name: "password_hash_memory", Group: GroupPasswords, Label: "Memory of a hash", Unit: "MiB", Hint: "Memory is what makes guessing expensive.",
		min: secret.LeastMemoryMiB, max: secret.MostMemoryMiB, of: func(s *Settings) any { return &s.Password.Cost.MemoryMiB }},
	{Name: "password_hash_time", Group: GroupPasswords, Label: "Passes of a hash", Unit: "passes", Hint: "How often it goes through that memory.",
		min: secret.DefaultTime, max: secret.MostTime, of: func(s *Settings) any { return &s.Password.Cost.Time }},

	{Name: "rate_signin", Group: GroupRates, Label: "Wrong passwords", Unit: "a minute from one address", Hint: "0 is without limit. This machine's own address is limited only once a limit is set.",
		max: 100_000, of: func(s *Settings) any { return &s.Rates.SignIn }, loopback: func(s *Settings) *bool { return &s.Rates.Loopback.SignIn }},
	{Name: "rate_client_auth", Group: GroupRates, Label: "Failed client authentications", Unit: "a minute from one address", Hint: "0 is without limit. This machine's own address is limited only once a limit is set.",
		max: 100_000, of: func(s *Settings) any { return &s.Rates.ClientAuth }, loopback: func(s *Settings) *bool { return &s.Rates.Loopback.ClientAuth }},
	{Name: "rate_client", Group: GroupRates, Label: "Requests of a client", Unit: "a minute on each node", Hint: "0 is without limit. Counted where clients identify themselves; public ones by their address too.",
		max: 1_000_000, of: func(s *Settings) any { return &s.Rates.Client }},

	{Name: "audit_keep_refusals", Group: GroupAudit, Label: "Refusals", Hint: "Refused sign-ins, requests and accesses: many, and soon of no interest.",
		min: int64(audit.LeastRefusals), max: int64(audit.LongestKept), of: func(s *Settings) any { return &s.Retention.Refusals }},
	{Name: "audit_keep_activity", Group: GroupAudit, Label: "Sign-ins and tokens", Hint: "What people and applications do all day.",
		min: int64(audit.LeastActivity), max: int64(audit.LongestKept), of: func(s *Settings) any { return &s.Retention.Activity }},
	{Name: "audit_keep_changes", Group: GroupAudit, Label: "Changes", Hint: "What administrators and people changed, and all else. Nothing is kept longer.",
		min: int64(audit.LeastChanges), max: int64(audit.LongestKept), of: func(s *Settings) any { return &s.Retention.Changes }},
	{Name: "brand_name", Group: GroupBrand, Label: "Name", Hint: "What people read on the pages where they sign in.",
		of: func(s *Settings) any { return &s.Brand.Name }, bounds: fmt.Sprintf("Up to %d characters", brand.MaxName), read: func(text string) (string, string) {
			return text, oauth.NameFault(text, "the house", brand.MaxName)
		}},
	{Name: LogoName, Group: GroupBrand, Label: "Logo", Hint: "Shown where people sign in, on light and on dark pages. It is made to fit 256 × 256 pixels.",
		of: func(s *Settings) any { return &s.Brand.Logo }, bounds: "A picture that was uploaded", read: readLogo},
	{Name: "brand_accent", Group: GroupBrand, Label: "Accent", Hint: "The colour of buttons and links. It is made darker or lighter where it could not be read.",
		of: func(s *Settings) any { return &s.Brand.Accent }, bounds: "Six hexadecimal digits, as 2452c4", read: readAccent},
	{Name: "brand_help_uri", Group: GroupBrand, Label: "Help", Hint: "Where people find help: a page, or an e-mail address as mailto:help@example.com.",
		of: func(s *Settings) any { return &s.Brand.HelpURI }, bounds: "An https, http or mailto address", read: readHelpURI},
	{Name: "brand_policy_uri", Group: GroupBrand, Label: "Privacy policy", Hint: "Of the house itself. Applications have their own.",
		of: func(s *Settings) any { return &s.Brand.PolicyURI }, bounds: "An https or http address", read: readWebURI},
	{Name: "brand_tos_uri", Group: GroupBrand, Label: "Terms of service", Hint: "Of the house itself. Applications have their own.",
		of: func(s *Settings) any { return &s.Brand.TosURI }, bounds: "An https or http address", read: readWebURI},
}

// LogoName is the name of the setting that names a picture. Nothing pins it: the hash says nothing where the picture is not.
const LogoName = "brand_logo"

func readLogo(text string) (value, why string) {
	if !brand.IsHash(text) {
		return "", "This is no picture of ours: upload one."
	}
	return text, ""
}

func readAccent(text string) (value, why string) {
	accent, ok := brand.ParseAccent(text)
	if !ok {
		return "", brand.AccentFault
	}
	return accent, ""
}

func readWebURI(text string) (value, why string) { return text, oauth.WebURIFault(text) }

func readHelpURI(text string) (value, why string) {
	if address, mailed := strings.CutPrefix(text, "mailto:"); mailed {
		if a, err := mail.ParseAddress(address); err == nil && a.Address == address && !strings.ContainsAny(address, "?&\"<> ") {
			return text, ""
		}
		return "", "Enter an e-mail address as mailto:help@example.com."
	}
	return readWebURI(text)
}

// FieldByName finds a setting.
func FieldByName(name string) (Field, bool) {
	i := slices.IndexFunc(Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return Fields[i], true
}

// Variable is the environment variable that pins the setting.
func (f Field) Variable() string { return "GATEHOUSE_" + strings.ToUpper(f.Name) }

// IsSwitch reports whether the setting is true or false.
func (f Field) IsSwitch() bool { _, is := f.of(&Settings{}).(*bool); return is }

// IsPicture reports whether the setting names a picture.
func (f Field) IsPicture() bool { return f.Name == LogoName }

// IsDuration reports whether the setting is a time.
func (f Field) IsDuration() bool { _, is := f.of(&Settings{}).(*time.Duration); return is }

// Text is the value that the settings have, as it is written.
func (f Field) Text(s *Settings) string {
	switch v := f.of(s).(type) {
	case *time.Duration:
		return FormatDuration(*v)
	case *int:
		return strconv.Itoa(*v)
	case *bool:
		return strconv.FormatBool(*v)
	case *string:
		return *v
	}
	panic("policy: " + f.Name + " is of no kind")
}

// Default is the value that the setting has by itself, as it is written.
func (f Field) Default() string {
	s := Defaults()
	return f.Text(&s)
}

// Bounds say what the setting may be.
func (f Field) Bounds() string {
	switch {
	case f.read != nil:
		return f.bounds
	case f.IsSwitch():
		return "true or false"
	case f.IsDuration():
		return FormatDuration(time.Duration(f.min)) + " to " + FormatDuration(time.Duration(f.max))
	}
	return fmt.Sprintf("%d to %d", f.min, f.max)
}

// problem is what is wrong with a value, in a sentence for people.
type problem string

// Error returns the sentence.
func (p problem) Error() string { return string(p) }

// set reads the text into the settings; within its bounds, unless it was pinned by who runs the server. The error is for people.
func (f Field) set(s *Settings, text string, bounded bool) error {
	text = strings.TrimSpace(text)
	outside := func(n int64) bool { return bounded && (n < f.min || n > f.max) }
	expected := problem("Expected " + f.Bounds() + ".")
	switch v := f.of(s).(type) {
	case *time.Duration:
		d, err := ParseDuration(text)
		if err != nil || outside(int64(d)) {
			return problem("Expected " + f.Bounds() + ", written as 90s, 15m, 8h or 30d.")
		}
		*v = d
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || outside(int64(n)) {
			return expected
		}
		*v = n
	case *bool:
		on, err := strconv.ParseBool(text)
		if err != nil {
			return expected
		}
		*v = on
	case *string:
		if text == "" { // as it is by itself
			defaults := Defaults()
			*v = f.Text(&defaults)
			break
		}
		value, why := f.read(text)
		if why != "" {
			return problem(why)
		}
		*v = value
	}
	if f.loopback != nil {
		*f.loopback(s) = true
	}
	return nil
}

// Check says what is wrong with the text, in words for people; bounded asks for what the console lets people choose.
func (f Field) Check(text string, bounded bool) error {
	var s Settings
	return f.set(&s, text, bounded)
}

// ParseDuration reads what FormatDuration writes: 90s, 15m, 8h, 30d, and several of these one after the other.
func ParseDuration(text string) (time.Duration, error) {
	days := time.Duration(0)
	if n, rest, found := strings.Cut(text, "d"); found {
		whole, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, err
		}
		if days = time.Duration(whole) * day; rest == "" {
			return days, nil
		}
		text = rest
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		return 0, fmt.Errorf("%s is negative", text)
	}
	return days + d, err
}

// FormatDuration writes a time as people do: 90s, 15m, 8h, 30d, 1h30m.
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	var out strings.Builder
	if d >= 2*day {
		fmt.Fprintf(&out, "%dd", d/day)
		d %= day
	}
	if d > time.Minute && d < 2*time.Minute { // 90s reads better than 1m30s
		fmt.Fprintf(&out, "%ds", d/time.Second)
		return out.String()
	}
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / unit.of; n > 0 {
			fmt.Fprintf(&out, "%d%s", n, unit.name)
			d %= unit.of
		}
	}
	return out.String()
}

// FormatSeconds is the same of whole seconds; 0 is nothing.
func FormatSeconds(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return FormatDuration(time.Duration(seconds) * time.Second)
}

// ParseSeconds reads what FormatSeconds writes. What is no time of whole seconds is negative, which no bounds let pass.
func ParseSeconds(text string) int64 {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	d, err := ParseDuration(text)
	if err != nil || d == 0 || d%time.Second != 0 {
		return -1
	}
	return int64(d / time.Second)
}

// faultsAcross finds what each field alone does not show.
func faultsAcross(s *Settings) fault.Fields {
	f := fault.Fields{}
	if l := s.OAuth.Lifetimes; l.RefreshIdle > l.Refresh {
		f.Add("refresh_token_idle", "A refresh token ends after "+FormatDuration(l.Refresh)+" anyway: expected no more than that.")
	}
	if s.Sessions.Idle > s.Sessions.Absolute {
		f.Add("session_idle", "A session ends after "+FormatDuration(s.Sessions.Absolute)+" anyway: expected no more than that.")
	}
	if s.Sessions.ConsoleIdle > s.Sessions.Idle {
		f.Add("console_idle", "A session ends after "+FormatDuration(s.Sessions.Idle)+" unused anyway: expected no more than that.")
	}
	for name, kept := range map[string]time.Duration{"audit_keep_refusals": s.Retention.Refusals, "audit_keep_activity": s.Retention.Activity} {
		if most := s.Retention.Changes; kept > most { // whichever of the two was changed
			field, _ := FieldByName(name)
			f.Add(name, "Changes are kept "+FormatDuration(most)+": expected no more than that.")
			f.Add("audit_keep_changes", field.Label+" are kept "+FormatDuration(kept)+": expected no less than that.")
		}
	}
	return f
}
