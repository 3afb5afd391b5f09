package audit

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// Security.md rule 14: what strangers wrote is no formula in anybody's spreadsheet.
func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "plain": "plain", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "é": "é",
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

var told = []Event{
	{
		ID: "one", At: time.Date(2026, 3, 1, 12, 0, 0, 123000, time.UTC), Action: TokenRefused, Outcome: Refused, Actor: Party{KindClient, "app", "=HYPERLINK(\"x\")"},
		Caller: Caller{IP: "192.0.2.1", UserAgent: "@agent, \"quoted\"\r\nand more", RequestID: "-r"}, Error: "invalid_grant",
		Cause: &Cause{Rule: "code_known", Expected: "+e", Received: "=r", Remedy: "remedy"},
	},
	{
		ID: "two", Action: ClientUpdated, Outcome: Success, Target: Party{KindClient, "app", "App <b>"}, Count: 3,
		Changes: map[string]Change{Reason: {After: "=because"}, "name": {Before: "=a", After: "b"}},
	},
}

func TestExport_asCSV(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	x := NewExport(&b, CSV)
	if err := errors.Join(x.Write(told[:1]), x.Write(told[1:]), x.Close(nil)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 3 || x.Events() != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%s is %q", rows[0][i], cell)
			}
		}
	}
	cell := func(row int, name string) string {
		for i, header := range rows[0] {
			if header == name {
				return rows[row][i]
			}
		}
		t.Fatalf("there is no %s", name)
		return ""
	}
	for name, want := range map[string]string{"time": "2026-03-01T12:00:00.000123Z", "actor_name": "'=HYPERLINK(\"x\")", "user_agent": "'@agent, \"quoted\"\nand more", "received": "'=r", "event": "Token request refused"} {
		if got := cell(1, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if cell(2, "reason") != "'=because" || cell(2, "changes") != `{"name":{"before":"=a","after":"b"}}` || cell(2, "count") != "3" {
		t.Errorf("%q", rows[2])
	}
	b.Reset()
	if err := NewExport(&b, CSV).Close(nil); err != nil || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("nothing is %q, %v", b.String(), err)
	}
}

func TestExport_asJSONLinesSaysThatItIsComplete(t *testing.T) {
	t.Parallel()
	c := NewChain(func(...string) string { return strings.Repeat("m", 43) }, nil)
	point := c.Checkpoint(c.Begin(ClassChanges))
	var b strings.Builder
	x := NewExport(&b, JSONLines)
	if err := errors.Join(x.Write(told), x.Close([]Checkpoint{point})); err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for scan := bufio.NewScanner(strings.NewReader(b.String())); scan.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", scan.Text(), err)
		}
		lines = append(lines, line)
	}
	if len(lines) != 3 || lines[0]["id"] != "one" || lines[1]["count"] != 3.0 || lines[2]["complete"] != true || lines[2]["events"] != 2.0 {
		t.Fatalf("%v", lines)
	}
	if found := ReadCheckpoints(b.String()); len(found) != 1 || found[0] != point || !c.Vouches(found[0]) {
		t.Errorf("the export holds %v", found)
	}
	if NewExport(&b, "xlsx") != nil {
		t.Error("anything is a format")
	}
}
