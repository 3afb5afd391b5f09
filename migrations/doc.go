// Package migrations holds the schema, one numbered step a file and one set for both databases, and brings a database up
// to it. A step that has been released is never edited. Steps are SQL in the subset that SQLite and PostgreSQL share; one
// that must differ between them is written in Go.
//
// It keeps no state and takes no lock: [Up] is called by store.Prepare, which holds one.
package migrations
