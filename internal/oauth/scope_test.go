package oauth

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// RFC 6749 §3.3.
func TestParseScopes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Scopes{
		"":                         nil,
		"openid":                   {"openid"},
		"openid profile":           {"openid", "profile"},
		"profile openid":           {"profile", "openid"}, // as they were asked for
		"a b a a b":                {"a", "b"},
		"Openid openid":            {"Openid", "openid"}, // case-sensitive
		"https://api.example/read": {"https://api.example/read"},
		"!#[]~ ^_`{|}":             {"!#[]~", "^_`{|}"},
		"orders:read,write;x=%20":  {"orders:read,write;x=%20"},
	} {
		got, err := ParseScopes(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{" ", " openid", "openid ", "openid  profile", "openid\tprofile", "openid\nprofile", "a\r\nb", `a"b`, `a\b`, "é", "a\x00", "a\x7f", "a\u00a0b", "a\xff"} {
		if got, err := ParseScopes(bad); err == nil {
			t.Errorf("%q is %q", bad, got)
		}
	}
}

func TestScopes_areSets(t *testing.T) {
	t.Parallel()
	abc := Scopes{"a", "b", "c"}
	for _, c := range []struct {
		others, missing Scopes
	}{
		{nil, nil}, {Scopes{"b"}, nil}, {Scopes{"c", "a"}, nil}, {Scopes{"d", "a", "e"}, Scopes{"d", "e"}}, {Scopes{"A"}, Scopes{"A"}},
	} {
		if got := abc.Missing(c.others); !slices.Equal(got, c.missing) {
			t.Errorf("Missing(%v) is %v", c.others, got)
		}
		if got := abc.Covers(c.others); got != (len(c.missing) == 0) {
			t.Errorf("Covers(%v) is %t", c.others, got)
		}
	}
	if got := abc.Common(Scopes{"d", "c", "a"}); !slices.Equal(got, Scopes{"a", "c"}) || abc.Common(nil) != nil || (Scopes)(nil).Common(abc) != nil {
		t.Errorf("Common is %v", got)
	}
	if (Scopes)(nil).Covers(Scopes{"a"}) || !(Scopes)(nil).Covers(nil) || abc.Has("") || abc.Has("a b") {
		t.Error("the empty set")
	}
}

// Lists are kept in one TEXT column; SQLite gives a string, PostgreSQL bytes.
func TestLists_comeBackAsTheyWereSaved(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{nil, {"a"}, {"a", "b"}, {"https://a/b?c d", "x"}} {
		uris := RedirectURIs(words)
		value, err := uris.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, column := range []any{value, []byte(value.(string))} {
			got := RedirectURIs{"of the row before"}
			if err := got.Scan(column); err != nil || !slices.Equal(got, uris) {
				t.Errorf("%q became %q: %v", uris, got, err)
			}
		}
		if len(words) > 0 && strings.Contains(words[0], " ") {
			continue // the others hold words without spaces
		}
		scopes, amr := Scopes{"of the row before"}, Words{"of the row before"}
		text := strings.Join(words, " ")
		if err := scopes.Scan([]byte(text)); err != nil || !slices.Equal([]string(scopes), words) {
			t.Errorf("%q became %q: %v", words, scopes, err)
		}
		if err := amr.Scan(text); err != nil || !slices.Equal([]string(amr), words) {
			t.Errorf("%q became %q: %v", words, amr, err)
		}
		if v, _ := scopes.Value(); v != text {
			t.Errorf("%q is written as %q", words, v)
		}
		if v, _ := amr.Value(); v != text {
			t.Errorf("%q is written as %q", words, v)
		}
	}
	for _, scan := range []func(any) error{new(Scopes).Scan, new(Words).Scan, new(RedirectURIs).Scan} {
		if scan(7) == nil {
			t.Error("a number is a list")
		}
		if err := scan(nil); err != nil {
			t.Error(err)
		}
	}
}

// RFC 6749 §3.3: what may be granted, of what was asked for.
func TestGrantable(t *testing.T) {
	t.Parallel()
	known := map[string]Scope{}
	for _, name := range []string{"openid", "email", "offline_access", "read", "write", "admin"} {
		known[name] = Scope{Name: name}
	}
	c := &Client{Scopes: Scopes{"openid", "email", "offline_access", "read", "write"}}
	for _, k := range []struct{ query, want, rule string }{
		{"scope=read", "read", ""},
		{"scope=write+openid+read", "write openid read", ""},
		{"scope=read+read", "read", ""},
		{"", "read write", ""},       // person scopes have to be asked for by name
		{"scope=", "read write", ""}, // as if omitted (§3.1)
		{"scope=read+admin", "", "invalid_scope scope_allowed"},
		{"scope=read+nosuch", "", "invalid_scope scope_known"},
		{"scope=Read", "", "invalid_scope scope_known"},
		{"scope=read++write", "", "invalid_scope scope_syntax"},
		{"scope=read%0awrite", "", "invalid_scope scope_syntax"},
		{"scope=%22", "", "invalid_scope scope_syntax"},
		{"scope=+", "", "invalid_scope scope_syntax"},
	} {
		got, err := c.grantable(parse(t, k.query), known, nil)
		if got.String() != k.want || rule(err) != k.rule {
			t.Errorf("%q: %q, %s", k.query, got, rule(err))
		}
	}
}

// OpenID Connect Core §11; product.md: without offline access a sign-in ends with its browser session.
func TestMayRefresh(t *testing.T) {
	t.Parallel()
	for scope, may := range map[string]bool{
		"": true, "read": true, "openid": false, "openid read": false, "openid offline_access": true, "offline_access": true,
	} {
		scopes, err := ParseScopes(scope)
		if err != nil {
			t.Fatal(err)
		}
		if mayRefresh(scopes) != may || boundToSession(scopes) == may {
			t.Errorf("%q: refresh %t, bound to the session %t", scope, mayRefresh(scopes), boundToSession(scopes))
		}
	}
}

// scopeGrammar is RFC 6749 §3.3, word for word.
var scopeGrammar = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*$`)

func FuzzParseScopes(f *testing.F) {
	for _, s := range []string{"", "openid profile", " a", "a ", "a  b", "\"", `a\b`, "é", "a a", "a b a c b", "a\tb", "a\nb", "a\x00", "a\u00a0b", strings.Repeat("ab ", maxScope/3) + "c", strings.Repeat("ab ", maxScope/3) + "cd"} {
		f.Add(s, "b c a")
	}
	f.Fuzz(func(t *testing.T, s, others string) {
		scopes, err := ParseScopes(s)
		if (err == nil) != (s == "" || len(s) <= maxScope && scopeGrammar.MatchString(s)) {
			t.Fatalf("%q: %v", s, err)
		}
		if err != nil {
			if scopes != nil {
				t.Errorf("%q is %q, %v", s, scopes, err)
			}
			return
		}
		var once Scopes // each name once, in the order of its first coming
		seen := map[string]bool{"": true}
		for name := range strings.SplitSeq(s, " ") {
			if !seen[name] {
				seen[name], once = true, append(once, name)
			}
		}
		if !slices.Equal(scopes, once) {
			t.Errorf("%q is %q", s, scopes)
		}
		again, err := ParseScopes(scopes.String())
		if err != nil || !slices.Equal(again, scopes) || len(scopes.String()) > len(s) {
			t.Errorf("%q is %q, and then %q, %v", s, scopes, again, err)
		}
		var kept Scopes
		if err := kept.Scan([]byte(scopes.String())); err != nil || !slices.Equal(kept, scopes) {
			t.Errorf("%q comes back as %q, %v", scopes, kept, err)
		}

		allowed, err := ParseScopes(others)
		if err != nil {
			return
		}
		common, missing := scopes.Common(allowed), allowed.Missing(scopes)
		if len(common)+len(missing) != len(scopes) || !scopes.Covers(common) || !allowed.Covers(common) || allowed.Covers(scopes) != (len(missing) == 0) {
			t.Errorf("of %q, %q are among %q, and %q are not", scopes, common, allowed, missing)
		}
		for _, name := range missing {
			if allowed.Has(name) || !scopes.Has(name) {
				t.Errorf("%q is missing among %q", name, allowed)
			}
		}
	})
}
