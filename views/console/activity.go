package console

import "time"

// ActivityData fills the tab of what a person or a client did and what was done to them.
type ActivityData struct {
	Events  []ActivityEvent // the newest first
	More    bool            // there are older ones
	All     string          // URL of all of them
	Self    string          // who did it where nobody else did: "themselves"
	Nothing string          // what appears here, where nothing has yet
}

// ActivityEvent is one thing that happened.
type ActivityEvent struct {
	ID      string
	At      time.Time
	Action  string
	Refused bool
	By      string // who did it, "" for whom it is about
	Target  string // what it was done to, "" for whom it is about
	IP      string
	Changes []Change
}
