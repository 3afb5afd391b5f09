package web

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// clientIP is the address a request came from. X-Forwarded-For is believed only from a trusted proxy, and only as far as
// trusted proxies wrote it: the rightmost address that is none of theirs (security.md rule 13).
func (s *site) clientIP(c *fiber.Ctx) string {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return c.Context().RemoteIP().String()
	}
	address := peer.Unmap()
	for _, header := range slices.Backward(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor)) {
		for _, hop := range slices.Backward(strings.Split(string(header), ",")) {
			if !s.trusts(address) {
				return address.String()
			}
			next, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil { // whatever stands left of it was written by nobody we trust
				return address.String()
			}
			address = next.Unmap().WithZone("")
		}
	}
	return address.String()
}

func (s *site) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}
