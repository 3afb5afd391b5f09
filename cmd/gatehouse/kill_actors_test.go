package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/oauth2"

	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
)

const (
	killPassword = "correct horse battery staple"
	killCallback = "https://app.example/cb"
	killAPI      = "https://api.example" // its tokens are opaque
)

// An app is what somebody uses: a client, and how it gets the first token of a grant.
type app struct {
	users    int // at once
	metadata string
	begin    func(*actor, *holding)
	oauth.Registration
}

func (p *app) public() bool { return p.ClientSecret == "" }

// ofPeople reports whether a person stands behind the tokens.
func (p *app) ofPeople() bool { return p.Scope != "" }

// opaque reports whether the access tokens are for the API whose tokens are kept in the database.
func (p *app) opaque() bool { return p.DefaultResource != "" }

// apps: what begins otherwise, such as by a password, or is given tokens of another kind, is one more here.
func apps() []*app {
	const people = `"redirect_uris": ["` + killCallback + `"], "grant_types": ["authorization_code", "refresh_token"], "scope": "openid offline_access"`
	return []*app{
		{users: 4, begin: (*actor).byCode, metadata: `{"client_name": "Web", ` + people + `}`},
		{users: 3, begin: (*actor).byCode, metadata: `{"client_name": "Phone", "token_endpoint_auth_method": "none", ` + people + `}`},
		{users: 2, begin: (*actor).byCode, metadata: `{"client_name": "Shop", "default_resource": "` + killAPI + `", ` + people + `}`},
		{users: 2, begin: (*actor).byPassword, metadata: `{"client_name": "Old", "grant_types": ["password", "refresh_token"], "scope": "openid offline_access"}`},
		{users: 1, begin: (*actor).byItself, metadata: `{"client_name": "Machine", "grant_types": ["client_credentials"]}`},
		{users: 1, begin: (*actor).byItself, metadata: `{"client_name": "Robot", "grant_types": ["client_credentials"], "default_resource": "` + killAPI + `"}`},
	}
}

// An actor is an application in somebody's browser, which does one thing after the other and keeps what was acknowledged.
type actor struct {
	*killing
	app             *app
	name, verifier  string
	http, browser   *http.Client // the second keeps cookies; both show where they are led
	signedIn        bool
	consent         consent
	unjudged        int     // tries of the password that got no answer: each counts as a failure until one succeeds
	offline, online holding // the second lives with the session
	buried          []holding
	checked         int // how many of them have been looked at

	lost          atomic.Bool // an answer did not come
	settle        func()      // asks what became of an end that got no answer
	trace, traced string      // a query, and the hash with which it counts 1 if the request was carried out unheard
}

const (
	spentCode    = "SELECT COUNT(*) FROM codes WHERE hash = $1 AND spent_at IS NOT NULL"
	spentRefresh = "SELECT COUNT(*) FROM families WHERE previous_hash = $1"
)

func newActor(k *killing, p *app, name string) *actor {
	a := &actor{killing: k, app: p, name: name, verifier: oauth2.GenerateVerifier()}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a.http = &http.Client{Timeout: soon, Transport: &http.Transport{}, CheckRedirect: stay}
	k.Cleanup(a.http.CloseIdleConnections)
	a.offline.scopes, a.online.scopes = "openid offline_access", "openid"
	a.forget()
	return a
}

type consent int

const (
	unknown consent = iota
	withdrawn
	given
)

// A holding is what was given for one grant, as far as it was acknowledged.
type holding struct {
	scopes            string
	code              string
	access            string // the newest
	refresh, previous string // the newest and its predecessor
	spent             string // the one before: shown again it ends the family

	why    string // it ended
	cookie string // of a session that ended
}

// take keeps what a token response brought.
func (h *holding) take(r outcome) {
	h.access = r.AccessToken
	if r.RefreshToken != h.refresh {
		h.spent, h.previous, h.refresh = h.previous, h.refresh, r.RefreshToken
	}
}

func (h *holding) empty() bool { return h.access == "" && h.refresh == "" }

// acts are what is done with a holding, and how often.
var acts = []struct {
	percent int
	can     func(*actor, *holding) bool
	do      func(*actor, *holding)
}{
	{50, refreshable, (*actor).refresh},
	{13, refreshable, (*actor).refreshTwice},
	{16, hasAccess, (*actor).show},
	{4, hasAccess, (*actor).revokeAccess},
	{4, refreshable, (*actor).revokeFamily},
	{3, func(_ *actor, h *holding) bool { return h.spent != "" }, (*actor).replay},
	{3, func(_ *actor, h *holding) bool { return h.code != "" }, (*actor).replayCode},
	{4, func(a *actor, _ *holding) bool { return a.signedIn }, (*actor).signOut},
	{3, func(a *actor, _ *holding) bool { return a.signedIn && a.consent == given }, (*actor).withdraw},
}

func refreshable(_ *actor, h *holding) bool { return h.refresh != "" }
func hasAccess(_ *actor, h *holding) bool   { return h.access != "" }

// use is the life of an actor until an answer is lost.
func (a *actor) use() {
	a.lost.Store(false)
	for !a.lost.Load() && !a.over.Load() {
		h := &a.offline
		if rand.IntN(4) == 0 && a.consent == given {
			h = &a.online
		}
		if h.empty() {
			a.app.begin(a, h)
			continue
		}
		a.choose(h)(a, h)
	}
}

// choose finds something that can be done with the holding.
func (a *actor) choose(h *holding) func(*actor, *holding) {
	for {
		n := rand.IntN(100)
		for _, act := range acts {
			if n -= act.percent; n < 0 {
				if act.can(a, h) {
					return act.do
				}
				break
			}
		}
	}
}

// byCode does the next of the steps that lead to a token: sign-in, consent with a code, its redemption.
func (a *actor) byCode(h *holding) {
	switch {
	case !a.signedIn:
		a.signIn()
	case h.code == "":
		a.authorize(h)
	default:
		a.redeem(h)
	}
}

// byPassword: RFC 6749 §4.3.
func (a *actor) byPassword(h *holding) {
	r := a.call(oauth.PathToken, url.Values{"grant_type": {oauth.GrantPassword}, "username": {a.name}, "password": {killPassword}, "scope": {h.scopes}})
	if a.judged(r) && a.expect(r.status == http.StatusOK, "tokens by password", r) {
		h.take(r)
	}
}

// judged reports whether a password was looked at. It may have to wait after tries of which nobody heard (security.md rule 15).
func (a *actor) judged(r outcome) bool {
	switch {
	case r.lost:
		a.unjudged++
		return false
	case r.status == http.StatusTooManyRequests && a.unjudged > 0:
		return false
	}
	a.unjudged = 0
	return true
}

// byItself: RFC 6749 §4.4.
func (a *actor) byItself(h *holding) {
	a.tokens(h, url.Values{"grant_type": {oauth.GrantClientCredentials}})
}

func (a *actor) signIn() {
	page := a.page("/login")
	if page.lost {
		return
	}
	r := a.submit("/login", page.fields("username", a.name, "password", killPassword))
	if a.judged(r) && a.expect(r.to == "/account", "signed in", r) {
		a.signedIn = true
	}
}

// authorize gets a code, and gives consent where that is asked for: if it was withdrawn or never given, and not otherwise.
func (a *actor) authorize(h *holding) {
	r := a.page(a.authorization(h.scopes))
	if r.lost {
		return
	}
	if strings.HasPrefix(r.to, "/consent?") {
		if !a.expect(a.consent != given, "consent kept", r) {
			return
		}
		if page := a.page(r.to); page.lost {
			return
		} else if r = a.submit("/consent", page.fields("decision", "allow", "scope", oauth.ScopeOfflineAccess)); r.lost {
			a.consent = unknown
			return
		}
	} else if !a.expect(a.consent != withdrawn, "consent asked for again", r) {
		return
	}
	if a.expect(r.code() != "", "a code", r) {
		h.code, a.consent = r.code(), given
	}
}

func (a *actor) authorization(scopes string) string {
	return oauth.PathAuthorize + "?" + url.Values{
		"response_type": {oauth.ResponseTypeCode}, "client_id": {a.app.ClientID}, "redirect_uri": {killCallback}, "scope": {scopes}, "state": {a.name},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(a.verifier)}, "code_challenge_method": {oauth.ChallengeS256},
	}.Encode()
}

func (a *actor) redemption(h *holding) url.Values {
	return url.Values{"grant_type": {oauth.GrantAuthorizationCode}, "code": {h.code}, "redirect_uri": {killCallback}, "code_verifier": {a.verifier}}
}

func (a *actor) redeem(h *holding) {
	r := a.tokens(h, a.redemption(h))
	if !r.lost || r.unsent { // what was never sent has to work: see check
		return
	}
	a.trace, a.traced = spentCode, secret.Hash(h.code)
	a.settle = func() { // works once or is refused, never twice
		first, second := a.call(oauth.PathToken, a.redemption(h)), a.call(oauth.PathToken, a.redemption(h))
		a.expect(first.status == http.StatusOK || first.refuses(), "the code whose answer was lost", first)
		a.expect(second.refuses(), "a code refused the second time", second)
		h.take(first)
		a.bury(h, "its code was replayed after it got no answer")
	}
}

func (a *actor) refresh(h *holding) {
	r := a.tokens(h, refreshing(h.refresh))
	if r.lost { // it has to work whatever became of it: see check
		a.trace, a.traced = spentRefresh, secret.Hash(h.refresh)
	}
}

// refreshTwice shows the token twice at the same time: there is one successor (security.md rule 1).
func (a *actor) refreshTwice(h *holding) {
	token := h.refresh
	var r [2]outcome
	var both sync.WaitGroup
	for i := range r {
		both.Go(func() { r[i] = a.call(oauth.PathToken, refreshing(token)) })
	}
	both.Wait()
	for _, r := range r {
		switch {
		case r.lost:
			a.trace, a.traced = spentRefresh, secret.Hash(token)
		case a.expect(r.status == http.StatusOK, "refreshed, twice at once", r) &&
			a.expect(h.refresh == token || h.refresh == r.RefreshToken, "one successor", r):
			h.take(r)
		}
	}
}

func refreshing(token string) url.Values {
	return url.Values{"grant_type": {oauth.GrantRefreshToken}, "refresh_token": {token}}
}

func (a *actor) show(h *holding) { a.mustHold(h.access, true) }

func (a *actor) revokeAccess(h *holding) {
	ended := holding{access: h.access}
	r := a.call(oauth.PathRevoke, url.Values{"token": {h.access}})
	a.end(r, http.StatusOK, func() bool { return !a.holds(h.access) }, func() {
		if h.access = ""; h.refresh == "" {
			h.code = ""
		}
		a.bury(&ended, "the access token was revoked")
	})
}

func (a *actor) revokeFamily(h *holding) {
	r := a.call(oauth.PathRevoke, url.Values{"token": {h.refresh}})
	a.end(r, http.StatusOK, a.gone(h), func() { a.bury(h, "the family was revoked") })
}

// replay shows a refresh token whose successor is spent: the family ends before the answer (security.md rule 1).
func (a *actor) replay(h *holding) {
	r := a.call(oauth.PathToken, refreshing(h.spent))
	a.end(r, http.StatusBadRequest, a.gone(h), func() { a.bury(h, "a refresh token was replayed") })
}

// replayCode: what the code gave is revoked (RFC 6749 §4.1.2).
func (a *actor) replayCode(h *holding) {
	r := a.call(oauth.PathToken, a.redemption(h))
	a.end(r, http.StatusBadRequest, a.gone(h), func() { a.bury(h, "the code was replayed") })
}

func (a *actor) signOut(*holding) {
	page := a.page("/logout")
	if page.lost {
		return
	}
	ended := holding{cookie: a.cookie()}
	r := a.submit("/logout", page.fields())
	a.end(r, http.StatusOK, func() bool { return a.page("/account").to != "" }, func() {
		a.bury(&ended, "signed out")
		a.bury(&a.online, "signed out")
		if a.offline.empty() { // a code that was not redeemed
			a.bury(&a.offline, "signed out")
		}
		a.forget()
	})
}

func (a *actor) withdraw(*holding) {
	page := a.page("/account")
	if page.lost {
		return
	}
	r := a.submit("/account/consents/"+url.PathEscape(a.app.ClientID)+"/withdraw", page.fields())
	a.end(r, http.StatusSeeOther, func() bool { return a.page(a.authorization(a.online.scopes)).code() == "" }, func() {
		a.bury(&a.offline, "consent was withdrawn")
		a.bury(&a.online, "consent was withdrawn")
		a.consent = withdrawn
	})
}

// end is what follows from an act that ends something and is answered by this status. Without an answer, happened finds out
// after the restart whether it was done: then as a whole.
func (a *actor) end(r outcome, status int, happened func() bool, then func()) {
	switch {
	case r.lost:
		a.settle = func() {
			if happened() {
				a.unheard.Add(1)
				then()
			}
		}
	case a.expect(r.status == status && (status != http.StatusBadRequest || r.refuses()), "an end", r):
		then()
	}
}

// gone finds out whether the family has ended.
func (a *actor) gone(h *holding) func() bool {
	return func() bool {
		if h.refresh == "" {
			return !a.holds(h.access)
		}
		r := a.call(oauth.PathToken, refreshing(h.refresh))
		if r.status == http.StatusOK {
			h.take(r)
		}
		a.expect(r.status == http.StatusOK || r.refuses(), "refreshed or refused", r)
		return r.status != http.StatusOK
	}
}

// bury keeps what has ended: none of it may ever work again.
func (a *actor) bury(h *holding, why string) {
	if !h.empty() || h.code != "" || h.cookie != "" {
		ended := *h
		ended.why = why
		a.buried = append(a.buried, ended)
	}
	*h = holding{scopes: h.scopes}
}

// forget throws the browser's cookies away.
func (a *actor) forget() {
	jar, _ := cookiejar.New(nil) // never fails
	browser := *a.http
	browser.Jar = jar
	a.browser, a.signedIn = &browser, false
}

func (a *actor) cookie() string {
	here, _ := url.Parse("http://" + a.address)
	for _, c := range a.browser.Jar.Cookies(here) {
		if c.Name == "gh_session" {
			return c.String()
		}
	}
	return ""
}

// settleEnd finds out what became of an end that got no answer.
func (a *actor) settleEnd() {
	a.lost.Store(false)
	if a.settle != nil {
		a.settle()
		a.settle = nil
	}
}

// check asks the server about all it acknowledged to this actor, first of all for new tokens: there is not much time for that.
func (a *actor) check() {
	a.settleEnd()
	for _, h := range []*holding{&a.offline, &a.online} {
		if h.refresh != "" {
			token, access := h.refresh, h.access
			a.refreshTwice(h)
			a.expect(h.refresh != token, "another refresh token", outcome{})
			if access != "" {
				a.mustHold(access, true)
			}
			a.refresh(h)
		}
		if h.empty() && h.code != "" {
			a.redeem(h) // as nobody has, so far
		}
		if h.access != "" {
			a.mustHold(h.access, true)
		}
	}
	if a.signedIn {
		r := a.page("/account")
		a.expect(r.status == http.StatusOK, "still signed in", r)
		if r := a.page(a.authorization(a.online.scopes)); a.consent != unknown {
			a.expect((a.consent == given) == (r.code() != ""), "consent as it was", r)
		}
	}
	for _, h := range a.buried[a.checked:] { // once more in the end
		a.mustBeDead(h)
	}
	a.checked = len(a.buried)
}

func (a *actor) mustBeDead(h holding) {
	if h.access != "" {
		a.mustHold(h.access, false)
	}
	if h.refresh != "" {
		r := a.call(oauth.PathToken, refreshing(h.refresh))
		a.expect(r.refuses(), "no refresh since "+h.why, r)
	}
	if h.code != "" {
		r := a.call(oauth.PathToken, a.redemption(&h))
		a.expect(r.refuses(), "no redemption since "+h.why, r)
	}
	if h.cookie != "" {
		r := a.send(a.http, http.MethodGet, "/account", nil, "Cookie", h.cookie)
		a.expect(strings.HasPrefix(r.to, "/login"), "no page since "+h.why, r)
	}
}

// mustHold asks whoever can tell whether an access token holds.
func (a *actor) mustHold(access string, want bool) {
	if !a.app.public() {
		r := a.call(oauth.PathIntrospect, url.Values{"token": {access}})
		a.expect(r.lost || (r.status == http.StatusOK && r.Active == want), fmt.Sprintf("an access token that is active: %t", want), r)
	}
	if a.app.ofPeople() && !a.app.opaque() {
		status := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[want]
		r := a.userinfo(access)
		a.expect(r.lost || r.status == status, fmt.Sprintf("%d from userinfo", status), r)
	}
}

// holds finds out whether an access token does.
func (a *actor) holds(access string) bool {
	if a.app.public() {
		return a.userinfo(access).status == http.StatusOK
	}
	return a.call(oauth.PathIntrospect, url.Values{"token": {access}}).Active
}

func (a *actor) userinfo(access string) outcome {
	return a.send(a.http, http.MethodGet, oauth.PathUserinfo, nil, "Authorization", "Bearer "+access)
}

// tokens asks for tokens that have to be given.
func (a *actor) tokens(h *holding, form url.Values) outcome {
	r := a.call(oauth.PathToken, form)
	if !r.lost && a.expect(r.status == http.StatusOK, "tokens by "+form.Get("grant_type"), r) {
		h.take(r)
	}
	return r
}

// expect counts and reports what the server does not know any more.
func (a *actor) expect(ok bool, what string, r outcome) bool {
	a.Helper()
	if !ok {
		a.losses.Add(1)
		a.Errorf("round %d, %s: expected %s, got %d %s%.200s", a.round, a.name, what, r.status, r.to, r.body)
		a.lost.Store(true)
	}
	return ok
}

// An outcome is what came of a request.
type outcome struct {
	lost   bool // there was no answer, or one that knows nothing (503)
	unsent bool // nobody was there
	status int
	to     string // where it leads, within the house without its name
	body   string

	Active       bool   `json:"active"`
	Error        string `json:"error"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func (r outcome) refuses() bool {
	return r.status == http.StatusBadRequest && r.Error == "invalid_grant"
}

func (r outcome) code() string {
	to, err := url.Parse(r.to)
	if err != nil || !strings.HasPrefix(r.to, killCallback+"?") {
		return ""
	}
	return to.Query().Get("code")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// fields are what the forms of the page hold, and what somebody fills in.
func (r outcome) fields(filled ...string) url.Values {
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(r.body, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	for i := 0; i < len(filled); i += 2 {
		form.Set(filled[i], filled[i+1])
	}
	return form
}

// page is what the browser shows.
func (a *actor) page(path string) outcome {
	return a.send(a.browser, http.MethodGet, path, nil, "", "")
}

func (a *actor) submit(path string, form url.Values) outcome {
	return a.send(a.browser, http.MethodPost, path, form, "", "")
}

// call is what the application asks, as itself.
func (a *actor) call(path string, form url.Values) outcome {
	if a.app.public() {
		form.Set("client_id", a.app.ClientID)
		return a.send(a.http, http.MethodPost, path, form, "", "")
	}
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(a.app.ClientID), url.QueryEscape(a.app.ClientSecret))
	return a.send(a.http, http.MethodPost, path, form, "Authorization", r.Header.Get("Authorization"))
}

// send counts answers, and those that were under way when the server was killed.
func (a *actor) send(client *http.Client, method, path string, form url.Values, header, value string) outcome {
	for {
		late := a.killed.Load()
		r, err := exchange(a.Context(), client, method, "http://"+a.address+path, form, header, value)
		if err == nil && r.status != http.StatusServiceUnavailable {
			a.answers.Add(1)
			if a.left.Add(-1) == 0 {
				close(a.due)
			}
			return r
		}
		if err == nil && a.patient {
			a.again.Add(1)
			continue
		}
		a.lost.Store(true)
		r.lost, r.unsent = true, errors.Is(err, syscall.ECONNREFUSED)
		if !a.struck.Load() {
			a.expect(false, "an answer to "+method+" "+path, outcome{status: r.status, body: fmt.Sprint(r.body, err)})
		} else if !late && !r.unsent {
			a.underWay.Add(1)
		}
		return r
	}
}

func exchange(ctx context.Context, client *http.Client, method, address string, form url.Values, header, value string) (r outcome, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return r, err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if header != "" {
		request.Header.Set(header, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return r, err
	}
	r.status, r.body, r.to = response.StatusCode, string(body), response.Header.Get("Location")
	if strings.Contains(response.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}
