// Package keys makes, keeps ready and publishes the keys that tokens are signed with.
//
// A key lives through four states that follow from the clock alone: next (published, not yet signing), current (signing),
// retiring (a newer one signs; still published until the last token it signed has expired) and retired (verifies ID token
// hints for a year, nothing else). What people and the schedule may do to keys is decided in change.go: stage, sign anew, roll
// back, retire, and replace all at once, after which the old ones are compromised (a fifth state: believed nowhere). The package knows neither HTTP nor SQL, and nothing of what the tokens say.
package keys
