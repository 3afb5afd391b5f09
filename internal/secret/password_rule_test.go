package secret

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCheckPasswordRule(t *testing.T) {
	t.Parallel()
	personal := []string{"siriporn", "siriporn.chai@mail.example", "ศิริพร"}
	for want, passwords := range map[error][]string{
		nil: {
			"xK4#vbQ9z!Lm", "correct pony battery lamp", "correct horse battery staple", "monkey dragon shadow", "the-river-sings-at-noon", "tidak mungkin lupa", "ฝนตกที่หน้าบ้านตอนเย็น",
			"siriporn likes tall ships", strings.Repeat("ab1!xY9-", 2) + "q", "!@~{%$#^*(|?", strings.Repeat("long words ", 11) + "x",
			" twelve chars ", "дождь идёт вечером", "9417 2260 8835",
		},
		ErrPasswordShort(12): {"", "short", "elevenchars", "ฝนตกหนัก", "ééééééééééé"},
		ErrPasswordLong:      {strings.Repeat("many words ", 12)},
		ErrPasswordText:      {"a password\x00 with NUL", "not \xff valid utf-8"},
		ErrPasswordCommon: {
			"aaaaaaaaaaaa", "aaaaaaaaaaaaB", "abababababab", "abcabcabcabcab", "xK4#xK4#xK4#", "qwertyqwerty", "passwordpassword",
			"123456789012", "098765432109", "1234567890123", "abcdefghijkl", "zyxwvutsrqponm", "qwertyuiop[]", "QWERTYUIOPAS",
			"1qaz2wsx3edc", "1q2w3e4r5t6y", "zaq12wsxcde3", "qazwsxedcrfv", "poiuytrewq123", "asdfghjkl123", "111122223333",
			"password1234", "P@ssw0rd2024!", "Passw0rd!!!!", "p.a.s.s.w.o.r.d", "welcome12345", "letmein12345", "Admin123456!",
			"iloveyou1234", "changeme2025", "administrator", "gatehouse123", "Gatehouse2026!", "GATEHOUSE-gatehouse",
			"maytheforcebewithyou",
			"trustno1trustno1", "            ", "............!", "liverpool2019", "summer2024!!!",
		},
		ErrPasswordPersonal: {"siriporn1234", "Siriporn2024!", "s1r1p0rn!!!!", "siriporn.chai@mail.example", "SiripornChai99", "chai-siriporn", "ศิริพร123456"},
	} {
		for _, password := range passwords {
			if got := CheckPasswordRule(MinPasswordLength, password, personal...); !errors.Is(got, want) {
				t.Errorf("%q: %v, expected %v", password, got, want)
			}
		}
	}
}

func TestCheckPasswordRule_letsRandomPasswordsPass(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, alphabet := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", "0123456789abcdef"} {
		refused := 0
		for range 5000 {
			b := make([]byte, MinPasswordLength)
			for i := range b {
				b[i] = alphabet[random.IntN(len(alphabet))]
			}
			if CheckPasswordRule(MinPasswordLength, string(b), "someone", "someone@mail.example") != nil {
				refused++
			}
		}
		if refused > 0 {
			t.Errorf("%d of 5000 random passwords from %s are refused", refused, alphabet)
		}
	}
}

func FuzzCheckPasswordRule(f *testing.F) {
	f.Add("P@ssw0rd2024!", "somebody")
	f.Add("ฝนตกที่หน้าบ้าน", "")
	f.Add("            ", "\x00\xff")
	f.Fuzz(func(t *testing.T, password, personal string) {
		err := CheckPasswordRule(MinPasswordLength, password, personal)
		if problem := PasswordProblem(""); err != nil && !errors.As(err, &problem) {
			t.Errorf("%q: %v is no PasswordProblem", password, err)
		}
	})
}

func BenchmarkCheckPasswordRule(b *testing.B) {
	password := strings.Repeat("monkey-dragon9", 9) + "x1"
	for b.Loop() {
		_ = CheckPasswordRule(MinPasswordLength, password, "someone", "someone@mail.example")
	}
}
