package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cause is why a check refused a request: for the operator, never for the browser (security.md rule 14).
type Cause struct {
	Rule     string   `json:"rule"`               // name of the check that failed, in snake_case
	Expected string   `json:"expected,omitempty"` // what would have passed; never a secret
	Received Received `json:"received,omitempty"` // what came instead, made by one of the functions below
	Remedy   string   `json:"remedy,omitempty"`   // what the client's developer or the operator can do
}

// Received describes a value that came from outside, in a form that is safe to keep. Make it with Value, URI, Opaque or Shape.
type Received string

const maxReceived = 256 // bytes

// Value keeps a protocol parameter that is no secret (a grant type, a scope, a method): cut to 256 bytes, control characters removed.
func Value(s string) Received { return Received(clean(s)) }

// URI keeps a URI without its query and fragment, which may carry anything.
func URI(s string) Received {
	cut := ""
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s, cut = s[:i], "?…"
	}
	return Received(clean(s) + cut)
}

// Opaque describes one of our own values of at least 128 random bits by its last four characters and a hash prefix;
// anything shorter than such a value is described by its length alone.
func Opaque(s string) Received {
	if len(s) < 22 { // 128 bits in base64url
		return Shape(s)
	}
	sum := sha256.Sum256([]byte(s))
	return Received(fmt.Sprintf("%d characters ending in %s, SHA-256 %s…", len(s), clean(s[len(s)-4:]), base64.RawURLEncoding.EncodeToString(sum[:])[:8]))
}

// Shape describes a value that must not be kept by its length alone.
func Shape(s string) Received {
	if s == "" {
		return "nothing"
	}
	return Received(fmt.Sprintf("%d bytes", len(s)))
}

func clean(s string) string {
	if len(s) > maxReceived {
		s = s[:maxReceived]
		for len(s) > 0 && !utf8.ValidString(s) && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
