package audit

import "time"

// AtMost is how long the events are kept that are kept longest: what administrators change, and what no class below names.
const AtMost = 365 * 24 * time.Hour

// Names of classes. They are part of what was sealed: none is ever given another meaning.
const (
	ClassRefusals = "refusals"
	ClassActivity = "activity"
	ClassChanges  = "changes"
)

// Classes are the kinds of events that are kept for less. Refusals are many and soon of no interest (security.md rule 14);
// what people and applications do all day is written down to answer questions about the last months.
var Classes = []Class{
	{ClassRefusals, 30 * 24 * time.Hour, []Action{
		SignInRefused, SudoRefused, AuthorizeRefused, TokenRefused, RevokeRefused, IntrospectRefused, UserinfoRefused, MeRefused, AccessDenied, RefusalsSuppressed,
	}},
	{ClassActivity, 90 * 24 * time.Hour, []Action{
		SignInSucceeded, SudoGranted, SessionEnded,
		CodeIssued, CodeRedeemed, CodeReplayed, TokenIssued, ImplicitIssued, PasswordTraded, TokenRefreshed, TokenRetried, RefreshReplayed, TokenRevoked,
	}},
}

// Class are actions whose events are kept equally long.
type Class struct {
	Name    string
	For     time.Duration
	Actions []Action
}

// ClassNames are the names of all classes, that of everything else last.
var ClassNames = []string{ClassRefusals, ClassActivity, ClassChanges}

// ClassOf names the class of an action.
func ClassOf(a Action) string {
	if name, short := classes[a]; short {
		return name
	}
	return ClassChanges
}

// KeptFor is how long events of a class are kept.
func KeptFor(class string) time.Duration {
	for _, c := range Classes {
		if c.Name == class {
			return c.For
		}
	}
	return AtMost
}

var classes = func() map[Action]string {
	all := map[Action]string{}
	for _, c := range Classes {
		for _, a := range c.Actions {
			all[a] = c.Name
		}
	}
	return all
}()
