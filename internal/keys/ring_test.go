package keys

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/secret"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// memory keeps keys as store does, without a database.
type memory struct {
	mu    sync.Mutex
	rows  []SigningKey
	err   error
	reads atomic.Int64
}

func (m *memory) SigningKeys(context.Context) ([]SigningKey, error) {
	m.reads.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.rows), m.err
}

func (m *memory) set(rows ...SigningKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = rows
}

// clock moves only when told.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time      { return time.UnixMicro(c.at.Load()).UTC() }
func (c *clock) set(at time.Time)    { c.at.Store(at.UnixMicro()) }
func (c *clock) add(d time.Duration) { c.at.Add(d.Microseconds()) }

func sealer(t testing.TB, fill byte) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer([]byte(strings.Repeat(string(rune(fill)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func generate(t testing.TB, alg string, at, activeFrom time.Time) SigningKey {
	t.Helper()
	k, err := Generate(alg, sealer(t, 'k'), at, activeFrom)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ring is a ring at noon over a store with these keys.
func ring(t testing.TB, rows ...SigningKey) (*Ring, *memory, *clock) {
	t.Helper()
	m, c := &memory{rows: rows}, &clock{}
	c.set(noon)
	return NewRing(m, sealer(t, 'k'), c.now), m, c
}

func claims(subject string) *jwt.RegisteredClaims { return &jwt.RegisteredClaims{Subject: subject} }

func sign(t testing.TB, r *Ring, alg, typ string) string {
	t.Helper()
	token, err := r.Sign(t.Context(), alg, typ, claims("alice"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// header reads a JWT's header.
func header(t testing.TB, token string) (h map[string]any) {
	t.Helper()
	part, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// forge signs a JWT with any header by any key.
func forge(t testing.TB, method jwt.SigningMethod, key any, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims("mallory"))
	maps.Copy(token.Header, header)
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// private opens a key's private part.
func private(t testing.TB, k SigningKey) crypto.Signer {
	t.Helper()
	der, err := sealer(t, 'k').Open(sealPurpose, aad(k.KID), k.PrivateSealed)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

var (
	access = Purpose{Type: "at+jwt", Algorithms: []string{ES256}}
	either = Purpose{Type: "at+jwt", Algorithms: Algorithms}
)

func TestRing_verifiesWhatItSigns(t *testing.T) {
	t.Parallel()
	ec, rs := generate(t, ES256, noon, noon), generate(t, RS256, noon, noon)
	r, _, _ := ring(t, ec, rs)
	for _, k := range []SigningKey{ec, rs} {
		token := sign(t, r, k.Algorithm, "at+jwt")
		if h := header(t, token); h["alg"] != k.Algorithm || h["typ"] != "at+jwt" || h["kid"] != k.KID || len(h) != 3 {
			t.Errorf("header %v", h)
		}
		got := claims("")
		if err := r.Verify(t.Context(), token, either, got); err != nil || got.Subject != "alice" {
			t.Errorf("%s: %q, %v", k.Algorithm, got.Subject, err)
		}
	}
}

// What the claims say is the caller's to judge: an expired hint is read (RFC 8725 §3.10 is theirs).
func TestRing_leavesTheClaimsToItsCaller(t *testing.T) {
	t.Parallel()
	r, _, _ := ring(t, generate(t, ES256, noon, noon))
	old := &jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(noon.Add(-time.Hour)), NotBefore: jwt.NewNumericDate(noon.Add(999 * time.Hour))}
	token, err := r.Sign(t.Context(), ES256, "at+jwt", old)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(t.Context(), token, access, claims("")); err != nil {
		t.Error(err)
	}
}

// RFC 8725 §2.1, §3.1, §3.11; security.md rule 5.
func TestRing_refusesForgeries(t *testing.T) {
	t.Parallel()
	ec, rs, foreign := generate(t, ES256, noon, noon), generate(t, RS256, noon, noon), generate(t, ES256, noon, noon)
	r, _, _ := ring(t, ec, rs)
	good := sign(t, r, ES256, "at+jwt")
	parts := strings.Split(good, ".")
	kid := map[string]any{"kid": rs.KID, "typ": "at+jwt"}
	ofEC := map[string]any{"kid": ec.KID, "typ": "at+jwt"}
	der, err := x509.MarshalPKIXPublicKey(private(t, rs).Public())
	if err != nil {
		t.Fatal(err)
	}
	all := Purpose{Type: "at+jwt", Algorithms: []string{ES256, RS256, "PS256", "HS256"}} // pinned by the key, whatever the caller lets pass
	with := func(base, extra map[string]any) map[string]any {
		h := maps.Clone(base)
		maps.Copy(h, extra)
		return h
	}
	for _, c := range []struct {
		name    string
		token   string
		purpose Purpose
	}{
		{"nothing", "", either},
		{"no JWT", "gh_rt_0123456789", either},
		{"two parts", parts[0] + "." + parts[1], either},
		{"no signature", parts[0] + "." + parts[1] + ".", either},
		{"another signature", parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86), either},
		{"a signature with padding", good + "==", either},
		{"another payload", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"mallory"}`)) + "." + parts[2], either},
		{"payload no object", forged(t, ec, `[]`), either},
		{"another typ", good, Purpose{Type: "JWT", Algorithms: Algorithms}},
		{"no typ", forge(t, jwt.SigningMethodES256, private(t, ec), map[string]any{"kid": ec.KID, "typ": nil}), either},
		{"a typ that is no string", forge(t, jwt.SigningMethodES256, private(t, ec), map[string]any{"kid": ec.KID, "typ": []string{"at+jwt"}}), either},
		{"an algorithm the purpose does not take", sign(t, r, RS256, "at+jwt"), access},
		{"no algorithm at all", good, Purpose{Type: "at+jwt"}},
		{"alg none", forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid), either},
		{"alg none, let pass", forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid), Purpose{Type: "at+jwt", Algorithms: []string{"none", RS256}}},
		{"HS256 keyed with the public JWK", forge(t, jwt.SigningMethodHS256, []byte(rs.PublicJWK), kid), all},
		{"HS256 keyed with the public DER", forge(t, jwt.SigningMethodHS256, der, kid), all},
		{"HS256 keyed with the public PEM", forge(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), kid), all},
		{"HS256 keyed with nothing", forge(t, jwt.SigningMethodHS256, []byte{}, kid), all},
		{"the right RSA key by an algorithm that is not its own", forge(t, jwt.SigningMethodPS256, private(t, rs), kid), all},
		{"RS256 under the id of an EC key", forge(t, jwt.SigningMethodRS256, private(t, rs), ofEC), either},
		{"another's key under our id", forge(t, jwt.SigningMethodES256, private(t, foreign), ofEC), either},
		{"another's key under its own id", forge(t, jwt.SigningMethodES256, private(t, foreign), map[string]any{"kid": foreign.KID, "typ": "at+jwt"}), either},
		{"another's key inside the header", forge(t, jwt.SigningMethodES256, private(t, foreign), with(ofEC, map[string]any{"jwk": json.RawMessage(foreign.PublicJWK)})), either},
		{"no kid", forge(t, jwt.SigningMethodES256, private(t, ec), map[string]any{"typ": "at+jwt"}), either},
		{"a kid that is no string", forge(t, jwt.SigningMethodES256, private(t, ec), map[string]any{"kid": 7, "typ": "at+jwt"}), either},
		{"critical extensions", forge(t, jwt.SigningMethodES256, private(t, ec), with(ofEC, map[string]any{"crit": []string{"b64"}, "b64": true})), either},
	} {
		if err := r.Verify(t.Context(), c.token, c.purpose, claims("")); !errors.Is(err, ErrUnverified) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := r.Verify(t.Context(), good, either, claims("")); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// forged signs any payload properly.
func forged(t testing.TB, k SigningKey, payload string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"`+k.KID+`"}`)) + "." + b64([]byte(payload))
	signature, err := jwt.SigningMethodES256.Sign(text, private(t, k))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

func TestStates(t *testing.T) {
	t.Parallel()
	old := SigningKey{KID: "old", Algorithm: ES256, CreatedAt: noon, ActiveFrom: noon}
	staged := SigningKey{KID: "staged", Algorithm: ES256, CreatedAt: noon.Add(time.Hour), ActiveFrom: noon.Add(25 * time.Hour)}
	other := SigningKey{KID: "rsa", Algorithm: RS256, CreatedAt: noon, ActiveFrom: noon}
	takeover := staged.ActiveFrom
	for _, c := range []struct {
		name string
		at   time.Time
		want map[string]State
	}{
		{"before the first", noon.Add(-time.Microsecond), map[string]State{"old": Next, "staged": Next, "rsa": Next}},
		{"the first signs", noon, map[string]State{"old": Current, "staged": Next, "rsa": Current}},
		{"just before the second takes over", takeover.Add(-time.Microsecond), map[string]State{"old": Current, "staged": Next, "rsa": Current}},
		{"the second takes over", takeover, map[string]State{"old": Retiring, "staged": Current, "rsa": Current}},
		{"its last token may still live", takeover.Add(publishedAfter - time.Microsecond), map[string]State{"old": Retiring, "staged": Current, "rsa": Current}},
		{"its last token has ended", takeover.Add(publishedAfter), map[string]State{"old": Retired, "staged": Current, "rsa": Current}},
	} {
		for _, all := range [][]SigningKey{{old, staged, other}, {other, staged, old}} { // whatever the order of the rows
			if got := States(all, c.at); !maps.Equal(got, c.want) {
				t.Errorf("%s: %v", c.name, got)
			}
		}
	}
	if got := States(nil, noon); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// Three rotations within a day: each key is displaced by the next, not by the last.
func TestStates_aKeyIsDisplacedByItsSuccessor(t *testing.T) {
	t.Parallel()
	var all []SigningKey
	for i := range 3 {
		at := noon.Add(time.Duration(i) * time.Hour)
		all = append(all, SigningKey{KID: fmt.Sprint(i), Algorithm: ES256, CreatedAt: at, ActiveFrom: at})
	}
	if got, want := States(all, noon.Add(time.Hour+publishedAfter)), (map[string]State{"0": Retired, "1": Retiring, "2": Current}); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// Of one algorithm exactly one key signs, at any moment after the first became active.
func TestStates_haveOneCurrentKey(t *testing.T) {
	t.Parallel()
	all := []SigningKey{
		{KID: "a", Algorithm: ES256, CreatedAt: noon, ActiveFrom: noon},
		{KID: "b", Algorithm: ES256, CreatedAt: noon.Add(time.Minute), ActiveFrom: noon.Add(24 * time.Hour)}, // staged
		{KID: "c", Algorithm: ES256, CreatedAt: noon.Add(time.Hour), ActiveFrom: noon.Add(time.Hour)},        // emergency
		{KID: "d", Algorithm: ES256, CreatedAt: noon.Add(2 * time.Hour), ActiveFrom: noon.Add(time.Hour)},    // same moment
	}
	for minutes := range 72 * 60 {
		at := noon.Add(time.Duration(minutes) * time.Minute)
		current := 0
		for _, state := range States(all, at) {
			if state == Current {
				current++
			}
		}
		if current != 1 {
			t.Fatalf("%d keys sign at %s", current, at)
		}
	}
}

func TestRing_doesNotSignWithAStagedKeyBeforeItsTime(t *testing.T) {
	t.Parallel()
	old := generate(t, ES256, noon.Add(-time.Hour), noon.Add(-time.Hour))
	staged := generate(t, ES256, noon, noon.Add(PublishAhead))
	r, _, c := ring(t, staged, old)
	for at, kid := range map[time.Duration]string{
		0: old.KID, PublishAhead - time.Microsecond: old.KID, PublishAhead: staged.KID, 400 * 24 * time.Hour: staged.KID,
	} {
		c.set(noon.Add(at))
		if got := header(t, sign(t, r, ES256, "at+jwt"))["kid"]; got != kid {
			t.Errorf("%s after staging, %v signs", at, got)
		}
	}
	c.set(noon.Add(400 * 24 * time.Hour))
	if got := kids(t, r); len(got) != 1 || got[0] != staged.KID {
		t.Errorf("a year later %v is published", got)
	}
	c.set(noon)
	if got := kids(t, r); !slices.Equal(got, []string{staged.KID, old.KID}) {
		t.Errorf("%v is published ahead", got)
	}
}

func TestRing_cannotSignWithoutACurrentKey(t *testing.T) {
	t.Parallel()
	destroyed := generate(t, ES256, noon, noon)
	destroyed.PrivateSealed = ""
	for name, rows := range map[string][]SigningKey{
		"no key":                         nil,
		"one that is not active yet":     {generate(t, ES256, noon, noon.Add(time.Second))},
		"one of another algorithm":       {generate(t, RS256, noon, noon)},
		"one whose private part is gone": {destroyed},
	} {
		r, _, _ := ring(t, rows...)
		if token, err := r.Sign(t.Context(), ES256, "at+jwt", claims("alice")); err == nil {
			t.Errorf("%s: %s", name, token)
		}
	}
	r, _, _ := ring(t, generate(t, ES256, noon, noon))
	for _, alg := range []string{"none", "HS256", "PS256", ""} {
		if token, err := r.Sign(t.Context(), alg, "at+jwt", claims("alice")); err == nil {
			t.Errorf("signs %s by %q", token, alg)
		}
	}
}

// security.md rule 9: ID token hints verify for a year after their key left the JWKS; everything else stops with it.
func TestRing_aRetiredKeyVerifiesHintsForAYear(t *testing.T) {
	t.Parallel()
	old, next := generate(t, ES256, noon, noon), generate(t, ES256, noon, noon.Add(time.Hour))
	r, m, c := ring(t, old, next)
	token := sign(t, r, ES256, "JWT")
	old.PrivateSealed = "" // destroyed meanwhile
	m.set(old, next)
	displaced := next.ActiveFrom
	plain, hint := Purpose{Type: "JWT", Algorithms: Algorithms}, Purpose{Type: "JWT", Algorithms: Algorithms, Retired: true}
	for _, k := range []struct {
		after       time.Duration
		plain, hint bool
	}{
		{0, true, true},
		{publishedAfter - time.Microsecond, true, true},
		{publishedAfter, false, true},
		{hintsAfter - time.Microsecond, false, true},
		{hintsAfter, false, false},
	} {
		c.set(displaced.Add(k.after))
		if err := r.Verify(t.Context(), token, plain, claims("")); (err == nil) != k.plain {
			t.Errorf("%s after: %v", k.after, err)
		}
		if err := r.Verify(t.Context(), token, hint, claims("")); (err == nil) != k.hint {
			t.Errorf("as a hint, %s after: %v", k.after, err)
		}
	}
}

func TestRing_seesARotationAfterASecond(t *testing.T) {
	t.Parallel()
	old := generate(t, ES256, noon, noon)
	r, m, c := ring(t, old)
	sign(t, r, ES256, "at+jwt")
	emergency := generate(t, ES256, noon, noon)
	emergency.CreatedAt = noon.Add(time.Microsecond)
	m.set(old, emergency)
	c.add(time.Second - time.Microsecond)
	if got := header(t, sign(t, r, ES256, "at+jwt"))["kid"]; got != old.KID {
		t.Errorf("%v signs within the second", got)
	}
	c.add(time.Microsecond)
	if got := header(t, sign(t, r, ES256, "at+jwt"))["kid"]; got != emergency.KID {
		t.Errorf("%v signs after the second", got)
	}
	if n := m.reads.Load(); n != 2 {
		t.Errorf("read %d times", n)
	}
}

// A clock that is set back must not keep the keys of then alive.
func TestRing_readsAgainWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	old := generate(t, ES256, noon.Add(-48*time.Hour), noon.Add(-48*time.Hour))
	r, m, c := ring(t, old)
	sign(t, r, ES256, "at+jwt")
	m.set(old, generate(t, ES256, noon.Add(-3*time.Hour), noon.Add(-3*time.Hour)))
	c.add(-2 * time.Hour)
	if got := header(t, sign(t, r, ES256, "at+jwt"))["kid"]; got == old.KID {
		t.Error("the displaced key signs")
	}
}

func TestRing_looksForAnUnknownKeyAtMostTenTimesASecond(t *testing.T) {
	t.Parallel()
	here, made := generate(t, ES256, noon, noon), generate(t, ES256, noon.Add(-time.Hour), noon.Add(-time.Hour))
	r, m, c := ring(t, here)
	elsewhere, _, _ := ring(t, made)
	token := sign(t, elsewhere, ES256, "at+jwt") // by a key that another node has just made
	verify := func() error { return r.Verify(t.Context(), token, access, claims("")) }
	if err := verify(); !errors.Is(err, ErrUnverified) {
		t.Fatal(err)
	}
	m.set(here, made)
	for range 50 { // however many arrive
		if err := verify(); !errors.Is(err, ErrUnverified) {
			t.Fatal(err)
		}
	}
	if n := m.reads.Load(); n != 1 {
		t.Errorf("read %d times at one moment", n)
	}
	c.add(unknownAfter)
	if err := verify(); err != nil {
		t.Errorf("a tenth of a second later: %v", err)
	}
	if n := m.reads.Load(); n != 2 {
		t.Errorf("read %d times", n)
	}
}

func TestRing_readsOnceForManyAtATime(t *testing.T) {
	t.Parallel()
	r, m, _ := ring(t, generate(t, ES256, noon, noon))
	token := sign(t, r, ES256, "at+jwt")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if err := r.Verify(t.Context(), token, access, claims("")); err != nil {
					t.Error(err)
				}
				if _, err := r.JWKS(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := m.reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
}

// A token is not bad because the database is away: 503, not invalid_token (security.md rule 4).
func TestRing_tellsABadTokenFromABadStore(t *testing.T) {
	t.Parallel()
	r, m, c := ring(t, generate(t, ES256, noon, noon))
	token := sign(t, r, ES256, "at+jwt")
	m.mu.Lock()
	m.err = errors.New("connection refused")
	m.mu.Unlock()
	c.add(freshFor)
	if err := r.Verify(t.Context(), token, access, claims("")); !errors.Is(err, m.err) || errors.Is(err, ErrUnverified) {
		t.Errorf("verify: %v", err)
	}
	if _, err := r.Sign(t.Context(), ES256, "at+jwt", claims("alice")); !errors.Is(err, m.err) {
		t.Errorf("sign: %v", err)
	}
	if _, err := r.JWKS(t.Context()); !errors.Is(err, m.err) {
		t.Errorf("JWKS: %v", err)
	}
}

// security.md rule 23: the private part opens with this master key, in this row.
func TestRing_opensOnlyWhatWasSealedForTheRow(t *testing.T) {
	t.Parallel()
	a, b := generate(t, ES256, noon, noon), generate(t, ES256, noon, noon)
	foreign, err := Generate(ES256, sealer(t, 'x'), noon, noon)
	if err != nil {
		t.Fatal(err)
	}
	swapped := a
	swapped.PrivateSealed = b.PrivateSealed
	for name, c := range map[string]struct {
		row  SigningKey
		want error
	}{
		"another row's": {swapped, secret.ErrTampered}, "another master key's": {foreign, secret.ErrWrongKey},
	} {
		r, _, _ := ring(t, c.row)
		if _, err := r.Sign(t.Context(), ES256, "at+jwt", claims("alice")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strings.Contains(a.PublicJWK, `"d"`) || strings.Contains(a.PrivateSealed, "PRIVATE") {
		t.Error("the private part is in sight")
	}
}

// kids returns the ids in the JWKS, in its order.
func kids(t testing.TB, r *Ring) (out []string) {
	t.Helper()
	for _, k := range jwks(t, r) {
		out = append(out, k["kid"].(string))
	}
	return out
}

func jwks(t testing.TB, r *Ring) []map[string]any {
	t.Helper()
	document, err := r.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

// RFC 7517 §4, RFC 7518 §6; what certification asks of every jwks_uri.
func TestRing_publishesPublicPartsUnderDistinctIDs(t *testing.T) {
	t.Parallel()
	rows, err := GenerateAll(nil, sealer(t, 'k'), noon, noon)
	if err != nil {
		t.Fatal(err)
	}
	rows = append(rows, generate(t, ES256, noon, noon.Add(time.Hour)))
	r, _, c := ring(t, rows...)
	seen := map[string]bool{}
	algs := map[string]int{}
	for _, k := range jwks(t, r) {
		for member := range k {
			if !slices.Contains([]string{"kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"}, member) {
				t.Errorf("member %q", member)
			}
		}
		kid, _ := k["kid"].(string)
		if kid == "" || seen[kid] {
			t.Errorf("kid %q", kid)
		}
		seen[kid] = true
		algs[k["alg"].(string)]++
		if k["use"] != "sig" {
			t.Errorf("use %v", k["use"])
		}
		for member, size := range map[string]int{"x": 32, "y": 32, "n": 256} { // coordinates keep leading zeros (RFC 7518 §6.2.1.2)
			if text, has := k[member].(string); has {
				if raw, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(raw) != size {
					t.Errorf("%s of %d bytes: %v", member, len(raw), err)
				}
			}
		}
		if k["kty"] == "RSA" && k["e"] != "AQAB" {
			t.Errorf("e %v", k["e"])
		}
	}
	if !maps.Equal(algs, map[string]int{ES256: 2, RS256: 1}) {
		t.Errorf("published %v", algs)
	}
	c.set(noon.Add(time.Hour + publishedAfter))
	if got := kids(t, r); len(got) != 2 || slices.Contains(got, rows[0].KID) {
		t.Errorf("after its last token the old key is still among %v", got)
	}
	empty, _, _ := ring(t)
	if document, err := empty.JWKS(t.Context()); err != nil || string(document) != `{"keys":[]}` {
		t.Errorf("%s, %v", document, err)
	}
}

// RFC 7638 §3.1 gives an example.
func TestPublicJWK_kidIsTheThumbprint(t *testing.T) {
	t.Parallel()
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W" +
		"-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr" +
		"dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	modulus, err := base64.RawURLEncoding.DecodeString(n)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := publicJWK(RS256, &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	if jwk.KeyID != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" || jwk.N != n {
		t.Errorf("%+v", jwk)
	}
	ec := generate(t, ES256, noon, noon)
	var read map[string]string
	if err := json.Unmarshal([]byte(ec.PublicJWK), &read); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + read["x"] + `","y":"` + read["y"] + `"}`)) // §3.2
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); ec.KID != want || read["kid"] != want {
		t.Errorf("kid %s and %s, thumbprint %s", ec.KID, read["kid"], want)
	}
}

func TestPublicKey_readsBackWhatItWrote(t *testing.T) {
	t.Parallel()
	for _, alg := range Algorithms {
		k := generate(t, alg, noon, noon)
		public, jwk, err := publicKey(k.PublicJWK)
		if err != nil || jwk.KeyID != k.KID {
			t.Fatalf("%s: %+v, %v", alg, jwk, err)
		}
		if !public.(interface{ Equal(crypto.PublicKey) bool }).Equal(private(t, k).Public()) {
			t.Errorf("%s: another key", alg)
		}
	}
	for _, bad := range []string{
		"", "[]", "{}", `{"kty":"oct","k":"AAAA"}`, `{"kty":"EC","crv":"P-256","x":"!","y":"AA"}`, `{"kty":"RSA","n":"!","e":"AQAB"}`,
		`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`, // not on the curve
	} {
		if _, _, err := publicKey(bad); err == nil {
			t.Errorf("%s is a key", bad)
		}
	}
	for _, foreign := range []crypto.PublicKey{[]byte("secret"), nil} {
		if jwk, err := publicJWK("HS256", foreign); err == nil {
			t.Errorf("publishes %+v", jwk)
		}
	}
	if _, err := Generate("HS256", sealer(t, 'k'), noon, noon); err == nil {
		t.Error("makes an HS256 key") // security.md rule 5
	}
}

// twin is the other ECDSA signature of the same text, (r, n-s): anybody can compute it, and JWS does not forbid it (RFC 7518
// §3.4). It signs nothing new.
func twin(t testing.TB, token string) string {
	t.Helper()
	dot := strings.LastIndexByte(token, '.') + 1
	raw, err := base64.RawURLEncoding.DecodeString(token[dot:])
	if err != nil || len(raw) != 64 {
		t.Fatalf("%d bytes of signature, %v", len(raw), err)
	}
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(raw[32:])).FillBytes(raw[32:])
	return token[:dot] + base64.RawURLEncoding.EncodeToString(raw)
}

// Whatever is done to a token, no other text verifies than one that was issued, and no other spelling of its signature but twin's.
// The token is cut at a place, and something else is put there: keys, and so tokens, are others each time.
func FuzzRing_Verify(f *testing.F) {
	r, _, _ := ring(f, generate(f, ES256, noon, noon), generate(f, RS256, noon, noon))
	issued := []string{sign(f, r, ES256, "at+jwt"), sign(f, r, RS256, "at+jwt"), sign(f, r, ES256, "JWT")}
	genuine := []string{issued[0], issued[1], twin(f, issued[0])}
	for _, token := range genuine {
		if err := r.Verify(f.Context(), token, either, claims("")); err != nil {
			f.Fatal(err)
		}
	}
	for which := range uint8(3) {
		parts := strings.Split(issued[which], ".")
		signature := uint16(len(parts[0]) + len(parts[1]) + 2)
		f.Add(which, uint16(0), uint16(0), "")
		f.Add(which, uint16(0), uint16(9999), "")
		f.Add(which, uint16(0), uint16(0), " ")
		f.Add(which, uint16(9999), uint16(0), "=")
		f.Add(which, uint16(9999), uint16(0), "\r\n")
		f.Add(which, uint16(9999), uint16(0), ".")
		f.Add(which, uint16(7), uint16(0), "\n")
		for _, last := range []string{"B", "R", "h", "x"} { // bits beyond the signature, in one of the four
			f.Add(which, uint16(len(issued[which])-1), uint16(1), last)
		}
		f.Add(which, signature, uint16(9999), "")
		f.Add(which, signature, uint16(9999), strings.Repeat("A", 86))
		f.Add(which, signature-1, uint16(0), "A")
		f.Add(which, uint16(0), uint16(len(parts[0])), base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)))
		f.Add(which, uint16(len(parts[0])+1), uint16(len(parts[1])), base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"mallory"}`)))
		f.Add(which, uint16(9999), uint16(0), "."+parts[2])
	}
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, put string) {
		token := issued[int(which)%len(issued)]
		from := min(int(at), len(token))
		token = token[:from] + put + token[min(from+int(cut), len(token)):]
		for _, p := range []Purpose{either, access, {Type: "at+jwt", Algorithms: []string{RS256}}, {Type: "at+jwt"}} {
			err := r.Verify(context.Background(), token, p, claims(""))
			if err == nil && (!slices.Contains(genuine, token) || !slices.Contains(p.Algorithms, header(t, token)["alg"].(string))) {
				t.Errorf("%q verifies", token)
			}
			if err != nil && (!errors.Is(err, ErrUnverified) || slices.Contains(genuine, token) && len(p.Algorithms) == 2) {
				t.Errorf("%q: %v", token, err)
			}
		}
	})
}

// Who signs a forgery.
const (
	ourEC = iota
	ourRSA
	anotherEC
	hmacOfJWK // RFC 8725 §2.1
	hmacOfDER
	hmacOfPEM
	hmacOfNothing
	pssOfRSA
	anIssuedToken // the signature of one, beside another text
	nobody
	forgers
)

// Nobody but us makes a token, whatever its header says (RFC 8725 §3.1). One that we had signed ourselves would count only if
// its header says what it is for: type, algorithm, key and nothing critical.
func FuzzRing_Verify_forgeries(f *testing.F) {
	ec, rs, foreign := generate(f, ES256, noon, noon), generate(f, RS256, noon, noon), generate(f, ES256, noon, noon)
	r, _, _ := ring(f, ec, rs)
	issued := sign(f, r, ES256, "at+jwt")
	der, err := x509.MarshalPKIXPublicKey(private(f, rs).Public())
	if err != nil {
		f.Fatal(err)
	}
	ecKey, rsKey, foreignKey := private(f, ec), private(f, rs), private(f, foreign)
	methods := map[uint8]jwt.SigningMethod{
		ourEC: jwt.SigningMethodES256, anotherEC: jwt.SigningMethodES256, ourRSA: jwt.SigningMethodRS256, pssOfRSA: jwt.SigningMethodPS256,
		hmacOfJWK: jwt.SigningMethodHS256, hmacOfDER: jwt.SigningMethodHS256, hmacOfPEM: jwt.SigningMethodHS256, hmacOfNothing: jwt.SigningMethodHS256,
	}
	signers := map[uint8]any{
		ourEC: ecKey, anotherEC: foreignKey, ourRSA: rsKey, pssOfRSA: rsKey,
		hmacOfJWK: []byte(rs.PublicJWK), hmacOfDER: der, hmacOfPEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), hmacOfNothing: []byte{},
	}
	// The names stand for what differs each time.
	names := strings.NewReplacer("$EC", ec.KID, "$RSA", rs.KID, "$FOREIGN", foreign.KID, "$JWK", foreign.PublicJWK)
	all := Purpose{Type: "at+jwt", Algorithms: []string{ES256, RS256, "PS256", "HS256", "none"}} // pinned by the key, whatever the caller lets pass

	for _, header := range []string{
		`{"alg":"ES256","typ":"at+jwt","kid":"$EC"}`, `{"alg":"RS256","typ":"at+jwt","kid":"$RSA"}`, `{"alg":"RS256","typ":"at+jwt","kid":"$EC"}`, `{"alg":"ES256","typ":"at+jwt","kid":"$RSA"}`,
		`{"alg":"none","typ":"at+jwt","kid":"$EC"}`, `{"alg":"None","typ":"at+jwt"}`, `{"alg":"HS256","typ":"at+jwt","kid":"$RSA"}`, `{"alg":"PS256","typ":"at+jwt","kid":"$RSA"}`,
		`{"alg":"ES256","typ":"at+jwt","kid":"$FOREIGN","jwk":$JWK}`, `{"alg":"ES256","typ":"at+jwt","kid":"$EC","jwk":$JWK,"jku":"https://evil.test","x5u":"https://evil.test"}`,
		`{"alg":"ES256","typ":"at+jwt","kid":"$EC","crit":["b64"],"b64":false}`, `{"alg":"ES256","typ":"at+jwt","kid":"$EC","crit":null}`, `{"alg":"ES256","typ":"JWT","kid":"$EC"}`, `{"alg":"ES256","typ":"AT+JWT","kid":"$EC"}`,
		`{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"$EC"}`, `{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"$EC"}`, `{"alg":"ES256","typ":"JWT","typ":"at+jwt","kid":"$FOREIGN","kid":"$EC"}`,
		`{"ALG":"ES256","TYP":"at+jwt","KID":"$EC"}`, `{"alg":"ES256","typ":"at+jwt"}`, `{"alg":"ES256","kid":"$EC"}`, `{"alg":["ES256"],"typ":"at+jwt","kid":"$EC"}`, `{"alg":"ES256","typ":"at+jwt","kid":{"a":"$EC"}}`,
		` { "alg" : "ES256" , "typ" : "at+jwt" , "kid" : "$EC" } `, "\ufeff" + `{"alg":"ES256","typ":"at+jwt","kid":"$EC"}`, `{"alg":"ES256","typ":"at+jwt","kid":"$EC"}{}`, `{"alg":"\u0045S256","typ":"at\u002bjwt","kid":"$EC"}`,
		`{"alg":"ES256","typ":"at+jwt","kid":"$EC","c\u0072it":[]}`, `null`, `[]`, `"ES256"`, `{}`, ``, strings.Repeat("[", 10001),
	} {
		for signer := range uint8(forgers) {
			f.Add(signer, header, `{"sub":"mallory"}`, "")
		}
	}
	f.Add(uint8(ourEC), `{"alg":"ES256","typ":"at+jwt","kid":"$EC"}`, `{"sub":"a","sub":"b"}`, "=")
	f.Add(uint8(ourEC), `{"alg":"ES256","typ":"at+jwt","kid":"$EC"}`, `null`, "\n")
	f.Add(uint8(ourEC), `{"alg":"ES256","typ":"at+jwt","kid":"$EC"}`, `{"exp":1e999}`, "AA")

	f.Fuzz(func(t *testing.T, signer uint8, header, payload, tail string) {
		header = names.Replace(header)
		b64 := base64.RawURLEncoding.EncodeToString
		text := b64([]byte(header)) + "." + b64([]byte(payload))
		token := text + "."
		switch signer %= forgers; signer {
		case nobody:
		case anIssuedToken:
			token += strings.Split(issued, ".")[2]
		default:
			signature, err := methods[signer].Sign(text, signers[signer])
			if err != nil {
				t.Fatal(err)
			}
			token += b64(signature)
		}
		token += tail
		got := claims("")
		err := r.Verify(context.Background(), token, all, got)
		if err != nil {
			if !errors.Is(err, ErrUnverified) {
				t.Errorf("%q: %v", token, err)
			}
			return
		}
		var h map[string]json.RawMessage
		if err := json.Unmarshal([]byte(header), &h); err != nil || !json.Valid([]byte(payload)) || tail != "" {
			t.Fatalf("%q, signed by %d, verifies: %v", token, signer, err)
		}
		is := func(member, want string) bool {
			var got string
			return json.Unmarshal(h[member], &got) == nil && got == want
		}
		_, critical := h["crit"]
		asEC := signer == ourEC && is("alg", ES256) && is("kid", ec.KID)
		asRSA := signer == ourRSA && is("alg", RS256) && is("kid", rs.KID)
		if !asEC && !asRSA || !is("typ", "at+jwt") || critical {
			t.Errorf("%s, signed by %d, verifies", header, signer)
		}
	})
}
