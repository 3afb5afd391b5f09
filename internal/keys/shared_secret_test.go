package keys

import (
	"errors"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// security.md rule 5: the key is chosen by API, its algorithm pinned.
func TestShared_provesNothingButForItsAPI(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef0123456789abcdef")
	token, err := SignShared(secret, "orders", "at+jwt", jwt.MapClaims{"sub": "ada"})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.MapClaims
	if err := VerifyShared(token, secret, "orders", "at+jwt", &claims); err != nil || claims["sub"] != "ada" {
		t.Fatalf("%v, %v", claims, err)
	}
	other := []byte("fedcba9876543210fedcba9876543210")
	for name, err := range map[string]error{
		"another API":    VerifyShared(token, secret, "mail", "at+jwt", &jwt.MapClaims{}),
		"another secret": VerifyShared(token, other, "orders", "at+jwt", &jwt.MapClaims{}),
		"another type":   VerifyShared(token, secret, "orders", "JWT", &jwt.MapClaims{}),
		"a line break":   VerifyShared(token+"\n", secret, "orders", "at+jwt", &jwt.MapClaims{}),
		"cut":            VerifyShared(token[:len(token)-1], secret, "orders", "at+jwt", &jwt.MapClaims{}),
		"no signature":   VerifyShared(unsigned(t, "orders"), secret, "orders", "at+jwt", &jwt.MapClaims{}),
	} {
		if !errors.Is(err, ErrUnverified) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unsigned is a token of alg none.
func unsigned(t *testing.T, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "ada"})
	token.Header["kid"], token.Header["typ"] = kid, "at+jwt"
	text, err := token.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
