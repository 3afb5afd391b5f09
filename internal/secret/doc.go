// Package secret makes, hashes, compares and hides what must not be known:
//
//   - token.go: opaque tokens of 256 random bits, their hash at rest, and [Text], a string that does not print itself
//   - password.go: argon2id (and imported bcrypt) in a bounded pool that gives its memory back
//   - password_rule.go: which passwords a person may choose
//   - seal.go: authenticated encryption and MACs under the master key, or under a token somebody presents
//
// It knows nothing of users, clients, requests or tables, never reads a clock, and keeps no state outside the
// values its callers make. Everything above it may call it; it calls the standard library and x/crypto alone.
package secret
