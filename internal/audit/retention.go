package audit

import "time"

const day = 24 * time.Hour

// The bounds of what a house may settle. Too short a memory of changes would be one that an intruder outlasts.
const (
	LeastRefusals = 7 * day
	LeastActivity = 30 * day
	LeastChanges  = 90 * day
	LongestKept   = 3650 * day
)

// Retention is how long the events of each class are kept. Nothing is kept for longer than changes are.
type Retention struct{ Refusals, Activity, Changes time.Duration }

// DefaultRetention is that of a house in which nobody has settled another (security.md rule 14).
func DefaultRetention() Retention {
	return Retention{Refusals: 30 * day, Activity: 90 * day, Changes: 365 * day}
}

// For is how long the events of a class are kept.
func (r Retention) For(class string) time.Duration {
	switch class {
	case ClassRefusals:
		return r.Refusals
	case ClassActivity:
		return r.Activity
	}
	return r.Changes
}

// Names of classes. They are part of what was sealed: none is ever given another meaning.
const (
	ClassRefusals = "refusals"
	ClassActivity = "activity"
	ClassChanges  = "changes"
)

// Classes are the kinds of events that may be kept for less than changes, which are all others. Refusals are many and soon of no interest (security.md rule 14);
// what people and applications do all day is written down to answer questions about the last months.
var Classes = []Class{
	{ClassRefusals, []Action{
		SignInRefused, SudoRefused, AuthorizeRefused, TokenRefused, RevokeRefused, IntrospectRefused, UserinfoRefused, MeRefused, AccessDenied, RefusalsSuppressed,
	}},
	{ClassActivity, []Action{
		SignInSucceeded, SudoGranted, SessionEnded,
		CodeIssued, CodeRedeemed, CodeReplayed, TokenIssued, ImplicitIssued, PasswordTraded, TokenRefreshed, TokenRetried, RefreshReplayed, TokenRevoked,
	}},
}

// Class are actions whose events are kept equally long.
type Class struct {
	Name    string
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

// ActionsOf are those of the vocabulary that are of a class.
func ActionsOf(class string) (actions []Action) {
	for _, m := range Meanings {
		if ClassOf(m.Action) == class {
			actions = append(actions, m.Action)
		}
	}
	return actions
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
