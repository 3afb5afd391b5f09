package respond

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Download answers with a file that is written as it is sent, or with 503 where there is no room, at all or for
// its owner. produce runs on when the handler
// has returned: it must not touch the *fiber.Ctx nor the request's context. Its context ends with the server, and writing fails when
// the client is gone. Where it fails the connection is closed before the end of the answer is said (RFC 9112 §8): nobody takes a part
// for the whole.
func (s *Streams) Download(c *fiber.Ctx, owner, name, mediaType string, produce func(ctx context.Context, w io.Writer) error) error {
	c.Set(fiber.HeaderContentType, mediaType)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	if c.Method() == fiber.MethodHead {
		return nil
	}
	if !s.enter(owner) {
		c.Response().Header.Del(fiber.HeaderContentDisposition)
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
		RetryAfter(c, busy)
		return c.Status(fiber.StatusServiceUnavailable).SendString("too many files are being written: try again in a moment\n")
	}
	connection := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.leave(owner)
		slow := patient{w, connection}
		err := s.write(slow, produce)
		if err == nil {
			err = slow.wait(w.Flush)
		}
		if err != nil {
			_ = connection.Close()
			s.log.Warn("a download was broken off", "file", name, "error", err)
		}
	})
	return nil
}

// write lets produce write. A panic beside the request would end the process.
func (s *Streams) write(w io.Writer, produce func(ctx context.Context, w io.Writer) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return produce(s.ctx, w)
}

// patient gives the client time anew for each piece it is sent: the deadline of ordinary answers would cut a long file.
type patient struct {
	w          *bufio.Writer
	connection net.Conn
}

func (p patient) Write(b []byte) (n int, err error) {
	err = p.wait(func() error {
		n, err = p.w.Write(b)
		return err
	})
	return n, err
}

// wait waits for what is sent to be taken, and closes the connection of a client that takes nothing.
func (p patient) wait(send func() error) error {
	if err := p.connection.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	guard := time.AfterFunc(stalled, func() { _ = p.connection.Close() })
	defer guard.Stop()
	return send()
}
