package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// makeCertificate signs a certificate of its own for the names, IP addresses among them.
func makeCertificate(t *testing.T, names ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// certificate writes such a certificate and its key into files.
func certificate(t *testing.T, names ...string) (cert, key string) {
	t.Helper()
	c, k := makeCertificate(t, names...)
	return write(t, 0o600, string(c)), write(t, 0o600, string(k))
}

// serialAt is the serial number of the certificate that a server shows under this name, or an empty text.
func serialAt(address, name string, with *tls.Config) string {
	with.ServerName, with.InsecureSkipVerify = name, true
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: soon}, Config: with}).Dial("tcp", address)
	if err != nil {
		return ""
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func serialOf(t *testing.T, cert []byte) string {
	t.Helper()
	block, _ := pem.Decode(cert)
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.SerialNumber.String()
}

func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// A server speaks https with two files, notices when they change, and goes on with what it has when they are broken.
func TestServe_speaksTLSAndReadsANewCertificate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	firstCert, firstKey := makeCertificate(t, "localhost")
	secondCert, secondKey := makeCertificate(t, "localhost")
	replace(t, cert, firstCert)
	replace(t, key, firstKey)

	address, plain := webtest.FreeAddress(t), webtest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	issuer := "https://localhost:" + port
	m := machineOn(storetest.EmptySQLite(t)).with("GATEHOUSE_ISSUER", issuer)
	n := m.serve(t, "--listen", address, "--tls-cert", cert, "--tls-key", key, "--http-listen", plain)
	if line := n.line(t); line != "Gatehouse is ready at "+issuer {
		t.Fatalf("printed %q", line)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(firstCert)
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Get(issuer + "/login")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Proto != "HTTP/1.1" || response.TLS.Version != tls.VersionTLS13 || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %d %x %v", response.Proto, response.StatusCode, response.TLS.Version, response.Header)
	}
	if serialAt(address, "localhost", &tls.Config{MaxVersion: tls.VersionTLS11}) != "" {
		t.Error("it speaks TLS 1.1")
	}
	if serialAt(address, "localhost", &tls.Config{MaxVersion: tls.VersionTLS12}) != serialOf(t, firstCert) {
		t.Error("it does not speak TLS 1.2")
	}

	response, err = client.Get("http://" + plain + "/console?x=1")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusPermanentRedirect || response.Header.Get("Location") != issuer+"/console?x=1" {
		t.Errorf("plain http: %d %v", response.StatusCode, response.Header)
	}
	response, err = client.Post("http://"+plain+"/oauth/token", "application/x-www-form-urlencoded", strings.NewReader("client_secret=x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a form by plain http: %d", response.StatusCode)
	}

	until := func(what string, done func() bool) {
		t.Helper()
		for started := time.Now(); !done(); time.Sleep(50 * time.Millisecond) {
			if time.Since(started) > soon {
				t.Fatalf("%s: never\n%s", what, n.log)
			}
		}
	}
	replace(t, cert, []byte("no certificate"))
	until("the broken file is noticed", func() bool { return strings.Contains(n.log.String(), "the one before is still used") })
	if serialAt(address, "localhost", &tls.Config{}) != serialOf(t, firstCert) {
		t.Error("the broken file is used")
	}
	replace(t, key, secondKey)
	replace(t, cert, secondCert)
	until("the new certificate is shown", func() bool { return serialAt(address, "localhost", &tls.Config{}) == serialOf(t, secondCert) })

	replace(t, key, firstKey)
	replace(t, cert, firstCert)
	if err := n.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	until("SIGHUP", func() bool { return serialAt(address, "localhost", &tls.Config{}) == serialOf(t, firstCert) })
	t.Logf("after SIGHUP: %s", time.Since(started).Round(time.Millisecond))
	n.mustEnd(t)
	for _, forbidden := range []string{"PRIVATE KEY", "client_secret", "x=1"} {
		if strings.Contains(n.log.String(), forbidden) {
			t.Errorf("the log holds %q", forbidden)
		}
	}
}

func TestCertificateFiles_warnOfWhatBrowsersRefuse(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	cert, key := certificate(t, "other.example.com")
	if _, err := newCertificateFiles(cert, key, "login.example.com", slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "browsers will refuse") || strings.Contains(log.String(), "expires soon") {
		t.Errorf("logged %s", &log)
	}
}

// Whoever asks by plain http is led to the issuer and nowhere else.
func TestToHTTPS_leadsToTheIssuerAlone(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/", "//evil.example/x", "/a?b=//evil.example", "http://evil.example/x", "/%0d%0aLocation:%20x"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
		r.Host = "evil.example"
		toHTTPS("https://login.example.com").ServeHTTP(w, r)
		if to := w.Header().Get("Location"); w.Code != http.StatusPermanentRedirect || !strings.HasPrefix(to, "https://login.example.com/") || strings.ContainsAny(to, "\r\n") {
			t.Errorf("%s: %d to %q", target, w.Code, to)
		}
		if body, err := io.ReadAll(w.Body); err != nil || len(body) > 0 {
			t.Errorf("%s: %q, %v", target, body, err)
		}
	}
	for _, target := range []string{"http:.evil.example/", "http:@evil.example/", "*"} { // what would continue the issuer's name
		w := httptest.NewRecorder()
		toHTTPS("https://login.example.com").ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil))
		if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d to %q", target, w.Code, w.Header().Get("Location"))
		}
	}
}
