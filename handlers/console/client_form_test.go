package console

import (
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
	fill(&c, sent)
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
	fill(&again, url.Values{
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
