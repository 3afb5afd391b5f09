package web

import (
	"time"

	"gatehouse/internal/audit"
)

// Event tells the metrics of an event.
func (a *App) Event(e audit.Event) { a.site.metrics.event(e) }

// Observe counts a request of a route.
func (a *App) Observe(method, path string, status int, took time.Duration) {
	a.site.findRoute(method, path).requests.observe(method, status, took)
}
