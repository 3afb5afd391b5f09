package store

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/jmoiron/sqlx/reflectx"
)

// A text is a statement as it is written, with :names: what is asked for the ten thousandth time is not read anew. There are
// as many as the code has: values never become part of one.
type text struct {
	query  string // with a ? for each name
	fields wanted
}

var texts sync.Map // *text by what is written

func textOf(written string) *text {
	if known, ok := texts.Load(written); ok {
		return known.(*text)
	}
	t, _ := texts.LoadOrStore(written, readText(written))
	return t.(*text)
}

// readText finds the names. What stands in quotes has none, and a type after :: is none.
func readText(written string) *text {
	t := &text{}
	var query strings.Builder
	for i := 0; i < len(written); {
		end := i + 1
		switch {
		case written[i] == '\'':
			if quoted := strings.IndexByte(written[end:], '\''); quoted >= 0 {
				end += quoted + 1
			}
		case strings.HasPrefix(written[i:], "::"):
			end++
		case written[i] == ':':
			for end < len(written) && nameByte(written[end]) {
				end++
			}
			if end > i+1 {
				t.fields.list = append(t.fields.list, written[i+1:end])
				query.WriteByte('?')
				i = end
				continue
			}
		}
		query.WriteString(written[i:end])
		i = end
	}
	t.query = query.String()
	return t
}

func nameByte(b byte) bool { return b == '_' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }

// bind is the statement with a ? for each of its :names, and what they stand for.
func (st statement) bind() (query string, args []any, err error) {
	t := textOf(st.sql)
	args, err = t.fields.of(st.args)
	return t.query, args, err
}

// fieldMapper finds the fields that sqlx finds.
var fieldMapper = reflectx.NewMapper("db")

// wanted are fields of a struct, or keys of a map, in the order in which they are wanted.
type wanted struct {
	list  []string
	paths sync.Map // where they are, by the struct's type
}

// of are the values of the names.
func (w *wanted) of(value any) ([]any, error) {
	args := make([]any, len(w.list))
	if m, ok := value.(map[string]any); ok {
		for i, name := range w.list {
			v, ok := m[name]
			if !ok {
				return nil, fmt.Errorf("store: no %s is given", name)
			}
			args[i] = v
		}
		return args, nil
	}
	v := reflect.ValueOf(value)
	known, ok := w.paths.Load(v.Type())
	if !ok {
		paths := fieldMapper.TraversalsByName(v.Type(), w.list)
		for i, path := range paths {
			if len(path) == 0 {
				return nil, fmt.Errorf("store: %s has no %s", v.Type(), w.list[i])
			}
		}
		known, _ = w.paths.LoadOrStore(v.Type(), paths)
	}
	for i, path := range known.([][]int) {
		args[i] = reflectx.FieldByIndexesReadOnly(v, path).Interface()
	}
	return args, nil
}
