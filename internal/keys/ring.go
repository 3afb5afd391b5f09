package keys

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"

	"gatehouse/internal/secret"
)

const (
	// freshFor is how old the ring may get before it is read again: a rotation by another process acts within 2 seconds.
	freshFor = time.Second
	// unknownAfter is how old it may get when a key id is asked for that it does not hold.
	unknownAfter = 100 * time.Millisecond
)

// ErrUnverified says that a token's signature, type or key does not hold.
var ErrUnverified = errors.New("token does not verify")

// Store is where signing keys are kept.
type Store interface {
	// SigningKeys returns all keys.
	SigningKeys(ctx context.Context) ([]SigningKey, error)
}

// Ring holds the keys ready for use. It reads them from the store at most once a second.
type Ring struct {
	store  Store
	sealer *secret.Sealer
	now    func() time.Time
	last   atomic.Pointer[snapshot]
	flight singleflight.Group
	proven proven
}

// NewRing makes a ring. Nothing is read before the first use.
func NewRing(store Store, sealer *secret.Sealer, now func() time.Time) *Ring {
	return &Ring{store: store, sealer: sealer, now: now}
}

type ringKey struct {
	Life
	public  crypto.PublicKey
	private crypto.Signer // nil unless it may have to sign
}

type snapshot struct {
	at   time.Time
	keys []ringKey // oldest first
	jwks []byte    // those that are published
}

// keys returns a snapshot younger than age.
func (r *Ring) keys(ctx context.Context, age time.Duration) (*snapshot, error) {
	if s := r.last.Load(); s != nil {
		if held := r.now().Sub(s.at); held < age && held > -age { // a clock that was set back must not keep old keys alive
			return s, nil
		}
	}
	v, err, _ := r.flight.Do("load", func() (any, error) {
		at := r.now()
		rows, err := r.store.SigningKeys(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		s, err := r.open(rows, at, r.last.Load())
		if err != nil {
			return nil, err
		}
		r.last.Store(s)
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*snapshot), nil
}

// open parses the keys, taking over from the last snapshot what it already parsed.
func (r *Ring) open(rows []SigningKey, at time.Time, last *snapshot) (*snapshot, error) {
	lives := Lives(rows)
	s := &snapshot{at: at, keys: make([]ringKey, len(lives))}
	for i := range s.keys {
		s.keys[i].Life = lives[i]
		k := &s.keys[i]
		if last != nil {
			if j := slices.IndexFunc(last.keys, func(o ringKey) bool { return o.KID == k.KID && o.PrivateSealed == k.PrivateSealed }); j >= 0 {
				k.public, k.private = last.keys[j].public, last.keys[j].private
				continue
			}
		}
		var err error
		if k.public, _, err = publicKey(k.PublicJWK); err != nil {
			return nil, err
		}
		if k.PrivateSealed == "" {
			continue
		}
		der, err := r.sealer.Open(sealPurpose, aad(k.KID), k.PrivateSealed)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.KID, err)
		}
		private, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.KID, err)
		}
		signer, ok := private.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("signing key %s: a %T cannot sign", k.KID, private)
		}
		k.private = signer
	}
	var err error
	s.jwks, err = s.published()
	return s, err
}

// Sign makes a JWT of the given type (its typ header, RFC 8725 §3.11) with the current key of the algorithm.
func (r *Ring) Sign(ctx context.Context, alg, typ string, claims jwt.Claims) (string, error) {
	k, err := r.current(ctx, alg)
	if err != nil {
		return "", err
	}
	return signJWT(k.private, alg, k.KID, typ, claims)
}

// current finds the key to sign with. The first of an algorithm may have been made by another process just now.
func (r *Ring) current(ctx context.Context, alg string) (*ringKey, error) {
	for _, age := range []time.Duration{freshFor, 0} {
		s, err := r.keys(ctx, age)
		if err != nil {
			return nil, err
		}
		now := r.now()
		for i := range s.keys {
			if k := &s.keys[i]; k.Algorithm == alg && k.private != nil && k.At(now) == Current {
				return k, nil
			}
		}
	}
	return nil, fmt.Errorf("no current %s key", alg)
}

// Current returns the keys that sign now, one for each algorithm.
func (r *Ring) Current(ctx context.Context) ([]SigningKey, error) {
	s, err := r.keys(ctx, freshFor)
	if err != nil {
		return nil, err
	}
	var current []SigningKey
	for i := range s.keys {
		if k := &s.keys[i]; k.At(r.now()) == Current {
			current = append(current, k.SigningKey)
		}
	}
	return current, nil
}

func signJWT(key any, alg, kid, typ string, claims jwt.Claims) (string, error) {
	token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), claims)
	token.Header["kid"], token.Header["typ"] = kid, typ
	return token.SignedString(key)
}

// Purpose is what a token is verified for: it pins the type, the algorithms and how old a key may be (security.md rule 5).
type Purpose struct {
	Type       string
	Algorithms []string
	Retired    bool // accept keys that left the JWKS up to a year ago: ID token hints
}

// Verify checks a JWT's type and signature and reads its claims; what the claims say is the caller's to judge.
// A token that does not verify is ErrUnverified; any other error means that the keys could not be read.
func (r *Ring) Verify(ctx context.Context, token string, p Purpose, claims jwt.Claims) error {
	name := nameOf(token)
	if known, ok := r.proven.get(name); ok && known.typ == p.Type {
		if _, err := r.verifying(ctx, known.kid, known.alg, p); err != nil {
			return err
		}
		return json.Unmarshal(known.payload, claims)
	}
	var loadErr error
	var with *ringKey
	err := verify(token, p, claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		k, err := r.verifying(ctx, kid, t.Method.Alg(), p)
		if err != nil {
			if !errors.Is(err, ErrUnverified) {
				loadErr = err
			}
			return nil, err
		}
		with = k
		return k.public, nil
	})
	if loadErr != nil {
		return loadErr
	}
	if err == nil {
		r.proven.put(name, token, provenToken{typ: p.Type, alg: with.Algorithm, kid: with.KID})
	}
	return err
}

// verifying finds the key that a token names, if it may verify for the purpose. ErrUnverified if there is none.
func (r *Ring) verifying(ctx context.Context, kid, alg string, p Purpose) (*ringKey, error) {
	k, err := r.byID(ctx, kid)
	if err != nil {
		return nil, err
	}
	// The parser checks p.Algorithms too, but takes an empty list for any algorithm.
	if k == nil || k.Algorithm != alg || !slices.Contains(p.Algorithms, k.Algorithm) {
		return nil, fmt.Errorf("%w: no such key for this algorithm", ErrUnverified)
	}
	switch now := r.now(); k.At(now) {
	case Compromised:
		return nil, fmt.Errorf("%w: the key is compromised", ErrUnverified)
	case Retired:
		if !p.Retired || !now.Before(k.ended().Add(hintsAfter)) {
			return nil, fmt.Errorf("%w: the key has retired", ErrUnverified)
		}
	}
	return k, nil
}

// verify checks a JWT's type and signature, with the key that the function finds, and reads its claims. Its error is ErrUnverified.
func verify(token string, p Purpose, claims jwt.Claims, key jwt.Keyfunc) error {
	if strings.ContainsAny(token, "\r\n") { // Go's base64 skips them, even when strict: a token has one spelling
		return fmt.Errorf("%w: line breaks", ErrUnverified)
	}
	parser := jwt.NewParser(jwt.WithValidMethods(p.Algorithms), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if typ, _ := t.Header["typ"].(string); typ != p.Type {
			return nil, fmt.Errorf("typ is not %s", p.Type)
		}
		if _, critical := t.Header["crit"]; critical { // RFC 7515 §4.1.11: extensions we do not know refuse the token
			return nil, errors.New("crit header")
		}
		return key(t)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnverified, err)
	}
	return nil
}

// byID finds a key. One that another node made within the last second may not be known yet: the ring then reads again, at
// most ten times a second however many unknown ids arrive.
func (r *Ring) byID(ctx context.Context, kid string) (*ringKey, error) {
	for _, age := range []time.Duration{freshFor, unknownAfter} {
		s, err := r.keys(ctx, age)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(s.keys, func(k ringKey) bool { return k.KID == kid }); i >= 0 {
			return &s.keys[i], nil
		}
	}
	return nil, nil
}

// JWKS returns the published keys as a JWK Set (RFC 7517 §5), newest first. It is not to be changed.
func (r *Ring) JWKS(ctx context.Context) ([]byte, error) {
	s, err := r.keys(ctx, freshFor)
	if err != nil {
		return nil, err
	}
	return s.jwks, nil
}

func (s *snapshot) published() ([]byte, error) {
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for _, k := range slices.Backward(s.keys) {
		if k.Published(s.at) {
			set.Keys = append(set.Keys, json.RawMessage(k.PublicJWK))
		}
	}
	return json.Marshal(set)
}
