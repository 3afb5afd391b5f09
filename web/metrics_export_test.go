package web

import "gatehouse/internal/audit"

// Event tells the metrics of an event.
func (a *App) Event(e audit.Event) { a.site.metrics.event(e) }
