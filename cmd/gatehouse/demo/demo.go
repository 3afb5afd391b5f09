package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// Length is how long the house has been lived in.
const Length = 30 * day

// Config is what a house is made with.
type Config struct {
	Issuer string
	Sealer *secret.Sealer
	Hasher *secret.Hasher
	Policy oauth.Policy
	Now    time.Time
}

// DefaultClient is the client of password forms that name none.
const DefaultClient = "cl_notes"

// Told is what people need to try the house: nobody can read it from the database.
type Told struct {
	Staff []Login
	// Worker acts as itself at an API; Scanner trades a person's password.
	Worker, Scanner Credentials
}

// A Login is somebody's password, and what it opens.
type Login struct{ Username, Password, Role, May string }

// Credentials are a client's.
type Credentials struct{ ID, Secret, Scope string }

// house is one while it is being lived in.
type house struct {
	Config
	ctx     context.Context
	store   *store.Store
	rules   *oauth.Server
	random  *rand.Rand
	clock   time.Time
	agenda  agenda
	planned int

	people  []*person
	clients map[string]*client
	admin   *person
}

// Furnish fills an empty database that has the schema and no keys.
func Furnish(ctx context.Context, st *store.Store, c Config) (*Told, error) {
	h := &house{Config: c, ctx: ctx, store: st, random: rand.New(rand.NewPCG(2011, 6749)), clients: map[string]*client{}}
	h.clock = c.Now.Add(-Length)
	made, err := h.prepare()
	if err != nil {
		return nil, err
	}
	policy := c.Policy
	policy.PasswordGrant = true
	h.rules = oauth.New(oauth.Config{
		Issuer: c.Issuer, Store: st, Keys: keys.NewRing(st, c.Sealer, h.now), Sealer: c.Sealer, Policy: func() *oauth.Policy { return &policy }, Now: h.now,
		ReadySince: func() time.Time { return time.Time{} }, CheckPassword: h.checkPassword, DefaultClient: DefaultClient,
	})
	h.furniture(made)
	h.visits()
	h.machines()
	h.trouble()
	h.administration()
	if err := h.live(c.Now); err != nil {
		return nil, fmt.Errorf("%s before now: %w", c.Now.Sub(h.clock).Round(time.Minute), err)
	}
	told := &Told{Staff: made.logins}
	for id, to := range map[string]*Credentials{"cl_billing": &told.Worker, "cl_scanner": &told.Scanner} {
		*to = Credentials{ID: id, Secret: h.clients[id].secret, Scope: h.clients[id].Scopes.String()}
	}
	told.Worker.Scope = "orders:read"
	return told, nil
}

func (h *house) now() time.Time { return h.clock }

// made is what takes the machine a while: it is made at once, side by side.
type made struct {
	logins   []Login
	hashes   []string // of the staff's passwords, and of one that nobody knows
	old, new []keys.SigningKey
}

func (h *house) prepare() (*made, error) {
	m := &made{hashes: make([]string, len(staff)+1)}
	passwords := []string{newPassword()}
	for _, s := range staff {
		password := newPassword(s.username, s.name)
		m.logins = append(m.logins, Login{s.username, password, string(s.role), s.may})
		passwords = append(passwords, password)
	}
	began, rotated := h.clock, h.Now.Add(-4*day-3*time.Hour)
	work := []func() error{
		func() (err error) { m.old, err = keys.GenerateAll(nil, h.Sealer, began, began); return err },
		func() (err error) {
			m.new, err = keys.GenerateAll(nil, h.Sealer, rotated.Add(-keys.PublishAhead), rotated)
			return err
		},
	}
	for i, password := range passwords {
		work = append(work, func() (err error) { m.hashes[i], err = h.Hasher.Hash(h.ctx, password); return err })
	}
	done := make(chan error, len(work))
	for _, f := range work {
		go func() { done <- f() }()
	}
	var errs []error
	for range work {
		errs = append(errs, <-done)
	}
	return m, errors.Join(errs...)
}

// event is what is written down about what somebody did.
func (h *house) event(by *person, action audit.Action, target audit.Party) audit.Event {
	return audit.Event{At: h.clock, Action: action, Outcome: audit.Success, Actor: by.party(), Target: target, Caller: by.caller()}
}

func (p *person) party() audit.Party {
	return audit.Party{Kind: audit.KindUser, ID: p.ID, Name: p.Username}
}

func (p *person) caller() audit.Caller { return callFrom(p.ip, p.agent) }

// callFrom is a request of its own.
func callFrom(ip, agent string) audit.Caller {
	return audit.Caller{RequestID: secret.New("")[:22], IP: ip, UserAgent: agent}
}

func (c *client) party() audit.Party {
	return audit.Party{Kind: audit.KindClient, ID: c.ID, Name: c.Name}
}

// caller is the client's own server, or its application on somebody's device.
func (c *client) caller(of *person) audit.Caller {
	if c.Public() && of != nil {
		return callFrom(of.ip, strings.ReplaceAll(c.Name, " ", "")+"/4.2")
	}
	return callFrom("192.0.2."+fmt.Sprint(10+len(c.ID)), "python-requests/2.32")
}

// refused writes down a refusal; any other error is one.
func (h *house) refused(action audit.Action, from audit.Caller, err error) error {
	var e *oauth.Error
	if errors.As(err, &e) {
		return h.store.Record(h.ctx, e.Event(h.clock, action, from))
	}
	return err
}

// mustNot turns a refusal where none is meant into an error that says so.
func mustNot(err error) error {
	var e *oauth.Error
	if errors.As(err, &e) {
		return fmt.Errorf("refused: %w", err)
	}
	return err
}

// furniture puts people, keys, APIs and clients into the house, each at its time.
func (h *house) furniture(m *made) {
	begin := h.clock
	h.plan(begin, func() error { return h.addKeys(m.old, audit.Party{Kind: audit.KindSystem}) })
	for i, s := range staff {
		p := h.person(s.name, s.username, s.role, m.hashes[i+1])
		if i == 0 {
			h.admin = p
			h.plan(begin.Add(time.Second), func() error { return h.setUp(p) })
			continue
		}
		h.plan(begin.Add(time.Duration(i+1)*7*time.Minute), func() error { return h.addUser(p) })
	}
	for i, r := range residents {
		p := h.person(r.name, r.username, identity.RoleUser, m.hashes[0])
		p.Profile.Locale = r.locale
		at := begin.Add(45*time.Minute + time.Duration(i)*time.Minute)
		if i%3 == 0 { // they come later
			at = begin.Add(time.Duration(float64(Length) * 0.9 * h.random.Float64()))
		}
		if at.After(begin.Add(30 * time.Minute)) { // when there are attributes
			p.Attributes = valuesOf(i, r.locale)
		}
		h.plan(at, func() error { return h.addUser(p) })
	}
	for i, a := range apis {
		h.plan(begin.Add(time.Duration(10+i)*time.Minute), func() error { return h.addAPI(a.api, a.scopes) })
	}
	for i, c := range clients {
		at := h.Now.Add(-c.born).Add(time.Duration(12+2*i) * time.Minute)
		h.plan(at, func() error { return h.addClient(i) })
	}
	for i := range attributes {
		h.plan(begin.Add(time.Duration(25+i)*time.Minute), func() error { return h.addAttribute(&attributes[i]) })
	}
	for i, g := range groups {
		h.plan(begin.Add(27*day+time.Duration(i)*9*time.Minute), func() error { return h.addGroup(i, g.name, g.about) }) // when all have come
	}
	h.plan(m.new[0].CreatedAt, func() error { return h.addKeys(m.new, h.admin.party()) })
}

func (h *house) person(name, username string, role identity.Role, hash string) *person {
	n := len(h.people)
	return &person{
		User: &identity.User{
			ID: identity.NewID(), Username: username, Name: name, Role: role, PasswordHash: hash, Email: username + "@acme.example", EmailVerified: n%7 != 3,
		},
		device: secret.New(""), ip: fmt.Sprintf("203.0.113.%d", 2+h.random.IntN(250)), agent: agents[h.random.IntN(len(agents))],
	}
}

func (h *house) addKeys(added []keys.SigningKey, by audit.Party) error {
	var ids, algorithms []string
	for _, k := range added {
		ids, algorithms = append(ids, k.KID), append(algorithms, k.Algorithm)
	}
	return h.store.AddSigningKeys(h.ctx, added, audit.Event{
		At: h.clock, Action: audit.KeyRotated, Outcome: audit.Success, Actor: by,
		Target: audit.Party{Kind: audit.KindKey, ID: strings.Join(ids, " "), Name: strings.Join(algorithms, " ")},
	})
}

// setUp makes the first administrator as the set-up page does.
func (h *house) setUp(p *person) error {
	token := secret.New("")
	if err := h.store.SaveSetupLink(h.ctx, secret.New(""), secret.Hash(token)); err != nil {
		return err
	}
	h.people = append(h.people, p)
	e := h.event(p, audit.SetupCompleted, p.party())
	e.UserID = p.ID
	return h.store.CompleteSetup(h.ctx, secret.Hash(token), *p.User, h.clock, e)
}

func (h *house) addUser(p *person) error {
	p.CreatedAt = h.clock
	if f := p.Validate(); len(f) > 0 {
		return fmt.Errorf("%s: %w", p.Username, f.Err())
	}
	e := h.event(h.admin, audit.UserCreated, p.party())
	e.UserID, e.Changes = p.ID, map[string]audit.Change{"role": {After: string(p.Role)}}
	h.people = append(h.people, p)
	return h.store.CreateUser(h.ctx, *p.User, h.clock, e)
}

// addGroup makes a group of some of the people; the last is to be filled yet.
func (h *house) addGroup(i int, name, about string) error {
	g := identity.Group{ID: identity.NewID(), Name: name, Description: about}
	e := h.event(h.admin, audit.GroupCreated, audit.Party{Kind: audit.KindGroup, ID: g.ID, Name: name})
	e.Changes = map[string]audit.Change{"name": {After: name}, "description": {After: about}}
	if err := h.store.CreateGroup(h.ctx, g, h.clock, e); err != nil {
		return err
	}
	for n, p := range h.people {
		if n%(i+2) != 0 || i == len(groups)-1 {
			continue
		}
		e := h.event(h.admin, audit.GroupMemberAdded, audit.Party{Kind: audit.KindGroup, ID: g.ID, Name: name})
		e.UserID, e.Changes = p.ID, map[string]audit.Change{"member": {After: p.Username}}
		if err := h.store.AddMember(h.ctx, g.ID, p.ID, h.clock, e); err != nil && !fault.IsNotFound(err) { // who has not come yet
			return err
		}
	}
	return nil
}

func (h *house) addAPI(a oauth.API, scopes []oauth.Scope) error {
	a.Identify(h.clock)
	if a.SigningAlg == keys.HS256 {
		if err := a.SealSigningSecret(h.Sealer, oauth.NewSigningSecret()); err != nil {
			return err
		}
	}
	if f := a.Validate(h.Issuer); len(f) > 0 {
		return fmt.Errorf("%s: %w", a.Name, f.Err())
	}
	e := h.event(h.admin, audit.APICreated, audit.Party{Kind: audit.KindAPI, ID: a.ID, Name: a.Name})
	e.Changes = map[string]audit.Change{"scope": {After: a.Scopes.String()}}
	return h.store.CreateAPI(h.ctx, a, scopes, h.clock, e)
}

func (h *house) addClient(i int) error {
	row := clients[i]
	c := &client{about: row.about, Client: oauth.Client{
		Name: row.name, ApplicationType: oauth.ApplicationWeb, GrantTypes: strings.Fields(row.grants), Scopes: strings.Fields(row.scopes),
		TokenEndpointAuthMethod: row.method, IDTokenSignedResponseAlg: keys.ES256, RequirePKCE: true,
	}}
	if row.redirect != "" {
		c.RedirectURIs = oauth.RedirectURIs{row.redirect}
	}
	if row.with != nil {
		row.with(&c.Client)
	}
	if row.logo != nil {
		picture, err := brand.Draw(painted(row.logo))
		if err != nil {
			return err
		}
		if err := h.store.SaveImage(h.ctx, *picture, h.clock); err != nil {
			return err
		}
		c.Logo = picture.Hash
	}
	offer, err := h.store.Offer(h.ctx, h.rules.GrantTypes())
	if err != nil {
		return err
	}
	if f := c.Validate(offer); len(f) > 0 {
		return fmt.Errorf("%s: %w", c.Name, f.Err())
	}
	c.Identify(h.clock)
	c.ID = row.id
	var first *oauth.ClientSecret
	if !c.Public() {
		var until *time.Time
		if row.expires != 0 {
			at := h.Now.Add(-row.expires)
			until = &at
		}
		value, made := oauth.NewClientSecret(c.ID, h.clock, until)
		c.secret, c.secretID, first = value, made.ID, &made
	}
	h.clients[c.ID] = c
	e := h.event(h.admin, audit.ClientCreated, c.party())
	e.ClientID = c.ID
	return h.store.CreateClient(h.ctx, c.Client, first, h.clock, e)
}

// checkPassword is the password grant's: nobody types here, so that nothing is hashed. What a wrong one leads to is the rule's.
func (h *house) checkPassword(_ context.Context, _ *oauth.Client, username, password string, _ audit.Caller) (oauth.PasswordCheck, error) {
	for _, p := range h.people {
		if p.Username != username {
			continue
		}
		if password != rightPassword {
			return oauth.PasswordCheck{Refusal: oauth.WrongPassword(audit.Cause{Rule: "password", Expected: "the person's password"}, p.ID)}, nil
		}
		return oauth.PasswordCheck{UserID: p.ID, CheckedHash: p.PasswordHash}, nil
	}
	return oauth.PasswordCheck{Refusal: oauth.WrongPassword(audit.Cause{Rule: "user_known", Expected: "the username or e-mail address of a user"}, "")}, nil
}

// rightPassword stands for everybody's while the house is made.
const rightPassword = "what they chose"

// administration is what administrators changed.
func (h *house) administration() {
	for _, change := range []struct {
		ago   time.Duration
		id    string
		field string
		do    func(c *oauth.Client) (before, after string)
	}{
		{24 * day, "cl_storefront", "redirect_uris", func(c *oauth.Client) (string, string) {
			before := strings.Join(c.RedirectURIs, " ")
			c.RedirectURIs = append(c.RedirectURIs, "https://staging.shop.acme.example/callback")
			return before, strings.Join(c.RedirectURIs, " ")
		}},
		{19 * day, "cl_tickets", "scope", func(c *oauth.Client) (string, string) {
			before := c.Scopes.String()
			c.Scopes = append(c.Scopes, "address")
			return before, c.Scopes.String()
		}},
		{11 * day, "cl_partner", "contacts", func(c *oauth.Client) (string, string) {
			c.Contacts = oauth.Words{"ops@partner.example.co.th"}
			return "", "ops@partner.example.co.th"
		}},
		{6 * day, "cl_wallet", "client_name", func(c *oauth.Client) (string, string) {
			before := c.Name
			c.Name = "Acme Wallet for phones"
			return before, c.Name
		}},
		{26 * time.Hour, "cl_storefront", "client_uri", func(c *oauth.Client) (string, string) {
			before := c.ClientURI
			c.ClientURI = "https://www.acme.example/shop"
			return before, c.ClientURI
		}},
	} {
		h.plan(h.Now.Add(-change.ago), func() error {
			stored, err := h.store.Client(h.ctx, change.id)
			if err != nil {
				return err
			}
			before, after := change.do(stored)
			e := h.event(h.admin, audit.ClientUpdated, h.clients[change.id].party())
			e.ClientID, e.Changes = change.id, map[string]audit.Change{change.field: {Before: before, After: after}}
			h.clients[change.id].Client = *stored
			return h.store.UpdateClient(h.ctx, *stored, h.clock, e)
		})
	}
	h.plan(h.Now.Add(-9*day), func() error {
		c := h.clients["cl_raffle"]
		c.visits = 0
		e := h.event(h.admin, audit.ClientDisabled, c.party())
		e.ClientID = c.ID
		return h.store.DisableClient(h.ctx, c.ID, h.clock, e)
	})
	h.plan(h.Now.Add(-13*day), func() error {
		c := h.clients["cl_storefront"]
		_, row := oauth.NewClientSecret(c.ID, h.clock, nil)
		e := h.event(h.admin, audit.ClientSecretAdded, audit.Party{Kind: audit.KindSecret, ID: row.ID, Name: "…" + row.Hint})
		e.ClientID = c.ID
		return h.store.AddClientSecret(h.ctx, row, h.clock, e)
	})
	h.plan(h.Now.Add(-5*day), func() error { // somebody leaves
		for i, p := range h.people {
			if p.Username == "suharto" {
				e := h.event(h.admin, audit.UserDisabled, p.party())
				e.UserID = p.ID
				h.people = append(h.people[:i:i], h.people[i+1:]...)
				return h.store.DisableUser(h.ctx, p.ID, h.clock, e)
			}
		}
		return fault.NotFound("user")
	})
}
