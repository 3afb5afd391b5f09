package oauth

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func basic(id, sec string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+sec))
}

// RFC 6749 §2.3, §2.3.1; RFC 7521 §4.2; cases 1, 2, 5, 6, 7.
func TestParseCredentials(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString
	none, failed, twice := Credentials{}, "invalid_client basic_syntax", "invalid_request client_authentication_single"
	for _, c := range []struct {
		name, header, body string
		want               Credentials
		rule               string
	}{
		{"nothing", "", "", none, ""},
		{"Basic", basic("cl_a", "s"), "", Credentials{AuthBasic, "cl_a", "s"}, ""},
		{"the scheme in any case", "bAsIc" + strings.TrimPrefix(basic("cl_a", "s"), "Basic"), "", Credentials{AuthBasic, "cl_a", "s"}, ""},
		{"Basic and the same client_id in the body", basic("cl_a", "s"), "client_id=cl_a", Credentials{AuthBasic, "cl_a", "s"}, ""},
		{"Basic with an empty secret", basic("cl_a", ""), "", Credentials{AuthBasic, "cl_a", ""}, ""},
		{"Basic and an empty client_secret, which counts as none", basic("cl_a", "s"), "client_secret=", Credentials{AuthBasic, "cl_a", "s"}, ""},
		{"urlencoded halves", basic("a%3Ab", "%25+%2B%3A%C3%A9"), "", Credentials{AuthBasic, "a:b", "% +:é"}, ""},
		{"Post", "", "client_id=cl_a&client_secret=s", Credentials{AuthPost, "cl_a", "s"}, ""},
		{"public", "", "client_id=cl_a", Credentials{AuthNone, "cl_a", ""}, ""},
		{"public with an empty client_secret", "", "client_id=cl_a&client_secret=", Credentials{AuthNone, "cl_a", ""}, ""},
		{"a secret of nobody", "", "client_secret=s", Credentials{AuthPost, "", "s"}, ""},
		{"empty Basic (security.md rule 16)", "Basic Og==", "", Credentials{AuthBasic, "", ""}, ""},

		{"bad base64", "Basic !!!", "", none, failed},
		{"base64 without padding", "Basic " + strings.TrimRight(b64([]byte("cl_a:ss")), "="), "", none, failed},
		{"base64url", "Basic " + base64.URLEncoding.EncodeToString([]byte("cl_a:\xfb\xff")), "", none, failed},
		{"base64 with bits beyond its last byte", "Basic Oh==", "", none, failed},
		{"base64 with a line break", "Basic O\r\ng==", "", none, failed},
		{"no credentials", "Basic", "", none, failed},
		{"a space for credentials", "Basic ", "", none, failed},
		{"one part", "Basic " + b64([]byte("cl_a")), "", none, failed},
		{"three parts", "Basic " + b64([]byte("cl_a:s:t")), "", none, failed},
		{"a broken %zz in the id", basic("cl_%zz", "s"), "", none, failed},
		{"a broken %zz in the secret", basic("cl_a", "%zz"), "", none, failed},
		{"a % at the end", basic("cl_a", "s%"), "", none, failed},
		{"an encoded NUL", basic("cl_a%00", "s"), "", none, failed},
		{"a NUL in the secret", basic("cl_a", "\x00"), "", none, failed},
		{"encoded bytes that are not UTF-8", basic("cl_a", "%ff"), "", none, failed},
		{"Bearer", "Bearer " + b64([]byte("cl_a:s")), "", none, failed},
		{"Digest", `Digest username="cl_a"`, "", none, failed},
		{"two schemes", "Basic, " + basic("cl_a", "s"), "", none, failed},

		{"Basic and a secret in the body", basic("cl_a", "s"), "client_secret=s", none, twice},
		{"Basic and both in the body", basic("cl_a", "s"), "client_id=cl_a&client_secret=s", none, twice},
		{"Basic and another client_id", basic("cl_a", "s"), "client_id=cl_b", none, "invalid_request client_id_same"},
		{"an assertion and Basic", basic("cl_a", "s"), "client_assertion=x&client_assertion_type=y", none, twice},
		{"an assertion and a secret", "", "client_id=cl_a&client_secret=s&client_assertion=x", none, twice},
		{"an assertion's type and Basic", basic("cl_a", "s"), "client_assertion_type=y", none, twice},
		{"an assertion alone, which we do not take", "", "client_id=cl_a&client_assertion=x&client_assertion_type=y", none, "invalid_client token_endpoint_auth_method_supported"},
	} {
		got, e := ParseCredentials(c.header, parse(t, c.body))
		if got != c.want || refused(e) != c.rule {
			t.Errorf("%s: %+v, %s", c.name, got, refused(e))
		}
		if e != nil && (e.Code == "invalid_client") != (e.Status() == http.StatusUnauthorized && e.AuthenticateBasic) {
			t.Errorf("%s: status %d, WWW-Authenticate %t", c.name, e.Status(), e.AuthenticateBasic) // RFC 6749 §5.2
		}
		if e != nil && strings.Contains(string(e.Cause().Received), "s:t") {
			t.Errorf("%s: the audit log would keep %q", c.name, e.Cause().Received)
		}
	}
}

// Every way to fail answers alike (case 4); only the cause, which is ours, differs.
func TestParseCredentials_failuresLookTheSame(t *testing.T) {
	t.Parallel()
	same := *InvalidClient()
	for _, header := range []string{"Basic !", "Basic Og", "Bearer x", basic("a", "b:c")} {
		_, e := ParseCredentials(header, Params{})
		if e == nil || e.Cause() == nil {
			t.Fatalf("%q: %v", header, e)
		}
		public := *e
		public.cause = nil
		if public != same {
			t.Errorf("%q: %+v", header, public)
		}
	}
}

// Whoever sends nothing is nobody, and no store is asked.
func TestAuthenticate_needsSomebody(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"", "Basic Og=="} {
		c, e := ParseCredentials(header, Params{})
		if e != nil {
			t.Fatal(e)
		}
		if _, err := keyed().authenticate(t.Context(), c); rule(err) != "invalid_client client_identified" {
			t.Errorf("%q: %s", header, rule(err))
		}
	}
}

func TestClientSecret_Live(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		secret ClientSecret
		live   bool
	}{
		{"without end", ClientSecret{}, true},
		{"before its end", ClientSecret{ExpiresAt: new(noon.Add(time.Microsecond))}, true},
		{"at its end", ClientSecret{ExpiresAt: new(noon)}, false},
		{"revoked", ClientSecret{RevokedAt: new(noon)}, false},
		{"revoked before its end", ClientSecret{RevokedAt: new(noon), ExpiresAt: new(noon.Add(time.Hour))}, false},
		{"revoked some time", ClientSecret{RevokedAt: new(noon.Add(time.Hour))}, false},
	} {
		if got := c.secret.Live(noon); got != c.live {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// Credentials are written in one way, but for the scheme's case (RFC 9110 §11.1), the spaces around them, and what each half urlencodes.
func FuzzParseBasic(f *testing.F) {
	f.Add(basic("cl_a", "s"))
	f.Add(basic("a%3Ab", "%25+"))
	f.Add("Basic Og==")
	f.Add("Basic")
	f.Add("basic  Og== ")
	f.Add("Basic Og")
	f.Add("Basic Oh==")           // bits beyond the last byte
	f.Add("Basic O\r\ng==")       // base64 skips line breaks
	f.Add("Basic Y2xfYTpz\n")     //
	f.Add("Basic \u00a0Og==")     // spaces beyond ASCII
	f.Add("Basic\tOg==")          //
	f.Add("Basic Og==Og==")       // two values, joined
	f.Add("Basic Og==, Bearer x") //
	f.Add(basic("cl_a", "a:b"))
	f.Add(basic("%00", "\xff"))
	f.Fuzz(func(t *testing.T, header string) {
		c, e := parseBasic(header)
		if e != nil {
			if e.Code != "invalid_client" || e.Cause() == nil || c != (Credentials{}) {
				t.Errorf("%q: %+v, %v", header, c, e)
			}
			return
		}
		if c.Method != AuthBasic || !ValidText(c.ID) || !ValidText(c.secret) {
			t.Errorf("%q: %+v", header, c)
		}
		if len(header) < 6 || !strings.EqualFold(header[:6], "Basic ") {
			t.Fatalf("%q passes", header)
		}
		written := strings.Trim(header[6:], " ")
		pair, err := base64.StdEncoding.DecodeString(written)
		if err != nil || base64.StdEncoding.EncodeToString(pair) != written {
			t.Errorf("%q is another spelling of %q", header, basic(string(pair), ""))
		}
		if got := bytes.Count(pair, []byte(":")); got != 1 {
			t.Errorf("%q has %d colons", header, got)
		}
		if again, e := parseBasic(basic(url.QueryEscape(c.ID), url.QueryEscape(c.secret))); e != nil || again != c {
			t.Errorf("%q is %+v, and then %+v", header, c, again)
		}
	})
}

// Whatever id and secret are, they arrive as they were sent (RFC 6749 §2.3.1), and in the body they would be the same.
func FuzzParseCredentials(f *testing.F) {
	for _, s := range []struct{ id, secret string }{{"cl_a", "s"}, {"", ""}, {"a:b", "c:d"}, {"a b+c%20", "%zz& +=\r\n"}, {"é🙂", "\x00"}, {"cl_a", "\xff"}, {"https://client.example/", "~!*'()"}} {
		f.Add(s.id, s.secret)
	}
	f.Fuzz(func(t *testing.T, id, sec string) {
		body := url.Values{"client_id": {id}, "client_secret": {sec}}.Encode()
		p, inBody := ParseParams(body)
		for _, escape := range []func(string) string{url.QueryEscape, func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }} {
			got, e := ParseCredentials(basic(escape(id), escape(sec)), Params{})
			if (e == nil) != (ValidText(id) && ValidText(sec)) || (e == nil) != (inBody == nil) {
				t.Fatalf("%q and %q: %v, in the body %v", id, sec, e, inBody)
			}
			if want := (Credentials{AuthBasic, id, sec}); e == nil && got != want {
				t.Errorf("%q and %q arrive as %+v", id, sec, got)
			}
		}
		if inBody != nil {
			return
		}
		if got, e := ParseCredentials("", p); e != nil || got.ID != id || got.secret != sec || (got.Method == "") != (id == "" && sec == "") {
			t.Errorf("%q and %q arrive as %+v, %v", id, sec, got, e)
		}
		if _, e := ParseCredentials(basic("cl_a", "s"), p); (e == nil) != (sec == "" && (id == "" || id == "cl_a")) { // one way only
			t.Errorf("%q and %q beside a header: %v", id, sec, e)
		}
	})
}
