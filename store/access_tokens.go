package store

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

const accessTokenColumns = "hash, jti, api_id, grant_id, client_id, subject, scope, created_at, expires_at"

// accessTokenRows is the opaque access token, if there is one.
func accessTokenRows(t *oauth.AccessToken) []row {
	if t == nil {
		return nil
	}
	return []row{{table: "access_tokens", columns: accessTokenColumns, value: *t}}
}

// SaveAccessToken keeps an opaque access token of a grant that exists already. fault.NotFound if its API or its client was deleted.
func (s *Store) SaveAccessToken(ctx context.Context, t oauth.AccessToken, events ...audit.Event) error {
	var then []row
	var counted []audit.Event
	for _, event := range events {
		if s.keeps(event) {
			then = append(then, eventOf(event, t.CreatedAt))
		} else {
			counted = append(counted, event)
		}
	}
	_, err := s.act(ctx, "access token", accessTokenRows(&t)[0].insert("TRUE"), then...)
	if err == nil {
		s.happened(counted...)
	}
	return err
}

var accessToken = "SELECT " + columns("t", "token.", accessTokenColumns) + ", " + columns("a", "api.", apiColumns) +
	" FROM access_tokens t JOIN apis a ON a.id = t.api_id WHERE t.hash = $1"

// AccessToken returns the opaque access token with this hash, expired or not, and the API it is for.
func (s *Store) AccessToken(ctx context.Context, hash string) (*oauth.AccessToken, *oauth.API, error) {
	var found struct {
		Token oauth.AccessToken `db:"token"`
		API   oauth.API         `db:"api"`
	}
	if err := s.get(ctx, "access token", &found, accessToken, hash); err != nil {
		return nil, nil, err
	}
	return &found.Token, &found.API, nil
}

// RevokeAccessToken makes one access token invalid until it expires. A second time it does nothing.
func (s *Store) RevokeAccessToken(ctx context.Context, jti string, expiresAt time.Time, event audit.Event) error {
	revoke := row{table: "revoked_tokens", columns: "jti, expires_at", value: map[string]any{"jti": jti, "expires_at": expiresAt},
		onConflict: "ON CONFLICT (jti) DO UPDATE SET expires_at = excluded.expires_at WHERE revoked_tokens.expires_at < excluded.expires_at"}
	_, err := s.act(ctx, "access token", revoke.insert("TRUE"), eventOf(event, event.At))
	return err
}

const personColumns = "id, username, email, email_verified, name, profile, updated_at, version"

var readPerson = "SELECT " + personColumns + ", " + valuesOf("users.id") + " FROM users WHERE id = $1 AND disabled_at IS NULL"

// Person returns the person's claims; fault.NotFound if disabled or unknown.
func (s *Store) Person(ctx context.Context, userID string) (*oauth.Person, error) {
	person, _, err := s.person(ctx, userID)
	return person, err
}

func (s *Store) person(ctx context.Context, userID string) (person *oauth.Person, v version, err error) {
	var u struct {
		ID            string          `db:"id"`
		Username      string          `db:"username"`
		Email         string          `db:"email"`
		EmailVerified bool            `db:"email_verified"`
		Name          string          `db:"name"`
		Profile       string          `db:"profile"` // JSON whose members are the claims' names already
		Attributes    identity.Values `db:"attributes"`
		version
	}
	if err := s.get(ctx, "user", &u, readPerson, userID); err != nil {
		return nil, v, err
	}
	claims := map[string]any{}
	if err := json.Unmarshal([]byte(u.Profile), &claims); err != nil {
		return nil, v, failure("profile", err)
	}
	verified, _ := claims["phone_number_verified"].(bool)
	delete(claims, "phone_number_verified")
	if claims["phone_number"] != nil {
		claims["phone_number_verified"] = verified
	}
	if address, ok := claims["address"].(map[string]any); ok && len(address) == 0 {
		delete(claims, "address")
	}
	claims["preferred_username"] = u.Username
	claims["updated_at"] = u.At.Unix()
	if u.Name != "" {
		claims["name"] = u.Name
	}
	if u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, u.EmailVerified
	}
	return &oauth.Person{Subject: u.ID, Username: u.Username, Claims: claims, Attributes: u.Attributes}, u.version, nil
}
