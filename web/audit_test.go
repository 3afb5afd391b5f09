package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// keptAMinute is how many refusals of one network and client are kept (security.md rule 14).
const keptAMinute = 100

func counted(t *testing.T, h *webtest.House) (out []audit.Event) {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Action: audit.RefusalsSuppressed})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Past a hundred a minute refusals of one network and client are counted; others are kept as before.
func TestRefusals_aFloodIsCounted(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		flooder, other := h.Client(t), h.Client(t)
		kept := func(c *webtest.Client) int { return len(written(t, h, c.ID, audit.TokenRefused)) }
		for range keptAMinute + 30 {
			refused(t, h.Redeem(t, flooder, "no-such-code"), http.StatusBadRequest, "invalid_grant")
		}
		h.Redeem(t, other, "no-such-code")
		if kept(flooder) != keptAMinute || kept(other) != 1 {
			t.Errorf("%d of the flood and %d of another were kept", kept(flooder), kept(other))
		}
		// From another network the same client's are kept: here, over a real connection.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Listen(t)+oauth.PathToken, strings.NewReader("grant_type=refresh_token&refresh_token=x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = strings.TrimPrefix(h.Issuer, "https://")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(flooder.ID, flooder.Secret)
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close() //nolint:gosec // nothing of it is read
		if kept(flooder) != keptAMinute+1 {
			t.Errorf("%d: another network's was not kept", kept(flooder))
		}
		if len(counted(t, h)) != 0 {
			t.Error("counted before the minute was over")
		}
		h.Clock.Advance(time.Minute)
		h.Redeem(t, flooder, "no-such-code")
		events := counted(t, h)
		if len(events) != 1 || events[0].Count != 30 || events[0].ClientID != flooder.ID || events[0].Caller.IP != "0.0.0.0/24" || events[0].Cause != nil {
			t.Errorf("written down as %+v", events)
		}
		if kept(flooder) != keptAMinute+2 {
			t.Errorf("%d: the new minute's was not kept", kept(flooder))
		}
		// What was counted last is written down when the node stops.
		for range keptAMinute {
			h.Redeem(t, flooder, "no-such-code")
		}
		h.App.Stop()
		if events := counted(t, h); len(events) != 2 || events[0].Count != 1 {
			t.Errorf("after the stop: %+v", events)
		}
	})
}

// The limit holds for every refusal that somebody can cause as often as they like, not for the protocol's alone.
func TestRefusals_aFloodOfDeniedPagesIsCountedToo(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, u := staff(t, h, identity.RoleUser)
		for range keptAMinute + 7 {
			r := h.Request(t, http.MethodGet, "/console/clients", "")
			for _, c := range b.Jar().Cookies(r.URL) {
				r.AddCookie(c)
			}
			if a := h.Do(t, r); a.Status != http.StatusForbidden {
				t.Fatalf("answered %d", a.Status)
			}
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Action: audit.AccessDenied, Limit: 500})
		if err != nil || len(events) != keptAMinute {
			t.Errorf("%d were kept, %v", len(events), err)
		}
		h.App.Stop()
		if events := counted(t, h); len(events) != 1 || events[0].Count != 7 {
			t.Errorf("counted as %+v", events)
		}
	})
}

// Sign-ins are slowed down by account and by address, but a network has many of both.
func TestRefusals_aFloodOfSignInsIsCountedToo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := webtest.Open(t, s, func(o *webtest.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")} })
		day := h.Sealer.MAC("sign-in attempts of a day", "nobody", h.Clock.Now().Format(time.DateOnly))
		for range identity.DailyFailureLimit { // from then on no password is looked at
			if _, err := s.CountDaily(t.Context(), identity.Counter{Key: day}, h.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		b := h.Browser(t)
		b.Get("/login")
		form := b.Form("/login").Values
		form.Set("username", "nobody")
		form.Set("password", "guess")
		for i := range keptAMinute + 3 {
			r := h.Request(t, http.MethodPost, "/login", form.Encode())
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i%10))
			if p := b.Do(r); p.Status != http.StatusUnauthorized {
				t.Fatalf("answered %d", p.Status)
			}
		}
		events, err := s.Events(t.Context(), store.EventFilter{Action: audit.SignInRefused, Limit: 500})
		if err != nil || len(events) != keptAMinute {
			t.Errorf("%d were kept, %v", len(events), err)
		}
		h.App.Stop()
		if events := counted(t, h); len(events) != 1 || events[0].Count != 3 || events[0].ClientID != "" {
			t.Errorf("counted as %+v", events)
		}
	})
}

// onBoth is webtest.Each with the database beside it.
func onBoth(t *testing.T, fn func(t *testing.T, h *webtest.House, db *sql.DB)) {
	t.Helper()
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		fn(t, webtest.Open(t, storetest.Open(t, o)), storetest.DB(t, o))
	})
}

// contents is every row of every table, as text.
func contents(t *testing.T, db *sql.DB) string {
	t.Helper()
	tables, err := column(t.Context(), db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		tables, err = column(t.Context(), db, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	}
	if err != nil || len(tables) < 10 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	var out strings.Builder
	for _, table := range tables {
		rows, err := column(t.Context(), db, "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			fmt.Fprintf(&out, "%s: %s\n", table, row)
		}
	}
	return out.String()
}

// column is what a query returns, a row as one text.
func column(ctx context.Context, db *sql.DB, query string) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.String
		}
		out = append(out, strings.Join(texts, " | "))
	}
	return out, rows.Err()
}

// What somebody typed as their name may be their password.
func TestAudit_unknownUsernamesAreNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, h *webtest.House, db *sql.DB) {
		typed := []string{"correct-horse-typed-in-the-wrong-field", "nobody.at.all@unknown.example.test"}
		for _, name := range typed {
			if p := try(h.Browser(t), name, "whatever it was"); p.Status != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, p.Status)
			}
		}
		h.Refusal(t, "user_known")
		all := contents(t, db) + h.Log.String()
		for _, name := range append(typed, "whatever it was") {
			if strings.Contains(strings.ToLower(all), name) {
				t.Errorf("%q was kept", name)
			}
		}
	})
}

// Nothing that opens anything is kept as it is, nor written down where it was refused: not in any table, not in the log.
func TestAudit_whatOpensSomethingIsNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, h *webtest.House, db *sql.DB) {
		opens := map[string]string{"the set-up link": h.SetupToken, "the password": webtest.Password}
		client, post, user, b := h.Client(t), h.Client(t, func(c *oauth.Client) { c.TokenEndpointAuthMethod = oauth.AuthPost }), h.User(t), h.Browser(t)
		opens["the client's secret"], opens["the other's secret"] = client.Secret, post.Secret
		b.Get(h.AuthorizeURL(client, nil))
		if back, err := url.Parse(b.Page.URL.Query().Get("return_to")); err == nil {
			opens["the pending request"] = back.Query().Get("interaction")
		}
		b.SignIn(user)
		opens["the form's token"] = b.Form("/consent").Values.Get("csrf_token")
		code := b.Allow().Location.Query().Get("code")
		here := h.Request(t, http.MethodGet, "/", "").URL
		for _, c := range b.Jar().Cookies(here) {
			opens["the cookie "+c.Name] = c.Value
		}
		first := h.Redeem(t, client, code)
		second := h.Refresh(t, client, first.Str("refresh_token"))
		opens["the code"], opens["the verifier"] = code, webtest.Verifier
		for name, a := range map[string]webtest.Answer{"first": first, "second": second} {
			for _, kind := range []string{"access_token", "refresh_token", "id_token"} {
				opens["the "+name+" "+kind] = a.Str(kind)
			}
		}
		// And each of them where it is refused.
		x := &stage{T: t, h: h, basic: client, post: post, b: b}
		h.Redeem(t, client, code)
		h.Redeem(t, post, code)
		x.refresh(client, second.Str("refresh_token"))
		x.refresh(post, second.Str("refresh_token"))
		x.refresh(client, second.Str("access_token"))
		x.userinfo(second.Str("refresh_token"))
		x.userinfo(second.Str("id_token"))
		x.introspect(post, second.Str("access_token"))
		x.revoke(post, second.Str("refresh_token"))
		x.authorize(client, url.Values{"id_token_hint": {second.Str("access_token")}, "prompt": {"none"}})
		h.Get(t, oauth.PathUserinfo+"?access_token="+second.Str("access_token"), "")
		h.Get(t, "/setup?token="+h.SetupToken, "")
		h.Get(t, "/reset?token="+h.SetupToken, "")
		h.Get(t, "/nothing?code="+code, "")
		opens["a wrong secret"] = "gh_cs_wrongwrongwrongwrongwrongwrongwrongwrongwro"
		x.token("grant_type=refresh_token", "Authorization", as(client.ID, opens["a wrong secret"]))
		x.token("grant_type=refresh_token", "Authorization", as(opens["a wrong secret"], "swapped")+"=") // not even base64
		x.token("grant_type=refresh_token&client_id=" + client.ID + "&client_secret=" + client.Secret)
		x.token("grant_type=refresh_token&client_assertion=" + first.Str("id_token"))
		opens["a wrong code"], opens["a wrong verifier"] = "gh_ac_wrongwrongwrongwrongwrongwrongwrongwrongwro", strings.Repeat("wrongverifier", 4)
		h.Redeem(t, client, opens["a wrong code"])
		x.redeem(client, b.Code(client, nil, nil), "code_verifier", opens["a wrong verifier"])
		opens["a wrong password"] = "wrong horse battery staple"
		try(h.Browser(t), user.Username, opens["a wrong password"])
		opens["a redirect URI's query"] = "a-token-in-the-query-of-a-redirect-uri"
		x.authorize(client, url.Values{"redirect_uri": {"https://user:pass@app.example.test/?token=" + opens["a redirect URI's query"]}})
		b.Post("/account/profile", url.Values{"csrf_token": {opens["the form's token"] + "x"}})
		for _, rule := range []string{"code_unused", "code_client", "refresh_token_known", "access_token_valid", "client_secret", "code_verifier", "redirect_uri_registered", "password"} {
			h.Refusal(t, rule)
		}
		all, log := contents(t, db), h.Log.String()
		for name, value := range opens {
			if len(value) < 16 {
				t.Errorf("%s is %q", name, value)
				continue
			}
			if strings.Contains(log, value) {
				t.Errorf("%s is in the log", name)
			}
			if i := strings.Index(all, value); i >= 0 {
				line := all[strings.LastIndexByte(all[:i], '\n')+1 : i]
				t.Errorf("%s is in the database: %.60s…", name, line)
			}
		}
	})
}

// Causes are for console roles alone: no page and no answer tells the rule, what was expected or what to do.
func TestAudit_causesAreToldToNobody(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client, user := h.Client(t), h.User(t)
		b := h.Browser(t)
		b.SignIn(user)
		var told []string
		keep := func(p *webtest.Page) {
			told = append(told, p.Body)
			if p.Location != nil {
				told = append(told, p.Location.Query().Get("error_description"))
			}
		}
		for _, with := range []url.Values{
			{"client_id": {"cl_nobody"}}, {"client_id": {""}}, {"redirect_uri": {"https://evil.test/"}}, {"redirect_uri": {""}}, {"scope": {"openid nonsense"}},
			{"code_challenge": {"short"}}, {"prompt": {"maybe"}}, {"resource": {"https://api.test"}},
		} {
			keep(b.Get(h.AuthorizeURL(client, with)))
		}
		keep(b.Get("/consent?interaction=nothing"))
		keep(b.Get("/console/clients"))
		keep(try(h.Browser(t), "nobody", webtest.Password))
		for _, a := range []webtest.Answer{h.Redeem(t, client, "x"), h.Refresh(t, client, "x"), h.Get(t, oauth.PathUserinfo, "x"), h.Post(t, oauth.PathIntrospect, nil, nil)} {
			told = append(told, a.Body, a.Header.Get("WWW-Authenticate"))
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		causes := 0
		for _, e := range events {
			if e.Cause == nil {
				continue
			}
			causes++
			for _, text := range told {
				switch {
				case strings.Contains(text, e.Cause.Rule) && strings.Contains(e.Cause.Rule, "_"), strings.Contains(text, e.Cause.Remedy) && len(e.Cause.Remedy) > 30,
					strings.Contains(text, e.Cause.Expected) && len(e.Cause.Expected) > 30:
					t.Errorf("%+v is told: %.300s", e.Cause, text)
				}
			}
		}
		if causes < 14 {
			t.Errorf("only %d causes were written down", causes)
		}
		if uri := h.Redeem(t, client, "x").Str("error_uri"); strings.Contains(h.Browser(t).Get(uri).Body, "code_known") {
			t.Error("the public page tells the cause")
		}
	})
}
