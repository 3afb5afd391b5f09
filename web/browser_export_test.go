package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Pages are the paths of the site map that show people something.
func (a *App) Pages() []string {
	var out []string
	for _, r := range a.site.table {
		if strings.HasPrefix(r.path, "/console/events/") { // streams
			continue
		}
		if r.method == fiber.MethodGet && (r.audience == person || r.audience == passage) {
			out = append(out, r.path)
		}
	}
	return out
}
