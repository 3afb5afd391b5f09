package console

import "testing"

// What is said of consent is how it is decided.
func TestClientScopes_sayWhetherPeopleAreAsked(t *testing.T) {
	t.Parallel()
	free := ClientScope{Scope: Scope{ConsentFree: true}}
	for _, c := range []struct {
		name  string
		d     ClientScopesData
		scope ClientScope
		want  string
	}{
		{"a service", ClientScopesData{}, free, "No person takes part"},
		{"a form for passwords", ClientScopesData{WithPeople: true}, free, "Not asked: by password"},
		{"a scope without consent", ClientScopesData{WithPeople: true, Asks: true}, free, "Not asked"},
		{"an application of our own", ClientScopesData{WithPeople: true, Asks: true, Client: Client{FirstParty: true}}, ClientScope{}, "Not asked: our own"},
		{"any other", ClientScopesData{WithPeople: true, Asks: true}, ClientScope{}, "Asked once"},
	} {
		if got := c.d.consent(c.scope); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
