package storetest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatehouse/store"
)

// Beside sees all that a database holds, from beside its store, and puts it back.
type Beside struct {
	db     *sql.DB
	read   *sql.Stmt   // all rows, each as its table and JSON
	remove []*sql.Stmt // all rows
	add    []*sql.Stmt // those of a JSON object that holds a list for each table
}

// Contents are the rows of a database, each as its table and JSON.
type Contents []string

// NewBeside looks at the database that the options name.
func NewBeside(t testing.TB, o store.Options) *Beside {
	t.Helper()
	b := &Beside{db: DB(t, o)}
	b.db.SetMaxOpenConns(1)
	catalog, write := `SELECT m.name, group_concat(c.name, ', ') FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' GROUP BY m.name`, writeSQLite
	if o.Driver == string(store.PostgreSQL) {
		catalog, write = `SELECT table_name, string_agg(column_name, ', ') FROM information_schema.columns
			WHERE table_schema = 'public' GROUP BY table_name`, writePostgres
	}
	tables := map[string]string{} // and their columns
	rows(t, b.prepare(t, catalog), func(name, columns string) { tables[name] = columns })
	delete(tables, "goose_db_version")
	delete(tables, "sqlite_sequence")
	if len(tables) == 0 {
		t.Fatal("the database has no tables")
	}
	read, remove, add := write(tables)
	b.read = b.prepare(t, strings.Join(read, " UNION ALL "))
	for _, statement := range remove {
		b.remove = append(b.remove, b.prepare(t, statement))
	}
	for _, statement := range add {
		b.add = append(b.add, b.prepare(t, statement))
	}
	return b
}

func (b *Beside) prepare(t testing.TB, statement string) *sql.Stmt {
	t.Helper()
	s, err := b.db.PrepareContext(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return s
}

// writeSQLite writes the statements for SQLite, which checks no foreign keys on this connection.
func writeSQLite(tables map[string]string) (read, remove, add []string) {
	for name, columns := range tables {
		var object, values []string
		for column := range strings.SplitSeq(columns, ", ") {
			object, values = append(object, "'"+column+"', "+column), append(values, "value->>'"+column+"'")
		}
		read = append(read, fmt.Sprintf("SELECT '%s', json_object(%s) FROM %[1]s", name, strings.Join(object, ", ")))
		remove = append(remove, "DELETE FROM "+name)
		add = append(add, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM json_each($1, '$.%[1]s')", name, columns, strings.Join(values, ", ")))
	}
	return read, remove, add
}

// writePostgres puts what changes all tables into one statement each: PostgreSQL checks foreign keys when it ends.
func writePostgres(tables map[string]string) (read, remove, add []string) {
	var gone, back []string
	for name, columns := range tables {
		read = append(read, fmt.Sprintf("SELECT '%s', to_jsonb(r)::text FROM %[1]s r", name))
		gone = append(gone, fmt.Sprintf("%s_gone AS (DELETE FROM %[1]s)", name))
		back = append(back, fmt.Sprintf("%s_back AS (INSERT INTO %[1]s (%s) SELECT %[2]s FROM jsonb_populate_recordset(NULL::%[1]s, $1::jsonb->'%[1]s'))", name, columns))
	}
	all := func(parts []string) []string { return []string{"WITH " + strings.Join(parts, ", ") + " SELECT 1"} }
	return read, all(gone), all(back)
}

func rows(t testing.TB, query *sql.Stmt, row func(first, second string)) {
	t.Helper()
	rows, err := query.QueryContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var first, second string
		if err := rows.Scan(&first, &second); err != nil {
			t.Fatal(err)
		}
		row(first, second)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// Contents reads everything.
func (b *Beside) Contents(t testing.TB) Contents {
	t.Helper()
	var c Contents
	rows(t, b.read, func(table, row string) { c = append(c, table+" "+row) })
	slices.Sort(c)
	return c
}

// Restore puts back what was read.
func (b *Beside) Restore(t testing.TB, c Contents) {
	t.Helper()
	tables := map[string][]json.RawMessage{}
	for _, line := range c {
		table, row, _ := strings.Cut(line, " ")
		tables[table] = append(tables[table], json.RawMessage(row))
	}
	all, err := json.Marshal(tables)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := b.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	run := func(statements []*sql.Stmt, args ...any) {
		t.Helper()
		for _, s := range statements {
			s := tx.StmtContext(t.Context(), s) //nolint:sqlclosecheck // the transaction closes it
			if _, err := s.ExecContext(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(b.remove)
	run(b.add, string(all))
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// random finds what is different each time something is made: ids, hashes, what is sealed, the end of a secret. It finds the
// names of columns too, so that they are not taken for that.
var random = regexp.MustCompile(`"hint":"[^"]*"|"[a-z0-9_]+":|[A-Za-z0-9_+/=-]{20,}|…[A-Za-z0-9_-]{4}`)

func withoutRandom(row string) string {
	return random.ReplaceAllStringFunc(row, func(found string) string {
		if strings.HasSuffix(found, `":`) {
			return found
		}
		return "*"
	})
}

// Changes tells what is different later: each row that is gone (-) or new (+), with * for whatever is random, so that two runs
// of the same act tell the same. Tables and columns that except names ("table" or "table.column") may be as they like.
func (c Contents) Changes(later Contents, except ...string) []string {
	counts := map[string]int{}
	for _, line := range later {
		counts[line]++
	}
	for _, line := range c {
		counts[line]--
	}
	left := map[string]int{}
	for line, n := range counts {
		if n != 0 {
			if row := without(line, except); row != "" {
				left[row] += n
			}
		}
	}
	var changes []string
	for row, n := range left {
		sign := "+ "
		if n < 0 {
			sign, n = "- ", -n
		}
		for range n {
			changes = append(changes, sign+withoutRandom(row))
		}
	}
	slices.Sort(changes)
	return changes
}

// without leaves columns out of a row, and says nothing of a table that is left out.
func without(line string, except []string) string {
	table, text, _ := strings.Cut(line, " ")
	if slices.Contains(except, table) {
		return ""
	}
	var row map[string]any
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		panic(err) // the database wrote it
	}
	for _, name := range except {
		if column, ok := strings.CutPrefix(name, table+"."); ok {
			delete(row, column)
		}
	}
	b, err := json.Marshal(row)
	if err != nil {
		panic(err) // it was read just now
	}
	return table + " " + string(b)
}
