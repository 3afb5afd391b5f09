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

// URI keeps a URI without its query, its fragment and whatever stands before an @ in its authority: they may carry anything.
func URI(s string) Received {
	cut := ""
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s, cut = s[:i], "?…"
	}
	if scheme, rest, found := strings.Cut(s, "://"); found {
		end := strings.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
			s = scheme + "://…" + rest[at:]
		}
	}
	return Received(cleanTo(s, maxReceived-len(cut)) + cut)
}

// Opaque describes one of our own values of at least 128 random bits by its last four characters and a hash prefix;
// anything that cannot be such a value (it is shorter, or a sentence) is described by its length alone.
func Opaque(s string) Received {
	if len(s) < 22 || strings.ContainsFunc(s, notBase64URL) { // 22 characters hold 128 bits
		return Shape(s)
	}
	sum := sha256.Sum256([]byte(s))
	return Received(fmt.Sprintf("%d characters ending in %s, SHA-256 %s…", len(s), s[len(s)-4:], base64.RawURLEncoding.EncodeToString(sum[:])[:8]))
}

func notBase64URL(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Shape describes a value that must not be kept by its length alone.
func Shape(s string) Received {
	if s == "" {
		return "nothing"
	}
	if len(s) == 1 {
		return "1 byte"
	}
	return Received(fmt.Sprintf("%d bytes", len(s)))
}

func clean(s string) string { return cleanTo(s, maxReceived) }

// cleanTo cuts s to at most size bytes, between two characters, and takes out what is no visible text.
func cleanTo(s string, size int) string {
	if len(s) > size {
		for size > 0 && !utf8.RuneStart(s[size]) {
			size--
		}
		s = s[:size]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
