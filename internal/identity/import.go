package identity

import (
	"fmt"
	"slices"
	"strings"

	"gatehouse/internal/fault"
	"gatehouse/internal/secret"
)

// ImportColumns are the columns that a file of people may have, in the order in which it is written. Roles in the console are not
// given by files.
var ImportColumns = []string{
	"username", "email", "email_verified", "name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "gender",
	"birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "formatted", "street_address", "locality", "region", "postal_code",
	"country", "groups", "password_hash", "disabled",
}

// ImportColumns are the columns that a file of people may have in a house with these attributes.
func (list Attributes) ImportColumns() []string { return slices.Concat(ImportColumns, list.Fields()) }

// ExportColumns are the columns of a file that is written: all that are read, but for passwords.
func (list Attributes) ExportColumns() []string {
	return slices.DeleteFunc(list.ImportColumns(), func(column string) bool { return column == "password_hash" })
}

// ImportHeader reads the first line of a file of people: which column each field is in. The fault is for whoever sent the file.
func ImportHeader(fields []string, attributes Attributes) (columns []string, why string) {
	known := attributes.ImportColumns()
	for _, field := range fields {
		name := strings.ToLower(strings.TrimSpace(field))
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Sprintf("The first line names the columns, and “%s” is none of them. Known are: %s.", cut(field), strings.Join(known, ", "))
		case slices.Contains(columns, name):
			return nil, "The column " + name + " is there twice."
		}
		columns = append(columns, name)
	}
	if !slices.Contains(columns, "username") {
		return nil, "The first line names the columns, and username is missing."
	}
	return columns, ""
}

// cut is text from a file as far as a message has room for it.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}

// Imported is a line of a file of people: its values by column.
type Imported map[string]string

// ReadImported reads a line, and says what is wrong with it by column.
func ReadImported(columns, fields []string, attributes Attributes) (Imported, fault.Fields) {
	line := Imported{}
	f := fault.Fields{}
	if len(fields) != len(columns) {
		f.Add("", fmt.Sprintf("The line has %d fields, and the first line %d.", len(fields), len(columns)))
		return line, f
	}
	for i, name := range columns {
		line[name] = fromCell(strings.TrimSpace(fields[i]))
	}
	line["username"] = FoldUsername(line["username"])
	var u User
	u.Role = RoleUser
	f = line.Fill(&u, attributes)
	for field, message := range u.Validate() {
		f.Add(field, message)
	}
	if hash := line["password_hash"]; hash != "" {
		if err := secret.ValidateImported(hash); err != nil {
			f.Add("password_hash", "It cannot be used: "+strings.TrimPrefix(err.Error(), secret.ErrHash.Error()+": ")+".")
		}
	}
	if len(line.Groups()) > MaxGroups {
		f.Add("groups", fmt.Sprintf("One person is in at most %d groups.", MaxGroups))
	}
	return line, f
}

// Groups are the names of the groups that the line lists, with a bar between two.
func (l Imported) Groups() (names []string) {
	for name := range strings.SplitSeq(l["groups"], "|") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Disabled reports whether the person shall not sign in.
func (l Imported) Disabled() bool { yes, _ := readBool(l["disabled"]); return yes }

// Fill gives the person what the columns of the line say, and leaves the rest as it is. Password and status are not part of it.
func (l Imported) Fill(u *User, attributes Attributes) (f fault.Fields) {
	u.Attributes, f = attributes.Fill(u.Attributes, func(field string) (string, bool) { text, has := l[field]; return text, has })
	text := func(name string, to *string) {
		if value, has := l[name]; has {
			*to = value
		}
	}
	flag := func(name string, to *bool) {
		value, has := l[name]
		yes, ok := readBool(value)
		if !ok {
			f.Add(name, "Write true or false.")
		}
		if has {
			*to = yes
		}
	}
	p := &u.Profile
	a := Address{}
	if p.Address != nil {
		a = *p.Address
	}
	if u.Username == "" {
		text("username", &u.Username)
	}
	for name, to := range map[string]*string{
		"email": &u.Email, "name": &u.Name, "given_name": &p.GivenName, "family_name": &p.FamilyName, "middle_name": &p.MiddleName, "nickname": &p.Nickname,
		"profile": &p.ProfileURL, "picture": &p.Picture, "website": &p.Website, "gender": &p.Gender, "birthdate": &p.Birthdate, "zoneinfo": &p.Zoneinfo,
		"locale": &p.Locale, "phone_number": &p.PhoneNumber, "formatted": &a.Formatted, "street_address": &a.StreetAddress, "locality": &a.Locality,
		"region": &a.Region, "postal_code": &a.PostalCode, "country": &a.Country,
	} {
		text(name, to)
	}
	flag("email_verified", &u.EmailVerified)
	flag("phone_number_verified", &p.PhoneNumberVerified)
	var ignored bool
	flag("disabled", &ignored)
	p.Address = nil
	if a != (Address{}) {
		p.Address = &a
	}
	return f
}

// readBool reads what spreadsheets write; nothing is no.
func readBool(text string) (yes, ok bool) {
	switch strings.ToLower(text) {
	case "", "false", "no", "0":
		return false, true
	case "true", "yes", "1":
		return true, true
	}
	return false, false
}

// ImportRecord is the person as a line of a file, without what nobody is told.
func ImportRecord(u *User, groups []string, attributes Attributes) Imported {
	p, a := u.Profile, Address{}
	if p.Address != nil {
		a = *p.Address
	}
	record := Imported{
		"username": u.Username, "email": u.Email, "email_verified": flagText(u.EmailVerified), "name": u.Name, "given_name": p.GivenName,
		"family_name": p.FamilyName, "middle_name": p.MiddleName, "nickname": p.Nickname, "profile": p.ProfileURL, "picture": p.Picture, "website": p.Website,
		"gender": p.Gender, "birthdate": p.Birthdate, "zoneinfo": p.Zoneinfo, "locale": p.Locale, "phone_number": p.PhoneNumber,
		"phone_number_verified": flagText(p.PhoneNumberVerified), "formatted": a.Formatted, "street_address": a.StreetAddress, "locality": a.Locality,
		"region": a.Region, "postal_code": a.PostalCode, "country": a.Country, "groups": strings.Join(groups, "|"), "disabled": flagText(!u.Enabled()),
	}
	for i := range attributes {
		a := &attributes[i]
		record[a.Field()] = a.Text(u.Attributes[a.Key])
	}
	return record
}

func flagText(is bool) string {
	if is {
		return "true"
	}
	return "false"
}
