package web_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

func refused(t *testing.T, a webtest.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Str("error") != code {
		t.Errorf("answered %d %s, want %d %s", a.Status, a.Body, status, code)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q", a.Header.Get("Cache-Control"))
	}
	if uri := a.Str("error_uri"); code != "" && uri == "" {
		t.Error("no error_uri came along")
	}
}

// active asks whether a token holds.
func active(t *testing.T, h *webtest.House, c *webtest.Client, token string) bool {
	t.Helper()
	a := h.Post(t, oauth.PathIntrospect, c, url.Values{"token": {token}})
	if a.Status != http.StatusOK {
		t.Fatalf("introspection answered %d %s", a.Status, a.Body)
	}
	on, _ := a.JSON["active"].(bool)
	if !on && len(a.JSON) != 1 {
		t.Errorf("introspection says more than it may: %s", a.Body)
	}
	return on
}

// RFC 6749 §4.1.2: a second use is refused and revokes what the first was given.
func TestToken_aCodeWorksOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		code := h.Browser(t).Code(client, user, nil)
		first := h.Redeem(t, client, code)
		if first.Status != http.StatusOK || !active(t, h, client, first.Str("access_token")) {
			t.Fatalf("the first use: %d %s", first.Status, first.Body)
		}
		refused(t, h.Redeem(t, client, code), http.StatusBadRequest, "invalid_grant")
		h.Refusal(t, "code_unused")
		if active(t, h, client, first.Str("access_token")) {
			t.Error("the access token outlived the replay")
		}
		refused(t, h.Refresh(t, client, first.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
	})
}

func TestToken_fiftyRedemptionsGiveOneSuccess(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		code := h.Browser(t).Code(client, h.User(t), nil)
		counts := map[int]int{}
		for _, a := range parallel(50, func() webtest.Answer { return h.Redeem(t, client, code) }) {
			counts[a.Status]++
		}
		if counts[http.StatusOK] != 1 || counts[http.StatusBadRequest] != 49 {
			t.Errorf("50 redemptions gave %v", counts)
		}
	})
}

// security.md rule 1: parallel refreshes all get the one successor.
func TestRefresh_fiftyAtOnceGetTheOneSuccessor(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		successors := map[string]int{}
		for _, a := range parallel(50, func() webtest.Answer { return h.Refresh(t, client, token) }) {
			if a.Status != http.StatusOK {
				t.Errorf("refused: %d %s", a.Status, a.Body)
			}
			successors[a.Str("refresh_token")]++
		}
		if len(successors) != 1 {
			t.Errorf("%d successors: %v", len(successors), successors)
		}
		for next := range successors {
			if a := h.Refresh(t, client, next); a.Status != http.StatusOK {
				t.Errorf("the successor is refused: %s", a.Body)
			}
		}
	})
}

func parallel[T any](n int, act func() T) []T {
	out := make([]T, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i] = act() })
	}
	wg.Wait()
	return out
}

func TestRefresh_aRetryGetsTheSameSuccessorUntilItWasUsed(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		first := h.Tokens(t, client, h.User(t), nil)
		second := h.Refresh(t, client, first.Str("refresh_token"))
		h.Clock.Advance(59 * time.Second)
		again := h.Refresh(t, client, first.Str("refresh_token"))
		if again.Status != http.StatusOK || again.Str("refresh_token") != second.Str("refresh_token") || again.Str("access_token") == second.Str("access_token") {
			t.Fatalf("the retry: %d %s", again.Status, again.Body)
		}
		third := h.Refresh(t, client, second.Str("refresh_token"))
		if third.Status != http.StatusOK {
			t.Fatalf("the successor: %d %s", third.Status, third.Body)
		}
		// The successor was presented: the first token is a replay now, and kills the family.
		refused(t, h.Refresh(t, client, first.Str("refresh_token")), http.StatusBadRequest, "invalid_grant")
		h.Refusal(t, "refresh_token_current")
		for _, token := range []string{first.Str("access_token"), third.Str("access_token"), third.Str("refresh_token")} {
			if active(t, h, client, token) {
				t.Error("a token outlived the replay")
			}
		}
	})
}

func TestRefresh_theReuseIntervalEnds(t *testing.T) {
	for _, c := range []struct {
		name    string
		with    func(*oauth.Client)
		inside  time.Duration
		outside time.Duration
	}{
		{"confidential", func(*oauth.Client) {}, time.Minute, time.Minute + time.Second},
		{"public", webtest.Public, 10 * time.Second, 11 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			webtest.Each(t, func(t *testing.T, h *webtest.House) {
				client := h.Client(t, c.with)
				user := h.User(t)
				h.Clock.Advance(10 * time.Minute) // long after the node became ready
				for _, try := range []struct {
					after time.Duration
					want  int
				}{{c.inside, http.StatusOK}, {c.outside, http.StatusBadRequest}} {
					token := h.Tokens(t, client, user, nil).Str("refresh_token")
					successor := h.Refresh(t, client, token).Str("refresh_token")
					h.Clock.Advance(try.after)
					if a := h.Refresh(t, client, token); a.Status != try.want {
						t.Errorf("after %s: %d %s", try.after, a.Status, a.Body)
					}
					if a := h.Refresh(t, client, successor); a.Status != try.want {
						t.Errorf("the successor, after a retry after %s: %d", try.after, a.Status)
					}
				}
			})
		})
	}
}

// A successor that its owner showed in a request that failed has arrived: its predecessor is no retry any more.
func TestRefresh_aFailedRequestShowsThatTheSuccessorArrived(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		first := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		second := h.Refresh(t, client, first).Str("refresh_token")
		refused(t, h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second}, "scope": {"openid phone"}}),
			http.StatusBadRequest, "invalid_scope")
		refused(t, h.Refresh(t, client, first), http.StatusBadRequest, "invalid_grant")
	})
}

// RFC 6749 §5.2, §10.4: another client's token is refused and stays alive.
func TestRefresh_anotherClientsTokenKillsNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		owner, thief := h.Client(t), h.Client(t)
		token := h.Tokens(t, owner, h.User(t), nil).Str("refresh_token")
		refused(t, h.Refresh(t, thief, token), http.StatusBadRequest, "invalid_grant")
		successor := h.Refresh(t, owner, token)
		if successor.Status != http.StatusOK {
			t.Fatalf("the owner is refused: %s", successor.Body)
		}
		h.Refresh(t, owner, successor.Str("refresh_token"))
		refused(t, h.Refresh(t, thief, token), http.StatusBadRequest, "invalid_grant") // spent, but not the thief's
		if !active(t, h, owner, successor.Str("access_token")) {
			t.Error("a stranger's replay killed the family")
		}
	})
}

// RFC 6749 §6: narrower is allowed, and the next refresh has the whole grant again.
func TestRefresh_scopeMayNarrow(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		narrow := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid"}})
		if narrow.Str("scope") != "openid" || narrow.Str("id_token") == "" {
			t.Errorf("asked for openid, got %s", narrow.Body)
		}
		if wide := h.Refresh(t, client, narrow.Str("refresh_token")); wide.Str("scope") != "openid profile email offline_access" {
			t.Errorf("the next refresh gave %q", wide.Str("scope"))
		}
	})
}

// What the client may no longer ask for does not live on in its families.
func TestRefresh_aScopeTakenFromTheClientIsGone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
		narrower := client.Client
		narrower.Scopes = oauth.Scopes{"openid", "profile", "offline_access"}
		if err := h.Store.UpdateClient(t.Context(), narrower, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if a := h.Refresh(t, client, token); a.Str("scope") != "openid profile offline_access" {
			t.Errorf("refreshed with %q", a.Str("scope"))
		}
	})
}

func TestRefresh_idleAndAbsoluteEnd(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		idle := h.Tokens(t, client, user, nil).Str("refresh_token")
		h.Clock.Advance(14 * 24 * time.Hour)
		refused(t, h.Refresh(t, client, idle), http.StatusBadRequest, "invalid_grant")
		h.Refusal(t, "refresh_token_idle")

		token := h.Tokens(t, client, user, nil).Str("refresh_token")
		for range 2 {
			h.Clock.Advance(13 * 24 * time.Hour)
			a := h.Refresh(t, client, token)
			if a.Status != http.StatusOK {
				t.Fatalf("refused: %s", a.Body)
			}
			token = a.Str("refresh_token")
		}
		h.Clock.Advance(5 * 24 * time.Hour) // day 31
		refused(t, h.Refresh(t, client, token), http.StatusBadRequest, "invalid_grant")
	})
}

func TestToken_aWrongVerifierDoesNotSpendTheCodeButFiveDo(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user, b := h.Client(t), h.User(t), h.Browser(t)
		wrong := func(code string) webtest.Answer {
			return h.Post(t, oauth.PathToken, client, url.Values{
				"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback},
				"code_verifier": {"a-wrong-verifier-that-is-long-enough-to-be-one"},
			})
		}
		for n, want := range map[int]int{4: http.StatusOK, 5: http.StatusBadRequest} {
			code := b.Code(client, user, nil)
			for range n {
				refused(t, wrong(code), http.StatusBadRequest, "invalid_grant")
			}
			if a := h.Redeem(t, client, code); a.Status != want {
				t.Errorf("after %d wrong verifiers: %d %s", n, a.Status, a.Body)
			}
		}
		h.Refusal(t, "code_verifier")
	})
}

func TestToken_whatACodeIsBoundTo(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, other, user, b := h.Client(t), h.Client(t), h.User(t), h.Browser(t)
		form := func(code string, override url.Values) url.Values {
			f := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}
			for k, v := range override {
				f[k] = v
			}
			return f
		}
		for _, c := range []struct {
			name     string
			client   *webtest.Client
			override url.Values
			rule     string
		}{
			{"another client", other, nil, "code_client"},
			{"no redirect_uri", client, url.Values{"redirect_uri": nil}, "code_redirect_uri"},
			{"another redirect_uri", client, url.Values{"redirect_uri": {webtest.Callback + "/"}}, "code_redirect_uri"},
			{"no verifier", client, url.Values{"code_verifier": nil}, "code_verifier"},
		} {
			code := b.Code(client, user, nil)
			refused(t, h.Post(t, oauth.PathToken, c.client, form(code, c.override)), http.StatusBadRequest, "invalid_grant")
			h.Refusal(t, c.rule)
			if a := h.Redeem(t, client, code); a.Status != http.StatusOK {
				t.Errorf("%s spent the code: %s", c.name, a.Body)
			}
		}
		code := b.Code(client, user, nil)
		h.Clock.Advance(time.Minute)
		refused(t, h.Redeem(t, client, code), http.StatusBadRequest, "invalid_grant")
		h.Refusal(t, "code_fresh")
	})
}

// A refresh token comes with offline access or without openid, to clients that list the grant.
func TestToken_whoGetsARefreshToken(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "orders:read", "See your orders")
		user := h.User(t)
		all := func(c *oauth.Client) { c.Scopes = append(oauth.Scopes{"orders:read"}, oauth.PersonScopes...) }
		may, mayNot := h.Client(t, all), h.Client(t, all, func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode} })
		for _, c := range []struct {
			client *webtest.Client
			scope  string
			want   bool
		}{
			{may, "openid offline_access", true}, {may, "openid", false}, {may, "orders:read", true}, {may, "openid orders:read", false},
			{mayNot, "openid offline_access", false}, {mayNot, "orders:read", false},
		} {
			a := h.Tokens(t, c.client, user, url.Values{"scope": {c.scope}})
			if got := a.Str("refresh_token") != ""; got != c.want {
				t.Errorf("%v with %q: refresh token %v", c.client.GrantTypes, c.scope, got)
			}
		}
	})
}

func TestClientCredentials_giveATokenOfTheClientsOwn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "jobs:run", "Run jobs")
		client := h.Client(t, func(c *oauth.Client) {
			c.GrantTypes, c.Scopes, c.RedirectURIs = []string{oauth.GrantClientCredentials}, oauth.Scopes{"jobs:run"}, nil
		})
		form := url.Values{"grant_type": {"client_credentials"}}
		a := h.Post(t, oauth.PathToken, client, form)
		if a.Status != http.StatusOK || a.Str("scope") != "jobs:run" || a.JSON["expires_in"] != 600.0 || a.Str("refresh_token")+a.Str("id_token") != "" {
			t.Fatalf("answered %d %s", a.Status, a.Body)
		}
		if !active(t, h, client, a.Str("access_token")) {
			t.Error("the token is not active")
		}
		if info := h.Get(t, oauth.PathUserinfo, a.Str("access_token")); info.Status != http.StatusForbidden {
			t.Errorf("userinfo answered %d", info.Status)
		}
		form.Set("scope", "openid")
		refused(t, h.Post(t, oauth.PathToken, client, form), http.StatusBadRequest, "invalid_scope")
		refused(t, h.Post(t, oauth.PathToken, h.Client(t, webtest.Public), url.Values{"grant_type": {"client_credentials"}}), http.StatusBadRequest, "unauthorized_client")
		if _, err := h.Store.RevokeClientTokens(t.Context(), client.ID, oauth.EndedByOperator, h.Clock.Now(), event()); err != nil {
			t.Fatal(err)
		}
		if active(t, h, client, a.Str("access_token")) {
			t.Error("the token outlived its grant")
		}
	})
}
