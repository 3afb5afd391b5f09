package store

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"
)

// separator stands between the name and the id in a search key. It sorts below every printable character, so that a name
// comes before its extensions, and unlike NUL PostgreSQL takes it.
const separator = "\x1f"

// fold makes names that people take for the same the same. Both databases are given folded text and compare its bytes: their
// own ideas of case differ.
func fold(s string) string { return strings.ToLower(s) }

// searchKey orders a list by name; the id makes it unique.
func searchKey(name, id string) string { return fold(name) + separator + id }

// searchText is what a search looks into.
func searchText(parts ...string) string { return fold(strings.Join(parts, "\n")) }

// likeEscaper takes the wildcards from a pattern; the statement says ESCAPE '\'.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// maxQuery is as much of a search as anybody means.
const maxQuery = 256

// contains is the LIKE pattern for text that holds the query.
func contains(query string) string { return "%" + likeEscaper.Replace(sought(query)) + "%" }

// sought is a query as it is compared.
func sought(query string) string {
	query = fold(strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(query, ""), "\x00", "")))
	if runes := []rune(query); len(runes) > maxQuery {
		query = string(runes[:maxQuery])
	}
	return query
}

// begins is the condition that a folded column begins with the text: a range, which an index finds.
func begins(column, text string) (condition string, args []any) {
	return "(" + column + " >= ? AND " + column + " < ?)", []any{text, text + string(utf8.MaxRune)}
}

// filter collects conditions; each ? is an argument.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) add(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

// addIf adds column = value unless the value is empty, which means any.
func (f *filter) addIf(column, value string) {
	if value != "" {
		f.add(column+" = ?", value)
	}
}

// and is a filter that both fit.
func (f filter) and(other filter) filter {
	return filter{slices.Concat(f.conditions, other.conditions), slices.Concat(f.args, other.args)}
}

func (f *filter) where() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conditions, " AND ")
}

// Lists are cut to something a page can show.
const (
	defaultLimit = 50
	maxLimit     = 500
)

func limited(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, maxLimit)
}

// A cursor is the search key of a row at the edge of a page. People find it in URLs, so it may be anything; what is no
// cursor is none, and shows the first page.
func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func readCursor(text string) string {
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(key) || !strings.Contains(string(key), separator) || strings.Contains(string(key), "\x00") {
		return ""
	}
	return string(key)
}

// A list is a table that is shown in the order of its search_key.
type list[T any] struct {
	what, table, columns string
	key                  func(*T) string
}

// page is the part of the list that fits the filter, after or before a cursor. previous and next are empty where the list ends.
func (l list[T]) page(ctx context.Context, s *Store, f filter, after, before string, limit int) (rows []T, previous, next string, total int64, err error) {
	count := "SELECT COUNT(*) FROM " + l.table + f.where()
	if err := s.get(ctx, l.what, &total, dollars(count), f.args...); err != nil {
		return nil, "", "", 0, err
	}
	order := "ASC"
	after, before = readCursor(after), readCursor(before)
	backwards := after == "" && before != ""
	switch {
	case backwards:
		f.add("search_key < ?", before)
		order = "DESC"
	case after != "":
		f.add("search_key > ?", after)
	}
	limit = limited(limit)
	query := "SELECT " + l.columns + " FROM " + l.table + f.where() + " ORDER BY search_key " + order + " LIMIT ?"
	if err := s.all(ctx, l.what, &rows, dollars(query), append(f.args, limit+1)...); err != nil {
		return nil, "", "", 0, err
	}
	more := len(rows) > limit
	rows = rows[:min(len(rows), limit)]
	if len(rows) == 0 {
		return nil, "", "", total, nil
	}
	if backwards {
		slices.Reverse(rows)
	}
	if more && backwards || after != "" {
		previous = cursor(l.key(&rows[0]))
	}
	if more && !backwards || backwards {
		next = cursor(l.key(&rows[len(rows)-1]))
	}
	return rows, previous, next, total, nil
}
