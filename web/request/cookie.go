package request

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/secret"
	"gatehouse/views/layout"
)

// The cookies we set.
const (
	SessionCookie = "session" // a signed-in browser; ends with it
	BrowserCookie = "browser" // any browser: binds forms and pending requests to it
	DeviceCookie  = "device"  // a browser in which somebody signed in: passes the brute-force counters
	themeCookie   = "theme"
	flashCookie   = "flash"
)

const year = 365 * 24 * time.Hour

// CookieName fits the issuer: __Host- under https, plain on loopback http. Only this name is read (security.md rule 12).
func (h *House) CookieName(name string) string {
	if h.Secure {
		return "__Host-gh_" + name
	}
	return "gh_" + name
}

// Cookie returns the value of one of our cookies.
func Cookie(c *fiber.Ctx, name string) string { return c.Cookies(Of(c).House.CookieName(name)) }

// SetCookie sets one of our cookies. A life of 0 lasts until the browser closes; a negative one removes it.
func SetCookie(c *fiber.Ctx, name, value string, life time.Duration) {
	h := Of(c).House
	cookie := &fiber.Cookie{
		Name: h.CookieName(name), Value: value, Path: "/", Secure: h.Secure, HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
	}
	switch {
	case life > 0:
		cookie.MaxAge = int(life / time.Second)
	case life < 0:
		cookie.Expires = fasthttpDelete
	}
	c.Cookie(cookie)
}

// fasthttpDelete is a time long ago.
var fasthttpDelete = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// EnsureBrowser gives the browser its cookie if it has none.
func EnsureBrowser(c *fiber.Ctx) {
	s := Of(c)
	if s.Browser = Cookie(c, BrowserCookie); len(s.Browser) < 43 {
		s.Browser = secret.New("")
		SetCookie(c, BrowserCookie, s.Browser, year)
	}
}

// Theme is the look the person chose: "light", "dark" or "" for the system's.
func Theme(c *fiber.Ctx) string {
	switch t := Cookie(c, themeCookie); t {
	case "light", "dark":
		return t
	}
	return ""
}

// SetTheme remembers the look; anything but light and dark means the system's.
func SetTheme(c *fiber.Ctx, theme string) {
	if theme == "light" || theme == "dark" {
		SetCookie(c, themeCookie, theme, year)
		return
	}
	SetCookie(c, themeCookie, "", -1)
}

// SetFlash shows a message on the next page of this browser. Never put a secret there.
func SetFlash(c *fiber.Ctx, f layout.Flash) {
	b, err := json.Marshal(f)
	if err == nil {
		message := base64.RawURLEncoding.EncodeToString(b)
		SetCookie(c, flashCookie, message+"."+flashMAC(c, message), time.Minute)
	}
}

// flashMAC proves that a message is ours: it speaks in our name, and may lead to an act.
func flashMAC(c *fiber.Ctx, message string) string {
	s := Of(c)
	browser := s.Browser
	if browser == "" { // an error came before anybody looked
		browser = Cookie(c, BrowserCookie)
	}
	return s.House.Sealer.MAC("flash", browser, message)
}

func takeFlash(c *fiber.Ctx) []layout.Flash {
	raw := Cookie(c, flashCookie)
	if raw == "" {
		return nil
	}
	SetCookie(c, flashCookie, "", -1)
	message, mac, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(message)
	var f layout.Flash
	if err != nil || !secret.Equal(mac, flashMAC(c, message)) || json.Unmarshal(b, &f) != nil {
		return nil
	}
	return []layout.Flash{f}
}
