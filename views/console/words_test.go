package console

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sources are the files of a folder, tests left out, as one text.
func sources(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(source)
	}
	return all.String()
}

// Every rule that can refuse something is told in words, and no words are of a rule that is gone.
func TestRules_haveWords(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for _, folder := range []string{"internal/oauth", "internal/identity", "handlers/login", "handlers/account", "web"} {
		text.WriteString(sources(t, "../../"+folder))
	}
	rules := map[string]bool{}
	for _, pattern := range []string{
		`\b(?:cause|causeReceived|refuse|refused|invalid|unknown|gone|signIn)\("([a-z0-9_]+)"`, `Rule: "([a-z0-9_]+)"`,
		`\b(?:bearerRequest|refusal)\("[^"]*", (?:"[^"]*", )?"([a-z0-9_]+)"`,
	} {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text.String(), -1) {
			rules[found[1]] = true
		}
	}
	if len(rules) < 80 {
		t.Errorf("only %d rules were found", len(rules))
	}
	for rule := range rules {
		if ruleWords[rule] == "" {
			t.Errorf("%s has no words", rule)
		}
	}
	for rule := range ruleWords {
		if !strings.Contains(text.String(), `"`+rule+`"`) {
			t.Errorf("there is no rule %s", rule)
		}
	}
}
