// Package request is what a handler may ask about a request: who is there, which form they sent, where they came from. The
// web room fills a State before any handler runs; session lookups happen there, so this package knows no store.
package request
