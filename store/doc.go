// Package store keeps what Gatehouse knows, in SQLite or PostgreSQL. SQL lives here and nowhere else; above it there are
// verbs, each of which is one act and one transaction. It knows neither HTTP nor the rules: it never asks the time and never
// decides who may do what, but it guards what only a database can: that a thing is used once, that two racing changes do not
// both win, that what is ended takes along all that hangs on it.
//
// The rulebook sees it as oauth.Store; console, account and command line use *Store itself.
//
// One SQL serves both databases: $1 placeholders, TEXT, BIGINT, BOOLEAN and TIMESTAMP columns, no SELECT *. What they do
// differently is in open.go (connections), lock.go (starting together), statement.go (several changes in one round trip),
// writer.go and recorder.go (changes that share a commit).
//
// Those who ask or write at the same time do it together (queue.go). fresh.go reads anew, in one statement for all who wait and
// begun after each of them came, whatever can refuse a request; the rest of clients, people, scopes and APIs it remembers by the
// version that was read with it. What a connection is asked twice it keeps prepared (prepared.go). Events and last uses are counted in
// memory and added to the rollups (rollups.go). What was written down is sealed afterwards (audit_seals.go).
//
// Order of locks. An ending changes what it ends first (user, client, session), then voids unused codes, then ends families.
// A redemption changes its code and adds the family, a rotation changes its family. So an ending either finds the family or
// makes the redemption fail, in whichever order they arrive, without any lock held longer than a statement. What begins with
// nothing of its own to change, a code or a family without one, holds person, client and session instead (liveAndHeld).
//
// Of a client nothing is searched for: codes and families carry the era of the client in which they began, and one statement
// begins a new era (eraOf). Whatever began before, or in that very moment, is of the old one and over. Where a great deal hangs on
// something that is deleted, it is marked, which hides it, and a job takes it apart (removals.go).
//
// Times that come back name the same instant on both databases but not the same zone: compare them with Equal and show them
// with UTC().
//
// Errors: fault.NotFound, fault.Conflict, fault.Fields and fault.Unavailable as each verb says, oauth.ErrSpent, the error of
// the context, and for anything else a plain error that means a mistake of ours. Any verb may fail with fault.Unavailable; where
// that is Unknown, what it changes may have been changed all the same: no change is run a second time by itself.
package store
