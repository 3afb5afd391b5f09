package keys

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// SignShared makes a JWT of the given type with a secret that is shared with one API, named by kid (RFC 7515 §4.1.4).
func SignShared(secret []byte, kid, typ string, claims jwt.Claims) (string, error) {
	return signJWT(secret, HS256, kid, typ, claims)
}

// VerifyShared checks a JWT that SignShared made for the API of this kid. A token that does not verify is ErrUnverified.
func VerifyShared(token string, secret []byte, kid, typ string, claims jwt.Claims) error {
	return verify(token, Purpose{Type: typ, Algorithms: []string{HS256}}, claims, func(t *jwt.Token) (any, error) {
		if found, _ := t.Header["kid"].(string); found != kid {
			return nil, errors.New("kid is another API's")
		}
		return secret, nil
	})
}

// Peek reads the header and the claims of a JWT of which nothing is proven yet, to find out whose key it asks for. ok is
// false for what is no JWT.
func Peek(token string, claims jwt.Claims) (alg, kid string, ok bool) {
	t, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, claims)
	if err != nil {
		return "", "", false
	}
	kid, _ = t.Header["kid"].(string)
	return t.Method.Alg(), kid, true
}
