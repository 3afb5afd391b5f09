package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

func TestNew_has256RandomBitsBehindItsPrefix(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^gh_cs_[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for range 1000 {
		token := New("gh_cs_")
		if !shape.MatchString(token) {
			t.Fatalf("token %q", token)
		}
		if seen[token] {
			t.Fatal("the same token came twice")
		}
		seen[token] = true
	}
}

func TestHash_isBase64urlSHA256(t *testing.T) {
	t.Parallel()
	// The code_verifier and code_challenge of RFC 7636, appendix B.
	if got := Hash("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("got %s", got)
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "a", false}} {
		if Equal(c.a, c.b) != c.want {
			t.Errorf("Equal(%q, %q) is not %v", c.a, c.b, c.want)
		}
	}
}

func TestText_neverPrintsItself(t *testing.T) {
	t.Parallel()
	const value = "hunter2hunter2"
	text := Text(value)
	holder := struct{ Password Text }{text}

	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		printed = append(printed, fmt.Sprintf(verb, text), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder))
	}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "text", text, "holder", holder)
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "text", text, "holder", holder)
	printed = append(printed, string(asJSON), log.String(), text.String(), text.GoString(), fmt.Errorf("wrapped: %v", text).Error())

	for _, p := range printed {
		if strings.Contains(p, value) || strings.Contains(p, fmt.Sprintf("%x", value)) || strings.Contains(p, fmt.Sprintf("%X", value)) {
			t.Errorf("the secret shows in %s", p)
		}
	}
	if text.Reveal() != value {
		t.Error("Reveal gives something else")
	}
}
