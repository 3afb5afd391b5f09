package console

import (
	"slices"

	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
)

// A profile is a kind of application that somebody registers, with what is safe for it.
type profile struct {
	view.ClientProfile
	with func(*oauth.Client) // how it differs from an ordinary web application
}

// What is set for more than one of them.
var (
	codeGrant   = view.Choice{Label: "Grants", Hint: "Authorization code and refresh token: people sign in here, and the app never sees a password."}
	publicApp   = view.Choice{Label: "Secret", Hint: "None. Whatever an app on somebody's device or in a browser holds, anybody can read."}
	pkceAlone   = view.Choice{Label: "PKCE", Hint: "Required. It alone proves that who redeems a code is who asked for it (RFC 7636)."}
	appRedirect = view.Choice{Label: "Redirect URIs", Hint: "An https address the app has claimed, a scheme of its own such as com.example.app:/callback, or http://127.0.0.1/callback, which takes any port (RFC 8252)."}
)

var profiles = []profile{
	{view.ClientProfile{
		Name: "web", Label: "Web app", Icon: "screen", Text: "Runs on a server: Django, Rails, Next.js with a backend. It keeps a secret.",
		Sets: []view.Choice{
			codeGrant, {Label: "Secret", Hint: "One, sent in the Authorization header. It stays on your server and is shown once."},
			{Label: "PKCE", Hint: "Required all the same: a stolen code is of no use (RFC 9700 §2.1.1)."},
			{Label: "Redirect URIs", Hint: "https addresses of your server, compared character by character."},
		},
	}, func(*oauth.Client) {}},
	{view.ClientProfile{
		Name: "spa", Label: "Single-page app", Icon: "app", Text: "Runs in the browser alone: React, Vue, Svelte. It cannot keep a secret.",
		Sets: []view.Choice{codeGrant, publicApp, pkceAlone, {Label: "Redirect URIs", Hint: "https addresses of your app, and http://localhost with its port while you develop."}},
	}, public},
	{view.ClientProfile{
		Name: "native", Label: "Native app", Icon: "device", Text: "Runs on a phone, a desktop or in a terminal. It opens the system's browser to sign in.",
		Sets: []view.Choice{codeGrant, publicApp, pkceAlone, appRedirect},
	}, func(c *oauth.Client) {
		public(c)
		c.ApplicationType = oauth.ApplicationNative
	}},
	{view.ClientProfile{
		Name: "service", Label: "Service", Icon: "gauge", Text: "A worker, a cron job, another backend. It acts as itself: nobody signs in.",
		Sets: []view.Choice{
			{Label: "Grants", Hint: "Client credentials: it asks for tokens with nothing but its own secret."},
			{Label: "Secret", Hint: "One, sent in the Authorization header. Add a second one to rotate without a gap."},
			{Label: "Redirect URIs", Hint: "None: no browser takes part."},
			{Label: "Scopes", Hint: "None yet. Choose those of your APIs; OpenID's are about people."},
		},
	}, func(c *oauth.Client) { c.GrantTypes, c.Scopes = oauth.Words{oauth.GrantClientCredentials}, nil }},
	{view.ClientProfile{
		Name: "first-party", Label: "App of our own", Icon: "shield", Text: "A mobile or browser app that you publish yourself. People trust it as they trust you, and are not asked to consent.",
		Sets: []view.Choice{
			codeGrant, publicApp, pkceAlone,
			{Label: "Consent", Hint: "Not asked for, if the app returns to an https address that it has claimed. With a scheme of its own or a loopback address people are asked: any program could stand behind it (RFC 8252 §8.6)."},
		},
	}, func(c *oauth.Client) {
		public(c)
		c.ApplicationType, c.FirstParty = oauth.ApplicationNative, true
	}},
}

func public(c *oauth.Client) { c.TokenEndpointAuthMethod = oauth.AuthNone }

// profileOf is the profile of this name, nil if there is none.
func profileOf(name string) *profile {
	i := slices.IndexFunc(profiles, func(p profile) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &profiles[i]
}

// client is a new client of the profile.
func (p *profile) client() *oauth.Client {
	c := newClient()
	p.with(c)
	return c
}

// view is what a form says of the profile; nil of none.
func (p *profile) view() *view.ClientProfile {
	if p == nil {
		return nil
	}
	return &p.ClientProfile
}

func profileViews() []view.ClientProfile {
	views := make([]view.ClientProfile, len(profiles))
	for i, p := range profiles {
		views[i] = p.ClientProfile
	}
	return views
}
