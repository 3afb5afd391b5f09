package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

const clientColumns = "id, client_name, application_type, redirect_uris, grant_types, scope, token_endpoint_auth_method, " +
	"id_token_signed_response_alg, require_pkce, first_party, client_uri, policy_uri, tos_uri, logo, accent, contacts, default_resource, resource_server, access_token_ttl, id_token_ttl, refresh_token_ttl, refresh_token_idle, grant_id, disabled_at, created_at, updated_at, version"

// clientRow is a client with what is derived for ordering and searching.
type clientRow struct {
	oauth.Client
	SearchKey  string `db:"search_key"`
	SearchText string `db:"search_text"`
}

func clientRowOf(c oauth.Client) clientRow {
	return clientRow{Client: c, SearchKey: clientKey(&c), SearchText: searchText(c.Name, c.ID, strings.Join(c.RedirectURIs, "\n"))}
}

func wholeClient(c oauth.Client) row {
	return row{table: "clients", columns: clientColumns + ", search_key, search_text", value: clientRowOf(c)}
}

func clientKey(c *oauth.Client) string { return searchKey(c.Name, c.ID) }

// Client returns the client, enabled or not.
func (s *Store) Client(ctx context.Context, id string) (*oauth.Client, error) {
	if s.db == nil {
		return s.readClient(ctx, id)
	}
	c, _, err := s.ClientBySecret(ctx, id, "")
	if err != nil {
		return nil, err
	}
	c.RedirectURIs, c.GrantTypes, c.Scopes, c.Contacts = slices.Clone(c.RedirectURIs), slices.Clone(c.GrantTypes), slices.Clone(c.Scopes), slices.Clone(c.Contacts)
	return c, nil
}

func (s *Store) readClient(ctx context.Context, id string) (*oauth.Client, error) {
	var c oauth.Client
	if err := s.get(ctx, "client", &c, "SELECT "+clientColumns+" FROM clients WHERE id = $1 AND removal = ''", id); err != nil {
		return nil, err
	}
	return &c, nil
}

// Offer is what a client can be given where these grants are on.
func (s *Store) Offer(ctx context.Context, grantTypes []string) (o oauth.Offer, err error) {
	o.GrantTypes = grantTypes
	if o.Scopes, err = s.Scopes(ctx); err != nil {
		return o, err
	}
	o.APIs, err = s.APIs(ctx)
	return o, err
}

// ClientFilter says which clients; what is empty means any.
type ClientFilter struct {
	Query       string    // looked for in name, id and redirect URIs
	Kind        string    // of oauth.Client
	GrantType   string    // registered
	Status      string    // "active" or "disabled"
	UnusedSince time.Time // those that may be used, are older and were never used
	IdleSince   time.Time // those that may be used, are older and were not used since
	Locked      time.Time // those that may be used, but have no secret that is live then
	Sort        ClientSort
	Reversed    bool // the order backwards: by time, the latest first
	// At is when what each client holds is counted; zero: it is not.
	At            time.Time
	After, Before string // cursors of a ClientPage in the same order; garbage there shows the first page
	Limit         int    // 0 is 50
}

// ClientSort is what a list of clients is ordered by. Clients of the same time are in the order of their names.
type ClientSort string

// The orders there are.
const (
	ClientsByName ClientSort = ""
	ClientsByAge  ClientSort = "created"
	ClientsByUse  ClientSort = "last_used" // those that never were as if it had been long ago
)

// ClientPage is a part of the list of clients. Next and Previous are cursors, empty where the list ends.
type ClientPage struct {
	Clients        []ListedClient
	Previous, Next string
	Total          int64 // of all pages
}

// ListedClient is a client and what it holds.
type ListedClient struct {
	oauth.Client
	LastUsedAt *time.Time `db:"last_used_at"` // to the minute; nil: never
	// With ClientFilter.At: what is live then. Families are counted up to LiveFamiliesCounted and one.
	LiveSecrets int64 `db:"-"`
	Families    int64 `db:"-"`
}

// LiveFamiliesCounted is how far the families of a listed client are counted: one may have a million.
const LiveFamiliesCounted = 100

// neverUsed stands where a client was never used.
var neverUsed = time.Unix(0, 0).UTC()

const lastUse = "COALESCE(last_used_at, '1970-01-01 00:00:00+00:00')"

// kinds are the conditions that oauth.Client.Kind makes.
var kinds = func() map[string]string {
	const people = "grant_types NOT IN ('', '" + oauth.GrantClientCredentials + "') AND application_type "
	const native, public = "= '" + oauth.ApplicationNative + "'", " AND token_endpoint_auth_method = '" + oauth.AuthNone + "'"
	return map[string]string{
		oauth.KindAPI: "grant_types = ''", oauth.KindService: "grant_types = '" + oauth.GrantClientCredentials + "'",
		oauth.KindNative: people + native, oauth.KindSPA: people + "<> '" + oauth.ApplicationNative + "'" + public,
		oauth.KindWeb: people + "<> '" + oauth.ApplicationNative + "' AND NOT (token_endpoint_auth_method = '" + oauth.AuthNone + "')",
	}
}()

func (want ClientFilter) conditions() filter {
	var f filter
	f.add("removal = ''")
	if want.Query != "" {
		f.add(`search_text LIKE ? ESCAPE '\'`, contains(want.Query))
	}
	if condition, known := kinds[want.Kind]; known {
		f.add(condition)
	} else if want.Kind != "" {
		f.add("1 = 0")
	}
	if want.GrantType != "" {
		f.add(`' ' || grant_types || ' ' LIKE ? ESCAPE '\'`, "% "+likeEscaper.Replace(want.GrantType)+" %")
	}
	switch want.Status {
	case "active":
		f.add("disabled_at IS NULL")
	case "disabled":
		f.add("disabled_at IS NOT NULL")
	}
	if !want.UnusedSince.IsZero() {
		f.add("disabled_at IS NULL AND created_at < ? AND last_used_at IS NULL", want.UnusedSince)
	}
	if !want.IdleSince.IsZero() {
		f.add("disabled_at IS NULL AND COALESCE(last_used_at, created_at) < ?", want.IdleSince)
	}
	if !want.Locked.IsZero() {
		f.add("disabled_at IS NULL AND token_endpoint_auth_method <> '"+oauth.AuthNone+"' AND NOT EXISTS (SELECT 1 FROM client_secrets WHERE client_id = clients.id AND "+
			liveSecret+")", want.Locked)
	}
	return f
}

// liveSecret is the condition that a secret opens the door at a time.
const liveSecret = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"

// Clients returns a page of the clients that fit the filter.
func (s *Store) Clients(ctx context.Context, want ClientFilter) (p ClientPage, err error) {
	clients := list[ListedClient]{
		what: "client", table: "clients LEFT JOIN client_uses ON client_uses.client_id = clients.id", columns: clientColumns + ", last_used_at",
		key: func(c *ListedClient) string { return clientKey(&c.Client) }, reversed: want.Reversed,
	}
	switch want.Sort {
	case ClientsByAge:
		clients.timed, clients.at = "created_at", func(c *ListedClient) time.Time { return c.CreatedAt }
	case ClientsByUse:
		clients.timed, clients.at = lastUse, func(c *ListedClient) time.Time {
			if c.LastUsedAt == nil {
				return neverUsed
			}
			return *c.LastUsedAt
		}
	}
	p.Clients, p.Previous, p.Next, p.Total, err = clients.page(ctx, s, want.conditions(), want.After, want.Before, want.Limit)
	if err == nil && !want.At.IsZero() && len(p.Clients) > 0 {
		err = s.countHoldings(ctx, p.Clients, want.At)
	}
	return p, err
}

// countHoldings counts what each of the clients holds.
func (s *Store) countHoldings(ctx context.Context, clients []ListedClient, at time.Time) error {
	live := FamilyFilter{State: oauth.FamilyLive, At: at}.conditions()
	args := append([]any{at}, append(live.args, LiveFamiliesCounted+1)...)
	places := make(map[string]int, len(clients))
	for i, c := range clients {
		args, places[c.ID] = append(args, c.ID), i
	}
	query := "SELECT c.id, (SELECT COUNT(*) FROM client_secrets WHERE client_id = c.id AND " + liveSecret + ") AS secrets, (SELECT COUNT(*) FROM (SELECT 1 FROM families" +
		live.where() + " AND client_id = c.id LIMIT ?) AS live) AS families FROM clients c WHERE c.id IN (?" + strings.Repeat(", ?", len(clients)-1) + ")"
	var rows []struct {
		ID       string `db:"id"`
		Secrets  int64  `db:"secrets"`
		Families int64  `db:"families"`
	}
	err := s.all(ctx, "client", &rows, dollars(query), args...)
	for _, r := range rows {
		c := &clients[places[r.ID]]
		c.LiveSecrets, c.Families = r.Secrets, r.Families
	}
	return err
}

// ClientsNamed returns clients whose name begins with the text, by name: a range of an index.
func (s *Store) ClientsNamed(ctx context.Context, beginning string, limit int) ([]oauth.Client, error) {
	var clients []oauth.Client
	fits, args := begins("search_key", sought(beginning))
	err := s.all(ctx, "client", &clients, dollars("SELECT "+clientColumns+" FROM clients WHERE removal = '' AND "+fits+" ORDER BY search_key LIMIT ?"), append(args, limited(limit))...)
	return clients, err
}

// CreateClient adds a client, with its first secret unless that is nil. fault.Conflict "id" if the id is a client's, a
// person's subject or a username, also of somebody who was deleted (RFC 9700 §4.15); fault.Fields if an API or a picture that it names does not exist.
func (s *Store) CreateClient(ctx context.Context, c oauth.Client, secret *oauth.ClientSecret, at time.Time, event audit.Event) error {
	return s.showing(ctx, c.Logo, "logo", at, func(tx *Store) error { return tx.createClient(ctx, c, secret, at, event) })
}

func (s *Store) createClient(ctx context.Context, c oauth.Client, secret *oauth.ClientSecret, at time.Time, event audit.Event) error {
	c.ID, c.GrantID, c.CreatedAt, c.UpdatedAt, c.Version = orNewID(c.ID), orNewID(c.GrantID), at, at, 1
	create := wholeClient(c)
	create.value = struct {
		clientRow
		UsernameKey string `db:"username_key"`
	}{clientRowOf(c), fold(c.ID)}
	then := []row{eventOf(event, at)}
	if secret != nil {
		first := *secret
		first.ClientID = c.ID
		then = append(then, newSecret(first, at))
	}
	n, err := s.act(ctx, "client", create.insert("NOT EXISTS (SELECT 1 FROM users WHERE id = :id OR username_key = :username_key) AND "+
		"NOT EXISTS (SELECT 1 FROM reserved_usernames WHERE user_id = :id OR username_key = :username_key) AND "+s.itsAPIs()), then...)
	if err == nil && n == 0 {
		if err := s.missingAPI(ctx, c); err != nil {
			return err
		}
		return fault.Conflict("client", "id")
	}
	return err
}

// itsAPIs is the condition that the APIs exist which a client names; they are held until the end of the statement.
func (s *Store) itsAPIs() string {
	exists := func(field string) string {
		return "(:" + field + " = '' OR EXISTS (SELECT 1 FROM apis WHERE identifier = :" + field + s.hold() + "))"
	}
	return exists("default_resource") + " AND " + exists("resource_server")
}

// missingAPI says which API of the client was deleted meanwhile, if one was.
func (s *Store) missingAPI(ctx context.Context, c oauth.Client) error {
	for field, identifier := range map[string]string{"default_resource": c.DefaultResource, "resource_server": c.ResourceServer} {
		if identifier == "" {
			continue
		}
		if _, err := s.API(ctx, identifier); fault.IsNotFound(err) {
			return fault.Fields{field: "There is no API of this identifier."}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// UpdateClient changes all that a client registers. c.Version is that of the client it was read as: fault.Conflict with an
// empty field if somebody was faster.
func (s *Store) UpdateClient(ctx context.Context, c oauth.Client, at time.Time, event audit.Event) error {
	return s.showing(ctx, c.Logo, "logo", at, func(tx *Store) error { return tx.updateClient(ctx, c, at, event) })
}

func (s *Store) updateClient(ctx context.Context, c oauth.Client, at time.Time, event audit.Event) error {
	c.UpdatedAt = at
	n, err := s.act(ctx, "client", statement{`
		UPDATE clients SET client_name = :client_name, application_type = :application_type, redirect_uris = :redirect_uris,
			grant_types = :grant_types, scope = :scope, token_endpoint_auth_method = :token_endpoint_auth_method,
			id_token_signed_response_alg = :id_token_signed_response_alg, require_pkce = :require_pkce, first_party = :first_party, client_uri = :client_uri,
			policy_uri = :policy_uri, tos_uri = :tos_uri, logo = :logo, accent = :accent, contacts = :contacts, default_resource = :default_resource,
			resource_server = :resource_server, access_token_ttl = :access_token_ttl, id_token_ttl = :id_token_ttl,
			refresh_token_ttl = :refresh_token_ttl, refresh_token_idle = :refresh_token_idle, search_key = :search_key, search_text = :search_text,
			updated_at = :updated_at, version = version + 1
		WHERE id = :id AND version = :version AND ` + s.itsAPIs(), clientRowOf(c)}, eventOf(event, at))
	if err == nil && n == 0 {
		if _, err := s.Client(ctx, c.ID); err != nil {
			return err
		}
		if err := s.missingAPI(ctx, c); err != nil {
			return err
		}
		return fault.Conflict("client", "")
	}
	return err
}

// DisableClient stops serving the client and ends all it was given: families, tokens of its own, unused codes and pending
// requests. A second time it does nothing.
func (s *Store) DisableClient(ctx context.Context, id string, at time.Time, event audit.Event) error {
	held, err := s.heldFamilies(ctx, id)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "client", `
			UPDATE clients SET disabled_at = $2, updated_at = $2, version = version + 1 WHERE id = $1 AND disabled_at IS NULL`, id, at)
		if err != nil {
			return err
		} else if n == 0 {
			_, err := tx.Client(ctx, id)
			return err
		}
		if _, err := tx.exec(ctx, "interaction", "DELETE FROM interactions WHERE client_id = $1", id); err != nil {
			return err
		}
		if _, err := tx.endClient(ctx, id, oauth.EndedByDisabling, held, at, event); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// EnableClient serves the client again; what was ended stays so. A second time it does nothing.
func (s *Store) EnableClient(ctx context.Context, id string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "client", statement{`
		UPDATE clients SET disabled_at = NULL, updated_at = :at, version = version + 1 WHERE id = :id AND removal = '' AND disabled_at IS NOT NULL`,
		map[string]any{"id": id, "at": at}}, eventOf(event, at))
	if err == nil && n == 0 {
		_, err = s.Client(ctx, id)
	}
	return err
}

// DeleteClient removes the client and all that belongs to it, in a job where that is much; its events stay.
func (s *Store) DeleteClient(ctx context.Context, id string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.holdRemovable(ctx, audit.KindClient, id); err != nil { // nothing of it begins any more
			return err
		}
		if err := tx.remove(ctx, audit.KindClient, id, at, event); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// LongestClientToken is the longest life of access tokens that a client has settled for itself, in seconds; 0 if none has.
func (s *Store) LongestClientToken(ctx context.Context) (seconds int64, err error) {
	err = s.get(ctx, "client", &seconds, "SELECT COALESCE(MAX(access_token_ttl), 0) FROM clients")
	return seconds, err
}

// ClientSummary is how many clients there are, and how many of those that are enabled have what is worth knowing.
type ClientSummary struct {
	Total    int64 `db:"total"` // disabled ones too
	Used     int64 `db:"used"`
	Unused   int64 `db:"unused"`   // as ClientFilter.UnusedSince finds them
	Password int64 `db:"password"` // registered for the grant
	Implicit int64 `db:"implicit"`
	NoPKCE   int64 `db:"no_pkce"` // may redeem codes without
}

// ClientSummary counts the clients. An administrator made each of them: they are few beside what they do.
func (s *Store) ClientSummary(ctx context.Context, unusedSince time.Time) (ClientSummary, error) {
	count := func(condition string) string {
		return "COUNT(CASE WHEN c.disabled_at IS NULL AND " + condition + " THEN 1 END)"
	}
	grant := func(name string) string { return count("' ' || c.grant_types || ' ' LIKE '% " + name + " %'") }
	var sum ClientSummary
	err := s.get(ctx, "client", &sum, "SELECT COUNT(*) AS total, "+count("u.client_id IS NOT NULL")+" AS used, "+
		count("u.client_id IS NULL AND c.created_at < $1")+" AS unused, "+grant(oauth.GrantPassword)+" AS password, "+grant(oauth.GrantImplicit)+" AS implicit, "+
		count("NOT c.require_pkce AND c.token_endpoint_auth_method <> '"+oauth.AuthNone+"' AND ' ' || c.grant_types || ' ' LIKE '% "+oauth.GrantAuthorizationCode+" %'")+
		" AS no_pkce FROM clients c LEFT JOIN client_uses u ON u.client_id = c.id WHERE c.removal = ''", unusedSince)
	return sum, err
}

// ClientImpact is what ends with a client.
type ClientImpact struct {
	Secrets  int64 `db:"secrets"`  // not revoked
	Families int64 `db:"families"` // not ended
	Consents int64 `db:"consents"` // people who consented
	People   int64 `db:"people"`   // who have a family or consented
}

// ClientImpact counts what would end with the client.
func (s *Store) ClientImpact(ctx context.Context, id string) (ClientImpact, error) {
	var impact ClientImpact
	err := s.get(ctx, "client", &impact, `
		SELECT (SELECT COUNT(*) FROM client_secrets WHERE client_id = c.id AND revoked_at IS NULL) AS secrets,
			(SELECT COUNT(*) FROM families WHERE client_id = c.id AND ended_at IS NULL AND era = c.era) AS families,
			(SELECT COUNT(DISTINCT user_id) FROM consents WHERE client_id = c.id) AS consents,
			(SELECT COUNT(*) FROM (
				SELECT user_id FROM families WHERE client_id = c.id AND ended_at IS NULL AND era = c.era
				UNION SELECT user_id FROM consents WHERE client_id = c.id) AS p) AS people
		FROM clients c WHERE c.id = $1`, id)
	return impact, err
}

// RevokeClientTokens ends all the client was given, its own tokens and unused codes included, at once, and tells how many families.
func (s *Store) RevokeClientTokens(ctx context.Context, clientID, reason string, at time.Time, event audit.Event) (n int64, err error) {
	held, err := s.heldFamilies(ctx, clientID)
	if err != nil {
		return 0, err
	}
	err = s.InTx(ctx, func(tx *Store) error {
		if n, err = tx.endClient(ctx, clientID, reason, held, at, event); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
	return n, err
}

// endedAtOnce is how many families of a client have their ends written down with its act: for more, that would keep everybody else waiting.
const endedAtOnce = 500

// heldFamilies counts the client's families without an end. It takes its time, and is asked before the transaction that ends them.
func (s *Store) heldFamilies(ctx context.Context, id string) (n int64, err error) {
	err = s.get(ctx, "family", &n, "SELECT COUNT(*) FROM families WHERE client_id = $1 AND ended_at IS NULL", id)
	return n, err
}

// endClient begins a new era of the client, which ends its grant, codes and families, and tells how many families: those that it held,
// as they were counted before, where they are many; then a job writes their ends down. It needs a transaction.
func (s *Store) endClient(ctx context.Context, id, reason string, held int64, at time.Time, event audit.Event) (families int64, err error) {
	n, err := s.exec(ctx, "client", "UPDATE clients SET grant_id = $2, era = $3 WHERE id = $1 AND removal = ''", id, newID(), newID())
	if err := mustChange("client", n, err); err != nil {
		return 0, err
	}
	err = s.get(ctx, "family", &families, "SELECT COUNT(*) FROM (SELECT 1 FROM families WHERE client_id = $1 AND ended_at IS NULL LIMIT $2) AS counted", id, endedAtOnce+1)
	if err != nil {
		return 0, err
	}
	if families <= endedAtOnce {
		return s.endFamilies(ctx, reason, at, "client_id = ? AND era <> "+eraOf("families.client_id"), id)
	}
	families = max(families, held)
	told := event.Changes[audit.Reason].After
	_, _, err = s.createJob(ctx, Job{Kind: KindEndEra, State: JobQueued, Total: families}, Ending{ClientID: id, Reason: told, As: reason}, event.Actor, at)
	return families, err
}
