// Package console is the administrators' door (/console): it reads forms, asks the rules of internal/oauth what is wrong with
// them, and has the store keep the change together with its audit event. Who may come in is decided in web/routes.go.
//
// No rule lives here, and nothing of another door: what people do with their own account is handlers/account.
package console
