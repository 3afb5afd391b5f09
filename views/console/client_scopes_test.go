package console

import "testing"

// What is said of consent is how it is decided.
func TestClientScopes_sayWhetherPeopleAreAsked(t *testing.T) {
	t.Parallel()
	free := ClientScope{Scope: Scope{ConsentFree: true}}
	everywhere := ClientScopesData{WithPeople: true, Asks: true, Anywhere: true, Everywhere: true}
	ours := everywhere
	ours.Client.FirstParty = true
	for _, c := range []struct {
		name  string
		d     ClientScopesData
		scope ClientScope
		want  string
	}{
		{"a service", ClientScopesData{}, free, "No person takes part"},
		{"a form for passwords", ClientScopesData{WithPeople: true}, free, "Not asked: by password"},
		{"a scope without consent", everywhere, free, "Not asked"},
		{"an application of our own", ours, ClientScope{}, "Not asked: our own"},
		{"any other", everywhere, ClientScope{}, "Asked once"},
		{"some redirections", ClientScopesData{WithPeople: true, Asks: true, Anywhere: true}, ClientScope{}, "Asked once, or each time"},
		{"some redirections, without consent", ClientScopesData{WithPeople: true, Asks: true, Anywhere: true}, free, "Not asked, or each time"},
		{"no redirection", ClientScopesData{WithPeople: true, Asks: true, Client: Client{FirstParty: true}}, free, "Asked each time"},
	} {
		if got := c.d.consent(c.scope); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
