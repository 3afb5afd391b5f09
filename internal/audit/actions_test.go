package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// Filters, exports and dashboards are keyed by these words: each is noun.verb and stands for one thing.
func TestActions_areDistinctNounsAndVerbs(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "actions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	nounVerb := regexp.MustCompile(`^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$`)
	seen := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Action" {
			return true
		}
		for i, name := range spec.Names {
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s is not written out", name.Name)
				continue
			}
			action, err := strconv.Unquote(literal.Value)
			if err != nil || !nounVerb.MatchString(action) {
				t.Errorf("%s is %s", name.Name, literal.Value)
			}
			if other, taken := seen[action]; taken {
				t.Errorf("%s and %s are both %s", name.Name, other, action)
			}
			seen[action] = name.Name
			if !Action(action).Known() {
				t.Errorf("%s has no words: add it to Meanings", name.Name)
			}
		}
		return true
	})
	if len(seen) != len(Meanings) {
		t.Errorf("%d actions, %d meanings", len(seen), len(Meanings))
	}
	inWords := map[string]Action{}
	for _, m := range Meanings {
		if other, taken := inWords[m.Words]; taken {
			t.Errorf("%s and %s are both %q", m.Action, other, m.Words)
		}
		inWords[m.Words] = m.Action
	}
	if len(seen) < 30 {
		t.Errorf("only %d actions were found", len(seen))
	}
}
