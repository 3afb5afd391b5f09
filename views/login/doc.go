// Package login owns the pages where people prove who they are: first set-up,
// sign in, password reset, sign out. Plain forms, no script.
//
// It must not know how a password is checked or where a session is kept;
// handlers/login fills the data and answers the forms.
package login
