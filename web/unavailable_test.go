package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// onAWire opens a house whose PostgreSQL can be taken away. SQLite has no wire: what can happen to it is another process that
// writes (TestUnavailable_whileAnotherProcessWrites).
func onAWire(t *testing.T, fn func(t *testing.T, h *webtest.House, wire *webtest.Proxy)) {
	t.Helper()
	t.Parallel()
	wire, o := webtest.Behind(t, storetest.Postgres(t))
	fn(t, webtest.Open(t, storetest.Open(t, o)), wire)
}

// eventually waits for what happens beside the test, and says so if it does not.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline, look := time.NewTimer(15*time.Second), time.NewTicker(2*time.Millisecond)
	defer deadline.Stop()
	defer look.Stop()
	for !happened() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("it never came that %s", what)
		}
	}
}

// gone waits until the answer that was to be lost has been.
func gone(t *testing.T, lost <-chan struct{}) {
	t.Helper()
	eventually(t, "an answer is lost", func() bool {
		select {
		case <-lost:
			return true
		default:
			return false
		}
	})
}

// random finds ids and tokens, in which anything may stand.
var random = regexp.MustCompile(`[A-Za-z0-9_-]{20,}`)

// away refuses an answer that is not the one for a database that is away: nothing of it may be taken for final.
func away(t *testing.T, what string, a webtest.Answer, machine bool) {
	t.Helper()
	if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.Header.Get("Retry-After") == "0" {
		t.Errorf("%s: %d, Retry-After %q: %s", what, a.Status, a.Header.Get("Retry-After"), a.Body)
		return
	}
	kind, cors := a.Header.Get("Content-Type"), a.Header.Get("Access-Control-Allow-Origin")
	switch {
	case machine && (a.Str("error") != "temporarily_unavailable" || cors != "*" || a.Header.Get("Cache-Control") != "no-store" || a.Str("error_description") == ""):
		t.Errorf("%s: %s, CORS %q", what, a.Body, cors)
	case !machine && (!strings.HasPrefix(kind, "text/html") || cors != "" || !strings.Contains(a.Body, "Try again")):
		t.Errorf("%s: %q, CORS %q: %.200s", what, kind, cors, a.Body)
	}
	said := random.ReplaceAllString(a.Body, "")
	for _, inside := range []string{"EOF", "driver", "127.0.0.1", "pq:", "connection", "SQL"} {
		if strings.Contains(said, inside) {
			t.Errorf("%s: the answer tells of %q", what, inside)
		}
	}
}

func TestUnavailable_everybodyIsToldToComeBack(t *testing.T) {
	onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
		client, user, b := h.Client(t), h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }), h.Browser(t)
		code := b.Code(client, user, nil)
		tokens := h.Redeem(t, client, code)
		pending := b.Code(client, user, nil)
		token := csrf(b)
		as := func(method, path string, form url.Values) webtest.Answer { return sends(t, h, b, method, path, form)() }
		wire.Cut()
		for range 2 { // the second time no connection is left in the pool
			away(t, "a redemption", h.Redeem(t, client, pending), true)
			away(t, "a refresh", h.Refresh(t, client, tokens.Str("refresh_token")), true)
			away(t, "introspection", h.Post(t, oauth.PathIntrospect, client, url.Values{"token": {tokens.Str("access_token")}}), true)
			away(t, "revocation", h.Post(t, oauth.PathRevoke, client, url.Values{"token": {tokens.Str("access_token")}}), true)
			away(t, "userinfo", h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")), true)
			away(t, "authorize", as(http.MethodGet, h.AuthorizeURL(client, nil), nil), false)
			away(t, "the account", as(http.MethodGet, "/account", nil), false)
			away(t, "the console", as(http.MethodGet, "/console/clients", nil), false)
			away(t, "a form", as(http.MethodPost, "/account/profile", url.Values{"csrf_token": {token}, "name": {"Lost"}}), false)
			away(t, "sign-in", as(http.MethodPost, "/login", url.Values{"csrf_token": {token}, "username": {"a"}, "password": {"b"}}), false)
			if a := h.Get(t, "/readyz", ""); a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
				t.Errorf("/readyz: %d", a.Status)
			}
			if a := h.Get(t, "/healthz", ""); a.Status != http.StatusOK {
				t.Errorf("/healthz: %d", a.Status)
			}
			if a := h.Get(t, "/.well-known/openid-configuration", ""); a.Status != http.StatusOK {
				t.Errorf("discovery: %d", a.Status)
			}
		}
		h.Clock.Advance(2 * time.Second) // the keys are not young enough any more
		away(t, "the keys", h.Get(t, oauth.PathJWKS, ""), true)
		wire.Mend()
		// Back without a restart; nobody was signed out, and nothing was spent.
		if a := h.Get(t, "/readyz", ""); a.Status != http.StatusOK {
			t.Errorf("/readyz: %d", a.Status)
		}
		if p := b.Get("/account"); p.URL.Path != "/account" || b.Form("/account/profile").Values.Get("name") != user.Name {
			t.Errorf("the account: %s", p.URL)
		}
		if a := h.Redeem(t, client, pending); a.Status != http.StatusOK {
			t.Errorf("the pending code: %d %s", a.Status, a.Body)
		}
		if a := h.Refresh(t, client, tokens.Str("refresh_token")); a.Status != http.StatusOK {
			t.Errorf("the refresh: %d %s", a.Status, a.Body)
		}
		if !active(t, h, client, tokens.Str("access_token")) {
			t.Error("the revocation that was refused was carried out")
		}
	})
}

// What the tokens' owner never learned of was committed all the same: the retry finds it (security.md rules 1 and 25).
func TestUnavailable_aLostAnswerIsFoundByARetry(t *testing.T) {
	const rotation = "UPDATE families SET previous_hash"
	for _, c := range []struct {
		name   string
		with   func(*oauth.Client)
		outage time.Duration
	}{
		{"at once", func(*oauth.Client) {}, 0},
		// Longer than the reuse interval: it counts from this node's return (60 s where the client authenticates, else 10 s).
		{"after three minutes", func(*oauth.Client) {}, 3 * time.Minute},
		{"after three minutes, public", webtest.Public, 3 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
				client := h.Client(t, c.with)
				token := h.Tokens(t, client, h.User(t), nil).Str("refresh_token")
				h.Clock.Advance(10 * time.Minute) // long after the start
				lost := wire.LoseAnswer(rotation)
				away(t, "a refresh", h.Refresh(t, client, token), true)
				gone(t, lost)
				if c.outage > 0 {
					wire.Cut()
					eventually(t, "the node notices", func() bool {
						h.Get(t, "/readyz", "")
						return strings.Contains(h.Log.String(), "the database is away")
					})
					h.Clock.Advance(c.outage)
					wire.Mend()
				}
				retry := h.Refresh(t, client, token)
				if retry.Status != http.StatusOK {
					t.Fatalf("the retry: %d %s", retry.Status, retry.Body)
				}
				families, err := h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID})
				if err != nil || len(families) != 1 || families[0].Generation != 1 {
					t.Errorf("%+v, %v: there has to be one successor", families, err)
				}
				if a := h.Refresh(t, client, retry.Str("refresh_token")); a.Status != http.StatusOK {
					t.Errorf("the successor: %d %s", a.Status, a.Body)
				}
			})
		})
	}
}

// Readiness lengthens the interval; it does not open it again for ever.
func TestUnavailable_aRetryAfterTheIntervalIsAReplay(t *testing.T) {
	onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
		client, user := h.Client(t), h.User(t)
		h.Clock.Advance(10 * time.Minute)
		for name, wait := range map[string]struct{ outage, back time.Duration }{
			"too long after the return": {time.Minute, 61 * time.Second}, "too long in all": {5*time.Minute + time.Second, 0},
		} {
			token := h.Tokens(t, client, user, nil).Str("refresh_token")
			successor := h.Refresh(t, client, token).Str("refresh_token")
			wire.Cut()
			seen := strings.Count(h.Log.String(), "the database is away")
			eventually(t, "the node notices", func() bool {
				h.Get(t, "/readyz", "")
				return strings.Count(h.Log.String(), "the database is away") > seen
			})
			h.Clock.Advance(wait.outage)
			wire.Mend()
			eventually(t, "the node is back", func() bool {
				text := h.Log.String()
				return strings.Count(text, "the database is back") == strings.Count(text, "the database is away")
			})
			h.Clock.Advance(wait.back)
			a := h.Refresh(t, client, token)
			if a.Status != http.StatusBadRequest || a.Str("error") != "invalid_grant" {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
			if a := h.Refresh(t, client, successor); a.Status == http.StatusOK {
				t.Errorf("%s: the family lives on", name)
			}
		}
	})
}

// A code whose redemption's answer was lost is spent: that answer is 503, for who knows; the next try is refused, and what
// nobody received is revoked. The pool of connections must not try by itself: it would take its own success for a replay.
// A node to which no request came while the database was away knows of it too.
func TestUnavailable_isNoticedWhereNobodyAsks(t *testing.T) {
	onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
		go h.App.Watch(t.Context())
		since := h.App.Rules().ReadySince
		began := since()
		h.Clock.Advance(time.Minute)
		wire.Cut()
		eventually(t, "the outage is noticed", func() bool { return !since().Equal(began) })
		wire.Mend()
		back := h.Clock.Now()
		eventually(t, "the return is noticed", func() bool {
			h.Clock.Advance(time.Microsecond) // while it is away, since is now
			return since().Before(h.Clock.Now())
		})
		if at := since(); at.Before(back) {
			t.Errorf("back at %s, and said to be since %s", back, at)
		}
	})
}

func TestUnavailable_aCodeIsNeverGivenTwice(t *testing.T) {
	onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
		client, user := h.Client(t), h.User(t)
		code := h.Browser(t).Code(client, user, nil)
		lost := wire.LoseAnswer("UPDATE codes SET spent_at")
		away(t, "a redemption", h.Redeem(t, client, code), true)
		gone(t, lost)
		refused(t, h.Redeem(t, client, code), http.StatusBadRequest, "invalid_grant")
		families, err := h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID, State: oauth.FamilyLive})
		if err != nil || len(families) != 0 {
			t.Errorf("%d families live, %v", len(families), err)
		}
	})
}

// The COMMIT of a transaction is sent and never answered: its outcome is unknown, so it is 503, and doing it again does no harm.
func TestUnavailable_anUnknownCommitIsNoSuccess(t *testing.T) {
	onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
		user, b := h.User(t), h.Browser(t)
		b.SignIn(user)
		b.Get("/account")
		f := b.Form("/account/profile")
		f.Values.Set("name", "Saved, or not")
		lost := wire.LoseAnswer("COMMIT")
		p := b.Post("/account/profile", f.Values)
		if p.URL.Path != "/account/profile" {
			t.Errorf("led on to %s", p.URL)
		}
		away(t, "a profile", webtest.Answer{Status: p.Status, Header: p.Header, Body: p.Body}, false)
		gone(t, lost)
		b.Get("/account")
		if p := b.Submit("/account/profile", url.Values{"name": {"Saved, or not"}}); p.Status != http.StatusOK {
			t.Errorf("again: %d", p.Status)
		}
		if u, err := h.Store.User(t.Context(), user.ID); err != nil || u.Name != "Saved, or not" {
			t.Errorf("stored %+v, %v", u, err)
		}
	})
}

// The database goes and comes while applications refresh: each works on with what it was last given, and none loses its family.
func TestUnavailable_nothingAcknowledgedIsLost(t *testing.T) {
	onAWire(t, func(t *testing.T, h *webtest.House, wire *webtest.Proxy) {
		client, user := h.Client(t), h.User(t)
		const apps, cuts = 4, 5
		tokens := make(chan string, apps)
		b := h.Browser(t)
		for range apps {
			tokens <- h.Redeem(t, client, b.Code(client, user, nil)).Str("refresh_token")
		}
		var served, failed atomic.Int64
		done := make(chan struct{})
		last := make(chan string, apps)
		for range apps {
			go func() {
				token := <-tokens
				defer func() { last <- token }()
				for {
					select {
					case <-done:
						return
					default:
					}
					switch a := h.Refresh(t, client, token); a.Status {
					case http.StatusOK:
						token = a.Str("refresh_token")
						served.Add(1)
					case http.StatusServiceUnavailable:
						failed.Add(1)
					default:
						t.Errorf("answered %d %s", a.Status, a.Body)
						return
					}
				}
			}()
		}
		for range cuts {
			before := served.Load()
			eventually(t, "refreshes succeed", func() bool { return served.Load() >= before+2*apps })
			before = failed.Load()
			wire.Cut()
			eventually(t, "refreshes fail", func() bool { return failed.Load() > before })
			wire.Mend()
		}
		close(done)
		for range apps {
			token := <-last
			if a := h.Refresh(t, client, token); a.Status != http.StatusOK {
				t.Errorf("an application lost what it was given: %d %s", a.Status, a.Body)
			}
		}
		families, err := h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID, State: oauth.FamilyLive})
		if err != nil || len(families) != apps {
			t.Errorf("%d families live, %v", len(families), err)
		}
	})
}

// Another process holds SQLite's one write lock (a backup, a stuck command) for longer than anybody waits: writers are told to
// come back, readers go on, and afterwards all is as before.
func TestUnavailable_whileAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	o := storetest.SQLite(t)
	h := webtest.Open(t, storetest.Open(t, o))
	client, user := h.Client(t), h.User(t)
	tokens := h.Tokens(t, client, user, nil)
	other, err := storetest.DB(t, o).BeginTx(t.Context(), nil) // takes the lock at once
	if err != nil {
		t.Fatal(err)
	}
	away(t, "a refresh", h.Refresh(t, client, tokens.Str("refresh_token")), true)
	if a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")); a.Status != http.StatusOK {
		t.Errorf("a reader: %d", a.Status)
	}
	if a := h.Get(t, "/readyz", ""); a.Status != http.StatusOK {
		t.Errorf("/readyz: %d", a.Status)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if a := h.Refresh(t, client, tokens.Str("refresh_token")); a.Status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.Status, a.Body)
	}
}
