package identity

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// Bounds of a file of people.
const (
	maxImportLine  = 64 << 10  // bytes of a line, whatever it spans
	MaxImportLines = 2_000_000 // lines
)

// ImportReader reads a file of people line by line, as CSV (RFC 4180): never more than a line of it is in memory.
type ImportReader struct {
	csv        *csv.Reader
	budget     *budget
	attributes Attributes
	columns    []string
	lines      int64
}

// budget ends a file at a line that is too long to be one: a quote that is never closed would take all that follows.
type budget struct {
	from io.Reader
	left int64
}

var errLongLine = errors.New("a line is too long")

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongLine
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// NewImportReader reads the first line, which names the columns, in a house with these attributes. A fault.Fields, of the field
// "file", is for whoever sent it.
func NewImportReader(from io.Reader, attributes Attributes) (*ImportReader, error) {
	b := &budget{from, maxImportLine + 4096}
	text := bufio.NewReader(b)
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" { // as spreadsheets write it
		_, _ = text.Discard(3)
	}
	r := &ImportReader{csv: csv.NewReader(text), budget: b, attributes: attributes}
	if first, _ := text.Peek(512); strings.Contains(lineOf(first), ";") && !strings.Contains(lineOf(first), ",") { // spreadsheets of half the world
		r.csv.Comma = ';'
	}
	r.csv.FieldsPerRecord, r.csv.ReuseRecord = -1, true
	fields, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.Fields{"file": "The file is empty."}
	}
	if err != nil {
		return nil, unreadable(err)
	}
	for _, f := range fields {
		if !utf8.ValidString(f) {
			return nil, fault.Fields{"file": "The file is not UTF-8: save it as “CSV UTF-8”."}
		}
	}
	columns, why := ImportHeader(fields, attributes)
	if why != "" {
		return nil, fault.Fields{"file": why}
	}
	r.columns = columns
	return r, nil
}

func lineOf(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// Next reads a line: its number in the file, its values, and what is wrong with them by column. io.EOF ends the file; a fault.Fields
// says that what follows cannot be read.
func (r *ImportReader) Next() (line int64, values Imported, wrong fault.Fields, err error) {
	r.budget.left = maxImportLine + 4096 // and what the readers have taken ahead
	fields, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return 0, nil, nil, io.EOF
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok && !errors.Is(err, csv.ErrFieldCount) && !errors.Is(bad.Err, errLongLine) {
		return int64(bad.StartLine), Imported{}, fault.Fields{"": "The quotes of the line do not match."}, nil
	}
	if err != nil {
		return 0, nil, nil, unreadable(err)
	}
	if r.lines++; r.lines > MaxImportLines {
		return 0, nil, nil, fault.Fields{"file": fmt.Sprintf("The file has more than %d lines: divide it.", MaxImportLines)}
	}
	at, _ := r.csv.FieldPos(0)
	for _, f := range fields {
		if !utf8.ValidString(f) || strings.ContainsRune(f, 0) {
			return int64(at), Imported{}, fault.Fields{"": "The line is not UTF-8 text."}, nil
		}
	}
	values, wrong = ReadImported(r.columns, fields, r.attributes)
	return int64(at), values, wrong, nil
}

func unreadable(err error) error {
	if errors.Is(err, errLongLine) {
		return fault.Fields{"file": "A line is longer than 64 KiB: perhaps a quote is never closed."}
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return fault.Fields{"file": fmt.Sprintf("The quotes of line %d do not match.", bad.Line)}
	}
	return err
}

// Formats of files of people.
const (
	FormatCSV   = "csv"
	FormatJSONL = "jsonl"
)

// ExportWriter writes a file of people, one at a time.
type ExportWriter struct {
	csv        *csv.Writer
	json       *json.Encoder
	attributes Attributes
	columns    []string
}

// NewExportWriter begins a file of this format, in a house with these attributes.
func NewExportWriter(to io.Writer, format string, attributes Attributes) (*ExportWriter, error) {
	w := &ExportWriter{attributes: attributes, columns: attributes.ExportColumns()}
	if format == FormatJSONL {
		w.json = json.NewEncoder(to)
		return w, nil
	}
	w.csv = csv.NewWriter(to)
	return w, w.csv.Write(w.columns)
}

// Write adds a person and the names of their groups.
func (w *ExportWriter) Write(u *User, groups []string) error {
	record := ImportRecord(u, groups, w.attributes)
	if w.json != nil {
		line := map[string]any{"id": u.ID}
		for _, column := range w.columns {
			key, own := strings.CutPrefix(column, "attr:")
			switch value := record[column]; {
			case own && u.Attributes[key] != nil:
				line[column] = u.Attributes[key]
			case column == "groups":
				line[column] = append([]string{}, groups...)
			case value == "true" || value == "false":
				line[column] = value == "true"
			case value != "":
				line[column] = value
			}
		}
		return w.json.Encode(line)
	}
	fields := make([]string, len(w.columns))
	for i, column := range w.columns {
		fields[i] = audit.Cell(record[column])
	}
	return w.csv.Write(fields)
}

// Flush writes what is still held back.
func (w *ExportWriter) Flush() error {
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}

// fromCell is what audit.Cell was given.
func fromCell(text string) string {
	if rest, quoted := strings.CutPrefix(text, "'"); quoted && audit.Cell(rest) != rest {
		return rest
	}
	return text
}
