package web

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// clientIP is the address a request came from. X-Forwarded-For is believed only from a trusted proxy, and only as far as
// trusted proxies wrote it: the rightmost address that is none of theirs (security.md rule 13).
func (s *site) clientIP(c *fiber.Ctx) string {
	address := peerOf(c)
	if !address.IsValid() {
		return c.Context().RemoteIP().String()
	}
	for _, hop := range slices.Backward(strings.Split(string(c.Request().Header.Peek(forwardedFor)), ",")) {
		if !s.trusts(address) {
			break
		}
		next, err := parseHop(strings.TrimSpace(hop))
		if err != nil { // whatever stands left of it was written by nobody we trust
			break
		}
		address = next.Unmap().WithZone("")
	}
	return address.String()
}

// peerOf is the address at the other end of the connection: the client's, or that of the last proxy.
func peerOf(c *fiber.Ctx) netip.Addr {
	peer, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return peer.Unmap()
}

// parseHop reads an address; some proxies write its port too.
func parseHop(hop string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(hop); err == nil {
		return withPort.Addr(), nil
	}
	return netip.ParseAddr(hop)
}

// forwardedFor is where keepForwarded puts X-Forwarded-For.
const forwardedFor = "X-Gatehouse-Forwarded-For"

// keepForwarded puts X-Forwarded-For away as it stood in the head of the request: fasthttp later adds the trailers of a chunked
// body to the headers, and proxies pass those on unread.
func keepForwarded(h *fasthttp.RequestHeader) {
	h.SetBytesV(forwardedFor, bytes.Join(h.PeekAll(fiber.HeaderXForwardedFor), []byte(",")))
}

func (s *site) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}
