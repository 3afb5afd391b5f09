package identity

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestReadImported(t *testing.T) {
	t.Parallel()
	columns := []string{"username", "email", "email_verified", "groups", "password_hash", "disabled"}
	for _, c := range []struct{ fields, wrong string }{
		{"ada,ada@example.test,yes,A| B|A,,no", ""},
		{"ADA,,,,,", ""},
		{"'=ada,,,,,", "username"},
		{"ada,nowhere,,,,", "email"},
		{"ada,,true,,,", "email_verified"},
		{"ada,a@example.test,perhaps,,,", "email_verified"},
		{"ada,,,,$2b$31$abcdefghijklmnopqrstuuvmmdl1v7TgyQqCk31PrQK5o0b0SbS4i,", "password_hash"}, // it would cost too much
		{"ada,,,,plain,", "password_hash"},
		{"ada,,,,$2b$12$short,", "password_hash"},
		{"ada,,,,,never", "disabled"},
		{"ada,,,", ""},
	} {
		fields := strings.Split(c.fields, ",")
		line, wrong := ReadImported(columns, fields, nil)
		if len(fields) != len(columns) {
			if wrong[""] == "" {
				t.Errorf("%q is not refused", c.fields)
			}
			continue
		}
		if said := wrong["password_hash"]; c.fields == "ada,,,,$2b$12$short," && said != "It cannot be used: a bcrypt hash is 60 characters: $2b$, two digits of cost, $, 22 of salt and 31 of hash." {
			t.Errorf("%q: %s", c.fields, said)
		}
		if len(wrong) > 1 || c.wrong != "" && wrong[c.wrong] == "" || c.wrong == "" && len(wrong) > 0 {
			t.Errorf("%q: %v", c.fields, wrong)
		}
		if c.fields[0] == 'a' && c.wrong == "" && strings.Join(line.Groups(), "+") != "A+B" {
			t.Errorf("%q: %q", c.fields, line.Groups())
		}
	}
}

// What is written is read as it was, whatever a spreadsheet would take it for.
func TestExportWriter_isReadAgain(t *testing.T) {
	t.Parallel()
	at := time.Now()
	u := User{Username: "ada", Email: "ada@example.test", EmailVerified: true, Name: "=1+1", DisabledAt: &at, Profile: Profile{
		PhoneNumber: "+6681234567", Nickname: "-", GivenName: "'quoted'", Address: &Address{Formatted: "One, \"Two\"\nThree"},
	}}
	var file bytes.Buffer
	w, err := NewExportWriter(&file, FormatCSV, nil)
	if err == nil {
		err = errors.Join(w.Write(&u, []string{"A", "B"}), w.Flush())
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewImportReader(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, line, wrong, err := r.Next()
	if err != nil || len(wrong) > 0 || !line.Disabled() || strings.Join(line.Groups(), " ") != "A B" {
		t.Fatalf("%v %v %v", line, wrong, err)
	}
	var again User
	if wrong := line.Fill(&again, nil); len(wrong) > 0 {
		t.Error(wrong)
	}
	if again.Name != u.Name || again.Profile.PhoneNumber != u.Profile.PhoneNumber || again.Profile.Nickname != "-" || again.Profile.GivenName != "'quoted'" || *again.Profile.Address != *u.Profile.Address || !again.EmailVerified {
		t.Errorf("%+v", again)
	}
	if _, _, _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
