package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

type seedCommand struct {
	DatabaseURL string `required:"" name:"database-url" env:"GATEHOUSE_DATABASE_URL" placeholder:"URL" help:"sqlite:///absolute/path.db or postgres://user@host/database, made by gatehouse migrate up."`
	Users       int    `default:"1000" help:"People."`
	Clients     int    `default:"20" help:"Applications, each with a secret unless it is public."`
	Families    int    `default:"1000" help:"Grants that people gave applications; every fourth with a browser session, and the consents that led there."`
	Rotations   int    `default:"10" help:"Refresh tokens of a family, on average; those that end with a session have fewer."`
	Audit       int    `default:"10000" help:"Events of 30 days."`
	Counts      int    `default:"10000" help:"What was counted in 60 days: how often an application did something in an hour, so many times."`
}

// Help tells how the seeded house gets somebody to sign in.
func (seedCommand) Help() string {
	return `Nobody knows the passwords, secrets and tokens of what is seeded. Who drives the server afterwards is made as everywhere else:

  gatehouse scope create --name items.read --description 'Read items'
  echo 'PASSWORD' | gatehouse user create --username bench --email bench@example.com --name Bench --password-stdin
  echo '{"client_name": "Bench", "redirect_uris": ["http://127.0.0.1:9999/callback"],
         "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
         "scope": "openid profile email offline_access items.read"}' | gatehouse client create --metadata -`
}

// Run fills the database.
func (c seedCommand) Run(ctx context.Context, out output) error {
	if c.Users < 0 || c.Clients < 0 || c.Families < 0 || c.Audit < 0 || c.Counts < 0 || c.Rotations < 1 {
		return errors.New("expected numbers that are not negative, and at least one rotation")
	}
	if c.Families > 0 && (c.Users == 0 || c.Clients == 0) {
		return errors.New("families need users and clients")
	}
	options, err := databaseOptions(c.DatabaseURL)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, options)
	if err != nil {
		return err
	}
	defer st.Close()
	if schema, err := st.SchemaState(ctx); err != nil {
		return err
	} else if schema != store.SchemaCurrent {
		return fmt.Errorf("the schema is %s: run `gatehouse migrate up` first", schema)
	}
	s, err := newSeed(ctx, c, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return err
	}
	return s.fill(ctx, st, out)
}

func databaseOptions(address string) (store.Options, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
	case u.Scheme == "sqlite" && u.Path != "":
		return store.Options{Driver: string(store.SQLite), Path: u.Path}, nil
	case u.Scheme == "postgres", u.Scheme == "postgresql":
		return store.Options{Driver: string(store.PostgreSQL), URL: address}, nil
	}
	return store.Options{}, errors.New("--database-url: expected sqlite:///absolute/path.db or postgres://user@host/database")
}

// span is how far back the history goes.
const span = 30 * 24 * time.Hour

// A seed makes up the history of a house. Every row follows from its number, so that rows that name each other are made apart
// from each other, and none are kept in memory.
type seed struct {
	seedCommand
	now          time.Time
	salt         uint64 // different each time: what is seeded twice does not collide
	passwordHash string
}

func newSeed(ctx context.Context, c seedCommand, now time.Time) (*seed, error) {
	hasher, err := secret.NewHasher(secret.HasherOptions{})
	if err != nil {
		return nil, err
	}
	defer hasher.Close()
	hash, err := hasher.Hash(ctx, secret.New("")) // one for all: hashing is slow, and nobody is to know any
	if err != nil {
		return nil, err
	}
	return &seed{seedCommand: c, now: now, salt: mix(uint64(now.UnixMicro())), passwordHash: hash}, nil
}

// fill adds everything, what is named by others first. Another table is one more line.
func (s *seed) fill(ctx context.Context, st *store.Store, out output) error {
	b := store.NewBulk(st)
	for _, table := range []struct {
		what string
		add  func() (int64, error)
	}{
		{"users", func() (int64, error) { return b.Users(ctx, numbered(s.Users, s.user)) }},
		{"clients", func() (int64, error) { return b.Clients(ctx, numbered(s.Clients, s.client)) }},
		{"client secrets", func() (int64, error) { return b.ClientSecrets(ctx, s.secrets()) }},
		{"last uses", func() (int64, error) { return b.ClientUses(ctx, s.clientUses()) }},
		{"sessions", func() (int64, error) { return b.Sessions(ctx, s.sessions()) }},
		{"session clients", func() (int64, error) { return b.SessionClients(ctx, s.sessionClients()) }},
		{"consents", func() (int64, error) { return b.Consents(ctx, s.consents()) }},
		{"families", func() (int64, error) { return b.Families(ctx, numbered(s.Families, s.family)) }},
		{"refresh tokens", func() (int64, error) { return b.RefreshTokens(ctx, s.refreshTokens()) }},
		{"events", func() (int64, error) { return b.Events(ctx, numbered(s.Audit, s.event)) }},
		{"counts", func() (int64, error) { return s.count(ctx, st) }},
	} {
		begin := time.Now()
		n, err := table.add()
		if err != nil {
			return fmt.Errorf("%s: %w", table.what, err)
		}
		fmt.Fprintf(out.stdout, "%12s %s in %s\n", thousands(float64(n)), table.what, time.Since(begin).Round(10*time.Millisecond))
	}
	return b.Done(ctx)
}

// numbered are n values, each made from its number.
func numbered[T any](n int, value func(i int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range n {
			if !yield(value(i)) {
				return
			}
		}
	}
}

// What a number is drawn for.
const (
	ofUser uint64 = iota
	ofClient
	ofSecret
	ofFamily
	ofSession
	ofToken
	ofEvent
	ofCount
)

// draw is a random number that belongs to the nth of a kind.
func (s *seed) draw(kind uint64, i int, use uint64) uint64 {
	return mix(s.salt ^ mix(kind<<56^use<<48^uint64(i)))
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func pick(list []string, drawn uint64) string { return list[drawn%uint64(len(list))] }

// percent is true for so many of a hundred.
func percent(drawn uint64, of int) bool { return drawn%100 < uint64(of) }

// ascending base64url digits: text made of them sorts as the number does.
const digits = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// text appends n random digits.
func (s *seed) text(b []byte, n int, kind uint64, i int, use uint64) []byte {
	for word := uint64(0); n > 0; word++ {
		for x, left := s.draw(kind, i, use<<4|word), 10; left > 0 && n > 0; left, n, x = left-1, n-1, x>>6 {
			b = append(b, digits[x&63])
		}
	}
	return b
}

// at is when the ith of n came about: they are spread over the whole span, and later ones are later.
func (s *seed) at(i, n int) time.Time {
	return s.now.Add(-span + time.Duration(float64(span)*(float64(i)+0.5)/float64(n))).Truncate(time.Microsecond)
}

// id is a UUIDv7 (RFC 9562 §5.7): those of a kind sort by their numbers.
func (s *seed) id(kind uint64, i int, at time.Time) string {
	high := uint64(at.UnixMilli())<<16 | 7<<12 | uint64(at.UnixMicro()%1000)<<2&0xfff
	low := s.draw(kind, i, 255)&(1<<62-1) | 1<<63
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&(1<<48-1))
}

var (
	givenNames = strings.Fields("Amara Anders Aoife Aylin Bao Beatriz Bogdan Camila Chidi Chiara Daniel Dilnoza Eero Elif Emeka Esra Fatima Felix Femi Freya " +
		"Giorgos Hana Hugo Ibrahim Imani Ingrid Ivan Jakub José Jun Kaito Katarzyna Kwame Lale Leila Linh Lucía Magnus Mateo Mei Nadia Noor Olga Oluwaseun " +
		"Oskar Paulo Priya Quentin Rania Ravi Rosa Sakura Sana Sofia Søren Tariq Thandiwe Tomás Ulrike Valentina Wei Xochitl Yara Yusuf Zofia Zoë")
	familyNames = strings.Fields("Abebe Adeyemi Ahmed Almeida Andersson Bakker Bianchi Castillo Chen Costa Dubois Eriksen Farah Fernández Fischer García " +
		"Goldberg Haddad Hansen Horváth Ivanova Jansen Jovanović Kaya Khan Kim Kowalska Kovács Kumar Larsen Lindqvist López Mbeki Müller Mwangi Nakamura " +
		"Nguyễn Novák O'Brien Okafor Öztürk Papadopoulos Park Patel Petrov Popescu Quispe Rahman Rossi Sato Schmidt Silva Singh Smith Suzuki Tanaka Tran " +
		"Usman Vargas Virtanen Wang Weber Yilmaz Zhang Zimmermann")
	companies = strings.Fields("Acme Aurora Beacon Birch Borealis Cedar Cobalt Compass Delta Ember Fjord Granite Harbor Indigo Juniper Kestrel Lantern Meridian " +
		"Nimbus Orchard Pioneer Quartz Ridge Saffron Summit Tern Umber Vertex Willow Zephyr")
	products   = strings.Fields("Analytics Archive Billing Calendar Checkout Console Dashboard Directory Inbox Inventory Ledger Notes Payroll Planner Portal Reports Storefront Sync Travel Wiki")
	locales    = strings.Fields("cs-CZ da-DK de-DE en-GB en-US es-MX fi-FI fr-FR it-IT ja-JP ko-KR nb-NO nl-NL pl-PL pt-BR sv-SE tr-TR vi-VN")
	userAgents = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
		"python-httpx/0.28.1", "okhttp/4.12.0", "Go-http-client/2.0",
	}
)

func (s *seed) userAt(i int) time.Time { return s.at(i, s.Users) }

func (s *seed) userID(i int) string { return s.id(ofUser, i, s.userAt(i)) }

func (s *seed) username(i int) string {
	return strconv.FormatUint(s.salt%(36*36*36*36), 36) + "." + strconv.FormatInt(int64(i), 36)
}

func (s *seed) user(i int) identity.User {
	drawn, at := s.draw(ofUser, i, 0), s.userAt(i)
	given, family := pick(givenNames, drawn), pick(familyNames, drawn>>8)
	u := identity.User{
		ID: s.userID(i), Username: s.username(i), Name: given + " " + family, Role: identity.RoleUser, CreatedAt: at, UpdatedAt: at, Version: 1,
		Profile: identity.Profile{GivenName: given, FamilyName: family, Locale: pick(locales, drawn>>16)},
	}
	if !percent(drawn>>24, 3) {
		u.Email, u.EmailVerified = u.Username+"@example.com", percent(drawn>>32, 80)
	}
	if !percent(drawn>>40, 10) { // the others have not chosen one yet
		u.PasswordHash = s.passwordHash
	}
	if percent(drawn>>48, 3) {
		disabled := s.between(at, drawn)
		u.DisabledAt, u.UpdatedAt, u.Version = &disabled, disabled, 2
	}
	return u
}

// between is some time between then and now.
func (s *seed) between(then time.Time, drawn uint64) time.Time {
	return then.Add(time.Duration(float64(s.now.Sub(then)) * float64(drawn>>11) / (1 << 53))).Truncate(time.Microsecond)
}

func (s *seed) clientID(i int) string { return "cl_" + string(s.text(nil, 22, ofClient, i, 1)) }

func (s *seed) publicClient(i int) bool { return percent(s.draw(ofClient, i, 0)>>24, 15) }

func (s *seed) client(i int) oauth.Client {
	drawn, at := s.draw(ofClient, i, 0), s.at(i, s.Clients)
	company, product := pick(companies, drawn), pick(products, drawn>>8)
	site := "https://" + strings.ToLower(product+"-"+strconv.Itoa(i)+"."+company) + ".example"
	c := oauth.Client{
		ID: s.clientID(i), Name: company + " " + product, ApplicationType: oauth.ApplicationWeb, RedirectURIs: oauth.RedirectURIs{site + "/callback"},
		GrantTypes: oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
		Scopes:     oauth.Scopes{"openid", "profile", "email", "offline_access"}, TokenEndpointAuthMethod: oauth.AuthBasic,
		IDTokenSignedResponseAlg: "RS256", RequirePKCE: true, ClientURI: site, Contacts: oauth.Words{"ops@" + strings.ToLower(company) + ".example"},
		GrantID: s.id(ofClient, i, at), CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	if s.publicClient(i) {
		c.TokenEndpointAuthMethod, c.GrantTypes = oauth.AuthNone, oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
		if percent(drawn>>32, 50) {
			c.ApplicationType, c.RedirectURIs = oauth.ApplicationNative, oauth.RedirectURIs{"example." + strings.ToLower(company) + ".app:/callback"}
		}
	}
	if percent(drawn>>40, 5) {
		disabled := s.between(at, drawn)
		c.DisabledAt, c.UpdatedAt, c.Version = &disabled, disabled, 2
	}
	return c
}

func (s *seed) secrets() iter.Seq[oauth.ClientSecret] {
	return func(yield func(oauth.ClientSecret) bool) {
		for i := range s.Clients {
			if s.publicClient(i) {
				continue
			}
			at := s.at(i, s.Clients)
			if !yield(oauth.ClientSecret{
				ID: s.id(ofSecret, i, at), ClientID: s.clientID(i), Hash: string(s.text(nil, 43, ofSecret, i, 1)),
				Hint: string(s.text(nil, 4, ofSecret, i, 7)), CreatedAt: at,
			}) {
				return
			}
		}
	}
}

// clientUses are of all applications but every tenth.
func (s *seed) clientUses() iter.Seq[store.ClientUse] {
	return func(yield func(store.ClientUse) bool) {
		for i := range s.Clients {
			drawn := s.draw(ofClient, i, 3)
			if percent(drawn, 90) && !yield(store.ClientUse{ClientID: s.clientID(i), LastUsedAt: s.between(s.at(i, s.Clients), drawn)}) {
				return
			}
		}
	}
}

// A grant is what the rows of one family have in common.
type grant struct {
	id           string
	user, client int
	session      string // empty for offline access
	at           time.Time
	ended        *time.Time
	reason       string
	generation   int
	ip, agent    string
}

// everySession is how many families there are to one that ends with its session.
const everySession = 4

// life is how long a refresh token is good for, idle how long if it is not used; session how long a session is.
const life, idle, session = 30 * 24 * time.Hour, 14 * 24 * time.Hour, identity.SessionAbsolute

func (s *seed) grant(i int) grant {
	drawn, at := s.draw(ofFamily, i, 0), s.at(i, s.Families)
	g := grant{id: s.id(ofFamily, i, at), at: at, user: i % s.Users, ip: s.ip(drawn), agent: pick(userAgents, drawn>>16)}
	// Some applications have most of the people, and many have few.
	popular := float64(s.draw(ofFamily, i, 1)>>11) / (1 << 53)
	g.client = int(popular * popular * float64(s.Clients))
	g.generation = int((drawn >> 8) % uint64(2*s.Rotations-1)) // as many above the average as below
	switch state := drawn >> 32 % 100; {
	case i%everySession == 0:
		g.session, g.generation = s.id(ofSession, i, at), min(g.generation, 3)
		if s.now.Sub(at) > session {
			end := at.Add(session)
			g.ended, g.reason = &end, oauth.EndedBySession
		}
	case state < 2:
		g.reason = oauth.EndedByReplay
	case state < 4:
		g.reason = oauth.EndedByPerson
	case state < 6:
		g.reason = oauth.EndedByClient
	case state < 7:
		g.reason = oauth.EndedByOperator
	}
	if g.reason != "" && g.ended == nil {
		end := s.between(at, mix(drawn))
		g.ended = &end
	}
	return g
}

// rotated is when the nth refresh token of a family came about: evenly, up to its end or to now.
func (s *seed) rotated(g grant, generation int) time.Time {
	last := s.now
	if g.ended != nil {
		last = *g.ended
	}
	return g.at.Add(last.Sub(g.at) * time.Duration(generation) / time.Duration(g.generation+1)).Truncate(time.Microsecond)
}

// tokenHash is the hash of a token that nobody has. They ascend: what comes in the order of an index is added to it fastest.
func (s *seed) tokenHash(family, generation int) string {
	progress := uint64((float64(family) + float64(generation)/float64(2*s.Rotations)) / float64(s.Families) * (1 << 48))
	hash := make([]byte, 0, 43)
	for shift := 42; shift >= 0; shift -= 6 {
		hash = append(hash, digits[progress>>shift&63])
	}
	return string(s.text(hash, 35, ofToken, family*2*s.Rotations+generation, 0))
}

func (s *seed) family(i int) oauth.Family {
	g := s.grant(i)
	f := oauth.Family{
		ID: g.id, ClientID: s.clientID(g.client), UserID: s.userID(g.user), GrantType: oauth.GrantAuthorizationCode, SessionID: g.session,
		Scopes: oauth.Scopes{"openid", "profile", "email", "offline_access"}, AuthTime: g.at, AMR: oauth.Words{"pwd"}, CreatedAt: g.at, ExpiresAt: g.at.Add(life),
		EndedAt: g.ended, EndReason: g.reason, Generation: int64(g.generation), CurrentHash: s.tokenHash(i, g.generation),
	}
	last := s.rotated(g, g.generation)
	f.IdleExpiresAt = last.Add(idle)
	if g.generation > 0 {
		f.RotatedAt, f.PreviousHash = &last, s.tokenHash(i, g.generation-1)
		f.SuccessorSealed = string(s.text(nil, 96, ofFamily, i, 2))
	}
	if g.session != "" {
		f.Scopes = f.Scopes[:3]
	}
	return f
}

func (s *seed) refreshTokens() iter.Seq[oauth.RefreshToken] {
	return func(yield func(oauth.RefreshToken) bool) {
		for i := range s.Families {
			g := s.grant(i)
			for generation := range g.generation + 1 {
				if !yield(oauth.RefreshToken{
					Hash: s.tokenHash(i, generation), FamilyID: g.id, Generation: int64(generation), CreatedAt: s.rotated(g, generation), IP: g.ip, UserAgent: g.agent,
					RequestID: string(s.text(nil, 22, ofToken, i*2*s.Rotations+generation, 8)),
				}) {
					return
				}
			}
		}
	}
}

func (s *seed) sessions() iter.Seq[identity.Session] {
	return func(yield func(identity.Session) bool) {
		for i := 0; i < s.Families; i += everySession {
			g := s.grant(i)
			at := s.rotated(g, g.generation)
			if !yield(identity.Session{
				ID: g.session, TokenHash: string(s.text(nil, 43, ofSession, i, 0)), UserID: s.userID(g.user), AuthTime: g.at, AMR: "pwd", LastSeenAt: at,
				ExpiresAt: g.at.Add(session), EndedAt: g.ended, EndReason: endOfSession(g), IP: g.ip, UserAgent: g.agent,
			}) {
				return
			}
		}
	}
}

func (s *seed) sessionClients() iter.Seq[store.SessionClient] {
	return func(yield func(store.SessionClient) bool) {
		for i := 0; i < s.Families; i += everySession {
			if g := s.grant(i); !yield(store.SessionClient{SessionID: g.session, ID: s.clientID(g.client)}) {
				return
			}
		}
	}
}

func endOfSession(g grant) string {
	if g.ended == nil {
		return ""
	}
	return "signed_out"
}

// consents are of every person's first family: of two of their families the applications may be the same.
func (s *seed) consents() iter.Seq[oauth.Consent] {
	return numbered(min(s.Families, s.Users), func(i int) oauth.Consent {
		g, f := s.grant(i), s.family(i)
		return oauth.Consent{UserID: f.UserID, ClientID: f.ClientID, Scopes: f.Scopes, UpdatedAt: g.at}
	})
}

// ip is an address of the networks for examples (RFC 5737, RFC 3849).
func (s *seed) ip(drawn uint64) string {
	switch host := strconv.FormatUint(drawn>>24%254+1, 10); drawn % 4 {
	case 0:
		return "192.0.2." + host
	case 1:
		return "198.51.100." + host
	case 2:
		return "203.0.113." + host
	}
	return "2001:db8:" + strconv.FormatUint(drawn>>32&0xffff, 16) + "::" + strconv.FormatUint(drawn>>48, 16)
}

type happening struct {
	share  int
	action audit.Action
	kind   string // of the actor
	error  string
	rule   string // why it was refused
}

// happenings are what a house writes down, with how many of a hundred events each is.
var happenings = []happening{
	{52, audit.TokenRefreshed, audit.KindClient, "", ""},
	{14, audit.CodeIssued, audit.KindUser, "", ""},
	{14, audit.CodeRedeemed, audit.KindClient, "", ""},
	{9, audit.SignInSucceeded, audit.KindUser, "", ""},
	{2, audit.ConsentGiven, audit.KindUser, "", ""},
	{2, audit.TokenRevoked, audit.KindClient, "", ""},
	{3, audit.TokenRefused, audit.KindClient, "invalid_grant", "refresh_token_current"},
	{2, audit.TokenRefused, audit.KindClient, "invalid_client", "client_secret"},
	{1, audit.AuthorizeRefused, audit.KindUser, "invalid_scope", "scope_registered"},
	{1, audit.SignInRefused, audit.KindUser, "", "password"},
}

func (s *seed) event(i int) audit.Event {
	drawn, at := s.draw(ofEvent, i, 0), s.at(i, s.Audit)
	e, h := s.happened(ofEvent, i, at)
	e.ID = s.id(ofEvent, i, at)
	e.Caller = audit.Caller{RequestID: string(s.text(nil, 22, ofEvent, i, 1)), IP: s.ip(drawn >> 8), UserAgent: pick(userAgents, drawn>>16)}
	if s.Users > 0 {
		e.UserID = s.userID(int(s.draw(ofEvent, i, 3) % uint64(s.Users)))
	}
	e.Actor = audit.Party{Kind: h.kind, ID: e.ClientID}
	if h.kind == audit.KindUser {
		e.Actor.ID = e.UserID
	}
	e.Target = e.Actor
	return e
}

// happened is one of the happenings, of one of the applications: some do most, and many do little.
func (s *seed) happened(kind uint64, i int, at time.Time) (audit.Event, happening) {
	h, share := happenings[0], int(s.draw(kind, i, 0)%100)
	for _, h = range happenings {
		if share -= h.share; share < 0 {
			break
		}
	}
	e := audit.Event{At: at, Action: h.action, Outcome: audit.Success, Error: h.error}
	if h.rule != "" {
		e.Outcome = audit.Refused
		e.Cause = &audit.Cause{Rule: h.rule, Expected: "what the rule asks for", Remedy: "Nothing: this event was seeded."}
	}
	if s.Clients > 0 {
		popular := math.Pow(float64(s.draw(kind, i, 2)>>11)/(1<<53), 2)
		e.ClientID = s.clientID(int(popular * float64(s.Clients)))
	}
	return e, h
}

// count counts what the events of 60 days would have been, and writes it down as the server does.
func (s *seed) count(ctx context.Context, st *store.Store) (int64, error) {
	const together = 20_000
	for i := range s.Counts {
		at := s.now.Add(-2 * span).Add(time.Duration(float64(2*span) * float64(i) / float64(s.Counts)))
		e, _ := s.happened(ofCount, i, at)
		e.Count = int64(s.draw(ofCount, i, 3)%50) + 1
		st.Count(e)
		if i%together == together-1 || i == s.Counts-1 {
			if err := st.Flush(ctx); err != nil {
				return 0, err
			}
		}
	}
	return int64(s.Counts), nil
}
