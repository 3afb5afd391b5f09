package console

import (
	"net/url"
	"time"

	"gatehouse/views/layout"
)

// JobData fills the page of a job that ends, or deletes, a great deal.
type JobData struct {
	ID          string
	About       string // whom the events are about that tell of it
	Kind        string // of the job; of one that deletes something, what that is
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

// jobWords are what a kind of job is called.
type jobWords struct {
	title     string
	one, many string // what it goes through
	section   layout.Crumb
	card      string // what the page says it is about
	text      string
	total     string // what was counted before it began
	done      string
	failed    string // after why it did
}

// A job that only tidies up: what it goes through has ended, or is gone, since it was asked for.
const (
	tidies       = "None of them has worked since this was asked for. What is left to do is to write their ends down."
	tidiesFailed = "None of them works all the same."
	vanished     = "It is gone since this was asked for. What is left to do is to clear away what hung on it."
	notCleared   = "It is gone all the same, and its name stays taken."
)

func removalWords(title, one, many, section, href string) jobWords {
	return jobWords{title: title, one: one, many: many, section: layout.Crumb{Label: section, Href: href}, card: "What is cleared away", text: vanished, total: "Hung on it", done: "Cleared away", failed: notCleared}
}

var jobKinds = map[string]jobWords{
	"end_sessions": {
		title: "Ending sessions", one: "session", many: "sessions", section: layout.Crumb{Label: "Sessions", Href: "/console/sessions"},
		card: "What ends", text: onlyThen, total: "Counted before", done: "Ended", failed: endedStays,
	},
	"end_families": {
		title: "Revoking token families", one: "token family", many: "token families", section: layout.Crumb{Label: "Token families", Href: "/console/families"},
		card: "What ends", text: onlyThen, total: "Counted before", done: "Ended", failed: endedStays,
	},
	"end_era": {
		title: "All tokens of a client revoked", one: "token family", many: "token families", section: layout.Crumb{Label: "Token families", Href: "/console/families"},
		card: "What has ended", text: tidies, total: "Counted then", done: "Written down", failed: tidiesFailed,
	},
	"client":    removalWords("Client deleted", "token family", "token families", "Clients", "/console/clients"),
	"scope":     removalWords("Scope deleted", "consent", "consents", "Scopes", "/console/scopes"),
	"group":     removalWords("Group deleted", "membership", "memberships", "Groups", "/console/groups"),
	"attribute": removalWords("Attribute deleted", "value", "values", "Attributes", "/console/attributes"),
}

const (
	onlyThen   = "Only what lived when it was asked for: what begins afterwards stays."
	endedStays = "What has ended stays ended. Ask for the rest again."
)

func (d JobData) is() jobWords { return jobKinds[d.Kind] }

func (d JobData) path() string { return "/console/jobs/" + url.PathEscape(d.ID) }

func (d JobData) working() bool { return d.State == "queued" }

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
	return []layout.Crumb{d.is().section, {Label: d.is().title}}
}
