package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// packed is a form with files as a stranger may send it: small, and large once it is unpacked.
func packed(t *testing.T, h *webtest.House, path string, form url.Values) *http.Request {
	t.Helper()
	r := withFile(t, h, path, form, "people.csv", strings.Repeat("0", 1<<20))
	body, err := io.ReadAll(r.Body)
	must(t, err)
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, err = w.Write(body)
	must(t, err)
	must(t, w.Close())
	r.Body, r.ContentLength = io.NopCloser(&small), int64(small.Len())
	r.Header.Set("Content-Encoding", "gzip")
	return r
}

// A form with files is read before anybody knows who sent it: what is compressed stays so.
func TestAttack_compressedUploadsAreNotUnpacked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		admin, _ := staff(t, h, identity.RoleAdmin)
		for _, path := range []string{importForm, brandingPage + "/preview", clientList + "/" + client.ID + "/branding/preview"} {
			if a := h.Do(t, packed(t, h, path, nil)); a.Status != http.StatusUnsupportedMediaType {
				t.Errorf("a stranger, %s: %d", path, a.Status)
			}
			if p := admin.Do(packed(t, h, path, url.Values{"csrf_token": {csrf(admin)}})); p.Status != http.StatusUnsupportedMediaType {
				t.Errorf("an administrator, %s: %d", path, p.Status)
			}
		}
	})
}

// A scope that is deleted and made again may mean something else: who had the old one has not granted the new one.
func TestAttack_aScopeMadeAgainIsNobodysGrant(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "photos", "See your photos")
		client, user := h.Client(t, withScopes("photos")), h.User(t)
		const asked, left = "openid offline_access photos", "openid offline_access"
		tokens := h.Tokens(t, client, user, url.Values{"scope": {asked}})
		code := h.Browser(t).Code(client, user, url.Values{"scope": {asked}})
		only := h.Browser(t).Code(client, user, url.Values{"scope": {"photos"}})
		h.Clock.Advance(time.Second)

		with := func(scopes oauth.Scopes) {
			stored, err := h.Store.Client(t.Context(), client.ID)
			must(t, err)
			stored.Scopes = scopes
			must(t, h.Store.UpdateClient(t.Context(), *stored, h.Clock.Now(), event()))
		}
		had := client.Scopes
		with(slices.DeleteFunc(slices.Clone(had), func(name string) bool { return name == "photos" }))
		must(t, h.Store.DeleteScope(t.Context(), "photos", h.Clock.Now(), event()))
		h.Scope(t, "photos", "Delete your photos")
		with(had)

		if tokens = h.Refresh(t, client, tokens.Str("refresh_token")); tokens.Str("scope") != left {
			t.Errorf("a refresh gives %q", tokens.Str("scope"))
		}
		if a := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Str("refresh_token")}, "scope": {"photos"}}); a.Str("error") != "invalid_scope" {
			t.Errorf("asked for alone: %d %s", a.Status, a.Body)
		}
		if a := h.Redeem(t, client, code); a.Str("scope") != left {
			t.Errorf("a code gives %q", a.Str("scope"))
		}
		if a := h.Redeem(t, client, only); a.Str("error") != "invalid_scope" {
			t.Errorf("a code of it alone: %d %s", a.Status, a.Body)
		}
		if refused := h.Refusal(t, "scope_same"); refused.UserID != user.ID {
			t.Errorf("written down of %q", refused.UserID)
		}
		// Who grants the new one has it.
		if a := h.Tokens(t, client, user, url.Values{"scope": {asked}}); a.Str("scope") != asked {
			t.Errorf("granted anew it gives %q", a.Str("scope"))
		}
	})
}

// What announces no length is kept in memory, however it is written: an administrator too has no more room for it than for other forms.
func TestAttack_anUploadSaysHowLongItIs(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	admin, _ := staff(t, h, identity.RoleAdmin)
	head := h.Request(t, http.MethodPost, importForm, "")
	for _, cookie := range admin.Jar().Cookies(head.URL) {
		head.AddCookie(cookie)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.Listen(t), "http://")) //nolint:noctx // loopback
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nContent-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
		importForm, head.URL.Host, head.Header.Get("Cookie"), 1<<20)
	must(t, err)
	must(t, conn.(*net.TCPConn).CloseWrite()) // all of it would be waited for
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	if must(t, a.Body.Close()); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d", a.StatusCode)
	}
}

// A file of everybody is worth the password (security.md rule 27), and nobody is brought to save one by a link from elsewhere.
func TestAttack_aFileOfEverybodyNeedsThePassword(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		admin, me := staff(t, h, identity.RoleAdmin)
		h.User(t, called("Eve", "eve", "eve@example.test"))
		export := userList + "/export"
		link := export + "?q=eve&format=jsonl"
		if p := admin.Get(link); p.Header.Get("Content-Disposition") == "" || !strings.Contains(p.Body, "eve@example.test") {
			t.Fatalf("just signed in: %d %s", p.Status, p.Body)
		}
		h.Clock.Advance(10 * time.Minute)
		if p := admin.Get(link); !asksForPassword(p) || strings.Contains(p.Body, "eve@example.test") || p.Header.Get("Content-Disposition") != "" {
			t.Fatalf("ten minutes later: %d %s", p.Status, p.Text())
		}
		if p := confirm(admin, export, "wrong password"); !asksForPassword(p) {
			t.Errorf("a wrong password: %d %s", p.Status, p.Text())
		}
		if p := confirm(admin, export, webtest.Password); p.URL.Path != userList || p.URL.RawQuery != "q=eve" || !strings.Contains(p.Text(), "Save the file now") {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if p := admin.Get(link); !strings.Contains(p.Body, "eve@example.test") {
			t.Errorf("with the password: %d %s", p.Status, p.Text())
		}
		if told := eventsOf(t, h, audit.UsersExported); len(told) != 2 || told[0].Actor.ID != me.ID {
			t.Errorf("written down: %+v", told)
		}
		operator, _ := staff(t, h, identity.RoleOperator)
		if p := operator.Get(link); p.Status != http.StatusForbidden {
			t.Errorf("an operator: %d", p.Status)
		}
	})
}

// A preview shows nobody what is wrong in its form: neither a link nor a picture of it.
func TestAttack_thePreviewLeadsNowhereElse(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		admin, _ := staff(t, h, identity.RoleAdmin)
		path := clientList + "/" + h.Client(t).ID + "/branding"
		admin.Get(path)
		form := admin.Form(path).Values
		for name, value := range map[string]string{
			"logo": "../../console/users/export?x=", "accent_color": "red;}", "client_uri": "javascript:alert(1)", "policy_uri": "//evil.example", "tos_uri": "data:text/html,x",
		} {
			form.Set(name, value)
		}
		p := admin.Post(path+"/preview", form)
		for _, bad := range []string{`src="/brand/logo/`, `/brand/accent/`, `href="//evil`, "about:invalid", `href="data:`, `href="javascript:`} {
			if strings.Contains(p.Body, bad) {
				t.Errorf("%d, it holds %s", p.Status, bad)
			}
		}
		if value, _ := p.Element("policy_uri", "value"); value != "//evil.example" {
			t.Errorf("what was typed became %q", value)
		}
	})
}

// A form that waits for somebody to sign in again is given back with as many rows as one may have, not with as many as were sent.
func TestAttack_aKeptFormGrowsNoFurtherThanForms(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		b.Get(clientList + "/new?type=web")
		h.Clock.Advance(identity.ConsoleIdle)
		b.Submit(clientList, url.Values{"redirect_uris": slices.Repeat([]string{"https://app.example.test/"}, 500)})
		p := b.SignIn(boss)
		if rows := len(p.Parts("input", "name", "redirect_uris")); p.URL.Path != clientList+"/new" || rows != 2*oauth.MaxRedirectURIs {
			t.Errorf("%s has %d rows", p.URL.Path, rows)
		}
	})
}
