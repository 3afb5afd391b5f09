package webtest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/publicsuffix"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/request"
)

// Browser is a person's browser: it keeps cookies, follows redirections within the house, and submits the forms it is shown.
type Browser struct {
	Page  Page // what it shows
	house *House
	http  *http.Client
	t     testing.TB
}

// Page is what a browser shows.
type Page struct {
	Status   int
	URL      *url.URL
	Header   http.Header
	Body     string
	Location *url.URL // where the house sent the browser away to, if it did
	root     *html.Node
}

// Browser opens a browser without cookies.
func (h *House) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	must(t, err)
	b := &Browser{house: h, t: t}
	b.http = &http.Client{Transport: h, Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Scheme+"://"+r.URL.Host != h.Issuer {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

// Jar holds the browser's cookies.
func (b *Browser) Jar() http.CookieJar { return b.http.Jar }

// On is the same browser, with the same cookies, when another node serves it.
func (b *Browser) On(h *House) *Browser {
	client := *b.http
	client.Transport = h
	return &Browser{Page: b.Page, house: h, http: &client, t: b.t}
}

// Get opens a path of the house, or a whole URL.
func (b *Browser) Get(path string) *Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.absolute(path), nil) //nolint:noctx // a browser in a test
	must(b.t, err)
	return b.Do(r)
}

func (b *Browser) absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return b.house.Issuer + path
	}
	return path
}

// Post sends a form that no page showed: what a forger or a broken script would do.
func (b *Browser) Post(path string, form url.Values) *Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.absolute(path), strings.NewReader(form.Encode())) //nolint:noctx // a browser in a test
	must(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.Page.URL != nil { // within the house a browser tells where a form was
		r.Header.Set("Referer", b.Page.URL.String())
	}
	return b.Do(r)
}

// Do sends a request with the browser's cookies and shows the answer.
func (b *Browser) Do(r *http.Request) *Page {
	b.t.Helper()
	response, err := b.http.Do(r)
	must(b.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(b.t, err)
	b.Page = Page{Status: response.StatusCode, URL: response.Request.URL, Header: response.Header, Body: string(body)}
	if location, err := response.Location(); err == nil {
		b.Page.Location = location
	}
	if b.Page.root, err = html.Parse(strings.NewReader(b.Page.Body)); err != nil {
		b.t.Fatalf("%s is no HTML: %v", b.Page.URL, err)
	}
	return &b.Page
}

// Form is a form on the page, with the values it would send.
type Form struct {
	Action, Method string
	Values         url.Values
}

// Form returns the form on the page that posts to the path (its query is ignored).
func (b *Browser) Form(action string) *Form {
	b.t.Helper()
	forms := b.Page.forms()
	for _, f := range forms {
		if path, _, _ := strings.Cut(f.Action, "?"); path == action {
			return f
		}
	}
	b.t.Fatalf("%s (%d) shows no form to %s:\n%s", b.Page.URL, b.Page.Status, action, b.Page.Text())
	return nil
}

// Submit fills in the form to the path and sends it, as pressing its button does. Fields the form does not have fail the test.
func (b *Browser) Submit(action string, fill url.Values) *Page {
	b.t.Helper()
	f := b.Form(action)
	names := b.Page.fieldNames(action)
	for name, values := range fill {
		if !slices.Contains(names, name) {
			b.t.Fatalf("the form to %s has no field %q, only %q", action, name, names)
		}
		f.Values[name] = values
	}
	if strings.EqualFold(f.Method, http.MethodGet) {
		return b.Get(f.Action + "?" + f.Values.Encode())
	}
	return b.Post(f.Action, f.Values)
}

// SignIn signs the person in, wherever the browser is.
func (b *Browser) SignIn(u *identity.User) *Page {
	b.t.Helper()
	if b.Page.URL == nil || b.Page.URL.Path != "/login" {
		b.Get("/login")
	}
	return b.Submit("/login", url.Values{"username": {u.Username}, "password": {Password}})
}

// Enter is SignIn without its page and the time that a password takes.
func (b *Browser) Enter(u *identity.User) *Page {
	b.t.Helper()
	b.begin(u)
	if u.Role.Console() {
		return b.Get("/console")
	}
	return b.Get("/account")
}

// begin gives the browser a session of the person.
func (b *Browser) begin(u *identity.User) {
	b.t.Helper()
	token, device, now := secret.New(""), secret.New(""), b.house.Clock.Now()
	must(b.t, b.house.Store.CreateSession(context.Background(), store.SignIn{CheckedHash: u.PasswordHash, DeviceHash: secret.Hash(device), Session: identity.Session{
		TokenHash: secret.Hash(token), UserID: u.ID, AuthTime: now, ProvenAt: &now, AMR: "pwd", LastSeenAt: now, ExpiresAt: now.Add(identity.SessionAbsolute),
		IP: "0.0.0.0", UserAgent: "Go-http-client/1.1",
	}}, now, audit.Event{
		At: now, Action: audit.SignInSucceeded, Outcome: audit.Success, UserID: u.ID, Caller: audit.Caller{IP: "0.0.0.0"},
		Actor: audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username},
	}))
	at, err := url.Parse(b.house.Issuer)
	must(b.t, err)
	names := request.House{Secure: at.Scheme == "https"}
	var cookies []*http.Cookie
	for name, value := range map[string]string{request.SessionCookie: token, request.DeviceCookie: device} {
		cookies = append(cookies, &http.Cookie{Name: names.CookieName(name), Value: value, Path: "/", Secure: names.Secure, HttpOnly: true})
	}
	b.http.Jar.SetCookies(at, cookies)
}

func (p *Page) forms() []*Form {
	var out []*Form
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		f := &Form{Action: attr(n, "action"), Method: attr(n, "method"), Values: url.Values{}}
		for field := range n.Descendants() {
			if name := attr(field, "name"); name != "" && field.Type == html.ElementNode {
				f.read(field, name)
			}
		}
		out = append(out, f)
	}
	return out
}

// read takes a field's value as a browser would send it without anybody touching it.
func (f *Form) read(field *html.Node, name string) {
	switch field.Data {
	case "input":
		switch attr(field, "type") {
		case "submit", "button", "image", "reset":
		case "checkbox", "radio":
			if has(field, "checked") {
				value := attr(field, "value")
				if !has(field, "value") {
					value = "on"
				}
				f.Values.Add(name, value)
			}
		default:
			f.Values.Add(name, attr(field, "value"))
		}
	case "textarea":
		var typed strings.Builder
		for n := range field.Descendants() {
			typed.WriteString(n.Data)
		}
		f.Values.Add(name, typed.String())
	case "select":
		value, found := "", false
		for option := range field.Descendants() {
			if option.Data != "option" {
				continue
			}
			v := attr(option, "value")
			if !has(option, "value") {
				v = text(option)
			}
			if !found || has(option, "selected") {
				value, found = v, true
			}
		}
		f.Values.Add(name, value)
	}
}

func (p *Page) fieldNames(action string) []string {
	var names []string
	for n := range p.root.Descendants() {
		if path, _, _ := strings.Cut(attr(n, "action"), "?"); n.Data != "form" || path != action {
			continue
		}
		for field := range n.Descendants() {
			if name := attr(field, "name"); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// Text is what the page says, without markup.
func (p *Page) Text() string { return strings.Join(strings.Fields(text(p.root)), " ") }

// Element returns the attribute of the element with this id; found tells whether there is one.
func (p *Page) Element(id, attribute string) (value string, found bool) {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && attr(n, "id") == id {
			return attr(n, attribute), true
		}
	}
	return "", false
}

// Part is an element of a page.
type Part struct{ node *html.Node }

// Parts are the elements with this tag whose attribute has this value; of class it is one word. An empty attribute asks for none.
func (p *Page) Parts(tag, attribute, value string) []Part {
	var out []Part
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || n.Data != tag {
			continue
		}
		if attribute == "" || attr(n, attribute) == value || (attribute == "class" && slices.Contains(strings.Fields(attr(n, attribute)), value)) {
			out = append(out, Part{n})
		}
	}
	return out
}

// Attr is the value of the element's attribute, empty if it has none.
func (e Part) Attr(name string) string { return attr(e.node, name) }

// Text is what the element says, without markup.
func (e Part) Text() string { return strings.Join(strings.Fields(text(e.node)), " ") }

// Says is what the element with this id says, empty if there is none.
func (p *Page) Says(id string) string {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && attr(n, "id") == id {
			return Part{n}.Text()
		}
	}
	return ""
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	if n.Data == "script" || n.Data == "style" || n.Data == "template" {
		return ""
	}
	var b strings.Builder
	for c := range n.ChildNodes() {
		b.WriteString(text(c))
		b.WriteByte(' ')
	}
	return b.String()
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// Verifier is the code_verifier of every built authorization request.
const Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// Challenge is its code_challenge.
func Challenge() string {
	sum := sha256.Sum256([]byte(Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// AuthorizeURL is an authorization request of the client; override or remove (by an empty value) what the test is about.
func (h *House) AuthorizeURL(c *Client, override url.Values) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {Callback}, "scope": {"openid profile email offline_access"},
		"state": {"state-0123456789"}, "nonce": {"nonce-0123456789"}, "code_challenge": {Challenge()}, "code_challenge_method": {oauth.ChallengeS256},
	}
	for name, values := range override {
		if len(values) == 0 || (len(values) == 1 && values[0] == "") {
			q.Del(name)
			continue
		}
		q[name] = values
	}
	return oauth.PathAuthorize + "?" + q.Encode()
}

// Authorize takes the person through sign-in and consent as far as they are asked, and returns what the client is told.
func (b *Browser) Authorize(c *Client, u *identity.User, override url.Values) url.Values {
	b.t.Helper()
	p := b.Get(b.house.AuthorizeURL(c, override))
	if p.Location == nil && p.URL.Path == "/login" {
		p = b.SignIn(u)
	}
	if p.Location == nil && p.URL.Path == "/consent" {
		p = b.Allow()
	}
	if p.Location == nil {
		b.t.Fatalf("the request led to %s (%d): %s", p.URL, p.Status, p.Text())
	}
	return Told(p.Location)
}

// Told is what a client reads from a redirection, wherever in it the answer is.
func Told(to *url.URL) url.Values {
	if to.Fragment == "" {
		return to.Query()
	}
	values, err := url.ParseQuery(to.EscapedFragment())
	if err != nil {
		return nil
	}
	return values
}

// Allow consents to what the page asks.
func (b *Browser) Allow() *Page {
	b.t.Helper()
	return b.Submit("/consent", url.Values{"decision": {"allow"}})
}

// Code takes the person through an authorization request and returns the code.
func (b *Browser) Code(c *Client, u *identity.User, override url.Values) string {
	b.t.Helper()
	answer := b.Authorize(c, u, override)
	if answer.Get("code") == "" {
		b.t.Fatalf("the client got no code but %v", answer)
	}
	return answer.Get("code")
}

// Redeem trades a code of AuthorizeURL for tokens.
func (h *House) Redeem(t testing.TB, c *Client, code string) Answer {
	t.Helper()
	return h.Post(t, oauth.PathToken, c, url.Values{
		"grant_type": {oauth.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {Callback}, "code_verifier": {Verifier},
	})
}

// Refresh trades a refresh token for new tokens.
func (h *House) Refresh(t testing.TB, c *Client, token string) Answer {
	t.Helper()
	return h.Post(t, oauth.PathToken, c, url.Values{"grant_type": {oauth.GrantRefreshToken}, "refresh_token": {token}})
}

// Tokens takes a person through the whole code flow.
func (h *House) Tokens(t testing.TB, c *Client, u *identity.User, override url.Values) Answer {
	t.Helper()
	b := h.Browser(t)
	b.begin(u)
	a := h.Redeem(t, c, b.Code(c, u, override))
	if a.Status != http.StatusOK {
		t.Fatalf("the code was refused: %d %s", a.Status, a.Body)
	}
	return a
}
