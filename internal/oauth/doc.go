// Package oauth is the rulebook.
package oauth

// ResponseTypeCode is the one response type there is (RFC 6749 §3.1.1).
const ResponseTypeCode = "code"
