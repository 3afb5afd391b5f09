package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// A flow is something a server is asked again and again.
type flow struct {
	name string
	// ready makes what a turn needs, before it is measured: tokens, sign-ins. It runs before every turn, because tokens expire.
	ready func(context.Context, *crew) error
	// step does once what is measured.
	step func(*worker) error
}

// flows are all there are, in the order in which they run.
var flows = []flow{
	{"client_credentials", readyClientCredentials, (*worker).askNext},
	{"refresh", readyRefresh, (*worker).refresh},
	{"introspection", readyIntrospection, (*worker).askNext},
	{"introspection_person", readyPersonIntrospection, (*worker).askNext},
	{"userinfo", readyUserinfo, (*worker).askNext},
	{"discovery", readyDiscovery, (*worker).askNext},
	{"jwks", readyJWKS, (*worker).askNext},
	{"code", readyCode, (*worker).authorize},
}

// everyday are the flows that run unless others are named.
const everyday = "client_credentials,refresh,introspection,userinfo,discovery,jwks,code"

// tokensAsked is how many different tokens introspection and userinfo are asked about.
const tokensAsked = 32

// A crew drives one flow of one server. It outlives its turns: people stay signed in, chains of refresh tokens go on.
type crew struct {
	server   *server
	flow     flow
	workers  []*worker
	address  string
	requests [][]byte        // to be asked in turn
	must     []byte          // what every answer holds
	start    *url.URL        // where an authorization request begins
	token    *clientEndpoint // where a code is redeemed
	rotate   *clientEndpoint // where a refresh token is
}

// A worker is one connection, which asks again when it was answered.
type worker struct {
	*crew
	conn    conn
	browser *browser
	chain   string // the current refresh token
	next    int    // request
	now     time.Time
	room    []byte
	tally   tally // of the turn
}

// ask sends a request; whatever is not 200, and does not hold what it must, is an error.
func (w *worker) ask(request []byte) error {
	if err := w.conn.do(request, w.now); err != nil {
		return err
	}
	if w.conn.status != 200 || !bytes.Contains(w.conn.body, w.must) {
		return refused(&w.conn.response)
	}
	return nil
}

// askNext sends the next of the prepared requests.
func (w *worker) askNext() error {
	w.next++
	return w.ask(w.requests[w.next%len(w.requests)])
}

func readyGet(c *crew, name, address string) error {
	if address == "" {
		return fmt.Errorf("its discovery document names no %s", name)
	}
	u, err := endpoint(address)
	if err != nil {
		return err
	}
	c.drive(addressOf(u), get(u, ""))
	return nil
}

// drive says what is asked, and where.
func (c *crew) drive(address string, requests ...[]byte) {
	c.address, c.requests = address, requests
}

func readyDiscovery(_ context.Context, c *crew) error {
	c.must = []byte(`"issuer"`)
	return readyGet(c, "issuer", c.server.wellKnown())
}

func readyJWKS(_ context.Context, c *crew) error {
	c.must = []byte(`"keys"`)
	return readyGet(c, "jwks_uri", c.server.Endpoints.JWKS)
}

func readyClientCredentials(_ context.Context, c *crew) error {
	fixed := url.Values{"grant_type": {"client_credentials"}}
	if c.server.ClientScope != "" {
		fixed.Set("scope", c.server.ClientScope)
	}
	e, err := c.server.clientEndpoint("token_endpoint", c.server.Endpoints.Token, fixed)
	if err != nil {
		return err
	}
	c.must = []byte(`"access_token"`)
	c.drive(e.address, e.request(nil, ""))
	return nil
}

func readyIntrospection(ctx context.Context, c *crew) error {
	if err := readyClientCredentials(ctx, c); err != nil {
		return err
	}
	tokens := make([]string, tokensAsked)
	w := c.workers[0]
	w.conn.close()
	w.conn.turnTo(c.address)
	for i := range tokens {
		w.now = time.Now()
		if err := w.askNext(); err != nil {
			return err
		}
		tokens[i] = jsonString(w.conn.body, "access_token")
	}
	return c.introspect(tokens)
}

func readyPersonIntrospection(ctx context.Context, c *crew) error {
	tokens, err := c.personTokens(ctx)
	if err != nil {
		return err
	}
	return c.introspect(tokens)
}

// introspect asks about the tokens, which have to be active (RFC 7662 §2.2).
func (c *crew) introspect(tokens []string) error {
	e, err := c.server.clientEndpoint("introspection_endpoint", c.server.Endpoints.Introspection, nil)
	if err != nil {
		return err
	}
	requests := make([][]byte, len(tokens))
	for i, token := range tokens {
		requests[i] = e.request(nil, url.Values{"token": {token}}.Encode())
	}
	c.must = []byte(`"active":true`)
	c.drive(e.address, requests...)
	// Not everybody writes JSON without blanks.
	w := c.workers[0]
	w.conn.turnTo(c.address)
	w.now = time.Now()
	if err := w.conn.do(requests[0], w.now); err != nil {
		return err
	}
	var answer struct {
		Active bool `json:"active"`
	}
	if err := json.Unmarshal(w.conn.body, &answer); err != nil || !answer.Active || w.conn.status != 200 {
		return refused(&w.conn.response)
	}
	if !bytes.Contains(w.conn.body, c.must) {
		c.must = []byte(`"active": true`)
	}
	return nil
}

func readyUserinfo(ctx context.Context, c *crew) error {
	if c.server.Endpoints.Userinfo == "" {
		return errors.New("its discovery document names no userinfo_endpoint")
	}
	u, err := endpoint(c.server.Endpoints.Userinfo)
	if err != nil {
		return err
	}
	tokens, err := c.personTokens(ctx)
	if err != nil {
		return err
	}
	requests := make([][]byte, len(tokens))
	for i, token := range tokens {
		requests[i] = get(u, "Authorization: Bearer "+token+"\r\n")
	}
	c.must = []byte(`"sub"`)
	c.drive(addressOf(u), requests...)
	return nil
}

// personTokens are access tokens that one person gave in one browser.
func (c *crew) personTokens(ctx context.Context) ([]string, error) {
	if err := readyCode(ctx, c); err != nil {
		return nil, err
	}
	tokens := make([]string, tokensAsked)
	w := c.workers[0]
	if err := w.signIn(); err != nil {
		return nil, err
	}
	for i := range tokens {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.now = time.Now()
		if err := w.authorize(); err != nil {
			return nil, err
		}
		tokens[i] = jsonString(w.conn.body, "access_token")
	}
	return tokens, nil
}

// readyCode signs a person in on every connection that has none yet.
func readyCode(ctx context.Context, c *crew) (err error) {
	if c.server.Endpoints.Authorization == "" {
		return errors.New("its discovery document names no authorization_endpoint")
	}
	if c.start, err = endpoint(c.server.Endpoints.Authorization); err != nil {
		return err
	}
	c.token, err = c.server.clientEndpoint("token_endpoint", c.server.Endpoints.Token, url.Values{
		"grant_type": {"authorization_code"}, "redirect_uri": {c.server.RedirectURI},
	})
	if err != nil {
		return err
	}
	c.address, c.must = c.token.address, []byte(`"access_token"`)
	if c.flow.name != "code" {
		return ctx.Err()
	}
	return c.each(ctx, (*worker).signIn)
}

// signIn goes through the code flow once, if the worker has not: what follows finds a session and a consent.
func (w *worker) signIn() error {
	if w.browser != nil {
		w.browser.close() // what a server keeps open so long differs
		w.conn.close()
		return nil
	}
	w.browser, w.now = newBrowser(), time.Now()
	if err := w.authorize(); err != nil {
		w.browser = nil
		return err
	}
	return nil
}

// authorize is one code flow with PKCE (RFC 7636): authorization request, code, tokens.
func (w *worker) authorize() error {
	random := make([]byte, 64)
	_, _ = rand.Read(random) // never fails
	verifier, state := base64.RawURLEncoding.EncodeToString(random[:32]), base64.RawURLEncoding.EncodeToString(random[32:48])
	challenge := sha256.Sum256([]byte(verifier))
	query := w.start.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": w.server.ClientID, "redirect_uri": w.server.RedirectURI, "scope": w.server.Scope,
		"state": state, "nonce": base64.RawURLEncoding.EncodeToString(random[48:]),
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		query.Set(name, value)
	}
	u := *w.start
	u.RawQuery = query.Encode()
	back, err := w.browser.visit(&u, w.server.RedirectURI, w.server)
	if err != nil {
		return err
	}
	answer := back.Query()
	code := answer.Get("code")
	if code == "" || answer.Get("state") != state {
		return fmt.Errorf("sent back without a code: %s", back)
	}
	w.conn.turnTo(w.token.address)
	w.room = w.token.request(w.room, url.Values{"code": {code}, "code_verifier": {verifier}}.Encode())
	return w.ask(w.room)
}

// readyRefresh gives every connection that has none a chain of its own: one person's grants, from one browser.
func readyRefresh(ctx context.Context, c *crew) (err error) {
	if err := readyCode(ctx, c); err != nil {
		return err
	}
	c.rotate, err = c.server.clientEndpoint("token_endpoint", c.server.Endpoints.Token, url.Values{"grant_type": {"refresh_token"}})
	if err != nil {
		return err
	}
	first := c.workers[0]
	if err := first.signIn(); err != nil {
		return err
	}
	for _, w := range c.workers {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.chain == "" {
			if w.chain, err = first.newChain(); err != nil {
				return err
			}
		}
	}
	return nil
}

// newChain gets a first refresh token.
func (w *worker) newChain() (string, error) {
	w.now = time.Now()
	if err := w.authorize(); err != nil {
		return "", err
	}
	token := jsonString(w.conn.body, "refresh_token")
	if token == "" {
		return "", fmt.Errorf("no refresh token comes with the scope %q: %w", w.server.Scope, refused(&w.conn.response))
	}
	return url.QueryEscape(token), nil
}

// refresh trades the current refresh token for the next. A chain that broke was told as an error; another begins.
func (w *worker) refresh() (err error) {
	if w.chain == "" {
		if err := w.signIn(); err != nil {
			return err
		}
		if w.chain, err = w.newChain(); err != nil {
			return err
		}
	}
	w.room = w.rotate.request(w.room, "refresh_token="+w.chain)
	if err := w.ask(w.room); err != nil {
		w.chain = ""
		return err
	}
	// Who does not rotate says nothing, and the token stays (RFC 6749 §6).
	if successor := jsonString(w.conn.body, "refresh_token"); successor != "" {
		w.chain = url.QueryEscape(successor)
	}
	return nil
}

// each runs fn for every worker, a few at a time: passwords are hashed in memory that a server may not have for all at once.
func (c *crew) each(ctx context.Context, fn func(*worker) error) error {
	const atOnce = 4
	room, errs := make(chan struct{}, atOnce), make(chan error, len(c.workers))
	for _, w := range c.workers {
		room <- struct{}{}
		go func() {
			defer func() { <-room }()
			if err := ctx.Err(); err != nil {
				errs <- err
				return
			}
			errs <- fn(w)
		}()
	}
	var all []error
	for range c.workers {
		if err := <-errs; err != nil && len(all) == 0 {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// jsonString finds the string member of this name in a JSON object without reading the rest of it; empty if there is none.
func jsonString(object []byte, name string) string {
	for rest := object; ; {
		i := bytes.Index(rest, []byte(`"`+name+`"`))
		if i < 0 {
			return ""
		}
		rest = bytes.TrimLeft(rest[i+len(name)+2:], " \t\r\n")
		if len(rest) == 0 || rest[0] != ':' {
			continue // it was a value
		}
		value := bytes.TrimLeft(rest[1:], " \t\r\n")
		if len(value) == 0 || value[0] != '"' {
			return ""
		}
		end := bytes.IndexAny(value[1:], `"\`)
		if end < 0 {
			return ""
		}
		if value[1+end] == '"' {
			return string(value[1 : 1+end])
		}
		var members map[string]any // an escape: rare among tokens
		if json.Unmarshal(object, &members) != nil {
			return ""
		}
		text, _ := members[name].(string)
		return text
	}
}
