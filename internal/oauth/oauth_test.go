package oauth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/keys"
	"gatehouse/internal/secret"
)

const issuer = "https://id.example"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// parse reads parameters that have to be well-formed.
func parse(t testing.TB, raw string) Params {
	t.Helper()
	p, e := ParseParams(raw)
	if e != nil {
		t.Fatal(e)
	}
	return p
}

// rule names the check that refused, or says what err is instead.
func rule(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return "no *Error: " + err.Error()
	case e == nil:
		return ""
	case e.Cause() == nil:
		return "no cause: " + e.Error()
	}
	return e.Code + " " + e.Cause().Rule
}

// refused is rule for functions that return a *Error.
func refused(e *Error) string {
	if e == nil {
		return ""
	}
	return rule(e)
}

// keep is a keys.Store in memory.
type keep []keys.SigningKey

func (k keep) SigningKeys(context.Context) ([]keys.SigningKey, error) { return k, nil }

// houseKeys are made once: RSA takes a while.
var houseKeys = sync.OnceValue(func() keep {
	all, err := keys.GenerateAll(nil, houseSealer(), noon, noon)
	if err != nil {
		panic(err)
	}
	return all
})

// shelf is a Store that knows APIs and nothing else.
type shelf struct {
	Store
	apis []API
}

func (s shelf) Catalog(context.Context, time.Time) (*Catalog, error) {
	c := NewCatalog(nil, s.apis)
	return &c, nil
}

var orders = API{ID: "orders-id", Identifier: "https://orders.example", Name: "Orders", Scopes: Scopes{"read", "write"}, TokenFormat: FormatJWT, Claims: ClaimsStandard, SigningAlg: keys.ES256, CreatedAt: noon}

func houseSealer() *secret.Sealer {
	s, err := secret.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		panic(err)
	}
	return s
}

// keyed is a Server at noon that can sign and verify. Its store knows an API: rules that need more are tested from the street.
func keyed() *Server {
	now := func() time.Time { return noon }
	return New(Config{
		Issuer: issuer, Store: shelf{apis: []API{orders}}, Keys: keys.NewRing(houseKeys(), houseSealer(), now), Sealer: houseSealer(), Now: now,
		ReadySince: func() time.Time { return noon.Add(-time.Hour) },
	})
}
