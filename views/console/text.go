package console

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

func number(n int) string { return strconv.Itoa(n) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// span is a duration in hours where it has no minutes, else in minutes, rounded up.
func span(d time.Duration) string {
	if d >= time.Hour && d%time.Hour == 0 {
		return number(int(d/time.Hour)) + " h"
	}
	return number(int((d+time.Minute-1)/time.Minute)) + " min"
}

// lowerFirst is a label in the middle of a sentence.
func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[size:]
}
