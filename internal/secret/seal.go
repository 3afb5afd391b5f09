package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	masterKeyBytes = 32
	sealVersion    = "v1"
	underVersion   = "t1"
)

var (
	// ErrWrongKey means that a value was sealed under another master key.
	ErrWrongKey = errors.New("sealed under another master key")
	// ErrTampered means that a sealed value is not what Seal wrote, or is read for another purpose, place or token.
	ErrTampered = errors.New("sealed value does not open: it was changed, or belongs somewhere else")
)

// Sealer seals values at rest under the master key. Each purpose has its own subkey (HKDF-SHA256), so that
// what was sealed for one use never opens for another. It is safe for concurrent use.
type Sealer struct {
	prk []byte // HKDF-Extract of the master key, from which subkeys are expanded
	id  string
}

// NewSealer returns a Sealer for a master key of exactly 32 bytes.
func NewSealer(master []byte) (*Sealer, error) {
	if len(master) != masterKeyBytes {
		return nil, fmt.Errorf("a master key has %d bytes, this one has %d", masterKeyBytes, len(master))
	}
	prk, err := hkdf.Extract(sha256.New, master, []byte("gatehouse master key v1"))
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	s := &Sealer{prk: prk}
	s.id = base64.RawURLEncoding.EncodeToString(s.subkey("id", "")[:9])
	return s, nil
}

// KeyID names the master key, in 12 base64url characters, without revealing anything of it. The store keeps
// it beside the data, so that a wrong key stops the start (security rule 23).
func (s *Sealer) KeyID() string { return s.id }

// Format prints the key id alone, so that no log shows the key.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sealer "+s.id) }

// Seal encrypts plaintext as `v1.<key id>.<base64url(nonce|ciphertext)>` with XChaCha20-Poly1305, whose
// 192-bit nonces may be random however many values a key seals. aad names the place the value is kept in
// (table, row, column): a value copied to another place does not open there.
func (s *Sealer) Seal(purpose, aad string, plaintext []byte) string {
	return sealWith(s.subkey("seal", purpose), sealVersion+"."+s.id+".", aad, plaintext)
}

// Open returns what Seal was given for the same purpose and aad. It fails with [ErrWrongKey] if another
// master key sealed the value, and with [ErrTampered] for everything else that does not fit.
func (s *Sealer) Open(purpose, aad, sealed string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, _, ok := strings.Cut(rest, ".")
	if !ok || version != sealVersion {
		return nil, ErrTampered
	}
	if id != s.id {
		return nil, fmt.Errorf("%w: this one is %s, the value names %.20q", ErrWrongKey, s.id, id)
	}
	return openWith(s.subkey("seal", purpose), sealVersion+"."+s.id+".", aad, sealed)
}

// MAC returns HMAC-SHA256 over parts under the purpose's own subkey, 43 base64url characters. Each part is
// preceded by its length: ("ab", "c") and ("a", "bc") differ. Compare with [Equal].
func (s *Sealer) MAC(purpose string, parts ...string) string {
	return s.MACFor(purpose)(parts...)
}

// MACFor is MAC for one purpose, whose subkey it derives once: for who makes a great many. It is safe for concurrent use.
func (s *Sealer) MACFor(purpose string) func(parts ...string) string {
	key := s.subkey("mac", purpose)
	return func(parts ...string) string { return Commit(key, parts...) }
}

// Commit returns HMAC-SHA256 over parts under a key, as [Sealer.MAC] writes it. Under a random key that is kept beside it, it is
// a commitment: whoever has lost the key cannot find out the parts by trying.
func Commit(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		_, _ = mac.Write(length[:]) // a hash never fails to write
		_, _ = io.WriteString(mac, part)
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// subkey is the 256-bit key for one use and purpose. The use comes first and holds no "/", so no two pairs meet.
func (s *Sealer) subkey(use, purpose string) []byte {
	key, err := hkdf.Expand(sha256.New, s.prk, use+"/"+purpose, chacha20poly1305.KeySize)
	if err != nil {
		panic(err) // only for keys of more than 255 hashes
	}
	return key
}

// SealUnder seals plaintext under a key that only a holder of token can make: a refresh token's successor is
// kept this way, so that a retry gets the same one again although the database holds hashes alone (security
// rule 1). The token must have at least 128 random bits; its [Hash] does not help to open the value.
func SealUnder(token, aad string, plaintext []byte) string {
	return sealWith(tokenKey(token), underVersion+".", aad, plaintext)
}

// OpenUnder returns what SealUnder was given for the same token and aad, or [ErrTampered].
func OpenUnder(token, aad, sealed string) ([]byte, error) {
	return openWith(tokenKey(token), underVersion+".", aad, sealed)
}

func tokenKey(token string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "gatehouse sealed under a token v1", chacha20poly1305.KeySize)
	if err != nil {
		panic(err) // only for keys of more than 255 hashes
	}
	return key
}

// sealWith authenticates header and aad together: the header has no NUL, so the first one divides them.
func sealWith(key []byte, header, aad string, plaintext []byte) string {
	aead := newAEAD(key)
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plaintext)+aead.Overhead())
	rand.Read(nonce)
	box := aead.Seal(nonce, nonce, plaintext, []byte(header+"\x00"+aad))
	return header + base64.RawURLEncoding.EncodeToString(box)
}

func openWith(key []byte, header, aad, sealed string) ([]byte, error) {
	body, ok := strings.CutPrefix(sealed, header)
	if !ok {
		return nil, ErrTampered
	}
	box, err := decode(urlBase64, body)
	aead := newAEAD(key)
	if err != nil || len(box) < aead.NonceSize() {
		return nil, ErrTampered
	}
	plaintext, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], []byte(header+"\x00"+aad))
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

var urlBase64 = base64.RawURLEncoding.Strict()

// decode reads base64 in its one spelling: package base64 skips line breaks, which Strict does not change.
func decode(encoding *base64.Encoding, text string) ([]byte, error) {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return encoding.DecodeString(text)
}

func newAEAD(key []byte) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // only for keys that are not 32 bytes long
	}
	return aead
}

// NewMasterKey returns 256 fresh random bits as padded standard base64, as `openssl rand -base64 32` does.
func NewMasterKey() string {
	b := make([]byte, masterKeyBytes)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// ParseMasterKey reads 32 bytes from standard or URL-safe base64, padded or not, with space around it. Its
// errors never show the text.
func ParseMasterKey(text string) ([]byte, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	key, err := decode(urlBase64, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	if err != nil {
		return nil, errors.New("a master key is 32 bytes in base64; this is not base64")
	}
	if len(key) != masterKeyBytes {
		return nil, fmt.Errorf("a master key is %d bytes in base64; this one has %d", masterKeyBytes, len(key))
	}
	return key, nil
}
