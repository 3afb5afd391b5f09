package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/brand"
	"gatehouse/static"
)

// serveAsset sends a file whose URL holds the hash of its bytes: it never changes.
func (s *site) serveAsset(c *fiber.Ctx) error {
	f, ok := static.Lookup(c.Path())
	if !ok {
		return fiber.ErrNotFound
	}
	return s.send(c, f, immutable)
}

// immutable is for what an address names by its content.
const immutable = "public, max-age=31536000, immutable"

// serveAccent sends what a colour becomes. Any colour has a stylesheet, whether somebody chose it or not.
func (s *site) serveAccent(c *fiber.Ctx) error {
	digits, isSheet := strings.CutSuffix(c.Params("file"), ".css")
	accent, isColour := brand.ParseAccent(digits)
	if !isSheet || !isColour || accent != digits {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderCacheControl, immutable)
	c.Set(fiber.HeaderContentType, "text/css; charset=utf-8")
	return c.SendString(brand.AccentSheet(accent))
}

// serveLogo sends a picture that we made (security.md rule 17).
func (s *site) serveLogo(c *fiber.Ctx) error {
	hash, isPicture := strings.CutSuffix(c.Params("file"), ".png")
	if !isPicture || !brand.IsHash(hash) {
		return fiber.ErrNotFound
	}
	picture, err := s.Store.Image(c.UserContext(), hash)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, immutable)
	c.Set(fiber.HeaderContentType, "image/png")
	return c.Send(picture.PNG)
}

// serveFavicon answers browsers that ask without having read a page.
func (s *site) serveFavicon(c *fiber.Ctx) error {
	f, ok := static.Lookup(static.URL("favicon.svg"))
	if !ok {
		return fiber.ErrNotFound
	}
	return s.send(c, f, "public, max-age=86400")
}

func (s *site) send(c *fiber.Ctx, f *static.File, cache string) error {
	c.Set(fiber.HeaderCacheControl, cache)
	c.Set(fiber.HeaderETag, f.ETag)
	c.Set(fiber.HeaderContentType, f.ContentType)
	c.Vary(fiber.HeaderAcceptEncoding)
	if c.Get(fiber.HeaderIfNoneMatch) == f.ETag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	accepted := c.Get(fiber.HeaderAcceptEncoding)
	switch {
	case f.Brotli != nil && accepts(accepted, "br"):
		c.Set(fiber.HeaderContentEncoding, "br")
		return c.Send(f.Brotli)
	case f.Gzip != nil && accepts(accepted, "gzip"):
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(f.Gzip)
	}
	return c.Send(f.Raw)
}

// accepts reports whether an Accept-Encoding header names the coding without refusing it (RFC 9110 §12.5.3).
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
