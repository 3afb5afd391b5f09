package main

import (
	"strings"
	"testing"

	"gatehouse/internal/audit"
)

func TestAttribute_madeGivenAndDeleted(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		made := read[attributeView](t, m.do(t, "attribute create --json --key level --label Level --type number --scope profile --claim level --position 5"))
		if made.Key != "level" || made.Type != "number" || made.Claim != "level" || made.Required || made.Position != 5 {
			t.Errorf("made %+v", made)
		}
		m.mustRecord(t, audit.AttributeCreated, "level")
		if change := m.events(t)[0].Changes["claim"]; change != (audit.Change{After: "level"}) {
			t.Errorf("recorded %+v", change)
		}
		m.do(t, "attribute create --key dept --label Department --required")
		for field, args := range map[string][]string{
			"key": {"--key", "Level", "--label", "L"}, "label": {"--key", "x", "--label", " "}, "claim": {"--key", "x", "--label", "X", "--scope", "profile", "--claim", "email"},
			"scope": {"--key", "x", "--label", "X", "--scope", "nothing", "--claim", "x"},
		} {
			a := m.run("", append([]string{"attribute", "create", "--json"}, args...)...)
			if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields[field] == "" {
				t.Errorf("%v: exit %d, %s", args, a.exit, a.err)
			}
		}
		if list := read[[]attributeView](t, m.do(t, "attribute list --json")); len(list) != 2 || list[0].Key != "dept" || list[1].Key != "level" {
			t.Errorf("listed %+v", list)
		}
		for field, args := range map[string][]string{
			"attr:dept": {}, "attr:level": {"--attr", "dept=Sales", "--attr", "level=high"}, "attr:none": {"--attr", "dept=Sales", "--attr", "none=1"},
		} {
			a := m.run("", append([]string{"user", "create", "--json", "--username", "ada"}, args...)...)
			if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields[field] == "" {
				t.Errorf("%v: exit %d, %s", args, a.exit, a.err)
			}
		}
		if a := m.run("", "user", "create", "--username", "ada", "--attr", "dept=Sales; North", "--attr", "level=7"); a.exit != exitOK {
			t.Fatalf("exit %d\n%s", a.exit, a.err)
		}
		if change := m.events(t)[0].Changes["attr:dept"]; change != (audit.Change{After: "Sales; North"}) {
			t.Errorf("recorded %+v", change)
		}
		// Changed, but for key and type; what is not named stays.
		changed := read[attributeView](t, m.do(t, "attribute update --json --key level --label Rank --own --no-required --position 7"))
		if changed.Label != "Rank" || !changed.Own || changed.Position != 7 || changed.Claim != "level" || changed.Type != "number" {
			t.Errorf("changed %+v", changed)
		}
		m.mustRecord(t, audit.AttributeUpdated, "level")
		if changes := m.events(t)[0].Changes; len(changes) != 3 || changes["label"] != (audit.Change{Before: "Level", After: "Rank"}) || changes["own"] != (audit.Change{Before: "false", After: "true"}) {
			t.Errorf("recorded %+v", changes)
		}
		if out := m.do(t, "attribute update --key level --label Rank"); !strings.Contains(out, "Nothing changes") {
			t.Errorf("%s", out)
		}
		if a := m.run("", "attribute", "update", "--json", "--key", "level", "--scope", "", "--claim", ""); read[attributeView](t, a.out).Claim != "" {
			t.Errorf("told still: %s%s", a.out, a.err)
		}
		m.refuses(t, exitUsage, "say what to change", "attribute update --key level")
		m.refuses(t, exitFailed, `attribute "none" not found`, "attribute update --key none --own")
		for field, args := range map[string][]string{"label": {"--label", " "}, "claim": {"--scope", "profile", "--claim", "email"}, "scope": {"--scope", "nothing", "--claim", "x"}} {
			a := m.run("", append([]string{"attribute", "update", "--json", "--key", "level"}, args...)...)
			if f := read[failure](t, a.err); a.exit != exitFailed || f.Fields[field] == "" {
				t.Errorf("%v: exit %d, %s", args, a.exit, a.err)
			}
		}
		m.refuses(t, exitFailed, "--yes", "attribute delete --key level")
		m.do(t, "attribute delete --key level --yes")
		m.mustRecord(t, audit.AttributeDeleted, "level")
		m.refuses(t, exitFailed, `attribute "level" not found`, "attribute delete --key level")
	})
}
