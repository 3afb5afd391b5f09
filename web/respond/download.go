package respond

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

var fileTypes = map[string]string{".csv": "text/csv; charset=utf-8", ".json": fiber.MIMEApplicationJSON}

// longestDownload is how long a file may take all together.
const longestDownload = 15 * time.Minute

// Download answers with a file, written while it is read: it may be long. The type follows from the name. write runs on when the handler
// has returned: it must not touch the *fiber.Ctx nor the request's context. Where it fails the connection is cut, so that nobody
// takes a part for the whole.
func Download(c *fiber.Ctx, log *slog.Logger, name string, write func(ctx context.Context, w *bufio.Writer) error) error {
	c.Set(fiber.HeaderContentType, fileTypes[path.Ext(name)])
	c.Set(fiber.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	connection := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		ctx, cancel := context.WithTimeout(context.Background(), longestDownload)
		defer cancel()
		out := bufio.NewWriter(&patient{w, connection})
		err := written(ctx, out, write)
		if err == nil {
			err = out.Flush()
		}
		if err == nil || errors.Is(err, errGone) {
			return
		}
		log.Error("a download failed", "error", err)
		_ = connection.Close() // what matters is that it ends
	})
	return nil
}

// written runs write. A panic beside the request would end the process.
func written(ctx context.Context, w *bufio.Writer, write func(context.Context, *bufio.Writer) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return write(ctx, w)
}

// patient waits for whoever reads slowly, as long as they read: the deadline of ordinary answers is for all of one.
type patient struct {
	w          *bufio.Writer
	connection net.Conn
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.connection.SetWriteDeadline(time.Time{}); err != nil {
		return 0, errGone
	}
	guard := time.AfterFunc(stalled, func() { _ = p.connection.Close() })
	defer guard.Stop()
	n, err := p.w.Write(b)
	if err == nil {
		err = p.w.Flush()
	}
	if err != nil {
		return n, errGone
	}
	return n, nil
}

var _ io.Writer = (*patient)(nil)

// CSVCell is a cell that no spreadsheet takes for a formula (security.md rule 14).
func CSVCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
