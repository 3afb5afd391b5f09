package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

const userList = "/console/users"

func called(name, username, email string) func(*identity.User) {
	return func(u *identity.User) {
		u.Name, u.Username, u.Email, u.EmailVerified = name, username, email, email != ""
	}
}

func ofRole(role identity.Role) func(*identity.User) { return func(u *identity.User) { u.Role = role } }

// stored is the person as they are kept.
func storedUser(t *testing.T, h *webtest.House, id string) *identity.User {
	t.Helper()
	u, err := h.Store.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUsers_areFound(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		sofia := h.User(t, called("Sofia Petrova", "sofia", "sofia@example.test"))
		h.User(t, called("Sam", "petra", ""))
		h.User(t, called("", "unnamed", "x@example.test"))
		h.User(t, called("100%", "percent", ""), ofRole(identity.RoleAuditor))
		off := h.User(t, called("กานดา", "kanda", "sofia.k@example.test"))
		if err := h.Store.DisableUser(t.Context(), off.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, q, status, role string
			want                  []string
		}{
			{"everybody, by name", "", "", "", []string{"100%", "Sam", "Sofia Ivanova", "Sofia Petrova", "unnamed", "กานดา"}},
			{"by name first, then by e-mail address", "SOFIA", "", "", []string{"Sofia Ivanova", "Sofia Petrova", "กานดา"}},
			{"by username", "petr", "", "", []string{"Sam"}},
			{"the middle of a name is no beginning", "ivanova", "", "", nil},
			{"an e-mail address", " Sofia@", "", "", []string{"Sofia Petrova"}},
			{"Thai", "กาน", "", "", []string{"กานดา"}},
			{"a per cent sign is no wildcard", "%", "", "", nil},
			{"disabled", "", "disabled", "", []string{"กานดา"}},
			{"active", "sofia", "active", "", []string{"Sofia Ivanova", "Sofia Petrova"}},
			{"a role", "", "", "auditor", []string{"100%"}},
			{"all of it", "sofia", "active", "admin", []string{"Sofia Ivanova"}},
		} {
			b.Get(userList)
			p := b.Submit(userList, url.Values{"q": {c.q}, "status": {c.status}, "role": {c.role}})
			if got := listed(p); p.Status != http.StatusOK || !slices.Equal(got, c.want) {
				t.Errorf("%s: %d %q, want %q", c.name, p.Status, got, c.want)
			}
			if f := b.Form(userList); f.Values.Get("q") != c.q || f.Values.Get("status") != c.status || f.Values.Get("role") != c.role {
				t.Errorf("%s: the form came back as %v", c.name, f.Values)
			}
			if want := fmt.Sprintf("%d user", len(c.want)); !strings.HasPrefix(p.Says("count"), want) {
				t.Errorf("%s: counted %q", c.name, p.Says("count"))
			}
		}
		if p := b.Get(userList + "?status=nonsense&role=king&after=garbage&before=%00&q=%ff"); p.Status != http.StatusOK || len(listed(p)) != 6 {
			t.Errorf("garbage in the address: %d", p.Status)
		}
		p := b.Get(userList)
		for _, words := range []string{"just now", "never", "Administrator", "you", sofia.Email, "Disabled"} {
			if !strings.Contains(p.Text(), words) {
				t.Errorf("the list does not say %q: %s", words, p.Text())
			}
		}
		if !strings.Contains(b.Get(userList+"/"+boss.ID).Text(), "Last signed in") {
			t.Error("the last sign-in is not shown")
		}
	})
}

func TestUsers_arePagedForthAndBack(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		var last *identity.User
		for i := range 26 {
			last = h.User(t, called(fmt.Sprintf("Kim %02d", i), fmt.Sprintf("a%02d", i), ""))
			h.User(t, called(fmt.Sprintf("Other %02d", i), fmt.Sprintf("kim%02d", i), ""))
		}
		var forth [][]string
		p := b.Get(userList + "?q=kim&status=active")
		for {
			forth = append(forth, listed(p))
			next := neighbour(p, "next")
			if next == "" {
				break
			}
			if u, err := url.Parse(next); err != nil || u.Query().Get("q") != "kim" || u.Query().Get("status") != "active" {
				t.Fatalf("the pager forgot the search: %s", next)
			}
			p = b.Get(next)
		}
		seen := slices.Concat(forth...)
		if len(forth) != 3 || len(seen) != 52 || seen[0] != "Kim 00" || seen[51] != "Other 25" {
			t.Errorf("%d on %d pages: %q", len(seen), len(forth), seen)
		}
		for i := len(forth) - 2; i >= 0; i-- {
			p = b.Get(neighbour(p, "prev"))
			if !slices.Equal(listed(p), forth[i]) {
				t.Errorf("page %d looks different from behind", i+1)
			}
		}
		next := neighbour(b.Get(userList+"?q=kim%202"), "next") // six people: one page
		if next != "" {
			t.Errorf("there is more: %s", next)
		}
		next = neighbour(b.Get(userList+"?q=kim%20"), "next")
		if err := h.Store.DeleteUser(t.Context(), last.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		next = strings.Replace(next, "q=kim", "q=Kim+0", 1) // nobody of them is on that page
		if p := b.Get(next); p.Status != http.StatusOK {
			t.Errorf("a page that is gone: %d", p.Status)
		}
	})
}

// addUser fills in the form for a new person.
func addUser(b *webtest.Browser, fill url.Values) *webtest.Page {
	b.Get(userList + "/new")
	return b.Submit(userList, fill)
}

// choosePassword opens a link and chooses a password with it.
func choosePassword(t *testing.T, h *webtest.House, link, password string) *webtest.Page {
	t.Helper()
	path, ours := strings.CutPrefix(link, h.Issuer)
	if !ours {
		t.Fatalf("the link is %q", link)
	}
	b := h.Browser(t)
	if p := b.Get(path); p.Status != http.StatusOK {
		return p
	}
	return b.Submit("/reset", url.Values{"password": {password}, "password_again": {password}})
}

// Whoever is added chooses their own password, by a link that is shown once.
func TestConsole_addsAUserWhoChoosesTheirPassword(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		p := addUser(b, url.Values{"name": {" Ada Lovelace "}, "username": {" Ada "}, "email": {"ada@example.test"}, "email_verified": {"true"}, "role": {"operator"}})
		link := p.Says("new-password-link")
		if p.Status != http.StatusOK || link == "" || p.Says("new-username") != "ada" || p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %q: %s", p.Status, p.Header.Get("Cache-Control"), p.Text())
		}
		u, err := h.Store.UserByUsername(t.Context(), "ada")
		if err != nil || u.Name != "Ada Lovelace" || u.Role != identity.RoleOperator || !u.EmailVerified || u.PasswordHash != "" {
			t.Fatalf("stored as %+v, %v", u, err)
		}
		if p := b.Get(userList + "/" + u.ID); !strings.Contains(p.Text(), "No password yet") || strings.Contains(p.Body, link) {
			t.Error("their page does not say that they have no password, or shows the link")
		}
		if strings.Contains(spread(t, h), strings.TrimPrefix(link, h.Issuer+"/reset?token=")) {
			t.Error("the link is in the audit log or the log")
		}
		if p := choosePassword(t, h, link, freshPassword); p.Status != http.StatusOK {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if !opens(t, h, "ada", freshPassword) {
			t.Error("they cannot sign in")
		}
		if p := choosePassword(t, h, link, webtest.Password); p.Status != http.StatusNotFound {
			t.Errorf("the link works twice: %d", p.Status)
		}
		created := acts(t, h, u.ID, audit.UserCreated)
		if len(created) != 1 || created[0].Actor.ID != admin.ID || created[0].Changes["role"].After != "operator" || len(acts(t, h, u.ID, audit.UserResetLinkMade)) != 1 {
			t.Errorf("written down as %+v", created)
		}
	})
}

func TestConsole_aUserFormSentTwiceMakesOne(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(userList + "/new")
		f := b.Form(userList).Values
		f.Set("username", "ada")
		first := b.Post(userList, f).Says("new-password-link")
		p := b.Post(userList, f)
		u, err := h.Store.UserByUsername(t.Context(), "ada")
		if err != nil || p.URL.Path != userList+"/"+u.ID || !strings.Contains(p.Text(), "Already added") {
			t.Fatalf("led to %s: %s, %v", p.URL, p.Text(), err)
		}
		if p := choosePassword(t, h, first, freshPassword); p.Status != http.StatusOK {
			t.Error("the first link does not work any more")
		}
		// The same name by another form is somebody else's.
		if p := addUser(b, url.Values{"username": {"ADA"}}); p.Status != http.StatusUnprocessableEntity || p.Says("username-error") == "" {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	})
}

// Every mistake stands at its field, and what was typed stays.
func TestConsole_mistakesWithUsersStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.User(t, called("Taken", "taken", "taken@example.test"))
		u := h.User(t)
		for _, c := range []struct {
			field, value string
			alone        bool // the form of a new user alone has it
		}{
			{"username", "", true}, {"username", "a b", true}, {"username", "cl_x", true}, {"username", "TAKEN", true}, {"username", "élise", true},
			{"name", strings.Repeat("ä", 201), false}, {"name", "a\u202eb", false},
			{"email", "nowhere", false}, {"email", "Taken@Example.test", false},
			{"role", "king", false}, {"role", "", false},
			{"email_verified", "true", false}, // of no address
		} {
			for _, where := range []string{userList, userList + "/" + u.ID} {
				if where != userList && c.alone {
					continue
				}
				if where == userList {
					b.Get(userList + "/new")
				} else {
					b.Get(where)
				}
				sent := b.Form(where).Values
				sent.Set("name", "Typed")
				if where == userList {
					sent.Set("username", "typed")
				}
				if c.field == "email_verified" {
					sent.Set("email", "")
				}
				sent.Set(c.field, c.value)
				p := b.Post(where, sent)
				if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" {
					t.Errorf("%s, %s %q: %d, the field says %q: %s", where, c.field, c.value, p.Status, p.Says(c.field+"-error"), p.Text())
					continue
				}
				again := b.Form(where).Values
				for _, name := range []string{"name", "email", "request_token", "version"} {
					if again.Get(name) != sent.Get(name) {
						t.Errorf("%s, %s: %s came back as %q", where, c.field, name, again.Get(name))
					}
				}
				if len(p.Parts("a", "href", "#"+c.field)) == 0 {
					t.Errorf("%s, %s: the summary does not lead to the field", where, c.field)
				}
			}
		}
		// The claims of the profile.
		b.Get(userList + "/" + u.ID)
		bad := url.Values{"birthdate": {"31.12.1990"}, "zoneinfo": {"Oslo time"}, "locale": {"?"}, "phone_number": {"0812345678"}, "profile": {"javascript:alert(1)"},
			"picture": {"nowhere"}, "website": {"ftp://x"}, "country": {strings.Repeat("x", 201)}, "given_name": {"a\u2028b"}}
		p := b.Submit(userList+"/"+u.ID, bad)
		for field := range bad {
			if p.Says(field+"-error") == "" || b.Form(userList+"/"+u.ID).Values.Get(field) != bad.Get(field) {
				t.Errorf("%s says %q and holds %q", field, p.Says(field+"-error"), b.Form(userList+"/"+u.ID).Values.Get(field))
			}
		}
		if storedUser(t, h, u.ID).Version != 1 {
			t.Error("something was saved")
		}
	})
}

func TestConsole_savesAProfileAndWritesDownWhatChanged(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		client, u := h.Client(t), h.User(t)
		token := h.Redeem(t, client, h.Browser(t).Code(client, u, url.Values{"scope": {"openid profile email address phone"}})).Str("access_token")
		page := userList + "/" + u.ID
		fill := url.Values{
			"name": {" Ada Lovelace "}, "email": {"ada@example.test"}, "email_verified": nil, "role": {"auditor"}, "given_name": {"Ada"}, "family_name": {"Lovelace"},
			"nickname": {"A"}, "gender": {"female"}, "birthdate": {"1815-12-10"}, "locale": {"en-GB"}, "zoneinfo": {"Europe/London"},
			"profile": {"https://ada.example"}, "picture": {"https://ada.example/a.png"}, "website": {"https://ada.example/w"},
			"phone_number": {"+4420123456"}, "phone_number_verified": {"true"}, "street_address": {"1 Road\r\nFlat 2"}, "locality": {"London"}, "country": {"UK"}, "formatted": {"1 Road\nLondon"},
		}
		b.Get(page)
		p := b.Submit(page, fill)
		if p.URL.Path != page || !strings.Contains(p.Text(), "Profile saved") {
			t.Fatalf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		info := h.Get(t, oauth.PathUserinfo, token).JSON
		address, _ := info["address"].(map[string]any)
		if info["name"] != "Ada Lovelace" || info["email_verified"] != false || info["birthdate"] != "1815-12-10" || info["phone_number_verified"] != true ||
			address["street_address"] != "1 Road\nFlat 2" || address["country"] != "UK" || info["preferred_username"] != u.Username {
			t.Errorf("userinfo says %v", info)
		}
		f := b.Form(page).Values
		for name := range fill {
			if name != "name" && name != "street_address" && name != "email_verified" && f.Get(name) != fill.Get(name) {
				t.Errorf("%s came back as %q", name, f.Get(name))
			}
		}
		updates := acts(t, h, u.ID, audit.UserUpdated)
		if len(updates) != 1 || updates[0].Actor.ID != admin.ID || updates[0].Target.ID != u.ID || updates[0].Changes["role"] != (audit.Change{Before: "user", After: "auditor"}) ||
			updates[0].Changes["name"].Before != "Sofia Ivanova" || updates[0].Changes["country"].After != "UK" || len(updates[0].Changes) != len(fill) {
			t.Errorf("written down as %+v", updates)
		}
		b.Submit(page, nil)
		if len(acts(t, h, u.ID, audit.UserUpdated)) != 1 || storedUser(t, h, u.ID).Version != 2 {
			t.Error("saving what stood there was written down")
		}
		// What the form does not offer cannot be sent.
		f.Set("username", "renamed")
		f.Set("password_hash", "x")
		f.Set("version", "2")
		f.Set("name", "Again")
		b.Post(page, f)
		if s := storedUser(t, h, u.ID); s.Username != u.Username || s.PasswordHash != u.PasswordHash || s.Name != "Again" {
			t.Errorf("stored as %+v", s)
		}
		for _, words := range []string{"User changed", "Ada Lovelace", admin.Username, "OK"} {
			if p := b.Get(page + "/activity"); !strings.Contains(p.Text(), words) {
				t.Errorf("the activity does not say %q: %s", words, p.Text())
			}
		}
		if p := b.Get(page + "/activity"); len(p.Parts("a", "href", "/console/audit?user="+u.ID)) == 0 {
			t.Error("the activity does not lead to the audit log")
		}
	})
}

func TestConsole_aLostRaceOverAUserOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		one, _ := staff(t, h, identity.RoleAdmin)
		two, other := staff(t, h, identity.RoleAdmin)
		u := h.User(t)
		page := userList + "/" + u.ID
		one.Get(page)
		two.Get(page)
		two.Submit(page, url.Values{"name": {"Theirs"}, "nickname": {"T"}})
		p := one.Submit(page, url.Values{"name": {"Mine"}})
		if p.Status != http.StatusConflict || !strings.Contains(p.Says("conflict"), other.Username) || !strings.Contains(p.Says("conflict"), "Theirs") ||
			!strings.Contains(p.Says("conflict"), "Mine") || one.Form(page).Values.Get("name") != "Mine" || storedUser(t, h, u.ID).Name != "Theirs" {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		one.Submit(page, nil)
		if s := storedUser(t, h, u.ID); s.Name != "Mine" || s.Profile.Nickname != "" {
			t.Errorf("stored as %+v", s)
		}
	})
}

// The last administrator stays, and nobody changes their own role, shuts themselves out, or makes themselves a link.
func TestConsole_nobodyGivesAwayTheirOwnRole(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAdmin)
		page := userList + "/" + me.ID
		b.Get(page)
		f := b.Form(page).Values
		if f.Has("role") {
			t.Error("the form offers one's own role")
		}
		f.Set("role", "user")
		if p := b.Post(page, f); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "own role") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		for _, act := range []string{"disable", "delete", "reset-link"} {
			if p := b.Get(page + "/" + act); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s is offered: %d", act, p.Status)
			}
			if p := b.Post(page+"/"+act, url.Values{"csrf_token": {csrf(b)}, "confirm": {me.Username}}); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", act, p.Status, p.Text())
			}
			b.Get(page)
			if len(b.Page.Parts("a", "href", page+"/"+act)) > 0 {
				t.Errorf("the page leads to %s", act)
			}
		}
		if s := storedUser(t, h, me.ID); s.Role != identity.RoleAdmin || !s.Enabled() {
			t.Errorf("stored as %+v", s)
		}
		// One's own name and address may be changed here too.
		b.Get(page)
		if p := b.Submit(page, url.Values{"name": {"Renamed"}}); p.URL.Path != page || storedUser(t, h, me.ID).Name != "Renamed" || storedUser(t, h, me.ID).Role != identity.RoleAdmin {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		// Two administrators at once: see TestUpdateUser_twoAdministratorsCannotRemoveOneAnother.
		other := h.User(t, admin)
		b.Get(userList + "/" + other.ID)
		if p := b.Submit(userList+"/"+other.ID, url.Values{"role": {"user"}}); !strings.Contains(p.Text(), "Profile saved") || storedUser(t, h, other.ID).Role != identity.RoleUser {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	})
}

// held gives the person a session, tokens and an unused code, and tells whether any of it holds.
func held(t *testing.T, h *webtest.House, u *identity.User) (client *webtest.Client, holds func() bool) {
	t.Helper()
	client = h.Client(t)
	b := h.Browser(t)
	tokens := h.Redeem(t, client, b.Code(client, u, nil))
	code := b.Code(client, u, nil)
	return client, func() bool {
		return h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")).Status == http.StatusOK || h.Refresh(t, client, tokens.Str("refresh_token")).Status == http.StatusOK ||
			h.Redeem(t, client, code).Status == http.StatusOK || b.Get("/account").URL.Path == "/account"
	}
}

func TestConsole_endsEverythingAUserHas(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.API(t, func(a *oauth.API) { a.AccessTokenTTL = 3600 })
		for _, c := range []struct {
			act, says string
			action    audit.Action
		}{
			{"end", "Everything has ended", audit.UserEnded},
			{"disable", "User disabled", audit.UserDisabled},
			{"delete", "is deleted", audit.UserDeleted},
		} {
			b, me := staff(t, h, identity.RoleAdmin)
			u := h.User(t)
			client, holds := held(t, h, u)
			page := userList + "/" + u.ID
			p := b.Get(page + "/access")
			for _, words := range []string{"session", "token family", "unused code", client.Name, "openid"} {
				if !strings.Contains(p.Text(), words) {
					t.Errorf("their page does not say %q: %s", words, p.Text())
				}
			}
			for _, link := range []string{"/console/sessions?user=" + u.ID, "/console/families?user=" + u.ID, page + "/end"} {
				if len(p.Parts("a", "href", link)) == 0 {
					t.Errorf("their page does not lead to %s", link)
				}
			}
			p = b.Get(page + "/" + c.act)
			var numbers []string
			for _, dd := range p.Parts("dd", "class", "nums") {
				numbers = append(numbers, dd.Text())
			}
			if !slices.Equal(numbers, []string{"1", "1", "1", "1"}) || !strings.Contains(p.Text(), "1 h") { // the API's own life of tokens
				t.Errorf("%s: it says %q: %s", c.act, numbers, p.Text())
			}
			if c.act == "delete" {
				if p := b.Submit(page+"/delete", url.Values{"confirm": {"somebody"}}); p.Status != http.StatusUnprocessableEntity || p.Says("confirm-error") == "" {
					t.Errorf("deleted without the name: %d", p.Status)
				}
			}
			var confirm url.Values
			if c.act == "delete" {
				confirm = url.Values{"confirm": {u.Username}}
			}
			p = b.Submit(page+"/"+c.act, confirm)
			until := h.Clock.Now().Add(time.Hour + time.Minute - time.Nanosecond).UTC().Format("15:04")
			if p.Status != http.StatusOK || !strings.Contains(p.Text(), c.says) || !strings.Contains(p.Text(), until) {
				t.Errorf("%s: %d %s", c.act, p.Status, p.Text())
			}
			if holds() {
				t.Errorf("after %s something holds", c.act)
			}
			events := acts(t, h, u.ID, c.action)
			if len(events) != 1 || events[0].Actor.ID != me.ID || events[0].Target.ID != u.ID || events[0].Target.Name != u.Username {
				t.Errorf("%s: written down as %+v", c.act, events)
			}
			if c.act == "end" && events[0].Changes["token_families"] != (audit.Change{Before: "1", After: "0"}) {
				t.Errorf("it does not say what ended: %+v", events[0].Changes)
			}
			if can := opens(t, h, u.Username, webtest.Password); can != (c.act == "end") {
				t.Errorf("after %s they can sign in: %t", c.act, can)
			}
			switch c.act {
			case "disable":
				if p := b.Get(page + "/disable"); p.URL.Path != page || !strings.Contains(p.Text(), "Already disabled") {
					t.Errorf("asked again: %s", p.Text())
				}
				if p := b.Get(page + "/reset-link"); p.URL.Path != page || !strings.Contains(p.Text(), "Enable them first") {
					t.Errorf("a link for somebody who is disabled: %s", p.Text())
				}
				if p := b.Post(page+"/reset-link", url.Values{"csrf_token": {csrf(b)}}); !strings.Contains(p.Text(), "Enable them first") {
					t.Errorf("a link for somebody who is disabled: %s", p.Text())
				}
				b.Get(page)
				if p := b.Submit(page+"/enable", nil); !strings.Contains(p.Text(), "User enabled") || holds() || !opens(t, h, u.Username, webtest.Password) {
					t.Errorf("enabled: %s", p.Text())
				}
			case "delete":
				if p := b.Get(page); p.Status != http.StatusNotFound {
					t.Errorf("they are still there: %d", p.Status)
				}
				if p := addUser(b, url.Values{"username": {strings.ToUpper(u.Username)}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("username-error"), "deleted") {
					t.Errorf("their username is given to somebody else: %d %s", p.Status, p.Text())
				}
			case "end":
				b.Get(page + "/end")
				h.Clock.Advance(10 * time.Hour) // the session of opens is idle for too long
				b.SignIn(me)
				b.Get(page + "/end")
				if p := b.Submit(page+"/end", nil); !strings.Contains(p.Text(), "Nothing to end") || len(acts(t, h, u.ID, audit.UserEnded)) != 1 {
					t.Errorf("ended twice: %s", p.Text())
				}
			}
		}
	})
}

func TestConsole_endingOnesOwnSignsOutHereToo(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleOperator)
		page := userList + "/" + me.ID
		b.Get(page + "/end")
		if p := b.Submit(page+"/end", nil); p.URL.Path != "/login" || len(acts(t, h, me.ID, audit.UserEnded)) != 1 {
			t.Fatalf("led to %s: %s", p.URL, p.Text())
		}
		if p := b.Get("/account"); p.URL.Path != "/login" {
			t.Errorf("still signed in: %s", p.URL)
		}
	})
}

func TestConsole_aPasswordLinkIsShownOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		u := h.User(t)
		_, holds := held(t, h, u)
		page := userList + "/" + u.ID
		linked := func() string {
			b.Get(page + "/reset-link")
			p := b.Submit(page+"/reset-link", nil)
			if p.Status != http.StatusOK || p.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %s", p.Status, p.Text())
			}
			return p.Says("new-password-link")
		}
		first := linked()
		if p := b.Get(page + "/reset-link"); !strings.Contains(p.Text(), "already stops working") {
			t.Errorf("it does not say that there is one: %s", p.Text())
		}
		second := linked()
		if first == second || strings.Contains(spread(t, h), strings.TrimPrefix(second, h.Issuer+"/reset?token=")) {
			t.Error("there is one link, or it is written down")
		}
		if !opens(t, h, u.Username, webtest.Password) {
			t.Error("making a link ended the password")
		}
		if p := choosePassword(t, h, first, freshPassword); p.Status != http.StatusNotFound {
			t.Errorf("the first link works: %d", p.Status)
		}
		if p := choosePassword(t, h, second, freshPassword); p.Status != http.StatusOK || holds() || !opens(t, h, u.Username, freshPassword) {
			t.Errorf("the second: %d %s", p.Status, p.Text())
		}
		h.Clock.Advance(time.Minute)
		third := linked()
		h.Clock.Advance(identity.ResetLinkLife)
		if p := choosePassword(t, h, third, webtest.Password); p.Status != http.StatusNotFound {
			t.Errorf("after a day: %d", p.Status)
		}
	})
}

// Rule 27: an operator ends and disables what is not above them; an auditor looks; everything else is refused and written down.
func TestConsole_nobodyActsOnAHigherRole(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		boss := h.User(t, admin)
		peer, auditor, user := h.User(t, ofRole(identity.RoleOperator)), h.User(t, ofRole(identity.RoleAuditor)), h.User(t)
		acts := []string{"", "/end", "/disable", "/enable", "/reset-link", "/delete"}
		allowed := map[identity.Role]map[string][]*identity.User{
			identity.RoleOperator: {"/end": {peer, auditor, user}, "/disable": {peer, auditor, user}, "/enable": {peer, auditor, user}},
			identity.RoleAuditor:  {},
		}
		for role, may := range allowed {
			b, me := staff(t, h, role)
			token, refused := csrf(b), 0
			for _, page := range []string{userList, userList + "/new"} {
				if want := map[string]int{userList: http.StatusOK}[page]; b.Get(page).Status != max(want, 0)+map[bool]int{true: http.StatusForbidden}[want == 0] {
					t.Errorf("%s opens %s: %d", role, page, b.Page.Status)
				} else if want == 0 {
					refused++
				}
			}
			if p := b.Post(userList, url.Values{"csrf_token": {token}, "username": {"evil"}, "role": {"admin"}}); p.Status != http.StatusForbidden {
				t.Errorf("%s adds somebody: %d", role, p.Status)
			}
			refused++
			for _, u := range []*identity.User{boss, peer, auditor, user} {
				page := userList + "/" + u.ID
				for _, act := range acts {
					ok := slices.Contains(may[act], u)
					before := storedUser(t, h, u.ID)
					p := b.Post(page+act, url.Values{"csrf_token": {token}, "confirm": {u.Username}, "role": {"admin"}, "version": {fmt.Sprint(before.Version)}})
					if (p.Status == http.StatusOK) != ok || !ok && p.Status != http.StatusForbidden {
						t.Errorf("%s posts %q on %s: %d", role, act, u.Role, p.Status)
					}
					if !ok {
						refused++
						if after := storedUser(t, h, u.ID); after.Version != before.Version {
							t.Errorf("%s changed %s by %q", role, u.Role, act)
						}
					}
				}
				for _, tab := range []string{"", "/access", "/activity"} {
					p := b.Get(page + tab)
					if p.Status != http.StatusOK || len(p.Parts("form", "action", page)) > 0 {
						t.Errorf("%s looks at %s%s: %d", role, u.Role, tab, p.Status)
					}
					for _, act := range acts[1:] {
						if shown := len(p.Parts("a", "href", page+act)) > 0; shown && !slices.Contains(may[act], u) {
							t.Errorf("%s is led to %s of %s", role, act, u.Role)
						}
					}
				}
			}
			events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: me.ID, Action: audit.AccessDenied, Limit: 200})
			if err != nil || len(events) != refused {
				t.Errorf("%s: %d of %d refusals were written down, %v", role, len(events), refused, err)
			}
			for _, e := range events {
				if e.Cause == nil || e.Cause.Rule != "role" || string(e.Cause.Received) != string(role) || e.Actor.ID != me.ID {
					t.Errorf("written down as %+v", e)
				}
			}
		}
		if u := storedUser(t, h, boss.ID); !u.Enabled() {
			t.Error("the administrator is disabled")
		}
	})
}

func TestConsole_aUserWhoIsNotThereIsSaidInsideTheShell(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for _, path := range []string{"/nobody", "/nobody/access", "/nobody/activity", "/nobody/end", "/nobody/disable", "/nobody/delete", "/nobody/reset-link", "/%00"} {
			if p := b.Get(userList + path); p.Status != http.StatusNotFound || len(p.Parts("aside", "", "")) == 0 {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
	})
}

func TestConsole_htmxGetsThePartsOfUsers(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		u := h.User(t)
		page := userList + "/" + u.ID
		for path, id := range map[string]string{userList: "results", page: "user-form", page + "/access": "access", page + "/activity": "activity",
			page + "/end": "user-end-dialog", page + "/disable": "user-disable", page + "/delete": "user-delete", page + "/reset-link": "user-reset"} {
			p := partial(t, b, h, http.MethodGet, path, nil)
			if _, found := p.Element(id, "id"); p.Status != http.StatusOK || !found || strings.Contains(p.Body, "<html") {
				t.Errorf("%s: %d, or it is a whole page", path, p.Status)
			}
		}
		b.Get(page)
		f := b.Form(page).Values
		f.Set("email", "nowhere")
		if p := partial(t, b, h, http.MethodPost, page, f); p.Status != http.StatusUnprocessableEntity || strings.Contains(p.Body, "<html") || p.Says("email-error") == "" {
			t.Errorf("a refused form: %d", p.Status)
		}
		f.Set("email", "new@example.test")
		if p := partial(t, b, h, http.MethodPost, page, f); p.Status != http.StatusNoContent || p.Header.Get("HX-Location") != page {
			t.Errorf("a saved form: %d to %q", p.Status, p.Header.Get("HX-Location"))
		}
	})
}

// What people are called is text, wherever it is shown.
func TestConsole_namesOfUsersAreText(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		const evil = `<img src=x onerror=alert(1)>"`
		u := h.User(t, func(u *identity.User) { u.Name, u.Profile.Nickname = evil, evil })
		for _, path := range []string{"", "/" + u.ID, "/" + u.ID + "/access", "/" + u.ID + "/activity", "/" + u.ID + "/delete", "/" + u.ID + "/disable", "/" + u.ID + "/reset-link"} {
			if p := b.Get(userList + path); strings.Contains(p.Body, "<img") || !strings.Contains(p.Text(), evil) {
				t.Errorf("%s: the name is no text", path)
			}
		}
	})
}
