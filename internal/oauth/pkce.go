package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// ChallengeS256 is the only code_challenge_method there is (RFC 7636 §4.2, RFC 9700 §2.1.1).
const ChallengeS256 = "S256"

// validChallenge reports whether s is an S256 code_challenge: 43 base64url characters without padding (RFC 7636 §4.2).
func validChallenge(s string) bool {
	if strings.ContainsAny(s, "\r\n") { // DecodeString skips them
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// validVerifier reports whether s is a code_verifier: 43 to 128 unreserved characters (RFC 7636 §4.1).
func validVerifier(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// verifierMatches proves the verifier against the challenge (RFC 7636 §4.6).
func verifierMatches(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	computed := base64.RawURLEncoding.EncodeToString(sum[:])
	return validVerifier(verifier) && subtle.ConstantTimeCompare([]byte(computed), []byte(challenge)) == 1
}
