package audit

import (
	"slices"
	"strings"
	"testing"
)

// An action is of one class at most, and a refusal of that of the refusals.
func TestClasses_areApart(t *testing.T) {
	t.Parallel()
	var seen []Action
	for _, class := range Classes {
		if class.For <= 0 || class.For >= AtMost {
			t.Errorf("kept for %s", class.For)
		}
		for _, action := range class.Actions {
			if slices.Contains(seen, action) {
				t.Errorf("%s is of two classes", action)
			}
			if refusal := strings.HasSuffix(string(action), ".refused") || strings.HasSuffix(string(action), ".denied") || strings.HasSuffix(string(action), ".suppressed"); refusal != (class.For == Classes[0].For) {
				t.Errorf("%s is kept for %s", action, class.For)
			}
			seen = append(seen, action)
		}
	}
}
