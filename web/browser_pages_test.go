package web_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/web/webtest"
)

// screenshotsVariable names the environment variable with a folder where TestBrowser_everyPage leaves pictures of all pages.
const screenshotsVariable = "GATEHOUSE_TEST_SCREENSHOTS"

// scene is a page in a state worth looking at, and how to get there.
type scene struct {
	name   string
	as     *identity.User // nil: nobody
	open   string
	status int            // 0: 200
	then   func(b *tab)   // what to do there
	after  func(b *tab)   // what to do before each look: a change of width closes what floats
	house  *webtest.House // another house than the others'
}

// Every page that people meet, in every state it has: no violation that axe-core knows of, light and dark, on a desk and on
// a phone; no sideways scroll on a narrow phone; nothing that the browser complains about.
func TestBrowser_everyPage(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	scenes := allScenes(t, h)
	tabs := tabPool{t: t}
	var visited sync.Map
	t.Run("scene", func(t *testing.T) {
		for _, s := range scenes {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				b := tabs.take(t, cmp.Or(s.house, h))
				defer tabs.put(b)
				s.look(b, &visited)
			})
		}
	})
	for _, path := range h.App.Pages() {
		shown := false
		visited.Range(func(seen, _ any) bool {
			shown = shown || pattern(path).MatchString(seen.(string))
			return !shown
		})
		if !shown && path != "/" && path != oauth.PathAuthorize && path != oauth.PathTutorialAuthorize && !strings.HasSuffix(path, "/export") && !strings.HasSuffix(path, "/refused") { // these only lead on, or are files
			t.Errorf("no scene shows %s", path)
		}
	}
}

func pattern(route string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.MustCompile(`:\w+`).ReplaceAllString(route, `[^/]+`) + "$")
}

func (s scene) look(b *tab, visited *sync.Map) {
	t := b.t
	if s.as != nil {
		b.enter(s.as)
	}
	if status := b.open(s.open); status != max(s.status, http.StatusOK) {
		t.Fatalf("%s answers %d\n%s", s.open, status, b.describe())
	}
	if s.then != nil {
		s.then(b)
	}
	visited.Store(js[string](b, `location.pathname`), true)
	js[bool](b, "%s; true", axe())
	for _, width := range []int{wide, phone} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			if s.after != nil {
				s.after(b)
			}
			b.settle()
			if scheme == "light" {
				b.audit(fmt.Sprint(width), everyRule)
			} else { // only colours differ in the dark
				b.audit(fmt.Sprint(width, " dark"), colourRules)
			}
			b.photograph(fmt.Sprintf("%s-%d-%s", s.name, width, scheme))
		}
	}
	b.look(narrow, "light")
	if s.after != nil {
		s.after(b)
	}
	b.settle()
	if wider := js[string](b, `(() => {
		const room = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= room) return "";
		return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > room + 0.5 && !e.closest(".table-wrap, .visually-hidden"))
			.map(e => e.tagName + "." + e.className).slice(0, 8).join(", ") || "something";
	})()`); wider != "" {
		t.Errorf("at %d px the page scrolls sideways, because of %s", narrow, wider)
	}
	b.photograph(fmt.Sprintf("%s-%d-light", s.name, narrow))
}

// settle waits until fonts are there and two frames have been drawn.
func (b *tab) settle() {
	b.t.Helper()
	js[bool](b, `document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))`)
}

// axe is the source of axe-core, which "task assets" fetches.
var axe = sync.OnceValue(func() string {
	source, err := os.ReadFile(filepath.Join("..", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return fmt.Sprintf("throw new Error(%q)", err.Error()+`: run "task assets", which fetches axe-core`)
	}
	return string(source)
})

// What axe-core is asked for.
const (
	everyRule   = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	colourRules = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// audit lets axe-core judge the page.
func (b *tab) audit(as, rules string) {
	b.t.Helper()
	for _, v := range b.violations(rules) {
		b.t.Errorf("%s: %s (%s)\n%s", as, v.Help, v.Rule, strings.Join(v.Where, "\n"))
	}
}

type violation struct {
	Rule, Help string
	Where      []string
}

func (b *tab) violations(rules string) []violation {
	b.t.Helper()
	return js[[]violation](b, `axe.run(document, {runOnly: %s, resultTypes: ["violations"]})
		.then(r => r.violations.map(v => ({rule: v.id, help: v.help, where: v.nodes.map(n => n.html.slice(0, 160) + " " + n.failureSummary)})))`, rules)
}

// The auditor itself is awake: it sees what is wrong, and the Content-Security-Policy does not keep it out.
func TestBrowser_theAuditFindsFaults(t *testing.T) {
	t.Parallel()
	b := openTab(t, openHouse(t))
	b.open("/login")
	js[bool](b, "%s; true", axe())
	js[bool](b, `(() => {
		document.querySelector("label[for=username]").remove();
		document.querySelector("h1").style.color = "#999";
		return true;
	})()`)
	var found []string
	for _, v := range append(b.violations(everyRule), b.violations(colourRules)...) {
		found = append(found, v.Rule)
	}
	if got := strings.Join(found, " "); got != "color-contrast label color-contrast" {
		t.Errorf("of an input without a label and a pale title it says %q", got)
	}
}

// photograph keeps a picture of the whole page, if somebody asked for pictures.
func (b *tab) photograph(name string) {
	b.t.Helper()
	folder := os.Getenv(screenshotsVariable)
	if folder == "" {
		return
	}
	beyond := js[bool](b, `!document.querySelector("dialog[open], :popover-open")`) // what floats is drawn in the window
	picture := run(b, func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		got, err := cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
		return got.Data, err
	})
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, " ", "_")+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

const longName = "The Association of International Warehouse and Logistics Operators – Customer Self-Service Portal (staging, second try)"

// allScenes furnishes the house and lists what there is to see in it.
func allScenes(t *testing.T, h *webtest.House) []scene {
	t.Helper()
	empty := openHouse(t)                      // nobody has set it up
	fresh, first := openHouse(t), openHouse(t) // an administrator, and nothing else yet
	chief, founder := fresh.User(t, admin, people("Sofia Ivanova", "sofia")), first.User(t, admin, people("Sofia Ivanova", "sofia"))
	boss, auditor := h.User(t, admin, people("Sofia Ivanova", "sofia")), h.User(t, people("Ola Nordmann", "ola"), func(u *identity.User) { u.Role = identity.RoleAuditor })
	user := h.User(t, people("Maximiliane Freifrau von Wolkenstein-Hohenlohe", "maximiliane"))
	plain := h.User(t, people("", "quiet"))

	app := openApplication(t)
	at := func(uris ...string) func(*oauth.Client) {
		return func(c *oauth.Client) { c.RedirectURIs = append(oauth.RedirectURIs{app.url}, uris...) }
	}
	full := func(c *oauth.Client) {
		c.ClientURI, c.PolicyURI, c.TosURI = "https://www.acme.example/", "https://www.acme.example/privacy", "https://www.acme.example/terms"
		c.Contacts = []string{"ops@acme.example", "security@acme.example"}
		c.Scopes = append(slices.Clone(c.Scopes), "invoices:read")
	}
	h.Scope(t, "invoices:read", "See your invoices and the addresses they went to")
	client := h.Client(t, at("https://www.acme.example/after/a/rather/long/way/through/many/folders/callback?with=parameters&and=more"), full)
	long := h.Client(t, at(), full, func(c *oauth.Client) { c.Name = longName })
	public := h.Client(t, at(), webtest.Public, func(c *oauth.Client) { c.Name, c.ApplicationType = "Wallet for phones", oauth.ApplicationNative })
	off := h.Client(t, at(), func(c *oauth.Client) { c.Name = "Retired reports" })
	must(t, h.Store.DisableClient(t.Context(), off.ID, h.Clock.Now(), event()))
	undone := h.Client(t, at(), func(c *oauth.Client) { c.Name = "Team application 00" })
	for i := range 28 {
		h.Client(t, func(c *oauth.Client) { c.Name = fmt.Sprintf("Team application %02d", i+1) })
	}
	// Somebody has let applications in, from two browsers.
	for _, c := range []*webtest.Client{client, long} {
		h.Browser(t).Code(c, user, url.Values{"redirect_uri": {app.url}, "scope": {"openid profile email offline_access invoices:read"}})
	}
	must(t, h.Store.AddClientSecret(t.Context(), expiring(long.ID, h.Clock.Now().Add(9*24*time.Hour)), h.Clock.Now(), event()))
	h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"authorization_code"}, "code": {"unknown"}})
	must(t, h.Store.Flush(t.Context()))
	link := secret.New("")
	must(t, h.Store.CreateResetLink(t.Context(), identity.ResetLink{
		Hash: secret.Hash(link), UserID: plain.ID, CreatedAt: h.Clock.Now(), ExpiresAt: h.Clock.Now().Add(time.Hour),
	}, h.Clock.Now(), event()))

	ask := func(c *webtest.Client, scope string) string {
		return h.AuthorizeURL(c, url.Values{"redirect_uri": {app.url}, "scope": {scope}})
	}
	clientPage, longPage := "/console/clients/"+client.ID, "/console/clients/"+long.ID
	secrets, err := h.Store.ClientSecrets(t.Context(), client.ID)
	must(t, err)
	revoke := clientPage + "/secrets/" + secrets[0].ID + "/revoke"
	menu := func(id string) func(*tab) {
		return func(b *tab) {
			js[bool](b, `(m => m.matches(":popover-open") || (document.querySelector('[popovertarget="' + m.id + '"]').click(), true))(document.getElementById(%q))`, id)
			b.wait(`document.querySelector("#%s:popover-open")`, id)
		}
	}
	sidebar := func(b *tab) {
		if js[bool](b, `getComputedStyle(document.querySelector(".menu-trigger")).display !== "none"`) {
			menu("sidebar")(b)
		}
	}
	submit := func(button string, fields map[string]string) func(*tab) {
		return func(b *tab) {
			for selector, text := range fields {
				b.fill(selector, text)
			}
			js[bool](b, `(document.querySelector(%q).form.noValidate = true)`, button)
			b.press(button)
		}
	}
	dialog := func(path string) func(*tab) {
		return func(b *tab) {
			js[bool](b, `(document.querySelector('[hx-get="%s"]').click(), true)`, path)
			b.wait(`document.querySelector("dialog[open]")`)
		}
	}

	others := slices.Concat(apiScenes(t, h, boss, auditor, user, menu, dialog), peopleScenes(t, menu, dialog), grantScenes(t, menu, dialog), keyScenes(t, dialog), houseScenes(t, dialog))
	return append(others, []scene{
		{name: "setup", house: empty, open: "/setup?token=" + empty.SetupToken},
		{name: "setup refused", house: empty, open: "/setup?token=" + empty.SetupToken, then: submit("#setup-submit", map[string]string{"#username": "no@sign", "#email": "nowhere", "#password": "short"})},
		{name: "setup closed", open: "/setup?token=x", status: http.StatusNotFound},
		{name: "login", open: "/login"},
		{name: "login empty", open: "/login", then: submit("#login-submit", nil)},
		{name: "login wrong", open: "/login", then: submit("#login-submit", map[string]string{"#username": "nobody", "#password": "wrong password"})},
		{name: "login for a client", open: ask(client, "openid")},
		{name: "login for a long name", open: ask(long, "openid")},
		{name: "reset", open: "/reset?token=" + link},
		{name: "reset refused", open: "/reset?token=" + link, then: submit("#reset-submit", map[string]string{"#password": "short", "#password_again": "other"})},
		{name: "reset closed", open: "/reset?token=x", status: http.StatusNotFound},
		{name: "signed out", open: "/logout"},
		{name: "sign out", as: user, open: "/logout"},
		{name: "refused request", open: "/oauth/authorize?client_id=nobody&response_type=code", status: http.StatusBadRequest},
		{name: "error code", open: "/errors/invalid_grant?request=0123456789abcdefghijkl"},
		{name: "not found", open: "/nothing/here", status: http.StatusNotFound},
		{name: "consent", as: plain, open: ask(client, "openid profile email phone address offline_access invoices:read")},
		{name: "consent long", as: user, open: ask(long, "openid profile email phone invoices:read")},
		{name: "consent one", as: plain, open: ask(public, "openid")},
		{name: "account", as: user, open: "/account"},
		{name: "account empty", as: plain, open: "/account"},
		{name: "account profile refused", as: boss, open: "/account", then: submit("#profile-save", map[string]string{"#name": "", "#email": "nowhere"})},
		{name: "account password refused", as: plain, open: "/account", then: submit("#password-save", map[string]string{"#password": "short", "#password_again": "other"})},
		{name: "account saved", as: boss, open: "/account", then: submit("#profile-save", map[string]string{"#name": "Sofia Ivanova"})},

		{name: "overview first steps", house: fresh, as: chief, open: "/console"},
		{name: "overview", as: boss, open: "/console"},
		{name: "overview paused", as: boss, open: "/console", then: func(b *tab) {
			b.click("[data-live-toggle]")
			b.sees("Resume")
		}},
		{name: "events live", as: auditor, open: "/console/audit", then: func(b *tab) {
			b.click("[data-live-toggle]")
			b.wait(`document.querySelector("[data-live-state]").textContent === "Live"`)
		}},
		{name: "events missed", as: auditor, open: "/console/audit?action=token.refused", then: func(b *tab) {
			js[bool](b, `!(document.querySelector("[data-live-missed]").hidden = false)`)
		}},
		{name: "overview table", as: auditor, open: "/console?range=30d", then: func(b *tab) { b.click(".disclosure > summary") }},
		{name: "overview range", as: boss, open: "/console", then: func(b *tab) {
			b.click("#range-7d")
			b.wait(`location.search === "?range=7d" && document.querySelector("#range-7d[aria-current]")`)
		}},
		{name: "clients none", house: fresh, as: chief, open: "/console/clients"},
		{name: "clients", as: boss, open: "/console/clients"},
		{name: "clients page", as: boss, open: "/console/clients", then: func(b *tab) { b.press(`[rel="next"]`) }},
		{name: "clients no match", as: boss, open: "/console/clients?q=" + url.QueryEscape(longName+"x")},
		{name: "clients disabled", as: boss, open: "/console/clients?status=disabled"},
		{name: "clients narrowed", as: boss, open: "/console/clients?type=web&grant=refresh_token&status=active&sort=-last_used"},
		{name: "clients menu", as: boss, open: "/console/clients", after: menu("row-2")},
		{name: "clients auditor", as: auditor, open: "/console/clients"},
		{name: "theme menu", as: boss, open: "/console/clients?status=disabled", after: menu("theme-menu")},
		{name: "sidebar", as: boss, open: "/console/clients?status=disabled", after: sidebar},
		{name: "user menu", as: boss, open: "/console/clients?status=disabled", after: func(b *tab) { sidebar(b); menu("user-menu")(b) }},
		{name: "client kinds", as: boss, open: "/console/clients/new"},
		{name: "client new", as: boss, open: "/console/clients/new?type=web"},
		{name: "client new service", as: boss, open: "/console/clients/new?type=service"},
		{name: "client new refused", as: boss, open: "/console/clients/new?type=web", then: func(b *tab) {
			b.fill(`[name="redirect_uris"]`, "http://acme.example/callback")
			b.fill("#contacts", "nobody")
			js[bool](b, `(document.querySelectorAll("[name=grant_types], [name=scopes]").forEach(c => c.checked = false), true)`)
			b.press("#client-save")
		}},
		{name: "client new rows", as: boss, open: "/console/clients/new?type=web", then: func(b *tab) {
			b.click("#add-redirect-uri")
			b.wait(`document.getElementsByName("redirect_uris").length === 2`)
		}},
		{name: "client new typed", as: boss, open: "/console/clients/new?type=native", then: func(b *tab) {
			b.fill(`[name="redirect_uris"]`, "myapp://callback")
			b.wait(`document.querySelector(".row-message .field-error") && document.querySelector("[name=redirect_uris]").ariaInvalid`)
		}},
		{name: "client copy", as: boss, open: "/console/clients/new?from=" + client.ID},
		{name: "client import", as: boss, open: "/console/clients/import"},
		{name: "client import refused", as: boss, open: "/console/clients/import", then: submit("#import-check", map[string]string{"#metadata": `{"client_name": "Invoices", "redirect_uris": [}`})},
		{name: "client imported", as: boss, open: "/console/clients/import", then: submit("#import-check", map[string]string{
			"#metadata": `{"client_name": "Invoices", "redirect_uris": ["https://invoices.example.com/callback"], "logo_uri": "https://invoices.example.com/logo.svg", "grant_types": ["authorization_code", "magic"]}`,
		})},
		{name: "client registered", house: first, as: founder, open: "/console/clients/new?type=web", then: func(b *tab) {
			b.fill("#client_name", "Invoice archive")
			b.fill(`[name="redirect_uris"]`, app.url)
			b.press("#client-save")
		}},
		{name: "client", as: boss, open: clientPage},
		{name: "client long", as: boss, open: longPage},
		{name: "client off", as: boss, open: "/console/clients/" + off.ID},
		{name: "client public", as: boss, open: "/console/clients/" + public.ID},
		{name: "client auditor", as: auditor, open: clientPage},
		{name: "client menu", as: boss, open: clientPage, after: menu("client-menu")},
		{name: "client refused", as: boss, open: longPage, then: func(b *tab) {
			b.fill("#client_name", "")
			b.fill("#contacts", "nowhere")
			b.click("#client-save")
			b.wait(`document.activeElement.id === "client_name" && document.activeElement.ariaInvalid`)
		}},
		{name: "client conflict", as: boss, open: "/console/clients/" + public.ID, then: func(b *tab) {
			other := openTab(b.t, h)
			other.enter(boss)
			other.open("/console/clients/" + public.ID)
			other.fill("#client_name", "Wallet for telephones")
			other.click("#client-save")
			other.sees("Settings saved")
			b.fill("#client_name", "Wallet for phones and tablets")
			b.fill("#contacts", "a-rather-long-address-of-somebody-that-does-not-fit@wallet.example")
			b.click("#client-save")
			b.wait(`document.activeElement.id === "conflict"`)
		}},
		{name: "client saved", as: boss, open: "/console/clients/" + off.ID, then: func(b *tab) {
			b.click("#client-save")
			b.wait(`document.querySelector("#toasts .toast")`)
		}},
		{name: "credentials", as: boss, open: clientPage + "/credentials"},
		{name: "client scopes", as: boss, open: clientPage + "/scopes"},
		{name: "client scopes auditor", as: auditor, open: longPage + "/scopes"},
		{name: "client scopes refused", as: boss, open: clientPage + "/scopes", then: func(b *tab) {
			js[bool](b, `(box => { box.value = "nonsense"; return box.checked = true })(document.querySelector("#scope-0"))`)
			b.click("#scopes-save")
			b.wait(`document.activeElement.id === "scopes"`)
		}},
		{name: "client lifetimes", as: boss, open: clientPage + "/tokens"},
		{name: "client lifetimes auditor", as: auditor, open: longPage + "/tokens"},
		{name: "client lifetimes refused", as: boss, open: clientPage + "/tokens", then: func(b *tab) {
			b.fill("#access_token_ttl", "forever")
			b.click("#lifetimes-save")
			b.wait(`document.activeElement.id === "access_token_ttl"`)
		}},
		{name: "client access", as: boss, open: clientPage + "/access"},
		{name: "client consents", as: boss, open: clientPage + "/consents"},
		{name: "client consents none", as: auditor, open: "/console/clients/" + public.ID + "/consents"},
		{name: "client access none", as: auditor, open: "/console/clients/" + public.ID + "/access"},
		{name: "client activity", as: boss, open: clientPage + "/activity"},
		{name: "integrate", as: boss, open: clientPage + "/integrate"},
		{name: "integrate curl", as: auditor, open: longPage + "/integrate?lang=curl"},
		{name: "credentials public", as: boss, open: "/console/clients/" + public.ID + "/credentials"},
		{name: "credentials auditor", as: auditor, open: longPage + "/credentials"},
		{name: "credentials full", as: boss, open: longPage + "/credentials", then: func(b *tab) {
			for js[bool](b, `!!document.querySelector("#secret-add")`) {
				b.press("#secret-add")
				b.press(".once .btn")
			}
			b.click(".secret .btn")
			b.click("#secret-revoke-confirm")
			b.sees("Secret revoked")
		}},
		{name: "disable", as: boss, open: clientPage + "/disable"},
		{name: "disable dialog", as: boss, open: clientPage, then: dialog(clientPage + "/disable")},
		{name: "disabled, with undo", as: boss, open: "/console/clients/" + undone.ID + "/disable", then: func(b *tab) {
			b.click("#client-disable-confirm")
			b.wait(`document.querySelector("#undo")`)
		}},
		{name: "delete", as: boss, open: longPage + "/delete"},
		{name: "delete dialog", as: boss, open: longPage, then: dialog(longPage + "/delete")},
		{name: "delete dialog refused", as: boss, open: clientPage, then: func(b *tab) {
			dialog(clientPage + "/delete")(b)
			b.fill("#confirm", "Acme")
			b.keys("\r")
			b.wait(`document.querySelector("#confirm").ariaInvalid`)
		}},
		{name: "revoke", as: boss, open: revoke},
		{name: "revoke dialog", as: boss, open: clientPage + "/credentials", then: dialog(revoke)},
		{name: "console not found", as: boss, open: "/console/clients/cl_nothing", status: http.StatusNotFound},
		{name: "console forbidden", as: auditor, open: "/console/clients/new", status: http.StatusForbidden},
	}...)
}

func people(name, username string) func(*identity.User) {
	return func(u *identity.User) { u.Name, u.Username, u.Email = name, username, username+"@example.test" }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
