package audit

import "time"

// AtMost is how long the events are kept that are kept longest: what administrators change, and what no class below names.
const AtMost = 365 * 24 * time.Hour

// Classes are the kinds of events that are kept for less. Refusals are many and soon of no interest (security.md rule 14);
// what people and applications do all day is written down to answer questions about the last months.
var Classes = []Class{
	{30 * 24 * time.Hour, []Action{
		SignInRefused, SudoRefused, AuthorizeRefused, TokenRefused, RevokeRefused, IntrospectRefused, UserinfoRefused, MeRefused, AccessDenied, RefusalsSuppressed,
	}},
	{90 * 24 * time.Hour, []Action{
		SignInSucceeded, SudoGranted, SessionEnded,
		CodeIssued, CodeRedeemed, CodeReplayed, TokenIssued, ImplicitIssued, PasswordTraded, TokenRefreshed, TokenRetried, RefreshReplayed, TokenRevoked,
	}},
}

// Class are actions whose events are kept equally long.
type Class struct {
	For     time.Duration
	Actions []Action
}
