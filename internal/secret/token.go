package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
)

// tokenBytes is what stands behind every token we hand out: 256 bits cannot be guessed, so one SHA-256 is
// enough at rest and no salt or slow hash is needed.
const tokenBytes = 32

// New returns a fresh token: prefix, then 256 random bits as 43 base64url characters. The prefix tells
// people and secret scanners what they found ("gh_cs_"); it adds no strength.
func New(prefix string) string {
	b := make([]byte, tokenBytes)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// Hash returns the base64url SHA-256 of s, 43 characters: how tokens, codes and client secrets are kept and
// looked up. Use it for values of at least 128 random bits only; passwords need a [Hasher].
func Hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Equal reports whether a and b are the same, taking a time that depends on their lengths alone.
func Equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

const hidden = "[secret]"

// Text is a secret that prints as "[secret]" in logs, errors, JSON and every fmt verb. It hides only where
// fmt can reach its methods: keep it in exported fields, as fmt prints unexported ones bare.
type Text string

// Reveal returns the secret itself, for the one place that uses it.
func (t Text) Reveal() string { return string(t) }

// String returns "[secret]".
func (Text) String() string { return hidden }

// GoString returns "[secret]".
func (Text) GoString() string { return hidden }

// Format prints "[secret]" for every verb; without it %d would show the text inside its complaint.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue makes slog print "[secret]".
func (Text) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText makes JSON and YAML print "[secret]". There is no way back, on purpose.
func (Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }
