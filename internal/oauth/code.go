package oauth

import "time"

// Interaction is an authorization request that waits for its person to sign in or to consent. It belongs to the browser
// that began it (security.md rule 10) and is read again each time that browser comes back.
type Interaction struct {
	Hash     string `db:"hash"` // secret.Hash of the id that travels in URLs
	ClientID string `db:"client_id"`
	Params   string `db:"params"` // the request's parameters, urlencoded
	// BrowserHash is the secret.Hash of the browser's cookie; empty until the first GET for requests that came by POST.
	BrowserHash string    `db:"browser_hash"`
	CreatedAt   time.Time `db:"created_at"`
	ExpiresAt   time.Time `db:"expires_at"`
}

// Code is an authorization code (RFC 6749 §4.1.2) and all that its redemption has to prove.
type Code struct {
	Hash          string `db:"hash"` // secret.Hash of the code
	ClientID      string `db:"client_id"`
	UserID        string `db:"user_id"`
	SessionID     string `db:"session_id"`
	FamilyID      string `db:"family_id"` // the family that redemption begins
	RedirectURI   string `db:"redirect_uri"`
	Scopes        Scopes `db:"scope"`
	Resources     Words  `db:"resource"` // what its tokens may be for; empty: our own API
	Nonce         string `db:"nonce"`
	CodeChallenge string `db:"code_challenge"` // S256, or empty
	// RedirectURISent: the request named its redirect_uri, so the token request has to as well (RFC 6749 §4.1.3).
	RedirectURISent bool       `db:"redirect_uri_sent"`
	AuthTime        time.Time  `db:"auth_time"`
	AMR             Words      `db:"amr"`
	CreatedAt       time.Time  `db:"created_at"`
	ExpiresAt       time.Time  `db:"expires_at"`
	SpentAt         *time.Time `db:"spent_at"`
	WrongVerifiers  int64      `db:"wrong_verifiers"`
}

// MaxWrongVerifiers is how many wrong code_verifiers spend a code (security.md rule 2).
const MaxWrongVerifiers = 5

// Consent is what a person lets a client do, scope by scope.
type Consent struct {
	UserID    string    `db:"user_id"`
	ClientID  string    `db:"client_id"`
	Scopes    Scopes    // one row each
	UpdatedAt time.Time `db:"updated_at"` // when the newest was given
}
