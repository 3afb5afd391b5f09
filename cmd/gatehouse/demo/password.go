package demo

import (
	"crypto/rand"
	"strings"

	"gatehouse/internal/secret"
)

// newPassword makes a password that can be read aloud and typed: eight random syllables, 50 bits. It lives as long as the house.
func newPassword(personal ...string) string {
	const consonants, vowels = "bdfghjklmnprstvz", "aeiou"
	for {
		raw := make([]byte, 16)
		_, _ = rand.Read(raw) // never fails
		var b strings.Builder
		for i := 0; i < len(raw); i += 2 {
			if i > 0 && i%4 == 0 {
				b.WriteByte('-')
			}
			b.WriteByte(consonants[raw[i]%16])
			b.WriteByte(vowels[raw[i+1]%5])
		}
		if secret.CheckPasswordRule(secret.MinPasswordLength, b.String(), personal...) == nil {
			return b.String()
		}
	}
}
