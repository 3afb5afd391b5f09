package store

import (
	"context"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

const codeColumns = "hash, client_id, user_id, session_id, family_id, redirect_uri, redirect_uri_sent, scope, resource, nonce, code_challenge, " +
	"auth_time, amr, created_at, expires_at, spent_at, wrong_verifiers"

// IssueCode saves a code and, where the person has just given it, the consent (nil otherwise).
// fault.NotFound if the person, the client or the session is not live any more.
func (s *Store) IssueCode(ctx context.Context, code oauth.Code, consent *oauth.Consent, events ...audit.Event) error {
	then := signedInTo(code.SessionID, code.ClientID) // before consents, as everywhere: PostgreSQL locks in this order
	if consent != nil {
		then = append(then, consentRows(*consent, code.CreatedAt)...)
	}
	for _, event := range events {
		then = append(then, eventOf(event, code.CreatedAt))
	}
	issue := row{table: "codes", columns: codeColumns, value: code, ofClient: true}
	n, err := s.act(ctx, "code", issue.insert(s.liveAndHeld(":user_id", ":client_id", ":session_id")), then...)
	return mustChange("person, client or session", n, err)
}

// signedInTo is what a session remembers of the client that somebody signed in to through it.
func signedInTo(sessionID, clientID string) []row {
	if sessionID == "" {
		return nil
	}
	return []row{{
		table: "session_clients", columns: "session_id, client_id", value: map[string]any{"session_id": sessionID, "client_id": clientID},
		onConflict: "ON CONFLICT (session_id, client_id) DO NOTHING",
	}}
}

// live is the condition that a person and a client are enabled, that a session, if there is one, has not ended, and that what was
// given is of the client's era.
func live(userID, clientID, sessionID, era string) string {
	return liveRows(userID, clientID+" AND era = "+era, sessionID, "")
}

// eraOf is the client's era: codes and families of another are over, whether or not their ends are written down. It is compared by
// name, not by time (security.md rule 3): a statement that saw the client before its new era stamps what it makes with the old one.
func eraOf(clientID string) string { return "(SELECT era FROM clients WHERE id = " + clientID + ")" }

// ofEra is the condition that the family is of its client's era, for statements that look at many. PostgreSQL takes every equation
// for a rare event, and would read all families where a few of the newest do; of this it guesses that half of them fit.
var ofEra = "COALESCE(families.era = " + eraOf("families.client_id") + ", FALSE)"

// liveAndHeld is live for what begins without a row that an ending would change: on PostgreSQL it holds the three rows, so that an
// ending under way is waited for and one that comes later finds what has begun. On SQLite one writes at a time.
func (s *Store) liveAndHeld(userID, clientID, sessionID string) string {
	return liveRows(userID, clientID, sessionID, s.hold())
}

// hold is the clause that holds the rows that are read until the transaction ends.
func (s *Store) hold() string {
	if s.dialect == PostgreSQL {
		return " FOR SHARE"
	}
	return ""
}

func liveRows(userID, clientID, sessionID, hold string) string {
	return "EXISTS (SELECT 1 FROM users WHERE id = " + userID + " AND disabled_at IS NULL" + hold + ")" +
		" AND EXISTS (SELECT 1 FROM clients WHERE id = " + clientID + " AND disabled_at IS NULL" + hold + ")" +
		" AND " + sessionLive(sessionID, hold)
}

// sessionLive is the condition that a session has not ended, if there is one; hold is a locking clause, or nothing.
func sessionLive(id, hold string) string {
	return "(" + id + " = '' OR EXISTS (SELECT 1 FROM sessions WHERE id = " + id + " AND ended_at IS NULL" + hold + "))"
}

// CountWrongVerifier counts a wrong code_verifier and spends the code at the limit.
func (s *Store) CountWrongVerifier(ctx context.Context, hash string, limit int64, at time.Time) error {
	_, err := s.exec(ctx, "code", `
		UPDATE codes SET wrong_verifiers = wrong_verifiers + 1, spent_at = CASE WHEN wrong_verifiers + 1 >= $2 THEN $3 ELSE spent_at END
		WHERE hash = $1 AND spent_at IS NULL`, hash, limit, at)
	return err
}

var redeemCode = "UPDATE codes SET spent_at = :at WHERE hash = :hash AND spent_at IS NULL AND " + live("codes.user_id", "codes.client_id", "codes.session_id", "codes.era")

// RedeemCode spends the code and begins its family (RFC 6749 §4.1.2: once). oauth.ErrSpent if the code was spent;
// fault.NotFound if the person, the client or the session is not live any more.
func (s *Store) RedeemCode(ctx context.Context, codeHash string, b oauth.Beginning, event audit.Event) error {
	at := b.Family.CreatedAt
	then := append([]row{{table: "families", columns: familyColumns, value: b.Family, ofClient: true}}, handedOut(b)...)
	n, err := s.act(ctx, "code", statement{redeemCode, map[string]any{"hash": codeHash, "at": at}}, append(then, eventOf(event, at))...)
	if err != nil || n > 0 {
		return err
	}
	code, err := s.Code(ctx, codeHash)
	if err != nil {
		return err
	}
	if code.SpentAt != nil {
		return oauth.ErrSpent
	}
	return fault.NotFound("person, client or session")
}

// voidCodes spends the unused codes that fit the condition.
func (s *Store) voidCodes(ctx context.Context, at time.Time, condition string, args ...any) error {
	_, err := s.exec(ctx, "code", dollars("UPDATE codes SET spent_at = ? WHERE spent_at IS NULL AND "+condition), append([]any{at}, args...)...)
	return err
}
