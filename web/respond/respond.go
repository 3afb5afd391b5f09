package respond

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/bytebufferpool"

	"gatehouse/internal/oauth"
	"gatehouse/views/layout"
	"gatehouse/web/request"
)

// Page sends the whole page to a browser and only the part to an htmx swap. part may be nil where a page has none.
func Page(c *fiber.Ctx, status int, page, part templ.Component) error {
	c.Vary("HX-Request", "HX-Request-Type")
	if part != nil && request.HTMX(c) {
		page = part
	}
	buffer := bytebufferpool.Get()
	defer bytebufferpool.Put(buffer)
	if err := page.Render(c.UserContext(), buffer); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Status(status).Send(append([]byte(nil), buffer.B...))
}

// SeeOther leads on to a page of ours: 303 for browsers, HX-Location for htmx.
func SeeOther(c *fiber.Ctx, path string) error {
	c.Vary("HX-Request", "HX-Request-Type")
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Location", path)
		return c.SendStatus(fiber.StatusNoContent)
	}
	return c.Redirect(path, fiber.StatusSeeOther)
}

// Flash leads on to a page of ours and says there what happened.
func Flash(c *fiber.Ctx, path, tone, title, text string) error {
	request.SetFlash(c, layout.Flash{Tone: tone, Title: title, Text: text})
	return SeeOther(c, path)
}

// FlashUndo is Flash for what a POST to undo undoes.
func FlashUndo(c *fiber.Ctx, path, title, text, undo string) error {
	request.SetFlash(c, layout.Flash{Tone: "success", Title: title, Text: text, Undo: undo})
	return SeeOther(c, path)
}

// RetryAfter tells when to try again, in whole seconds and at least one (RFC 9110 §10.2.3), and returns what it told.
func RetryAfter(c *fiber.Ctx, wait time.Duration) (seconds int) {
	seconds = max(int((wait+time.Second-1)/time.Second), 1)
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds))
	return seconds
}

// Out leads the browser to a URL that a *oauth.Target built. Never 307: a password must not travel on (RFC 9700 §4.12).
func Out(c *fiber.Ctx, url string) error { return c.Redirect(url, fiber.StatusSeeOther) }

// SignIn sends the person to the sign-in page and back to path afterwards.
func SignIn(c *fiber.Ctx, path string) error {
	to := "/login"
	if path != "" {
		to += "?return_to=" + url.QueryEscape(path)
	}
	if c.Get("HX-Request") == "true" { // a page of its own, with its own style: never swapped into another
		c.Vary("HX-Request")
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusNoContent)
	}
	return SeeOther(c, to)
}

// JSON answers a machine. Nothing of it may be kept (RFC 6749 §5.1).
func JSON(c *fiber.Ctx, status int, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(status).Send(b)
}

// OAuthError answers a machine with the protocol's error (RFC 6749 §5.2, RFC 6750 §3).
func OAuthError(c *fiber.Ctx, e *oauth.Error, errorURI string) error {
	if e.AuthenticateBasic {
		c.Append(fiber.HeaderWWWAuthenticate, `Basic realm="gatehouse", charset="UTF-8"`)
	}
	if e.Bearer {
		challenge := `Bearer realm="gatehouse"`
		if e.Code != "" {
			challenge += `, error="` + e.Code + `", error_description="` + e.Description + `", error_uri="` + errorURI + `"`
		}
		if e.Scope != "" {
			challenge += `, scope="` + e.Scope + `"`
		}
		c.Append(fiber.HeaderWWWAuthenticate, challenge)
	}
	body := map[string]string{}
	if e.Code != "" {
		body["error"], body["error_description"], body["error_uri"] = e.Code, e.Description, errorURI
	}
	return JSON(c, e.Status(), body)
}
