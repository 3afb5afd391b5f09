package store

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

const sessionColumns = "id, token_hash, user_id, auth_time, amr, last_seen_at, expires_at, ended_at, end_reason, ip, user_agent, proven_at"

// SignIn is what a person proved, and the session that it begins.
type SignIn struct {
	Session     identity.Session
	CheckedHash string // the password hash that was checked; it has to be the person's still
	DeviceHash  string // the browser, to be known from now on; empty for none
}

// proof is the condition of every sign-in: the person is enabled and their password is still the one that was checked.
// Noting it locks their row, so that a sign-in under way ends with whatever a new password or disabling ends.
func (in SignIn) proof() statement {
	return statement{"UPDATE users SET last_sign_in_at = :at WHERE id = :user_id AND disabled_at IS NULL AND password_hash = :checked",
		map[string]any{"user_id": in.Session.UserID, "checked": in.CheckedHash, "at": in.Session.AuthTime}}
}

// CreateSession begins a session. fault.NotFound unless the person is enabled and their password still the one that was checked.
func (s *Store) CreateSession(ctx context.Context, in SignIn, at time.Time, event audit.Event) error {
	in.Session.ID = orNewID(in.Session.ID)
	then := append([]row{{table: "sessions", columns: sessionColumns, value: in.Session}}, in.leaves(at, event)...)
	n, err := s.act(ctx, "user", in.proof(), then...)
	return mustChange("user", n, err)
}

// RenewSession gives a live session a new cookie because its person signed in again: what was begun in it lives on.
// fault.NotFound as with CreateSession, or if the session has ended meanwhile.
func (s *Store) RenewSession(ctx context.Context, in SignIn, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.run(ctx, "user", in.proof())
		if err := mustChange("user", n, err); err != nil {
			return err
		}
		n, err = tx.run(ctx, "session", statement{`
			UPDATE sessions SET token_hash = :token_hash, auth_time = :auth_time, amr = :amr, last_seen_at = :last_seen_at,
				expires_at = :expires_at, ip = :ip, user_agent = :user_agent, proven_at = :proven_at
			WHERE id = :id AND user_id = :user_id AND ended_at IS NULL`, in.Session})
		if err := mustChange("session", n, err); err != nil {
			return err
		}
		return tx.insert(ctx, "session", in.leaves(at, event)...)
	})
}

// ProveSession notes that the person of a live session has proved who they are. fault.NotFound unless they are enabled, their
// password is still the one that was checked, and the session has not ended meanwhile.
func (s *Store) ProveSession(ctx context.Context, id, userID, checkedHash string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		// Changing nothing locks the person's row, so that a new password under way ends this proof with the others.
		n, err := tx.exec(ctx, "user", "UPDATE users SET id = id WHERE id = $1 AND disabled_at IS NULL AND password_hash = $2", userID, checkedHash)
		if err := mustChange("user", n, err); err != nil {
			return err
		}
		n, err = tx.exec(ctx, "session", "UPDATE sessions SET proven_at = $3 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL", id, userID, at)
		if err := mustChange("session", n, err); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// leaves are the rows that a sign-in leaves besides its session: its event, and the browser it came from.
func (in SignIn) leaves(at time.Time, event audit.Event) []row {
	then := []row{eventOf(event, at)}
	if in.DeviceHash != "" {
		then = append(then, row{
			table: "known_devices", columns: "user_id, device_hash, created_at, last_seen_at",
			value:      map[string]any{"user_id": in.Session.UserID, "device_hash": in.DeviceHash, "created_at": at, "last_seen_at": at},
			onConflict: "ON CONFLICT (user_id, device_hash) DO UPDATE SET last_seen_at = excluded.last_seen_at",
		})
	}
	return then
}

var sessionByToken = "SELECT " + columns("s", "", sessionColumns) + ", " + columns("u", "user.", userColumns) +
	" FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1"

// SessionByToken returns the session with this token hash and its person, in one statement, whatever their state.
func (s *Store) SessionByToken(ctx context.Context, tokenHash string) (*identity.Session, *identity.User, error) {
	var found struct {
		identity.Session
		User identity.User `db:"user"`
	}
	err := s.get(ctx, "session", &found, sessionByToken, tokenHash)
	if err != nil {
		return nil, nil, err
	}
	return &found.Session, &found.User, nil
}

// TouchSession notes that the session was used.
func (s *Store) TouchSession(ctx context.Context, id string, at time.Time) error {
	_, err := s.exec(ctx, "session", "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND ended_at IS NULL AND last_seen_at < $2", id, at)
	return err
}

// EndSession ends the session with its families and unused codes. A second time it does nothing.
func (s *Store) EndSession(ctx context.Context, id, reason string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.endSessions(ctx, reason, at, "id = ?", id)
		if err != nil || n == 0 {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// EndSessions ends all sessions of a person but one (empty: none excepted) with their families and unused codes, and tells
// how many. No event if there was none.
func (s *Store) EndSessions(ctx context.Context, userID, exceptSessionID, reason string, at time.Time, event audit.Event) (n int64, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if n, err = tx.endSessions(ctx, reason, at, "user_id = ? AND id <> ?", userID, exceptSessionID); err != nil || n == 0 {
			return err
		}
		return tx.record(ctx, event, at)
	})
	return n, err
}

// EndClientSessions ends all sessions in which people signed in to the client, with their families and unused codes, and tells
// how many. No event if there was none.
func (s *Store) EndClientSessions(ctx context.Context, clientID, reason string, at time.Time, event audit.Event) (n int64, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if n, err = tx.endSessions(ctx, reason, at, "id IN (SELECT session_id FROM session_clients WHERE client_id = ?)", clientID); err != nil || n == 0 {
			return err
		}
		return tx.record(ctx, event, at)
	})
	return n, err
}

// endSessions ends those of the person's live sessions that fit the condition, and what is bound to them. It needs a transaction.
func (s *Store) endSessions(ctx context.Context, reason string, at time.Time, condition string, args ...any) (int64, error) {
	var ended []struct {
		ID     string `db:"id"`
		UserID string `db:"user_id"`
	}
	err := s.all(ctx, "session", &ended, dollars("UPDATE sessions SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL AND "+condition+" RETURNING id, user_id"),
		append([]any{at, reason}, args...)...)
	for _, session := range ended {
		if err == nil {
			err = s.voidCodes(ctx, at, "user_id = ? AND session_id = ?", session.UserID, session.ID)
		}
	}
	for _, session := range ended {
		if err == nil {
			_, err = s.endFamilies(ctx, oauth.EndedBySession, at, "session_id = ?", session.ID)
		}
	}
	return int64(len(ended)), err
}

// LiveSessions returns the person's sessions that hold at the given time, the last used first.
func (s *Store) LiveSessions(ctx context.Context, userID string, at time.Time) ([]identity.Session, error) {
	var sessions []identity.Session
	err := s.all(ctx, "session", &sessions, "SELECT "+sessionColumns+` FROM sessions
		WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3 ORDER BY last_seen_at DESC, id DESC`,
		userID, at, s.seenSince(at))
	return sessions, err
}

// States of sessions that a list can be asked for.
const (
	SessionLive  = "live"
	SessionEnded = "ended" // or lapsed
)

// SessionFilter says which sessions; what is empty means any.
type SessionFilter struct {
	ID, UserID, IP string
	IDs            []string // one of these
	Except         string   // the one that is left out
	ClientID       string   // that somebody signed in to through it
	State          string   // a Session constant
	At             time.Time
	BegunBy        time.Time // its sign-in, at the latest
	KeepAdmins     bool      // without those of administrators
	After, Before  string    // cursors of a SessionPage; garbage there shows the first page
	Limit          int       // 0 is 50
}

// table is where they are found: those of a client by what it knows of them, whose index has them in the order of their ids.
func (want SessionFilter) table() string {
	if want.ClientID != "" {
		return "session_clients JOIN sessions ON sessions.id = session_clients.session_id"
	}
	return "sessions"
}

// key is the column of the table that has their ids.
func (want SessionFilter) key() string {
	if want.ClientID != "" {
		return "session_clients.session_id"
	}
	return "id"
}

func (want SessionFilter) conditions(seenSince time.Time) filter {
	var f filter
	f.addIf("id", want.ID)
	f.addIf("user_id", want.UserID)
	f.addIf("ip", want.IP)
	f.addIf("session_clients.client_id", want.ClientID)
	f.addIn("id", want.IDs)
	if want.Except != "" {
		f.add("id <> ?", want.Except)
	}
	if !want.BegunBy.IsZero() {
		f.add("auth_time <= ?", want.BegunBy)
	}
	if want.KeepAdmins {
		f.add("NOT " + ofAdmins("user_id"))
	}
	switch want.State {
	case SessionLive:
		f.add("ended_at IS NULL AND expires_at > ? AND last_seen_at > ?", want.At, seenSince)
	case SessionEnded:
		f.add("(ended_at IS NOT NULL OR expires_at <= ? OR last_seen_at <= ?)", want.At, seenSince)
	}
	return f
}

// ListedSession is a session, whose it is, and the clients that its person signed in to through it.
type ListedSession struct {
	identity.Session
	Holder
	Clients []SessionClient `db:"-"`
}

// SessionClient is a client that somebody signed in to through a session.
type SessionClient struct {
	SessionID string `db:"session_id"`
	ID        string `db:"id"`
	Name      string `db:"client_name"`
}

// SessionPage is a part of the list of sessions, newest first. Next and Previous are cursors, empty where the list ends.
type SessionPage struct {
	Sessions       []ListedSession
	Previous, Next string
	Total          int64 // of all pages; beyond CountLimit there are more
}

var sessionList = list[ListedSession]{
	what: "session", columns: sessionColumns + holderColumns("sessions.user_id"), newest: true,
	key: func(s *ListedSession) string { return s.ID },
}

// SessionPage returns a page of the sessions that fit the filter, newest first.
func (s *Store) SessionPage(ctx context.Context, want SessionFilter) (p SessionPage, err error) {
	list := sessionList
	list.table, list.by = want.table(), want.key()
	p.Sessions, p.Previous, p.Next, p.Total, err = list.page(ctx, s, want.conditions(s.seenSince(want.At)), want.After, want.Before, want.Limit)
	if err == nil {
		err = s.addClients(ctx, p.Sessions)
	}
	return p, err
}

// Session returns the session, ended or not.
func (s *Store) Session(ctx context.Context, id string) (*ListedSession, error) {
	found := make([]ListedSession, 1)
	if err := s.get(ctx, "session", &found[0], "SELECT "+sessionList.columns+" FROM sessions WHERE id = $1", id); err != nil {
		return nil, err
	}
	if err := s.addClients(ctx, found); err != nil {
		return nil, err
	}
	return &found[0], nil
}

// addClients finds the clients of all the sessions at once, by name.
func (s *Store) addClients(ctx context.Context, sessions []ListedSession) error {
	if len(sessions) == 0 {
		return nil
	}
	var ids []string
	for _, session := range sessions {
		ids = append(ids, session.ID)
	}
	query, args, err := sqlx.In(`SELECT g.session_id, c.id, c.client_name FROM session_clients g
		JOIN clients c ON c.id = g.client_id WHERE g.session_id IN (?) ORDER BY c.search_key`, ids)
	if err != nil {
		return err
	}
	var clients []SessionClient
	if err := s.all(ctx, "session", &clients, dollars(query), args...); err != nil {
		return err
	}
	for _, client := range clients {
		for i := range sessions {
			if sessions[i].ID == client.SessionID {
				sessions[i].Clients = append(sessions[i].Clients, client)
			}
		}
	}
	return nil
}

// SessionImpact is what ends with sessions.
type SessionImpact struct {
	Sessions int64 `db:"sessions"`
	Families int64 `db:"families"` // that live and die with them
	Clients  int64 `db:"clients"`  // whose families they are
	People   int64 `db:"people"`   // who are signed out
	Admins   int64 `db:"admins"`   // sessions of administrators
}

// SessionImpact counts what would end with the sessions that fit the filter.
func (s *Store) SessionImpact(ctx context.Context, want SessionFilter) (impact SessionImpact, err error) {
	f := want.conditions(s.seenSince(want.At))
	these := " FROM " + want.table() + f.where()
	bound := " FROM families WHERE ended_at IS NULL AND expires_at > ? AND session_id IN (SELECT id" + these + ")"
	args := slices.Concat([]any{want.At}, f.args, []any{want.At}, f.args, f.args)
	err = s.get(ctx, "session", &impact, dollars("SELECT COUNT(*) AS sessions, COUNT(DISTINCT user_id) AS people, "+
		"COUNT(CASE WHEN "+ofAdmins("user_id")+" THEN 1 END) AS admins, "+
		"(SELECT COUNT(*)"+bound+") AS families, (SELECT COUNT(DISTINCT client_id)"+bound+") AS clients"+these), args...)
	return impact, err
}

// CountLiveSessions counts the sessions of all people that hold at the given time, up to a limit.
func (s *Store) CountLiveSessions(ctx context.Context, at time.Time, limit int) (n int64, err error) {
	err = s.get(ctx, "session", &n, `SELECT COUNT(*) FROM (
		SELECT 1 FROM sessions WHERE expires_at > $1 AND ended_at IS NULL AND last_seen_at > $2 LIMIT $3) AS live`, at, s.seenSince(at), limit)
	return n, err
}

// KnownDevice reports whether the person has signed in with this browser since the given time.
func (s *Store) KnownDevice(ctx context.Context, userID, deviceHash string, since time.Time) (bool, error) {
	var known bool
	err := s.get(ctx, "device", &known, "SELECT EXISTS (SELECT 1 FROM known_devices WHERE user_id = $1 AND device_hash = $2 AND last_seen_at >= $3)",
		userID, deviceHash, since)
	return known, err
}

// Device is a browser in which somebody signed in before.
type Device struct {
	CreatedAt  time.Time `db:"created_at"`
	LastSeenAt time.Time `db:"last_seen_at"`
}

// KnownDevices returns the browsers that the person has used to sign in since then, the last used first, up to fifty.
func (s *Store) KnownDevices(ctx context.Context, userID string, since time.Time) (devices []Device, err error) {
	err = s.all(ctx, "device", &devices, "SELECT created_at, last_seen_at FROM known_devices WHERE user_id = $1 AND last_seen_at >= $2 ORDER BY last_seen_at DESC LIMIT 50",
		userID, since)
	return devices, err
}
