package store

import (
	"slices"
	"testing"
)

func TestReadText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		written, query string
		names          []string
	}{
		{"SELECT 1", "SELECT 1", nil},
		{"UPDATE t SET a = :a WHERE id = :id AND a <> :a", "UPDATE t SET a = ? WHERE id = ? AND a <> ?", []string{"a", "id", "a"}},
		{"(:a,:b2)", "(?,?)", []string{"a", "b2"}},
		{"SELECT ':no', 'it''s :no' || :yes", "SELECT ':no', 'it''s :no' || ?", []string{"yes"}},
		{"SELECT :a::text, b::int", "SELECT ?::text, b::int", []string{"a"}},
		{"SELECT ': '", "SELECT ': '", nil},
		{"a : b :", "a : b :", nil},
		{"an open 'quote :no", "an open 'quote ?", []string{"no"}},
	} {
		if got := readText(c.written); got.query != c.query || !slices.Equal(got.fields.list, c.names) {
			t.Errorf("%s: %s %q", c.written, got.query, got.fields.list)
		}
	}
}

func TestStatement_bindsFieldsAndKeys(t *testing.T) {
	t.Parallel()
	type inner struct {
		ID string `db:"id"`
	}
	type outer struct {
		inner
		N *int `db:"n"`
	}
	seven := 7
	for range 2 { // the second time from what is remembered
		_, args, err := statement{"SELECT :n, :id", outer{inner{"x"}, &seven}}.bind()
		if err != nil || args[0] != &seven || args[1] != "x" {
			t.Errorf("%v %v", args, err)
		}
		_, args, err = statement{"SELECT :n, :id", map[string]any{"n": 1, "id": nil}}.bind()
		if err != nil || args[0] != 1 || args[1] != nil {
			t.Errorf("%v %v", args, err)
		}
	}
	for _, args := range []any{outer{}, map[string]any{"id": 1}} {
		if _, _, err := (statement{"SELECT :id, :missing", args}).bind(); err == nil {
			t.Errorf("%v has no such thing, and nobody is told", args)
		}
	}
}
