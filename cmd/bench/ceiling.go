package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	_ "github.com/lib/pq"  // the driver "postgres"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

type ceilingCommand struct {
	Listen   string `default:"127.0.0.1:9500" help:"Loopback address to listen at."`
	Database string `required:"" placeholder:"URL" help:"sqlite:///absolute/path.db or postgres://user@host/database; it gets two tables of its own, ceiling_families and ceiling_tokens."`
}

// Run serves the prototype until it is told to end.
func (c ceilingCommand) Run(ctx context.Context, out output) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return fmt.Errorf("%s: %w", c.Listen, errElsewhere)
	}
	issuer := "http://" + listener.Addr().String()
	rows, err := openCeilingRows(ctx, c.Database)
	if err != nil {
		return err
	}
	defer rows.close()
	app, err := newCeiling(issuer, rows)
	if err != nil {
		return err
	}
	fmt.Fprintln(out.stdout, "The ceiling is ready at "+issuer)
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- app.ShutdownWithTimeout(time.Second) })
	if err := app.Listener(listener); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return errors.New("the listener was closed")
	}
	return <-stopped
}

// A ceiling is what no authorization server on this stack can be faster than: the bare framework, one signature by ES256,
// and one durable transaction where something has to be remembered. It checks nothing and is no server to use.
type ceiling struct {
	issuer    string
	key       *ecdsa.PrivateKey
	rows      *ceilingRows
	discovery []byte
	jwks      []byte
}

// newCeiling shapes the prototype as a server that can be driven.
func newCeiling(issuer string, rows *ceilingRows) (*fiber.App, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &ceiling{issuer: issuer, key: key, rows: rows}
	if c.discovery, err = json.Marshal(ceilingDiscovery(issuer)); err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	c.jwks, err = json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": ceilingKID, "x": b64(point[1:33]), "y": b64(point[33:]),
	}}})
	if err != nil {
		return nil, err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true})
	app.Get("/.well-known/openid-configuration", func(f *fiber.Ctx) error { return ceilingJSON(f, c.discovery) })
	app.Get("/jwks", func(f *fiber.Ctx) error { return ceilingJSON(f, c.jwks) })
	app.Get("/authorize", c.authorize)
	app.Post("/token", c.token)
	app.Post("/introspect", c.introspect)
	app.Get("/userinfo", c.userinfo)
	return app, nil
}

const ceilingKID = "ceiling"

// ceilingDiscovery is as long as a real one.
func ceilingDiscovery(issuer string) map[string]any {
	return map[string]any{
		"issuer":                                        issuer,
		"authorization_endpoint":                        issuer + "/authorize",
		"token_endpoint":                                issuer + "/token",
		"introspection_endpoint":                        issuer + "/introspect",
		"userinfo_endpoint":                             issuer + "/userinfo",
		"jwks_uri":                                      issuer + "/jwks",
		"scopes_supported":                              []string{"openid", "profile", "email", "address", "phone", "offline_access"},
		"response_types_supported":                      []string{"code"},
		"response_modes_supported":                      []string{"query", "form_post"},
		"grant_types_supported":                         []string{"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":                       []string{"public"},
		"id_token_signing_alg_values_supported":         []string{"ES256"},
		"token_endpoint_auth_methods_supported":         []string{"client_secret_basic", "client_secret_post", "none"},
		"introspection_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":              []string{"S256"},
		"prompt_values_supported":                       []string{"none", "login", "consent", "select_account"},
		"claims_supported": []string{
			"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
			"email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "address", "updated_at", "auth_time", "acr", "amr",
		},
		"authorization_response_iss_parameter_supported": true,
		"request_uri_parameter_supported":                false,
		"claims_parameter_supported":                     false,
	}
}

func ceilingJSON(f *fiber.Ctx, body []byte) error {
	f.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	f.Response().SetBodyRaw(body)
	return nil
}

// authorize sends everybody back at once.
func (c *ceiling) authorize(f *fiber.Ctx) error {
	back := url.Values{"code": {random()}, "state": {f.Query("state")}}
	return f.Redirect(f.Query("redirect_uri")+"?"+back.Encode(), fiber.StatusFound)
}

// ceilingClaims are those of an access token (RFC 9068 §2.2).
type ceilingClaims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

type ceilingTokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// token signs, and writes what its grant would have to.
func (c *ceiling) token(f *fiber.Ctx) error {
	form := f.Request().PostArgs()
	answer := ceilingTokens{TokenType: "Bearer", ExpiresIn: 900}
	var err error
	switch string(form.Peek("grant_type")) {
	case "client_credentials":
	case "authorization_code":
		answer.RefreshToken, err = c.rows.begin(f.Context())
	case "refresh_token":
		answer.RefreshToken, err = c.rows.rotate(f.Context(), string(form.Peek("refresh_token")))
	default:
		return fiber.NewError(fiber.StatusBadRequest, "unsupported_grant_type")
	}
	if err != nil {
		return err
	}
	at := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, ceilingClaims{jwt.RegisteredClaims{
		Issuer: c.issuer, Subject: "bench", Audience: jwt.ClaimStrings{c.issuer}, ID: random(),
		IssuedAt: jwt.NewNumericDate(at), ExpiresAt: jwt.NewNumericDate(at.Add(15 * time.Minute)),
	}, "bench", "openid profile email offline_access"})
	t.Header["typ"], t.Header["kid"] = "at+jwt", ceilingKID
	if answer.AccessToken, err = t.SignedString(c.key); err != nil {
		return err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return ceilingJSON(f, body)
}

// introspect reads one row, and answers as if that had told something.
func (c *ceiling) introspect(f *fiber.Ctx) error {
	if err := c.rows.look(f.Context(), f.Request().PostArgs().Peek("token")); err != nil {
		return err
	}
	return ceilingJSON(f, []byte(`{"active":true,"scope":"openid profile email offline_access","client_id":"bench","sub":"bench","token_type":"Bearer"}`))
}

// userinfo does the same.
func (c *ceiling) userinfo(f *fiber.Ctx) error {
	token, found := bytes.CutPrefix(f.Request().Header.Peek(fiber.HeaderAuthorization), []byte("Bearer "))
	if !found {
		return fiber.ErrUnauthorized
	}
	if err := c.rows.look(f.Context(), token); err != nil {
		return err
	}
	return ceilingJSON(f, []byte(`{"sub":"bench","name":"Bench","preferred_username":"bench","email":"bench@example.test","email_verified":true}`))
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// ceilingRows keep the state of rotations: a row for each family, a row for each of its tokens.
type ceilingRows struct {
	db                     *sql.DB
	addFamily, rotateToken *sql.Stmt // PostgreSQL: each a transaction in one round trip
	read                   *sql.Stmt
	// SQLite has one writer, and no statement that changes two tables.
	turn   sync.Mutex
	writer *sql.Conn
	write  map[string]*sql.Stmt
}

const (
	ceilingTables = `CREATE TABLE IF NOT EXISTS ceiling_families (id TEXT NOT NULL PRIMARY KEY, current TEXT NOT NULL, generation BIGINT NOT NULL);
		CREATE TABLE IF NOT EXISTS ceiling_tokens (hash TEXT NOT NULL PRIMARY KEY, family TEXT NOT NULL, created_at TIMESTAMP NOT NULL)`
	ceilingRead      = "SELECT EXISTS (SELECT 1 FROM ceiling_tokens WHERE hash = $1)"
	ceilingAddFamily = "INSERT INTO ceiling_families (id, current, generation) VALUES ($1, $2, 0)"
	ceilingRotate    = "UPDATE ceiling_families SET current = $2, generation = generation + 1 WHERE id = $1 AND current = $3"
	ceilingAddToken  = "INSERT INTO ceiling_tokens (hash, family, created_at) VALUES ($2, $1, $3)"
)

func openCeilingRows(ctx context.Context, address string) (_ *ceilingRows, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "sqlite" && u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("--database: expected sqlite:///absolute/path.db or postgres://user@host/database")
	}
	var driver, dsn string
	if u.Scheme == "sqlite" {
		// As durable as the house itself.
		driver, dsn = "sqlite", "file:"+u.EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate&_time_format=sqlite&_timezone=UTC"
	} else {
		query := u.Query()
		query.Set("binary_parameters", "yes")
		if !query.Has("sslmode") {
			query.Set("sslmode", "prefer")
		}
		u.RawQuery = query.Encode()
		driver, dsn = "postgres", u.String()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	const pool = 25
	db.SetMaxOpenConns(pool)
	db.SetMaxIdleConns(pool)
	r := &ceilingRows{db: db}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	for statement := range strings.SplitSeq(ceilingTables, ";") {
		if _, err = db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	if r.read, err = db.PrepareContext(ctx, ceilingRead); err != nil {
		return nil, err
	}
	if driver == "postgres" {
		if r.addFamily, err = db.PrepareContext(ctx, "WITH family AS ("+ceilingAddFamily+") "+ceilingAddToken); err != nil {
			return nil, err
		}
		r.rotateToken, err = db.PrepareContext(ctx, "WITH family AS ("+ceilingRotate+` RETURNING 1)
			INSERT INTO ceiling_tokens (hash, family, created_at) SELECT $2, $1, $4 WHERE EXISTS (SELECT 1 FROM family)`)
		return r, err
	}
	if r.writer, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	r.write = map[string]*sql.Stmt{}
	for _, text := range []string{"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", ceilingAddFamily, ceilingRotate, ceilingAddToken} {
		if r.write[text], err = r.writer.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // it ends with its connection
			return nil, err
		}
	}
	return r, nil
}

func (r *ceilingRows) close() {
	if r.writer != nil {
		_ = r.writer.Close()
	}
	_ = r.db.Close()
}

// begin begins a family and returns its first token.
func (r *ceilingRows) begin(ctx context.Context) (string, error) {
	family, token := random(), random()
	if r.writer == nil {
		return family + "." + token, touched(r.addFamily.ExecContext(ctx, family, hashOf(token), time.Now().UTC()))
	}
	return family + "." + token, r.inTurn(ctx, ceilingAddFamily, []any{family, hashOf(token)}, []any{family, hashOf(token), time.Now().UTC()})
}

// rotate puts another token in a token's place, durably.
func (r *ceilingRows) rotate(ctx context.Context, presented string) (string, error) {
	family, old, _ := strings.Cut(presented, ".")
	token := random()
	if r.writer == nil {
		return family + "." + token, touched(r.rotateToken.ExecContext(ctx, family, hashOf(token), hashOf(old), time.Now().UTC()))
	}
	return family + "." + token, r.inTurn(ctx, ceilingRotate, []any{family, hashOf(token), hashOf(old)}, []any{family, hashOf(token), time.Now().UTC()})
}

// inTurn changes a family and adds a token, in one transaction.
func (r *ceilingRows) inTurn(ctx context.Context, change string, family, token []any) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	if _, err := r.write["BEGIN IMMEDIATE"].ExecContext(ctx); err != nil {
		return err
	}
	err := touched(r.write[change].ExecContext(ctx, family...))
	if err == nil {
		err = touched(r.write[ceilingAddToken].ExecContext(ctx, token...))
	}
	if err == nil {
		_, err = r.write["COMMIT"].ExecContext(ctx)
	}
	if err != nil {
		_, undone := r.write["ROLLBACK"].ExecContext(ctx)
		return errors.Join(err, undone)
	}
	return nil
}

// errNotCurrent is a refresh token that was rotated already, or never was.
var errNotCurrent = fiber.NewError(fiber.StatusBadRequest, "invalid_grant")

func touched(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errNotCurrent, err)
	}
	return nil
}

// look reads one row, or finds that there is none.
func (r *ceilingRows) look(ctx context.Context, token []byte) error {
	var known bool
	return r.read.QueryRowContext(ctx, hashOf(string(token))).Scan(&known)
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
