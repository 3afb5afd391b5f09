package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	view "gatehouse/views/console"
)

// newClient is an ordinary web application that signs people in.
func newClient() *oauth.Client {
	return &oauth.Client{
		ApplicationType: oauth.ApplicationWeb, TokenEndpointAuthMethod: oauth.AuthBasic, IDTokenSignedResponseAlg: oauth.IDTokenAlgs[0],
		GrantTypes: oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}, RequirePKCE: true,
		// offline_access beside openid: without it the refresh token that is ticked would never come.
		Scopes: oauth.Scopes{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopeOfflineAccess},
	}
}

// copyOf is a new client that is registered as the other is. Secrets are nobody else's.
func copyOf(other *oauth.Client) *oauth.Client {
	const ending = " copy"
	c := *other
	name := []rune(c.Name)
	c.Name = string(name[:min(len(name), oauth.MaxClientName-len(ending))]) + ending
	c.ID, c.DisabledAt, c.Version = "", nil, 0
	return &c
}

// clientOfAPI is an API's own client, which introspects and asks for no tokens.
func clientOfAPI(a *oauth.API) *oauth.Client {
	c := newClient()
	c.Name, c.ResourceServer, c.GrantTypes, c.Scopes = a.Name, a.Identifier, nil, nil
	return c
}

// fillNew gives a new client what was typed, right or wrong: all there is in one form.
func fillNew(c *oauth.Client, sent url.Values) {
	fillSettings(c, sent)
	fillScopes(c, sent)
	fillLives(c, sent)
	fillMarks(c, sent)
}

// fillSettings gives the client what was typed into the form of its settings. Empty rows count for nothing.
func fillSettings(c *oauth.Client, sent url.Values) {
	line := func(name string) string { return strings.TrimSpace(sent.Get(name)) }
	c.Name = line("client_name")
	c.ApplicationType = line("application_type")
	c.TokenEndpointAuthMethod = line("token_endpoint_auth_method")
	c.IDTokenSignedResponseAlg = line("id_token_signed_response_alg")
	c.RequirePKCE, c.FirstParty = sent.Get("require_pkce") == "true", sent.Get("first_party") == "true"
	c.Contacts = strings.FieldsFunc(sent.Get("contacts"), func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
	c.GrantTypes = once(sent["grant_types"])
	c.RedirectURIs = nil
	for _, uri := range sent["redirect_uris"] {
		if uri = strings.TrimSpace(uri); uri != "" {
			c.RedirectURIs = append(c.RedirectURIs, uri)
		}
	}
}

// once returns the words in their order, each once.
func once(words []string) []string {
	var out []string
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// formOf is the form that shows the client.
func formOf(c *oauth.Client, o oauth.Offer) view.ClientFormData {
	f := view.ClientFormData{
		ID: c.ID, Version: c.Version, CanEdit: true, ClientName: c.Name, ApplicationType: c.ApplicationType,
		AuthMethod: c.TokenEndpointAuthMethod, RedirectURIs: c.RedirectURIs, RequirePKCE: c.RequirePKCE, FirstParty: c.FirstParty,
		SigningAlg: c.IDTokenSignedResponseAlg,
		Contacts:   strings.Join(c.Contacts, "\n"), DefaultResource: c.DefaultResource, ResourceServer: c.ResourceServer, Lives: lifeFields(c, nil), Marks: markFields(c, nil),
	}
	for _, g := range o.GrantTypes {
		words := grantWords[g]
		f.Grants = append(f.Grants, view.Choice{Value: g, Label: or(words.Label, g), Hint: words.Hint, Badge: words.Badge, Tone: words.Tone, Checked: c.Allows(g)})
	}
	for _, s := range o.Scopes {
		f.Scopes = append(f.Scopes, view.Choice{Value: s.Name, Label: s.Name, Hint: s.Description, Checked: c.Scopes.Has(s.Name)})
	}
	for _, a := range o.APIs {
		f.APIs = append(f.APIs, apiLink(&a))
	}
	return f
}

// formOfStored is the form of a client that exists: it marks the grants that the client registered while they were on.
func (h *Handlers) formOfStored(c *oauth.Client, o oauth.Offer) view.ClientFormData {
	f, on := formOf(c, o), h.Rules.GrantTypes()
	for i := range f.Grants {
		if g := &f.Grants[i]; !slices.Contains(on, g.Value) {
			g.Badge, g.Tone, g.Hint = "Switched off", "warning", "This server does not take it at present. The client may keep it for when it does."
		}
	}
	return f
}

var grantWords = map[string]view.Choice{
	oauth.GrantAuthorizationCode: {Label: "Authorization code", Hint: "People sign in here and return to the application with a code."},
	oauth.GrantRefreshToken:      {Label: "Refresh token", Hint: "The application stays connected after the access token expires, where people allowed offline access."},
	oauth.GrantClientCredentials: {Label: "Client credentials", Hint: "The application acts as itself, without a person. It needs a secret."},
	oauth.GrantPassword: {
		Label: "Password", Badge: "Avoid", Tone: "danger",
		Hint: "The application takes people's passwords itself. Only for one of your own that cannot open a browser (RFC 9700 §2.4).",
	},
	oauth.GrantImplicit: {
		Label: "Implicit", Badge: "Avoid", Tone: "danger",
		Hint: "The access token travels in the browser's address, where others can read it. Choose the authorization code instead (RFC 9700 §2.1.2).",
	},
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// changeRows gives the form a row of redirect URIs more or less, where that is what was asked for. Then nothing is saved.
func changeRows(f *view.ClientFormData, sent url.Values) bool {
	rows := slices.Clone(sent["redirect_uris"])
	switch {
	case sent.Has("add_redirect_uri"):
		rows = append(rows, "")
		f.AddedURI = true
	case sent.Has("remove_redirect_uri"):
		f.RemovedURI = true
		if i, err := strconv.Atoi(sent.Get("remove_redirect_uri")); err == nil && i >= 0 && i < len(rows) {
			rows = slices.Delete(rows, i, i+1)
		}
	default:
		return false
	}
	f.RedirectURIs = rows
	return true
}

// faults asks the rules what is wrong with the client, by the names of the form's fields.
func faults(c *oauth.Client, o oauth.Offer) fault.Fields {
	f := c.Validate(o)
	if message, wrong := f["scope"]; wrong {
		delete(f, "scope")
		f.Add("scopes", message)
	}
	return f
}

// differences lists the settings in which the two differ, in the order of the form.
func differences(before, after *oauth.Client) []difference {
	var out compared
	compare := out.setting
	compare("client_name", "Name", before.Name, after.Name)
	compare("application_type", "Type", before.ApplicationType, after.ApplicationType)
	compare("token_endpoint_auth_method", "Authentication", before.TokenEndpointAuthMethod, after.TokenEndpointAuthMethod)
	compare("redirect_uris", "Redirect URIs", strings.Join(before.RedirectURIs, " "), strings.Join(after.RedirectURIs, " "))
	compare("grant_types", "Grants", set(before.GrantTypes), set(after.GrantTypes))
	compare("scope", "Scopes", set(before.Scopes), set(after.Scopes))
	compare("default_resource", "Tokens are for", before.DefaultResource, after.DefaultResource)
	compare("resource_server", "Own client of", before.ResourceServer, after.ResourceServer)
	compare("require_pkce", "Require PKCE", strconv.FormatBool(before.RequirePKCE), strconv.FormatBool(after.RequirePKCE))
	compare("first_party", "An application of our own", strconv.FormatBool(before.FirstParty), strconv.FormatBool(after.FirstParty))
	compare("id_token_signed_response_alg", "ID token signature", before.IDTokenSignedResponseAlg, after.IDTokenSignedResponseAlg)
	for _, l := range lives {
		compare(l.Name, l.Label, policy.FormatSeconds(*l.of(before)), policy.FormatSeconds(*l.of(after)))
	}
	for _, m := range clientMarks {
		compare(m.name, view.ClientLabel(m.name), *m.of(before), *m.of(after))
	}
	compare("contacts", "Contacts", strings.Join(before.Contacts, " "), strings.Join(after.Contacts, " "))
	return out
}

// set writes words whose order means nothing.
func set(words []string) string { return strings.Join(slices.Sorted(slices.Values(words)), " ") }
