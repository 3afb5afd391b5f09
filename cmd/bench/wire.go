package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// What a server may answer with at most.
const (
	maxHead = 64 << 10
	maxBody = 16 << 20
)

// patience is how long an answer may take; touchEvery keeps the timer behind it from costing something per request.
const (
	patience   = 30 * time.Second
	touchEvery = time.Second
)

// errElsewhere is what comes of an address beyond this machine: load is a thing to do to one's own servers.
var errElsewhere = errors.New("only servers on this machine are driven: expected a loopback address")

// dialer connects to this machine alone, whatever a name resolves to.
var dialer = net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s: %w", address, errElsewhere)
	}
	return nil
}}

// A conn is one connection that is kept alive between requests, and the last answer that came over it. It is bare because
// driver and server share the processor: what the driver spends, the server lacks.
type conn struct {
	address string // host:port
	c       net.Conn
	r       *bufio.Reader
	touched time.Time
	response
}

// do sends a whole request and reads its answer, which holds until the next.
func (c *conn) do(request []byte, now time.Time) error {
	if c.c == nil {
		if err := c.dial(); err != nil {
			return err
		}
	}
	if now.Sub(c.touched) > touchEvery {
		if err := c.c.SetDeadline(now.Add(patience)); err != nil {
			return err
		}
		c.touched = now
	}
	_, err := c.c.Write(request)
	if err == nil {
		err = c.read(c.r)
	}
	if err != nil || !c.keep {
		c.close()
	}
	return err
}

// turnTo makes the next request go there.
func (c *conn) turnTo(address string) {
	if c.address != address {
		c.close()
		c.address = address
	}
}

func (c *conn) dial() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialer.Timeout)
	defer cancel()
	if c.c, err = dialer.DialContext(ctx, "tcp", c.address); err != nil {
		c.c = nil
		return err
	}
	if c.r == nil {
		c.r = bufio.NewReaderSize(nil, 16<<10)
	}
	c.r.Reset(c.c)
	c.touched = time.Time{}
	return nil
}

// close lets the next request begin a connection of its own.
func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

// A response is an HTTP/1.1 answer (RFC 9112), as much of it as a driver has to know.
type response struct {
	status int
	head   []byte // the header fields, a line each
	body   []byte
	keep   bool // whether another request may follow on the connection
}

// read reads one answer to a GET or POST, past interim ones.
func (r *response) read(from *bufio.Reader) error {
	for {
		if err := r.readHead(from); err != nil {
			return err
		}
		if r.status >= 200 || r.status == 101 {
			return nil
		}
	}
}

var (
	errStatusLine = errors.New("the answer does not begin with an HTTP/1.x status line")
	errHead       = errors.New("the answer's header is malformed")
	errChunk      = errors.New("the answer's chunked body is malformed")
	errTooLong    = errors.New("the answer is too long")
)

func (r *response) readHead(from *bufio.Reader) error {
	r.status, r.head, r.body, r.keep = 0, r.head[:0], r.body[:0], true
	line, err := readLine(from)
	if err != nil {
		return err
	}
	// HTTP/1.1 200 OK
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return errStatusLine
	}
	for _, digit := range line[9:12] {
		if digit < '0' || digit > '9' {
			return errStatusLine
		}
		r.status = 10*r.status + int(digit-'0')
	}
	if r.status < 100 {
		return errStatusLine
	}
	r.keep = line[7] == '1' // HTTP/1.0 closes
	old, length, chunked := !r.keep, int64(-1), false
	for {
		if line, err = readLine(from); err != nil {
			return unexpected(err)
		}
		if len(line) == 0 {
			break
		}
		if len(r.head)+len(line) > maxHead {
			return errTooLong
		}
		r.head = append(append(r.head, line...), '\n')
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return errHead
		}
		switch value = bytes.Trim(value, " \t"); {
		case isField(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 63)
			if err != nil || length >= 0 && length != int64(n) {
				return errHead
			}
			length = int64(n)
		case isField(name, "transfer-encoding"):
			if chunked || !isField(value, "chunked") {
				return errHead
			}
			chunked = true
		case isField(name, "connection"):
			r.keep = !isField(value, "close") && (r.keep || isField(value, "keep-alive"))
		}
	}
	if chunked && (old || length >= 0) { // faulty (RFC 9112 §6.1, §6.3)
		return errHead
	}
	switch {
	case r.status < 200 || r.status == 204 || r.status == 304: // RFC 9112 §6.3
		return nil
	case chunked:
		return r.readChunks(from)
	case length > maxBody:
		return errTooLong
	case length >= 0:
		return r.readBody(from, int(length))
	}
	r.keep = false // until the connection ends
	for {
		if len(r.body) > maxBody {
			return errTooLong
		}
		if len(r.body) == cap(r.body) {
			r.body = append(r.body, 0)[:len(r.body)]
		}
		n, err := from.Read(r.body[len(r.body):cap(r.body)])
		r.body = r.body[:len(r.body)+n]
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// readBody appends n bytes to the body. It grows with what comes, not with what is announced.
func (r *response) readBody(from *bufio.Reader, n int) error {
	for n > 0 {
		begin, part := len(r.body), min(n, 64<<10)
		r.body = append(r.body, make([]byte, part)...)
		if _, err := io.ReadFull(from, r.body[begin:]); err != nil {
			return unexpected(err)
		}
		n -= part
	}
	return nil
}

// readChunks reads a chunked body and its trailer (RFC 9112 §7.1).
func (r *response) readChunks(from *bufio.Reader) error {
	for {
		line, err := readLine(from)
		if err != nil {
			return unexpected(err)
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 31)
		if err != nil {
			return errChunk
		}
		if len(r.body)+int(n) > maxBody {
			return errTooLong
		}
		if n == 0 {
			break
		}
		if err := r.readBody(from, int(n)); err != nil {
			return err
		}
		if line, err = readLine(from); err != nil {
			return unexpected(err)
		} else if len(line) != 0 {
			return errChunk
		}
	}
	for trailer := 0; ; {
		line, err := readLine(from)
		if err != nil {
			return unexpected(err)
		} else if len(line) == 0 {
			return nil
		}
		if trailer += len(line); trailer > maxHead {
			return errTooLong
		}
	}
}

// readLine returns a line without its end.
func readLine(from *bufio.Reader) ([]byte, error) {
	line, err := from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errTooLong
	} else if err != nil {
		if len(line) > 0 {
			err = unexpected(err)
		}
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// isField compares with a name in lower case, whatever the case of text.
func isField(text []byte, name string) bool {
	if len(text) != len(name) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// fields yields the values of the header field of this name, in lower case.
func (r *response) fields(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(r.head) {
			n, value, _ := bytes.Cut(line, []byte(":"))
			if isField(n, name) && !yield(string(bytes.TrimSpace(value))) {
				return
			}
		}
	}
}

// field is the first value of the header field of this name, in lower case.
func (r *response) field(name string) string {
	for value := range r.fields(name) {
		return value
	}
	return ""
}
