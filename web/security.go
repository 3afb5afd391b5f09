package web

import (
	"github.com/gofiber/fiber/v2"
)

// The Content-Security-Policy of pages (security.md rule 11). Chromium applies form-action to every later redirect of a
// form's answer, the client's own too: pages whose forms may lead out to a client go without it.
const (
	cspPassage = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
	cspPerson  = cspPassage + "; form-action 'self'"
	cspNothing = "default-src 'none'; frame-ancestors 'none'"
)

// headers sets what every answer to this audience carries.
func (s *site) headers(to audience) fiber.Handler {
	return func(c *fiber.Ctx) error {
		s.setHeaders(c, to)
		return c.Next()
	}
}

func (s *site) setHeaders(c *fiber.Ctx, to audience) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	// same-origin, not no-referrer: the latter would make browsers send "Origin: null" with our own forms.
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	if s.issuer.secure {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
	switch to {
	case person, passage:
		csp := cspPerson
		if to == passage {
			csp = cspPassage
		}
		c.Set(fiber.HeaderContentSecurityPolicy, csp)
		c.Set(fiber.HeaderXFrameOptions, "DENY")
		c.Set(fiber.HeaderCacheControl, "no-store")
	case machine:
		c.Set(fiber.HeaderContentSecurityPolicy, cspNothing)
		c.Set(fiber.HeaderCacheControl, "no-store")
		// Any page may call: nothing here looks at cookies, so there is nothing to steal (RFC 6749 §10.12, Fetch §3.2).
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set(fiber.HeaderAccessControlExposeHeaders, "WWW-Authenticate, Retry-After")
	case asset, probe:
		c.Set(fiber.HeaderContentSecurityPolicy, cspNothing)
	}
}

// preflight answers what browsers ask before they call a machine endpoint from another site's page.
func (s *site) preflight(c *fiber.Ctx) error {
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
	c.Set(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, X-Requested-With") // the last is of Swagger UI's Authorize dialog
	c.Set(fiber.HeaderAccessControlMaxAge, "7200")
	return c.SendStatus(fiber.StatusNoContent)
}
