package respond

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// A fetched file, as far as it came, and what the log says of it.
type fetched struct {
	header    http.Header
	body, log string
	err       error
}

// fetch downloads what write writes, over a real connection.
func fetch(t *testing.T, write func(ctx context.Context, w *bufio.Writer) error) fetched {
	t.Helper()
	kept := &lockedLog{}
	logger := slog.New(slog.NewTextHandler(kept, nil))
	app := fiber.New(fiber.Config{DisableStartupMessage: true, WriteTimeout: 100 * time.Millisecond, Immutable: true})
	app.Get("/", func(c *fiber.Ctx) error { return Download(c, logger, "a file.csv", write) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go app.Listener(listener) //nolint:errcheck // ends with the test
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if shut := app.ShutdownWithTimeout(soon); shut != nil { // and so the log is written
		t.Fatal(shut)
	}
	return fetched{response.Header, string(read), kept.String(), err}
}

func TestDownload_isWhole(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 99) + "\n"
	const lines = 50_000 // more than fits on the way
	f := fetch(t, func(_ context.Context, w *bufio.Writer) error {
		for range lines {
			if _, err := w.WriteString(line); err != nil {
				return err
			}
		}
		return nil
	})
	if f.err != nil || len(f.body) != lines*len(line) || f.log != "" {
		t.Errorf("%d bytes, %v, %s", len(f.body), f.err, f.log)
	}
	if f.header.Get("Content-Type") != "text/csv; charset=utf-8" || f.header.Get("Content-Disposition") != `attachment; filename="a file.csv"` {
		t.Errorf("%v", f.header)
	}
}

// What was cut off is seen to be: nobody takes a part for the whole (RFC 9112 §8).
func TestDownload_thatFailsIsCutOff(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("the database went away") },
		"a panic":  func() error { panic("the database went away") },
	} {
		f := fetch(t, func(_ context.Context, w *bufio.Writer) error {
			if _, err := w.WriteString(strings.Repeat("x", 100_000)); err != nil {
				return err
			}
			return fail()
		})
		if f.err == nil || !strings.Contains(f.log, "the database went away") {
			t.Errorf("%s: %d bytes arrived as if that were all; the log says %q", name, len(f.body), f.log)
		}
	}
}

// security.md rule 14
func TestCSVCell_isNoFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Acme": "Acme", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "é": "é",
	} {
		if got := CSVCell(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}
