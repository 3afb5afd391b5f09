// Package console owns the pages of the console (/console): lists, settings,
// credentials, and the confirmations of destructive acts.
//
// It must not know the store or the rules of a client; handlers/console fills
// the data. A page calls its parts, so that one templ answers a browser and an
// HTMX swap. Whether a person may change something arrives as CanEdit: what
// they may not do is not drawn, and the handler checks it again.
package console
