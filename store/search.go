package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
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

// addIn adds that column is one of the values, unless there are none, which means any.
func (f *filter) addIn(column string, values []string) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	f.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
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

// CountLimit is how far lists are counted that may be very long: a total beyond it means that there are more.
const CountLimit = 1000

// A cursor is the key of a row at the edge of a page. People find it in URLs, so it may be anything; what is no cursor is none,
// and shows the first page.
func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func readCursor(text string, valid func(key string) bool) string {
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(key) || strings.Contains(string(key), "\x00") || !valid(string(key)) {
		return ""
	}
	return string(key)
}

func isSearchKey(key string) bool { return strings.Contains(key, separator) }

func isID(key string) bool { return len(key) == 36 && uuid.Validate(key) == nil }

// A list is a table that is shown in the order of its search_key or, newest, from its newest id on (UUIDv7).
type list[T any] struct {
	what, table, columns string
	key                  func(*T) string
	newest               bool
	by                   string // the column that has the id of a newest list, where it is another than id
	reversed             bool   // the order backwards
	// timed is a time that orders the list where it is given, and at reads it; those of the same time are in the order of their
	// search_key, whichever way the time goes.
	timed string
	at    func(*T) time.Time
	long  bool // counted up to CountLimit, as those of the newest are
}

// page is the part of the list that fits the filter, after or before a cursor. previous and next are empty where the list ends.
func (l list[T]) page(ctx context.Context, s *Store, f filter, after, before string, limit int) (rows []T, previous, next string, total int64, err error) {
	if total, err = l.count(ctx, s, f); err != nil || total == 0 {
		return nil, "", "", 0, err
	}
	after, before = readCursor(after, l.isEdge), readCursor(before, l.isEdge)
	edge, backwards := after, after == "" && before != ""
	if backwards {
		edge = before
	}
	order, beyond, args := l.from(edge, backwards)
	if edge != "" {
		f.add(beyond, args...)
	}
	limit = limited(limit)
	query := "SELECT " + l.columns + " FROM " + l.table + f.where() + " ORDER BY " + order + " LIMIT ?"
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
		previous = cursor(l.edge(&rows[0]))
	}
	if more && !backwards || backwards {
		next = cursor(l.edge(&rows[len(rows)-1]))
	}
	return rows, previous, next, total, nil
}

// edge is the place of a row in the list.
func (l list[T]) edge(row *T) string {
	if l.timed == "" {
		return l.key(row)
	}
	return stamp(l.at(row)).Format(time.RFC3339Nano) + separator + l.key(row)
}

func (l list[T]) isEdge(edge string) bool {
	switch {
	case l.newest:
		return isID(edge)
	case l.timed == "":
		return isSearchKey(edge)
	}
	at, key, _ := strings.Cut(edge, separator)
	_, err := time.Parse(time.RFC3339Nano, at)
	return err == nil && isSearchKey(key)
}

// A way is a direction in which a column is read: its order, and which values come after another, without and with that one.
type way struct{ order, beyond, from string }

var (
	up   = way{" ASC", " > ?", " >= ?"}
	down = way{" DESC", " < ?", " <= ?"}
)

func wayOf(downwards bool) way {
	if downwards {
		return down
	}
	return up
}

// from is the order in which the list is read, and the condition that a row comes after an edge in it.
func (l list[T]) from(edge string, backwards bool) (order, beyond string, args []any) {
	if l.timed == "" {
		column, w := "search_key", wayOf(l.reversed != backwards)
		if l.newest {
			column, w = cmp.Or(l.by, "id"), wayOf(!backwards)
		}
		return column + w.order, column + w.beyond, []any{edge}
	}
	byTime, byKey := wayOf(l.reversed != backwards), wayOf(backwards)
	at, key, _ := strings.Cut(edge, separator)
	t, _ := time.Parse(time.RFC3339Nano, at) // isEdge has seen it, unless there is none
	// The first half is a range of an index; with the second alone SQLite would look for either part by itself, and sort.
	return l.timed + byTime.order + ", search_key" + byKey.order,
		l.timed + byTime.from + " AND (" + l.timed + byTime.beyond + " OR search_key" + byKey.beyond + ")", []any{t, t, key}
}

// count is how many rows fit the filter: of a long list, up to CountLimit and one.
func (l list[T]) count(ctx context.Context, s *Store, f filter) (total int64, err error) {
	if l.newest || l.long {
		query := "SELECT COUNT(*) FROM (SELECT 1 FROM " + l.table + f.where() + " LIMIT ?) AS counted"
		err = s.get(ctx, l.what, &total, dollars(query), append(slices.Clone(f.args), CountLimit+1)...)
	} else {
		err = s.get(ctx, l.what, &total, dollars("SELECT COUNT(*) FROM "+l.table+f.where()), f.args...)
	}
	return total, err
}
