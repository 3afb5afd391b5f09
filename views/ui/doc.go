// Package ui owns the pieces every page is made of: buttons, fields, badges,
// cards, tables' feet, dialogs. They put the design's class names, attributes
// and accessibility rules in one place, so that a page says only what it means.
//
// It knows nothing of Gatehouse: no clients, no people, no URLs, no clock. It
// takes strings, times and templ attributes, and may ask static for the icon
// sprite. Layouts and pages call it.
package ui
