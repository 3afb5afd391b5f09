// Package identity says who people are: users, their roles, their browser sessions, and the rules of signing in. It knows
// neither HTTP nor SQL, and nothing of OAuth.
package identity
