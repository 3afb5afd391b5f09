package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

const freshPassword = "nine purple otters waltz at dawn"

// acts are the events of a person, the newest first.
func acts(t *testing.T, h *webtest.House, userID string, action audit.Action) []audit.Event {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: userID, Action: action, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestAccount_aNewAddressCountsAsUnverified(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		token := h.Redeem(t, client, b.Code(client, user, nil)).Str("access_token")
		verified := func() any { return h.Get(t, oauth.PathUserinfo, token).JSON["email_verified"] }
		if verified() != true {
			t.Fatal("not verified to begin with")
		}
		b.Get("/account")
		if f := b.Form("/account/profile"); f.Values.Get("name") != user.Name || f.Values.Get("email") != user.Email || f.Values.Get("username") != user.Username {
			t.Errorf("the form holds %v", f.Values)
		}
		p := b.Submit("/account/profile", url.Values{"name": {" Sofia Petrova "}, "email": {strings.ToUpper(user.Email)}})
		if p.URL.Path != "/account" || !strings.Contains(p.Text(), "Profile saved") || verified() != true {
			t.Errorf("%s %d: the same address in other letters is unverified", p.URL, p.Status)
		}
		b.Submit("/account/profile", url.Values{"email": {"new-" + user.Email}})
		info := h.Get(t, oauth.PathUserinfo, token)
		if info.JSON["email_verified"] != false || info.Str("email") != "new-"+user.Email || info.Str("name") != "Sofia Petrova" {
			t.Errorf("userinfo says %s", info.Body)
		}
		updates := acts(t, h, user.ID, audit.UserUpdated)
		if len(updates) != 2 || updates[0].Changes["email_verified"] != (audit.Change{Before: "true", After: "false"}) ||
			updates[0].Changes["email"].After != "new-"+user.Email || updates[1].Changes["name"].Before != user.Name {
			t.Errorf("written down as %+v", updates)
		}
		b.Submit("/account/profile", nil)
		if n := len(acts(t, h, user.ID, audit.UserUpdated)); n != 2 {
			t.Errorf("saving what stood there was written down: %d", n)
		}
		// What the form does not offer cannot be sent.
		f := b.Form("/account/profile").Values
		for name, value := range map[string]string{"username": "somebody-else", "role": "admin", "email_verified": "true", "id": "x"} {
			f.Set(name, value)
		}
		b.Post("/account/profile", f)
		if u, err := h.Store.User(t.Context(), user.ID); err != nil || u.Username != user.Username || u.Role != identity.RoleUser || u.EmailVerified {
			t.Errorf("stored %+v, %v", u, err)
		}
	})
}

func TestAccount_mistakesStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, other, b := h.User(t), h.User(t), h.Browser(t)
		b.SignIn(user)
		for _, c := range []struct{ name, field, value string }{
			{"somebody's address", "email", other.Email},
			{"somebody's address in other letters", "email", strings.ToUpper(other.Email)},
			{"no address", "email", ""},
			{"no address at all", "email", "nobody"},
			{"a long name", "name", strings.Repeat("x", 201)},
			{"a name that turns text around", "name", "a\u202eb"},
		} {
			b.Get("/account")
			p := b.Submit("/account/profile", url.Values{c.field: {c.value}})
			if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" || b.Form("/account/profile").Values.Get(c.field) != c.value {
				t.Errorf("%s: %d, the field says %q and holds %q", c.name, p.Status, p.Says(c.field+"-error"), b.Form("/account/profile").Values.Get(c.field))
			}
			if invalid, _ := p.Element(c.field, "aria-invalid"); invalid != "true" {
				t.Errorf("%s: the field is not marked", c.name)
			}
		}
		if u, err := h.Store.User(t.Context(), user.ID); err != nil || u.Email != user.Email || u.Name != user.Name || !u.EmailVerified {
			t.Errorf("stored %+v, %v", u, err)
		}
	})
}

func TestAccount_aNewPasswordEndsEverythingElse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, here, elsewhere := h.Client(t), h.User(t), h.Browser(t), h.Browser(t)
		elsewhere.SignIn(user)
		tokens := h.Redeem(t, client, here.Code(client, user, nil))
		change := func(current, fresh, again string) *webtest.Page {
			here.Get("/account")
			return here.Submit("/account/password", url.Values{"current_password": {current}, "password": {fresh}, "password_again": {again}})
		}
		for _, c := range []struct{ name, current, fresh, again, field string }{
			{"no current password", "", freshPassword, freshPassword, "current_password"},
			{"a wrong current password", "not the password", freshPassword, freshPassword, "current_password"},
			{"a short password", webtest.Password, "short", "short", "password"},
			{"a password everybody has", webtest.Password, "password12345", "password12345", "password"},
			{"one's own name", webtest.Password, user.Username, user.Username, "password"},
			{"two passwords", webtest.Password, freshPassword, freshPassword + "!", "password_again"},
		} {
			p := change(c.current, c.fresh, c.again)
			if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" {
				t.Errorf("%s: %d %s", c.name, p.Status, p.Text())
			}
			for name, values := range here.Form("/account/password").Values {
				if name != "csrf_token" && values[0] != "" {
					t.Errorf("%s: %s came back", c.name, name)
				}
			}
			for _, typed := range []string{c.fresh, c.again, "not the password"} {
				if len(typed) > 5 && typed != user.Username && strings.Contains(p.Body, typed) {
					t.Errorf("%s: the page shows a password", c.name)
				}
			}
		}
		if p := elsewhere.Get("/account"); p.URL.Path != "/account" {
			t.Fatal("a refused change ended a session")
		}
		wrong := acts(t, h, user.ID, audit.UserPasswordChanged)
		if len(wrong) != 1 || wrong[0].Outcome != audit.Refused || wrong[0].Cause.Rule != "current_password" {
			t.Errorf("written down as %+v", wrong)
		}
		if p := change(webtest.Password, freshPassword, freshPassword); p.URL.Path != "/account" || p.Status != http.StatusOK || !strings.Contains(p.Text(), "Password changed") {
			t.Fatalf("%s %d: %s", p.URL, p.Status, p.Text())
		}
		if p := here.Get("/account"); p.URL.Path != "/account" {
			t.Error("this session ended too")
		}
		if p := elsewhere.Get("/account"); p.URL.Path != "/login" {
			t.Error("the other session lives on")
		}
		if a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("the access token: %d", a.Status)
		}
		refused(t, h.Refresh(t, client, tokens.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
		if p := try(h.Browser(t), user.Username, webtest.Password); p.Status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", p.Status)
		}
		if p := try(h.Browser(t), user.Username, freshPassword); p.URL.Path != "/account" {
			t.Errorf("the new password: %d", p.Status)
		}
		if text := spread(t, h); strings.Contains(text, freshPassword) || strings.Contains(text, webtest.Password) || strings.Contains(text, "not the password") {
			t.Error("a password was written down")
		}
	})
}

// Whoever finds a browser open guesses slowly.
func TestAccount_guessingTheCurrentPasswordIsSlowedDown(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, b := h.User(t), h.Browser(t)
		b.SignIn(user)
		guess := func(password string) *webtest.Page {
			b.Get("/account")
			return b.Submit("/account/password", url.Values{"current_password": {password}, "password": {freshPassword}, "password_again": {freshPassword}})
		}
		for range identity.FreeFailures + 1 {
			if p := guess("a guess"); p.Status != http.StatusUnprocessableEntity {
				t.Fatalf("answered %d", p.Status)
			}
		}
		if p := guess(webtest.Password); p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
			t.Errorf("the sixth: %d", p.Status)
		}
		if p := h.Browser(t).SignIn(user); p.URL.Path != "/account" {
			t.Errorf("the person cannot sign in elsewhere: %d", p.Status)
		}
		h.Clock.Advance(time.Second)
		if p := guess(webtest.Password); p.URL.Path != "/account" || p.Status != http.StatusOK {
			t.Errorf("after the pause: %d", p.Status)
		}
	})
}

func TestAccount_endsOnesOwnSessions(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		user, here := h.User(t), h.Browser(t)
		here.SignIn(user)
		others := []*webtest.Browser{h.Browser(t), h.Browser(t), h.Browser(t)}
		for _, b := range others {
			b.SignIn(user)
		}
		stranger := h.Browser(t)
		stranger.SignIn(h.User(t))
		ends := func(b *webtest.Browser) (paths []string) {
			for _, f := range b.Get("/account").Parts("form", "method", "post") {
				if to := f.Attr("action"); strings.HasPrefix(to, "/account/sessions/") && to != "/account/sessions/end-others" {
					paths = append(paths, to)
				}
			}
			return paths
		}
		listed := ends(here)
		if len(listed) != 3 {
			t.Fatalf("%d other sessions are shown: %q", len(listed), listed)
		}
		// The ids are no secret, and no right either.
		token := stranger.Form("/logout").Values.Get("csrf_token")
		foreign := stranger.Post(listed[0], url.Values{"csrf_token": {token}})
		made := stranger.Post("/account/sessions/no-such-session/end", url.Values{"csrf_token": {token}})
		if foreign.Status != http.StatusNotFound || made.Status != http.StatusNotFound || foreign.Says("main") != made.Says("main") {
			t.Errorf("a foreign session: %d, none at all: %d", foreign.Status, made.Status)
		}
		if p := here.Submit(listed[0], nil); p.URL.Path != "/account" || !strings.Contains(p.Text(), "Signed out there") {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		alive := 0
		for _, b := range others {
			if b.Get("/account").URL.Path == "/account" {
				alive++
			}
		}
		if alive != 2 || len(ends(here)) != 2 {
			t.Errorf("%d live on, %d are shown", alive, len(ends(here)))
		}
		if p := here.Submit("/account/sessions/end-others", nil); !strings.Contains(p.Text(), "2 other sessions have ended") || len(ends(here)) != 0 {
			t.Errorf("the others: %s", p.Text())
		}
		for _, b := range others {
			if b.Get("/account").URL.Path != "/login" {
				t.Error("another one lives on")
			}
		}
		if stranger.Get("/account").URL.Path != "/account" || here.Get("/account").URL.Path != "/account" {
			t.Error("one session too many has ended")
		}
		sessions, err := h.Store.LiveSessions(t.Context(), user.ID, h.Clock.Now())
		if err != nil || len(sessions) != 1 {
			t.Fatalf("%d sessions, %v", len(sessions), err)
		}
		if p := here.Post("/account/sessions/"+sessions[0].ID+"/end", url.Values{"csrf_token": {csrf(here)}}); p.URL.Path != "/logout" || !strings.Contains(p.Text(), "signed out") {
			t.Errorf("ending this one leads to %s: %s", p.URL, p.Text())
		}
		if len(acts(t, h, user.ID, audit.SessionEnded)) != 2 || len(acts(t, h, user.ID, audit.SessionsEnded)) != 1 {
			t.Error("not written down")
		}
	})
}

func TestAccount_withdrawingConsentEndsTokensAndAsksAgain(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, kept, user, b := h.Client(t), h.Client(t, named("Kept")), h.User(t), h.Browser(t)
		tokens := h.Redeem(t, client, b.Code(client, user, nil))
		other := h.Redeem(t, kept, b.Code(kept, user, nil))
		path := "/account/consents/" + client.ID + "/withdraw"
		stranger := h.Browser(t)
		stranger.SignIn(h.User(t))
		if p := stranger.Post(path, url.Values{"csrf_token": {csrf(stranger)}}); p.Status != http.StatusNotFound {
			t.Errorf("somebody else's consent: %d", p.Status)
		}
		if p := b.Get("/account"); !strings.Contains(p.Says("consents"), client.Name) || !strings.Contains(p.Says("consents"), "offline_access") {
			t.Errorf("the page shows %q", p.Says("consents"))
		}
		if p := b.Submit(path, nil); p.URL.Path != "/account" || !strings.Contains(p.Text(), "Access removed") || strings.Contains(p.Says("consents"), client.Name) {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("the access token: %d", a.Status)
		}
		refused(t, h.Refresh(t, client, tokens.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
		if p := b.Get(h.AuthorizeURL(client, nil)); p.URL.Path != "/consent" {
			t.Errorf("not asked again: %v", p.Location)
		}
		if h.Get(t, oauth.PathUserinfo, other.Str("access_token")).Status != http.StatusOK {
			t.Error("another application lost its token")
		}
		if p := b.Post(path, url.Values{"csrf_token": {csrf(b)}}); p.Status != http.StatusNotFound {
			t.Errorf("a second time: %d", p.Status)
		}
		if e := acts(t, h, user.ID, audit.ConsentWithdrawn); len(e) != 1 || e[0].ClientID != client.ID {
			t.Errorf("written down as %+v", e)
		}
	})
}
