// Package policy is what the administrators of a house settle: lifetimes, switches, limits, the cost of passwords. It owns the
// one list of fields with their defaults and bounds, and the value that all rules read as it is now. What flags, variables and
// the configuration file say is pinned; the rest comes from the database, and else is the default.
//
// It knows neither SQL nor HTTP: store keeps what was settled, web reads it again every second, pages and commands ask Fields.
package policy
