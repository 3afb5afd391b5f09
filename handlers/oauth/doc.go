// Package oauth is the machines' door, and the pages an authorization request passes: it reads requests, asks the rulebook
// (internal/oauth) and answers. No rule lives here.
package oauth
