package oauth

import (
	"crypto/sha256"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

// The example of RFC 7636, Appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// RFC 7636 §4.1.
func TestValidVerifier(t *testing.T) {
	t.Parallel()
	for _, good := range []string{verifier, strings.Repeat("a", 43), strings.Repeat("~", 128), strings.Repeat("aZ09-._~", 8)} {
		if !validVerifier(good) {
			t.Errorf("%q is refused", good)
		}
	}
	long := strings.Repeat("a", 50)
	for _, bad := range []string{
		"", strings.Repeat("a", 42), strings.Repeat("a", 129), long + "+", long + "/", long + "=", long + " ", long + "%2B", long + "\n", long + "\x00", long + "é", long + "\xff",
		long + "`", long + "{", long + "@", long + "[", long + ":", // neighbours of the ranges
	} {
		if validVerifier(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

// RFC 7636 §4.2.
func TestValidChallenge(t *testing.T) {
	t.Parallel()
	for _, good := range []string{challenge, strings.Repeat("A", 43), strings.Repeat("_-", 21) + "8"} {
		if !validChallenge(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", challenge[:42], challenge + "A", challenge + "=", challenge[:42] + "=", challenge[:42] + "+", challenge[:42] + "/",
		challenge + "\n", challenge[:20] + "\r\n" + challenge[20:], challenge[:20] + "\n" + challenge[21:], // base64 skips line breaks
		challenge[:42] + "N", // bits beyond the hash
		" " + challenge, challenge[:42] + "é", strings.Repeat("A", 44), strings.Repeat("a", 64),
	} {
		if validChallenge(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

// RFC 7636 §4.6 and Appendix B.
func TestVerifierMatches(t *testing.T) {
	t.Parallel()
	if !verifierMatches(verifier, challenge) {
		t.Error("the example of Appendix B fails")
	}
	const short, ofShort = "abc", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" // SHA-256 of abc
	for _, c := range []struct{ name, verifier, challenge string }{
		{"none", "", challenge},
		{"another", strings.Repeat("a", 43), challenge},
		{"the challenge itself: plain", challenge, challenge},
		{"the verifier as its own challenge: plain", verifier, verifier},
		{"one character more", verifier + "a", challenge},
		{"another case", strings.ToLower(verifier), challenge},
		{"a verifier too short to be one", short, ofShort},
		{"no challenge", verifier, ""},
		{"neither", "", ""},
		{"the hash of nothing", "", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"},
		{"half a challenge", verifier, challenge[:21]},
		{"a padded challenge", verifier, challenge + "="},
	} {
		if verifierMatches(c.verifier, c.challenge) {
			t.Errorf("%s passes", c.name)
		}
	}
}

// The grammars of RFC 7636 §4.1 and §4.2; 43 characters hold 258 bits, so the last one has two that are zero.
var (
	verifierGrammar  = regexp.MustCompile(`^[A-Za-z0-9\-._~]{43,128}$`)
	challengeGrammar = regexp.MustCompile(`^[A-Za-z0-9\-_]{42}[AEIMQUYcgkosw048]$`)
)

// s256 computes a challenge from the definition (RFC 7636 §4.2, RFC 4648 §5), six bits at a time.
func s256(verifier string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	sum := sha256.Sum256([]byte(verifier))
	n := new(big.Int).Lsh(new(big.Int).SetBytes(sum[:]), 2)
	out := make([]byte, 43)
	for i := range out {
		out[42-i] = digits[new(big.Int).And(new(big.Int).Rsh(n, uint(6*i)), big.NewInt(63)).Int64()]
	}
	return string(out)
}

func FuzzVerifierMatches(f *testing.F) {
	f.Add(verifier, challenge)
	f.Add("", "")
	f.Add(challenge, challenge)
	f.Add(verifier, "=")
	f.Add(verifier, " ")
	f.Add(verifier, challenge+"=")
	f.Add(verifier, challenge[:42]+"N")
	f.Add(verifier+"\n", challenge)
	f.Add(strings.Repeat("~", 128), challenge[:20]+"\r\n"+challenge[20:])
	f.Add(strings.Repeat("a", 129), strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, v, c string) {
		if got := validVerifier(v); got != verifierGrammar.MatchString(v) {
			t.Errorf("verifier %q: %t", v, got)
		}
		if got := validChallenge(c); got != challengeGrammar.MatchString(c) {
			t.Errorf("challenge %q: %t", c, got)
		}
		own := s256(v)
		if !validChallenge(own) {
			t.Errorf("%q, of %q, is no challenge", own, v)
		}
		for _, challenge := range []string{c, own, own + c, c + own, strings.TrimSuffix(own, own[42:]) + c} {
			if got := verifierMatches(v, challenge); got != (verifierGrammar.MatchString(v) && challenge == own) {
				t.Errorf("%q against %q: %t", v, challenge, got)
			}
		}
		if c != v && verifierMatches(c, own) {
			t.Errorf("%q and %q both match %q", v, c, own)
		}
	})
}
