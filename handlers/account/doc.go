// Package account is where signed-in people see and change their own things: profile, password, sessions, and what they let
// applications do. Whose things they are is decided by the session alone: no handler takes a person's id from a request.
//
// It must not reach another person's data, and knows nothing of the console.
package account
