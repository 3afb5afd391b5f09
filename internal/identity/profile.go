package identity

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/fault"
)

// Bounds of a profile, in characters. A text is of one line unless it is part of an address.
const (
	maxClaim   = 200
	maxLine    = 500 // of an address
	maxAddress = 2048
)

// texts are the claims that are any text of one line, by their names.
func (p *Profile) texts() map[string]string {
	return map[string]string{
		"given_name": p.GivenName, "family_name": p.FamilyName, "middle_name": p.MiddleName, "nickname": p.Nickname, "gender": p.Gender,
	}
}

// links are the claims that are addresses of pages and pictures.
func (p *Profile) links() map[string]string {
	return map[string]string{"profile": p.ProfileURL, "picture": p.Picture, "website": p.Website}
}

// parts are the members of the address claim; those of several lines have a line break in them.
func (a *Address) parts() map[string]string {
	return map[string]string{
		"formatted": a.Formatted, "street_address": a.StreetAddress, "locality": a.Locality, "region": a.Region,
		"postal_code": a.PostalCode, "country": a.Country,
	}
}

var (
	phone    = regexp.MustCompile(`^\+[1-9][0-9]{5,14}(;ext=[0-9]{1,10})?$`) // E.164, RFC 3966 for the extension
	zone     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)
	language = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$`) // BCP 47; some write an underscore, says the standard
)

// Validate says what is wrong with the claims, by their names: what OpenID Connect Core §5.1 has them be. All may be missing.
func (p *Profile) Validate() fault.Fields {
	f := fault.Fields{}
	for name, text := range p.texts() {
		checkText(f, name, text, maxClaim, false)
	}
	for name, link := range p.links() {
		if link != "" && !webAddress(link) {
			f.Add(name, "Enter an address such as https://example.com/me.")
		}
	}
	check := func(name, value string, good bool, message string) {
		if value != "" && !good {
			f.Add(name, message)
		}
	}
	check("birthdate", p.Birthdate, birthdate(p.Birthdate), "Enter a date as 1990-12-31, 0000-12-31 without the year, or the year alone.")
	check("zoneinfo", p.Zoneinfo, len(p.Zoneinfo) <= maxClaim && zone.MatchString(p.Zoneinfo), "Enter a time zone such as Europe/Oslo.")
	check("locale", p.Locale, len(p.Locale) <= maxClaim && language.MatchString(p.Locale), "Enter a language such as en or th-TH.")
	check("phone_number", p.PhoneNumber, phone.MatchString(p.PhoneNumber), "Enter the number with its country, such as +6681234567.")
	if p.PhoneNumber == "" && p.PhoneNumberVerified {
		f.Add("phone_number_verified", "There is no number to be verified.")
	}
	if p.Address != nil {
		for name, text := range p.Address.parts() {
			long := name == "formatted" || name == "street_address"
			most := maxClaim
			if long {
				most = maxLine
			}
			checkText(f, name, text, most, long)
		}
	}
	return f
}

func checkText(f fault.Fields, name, text string, most int, lines bool) {
	if lines {
		text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
	}
	if utf8.RuneCountInString(text) > most {
		f.Add(name, fmt.Sprintf("Use at most %d characters.", most))
	} else if !utf8.ValidString(text) || strings.ContainsFunc(text, misleading) {
		f.Add(name, "Use plain text.")
	}
}

// webAddress reports whether a browser that is led there stays on the web: applications make links and pictures of it.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxAddress && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsFunc(s, func(r rune) bool { return misleading(r) || r == ' ' })
}

// birthdate reports whether s is a date of ISO 8601, one without its year, or a year (OpenID Connect Core §5.1).
func birthdate(s string) bool {
	if rest, without := strings.CutPrefix(s, "0000-"); without {
		s = "2000-" + rest // which has a 29 February
	}
	for _, layout := range []string{time.DateOnly, "2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}
