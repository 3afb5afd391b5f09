package web_test

import (
	"net/url"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// Whoever connects an application sees its first steps ticked off as it takes them, without loading the page again.
func TestBrowser_theChecklistTicksItself(t *testing.T) {
	t.Parallel()
	h := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), measured)
	// Without client_credentials, whose step no event tells: what comes after the first step is heard, or never comes.
	client, user := h.Client(t, func(c *oauth.Client) {
		c.GrantTypes = oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
	}), h.User(t)
	b := openTab(t, h)
	b.enter(h.User(t, func(u *identity.User) { u.Role = identity.RoleAuditor }))
	b.open(integrate(client))
	marks := func() string {
		return js[string](b, `[...document.querySelectorAll("#milestones .checklist li")].map(li => li.innerText.trim().split("\n")[0]).join(" ")`)
	}
	done := func(n int) {
		t.Helper()
		b.wait(`document.querySelectorAll('#milestones [data-tone="success"]').length === %d`, n)
	}
	b.wait(`document.querySelector("[data-live-state]").textContent === "Live" && document.querySelector("[data-live-still]").hidden`)
	if js[bool](b, `!!document.querySelector('#milestones [data-tone="success"]')`) {
		t.Fatalf("before it began: %s", marks())
	}
	js[bool](b, `(window.untouched = true)`) // a page that is loaded anew forgets

	them := h.Browser(t)
	them.Get(h.AuthorizeURL(client, nil)) // no event tells of it
	done(1)
	code := them.Code(client, user, nil)
	done(2)
	tokens := h.Redeem(t, client, code)
	done(3)
	b.hide(true)
	b.until("no streams", func() bool { return measure(t, h, "gatehouse_event_streams_open") == 0 })
	h.Refresh(t, client, tokens.Str("refresh_token"))
	b.hide(false) // and catches up
	done(4)
	h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {"wrong"}})
	b.wait(`document.querySelector("#milestones .card-foot a")`) // the refusal, too
	if !js[bool](b, `window.untouched`) {
		t.Error("the page was loaded anew")
	}
}
