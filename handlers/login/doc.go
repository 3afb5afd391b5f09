// Package login is where people prove who they are: set-up, sign-in, sign-out and one-time links.
package login
