package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// peopleScenes are the scenes of users and scopes.
func peopleScenes(t *testing.T, menu, dialog func(string) func(*tab)) []scene {
	t.Helper()
	h := openHouse(t)
	fresh := openHouse(t)
	founder := fresh.User(t, admin, people("Sofia Ivanova", "sofia"))
	boss := h.User(t, admin, people("Sofia Ivanova", "sofia"))
	operator := h.User(t, people("Noah Berg", "noah"), ofRole(identity.RoleOperator))
	auditor := h.User(t, people("Ola Nordmann", "ola"), ofRole(identity.RoleAuditor))
	full := h.User(t, people("Maximiliane Freifrau von Wolkenstein-Hohenlohe", "maximiliane.von.wolkenstein-hohenlohe"), func(u *identity.User) {
		u.Profile = identity.Profile{
			GivenName: "Maximiliane", FamilyName: "Freifrau von Wolkenstein-Hohenlohe", Nickname: "Maxi", Gender: "female", Birthdate: "1984-02-29", Locale: "de-AT",
			Zoneinfo: "Europe/Vienna", ProfileURL: "https://people.example/maximiliane", Website: "https://wolkenstein.example/a/rather/long/address/of/a/page", PhoneNumber: "+4315550100", PhoneNumberVerified: true,
			Address: &identity.Address{StreetAddress: "Schlossallee 1\nStiege 2", Locality: "Wien", PostalCode: "1010", Country: "Österreich"},
		}
	})
	quiet := h.User(t, called("", "quiet", ""), func(u *identity.User) { u.PasswordHash = "" })
	off := h.User(t, people("Retired Colleague", "retired"))
	must(t, h.Store.DisableUser(t.Context(), off.ID, h.Clock.Now(), event()))
	for i := range 26 {
		h.User(t, people(fmt.Sprintf("Person %02d", i+1), fmt.Sprintf("person%02d", i+1)))
	}
	h.Scope(t, "spare", "Do what nobody asks for yet")
	h.Scope(t, "https://api.warehouse.logistics.example/scopes/shipments.read-and-track", "See where your shipments are, who signed for them, and the addresses that they went to, for as long as the carrier keeps them")
	orders := h.API(t)
	client := h.Client(t, withScopes("read", "write"), func(c *oauth.Client) { c.DefaultResource = orders.Identifier })
	long := h.Client(t, named(longName))
	for _, c := range []*webtest.Client{client, long} {
		b := h.Browser(t)
		h.Redeem(t, c, b.Code(c, full, url.Values{"scope": {"openid offline_access"}}))
	}
	denied := event()
	denied.At, denied.Action, denied.Outcome, denied.UserID = h.Clock.Now(), audit.SignInRefused, audit.Refused, full.ID
	must(t, h.Store.Record(t.Context(), denied))

	staffGroup, noGroup := h.Group(t, "Warehouse and logistics, night shift (Rotterdam)", full, quiet), h.Group(t, "Accounting")
	h.Limit(t, "spare", func(s *oauth.Scope) { s.Groups, s.Roles = oauth.Words{staffGroup.ID}, oauth.Words{"auditor"} })
	importer := h.Browser(t)
	importer.SignIn(boss)
	checked := upload(t, h, importer, "username,email\nlena,lena@example.test\nno@sign,nowhere\n", nil).URL.Path
	done := upload(t, h, importer, "username\nlars\nno@sign\n", nil).URL.Path
	importer.Submit(done+"/start", nil)
	h.DoJobs(t)
	h.Attribute(t, "department", toldWith(identity.TypeString, "profile")) // last: it stands in every form of a person from here on
	for _, kind := range []string{identity.TypeNumber, identity.TypeBoolean, identity.TypeDate} {
		h.Attribute(t, "some_"+kind, func(a *identity.Attribute) { a.Type, a.Own = kind, true })
	}
	h.Attribute(t, "sites", func(a *identity.Attribute) {
		a.Type, a.Label = identity.TypeList, "Sites and other places with a rather long label"
	})
	working, err := h.Store.StageImport(t.Context(), strings.NewReader("username\nlate\n"), store.ImportParams{File: "a-rather-long-name-of-a-file-from-the-system-before.csv"}, audit.Party{Name: "sofia"}, h.Clock.Now())
	must(t, err)
	failing(t, h, full)

	page := func(u *identity.User) string { return userList + "/" + u.ID }
	reset := func(b *tab) { b.press("#user-reset-confirm") }
	return []scene{
		{name: "attributes", house: h, as: boss, open: attributeList, after: menu("row-0")},
		{name: "attributes none", house: fresh, as: founder, open: attributeList},
		{name: "attribute new", house: h, as: boss, open: attributeList + "/new"},
		{name: "attribute new refused", house: h, as: boss, open: attributeList + "/new", then: func(b *tab) { b.press("#attribute-save") }},
		{name: "attribute", house: h, as: boss, open: attributePage("department")},
		{name: "attribute auditor", house: h, as: auditor, open: attributePage("department")},
		{name: "attribute delete", house: h, as: boss, open: attributeList + "/delete?key=sites"},
		{name: "attribute delete dialog", house: h, as: boss, open: attributePage("department"), after: dialog(attributeList + "/delete?key=department")},
		{name: "groups", house: h, as: boss, open: groupList, after: menu("row-0")},
		{name: "groups none", house: fresh, as: founder, open: groupList},
		{name: "group new", house: h, as: boss, open: groupList + "/new"},
		{name: "group new refused", house: h, as: boss, open: groupList + "/new", then: func(b *tab) { b.press("#group-save") }},
		{name: "group people", house: h, as: boss, open: groupPage(staffGroup)},
		{name: "group nobody", house: h, as: boss, open: groupPage(noGroup), then: func(b *tab) {
			b.fill("#username", "nobody")
			b.press("#add-member-save")
		}},
		{name: "group auditor", house: h, as: auditor, open: groupPage(staffGroup)},
		{name: "group settings", house: h, as: boss, open: groupPage(staffGroup) + "/edit"},
		{name: "group member out", house: h, as: boss, open: groupPage(staffGroup) + "/members/" + full.ID + "/remove"},
		{name: "group delete", house: h, as: boss, open: groupPage(noGroup) + "/delete"},
		{name: "group delete dialog", house: h, as: boss, open: groupPage(staffGroup), after: dialog(groupPage(staffGroup) + "/delete")},
		{name: "user groups", house: h, as: boss, open: page(full) + "/groups"},
		{name: "user groups auditor", house: h, as: auditor, open: page(boss) + "/groups"},
		{name: "user security", house: h, as: boss, open: page(full) + "/security"},
		{name: "user security quiet", house: h, as: auditor, open: page(quiet) + "/security"},
		{name: "user consents", house: h, as: boss, open: page(full) + "/consents"},
		{name: "user consents none", house: h, as: boss, open: page(quiet) + "/consents"},
		{name: "user consent withdraw", house: h, as: boss, open: page(full) + "/consents/" + client.ID + "/withdraw"},
		{name: "import", house: h, as: boss, open: importForm},
		{name: "import refused", house: h, as: boss, open: importForm, then: func(b *tab) { b.press("#import-check") }},
		{name: "import checked", house: h, as: boss, open: checked},
		{name: "import working", house: h, as: boss, open: importForm + "/" + working.ID},
		{name: "import done", house: h, as: boss, open: done},
		{name: "users", house: h, as: boss, open: userList},
		{name: "users alone", house: fresh, as: founder, open: userList},
		{name: "users no match", house: h, as: boss, open: userList + "?role=auditor&status=disabled&q=" + url.QueryEscape(longName)},
		{name: "users disabled", house: h, as: operator, open: userList + "?status=disabled"},
		{name: "users menu", house: h, as: boss, open: userList, after: menu("row-3")},
		{name: "users auditor", house: h, as: auditor, open: userList + "?q=ma"},
		{name: "user new", house: h, as: boss, open: userList + "/new"},
		{name: "user new refused", house: h, as: boss, open: userList + "/new", then: func(b *tab) {
			b.fill("#username", "no@sign")
			b.fill("#email", "nowhere")
			b.press("#user-save")
		}},
		{name: "user added", house: fresh, as: founder, open: userList + "/new", then: func(b *tab) {
			b.fill("#name", "Ada Lovelace")
			b.fill("#username", "ada")
			b.press("#user-save")
		}},
		{name: "user", house: h, as: boss, open: page(full)},
		{name: "user oneself", house: h, as: boss, open: page(boss)},
		{name: "user off", house: h, as: boss, open: page(off)},
		{name: "user quiet", house: h, as: boss, open: page(quiet)},
		{name: "user auditor", house: h, as: auditor, open: page(full)},
		{name: "user menu", house: h, as: boss, open: page(full), after: menu("user-acts")},
		{name: "user refused", house: h, as: boss, open: page(quiet), then: func(b *tab) {
			b.fill("#birthdate", "31.12.1990")
			b.fill("#phone_number", "0812345678")
			b.fill("#website", "nowhere")
			b.click("#user-save")
			b.wait(`document.activeElement.id === "birthdate" && document.activeElement.ariaInvalid`)
		}},
		{name: "user conflict", house: h, as: boss, open: page(off), then: func(b *tab) {
			other := openTab(b.t, h)
			other.enter(boss)
			other.open(page(off))
			other.fill("#nickname", "Retiree")
			other.click("#user-save")
			other.sees("Profile saved")
			b.fill("#nickname", "Emeritus")
			b.click("#user-save")
			b.wait(`document.activeElement.id === "conflict"`)
		}},
		{name: "user access", house: h, as: boss, open: page(full) + "/access"},
		{name: "user access empty", house: h, as: auditor, open: page(quiet) + "/access"},
		{name: "user activity", house: h, as: boss, open: page(full) + "/activity"},
		{name: "user end", house: h, as: operator, open: page(full) + "/end"},
		{name: "user end dialog", house: h, as: boss, open: page(full) + "/access", then: dialog(page(full) + "/end")},
		{name: "user disable", house: h, as: boss, open: page(full) + "/disable"},
		{name: "user disable dialog", house: h, as: boss, open: page(full), then: dialog(page(full) + "/disable")},
		{name: "user delete", house: h, as: boss, open: page(full) + "/delete"},
		{name: "user delete dialog refused", house: h, as: boss, open: page(full), then: func(b *tab) {
			dialog(page(full) + "/delete")(b)
			b.fill("#confirm", "maxi")
			b.keys("\r")
			b.wait(`document.querySelector("#confirm").ariaInvalid`)
		}},
		{name: "user reset", house: h, as: boss, open: page(full) + "/reset-link"},
		{name: "user reset dialog", house: h, as: boss, open: page(full), then: dialog(page(full) + "/reset-link")},
		{name: "user reset link", house: h, as: boss, open: page(auditor) + "/reset-link", then: reset},
		{name: "user forbidden", house: h, as: operator, open: page(boss) + "/disable", status: http.StatusForbidden},
		{name: "user oneself forbidden", house: h, as: boss, open: page(boss) + "/delete", status: http.StatusUnprocessableEntity},

		{name: "scopes", house: h, as: boss, open: scopeList},
		{name: "scopes auditor", house: h, as: auditor, open: scopeList},
		{name: "scopes menu", house: h, as: boss, open: scopeList, after: menu("row-1")},
		{name: "scope new", house: h, as: boss, open: scopeList + "/new"},
		{name: "scope new refused", house: h, as: boss, open: scopeList + "/new", then: func(b *tab) {
			b.fill("#name", "two words")
			b.press("#scope-save")
		}},
		{name: "scope", house: h, as: boss, open: scopePage("read")},
		{name: "scope long", house: h, as: boss, open: scopePage("https://api.warehouse.logistics.example/scopes/shipments.read-and-track")},
		{name: "scope built in", house: h, as: boss, open: scopePage("openid")},
		{name: "scope auditor", house: h, as: auditor, open: scopePage("read")},
		{name: "scope conflict", house: h, as: boss, open: scopePage("write"), then: func(b *tab) {
			other := openTab(b.t, h)
			other.enter(boss)
			other.open(scopePage("write"))
			other.fill("#description", "Change orders")
			other.click("#scope-save")
			other.sees("Scope saved")
			b.fill("#description", "Change your orders and cancel them")
			b.click("#scope-save")
			b.wait(`document.activeElement.id === "conflict"`)
		}},
		{name: "scope delete", house: h, as: boss, open: scopeDelete("spare")},
		{name: "scope delete dialog", house: h, as: boss, open: scopePage("spare"), then: dialog(scopeDelete("spare"))},
		{name: "scope delete refused", house: h, as: boss, open: scopeDelete("read")},
	}
}

// An administrator adds somebody, who chooses a password; edits them, makes another link, ends all they have, disables, enables
// and deletes them. Whoever switches JavaScript off does the same.
func TestBrowser_aPersonIsAddedAndEnded(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		t.Run(map[bool]string{false: "with JavaScript", true: "without"}[plain], func(t *testing.T) {
			t.Parallel()
			h := openHouse(t)
			b := openTab(t, h)
			b.enter(h.User(t, admin, people("Sofia Ivanova", "sofia")))
			if plain {
				b.withoutScript()
			}
			save := b.click
			if plain {
				save = func(selector string) { b.press(selector) }
			}
			act := func(item, path string) {
				b.click(`[popovertarget="user-acts"]`)
				if plain {
					b.press(`#user-acts [href$="/` + path + `"]`)
					return
				}
				b.click(`#user-acts [href$="/` + path + `"]`)
				b.wait(`document.querySelector("dialog[open]")`)
			}

			b.open(userList)
			b.press(`.page-actions [href$="/users/new"]`)
			b.wait(`document.activeElement.id === "name"`)
			b.fill("#name", "Ada Lovelace")
			b.press("#user-save")
			b.sees("Enter a username.")
			if b.value("#name") != "Ada Lovelace" {
				t.Error("what was typed is lost")
			}
			b.fill("#username", "Ada")
			b.click(`[name="role"][value="auditor"]`)
			if plain {
				b.press("#user-save")
			} else {
				b.doubleClick("#user-save")
			}
			b.sees("Copy the link now")
			link := b.text("#new-password-link")
			ada := openTab(t, h)
			ada.open(link)
			ada.fill("#password", freshPassword)
			ada.fill("#password_again", freshPassword)
			ada.press("#reset-submit")
			ada.open("/login?return_to=%2Faccount")
			ada.fill("#username", "ada")
			ada.fill("#password", freshPassword)
			ada.press("#login-submit")
			ada.at("/account")

			b.press(".once .btn")
			page := b.path()
			b.fill("#nickname", "A.")
			b.fill("#birthdate", "December")
			save("#user-save")
			b.wait(`document.querySelector("#birthdate")?.ariaInvalid`)
			b.fill("#birthdate", "1815-12-10")
			save("#user-save")
			b.sees("Profile saved")
			u, err := h.Store.UserByUsername(t.Context(), "ada")
			if err != nil || u.Profile.Nickname != "A." || u.Profile.Birthdate != "1815-12-10" || u.Role != identity.RoleAuditor {
				t.Fatalf("stored as %+v, %v", u, err)
			}

			save(`.tabs [href$="/access"]`)
			b.sees("Signed in")
			if plain {
				b.press("#user-end")
			} else {
				b.click("#user-end")
				b.wait(`document.querySelector("dialog[open]")`)
			}
			save("#user-end-confirm")
			b.sees("Everything has ended")
			if ada.open("/account"); ada.path() != "/login?return_to=%2Faccount" {
				t.Errorf("she is still signed in: %s", ada.path())
			}

			act("New password link…", "reset-link")
			b.press("#user-reset-confirm")
			b.sees("Copy the link now")
			if again := b.text("#new-password-link"); again == link || !strings.HasPrefix(again, h.Issuer+"/reset?token=") {
				t.Errorf("the new link is %q", again)
			}
			b.press(".once .btn")
			act("Disable…", "disable")
			save("#user-disable-confirm")
			b.sees("User disabled")
			b.at(page)
			b.press("#user-enable")
			b.sees("User enabled")
			act("Delete…", "delete")
			b.fill("#confirm", "ada")
			save("#user-delete-confirm")
			b.sees("Ada Lovelace is deleted")
			if b.path() != userList {
				t.Errorf("led to %s", b.path())
			}
		})
	}
}

// Typing searches, and the address says what for.
func TestBrowser_peopleAreFoundAsOneTypes(t *testing.T) {
	t.Parallel()
	h := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)))
	boss := h.User(t, admin, people("Sofia Ivanova", "sofia"))
	h.User(t, people("Ada Lovelace", "ada"))
	b := openTab(t, h)
	b.enter(boss)
	b.open(userList)
	b.click("#q")
	b.keys("ad")
	b.wait(`document.querySelectorAll(".row-link").length === 1`)
	b.wait(`location.search.includes("q=ad")`)
	if b.text("#count") != "1 user" || b.focus() != "q" || b.value("#q") != "ad" {
		t.Errorf("counted %q, focus on %s", b.text("#count"), b.focus())
	}
	b.fill("#q", "nobody")
	b.sees("No user begins with")
	b.press(".empty .btn")
	b.wait(`document.querySelectorAll(".row-link").length === 2`)
}
