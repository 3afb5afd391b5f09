package identity

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"gatehouse/internal/secret"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"alice": "alice", " Alice\t\n": "alice", "": "", "ALICE.B": "alice.b", "\u00a0alice\u3000": "alice", "a b": "a b", "ÉVA": "éva",
	} {
		if got := FoldUsername(in); got != want {
			t.Errorf("FoldUsername(%q) is %q", in, got)
		}
	}
	if got := FoldEmail(" Alice@Example.COM "); got != "alice@example.com" {
		t.Errorf("FoldEmail: %q", got)
	}
}

func TestValidateUsername(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"a", "7", "alice", "alice.b_c-d", "0alice", "cl", "cl-alice", "clara", "clalice_", "alice-", "alice.", "gh_rt", strings.Repeat("a", 64),
		"0195a1b2-c3d4-7e5f-8a9b-c0d1e2f3a4b",   // a digit short of a UUID
		"0195a1b2-c3d4-7e5f-8a9b-c0d1e2f3a4bg",  // no hexadecimal
		"0195a1b2c-3d4-7e5f-8a9b-c0d1e2f3a4b5",  // a dash elsewhere
		"0195a1b2-c3d4-7e5f-8a9b-c0d1e2f3a4b55", // a digit more
	} {
		if message := ValidateUsername(good); message != "" {
			t.Errorf("%q: %s", good, message)
		}
	}
	for _, bad := range []string{
		"", " ", ".alice", "-alice", "_alice", "Alice", "alice b", " alice", "alice ", "alice@example.com", "@", "a@b", "élise", "a\u212aa", "алиса",
		"a/b", `a\b`, "a:b", "a+b", "a%2e", "a\nb", "a\x00", "a\xff", "a,b", "<a>", "a'b", strings.Repeat("a", 65),
		"cl_", "cl_alice", "cl_0123456789abcdefghijkl", // RFC 9700 §4.15: no client id
		"0195a1b2-c3d4-7e5f-8a9b-c0d1e2f3a4b5", // and no subject
		"00000000-0000-0000-0000-000000000000",
	} {
		if ValidateUsername(bad) == "" {
			t.Errorf("%q passes", bad)
		}
	}
}

// RFC 9700 §4.15, security.md rule 7.
func TestValidateUsername_refusesEveryClientID(t *testing.T) {
	t.Parallel()
	for range 100 { // as oauth.Client.Identify makes them
		if id := FoldUsername("cl_" + secret.New("")[:22]); ValidateUsername(id) == "" {
			t.Fatalf("%q passes", id)
		}
	}
}

// RFC 9700 §4.15, security.md rule 7.
func TestValidateUsername_refusesEverySubject(t *testing.T) {
	t.Parallel()
	for range 100 {
		if id := NewID(); ValidateUsername(id) == "" {
			t.Fatalf("%q passes", id)
		}
	}
}

func TestValidateEmail(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"alice@example.com", "alice+tag@example.com", "a@b", "o'brien@example.co.uk", "alice@xn--bcher-kva.example", "root@localhost",
		"élise@example.com", "alice@bücher.example", strings.Repeat("a", 64) + "@" + strings.Repeat("b", 185) + ".com",
	} {
		if message := ValidateEmail(good); message != "" {
			t.Errorf("%q: %s", good, message)
		}
	}
	for _, bad := range []string{
		"", "alice", "@example.com", "alice@", "alice@@example.com", "alice@b@example.com", "a b@example.com", " alice@example.com", "alice@example.com ",
		"Alice <alice@example.com>", "<alice@example.com>", `"a b"@example.com`, `"a@b"@example.com`, "alice(comment)@example.com", "alice@example.com, bob@example.com",
		"alice@example..com", "alice@.example.com", ".alice@example.com", "alice@[127.0.0.1]", "alice@exam ple.com",
		"alice@example.com\r\nBcc: bob@example.com", "alice\x00@example.com", "alice\u0085@example.com", "a\u00a0b@example.com", "alice\u202e@example.com",
		"alice\xff@example.com", strings.Repeat("a", 64) + "@" + strings.Repeat("b", 186) + ".com",
	} {
		if ValidateEmail(bad) == "" {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestValidateName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "Alice", "Élise O'Brien-Smith, Jr.", "李小龍", "👩\u200d🚀", strings.Repeat("é", 200)} {
		if message := ValidateName(good); message != "" {
			t.Errorf("%q: %s", good, message)
		}
	}
	for _, bad := range []string{strings.Repeat("é", 201), "a\nb", "a\x00", "a\u009bb", "a\xff", "a\u2028b", "a\u202eb", "a\u2066b"} {
		if ValidateName(bad) == "" {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestUser_Validate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*User)
		fields []string
	}{
		{"a good one", func(*User) {}, nil},
		{"no e-mail address", func(u *User) { u.Email = "" }, nil},
		{"no name", func(u *User) { u.Name = "" }, nil},
		{"capitals are kept beside the folded username", func(u *User) { u.Username = "Alice" }, nil},
		{"no username", func(u *User) { u.Username = "" }, []string{"username"}},
		{"spaces around the username", func(u *User) { u.Username = " alice" }, []string{"username"}},
		{"a Kelvin sign that folds to k", func(u *User) { u.Username = "\u212aate" }, []string{"username"}},
		{"a client id with capitals", func(u *User) { u.Username = "CL_alice" }, []string{"username"}},
		{"a subject with capitals", func(u *User) { u.Username = "0195A1B2-C3D4-7E5F-8A9B-C0D1E2F3A4B5" }, []string{"username"}},
		{"spaces around the e-mail address", func(u *User) { u.Email = "alice@example.com " }, []string{"email"}},
		{"a space for an e-mail address", func(u *User) { u.Email = " " }, []string{"email"}},
		{"no role", func(u *User) { u.Role = "" }, []string{"role"}},
		{"a role there is not", func(u *User) { u.Role = "Admin" }, []string{"role"}},
		{"everything", func(u *User) { *u = User{Email: "x", Name: "\n"} }, []string{"email", "name", "role", "username"}},
	} {
		u := &User{Username: "alice", Email: "Alice@example.com", Name: "Alice", Role: RoleUser}
		c.change(u)
		f := u.Validate()
		if got := slices.Sorted(maps.Keys(f)); !slices.Equal(got, c.fields) {
			t.Errorf("%s: %v", c.name, f)
		}
	}
}

func FuzzValidateUsername(f *testing.F) {
	for _, s := range []string{"alice", "cl_x", "a@b", "0195a1b2-c3d4-7e5f-8a9b-c0d1e2f3a4b5", "é", "A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := FoldUsername(s)
		if FoldUsername(folded) != folded {
			t.Errorf("%q folds twice", s)
		}
		if ValidateUsername(folded) != "" {
			return
		}
		if len(folded) > 64 || strings.ContainsAny(folded, "@ /\\:%<>\"'") || strings.HasPrefix(folded, "cl_") || strings.ContainsFunc(folded, func(r rune) bool { return r > '~' }) {
			t.Errorf("%q passes", folded)
		}
	})
}

func FuzzValidateEmail(f *testing.F) {
	for _, s := range []string{"alice@example.com", `"a@b"@c`, "a <b@c>", "a@[::1]", "a@b\r\nc: d", "=?utf-8?q?a?= <b@c>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ValidateEmail(s) != "" {
			return
		}
		if len(s) > 254 || strings.Count(s, "@") != 1 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
			return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune("<>()[],;:\"\\", r)
		}) {
			t.Errorf("%q passes", s)
		}
	})
}
