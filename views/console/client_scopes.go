package console

import "gatehouse/views/ui"

// ClientScopesData fills the tab of what a client may ask for.
type ClientScopesData struct {
	Client          Client
	Version         int64
	CanEdit         bool
	Grants          bool // there is a way to get tokens
	WithPeople      bool // people take part in one
	Asks            bool // and come here to be asked
	Anywhere        bool // what they answer is remembered for one of its redirections
	Everywhere      bool // for all of them
	Scopes          []ClientScope
	APIs            []APILink
	DefaultResource string            // identifier of an API, "" for our own
	ResourceServer  string            // identifier of the API that this client is, "" for none
	Opens           []OpenAPI         // as it stands
	Errs            map[string]string // by the name of a field
	Conflict        *Conflict         // the race this form lost
}

// ClientScope is a scope that there is, and whether the client may ask for it.
type ClientScope struct {
	Scope
	APIs     []string // names of those that take it
	OfPeople bool     // it is about a person
	Checked  bool
}

// OpenAPI is an API that the client can have tokens for, and what those may bear.
type OpenAPI struct {
	API
	Scopes []string
}

func (d ClientScopesData) frame() frame {
	return frame{
		noun: "scopes", action: d.Client.scopesPath(), version: d.Version, conflict: d.Conflict,
		errs: labelled(ui.Errors(d.Errs, "scopes", "default_resource", "resource_server"), clientLabels),
	}
}

// consent says whether people are asked about the scope.
func (d ClientScopesData) consent(s ClientScope) string {
	switch {
	case !d.WithPeople:
		return "No person takes part"
	case !d.Asks:
		return "Not asked: by password"
	case !d.Anywhere:
		return "Asked each time"
	}
	text := "Asked once"
	if s.ConsentFree {
		text = "Not asked"
	} else if d.Client.FirstParty {
		text = "Not asked: our own"
	}
	if !d.Everywhere {
		text += ", or each time"
	}
	return text
}

// text says what the client's scopes are, and who decides.
func (d ClientScopesData) text() string {
	const what = "What this client may ask for."
	switch {
	case !d.Asks:
		return what
	case !d.Everywhere: // RFC 8252 §8.6
		return what + " People are asked each time where it returns to a loopback address, to plain http or to a scheme of its own: any program could stand behind it."
	case d.Client.FirstParty:
		return what + " People are not asked about an application of our own."
	}
	return what + " People still decide what to allow."
}

// shown are the scopes to list: all there are for those who choose among them.
func (d ClientScopesData) shown() (rows []ClientScope) {
	for _, s := range d.Scopes {
		if d.CanEdit || s.Checked {
			rows = append(rows, s)
		}
	}
	return rows
}
