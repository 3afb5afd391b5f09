// Package oauth owns the pages of the protocol that people see: what an
// application may do (consent), and why a request could not go on.
//
// It must not know the rules; handlers/oauth fills the data. Nothing here may
// tell a stranger more than the protocol's own error would.
package oauth
