package web_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/web/webtest"
)

// With scripts, an operator finds somebody while typing, reads an event beside the list, and revokes in a dialog.
func TestBrowser_anOperatorFindsAndRevokes(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client, user := h.Client(t, webtest.Public), h.User(t, people("Jonas Lind", "jonas"))
	tokens := refreshed(t, h, client, user, 2, time.Second)
	h.Refresh(t, client, "gh_rt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG")
	family := "/console/families/" + familyOf(t, h, user)
	b := openTab(t, h)
	b.enter(h.User(t, people("Ola Nordmann", "ola"), func(u *identity.User) { u.Role = identity.RoleOperator }))

	b.open("/console/families")
	b.fill("#q", "jona")
	b.wait(`location.search.includes("q=jona") && document.querySelector("#count").textContent === "1 family"`)
	if focus := b.focus(); focus != "q" {
		t.Errorf("the focus went to %q", focus)
	}
	b.press(`.row-link`)
	b.at(family)
	b.click("#family-revoke-open")
	b.wait(`document.querySelector("dialog[open]")`)
	b.keys("\x1b")
	b.wait(`!document.querySelector("#dialog-slot dialog")`)
	if focus := b.focus(); focus != "family-revoke-open" {
		t.Errorf("the focus went to %q", focus)
	}
	b.click("#family-revoke-open")
	b.wait(`document.querySelector("dialog[open]")`)
	b.fill("#reason", "The phone was lost.")
	b.click("#family-revoke-confirm")
	b.sees("Token family revoked")
	b.at(family)
	b.sees("Ended by an operator")
	if a := h.Refresh(t, client, tokens[2]); a.Status == 200 {
		t.Error("it can be refreshed")
	}

	// The audit log shows an event beside the list, by its own address; Back closes it.
	b.open("/console/audit")
	b.click(`[name="outcome"][value="refused"]`)
	b.wait(`location.search.includes("outcome=refused") && document.querySelectorAll("tbody:not([hidden]) tr").length === 2`)
	refusal := newestEvent(t, h, audit.TokenRefused)
	b.click(`.row-link[href^="/console/audit/` + refusal.ID + `"]`)
	b.wait(`document.activeElement.id === "detail-title"`)
	if path := b.path(); !strings.HasPrefix(path, "/console/audit/"+refusal.ID) {
		t.Errorf("the address is %q", path)
	}
	if marked := js[string](b, `document.querySelector(".row-link[aria-current]").getAttribute("href")`); !strings.Contains(marked, refusal.ID) {
		t.Errorf("the row of %q is marked", marked)
	}
	js[bool](b, `(history.back(), true)`)
	b.wait(`location.pathname === "/console/audit" && !document.querySelector("#detail-title")`)
	b.open("/console/audit?action=family.ended")
	b.click(".row-link")
	b.sees("The phone was lost.")
}

// Without scripts the same is links and forms.
func TestBrowser_sessionsAndFamiliesWithoutJavaScript(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client, user := h.Client(t), h.User(t, people("Jonas Lind", "jonas"))
	h.Tokens(t, client, user, nil)
	b := openTab(t, h)
	b.withoutScript()
	b.open("/login")
	b.signIn(h.User(t, people("Ola Nordmann", "ola"), func(u *identity.User) { u.Role = identity.RoleOperator }))
	b.press(`.nav [href="/console/families"]`)
	b.fill("#q", "jonas")
	b.press(".toolbar noscript button")
	b.sees("1 family")
	b.press(".row-link")
	b.press("#family-revoke-open")
	b.sees("Revoke this token family?")
	b.fill("#reason", strings.Repeat("because ", 80))
	if status := b.press("#family-revoke-confirm"); status != 422 || !strings.HasPrefix(b.value("#reason"), "because because") {
		t.Errorf("too long a reason is answered by %d, with %q in the field", status, b.value("#reason"))
	}
	b.fill("#reason", "Lost")
	b.press("#family-revoke-confirm")
	b.sees("Token family revoked")

	b.press(`.nav [href="/console/sessions"]`)
	b.fill("#q", "jonas")
	b.press(".toolbar noscript button")
	b.sees("1 session")
	b.press(".row-link")
	b.press("#session-end-open")
	b.press("#session-end-confirm")
	b.sees("Session ended")

	b.press(`.nav [href="/console/audit"]`)
	js[bool](b, `(document.querySelector("#action").value = "session.ended", true)`)
	b.press(".toolbar noscript button")
	b.sees("1 event")
	b.press(".row-link")
	b.sees("Session ended")
	if path := b.path(); !strings.HasPrefix(path, "/console/audit/"+eventOf(t, h, audit.SessionEnded)) {
		t.Errorf("the event is at %q", path)
	}
}
