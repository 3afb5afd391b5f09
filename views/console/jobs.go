package console

import (
	"net/url"
	"time"

	"gatehouse/views/layout"
)

// JobData fills the page of a job that ends all that fits a filter.
type JobData struct {
	ID          string
	Sessions    bool // it ends sessions; else token families
	State       string
	Done, Total int
	Of          []Chip // what it is narrowed to
	Spares      []string
	Reason      string
	By          string
	Started     time.Time
	Problem     string
	CanCancel   bool
}

func (d JobData) path() string { return "/console/jobs/" + url.PathEscape(d.ID) }

func (d JobData) working() bool { return d.State == "queued" }

func (d JobData) title() string {
	if d.Sessions {
		return "Ending sessions"
	}
	return "Revoking token families"
}

// nouns are what one of them and several are called.
func (d JobData) nouns() (one, many string) {
	if d.Sessions {
		return "session", "sessions"
	}
	return "token family", "token families"
}

// words say how far it is.
func (d JobData) words() string {
	switch d.State {
	case "done":
		return "Done"
	case "failed":
		return "Failed"
	case "cancelled":
		return "Cancelled"
	}
	return "Under way"
}

func (d JobData) crumbs() []layout.Crumb {
	if d.Sessions {
		return []layout.Crumb{{Label: "Sessions", Href: "/console/sessions"}, {Label: d.title()}}
	}
	return []layout.Crumb{{Label: "Token families", Href: "/console/families"}, {Label: d.title()}}
}
