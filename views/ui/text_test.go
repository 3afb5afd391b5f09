package ui

import (
	"reflect"
	"testing"
	"time"
)

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Mara Okafor":       "MO",
		"Ledgerly":          "LE",
		"anna-maria de wit": "AW",
		"  ":                "?",
		"":                  "?",
		"x":                 "X",
		"พิมพ์ชนก วัฒนา":     "พว",
		"<script> of a page": "SP",
	} {
		if got := Initials(name); got != want {
			t.Errorf("Initials(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRelative(t *testing.T) {
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0:                    "just now",
		-12 * time.Second:    "12 s ago",
		-4 * time.Minute:     "4 min ago",
		-119 * time.Minute:   "1 h ago",
		-41 * 24 * time.Hour: "41 d ago",
		6 * 24 * time.Hour:   "in 6 d",
	} {
		if got := Relative(now.Add(d), now); got != want {
			t.Errorf("Relative(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestErrors_followTheOrderOfTheFields(t *testing.T) {
	got := Errors(map[string]string{"b.10": "5", "b.2": "4", "b": "3", "other": "6", "a": "2", "": "1"}, "a", "b")
	want := []FieldError{{"", "1"}, {"a", "2"}, {"b", "3"}, {"b.2", "4"}, {"b.10", "5"}, {"other", "6"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
