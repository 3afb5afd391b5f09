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

// consentRows adds the scopes to what the person allows already; those given again are as new. Consent to a request without
// any scope is kept as the empty one: the client may know the person, and need not ask again.
func consentRows(c oauth.Consent, at time.Time) []row {
	scopes := c.Scopes
	if len(scopes) == 0 {
		scopes = oauth.Scopes{""}
	}
	rows := make([]row, len(scopes))
	for i, scope := range slices.Sorted(slices.Values(scopes)) { // in one order, or two at once would wait for each other
		rows[i] = row{
			table: "consents", columns: "user_id, client_id, scope, created_at",
			value:      map[string]any{"user_id": c.UserID, "client_id": c.ClientID, "scope": scope, "created_at": at},
			onConflict: "ON CONFLICT (user_id, client_id, scope) DO UPDATE SET created_at = excluded.created_at",
		}
	}
	return rows
}

type consentRow struct {
	UserID     string    `db:"user_id"`
	ClientID   string    `db:"client_id"`
	ClientName string    `db:"client_name"`
	Scope      string    `db:"scope"`
	CreatedAt  time.Time `db:"created_at"`
	SearchKey  string    `db:"search_key"`
}

// ClientConsent is what a person lets a client do, with the client's name.
type ClientConsent struct {
	oauth.Consent
	ClientName string
}

// Consent returns what the person allows the client, in the order in which it was allowed; fault.NotFound if nothing.
func (s *Store) Consent(ctx context.Context, userID, clientID string) (*oauth.Consent, error) {
	found, err := s.consents(ctx, consented+" WHERE k.user_id = $1 AND k.client_id = $2", userID, clientID)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.NotFound("consent")
	}
	return &found[0].Consent, nil
}

// Consents returns what the person allows clients, by the clients' names: what they agreed to, and what live families hold that
// nobody was asked about, because the person gave the client their password.
func (s *Store) Consents(ctx context.Context, userID string, at time.Time) ([]ClientConsent, error) {
	return s.consents(ctx, consented+" WHERE k.user_id = $1 UNION ALL "+`
		SELECT f.user_id, f.client_id, c.client_name, f.scope, f.created_at, c.search_key FROM families f JOIN clients c ON c.id = f.client_id
		WHERE f.user_id = $1 AND f.ended_at IS NULL AND f.era = c.era AND f.expires_at > $2`, userID, at)
}

const consented = `SELECT k.user_id, k.client_id, c.client_name, k.scope AS scope, k.created_at AS created_at, c.search_key AS search_key FROM consents k JOIN clients c ON c.id = k.client_id`

func (s *Store) consents(ctx context.Context, query string, args ...any) ([]ClientConsent, error) {
	var rows []consentRow
	err := s.all(ctx, "consent", &rows, query+" ORDER BY search_key, created_at, scope", args...)
	if err != nil {
		return nil, err
	}
	var out []ClientConsent
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].ClientID != r.ClientID {
			out = append(out, ClientConsent{Consent: oauth.Consent{UserID: r.UserID, ClientID: r.ClientID}, ClientName: r.ClientName})
		}
		last := &out[len(out)-1]
		if more := last.Scopes.Missing(strings.Fields(r.Scope)); len(more) > 0 || last.UpdatedAt.IsZero() {
			last.Scopes, last.UpdatedAt = append(last.Scopes, more...), r.CreatedAt
		}
	}
	return out, nil
}

// ConsentFilter says whose consents, and to which client; what is empty means any.
type ConsentFilter struct {
	UserID, ClientID string
	After, Before    string // cursors of a ConsentPage; garbage there shows the first page
	Limit            int    // 0 is 50
}

// ListedConsent is what a person lets a client do, by the scope that was given last.
type ListedConsent struct {
	UserID     string    `db:"user_id"`
	ClientID   string    `db:"client_id"`
	ClientName string    `db:"client_name"`
	GivenAt    time.Time `db:"created_at"`
	SearchKey  string    `db:"search_key"`
	Holder
	Begun     *time.Time     `db:"begun_at"`   // the newest family of the two
	Refreshed *time.Time     `db:"rotated_at"` // the newest refresh of one
	Scopes    []ScopeConsent `db:"-"`          // in the order in which they were given
}

// LastUsed is when the client last got a token under it; zero where it never did, or that is forgotten.
func (c *ListedConsent) LastUsed() (last time.Time) {
	for _, at := range []*time.Time{c.Begun, c.Refreshed} {
		if at != nil && at.After(last) {
			last = *at
		}
	}
	return last
}

// ScopeConsent is a scope that was given, and when. An empty one is consent to a request without any.
type ScopeConsent struct {
	UserID   string    `db:"user_id"`
	ClientID string    `db:"client_id"`
	Scope    string    `db:"scope"`
	GivenAt  time.Time `db:"created_at"`
}

// ConsentPage is a part of the list of consents, newest first. Next and Previous are cursors, empty where the list ends.
type ConsentPage struct {
	Consents       []ListedConsent
	Previous, Next string
	Total          int64 // of all pages; beyond CountLimit there are more
}

const consentFamilies = " FROM families f WHERE f.user_id = c.user_id AND f.client_id || '' = c.client_id"

var consentList = list[ListedConsent]{
	what: "consent", long: true, reversed: true, timed: "created_at", at: func(c *ListedConsent) time.Time { return c.GivenAt },
	key: func(c *ListedConsent) string { return c.SearchKey },
	// A consent stands where its newest scope does. What is newer is said by what it is not, so that it is looked for among the few
	// scopes of the two, and not among all that the client was given later.
	table: `(SELECT k.user_id, k.client_id, k.created_at, k.user_id || '` + separator + `' || k.client_id AS search_key FROM consents k
		WHERE NOT EXISTS (SELECT 1 FROM consents n WHERE n.user_id = k.user_id AND n.client_id = k.client_id
			AND NOT (n.created_at < k.created_at OR n.created_at = k.created_at AND n.scope <= k.scope))) AS c`,
	columns: "user_id, client_id, created_at, search_key, (SELECT client_name FROM clients WHERE id = c.client_id) AS client_name, " +
		"(SELECT f.created_at" + consentFamilies + " ORDER BY f.created_at DESC LIMIT 1) AS begun_at, " +
		"(SELECT f.rotated_at" + consentFamilies + " AND f.rotated_at IS NOT NULL ORDER BY f.rotated_at DESC LIMIT 1) AS rotated_at" + holderColumns("c.user_id"),
}

// ConsentPage returns a page of the consents that fit the filter, the latest given first.
func (s *Store) ConsentPage(ctx context.Context, want ConsentFilter) (p ConsentPage, err error) {
	var f filter
	f.addIf("user_id", want.UserID)
	f.addIf("client_id", want.ClientID)
	p.Consents, p.Previous, p.Next, p.Total, err = consentList.page(ctx, s, f, want.After, want.Before, want.Limit)
	if err != nil || len(p.Consents) == 0 {
		return p, err
	}
	var people, clients []string
	for _, c := range p.Consents {
		people, clients = append(people, c.UserID), append(clients, c.ClientID)
	}
	var in filter
	in.addIn("user_id", people)
	in.addIn("client_id", clients)
	var scopes []ScopeConsent
	err = s.all(ctx, "consent", &scopes, dollars("SELECT user_id, client_id, scope, created_at FROM consents"+in.where()+" ORDER BY created_at, scope"), in.args...)
	for _, scope := range scopes {
		for i := range p.Consents {
			if c := &p.Consents[i]; c.UserID == scope.UserID && c.ClientID == scope.ClientID {
				c.Scopes = append(c.Scopes, scope)
			}
		}
	}
	return p, err
}

// WithdrawConsent takes back what the person allowed the client and ends what it was given: families and unused codes.
// fault.NotFound if there was nothing.
func (s *Store) WithdrawConsent(ctx context.Context, userID, clientID string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.holdUser(ctx, userID); err != nil {
			return err
		}
		consents, err := tx.exec(ctx, "consent", "DELETE FROM consents WHERE user_id = $1 AND client_id = $2", userID, clientID)
		if err != nil {
			return err
		}
		if err := tx.voidCodes(ctx, at, "user_id = ? AND client_id = ?", userID, clientID); err != nil {
			return err
		}
		families, err := tx.endFamilies(ctx, oauth.EndedByPerson, at, "user_id = ? AND client_id = ?", userID, clientID)
		if err := mustChange("consent", consents+families, err); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}
