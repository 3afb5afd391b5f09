package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/store/storetest"
	"gatehouse/web"
	"gatehouse/web/webtest"
)

// secretNames are the parameters that may hold what opens something, or what somebody typed in the wrong field.
var secretNames = []string{
	"code", "code_verifier", "refresh_token", "access_token", "token", "id_token_hint", "client_secret", "client_assertion", "assertion", "password", "username",
	"new_password", "current_password", "state", "nonce", "csrf_token", "interaction", "return_to", "request", "login_hint", "email", "name", "secret", "device_code", "user_code",
}

// Whatever is asked, of whichever URL, by whomever, and whether the database answers or not: what was sent is not in the log, not
// even where everything is logged. Other tests do the same with what is right (TestAudit_whatOpensSomethingIsNowhere).
func TestLog_holdsNothingThatWasSent(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		const mark = "mark-0123456789abcdef"
		var log webtest.Log
		s := storetest.Open(t, b.Migrated(t))
		h := webtest.Open(t, s, func(o *webtest.Options) {
			o.PasswordGrant, o.ImplicitGrant = true, true
			o.Web = func(c *web.Config) {
				c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}
		})
		admin, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		fields := url.Values{"grant_type": {"authorization_code"}, "client_id": {client.ID}, "response_type": {"code"}, "redirect_uri": {webtest.Callback + "?" + mark}}
		for _, name := range secretNames {
			fields.Set(name, mark)
		}
		walk := func() {
			for _, r := range street {
				path := strings.NewReplacer(":code", "invalid_grant", ":id", client.ID, ":secret", mark, ":client", mark, "*", mark).Replace(r.path)
				for _, credentials := range []string{"", "Bearer " + mark, "Basic bWFyay0wMTIzNDU2Nzg5YWJjZGVmOng=", "Basic " + mark, mark} {
					for _, signedIn := range []bool{true, false} {
						body := fields.Encode()
						request := h.Request(t, r.method, path+"?"+body, body)
						request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
						request.Header.Set("Referer", h.Issuer+"/login?"+mark)
						request.Header.Set("User-Agent", mark)
						if credentials != "" {
							request.Header.Set("Authorization", credentials)
						}
						if signedIn {
							for _, c := range admin.Jar().Cookies(request.URL) {
								request.AddCookie(c)
							}
						} else {
							request.AddCookie(&http.Cookie{Name: "__Host-gh_session", Value: mark})
							request.AddCookie(&http.Cookie{Name: "__Host-gh_device", Value: mark})
						}
						h.Do(t, request)
					}
				}
			}
			h.Get(t, "/"+mark+"?"+mark, mark)
			h.Do(t, h.Request(t, http.MethodPut, "/"+mark, mark))
			elsewhere := h.Request(t, http.MethodGet, "/login?"+mark, "")
			elsewhere.Host = mark + ".example"
			h.Do(t, elsewhere)
		}
		walk()
		answered := log.String()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		walk()
		text := log.String()
		if lines := strings.Count(answered, `"msg":"request"`); lines < len(street)*10 || !strings.Contains(text[len(answered):], `"level":"ERROR"`) {
			t.Errorf("%d lines", lines)
		}
		for _, trace := range []string{mark, "bWFyay0wMTIzNDU2Nzg5YWJjZGVm", url.QueryEscape(webtest.Callback)} {
			if i := strings.Index(text, trace); i >= 0 {
				start := strings.LastIndexByte(text[:i], '\n') + 1
				t.Errorf("%q: %.600s", trace, text[start:])
			}
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		for {
			var line map[string]any
			if err := decoder.Decode(&line); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}
