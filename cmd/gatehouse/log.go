package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logFlushAfter is how long a line may wait to be written.
	logFlushAfter = 200 * time.Millisecond
	// logBuffered is how many bytes may.
	logBuffered = 64 << 10
)

// A logWriter gathers lines, so that a busy server does not ask the system to write each one by itself. None waits longer than
// logFlushAfter.
type logWriter struct {
	to io.Writer

	mu      sync.Mutex
	buffer  *bufio.Writer
	waiting bool // a flush is on its way
}

func newLogWriter(to io.Writer) *logWriter {
	return &logWriter{to: to, buffer: bufio.NewWriterSize(to, logBuffered)}
}

// Write takes one line.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(line) > w.buffer.Available() { // whole lines: another process may write to the same place
		w.flush()
	}
	n, err := w.buffer.Write(line)
	if err != nil {
		w.buffer.Reset(w.to)
		return n, err
	}
	if !w.waiting {
		w.waiting = true
		time.AfterFunc(logFlushAfter, w.Flush)
	}
	return n, nil
}

// Flush writes what waits.
func (w *logWriter) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	w.flush()
}

// flush forgets what cannot be written: where the log goes there may be room again later.
func (w *logWriter) flush() {
	if w.buffer.Flush() != nil {
		w.buffer.Reset(w.to)
	}
}

// newLog logs JSON lines through the writer. Warnings and what is worse are written at once: after them there may be nothing more.
func newLog(w *logWriter, level slog.Level) *slog.Logger {
	return slog.New(flushing{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}), w})
}

type flushing struct {
	slog.Handler
	writer *logWriter
}

// Handle writes a record.
func (h flushing) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.writer.Flush()
	}
	return err
}

// WithAttrs is a handler whose records have the attributes too.
func (h flushing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return flushing{h.Handler.WithAttrs(attrs), h.writer}
}

// WithGroup is a handler whose records have their attributes in a group.
func (h flushing) WithGroup(name string) slog.Handler {
	return flushing{h.Handler.WithGroup(name), h.writer}
}
