package identity

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/fault"
)

// Types of attributes.
const (
	TypeString  = "string"
	TypeNumber  = "number"
	TypeBoolean = "boolean"
	TypeDate    = "date" // of the calendar, without a time
	TypeList    = "list" // of strings
)

// AttributeTypes lists every type.
var AttributeTypes = []string{TypeString, TypeNumber, TypeBoolean, TypeDate, TypeList}

// Bounds of attributes and their values: tokens tell them.
const (
	MaxAttributes     = 50
	maxAttributeKey   = 50 // characters
	maxAttributeLabel = 100
	maxClaimName      = 100
	maxPosition       = 10_000
	maxValue          = 500 // characters of a string
	maxDigits         = 15  // of a number: what every reader of JSON keeps (RFC 8259 §6)
	maxEntries        = 50  // of a list
)

// Attribute is something that the house keeps of people beyond the standard claims. Key and type stay as they are: files,
// commands and values go by them.
type Attribute struct {
	Key       string    `db:"key"`
	Label     string    `db:"label"`
	Type      string    `db:"type"`
	Required  bool      `db:"required"`
	Own       bool      `db:"own"`      // people change their own; else administrators alone
	Scope     string    `db:"scope"`    // applications that have it are told; empty for none
	Claim     string    `db:"claim"`    // what they are told it as
	Position  int64     `db:"position"` // the lower the earlier it stands
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
	Version   int64     `db:"version"` // grows with each change; a form carries it, so that a lost race is seen
}

var (
	attributeKey = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	claimName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:/-]*$`)
	plainNumber  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
)

// reservedClaims are names that applications read something else in: those of tokens, of OpenID Connect and its extensions, and
// of the IANA registry of JWT claims that could be about a person or what they may do.
var reservedClaims = strings.Fields(`
	iss sub aud exp nbf iat jti auth_time nonce acr amr azp at_hash c_hash s_hash rt_hash sid sub_jwk sub_id cnf act may_act scope client_id
	events toe txn typ _claim_names _claim_sources active token_type username
	name given_name family_name middle_name nickname preferred_username profile picture website email email_verified gender birthdate zoneinfo
	locale phone_number phone_number_verified address updated_at groups roles entitlements permissions
	place_of_birth nationalities birth_family_name birth_given_name birth_middle_name salutation title msisdn also_known_as verified_claims
	authorization_details vot vtm vc vp attest client_metadata`)

// Validate says what is wrong with an attribute, field by field. Whether there is such a scope the store finds out.
func (a *Attribute) Validate() fault.Fields {
	f := fault.Fields{}
	if !attributeKey.MatchString(a.Key) || len(a.Key) > maxAttributeKey {
		f.Add("key", fmt.Sprintf("Use up to %d small letters, digits and single _, such as employee_number.", maxAttributeKey))
	}
	if strings.TrimSpace(a.Label) == "" {
		f.Add("label", "Say what people call it.")
	}
	checkText(f, "label", a.Label, maxAttributeLabel, false)
	if !slices.Contains(AttributeTypes, a.Type) {
		f.Add("type", "Choose one of the types.")
	}
	if a.Position < 0 || a.Position > maxPosition {
		f.Add("position", fmt.Sprintf("Use a number from 0 to %d.", maxPosition))
	}
	switch {
	case a.Scope == "" && a.Claim == "":
	case a.Scope == "":
		f.Add("scope", "Choose the scope with which the claim is given, or leave the claim empty.")
	case a.Scope == "offline_access": // of OpenID Connect Core §11: it tells nothing
		f.Add("scope", "This scope tells applications nothing. Choose another.")
	case a.Claim == "":
		f.Add("claim", "Name the claim, or choose no scope.")
	case slices.Contains(reservedClaims, a.Claim):
		f.Add("claim", "A standard gives this name a meaning. Choose another.")
	case !claimName.MatchString(a.Claim) || len(a.Claim) > maxClaimName:
		f.Add("claim", fmt.Sprintf("Begin with a letter and use up to %d letters, digits and _ . : / - only.", maxClaimName))
	}
	return f
}

// Field is what the attribute is called among a person's fields: in forms, in files and in the audit log.
func (a *Attribute) Field() string { return "attr:" + a.Key }

// Read reads what somebody wrote as a value, which is nil for nothing, and says what is wrong with it. The entries of a list have
// a line break or a bar between two.
func (a *Attribute) Read(text string) (value json.RawMessage, why string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, ""
	}
	switch a.Type {
	case TypeNumber:
		return readNumber(text)
	case TypeBoolean:
		yes, ok := readBool(text)
		if !ok {
			return nil, "Write true or false."
		}
		return json.RawMessage(flagText(yes)), ""
	case TypeDate:
		if day, err := time.Parse(time.DateOnly, text); err != nil || day.Year() < 1 {
			return nil, "Enter a date as 2024-12-31."
		}
		return written(text), ""
	case TypeList:
		return readList(text)
	}
	f := fault.Fields{}
	if checkText(f, "", text, maxValue, false); len(f) > 0 {
		return nil, f[""]
	}
	return written(text), ""
}

// readNumber reads a decimal number, without what adds nothing to it.
func readNumber(text string) (json.RawMessage, string) {
	if !plainNumber.MatchString(text) {
		return nil, "Enter a number such as 42 or -0.5."
	}
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	if digits := len(text) - strings.Count(text, "-") - strings.Count(text, "."); digits > maxDigits {
		return nil, fmt.Sprintf("Use at most %d digits.", maxDigits)
	}
	return json.RawMessage(text), ""
}

func readList(text string) (json.RawMessage, string) {
	var entries []string
	for _, entry := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '|' }) {
		entry = strings.TrimSpace(entry)
		f := fault.Fields{}
		if checkText(f, "", entry, maxClaim, false); f[""] != "" {
			return nil, fmt.Sprintf("“%s”: %s", cut(entry), f[""])
		}
		if entry != "" && !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	switch {
	case len(entries) == 0:
		return nil, ""
	case len(entries) > maxEntries:
		return nil, fmt.Sprintf("List at most %d.", maxEntries)
	}
	return written(entries), ""
}

// written is a text or list of texts as JSON.
func written(value any) json.RawMessage {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts can be written
	}
	return b
}

// Text is what Read reads as the value: the entries of a list have a bar between two.
func (a *Attribute) Text(value json.RawMessage) string {
	var text string
	var entries []string
	switch {
	case value == nil:
		return ""
	case a.Type == TypeList:
		_ = json.Unmarshal(value, &entries) // it is ours
		return strings.Join(entries, "|")
	case a.Type == TypeString || a.Type == TypeDate:
		_ = json.Unmarshal(value, &text)
		return text
	}
	return string(value)
}

// Values are a person's, by the keys of the attributes, as JSON; nil where they were not read.
type Values map[string]json.RawMessage

// Scan reads an object of JSON.
func (v *Values) Scan(src any) error { return scanJSON(src, v) }

// Attributes are those of a house, in their order.
type Attributes []Attribute

// Fields are what the attributes are called among a person's fields.
func (list Attributes) Fields() []string {
	fields := make([]string, len(list))
	for i := range list {
		fields[i] = list[i].Field()
	}
	return fields
}

// Has reports whether one has the key.
func (list Attributes) Has(key string) bool {
	return slices.ContainsFunc(list, func(a Attribute) bool { return a.Key == key })
}

// Owned are those that people change themselves.
func (list Attributes) Owned() Attributes {
	return slices.DeleteFunc(slices.Clone(list), func(a Attribute) bool { return !a.Own })
}

// Fill returns the values with what was sent instead of what was there, and what is wrong with that by field.
func (list Attributes) Fill(values Values, sent func(field string) (text string, has bool)) (Values, fault.Fields) {
	filled, f := maps.Clone(values), fault.Fields{}
	if filled == nil {
		filled = Values{}
	}
	for i := range list {
		a := &list[i]
		text, has := sent(a.Field())
		if !has {
			continue
		}
		value, why := a.Read(text)
		switch {
		case why != "":
			f.Add(a.Field(), why)
		case value != nil:
			filled[a.Key] = value
		case a.Required:
			f.Add(a.Field(), a.missing())
		default:
			delete(filled, a.Key)
		}
	}
	return filled, f
}

// Missing says which required ones have no value.
func (list Attributes) Missing(values Values) fault.Fields {
	f := fault.Fields{}
	for i := range list {
		if a := &list[i]; a.Required && values[a.Key] == nil {
			f.Add(a.Field(), a.missing())
		}
	}
	return f
}

func (a *Attribute) missing() string { return a.Label + " is required." }

// Answer is an attribute as it stands in a form: what is kept, or what was sent and refused.
type Answer struct {
	Attribute
	Text string // the entries of a list one a line
	Why  string // it was refused
}

// Answers are the attributes with what was sent for them, else what is kept.
func (list Attributes) Answers(values Values, sent func(field string) (text string, has bool), wrong fault.Fields) []Answer {
	answers := make([]Answer, len(list))
	for i, a := range list {
		text, has := sent(a.Field())
		if !has {
			text = a.Text(values[a.Key])
		}
		if a.Type == TypeList {
			text = strings.ReplaceAll(text, "|", "\n")
		}
		answers[i] = Answer{a, text, wrong[a.Field()]}
	}
	return answers
}

// Unsent is what is sent where nothing was.
func Unsent(string) (string, bool) { return "", false }

// Differ calls back for each attribute whose two values differ, with what stands for them in a file.
func (list Attributes) Differ(before, after Values, differ func(a *Attribute, before, after string)) {
	for i := range list {
		a := &list[i]
		if b, n := a.Text(before[a.Key]), a.Text(after[a.Key]); b != n {
			differ(a, b, n)
		}
	}
}

// Describe lists the settings of the attribute, as they are told of changes: name, label and value.
func (a *Attribute) Describe() [][3]string {
	return [][3]string{
		{"label", "Label", a.Label}, {"type", "Type", a.Type}, {"required", "Required", strconv.FormatBool(a.Required)},
		{"own", "People change their own", strconv.FormatBool(a.Own)}, {"scope", "Scope", a.Scope}, {"claim", "Claim", a.Claim},
		{"position", "Position", strconv.FormatInt(a.Position, 10)},
	}
}
