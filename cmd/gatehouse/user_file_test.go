package main

import (
	"strings"
	"testing"

	"gatehouse/store"
)

func TestUser_filesComeInAndGoOut(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		const file = "username,name\nada,Ada\nbea,=Bea\n"
		if v := read[importView](t, m.feed(t, file, "user import --json --dry-run -")); v.Outcomes[store.ImportCreate] != 2 || !v.DryRun {
			t.Errorf("the dry run says %+v", v)
		}
		if v := read[importView](t, m.feed(t, file, "user import --json -")); v.Outcomes[store.ImportCreated] != 2 {
			t.Errorf("the import says %+v", v)
		}
		if v := read[importView](t, m.feed(t, "username,name\nada,Ada Lovelace\n", "user import --json --update -")); v.Outcomes[store.ImportUpdated] != 1 {
			t.Errorf("the second import says %+v", v)
		}
		if out := m.feed(t, "", "user export"); !strings.Contains(out, "Ada Lovelace") || !strings.Contains(out, "'=Bea") {
			t.Errorf("the export is %s", out)
		}
	})
}
