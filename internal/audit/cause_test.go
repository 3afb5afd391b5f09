package audit

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestValue(t *testing.T) {
	t.Parallel()
	e := strings.Repeat("é", 128) // 256 bytes
	for _, c := range []struct{ name, in, want string }{
		{"plain", "client_credentials", "client_credentials"},
		{"empty", "", ""},
		{"line breaks that would forge a log line", "a\r\nb\tc", "abc"},
		{"NUL, escape and delete", "a\x00\x1b[31m\x7fb", "a[31mb"},
		{"C1 controls", "a\u0085\u009bb", "ab"},
		{"bidi overrides and zero-width characters", "a\u202eb\u200bc\ufeff", "abc"},
		{"bytes that are not UTF-8", "a\xff\xc3b", "ab"},
		{"256 bytes", strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{"257 bytes", strings.Repeat("x", 257), strings.Repeat("x", 256)},
		{"the border between two characters", e + "é", e},
		{"a two-byte character over the border", "x" + e, "x" + e[:254]},
		{"a four-byte character over the border", strings.Repeat("x", 253) + "🙂", strings.Repeat("x", 253)},
		{"a four-byte character up to the border", strings.Repeat("x", 252) + "🙂🙂", strings.Repeat("x", 252) + "🙂"},
		{"a broken byte before a whole character at the border", "\xff" + strings.Repeat("x", 253) + "é" + "y", strings.Repeat("x", 253) + "é"},
		{"continuation bytes alone", strings.Repeat("\x80", 400), ""},
	} {
		if got := string(Value(c.in)); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestURI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", "https://app.example/cb", "https://app.example/cb"},
		{"query", "https://app.example/cb?code=gh_ac_secret", "https://app.example/cb?…"},
		{"empty query", "https://app.example/cb?", "https://app.example/cb?…"},
		{"fragment", "https://app.example/cb#access_token=secret", "https://app.example/cb?…"},
		{"fragment before a query", "https://app.example/cb#a?b", "https://app.example/cb?…"},
		{"password", "https://alice:hunter2@app.example/cb", "https://…@app.example/cb"},
		{"password with an @", "https://alice:hunter@2@app.example", "https://…@app.example"},
		{"password before a query", "https://alice:hunter2@app.example?x", "https://…@app.example?…"},
		{"an @ in the path", "https://app.example/@alice", "https://app.example/@alice"},
		{"custom scheme", "com.example.app:/cb?state=x", "com.example.app:/cb?…"},
		{"line break", "https://app.example/\r\nSet-Cookie: x", "https://app.example/Set-Cookie: x"},
		{"empty", "", ""},
	} {
		if got := string(URI(c.in)); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	for _, long := range []string{"https://a/" + strings.Repeat("x", 500) + "?q", "https://a/" + strings.Repeat("é", 500) + "?q", "https://" + strings.Repeat("p", 500) + "@a/" + strings.Repeat("x", 500)} {
		if got := string(URI(long)); len(got) > 256 || !utf8.ValidString(got) || len(got) < 250 {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"one of ours", "gh_rt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", "49 characters ending in DEFG, SHA-256 XEX2ws4J…"},
		{"nothing", "", "nothing"},
		{"21 characters hold less than 128 bits", "abcdefghijklmnopqrstu", "21 bytes"},
		{"22 characters", "abcdefghijklmnopqrstuv", "22 characters ending in stuv, SHA-256 9p-bcNHJ…"},
		{"a sentence somebody took for a secret", "correct horse battery staple", "28 bytes"},
		{"a password with punctuation", "Tr0ub4dor&3Tr0ub4dor&3Tr0ub4dor&3", "33 bytes"},
		{"control characters", "0123456789abcdefghijklmnop\r\n", "28 bytes"},
		{"characters cut in two", "0123456789abcdefghijklmnopé", "28 bytes"},
	} {
		if got := string(Opaque(c.in)); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestShape_tellsOnlyTheLength(t *testing.T) {
	t.Parallel()
	if got := Shape("hunter2"); got != "7 bytes" {
		t.Errorf("%q", got)
	}
	if got := Shape(""); got != "nothing" {
		t.Errorf("%q", got)
	}
}

func FuzzReceived(f *testing.F) {
	for _, s := range []string{"", "a\x00b", "https://u:p@h/p?q#f", strings.Repeat("é", 200), strings.Repeat("\x80", 300), "x" + strings.Repeat("🙂", 100) + "?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, received := range map[string]Received{"Value": Value(s), "URI": URI(s), "Opaque": Opaque(s), "Shape": Shape(s)} {
			got := string(received)
			if len(got) > 256 || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("%s: %d bytes: %q", name, len(got), got)
			}
		}
		if _, secret, found := strings.Cut(s, "?"); found && len(secret) > 3 && !strings.Contains(s[:len(s)-len(secret)], secret) && strings.Contains(string(URI(s)), secret) {
			t.Errorf("the query of %q is kept", s)
		}
	})
}
