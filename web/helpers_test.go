package web_test

import (
	"gatehouse/internal/audit"
	"gatehouse/store"
)

// event is what an act of the test itself leaves in the audit log.
func event() audit.Event { return audit.Event{Action: audit.FamilyEnded, Outcome: audit.Success} }

func storeFilter(userID string) store.FamilyFilter {
	return store.FamilyFilter{UserID: userID, Limit: 10}
}
