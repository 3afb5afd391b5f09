package console

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

// ListData is what the lists of what happens in the house have in common: sessions, token families, events.
type ListData struct {
	Q              string   // what was searched
	Chips          []Chip   // filters that have no control of their own
	Total          int      // rows that fit; beyond CountedTo there are more
	Previous, Next string   // URLs of the neighbouring pages, "" where there is none
	Clear          string   // the URL without any filter
	Filtered       bool     // something is asked for
	Unknown        bool     // nothing and nobody is called Q
	Meant          []Choose // who or what may be meant instead
	EndAll         Link     // to where all of the one person or client end whose rows these are
	EndFound       Link     // to where all end that fit the filters
	Jobs           []Link   // that end many of them now
	Select         bool     // rows can be chosen, to be ended together
	Asked          string   // the query it was asked for with, to come back to
}

// CountedTo is how far rows are counted.
const CountedTo = 1000

// Sorting is how a list is ordered, and the URLs that order it otherwise.
type Sorting struct {
	Value    string // of the URL; "" for the usual order
	By       string // the column
	Reversed bool
	Links    map[string]string // by column: a column that orders the list already is turned around
}

func (s Sorting) way() string {
	if s.Reversed {
		return "descending"
	}
	return "ascending"
}

func (s Sorting) icon() string {
	if s.Reversed {
		return "down"
	}
	return "up"
}

// Chip is a filter of a list, with the URL of the list without it.
type Chip struct{ Name, Field, Value, Text, Without string }

// Choose is one of several that a search may mean.
type Choose struct{ Text, Kind, Href string }

// count says how many rows there are.
func (d ListData) count(one, many string) string {
	switch {
	case d.Total > CountedTo:
		return "1,000+ " + many
	case d.Total == 1:
		return "1 " + one
	}
	return strconv.Itoa(d.Total) + " " + many
}

// unknown says that the search means nothing, or too much.
func (d ListData) unknown() string {
	if len(d.Meant) > 0 {
		return "“" + d.Q + "” may mean several"
	}
	return "Nothing and nobody is called “" + d.Q + "”"
}

// Person is somebody as a list shows them.
type Person struct{ ID, Name, Username string }

// Label is the best name we have: the name, else the username.
func (p Person) Label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Username
}

func (p Person) path() string { return "/console/users/" + url.PathEscape(p.ID) }

// Link is a thing with a page of its own; without Href it has none.
type Link struct{ ID, Text, Href string }

// endReasons are why sessions and families end, in words.
var endReasons = map[string]string{
	oauth.EndedByClient:    "Revoked by the client",
	oauth.EndedByReplay:    "Refresh token used twice",
	oauth.EndedByCodeReuse: "Code used twice",
	oauth.EndedByOperator:  "Ended by an operator",
	oauth.EndedByPerson:    "Consent withdrawn",
	oauth.EndedBySession:   "Session ended",
	oauth.EndedByPassword:  "Password changed",
	oauth.EndedByDisabling: "Disabled",
	oauth.EndedByRole:      "Role in the console given",
	identity.EndedSignOut:  "Signed out",
	identity.EndedReplaced: "Somebody signed in anew",
	identity.EndedByPerson: "Ended by the person",
}

func endReason(reason string) string {
	if words := endReasons[reason]; words != "" {
		return words
	}
	return strings.ReplaceAll(reason, "_", " ")
}

// families, sessions and events are the addresses of lists.
func familiesOf(field, id string) string { return listOf("/console/families", field, id) }
func sessionsOf(field, id string) string { return listOf("/console/sessions", field, id) }
func eventsOf(field, id string) string   { return listOf("/console/audit", field, id) }

func listOf(path, field, id string) string { return path + "?" + field + "=" + url.QueryEscape(id) }

// PartyLink is who acted or was acted upon, by its name or else its kind; what does not exist any more has no page.
func PartyLink(p audit.Party, name string, exists bool) Link {
	l := Link{ID: p.ID, Text: name}
	if exists {
		l.Href = partyPath(p)
	}
	if l.Text == "" {
		l.Text = kindNames[p.Kind]
		if p.ID != "" && p.Kind != audit.KindSession && p.Kind != audit.KindFamily {
			l.Text += " " + p.ID
		}
	}
	return l
}

// partyPath is the page of what acted or was acted upon, "" without one.
func partyPath(p audit.Party) string {
	id := url.PathEscape(p.ID)
	switch {
	case p.ID == "":
		return ""
	case p.Kind == audit.KindUser:
		return "/console/users/" + id
	case p.Kind == audit.KindClient:
		return "/console/clients/" + id
	case p.Kind == audit.KindAPI:
		return "/console/apis/" + id
	case p.Kind == audit.KindGroup:
		return "/console/groups/" + id
	case p.Kind == audit.KindJob:
		return "/console/jobs/" + id
	case p.Kind == audit.KindSession:
		return "/console/sessions/" + id
	case p.Kind == audit.KindFamily:
		return "/console/families/" + id
	}
	return ""
}

var kindNames = map[string]string{
	audit.KindUser: "User", audit.KindClient: "Client", audit.KindSession: "Session", audit.KindFamily: "Token family", audit.KindKey: "Signing key",
	audit.KindScope: "Scope", audit.KindSecret: "Client secret", audit.KindToken: "Access token", audit.KindAPI: "API", audit.KindGroup: "Group", audit.KindAttribute: "Attribute", audit.KindJob: "Job", audit.KindAddress: "Address", audit.KindCLI: "Command line", audit.KindSystem: "The server",
}

// KindName is what a kind of thing is called in the middle of a sentence.
func KindName(kind string) string {
	if kind == audit.KindAPI {
		return kindNames[kind]
	}
	return lowerFirst(kindNames[kind])
}

// ImpactLine is one thing that an act ends, in numbers.
type ImpactLine struct {
	N         int
	One, Many string
}

// EndData fills a confirmation: ending a session or a family, or all of somebody's.
type EndData struct {
	ID        string // of the dialog: "session-end"
	Title     string // the question
	Text      string // what the answer does
	Button    string
	Heading   string // of the page
	Section   Crumbs // where the page belongs
	Action    string // where the form goes
	Fields    []Sent // that say what ends, where the address does not
	Phrase    string // to be typed first, for the worst
	Confirm   string // as it was typed
	Back      string // where keeping it leads
	Impact    []ImpactLine
	Notes     []string // what else to know before
	Life      string   // how long tokens may outlive the act
	Icon      string   // "" is that of ending
	Calm      bool     // it does no harm
	KeepWords string   // what the other button says; "" is that nothing ends
	Reason    string   // as it was typed
	Errs      map[string]string
}

// Sent is a value that a form carries along.
type Sent struct{ Name, Value string }

// keep is what the button says that ends nothing.
func (d EndData) keep() string {
	if d.KeepWords != "" {
		return d.KeepWords
	}
	if len(d.Fields) == 0 {
		return "Keep it"
	}
	return "Keep them"
}

func (d EndData) icon() string { return cmp.Or(d.Icon, "ban") }

func (d EndData) tone() string {
	if d.Calm {
		return ""
	}
	return "danger"
}

func (d EndData) button() string {
	if d.Calm {
		return "primary"
	}
	return "danger"
}

// Crumbs name a list and its address.
type Crumbs struct{ Label, Href string }
