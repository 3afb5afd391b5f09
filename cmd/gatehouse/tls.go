package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/store"
)

// certificates are where a server that speaks https has its certificate from.
type certificates interface {
	// get returns the certificate for a connection.
	get(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// watch keeps it fresh until the context ends.
	watch(ctx context.Context)
	// expires is when it does; zero while there is none.
	expires() time.Time
	// protocols are those spoken besides http/1.1 (RFC 7301).
	protocols() []string
	// plain answers on plain http what the issuer of certificates asks there, and leaves the rest to next.
	plain(next http.Handler) http.Handler
}

// openCertificates finds the certificates that the settings speak of; nil where they speak of none.
func openCertificates(settings Settings, st *store.Store, sealer *secret.Sealer, log *slog.Logger) (certificates, error) {
	u, err := url.Parse(settings.Issuer)
	if err != nil {
		return nil, err
	}
	switch {
	case settings.TLS.ACME:
		return newACME(settings.TLS, u.Hostname(), st, sealer, log), nil
	case settings.TLS.Cert != "":
		return newCertificateFiles(settings.TLS.Cert, settings.TLS.Key, u.Hostname(), log)
	}
	return nil, nil
}

// secured makes a listener speak TLS. There is no HTTP/2: the server does not speak it.
func secured(l net.Listener, from certificates) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: from.get, NextProtos: append([]string{"http/1.1"}, from.protocols()...),
	})
}

// servePlain leads whoever comes by plain http to the issuer, until the context ends.
func servePlain(ctx context.Context, l net.Listener, issuer string, from certificates, log *slog.Logger) {
	server := &http.Server{
		Handler: from.plain(toHTTPS(issuer)), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Error("a listener failed", "address", l.Addr().String(), "error", err)
	}
}

// toHTTPS sends browsers on to the same page of the issuer. What a form or an application sends has been seen by everybody on
// the way: it is refused, or nobody would notice (RFC 6749 §3.1, §3.2).
func toHTTPS(issuer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "https only: what was just sent in the clear should be replaced", http.StatusBadRequest)
			return
		}
		if !strings.HasPrefix(r.URL.RequestURI(), "/") { // "GET http:.example.net/" would continue the issuer's name
			http.Error(w, "no such page", http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", issuer+r.URL.RequestURI())
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}

// lookEvery is how often the files are looked at.
const lookEvery = 5 * time.Second

// certificateFiles are two PEM files, read again when they change. A broken pair changes nothing.
type certificateFiles struct {
	cert, key, host string
	log             *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]fileState // as they were when they were last read, well or not
}

// fileState is how a change of a file shows.
type fileState struct {
	changed time.Time
	size    int64
}

func newCertificateFiles(cert, key, host string, log *slog.Logger) (*certificateFiles, error) {
	f := &certificateFiles{cert: cert, key: key, host: host, log: log}
	return f, f.read()
}

// read reads the files. What was read before stays if they do not fit together.
func (f *certificateFiles) read() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = f.look() // before they are read: what changes meanwhile is seen next time
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.current = &pair
	warnOf(f.log, pair.Leaf, f.host)
	return nil
}

func (f *certificateFiles) look() (seen [2]fileState) {
	for i, path := range []string{f.cert, f.key} {
		if info, err := os.Stat(path); err == nil {
			seen[i] = fileState{info.ModTime(), info.Size()}
		} else if !errors.Is(err, fs.ErrNotExist) {
			f.log.Debug("a file of the certificate cannot be looked at", "error", err)
		}
	}
	return seen
}

// warnOf says what browsers will say.
func warnOf(log *slog.Logger, leaf *x509.Certificate, host string) {
	if err := leaf.VerifyHostname(host); err != nil {
		log.Warn("GATEHOUSE_TLS_CERT: browsers will refuse the certificate: " + err.Error())
	}
	if left := leaf.NotAfter.Sub(now()); left < 7*24*time.Hour {
		log.Warn("GATEHOUSE_TLS_CERT: the certificate expires soon", "expires", leaf.NotAfter.UTC())
	}
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current, nil
}

func (f *certificateFiles) expires() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current.Leaf.NotAfter
}

func (f *certificateFiles) protocols() []string                  { return nil }
func (f *certificateFiles) plain(next http.Handler) http.Handler { return next }

// watch looks at the files every few seconds, and at once at SIGHUP.
func (f *certificateFiles) watch(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.refresh(false)
		case <-hangup:
			f.refresh(true)
		}
	}
}

// refresh reads the files if they have changed, or if it has to.
func (f *certificateFiles) refresh(always bool) {
	f.mu.Lock()
	unchanged := f.seen == f.look()
	f.mu.Unlock()
	if unchanged && !always {
		return
	}
	if err := f.read(); err != nil {
		f.log.Error("the certificate cannot be read again; the one before is still used", "error", err)
		return
	}
	f.log.Info("the certificate was read again", "expires", f.expires().UTC())
}
