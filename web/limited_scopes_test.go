package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// audited are the refusals of what somebody's role does not allow.
func audited(userID string) store.EventFilter {
	return store.EventFilter{UserID: userID, Action: audit.AccessDenied}
}

// A scope that is limited is granted to those it is for, left out for others, and so at each refresh (RFC 6749 §3.3).
func TestScopes_limitedOnesAreForSomeAlone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		insider, outsider, operator := h.User(t), h.User(t), h.User(t, ofRole(identity.RoleOperator))
		g := h.Group(t, "Accounting", insider)
		h.Scope(t, "ledger", "Read the ledger")
		h.Scope(t, "notes", "Read notes")
		h.Limit(t, "ledger", func(s *oauth.Scope) { s.Groups, s.Roles = oauth.Words{g.ID}, oauth.Words{"operator"} })
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = append(slices.Clone(c.Scopes), "ledger", "notes") })
		ask := url.Values{"scope": {"openid offline_access notes ledger"}}
		const with, without = "openid offline_access notes ledger", "openid offline_access notes"

		for _, c := range []struct {
			who  *identity.User
			want string
		}{{insider, with}, {operator, with}, {outsider, without}} {
			b := h.Browser(t)
			b.SignIn(c.who)
			if p := b.Get(h.AuthorizeURL(client, ask)); strings.Contains(p.Text(), "Read the ledger") != (c.want == with) {
				t.Errorf("%s is asked: %s", c.who.Role, p.Text())
			}
			if got := h.Tokens(t, client, c.who, ask); got.Str("scope") != c.want || claimsOf(t, got.Str("access_token"))["scope"] != c.want {
				t.Errorf("%s is granted %q", c.who.Role, got.Str("scope"))
			}
		}

		// Whoever leaves the group loses it with the next refresh, and whoever comes back has it again.
		tokens := h.Tokens(t, client, insider, ask)
		must(t, h.Store.RemoveMember(t.Context(), g.ID, insider.ID, h.Clock.Now(), event()))
		tokens = h.Refresh(t, client, tokens.Str("refresh_token"))
		if tokens.Str("scope") != without {
			t.Errorf("outside the group a refresh gives %q", tokens.Str("scope"))
		}
		if a := h.Post(t, oauth.PathToken, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Str("refresh_token")}, "scope": {"ledger"}}); a.Str("error") != "invalid_scope" {
			t.Errorf("nothing but what is closed: %d %s", a.Status, a.Body)
		}
		must(t, h.Store.AddMember(t.Context(), g.ID, insider.ID, h.Clock.Now(), event()))
		if tokens = h.Refresh(t, client, tokens.Str("refresh_token")); tokens.Str("scope") != with {
			t.Errorf("back in the group a refresh gives %q", tokens.Str("scope"))
		}

		// Between the page and the code, between the code and the token: it is what holds when the token is made.
		code := h.Browser(t).Code(client, insider, ask)
		must(t, h.Store.RemoveMember(t.Context(), g.ID, insider.ID, h.Clock.Now(), event()))
		if got := h.Redeem(t, client, code); got.Str("scope") != without {
			t.Errorf("a code from before gives %q", got.Str("scope"))
		}

		// Nothing but what is closed is refused, to the client and in the log.
		b := h.Browser(t)
		b.SignIn(outsider)
		told := b.Authorize(client, outsider, url.Values{"scope": {"ledger"}})
		if told.Get("error") != "invalid_scope" {
			t.Errorf("told %v", told)
		}
		refused, err := h.Store.Events(t.Context(), store.EventFilter{UserID: outsider.ID, Action: audit.AuthorizeRefused})
		if must(t, err); len(refused) != 1 || refused[0].Cause.Rule != "scope_open_to_person" {
			t.Errorf("written down as %+v", refused)
		}
	})
}

func TestScopes_aPasswordGetsNoMoreThanAConsent(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		u := h.User(t)
		g := h.Group(t, "Accounting")
		h.Scope(t, "ledger", "Read the ledger")
		h.Scope(t, "notes", "Read notes")
		h.Limit(t, "ledger", func(s *oauth.Scope) { s.Groups = oauth.Words{g.ID} })
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = append(slices.Clone(c.Scopes), "ledger", "notes") })
		if a := h.Password(t, oauth.PathToken, client, u.Username, webtest.Password, url.Values{"scope": {"notes ledger"}}); a.Str("scope") != "notes" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		must(t, h.Store.AddMember(t.Context(), g.ID, u.ID, h.Clock.Now(), event()))
		if a := h.Password(t, oauth.PathToken, client, u.Username, webtest.Password, url.Values{"scope": {"notes ledger"}}); a.Str("scope") != "notes ledger" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}, func(o *webtest.Options) { o.PasswordGrant = true })
}

// Of the scopes without OpenID's, a request that names none gets those that need not be named (RFC 6749 §3.3).
func TestScopes_someHaveToBeNamed(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "notes", "Read notes")
		h.Scope(t, "erase", "Erase notes")
		h.Limit(t, "erase", func(s *oauth.Scope) { s.ByName = true })
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"openid", "notes", "erase"} })
		own := func(scope ...string) webtest.Answer {
			form := url.Values{"grant_type": {"client_credentials"}}
			if len(scope) > 0 {
				form["scope"] = scope
			}
			return h.Post(t, oauth.PathToken, client, form)
		}
		if got := own().Str("scope"); got != "notes" {
			t.Errorf("without a name it is %q", got)
		}
		if got := own("erase").Str("scope"); got != "erase" {
			t.Errorf("by its name it is %q", got)
		}
		if got := h.Tokens(t, client, h.User(t), url.Values{"scope": {""}}).Str("scope"); got != "notes" {
			t.Errorf("a person without a name for it gives %q", got)
		}
	})
}

func TestScopes_nobodyIsAskedAboutThoseFreeOfConsent(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "ping", "See that you are there")
		h.Scope(t, "notes", "Read notes")
		h.Limit(t, "ping", func(s *oauth.Scope) { s.ConsentFree = true })
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"ping", "notes", "openid"} })
		u := h.User(t)
		b := h.Browser(t)
		b.SignIn(u)
		asks := func(scope string, more url.Values) bool {
			query := url.Values{"scope": {scope}}
			for k, v := range more {
				query[k] = v
			}
			return b.Get(h.AuthorizeURL(client, query)).URL.Path == "/consent"
		}
		if asks("ping", nil) {
			t.Error("they are asked about what is free of consent")
		}
		if !asks("ping", url.Values{"prompt": {"consent"}}) {
			t.Error("prompt=consent does not ask")
		}
		if !asks("ping notes", nil) {
			t.Error("they are not asked about the rest")
		}
		// It is on the page, cannot be left out, and is not remembered as theirs to give.
		p := b.Get(h.AuthorizeURL(client, url.Values{"scope": {"ping notes"}}))
		if boxes := p.Parts("input", "name", "scope"); len(boxes) != 1 || boxes[0].Attr("value") != "notes" || !strings.Contains(p.Text(), "See that you are there") {
			t.Errorf("the page asks about %v: %s", boxes, p.Text())
		}
		b.Allow()
		consent, err := h.Store.Consent(t.Context(), u.ID, client.ID)
		if must(t, err); consent.Scopes.String() != "notes" {
			t.Errorf("remembered: %q", consent.Scopes)
		}
		if asks("notes ping", nil) {
			t.Error("they are asked again")
		}
		// openid makes the person known, and nobody makes that free.
		if !asks("openid ping", nil) {
			t.Error("they are not asked about openid")
		}
		// Where consent is not remembered, it is not skipped either (RFC 8252 §8.6).
		wallet := h.Client(t, webtest.Public, func(c *oauth.Client) {
			c.Scopes, c.RedirectURIs = oauth.Scopes{"ping"}, oauth.RedirectURIs{"http://127.0.0.1/callback"}
		})
		if p := b.Get(h.AuthorizeURL(wallet, url.Values{"scope": {"ping"}, "redirect_uri": {"http://127.0.0.1:9/callback"}})); p.URL.Path != "/consent" {
			t.Errorf("a public client on this machine is not asked about: %s", p.URL)
		}
	})
}

// The claim groups comes with the scope of its name, as it is now, and with nothing else.
func TestGroups_areToldToThoseWhoMayKnow(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		u, client := h.User(t), h.Client(t)
		g := h.Group(t, "Zoo", u)
		h.Group(t, "Accounting", u)
		h.Group(t, "Strangers")
		names := func(claims map[string]any) string {
			var out []string
			list, _ := claims["groups"].([]any)
			for _, name := range list {
				out = append(out, name.(string))
			}
			return strings.Join(out, " ")
		}
		without := h.Tokens(t, client, u, url.Values{"scope": {"openid profile"}})
		if claims := claimsOf(t, without.Str("id_token")); claims["groups"] != nil {
			t.Errorf("told unasked: %v", claims)
		}
		if a := h.Get(t, oauth.PathUserinfo, without.Str("access_token")); a.Status != http.StatusOK || a.JSON["groups"] != nil {
			t.Errorf("told unasked: %s", a.Body)
		}
		with := h.Tokens(t, client, u, url.Values{"scope": {"openid groups"}})
		claims := claimsOf(t, with.Str("id_token"))
		if names(claims) != "Accounting Zoo" || claims["sub"] != u.ID || claims["iss"] != h.Issuer || claims["at_hash"] == nil {
			t.Errorf("the ID token says %v", claims)
		}
		if a := h.Get(t, oauth.PathUserinfo, with.Str("access_token")); names(a.JSON) != "Accounting Zoo" {
			t.Errorf("userinfo says %s", a.Body)
		}
		must(t, h.Store.RemoveMember(t.Context(), g.ID, u.ID, h.Clock.Now(), event()))
		if a := h.Get(t, oauth.PathUserinfo, with.Str("access_token")); names(a.JSON) != "Accounting" {
			t.Errorf("userinfo says %s", a.Body)
		}
	})
}

func TestConsole_saysToWhomAScopeIsGranted(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		g := h.Group(t, "Accounting")
		b.Get(scopeList + "/new")
		p := b.Submit(scopeList, url.Values{
			"name": {"ledger"}, "description": {"Read the ledger"}, "default": nil, "consent_free": {"true"}, "only_roles": {"operator"}, "only_groups": {" accounting \n\n"},
		})
		s, err := h.Store.Scope(t.Context(), "ledger")
		if must(t, err); p.Status != http.StatusOK || !s.ByName || !s.ConsentFree || !slices.Equal(s.Roles, oauth.Words{"operator"}) || !slices.Equal(s.Groups, oauth.Words{g.ID}) {
			t.Fatalf("%d %+v: %s", p.Status, s, p.Text())
		}
		if f := b.Form(scopeList + "/edit").Values; f.Get("only_groups") != "Accounting" || f.Has("default") || f.Get("consent_free") != "true" || f.Get("only_roles") != "operator" {
			t.Errorf("the form says %v", f)
		}
		if p := b.Get(scopeList); !strings.Contains(p.Text(), "Only for Operator, Accounting") {
			t.Errorf("the list says %s", p.Text())
		}
		for _, wrong := range []url.Values{{"only_groups": {"nobody's"}}, {"only_roles": {"king"}}} {
			b.Get(scopePage("ledger"))
			field := slices.Collect(func(yield func(string) bool) {
				for k := range wrong {
					yield(k)
				}
			})[0]
			if p := b.Submit(scopeList+"/edit", wrong); p.Status != http.StatusUnprocessableEntity || p.Says(field+"-error") == "" {
				t.Errorf("%v: %d %q", wrong, p.Status, p.Says(field+"-error"))
			}
		}
		b.Get(scopePage("ledger"))
		b.Submit(scopeList+"/edit", url.Values{"only_groups": {""}, "only_roles": nil, "default": {"true"}})
		if s, err = h.Store.Scope(t.Context(), "ledger"); err != nil || s.Limited() || s.ByName {
			t.Errorf("%+v %v", s, err)
		}
		events := happenedTo(t, h, "ledger", audit.ScopeUpdated)
		if len(events) != 1 || events[0].Changes["only_groups"] != (audit.Change{Before: "Accounting"}) || events[0].Changes["by_name"] != (audit.Change{Before: "true", After: "false"}) {
			t.Errorf("written down as %+v", events)
		}
		// Describing it from the page of an API opens it to nobody else.
		h.Limit(t, "ledger", func(s *oauth.Scope) { s.Groups = oauth.Words{g.ID} })
		b.Get("/console/apis/new")
		f := b.Form("/console/apis").Values
		f.Set("name", "Books")
		f.Set("identifier", "https://books.example.test")
		f["scope_names"], f["scope_descriptions"], f["scope_shown"] = []string{"ledger"}, []string{"Read all ledgers"}, []string{"Read the ledger"}
		b.Post("/console/apis", f)
		if s, err = h.Store.Scope(t.Context(), "ledger"); err != nil || s.Description != "Read all ledgers" || !s.OnlyFor(g.ID) {
			t.Errorf("%+v %v", s, err)
		}
	})
}

// An API may be for some clients alone.
func TestAPIs_areForTheClientsTheyName(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		api := h.API(t)
		chosen, other := h.Client(t, withScopes("read")), h.Client(t, withScopes("read"), named("Other"))
		path := "/console/apis/" + api.ID
		b.Get(path)
		if p := b.Submit(path, url.Values{"only_clients": {"cl_nobody"}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("only_clients-error"), "cl_nobody") {
			t.Errorf("a client that is not there: %d %s", p.Status, p.Text())
		}
		tokens := h.Tokens(t, other, h.User(t), url.Values{"scope": {"read"}, "resource": {api.Identifier}})
		b.Get(path)
		b.Submit(path, url.Values{"only_clients": {chosen.ID + "\n"}})
		own := func(c *webtest.Client) webtest.Answer {
			return h.Post(t, oauth.PathToken, c, url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {api.Identifier}})
		}
		if a := own(chosen); a.Status != http.StatusOK {
			t.Errorf("the one it names: %d %s", a.Status, a.Body)
		}
		if a := own(other); a.Str("error") != "invalid_target" {
			t.Errorf("another: %d %s", a.Status, a.Body)
		}
		if a := h.Refresh(t, other, tokens.Str("refresh_token")); a.Str("error") != "invalid_target" {
			t.Errorf("another's refresh: %d %s", a.Status, a.Body)
		}
		if told := h.Browser(t).Authorize(other, h.User(t), url.Values{"scope": {"read"}, "resource": {api.Identifier}}); told.Get("error") != "invalid_target" {
			t.Errorf("another's request: %v", told)
		}
		if events := happenedTo(t, h, api.ID, audit.APIUpdated); len(events) != 1 || events[0].Changes["only_clients"].After != chosen.ID {
			t.Errorf("written down as %+v", events)
		}
	})
}
