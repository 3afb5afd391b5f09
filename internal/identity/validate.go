package identity

import (
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/internal/fault"
)

const (
	maxUsername = 64  // characters
	maxEmail    = 254 // bytes (RFC 5321 §4.5.3.1.3, less its angle brackets)
	maxName     = 200 // characters
)

// FoldUsername writes a username as it is compared: nobody is Alice beside alice.
func FoldUsername(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// FoldEmail writes an e-mail address as it is compared.
func FoldEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// ValidateUsername says what is wrong with a folded username, or "". It never looks like an e-mail address, a subject or a
// client id: whoever reads one of them in a token has to know which it is (RFC 9700 §4.15, security.md rule 7).
func ValidateUsername(folded string) string {
	if folded == "" {
		return "Enter a username."
	}
	if len(folded) > maxUsername {
		return fmt.Sprintf("Use at most %d characters.", maxUsername)
	}
	for i := range len(folded) {
		c := folded[i]
		letterOrDigit := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		switch {
		case i == 0 && !letterOrDigit:
			return "Begin with a letter from a to z or a digit."
		case !letterOrDigit && c != '.' && c != '_' && c != '-':
			return "Use the letters a to z, digits, and . _ - only."
		}
	}
	if strings.HasPrefix(folded, "cl_") {
		return "A username does not begin with cl_, as the ids of applications do."
	}
	if likeUUID(folded) {
		return "Choose a username that does not look like an id."
	}
	return ""
}

// likeUUID reports whether s is written as a UUID is (RFC 9562 §4), as every subject is.
func likeUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// ValidateEmail says what is wrong with an e-mail address, or "". Whether anybody reads mail there only a mail can tell.
func ValidateEmail(s string) string {
	if s == "" {
		return "Enter an e-mail address."
	}
	if len(s) > maxEmail {
		return "The e-mail address is too long."
	}
	const implausible = "Enter an e-mail address such as name@example.com."
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
	}) {
		return implausible
	}
	// ParseAddress also reads names, comments and quotes; then what it returns is not what was typed.
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s || strings.Count(s, "@") != 1 || strings.Contains(s, "[") {
		return implausible
	}
	return ""
}

// ValidateName says what is wrong with a person's name, or "". People without one are called by their username.
func ValidateName(s string) string {
	if utf8.RuneCountInString(s) > maxName {
		return fmt.Sprintf("Use at most %d characters.", maxName)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, misleading) {
		return "Use plain text."
	}
	return ""
}

// misleading characters break a line, or make text read otherwise than it is stored.
func misleading(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// Validate says what is wrong with a user, field by field. The e-mail address may be missing.
func (u *User) Validate() fault.Fields {
	f := fault.Fields{}
	folded := FoldUsername(u.Username)
	if message := ValidateUsername(folded); message != "" {
		f.Add("username", message)
	} else if len(folded) != len(u.Username) { // spaces around it, or a letter that only folds to one from a to z
		f.Add("username", "Use the letters a to z, digits, and . _ - only.")
	}
	if u.Email != "" {
		if message := ValidateEmail(u.Email); message != "" {
			f.Add("email", message)
		}
	}
	if message := ValidateName(u.Name); message != "" {
		f.Add("name", message)
	}
	if u.Email == "" && u.EmailVerified {
		f.Add("email_verified", "There is no address to be verified.")
	}
	maps.Copy(f, u.Profile.Validate())
	if !slices.Contains(Roles, u.Role) {
		f.Add("role", "Choose one of the roles.")
	}
	return f
}
