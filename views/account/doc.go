// Package account owns the page where a person sees and changes their own
// things: profile, password, sessions, applications with access.
//
// It must not know the store nor who else exists; handlers/account fills the
// data. Each form is a part that can be answered alone, with its errors.
package account
