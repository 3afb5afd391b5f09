package oauth

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// RFC 6749 §3.1, §3.2 and Appendix B; cases 13, 20, 37.
func TestParseParams(t *testing.T) {
	t.Parallel()
	p := parse(t, "code=abc&empty=&state=a%20b+c%2B%26%3D&twice=1&twice=2&same=1&same=1&blank=&blank=x&%63lient_id=cl_a&utf=%C3%A9&flag&=nameless&Code=upper")
	for name, want := range map[string]string{
		"code": "abc", "Code": "upper", "client_id": "cl_a", "state": "a b c+&=", "utf": "é",
		"empty": "", "flag": "", "missing": "", "twice": "", "same": "", "blank": "",
	} {
		if got := p.Get(name); got != want {
			t.Errorf("Get(%q) is %q", name, got)
		}
		if p.Has(name) != (want != "") {
			t.Errorf("Has(%q) is %t", name, p.Has(name))
		}
		twice := name == "twice" || name == "same" || name == "blank"
		if p.Twice(name) != twice {
			t.Errorf("Twice(%q) is %t", name, p.Twice(name))
		}
	}
	for _, c := range []struct{ raw, rule string }{
		{"a=%zz", "invalid_request parameters_urlencoded"},
		{"a=%", "invalid_request parameters_urlencoded"},
		{"%=a", "invalid_request parameters_urlencoded"},
		{"a=1;b=2", "invalid_request parameters_urlencoded"},
		{"a=%00", "invalid_request parameters_text"},
		{"a%00=1", "invalid_request parameters_text"},
		{"a=%ff", "invalid_request parameters_text"},
		{"a=\xff", "invalid_request parameters_text"},
		{"%c3%28=1", "invalid_request parameters_text"},
		{"a=1&a=%ff", "invalid_request parameters_text"},
		{"a=%ed%a0%80", "invalid_request parameters_text"}, // half a surrogate pair
		{"", ""},
		{"&&", ""},
		{"a=%0d%0a", ""}, // text, if not pretty: every rule looks at what it uses
	} {
		if _, e := ParseParams(c.raw); refused(e) != c.rule {
			t.Errorf("%q: %s", c.raw, refused(e))
		}
	}
}

func TestParams_once(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"a=1&b=2": "", "a=&b=": "", "state=1&state=2": "invalid_request parameter_once", "code=&code=": "invalid_request parameter_once",
		"unknown=1&unknown=1": "invalid_request parameter_once",
		// RFC 8707 §2 allows several.
		"resource=https://a&resource=https://b":                 "",
		"resource=https://a&resource=https://b&code=1&code=2":   "invalid_request parameter_once",
		"scope=a&scope=b&resource=https://a&resource=https://b": "invalid_request parameter_once",
	} {
		if got := refused(parse(t, query).once()); got != want {
			t.Errorf("%q: %s", query, got)
		}
	}
}

// A request that is put aside comes back as it was, without what means nothing.
func TestParams_comeBackFromTheirEncoding(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"": "", "state=1&nonce=%26%3D+%2B&login_hint=é": "state=1&nonce=%26%3D+%2B&login_hint=é", "state=%0d%0a": "state=%0d%0a",
		"state=1&password=hunter2&client_secret=x&pad=y": "state=1", "max_age=&=x": "",
	} {
		p := parse(t, raw)
		if again := parse(t, p.encode()); !reflect.DeepEqual(again, parse(t, want)) {
			t.Errorf("%q became %q", raw, p.encode())
		}
	}
}

// urldecode reads an urlencoded body from the definition (RFC 6749, Appendix B), all values by name. What is no text, no
// encoding or separated by semicolons is refused.
func urldecode(raw string) (all map[string][]string, ok bool) {
	all = map[string][]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		var read [2]strings.Builder // name and value
		half := 0
		for i := 0; i < len(pair); i++ {
			b := pair[i]
			switch {
			case b == ';':
				return nil, false
			case b == '=' && half == 0:
				half = 1
				continue
			case b == '+':
				b = ' '
			case b == '%':
				n, err := strconv.ParseUint(pair[min(i+1, len(pair)):min(i+3, len(pair))], 16, 8)
				if err != nil || i+3 > len(pair) {
					return nil, false
				}
				b, i = byte(n), i+2
			}
			if b == 0 {
				return nil, false
			}
			read[half].WriteByte(b)
		}
		name, value := read[0].String(), read[1].String()
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, false
		}
		all[name] = append(all[name], value)
	}
	return all, true
}

func FuzzParseParams(f *testing.F) {
	for _, s := range []string{
		"", "a=1&a=2", "a=%zz", "a=%", "a=%4", "a=%+1", "a=%00", "a%00=1", "a;b", "a=%3B", "=&=", "a=\xff", "a=%C3%A9+%2B", "%61=1&a=", "a=%C3&b=%A9", "&&a&", "a=1&a=%ff",
		"client_id=cl_a&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=a%20b&resource=x&resource=y", "a=%ed%a0%80", "a==b=&b=c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, e := ParseParams(raw)
		want, ok := urldecode(raw)
		if ok != (e == nil) && strings.Count(raw, "&") < 1000 { // net/url has a limit, far beyond any request
			t.Fatalf("%q: %v", raw, e)
		}
		if e != nil {
			if e.Code != "invalid_request" || len(p.values)+len(p.twice) > 0 {
				t.Errorf("%q is refused as %v, and yet read: %+v", raw, e, p)
			}
			return
		}
		var twice bool
		for name, values := range want {
			if name == paramResource { // the one of which there may be several
				if got := slices.Compact(slices.Sorted(slices.Values(append(values, "")))); !slices.Equal(slices.Sorted(slices.Values(append(p.resources, ""))), got) {
					t.Errorf("%q: the resources are %q", raw, p.resources)
				}
				continue
			}
			one := values[0]
			if len(values) > 1 {
				one, twice = "", true
			}
			if p.Get(name) != one || p.Has(name) != (one != "") || p.Twice(name) != (len(values) > 1) {
				t.Errorf("%q: %q is %q, twice %t", raw, name, p.Get(name), p.Twice(name))
			}
		}
		for name := range p.values {
			if len(want[name]) != 1 {
				t.Errorf("%q has no %q", raw, name)
			}
		}
		if (p.once() != nil) != twice {
			t.Errorf("%q: %v", raw, p.once())
		}
		again, e := ParseParams(p.encode())
		if e != nil {
			t.Fatalf("%q became %q", raw, p.encode())
		}
		if !slices.Equal(again.resources, p.resources) {
			t.Errorf("%q: the resources are %q, and then %q", raw, p.resources, again.resources)
		}
		for _, name := range authorizeParams {
			if again.Get(name) != p.Get(name) {
				t.Errorf("%q: %s is %q, and then %q", raw, name, p.Get(name), again.Get(name))
			}
		}
	})
}
