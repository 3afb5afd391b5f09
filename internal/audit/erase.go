package audit

// Erased stands for what was erased.
const Erased = "erased"

// Erase takes out of the event what tells who a person was that is no more: their name, the address and browser they came from,
// what their profile said. That something was done, when, and by and to which id, stays.
func (e *Event) Erase(userID string) {
	by := e.Actor.Kind == KindUser && e.Actor.ID == userID
	to := e.Target.Kind == KindUser && e.Target.ID == userID
	about := e.UserID == userID || by || to
	if !about {
		return
	}
	if by {
		e.Actor.Name = ""
	}
	if to {
		e.Target.Name = ""
		for field, change := range e.Changes {
			if field != Reason {
				e.Changes[field] = Change{Before: erasedValue(change.Before), After: erasedValue(change.After)}
			}
		}
	}
	if somebodyElse := !by && (e.Actor.Kind == KindUser || e.Actor.Kind == KindCLI); !somebodyElse {
		e.Caller.IP, e.Caller.UserAgent = "", ""
	}
	if e.Cause != nil {
		e.Cause.Received = ""
	}
}

func erasedValue(s string) string {
	if s == "" {
		return ""
	}
	return Erased
}
