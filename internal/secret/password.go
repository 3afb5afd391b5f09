package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What a new password hash costs: OWASP's minimum for argon2id.
const (
	DefaultMemoryKiB = 19456
	DefaultTime      = 2
	DefaultThreads   = 1
)

// What an imported hash may cost at most, so that nobody stops the server with one (security rule 15).
const (
	maxMemoryKiB  = 256 * 1024
	maxTime       = 10
	maxThreads    = 16
	minBcryptCost = bcrypt.MinCost
	maxBcryptCost = 14
)

const (
	saltBytes = 16
	keyBytes  = 32
	// bcryptBytes is all that bcrypt looks at.
	bcryptBytes = 72
	// bcryptKiB is what a bcrypt check needs, near enough.
	bcryptKiB = 8
)

// ErrHash means that a stored password hash is of no kind we know, or costs more than we pay.
var ErrHash = errors.New("unusable password hash")

// params is the cost of one argon2id hash.
type params struct {
	memoryKiB, time uint32
	threads         uint8
}

// phc is a stored password hash, taken apart.
type phc struct {
	bcrypt    string   // the whole of it, if it is bcrypt
	foreign   *foreign // or of another kind that we never make
	params             // else argon2id
	salt, key []byte
}

var phcBase64 = base64.RawStdEncoding.Strict()

// Hash returns the PHC string of a new argon2id hash of password, under a fresh salt and the Hasher's cost.
// It waits in the first queue: who sets a password has mostly proven who they are. Errors: [ErrBusy], or ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt, cost := make([]byte, saltBytes), *h.cost.Load()
	rand.Read(salt)
	key, err := h.argon2id(ctx, phc{params: cost, salt: salt}, password, keyBytes, true)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		cost.memoryKiB, cost.time, cost.threads, phcBase64.EncodeToString(salt), phcBase64.EncodeToString(key)), nil
}

// Check reports whether password is the one behind encoded, a hash that ValidateImported takes, and if so whether it
// should be hashed anew because encoded is weaker than what Hash makes now. known puts the caller in the
// queue for known devices, which goes first (security rule 15). Errors: [ErrBusy], ctx's, or [ErrHash].
//
// bcrypt looks at the first 72 bytes of a password alone. The tools that made the hashes we import cut longer
// ones there, so Check does too; the hash that replaces it at this sign-in covers the whole password.
func (h *Hasher) Check(ctx context.Context, encoded, password string, known bool) (ok, rehash bool, err error) {
	stored, err := parsePHC(encoded)
	if err != nil {
		return false, false, err
	}
	if stored.bcrypt != "" {
		ok, err = h.bcrypt(ctx, stored.bcrypt, password, known)
		return ok, ok, err
	}
	if stored.foreign != nil {
		ok, err = h.foreign(ctx, stored.foreign, password, known)
		return ok, ok, err
	}
	key, err := h.argon2id(ctx, stored, password, len(stored.key), known)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(key, stored.key) == 1
	today := h.cost.Load()
	weak := stored.memoryKiB < today.memoryKiB || stored.time < today.time || len(stored.salt) < saltBytes || len(stored.key) < keyBytes
	return ok, ok && weak, nil
}

// CheckNobody costs what Check costs for a hash of ours and finds nothing: call it where there is no such
// user, so that the time tells nobody so. Hashes imported with another cost differ until their first sign-in;
// the common floor for failed answers hides that (security rule 15).
func (h *Hasher) CheckNobody(ctx context.Context, password string, known bool) error {
	_, err := h.argon2id(ctx, phc{params: *h.cost.Load(), salt: []byte("nobody lives here")[:saltBytes]}, password, keyBytes, known)
	return err
}

func (h *Hasher) argon2id(ctx context.Context, p phc, password string, length int, known bool) ([]byte, error) {
	release, err := h.acquire(ctx, int(p.threads), p.memoryKiB, known)
	if err != nil {
		return nil, err
	}
	defer release()
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memoryKiB, p.threads, uint32(length)), nil
}

func (h *Hasher) bcrypt(ctx context.Context, encoded, password string, known bool) (bool, error) {
	release, err := h.acquire(ctx, 1, bcryptKiB, known)
	if err != nil {
		return false, err
	}
	defer release()
	if len(password) > bcryptBytes {
		password = password[:bcryptBytes]
	}
	err = bcrypt.CompareHashAndPassword([]byte(encoded), []byte(password))
	if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, fmt.Errorf("%w: %w", ErrHash, err)
	}
	return err == nil, nil
}

// ValidateImported says whether a hash made elsewhere can be taken over as it is: bcrypt $2a$, $2b$ or $2y$
// with a cost of 4 to 14, argon2id with m ≤ 256 MiB, t ≤ 10, p ≤ 16, scrypt with N ≤ 2^17 or PBKDF2 with up to
// 2,000,000 rounds, the latter two as passlib and Django write them (security rule 15). The error wraps [ErrHash] and says what is wrong without showing the hash.
func ValidateImported(encoded string) error {
	_, err := parsePHC(encoded)
	return err
}

func parsePHC(encoded string) (phc, error) {
	switch {
	case strings.HasPrefix(encoded, "$argon2id$"):
		return parseArgon2id(encoded)
	case strings.HasPrefix(encoded, "$2a$"), strings.HasPrefix(encoded, "$2b$"), strings.HasPrefix(encoded, "$2y$"):
		return parseBcrypt(encoded)
	}
	if f, err := readForeign(encoded); f != nil || err != nil {
		return phc{foreign: f}, err
	}
	return phc{}, refuse("expected bcrypt ($2a$, $2b$, $2y$), $argon2id$, or scrypt or pbkdf2 as passlib or Django write it")
}

func parseBcrypt(encoded string) (phc, error) {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if len(encoded) != 60 || encoded[6] != '$' || strings.Trim(encoded[7:], alphabet) != "" {
		return phc{}, refuse("a bcrypt hash is 60 characters: $2b$, two digits of cost, $, 22 of salt and 31 of hash")
	}
	cost, err := bcrypt.Cost([]byte(encoded))
	if err != nil || cost < minBcryptCost || cost > maxBcryptCost || fmt.Sprintf("%02d", cost) != encoded[4:6] {
		return phc{}, refuse("bcrypt cost %q, expected %02d to %d", encoded[4:6], minBcryptCost, maxBcryptCost)
	}
	return phc{bcrypt: encoded}, nil
}

func parseArgon2id(encoded string) (phc, error) {
	parts := strings.Split(encoded, "$") // "", argon2id, v=, m=,t=,p=, salt, key
	if len(parts) != 6 {
		return phc{}, refuse("expected $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	if want := fmt.Sprintf("v=%d", argon2.Version); parts[2] != want {
		return phc{}, refuse("argon2 version %.8q, expected %q", parts[2], want)
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return phc{}, refuse("argon2 parameters %.40q, expected m=…,t=…,p=…", parts[3])
	}
	threads, err := parseCost(costs[2], "p", 1, maxThreads)
	if err != nil {
		return phc{}, err
	}
	memory, err := parseCost(costs[0], "m", 8*threads, maxMemoryKiB) // RFC 9106 §3.1: m ≥ 8p
	if err != nil {
		return phc{}, err
	}
	time, err := parseCost(costs[1], "t", 1, maxTime)
	if err != nil {
		return phc{}, err
	}
	salt, err := parseBytes(parts[4], "salt", 8, 64)
	if err != nil {
		return phc{}, err
	}
	key, err := parseBytes(parts[5], "hash", 16, 64)
	if err != nil {
		return phc{}, err
	}
	return phc{params: params{memoryKiB: memory, time: time, threads: uint8(threads)}, salt: salt, key: key}, nil
}

func parseCost(text, name string, low, high uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name+"=")
	n, err := strconv.ParseUint(digits, 10, 32)
	// FormatUint: a cost has one spelling, without sign or leading zeros.
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits || n < uint64(low) || n > uint64(high) {
		return 0, refuse("argon2 parameter %.20q, expected %s=%d to %d", text, name, low, high)
	}
	return uint32(n), nil
}

func parseBytes(text, name string, low, high int) ([]byte, error) {
	b, err := decode(phcBase64, text)
	if err != nil || len(b) < low || len(b) > high {
		return nil, refuse("argon2 %s: expected %d to %d bytes in base64 without padding", name, low, high)
	}
	return b, nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrHash, fmt.Sprintf(format, args...))
}
