package console

import (
	"net/url"
	"time"

	"gatehouse/views/layout"
)

// ImportFormData fills the form that takes a file of people.
type ImportFormData struct {
	Columns []string
	Latest  []Import
	Errs    map[string]string // "file"
	// RequestToken names this form: sent twice it makes one import.
	RequestToken string
}

// Import is an import of people from a file.
type Import struct {
	ID, File     string
	Update       bool   // people who are there get what the file says
	State, Phase string // of the job
	Done, Total  int
	By           string
	Started      time.Time
	Problem      string
}

func (i Import) path() string { return "/console/users/import/" + url.PathEscape(i.ID) }

func (i Import) checking() bool { return i.Phase == "check" }
func (i Import) working() bool  { return i.State == "queued" || i.State == "staging" }
func (i Import) waiting() bool  { return i.State == "waiting" }

// words say how far it is.
func (i Import) words() string {
	switch {
	case i.State == "done":
		return "Done"
	case i.State == "failed":
		return "Failed"
	case i.State == "cancelled":
		return "Cancelled"
	case i.State == "waiting":
		return "Waits for you"
	case i.State == "staging":
		return "Arriving"
	case i.checking():
		return "Checking"
	}
	return "Importing"
}

func (i Import) tone() string { return jobTone(i.State) }

// jobTone is the tone of a job's badge.
func jobTone(state string) string {
	switch state {
	case "done":
		return "success"
	case "failed":
		return "danger"
	case "cancelled":
		return "off"
	case "waiting":
		return "warning"
	}
	return "accent"
}

// UserImportData fills the page of an import.
type UserImportData struct {
	Import
	Outcomes map[string]int64 // lines, by what becomes of them
	Refused  []RefusedLine    // the first of them
	More     bool             // there are more
}

// RefusedLine is a line that is not taken, and why.
type RefusedLine struct {
	Line                      int
	Username, Column, Problem string
}

func (d UserImportData) n(outcomes ...string) (n int) {
	for _, o := range outcomes {
		n += int(d.Outcomes[o])
	}
	return n
}

// changes reports whether anything would be done.
func (d UserImportData) changes() bool { return d.n("create", "update") > 0 }

func importCrumbs(last ...layout.Crumb) []layout.Crumb {
	return userCrumbs(append([]layout.Crumb{{Label: "Import", Href: "/console/users/import"}}, last...)...)
}
