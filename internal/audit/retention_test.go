package audit

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// An action is of one class at most, and a refusal of that of the refusals.
func TestClasses_areApart(t *testing.T) {
	t.Parallel()
	var seen []Action
	for _, class := range Classes {
		for _, action := range class.Actions {
			if slices.Contains(seen, action) {
				t.Errorf("%s is of two classes", action)
			}
			if refusal := strings.HasSuffix(string(action), ".refused") || strings.HasSuffix(string(action), ".denied") || strings.HasSuffix(string(action), ".suppressed"); refusal != (class.Name == ClassRefusals) {
				t.Errorf("%s is of %s", action, class.Name)
			}
			seen = append(seen, action)
		}
	}
}

// What nobody has settled is within what may be, and every action of the vocabulary is of one class.
func TestRetention(t *testing.T) {
	t.Parallel()
	keep, actions := DefaultRetention(), 0
	for class, least := range map[string]time.Duration{ClassRefusals: LeastRefusals, ClassActivity: LeastActivity, ClassChanges: LeastChanges} {
		if is := keep.For(class); is < least || is > keep.Changes || keep.Changes > LongestKept {
			t.Errorf("%s are kept for %s", class, is)
		}
		actions += len(ActionsOf(class))
	}
	if actions != len(Meanings) || !slices.Contains(ActionsOf(ClassChanges), SettingsChanged) || slices.Contains(ActionsOf(ClassChanges), TokenRefreshed) {
		t.Errorf("%d actions of %d have a class", actions, len(Meanings))
	}
}
