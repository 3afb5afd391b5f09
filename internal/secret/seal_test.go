package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func newSealer(t testing.TB, fill byte) *Sealer {
	t.Helper()
	s, err := NewSealer(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealer_opensWhatItSealed(t *testing.T) {
	t.Parallel()
	s := newSealer(t, 1)
	for _, plaintext := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("private key "), 500)} {
		sealed := s.Seal("signing_keys", "signing_keys/17/private", plaintext)
		if !strings.HasPrefix(sealed, "v1."+s.KeyID()+".") {
			t.Errorf("sealed value begins %.20s", sealed)
		}
		got, err := s.Open("signing_keys", "signing_keys/17/private", sealed)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("opened %q, %v", got, err)
		}
	}
}

func TestSealer_sealsTheSameTwiceDifferently(t *testing.T) {
	t.Parallel()
	s := newSealer(t, 1)
	once, again := s.Seal("p", "a", []byte("x")), s.Seal("p", "a", []byte("x"))
	if once == again {
		t.Error("a nonce came twice")
	}
}

// Security rule 23: a value opens under its own key, for its own purpose, in its own place.
func TestSealer_refusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	s, other := newSealer(t, 1), newSealer(t, 2)
	sealed := s.Seal("totp", "users/7/totp", []byte("seed"))
	body := sealed[strings.LastIndex(sealed, ".")+1:]
	flipped := "A" + body[1:]
	if body[0] == 'A' {
		flipped = "B" + body[1:]
	}
	for _, c := range []struct {
		name                 string
		sealer               *Sealer
		purpose, aad, sealed string
		want                 error
	}{
		{"another master key", other, "totp", "users/7/totp", sealed, ErrWrongKey},
		{"another key id", s, "totp", "users/7/totp", "v1." + other.KeyID() + "." + body, ErrWrongKey},
		{"another key's value renamed", other, "totp", "users/7/totp", "v1." + other.KeyID() + "." + body, ErrTampered},
		{"another purpose", s, "keys", "users/7/totp", sealed, ErrTampered},
		{"another place", s, "totp", "users/8/totp", sealed, ErrTampered},
		{"another version", s, "totp", "users/7/totp", "v2" + sealed[2:], ErrTampered},
		{"a changed byte", s, "totp", "users/7/totp", "v1." + s.KeyID() + "." + flipped, ErrTampered},
		{"cut short", s, "totp", "users/7/totp", sealed[:len(sealed)-4], ErrTampered},
		{"nothing but a header", s, "totp", "users/7/totp", "v1." + s.KeyID() + ".", ErrTampered},
		{"a line break", s, "totp", "users/7/totp", sealed + "\n", ErrTampered},
		{"no header", s, "totp", "users/7/totp", body, ErrTampered},
		{"empty", s, "totp", "users/7/totp", "", ErrTampered},
		{"sealed under a token", s, "totp", "users/7/totp", SealUnder("token", "users/7/totp", []byte("seed")), ErrTampered},
	} {
		got, err := c.sealer.Open(c.purpose, c.aad, c.sealed)
		if !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %q, %v, expected %v", c.name, got, err, c.want)
		}
	}
}

func TestSealer_namesItsKeyWithoutShowingIt(t *testing.T) {
	t.Parallel()
	s := newSealer(t, 'k')
	if s.KeyID() != newSealer(t, 'k').KeyID() || s.KeyID() == newSealer(t, 'l').KeyID() || len(s.KeyID()) != 12 {
		t.Errorf("key id %q", s.KeyID())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		if got := fmt.Sprintf(verb, s); got != "sealer "+s.KeyID() {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestNewSealer_wants32Bytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := NewSealer(make([]byte, n)); err == nil {
			t.Errorf("took a key of %d bytes", n)
		}
	}
}

func TestMAC_tellsPartsAndPurposesApart(t *testing.T) {
	t.Parallel()
	s := newSealer(t, 1)
	seen := map[string]string{}
	for name, mac := range map[string]string{
		"ab,c":          s.MAC("p", "ab", "c"),
		"a,bc":          s.MAC("p", "a", "bc"),
		"abc":           s.MAC("p", "abc"),
		"abc,":          s.MAC("p", "abc", ""),
		"none":          s.MAC("p"),
		"empty":         s.MAC("p", ""),
		"other purpose": s.MAC("q", "abc"),
		"other key":     newSealer(t, 2).MAC("p", "abc"),
	} {
		if other, ok := seen[mac]; ok {
			t.Errorf("%s and %s have the same MAC", name, other)
		}
		seen[mac] = name
		if len(mac) != 43 {
			t.Errorf("%s: %q", name, mac)
		}
	}
	if once, again := s.MAC("p", "abc"), s.MAC("p", "abc"); once != again {
		t.Error("a MAC changes from call to call")
	}
}

// Security rule 1: the successor opens with the presented token, and with nothing the database holds.
func TestSealUnder_opensWithItsTokenAlone(t *testing.T) {
	t.Parallel()
	token := New("gh_rt_")
	sealed := SealUnder(token, "refresh_tokens/9/successor", []byte("gh_rt_next"))
	if got, err := OpenUnder(token, "refresh_tokens/9/successor", sealed); err != nil || string(got) != "gh_rt_next" {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"its hash":      func() ([]byte, error) { return OpenUnder(Hash(token), "refresh_tokens/9/successor", sealed) },
		"another token": func() ([]byte, error) { return OpenUnder(New("gh_rt_"), "refresh_tokens/9/successor", sealed) },
		"another place": func() ([]byte, error) { return OpenUnder(token, "refresh_tokens/8/successor", sealed) },
		"no header":     func() ([]byte, error) { return OpenUnder(token, "refresh_tokens/9/successor", sealed[3:]) },
		"empty":         func() ([]byte, error) { return OpenUnder(token, "refresh_tokens/9/successor", "") },
	} {
		if got, err := open(); !errors.Is(err, ErrTampered) || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestParseMasterKey_takesEveryUsualSpelling(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	for i := range key {
		key[i] = 0xfb // "+" and "/" or "-" and "_" in base64
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		text := " " + encoding.EncodeToString(key) + "\n"
		if got, err := ParseMasterKey(text); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	if got, err := ParseMasterKey(NewMasterKey()); err != nil || len(got) != 32 {
		t.Errorf("a new master key does not parse: %v", err)
	}
}

func TestParseMasterKey_refusesOthersWithoutShowingThem(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "   ", "correct horse battery staple", strings.Repeat("ab", 32),
		base64.StdEncoding.EncodeToString(make([]byte, 31)), base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		key, err := ParseMasterKey(text)
		if err == nil || key != nil {
			t.Errorf("took %q", text)
		} else if len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the text: %v", err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s := newSealer(f, 1)
	f.Add(s.Seal("p", "a", []byte("plaintext")))
	f.Add(SealUnder("token", "a", []byte("plaintext")))
	f.Add("v1." + s.KeyID() + ".")
	f.Add("v1..")
	f.Fuzz(func(t *testing.T, sealed string) {
		got, err := s.Open("p", "a", sealed)
		if err == nil && string(got) != "plaintext" { // nothing else was ever sealed
			t.Errorf("%q opened as %q", sealed, got)
		}
		if err != nil && (got != nil || !errors.Is(err, ErrTampered) && !errors.Is(err, ErrWrongKey)) {
			t.Errorf("%q: %q, %v", sealed, got, err)
		}
		if _, err := OpenUnder("another token", "a", sealed); !errors.Is(err, ErrTampered) {
			t.Errorf("%q under another token: %v", sealed, err)
		}
	})
}
