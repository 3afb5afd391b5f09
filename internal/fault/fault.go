// Package fault holds the errors that a person can understand: something is not there, something clashes, fields are
// wrong, or the house cannot answer just now. It knows neither HTTP nor SQL; web/errors.go renders it, store and rules make it.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// NotFoundError says that a thing named What does not exist.
type NotFoundError struct{ What string }

// NotFound makes a NotFoundError.
func NotFound(what string) error { return &NotFoundError{What: what} }

func (e *NotFoundError) Error() string { return e.What + " not found" }

// IsNotFound reports whether err says that something does not exist.
func IsNotFound(err error) bool {
	var e *NotFoundError
	return errors.As(err, &e)
}

// ConflictError says that a value is taken (Field names it) or that somebody else changed the thing first (Field is empty).
type ConflictError struct{ What, Field string }

// Conflict makes a ConflictError.
func Conflict(what, field string) error { return &ConflictError{What: what, Field: field} }

func (e *ConflictError) Error() string {
	if e.Field == "" {
		return e.What + " was changed by somebody else"
	}
	return fmt.Sprintf("%s: %s is already taken", e.What, e.Field)
}

// AsConflict returns the ConflictError in err, or nil.
func AsConflict(err error) *ConflictError {
	var e *ConflictError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Fields maps a field's name to what is wrong with it, in words for the person who typed it. Key "" concerns the whole form.
type Fields map[string]string

func (f Fields) Error() string {
	parts := make([]string, 0, len(f))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name == "" {
			parts = append(parts, f[name])
			continue
		}
		parts = append(parts, name+": "+f[name])
	}
	return strings.Join(parts, "; ")
}

// Err returns f as an error, or nil when nothing is wrong.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Add records message for field unless the field already has one: the first fault found is the one to mend first.
func (f Fields) Add(field, message string) {
	if _, taken := f[field]; !taken {
		f[field] = message
	}
}

// UnavailableError says that the house cannot answer just now: the database is gone, or a bounded queue is full.
type UnavailableError struct {
	RetryAfter time.Duration // when to try again
	Unknown    bool          // what was to be changed may have been changed all the same
	Cause      error
}

// Unavailable makes an UnavailableError.
func Unavailable(retryAfter time.Duration, cause error) error {
	return &UnavailableError{RetryAfter: retryAfter, Cause: cause}
}

// Unknown makes an UnavailableError of a change whose outcome nobody knows.
func Unknown(retryAfter time.Duration, cause error) error {
	return &UnavailableError{RetryAfter: retryAfter, Unknown: true, Cause: cause}
}

func (e *UnavailableError) Error() string { return "unavailable: " + e.Cause.Error() }

func (e *UnavailableError) Unwrap() error { return e.Cause }

// AsUnavailable returns the UnavailableError in err, or nil.
func AsUnavailable(err error) *UnavailableError {
	var e *UnavailableError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// TooManyError says that somebody tries too often and has to wait.
type TooManyError struct{ RetryAfter time.Duration }

// TooMany makes a TooManyError.
func TooMany(retryAfter time.Duration) error { return &TooManyError{RetryAfter: retryAfter} }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many tries, wait %s", e.RetryAfter.Round(time.Second))
}

// AsTooMany returns the TooManyError in err, or nil.
func AsTooMany(err error) *TooManyError {
	var e *TooManyError
	if errors.As(err, &e) {
		return e
	}
	return nil
}
