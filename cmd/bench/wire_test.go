package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func answered(t testing.TB, text string) (response, *bufio.Reader, error) {
	t.Helper()
	var r response
	from := bufio.NewReaderSize(strings.NewReader(text), 16<<10)
	err := r.read(from)
	return r, from, err
}

func TestResponse_read(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		status     int
		body       string
		keep       bool
		rest       string // left for the next answer
	}{
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP", 200, "hi", true, "HTTP"},
		{"any case", "HTTP/1.1 401 Unauthorized\r\ncOnTeNt-lEnGtH:0\r\n\r\n", 401, "", true, ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\nnext", 200, "abc0123456789", true, "next"},
		{"nothing to read", "HTTP/1.1 204 No Content\r\n\r\nnext", 204, "", true, "next"},
		{"not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nnext", 304, "", true, "next"},
		{"interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", true, ""},
		{"until the end", "HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it", false, ""},
		{"told to close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false, ""},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false, ""},
		{"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, "x", true, ""},
		{"bare newlines, no reason", "HTTP/1.1 302\nLocation: /x\nContent-Length: 0\n\n", 302, "", true, ""},
	} {
		r, from, err := answered(t, c.text)
		rest, _ := io.ReadAll(from)
		if err != nil || r.status != c.status || string(r.body) != c.body || r.keep != c.keep || string(rest) != c.rest {
			t.Errorf("%s: %v, read %d %q keep %v, left %q", c.name, err, r.status, r.body, r.keep, rest)
		}
	}
}

func TestResponse_readRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", io.EOF},
		{"not HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n", errStatusLine},
		{"no status", "HTTP/1.1 2x0 OK\r\n\r\n", errStatusLine},
		{"a status too small", "HTTP/1.1 099 Low\r\n\r\n", errStatusLine},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Len", io.ErrUnexpectedEOF},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", io.ErrUnexpectedEOF},
		{"no colon", "HTTP/1.1 200 OK\r\nContent-Length 5\r\n\r\n", errHead},
		{"a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", errHead},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", errHead},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", errHead},
		{"gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", errHead},
		{"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errHead},
		{"chunks and a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", errHead},
		{"a size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", errChunk},
		{"a chunk longer than it says", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", errChunk},
		{"chunks without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", io.ErrUnexpectedEOF},
		{"an endless line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", errTooLong},
		{"an endless head", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 70) + "\r\n", errTooLong},
		{"an endless body", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", errTooLong},
	} {
		if r, _, err := answered(t, c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v (%d %q)", c.name, err, c.want, r.status, r.body)
		}
	}
}

func TestResponse_fields(t *testing.T) {
	t.Parallel()
	r, _, err := answered(t, "HTTP/1.1 302 Found\r\nSet-Cookie: a=1\r\nLOCATION:  /there \r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	var cookies []string
	for value := range r.fields("set-cookie") {
		cookies = append(cookies, value)
	}
	if r.field("location") != "/there" || strings.Join(cookies, "|") != "a=1|b=2" || r.field("x-none") != "" {
		t.Errorf("location %q, cookies %q", r.field("location"), cookies)
	}
}

// Whatever comes, reading ends; and what Go's own client takes as well is the same answer.
func FuzzResponse(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	f.Add("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\n\r\nrest")
	f.Add("HTTP/1.1 302\nLocation: /x\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, _, err := answered(t, text)
		if err != nil {
			return
		}
		if r.status < 100 || r.status > 999 || len(r.body) > len(text) || len(r.head) > maxHead {
			t.Fatalf("read %d, head %d, body %d", r.status, len(r.head), len(r.body))
		}
		from := bufio.NewReader(strings.NewReader(text))
		for {
			other, err := http.ReadResponse(from, nil)
			if err != nil {
				return
			}
			body, err := io.ReadAll(other.Body)
			_ = other.Body.Close()
			if err != nil {
				return
			}
			if other.StatusCode < 200 && other.StatusCode != http.StatusSwitchingProtocols {
				continue
			}
			if other.StatusCode != r.status || !bytes.Equal(body, r.body) {
				t.Fatalf("read %d %q, net/http %d %q", r.status, r.body, other.StatusCode, body)
			}
			return
		}
	})
}

// A server that closes a connection is asked over another one; one that closes it without a word has failed.
func TestConn_beginsAnew(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for _, text := range []string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\none", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthree"} {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	c := conn{address: listener.Addr().String()}
	request := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, want := range []string{"one", "", "three"} {
		err := c.do(request, time.Now())
		if (err == nil) != (want != "") || string(c.body) != want {
			t.Errorf("answered %q, %v; expected %q", c.body, err, want)
		}
	}
}

func TestConn_staysOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "0.0.0.0:80"} {
		c := conn{address: address}
		if err := c.do([]byte("GET / HTTP/1.1\r\n\r\n"), time.Now()); !errors.Is(err, errElsewhere) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, issuer := range []string{"http://192.0.2.1", "http://id.example.test", "https://localhost", "http://[2001:db8::1]:8080", "http://localhost.example.test", "ftp://127.0.0.1", "http://"} {
		if _, err := endpoint(issuer); err == nil {
			t.Errorf("%s would be driven", issuer)
		}
	}
	for _, issuer := range []string{"http://localhost:8080", "http://127.0.0.1", "http://[::1]:9/x", "http://127.8.8.8:1"} {
		if _, err := endpoint(issuer); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
