package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"gatehouse/internal/secret"
)

// Algorithms lists those every house has a key for: ES256 for access tokens, RS256 because OpenID Connect Core §15.1 asks for it.
var Algorithms = []string{ES256, RS256}

const rsaBits = 2048

// PublishAhead is how long a staged key is published before it signs, so that caches of the JWKS know it in time.
const PublishAhead = 24 * time.Hour

// sealPurpose separates the key that seals private keys from every other use of the master key.
const sealPurpose = "signing key"

// Generate makes a key pair whose private part is sealed for its own row.
func Generate(alg string, sealer *secret.Sealer, at, activeFrom time.Time) (SigningKey, error) {
	private, err := newPrivateKey(alg)
	if err != nil {
		return SigningKey{}, err
	}
	jwk, err := publicJWK(alg, private.Public())
	if err != nil {
		return SigningKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return SigningKey{}, err
	}
	public, err := json.Marshal(jwk)
	if err != nil {
		return SigningKey{}, err
	}
	return SigningKey{
		KID: jwk.KeyID, Algorithm: alg, PublicJWK: string(public),
		PrivateSealed: sealer.Seal(sealPurpose, aad(jwk.KeyID), der),
		CreatedAt:     at, ActiveFrom: activeFrom,
	}, nil
}

// GenerateAll makes one key for each algorithm every house has, and for those that it has keys of besides.
func GenerateAll(existing []SigningKey, sealer *secret.Sealer, at, activeFrom time.Time) ([]SigningKey, error) {
	algs := slices.Clone(Algorithms)
	for _, k := range existing {
		if !slices.Contains(algs, k.Algorithm) {
			algs = append(algs, k.Algorithm)
		}
	}
	out := make([]SigningKey, 0, len(algs))
	for _, alg := range algs {
		key, err := Generate(alg, sealer, at, activeFrom)
		if err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, nil
}

// Missing makes a key for the algorithm, to sign with at once, if none of those that exist may. It returns none where nothing
// is missing, and for algorithms that need no key of ours.
func Missing(existing []SigningKey, alg string, sealer *secret.Sealer, at time.Time) ([]SigningKey, error) {
	if alg == "" || alg == HS256 {
		return nil, nil
	}
	states := States(existing, at)
	if slices.ContainsFunc(existing, func(k SigningKey) bool { return k.Algorithm == alg && states[k.KID] == Current }) {
		return nil, nil
	}
	key, err := Generate(alg, sealer, at, at)
	if err != nil {
		return nil, err
	}
	return []SigningKey{key}, nil
}

func newPrivateKey(alg string) (crypto.Signer, error) {
	switch alg {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("no key can be made for algorithm %q", alg)
}

// aad binds a sealed private key to its table, row and column (security.md rule 23).
func aad(kid string) string { return "signing_keys/" + kid + "/private_sealed" }

// JWK is a public key as RFC 7517 has it.
type JWK struct {
	KeyType   string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
}

// publicJWK writes a public key as a JWK whose kid is its thumbprint (RFC 7638), so that no two keys share one.
func publicJWK(alg string, public crypto.PublicKey) (JWK, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	jwk := JWK{Use: "sig", Algorithm: alg}
	var thumb string
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 0x04 ‖ X ‖ Y
		if err != nil {
			return JWK{}, err
		}
		size := (len(point) - 1) / 2
		jwk.KeyType, jwk.Curve = "EC", key.Curve.Params().Name
		jwk.X, jwk.Y = b64(point[1:1+size]), b64(point[1+size:])
		thumb = fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, jwk.Curve, jwk.X, jwk.Y)
	case ed25519.PublicKey: // RFC 8037 §2, thumbprint as its Appendix A.3
		jwk.KeyType, jwk.Curve, jwk.X = "OKP", "Ed25519", b64(key)
		thumb = fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":%q}`, jwk.X)
	case *rsa.PublicKey:
		jwk.KeyType = "RSA"
		jwk.N, jwk.E = b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes())
		thumb = fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, jwk.E, jwk.N)
	default:
		return JWK{}, fmt.Errorf("cannot publish a %T", public)
	}
	sum := sha256.Sum256([]byte(thumb))
	jwk.KeyID = b64(sum[:])
	return jwk, nil
}

// publicKey reads back what publicJWK wrote.
func publicKey(text string) (crypto.PublicKey, JWK, error) {
	var jwk JWK
	if err := json.Unmarshal([]byte(text), &jwk); err != nil {
		return nil, jwk, err
	}
	dec := base64.RawURLEncoding.DecodeString
	switch jwk.KeyType {
	case "EC":
		x, errX := dec(jwk.X)
		y, errY := dec(jwk.Y)
		if errX != nil || errY != nil {
			return nil, jwk, fmt.Errorf("key %s: bad coordinates", jwk.KeyID)
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		return key, jwk, err
	case "OKP":
		x, err := dec(jwk.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, jwk, fmt.Errorf("key %s: bad public key", jwk.KeyID)
		}
		return ed25519.PublicKey(x), jwk, nil
	case "RSA":
		n, errN := dec(jwk.N)
		e, errE := dec(jwk.E)
		if errN != nil || errE != nil {
			return nil, jwk, fmt.Errorf("key %s: bad modulus or exponent", jwk.KeyID)
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, jwk, nil
	}
	return nil, jwk, fmt.Errorf("key %s: unknown kty %q", jwk.KeyID, jwk.KeyType)
}
