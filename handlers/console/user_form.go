package console

import (
	"net/url"
	"strconv"
	"strings"

	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	view "gatehouse/views/console"
)

// fillUser gives the person what was typed, right or wrong; the rules judge it afterwards. The role is read only where it may change.
func fillUser(u *identity.User, sent url.Values, role bool) {
	line := func(name string) string { return strings.TrimSpace(sent.Get(name)) }
	u.Name, u.Email, u.EmailVerified = line("name"), line("email"), sent.Get("email_verified") == "true"
	if role {
		u.Role = identity.Role(sent.Get("role"))
	}
}

// fillProfile gives the person's profile what was typed.
func fillProfile(p *identity.Profile, sent url.Values) {
	line := func(name string) string { return strings.TrimSpace(sent.Get(name)) }
	p.GivenName, p.FamilyName, p.MiddleName, p.Nickname = line("given_name"), line("family_name"), line("middle_name"), line("nickname")
	p.ProfileURL, p.Picture, p.Website = line("profile"), line("picture"), line("website")
	p.Gender, p.Birthdate, p.Zoneinfo, p.Locale = line("gender"), line("birthdate"), line("zoneinfo"), line("locale")
	p.PhoneNumber, p.PhoneNumberVerified = line("phone_number"), sent.Get("phone_number_verified") == "true"
	lines := func(name string) string { return strings.ReplaceAll(line(name), "\r\n", "\n") } // as forms send them
	a := identity.Address{
		Formatted: lines("formatted"), StreetAddress: lines("street_address"), Locality: line("locality"), Region: line("region"),
		PostalCode: line("postal_code"), Country: line("country"),
	}
	p.Address = nil
	if a != (identity.Address{}) {
		p.Address = &a
	}
}

// answered finds what a form sent for an attribute.
func answered(sent url.Values) func(field string) (string, bool) {
	return func(field string) (string, bool) { return sent.Get(field), sent.Has(field) }
}

// fillAttributes gives the person the values that were typed, and says what is wrong with them.
func fillAttributes(u *identity.User, attributes identity.Attributes, sent url.Values) fault.Fields {
	values, wrong := attributes.Fill(u.Attributes, answered(sent))
	u.Attributes = values
	for field, message := range attributes.Missing(values) {
		wrong.Add(field, message)
	}
	return wrong
}

// userHead is the head of a person's pages. me is who looks.
func userHead(u, me *identity.User) view.User {
	return view.User{
		ID: u.ID, Name: u.Name, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified, Role: string(u.Role),
		Disabled: !u.Enabled(), NoPassword: u.PasswordHash == "", LastSignIn: orZero(u.LastSignInAt), Created: u.CreatedAt,
		Version: u.Version, Self: u.ID == me.ID,
	}
}

// userFormOf is the form that shows the person, with what was sent for attributes instead of their values.
func userFormOf(u, me *identity.User, attributes identity.Attributes, sent url.Values, errs fault.Fields) view.UserFormData {
	p, a := u.Profile, identity.Address{}
	if p.Address != nil {
		a = *p.Address
	}
	return view.UserFormData{
		User: userHead(u, me), CanEdit: true, Errs: errs, Attributes: attributes.Answers(u.Attributes, answered(sent), errs),
		GivenName: p.GivenName, FamilyName: p.FamilyName, MiddleName: p.MiddleName, Nickname: p.Nickname,
		Profile: p.ProfileURL, Picture: p.Picture, Website: p.Website, Gender: p.Gender, Birthdate: p.Birthdate, Zoneinfo: p.Zoneinfo, Locale: p.Locale,
		PhoneNumber: p.PhoneNumber, PhoneNumberVerified: p.PhoneNumberVerified,
		Formatted: a.Formatted, StreetAddress: a.StreetAddress, Locality: a.Locality, Region: a.Region, PostalCode: a.PostalCode, Country: a.Country,
	}
}

// userDifferences lists in what the two differ, in the order of the form.
func userDifferences(before, after *identity.User, attributes identity.Attributes) []difference {
	var out compared
	compare := func(name, b, a string) { out.setting(name, view.UserLabel(name), b, a) }
	compare("name", before.Name, after.Name)
	compare("email", before.Email, after.Email)
	compare("email_verified", strconv.FormatBool(before.EmailVerified), strconv.FormatBool(after.EmailVerified))
	compare("role", string(before.Role), string(after.Role))
	attributes.Differ(before.Attributes, after.Attributes, func(a *identity.Attribute, before, after string) {
		out.setting(a.Field(), a.Label, before, after)
	})
	b, a := before.Profile, after.Profile
	compare("given_name", b.GivenName, a.GivenName)
	compare("family_name", b.FamilyName, a.FamilyName)
	compare("middle_name", b.MiddleName, a.MiddleName)
	compare("nickname", b.Nickname, a.Nickname)
	compare("gender", b.Gender, a.Gender)
	compare("birthdate", b.Birthdate, a.Birthdate)
	compare("locale", b.Locale, a.Locale)
	compare("zoneinfo", b.Zoneinfo, a.Zoneinfo)
	compare("profile", b.ProfileURL, a.ProfileURL)
	compare("picture", b.Picture, a.Picture)
	compare("website", b.Website, a.Website)
	compare("phone_number", b.PhoneNumber, a.PhoneNumber)
	compare("phone_number_verified", strconv.FormatBool(b.PhoneNumberVerified), strconv.FormatBool(a.PhoneNumberVerified))
	var was, is identity.Address
	if b.Address != nil {
		was = *b.Address
	}
	if a.Address != nil {
		is = *a.Address
	}
	compare("street_address", was.StreetAddress, is.StreetAddress)
	compare("postal_code", was.PostalCode, is.PostalCode)
	compare("locality", was.Locality, is.Locality)
	compare("region", was.Region, is.Region)
	compare("country", was.Country, is.Country)
	compare("formatted", was.Formatted, is.Formatted)
	return out
}
