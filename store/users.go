package store

import (
	"context"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

const userColumns = "id, username, email, email_verified, name, profile, role, password_hash, disabled_at, created_at, updated_at, version"

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

func userKey(u *identity.User) string { return searchKey(u.Name, u.ID) }

func newUser(u identity.User, at time.Time) row {
	u.ID, u.CreatedAt, u.UpdatedAt, u.Version = orNewID(u.ID), at, at, 1
	return wholeUser(u)
}

func wholeUser(u identity.User) row {
	return row{table: "users", columns: userColumns + ", username_key, email_key, search_key, search_text", value: userRowOf(u)}
}

// CreateUser adds a user. A set-up link ends with it. fault.Conflict names "username" or "email" where one is taken;
// usernames and e-mail addresses differ by more than case. A username that is a client's id is taken too (RFC 9700 §4.15).
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
		return tx.insert(ctx, "user", newUser(u, at), eventOf(event, at))
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
	if err := s.get(ctx, "user", &u, "SELECT "+userColumns+" FROM users WHERE "+condition, arg); err != nil {
		return nil, err
	}
	return &u, nil
}

// UserFilter says which users: Query is looked for in name, username and e-mail address. After and Before are cursors of a
// UserPage; garbage there shows the first page.
type UserFilter struct {
	Query         string
	After, Before string
	Limit         int // 0 is 50
}

// UserPage is a part of the list of users, by name. Next and Previous are cursors, empty where the list ends.
type UserPage struct {
	Users          []identity.User
	Previous, Next string
	Total          int64 // of all pages
}

// Users returns a page of users by name.
func (s *Store) Users(ctx context.Context, want UserFilter) (UserPage, error) {
	var f filter
	if want.Query != "" {
		f.add(`search_text LIKE ? ESCAPE '\'`, contains(want.Query))
	}
	users := list[identity.User]{what: "user", table: "users", columns: userColumns, key: userKey}
	var p UserPage
	var err error
	p.Users, p.Previous, p.Next, p.Total, err = users.page(ctx, s, f, want.After, want.Before, want.Limit)
	return p, err
}

// UpdateUser changes e-mail address, name, profile and role, not the username: others may know the person by it. A role in
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
