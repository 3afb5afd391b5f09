package secret

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func newHasher(t testing.TB, o HasherOptions) *Hasher {
	t.Helper()
	h, err := NewHasher(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func TestHasher_checksWhatItHashed(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	const password = "a field of ไทย poppies"
	encoded, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("encoded as %s", encoded)
	}
	if ok, rehash, err := h.Check(t.Context(), encoded, password, false); !ok || rehash || err != nil {
		t.Errorf("the right password: %v, %v, %v", ok, rehash, err)
	}
	for _, wrong := range []string{"", password + " ", strings.ToUpper(password)} {
		if ok, rehash, err := h.Check(t.Context(), encoded, wrong, true); ok || rehash || err != nil {
			t.Errorf("%q: %v, %v, %v", wrong, ok, rehash, err)
		}
	}
	again, err := h.Hash(t.Context(), password)
	if err != nil || again == encoded {
		t.Errorf("the same salt came twice (%v)", err)
	}
	if err := ValidateImported(encoded); err != nil {
		t.Errorf("our own hash is not importable: %v", err)
	}
}

// madeElsewhere are hashes of passlib 1.7.4 (bcrypt) and argon2-cffi 25 (argon2id).
var madeElsewhere = []struct{ encoded, password string }{
	{"$2a$04$kdlutZpFqa3D11sQo9NXi.izsLJ0TLUz/cNAB2X0N9OQ040dvlkPW", "secret"},
	{"$2b$04$RKkxMqGxZAUmnX92Nbj3M.tyMzN2f0nJ1YC3VbhOORrqZTEG0HdA.", "secret"},
	{"$2y$04$FTrlZqiHVqO9YqEANCM/ZeXZXHrV0SVa8tsB8twoujbGTCJYQxOzS", "secret"},
	{"$2b$12$saYsf0F2LEZD9q9A2hvIIebr1ci/k.f3ToNZRuqHiTic30b1VSnPe", "secret"},
	{"$2b$04$dXPOnwBPGZtDFqsO3ntv9eMXsGlEeUeLacXHAwmScu3WrKmmOoiA6", "pässwörd ไทย"},
	{"$2b$04$TSeBWHv8A39GCC1ebdIGN.RsdgfsngIn0Ik7Om6xSjCuWoxMh2jNm", strings.Repeat("0123456789", 8)}, // 80 bytes
	{"$argon2id$v=19$m=64,t=2,p=2$Y2N1PuNG6wgIQBc9HSsMQg$0gmscBRT3L8/se58tVZP5z2EvDKXKSxHR0jYFDSYhno", "secret"},
	{"$argon2id$v=19$m=65536,t=3,p=4$L9iNgVLUfKnezadU8evk3Q$2HjdIlxjJKM6AYKOu5BPd17kwWu1LPTKY93ALLs0JW0", "pässwörd ไทย"},
}

func TestHasher_checksHashesMadeElsewhere(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	for _, m := range madeElsewhere {
		if err := ValidateImported(m.encoded); err != nil {
			t.Errorf("%s: not importable: %v", m.encoded, err)
		}
		ok, rehash, err := h.Check(t.Context(), m.encoded, m.password, false)
		strong := strings.Contains(m.encoded, "m=65536")
		if !ok || rehash == strong || err != nil {
			t.Errorf("%s: %v, rehash %v, %v", m.encoded, ok, rehash, err)
		}
		if ok, rehash, err := h.Check(t.Context(), m.encoded, "Secret", false); ok || rehash || err != nil {
			t.Errorf("%s with a wrong password: %v, %v, %v", m.encoded, ok, rehash, err)
		}
	}
}

func TestHasher_asksForARehashOfWeakerHashes(t *testing.T) {
	t.Parallel()
	before := newHasher(t, HasherOptions{})
	encoded, err := before.Hash(t.Context(), "a password of before")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		options HasherOptions
		want    bool
	}{
		{"same", HasherOptions{}, false},
		{"more memory", HasherOptions{MemoryKiB: 20000}, true},
		{"more passes", HasherOptions{Time: 3}, true},
		{"more lanes", HasherOptions{Threads: 2}, false},
	} {
		ok, rehash, err := newHasher(t, c.options).Check(t.Context(), encoded, "a password of before", true)
		if !ok || rehash != c.want || err != nil {
			t.Errorf("%s: %v, rehash %v, %v", c.name, ok, rehash, err)
		}
	}
}

func TestHasher_sparesNoWorkForNobody(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	if err := h.CheckNobody(t.Context(), "whatever they typed", false); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.CheckNobody(ctx, "whatever they typed", false); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// Security rule 15: hashes that cost too much are refused, on import and where they are checked.
func TestValidateImported_saysWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	bcryptTail := "RKkxMqGxZAUmnX92Nbj3M.tyMzN2f0nJ1YC3VbhOORrqZTEG0HdA."
	argonTail := "$Y2N1PuNG6wgIQBc9HSsMQg$0gmscBRT3L8/se58tVZP5z2EvDKXKSxHR0jYFDSYhno"
	bytes := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct{ encoded, says string }{
		{"", "expected bcrypt"},
		{"5f4dcc3b5aa765d61d8327deb882cf99", "expected bcrypt"},
		{"$1$abc$def", "expected bcrypt"},
		{"$2$04$" + bcryptTail, "expected bcrypt"},
		{"$2x$04$" + bcryptTail, "expected bcrypt"},
		{"$argon2i$v=19$m=65536,t=3,p=4" + argonTail, "expected bcrypt"},
		{"$argon2d$v=19$m=65536,t=3,p=4" + argonTail, "expected bcrypt"},
		{"$2b$03$" + bcryptTail, `bcrypt cost "03", expected 04 to 14`},
		{"$2b$15$" + bcryptTail, `bcrypt cost "15", expected 04 to 14`},
		{"$2b$31$" + bcryptTail, "bcrypt cost"},
		{"$2b$+4$" + bcryptTail, "bcrypt cost"},
		{"$2b$04$" + bcryptTail[1:], "60 characters"},
		{"$2b$04$" + bcryptTail + "x", "60 characters"},
		{"$2b$04$" + strings.Replace(bcryptTail, "U", "=", 1), "60 characters"},
		{"$argon2id$v=16$m=65536,t=3,p=4" + argonTail, "version"},
		{"$argon2id$m=65536,t=3,p=4" + argonTail, "expected $argon2id$v=19"},
		{"$argon2id$v=19$m=262145,t=3,p=4" + argonTail, "m=32 to 262144"},
		{"$argon2id$v=19$m=4294967296,t=3,p=4" + argonTail, "m=32 to"},
		{"$argon2id$v=19$m=31,t=3,p=4" + argonTail, "m=32 to"},
		{"$argon2id$v=19$m=65536,t=11,p=4" + argonTail, "t=1 to 10"},
		{"$argon2id$v=19$m=65536,t=0,p=4" + argonTail, "t=1 to 10"},
		{"$argon2id$v=19$m=65536,t=3,p=17" + argonTail, "p=1 to 16"},
		{"$argon2id$v=19$m=65536,t=3,p=0" + argonTail, "p=1 to 16"},
		{"$argon2id$v=19$m=65536,t=-3,p=4" + argonTail, "t=1 to 10"},
		{"$argon2id$v=19$m=065536,t=3,p=4" + argonTail, "m=32 to"},
		{"$argon2id$v=19$t=3,m=65536,p=4" + argonTail, "m=32 to"},
		{"$argon2id$v=19$m=65536,t=3" + argonTail, "expected m=…,t=…,p=…"},
		{"$argon2id$v=19$m=65536,t=3,p=4,keyid=x" + argonTail, "expected m=…,t=…,p=…"},
		{"$argon2id$v=19$m=65536,t=3,p=4$" + bytes(7) + "$" + bytes(32), "salt"},
		{"$argon2id$v=19$m=65536,t=3,p=4$" + bytes(65) + "$" + bytes(32), "salt"},
		{"$argon2id$v=19$m=65536,t=3,p=4$" + bytes(16) + "$" + bytes(15), "hash"},
		{"$argon2id$v=19$m=65536,t=3,p=4$" + bytes(16) + "$" + bytes(65), "hash"},
		{"$argon2id$v=19$m=65536,t=3,p=4$" + bytes(16) + "==$" + bytes(32), "salt"},
		{"$argon2id$v=19$m=65536,t=3,p=4$" + bytes(16) + "\n$" + bytes(32), "salt"},
		{"$argon2id$v=19$m=65536,t=3,p=4" + argonTail + "$x", "expected $argon2id$v=19"},
	} {
		err := ValidateImported(c.encoded)
		if !errors.Is(err, ErrHash) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, expected it to say %q", c.encoded, err, c.says)
		}
		if ok, rehash, err := h.Check(t.Context(), c.encoded, "secret", true); ok || rehash || !errors.Is(err, ErrHash) {
			t.Errorf("%s checked: %v, %v, %v", c.encoded, ok, rehash, err)
		}
	}
}

func FuzzValidateImported(f *testing.F) {
	for _, m := range madeElsewhere {
		f.Add(m.encoded)
	}
	f.Add("$argon2id$v=19$m=262144,t=10,p=16$$")
	f.Add("$2b$99$")
	for _, m := range foreignHashes {
		f.Add(m.encoded)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		p, err := parsePHC(encoded)
		if err != nil {
			if !errors.Is(err, ErrHash) {
				t.Fatalf("%q: %v", encoded, err)
			}
			return
		}
		if p.foreign != nil {
			if p.foreign.kib > maxMemoryKiB || p.foreign.derive == nil || len(p.foreign.key) < 16 {
				t.Fatalf("%q costs %d KiB", encoded, p.foreign.kib)
			}
			return
		}
		if p.bcrypt != "" {
			if p.bcrypt != encoded || len(encoded) != 60 {
				t.Fatalf("%q taken for bcrypt", encoded)
			}
			return
		}
		if p.memoryKiB > maxMemoryKiB || p.memoryKiB < 8*uint32(p.threads) || p.time < 1 || p.time > maxTime || p.threads < 1 || p.threads > maxThreads {
			t.Fatalf("%q costs %+v", encoded, p.params)
		}
		// One hash has one spelling.
		again := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", p.memoryKiB, p.time, p.threads,
			base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
		if again != encoded {
			t.Fatalf("%q means %q", encoded, again)
		}
	})
}

func BenchmarkHasher_Check(b *testing.B) {
	h := newHasher(b, HasherOptions{})
	for b.Loop() {
		if err := h.CheckNobody(b.Context(), "a password", false); err != nil {
			b.Fatal(err)
		}
	}
}
