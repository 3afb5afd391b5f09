package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

const userColumns = "id, username, email, email_verified, name, profile, role, password_hash, password_changed_at, disabled_at, last_sign_in_at, created_at, updated_at, version"

// userRow is a user with what is derived for comparing, ordering and searching.
type userRow struct {
	identity.User
	UsernameKey string  `db:"username_key"`
	EmailKey    *string `db:"email_key"`
	SearchKey   string  `db:"search_key"`
	SearchText  string  `db:"search_text"`
}

func userRowOf(u identity.User) userRow {
	r := userRow{User: u, UsernameKey: fold(u.Username), SearchKey: userKey(&u), SearchText: searchText(u.Name, u.Username, u.Email)}
	if u.Email != "" {
		key := fold(u.Email)
		r.EmailKey = &key
	}
	return r
}

func userKey(u *identity.User) string { return searchKey(u.Label(), u.ID) }

func newUser(u identity.User, at time.Time) row {
	u.ID, u.CreatedAt, u.UpdatedAt, u.Version = orNewID(u.ID), at, at, 1
	return wholeUser(u)
}

func wholeUser(u identity.User) row {
	return row{table: "users", columns: userColumns + ", username_key, email_key, search_key, search_text", value: userRowOf(u)}
}

// CreateUser adds a user. A set-up link ends with it. fault.Conflict names "username" or "email" where one is taken;
// usernames and e-mail addresses differ by more than case. A username that is a client's id is taken too (RFC 9700 §4.15), and
// so is that of somebody who was deleted (security.md rule 7).
func (s *Store) CreateUser(ctx context.Context, u identity.User, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.voidSetupLink(ctx); err != nil {
			return err
		}
		var client bool
		if err := tx.get(ctx, "user", &client, "SELECT EXISTS (SELECT 1 FROM clients WHERE id IN ($1, $2))", u.Username, u.ID); err != nil {
			return err
		} else if client {
			return fault.Conflict("user", "username")
		}
		u.ID = orNewID(u.ID)
		if err := tx.insert(ctx, "user", newUser(u, at), eventOf(event, at)); err != nil {
			return err
		}
		// Only now: adding the row has waited for whoever was deleting one of this name.
		var gone bool
		err := tx.get(ctx, "user", &gone, "SELECT EXISTS (SELECT 1 FROM reserved_usernames WHERE username_key = $1 OR user_id = $2)", fold(u.Username), u.ID)
		if err == nil && gone {
			return fault.Conflict("user", "username")
		}
		if err != nil {
			return err
		}
		return tx.saveValues(ctx, u.ID, nil, u.Attributes)
	})
}

// User returns the user, enabled or not.
func (s *Store) User(ctx context.Context, id string) (*identity.User, error) {
	return s.user(ctx, "id = $1", id)
}

// UserByUsername returns the user with this name, in whatever case it is written.
func (s *Store) UserByUsername(ctx context.Context, username string) (*identity.User, error) {
	return s.user(ctx, "username_key = $1", fold(username))
}

// UserBySignIn returns the user that somebody means by a username or, if it has an @, an e-mail address.
func (s *Store) UserBySignIn(ctx context.Context, usernameOrEmail string) (*identity.User, error) {
	if strings.Contains(usernameOrEmail, "@") {
		return s.user(ctx, "email_key = $1", fold(usernameOrEmail))
	}
	return s.UserByUsername(ctx, usernameOrEmail)
}

func (s *Store) user(ctx context.Context, condition, arg string) (*identity.User, error) {
	var u identity.User
	if err := s.get(ctx, "user", &u, "SELECT "+userColumns+", "+valuesOf("users.id")+" FROM users WHERE "+condition, arg); err != nil {
		return nil, err
	}
	return &u, nil
}

// UserFilter says which users: Query is what their name, username or e-mail address begins with; Status is "active", "disabled"
// or empty for both, Role one of identity.Roles or empty for any. After and Before are cursors of a UserPage; garbage there
// shows the first page.
type UserFilter struct {
	Query         string
	Status        string
	Role          identity.Role
	Group         string // the id of one that they are in
	After, Before string
	Limit         int // 0 is 50
}

// UserPage is a part of the list of users. Next and Previous are cursors, empty where the list ends.
type UserPage struct {
	Users          []identity.User
	Previous, Next string
	Total          int64 // of all pages; CountLimit + 1 is that many or more
}

// Users returns a page of users by name. Where something is looked for, those whose name begins with it come first, then those
// whose username does, by username, and then those whose e-mail address does: each is a range of an index.
func (s *Store) Users(ctx context.Context, want UserFilter) (UserPage, error) {
	common, narrow, err := want.common(ctx, s)
	if err != nil {
		return UserPage{}, err
	}
	users := list[identity.User]{what: "user", table: "users", columns: userColumns, key: userKey}
	parts, counted := []part[identity.User]{{common, "search_key", userKey}}, []filter{common}
	if text := sought(want.Query); text != "" {
		parts, counted = nil, nil
		var before filter // those that are in no earlier part
		for _, by := range []part[identity.User]{
			{column: "search_key", key: userKey},
			{column: "username_key", key: func(u *identity.User) string { return fold(u.Username) }},
			{column: "email_key", key: func(u *identity.User) string { return fold(u.Email) }},
		} {
			if narrow && by.column != "search_key" {
				by.column += " || ''" // the few are read one by one: SQLite would take the range, which may be everybody
			}
			fits, args := begins(by.column, text)
			alone := common.and(filter{[]string{fits}, args})
			counted = append(counted, alone)
			by.f = alone.and(before)
			parts = append(parts, by)
			before = before.and(filter{[]string{"NOT " + fits}, args})
		}
	}
	var p UserPage
	if p.Total, err = s.countUsers(ctx, counted); err == nil {
		p.Users, p.Previous, p.Next, err = users.partsPage(ctx, s, parts, want.After, want.Before, want.Limit)
	}
	return p, err
}

// common is the filter without what is looked for. narrow tells that few fit it, whom an index of theirs finds.
func (want UserFilter) common(ctx context.Context, s *Store) (f filter, narrow bool, err error) {
	switch want.Status {
	case "active":
		f.add("disabled_at IS NULL")
	case "disabled":
		f.add("disabled_at IS NOT NULL")
		narrow = true
	}
	switch {
	case want.Role.Console():
		f.add("role = ?", want.Role)
		f.add(hasConsoleRole)
		narrow = true
	case want.Role != "":
		f.add("role = ?", want.Role)
	}
	if want.Group == "" {
		return f, narrow, nil
	}
	members, err := s.Members(ctx, want.Group)
	if members <= CountLimit { // read one by one, and sorted
		f.add("id IN (SELECT user_id FROM memberships WHERE group_id = ?)", want.Group)
		return f, true, err
	}
	f.add("EXISTS (SELECT 1 FROM memberships WHERE group_id = ? AND user_id = users.id)", want.Group) // found as the list is gone through
	return f, narrow, err
}

// hasConsoleRole says what the index of people with a role is about, or SQLite would not take it.
const hasConsoleRole = "role <> 'user'"

// countUsers counts those who fit one of the filters, up to CountLimit + 1.
func (s *Store) countUsers(ctx context.Context, fits []filter) (n int64, err error) {
	var some []string
	var args []any
	for i, f := range fits {
		some = append(some, fmt.Sprintf("SELECT id FROM (SELECT id FROM users%s LIMIT %d) AS some%d", f.where(), CountLimit+1, i))
		args = append(args, f.args...)
	}
	err = s.get(ctx, "user", &n, dollars("SELECT COUNT(*) FROM ("+strings.Join(some, " UNION ")+") AS found"), args...)
	return min(n, CountLimit+1), err
}

// UpdateUser changes e-mail address, name, profile, role and, unless they are nil, the values of attributes, not the username: others may know the person by it. A role in
// the console ends what the person's password was traded for. u.Version is that of the user it was read as: fault.Conflict
// with an empty field if somebody was faster. fault.Conflict names "email" where it is taken; fault.Fields "role" if nobody
// would be left to administer the house.
func (s *Store) UpdateUser(ctx context.Context, u identity.User, at time.Time, event audit.Event) error {
	u.UpdatedAt = at
	return s.InTx(ctx, func(tx *Store) error {
		if u.Role != identity.RoleAdmin {
			if err := tx.keepAnAdmin(ctx, u.ID); err != nil {
				return err
			}
		}
		old, err := tx.User(ctx, u.ID)
		if err != nil {
			return err
		}
		u.Username = old.Username
		n, err := tx.run(ctx, "user", statement{`
			UPDATE users SET email = :email, email_key = :email_key, email_verified = :email_verified, name = :name, profile = :profile,
				role = :role, search_key = :search_key, search_text = :search_text, updated_at = :updated_at, version = version + 1
			WHERE id = :id AND version = :version`, userRowOf(u)})
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Conflict("user", "")
		}
		if err := tx.saveValues(ctx, u.ID, old.Attributes, u.Attributes); err != nil {
			return err
		}
		if u.Role.Console() && !old.Role.Console() { // who may not trade a password has not traded one (security.md rule 16)
			if _, err := tx.endFamilies(ctx, oauth.EndedByRole, at, "user_id = ? AND grant_type = ?", u.ID, oauth.GrantPassword); err != nil {
				return err
			}
		}
		return tx.record(ctx, event, at)
	})
}

// DisableUser shuts the person out and ends all they have: sessions, families, unused codes and reset links. A second time it
// does nothing. fault.Fields "role" for the last administrator.
func (s *Store) DisableUser(ctx context.Context, id string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.keepAnAdmin(ctx, id); err != nil {
			return err
		}
		n, err := tx.exec(ctx, "user", `
			UPDATE users SET disabled_at = $2, updated_at = $2, version = version + 1 WHERE id = $1 AND disabled_at IS NULL`, id, at)
		if err != nil {
			return err
		} else if n == 0 {
			_, err := tx.User(ctx, id)
			return err
		}
		if _, err := tx.endUser(ctx, id, "", oauth.EndedByDisabling, at); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// EnableUser lets the person in again; what was ended stays so. A second time it does nothing.
func (s *Store) EnableUser(ctx context.Context, id string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "user", statement{`
		UPDATE users SET disabled_at = NULL, updated_at = :at, version = version + 1 WHERE id = :id AND disabled_at IS NOT NULL`,
		map[string]any{"id": id, "at": at}}, eventOf(event, at))
	if err == nil && n == 0 {
		_, err = s.User(ctx, id)
	}
	return err
}

// UserImpact is what ends with a person, or with all they have.
type UserImpact struct {
	Sessions int64 `db:"sessions"` // that hold
	Families int64 `db:"families"` // that hold
	Codes    int64 `db:"codes"`    // neither spent nor expired
	Clients  int64 `db:"clients"`  // that have one of the families
	Consents int64 `db:"consents"` // clients that were allowed something
	Links    int64 `db:"links"`    // to choose a password, unused
}

// Any reports whether there is anything that ends.
func (i UserImpact) Any() bool { return i.Sessions+i.Families+i.Codes+i.Links > 0 }

// ended is what an event keeps of what has ended.
func (i UserImpact) ended() map[string]audit.Change {
	changes := map[string]audit.Change{}
	for name, n := range map[string]int64{"sessions": i.Sessions, "token_families": i.Families, "codes": i.Codes, "password_links": i.Links} {
		if n > 0 {
			changes[name] = audit.Change{Before: strconv.FormatInt(n, 10), After: "0"}
		}
	}
	return changes
}

// UserImpact counts what holds at the given time and would end with the person.
func (s *Store) UserImpact(ctx context.Context, id string, at time.Time) (UserImpact, error) {
	family := "FROM families WHERE user_id = u.id AND ended_at IS NULL AND " + ofEra + " AND expires_at > $2 AND (current_hash = '' OR idle_expires_at > $2)"
	var impact UserImpact
	err := s.get(ctx, "user", &impact, `
		SELECT (SELECT COUNT(*) FROM sessions WHERE user_id = u.id AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3) AS sessions,
			(SELECT COUNT(*) `+family+`) AS families,
			(SELECT COUNT(DISTINCT client_id) `+family+`) AS clients,
			(SELECT COUNT(*) FROM codes WHERE user_id = u.id AND spent_at IS NULL AND expires_at > $2) AS codes,
			(SELECT COUNT(DISTINCT client_id) FROM consents WHERE user_id = u.id) AS consents,
			(SELECT COUNT(*) FROM reset_links WHERE user_id = u.id AND used_at IS NULL AND expires_at > $2) AS links
		FROM users u WHERE u.id = $1`, id, at, s.seenSince(at))
	return impact, err
}

// EndUser ends all the person has, whatever its state: sessions, families, unused codes and reset links. They may sign in again.
// It returns what held until then, which the event tells too; no event if nothing did.
func (s *Store) EndUser(ctx context.Context, id, reason string, at time.Time, event audit.Event) (impact UserImpact, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.holdUser(ctx, id); err != nil {
			return err
		}
		if impact, err = tx.UserImpact(ctx, id, at); err != nil {
			return err
		}
		if _, err := tx.endUser(ctx, id, "", reason, at); err != nil || !impact.Any() {
			return err
		}
		event.Changes = impact.ended()
		return tx.record(ctx, event, at)
	})
	return impact, err
}

// DeleteUser removes the person and all they have. Their events stay, and lose what tells who the person was (EraseEvents); nobody
// is given their username again (security.md rule 7). fault.Fields "role" for the last administrator.
func (s *Store) DeleteUser(ctx context.Context, id string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.keepAnAdmin(ctx, id); err != nil {
			return err
		}
		if err := tx.holdUser(ctx, id); err != nil {
			return err
		}
		u, err := tx.User(ctx, id)
		if err != nil {
			return err
		}
		// First, in the order of every ending: what is deleted below has nobody waiting for it then.
		if _, err := tx.endUser(ctx, id, "", oauth.EndedByDeletion, at); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, "user", "DELETE FROM users WHERE id = $1", id); err != nil {
			return err
		}
		reserved := row{
			table: "reserved_usernames", columns: "username_key, user_id, reserved_at",
			value: map[string]any{"username_key": fold(u.Username), "user_id": id, "reserved_at": at},
		}
		return tx.insert(ctx, "user", reserved, askErasure(id, at), eventOf(event, at))
	})
}

// holdUser keeps codes and families of the person from beginning until the end of the transaction.
func (s *Store) holdUser(ctx context.Context, id string) error {
	_, err := s.exec(ctx, "user", "UPDATE users SET id = id WHERE id = $1", id)
	return err
}

// endUser ends the person's sessions but one (empty: all), all families, unused codes and reset links. It tells how many sessions.
func (s *Store) endUser(ctx context.Context, id, exceptSessionID, reason string, at time.Time) (int64, error) {
	sessions, err := s.endSessions(ctx, reason, at, "user_id = ? AND id <> ?", id, exceptSessionID)
	if err != nil {
		return 0, err
	}
	if err := s.voidResetLinks(ctx, id); err != nil {
		return 0, err
	}
	if err := s.voidCodes(ctx, at, "user_id = ?", id); err != nil {
		return 0, err
	}
	_, err = s.endFamilies(ctx, reason, at, "user_id = ?", id)
	return sessions, err
}
