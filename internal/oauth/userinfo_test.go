package oauth

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// RFC 6750 §2, §3.1; RFC 9110 §11.1; RFC 9700 §4.3.2; cases 60 to 62.
func TestBearerToken(t *testing.T) {
	t.Parallel()
	const none, scheme = " access_token_present", " access_token_scheme"
	const twoWays, inURL, twice = "invalid_request access_token_single", "invalid_request access_token_in_header", "invalid_request parameter_once"
	for _, c := range []struct {
		name, header, query, body string
		want, rule                string
	}{
		{"the header", "Bearer abc", "", "", "abc", ""},
		{"the scheme in any case", "bEaReR abc", "", "", "abc", ""},
		{"more spaces", "Bearer   abc ", "", "", "abc", ""},
		{"the body", "", "", "access_token=abc", "abc", ""},
		{"the header and other parameters", "Bearer abc", "x=1", "y=2", "abc", ""},
		{"the header and an empty one in the body, which counts as none", "Bearer abc", "", "access_token=", "abc", ""},
		{"nothing", "", "", "", "", none},
		{"an empty one in the body", "", "", "access_token=", "", none},
		{"an empty one in the query", "", "access_token=", "", "", none},
		{"Basic", basic("cl_a", "s"), "", "", "", scheme},
		{"DPoP", "DPoP abc", "", "", "", scheme},
		{"a token without its scheme", "gh_rt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", "", "", "", scheme},
		{"Bearer run together", "Bearerabc", "", "", "", scheme},
		{"Basic and a token in the body", basic("cl_a", "s"), "", "access_token=abc", "", scheme},
		{"the header and the body", "Bearer abc", "", "access_token=abc", "", twoWays},
		{"an empty header and the body", "Bearer", "", "access_token=abc", "", twoWays},
		{"the query", "", "access_token=abc", "", "", inURL},
		{"the header and the query", "Bearer abc", "access_token=abc", "", "", inURL},
		{"the query, twice", "", "access_token=abc&access_token=abc", "", "", inURL},
		{"the body, twice", "", "", "access_token=abc&access_token=abc", "", twice},
		{"the header, and the body twice", "Bearer abc", "", "access_token=abc&access_token=abc", "", twice},
	} {
		got, e := BearerToken(c.header, parse(t, c.query), parse(t, c.body))
		if got != c.want || refused(e) != c.rule {
			t.Errorf("%s: %q, %s", c.name, got, refused(e))
		}
		if e == nil {
			continue
		}
		if !e.Bearer { // RFC 6750 §3: every refusal asks for a Bearer token
			t.Errorf("%s: no challenge", c.name)
		}
		if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusBadRequest}[e.Code == ""]; e.Status() != want {
			t.Errorf("%s: status %d", c.name, e.Status())
		}
	}
}

// security.md rule 14: what came in the header may be a token of ours without its scheme.
func TestBearerToken_keepsNoTokenInTheAuditLog(t *testing.T) {
	t.Parallel()
	const token = "gh_rt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	for _, c := range []struct{ header, query, body string }{
		{token, "", ""}, {token + " x", "", ""}, {"Token " + token, "", ""}, {"", "access_token=" + token, ""}, {"Bearer " + token, "", "access_token=" + token},
	} {
		_, e := BearerToken(c.header, parse(t, c.query), parse(t, c.body))
		if e == nil || e.Cause() == nil {
			t.Fatalf("%+v: %v", c, e)
		}
		if got := e.Cause(); strings.Contains(string(got.Received)+got.Expected+got.Remedy, "0123456789") {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// OpenID Connect Core §5.4: a scope opens its claims and no others.
func TestClaimsFor(t *testing.T) {
	t.Parallel()
	p := &Person{Subject: "alice-id", Username: "alice", Claims: map[string]any{
		"sub": "somebody-else", "name": "Alice", "preferred_username": "alice", "email": "a@example.com", "email_verified": false,
		"phone_number": "+49", "address": map[string]string{"country": "DE"}, "updated_at": int64(7), "role": "admin", "password_hash": "x",
	}}
	for scope, want := range map[string]string{
		"openid":                            "sub",
		"":                                  "sub",
		"openid profile":                    "name preferred_username sub updated_at",
		"openid email":                      "email email_verified sub",
		"email":                             "email email_verified sub",
		"openid address phone":              "address phone_number sub",
		"openid role password_hash admin":   "sub",
		"openid offline_access read sub":    "sub",
		"phone openid email profile openid": "email email_verified name phone_number preferred_username sub updated_at",
	} {
		got := p.claimsFor(strings.Fields(scope))
		if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); names != want {
			t.Errorf("%q opens %s", scope, names)
		}
		if got["sub"] != "alice-id" {
			t.Errorf("%q: sub is %v", scope, got["sub"])
		}
	}
	if got := p.claimsFor(Scopes{"email"}); got["email_verified"] != false {
		t.Errorf("email_verified is %v", got["email_verified"]) // false is a value
	}
}
