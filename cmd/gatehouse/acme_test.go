package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/dns/dnsmessage"

	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// pebbleVariable names the program of an ACME server for tests.
const pebbleVariable = "GATEHOUSE_TEST_PEBBLE"

// acmeHost is the name that the certificates of these tests are for. Nobody but the tests' own name server knows it.
const acmeHost = "login.gatehouse.test"

// A pebble is an ACME server that finds every host on this machine, at the ports it is told.
type pebble struct {
	*exec.Cmd
	directory  string
	management string
	ca         []byte // that signed its own certificate
	log        *logBuffer
}

func startPebble(t *testing.T, tlsPort, httpPort int) *pebble {
	t.Helper()
	program := os.Getenv(pebbleVariable)
	if program == "" {
		t.Skip("it needs pebble: run `task test:acme`")
	}
	address, management := webtest.FreeAddress(t), webtest.FreeAddress(t)
	cert, key := makeCertificate(t, "localhost", "127.0.0.1")
	folder := t.TempDir()
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": address, "managementListenAddress": management, "httpPort": httpPort, "tlsPort": tlsPort,
		"certificate": filepath.Join(folder, "cert.pem"), "privateKey": filepath.Join(folder, "key.pem"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"cert.pem": cert, "key.pem": key, "config.json": config} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &pebble{
		Cmd:       exec.Command(program, "-config", filepath.Join(folder, "config.json"), "-dnsserver", nameServer(t)),
		directory: "https://" + address + "/dir", management: "https://" + management, ca: cert, log: &logBuffer{},
	}
	p.Env, p.Stdout, p.Stderr = []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"}, p.log, p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	eventually(t, "pebble listens", p.log, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return p
}

func (p *pebble) stop() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

// roots are what certificates of this pebble lead up to.
func (p *pebble) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(p.ca)
	response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}).Get(p.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	root, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		t.Fatalf("the root is %s", root)
	}
	return pool
}

func eventually(t *testing.T, what string, log fmt.Stringer, done func() bool) {
	t.Helper()
	for started := time.Now(); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Since(started) > soon {
			t.Fatalf("%s: never\n%s", what, log)
		}
	}
}

// nameServer says of every host that it is this machine, and returns its address. It speaks TCP, as pebble does (RFC 1035 §4.2.2).
func nameServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for answerName(conn) == nil {
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func answerName(conn net.Conn) error {
	length := make([]byte, 2)
	if _, err := io.ReadFull(conn, length); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(length))
	if _, err := io.ReadFull(conn, question); err != nil {
		return err
	}
	var asked dnsmessage.Message
	if err := asked.Unpack(question); err != nil {
		return err
	}
	q := asked.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true}, Questions: asked.Questions}
	if q.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	packed, err := answer.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	return err
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// acmeNode starts a server that gets its certificate from pebble.
func acmeNode(t *testing.T, m machine, p *pebble, address string, args ...string) *node {
	t.Helper()
	m = m.with("GATEHOUSE_ISSUER", "https://"+acmeHost+":"+strconv.Itoa(portOf(t, address))).with("GATEHOUSE_ACME_DIRECTORY", p.directory).
		with("SSL_CERT_FILE", write(t, 0o600, string(p.ca)))
	n := m.serve(t, append([]string{"--listen", address, "--acme", "--acme-email", "admin@gatehouse.test"}, args...)...)
	n.line(t)
	return n
}

// certificateAt is the certificate a server shows under this name, proven by the roots.
func certificateAt(address, name string, roots *x509.CertPool) (*x509.Certificate, error) {
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: soon}, Config: &tls.Config{ServerName: name, RootCAs: roots}}).Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// The server proves to an ACME server that the host is its own (RFC 8737), keeps what it gets in the database, sealed, and
// every other node has it from there.
func TestACME_getsACertificateForAllNodes(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		address := webtest.FreeAddress(t)
		p := startPebble(t, portOf(t, address), 1)
		m := machineOn(b.Empty(t))
		n := acmeNode(t, m, p, address)
		roots := p.roots(t)
		var first *x509.Certificate
		eventually(t, "the certificate", n.log, func() (there bool) {
			var err error
			first, err = certificateAt(address, acmeHost, roots)
			return err == nil
		})
		if err := first.VerifyHostname(acmeHost); err != nil {
			t.Error(err)
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: acmeHost}}}
		request, err := http.NewRequest(http.MethodGet, "https://"+address+"/.well-known/openid-configuration", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = acmeHost + ":" + strconv.Itoa(portOf(t, address))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("discovery: %d", response.StatusCode)
		}
		if _, err := certificateAt(address, "other.gatehouse.test", roots); err == nil {
			t.Error("it has a certificate for another name")
		}
		if strings.Contains(p.log.String(), "other.gatehouse.test") {
			t.Error("it asked for a certificate of a name that somebody made up")
		}

		var sealed []string
		rows, err := storetest.DB(t, m.options).Query("SELECT sealed FROM acme_cache")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			sealed = append(sealed, text)
		}
		if err := rows.Err(); err != nil || len(sealed) < 2 { // the account's key and the certificate with its own
			t.Errorf("%d entries, %v", len(sealed), err)
		}
		for _, text := range sealed {
			if !strings.HasPrefix(text, "v1.") || strings.Contains(text, "PRIVATE") {
				t.Errorf("an entry is not sealed: %.40q", text)
			}
		}
		n.mustEnd(t)

		p.stop() // nobody can order any more
		second := webtest.FreeAddress(t)
		n = acmeNode(t, m, p, second)
		eventually(t, "the same certificate on another node", n.log, func() bool {
			c, err := certificateAt(second, acmeHost, roots)
			return err == nil && c.SerialNumber.Cmp(first.SerialNumber) == 0
		})
		n.mustEnd(t)
	})
}

// Where the port of https cannot be reached by that name, plain http does (RFC 8555 §8.3).
func TestACME_provesItselfByPlainHTTP(t *testing.T) {
	t.Parallel()
	address, plain := webtest.FreeAddress(t), webtest.FreeAddress(t)
	p := startPebble(t, 1, portOf(t, plain))
	n := acmeNode(t, machineOn(storetest.EmptySQLite(t)), p, address, "--http-listen", plain)
	roots := p.roots(t)
	eventually(t, "the certificate", n.log, func() bool {
		_, err := certificateAt(address, acmeHost, roots)
		return err == nil
	})
	n.mustEnd(t)
}

// Two nodes that start together order one certificate.
func TestACME_oneNodeOrders(t *testing.T) {
	t.Parallel()
	address := webtest.FreeAddress(t)
	p := startPebble(t, portOf(t, address), 1)
	o := storetest.Postgres(t)
	m := machineOn(o)
	second := webtest.FreeAddress(t)
	one, two := acmeNode(t, m, p, address), acmeNode(t, m, p, second)
	roots := p.roots(t)
	var serials []string
	for at, n := range map[string]*node{address: one, second: two} {
		eventually(t, "the certificate of "+at, n.log, func() bool {
			c, err := certificateAt(at, acmeHost, roots)
			if err == nil {
				serials = append(serials, c.SerialNumber.String())
			}
			return err == nil
		})
	}
	if serials[0] != serials[1] {
		t.Errorf("certificates %q", serials)
	}
	if orders := strings.Count(p.log.String(), "Added order"); orders != 1 {
		t.Errorf("%d orders\n%s", orders, p.log)
	}
}

// What is kept opens in its own place alone.
func TestACMECache_sealsWhatItKeeps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		master, err := secret.ParseMasterKey(secret.NewMasterKey())
		if err != nil {
			t.Fatal(err)
		}
		sealer, err := secret.NewSealer(master)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cache := t.Context(), &acmeCache{s, sealer}
		if _, err := cache.Get(ctx, "a"); !errors.Is(err, autocert.ErrCacheMiss) {
			t.Errorf("nothing: %v", err)
		}
		if err := cache.Put(ctx, "a", []byte("PRIVATE KEY")); err != nil {
			t.Fatal(err)
		}
		if data, err := cache.Get(ctx, "a"); err != nil || !bytes.Equal(data, []byte("PRIVATE KEY")) {
			t.Errorf("%q, %v", data, err)
		}
		sealed, err := s.ACMEEntry(ctx, "a")
		if err != nil || strings.Contains(sealed, "PRIVATE") {
			t.Errorf("kept %q, %v", sealed, err)
		}
		if err := s.SaveACMEEntry(ctx, "b", sealed, now()); err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Get(ctx, "b"); err == nil {
			t.Error("it opens in another place")
		}
		if err := cache.Delete(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Get(ctx, "a"); !errors.Is(err, autocert.ErrCacheMiss) {
			t.Errorf("deleted: %v", err)
		}
	})
}

// Before there is a certificate, connections end at once, and none makes the server ask for one.
func TestACME_connectionsOrderNothing(t *testing.T) {
	t.Parallel()
	var asked bool
	directory := "https://127.0.0.1:1/dir"
	a := newACME(TLS{ACME: true, Directory: directory}, acmeHost, nil, nil, slog.New(slog.DiscardHandler))
	a.manager.HostPolicy = nil
	a.manager.Cache = nil
	a.manager.Client.HTTPClient.Transport = roundTrip(func(*http.Request) (*http.Response, error) { asked = true; return nil, io.EOF })
	for _, name := range []string{acmeHost, "other.example.com", ""} {
		if _, err := a.get(&tls.ClientHelloInfo{ServerName: name}); err == nil {
			t.Errorf("%q: got one", name)
		}
	}
	if asked || !a.expires().IsZero() {
		t.Error("it was asked for")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A handshake for a name that is not ours costs no look into the database, whatever protocol it speaks.
func TestACME_otherNamesAreLookedForNowhere(t *testing.T) {
	t.Parallel()
	cache := &countingCache{}
	a := &acmeCertificates{host: "login.example.com", manager: &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: cache}}
	for _, protocols := range [][]string{nil, {"http/1.1"}, {acme.ALPNProto}} {
		if _, err := a.get(&tls.ClientHelloInfo{ServerName: "other.example.com", SupportedProtos: protocols}); err == nil || cache.asked != 0 {
			t.Errorf("%v: %v, asked for %d times", protocols, err, cache.asked)
		}
	}
	if _, err := a.get(&tls.ClientHelloInfo{ServerName: a.host, SupportedProtos: []string{acme.ALPNProto}}); err == nil || cache.asked != 1 {
		t.Errorf("ours: %v, asked for %d times", err, cache.asked)
	}
}

// countingCache holds nothing.
type countingCache struct {
	autocert.Cache
	asked int
}

func (c *countingCache) Get(context.Context, string) ([]byte, error) {
	c.asked++
	return nil, autocert.ErrCacheMiss
}
