package webtest

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"

	"gatehouse/store"
)

// Proxy stands between a store and its PostgreSQL server: a test cuts the wire and mends it.
type Proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	cut   bool
	lose  []byte // what a request holds whose answer is lost
	lost  chan struct{}
	conns map[net.Conn]bool
	all   sync.WaitGroup
}

// Behind puts a proxy before the server of a PostgreSQL database and returns the options that lead through it.
func Behind(t testing.TB, o store.Options) (*Proxy, store.Options) {
	t.Helper()
	u, err := url.Parse(o.URL)
	must(t, err)
	p := &Proxy{server: u.Host, conns: map[net.Conn]bool{}}
	p.listener, err = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound at once
	must(t, err)
	u.Host = p.listener.Addr().String()
	query := u.Query()
	query.Set("sslmode", "disable") // what is encrypted cannot be told apart
	u.RawQuery = query.Encode()
	o.URL = u.String()
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.Cut()
		p.all.Wait()
	})
	return p, o
}

// Cut breaks every connection and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// Mend lets new connections through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

// LoseAnswer lets the next request that holds the text reach the server, waits for the answer and, instead of passing it on,
// breaks that one connection. The channel is closed when that has happened.
func (p *Proxy) LoseAnswer(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.lost = []byte(text), make(chan struct{})
	return p.lost
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.all.Go(func() { p.serve(client) })
	}
}

// keep notes a connection; false if the wire is cut.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	server, err := net.Dial("tcp", p.server) //nolint:noctx // on this machine
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	var losing sync.Mutex // guards lost
	var lost chan struct{}
	p.all.Go(func() { // requests
		defer p.drop(server)
		buffer := make([]byte, 64<<10)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			p.mu.Lock()
			if p.lose != nil && bytes.Contains(buffer[:n], p.lose) {
				losing.Lock()
				lost = p.lost
				losing.Unlock()
				p.lose = nil
			}
			p.mu.Unlock()
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10) // answers
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		losing.Lock()
		done := lost
		losing.Unlock()
		if done != nil { // the server answers after it has committed
			p.drop(client)
			close(done)
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
