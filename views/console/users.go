package console

import (
	"maps"
	"net/url"
	"slices"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// UsersData fills the list of users.
type UsersData struct {
	Q, Status, Role string // what was searched; "" for any
	Rows            []UserRow
	Count           string // how many match, in words
	Previous, Next  string // URLs of the neighbouring pages, "" where there is none
	CanEdit         bool
	Now             time.Time
}

// exportPath is a file of the people that are searched.
func (d UsersData) exportPath(format string) string {
	query := url.Values{"format": {format}}
	for name, value := range map[string]string{"q": d.Q, "status": d.Status, "role": d.Role} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "/console/users/export?" + query.Encode()
}

// UserRow is one person of the list.
type UserRow struct {
	User
	Rights UserRights
}

func (d UsersData) searched() bool { return d.Q != "" || d.Status != "" || d.Role != "" }

// User is the head of a person's pages.
type User struct {
	ID, Name, Username string // Name is "" for people without one
	Email              string // "" for none
	EmailVerified      bool
	Role               string
	Disabled           bool
	NoPassword         bool // none was chosen yet
	LastSignIn         time.Time
	Created            time.Time
	Version            int64
	Self               bool // it is who looks
}

// UserRights are what whoever looks may do to the person.
type UserRights struct{ Edit, Reset, End, Disable, Delete bool }

func (r UserRights) any() bool { return r.Reset || r.End || r.Disable || r.Delete }

func (u User) path() string           { return "/console/users/" + url.PathEscape(u.ID) }
func (u User) crumbs() []layout.Crumb { return userCrumbs(layout.Crumb{Label: u.label()}) }
func (u User) below(l string) []layout.Crumb {
	return userCrumbs(layout.Crumb{Label: u.label(), Href: u.path()}, layout.Crumb{Label: l})
}

func userCrumbs(last ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Users", Href: "/console/users"}}, last...)
}

// label is what the person is called.
func (u User) label() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Username
}

// filtered is a list of what concerns the person.
func (u User) filtered(list string) string {
	return "/console/" + list + "?user=" + url.QueryEscape(u.ID)
}

var userRoles = []Choice{
	{Value: "user", Label: "User", Hint: "Signs in to applications. No console."},
	{Value: "auditor", Label: "Auditor", Hint: "Reads everything in the console and changes nothing."},
	{Value: "operator", Label: "Operator", Hint: "Reads everything, ends sessions and tokens, and disables people who are no administrators."},
	{Value: "admin", Label: "Administrator", Hint: "Does everything, this included."},
}

func userRole(role string) string {
	for _, r := range userRoles {
		if r.Value == role {
			return r.Label
		}
	}
	return role
}

var statusOptions = []ui.Option{{Value: "", Label: "Any status"}, {Value: "active", Label: "Active"}, {Value: "disabled", Label: "Disabled"}}

func roleOptions() []ui.Option {
	options := []ui.Option{{Value: "", Label: "Any role"}}
	for _, r := range userRoles {
		options = append(options, ui.Option{Value: r.Value, Label: r.Label})
	}
	return options
}

// UserFormData is a person as they stand in their form: what was stored, or what was sent and refused. Its fields have the names
// of the standard claims (OpenID Connect Core §5.1).
type UserFormData struct {
	User                // ID is "" for a new one
	CanEdit      bool   // else it is shown in words
	RequestToken string // makes a new person's form one: sent twice it makes one person

	GivenName, FamilyName, MiddleName, Nickname string
	Profile, Picture, Website                   string
	Gender, Birthdate, Zoneinfo, Locale         string
	PhoneNumber                                 string
	PhoneNumberVerified                         bool
	Formatted, StreetAddress, Locality          string
	Region, PostalCode, Country                 string
	Attributes                                  []identity.Answer

	Errs     map[string]string
	Conflict *Conflict // the race this form lost
}

func (d UserFormData) isNew() bool     { return d.ID == "" }
func (d UserFormData) untouched() bool { return d.isNew() && len(d.Errs) == 0 }

func (d UserFormData) action() string {
	if d.isNew() {
		return "/console/users"
	}
	return d.path()
}

func (d UserFormData) frame() frame {
	order, labels := slices.Clone(userOrder), maps.Clone(userLabels)
	for _, a := range d.Attributes {
		order, labels[a.Field()] = append(order, a.Field()), a.Label
	}
	return frame{
		noun: "user", list: "/console/users", action: d.action(), isNew: d.isNew(), version: d.Version, requestToken: d.RequestToken,
		conflict: d.Conflict, errs: labelled(ui.Errors(d.Errs, order...), labels),
	}
}

// chosen are the roles with the person's own checked.
func (d UserFormData) chosen() []Choice {
	roles := make([]Choice, len(userRoles))
	for i, r := range userRoles {
		roles[i], roles[i].Checked = r, r.Value == d.Role
	}
	return roles
}

var userOrder = []string{
	"name", "username", "email", "email_verified", "role", "given_name", "family_name", "middle_name", "nickname", "gender", "birthdate",
	"profile", "picture", "website", "locale", "zoneinfo", "phone_number", "phone_number_verified",
	"street_address", "locality", "region", "postal_code", "country", "formatted",
}

var userLabels = map[string]string{
	"name": "Name", "username": "Username", "email": "E-mail", "email_verified": "E-mail", "role": "Role", "given_name": "Given name",
	"family_name": "Family name", "middle_name": "Middle name", "nickname": "Nickname", "gender": "Gender", "birthdate": "Date of birth",
	"profile": "Profile page", "picture": "Picture", "website": "Website", "locale": "Language", "zoneinfo": "Time zone",
	"phone_number": "Phone number", "phone_number_verified": "Phone number", "street_address": "Street address", "locality": "City",
	"region": "Region", "postal_code": "Postal code", "country": "Country", "formatted": "As on an envelope",
}

// UserLabel is what a field of the form is called.
func UserLabel(field string) string { return userLabels[field] }

// UserAccessData fills the tab that says where a person is signed in and what applications hold for them.
type UserAccessData struct {
	User     User
	Rights   UserRights
	Impact   UserImpact
	Sessions []UserSession // the last used first
	Apps     []UserApp
	Now      time.Time
}

// UserSession is a browser in which the person is signed in.
type UserSession struct {
	ID, Device, IP    string
	Started, LastSeen time.Time
}

func (s UserSession) path() string { return Session{ID: s.ID}.path() }

// UserApp is an application that the person let in.
type UserApp struct {
	ClientID, Name string
	Scopes         []string
	Since          time.Time
}

func (a UserApp) path() string { return "/console/clients/" + url.PathEscape(a.ClientID) }

// UserImpact is what ends with a person, or with all they have.
type UserImpact struct{ Sessions, Families, Clients, Codes, Consents, Links int }

func (i UserImpact) any() bool { return i.Sessions+i.Families+i.Codes+i.Links > 0 }

// UserActData fills a confirmation: disabling or deleting a person, ending all they have, or making them a link.
type UserActData struct {
	User      User
	Impact    UserImpact
	TokenLife time.Duration     // how long an access token may outlive the act where only its signature is checked
	Confirm   string            // what was typed
	Errs      map[string]string // "" and "confirm"
}

// UserLinkData is a link with which a person chooses a password. It is shown this once.
type UserLinkData struct {
	User    User
	Link    string
	Expires time.Time
	NewUser bool // the person was made with it
}
