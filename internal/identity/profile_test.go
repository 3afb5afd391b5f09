package identity

import (
	"strings"
	"testing"
)

// OpenID Connect Core §5.1.
func TestProfile_isWhatTheStandardSays(t *testing.T) {
	t.Parallel()
	set := map[string]func(*Profile, string){
		"given_name":   func(p *Profile, s string) { p.GivenName = s },
		"gender":       func(p *Profile, s string) { p.Gender = s },
		"profile":      func(p *Profile, s string) { p.ProfileURL = s },
		"picture":      func(p *Profile, s string) { p.Picture = s },
		"website":      func(p *Profile, s string) { p.Website = s },
		"birthdate":    func(p *Profile, s string) { p.Birthdate = s },
		"zoneinfo":     func(p *Profile, s string) { p.Zoneinfo = s },
		"locale":       func(p *Profile, s string) { p.Locale = s },
		"phone_number": func(p *Profile, s string) { p.PhoneNumber = s },
		"formatted":    func(p *Profile, s string) { p.Address = &Address{Formatted: s} },
		"locality":     func(p *Profile, s string) { p.Address = &Address{Locality: s} },
		"country":      func(p *Profile, s string) { p.Address = &Address{Country: s} },
	}
	for name, c := range map[string]struct{ good, bad []string }{
		"given_name":   {[]string{"", "Ada", "Þóra Björk", "กานดา", strings.Repeat("ä", 200)}, []string{strings.Repeat("ä", 201), "a\nb", "a\u202eb", "a\x00", "a\xff"}},
		"gender":       {[]string{"", "female", "non-binary"}, []string{"a\u2028b"}},
		"profile":      {[]string{"", "https://example.com/me", "http://localhost:8080"}, []string{"javascript:alert(1)", "data:text/html,x", "example.com", "//example.com", "https://", "https://a b", "https://user@example.com", "ftp://example.com", "https://x/" + strings.Repeat("a", 2048)}},
		"picture":      {[]string{"https://example.com/a.png?s=1"}, []string{"javascript:alert(1)"}},
		"website":      {[]string{"https://example.com"}, []string{"javascript:alert(1)"}},
		"birthdate":    {[]string{"", "1990-12-31", "0000-12-31", "0000-02-29", "2000-02-29", "1990"}, []string{"31.12.1990", "1990-13-01", "1990-02-30", "0000-02-30", "90", "1990-1-1", "1990-12", "0000-"}},
		"zoneinfo":     {[]string{"", "Europe/Oslo", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5"}, []string{"/Oslo", "Europe/", "Europe Oslo", "../etc", "+7"}},
		"locale":       {[]string{"", "en", "th-TH", "en_US", "zh-Hant-TW"}, []string{"e", "en-", "english language", "-en", "en--US"}},
		"phone_number": {[]string{"", "+6681234567", "+16045550123;ext=5678"}, []string{"0812345678", "+0812345678", "+66 81 234", "+1", "+1234567890123456", "+66812345x"}},
		"formatted":    {[]string{"", "1 Road\r\nTown"}, []string{strings.Repeat("a", 501), "a\x00b"}},
		"locality":     {[]string{"", "Õ"}, []string{"a\nb"}},
		"country":      {[]string{"Thailand"}, []string{strings.Repeat("a", 201)}},
	} {
		for i, values := range [][]string{c.good, c.bad} {
			for _, value := range values {
				var p Profile
				set[name](&p, value)
				f := p.Validate()
				if bad := i == 1; bad != (len(f) == 1 && f[name] != "") || !bad && len(f) > 0 {
					t.Errorf("%s %q: %v", name, value, f)
				}
			}
		}
	}
	if f := (&Profile{PhoneNumberVerified: true}).Validate(); f["phone_number_verified"] == "" {
		t.Error("a number that is not there is verified")
	}
	u := User{Username: "ada", Role: RoleUser, EmailVerified: true, Profile: Profile{Locale: "?"}}
	if f := u.Validate(); f["email_verified"] == "" || f["locale"] == "" || len(f) != 2 {
		t.Errorf("a user with a bad profile: %v", f)
	}
}

func TestIDFrom_isAUUIDThatStaysTheSame(t *testing.T) {
	t.Parallel()
	one := IDFrom("seed")
	if one != IDFrom("seed") || one == IDFrom("other") || !likeUUID(one) || one[14] != '8' {
		t.Errorf("%s", one)
	}
}
