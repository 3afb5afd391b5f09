package web_test

import (
	"testing"
	"time"

	"gatehouse/internal/oauth"
)

// A redirect URI is judged while it is typed: the message stands at its row, and neither the focus nor what is typed moves.
func TestBrowser_aRedirectURIIsJudgedWhileItIsTyped(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/clients/new?type=spa")
	b.fill("#client_name", "Storefront")
	b.click("#add-redirect-uri")
	b.wait(`document.getElementsByName("redirect_uris").length === 2 && document.activeElement.id === "redirect_uris.1"`)
	b.keys("http://shop.example/cb")
	b.wait(`document.getElementById("redirect_uris.1-error").innerText.includes("Use https.") && document.activeElement.ariaInvalid === "true"`)
	if b.focus() != "redirect_uris.1" || b.values("redirect_uris") != " http://shop.example/cb" || b.value("#client_name") != "Storefront" {
		t.Errorf("%s has the focus, the rows hold %q, the name %q", b.focus(), b.values("redirect_uris"), b.value("#client_name"))
	}
	if said := b.text(`[id="redirect_uris.0-error"]`); said != "" && said != "(nothing)" {
		t.Errorf("the other row says %q", said)
	}
	b.fill(`[id="redirect_uris.1"]`, "https://shop.example/cb")
	b.wait(`!document.getElementById("redirect_uris.1-error").innerText && !document.activeElement.ariaInvalid`)
	b.press("#client-save")
	b.sees("Client registered")
}

// The list follows what one chooses, and the address with it; the order stays while one searches.
func TestBrowser_theListOfClientsFollowsWhatOneChooses(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	for _, name := range []string{"Ledger", "Warehouse", "Wareroom"} {
		h.Client(t, func(c *oauth.Client) { c.Name = name })
		h.Clock.Advance(time.Minute)
	}
	h.Client(t, named("Worker"), service)
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/clients")
	b.press(`th .sort[href="/console/clients?sort=-created"]`)
	first := func(name string) {
		t.Helper()
		b.wait(`document.querySelector("tbody .row-link").innerText === %q`, name)
	}
	first("Worker")
	js[bool](b, `(s => { s.value = "web"; return s.dispatchEvent(new Event("input", {bubbles: true})) })(document.querySelector("#type"))`)
	first("Wareroom")
	b.wait(`location.search === "?q=&type=web&grant=&status=&sort=-created" && document.querySelector("#count").innerText === "3 clients"`)
	if href := js[string](b, `document.querySelector(".table-foot a").getAttribute("href")`); href != "/console/clients/export?format=csv&sort=-created&type=web" {
		t.Errorf("what is saved is %s", href)
	}
	b.press(`th .sort[href="/console/clients?sort=created&type=web"]`)
	first("Ledger")
	if b.value("#type") != "web" {
		t.Errorf("the type is %q", b.value("#type"))
	}
}

// What was disabled by mistake is enabled from the message that says so.
func TestBrowser_disablingIsUndone(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client := h.Client(t)
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/clients/" + client.ID)
	b.click(`[popovertarget="client-menu"]`)
	b.click(`#client-menu [href$="/disable"]`)
	b.click("dialog #client-disable-confirm")
	b.wait(`document.querySelector("#toasts #undo")`)
	b.press("#undo")
	b.sees("Client enabled")
	if c, err := h.Store.Client(t.Context(), client.ID); err != nil || !c.Enabled() {
		t.Errorf("%+v, %v", c, err)
	}
}

// A file is read into the field that is sent.
func TestBrowser_metadataIsReadFromAFile(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	b := openTab(t, h)
	b.enter(h.User(t, admin))
	b.open("/console/clients/import")
	js[bool](b, `(input => {
		const files = new DataTransfer();
		files.items.add(new File(['{"client_name": "From a file", "redirect_uris": ["https://app.example/cb"]}'], "client.json"));
		input.files = files.files;
		return input.dispatchEvent(new Event("change", {bubbles: true}));
	})(document.querySelector("#metadata-file"))`)
	b.wait(`document.querySelector("#metadata").value.includes("From a file")`)
	b.press("#import-check")
	b.wait(`document.querySelector("#client_name").value === "From a file"`)
	b.press("#client-save")
	b.sees("From a file is registered")
}
