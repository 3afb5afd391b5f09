package store

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

// fresh answers what every request of an application asks. What can refuse it is read anew, in statements shared by those who
// ask at the same time; the rest comes from memory, where the version that was read with it proves that it still holds
// (security.md rule 4).
type fresh struct {
	clients       *sharedRead[secretKey, clientState]
	persons       *sharedRead[tokenKey, personState]
	clientGrants  *sharedRead[tokenKey, struct{}]
	codes         *sharedRead[string, *oauth.Code]
	refreshTokens *sharedRead[string, *oauth.PresentedRefreshToken]
	catalogs      *sharedRead[time.Time, *catalog]

	knownClients memory[*oauth.Client]
	knownPersons memory[*oauth.Person]
	catalog      atomic.Pointer[catalog]
	revision     atomic.Pointer[string] // of the catalog, as it was last read
}

func newFresh(s *Store) *fresh {
	alone := s.db == nil
	return &fresh{
		clients: newSharedRead(alone, s.clientStates), persons: newSharedRead(alone, s.personStates), clientGrants: newSharedRead(alone, s.liveClientGrants),
		codes: newSharedRead(alone, s.codes), refreshTokens: newSharedRead(alone, s.refreshTokens), catalogs: newSharedRead(alone, s.readCatalog),
	}
}

// freshly returns what reads anew; that of a transaction is made when it is first asked.
func (s *Store) freshly() *fresh {
	if s.fresh == nil {
		s.fresh = newFresh(s)
	}
	return s.fresh
}

func (f *fresh) close() {
	f.clients.close()
	f.persons.close()
	f.clientGrants.close()
	f.codes.close()
	f.refreshTokens.close()
	f.catalogs.close()
}

// longestKey is as long as a key may be to share a statement with others', in bytes. Nothing that exists has a longer one.
const longestKey = 2048

// ask asks a shared read, unless the question could hurt those who ask beside: PostgreSQL refuses text that is none.
func ask[K comparable, V any](ctx context.Context, r *sharedRead[K, V], key K, parts ...string) (answer V, known bool, err error) {
	for _, part := range parts {
		if len(part) > longestKey || !oauth.ValidText(part) {
			return answer, false, nil
		}
	}
	return r.get(ctx, key)
}

// byPlace indexes rows by the place of the key that they answer.
func byPlace[R, V any](rows []R, place func(*R) int, value func(*R) V) map[int]V {
	out := make(map[int]V, len(rows))
	for i := range rows {
		out[place(&rows[i])] = value(&rows[i])
	}
	return out
}

// version says which state of a row was read. The number alone would not: a standby that takes over may not have the last
// change, and count the next by the same number.
type version struct {
	Number int64     `db:"version"`
	At     time.Time `db:"updated_at"`
}

func (v version) same(as version) bool { return v.Number == as.Number && v.At.Equal(as.At) }

// memory keeps what was read, by id and version, up to a bound; past it anything may be forgotten.
type memory[V any] struct {
	mu   sync.RWMutex
	kept map[string]remembered[V]
}

type remembered[V any] struct {
	version version
	value   V
}

// maxRemembered bounds a memory.
const maxRemembered = 10_000

func (m *memory[V]) get(id string, v version) (value V, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.kept[id]
	return r.value, ok && r.version.same(v)
}

func (m *memory[V]) put(id string, v version, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string]remembered[V]{}
	}
	if _, known := m.kept[id]; !known && len(m.kept) >= maxRemembered {
		skip := rand.IntN(8) // maps begin anywhere, but not evenly
		for other := range m.kept {
			if skip--; skip < 0 {
				delete(m.kept, other)
				break
			}
		}
	}
	m.kept[id] = remembered[V]{v, value}
}

// --- clients

type secretKey struct{ id, secretHash string }

// clientState is what may change about a client at any time, and which version of the rest is true.
type clientState struct {
	N int `db:"n"`
	version
	GrantID    string     `db:"grant_id"`
	Revision   string     `db:"revision"` // of the catalog
	SecretID   *string    `db:"secret_id"`
	Hint       *string    `db:"hint"`
	Created    *time.Time `db:"created_at"`
	ExpiresAt  *time.Time `db:"expires_at"`
	LastUsedAt *time.Time `db:"last_used_at"`
	RevokedAt  *time.Time `db:"revoked_at"`
}

var withClients = keyed("id", "hash")

const clientStates = `SELECT k.n, c.version, c.updated_at, c.grant_id, (SELECT revision FROM revisions WHERE name = 'catalog') AS revision,
		s.id AS secret_id, s.hint, s.created_at, s.expires_at, s.last_used_at, s.revoked_at
	FROM k JOIN clients c ON c.id = k.id AND c.removal = '' LEFT JOIN client_secrets s ON s.client_id = c.id AND s.hash = k.hash`

func (s *Store) clientStates(ctx context.Context, keys []secretKey) (map[int]clientState, error) {
	parts := make([][]string, len(keys))
	for i, k := range keys {
		parts[i] = []string{k.id, k.secretHash}
	}
	with, args := withClients(parts)
	var rows []clientState
	err := s.all(ctx, "client", &rows, with+clientStates, args...)
	return byPlace(rows, func(r *clientState) int { return r.N }, func(r *clientState) clientState { return *r }), err
}

// ClientBySecret returns the client and, if one of its secrets has this hash, that secret; liveness is the caller's to judge.
// The client's lists are shared: they are not to be changed.
func (s *Store) ClientBySecret(ctx context.Context, id, secretHash string) (*oauth.Client, *oauth.ClientSecret, error) {
	state, known, err := ask(ctx, s.freshly().clients, secretKey{id, secretHash}, id)
	if err != nil {
		return nil, nil, err
	}
	if !known {
		return nil, nil, fault.NotFound("client")
	}
	s.freshly().revision.Store(&state.Revision)
	stored, ok := s.freshly().knownClients.get(id, state.version)
	if !ok {
		if stored, err = s.readClient(ctx, id); err != nil {
			return nil, nil, err
		}
		s.freshly().knownClients.put(id, version{stored.Version, stored.UpdatedAt}, stored)
	}
	client := *stored
	client.GrantID = state.GrantID
	if state.SecretID == nil {
		return &client, nil, nil
	}
	return &client, &oauth.ClientSecret{
		ID: *state.SecretID, ClientID: id, Hash: secretHash, Hint: *state.Hint, CreatedAt: *state.Created,
		ExpiresAt: state.ExpiresAt, LastUsedAt: state.LastUsedAt, RevokedAt: state.RevokedAt,
	}, nil
}

// --- what a token's grant is worth

type tokenKey struct{ grantID, clientID, jti string }

func (k tokenKey) parts() []string { return []string{k.grantID, k.clientID, k.jti} }

func partsOf(keys []tokenKey) [][]string {
	parts := make([][]string, len(keys))
	for i, k := range keys {
		parts[i] = k.parts()
	}
	return parts
}

type personState struct {
	N  int    `db:"n"`
	ID string `db:"id"`
	version
}

var withTokens = keyed("grant_id", "client_id", "jti")

var personStates = `SELECT k.n, u.id, u.version, u.updated_at FROM k JOIN families f ON f.id = k.grant_id AND f.client_id = k.client_id JOIN users u ON u.id = f.user_id
	WHERE f.ended_at IS NULL AND ` + live("f.user_id", "f.client_id", "f.session_id", "f.era") + " AND " + notRevoked("k.jti")

func (s *Store) personStates(ctx context.Context, keys []tokenKey) (map[int]personState, error) {
	with, args := withTokens(partsOf(keys))
	var rows []personState
	err := s.all(ctx, "access token", &rows, with+personStates, args...)
	return byPlace(rows, func(r *personState) int { return r.N }, func(r *personState) personState { return *r }), err
}

// notRevoked is the condition that the access token with this jti was not revoked by itself.
func notRevoked(jti string) string {
	return "NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = " + jti + ")"
}

// LivePerson answers whether a person's access token still holds: family, person, client and session live, jti not revoked.
// fault.NotFound if not (security.md rule 3). The claims are shared: they are not to be changed.
func (s *Store) LivePerson(ctx context.Context, familyID, clientID, jti string) (*oauth.Person, error) {
	key := tokenKey{familyID, clientID, jti}
	state, known, err := ask(ctx, s.freshly().persons, key, key.parts()...)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fault.NotFound("access token")
	}
	if person, ok := s.freshly().knownPersons.get(state.ID, state.version); ok {
		return person, nil
	}
	person, v, err := s.person(ctx, state.ID)
	if err == nil {
		s.freshly().knownPersons.put(state.ID, v, person)
	}
	return person, err
}

const liveClientGrants = "SELECT k.n FROM k JOIN clients c ON c.id = k.client_id AND c.grant_id = k.grant_id WHERE c.disabled_at IS NULL AND "

func (s *Store) liveClientGrants(ctx context.Context, keys []tokenKey) (map[int]struct{}, error) {
	with, args := withTokens(partsOf(keys))
	var rows []int
	err := s.all(ctx, "access token", &rows, with+liveClientGrants+notRevoked("k.jti"), args...)
	return byPlace(rows, func(n *int) int { return *n }, func(*int) struct{} { return struct{}{} }), err
}

// LiveClientGrant answers the same for a token of client_credentials.
func (s *Store) LiveClientGrant(ctx context.Context, grantID, clientID, jti string) error {
	key := tokenKey{grantID, clientID, jti}
	_, known, err := ask(ctx, s.freshly().clientGrants, key, key.parts()...)
	if err == nil && !known {
		return fault.NotFound("access token")
	}
	return err
}

// --- what is traded for tokens

var withHashes = keyed("hash")

func hashes(keys []string) [][]string {
	parts := make([][]string, len(keys))
	for i, k := range keys {
		parts[i] = []string{k}
	}
	return parts
}

var codesByHash = "SELECT k.n, " + columns("codes", "", codeColumns) + " FROM k JOIN codes ON codes.hash = k.hash"

type placedCode struct {
	N int `db:"n"`
	oauth.Code
}

func (s *Store) codes(ctx context.Context, keys []string) (map[int]*oauth.Code, error) {
	with, args := withHashes(hashes(keys))
	var rows []placedCode
	err := s.all(ctx, "code", &rows, with+codesByHash, args...)
	return byPlace(rows, func(r *placedCode) int { return r.N }, func(r *placedCode) *oauth.Code { return &r.Code }), err
}

// Code returns a code, spent or not.
func (s *Store) Code(ctx context.Context, hash string) (*oauth.Code, error) {
	code, known, err := ask(ctx, s.freshly().codes, hash, hash)
	if err == nil && !known {
		err = fault.NotFound("code")
	}
	return code, err
}

var refreshTokensByHash = "SELECT k.n, " + columns("f", "", familyColumns) + `, t.generation AS presented_generation, c.era <> f.era AS era_over,
		u.disabled_at IS NULL AS user_enabled, c.disabled_at IS NULL AS client_enabled, ` + sessionLive("f.session_id", "") + ` AS session_live
	FROM k JOIN refresh_tokens t ON t.hash = k.hash JOIN families f ON f.id = t.family_id JOIN users u ON u.id = f.user_id JOIN clients c ON c.id = f.client_id`

type placedRefreshToken struct {
	N int `db:"n"`
	oauth.PresentedRefreshToken
}

func (s *Store) refreshTokens(ctx context.Context, keys []string) (map[int]*oauth.PresentedRefreshToken, error) {
	with, args := withHashes(hashes(keys))
	var rows []placedRefreshToken
	err := s.all(ctx, "refresh token", &rows, with+refreshTokensByHash, args...)
	return byPlace(rows, func(r *placedRefreshToken) int { return r.N }, func(r *placedRefreshToken) *oauth.PresentedRefreshToken { return &r.PresentedRefreshToken }), err
}

// RefreshToken returns what is known about the refresh token with this hash, current or spent.
func (s *Store) RefreshToken(ctx context.Context, hash string) (*oauth.PresentedRefreshToken, error) {
	token, known, err := ask(ctx, s.freshly().refreshTokens, hash, hash)
	if err == nil && !known {
		err = fault.NotFound("refresh token")
	}
	return token, err
}

// --- scopes and APIs

// catalog is the scopes and APIs there are.
type catalog struct {
	oauth.Catalog
	revision string
	readAt   time.Time
}

// catalogAge is how long a catalog may be used at all: a node of the release before does not tell of its changes.
const catalogAge = 2 * time.Second

// revised tells of a change of the catalog.
func revised() row {
	return row{table: "revisions", columns: "name, revision", value: map[string]any{"name": "catalog", "revision": newID()},
		onConflict: "ON CONFLICT (name) DO UPDATE SET revision = excluded.revision"}
}

// Catalog returns the scopes and APIs there are: as of the last client that was read, and never older than two seconds. It is
// shared: nothing of it is to be changed.
func (s *Store) Catalog(ctx context.Context, at time.Time) (*oauth.Catalog, error) {
	if c, now := s.freshly().catalog.Load(), s.freshly().revision.Load(); c != nil && now != nil && c.revision == *now {
		if age := at.Sub(c.readAt); age < catalogAge && age > -catalogAge { // a clock that was set back must not keep it
			return &c.Catalog, nil
		}
	}
	c, _, err := s.freshly().catalogs.get(ctx, at)
	if err != nil {
		return nil, err
	}
	return &c.Catalog, nil
}

func (s *Store) readCatalog(ctx context.Context, asked []time.Time) (map[int]*catalog, error) {
	c := &catalog{readAt: asked[0]}
	// First: what changes meanwhile makes it newer than it says, and is read again.
	if err := s.get(ctx, "catalog", &c.revision, "SELECT revision FROM revisions WHERE name = 'catalog'"); err != nil {
		return nil, err
	}
	scopes, err := s.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	apis, err := s.APIs(ctx)
	if err != nil {
		return nil, err
	}
	c.Catalog = oauth.NewCatalog(scopes, apis)
	s.freshly().catalog.Store(c)
	s.freshly().revision.Store(&c.revision)
	out := make(map[int]*catalog, len(asked))
	for place := range asked {
		out[place] = c
	}
	return out, nil
}
