package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// doubleClick clicks twice, as people do who are used to icons, while the server is far away.
func (b *tab) doubleClick(selector string) {
	b.t.Helper()
	far := []*network.Conditions{{Latency: 250, DownloadThroughput: -1, UploadThroughput: -1}}
	b.do(
		call(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: far}),
		chromedp.WaitVisible(chromedp.CSS(selector)),
	)
	js[bool](b, `(button => { button.click(); setTimeout(() => button.click(), 100); return true })(document.querySelector(%q))`, selector)
	b.wait(`!document.querySelector(%q)`, selector)
	b.do(call(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{}}))
}

func TestBrowser_searchFollowsTypingAndBackUndoesIt(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	for _, name := range []string{"Ledger", "Warehouse", "Wareroom"} {
		h.Client(t, func(c *oauth.Client) { c.Name = name })
	}
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/clients")
	b.do(call(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Code: "Slash", Text: "/"}))
	if b.focus() != "q" {
		t.Errorf("/ goes to %s", b.focus())
	}
	b.keys("ware")
	b.wait(`document.querySelectorAll("tbody tr").length === 2`)
	b.keys("house")
	b.wait(`document.querySelectorAll("tbody tr").length === 1`)
	b.wait(`document.querySelector("#count").innerText === "1 client"`)
	if b.path() != "/console/clients?q=warehouse&type=&grant=&status=" {
		t.Errorf("the search stands at %s", b.path())
	}
	if b.focus() != "q" || b.value("#q") != "warehouse" {
		t.Errorf("after the search %s has the focus and the field holds %q", b.focus(), b.value("#q"))
	}
	b.press("tbody .row-link")
	b.sees("Settings")
	back := func(rows int, query string) {
		t.Helper()
		js[bool](b, `setTimeout(() => history.back()) > 0`)
		b.wait(`document.querySelectorAll("tbody tr").length === %d && document.querySelector("#q").value === %q`, rows, query)
	}
	back(1, "warehouse")
	back(2, "ware")
	back(3, "")
	b.fill("#q", "nothing like it")
	b.sees("No client matches “nothing like it”")
	b.press("#results .btn")
	b.at("/console/clients")
}

func TestBrowser_aRefusedFormPutsTheFocusOnItsFirstFault(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client := h.Client(t)
	b := openTab(t, h)

	b.open("/setup?token=" + h.SetupToken) // there is no user yet
	b.fill("#name", "Sofia Ivanova")
	b.fill("#username", "no@sign")
	b.fill("#email", "sofia@example.test")
	b.fill("#password", webtest.Password)
	b.refused("#setup-submit", "username")

	b.enter(h.User(t, admin))
	b.open("/account")
	b.fill("#email", "nobody@nowhere@example.test")
	js[bool](b, `document.querySelector("#profile form").noValidate = true`)
	b.refused("#profile-save", "email")
	b.fill("#current_password", webtest.Password)
	b.fill("#password", "a new and long one")
	b.fill("#password_again", "another one, longer")
	b.refused("#password-save", "password_again")

	b.open("/console/clients/new?type=web")
	b.fill("#client_name", "Acme")
	b.refused("#client-save", "redirect_uris")
	b.fill(`[name="redirect_uris"]`, "http://acme.example/cb")
	b.refused("#client-save", "redirect_uris.0")

	b.open("/console/clients/" + client.ID)
	b.fill("#client_name", "")
	b.fill("#contacts", "nowhere")
	b.click("#client-save")
	b.wait(`document.activeElement.id === "client_name" && document.activeElement.ariaInvalid === "true"`)
	js[bool](b, `(document.querySelectorAll("[name=grant_types]").forEach(c => c.checked = false), true)`)
	b.fill("#client_name", "Acme")
	b.fill("#contacts", "")
	b.click("#client-save")
	b.wait(`document.activeElement.id === "grant_types"`)
	js[bool](b, `document.querySelector("[name=grant_types][value=authorization_code]").checked = true`)
	b.click("#client-save")
	b.sees("Settings saved")
}

// refused sends a form that is refused, and expects the focus on the field.
func (b *tab) refused(button, field string) {
	b.t.Helper()
	if status := b.press(button); status != http.StatusUnprocessableEntity {
		b.t.Fatalf("%s is answered by %d\n%s", button, status, b.describe())
	}
	b.wait(`document.activeElement.id === %q`, field)
	b.wait(`(r => r.top >= 0 && r.bottom <= innerHeight)(document.activeElement.getBoundingClientRect())`) // in sight
}

func TestBrowser_theFocusComesBackFromDialogsAndMenus(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client := h.Client(t)
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/clients/" + client.ID)

	for _, leave := range []func(){
		func() { b.keys(kb.Escape) },
		func() { b.click("dialog [data-close]") },
		func() { b.do(chromedp.MouseClickXY(5, 5)) }, // beside the dialog
	} {
		b.choose("#client-menu", "Disable…")
		if inside := js[bool](b, `document.querySelector("#dialog-slot dialog").contains(document.activeElement)`); !inside {
			t.Errorf("the dialog opens with the focus on %s", b.focus())
		}
		leave()
		b.wait(`!document.querySelector("#dialog-slot dialog")`)
		if b.focus() != "More actions" {
			t.Errorf("after the dialog the focus is on %s", b.focus())
		}
	}

	b.open("/console/clients/" + client.ID + "/credentials")
	b.focusAndPress(`[aria-label^="Revoke secret"]`)
	b.wait(`document.querySelector("dialog[open]")`)
	b.keys(kb.Escape)
	b.wait(`!document.querySelector("#dialog-slot dialog")`)
	if !strings.HasPrefix(b.focus(), "Revoke secret ending in") {
		t.Errorf("after the dialog the focus is on %s", b.focus())
	}

	b.focusAndPress(`[popovertarget="theme-menu"]`)
	b.wait(`document.querySelector("#theme-menu:popover-open")`)
	b.keys(kb.Escape)
	b.wait(`!document.querySelector("#theme-menu:popover-open")`)
	if b.focus() != "Theme" {
		t.Errorf("after the menu the focus is on %s", b.focus())
	}
}

// focusAndPress uses the keyboard.
func (b *tab) focusAndPress(selector string) {
	b.t.Helper()
	js[bool](b, `(document.querySelector(%q).focus(), true)`, selector)
	b.keys("\r")
}

// Whoever works by keyboard sees where they are, at every stop.
func TestBrowser_everyStopOfTheTabKeyIsVisible(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	user, client := h.User(t, admin), h.Client(t)
	b := openTab(t, h)
	for _, page := range []string{"/login", "/account", "/console/clients", "/console/clients/" + client.ID} {
		if page == "/account" {
			b.enter(user)
		}
		b.open(page)
		js[bool](b, `(document.activeElement.blur(), scrollTo(0, 0), true)`)
		stops := map[string]bool{}
		for range 80 {
			b.keys("\t")
			stop := js[string](b, `(e => {
				if (e === document.body) return "";
				e.dataset.stop ??= String(document.querySelectorAll("[data-stop]").length);
				const s = getComputedStyle(e), r = e.getBoundingClientRect();
				const ring = [s, getComputedStyle(e, "::after")].some(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2);
				const seen = r.width > 0 && r.top >= 0 && r.bottom <= innerHeight && e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2));
				return e.dataset.stop + (ring ? "" : " has no ring: " + e.outerHTML) + (seen ? "" : " is covered or out of sight: " + e.outerHTML);
			})(document.activeElement)`)
			if strings.Contains(stop, " ") {
				t.Errorf("%s: stop %.300s", page, stop)
			}
			if stop == "" || stops[stop] {
				break
			}
			stops[stop] = true
		}
		if len(stops) < 2 {
			t.Errorf("%s has %d stops", page, len(stops))
		}
	}
}

func TestBrowser_aDoubleClickActsOnce(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	b, app := openTab(t, h), openApplication(t)
	b.enter(h.User(t, admin))

	b.open("/console/clients/new?type=web")
	b.fill("#client_name", "Acme Storefront")
	b.fill(`[name="redirect_uris"]`, app.url)
	b.doubleClick("#client-save")
	b.sees("Copy the secret now")
	clientID := b.text("#new-client-id")
	if n := countClients(t, h); n != 1 {
		t.Errorf("there are %d clients", n)
	}
	b.press(".once .btn")
	b.doubleClick("#secret-add")
	b.sees("Copy the secret now")
	secrets, err := h.Store.ClientSecrets(t.Context(), clientID)
	if err != nil || len(secrets) != 2 {
		t.Errorf("the client has %d secrets, %v", len(secrets), err)
	}

	for range 3 {
		client := h.Client(t, func(c *oauth.Client) { c.RedirectURIs = oauth.RedirectURIs{app.url} })
		b.open(h.AuthorizeURL(client, url.Values{"redirect_uri": {app.url}}))
		b.sees("wants to use your account")
		b.doubleClick("#consent-allow")
		b.sees("Welcome back")
		if q := app.answer(b); q.Get("code") == "" {
			t.Errorf("the application was told %v", q)
		}
	}
}

func countClients(t *testing.T, h *webtest.House) int64 {
	t.Helper()
	page, err := h.Store.Clients(t.Context(), store.ClientFilter{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}
