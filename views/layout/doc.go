// Package layout owns the two frames every page stands in: Console, the shell
// of the administrators' pages, and Hosted, the plain frame of the pages that
// people meet (sign in, consent, account), which load no script.
//
// It must not know any page, nor where Chrome's values come from: handlers
// fill Chrome, pages pass it on.
package layout
