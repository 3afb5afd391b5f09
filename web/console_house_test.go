package web_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web"
	"gatehouse/web/webtest"
)

const (
	settingsPage = "/console/settings"
	securityPage = "/console/security"
)

// guess tries wrong passwords for the name, each from a browser of its own.
func guess(t *testing.T, h *webtest.House, username string, times int) {
	t.Helper()
	for range times {
		h.Clock.Advance(5 * time.Minute) // no pause is longer
		if p := try(h.Browser(t), username, "a wrong guess"); p.Status != http.StatusUnauthorized {
			t.Fatalf("a guess: %d", p.Status)
		}
	}
}

// settled reads what is settled on a node, as it does every second.
func settled(t *testing.T, h *webtest.House) {
	t.Helper()
	must(t, h.App.ReadSettings(t.Context()))
}

// What is settled on one node holds there at once, and on another when it next asks; discovery and tokens follow, and it is written down.
func TestSettings_holdOnEveryNode(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		b, me := staff(t, one, identity.RoleAdmin)
		client := one.Client(t)
		b.Get(settingsPage)
		p := b.Submit(settingsPage, url.Values{"client_token_ttl": {"2m"}, "implicit_grant": {"true"}, "id_token_ttl": {"900s"}})
		if p.URL.Path != settingsPage || !strings.Contains(p.Text(), "Settings saved") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		asItself := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
		for i, h := range []*webtest.House{one, two} {
			if i == 1 {
				if strings.Contains(h.Get(t, "/.well-known/openid-configuration", "").Body, "implicit") {
					t.Error("the other node knows before it asked")
				}
				settled(t, h)
			}
			if a := h.Get(t, "/.well-known/openid-configuration", ""); !strings.Contains(a.Body, `"implicit"`) || !strings.Contains(a.Body, `"token"`) {
				t.Errorf("node %d: discovery does not follow: %s", i, a.Body)
			}
			if a := h.Post(t, oauth.PathToken, client, asItself); a.JSON["expires_in"] != 120.0 {
				t.Errorf("node %d: %s", i, a.Body)
			}
		}
		events, err := one.Store.Events(t.Context(), store.EventFilter{Action: audit.SettingsChanged, Limit: 10})
		must(t, err)
		if len(events) != 1 || events[0].Actor.ID != me.ID || len(events[0].Changes) != 2 ||
			events[0].Changes["client_token_ttl"] != (audit.Change{Before: "10m", After: "2m"}) || events[0].Changes["implicit_grant"] != (audit.Change{Before: "false", After: "true"}) {
			t.Errorf("written down as %+v", events)
		}
		// Off again, by hand, and by leaving a field empty.
		f := b.Get(settingsPage)
		form := b.Form(settingsPage).Values
		form.Del("implicit_grant")
		form.Set("client_token_ttl", "")
		if p := b.Post(settingsPage, form); p.URL.Path != settingsPage || f.Status != http.StatusOK {
			t.Fatalf("%d", p.Status)
		}
		if a := one.Get(t, "/.well-known/openid-configuration", ""); strings.Contains(a.Body, "implicit") {
			t.Error("it is still on")
		}
		if _, stored, err := one.Store.Settings(t.Context()); err != nil || len(stored) != 0 {
			t.Errorf("%v is kept, %v", stored, err)
		}
	})
}

func TestSettings_badInputIsRefusedAndKept(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(settingsPage)
		p := b.Submit(settingsPage, url.Values{"code_ttl": {"11m"}, "access_token_ttl": {"soon"}, "session_idle": {"2d"}, "refresh_token_ttl": {"7d"}})
		if p.Status != http.StatusUnprocessableEntity {
			t.Fatalf("%d", p.Status)
		}
		for field, words := range map[string]string{"code_ttl": "10s to 10m", "access_token_ttl": "1m to 24h", "session_idle": "24h anyway"} {
			if said := p.Says(field + "-error"); !strings.Contains(said, words) {
				t.Errorf("%s: %q", field, said)
			}
		}
		if said := p.Text(); !strings.Contains(said, "Authorization code: Expected 10s to 10m") {
			t.Errorf("the summary names no field: %s", said)
		}
		if value, _ := p.Element("code_ttl", "value"); value != "11m" {
			t.Errorf("what was typed is gone: %q", value)
		}
		if value, _ := p.Element("refresh_token_ttl", "value"); value != "7d" {
			t.Errorf("what was typed is gone: %q", value)
		}
		if _, stored, err := h.Store.Settings(t.Context()); err != nil || len(stored) != 0 {
			t.Errorf("%v is kept, %v", stored, err)
		}
		// What belongs to another page is not settled by this one, and what nobody knows by none.
		form := b.Form(settingsPage).Values
		form["with"], form["rate_client"], form["nonsense"] = []string{"rate_client", "nonsense"}, []string{"5"}, []string{"5"}
		b.Post(settingsPage, form)
		if _, stored, err := h.Store.Settings(t.Context()); err != nil || len(stored) != 0 {
			t.Errorf("%v is kept, %v", stored, err)
		}
	})
}

func TestSettings_theDefaultIsPutBackBeforeItIsSaved(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(settingsPage)
		b.Submit(settingsPage, url.Values{"code_ttl": {"5m"}})
		form := b.Form(settingsPage).Values
		form.Set("reset", "code_ttl")
		form.Set("id_token_ttl", "7m")
		p := b.Post(settingsPage, form)
		if value, _ := p.Element("code_ttl", "value"); p.Status != http.StatusOK || value != "1m" {
			t.Errorf("%d %q", p.Status, value)
		}
		if value, _ := p.Element("id_token_ttl", "value"); value != "7m" {
			t.Errorf("what was typed is gone: %q", value)
		}
		b.Submit(settingsPage, nil)
		if _, stored, err := h.Store.Settings(t.Context()); err != nil || len(stored) != 1 || stored["id_token_ttl"] != "7m" {
			t.Errorf("%v is kept, %v", stored, err)
		}
	})
}

// Two administrators at the same form: the second sees both values, and nothing is overwritten unawares.
func TestSettings_aLostRaceShowsBoth(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		mine, _ := staff(t, one, identity.RoleAdmin)
		theirs, they := staff(t, two, identity.RoleAdmin)
		mine.Get(settingsPage)
		theirs.Get(settingsPage)
		theirs.Submit(settingsPage, url.Values{"code_ttl": {"2m"}})
		p := mine.Submit(settingsPage, url.Values{"code_ttl": {"3m"}})
		if p.Status != http.StatusConflict || !strings.Contains(p.Text(), they.Username+" changed this") || !strings.Contains(p.Text(), "Authorization code 2m 3m") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		if _, stored, _ := one.Store.Settings(t.Context()); stored["code_ttl"] != "2m" {
			t.Errorf("%v", stored)
		}
		if p := mine.Submit(settingsPage, nil); p.URL.Path != settingsPage || p.Status != http.StatusOK {
			t.Errorf("saved knowingly: %d", p.Status)
		}
		if _, stored, _ := one.Store.Settings(t.Context()); stored["code_ttl"] != "3m" {
			t.Errorf("%v", stored)
		}
	})
}

func TestSettings_whatTheEnvironmentSaysCannotBeChanged(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		p := b.Get(settingsPage)
		if _, readonly := p.Element("code_ttl", "readonly"); !readonly || !strings.Contains(p.Says("code_ttl-hint"), "Set by GATEHOUSE_CODE_TTL") {
			t.Errorf("%q", p.Says("code_ttl-hint"))
		}
		form := b.Form(settingsPage).Values
		form.Add("with", "code_ttl")
		form.Set("code_ttl", "9m")
		if p := b.Post(settingsPage, form); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%d", p.Status)
		}
		if got := h.App.Rules().Policy().Lifetimes.Code; got != 2*time.Minute {
			t.Errorf("it is %s", got)
		}
	}, func(o *webtest.Options) { o.Pins = map[string]string{"code_ttl": "2m"} })
}

// What keeping the audit log shorter deletes is said before it is saved, and asked: of these settings, not of shorter ones.
func TestSettings_keepingTheAuditLogShorterAsks(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for _, days := range []int{8, 8, 20} {
			must(t, h.Store.Record(t.Context(), audit.Event{At: h.Clock.Now().AddDate(0, 0, -days), Action: audit.TokenRefused, Outcome: audit.Refused}))
		}
		if said := b.Get("/console/audit").Text(); !strings.Contains(said, "Refusals are kept 30 days, sign-ins and tokens 90 days, changes 365 days.") {
			t.Errorf("%s", said)
		}
		save := func(days, agreed string) *webtest.Page {
			b.Get(settingsPage)
			form := b.Form(settingsPage).Values
			form.Set("audit_keep_refusals", days)
			form.Set("delete_events", agreed)
			return b.Post(settingsPage, form)
		}
		for _, c := range []struct{ days, agreed, asks string }{
			{"25d", "", ""}, {"10d", "", "This deletes 1 event from"}, {"7d", "10d 90d 365d", "This deletes 3 events from"}, {"7d", "7d 90d 365d", ""}, {"60d", "", ""},
		} {
			_, before, _ := h.Store.Settings(t.Context())
			p := save(c.days, c.agreed)
			_, stored, err := h.Store.Settings(t.Context())
			must(t, err)
			if c.asks == "" {
				if p.Status != http.StatusOK || stored["audit_keep_refusals"] != c.days {
					t.Errorf("%s: %d, %v: %s", c.days, p.Status, stored, p.Text())
				}
				continue
			}
			if value, _ := p.Element("audit_keep_refusals", "value"); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), c.asks) || value != c.days || stored["audit_keep_refusals"] != before["audit_keep_refusals"] {
				t.Errorf("%s: %d, %v: %s", c.days, p.Status, stored, p.Text())
			}
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{Action: audit.SettingsChanged, Limit: 10})
		must(t, err)
		if len(events) != 3 || events[1].Changes["events"].Before != "3 events" || events[0].Changes["events"] != (audit.Change{}) {
			t.Errorf("%+v", events)
		}
		save("8d", "")
		if p := b.Submit(settingsPage, url.Values{"delete_events": {"8d 90d 365d"}}); p.Status != http.StatusOK { // the box on the page
			t.Errorf("agreed to: %d %s", p.Status, p.Text())
		}
		b.Get(settingsPage)
		p := b.Submit(settingsPage, url.Values{"audit_keep_activity": {"400d"}, "audit_keep_changes": {"89d"}})
		if said := p.Says("audit_keep_changes-error"); p.Status != http.StatusUnprocessableEntity || !strings.Contains(said, "90d to 3650d") {
			t.Errorf("%d %q", p.Status, said)
		}
		if p = b.Submit(settingsPage, url.Values{"audit_keep_activity": {"400d"}, "audit_keep_changes": {"365d"}}); !strings.Contains(p.Says("audit_keep_activity-error"), "Changes are kept 365d") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	})
}

// Sessions end when it was settled that they do.
func TestSettings_sessionsFollow(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAdmin)
		b.Get(settingsPage)
		b.Submit(settingsPage, url.Values{"session_idle": {"1h"}, "session_ttl": {"2h"}, "console_idle": {"10m"}})
		h.Clock.Advance(10 * time.Minute)
		if p := b.Get(settingsPage); p.URL.Path != "/login" {
			t.Errorf("the console is open after ten minutes: %s", p.URL)
		}
		b.SignIn(me)
		person := h.User(t)
		them := h.Browser(t)
		them.SignIn(person)
		h.Clock.Advance(59 * time.Minute)
		if p := them.Get("/account"); p.URL.Path != "/account" {
			t.Errorf("ended early: %s", p.URL)
		}
		if n, err := h.Store.CountLiveSessions(t.Context(), h.Clock.Now(), 10); err != nil || n != 2 {
			t.Errorf("%d live sessions, %v", n, err)
		}
		h.Clock.Advance(61 * time.Minute)
		if p := them.Get("/account"); p.URL.Path != "/login" {
			t.Errorf("unused for an hour: %s", p.URL)
		}
		if n, err := h.Store.CountLiveSessions(t.Context(), h.Clock.Now(), 10); err != nil || n != 0 {
			t.Errorf("%d live sessions, %v", n, err)
		}
	})
}

// Who may look may not change, and it is written down that they tried.
func TestHouse_rolesSeeAndDoWhatTheyMay(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		victim := h.User(t)
		guess(t, h, victim.Username, identity.FreeFailures+1)
		unlock := userList + "/" + victim.ID + "/unlock"
		unblock := securityPage + "/unblock"
		posts := []string{settingsPage, securityPage, securityPage + "/measure", unlock, unblock}
		may := map[identity.Role][]string{identity.RoleAuditor: nil, identity.RoleOperator: {unlock, unblock}}
		for role, allowed := range may {
			b, me := staff(t, h, role)
			for _, path := range []string{settingsPage, securityPage, "/console/system", "/console/search"} {
				p := b.Get(path)
				if p.Status != http.StatusOK {
					t.Errorf("%s opens %s: %d", role, path, p.Status)
				}
				for _, post := range posts {
					if shown := len(p.Parts("form", "action", post)) > 0; shown != (path == securityPage && post != unblock && slices.Contains(allowed, post)) {
						t.Errorf("%s is shown the form of %s on %s: %v", role, post, path, shown)
					}
				}
			}
			refused := 0
			for _, post := range posts {
				if p := b.Post(post, url.Values{"csrf_token": {csrf(b)}}); (p.Status == http.StatusForbidden) == slices.Contains(allowed, post) {
					t.Errorf("%s posts to %s: %d", role, post, p.Status)
				} else if p.Status == http.StatusForbidden {
					refused++
				}
			}
			events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: me.ID, Action: audit.AccessDenied, Limit: 20})
			if err != nil || len(events) != refused || refused != len(posts)-len(allowed) {
				t.Errorf("%s: %d of %d refusals were written down, %v", role, len(events), refused, err)
			}
		}
	})
}

// Who is slowed down is shown and can be let in again; names that nobody has are not kept.
func TestSecurity_lockoutsAreShownAndUnlocked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleOperator)
		sofia, boss := h.User(t, people("Sofia Ivanova", "sofia")), h.User(t, people("Ada Boss", "ada"), admin)
		if said := b.Get(securityPage).Text(); !strings.Contains(said, "Nobody is slowed down") {
			t.Errorf("%s", said)
		}
		for _, name := range []string{"sofia", "ada", "nobody-at-all"} {
			for i := range identity.FreeFailures + 1 {
				if p := try(h.Browser(t), name, "guess"); p.Status != http.StatusUnauthorized {
					t.Fatalf("%s, guess %d: %d", name, i, p.Status)
				}
			}
		}
		p := b.Get(securityPage)
		rows := cells(p, "lockouts")
		if len(rows) != 2 || rows[0][0] != "Ada Boss" || !slices.Equal(rows[1][:3], []string{"Sofia Ivanova", "0.0.0.0/24", "5"}) || rows[1][4] != "Waits 1 second" || strings.Contains(p.Body, "nobody-at-all") {
			t.Errorf("%q", rows)
		}
		if p := try(h.Browser(t), "sofia", webtest.Password); p.Status != http.StatusTooManyRequests {
			t.Fatalf("she need not wait: %d", p.Status)
		}
		unlock := userList + "/" + sofia.ID + "/unlock"
		if p := b.Submit(unlock, nil); p.URL.Path != securityPage || !strings.Contains(p.Text(), "Sofia Ivanova can try a password again at once") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if p := try(h.Browser(t), "sofia", webtest.Password); p.URL.Path != "/account" {
			t.Errorf("she is not let in: %d", p.Status)
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: sofia.ID, Action: audit.SignInUnlocked, Limit: 5})
		if err != nil || len(events) != 1 || events[0].Actor.ID != me.ID || events[0].Target.Name != "sofia" {
			t.Errorf("%+v, %v", events, err)
		}
		token := url.Values{"csrf_token": {csrf(b)}}
		if p := b.Post(unlock, token); !strings.Contains(p.Text(), "Nothing to unlock") {
			t.Errorf("a second time: %s", p.Text())
		}
		if p := b.Post(userList+"/"+boss.ID+"/unlock", token); p.Status != http.StatusForbidden {
			t.Errorf("an operator unlocks an administrator: %d", p.Status)
		}
		if p := b.Post(userList+"/nobody/unlock", token); p.Status != http.StatusNotFound {
			t.Errorf("nobody is unlocked: %d", p.Status)
		}
		// A day of guessing lets no stranger in, until it is over or somebody unlocks.
		counter := identity.Counter{Key: "a day of ada's", Kind: identity.CountsDay, UserID: boss.ID}
		for range identity.DailyFailureLimit {
			if _, err := h.Store.CountDaily(t.Context(), counter, h.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if said := b.Get(securityPage).Text(); !strings.Contains(said, "Known browsers only") {
			t.Errorf("%s", said)
		}
		h.Clock.Advance(25 * time.Hour)
		b.SignIn(me)
		if said := b.Get(securityPage).Text(); !strings.Contains(said, "Nobody is slowed down") {
			t.Errorf("a day later: %s", said)
		}
	})
}

// What this machine can bear is measured behind whoever signs in; what is chosen of it holds for new hashes, and old ones are raised.
func TestSecurity_theCostOfAHashIsMeasuredAndSettled(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		b.Get(securityPage)
		p := b.Submit(securityPage+"/measure", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.Text(), "m=19 MiB, t=2:") || !strings.Contains(p.Text(), "on this node") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		settle := func(form url.Values) *webtest.Page { // several forms of the page lead there
			for name := range form {
				if strings.HasPrefix(name, "password_") {
					form.Add("with", name)
				}
			}
			form.Set("csrf_token", csrf(b))
			revision, _, err := h.Store.Settings(t.Context())
			must(t, err)
			form.Set("revision", revision)
			return b.Post(securityPage, form)
		}
		for _, row := range cells(p, "suggestions") {
			if !regexp.MustCompile(`^\d+ ms$`).MatchString(row[0]) || !regexp.MustCompile(`^m=\d+ MiB, t=\d+$`).MatchString(row[1]) {
				t.Errorf("%q", row)
			}
		}
		p = b.Submit(securityPage, url.Values{"password_hash_memory": {"20"}, "password_hash_time": {"3"}})
		if !strings.Contains(p.Text(), "m=20 MiB, t=3") {
			t.Errorf("%s", p.Text())
		}
		u := h.User(t)
		h.Browser(t).SignIn(u)
		if hash := storedUser(t, h, u.ID).PasswordHash; !strings.HasPrefix(hash, "$argon2id$v=19$m=20480,t=3,p=1$") {
			t.Errorf("it was not raised: %.40s", hash)
		}
		for _, weak := range []url.Values{{"password_hash_memory": {"18"}}, {"password_hash_time": {"1"}}, {"password_min_length": {"11"}}} {
			if p := settle(weak); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d", weak, p.Status)
			}
		}
		// A longer password is asked for from now on.
		settle(url.Values{"password_min_length": {"20"}})
		them := h.Browser(t)
		them.SignIn(u)
		p = them.Submit("/account/password", url.Values{"current_password": {webtest.Password}, "password": {"zebra-lamp-quartz"}, "password_again": {"zebra-lamp-quartz"}})
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("password-error"), "at least 20 characters") {
			t.Errorf("%d %q", p.Status, p.Says("password-error"))
		}
	})
}

// security.md rule 15, RFC 6585 §4: who asks too much is told when to come again, and nobody else notices.
func TestRates_aClientHasALimitOfItsOwn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		busy, other, public := h.Client(t, named("Busy")), h.Client(t), h.Client(t, webtest.Public)
		own := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
		for range 3 {
			if a := h.Post(t, oauth.PathToken, busy, own); a.Status != http.StatusOK {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
		}
		a := h.Post(t, oauth.PathToken, busy, own)
		if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "20" || a.Str("error") == "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d, Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), a.Body)
		}
		if a := h.Post(t, oauth.PathIntrospect, busy, url.Values{"token": {"x"}}); a.Status != http.StatusTooManyRequests {
			t.Errorf("introspection: %d", a.Status)
		}
		if a := h.Post(t, oauth.PathToken, other, own); a.Status != http.StatusOK {
			t.Errorf("another client: %d", a.Status)
		}
		wrong := *busy
		wrong.Secret = "wrong"
		if a := h.Post(t, oauth.PathToken, &wrong, own); a.Status != http.StatusUnauthorized {
			t.Errorf("who does not prove to be it: %d", a.Status)
		}
		// A public client can be named by anybody: one address does not use up another's.
		from := func(address string) webtest.Answer {
			r := h.Request(t, http.MethodPost, oauth.PathRevoke, url.Values{"client_id": {public.ID}, "token": {"x"}}.Encode())
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Forwarded-For", address)
			return h.Do(t, r)
		}
		for range 4 {
			a = from("192.0.2.1")
		}
		if again := from("192.0.2.2"); a.Status != http.StatusTooManyRequests || again.Status != http.StatusOK {
			t.Errorf("%d, and from another address %d", a.Status, again.Status)
		}
		b, _ := staff(t, h, identity.RoleAuditor)
		rows := cells(b.Get(securityPage), "limited")
		if len(rows) != 2 || !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == "Busy" && r[1] == "Requests" }) ||
			!slices.ContainsFunc(rows, func(r []string) bool { return strings.HasSuffix(r[0], " 192.0.2.1") }) {
			t.Errorf("%q", rows)
		}
		h.Clock.Advance(20 * time.Second)
		if a := h.Post(t, oauth.PathToken, busy, own); a.Status != http.StatusOK {
			t.Errorf("after the wait: %d", a.Status)
		}
	}, func(o *webtest.Options) {
		o.Pins = map[string]string{"rate_client": "3"}
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")}
	})
}

// Who is unblocked goes on at once: on the node that was asked, and on another when it next listens.
func TestRates_whoIsUnblockedGoesOnEverywhere(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		client := one.Client(t, named("Busy"))
		own := url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
		status := func(h *webtest.House) int { return h.Post(t, oauth.PathToken, client, own).Status }
		for _, h := range []*webtest.House{one, two} {
			if first, second := status(h), status(h); first != http.StatusOK || second != http.StatusTooManyRequests {
				t.Fatalf("%d, %d", first, second)
			}
		}
		b, me := staff(t, one, identity.RoleOperator)
		path := securityPage + "/unblock?" + url.Values{"what": {"requests"}, "who": {client.ID}}.Encode()
		if links := b.Get(securityPage).Parts("a", "href", path); len(links) != 1 {
			t.Errorf("%d links to %s", len(links), path)
		}
		if said := b.Get(path).Text(); !strings.Contains(said, "Busy has to wait: too many requests.") {
			t.Errorf("%s", said)
		}
		if p := b.Submit(securityPage+"/unblock", nil); p.URL.Path != securityPage || !strings.Contains(p.Text(), "Busy may go on") || !strings.Contains(p.Text(), "Nobody has to wait.") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if here, there := status(one), status(two); here != http.StatusOK || there != http.StatusTooManyRequests {
			t.Errorf("%d here, %d on a node that has not heard", here, there)
		}
		must(t, two.App.ReadUnblockings(t.Context()))
		if there := status(two); there != http.StatusOK {
			t.Errorf("%d there", there)
		}
		// It is heard once: what is asked from then on counts.
		for _, h := range []*webtest.House{one, two} {
			must(t, h.App.ReadUnblockings(t.Context()))
			if got := status(h); got != http.StatusTooManyRequests {
				t.Errorf("%d: unblocked for ever", got)
			}
		}
		events, err := one.Store.Events(t.Context(), store.EventFilter{Action: audit.LimitLifted, Limit: 5})
		if err != nil || len(events) != 1 || events[0].Actor.ID != me.ID || events[0].Target.ID != client.ID || events[0].ClientID != client.ID || events[0].Changes["limit"].Before != "requests" {
			t.Errorf("%+v, %v", events, err)
		}
		token := csrf(b)
		for _, bad := range []url.Values{{"what": {"nothing"}, "who": {"192.0.2.1"}}, {"what": {"signin"}, "who": {"nowhere"}}, {"what": {"requests"}, "who": {"no-client"}}, {"what": {"requests"}, "who": {client.ID + " your friend"}}} {
			if p := b.Get(securityPage + "/unblock?" + bad.Encode()); p.Status != http.StatusNotFound {
				t.Errorf("%v: %d", bad, p.Status)
			}
			bad.Set("csrf_token", token)
			if p := b.Post(securityPage+"/unblock", bad); p.Status != http.StatusNotFound {
				t.Errorf("%v: %d", bad, p.Status)
			}
		}
		if p := b.Get(securityPage + "/unblock?" + url.Values{"what": {"requests"}, "who": {client.ID + " 192.0.2.1"}}.Encode()); !strings.Contains(p.Text(), "Busy at 192.0.2.1 has to wait") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if p := b.Get(securityPage + "/unblock?what=client&who=2001:db8::/64"); !strings.Contains(p.Text(), "2001:db8::/64 has to wait: too many failed client authentications.") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		one.Clock.Advance(time.Hour)
		_, err = one.Store.Sweep(t.Context(), one.Clock.Now(), nil)
		must(t, err)
		if heard, err := one.Store.Unblockings(t.Context(), one.Clock.Now().Add(-time.Hour)); err != nil || len(heard) != 0 {
			t.Errorf("%v is kept, %v", heard, err)
		}
	}, func(o *webtest.Options) { o.Pins = map[string]string{"rate_client": "1"} })
}

// This machine's own address is limited once somebody says so, and then people get a page.
func TestRates_loopbackIsLimitedOnceItIsSet(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")}
	from := func(h *webtest.House, t *testing.T, address string) webtest.Answer {
		b := h.Browser(t)
		b.Get("/login")
		form := b.Form("/login").Values
		form.Set("username", "nobody-"+identity.NewID())
		form.Set("password", "x")
		r := h.Request(t, http.MethodPost, "/login", form.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", address)
		for _, cookie := range b.Jar().Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		return h.Do(t, r)
	}
	for name, pins := range map[string]map[string]string{"by itself": nil, "set": {"rate_signin": "2"}} {
		t.Run(name, func(t *testing.T) {
			webtest.Each(t, func(t *testing.T, h *webtest.House) {
				var a webtest.Answer
				for range 3 {
					a = from(h, t, "127.0.0.1")
				}
				if limited := a.Status == http.StatusTooManyRequests; limited != (pins != nil) {
					t.Errorf("%d", a.Status)
				} else if limited && (a.Header.Get("Retry-After") != "30" || !strings.Contains(a.Header.Get("Content-Type"), "text/html")) {
					t.Errorf("Retry-After %q, %s", a.Header.Get("Retry-After"), a.Header.Get("Content-Type"))
				}
				if a := from(h, t, "192.0.2.9"); a.Status != http.StatusUnauthorized {
					t.Errorf("somebody else: %d", a.Status)
				}
			}, func(o *webtest.Options) { o.TrustedProxies, o.Pins = proxy, pins })
		})
	}
}

func TestSystem_saysWhatRuns(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		must(t, h.App.SayHere(t.Context(), "10.0.0.1:8080"))
		h.Clock.Advance(31 * time.Second)
		other := store.Node{ID: identity.NewID(), Address: "10.0.0.2:8080", Version: "v9", StartedAt: h.Clock.Now(), SeenAt: h.Clock.Now()}
		must(t, h.Store.SeeNode(t.Context(), other))
		gone := other
		gone.ID, gone.Address, gone.Version, gone.SeenAt = identity.NewID(), "10.0.0.3:8080", "v1.2.3", h.Clock.Now().Add(-time.Minute)
		must(t, h.Store.SeeNode(t.Context(), gone))
		steps, err := h.Store.MigrationStatus(t.Context())
		must(t, err)
		p := b.Get("/console/system")
		said := p.Text()
		for _, want := range []string{"v1.2.3", "abcdef", "go1.", map[store.Dialect]string{store.SQLite: "SQLite 3.", store.PostgreSQL: "PostgreSQL "}[h.Store.Dialect()], "iB Schema", steps[len(steps)-1].Name, "Up to date",
			"Sign by ES256, RS256", "GATEHOUSE_LISTEN", "10.0.0.1:8080 flag", "GATEHOUSE_CODE_TTL 2m GATEHOUSE_CODE_TTL", "GATEHOUSE_ID_TOKEN_TTL 15m · default 15m default"} {
			if !strings.Contains(said, want) {
				t.Errorf("it does not say %q", want)
			}
		}
		rows := cells(p, "nodes")
		if len(rows) != 3 {
			t.Fatalf("%q", rows)
		}
		for i, want := range []string{"This one", "Another version", "Silent"} {
			if !slices.ContainsFunc(rows, func(r []string) bool { return strings.HasPrefix(r[0], "10.0.0."+string(rune('1'+i))) && r[4] == want }) {
				t.Errorf("no node is %q: %q", want, rows)
			}
		}
		if report := p.Says("report"); !strings.Contains(report, "v1.2.3 (abcdef)") || !strings.Contains(report, "GATEHOUSE_CODE_TTL=2m") || strings.Contains(report, "GATEHOUSE_ID_TOKEN_TTL") {
			t.Errorf("%s", report)
		}
		must(t, h.Store.ForgetNode(t.Context(), other.ID))
		if _, err := h.Store.Sweep(t.Context(), h.Clock.Now().Add(48*time.Hour), nil); err != nil {
			t.Error(err)
		}
		if nodes, err := h.Store.Nodes(t.Context()); err != nil || len(nodes) != 0 {
			t.Errorf("%v, %v", nodes, err)
		}
	}, func(o *webtest.Options) {
		o.Pins = map[string]string{"code_ttl": "2m"}
		o.Web = func(c *web.Config) {
			c.Version, c.Commit, c.Settings = "v1.2.3", "abcdef", []web.Setting{{Name: "GATEHOUSE_LISTEN", Value: "10.0.0.1:8080", Source: "flag"}}
		}
	})
}

// A node says that it is there until it ends, and that it is gone then.
func TestNodes_sayThatTheyAreThere(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		must(t, h.App.SayHere(t.Context(), "10.0.0.1:8080"))
		if nodes, err := h.Store.Nodes(t.Context()); err != nil || len(nodes) != 1 || nodes[0].Address != "10.0.0.1:8080" {
			t.Fatalf("%v, %v", nodes, err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		h.App.Beat(ended, "10.0.0.1:8080")
		if nodes, err := h.Store.Nodes(t.Context()); err != nil || len(nodes) != 0 {
			t.Errorf("%v, %v", nodes, err)
		}
	})
}

func TestSearch_findsEverything(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAuditor)
		sofia := h.User(t, people("Sofia Ivanova", "sofia"))
		shop := h.Client(t, named("Sofa shop"))
		h.Scope(t, "sofas:read", "See sofas")
		family := h.Tokens(t, shop, sofia, url.Values{"scope": {"openid offline_access"}})
		families, err := h.Store.Families(t.Context(), store.FamilyFilter{UserID: sofia.ID, Limit: 1})
		if err != nil || len(families) != 1 {
			t.Fatalf("%v %v: %s", families, err, family.Body)
		}
		h.Post(t, oauth.PathToken, shop, url.Values{"grant_type": {"authorization_code"}, "code": {"unknown"}})
		refused := h.Refusal(t, "code_known")
		session := sessionIDs(t, h, me)[0]
		const none = "Nothing found"
		for q, wants := range map[string][]string{
			"":                       {"/console/clients", "/console/settings", "/console/system", "/console/audit"},
			"sof":                    {"/console/clients/" + shop.ID, "/console/users/" + sofia.ID, "/console/scopes/edit?name=sofas%3Aread"},
			"SOFIA":                  {"/console/users/" + sofia.ID},
			sofia.Email:              {"/console/users/" + sofia.ID},
			shop.ID:                  {"/console/clients/" + shop.ID},
			sofia.ID:                 {"/console/users/" + sofia.ID},
			families[0].ID:           {"/console/families/" + families[0].ID},
			session:                  {"/console/sessions/" + session},
			refused.ID:               {"/console/audit/" + refused.ID},
			refused.Caller.RequestID: {"/console/audit?request=" + refused.Caller.RequestID},
			"invalid_grant":          {"/console/audit?q=invalid_grant"},
			"families":               {"/console/families"},
			"zzz":                    nil,
			identity.NewID():         nil,
			"%_'\"<script>":          nil,
			strings.Repeat("x", 300): nil,
			"\x00":                   {"/console/clients"},
			"AAAAAAAAAAAAAAAAAAAAAA": nil,
		} {
			p := b.Get("/console/search?q=" + url.QueryEscape(q))
			if p.Status != http.StatusOK || strings.Contains(p.Text(), none) != (wants == nil) {
				t.Errorf("%q: %d %s", q, p.Status, p.Text())
			}
			for _, want := range wants {
				if !slices.ContainsFunc(p.Parts("a", "class", "link"), func(a webtest.Part) bool { return a.Attr("href") == want }) {
					t.Errorf("%q does not find %s", q, want)
				}
			}
			part := partial(t, b, h, http.MethodGet, "/console/search?q="+url.QueryEscape(q), nil)
			if found := len(part.Parts("a", "role", "option")) > 0; strings.Contains(part.Body, "<html") || found == (wants == nil) {
				t.Errorf("%q: the palette shows %s", q, part.Body)
			}
		}
		for range 7 {
			h.Client(t, named("Sofa"))
		}
		if n := strings.Count(b.Get("/console/search?q=sofa").Body, `/console/clients/`); n > 2*5 {
			t.Errorf("%d clients are shown", n)
		}
		if p := b.Get("/console/search?q=new"); strings.Contains(p.Text(), "New client") {
			t.Error("an auditor is led to what only administrators may")
		}
		if p := h.Browser(t).Get("/console/search?q=sof"); p.URL.Path != "/login" {
			t.Errorf("a stranger searches: %s", p.URL)
		}
	})
}

// An address that there is not is said inside the shell to whoever is in the console, and to nobody else.
func TestConsole_anUnknownAddressIsSaidInsideTheShell(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		for _, path := range []string{"/console/nothing", "/console/clients/x/y/z", "/console/%3Cscript%3E"} {
			if p := b.Get(path); p.Status != http.StatusNotFound || len(p.Parts("aside", "", "")) == 0 {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
		if p := b.Get("/nothing"); p.Status != http.StatusNotFound || len(p.Parts("aside", "", "")) > 0 {
			t.Errorf("outside: %d", p.Status)
		}
		person := h.Browser(t)
		person.SignIn(h.User(t))
		for _, who := range []*webtest.Browser{h.Browser(t), person} {
			if p := who.Get("/console/nothing"); p.Status != http.StatusNotFound || len(p.Parts("aside", "", "")) > 0 {
				t.Errorf("who is not in the console: %d", p.Status)
			}
		}
		h.Clock.Advance(identity.ConsoleIdle)
		if p := b.Get("/console/nothing"); p.Status != http.StatusNotFound || len(p.Parts("aside", "", "")) > 0 {
			t.Errorf("after the console has been idle: %d", p.Status)
		}
	})
}
