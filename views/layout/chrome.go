package layout

import (
	"net/url"
	"strings"

	"gatehouse/views/ui"
)

// Chrome is what every page needs besides its own data.
type Chrome struct {
	User      *ChromeUser // nil when nobody is signed in
	CSRF      string      // value of the hidden field csrf_token
	Flash     []Flash     // shown once, then forgotten
	Path      string      // of the request, to mark where we are
	Theme     string      // "light", "dark", or "" to follow the system
	Locale    string      // language of the page; "" is "en"
	Issuer    string      // the issuer's URL; its host is shown
	RequestID string      // what a person may quote to the operator
	Brand     Brand       // of hosted pages
	Sheets    []string    // further stylesheets that a page of the console needs
}

// Brand is what people recognise a house by. What is empty looks as it does by itself.
type Brand struct {
	Name   string
	Logo   string // address of a picture
	Accent string // six hexadecimal digits, of which Sheet makes colours
	Sheet  string // address of a stylesheet
	Links  []Link // at the foot
}

// Link leads to a page of somebody else's.
type Link struct{ Label, Href string }

func (b Brand) name() string {
	if b.Name == "" {
		return product
	}
	return b.Name
}

// HostedSheet is the stylesheet of hosted pages.
const HostedSheet = "css/hosted.css"

// product is what the console is called, and a house that nobody has named.
const product = "Gatehouse"

// App is the application that sends somebody here.
type App struct {
	Name, Logo             string // Logo is the address of a picture
	URI, PolicyURI, TosURI string
}

// links lead to what the application says of itself.
func (a App) links() (links []Link) {
	for _, l := range []Link{{hostOf(a.URI), a.URI}, {"Privacy policy", a.PolicyURI}, {"Terms of service", a.TosURI}} {
		if l.Href != "" {
			links = append(links, l)
		}
	}
	return links
}

// hostOf is the part of a web address that says whose it is.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// ChromeUser is who is signed in. Role is "admin", "operator" or "auditor" for
// those who may enter the console.
type ChromeUser struct{ ID, Name, Email, Username, Role string }

// Flash is a message about the act before this page. Tone is "success",
// "danger" or "info"; Undo is where a POST undoes the act, "" where nothing does.
type Flash struct{ Tone, Title, Text, Undo string }

// Initials are the letters of the user's avatar.
func (u ChromeUser) Initials() string { return ui.Initials(u.Label()) }

// Label is the best name we have: the name, else the username.
func (u ChromeUser) Label() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Username
}

// Console says whether the user may enter the console.
func (u ChromeUser) Console() bool {
	return u.Role == "admin" || u.Role == "operator" || u.Role == "auditor"
}

// Host is the issuer's host, with its port where it has one.
func (ch Chrome) Host() string {
	return hostOf(ch.Issuer)
}

func (ch Chrome) lang() string {
	if ch.Locale == "" {
		return "en"
	}
	return ch.Locale
}

// Crumb is a step of the breadcrumbs; the last one has no Href.
type Crumb struct{ Label, Href string }

type navGroup struct {
	id, label string
	items     []navItem
}

type navItem struct{ label, href, icon string }

// nav is the sidebar. A new console page adds its line here.
var nav = []navGroup{
	{"nav-overview", "", []navItem{
		{"Overview", home, "gauge"},
	}},
	{"nav-access", "Access", []navItem{
		{"Clients", "/console/clients", "app"},
		{"APIs", "/console/apis", "api"},
		{"Scopes", "/console/scopes", "scope"},
		{"Users", "/console/users", "users"},
		{"Groups", "/console/groups", "group"},
		{"Attributes", "/console/attributes", "list"},
		{"Sessions", "/console/sessions", "device"},
		{"Token families", "/console/families", "session"},
		{"Consents", "/console/consents", "check"},
	}},
	{"nav-security", "Security", []navItem{
		{"Audit log", "/console/audit", "audit"},
		{"Signing keys", "/console/keys", "key"},
		{"Security", "/console/security", "shield"},
	}},
	{"nav-server", "Server", []navItem{
		{"Settings", "/console/settings", "settings"},
		{"System", "/console/system", "screen"},
	}},
}

// home is the page that the console begins with; all others lie below it.
const home = "/console"

// under says whether path is the page at href or one that belongs to it.
func under(path, href string) bool {
	return path == href || href != home && strings.HasPrefix(path, href+"/")
}

// beganAt says whether the crumbs lead back to the page at href, wherever the page itself lies.
func beganAt(crumbs []Crumb, href string) bool {
	return len(crumbs) > 0 && crumbs[0].Href == href
}

var roleNames = map[string]string{"admin": "Administrator", "operator": "Operator", "auditor": "Auditor"}

func roleName(role string) string {
	if name, ok := roleNames[role]; ok {
		return name
	}
	return role
}

func flashIcon(tone string) string {
	switch tone {
	case "success":
		return "check"
	case "danger", "warning":
		return "alert"
	}
	return "info"
}

// calloutTone is the tone of a Flash where it is printed into the page.
func calloutTone(tone string) string {
	if tone == "success" {
		return "success"
	}
	if tone == "danger" || tone == "warning" {
		return tone
	}
	return "info"
}
