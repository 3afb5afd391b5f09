package oauth

import (
	"reflect"
	"testing"
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

func FuzzParseParams(f *testing.F) {
	for _, s := range []string{"", "a=1&a=2", "a=%zz", "a=%00", "a;b", "=&=", "a=\xff", "a=%C3%A9+%2B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, e := ParseParams(raw)
		if e != nil {
			return
		}
		for name, value := range p.values {
			if value == "" || !ValidText(name) || !ValidText(value) || p.Twice(name) {
				t.Errorf("%q holds %q=%q", raw, name, value)
			}
		}
		again, e := ParseParams(p.encode())
		if e != nil {
			t.Fatalf("%q became %q", raw, p.encode())
		}
		for _, name := range authorizeParams {
			if again.Get(name) != p.Get(name) {
				t.Errorf("%q: %s is %q, and then %q", raw, name, p.Get(name), again.Get(name))
			}
		}
	})
}
