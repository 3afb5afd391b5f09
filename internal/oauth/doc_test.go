package oauth

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each line of doc.go's index names a section, a function that exists and tests that exist, here or in the rooms above.
func TestDoc_indexIsTrue(t *testing.T) {
	t.Parallel()
	functions := map[string]bool{}
	for _, file := range source(t) {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				functions[f.Name.Name] = true
			}
		}
	}
	tests := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, room := range []string{"internal", "store", "web", "handlers", "views", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return nil //nolint:nilerr // a room that is not built yet has no tests
			}
			text, err := os.ReadFile(path)
			for _, found := range name.FindAllStringSubmatch(string(text), -1) {
				tests[found[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^//\t(\S.*\S) {2,}(\w+) {2,}(\S.*)$`)
	section := regexp.MustCompile(`^((RFC \d+|OIDC Core|OAuth MRT)( §[\d.]+| Appendix [A-Z]|,)*)(, RFC \d+( §[\d.]+)?)*$|^security\.md rule \d+$`)
	lines := line.FindAllStringSubmatch(string(doc), -1)
	if n := strings.Count(string(doc), "\n//\t"); n != len(lines) || n < 50 {
		t.Errorf("%d of %d lines can be read", len(lines), n)
	}
	for _, l := range lines {
		if !section.MatchString(l[1]) {
			t.Errorf("%q is no section", l[1])
		}
		if !functions[l[2]] {
			t.Errorf("there is no function %s", l[2])
		}
		for proof := range strings.FieldsSeq(l[3]) {
			if proof != "(web)" && !tests[proof] {
				t.Errorf("there is no %s", proof)
			}
		}
	}
}
