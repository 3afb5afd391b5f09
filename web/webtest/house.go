// Package webtest opens the whole house in a test: the real app on a real, fresh database, a clock that moves only when
// told, and browsers with cookie jars that fill in the forms they are shown.
package webtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web"
)

// Issuer is the default issuer of a house in a test.
const Issuer = "https://id.example.test"

// Password is every built user's password.
const Password = "correct horse battery staple"

// House is a Gatehouse in a test.
type House struct {
	App    *web.App
	Store  *store.Store
	Clock  *Clock
	Issuer string
	// SetupToken opens /setup, as long as there is no user.
	SetupToken string
	Log        *Log
	Sealer     *secret.Sealer
	t          testing.TB
}

// firstMoment is where in a minute a house is opened: what happens does not depend on when the tests run. The minute is the last that is
// over, for programs with a clock of their own take nothing from the future.
const firstMoment = 17*time.Second + 123456*time.Microsecond

// Clock stands still until it is told to move.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time in the house.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Log keeps what the house logs.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Each runs fn against a house on each database, in parallel.
func Each(t *testing.T, fn func(t *testing.T, h *House), with ...func(*Options)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) { fn(t, Open(t, s, with...)) })
}

// Options change how a house is opened.
type Options struct {
	Issuer string
	Clock  *Clock         // shared between nodes
	Sealer *secret.Sealer // shared between nodes
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// PasswordGrant and ImplicitGrant are off, DefaultClient is nobody.
	PasswordGrant, ImplicitGrant bool
	DefaultClient                string
	// Pins are the settings that the environment says, by name.
	Pins map[string]string
	// Web changes whatever else the app is told.
	Web func(*web.Config)
}

// Open opens a house on the store.
func Open(t testing.TB, s *store.Store, with ...func(*Options)) *House {
	t.Helper()
	o := Options{Issuer: Issuer}
	for _, f := range with {
		f(&o)
	}
	if o.Clock == nil {
		o.Clock = &Clock{now: time.Now().UTC().Truncate(time.Minute).Add(firstMoment - time.Minute)}
	}
	if o.Sealer == nil {
		shared, err := sealer()
		must(t, err)
		o.Sealer = shared
	}
	h := &House{Store: s, Clock: o.Clock, Issuer: o.Issuer, Log: &Log{}, Sealer: o.Sealer, t: t}
	h.furnish()
	hasher, err := secret.NewHasher(secret.HasherOptions{Wait: time.Minute, Memory: 64 << 20})
	must(t, err)
	settled, err := policy.New(o.pins())
	must(t, err)
	cfg := web.Config{
		Issuer: o.Issuer, Store: s, Sealer: o.Sealer, Hasher: hasher, Policy: settled, Now: h.Clock.Now, TrustedProxies: o.TrustedProxies,
		DefaultClient: o.DefaultClient,
		Log:           slog.New(slog.NewJSONHandler(h.Log, nil)),
	}
	if o.Web != nil {
		o.Web(&cfg)
	}
	h.App, err = web.New(cfg)
	must(t, err)
	must(t, h.App.ReadSettings(context.Background()))
	t.Cleanup(func() {
		h.App.Stop()
		hasher.Close()
	})
	return h
}

// pins are the settings that the options pin.
func (o Options) pins() map[string]policy.Pin {
	pins := map[string]policy.Pin{}
	for name, on := range map[string]bool{"password_grant": o.PasswordGrant, "implicit_grant": o.ImplicitGrant} {
		if on {
			pins[name] = policy.Pin{Text: "true", Source: "the test"}
		}
	}
	for name, text := range o.Pins {
		pins[name] = policy.Pin{Text: text, Source: "GATEHOUSE_" + strings.ToUpper(name)}
	}
	return pins
}

// furnish gives an empty database its keys and its set-up link, once.
func (h *House) furnish() {
	ctx := context.Background()
	known, err := h.Store.SigningKeys(ctx)
	must(h.t, err)
	if len(known) > 0 {
		return
	}
	must(h.t, h.Store.AddSigningKeys(ctx, h.firstKeys(), audit.Event{At: h.Clock.Now(), Action: audit.KeyRotated, Outcome: audit.Success}))
	h.SetupToken = secret.New("")
	must(h.t, h.Store.SaveSetupLink(ctx, "seed", secret.Hash(h.SetupToken)))
}

// sealer is that of all houses which are given none, so that they can share keys.
var sealer = sync.OnceValues(func() (*secret.Sealer, error) {
	master, err := secret.ParseMasterKey(secret.NewMasterKey())
	if err != nil {
		return nil, err
	}
	return secret.NewSealer(master)
})

// keyRings are keys that houses begin with: making those of RSA takes longer than most tests do. Houses of one test never share
// any, so that none accepts what another has signed.
var keyRings struct {
	sync.Mutex
	made  [][]keys.SigningKey
	taken map[string]int // how many, by the test that belongs to no other
}

func (h *House) firstKeys() []keys.SigningKey {
	h.t.Helper()
	now := h.Clock.Now()
	generate := func() []keys.SigningKey {
		made, err := keys.GenerateAll(nil, h.Sealer, now, now)
		must(h.t, err)
		return made
	}
	if shared, err := sealer(); err != nil || shared != h.Sealer {
		return generate()
	}
	test, _, _ := strings.Cut(h.t.Name(), "/")
	keyRings.Lock()
	defer keyRings.Unlock()
	if keyRings.taken == nil {
		keyRings.taken = map[string]int{}
	}
	n := keyRings.taken[test]
	keyRings.taken[test]++
	if n == len(keyRings.made) {
		keyRings.made = append(keyRings.made, generate())
	}
	ring := slices.Clone(keyRings.made[n])
	for i := range ring {
		ring[i].CreatedAt, ring[i].ActiveFrom = now, now
	}
	return ring
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// RoundTrip serves a request by the app itself, so that every test has a real http.Client.
func (h *House) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := h.App.Test(r, -1)
	if response != nil {
		response.Request = r
	}
	return response, err
}

// HTTP returns an http.Client of a machine: no cookies, no redirections followed.
func (h *House) HTTP() *http.Client {
	return &http.Client{Transport: h, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Listen serves the house on a real loopback port until the test is over and returns its URL.
func (h *House) Listen(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound at once
	must(t, err)
	go h.App.Listener(listener) //nolint:errcheck // ends with the shutdown below
	t.Cleanup(func() { must(t, h.App.Shutdown()) })
	return "http://" + listener.Addr().String()
}

var (
	hashOnce sync.Once
	hashed   string
)

// passwordHash hashes Password once for all tests.
func passwordHash(t testing.TB) string {
	hashOnce.Do(func() {
		hasher, err := secret.NewHasher(secret.HasherOptions{Wait: time.Minute})
		must(t, err)
		defer hasher.Close()
		hashed, err = hasher.Hash(context.Background(), Password)
		must(t, err)
	})
	return hashed
}

// User makes a user with Password; their username is unique unless one is given.
func (h *House) User(t testing.TB, with ...func(*identity.User)) *identity.User {
	t.Helper()
	id := identity.NewID()
	u := identity.User{
		ID: id, Username: "u" + strings.ReplaceAll(id, "-", ""), Name: "Sofia Ivanova", Role: identity.RoleUser, PasswordHash: passwordHash(t),
		EmailVerified: true, CreatedAt: h.Clock.Now(), UpdatedAt: h.Clock.Now(), Version: 1,
	}
	u.Email = u.Username + "@example.test"
	for _, f := range with {
		f(&u)
	}
	must(t, h.Store.CreateUser(context.Background(), u, h.Clock.Now(), audit.Event{Action: audit.UserCreated, Outcome: audit.Success}))
	return &u
}

// Client is a registered client with its secret, if it has one.
type Client struct {
	oauth.Client
	Secret string
}

var clients atomic.Int64

// Callback is where built clients want their answers.
const Callback = "https://app.example.test/callback"

// Client registers a confidential client that may do everything; override what the test is about.
func (h *House) Client(t testing.TB, with ...func(*oauth.Client)) *Client {
	t.Helper()
	c := Client{Client: oauth.Client{
		Name: "Acme Storefront", ApplicationType: oauth.ApplicationWeb, RedirectURIs: oauth.RedirectURIs{Callback},
		GrantTypes: oauth.Words(h.App.Rules().GrantTypes()), Scopes: oauth.PersonScopes,
		TokenEndpointAuthMethod: oauth.AuthBasic, IDTokenSignedResponseAlg: keys.RS256, RequirePKCE: true,
	}}
	for _, f := range with {
		f(&c.Client)
	}
	if c.Public() {
		c.GrantTypes = slices.DeleteFunc(c.GrantTypes, func(g string) bool { return g == oauth.GrantClientCredentials })
	}
	offer, err := h.Store.Offer(context.Background(), h.App.Rules().GrantTypes())
	must(t, err)
	must(t, c.Validate(offer).Err())
	id := cmp.Or(c.ID, fmt.Sprintf("cl_%022d", clients.Add(1))) // no letters: a search for some finds none by chance
	c.Identify(h.Clock.Now())
	c.ID = id
	var row *oauth.ClientSecret
	if !c.Public() {
		value, made := oauth.NewClientSecret(c.ID, h.Clock.Now(), nil)
		c.Secret, row = value, &made
	}
	must(t, h.Store.CreateClient(context.Background(), c.Client, row, h.Clock.Now(), audit.Event{Action: audit.ClientCreated, Outcome: audit.Success}))
	return &c
}

// Scope makes a scope.
func (h *House) Scope(t testing.TB, name, description string) {
	t.Helper()
	must(t, h.Store.CreateScope(context.Background(), oauth.Scope{Name: name, Description: description, CreatedAt: h.Clock.Now()}, h.Clock.Now(),
		audit.Event{Action: audit.ScopeCreated, Outcome: audit.Success}))
}

// Public makes a client public.
func Public(c *oauth.Client) { c.TokenEndpointAuthMethod = oauth.AuthNone }

// Answer is a machine's answer.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	JSON   map[string]any
}

// Str is a string member of the JSON answer.
func (a Answer) Str(name string) string {
	s, _ := a.JSON[name].(string)
	return s
}

// Post sends a form to a machine endpoint, authenticated as the client unless that is nil.
func (h *House) Post(t testing.TB, path string, client *Client, form url.Values) Answer {
	t.Helper()
	body := url.Values{}
	for k, v := range form {
		body[k] = v
	}
	r := h.Request(t, http.MethodPost, path, "")
	if client != nil {
		switch client.TokenEndpointAuthMethod {
		case oauth.AuthBasic:
			r.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret))
		case oauth.AuthPost:
			body.Set("client_secret", client.Secret)
			body.Set("client_id", client.ID)
		default:
			body.Set("client_id", client.ID)
		}
	}
	encoded := body.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.Do(t, r)
}

// Request makes a request to a path of the house.
func (h *House) Request(t testing.TB, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, h.Issuer+path, strings.NewReader(body))
	must(t, err)
	return r
}

// Do sends a request as a machine does.
func (h *House) Do(t testing.TB, r *http.Request) Answer {
	t.Helper()
	response, err := h.HTTP().Do(r)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	a := Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
	if strings.Contains(response.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(body, &a.JSON); err != nil {
			t.Fatalf("the answer is not JSON: %v: %s", err, body)
		}
	}
	return a
}

// Get fetches a machine endpoint, with a bearer token unless that is empty.
func (h *House) Get(t testing.TB, path, bearer string) Answer {
	t.Helper()
	r := h.Request(t, http.MethodGet, path, "")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return h.Do(t, r)
}

// Refusal returns the newest refusal in the audit log that has a cause with this rule.
func (h *House) Refusal(t testing.TB, rule string) *audit.Event {
	t.Helper()
	events, err := h.Store.Events(context.Background(), store.EventFilter{Limit: 200})
	must(t, err)
	var rules []string
	for i := range events {
		if c := events[i].Cause; c != nil {
			if c.Rule == rule {
				return &events[i]
			}
			rules = append(rules, c.Rule)
		}
	}
	t.Fatalf("no refusal by the rule %q was written down, only %q", rule, rules)
	return nil
}

// DoJobs does all that is to be done beside the requests.
func (h *House) DoJobs(t testing.TB) {
	t.Helper()
	jobs, err := h.Store.QueuedJobs(context.Background())
	must(t, err)
	for _, job := range jobs {
		for more := true; more; {
			more, err = h.Store.DoJobPart(context.Background(), job.ID, h.Clock.Now())
			must(t, err)
		}
	}
}

// Group makes a group of these people.
func (h *House) Group(t testing.TB, name string, members ...*identity.User) *identity.Group {
	t.Helper()
	g := identity.Group{ID: identity.NewID(), Name: name}
	done := audit.Event{Action: audit.GroupCreated, Outcome: audit.Success}
	must(t, h.Store.CreateGroup(context.Background(), g, h.Clock.Now(), done))
	for _, u := range members {
		must(t, h.Store.AddMember(context.Background(), g.ID, u.ID, h.Clock.Now(), done))
	}
	return &g
}

// Attribute adds an attribute, a text that is told nobody unless change says otherwise.
func (h *House) Attribute(t testing.TB, key string, change func(*identity.Attribute)) *identity.Attribute {
	t.Helper()
	a := identity.Attribute{Key: key, Label: "The " + key, Type: identity.TypeString}
	if change != nil {
		change(&a)
	}
	must(t, h.Store.CreateAttribute(context.Background(), a, h.Clock.Now(), audit.Event{Action: audit.AttributeCreated, Outcome: audit.Success}))
	return &a
}

// Limit changes a scope that exists.
func (h *House) Limit(t testing.TB, name string, change func(*oauth.Scope)) {
	t.Helper()
	s, err := h.Store.Scope(context.Background(), name)
	must(t, err)
	change(s)
	must(t, h.Store.UpdateScope(context.Background(), *s, h.Clock.Now(), audit.Event{Action: audit.ScopeUpdated, Outcome: audit.Success}))
}
