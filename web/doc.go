// Package web is the house with its doors open: the Fiber app, the site map, who may pass which door, and the one place
// where errors are rendered. It wires the handlers and hands them what they need; no rule and no SQL live here.
package web
