package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
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

// A list is a table that is shown in the order of its search_key, or in parts that have an order each.
type list[T any] struct {
	what, table, columns string
	key                  func(*T) string
}

// A part of a list is in the order of a column, whose value key tells.
type part[T any] struct {
	f      filter
	column string
	key    func(*T) string
}

// page is the part of the list that fits the filter, after or before a cursor. previous and next are empty where the list ends.
func (l list[T]) page(ctx context.Context, s *Store, f filter, after, before string, limit int) (rows []T, previous, next string, total int64, err error) {
	count := "SELECT COUNT(*) FROM " + l.table + f.where()
	if err := s.get(ctx, l.what, &total, dollars(count), f.args...); err != nil {
		return nil, "", "", 0, err
	}
	rows, previous, next, err = l.partsPage(ctx, s, []part[T]{{f, "search_key", l.key}}, after, before, limit)
	return rows, previous, next, total, err
}

// partsPage is the page of a list whose parts follow one another; no row is in two of them. It reads on in the next part only
// where one ends.
func (l list[T]) partsPage(ctx context.Context, s *Store, parts []part[T], after, before string, limit int) (rows []T, previous, next string, err error) {
	after, before = readCursor(after), readCursor(before)
	backwards := after == "" && before != ""
	at, edge := 0, ""
	if after+before != "" {
		at, edge = parted(cmp.Or(after, before), len(parts))
	}
	limit = limited(limit)
	var cursors []string // of each row
	for ; at >= 0 && at < len(parts) && len(rows) <= limit; edge = "" {
		p := parts[at]
		found, err := l.beyond(ctx, s, p, edge, backwards, limit+1-len(rows))
		if err != nil {
			return nil, "", "", err
		}
		for i := range found {
			key := p.key(&found[i])
			if len(parts) > 1 {
				key = strconv.Itoa(at) + separator + key
			}
			rows, cursors = append(rows, found[i]), append(cursors, cursor(key))
		}
		if at++; backwards {
			at -= 2
		}
	}
	more := len(rows) > limit
	n := min(len(rows), limit)
	rows, cursors = rows[:n], cursors[:n]
	if n == 0 {
		return nil, "", "", nil
	}
	if backwards {
		slices.Reverse(rows)
		slices.Reverse(cursors)
	}
	if more && backwards || after != "" {
		previous = cursors[0]
	}
	if more && !backwards || backwards {
		next = cursors[n-1]
	}
	return rows, previous, next, nil
}

// beyond are at most n rows of a part, from its edge on or, without one, from its end.
func (l list[T]) beyond(ctx context.Context, s *Store, p part[T], edge string, backwards bool, n int) (rows []T, err error) {
	f := p.f.and(filter{})
	order, side := "ASC", " > ?"
	if backwards {
		order, side = "DESC", " < ?"
	}
	if edge != "" {
		f.add(p.column+side, edge)
	}
	query := "SELECT " + l.columns + " FROM " + l.table + f.where() + " ORDER BY " + p.column + " " + order + " LIMIT ?"
	err = s.all(ctx, l.what, &rows, dollars(query), append(f.args, n)...)
	return rows, err
}

// parted reads a cursor of a list of several parts: which part, and the edge in it. What is none shows the first page.
func parted(key string, parts int) (at int, edge string) {
	if parts == 1 {
		return 0, key
	}
	number, edge, _ := strings.Cut(key, separator)
	at, err := strconv.Atoi(number)
	if err != nil || at < 0 || at >= parts {
		return 0, ""
	}
	return at, edge
}
