package console

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
)

var everything = oauth.Offer{
	GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
	Scopes:     []oauth.Scope{{Name: "openid"}, {Name: "profile"}, {Name: "email"}, {Name: "offline_access"}, {Name: "invoices:read"}},
	APIs:       []oauth.API{{Identifier: "https://orders.example", Name: "Orders"}},
}

func TestFill_readsWhatTheFormShows(t *testing.T) {
	t.Parallel()
	sent := url.Values{
		"client_name": {"  Invoices "}, "application_type": {"web"}, "token_endpoint_auth_method": {"client_secret_post"},
		"id_token_signed_response_alg": {"ES256"}, "require_pkce": {"true"}, "client_uri": {"https://app.example/ "},
		"policy_uri": {"https://app.example/privacy"}, "tos_uri": {""}, "contacts": {"a@app.example\r\nb@app.example, c@app.example"},
		"grant_types": {"authorization_code", "refresh_token", "refresh_token"}, "scopes": {"openid", "invoices:read", "openid"},
		"redirect_uris":    {"", " https://app.example/cb", "https://app.example/other", ""},
		"default_resource": {"https://orders.example"}, "resource_server": {"https://orders.example "},
	}
	var c oauth.Client
	fillNew(&c, sent)
	if f := faults(&c, everything); len(f) > 0 {
		t.Fatal(f)
	}
	if c.Name != "Invoices" || c.ClientURI != "https://app.example/" || !c.RequirePKCE || c.Scopes.String() != "openid invoices:read" ||
		c.DefaultResource != "https://orders.example" || c.ResourceServer != "https://orders.example" ||
		strings.Join(c.GrantTypes, " ") != "authorization_code refresh_token" || len(c.Contacts) != 3 ||
		!slices.Equal(c.RedirectURIs, []string{"https://app.example/cb", "https://app.example/other"}) {
		t.Errorf("%+v", c)
	}

	// What the form shows of it says the same again.
	f := formOf(&c, everything)
	again := oauth.Client{}
	fillNew(&again, url.Values{
		"client_name": {f.ClientName}, "application_type": {f.ApplicationType}, "token_endpoint_auth_method": {f.AuthMethod},
		"id_token_signed_response_alg": {f.SigningAlg}, "require_pkce": {"true"}, "contacts": {f.Contacts}, "redirect_uris": f.RedirectURIs,
		"grant_types": {"authorization_code", "refresh_token"}, "scopes": {"openid", "invoices:read"},
		"default_resource": {f.DefaultResource}, "resource_server": {f.ResourceServer},
	})
	marks := url.Values{}
	for _, m := range f.Marks {
		marks.Set(m.Name, m.Value)
	}
	fillMarks(&again, marks)
	if d := differences(&c, &again); len(d) > 0 {
		t.Errorf("%+v", d)
	}
}

func TestNewClient_isAlmostValid(t *testing.T) {
	t.Parallel()
	c := newClient()
	f := faults(c, everything)
	if len(f) != 2 || f["client_name"] == "" || f["redirect_uris"] == "" {
		t.Errorf("only name and redirect URI are the person's to give: %v", f)
	}
}

func TestFaults_haveTheNamesOfTheForm(t *testing.T) {
	t.Parallel()
	c := newClient()
	c.Scopes = append(c.Scopes, "unheard-of")
	if f := faults(c, everything); f["scopes"] == "" || f["scope"] != "" {
		t.Error(f)
	}
}

func TestChangeRows(t *testing.T) {
	t.Parallel()
	rows := []string{"a", "", "c"}
	for _, test := range []struct {
		button, value string
		expected      []string
		changed       bool
	}{
		{"add_redirect_uri", "1", []string{"a", "", "c", ""}, true},
		{"remove_redirect_uri", "1", []string{"a", "c"}, true},
		{"remove_redirect_uri", "3", rows, true},
		{"remove_redirect_uri", "-1", rows, true},
		{"remove_redirect_uri", "x", rows, true},
		{"", "", nil, false},
	} {
		f := formOf(&oauth.Client{}, everything)
		sent := url.Values{"redirect_uris": slices.Clone(rows)}
		if test.button != "" {
			sent.Set(test.button, test.value)
		}
		if changed := changeRows(&f, sent); changed != test.changed || !slices.Equal(f.RedirectURIs, test.expected) {
			t.Errorf("%s=%s: %v, %q", test.button, test.value, changed, f.RedirectURIs)
		}
	}
}

func TestDifferences_nameWhatChanged(t *testing.T) {
	t.Parallel()
	a := newClient()
	b := *a
	b.Name, b.RequirePKCE, b.RedirectURIs = "Other", false, oauth.RedirectURIs{"https://app.example/cb"}
	b.DefaultResource, b.ResourceServer = "https://orders.example", "urn:example:files"
	got := changes(differences(a, &b))
	if len(got) != 5 || got["default_resource"].After != b.DefaultResource || got["resource_server"].After != b.ResourceServer || got["client_name"].After != "Other" || got["require_pkce"].Before != "true" || got["redirect_uris"].After != "https://app.example/cb" {
		t.Errorf("%+v", got)
	}
	b = *a
	b.Scopes = slices.Clone(a.Scopes)
	slices.Reverse(b.Scopes)
	if d := differences(a, &b); len(d) > 0 {
		t.Errorf("the order of scopes means nothing: %+v", d)
	}
}

func TestIDOf_isOneForAForm(t *testing.T) {
	t.Parallel()
	token := secret.New("")
	id := idOf(token)
	if len(id) != 22 || id != idOf(token) || id == idOf(secret.New("")) || id == idOf(token, "cl_x") || strings.Contains(token, id) {
		t.Error(token, id)
	}
	for _, wrong := range []string{"", "short"} {
		if idOf(wrong) != "" {
			t.Error(wrong)
		}
	}
}

// A form is told of its own fields, and of what it breaks on another tab. What was wrong there before stops nobody.
func TestFaultsOn(t *testing.T) {
	t.Parallel()
	right := newClient()
	right.Name, right.RedirectURIs = "Invoices", oauth.RedirectURIs{"https://app.example/cb"}
	gone := *right
	gone.DefaultResource = "https://gone.example"
	with := func(c *oauth.Client, change func(c *oauth.Client)) *oauth.Client {
		changed := *c
		change(&changed)
		return &changed
	}
	rename := func(c *oauth.Client) { c.Name = "Bills" }
	lone := func(c *oauth.Client) { c.GrantTypes = oauth.Words{oauth.GrantClientCredentials} }
	for _, c := range []struct {
		name           string
		stored, client *oauth.Client
		fields         string // in which something is wrong
		says           string // of the whole
	}{
		{"nothing", right, with(right, rename), "", ""},
		{"a field of the form", right, with(right, func(c *oauth.Client) { c.Name = "" }), "client_name", ""},
		{"a row of the form", right, with(right, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{"nowhere"} }), "redirect_uris.0", ""},
		{"what another tab has", right, with(right, lone), "", "Scopes: These need a person, and so a grant in which one takes part: openid, profile, email, offline_access. That is under Scopes and APIs."},
		{"what was wrong before", &gone, with(&gone, rename), "", ""},
		{"what was wrong before, and more", &gone, with(&gone, lone), "", "That is under Scopes and APIs."},
	} {
		got := faultsOn(settingsTab, c.stored, c.client, everything)
		says := got[""]
		delete(got, "")
		if fields := strings.Join(slices.Sorted(maps.Keys(got)), " "); fields != c.fields || (says == "") != (c.says == "") || !strings.HasSuffix(says, c.says) {
			t.Errorf("%s: in %q, and %q", c.name, fields, says)
		}
	}
	for field, tab := range map[string]string{"client_name": "Settings", "default_resource": "Scopes and APIs", "id_token_ttl": "Lifetimes", "logo": "Branding", "accent_color": "Branding"} {
		if got := tabOf(field); got != tab {
			t.Errorf("%s is said to be under %s", field, got)
		}
	}
}
