package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// keys are the events that the tab's list shows, from the top.
func (b *tab) shown(n int) []string {
	b.t.Helper()
	return js[[]string](b, `[...document.querySelectorAll("[data-live] > [data-key]")].map(r => r.dataset.key).slice(0, %d)`, n)
}

// hide has the page believe that another tab was chosen, or this one again.
func (b *tab) hide(hidden bool) {
	b.t.Helper()
	js[bool](b, `(Object.defineProperty(document, "hidden", {configurable: true, get: () => %t}), document.dispatchEvent(new Event("visibilitychange")), true)`, hidden)
}

// Rows come in at the top while somebody follows, each once, and what was missed meanwhile when they go on.
func TestBrowser_eventsArrive(t *testing.T) {
	t.Parallel()
	h := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), measured)
	auditor := h.User(t, func(u *identity.User) { u.Role = identity.RoleAuditor })
	for i := range 30 {
		note(t, h, time.Duration(i-40)*time.Second, "a")
	}
	b := openTab(t, h)
	b.enter(auditor)
	streams := func(n float64) {
		t.Helper()
		b.until(fmt.Sprint(n, " streams"), func() bool { return measure(t, h, "gatehouse_event_streams_open") == n })
	}
	top := func(ids ...string) {
		t.Helper()
		b.wait(`document.querySelector("[data-live] > [data-key]")?.dataset.key === %q`, ids[0])
		if got := b.shown(len(ids)); strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("at the top are %q, not %q", got, ids)
		}
	}

	b.open(eventList)
	streams(0) // nobody asked yet
	b.click("[data-live-toggle]")
	b.wait(`document.querySelector("[data-live-state]").textContent === "Live" && document.querySelector("[data-live-still]").hidden`)
	first := note(t, h, 0, "a")
	top(first)
	if rows := js[int](b, `document.querySelectorAll("[data-live] > tr").length`); rows != 26 {
		t.Errorf("%d rows", rows)
	}
	b.click(`[data-key="` + first + `"] .row-link`) // it is a row like the others
	b.wait(`document.querySelector("#detail-title")`)

	b.hide(true)
	streams(0)
	second, third := note(t, h, time.Second, "a"), note(t, h, 2*time.Second, "b")
	b.hide(false)
	top(third, second, first)

	b.click("[data-live-toggle]")
	streams(0)
	b.sees("Paused")
	fourth := note(t, h, 3*time.Second, "a")
	b.click("[data-live-toggle]")
	late := note(t, h, 2500*time.Millisecond, "a")
	top(fourth)
	b.wait(`document.querySelector('[data-key="%s"]')`, late)
	top(fourth, late, third, second, first) // each in its place

	// Another filter is followed from where it stands.
	b.click(`[name="outcome"][value="success"] + *, label:has([name="outcome"][value="success"])`)
	b.wait(`!document.querySelector('[data-key="%s"]')`, fourth)
	note(t, h, 4*time.Second, "a")
	staff(t, h, identity.RoleOperator)
	b.wait(`document.querySelector("[data-live] > tr a").textContent === "Signed in"`)

	// Where there was nothing, there is a list then.
	b.open(eventList + "?client=nobody")
	b.click("[data-live-toggle]")
	b.wait(`document.querySelector("[data-live-state]").textContent === "Live"`)
	only := note(t, h, 5*time.Second, "nobody")
	top(only)
	if !js[bool](b, `document.querySelector("[data-live-none]").hidden && document.querySelector(".split").checkVisibility()`) {
		t.Error("the list does not show")
	}

	// The overview follows by itself, and shows as many as before.
	b.open("/console")
	b.wait(`document.querySelector("[data-live-state]").textContent === "Live"`)
	newest := note(t, h, 6*time.Second, "a")
	top(newest)
	if lines := js[int](b, `document.querySelectorAll("[data-live] > li").length`); lines != 8 {
		t.Errorf("%d lines", lines)
	}

	// It says when it is over.
	must(t, h.Store.DisableUser(t.Context(), auditor.ID, h.Clock.Now(), event()))
	b.sees("Live events have ended")
	b.sees("Paused")
	streams(0)
}

// More rows than a list holds push the oldest out, and its next page begins where it ends then.
func TestBrowser_eventsPushTheOldestOut(t *testing.T) {
	t.Parallel()
	h := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)))
	auditor := h.User(t, func(u *identity.User) { u.Role = identity.RoleAuditor })
	for i := range 40 {
		note(t, h, time.Duration(i-100)*time.Second, "a")
	}
	b := openTab(t, h)
	b.enter(auditor)
	b.open(eventList + "?client=a")
	b.click("[data-live-toggle]")
	b.wait(`document.querySelector("[data-live-state]").textContent === "Live"`)
	var last string
	for i := range 90 {
		last = note(t, h, time.Duration(i)*time.Second, "a")
	}
	b.wait(`document.querySelector("[data-live] > tr").dataset.key === %q`, last)
	all := b.shown(1000)
	if len(all) != 100 {
		t.Errorf("%d rows", len(all))
	}
	b.press(`[rel="next"]`)
	if rest := js[[]string](b, `[...document.querySelectorAll("tr[data-key]")].map(r => r.dataset.key)`); len(rest) != 25 || rest[0] >= all[len(all)-1] {
		t.Errorf("the next page begins with %q, after %q", rest[0], all[len(all)-1])
	}
	if js[bool](b, `!!document.querySelector("[data-live]") || !document.querySelector("[data-live-control]").hidden`) {
		t.Error("the second page is followed")
	}
}
