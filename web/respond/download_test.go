package respond

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// fetch asks for the file, and tells whether it came whole.
func (s *street) fetch(t *testing.T, method string) (status int, header http.Header, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/file", nil)
	if err != nil {
		return 0, nil, "", err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(b), err
}

func TestDownload_isWholeOrBreaksOff(t *testing.T) {
	t.Parallel()
	produce := func(context.Context, io.Writer) error { return nil }
	s := open(t, 1, nil)
	s.app.Get("/file", func(c *fiber.Ctx) error {
		return s.streams.Download(c, "somebody", "file.csv", "text/csv", func(ctx context.Context, w io.Writer) error { return produce(ctx, w) })
	})
	lines := func(n int) func(context.Context, io.Writer) error {
		return func(_ context.Context, w io.Writer) error {
			for i := range n {
				if _, err := fmt.Fprintf(w, "line %d\n", i); err != nil {
					return err
				}
			}
			return nil
		}
	}
	produce = lines(100_000)
	status, header, body, err := s.fetch(t, http.MethodGet)
	if status != http.StatusOK || err != nil || strings.Count(body, "\n") != 100_000 || header.Get("Content-Disposition") != `attachment; filename="file.csv"` || header.Get("Content-Type") != "text/csv" {
		t.Errorf("whole: %d, %v, %d lines, %v", status, err, strings.Count(body, "\n"), header)
	}
	for name, fails := range map[string]func() error{"fails": func() error { return errors.New("the database is away") }, "panics": func() error { panic("mistake") }} {
		produce = func(ctx context.Context, w io.Writer) error { return errors.Join(lines(10_000)(ctx, w), fails()) }
		if _, _, body, err := s.fetch(t, http.MethodGet); err == nil {
			t.Errorf("%s: taken for whole after %d bytes", name, len(body))
		}
		s.until(t, "the place is free", func() bool { return s.streams.Open() == 0 })
	}
	if !strings.Contains(s.log.String(), "the database is away") || !strings.Contains(s.log.String(), "mistake") {
		t.Errorf("the log says %s", s.log.String())
	}
	produce = func(context.Context, io.Writer) error { t.Error("HEAD writes a file"); return nil }
	if status, _, body, err := s.fetch(t, http.MethodHead); status != http.StatusOK || body != "" || err != nil {
		t.Errorf("HEAD: %d %q %v", status, body, err)
	}

	begun, goOn := make(chan struct{}), make(chan struct{})
	produce = func(context.Context, io.Writer) error { close(begun); <-goOn; return nil }
	done := make(chan error)
	go func() { _, _, _, err := s.fetch(t, http.MethodGet); done <- err }()
	<-begun
	if status, header, _, _ := s.fetch(t, http.MethodGet); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || header.Get("Content-Disposition") != "" {
		t.Errorf("a second: %d %v", status, header)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}

	begun = make(chan struct{})
	produce = func(ctx context.Context, w io.Writer) error { close(begun); <-ctx.Done(); return ctx.Err() }
	go func() { _, _, _, err := s.fetch(t, http.MethodGet); done <- err }()
	<-begun
	s.streams.Close() // the server stops
	if err := <-done; err == nil {
		t.Error("a server that stops has sent a whole file")
	}
}
