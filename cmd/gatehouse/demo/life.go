package demo

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

const (
	dailyVisits  = 16  // on a busy day of the past
	latestVisits = 100 // in the last day, which is looked at most closely
)

// busy is how much goes on in an hour of the day, in UTC: most at noon, little at night.
func busy(at time.Time) float64 {
	curve := [24]float64{.25, .3, .4, .5, .55, .6, .7, .8, .9, .95, 1, 1, .95, .9, .9, .85, .75, .65, .55, .5, .45, .4, .3, .25}
	b := curve[at.Hour()]
	if weekday := at.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		b *= 0.55
	}
	return b
}

// visits lets people come, more often in busy hours.
func (h *house) visits() {
	begin := h.Now.Add(-Length + 2*time.Hour)
	for at := begin; at.Before(h.Now); at = at.Add(time.Hour) {
		expected := dailyVisits * busy(at) / 13
		if h.Now.Sub(at) < day {
			expected = latestVisits * busy(at) / 13
		}
		for n := h.some(expected); n > 0; n-- {
			h.plan(at.Add(h.upTo(time.Hour)), h.visit)
		}
	}
}

// some is a whole number, on average what is expected.
func (h *house) some(expected float64) int {
	n := int(expected)
	if h.random.Float64() < expected-float64(n) {
		n++
	}
	return n
}

func (h *house) upTo(d time.Duration) time.Duration { return time.Duration(h.random.Int64N(int64(d))) }

func (h *house) chance(of float64) bool { return h.random.Float64() < of }

// anybody is one of the people, some of whom come much more often than others. Who works in the console is seldom among them.
func (h *house) anybody() *person {
	for {
		f := h.random.Float64()
		if p := h.people[int(f*f*float64(len(h.people)))]; !p.Role.Console() || h.chance(0.2) {
			return p
		}
	}
}

// somewhere is one of the applications that people come for.
func (h *house) somewhere() *client {
	sum := 0
	for _, row := range clients {
		if c := h.clients[row.id]; c != nil {
			sum += c.visits
		}
	}
	n := h.random.IntN(max(sum, 1))
	for _, row := range clients {
		if c := h.clients[row.id]; c != nil {
			if n -= c.visits; n < 0 {
				return c
			}
		}
	}
	return nil
}

// visit is somebody coming to an application.
func (h *house) visit() error {
	p, c := h.anybody(), h.somewhere()
	if c == nil {
		return nil
	}
	if c.Allows(oauth.GrantPassword) {
		if p.Role.Console() {
			return nil
		}
		password := rightPassword
		if h.chance(0.1) {
			password = "a slip"
		}
		return h.tokens(c, p, url.Values{"grant_type": {oauth.GrantPassword}, "username": {p.Username}, "password": {password}, "scope": {c.asks}})
	}
	if p.session != nil && p.session.Live(h.clock, identity.SessionIdle) {
		if err := h.store.TouchSession(h.ctx, p.session.ID, h.clock); err != nil {
			return err
		}
		p.session.LastSeenAt = h.clock
		return h.authorize(p, c)
	}
	if h.chance(0.08) { // a slip of the finger first
		if err := h.wrongPassword(p); err != nil {
			return err
		}
	}
	h.soon(9*time.Second, func() error {
		if err := h.signIn(p); err != nil {
			return err
		}
		h.soon(time.Second, func() error { return h.authorize(p, c) })
		return nil
	})
	return nil
}

func (h *house) signIn(p *person) error {
	s := identity.Session{
		ID: identity.NewID(), TokenHash: secret.Hash(secret.New("")), UserID: p.ID, AuthTime: h.clock, AMR: "pwd", LastSeenAt: h.clock,
		ExpiresAt: h.clock.Add(identity.SessionAbsolute), IP: p.ip, UserAgent: p.agent,
	}
	e := h.event(p, audit.SignInSucceeded, audit.Party{})
	e.UserID = p.ID
	err := h.store.CreateSession(h.ctx, store.SignIn{Session: s, CheckedHash: p.PasswordHash, DeviceHash: secret.Hash(p.device)}, h.clock, e)
	if fault.IsNotFound(err) { // disabled
		return nil
	}
	p.session = &s
	if h.chance(0.25) {
		h.soon(20*time.Minute+h.upTo(3*time.Hour), func() error { return h.signOut(p, &s) })
	}
	return err
}

func (h *house) signOut(p *person, s *identity.Session) error {
	e := h.event(p, audit.SessionEnded, audit.Party{Kind: audit.KindSession, ID: s.ID})
	e.UserID = p.ID
	if p.session == s {
		p.session = nil
	}
	return h.store.EndSession(h.ctx, s.ID, "signed_out", h.clock, e)
}

func (h *house) wrongPassword(p *person) error {
	e := audit.Event{
		At: h.clock, Action: audit.SignInRefused, Outcome: audit.Refused, Caller: p.caller(), UserID: p.ID, Target: p.party(),
		Cause: &audit.Cause{Rule: "password", Expected: "the person's password", Remedy: "Make a one-time link if they forgot it."},
	}
	return h.store.Record(h.ctx, e)
}

// verifier is a PKCE verifier with its challenge (RFC 7636 §4.2).
func verifier() (value, challenge string) {
	value = secret.New("")
	sum := sha256.Sum256([]byte(value))
	return value, base64.RawURLEncoding.EncodeToString(sum[:])
}

// params are a request's.
func params(v url.Values) (oauth.Params, error) {
	p, e := oauth.ParseParams(v.Encode())
	if e != nil {
		return p, e
	}
	return p, nil
}

// ask sends somebody through the authorization endpoint and returns the code, which is empty where they or the rules said no.
func (h *house) ask(p *person, c *client, changes url.Values) (code, verify string, err error) {
	verify, challenge := verifier()
	v := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {c.RedirectURIs[0]}, "scope": {c.asks}, "state": {"s"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for name, value := range changes {
		v[name] = value
	}
	code, err = h.answer(p, c, v)
	return code, verify, h.refused(audit.AuthorizeRefused, p.caller(), err)
}

func (h *house) answer(p *person, c *client, v url.Values) (code string, err error) {
	request, err := params(v)
	if err != nil {
		return "", err
	}
	target, err := h.rules.Target(h.ctx, request)
	if err != nil {
		return "", err
	}
	a, err := h.rules.Authorization(h.ctx, target, request)
	if err != nil {
		return "", err
	}
	login := &oauth.Login{Subject: p.ID, SessionID: p.session.ID, AuthTime: p.session.AuthTime, AMR: oauth.Words{"pwd"}}
	answer, err := h.rules.Advance(h.ctx, a, login, nil, p.caller())
	if err != nil {
		return "", err
	}
	to := answer.Redirect
	if answer.Step == oauth.AskConsent {
		if h.chance(0.04) {
			return "", h.rules.Deny(a, login)
		}
		if to, err = h.rules.Approve(h.ctx, a, login, nil, a.Scopes, p.caller()); err != nil {
			return "", err
		}
	}
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	return u.Query().Get("code"), nil
}

// authorize is a sign-in to an application, and what it then does with its tokens.
func (h *house) authorize(p *person, c *client) error {
	if p.session == nil {
		return nil
	}
	code, verify, err := h.ask(p, c, nil)
	if err != nil || code == "" {
		return err
	}
	h.soon(time.Second, func() error {
		return h.tokens(c, p, url.Values{
			"grant_type": {oauth.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verify},
		})
	})
	return nil
}

// authenticated is a request in which the client says who it is, in the way that it registered (RFC 6749 §2.3.1).
func (c *client) authenticated(v url.Values) (p oauth.Params, header string, err error) {
	switch c.TokenEndpointAuthMethod {
	case oauth.AuthBasic:
		header = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID)+":"+url.QueryEscape(c.secret)))
	case oauth.AuthPost:
		v.Set("client_secret", c.secret)
		fallthrough
	default:
		v.Set("client_id", c.ID)
	}
	p, err = params(v)
	return p, header, err
}

// token is one call of the token endpoint. response is nil where it was refused.
func (h *house) token(c *client, of *person, v url.Values) (response *oauth.TokenResponse, err error) {
	p, header, err := c.authenticated(v)
	if err != nil {
		return nil, err
	}
	from := c.caller(of)
	response, err = h.rules.Token(h.ctx, p, header, from)
	if err != nil {
		return nil, h.refused(audit.TokenRefused, from, err)
	}
	return response, nil
}

// tokens gets tokens, and refreshes them for as long as the application is used.
func (h *house) tokens(c *client, of *person, v url.Values) error {
	response, err := h.token(c, of, v)
	if err != nil || response == nil || response.RefreshToken == "" {
		return err
	}
	times := h.random.IntN(4)
	if h.chance(0.2) {
		times += 6
	}
	h.refreshLater(c, of, response.RefreshToken, times)
	return nil
}

func (h *house) refreshLater(c *client, of *person, refresh string, times int) {
	h.soon(h.Policy.Lifetimes.AccessToken+h.upTo(10*time.Hour), func() error {
		if times == 0 {
			if !h.chance(0.2) {
				return nil // it is not used any more
			}
			return h.revoke(c, of, refresh)
		}
		response, err := h.token(c, of, url.Values{"grant_type": {oauth.GrantRefreshToken}, "refresh_token": {refresh}})
		if err != nil || response == nil {
			return err
		}
		h.refreshLater(c, of, response.RefreshToken, times-1)
		return nil
	})
}

// revoke is an application signing its person out (RFC 7009).
func (h *house) revoke(c *client, of *person, token string) error {
	p, header, err := c.authenticated(url.Values{"token": {token}})
	if err != nil {
		return err
	}
	return mustNot(h.rules.Revoke(h.ctx, p, header, c.caller(of)))
}

// machines get tokens of their own. There are many, and none is written down by itself: they are counted, hour by hour.
func (h *house) machines() {
	for _, row := range clients {
		if row.hourly == 0 {
			continue
		}
		if row.id == "cl_billing" {
			for at := h.Now.Add(-29 * day); at.Before(h.Now); at = at.Add(12 * time.Hour) {
				h.plan(at.Add(h.upTo(11*time.Hour)), h.introspect)
			}
		}
		for at := h.Now.Add(-row.born).Truncate(time.Hour).Add(2 * time.Hour); at.Before(h.Now); at = at.Add(time.Hour) {
			at := at.Add(h.upTo(time.Hour))
			h.plan(at, func() error { return h.work(h.clients[row.id]) })
		}
	}
}

// introspect is an API asking about a token that it was shown (RFC 7662).
func (h *house) introspect() error {
	response, err := h.token(h.clients["cl_billing"], nil, url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {"orders:read"}})
	if err != nil || response == nil {
		return err
	}
	p, header, err := h.clients["cl_orders"].authenticated(url.Values{"token": {response.AccessToken}})
	if err != nil {
		return err
	}
	_, err = h.rules.Introspect(h.ctx, p, header)
	return mustNot(err)
}

func (h *house) work(c *client) error {
	if c.expires > 0 && h.clock.After(h.Now.Add(-c.expires)) { // its secret has ended, and it tries on
		for range 1 + h.random.IntN(3) {
			if _, err := h.token(c, nil, url.Values{"grant_type": {oauth.GrantClientCredentials}}); err != nil {
				return err
			}
		}
		return nil
	}
	n := h.some(float64(c.hourly) * busy(h.clock) * (0.85 + 0.3*h.random.Float64()))
	if n == 0 {
		return nil
	}
	h.store.NoteSecretUse(c.ID, c.secretID, h.clock)
	h.store.Count(audit.Event{
		At: h.clock, Action: audit.TokenIssued, Outcome: audit.Success, ClientID: c.ID, Actor: c.party(), Target: c.party(), Count: int64(n),
	})
	return nil
}

// trouble is what goes wrong, each kind as often as it does, at any time.
func (h *house) trouble() {
	storefront := func() *client { return h.clients["cl_storefront"] }
	for _, t := range []struct {
		times int
		do    func() error
	}{
		{9, func() error { return h.astray(url.Values{"redirect_uri": {"https://shop.acme.example/callback/"}}) }},
		{5, func() error { return h.astray(url.Values{"scope": {"openid orders:everything"}}) }},
		{4, func() error { return h.astray(url.Values{"code_challenge_method": {"plain"}}) }},
		{3, func() error { return h.astray(url.Values{"client_id": {"cl_storefrnt"}}) }},
		{6, func() error {
			return h.tried(storefront(), url.Values{"grant_type": {oauth.GrantAuthorizationCode}, "code": {secret.New("gh_ac_")}})
		}},
		{3, func() error {
			return h.tried(storefront(), url.Values{"grant_type": {oauth.GrantPassword}, "username": {"somchai"}, "password": {"x"}})
		}},
		{4, func() error {
			return h.tried(h.clients["cl_wallet"], url.Values{"grant_type": {oauth.GrantRefreshToken}, "refresh_token": {secret.New("gh_rt_")}})
		}},
		{8, h.wrongSecret}, {5, h.wrongVerifier}, {4, h.lateCode}, {6, h.staleToken}, {7, h.unknownName}, {6, h.forgotten},
	} {
		for i := range t.times {
			within := Length - 3*day
			if i == 0 {
				within = 20 * time.Hour // of each kind one lately
			}
			h.plan(h.Now.Add(-h.upTo(within)), t.do)
		}
	}
	h.plan(h.Now.Add(-31*time.Hour), func() error { return h.stolen("cl_wallet") })
	h.plan(h.Now.Add(-8*day), h.repeatedCode)
	h.plan(h.Now.Add(-3*day), h.withdrawal)
	for range 23 { // somebody guesses
		h.plan(h.Now.Add(-5*time.Hour-h.upTo(40*time.Minute)), func() error {
			p := *h.people[4]
			p.ip, p.agent = "198.51.100.77", "curl/8.5.0"
			return h.wrongPassword(&p)
		})
	}
}

// guest is somebody who is signed in.
func (h *house) guest() (*person, error) {
	p := h.anybody()
	if p.session != nil && p.session.Live(h.clock, identity.SessionIdle) {
		return p, nil
	}
	return p, h.signIn(p)
}

// astray is a request to authorize that is not as it should be.
func (h *house) astray(changes url.Values) error {
	p, err := h.guest()
	if err != nil || p.session == nil {
		return err
	}
	_, _, err = h.ask(p, h.clients["cl_storefront"], changes)
	return err
}

// tried is a token request that is not as it should be.
func (h *house) tried(c *client, v url.Values) error {
	_, err := h.token(c, h.anybody(), v)
	return err
}

func (h *house) wrongSecret() error {
	c := *h.clients["cl_billing"]
	c.secret = secret.New("gh_cs_")
	return h.tried(&c, url.Values{"grant_type": {oauth.GrantClientCredentials}})
}

// withCode does something with a fresh code.
func (h *house) withCode(do func(c *client, p *person, form url.Values) error) error {
	p, err := h.guest()
	if err != nil || p.session == nil {
		return err
	}
	c := h.clients["cl_reports"]
	code, verify, err := h.ask(p, c, nil)
	if err != nil || code == "" {
		return err
	}
	return do(c, p, url.Values{"grant_type": {oauth.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verify}})
}

func (h *house) wrongVerifier() error {
	return h.withCode(func(c *client, p *person, form url.Values) error {
		form.Set("code_verifier", secret.New(""))
		h.soon(time.Second, func() error { return h.tokens(c, p, form) })
		return nil
	})
}

func (h *house) lateCode() error {
	return h.withCode(func(c *client, p *person, form url.Values) error {
		h.soon(3*time.Minute, func() error { return h.tokens(c, p, form) })
		return nil
	})
}

func (h *house) repeatedCode() error {
	return h.withCode(func(c *client, p *person, form url.Values) error {
		for _, after := range []time.Duration{time.Second, 4 * time.Second} {
			h.soon(after, func() error { return h.tokens(c, p, form) })
		}
		return nil
	})
}

// staleToken is an application that goes on with an access token that has expired.
func (h *house) staleToken() error {
	return h.withCode(func(c *client, p *person, form url.Values) error {
		h.soon(time.Second, func() error {
			response, err := h.token(c, p, form)
			if err != nil || response == nil {
				return err
			}
			h.soon(h.Policy.Lifetimes.AccessToken+time.Minute, func() error {
				_, err := h.rules.Userinfo(h.ctx, response.AccessToken)
				return h.refused(audit.UserinfoRefused, c.caller(p), err)
			})
			return nil
		})
		return nil
	})
}

func (h *house) unknownName() error {
	return h.store.Record(h.ctx, audit.Event{
		At: h.clock, Action: audit.SignInRefused, Outcome: audit.Refused, Caller: callFrom("198.51.100.23", agents[4]),
		Cause: &audit.Cause{Rule: "user_known", Expected: "the username or e-mail address of a user", Remedy: "Create the user."},
	})
}

// forgotten is somebody who tries again and again, and at last remembers.
func (h *house) forgotten() error {
	p := h.anybody()
	for i := range 3 {
		h.soon(time.Duration(i)*11*time.Second, func() error { return h.wrongPassword(p) })
	}
	h.soon(time.Minute, func() error { return h.signIn(p) })
	return nil
}

// stolen is a refresh token that two use: whoever comes second ends the family for both (security.md rule 1).
func (h *house) stolen(id string) error {
	another := func() error { // whom chance picked does not get so far: it happens to somebody else
		h.soon(time.Minute, func() error { return h.stolen(id) })
		return nil
	}
	p, err := h.guest()
	if err != nil {
		return err
	}
	if p.session == nil {
		return another()
	}
	c := h.clients[id]
	code, verify, err := h.ask(p, c, nil)
	if err != nil {
		return err
	}
	if code == "" {
		return another()
	}
	response, err := h.token(c, p, url.Values{"grant_type": {oauth.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verify}})
	if err != nil {
		return err
	}
	if response == nil {
		return another()
	}
	taken := response.RefreshToken
	thief := *p
	thief.ip = "198.51.100.140"
	refresh := func(by *person, token *string) func() error {
		return func() error {
			response, err := h.token(c, by, url.Values{"grant_type": {oauth.GrantRefreshToken}, "refresh_token": {*token}})
			if response != nil {
				*token = response.RefreshToken
			}
			return err
		}
	}
	own := taken
	for i := range 4 {
		h.soon(time.Duration(i+1)*20*time.Minute, refresh(p, &own))
	}
	h.soon(85*time.Minute, refresh(&thief, &taken))
	h.soon(100*time.Minute, refresh(p, &own))
	return nil
}

// withdrawal is somebody who does not want an application to have access any more.
func (h *house) withdrawal() error {
	for _, p := range h.people {
		err := h.store.WithdrawConsent(h.ctx, p.ID, "cl_storefront", h.clock, func() audit.Event {
			e := h.event(p, audit.ConsentWithdrawn, h.clients["cl_storefront"].party())
			e.UserID, e.ClientID = p.ID, "cl_storefront"
			return e
		}())
		if !fault.IsNotFound(err) {
			return err
		}
	}
	return nil
}
