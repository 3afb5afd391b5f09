package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

type apiCommands struct {
	Create       apiCreate       `cmd:"" help:"Register an API, so that tokens can be for it."`
	List         apiList         `cmd:"" help:"List APIs."`
	Show         apiShow         `cmd:"" help:"Show an API and the applications that name it, as JSON."`
	Update       apiUpdate       `cmd:"" help:"Change an API's name, its scopes or the life of its tokens."`
	RotateSecret apiRotateSecret `cmd:"" help:"Share a new signing secret with an API that has HS256, shown once as JSON; the old one ends at once."`
	Delete       apiDelete       `cmd:"" help:"Remove an API. Its tokens end."`
}

// resource names which API a command is about.
type resource struct {
	Identifier string `placeholder:"URI" help:"The API's identifier."`
	URI        string `arg:"" optional:"" name:"identifier" help:"The same, without the flag."`
}

func (w resource) find(ctx context.Context, h *house) (*oauth.API, error) {
	identifier, err := onlyOne("API: --identifier", w.Identifier, w.URI)
	if err != nil {
		return nil, err
	}
	a, err := h.API(ctx, identifier)
	if fault.IsNotFound(err) {
		return nil, fault.NotFound(fmt.Sprintf("API %q", identifier))
	}
	return a, err
}

func partyOfAPI(a *oauth.API) audit.Party {
	return audit.Party{Kind: audit.KindAPI, ID: a.ID, Name: a.Name}
}

// apiView is an API for a machine.
type apiView struct {
	ID             string    `json:"id"` // the kid of tokens signed with HS256
	Identifier     string    `json:"identifier"`
	Name           string    `json:"name"`
	Scope          string    `json:"scope"`
	TokenFormat    string    `json:"token_format"`
	SigningAlg     string    `json:"signing_alg,omitempty"` // of JWTs
	Claims         string    `json:"claims"`
	AccessTokenTTL int64     `json:"access_token_ttl"` // seconds; 0: the server's own
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

func viewOfAPI(a *oauth.API) apiView {
	return apiView{
		ID: a.ID, Identifier: a.Identifier, Name: a.Name, Scope: a.Scopes.String(), TokenFormat: a.TokenFormat, SigningAlg: a.SigningAlg,
		Claims: a.Claims, AccessTokenTTL: a.AccessTokenTTL, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

// scopesOf reads scopes that were given by several flags, or several in one.
func scopesOf(flags []string) oauth.Scopes {
	var out oauth.Scopes
	for _, name := range strings.Fields(strings.Join(flags, " ")) {
		if !out.Has(name) {
			out = append(out, name)
		}
	}
	return out
}

// newScopes are those that do not exist yet, described as well as we can without knowing what they mean.
func newScopes(ctx context.Context, h *house, wanted oauth.Scopes) ([]oauth.Scope, error) {
	existing, err := h.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	var made []oauth.Scope
	for _, name := range wanted {
		if !slices.ContainsFunc(existing, func(s oauth.Scope) bool { return s.Name == name }) {
			made = append(made, oauth.Scope{Name: name, Description: "Use " + name})
		}
	}
	return made, nil
}

// aboutNew tells people what is left to do about the scopes that were made along with an API.
func aboutNew(scopes []oauth.Scope) string {
	return fmt.Sprintf("New scopes: %s. Say what they allow, for the people who are asked: `gatehouse scope update --name %s --description TEXT`.",
		oauth.ScopeNames(scopes).String(), scopes[0].Name)
}

// lifeOf is a life of access tokens in seconds.
func lifeOf(d time.Duration) (int64, error) {
	if d%time.Second != 0 {
		return 0, fault.Fields{"access_token_ttl": "Use whole seconds."}
	}
	return int64(d / time.Second), nil
}

type apiCreate struct {
	place
	Issuer             string        `variable:"GATEHOUSE_ISSUER" placeholder:"URL" help:"The URL people know the server by (http://localhost:8080)."`
	MasterKeyFile      string        `variable:"GATEHOUSE_MASTER_KEY_FILE" placeholder:"FILE" help:"File with the master key, 32 bytes in base64."`
	Identifier         string        `required:"" placeholder:"URI" help:"What applications name the API by, and the audience of its tokens, such as https://api.example.com; it is never changed."`
	Name               string        `required:"" placeholder:"NAME" help:"The name people see."`
	Scope              []string      `sep:"none" placeholder:"SCOPE" help:"A scope that the API takes; once for each, or several with spaces between. Those that do not exist are made."`
	TokenFormat        string        `placeholder:"FORMAT" help:"jwt, or opaque for tokens that the API has to introspect (jwt)."`
	SigningAlg         string        `placeholder:"ALG" help:"ES256, RS256, EdDSA, or HS256 with a secret that is shared with the API (ES256)."`
	Claims             string        `placeholder:"CLAIMS" help:"standard, which is RFC 9068, or tutorial, as the FastAPI guides have them: sub is the username, scopes a list, no aud (standard)."`
	SigningSecretStdin bool          `help:"Read the secret of HS256 from standard input, at least 32 bytes; without it one is made, and shown once."`
	AccessTokenTTL     time.Duration `placeholder:"DURATION" help:"Life of access tokens for this API, 1m to 24h (the server's own)."`
}

// Run registers an API. As with client create, all that comes of it is JSON; what is left to do is told beside it, to people.
func (c apiCreate) Run(ctx context.Context, p *process) error {
	hints := p.stderr
	if p.json {
		hints = io.Discard
	}
	p.json = true
	shared, shown, err := c.secret(p)
	if err != nil {
		return err
	}
	h, err := openHouse(ctx, p, c.config(), c.needs()...)
	if err != nil {
		return err
	}
	defer h.Close()
	api, err := c.api(h)
	if err != nil {
		return err
	}
	scopes, err := newScopes(ctx, h, api.Scopes)
	if err != nil {
		return err
	}
	event := h.event(audit.APICreated, partyOfAPI(api))
	event.Changes = map[string]audit.Change{"scope": {After: api.Scopes.String()}}
	if len(scopes) > 0 {
		event.Changes["new_scopes"] = audit.Change{After: oauth.ScopeNames(scopes).String()}
	}
	err = h.InTx(ctx, func(tx *store.Store) error {
		if c.seals() {
			if err := c.equip(ctx, tx, h, api, shared); err != nil {
				return err
			}
		}
		return tx.CreateAPI(ctx, *api, scopes, h.at, event)
	})
	if err != nil {
		return err
	}
	if len(scopes) > 0 {
		fmt.Fprintln(hints, aboutNew(scopes))
	}
	if api.TokenFormat == oauth.FormatOpaque {
		own, err := json.Marshal(map[string]any{"client_name": api.Name, "resource_server": api.Identifier, "grant_types": []string{}})
		if err != nil {
			return err
		}
		fmt.Fprintf(hints, "The API introspects its tokens as a client of its own: `gatehouse client create --metadata -` with %s on standard input.\n", own)
	}
	return p.writeJSON(p.stdout, struct {
		apiView
		Secret string `json:"signing_secret,omitempty"`
	}{viewOfAPI(api), shown})
}

// secret is what is shared with the API, if it has HS256. It is shown unless it came from outside.
func (c apiCreate) secret(p *process) (shared, shown string, err error) {
	switch {
	case c.SigningSecretStdin && c.SigningAlg != keys.HS256:
		return "", "", usage("--signing-secret-stdin goes with --signing-alg HS256: no other algorithm shares a secret")
	case c.SigningAlg != keys.HS256:
		return "", "", nil
	}
	return p.signingSecret(c.SigningSecretStdin)
}

// signingSecret reads a secret to share with an API, or makes one, which is to be shown.
func (p *process) signingSecret(stdin bool) (shared, shown string, err error) {
	if stdin {
		shared, err = p.readSecret()
		return shared, "", err
	}
	shared = oauth.NewSigningSecret()
	return shared, shared, nil
}

// seals reports whether something has to be sealed: a secret, or a key of an algorithm that not every house has one of.
func (c apiCreate) seals() bool {
	return c.SigningAlg != "" && !slices.Contains(keys.Algorithms, c.SigningAlg)
}

func (c apiCreate) config() Config {
	config := c.place.config()
	config.Issuer, config.MasterKeyFile = c.Issuer, c.MasterKeyFile
	return config
}

func (c apiCreate) needs() []string {
	if !c.seals() {
		return []string{"GATEHOUSE_ISSUER"}
	}
	return []string{"GATEHOUSE_ISSUER", "GATEHOUSE_MASTER_KEY", "GATEHOUSE_MASTER_KEY_FILE"}
}

// api is the API as it was described, if nothing is wrong with it.
func (c apiCreate) api(h *house) (*oauth.API, error) {
	life, err := lifeOf(c.AccessTokenTTL)
	if err != nil {
		return nil, err
	}
	api := &oauth.API{
		Identifier: c.Identifier, Name: strings.TrimSpace(c.Name), Scopes: scopesOf(c.Scope),
		TokenFormat: c.TokenFormat, SigningAlg: c.SigningAlg, Claims: c.Claims, AccessTokenTTL: life,
	}
	api.Identify(h.at)
	return api, api.Validate(h.settings.Issuer).Err()
}

// equip gives the API what its tokens are signed with: the shared secret, or a key of its algorithm if there is none.
func (c apiCreate) equip(ctx context.Context, tx *store.Store, h *house, api *oauth.API, shared string) error {
	sealer, err := unlock(ctx, tx, h.settings)
	if err != nil {
		return err
	}
	if api.SigningAlg == keys.HS256 {
		return api.SealSigningSecret(sealer, shared)
	}
	existing, err := tx.SigningKeys(ctx)
	if err != nil {
		return err
	}
	made, err := keys.Missing(existing, api.SigningAlg, sealer, h.at)
	if err != nil || len(made) == 0 {
		return err
	}
	return tx.AddSigningKeys(ctx, made, h.event(audit.KeyRotated, keyParty(made)))
}

type apiList struct{ place }

func (c apiList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	apis, err := h.APIs(ctx)
	if err != nil {
		return err
	}
	views, rows := []apiView{}, [][]string{}
	for _, a := range apis {
		v := viewOfAPI(&a)
		views = append(views, v)
		rows = append(rows, []string{v.Identifier, v.Name, v.TokenFormat, v.SigningAlg, v.Claims, v.Scope, date(v.CreatedAt)})
	}
	return p.list(views, "IDENTIFIER NAME FORMAT ALGORITHM CLAIMS SCOPE CREATED", rows)
}

type apiShow struct {
	place
	resource
}

// apiClient is an application that names the API.
type apiClient struct {
	ClientID        string `json:"client_id"`
	ClientName      string `json:"client_name"`
	DefaultResource bool   `json:"default_resource"` // its tokens are for the API where it asks for nothing else
	ResourceServer  bool   `json:"resource_server"`  // it is the API, and introspects
}

func (c apiShow) Run(ctx context.Context, p *process) error {
	p.json = true
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	api, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	found, err := h.ClientsOfAPI(ctx, api.Identifier)
	if err != nil {
		return err
	}
	clients := []apiClient{}
	for _, c := range found {
		clients = append(clients, apiClient{c.ID, c.Name, c.DefaultResource == api.Identifier, c.ResourceServer == api.Identifier})
	}
	return p.writeJSON(p.stdout, struct {
		apiView
		Clients []apiClient `json:"clients"`
	}{viewOfAPI(api), clients})
}

type apiUpdate struct {
	place
	resource
	Name           *string        `placeholder:"NAME" help:"The name people see."`
	Scope          []string       `sep:"none" placeholder:"SCOPE" help:"The scopes that the API takes from now on, in place of those before; once for each, or several with spaces between."`
	AccessTokenTTL *time.Duration `placeholder:"DURATION" help:"Life of access tokens for this API, 1m to 24h; 0 is the server's own."`
}

func (c apiUpdate) Run(ctx context.Context, p *process) error {
	if c.Name == nil && c.Scope == nil && c.AccessTokenTTL == nil {
		return usage("say what to change: --name, --scope or --access-token-ttl")
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	api, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	changes, err := c.change(api)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return p.say(viewOfAPI(api), "Nothing changes: %s is so already.", api.Identifier)
	}
	scopes, err := newScopes(ctx, h, api.Scopes)
	if err != nil {
		return err
	}
	if len(scopes) > 0 {
		changes["new_scopes"] = audit.Change{After: oauth.ScopeNames(scopes).String()}
	}
	clients, err := h.ClientsOfAPI(ctx, api.Identifier) // before anything is saved
	if err != nil {
		return err
	}
	event := h.event(audit.APIUpdated, partyOfAPI(api))
	event.Changes = changes
	if err := h.UpdateAPI(ctx, *api, scopes, h.at, event); err != nil {
		return err
	}
	api.UpdatedAt = h.at
	told := fmt.Sprintf("Updated %s (%s).", api.Identifier, api.Name)
	if stranded := api.Stranded(clients); len(stranded) > 0 {
		told += " It is the default resource of applications that may ask for none of its scopes now, and get no tokens: " + namesOfClients(stranded) + "."
	}
	if len(scopes) > 0 {
		told += " " + aboutNew(scopes)
	}
	return p.say(viewOfAPI(api), "%s", told)
}

func namesOfClients(clients []oauth.Client) string {
	names := make([]string, len(clients))
	for i, c := range clients {
		names[i] = c.Name + " (" + c.ID + ")"
	}
	return strings.Join(names, ", ")
}

// change applies what was asked for and tells what is different.
func (c apiUpdate) change(api *oauth.API) (map[string]audit.Change, error) {
	before := *api
	if c.Name != nil {
		api.Name = strings.TrimSpace(*c.Name)
	}
	if c.Scope != nil {
		api.Scopes = scopesOf(c.Scope)
	}
	if c.AccessTokenTTL != nil {
		life, err := lifeOf(*c.AccessTokenTTL)
		if err != nil {
			return nil, err
		}
		api.AccessTokenTTL = life
	}
	// The identifier stays, and was held against the issuer when the API was registered.
	if err := api.Validate("").Err(); err != nil {
		return nil, err
	}
	changes := map[string]audit.Change{}
	for field, is := range map[string]audit.Change{
		"name":             {Before: before.Name, After: api.Name},
		"scope":            {Before: before.Scopes.String(), After: api.Scopes.String()},
		"access_token_ttl": {Before: fmt.Sprint(before.AccessTokenTTL), After: fmt.Sprint(api.AccessTokenTTL)},
	} {
		if is.Before != is.After {
			changes[field] = is
		}
	}
	return changes, nil
}

type apiRotateSecret struct {
	place
	resource
	MasterKeyFile      string `variable:"GATEHOUSE_MASTER_KEY_FILE" placeholder:"FILE" help:"File with the master key, 32 bytes in base64."`
	SigningSecretStdin bool   `help:"Read the secret from standard input, at least 32 bytes; without it one is made, and shown once."`
}

func (c apiRotateSecret) Run(ctx context.Context, p *process) error {
	p.json = true
	config := c.config()
	config.MasterKeyFile = c.MasterKeyFile
	h, err := openHouse(ctx, p, config, "GATEHOUSE_MASTER_KEY", "GATEHOUSE_MASTER_KEY_FILE")
	if err != nil {
		return err
	}
	defer h.Close()
	api, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	if api.SigningAlg != keys.HS256 {
		return fmt.Errorf("%s shares no signing secret: only an API with HS256 does", api.Identifier)
	}
	shared, shown, err := p.signingSecret(c.SigningSecretStdin)
	if err != nil {
		return err
	}
	sealer, err := unlock(ctx, h.Store, h.settings)
	if err != nil {
		return err
	}
	if err := api.SealSigningSecret(sealer, shared); err != nil {
		return err
	}
	event := h.event(audit.APISecretChanged, partyOfAPI(api))
	event.Changes = map[string]audit.Change{"earlier_secret": {Before: "live", After: "ended"}}
	if err := h.UpdateAPI(ctx, *api, nil, h.at, event); err != nil {
		return err
	}
	return p.writeJSON(p.stdout, struct {
		Identifier string `json:"identifier"`
		Secret     string `json:"signing_secret,omitempty"`
	}{api.Identifier, shown})
}

type apiDelete struct {
	place
	resource
}

func (c apiDelete) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	api, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	if err := h.DeleteAPI(ctx, api.ID, h.at, h.event(audit.APIDeleted, partyOfAPI(api))); err != nil {
		if clients, e := h.ClientsOfAPI(ctx, api.Identifier); e == nil && len(clients) > 0 {
			return fmt.Errorf("%w They are: %s", err, namesOfClients(clients))
		}
		return err
	}
	told := fmt.Sprintf("Deleted %s (%s). Its tokens have ended.", api.Identifier, api.Name)
	if api.TokenFormat == oauth.FormatJWT {
		told += " An API that only checks signatures accepts them until they expire."
	}
	return p.say(map[string]any{"identifier": api.Identifier, "status": "deleted"}, "%s", told)
}
