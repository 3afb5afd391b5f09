package keys

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A token that was checked before is no better than its key and its purpose are now (security.md rule 5).
func TestRing_remembersSignaturesAlone(t *testing.T) {
	t.Parallel()
	ec, next := generate(t, ES256, noon, noon), generate(t, ES256, noon, noon.Add(time.Hour))
	r, m, c := ring(t, ec, next)
	token := sign(t, r, ES256, "at+jwt")
	for range 2 {
		got := claims("")
		if err := r.Verify(t.Context(), token, access, got); err != nil || got.Subject != "alice" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if _, known := r.proven.get(nameOf(token)); !known {
		t.Fatal("it is not remembered")
	}
	for name, p := range map[string]Purpose{
		"another type":      {Type: "JWT", Algorithms: []string{ES256}},
		"another algorithm": {Type: "at+jwt", Algorithms: []string{RS256}},
		"no algorithm":      {Type: "at+jwt"},
	} {
		if err := r.Verify(t.Context(), token, p, claims("")); !errors.Is(err, ErrUnverified) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.Verify(t.Context(), token+"x", access, claims("")); !errors.Is(err, ErrUnverified) {
		t.Errorf("another spelling: %v", err)
	}
	m.set(next) // the key is gone
	c.add(time.Second)
	if err := r.Verify(t.Context(), token, access, claims("")); !errors.Is(err, ErrUnverified) {
		t.Errorf("a key that is gone: %v", err)
	}
	m.set(ec, next)
	c.set(noon.Add(time.Hour + publishedAfter))
	if err := r.Verify(t.Context(), token, access, claims("")); !errors.Is(err, ErrUnverified) {
		t.Errorf("a key that has retired: %v", err)
	}
}

func TestProven_isBounded(t *testing.T) {
	t.Parallel()
	var m proven
	used := nameOf("used")
	m.put(used, "h.e30.s", provenToken{kid: "used"})
	for i := range 3 * maxProven {
		m.put(tokenName{byte(i), byte(i >> 8), byte(i >> 16), 1}, "h.e30.s", provenToken{})
		if _, known := m.get(used); !known {
			t.Fatalf("what is asked for was forgotten after %d", i)
		}
	}
	if n := len(m.newer) + len(m.older); n > 2*maxProven {
		t.Errorf("%d are remembered", n)
	}
	long := nameOf("long")
	if m.put(long, "h."+strings.Repeat("A", maxPayload+1)+".s", provenToken{}); m.newer[long].payload != nil {
		t.Error("a long one is remembered")
	}
	if m.put(long, "h.#.s", provenToken{}); m.newer[long].payload != nil {
		t.Error("one that is no token is remembered")
	}
}
