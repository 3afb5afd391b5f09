// Package respond is what a handler may answer: a page, a part of one, a redirection, or the protocol's JSON.
package respond
