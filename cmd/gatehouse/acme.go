package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

const (
	// acmeLease is how long one node may take to get the first certificate before another tries.
	acmeLease = 5 * time.Minute
	// acmeRetry is how long it waits after its first failure; it doubles up to acmeRetryMost, for issuers count failures.
	acmeRetry     = time.Minute
	acmeRetryMost = time.Hour
	// acmeLook is how often the others look whether it is there.
	acmeLook = 2 * time.Second
)

// errNoCertificate ends connections that come before the first certificate.
var errNoCertificate = errors.New("the certificate is still being fetched")

// acmeCertificates are fetched by ACME (RFC 8555) and kept in the database, for every node. There is one: that of the issuer's
// host. Connections never ask for another: who connects chooses the name in it.
type acmeCertificates struct {
	host    string
	manager *autocert.Manager
	store   *store.Store
	log     *slog.Logger
	order   lease // on asking for the first certificate

	ready atomic.Bool
	until atomic.Int64 // Unix seconds
}

func newACME(settings TLS, host string, st *store.Store, sealer *secret.Sealer, log *slog.Logger) *acmeCertificates {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &acmeCertificates{
		host: host, store: st, log: log, order: newLease(st, log, "acme", acmeLease),
		manager: &autocert.Manager{
			Prompt: autocert.AcceptTOS, // GATEHOUSE_ACME says so
			Cache:  &acmeCache{st, sealer}, HostPolicy: autocert.HostWhitelist(host), Email: settings.Email,
			Client: &acme.Client{
				DirectoryURL: settings.Directory, UserAgent: "gatehouse",
				HTTPClient: &http.Client{
					Timeout:   30 * time.Second,
					Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true}, // no proxy of the environment
				},
			},
		},
	}
}

// ours is the one certificate we ask for: ECDSA, which every client of TLS 1.2 knows.
func (a *acmeCertificates) ours() *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: a.host, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
}

func (a *acmeCertificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName != "" && hello.ServerName != a.host { // without a name come load balancers
		return nil, fmt.Errorf("%.100q is not served here", hello.ServerName)
	}
	if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) { // the issuer looks whether the host is ours (RFC 8737 §3)
		return a.manager.GetCertificate(hello)
	}
	if !a.ready.Load() {
		return nil, errNoCertificate
	}
	return a.fetch()
}

// fetch returns the certificate from memory, from the database, or from its issuer.
func (a *acmeCertificates) fetch() (*tls.Certificate, error) {
	certificate, err := a.manager.GetCertificate(a.ours())
	if err != nil {
		return nil, err
	}
	a.until.Store(certificate.Leaf.NotAfter.Unix())
	return certificate, nil
}

func (a *acmeCertificates) expires() time.Time {
	if at := a.until.Load(); at != 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}

func (a *acmeCertificates) protocols() []string { return []string{acme.ALPNProto} }

func (a *acmeCertificates) plain(next http.Handler) http.Handler {
	challenges := a.manager.HTTPHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil { // the manager knows names without ports
			r = r.Clone(r.Context())
			r.Host = host
		}
		challenges.ServeHTTP(w, r)
	})
}

// watch fetches the first certificate; the manager renews it in time. One node asks for it while the others wait: two orders for
// one name would answer each other's challenges.
func (a *acmeCertificates) watch(ctx context.Context) {
	retry := acmeRetry
	for ctx.Err() == nil {
		wait, err := a.first(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.log.Error("the certificate cannot be fetched", "host", a.host, "error", err, "again_in", retry.String())
			wait, retry = retry, min(2*retry, acmeRetryMost)
		case wait == 0:
			a.log.Info("the certificate is there", "host", a.host, "expires", a.expires().UTC())
			return
		}
		_ = pause(ctx, wait) // the loop looks whether it is over
	}
}

// first fetches the certificate if it is there or this node's to order, and else says how long to wait.
func (a *acmeCertificates) first(ctx context.Context) (wait time.Duration, err error) {
	_, err = a.store.ACMEEntry(ctx, a.host)
	if fault.IsNotFound(err) {
		if err := a.order.hold(ctx); errors.Is(err, errLost) {
			return acmeLook, nil
		} else if err != nil {
			return 0, err
		}
	} else if err != nil {
		return 0, err
	}
	if _, err := a.fetch(); err != nil {
		return 0, err
	}
	a.ready.Store(true)
	a.order.release()
	return 0, nil
}

// acmeCache keeps what ACME needs in the database, sealed (security.md rule 23).
type acmeCache struct {
	store  *store.Store
	sealer *secret.Sealer
}

var _ autocert.Cache = (*acmeCache)(nil)

const acmePurpose = "acme"

func acmePlace(name string) string { return "acme_cache/" + name + "/sealed" }

// Get returns what is kept under the name, or autocert.ErrCacheMiss.
func (c *acmeCache) Get(ctx context.Context, name string) ([]byte, error) {
	sealed, err := c.store.ACMEEntry(ctx, name)
	if fault.IsNotFound(err) {
		return nil, autocert.ErrCacheMiss
	} else if err != nil {
		return nil, err
	}
	return c.sealer.Open(acmePurpose, acmePlace(name), sealed)
}

// Put keeps the data under the name.
func (c *acmeCache) Put(ctx context.Context, name string, data []byte) error {
	return c.store.SaveACMEEntry(ctx, name, c.sealer.Seal(acmePurpose, acmePlace(name), data), now())
}

// Delete forgets what is kept under the name.
func (c *acmeCache) Delete(ctx context.Context, name string) error {
	return c.store.DeleteACMEEntry(ctx, name)
}
