package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// A part of a list is in the order of a column, whose value key tells.
type part[T any] struct {
	f      filter
	column string
	key    func(*T) string
}

// partsPage is the page of a list whose parts follow one another; no row is in two of them. It reads on in the next part only
// where one ends.
func (l list[T]) partsPage(ctx context.Context, s *Store, parts []part[T], after, before string, limit int) (rows []T, previous, next string, err error) {
	after, before = readCursor(after, isSearchKey), readCursor(before, isSearchKey)
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
