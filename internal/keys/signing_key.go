package keys

import "time"

// Algorithms we sign with (RFC 7518 §3.1).
const (
	ES256 = "ES256"
	RS256 = "RS256"
	EdDSA = "EdDSA" // RFC 8037, Ed25519; a key is made when the first API asks for it
	HS256 = "HS256" // with a secret shared with one API; never a key of the ring
)

// SigningKey is a key pair as it is kept: the public part as a JWK, the private part sealed.
type SigningKey struct {
	KID       string `db:"kid"`
	Algorithm string `db:"alg"`
	PublicJWK string `db:"public_jwk"` // JSON (RFC 7517)
	// PrivateSealed is the PKCS #8 key, sealed; empty once destroyed.
	PrivateSealed string    `db:"private_sealed"`
	CreatedAt     time.Time `db:"created_at"`
	// ActiveFrom is when we begin to sign with it; it is published from creation.
	ActiveFrom time.Time `db:"active_from"`
	// RetiredAt is when somebody took it out of use before its time; nil for never.
	RetiredAt *time.Time `db:"retired_at"`
	// CompromisedAt is since when nothing that it signed is believed any more; nil for never.
	CompromisedAt *time.Time `db:"compromised_at"`
}
