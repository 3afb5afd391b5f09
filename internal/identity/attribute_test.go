package identity

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

func TestAttribute_readsValuesOfItsType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, text, value string }{ // no value: refused
		{TypeString, " Sales & more ", `"Sales \u0026 more"`},
		{TypeString, strings.Repeat("ไ", 500), `"` + strings.Repeat("ไ", 500) + `"`},
		{TypeString, strings.Repeat("x", 501), ""},
		{TypeString, "a\u202eb", ""},
		{TypeString, "two\nlines", ""},
		{TypeNumber, "42", "42"},
		{TypeNumber, "-0.50", "-0.5"},
		{TypeNumber, "1.0", "1"},
		{TypeNumber, "-0", "0"},
		{TypeNumber, "-0.0", "0"},
		{TypeNumber, "100", "100"},
		{TypeNumber, "123456789012345", "123456789012345"},
		{TypeNumber, "1234567890123456", ""},
		{TypeNumber, "007", ""},
		{TypeNumber, "1e9", ""},
		{TypeNumber, "+1", ""},
		{TypeNumber, ".5", ""},
		{TypeNumber, "1,5", ""},
		{TypeNumber, "NaN", ""},
		{TypeBoolean, "Yes", "true"},
		{TypeBoolean, "0", "false"},
		{TypeBoolean, "perhaps", ""},
		{TypeDate, "2024-02-29", `"2024-02-29"`},
		{TypeDate, "2023-02-29", ""},
		{TypeDate, "0000-01-01", ""},
		{TypeDate, "29.02.2024", ""},
		{TypeList, "red\r\n green \n\nred", `["red","green"]`},
		{TypeList, "red|green", `["red","green"]`},
		{TypeList, strings.Repeat("x", 201), ""},
		{TypeList, numbered(50), "…"},
		{TypeList, numbered(51), ""},
	} {
		a := Attribute{Key: "k", Type: c.kind}
		value, why := a.Read(c.text)
		if (why == "") != (c.value != "") || c.value != "…" && string(value) != c.value {
			t.Errorf("%s %.30q: read as %s, %q", c.kind, c.text, value, why)
		}
		if value == nil {
			continue
		}
		if !json.Valid(value) {
			t.Errorf("%s %.30q: %s is no JSON", c.kind, c.text, value)
		}
		if again, why := a.Read(a.Text(value)); string(again) != string(value) || why != "" {
			t.Errorf("%s %.30q: written as %q, read again as %s %q", c.kind, c.text, a.Text(value), again, why)
		}
	}
	for _, kind := range AttributeTypes {
		if value, why := (&Attribute{Type: kind}).Read(" \n"); value != nil || why != "" {
			t.Errorf("nothing as a %s: %s %q", kind, value, why)
		}
	}
}

func numbered(n int) string {
	var lines []string
	for i := range n {
		lines = append(lines, strings.Repeat("x", i+1))
	}
	return strings.Join(lines, "\n")
}

func TestAttribute_Validate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		mar   func(a *Attribute)
		field string
	}{
		{"good", func(*Attribute) {}, ""},
		{"not told", func(a *Attribute) { a.Scope, a.Claim = "", "" }, ""},
		{"a name of one's own", func(a *Attribute) { a.Claim = "https://example.com/dept" }, ""},
		{"no key", func(a *Attribute) { a.Key = "" }, "key"},
		{"capitals", func(a *Attribute) { a.Key = "Dept" }, "key"},
		{"begins with a digit", func(a *Attribute) { a.Key = "1st" }, "key"},
		{"two underscores", func(a *Attribute) { a.Key = "a__b" }, "key"},
		{"long key", func(a *Attribute) { a.Key = strings.Repeat("a", 51) }, "key"},
		{"no label", func(a *Attribute) { a.Label = " " }, "label"},
		{"misleading label", func(a *Attribute) { a.Label = "a\u202eb" }, "label"},
		{"unknown type", func(a *Attribute) { a.Type = "json" }, "type"},
		{"negative position", func(a *Attribute) { a.Position = -1 }, "position"},
		{"claim without scope", func(a *Attribute) { a.Scope = "" }, "scope"},
		{"scope without claim", func(a *Attribute) { a.Claim = "" }, "claim"},
		{"a scope that tells nothing", func(a *Attribute) { a.Scope = "offline_access" }, "scope"},
		{"a registered claim", func(a *Attribute) { a.Claim = "email" }, "claim"},
		{"a token's claim", func(a *Attribute) { a.Claim = "sub" }, "claim"},
		{"a claim with a space", func(a *Attribute) { a.Claim = "a b" }, "claim"},
	} {
		a := Attribute{Key: "dept", Label: "Department", Type: TypeString, Scope: "profile", Claim: "dept"}
		c.mar(&a)
		wrong := a.Validate()
		if len(wrong) > 1 || (c.field == "") != (len(wrong) == 0) || c.field != "" && wrong[c.field] == "" {
			t.Errorf("%s: %v", c.name, wrong)
		}
	}
}

func TestAttributes_fillAndMissing(t *testing.T) {
	t.Parallel()
	list := Attributes{{Key: "dept", Label: "Department", Type: TypeString, Required: true}, {Key: "age", Label: "Age", Type: TypeNumber}}
	before := Values{"dept": []byte(`"Sales"`), "age": []byte("7")}
	for _, c := range []struct {
		sent  map[string]string
		want  string
		wrong string
	}{
		{nil, `{"age":7,"dept":"Sales"}`, ""},
		{map[string]string{"attr:age": ""}, `{"dept":"Sales"}`, ""},
		{map[string]string{"attr:age": "8", "attr:dept": "IT"}, `{"age":8,"dept":"IT"}`, ""},
		{map[string]string{"attr:age": "old"}, `{"age":7,"dept":"Sales"}`, "attr:age"},
		{map[string]string{"attr:dept": ""}, `{"age":7,"dept":"Sales"}`, "attr:dept"},
	} {
		kept := maps.Clone(before)
		got, wrong := list.Fill(kept, func(field string) (string, bool) { text, has := c.sent[field]; return text, has })
		if b, _ := json.Marshal(got); string(b) != c.want || (c.wrong != "") != (len(wrong) == 1) || c.wrong != "" && wrong[c.wrong] == "" {
			t.Errorf("%v: %s %v", c.sent, b, wrong)
		}
		if !maps.EqualFunc(kept, before, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%v: what was there is changed: %s", c.sent, kept)
		}
	}
	if wrong := list.Missing(Values{"age": []byte("7")}); len(wrong) != 1 || wrong["attr:dept"] == "" {
		t.Errorf("missing: %v", wrong)
	}
}

// What is written of attributes is read as it was.
func TestAttributes_goThroughFiles(t *testing.T) {
	t.Parallel()
	list := Attributes{
		{Key: "dept", Type: TypeString}, {Key: "level", Type: TypeNumber}, {Key: "badge", Type: TypeBoolean}, {Key: "joined", Type: TypeDate}, {Key: "sites", Type: TypeList},
	}
	u := User{Username: "ada", Attributes: Values{
		"dept": []byte(`"=1+1"`), "level": []byte("-4.5"), "badge": []byte("false"), "joined": []byte(`"2024-02-29"`), "sites": []byte(`["Oslo","Bangkok, west"]`),
	}}
	var file, lines bytes.Buffer
	for format, to := range map[string]*bytes.Buffer{FormatCSV: &file, FormatJSONL: &lines} {
		w, err := NewExportWriter(to, format, list)
		if err == nil {
			err = w.Write(&u, nil)
		}
		if err != nil || w.Flush() != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(lines.String(), `"attr:sites":["Oslo","Bangkok, west"]`) || !strings.Contains(lines.String(), `"attr:level":-4.5`) {
		t.Errorf("as JSON: %s", lines.String())
	}
	r, err := NewImportReader(bytes.NewReader(file.Bytes()), list)
	if err != nil {
		t.Fatal(err)
	}
	_, line, wrong, err := r.Next()
	if err != nil || len(wrong) > 0 {
		t.Fatal(line, wrong, err)
	}
	var again User
	if wrong := line.Fill(&again, list); len(wrong) > 0 {
		t.Error(wrong)
	}
	want, _ := json.Marshal(u.Attributes)
	if got, _ := json.Marshal(again.Attributes); string(got) != string(want) {
		t.Errorf("read as %s, written %s", got, want)
	}
	if _, err := NewImportReader(bytes.NewReader(file.Bytes()), list[1:]); err == nil {
		t.Error("a column of an attribute that is none is taken")
	}
}
