package secret

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // what others hashed with it is raised at the next sign-in
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// What hashes made elsewhere may cost at most (security rule 15).
const (
	maxPBKDF2     = 2_000_000
	maxScryptLog  = 17
	maxScryptR    = 16
	maxScryptP    = 4
	pbkdf2KiB     = 8 // what a check needs, near enough
	scryptMinKey  = 16
	foreignMinLen = 8 // of a salt, in bytes
	foreignMaxLen = 64
)

// foreign is a hash of a kind that we check and never make: scrypt (RFC 7914) or PBKDF2 (RFC 8018 §5.2).
type foreign struct {
	kib    uint32 // that a check needs
	derive func(password string) ([]byte, error)
	key    []byte
}

// foreign reports whether password is the one behind the hash.
func (h *Hasher) foreign(ctx context.Context, f *foreign, password string, known bool) (bool, error) {
	release, err := h.acquire(ctx, 1, f.kib, known)
	if err != nil {
		return false, err
	}
	defer release()
	key, err := f.derive(password)
	if err != nil {
		return false, refuse("%v", err)
	}
	return subtle.ConstantTimeCompare(key, f.key) == 1, nil
}

// digest is a hash that PBKDF2 is made with.
type digest struct {
	new  func() hash.Hash
	size int
}

var (
	sha1Digest   = digest{sha1.New, sha1.Size}
	sha256Digest = digest{sha256.New, sha256.Size}
	sha512Digest = digest{sha512.New, sha512.Size}
)

// foreignKinds read what stands behind a prefix: passlib's spellings, which begin with $, and Django's, whose salts are texts.
var foreignKinds = []struct {
	prefix string
	read   func(parts []string) (*foreign, error)
}{
	{"$pbkdf2$", passlibPBKDF2(sha1Digest)}, {"$pbkdf2-sha256$", passlibPBKDF2(sha256Digest)}, {"$pbkdf2-sha512$", passlibPBKDF2(sha512Digest)},
	{"$scrypt$", passlibScrypt},
	{"pbkdf2_sha1$", djangoPBKDF2(sha1Digest)}, {"pbkdf2_sha256$", djangoPBKDF2(sha256Digest)},
	{"scrypt$", djangoScrypt},
}

// readForeign reads a hash of one of these kinds; nil if it is of none.
func readForeign(encoded string) (*foreign, error) {
	for _, kind := range foreignKinds {
		if rest, ok := strings.CutPrefix(encoded, kind.prefix); ok {
			return kind.read(strings.Split(rest, "$"))
		}
	}
	return nil, nil
}

// passlibPBKDF2 reads rounds$salt$key; its base64 has a dot for the plus.
func passlibPBKDF2(d digest) func([]string) (*foreign, error) {
	return func(parts []string) (*foreign, error) {
		if len(parts) != 3 || strings.ContainsRune(parts[1]+parts[2], '+') {
			return nil, refuse("expected $pbkdf2…$rounds$salt$hash")
		}
		salt, err := foreignBytes(phcBase64, strings.ReplaceAll(parts[1], ".", "+"), "salt", foreignMinLen, foreignMaxLen)
		if err != nil {
			return nil, err
		}
		return pbkdf2Of(d, parts[0], salt, phcBase64, strings.ReplaceAll(parts[2], ".", "+"))
	}
}

// djangoPBKDF2 reads rounds$salt$key.
func djangoPBKDF2(d digest) func([]string) (*foreign, error) {
	return func(parts []string) (*foreign, error) {
		if len(parts) != 3 {
			return nil, refuse("expected pbkdf2_…$rounds$salt$hash")
		}
		salt, err := textSalt(parts[1])
		if err != nil {
			return nil, err
		}
		return pbkdf2Of(d, parts[0], salt, paddedBase64, parts[2])
	}
}

func pbkdf2Of(d digest, rounds string, salt []byte, encoding *base64.Encoding, key string) (*foreign, error) {
	n, err := foreignCost(rounds, "pbkdf2 rounds", 1, maxPBKDF2)
	if err != nil {
		return nil, err
	}
	f := &foreign{kib: pbkdf2KiB, derive: func(password string) ([]byte, error) { return pbkdf2.Key(d.new, password, salt, n, d.size) }}
	f.key, err = foreignBytes(encoding, key, "hash", d.size, d.size)
	return f, err
}

// passlibScrypt reads ln=,r=,p=$salt$key.
func passlibScrypt(parts []string) (*foreign, error) {
	if len(parts) != 3 {
		return nil, refuse("expected $scrypt$ln=…,r=…,p=…$salt$hash")
	}
	costs := strings.Split(parts[0], ",")
	names := []string{"ln=", "r=", "p="}
	if len(costs) != len(names) {
		return nil, refuse("scrypt parameters %.40q, expected ln=…,r=…,p=…", parts[0])
	}
	for i, name := range names {
		rest, ok := strings.CutPrefix(costs[i], name)
		if costs[i] = rest; !ok {
			return nil, refuse("scrypt parameters %.40q, expected ln=…,r=…,p=…", parts[0])
		}
	}
	log, err := foreignCost(costs[0], "scrypt ln", 1, maxScryptLog)
	if err != nil {
		return nil, err
	}
	salt, err := foreignBytes(phcBase64, parts[1], "salt", foreignMinLen, foreignMaxLen)
	if err != nil {
		return nil, err
	}
	return scryptOf(1<<log, costs[1], costs[2], salt, phcBase64, parts[2])
}

// djangoScrypt reads N$salt$r$p$key.
func djangoScrypt(parts []string) (*foreign, error) {
	if len(parts) != 5 {
		return nil, refuse("expected scrypt$N$salt$r$p$hash")
	}
	n, err := foreignCost(parts[0], "scrypt N", 2, 1<<maxScryptLog)
	if err != nil {
		return nil, err
	}
	if bits.OnesCount(uint(n)) != 1 {
		return nil, refuse("scrypt N %.20q is no power of two", parts[0])
	}
	salt, err := textSalt(parts[1])
	if err != nil {
		return nil, err
	}
	return scryptOf(n, parts[2], parts[3], salt, paddedBase64, parts[4])
}

func scryptOf(n int, blocks, lanes string, salt []byte, encoding *base64.Encoding, key string) (*foreign, error) {
	r, err := foreignCost(blocks, "scrypt r", 1, maxScryptR)
	if err != nil {
		return nil, err
	}
	p, err := foreignCost(lanes, "scrypt p", 1, maxScryptP)
	if err != nil {
		return nil, err
	}
	f := &foreign{kib: uint32(max(1, n*r/8))} //nolint:gosec // at most 2^17·16/8: 128·N·r bytes (RFC 7914 §2)
	if f.key, err = foreignBytes(encoding, key, "hash", scryptMinKey, foreignMaxLen); err != nil {
		return nil, err
	}
	f.derive = func(password string) ([]byte, error) { return scrypt.Key([]byte(password), salt, n, r, p, len(f.key)) }
	return f, nil
}

var paddedBase64 = base64.StdEncoding.Strict()

// textSalt is a salt that is used as it is written.
func textSalt(text string) ([]byte, error) {
	if len(text) < foreignMinLen || len(text) > foreignMaxLen {
		return nil, refuse("salt: expected %d to %d characters", foreignMinLen, foreignMaxLen)
	}
	return []byte(text), nil
}

func foreignCost(text, name string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text || n < low || n > high {
		return 0, refuse("%s %.20q, expected %d to %d", name, text, low, high)
	}
	return n, nil
}

func foreignBytes(encoding *base64.Encoding, text, name string, low, high int) ([]byte, error) {
	b, err := decode(encoding, text)
	if err != nil || len(b) < low || len(b) > high {
		return nil, refuse("%s: expected %d to %d bytes in base64", name, low, high)
	}
	return b, nil
}
