package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// What is noted on the way: when a secret was last used, that the owner of a refresh token has it, that a password is tried, that
// something was refused.
const (
	lastUse   = "client_secrets.last_used_at"
	presented = "families.current_presented_at"
	attempts  = "signin_attempts"
	refusals  = "audit_events"
	proof     = "sessions.proven_at" // with its event: what waits for it is another act
)

// deeds are all that somebody can do in the house.
var deeds = []deed{
	// Applications

	{name: "redeem a code", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client, user := h.Client(t), h.User(t)
		code := h.Browser(t).Code(client, user, nil)
		return request{
			send: func() webtest.Answer { return h.Redeem(t, client, code) },
			done: func(a webtest.Answer) bool { return works(t, h, client, a) },
			// Who presents a spent code may be a thief: what it gave is revoked, though nobody has received it (security.md rule 2).
			twice: func(a webtest.Answer) bool { return invalidGrant(a) && liveFamilies(t, h, client) == 0 },
		}
	}},
	{name: "redeem a code a second time", machine: true, beside: []string{lastUse, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		client, user := h.Client(t), h.User(t)
		code := h.Browser(t).Code(client, user, nil)
		h.Redeem(t, client, code)
		return request{
			send: func() webtest.Answer { return h.Redeem(t, client, code) },
			done: func(a webtest.Answer) bool { return invalidGrant(a) && liveFamilies(t, h, client) == 0 },
		}
	}},
	{name: "redeem a code with a wrong verifier", machine: true, beside: []string{lastUse, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		client, user := h.Client(t), h.User(t)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {h.Browser(t).Code(client, user, nil)}, "redirect_uri": {webtest.Callback},
			"code_verifier": {"a-wrong-verifier-that-is-long-enough-to-be-one"}}
		return request{send: func() webtest.Answer { return h.Post(t, oauth.PathToken, client, form) }, done: invalidGrant}
	}},
	{name: "refresh", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		return request{
			send: func() webtest.Answer { return h.Refresh(t, client, token) },
			done: func(a webtest.Answer) bool { return works(t, h, client, a) && isTheSuccessor(t, h, client, a) },
		}
	}},
	{name: "retry a refresh", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		h.Refresh(t, client, token)
		return request{
			send: func() webtest.Answer { return h.Refresh(t, client, token) },
			done: func(a webtest.Answer) bool { return works(t, h, client, a) && isTheSuccessor(t, h, client, a) },
		}
	}},
	{name: "refresh for more than was granted", machine: true, beside: []string{lastUse, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.Tokens(t, client, h.User(t), nil).Str("refresh_token")}, "scope": {"openid phone"}}
		return request{
			send: func() webtest.Answer { return h.Post(t, oauth.PathToken, client, form) },
			done: func(a webtest.Answer) bool {
				return a.Status == http.StatusBadRequest && a.Str("error") == "invalid_scope"
			},
		}
	}},
	{name: "refresh with what was spent long ago", machine: true, beside: []string{lastUse, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		h.Refresh(t, client, h.Refresh(t, client, token).Str("refresh_token"))
		return request{
			send: func() webtest.Answer { return h.Refresh(t, client, token) },
			done: func(a webtest.Answer) bool { return invalidGrant(a) && liveFamilies(t, h, client) == 0 },
		}
	}},
	{name: "act as itself", machine: true, reads: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t, service)
		return request{
			send: func() webtest.Answer {
				return h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"client_credentials"}})
			},
			done: func(a webtest.Answer) bool {
				return a.Status == http.StatusOK && active(t, h, client, a.Str("access_token"))
			},
		}
	}},
	{name: "redeem a code for an opaque token", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		own, client, ask := opaquely(t, h)
		code := h.Browser(t).Code(client, h.User(t), ask)
		return request{
			send:  func() webtest.Answer { return h.Redeem(t, client, code) },
			done:  func(a webtest.Answer) bool { return works(t, h, client, a) && active(t, h, own, a.Str("access_token")) },
			twice: func(a webtest.Answer) bool { return invalidGrant(a) && liveFamilies(t, h, client) == 0 },
		}
	}},
	{name: "refresh for an opaque token", machine: true, beside: []string{lastUse, presented}, begin: func(t *testing.T, h *webtest.House) request {
		own, client, ask := opaquely(t, h)
		token := h.Tokens(t, client, h.User(t), ask).Str("refresh_token")
		return request{
			send: func() webtest.Answer { return h.Refresh(t, client, token) },
			done: func(a webtest.Answer) bool {
				return isTheSuccessor(t, h, client, a) && active(t, h, own, a.Str("access_token"))
			},
		}
	}},
	{name: "retry a refresh for an opaque token", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		own, client, ask := opaquely(t, h)
		token := h.Tokens(t, client, h.User(t), ask).Str("refresh_token")
		h.Refresh(t, client, token)
		return request{
			send: func() webtest.Answer { return h.Refresh(t, client, token) },
			done: func(a webtest.Answer) bool {
				return isTheSuccessor(t, h, client, a) && active(t, h, own, a.Str("access_token"))
			},
		}
	}},
	{name: "act as itself with an opaque token", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		own, client, ask := opaquely(t, h)
		form := url.Values{"grant_type": {"client_credentials"}, "resource": ask["resource"]}
		return request{
			send: func() webtest.Answer { return h.Post(t, oauth.PathToken, client, form) },
			done: func(a webtest.Answer) bool {
				return a.Status == http.StatusOK && active(t, h, own, a.Str("access_token"))
			},
		}
	}},
	{name: "trade a password", machine: true, hashes: true, beside: []string{attempts}, begin: func(t *testing.T, h *webtest.House) request {
		client, user := guides(t, h)
		return request{
			send: func() webtest.Answer {
				return h.Password(t, oauth.PathTutorialToken, nil, user.Username, webtest.Password, nil)
			},
			done: func(a webtest.Answer) bool {
				return a.Status == http.StatusOK && h.Get(t, oauth.PathMe, a.Str("access_token")).Str("username") == user.Username &&
					h.Refresh(t, client, a.Str("refresh_token")).Status == http.StatusOK
			},
		}
	}},
	{name: "trade a wrong password", machine: true, hashes: true, reads: true, beside: []string{attempts, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		_, user := guides(t, h)
		return request{send: func() webtest.Answer { return h.Password(t, oauth.PathTutorialToken, nil, user.Username, "guess", nil) }, done: invalidGrant}
	}},
	{name: "refresh as the guides do", machine: true, begin: func(t *testing.T, h *webtest.House) request {
		client, user := guides(t, h)
		form := url.Values{"refresh_token": {h.Password(t, oauth.PathTutorialToken, nil, user.Username, webtest.Password, nil).Str("refresh_token")}}
		return request{
			send: func() webtest.Answer { return h.Post(t, oauth.PathTutorialRefresh, nil, form) },
			done: func(a webtest.Answer) bool { return a.Status == http.StatusOK && isTheSuccessor(t, h, client, a) },
		}
	}},
	{name: "ask who it is as the guides do", machine: true, reads: true, begin: func(t *testing.T, h *webtest.House) request {
		user := h.User(t)
		token := h.Tokens(t, h.Client(t), user, nil).Str("access_token")
		return request{
			send: func() webtest.Answer { return h.Get(t, oauth.PathMe, token) },
			done: func(a webtest.Answer) bool { return a.Str("username") == user.Username },
		}
	}},
	{name: "introspect an opaque token", machine: true, reads: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		own, client, ask := opaquely(t, h)
		token := h.Tokens(t, client, h.User(t), ask).Str("access_token")
		return request{
			send: func() webtest.Answer { return h.Introspect(t, own, token) },
			done: func(a webtest.Answer) bool { return a.JSON["active"] == true },
		}
	}},
	{name: "revoke an opaque token", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		own, client, ask := opaquely(t, h)
		token := h.Tokens(t, client, h.User(t), ask).Str("access_token")
		return request{
			send: func() webtest.Answer { return h.Post(t, oauth.PathRevoke, client, url.Values{"token": {token}}) },
			done: func(a webtest.Answer) bool { return a.Status == http.StatusOK && !active(t, h, own, token) },
		}
	}},
	{name: "revoke an access token", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("access_token")
		return request{
			send: func() webtest.Answer { return h.Post(t, oauth.PathRevoke, client, url.Values{"token": {token}}) },
			done: func(a webtest.Answer) bool { return a.Status == http.StatusOK && !active(t, h, client, token) },
		}
	}},
	{name: "revoke a refresh token", machine: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		tokens := h.Tokens(t, client, h.User(t), nil)
		return request{
			send: func() webtest.Answer {
				return h.Post(t, oauth.PathRevoke, client, url.Values{"token": {tokens.Str("refresh_token")}})
			},
			done: func(a webtest.Answer) bool {
				return a.Status == http.StatusOK && !active(t, h, client, tokens.Str("access_token"))
			},
		}
	}},
	{name: "introspect", machine: true, reads: true, beside: []string{lastUse}, begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("access_token")
		return request{
			send: func() webtest.Answer { return h.Post(t, oauth.PathIntrospect, client, url.Values{"token": {token}}) },
			done: func(a webtest.Answer) bool { return a.JSON["active"] == true },
		}
	}},
	{name: "ask who it is", machine: true, reads: true, begin: func(t *testing.T, h *webtest.House) request {
		user := h.User(t)
		token := h.Tokens(t, h.Client(t), user, nil).Str("access_token")
		return request{
			send: func() webtest.Answer { return h.Get(t, oauth.PathUserinfo, token) },
			done: func(a webtest.Answer) bool { return a.Str("sub") == user.ID },
		}
	}},
	{name: "fetch the keys", machine: true, reads: true, begin: func(t *testing.T, h *webtest.House) request {
		return request{
			send: func() webtest.Answer { return h.Get(t, oauth.PathJWKS, "") },
			done: func(a webtest.Answer) bool { return a.JSON["keys"] != nil },
		}
	}},

	// What an application asks of a person

	{name: "ask for a code", begin: func(t *testing.T, h *webtest.House) request {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Code(client, user, nil)
		return request{send: sends(t, h, b, http.MethodGet, h.AuthorizeURL(client, nil), nil), done: givesCode(t, h, client)}
	}},
	{name: "ask for a token", begin: func(t *testing.T, h *webtest.House) request {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		b.Authorize(client, user, implicitly)
		return request{send: sends(t, h, b, http.MethodGet, h.AuthorizeURL(client, implicitly), nil), done: givesToken(t, h, client)}
	}},
	{name: "ask somebody who is not signed in", begin: func(t *testing.T, h *webtest.House) request {
		b := visitor(t, h)
		return request{send: sends(t, h, b, http.MethodGet, h.AuthorizeURL(h.Client(t), nil), nil), done: leadsTo("/login")}
	}},
	{name: "ask by a form", begin: asksByForm(oauth.PathAuthorize)},
	{name: "ask by a form as the guides do", begin: asksByForm(oauth.PathTutorialAuthorize)},
	{name: "go on with what was asked by a form", reads: true, beside: []string{"interactions.browser_hash", "interactions.created_at"}, begin: func(t *testing.T, h *webtest.House) request {
		b := visitor(t, h)
		on, err := url.Parse(asksByForm(oauth.PathAuthorize)(t, h).send().Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return request{send: sends(t, h, b, http.MethodGet, on.RequestURI(), nil), done: leadsTo("/login")}
	}},
	{name: "be asked for consent", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b := asked(t, h, h.Client(t), nil)
		return request{send: sends(t, h, b, http.MethodGet, b.Page.URL.RequestURI(), nil), done: shows("Allow")}
	}},
	{name: "consent", begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		b := asked(t, h, client, nil)
		return request{send: submit(t, h, b, "/consent", url.Values{"decision": {"allow"}}), done: givesCode(t, h, client)}
	}},
	{name: "consent to a token", begin: func(t *testing.T, h *webtest.House) request {
		client := h.Client(t)
		b := asked(t, h, client, implicitly)
		return request{send: submit(t, h, b, "/consent", url.Values{"decision": {"allow"}}), done: givesToken(t, h, client)}
	}},
	{name: "deny", reads: true, beside: []string{refusals}, begin: func(t *testing.T, h *webtest.House) request {
		b := asked(t, h, h.Client(t), nil)
		return request{
			send: submit(t, h, b, "/consent", url.Values{"decision": {"deny"}}),
			done: func(a webtest.Answer) bool { return strings.Contains(a.Header.Get("Location"), "error=access_denied") },
		}
	}},

	// Signing in and out

	{name: "sign in", hashes: true, beside: []string{attempts}, begin: func(t *testing.T, h *webtest.House) request {
		return signsIn(t, h, h.Browser(t), h.User(t))
	}},
	{name: "sign in anew", hashes: true, beside: []string{attempts}, begin: func(t *testing.T, h *webtest.House) request {
		user, b := h.User(t), h.Browser(t)
		b.SignIn(user)
		return signsIn(t, h, b, user)
	}},
	{name: "sign in where somebody else is", hashes: true, beside: []string{attempts}, begin: func(t *testing.T, h *webtest.House) request {
		b := h.Browser(t)
		b.SignIn(h.User(t))
		return signsIn(t, h, b, h.User(t))
	}},
	{name: "sign in with a password kept in an old way", hashes: true, beside: []string{attempts, "users.password_hash"}, begin: func(t *testing.T, h *webtest.House) request {
		return signsIn(t, h, h.Browser(t), h.User(t, inBcrypt(t)))
	}},
	{name: "sign in with a wrong password", hashes: true, reads: true, beside: []string{attempts, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		b, user := h.Browser(t), h.User(t)
		b.Get("/login")
		return request{
			send: submit(t, h, b, "/login", url.Values{"username": {user.Username}, "password": {"guess"}}),
			done: func(a webtest.Answer) bool { return a.Status == http.StatusUnauthorized },
		}
	}},
	{name: "sign out", begin: func(t *testing.T, h *webtest.House) request {
		b := h.Browser(t)
		b.SignIn(h.User(t))
		b.Get("/logout")
		out := func() bool { return sends(t, h, b, http.MethodGet, "/account", nil)().Status == http.StatusSeeOther }
		return request{
			send:  submit(t, h, b, "/logout", nil),
			done:  func(a webtest.Answer) bool { return a.Status == http.StatusOK && out() },
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusForbidden && out() }, // the form was a signed-in person's
		}
	}},
	{name: "come back after a while", reads: true, beside: []string{"sessions.last_seen_at"}, begin: func(t *testing.T, h *webtest.House) request {
		b := h.Browser(t)
		b.SignIn(h.User(t))
		h.Clock.Advance(2 * time.Minute)
		return request{send: sends(t, h, b, http.MethodGet, "/account", nil), done: shows("Password")}
	}},
	{name: "set the house up", hashes: true, beside: []string{"users.last_sign_in_at", "sessions", "known_devices", refusals}, begin: func(t *testing.T, h *webtest.House) request {
		token := secret.New("")
		if err := h.Store.SaveSetupLink(t.Context(), "seed", secret.Hash(token)); err != nil {
			t.Fatal(err)
		}
		b := h.Browser(t)
		b.Get("/setup?token=" + token)
		return request{
			send: submit(t, h, b, "/setup", url.Values{"name": {"Ada"}, "username": {"ada"}, "email": {"ada@example.test"}, "password": {freshPassword}}),
			done: func(a webtest.Answer) bool {
				// Whoever cannot be signed in at once has a password to do it with.
				return leadsTo("/login")(a) || (leadsTo("/console")(a) && newSession.MatchString(strings.Join(a.Header.Values("Set-Cookie"), "\n")))
			},
			twice: func(a webtest.Answer) bool {
				return a.Status == http.StatusNotFound && strings.Contains(a.Body, "sign in") && opens(t, h, "ada", freshPassword)
			},
		}
	}},
	{name: "reset a password", hashes: true, begin: func(t *testing.T, h *webtest.House) request {
		user, token := h.User(t), secret.New("")
		link := identity.ResetLink{Hash: secret.Hash(token), UserID: user.ID, ExpiresAt: h.Clock.Now().Add(time.Hour)}
		if err := h.Store.CreateResetLink(t.Context(), link, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		b := h.Browser(t)
		b.Get("/reset?token=" + token)
		return request{
			send: submit(t, h, b, "/reset", url.Values{"password": {freshPassword}, "password_again": {freshPassword}}),
			done: shows("Your password is changed"),
			twice: func(a webtest.Answer) bool {
				return a.Status == http.StatusNotFound && !strings.Contains(a.Body, "not been changed") && opens(t, h, user.Username, freshPassword)
			},
		}
	}},

	// One's own account

	{name: "change one's profile", begin: func(t *testing.T, h *webtest.House) request {
		b := h.Browser(t)
		b.SignIn(h.User(t))
		b.Get("/account")
		return request{send: submit(t, h, b, "/account/profile", url.Values{"name": {"Somebody Else"}}), done: leadsTo("/account")}
	}},
	{name: "change one's password", hashes: true, beside: []string{attempts}, begin: func(t *testing.T, h *webtest.House) request {
		user, b := h.User(t), h.Browser(t)
		b.SignIn(user)
		b.Get("/account")
		fill := url.Values{"current_password": {webtest.Password}, "password": {freshPassword}, "password_again": {freshPassword}}
		return request{
			send: submit(t, h, b, "/account/password", fill),
			done: leadsTo("/account"),
			twice: func(a webtest.Answer) bool {
				return a.Status == http.StatusUnprocessableEntity && opens(t, h, user.Username, freshPassword)
			},
		}
	}},
	{name: "end a session", begin: func(t *testing.T, h *webtest.House) request {
		user, b, other := h.User(t), h.Browser(t), h.Browser(t)
		other.SignIn(user)
		sessions, err := h.Store.LiveSessions(t.Context(), user.ID, h.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		b.SignIn(user)
		b.Get("/account")
		ended := func() bool {
			return sends(t, h, other, http.MethodGet, "/account", nil)().Status == http.StatusSeeOther
		}
		return request{
			send:  submit(t, h, b, "/account/sessions/"+sessions[0].ID+"/end", nil),
			done:  func(a webtest.Answer) bool { return leadsTo("/account")(a) && ended() },
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound && ended() },
		}
	}},
	{name: "end all other sessions", begin: func(t *testing.T, h *webtest.House) request {
		user, b := h.User(t), h.Browser(t)
		for range 2 {
			h.Browser(t).SignIn(user)
		}
		b.SignIn(user)
		b.Get("/account")
		return request{send: submit(t, h, b, "/account/sessions/end-others", nil), done: leadsTo("/account")}
	}},
	{name: "withdraw consent", begin: func(t *testing.T, h *webtest.House) request {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		token := h.Redeem(t, client, b.Code(client, user, nil)).Str("access_token")
		b.Get("/account")
		return request{
			send:  submit(t, h, b, "/account/consents/"+client.ID+"/withdraw", nil),
			done:  func(a webtest.Answer) bool { return leadsTo("/account")(a) && !active(t, h, client, token) },
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound && !active(t, h, client, token) },
		}
	}},

	// The console

	{name: "open what one may not", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleUser)
		return request{
			send: sends(t, h, b, http.MethodGet, clientList, nil),
			done: func(a webtest.Answer) bool { return a.Status == http.StatusForbidden },
		}
	}},
	{name: "see how the house does", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Client(t)
		return request{send: sends(t, h, b, http.MethodGet, "/console", nil), done: shows("First steps")}
	}},
	{name: "list clients", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Client(t)
		return request{send: sends(t, h, b, http.MethodGet, clientList, nil), done: shows("Acme Storefront")}
	}},
	{name: "register a client", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(clientList + "/new?type=web")
		return request{
			send:  submit(t, h, b, clientList, url.Values{"client_name": {"New"}, "redirect_uris": {webtest.Callback}}),
			done:  shows("new-client-secret"),
			twice: leadsTo(clientList + "/"), // where another secret can be made: nobody has seen this one
		}
	}},
	{name: "read a client's metadata", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(clientList + "/import")
		return request{
			send: submit(t, h, b, clientList+"/import", url.Values{"metadata": {`{"client_name": "Read", "redirect_uris": ["https://app.example.test/cb"]}`}}),
			done: shows("Nothing is saved yet"),
		}
	}},
	{name: "check a redirect URI", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		form := url.Values{"csrf_token": {csrf(b)}, "row": {"0"}, "redirect_uris": {"http://app.example.test/cb"}}
		return request{send: sends(t, h, b, http.MethodPost, clientList+"/redirect-uri", form), done: shows("Use https.")}
	}},
	{name: "save clients as a file", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAuditor)
		client := h.Client(t)
		return request{send: sends(t, h, b, http.MethodGet, clientList+"/export?format=csv", nil), done: shows(client.ID)}
	}},
	onClient("change a client", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		b.Get(path)
		return request{send: submit(t, h, b, path, url.Values{"client_name": {"Renamed"}}), done: leadsTo(path)}
	}),
	onClient("choose a client's scopes", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		b.Get(path + "/scopes")
		return request{send: submit(t, h, b, path+"/scopes", url.Values{"scopes": {"openid", "email"}}), done: leadsTo(path + "/scopes")}
	}),
	onClient("settle a client's lifetimes", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		b.Get(path + "/tokens")
		return request{send: submit(t, h, b, path+"/tokens", url.Values{"access_token_ttl": {"5m"}}), done: leadsTo(path + "/tokens")}
	}),
	onClient("disable a client", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		token := h.Tokens(t, client, h.User(t), nil).Str("access_token")
		b.Get(path + "/disable")
		return request{
			send: submit(t, h, b, path+"/disable", nil),
			done: func(a webtest.Answer) bool {
				return leadsTo(path)(a) && h.Get(t, oauth.PathUserinfo, token).Status == http.StatusUnauthorized
			},
		}
	}),
	onClient("enable a client", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		if err := h.Store.DisableClient(t.Context(), client.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		b.Get(path)
		return request{send: submit(t, h, b, path+"/enable", nil), done: leadsTo(path)}
	}),
	onClient("delete a client", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		h.Tokens(t, client, h.User(t), nil)
		b.Get(path + "/delete")
		return request{
			send:  submit(t, h, b, path+"/delete", url.Values{"confirm": {client.Name}}),
			done:  leadsTo(clientList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}),
	onClient("add a secret", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		b.Get(path + "/credentials")
		return request{send: submit(t, h, b, path+"/secrets", url.Values{"expires_in": {"30"}}), done: shows("new-client-secret"), twice: leadsTo(path + "/credentials")}
	}),
	onClient("revoke a secret", func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request {
		secrets, err := h.Store.ClientSecrets(t.Context(), client.ID)
		if err != nil {
			t.Fatal(err)
		}
		revoke := path + "/secrets/" + secrets[0].ID + "/revoke"
		b.Get(revoke)
		return request{
			send: submit(t, h, b, revoke, nil),
			done: func(a webtest.Answer) bool {
				return leadsTo(path+"/credentials")(a) && h.Post(t, oauth.PathIntrospect, client, url.Values{"token": {"x"}}).Status == http.StatusUnauthorized
			},
		}
	}),
	{name: "register an API", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(apiList + "/new")
		return request{
			send: submit(t, h, b, apiList, url.Values{
				"name": {"New"}, "identifier": {"https://new.example.test"}, "signing_alg": {"HS256"},
				"scope_names": {"new:read"}, "scope_descriptions": {"Read"}, "scope_shown": {""},
			}),
			done:  shows("new-signing-secret"),
			twice: leadsTo(apiList + "/"), // where another secret can be made: nobody has seen this one
		}
	}},
	{name: "register the first API with EdDSA", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(apiList + "/new")
		return request{
			send: submit(t, h, b, apiList, url.Values{"name": {"New"}, "identifier": {"https://eddsa.example.test"}, "signing_alg": {"EdDSA"}}),
			done: leadsTo(apiList + "/"),
		}
	}},
	onAPI("change an API", func(t *testing.T, h *webtest.House, b *webtest.Browser, api *webtest.API, path string) request {
		b.Get(path)
		f := b.Form(path).Values
		words := f["scope_descriptions"]
		words[0] = "Read what there is"
		return request{
			send:  submit(t, h, b, path, url.Values{"name": {"Renamed"}, "scope_descriptions": words}),
			done:  leadsTo(path),
			twice: func(a webtest.Answer) bool { return leadsTo(path)(a) || a.Status == http.StatusConflict },
		}
	}),
	onAPI("rotate a signing secret", func(t *testing.T, h *webtest.House, b *webtest.Browser, api *webtest.API, path string) request {
		b.Get(path + "/rotate-secret")
		return request{send: submit(t, h, b, path+"/rotate-secret", nil), done: shows("new-signing-secret"), twice: leadsTo(path)}
	}),
	onAPI("delete an API", func(t *testing.T, h *webtest.House, b *webtest.Browser, api *webtest.API, path string) request {
		b.Get(path + "/delete")
		return request{
			send:  submit(t, h, b, path+"/delete", url.Values{"confirm": {api.Identifier}}),
			done:  leadsTo(apiList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}),
	{name: "list users", reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		return request{send: sends(t, h, b, http.MethodGet, userList+"?q=s", nil), done: shows("Sofia Ivanova")}
	}},
	{name: "add a user", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(userList + "/new")
		return request{
			send:  submit(t, h, b, userList, url.Values{"username": {"ada"}, "role": {"auditor"}}),
			done:  shows("new-password-link"),
			twice: leadsTo(userList + "/"), // where another link can be made: nobody has seen this one
		}
	}},
	onUser("change a user", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		b.Get(path)
		return request{
			send: submit(t, h, b, path, url.Values{"name": {"Renamed"}, "role": {"operator"}, "email": {"renamed@example.test"}}), done: leadsTo(path),
		}
	}),
	onUser("disable a user", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		_, holds := held(t, h, u)
		b.Get(path + "/disable")
		return request{send: submit(t, h, b, path+"/disable", nil), done: func(a webtest.Answer) bool { return leadsTo(path)(a) && !holds() }}
	}),
	onUser("enable a user", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		if err := h.Store.DisableUser(t.Context(), u.ID, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		b.Get(path)
		return request{send: submit(t, h, b, path+"/enable", nil), done: leadsTo(path)}
	}),
	onUser("end everything a user has", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		_, holds := held(t, h, u)
		b.Get(path + "/end")
		return request{send: submit(t, h, b, path+"/end", nil), done: func(a webtest.Answer) bool { return leadsTo(path+"/access")(a) && !holds() }}
	}),
	onUser("make a user a password link", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		b.Get(path + "/reset-link")
		return request{send: submit(t, h, b, path+"/reset-link", nil), done: shows("new-password-link")}
	}),
	onUser("delete a user", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		_, holds := held(t, h, u)
		b.Get(path + "/delete")
		return request{
			send:  submit(t, h, b, path+"/delete", url.Values{"confirm": {u.Username}}),
			done:  func(a webtest.Answer) bool { return leadsTo(userList)(a) && !holds() },
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}),
	{name: "act on a higher role", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		boss := h.User(t, admin)
		return request{
			send: sends(t, h, b, http.MethodPost, userList+"/"+boss.ID+"/disable", url.Values{"csrf_token": {csrf(b)}}),
			done: func(a webtest.Answer) bool { return a.Status == http.StatusForbidden },
		}
	}},
	{name: "add a scope", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(scopeList + "/new")
		return request{send: submit(t, h, b, scopeList, url.Values{"name": {"new:scope"}, "description": {"Do"}}), done: leadsTo(scopeList + "/edit")}
	}},
	onScope("describe a scope", func(t *testing.T, h *webtest.House, b *webtest.Browser) request {
		b.Get(scopePage("spare"))
		return request{send: submit(t, h, b, scopeList+"/edit", url.Values{"description": {"Do otherwise"}}), done: leadsTo(scopeList + "/edit")}
	}),
	onScope("delete a scope", func(t *testing.T, h *webtest.House, b *webtest.Browser) request {
		b.Get(scopeDelete("spare"))
		return request{
			send: submit(t, h, b, scopeList+"/delete", nil), done: leadsTo(scopeList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}),

	{name: "add an attribute", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(attributeList + "/new")
		return request{send: submit(t, h, b, attributeList, url.Values{"key": {"dept"}, "label": {"Department"}}), done: leadsTo(attributeList + "/edit")}
	}},
	{name: "change an attribute", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Attribute(t, "dept", nil)
		b.Get(attributePage("dept"))
		return request{send: submit(t, h, b, attributeList+"/edit", url.Values{"label": {"Unit"}}), done: leadsTo(attributeList + "/edit")}
	}},
	{name: "delete an attribute", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Attribute(t, "dept", nil)
		b.Get(attributeList + "/delete?key=dept")
		return request{
			send: submit(t, h, b, attributeList+"/delete", url.Values{"confirm": {"dept"}}), done: leadsTo(attributeList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}},
	{name: "add a group", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(groupList + "/new")
		return request{send: submit(t, h, b, groupList, url.Values{"name": {"Accounting"}}), done: leadsTo(groupList + "/")}
	}},
	onGroup("rename a group", func(t *testing.T, h *webtest.House, b *webtest.Browser, g *identity.Group, u *identity.User) request {
		b.Get(groupPage(g) + "/edit")
		return request{send: submit(t, h, b, groupPage(g)+"/edit", url.Values{"name": {"Bookkeeping"}}), done: leadsTo(groupPage(g))}
	}),
	onGroup("add somebody to a group", func(t *testing.T, h *webtest.House, b *webtest.Browser, g *identity.Group, u *identity.User) request {
		other := h.User(t)
		b.Get(groupPage(g))
		return request{send: submit(t, h, b, groupPage(g)+"/members", url.Values{"username": {other.Username}}), done: leadsTo(groupPage(g))}
	}),
	onGroup("add a group to somebody", func(t *testing.T, h *webtest.House, b *webtest.Browser, g *identity.Group, u *identity.User) request {
		path := userList + "/" + h.User(t).ID + "/groups"
		b.Get(path)
		return request{send: submit(t, h, b, path, url.Values{"group": {g.Name}}), done: leadsTo(path)}
	}),
	onGroup("take somebody out of a group", func(t *testing.T, h *webtest.House, b *webtest.Browser, g *identity.Group, u *identity.User) request {
		path := groupPage(g) + "/members/" + u.ID + "/remove"
		b.Get(path)
		return request{send: submit(t, h, b, path, nil), done: leadsTo(groupPage(g))}
	}),
	onGroup("delete a group", func(t *testing.T, h *webtest.House, b *webtest.Browser, g *identity.Group, u *identity.User) request {
		b.Get(groupPage(g) + "/delete")
		return request{
			send: submit(t, h, b, groupPage(g)+"/delete", url.Values{"confirm": {g.Name}}), done: leadsTo(groupList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}),

	onUser("unlock a user", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		failing(t, h, u)
		b.Get(path + "/security")
		return request{send: submit(t, h, b, path+"/unlock", nil), done: leadsTo(path + "/security")}
	}),
	onUser("withdraw a user's consent", func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request {
		client, _ := held(t, h, u)
		withdraw := path + "/consents/" + client.ID + "/withdraw"
		b.Get(withdraw)
		return request{send: submit(t, h, b, withdraw, nil), done: func(a webtest.Answer) bool { return leadsTo(path+"/consents")(a) && liveFamilies(t, h, client) == 0 }}
	}),
	{name: "send a file of people", beside: []string{"jobs", "import_rows"}, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(importForm)
		token := csrf(b)
		return request{
			send: func() webtest.Answer {
				r := uploading(t, h, token, "username\nada\n", nil)
				for _, cookie := range b.Jar().Cookies(r.URL) {
					r.AddCookie(cookie)
				}
				return h.Do(t, r)
			},
			done: leadsTo(importForm + "/"),
		}
	}},
	onImport("import a file of people", func(t *testing.T, h *webtest.House, b *webtest.Browser, path string) request {
		return request{send: submit(t, h, b, path+"/start", nil), done: leadsTo(path)}
	}),
	onImport("cancel an import", func(t *testing.T, h *webtest.House, b *webtest.Browser, path string) request {
		return request{send: submit(t, h, b, path+"/cancel", nil), done: leadsTo(path)}
	}),

	// The house itself

	{name: "publish new signing keys", hashes: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(keyList + "/stage")
		return request{send: submit(t, h, b, keyList+"/stage", nil), done: leadsTo(keyList)}
	}},
	{name: "replace all signing keys", hashes: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(keyList + "/replace")
		return request{send: submit(t, h, b, keyList+"/replace", nil), done: leadsTo(keyList)}
	}},
	{name: "sign with a key again", begin: func(t *testing.T, h *webtest.House) request {
		path := keyList + "/" + displacedKey(t, h) + "/roll-back"
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(path)
		return request{send: submit(t, h, b, path, nil), done: leadsTo(keyList)}
	}},
	{name: "retire a key", begin: func(t *testing.T, h *webtest.House) request {
		path := keyList + "/" + displacedKey(t, h) + "/retire"
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(path)
		return request{send: submit(t, h, b, path, nil), done: leadsTo(keyList)}
	}},
	{name: "confirm the password", hashes: true, beside: []string{attempts, proof, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		path := clientList + "/" + h.Client(t).ID
		b.Get(path)
		h.Clock.Advance(11 * time.Minute)
		b.Submit(path, url.Values{"client_name": {"Renamed"}})
		return request{send: submit(t, h, b, path, url.Values{"sudo_password": {webtest.Password}}), done: leadsTo(path)}
	}},
	{name: "confirm the password for a file of everybody", hashes: true, beside: []string{attempts, refusals}, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(userList)
		h.Clock.Advance(11 * time.Minute)
		b.Get(userList + "/export?q=eve")
		return request{send: submit(t, h, b, userList+"/export", url.Values{"sudo_password": {webtest.Password}}), done: leadsTo(userList)}
	}},
	{name: "send a form when the session has ended", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(scopeList + "/new")
		form := b.Form(scopeList).Values
		h.Clock.Advance(identity.ConsoleIdle)
		return request{send: func() webtest.Answer {
			r := h.Request(t, http.MethodPost, scopeList, form.Encode())
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Referer", h.Issuer+scopeList+"/new")
			for _, cookie := range b.Jar().Cookies(r.URL) {
				r.AddCookie(cookie)
			}
			return h.Do(t, r)
		}, done: leadsTo("/login")}
	}},

	// What people and applications were given

	{name: "settle something", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get("/console/settings")
		return request{send: submit(t, h, b, "/console/settings", url.Values{"code_ttl": {"2m"}, "id_token_ttl": {"5m"}}), done: func(a webtest.Answer) bool {
			_, stored, err := h.Store.Settings(t.Context())
			return leadsTo("/console/settings")(a) && err == nil && len(stored) == 2 && stored["code_ttl"] == "2m" && stored["id_token_ttl"] == "5m"
		}}
	}},
	{name: "settle what the house looks like", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		must(t, h.Store.SaveImage(t.Context(), *logo(t), h.Clock.Now()))
		b.Get(brandingPage)
		fill := url.Values{"brand_name": {"Acme"}, "brand_logo": {logo(t).Hash}}
		return request{send: submit(t, h, b, brandingPage, fill), done: leadsTo(brandingPage)}
	}},
	{name: "look at a picture before it is settled", reads: true, beside: []string{"images"}, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		return request{send: sending(t, h, b, brandingPage, "brand_logo"), done: shows(logo(t).Hash)}
	}},
	{name: "change what a client looks like", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		path := clientList + "/" + h.Client(t).ID + "/branding"
		b.Get(path)
		return request{send: submit(t, h, b, path, url.Values{"accent_color": {"2452c4"}}), done: leadsTo(path)}
	}},
	{name: "look at a picture of a client's", reads: true, beside: []string{"images"}, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		return request{send: sending(t, h, b, clientList+"/"+h.Client(t).ID+"/branding", "logo"), done: shows(logo(t).Hash)}
	}},
	{name: "settle what is asked of passwords", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get("/console/security")
		return request{send: submit(t, h, b, "/console/security", url.Values{"password_min_length": {"16"}}), done: leadsTo("/console/security")}
	}},
	{name: "unblock an address", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		b.Get("/console/security/unblock?what=signin&who=192.0.2.1")
		return request{send: submit(t, h, b, "/console/security/unblock", nil), done: leadsTo("/console/security")}
	}},
	{name: "measure password hashes", hashes: true, reads: true, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get("/console/security")
		return request{send: submit(t, h, b, "/console/security/measure", nil), done: shows("hash-cost")}
	}},
	{name: "end somebody's session", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		them, user := h.Browser(t), h.User(t)
		them.SignIn(user)
		path := "/console/sessions/" + sessionIDs(t, h, user)[0]
		b.Get(path + "/end")
		return request{
			send: submit(t, h, b, path+"/end", url.Values{"reason": {"A lost telephone"}}),
			done: func(a webtest.Answer) bool { return leadsTo(path)(a) && len(sessionIDs(t, h, user)) == 0 },
		}
	}},
	{name: "end all of somebody's sessions", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		user := h.User(t)
		h.Browser(t).SignIn(user)
		h.Browser(t).SignIn(user)
		b.Get("/console/sessions/end?user=" + user.ID)
		return request{
			send: submit(t, h, b, "/console/sessions/end", nil),
			done: func(a webtest.Answer) bool {
				return leadsTo(sessionList)(a) && len(sessionIDs(t, h, user)) == 0
			},
		}
	}},
	{name: "revoke a family", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		client, user := h.Client(t), h.User(t)
		token := h.Tokens(t, client, user, nil).Str("access_token")
		path := "/console/families/" + familyOf(t, h, user)
		b.Get(path + "/revoke")
		return request{
			send: submit(t, h, b, path+"/revoke", nil),
			done: func(a webtest.Answer) bool { return leadsTo(path)(a) && !active(t, h, client, token) },
		}
	}},
	{name: "revoke all families of a person", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		client, user := h.Client(t), h.User(t)
		token := h.Tokens(t, client, user, nil).Str("access_token")
		b.Get("/console/families/revoke?user=" + user.ID)
		return request{
			send: submit(t, h, b, "/console/families/revoke", nil),
			done: func(a webtest.Answer) bool {
				return leadsTo(familyList)(a) && !active(t, h, client, token)
			},
		}
	}},
	{name: "revoke all families of a client", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("access_token")
		b.Get("/console/families/revoke?client=" + client.ID)
		return request{
			send: submit(t, h, b, "/console/families/revoke", nil),
			done: func(a webtest.Answer) bool {
				return leadsTo(familyList)(a) && !active(t, h, client, token)
			},
		}
	}},
	{name: "revoke selected families", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		client, user := h.Client(t), h.User(t)
		token := h.Tokens(t, client, user, nil).Str("access_token")
		b.Get("/console/families/revoke?family=" + familyOf(t, h, user))
		return request{
			send: submit(t, h, b, "/console/families/revoke", nil),
			done: func(a webtest.Answer) bool { return leadsTo(familyList)(a) && !active(t, h, client, token) },
		}
	}},
	{name: "end selected sessions", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		user := h.User(t)
		h.Browser(t).SignIn(user)
		b.Get("/console/sessions/end?session=" + sessionIDs(t, h, user)[0])
		return request{
			send: submit(t, h, b, "/console/sessions/end", nil),
			done: func(a webtest.Answer) bool { return leadsTo(sessionList)(a) && len(sessionIDs(t, h, user)) == 0 },
		}
	}},
	{name: "revoke all families that fit", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		client := h.Client(t)
		h.Tokens(t, client, h.User(t), nil)
		form := url.Values{"csrf_token": {csrf(b)}, "client": {client.ID}, "confirm": {endPhrase}}
		return request{send: sends(t, h, b, http.MethodPost, familyList+"/revoke-found", form), done: leadsTo("/console/jobs/")}
	}},
	{name: "end all sessions that fit", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleOperator)
		user := h.User(t)
		h.Browser(t).SignIn(user)
		form := url.Values{"csrf_token": {csrf(b)}, "user": {user.ID}, "confirm": {endPhrase}}
		return request{send: sends(t, h, b, http.MethodPost, sessionList+"/end-found", form), done: leadsTo("/console/jobs/")}
	}},
	{name: "stop an ending", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		path := "/console/jobs/" + ending(t, h).ID
		b.Get(path)
		return request{send: submit(t, h, b, path+"/cancel", nil), done: leadsTo(path)}
	}},

	// The audit log

	{name: "verify the audit log", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAuditor)
		b.Get(verificationPage)
		return request{send: submit(t, h, b, verificationPage, nil), done: leadsTo(verificationPage)}
	}},
	{name: "save a filter", begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAuditor)
		b.Get(eventList + "?outcome=refused")
		return request{
			send:  submit(t, h, b, eventList+"/filters", url.Values{"name": {"Refused"}}),
			done:  leadsTo(eventList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusUnprocessableEntity },
		}
	}},
	{name: "delete a saved filter", begin: func(t *testing.T, h *webtest.House) request {
		b, me := staff(t, h, identity.RoleAuditor)
		must(t, h.Store.SaveFilter(t.Context(), store.SavedFilter{ID: "kept", UserID: me.ID, List: "audit", Name: "Kept", Query: "outcome=refused"}, h.Clock.Now()))
		b.Get(eventList)
		return request{
			send:  submit(t, h, b, eventList+"/filters/kept/delete", nil),
			done:  leadsTo(eventList),
			twice: func(a webtest.Answer) bool { return a.Status == http.StatusNotFound },
		}
	}},
}

// onScope is what an administrator does to a scope that nothing uses.
func onScope(name string, begin func(t *testing.T, h *webtest.House, b *webtest.Browser) request) deed {
	return deed{name: name, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Scope(t, "spare", "Do")
		return begin(t, h, b)
	}}
}

// onUser is what an administrator does to a person.
func onUser(name string, begin func(t *testing.T, h *webtest.House, b *webtest.Browser, u *identity.User, path string) request) deed {
	return deed{name: name, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		u := h.User(t)
		return begin(t, h, b, u, userList+"/"+u.ID)
	}}
}

// sessionIDs are those of the person's sessions that live, the last used first.
func sessionIDs(t *testing.T, h *webtest.House, user *identity.User) (ids []string) {
	t.Helper()
	sessions, err := h.Store.LiveSessions(t.Context(), user.ID, h.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

// onAPI is what an administrator does to an API that shares a secret.
func onAPI(name string, begin func(t *testing.T, h *webtest.House, b *webtest.Browser, api *webtest.API, path string) request) deed {
	return deed{name: name, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		api := h.API(t, hs256)
		return begin(t, h, b, api, apiList+"/"+api.ID)
	}}
}

// onClient is what an administrator does to a client.
func onClient(name string, begin func(t *testing.T, h *webtest.House, b *webtest.Browser, client *webtest.Client, path string) request) deed {
	return deed{name: name, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		return begin(t, h, b, client, clientList+"/"+client.ID)
	}}
}

// inBcrypt keeps webtest.Password in an old way.
func inBcrypt(t *testing.T) func(*identity.User) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(webtest.Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return func(u *identity.User) { u.PasswordHash = string(hash) }
}

// sends is a request with a browser's cookies; it follows nothing.
func sends(t *testing.T, h *webtest.House, b *webtest.Browser, method, path string, form url.Values) func() webtest.Answer {
	return func() webtest.Answer {
		t.Helper()
		r := h.Request(t, method, path, form.Encode())
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for _, cookie := range b.Jar().Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		return h.Do(t, r)
	}
}

// displacedKey is a key that is published though a newer one signs.
func displacedKey(t *testing.T, h *webtest.House) string {
	t.Helper()
	was := signingKeysOf(t, h)
	change, err := keys.SignAnew(was, h.Sealer, h.Clock.Now())
	must(t, err)
	must(t, h.Store.ChangeSigningKeys(t.Context(), was, change, event()))
	h.Clock.Advance(time.Second)
	return was[0].KID
}

// submit sends the form on the browser's page, as it stands there now.
func submit(t *testing.T, h *webtest.House, b *webtest.Browser, action string, fill url.Values) func() webtest.Answer {
	t.Helper()
	f := b.Form(action)
	for name, values := range fill {
		f.Values[name] = values
	}
	return sends(t, h, b, http.MethodPost, f.Action, f.Values)
}

// visitor is a browser that has been here before.
func visitor(t *testing.T, h *webtest.House) *webtest.Browser {
	t.Helper()
	b := h.Browser(t)
	b.Get("/login")
	return b
}

// asked is a browser in which somebody is asked for consent.
func asked(t *testing.T, h *webtest.House, client *webtest.Client, ask url.Values) *webtest.Browser {
	t.Helper()
	b := h.Browser(t)
	b.Get(h.AuthorizeURL(client, ask))
	if p := b.SignIn(h.User(t)); p.URL.Path != "/consent" {
		t.Fatalf("led to %s: %s", p.URL, p.Text())
	}
	return b
}

// asksByForm is an authorization request that comes by POST.
func asksByForm(path string) func(t *testing.T, h *webtest.House) request {
	return func(t *testing.T, h *webtest.House) request {
		_, query, _ := strings.Cut(h.AuthorizeURL(h.Client(t), nil), "?")
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		return request{send: sends(t, h, visitor(t, h), http.MethodPost, path, form), done: leadsTo(oauth.PathAuthorize)}
	}
}

// implicitly asks for a token instead of a code.
var implicitly = url.Values{"response_type": {"token"}, "code_challenge": {""}, "code_challenge_method": {""}, "scope": {"openid email"}}

// opaquely is an API whose tokens are opaque, its own client, and one that asks for them.
func opaquely(t *testing.T, h *webtest.House) (own, client *webtest.Client, ask url.Values) {
	t.Helper()
	api := h.API(t, func(a *oauth.API) { a.TokenFormat = oauth.FormatOpaque })
	return ownClient(t, h, api), h.Client(t, withScopes("read")), url.Values{"scope": {"offline_access read"}, "resource": {api.Identifier}}
}

func signsIn(t *testing.T, h *webtest.House, b *webtest.Browser, user *identity.User) request {
	t.Helper()
	b.Get("/login?return_to=%2Faccount")
	return request{
		send: submit(t, h, b, "/login", url.Values{"username": {user.Username}, "password": {webtest.Password}}),
		done: func(a webtest.Answer) bool {
			return leadsTo("/account")(a) && newSession.MatchString(strings.Join(a.Header.Values("Set-Cookie"), "\n"))
		},
	}
}

// leadsTo reports whether an answer leads on to a page below the path.
func leadsTo(path string) func(webtest.Answer) bool {
	return func(a webtest.Answer) bool {
		to, err := url.Parse(a.Header.Get("Location"))
		return err == nil && a.Status == http.StatusSeeOther && strings.HasPrefix(to.Path, path)
	}
}

func shows(text string) func(webtest.Answer) bool {
	return func(a webtest.Answer) bool { return a.Status == http.StatusOK && strings.Contains(a.Body, text) }
}

// givesCode reports whether an answer gives the client a code that it can redeem.
func givesCode(t *testing.T, h *webtest.House, client *webtest.Client) func(webtest.Answer) bool {
	return func(a webtest.Answer) bool {
		to, err := url.Parse(a.Header.Get("Location"))
		return err == nil && a.Status == http.StatusSeeOther && to.Query().Get("code") != "" && h.Redeem(t, client, to.Query().Get("code")).Status == http.StatusOK
	}
}

// givesToken reports whether an answer gives the client a token that holds.
func givesToken(t *testing.T, h *webtest.House, client *webtest.Client) func(webtest.Answer) bool {
	return func(a webtest.Answer) bool {
		to, err := url.Parse(a.Header.Get("Location"))
		return err == nil && a.Status == http.StatusSeeOther && active(t, h, client, webtest.Told(to).Get("access_token"))
	}
}

func invalidGrant(a webtest.Answer) bool {
	return a.Status == http.StatusBadRequest && a.Str("error") == "invalid_grant"
}

// works reports whether tokens were given that hold.
func works(t *testing.T, h *webtest.House, client *webtest.Client, a webtest.Answer) bool {
	t.Helper()
	return a.Status == http.StatusOK && active(t, h, client, a.Str("access_token")) && active(t, h, client, a.Str("refresh_token"))
}

// isTheSuccessor reports whether the client was given the one successor of its first refresh token.
func isTheSuccessor(t *testing.T, h *webtest.House, client *webtest.Client, a webtest.Answer) bool {
	t.Helper()
	families, err := h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID, State: oauth.FamilyLive})
	if err != nil {
		t.Fatal(err)
	}
	return len(families) == 1 && families[0].Generation == 1 && families[0].CurrentHash == secret.Hash(a.Str("refresh_token"))
}

func liveFamilies(t *testing.T, h *webtest.House, client *webtest.Client) int {
	t.Helper()
	families, err := h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID, State: oauth.FamilyLive})
	if err != nil {
		t.Fatal(err)
	}
	return len(families)
}

// opens reports whether somebody can sign in with the password.
func opens(t *testing.T, h *webtest.House, username, password string) bool {
	t.Helper()
	b := h.Browser(t)
	b.Get("/login")
	p := b.Submit("/login", url.Values{"username": {username}, "password": {password}})
	return slices.Contains([]string{"/account", "/console"}, p.URL.Path)
}

// onGroup is what an administrator does to a group that somebody is in.
func onGroup(name string, begin func(t *testing.T, h *webtest.House, b *webtest.Browser, g *identity.Group, u *identity.User) request) deed {
	return deed{name: name, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		u := h.User(t)
		return begin(t, h, b, h.Group(t, "Accounting", u), u)
	}}
}

// onImport is what an administrator does to a file of people that was checked.
func onImport(name string, begin func(t *testing.T, h *webtest.House, b *webtest.Browser, path string) request) deed {
	return deed{name: name, begin: func(t *testing.T, h *webtest.House) request {
		b, _ := staff(t, h, identity.RoleAdmin)
		return begin(t, h, b, upload(t, h, b, "username\nada\n", nil).URL.Path)
	}}
}

// failing tries a wrong password of the person's, once.
func failing(t *testing.T, h *webtest.House, u *identity.User) {
	t.Helper()
	b := h.Browser(t)
	b.Get("/login")
	b.Submit("/login", url.Values{"username": {u.Username}, "password": {"a wrong one"}})
}
