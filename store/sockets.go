package store

import (
	"context"
	"net"
	"time"
)

// silence is how much longer than its context an answer is waited for. lib/pq asks the server to give up when a context ends, and
// then waits for it to say so: of one that is gone without a word (a power cut, a network that parted) it would wait for a quarter
// of an hour, and with it all who share the statement.
const silence = time.Second

// keepAlive finds out within half a minute that nobody is at the other end of a connection that is idle.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// sockets makes PostgreSQL's connections. It is a pq.Dialer.
type sockets struct {
	wire func(net.Conn) net.Conn // Options.wire
}

// socketKey is where a connection that is being made leaves room for its socket.
type socketKey struct{}

// withSocket has the socket of the connection that is made under the context put into it.
func withSocket(ctx context.Context, into *net.Conn) context.Context {
	return context.WithValue(ctx, socketKey{}, into)
}

// DialContext connects.
func (d sockets) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	into, making := ctx.Value(socketKey{}).(*net.Conn)
	if !making {
		return d.dialToGiveUp(ctx, network, address)
	}
	socket, err := d.dial(ctx, network, address)
	*into = socket
	return socket, err
}

func (d sockets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	socket, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, network, address)
	if err == nil && d.wire != nil {
		socket = d.wire(socket)
	}
	return socket, err
}

// dialToGiveUp connects for lib/pq to have the server give up a statement: whoever gave it up waits for that, too.
func (d sockets) dialToGiveUp(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	socket, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	until, _ := ctx.Deadline()
	return brief{socket}, socket.SetDeadline(until)
}

// brief is a socket whose deadline stays as it is.
type brief struct{ net.Conn }

// SetDeadline changes nothing.
func (brief) SetDeadline(time.Time) error { return nil }

// Dial connects.
func (d sockets) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout connects, or gives up after so long.
func (d sockets) DialTimeout(network, address string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.DialContext(ctx, network, address)
}
