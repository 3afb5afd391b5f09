package request

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/views/layout"
)

// State is what is known about one request.
type State struct {
	House   *House
	Caller  audit.Caller
	Session *identity.Session // nil when nobody is signed in
	Lapsed  *identity.Session // the one that the browser was in until it ended
	User    *identity.User    // nil when nobody is signed in
	Browser string            // value of the browser cookie, empty until there is one
	CSRF    string            // what the forms of this page carry
}

// House is what all requests share.
type House struct {
	Issuer string
	Brand  func() *brand.House
	Secure bool // the issuer is https: cookies are Secure and bear the __Host- prefix (security.md rule 12)
	Sealer *secret.Sealer
}

type stateKey struct{}

// Begin gives the request its State.
func Begin(c *fiber.Ctx, s *State) { c.Locals(stateKey{}, s) }

// Of returns the request's State. The web room gives every request one before any handler runs; until then it is nil.
func Of(c *fiber.Ctx) *State {
	s, _ := c.Locals(stateKey{}).(*State)
	return s
}

// Actor is who acts in the request, for the audit log.
func Actor(c *fiber.Ctx) audit.Party {
	if u := Of(c).User; u != nil {
		return audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username}
	}
	return audit.Party{}
}

// Login is who sits at the browser, as the rulebook wants to know it; nil if nobody is signed in.
func Login(c *fiber.Ctx) *oauth.Login {
	s := Of(c)
	if s.Session == nil {
		return nil
	}
	return &oauth.Login{Subject: s.User.ID, SessionID: s.Session.ID, AuthTime: s.Session.AuthTime, AMR: strings.Fields(s.Session.AMR)}
}

// BrowserHash names the browser, so that what it began can be bound to it (security.md rule 10).
func BrowserHash(c *fiber.Ctx) string { return secret.Hash(Of(c).Browser) }

// Chrome is what every page shows around its own content. It takes the flash messages with it: they are shown once.
func Chrome(c *fiber.Ctx) layout.Chrome {
	s := Of(c)
	ch := layout.Chrome{
		CSRF: s.CSRF, Flash: takeFlash(c), Path: c.Path(), Theme: Theme(c),
		Issuer: s.House.Issuer, RequestID: s.Caller.RequestID, Brand: BrandOf(s.House.Brand()),
	}
	if u := s.User; u != nil {
		ch.User = &layout.ChromeUser{ID: u.ID, Name: u.Name, Email: u.Email, Username: u.Username, Role: string(u.Role)}
	}
	return ch
}

// BrandOf is what pages show of what the house settled.
func BrandOf(h *brand.House) layout.Brand {
	b := layout.Brand{Name: h.Name, Logo: brand.LogoPath(h.Logo), Accent: h.Accent, Sheet: brand.AccentPath(h.Accent)}
	for _, l := range []layout.Link{{Label: "Help", Href: h.HelpURI}, {Label: "Privacy policy", Href: h.PolicyURI}, {Label: "Terms of service", Href: h.TosURI}} {
		if l.Href != "" {
			b.Links = append(b.Links, l)
		}
	}
	return b
}

// App is what pages show of an application that sends somebody here.
func App(client *oauth.Client) *layout.App {
	return &layout.App{Name: client.Name, Logo: brand.LogoPath(client.Logo), URI: client.ClientURI, PolicyURI: client.PolicyURI, TosURI: client.TosURI}
}

// Colour gives the page the application's colour, if it has one.
func Colour(ch layout.Chrome, client *oauth.Client) layout.Chrome {
	if client.Accent != "" {
		ch.Brand.Accent, ch.Brand.Sheet = client.Accent, brand.AccentPath(client.Accent)
	}
	return ch
}

// ReturnTo is where to go after signing in: a path of ours, or "" (never another site).
func ReturnTo(raw string) string {
	if !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") || len(raw) > 2048 {
		return ""
	}
	for i := range len(raw) { // browsers drop tabs and newlines and read \ as /
		if raw[i] <= 0x20 || raw[i] >= 0x7f || raw[i] == '\\' {
			return ""
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	return raw
}
