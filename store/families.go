package store

import (
	"context"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

const familyColumns = "id, client_id, user_id, grant_type, session_id, scope, resource, auth_time, amr, created_at, expires_at, ended_at, end_reason, " +
	"generation, current_hash, current_presented_at, previous_hash, rotated_at, successor_sealed, idle_expires_at"

// readFamily are the columns with what is known by the client.
var readFamily = familyColumns + ", families.era <> " + eraOf("families.client_id") + " AS era_over"

// BeginFamily begins a family that no code led to: of the password grant or of implicit. fault.NotFound if the person, the client
// or the session is not live any more, or, where a password took part, if it is not the person's any more or they have come to
// have a role in the console.
func (s *Store) BeginFamily(ctx context.Context, b oauth.Beginning, events ...audit.Event) error {
	at := b.Family.CreatedAt
	begin := row{table: "families", columns: familyColumns, ofClient: true, value: struct {
		oauth.Family
		CheckedHash string `db:"checked_hash"`
	}{b.Family, b.CheckedHash}}
	condition := s.liveAndHeld(":user_id", ":client_id", ":session_id")
	if b.CheckedHash != "" {
		condition += " AND EXISTS (SELECT 1 FROM users WHERE id = :user_id AND password_hash = :checked_hash AND role = '" + string(identity.RoleUser) + "'" + s.hold() + ")"
	}
	then := append(handedOut(b), signedInTo(b.Family.SessionID, b.Family.ClientID)...)
	if b.Consent != nil {
		then = append(then, consentRows(*b.Consent, at)...)
	}
	for _, event := range events {
		then = append(then, eventOf(event, at))
	}
	n, err := s.act(ctx, "family", begin.insert(condition), then...)
	return mustChange("person, client or session", n, err)
}

// handedOut are the tokens that a family begins with.
func handedOut(b oauth.Beginning) []row {
	var rows []row
	if b.First != nil {
		rows = append(rows, refreshTokenRow(*b.First, b.Family.ID))
	}
	return append(rows, accessTokenRows(b.Access)...)
}

// Family returns the family, ended or not.
func (s *Store) Family(ctx context.Context, id string) (*oauth.Family, error) {
	var f oauth.Family
	if err := s.get(ctx, "family", &f, "SELECT "+readFamily+" FROM families WHERE id = $1", id); err != nil {
		return nil, err
	}
	return &f, nil
}

// FamilyReplayed is the state of families that a replay ended; the others are those of oauth.Family. A family whose session has
// ended is not live.
const FamilyReplayed = "replayed"

// FamilyFilter says which families; what is empty means any. Without At nothing has lapsed.
type FamilyFilter struct {
	ID, UserID, ClientID string
	IDs                  []string // one of these
	State                string   // of oauth.Family, or FamilyReplayed
	At                   time.Time
	BegunBy              time.Time // at the latest
	KeepAdmins           bool      // without those of administrators
	After, Before        string    // cursors of a FamilyPage; garbage there shows the first page
	Limit                int       // 0 is 50
}

func (want FamilyFilter) conditions() filter {
	var f filter
	f.addIf("id", want.ID)
	f.addIf("user_id", want.UserID)
	f.addIn("id", want.IDs)
	if want.UserID == "" {
		f.addIf("client_id", want.ClientID)
	} else {
		f.addIf("client_id || ''", want.ClientID) // no index has it: SQLite would read all of the client's, and a person's are few
	}
	if !want.BegunBy.IsZero() {
		f.add("created_at <= ?", want.BegunBy)
	}
	if want.KeepAdmins {
		f.add("NOT " + ofAdmins("user_id"))
	}
	switch want.State {
	case oauth.FamilyLive:
		f.add("ended_at IS NULL AND " + ofEra)
		// The sessions of a page are looked up one by one; with EXISTS PostgreSQL would read all there are first.
		f.add("COALESCE((SELECT ended_at IS NULL FROM sessions WHERE id = families.session_id), families.session_id = '')")
		if !want.At.IsZero() {
			f.add("expires_at > ? AND (current_hash = '' OR idle_expires_at > ?)", want.At, want.At)
		}
	case oauth.FamilyExpired:
		f.add("ended_at IS NULL AND (expires_at <= ? OR current_hash <> '' AND idle_expires_at <= ?)", want.At, want.At)
	case oauth.FamilyEnded:
		f.add("ended_at IS NOT NULL")
	case FamilyReplayed:
		f.add("end_reason IN ('" + oauth.EndedByReplay + "', '" + oauth.EndedByCodeReuse + "')") // as families_replayed has it
	}
	return f
}

// ListedFamily is a family and whom it is about.
type ListedFamily struct {
	oauth.Family
	Holder
	ClientName string `db:"client_name"`
}

// Holder is the person that a session or a family is of.
type Holder struct {
	Username string        `db:"username"`
	Name     string        `db:"person_name"`
	Role     identity.Role `db:"role"`
}

// holderColumns tell of the holder that the column names.
func holderColumns(userID string) string {
	of := func(column, as string) string {
		return ", (SELECT " + column + " FROM users WHERE id = " + userID + ") AS " + as
	}
	return of("username", "username") + of("name", "person_name") + of("role", "role")
}

// FamilyPage is a part of the list of families, newest first. Next and Previous are cursors, empty where the list ends.
type FamilyPage struct {
	Families       []ListedFamily
	Previous, Next string
	Total          int64 // of all pages; beyond CountLimit there are more
}

var familyList = list[ListedFamily]{
	what: "family", table: "families", newest: true, key: func(f *ListedFamily) string { return f.ID },
	columns: readFamily + holderColumns("families.user_id") + ", (SELECT client_name FROM clients WHERE id = families.client_id) AS client_name",
}

// FamilyPage returns a page of the families that fit the filter, newest first.
func (s *Store) FamilyPage(ctx context.Context, want FamilyFilter) (p FamilyPage, err error) {
	p.Families, p.Previous, p.Next, p.Total, err = familyList.page(ctx, s, want.conditions(), want.After, want.Before, want.Limit)
	return p, err
}

// Families returns the newest families that fit the filter, newest first.
func (s *Store) Families(ctx context.Context, want FamilyFilter) ([]oauth.Family, error) {
	f := want.conditions()
	var families []oauth.Family
	err := s.all(ctx, "family", &families, dollars("SELECT "+readFamily+" FROM families"+f.where()+" ORDER BY id DESC LIMIT ?"),
		append(f.args, limited(want.Limit))...)
	return families, err
}

// FamilyImpact is what ends with families.
type FamilyImpact struct {
	Families int64 `db:"families"`
	People   int64 `db:"people"`
	Clients  int64 `db:"clients"`
	Admins   int64 `db:"admins"` // families of administrators
}

// FamilyImpact counts what would end with the families that fit the filter.
func (s *Store) FamilyImpact(ctx context.Context, want FamilyFilter) (impact FamilyImpact, err error) {
	f := want.conditions()
	err = s.get(ctx, "family", &impact, dollars("SELECT COUNT(*) AS families, COUNT(DISTINCT user_id) AS people, COUNT(DISTINCT client_id) AS clients, "+
		"COUNT(CASE WHEN "+ofAdmins("user_id")+" THEN 1 END) AS admins FROM families"+f.where()), f.args...)
	return impact, err
}

// EndFamily ends the family, whatever its state; a second time it does nothing and keeps the first reason.
func (s *Store) EndFamily(ctx context.Context, id, reason string, at time.Time, event audit.Event) error {
	_, err := s.act(ctx, "family", statement{"UPDATE families SET ended_at = :at, end_reason = :reason WHERE id = :id AND ended_at IS NULL",
		map[string]any{"id": id, "reason": reason, "at": at}}, eventOf(event, at))
	return err
}

// EndFamiliesOfUser ends all that the person gave any client, unused codes included, and tells how many families. No event if
// there was none.
func (s *Store) EndFamiliesOfUser(ctx context.Context, userID, reason string, at time.Time, event audit.Event) (n int64, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.holdUser(ctx, userID); err != nil {
			return err
		}
		if err := tx.voidCodes(ctx, at, "user_id = ?", userID); err != nil {
			return err
		}
		if n, err = tx.endFamilies(ctx, reason, at, "user_id = ?", userID); err != nil || n == 0 {
			return err
		}
		return tx.record(ctx, event, at)
	})
	return n, err
}

// endFamilies ends the families that fit the condition and tells how many. Codes that could begin another have to be voided
// before: see doc.go.
func (s *Store) endFamilies(ctx context.Context, reason string, at time.Time, condition string, args ...any) (int64, error) {
	return s.exec(ctx, "family", dollars("UPDATE families SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL AND "+condition),
		append([]any{at, reason}, args...)...)
}
