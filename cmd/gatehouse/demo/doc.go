// Package demo furnishes an empty database with a house that has been lived in for thirty days: people, applications, what they did,
// what was refused, and what administrators changed.
//
// What happened, happened: a clock walks through the thirty days, and everything is done by the rules and the store's verbs that do
// it in a real house ([oauth.Server], [store.Store]), so that families have their rotations, refusals their causes, and the overview's
// numbers the events behind them. Only what a rule would do too often is told to the store at once: tokens of client_credentials,
// which are counted and not kept.
//
// It is called by `gatehouse serve --demo` alone. It must not know settings, files or HTTP.
package demo
