package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Initials are the one or two letters that stand for a name in an avatar.
func Initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	letters := make([]rune, 0, 2)
	switch len(words) {
	case 0:
		return "?"
	case 1:
		for _, r := range words[0] {
			if !unicode.IsMark(r) && len(letters) < 2 {
				letters = append(letters, r)
			}
		}
	default:
		for _, w := range []string{words[0], words[len(words)-1]} {
			r, _ := utf8.DecodeRuneInString(w)
			letters = append(letters, r)
		}
	}
	return strings.ToUpper(string(letters))
}

// Count is a number with its noun: "1 session", "3,000 sessions".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(int64(n)) + " " + many
}

// Relative says how far t lies from now, roughly: "4 min ago", "in 6 d".
func Relative(t, now time.Time) string {
	d := now.Sub(t)
	if d.Abs() < time.Second {
		return "just now"
	}
	var span string
	switch a := d.Abs(); {
	case a < time.Minute:
		span = fmt.Sprintf("%d s", a/time.Second)
	case a < time.Hour:
		span = fmt.Sprintf("%d min", a/time.Minute)
	case a < 24*time.Hour:
		span = fmt.Sprintf("%d h", a/time.Hour)
	default:
		span = fmt.Sprintf("%d d", a/(24*time.Hour))
	}
	if d < 0 {
		return "in " + span
	}
	return span + " ago"
}

func machineTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
func date(t time.Time) string        { return t.UTC().Format("2 Jan 2006") }
func moment(t time.Time) string      { return t.UTC().Format("2 Jan, 15:04:05") }

// Minute is a time in a sentence.
func Minute(t time.Time) string { return dateTime(t) }

func dateTime(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// FieldError is one line of an error summary.
type FieldError struct{ Field, Message string }

// Errors puts a form's messages in the order of its fields. A message for the
// whole form has the key "" and comes first; "redirect_uris.2" belongs to
// "redirect_uris"; fields the order does not name come last.
func Errors(errs map[string]string, order ...string) []FieldError {
	rank := func(field string) int {
		if field == "" {
			return -1
		}
		base, _, _ := strings.Cut(field, ".")
		if i := slices.Index(order, base); i >= 0 {
			return i
		}
		return len(order)
	}
	list := make([]FieldError, 0, len(errs))
	for field, message := range errs {
		list = append(list, FieldError{field, message})
	}
	slices.SortFunc(list, func(a, b FieldError) int {
		if d := rank(a.Field) - rank(b.Field); d != 0 {
			return d
		}
		if d := len(a.Field) - len(b.Field); d != 0 { // "x.2" before "x.10"
			return d
		}
		return strings.Compare(a.Field, b.Field)
	})
	return list
}

// First is the field of the first message that belongs to one: it takes the focus.
func First(list []FieldError) string {
	for _, e := range list {
		if e.Field != "" {
			return e.Field
		}
	}
	return ""
}

// describedBy joins the ids of a control's hint and message.
func describedBy(id, hint, err string) string {
	var ids []string
	if hint != "" {
		ids = append(ids, id+"-hint")
	}
	if err != "" {
		ids = append(ids, id+"-error")
	}
	return strings.Join(ids, " ")
}
