package webtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
)

// shutdown is how long a house waits for connections that a browser still holds.
const shutdown = 5 * time.Second

// OpenLocal opens a house for a real browser: it listens on a port of this machine, and its issuer is http://localhost with
// that port.
func OpenLocal(t testing.TB, s *store.Store, with ...func(*Options)) *House {
	t.Helper()
	return openOn(t, s, "http", nil, with)
}

// OpenLocalTLS is OpenLocal by https, with a certificate that nobody has signed but itself.
func OpenLocalTLS(t testing.TB, s *store.Store, with ...func(*Options)) *House {
	t.Helper()
	return openOn(t, s, "https", &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}, with)
}

// FreeAddress is an address of this machine for another process to listen at. The port is below those that the system gives
// to whoever connects or asks for any port: one of those might be gone before the process listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+mathrand.IntN(12000)))
		if _, given := givenAddresses.LoadOrStore(address, true); given {
			continue
		}
		if listener, err := net.Listen("tcp", address); err == nil { //nolint:noctx // bound at once
			must(t, listener.Close())
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

var givenAddresses sync.Map

// openOn chooses the port before the house is opened, so that its issuer can name it.
func openOn(t testing.TB, s *store.Store, scheme string, secure *tls.Config, with []func(*Options)) *House {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound at once
	must(t, err)
	issuer := scheme + "://localhost:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	h := Open(t, s, append([]func(*Options){func(o *Options) { o.Issuer = issuer }}, with...)...)
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	go h.App.Listener(listener) //nolint:errcheck // ends with the shutdown below
	t.Cleanup(func() { _ = h.App.ShutdownWithTimeout(shutdown) })
	return h
}

func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
