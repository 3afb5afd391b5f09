package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

// negative is a case of protocol.md §4: its number there, what is sent, and what has to come back. An empty code with a status
// of 200 is a case that has to work; rule is the cause that is written down.
type negative struct {
	no     int
	name   string
	spec   string
	send   func(x *stage) webtest.Answer
	status int
	code   string
	rule   string
	where  string // a machine's JSON unless told
}

// Where an answer is.
const (
	toClient   = "client"   // in a redirection's query
	toFragment = "fragment" // in a redirection's fragment, where tokens go
	toPerson   = "person"   // on a page
	toNext     = "next"     // in a redirection that a browser follows
	toCommand  = "command line"
)

// negatives is the one table; each theme has a file.
var negatives = slices.Concat(clientNegatives, codeNegatives, authorizeNegatives, tokenNegatives, metadataNegatives)

// covered are the numbers that the table has to have, from and to.
var covered = [][2]int{{1, 50}, {54, 67}, {73, 73}, {83, 85}}

// stage is what the negative cases are played on. Each case makes its own codes and tokens and leaves the rest as it was.
type stage struct {
	*testing.T
	h                              *webtest.House
	basic, post, public, job, free *webtest.Client // free need not use PKCE
	other                          *webtest.Client
	b                              *webtest.Browser // whose person has consented to basic, public and free
	user                           *identity.User   // that person
	outside                        *outside
	channel                        string // by which the client was told something: toClient or toFragment

	orders, mail *webtest.API
	shop         *webtest.Client // may ask for what both take
	lax          *webtest.House  // the same house, with the password grant and implicit switched on
	old          *webtest.Client // uses both
}

// outside is a server that the house has no reason to call.
type outside struct {
	URL   string
	calls atomic.Int64
}

func newOutside(t *testing.T) *outside {
	var o outside
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.calls.Add(1)
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	t.Cleanup(s.Close)
	o.URL = s.URL
	return &o
}

func TestNegatives_coverEveryCase(t *testing.T) {
	t.Parallel()
	rows := map[int][]string{}
	for _, c := range negatives {
		if c.spec == "" || slices.Contains(rows[c.no], c.name) {
			t.Errorf("%d %q says no section, or is there twice", c.no, c.name)
		}
		rows[c.no] = append(rows[c.no], c.name)
	}
	for _, r := range covered {
		for no := r[0]; no <= r[1]; no++ {
			if len(rows[no]) == 0 {
				t.Errorf("case %d has no row", no)
			}
		}
	}
	t.Logf("%d rows cover %d cases", len(negatives), len(rows))
}

func TestNegatives(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "jobs:run", "Run jobs")
		h.Scope(t, "orders:read", "See orders")
		lax := webtest.Open(t, h.Store, func(o *webtest.Options) {
			o.Clock, o.Sealer, o.PasswordGrant, o.ImplicitGrant = h.Clock, h.Sealer, true, true
		})
		x := &stage{h: h, basic: h.Client(t), other: h.Client(t), public: h.Client(t, webtest.Public), b: h.Browser(t), outside: newOutside(t)}
		x.post = h.Client(t, func(c *oauth.Client) { c.TokenEndpointAuthMethod = oauth.AuthPost })
		x.job = h.Client(t, service, func(c *oauth.Client) { c.Scopes = oauth.Scopes{"jobs:run"} })
		x.free = h.Client(t, func(c *oauth.Client) { c.RequirePKCE = false })
		x.orders = h.API(t)
		x.mail = h.API(t, func(a *oauth.API) { a.Identifier, a.Scopes = "https://mail.example.test", oauth.Scopes{"send"} })
		x.shop = h.Client(t, withScopes("read", "write", "send"))
		x.lax, x.old = lax, lax.Client(t, withScopes("read", "send"))
		x.user = h.User(t)
		for _, c := range []*webtest.Client{x.basic, x.public, x.free, x.shop, x.old} {
			x.b.Code(c, x.user, nil)
		}
		for _, c := range negatives {
			t.Run(fmt.Sprintf("%02d %s", c.no, c.name), func(t *testing.T) {
				h.Clock.Advance(6 * time.Second) // failures are counted by the minute
				y := *x
				y.T = t
				before := h.Clock.Now()
				a := c.send(&y)
				y.judge(c, a, before)
			})
		}
	})
}

func (x *stage) judge(c negative, a webtest.Answer, since time.Time) {
	if a.Status != c.status || a.Str("error") != c.code {
		x.Errorf("%s: answered %d %s %v, want %d %s", c.spec, a.Status, a.Body, a.JSON, c.status, c.code)
	}
	if strings.ContainsFunc(a.Str("error_description"), undescribable) { // case 18
		x.Errorf("error_description is %q", a.Str("error_description"))
	}
	switch c.where {
	case toPerson:
		if kind := a.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") || len(a.JSON) > 0 || a.Header.Get("Location") != "" || a.Header.Get("Refresh") != "" {
			x.Errorf("not a page: %q, sent back %v to %q", kind, a.JSON, a.Header.Get("Location"))
		}
	case toClient, toFragment:
		if x.channel != c.where {
			x.Errorf("the client was told by its %q", x.channel)
		}
		if (a.Str("error_uri") == "") != (c.code == "") {
			x.Errorf("the client was told %v", a.JSON)
		}
	case toNext:
		if a.Header.Get("Location") == "" {
			x.Error("it leads nowhere")
		}
	case toCommand:
		if a.Str("error_description") == "" {
			x.Error("nothing was said")
		}
	default:
		x.machine(c, a)
	}
	if c.where != "" && a.Header.Get("Access-Control-Allow-Origin") != "" { // case 19
		x.Error("the authorization endpoint sends CORS headers")
	}
	if a.Header.Get("X-Evil") != "" { // case 42
		x.Errorf("the headers are split: %v", a.Header)
	}
	if n := x.outside.calls.Swap(0); n > 0 { // case 49
		x.Errorf("the house called out %d times", n)
	}
	if c.rule != "" {
		x.writtenDown(c, a, since)
	}
}

// writtenDown looks for the refusal in the audit log: its cause is for the console alone (security.md rule 14).
func (x *stage) writtenDown(c negative, a webtest.Answer, since time.Time) {
	events, err := x.h.Store.Events(x.Context(), store.EventFilter{Limit: 30})
	x.must(err)
	i := slices.IndexFunc(events, func(e audit.Event) bool {
		return e.Cause != nil && e.Cause.Rule == c.rule && !e.At.Before(since)
	})
	if i < 0 {
		x.Errorf("no refusal by %s was written down", c.rule)
		return
	}
	e := events[i]
	if uri, err := url.Parse(a.Str("error_uri")); a.Str("error_uri") != "" && (err != nil || uri.Path != "/errors/"+c.code || uri.Query().Get("request") == "") {
		x.Errorf("error_uri is %q", a.Str("error_uri"))
	}
	if told := a.Body + a.Str("error_description"); c.where != toPerson && (strings.Contains(told, e.Cause.Rule) || (len(e.Cause.Remedy) > 25 && strings.Contains(told, e.Cause.Remedy))) {
		x.Errorf("the cause is told: %s", told)
	}
	if len(e.Cause.Received) > 256 {
		x.Errorf("%d bytes were kept", len(e.Cause.Received))
	}
}

// machine is case 18: what every answer to a machine has to have.
func (x *stage) machine(c negative, a webtest.Answer) {
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || len(a.Header.Values("Set-Cookie")) > 0 {
		x.Errorf("CORS %q, cookies %q", a.Header.Get("Access-Control-Allow-Origin"), a.Header.Values("Set-Cookie"))
	}
	if a.Body == "" { // a preflight, a revocation
		return
	}
	cache, kind := "no-store", "application/json"
	switch {
	case a.JSON["keys"] != nil:
		cache, kind = "public, max-age=300", "application/jwk-set+json"
	case a.JSON["issuer"] != nil:
		cache = "public, max-age=300"
	}
	if a.Header.Get("Cache-Control") != cache || a.Header.Get("Content-Type") != kind {
		x.Errorf("Cache-Control %q, Content-Type %q", a.Header.Get("Cache-Control"), a.Header.Get("Content-Type"))
	}
	if a.Status == http.StatusUnauthorized && c.code == "invalid_client" && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic") {
		x.Errorf("challenged with %q", a.Header.Get("WWW-Authenticate"))
	}
}

// undescribable characters may not be in error_description (RFC 6749 §5.2).
func undescribable(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }

func (x *stage) works(a webtest.Answer, what string) {
	x.Helper()
	if a.Status != http.StatusOK {
		x.Errorf("%s: %d %s", what, a.Status, a.Body)
	}
}

func (x *stage) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// alike checks that nothing but the request id tells two answers apart.
func (x *stage) alike(a, b webtest.Answer) {
	x.Helper()
	plain := func(a webtest.Answer) string {
		header := a.Header.Clone()
		header.Del("Date")
		out := fmt.Sprint(a.Status, header, a.Body)
		if uri, err := url.Parse(a.Str("error_uri")); err == nil && uri.Query().Get("request") != "" {
			out = strings.ReplaceAll(out, uri.Query().Get("request"), "…")
		}
		return out
	}
	if plain(a) != plain(b) {
		x.Errorf("%s differs from %s", plain(a), plain(b))
	}
}

// withSecret gives a new client a secret of our choice.
func (x *stage) withSecret(value string, expires *time.Time) *webtest.Client {
	c := x.h.Client(x)
	if err := x.h.Store.AddClientSecret(x.Context(), oauth.ClientSecret{
		ClientID: c.ID, Hash: secret.Hash(value), Hint: value[len(value)-4:], ExpiresAt: expires,
	}, x.h.Clock.Now(), event()); err != nil {
		x.Fatal(err)
	}
	c.Secret = value
	return c
}

func (x *stage) code() string           { return x.b.Code(x.basic, x.user, nil) }
func (x *stage) tokens() webtest.Answer { return x.h.Redeem(x, x.basic, x.code()) }

// token sends a form to the token endpoint as it is, with headers as name, value.
func (x *stage) token(body string, headers ...string) webtest.Answer {
	return x.send(http.MethodPost, oauth.PathToken, body, headers...)
}

func (x *stage) send(method, path, body string, headers ...string) webtest.Answer {
	r := x.h.Request(x, method, path, body)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return x.h.Do(x, r)
}

// as is an Authorization header with these two halves, encoded as RFC 6749 §2.3.1 asks.
func as(id, value string) string {
	return raw(url.QueryEscape(id) + ":" + url.QueryEscape(value))
}

func raw(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// values are name, value pairs as a form or query.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func (x *stage) grant(c *webtest.Client, fields ...string) webtest.Answer {
	return x.h.Post(x, oauth.PathToken, c, values(fields...))
}

// redeem is a code's redemption with one field changed; empty removes it.
func (x *stage) redeem(c *webtest.Client, code, field, value string) webtest.Answer {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.Callback}, "code_verifier": {webtest.Verifier}}
	form.Set(field, value)
	if value == "" {
		form.Del(field)
	}
	return x.h.Post(x, oauth.PathToken, c, form)
}

func (x *stage) refresh(c *webtest.Client, token string, more ...string) webtest.Answer {
	return x.grant(c, append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

func (x *stage) userinfo(token string) webtest.Answer {
	return x.h.Get(x, oauth.PathUserinfo, token)
}

func (x *stage) introspect(c *webtest.Client, token string) webtest.Answer {
	return x.h.Post(x, oauth.PathIntrospect, c, url.Values{"token": {token}})
}

// inactive introspects a token of which nothing may be said.
func (x *stage) inactive(c *webtest.Client, token string) webtest.Answer {
	a := x.introspect(c, token)
	if a.Body != `{"active":false}` {
		x.Errorf("introspection says %s", a.Body)
	}
	return a
}

func (x *stage) revoke(c *webtest.Client, token string) webtest.Answer {
	return x.h.Post(x, oauth.PathRevoke, c, url.Values{"token": {token}})
}

// authorize sends a request to the authorization endpoint and returns what the client is told, as an answer. Its status is that
// of a page where nothing was sent back.
func (x *stage) authorize(c *webtest.Client, override url.Values) webtest.Answer {
	request := x.h.AuthorizeURL(c, override)
	a := x.told(x.b.Get(request))
	if a.Str("error") != "" { // case 39
		if state := x.stateOf(request); a.Str("state") != state {
			x.Errorf("state came back as %q, was %q", a.Str("state"), state)
		}
	}
	return a
}

// implicitly is authorize for a token, where the house is lax.
func (x *stage) implicitly(c *webtest.Client, override url.Values) webtest.Answer {
	y := *x
	y.h, y.b = x.lax, x.b.On(x.lax)
	if !override.Has("response_type") {
		override.Set("response_type", oauth.ResponseTypeToken)
	}
	a := y.authorize(c, override)
	x.channel = y.channel
	return a
}

// stateOf is the state that an authorization request has to get back: none if it sent several.
func (x *stage) stateOf(request string) string {
	u, err := url.Parse(request)
	x.must(err)
	if states := u.Query()["state"]; len(states) == 1 {
		return states[0]
	}
	return ""
}

// told is what a page that leads back to the client tells it.
func (x *stage) told(p *webtest.Page) webtest.Answer {
	a := webtest.Answer{Status: p.Status, Header: p.Header, Body: p.Body, JSON: map[string]any{}}
	if p.Location == nil {
		return a
	}
	q, separator := webtest.Told(p.Location), "?"
	for name := range q {
		a.JSON[name] = q.Get(name)
	}
	if x.channel = toClient; p.Location.Fragment != "" {
		x.channel, separator = toFragment, "#"
	}
	if q.Get("error") != "" && (q.Get("iss") != x.h.Issuer || q.Has("code") || q.Has("access_token")) { // case 39
		x.Errorf("an error came by %s", p.Location)
	}
	if !strings.HasPrefix(p.Location.String(), webtest.Callback+separator) {
		x.Errorf("sent to %s", p.Location)
	}
	return a
}

// signedBy is a JWT with this header and these claims; the key is that of its algorithm, or nil for none.
func signedBy(alg jwt.SigningMethod, key any, header map[string]any, claims any) string {
	head := map[string]any{"alg": alg.Alg(), "typ": "JWT"}
	for name, value := range header {
		head[name] = value
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	content := part(head) + "." + part(claims)
	signature, err := alg.Sign(content, key)
	if err != nil {
		panic(err)
	}
	return content + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// signed is a JWT by the house's own key.
func (x *stage) signed(alg, typ string, claims map[string]any) string {
	token, err := x.h.App.Rules().Keys.Sign(x.Context(), alg, typ, jwt.MapClaims(claims))
	x.must(err)
	return token
}

// changed sets one of the claims; nil removes it.
func changed(claims map[string]any, name string, value any) map[string]any {
	claims[name] = value
	if value == nil {
		delete(claims, name)
	}
	return claims
}
