package console

import (
	"maps"
	"net/url"
	"slices"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
)

func TestParseLife(t *testing.T) {
	t.Parallel()
	for typed, seconds := range map[string]int64{
		"": 0, "  ": 0, "5": 300, " 15 ": 900, "1440": 86400, "90s": 90, "2h": 7200, "1H 30M": 5400, "15 min": 900, "24h": 86400,
		"0": -1, "-5": -1, "0s": -1, "-5s": -1, "1441": -1, "99999999999999999999": -1, "1.5": -1, "1.5s": -1, "500ms": -1, "abc": -1, "min": -1, "5 days": -1, "٥": -1,
	} {
		if got := parseLife(typed); got != seconds {
			t.Errorf("%q: %d, want %d", typed, got, seconds)
		}
	}
	for _, seconds := range []int64{0, 60, 90, 3600, 86400, 61} {
		if got := parseLife(lifeTyped(seconds)); got != seconds {
			t.Errorf("%d comes back from the form as %d", seconds, got)
		}
	}
}

func TestFillNewAPI_readsWhatTheFormShows(t *testing.T) {
	t.Parallel()
	sent := url.Values{"name": {" Orders "}, "identifier": {" https://orders.example "}, "access_token_ttl": {"10"}, "signing_alg": {keys.HS256}, "claims": {oauth.ClaimsTutorial}}
	var jwt, opaque oauth.API
	for format, a := range map[string]*oauth.API{oauth.FormatJWT: &jwt, oauth.FormatOpaque: &opaque} {
		sent.Set("token_format", format)
		fillAPI(a, sent)
		fillNewAPI(a, sent)
		if f := apiFaults(a, "https://id.example", nil); len(f) > 0 || a.Name != "Orders" || a.Identifier != "https://orders.example" || a.AccessTokenTTL != 600 {
			t.Errorf("%s: %v %+v", format, f, a)
		}
	}
	if jwt.SigningAlg != keys.HS256 || jwt.Claims != oauth.ClaimsTutorial || opaque.SigningAlg != "" || opaque.Claims != oauth.ClaimsStandard {
		t.Errorf("%+v %+v", jwt, opaque)
	}
}

func TestReadScopes(t *testing.T) {
	t.Parallel()
	known := []oauth.Scope{{Name: "openid", Description: "Know who you are", Builtin: true}, {Name: "house", Description: "Ours", Builtin: true}, {Name: "read", Description: "Read"}}
	for _, c := range []struct {
		name      string
		row       view.ScopeRow
		field     string // of the fault, if any
		missing   bool
		described bool
	}{
		{"a new one", view.ScopeRow{Name: "write", Description: "Write"}, "", true, false},
		{"one that exists", view.ScopeRow{Name: "read"}, "", false, false},
		{"one that exists, in its own words", view.ScopeRow{Name: "read", Description: "Read"}, "", false, false},
		{"untouched since it was shown", view.ScopeRow{Name: "read", Description: "Old", Shown: "Old"}, "", false, false},
		{"described knowingly", view.ScopeRow{Name: "read", Description: "Read it", Shown: "Read"}, "", false, true},
		{"described unseen", view.ScopeRow{Name: "read", Description: "Read it"}, "scope_descriptions.0", false, false},
		{"described over what somebody else wrote", view.ScopeRow{Name: "read", Description: "Read it", Shown: "Old"}, "scope_descriptions.0", false, false},
		{"described badly", view.ScopeRow{Name: "read", Description: "Read\u202eit", Shown: "Read"}, "scope_descriptions.0", false, false},
		{"a new one that shows what another was", view.ScopeRow{Name: "write", Shown: "Read"}, "scope_descriptions.0", false, false},
		{"OpenID's own", view.ScopeRow{Name: "openid"}, "scope_names.0", false, false},
		{"OpenID's own that does not exist here", view.ScopeRow{Name: "phone", Description: "Call"}, "scope_names.0", false, false},
		{"another that is built in", view.ScopeRow{Name: "house"}, "scope_names.0", false, false},
		{"no name", view.ScopeRow{Description: "Write"}, "scope_names.0", false, false},
		{"a name that is none", view.ScopeRow{Name: `a"b`, Description: "Write"}, "scope_names.0", false, false},
	} {
		rows := []view.ScopeRow{c.row}
		asked, f := readScopes(rows, known)
		if c.field == "" && len(f) > 0 || c.field != "" && (len(f) != 1 || f[c.field] == "") || (len(asked.missing) > 0) != c.missing || (len(asked.described) > 0) != c.described {
			t.Errorf("%s: %v %+v", c.name, f, asked)
		}
		// What is refused for being unseen has been seen when the form comes back.
		if c.row.Name == "read" && c.field != "" && c.name != "described badly" {
			if asked, f := readScopes(rows, known); len(f) > 0 || len(asked.described) != 1 || asked.described[0].before != "Read" {
				t.Errorf("%s, again: %v %+v", c.name, f, asked)
			}
		}
	}
	asked, f := readScopes([]view.ScopeRow{{Name: "read"}, {}, {Name: "write", Description: "Write"}}, known)
	if len(f) > 0 || asked.names.String() != "read write" {
		t.Errorf("an empty row: %v %+v", f, asked)
	}
}

func TestChangeScopeRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		button, value string
		expected      []string
		changed       bool
	}{
		{"add_scope", "1", []string{"a", "", "c", ""}, true},
		{"remove_scope", "1", []string{"a", "c"}, true},
		{"remove_scope", "3", []string{"a", "", "c"}, true},
		{"remove_scope", "-1", []string{"a", "", "c"}, true},
		{"remove_scope", "x", []string{"a", "", "c"}, true},
		{"", "", []string{"a", "", "c"}, false},
	} {
		sent := url.Values{"scope_names": {"a", "", "c"}, "scope_descriptions": {"A"}}
		if c.button != "" {
			sent.Set(c.button, c.value)
		}
		rows, added, removed := changeScopeRows(scopeRows(sent), sent)
		var names []string
		for _, row := range rows {
			names = append(names, row.Name)
		}
		if added != (c.button == "add_scope") || removed != (c.button == "remove_scope") || !slices.Equal(names, c.expected) || rows[0].Description != "A" {
			t.Errorf("%s=%s: %q", c.button, c.value, names)
		}
	}
}

func TestAPIDifferences_nameWhatChanged(t *testing.T) {
	t.Parallel()
	a := oauth.API{Name: "Orders", Scopes: oauth.Scopes{"read", "write"}, AccessTokenTTL: 60}
	b := a
	b.Scopes = oauth.Scopes{"write", "read"}
	if d := apiDifferences(&a, &b, scopesAsked{}); len(d) > 0 {
		t.Errorf("the order of scopes means nothing: %+v", d)
	}
	b.Name, b.Scopes, b.AccessTokenTTL = "Other", oauth.Scopes{"read", "list"}, 0
	asked := scopesAsked{missing: []oauth.Scope{{Name: "list"}}, described: []described{{oauth.Scope{Name: "read", Description: "See"}, "Use"}}}
	if got, want := changes(apiDifferences(&a, &b, asked)), (map[string]audit.Change{
		"name": {Before: "Orders", After: "Other"}, "scope": {Before: "read write", After: "list read"}, "new_scopes": {After: "list"},
		"description.read": {Before: "Use", After: "See"}, "access_token_ttl": {Before: "60", After: "0"},
	}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
