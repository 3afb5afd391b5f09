package console

import (
	"net/url"
	"slices"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/views/ui"
)

// EventsData fills the audit log.
type EventsData struct {
	ListData
	Action, Outcome string
	From, To        string // as they were typed
	Rows            []EventRow
	Errs            map[string]string // "from", "to"
	Here            string            // URL of the list, on its first page
	Live            string            // where rows come from as events happen; "" where none are to come

	Query    string // of the list's URL
	Saved    []SavedFilter
	SaveAs   string            // as it was typed
	SaveErrs map[string]string // "name"
	Verified *VerificationRow  // the latest; nil for none
	Kept     audit.Retention
	Now      time.Time
}

// keptWords say how long events are kept.
func keptWords(r audit.Retention) string {
	return "Refusals are kept " + age(r.Refusals) + ", sign-ins and tokens " + age(r.Activity) + ", changes " + age(r.Changes) + "."
}

// saved reports whether the filter is kept already.
func (d EventsData) saved() bool {
	return slices.ContainsFunc(d.Saved, func(f SavedFilter) bool { return f.Current })
}

// savable reports whether the filter may be kept under a name, or was to be.
func (d EventsData) savable() bool { return d.Filtered && !d.saved() || len(d.SaveErrs) > 0 }

func exportOf(format, query string) string {
	href := "/console/audit/export?format=" + format
	if query != "" {
		href += "&" + query
	}
	return href
}

// EventRow is an event as a list shows it.
type EventRow struct {
	ID      string
	Href    string
	At      time.Time
	Action  audit.Action
	Words   string
	Refused bool
	Rule    string // that it broke, if it was refused
	Count   int64  // of events that were only counted
	Actor   Link
	Target  Link
	Client  Link
	Person  Link // whom it concerns
	IP      string
}

// why says what was wrong, unless the event is called so.
func (e EventRow) why() string {
	if e.Rule == "" || ruleName(e.Rule) == e.Words {
		return ""
	}
	return ruleName(e.Rule)
}

// EventData fills the page and the panel of an event.
type EventData struct {
	EventRow
	UserAgent string
	Device    string
	RequestID string
	Cause     *audit.Cause
	Error     string // RFC code
	Meaning   string // of the code
	Section   string // where the code is defined
	Reason    string // why it was done, in the actor's words
	Changes   []Changed
	Beside    []EventRow // other events of the same request
	Close     string     // URL of the list
	Presented int64      // number of the refresh token that was presented though it was spent, 0 for none
	Current   int64      // number of the family's current one then
}

// Changed is a field before and after.
type Changed struct {
	Field, Words, Before, After string
	Members                     []Member // of a list
}

// Member is one of a list, which was "kept", is "new" or is "gone".
type Member struct{ Value, State string }

func (m Member) mark() string {
	return map[string]string{"new": "+", "gone": "−"}[m.State]
}

var outcomes = []ui.Option{{Value: "", Label: "All"}, {Value: "success", Label: "OK"}, {Value: "refused", Label: "Refused"}}

// actionGroups are the actions to choose from, by group in the order of the vocabulary.
func actionGroups() (groups []actionGroup) {
	for _, m := range audit.Meanings {
		i := slices.IndexFunc(groups, func(g actionGroup) bool { return g.name == m.Group })
		if i < 0 {
			i, groups = len(groups), append(groups, actionGroup{name: m.Group})
		}
		groups[i].actions = append(groups[i].actions, m)
	}
	return groups
}

type actionGroup struct {
	name    string
	actions []audit.Meaning
}

func eventPath(id string) string { return "/console/audit/" + url.PathEscape(id) }
