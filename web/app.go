package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/handlers/account"
	"gatehouse/handlers/console"
	"gatehouse/handlers/login"
	oauthdoor "gatehouse/handlers/oauth"
	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	readBuffer       = 32 << 10  // bytes of a request's head: a long authorize URL fits
	bodyLimit        = 64 << 10  // bytes of a request's body
	consoleLimit     = 512 << 10 // the same in the console: a client with fifty long redirect URIs fits
	uploadLimit      = 512 << 20 // the same of a file of people, which is not kept in memory
	pictureLimit     = 8 << 20   // the same of a form with a picture: one that is too large is told so
	uploadTime       = 15 * time.Minute
	connections      = 16 << 10 // at once; more wait to be accepted
	actDeadline      = 20 * time.Second
	eventStreams     = 1000 // at once
	eventStreamsEach = 4    // of one session
	files            = 4    // that are written as they are sent, at once
	filesEach        = 2    // of one session
	maxUserAgent     = 256  // bytes that are kept
)

// Config is what the web needs.
type Config struct {
	Issuer string
	Store  *store.Store
	Sealer *secret.Sealer
	Hasher *secret.Hasher
	Policy *policy.Live     // what is settled, and may change; nil for what it is by itself
	Now    func() time.Time // UTC, to the microsecond
	Log    *slog.Logger
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// FailureFloor is how long every failed sign-in takes at least, so that its cause does not show (security.md rule 15).
	FailureFloor time.Duration

	// DefaultClient is who calls the guides' paths without a client_id.
	DefaultClient string

	// KeyRotation is how long a signing key signs until the schedule replaces it; 0 for no schedule.
	KeyRotation time.Duration

	// MetricsAllow are the networks that may ask for /metrics; MetricsApart takes it away from the app, for a listener of its own (App.Probes).
	MetricsAllow []netip.Prefix
	MetricsApart bool
	// Janitor tells what became of sweeping; nil where nobody sweeps.
	Janitor func() Janitor
	// Notary tells what became of sealing the audit log; nil where nobody does.
	Notary func() Notary
	// CertificateExpires tells when the certificate of https does; nil where others speak it for us.
	CertificateExpires func() time.Time
	Version, Commit    string // what is running
	// Settings are what the operator has set beside the policy, for people: no secrets.
	Settings []Setting
}

// Setting is what an operator has set, and where: a flag, the environment, a file, or nowhere.
type Setting = console.Setting

// site is the house with its doors open.
type site struct {
	Config
	issuer  issuerURL
	node    store.Node
	house   *request.House
	door    *identity.Doorkeeper
	rules   *oauth.Server
	ready   *readiness
	refused *refusals
	limit   *limiter
	table   []entry
	metrics *metrics
	streams *respond.Streams // open event streams
	files   *respond.Streams // being written

	oauth   *oauthdoor.Handlers
	login   *login.Handlers
	account *account.Handlers
	console *console.Handlers
}

// App is the Fiber app and what has to be closed with it.
type App struct {
	*fiber.App
	site *site
}

// Rules is the rulebook the app serves.
func (a *App) Rules() *oauth.Server { return a.site.rules }

// Shutdown is ShutdownWithTimeout with all the patience in the world.
func (a *App) Shutdown() error {
	a.drain()
	return a.App.Shutdown()
}

// ShutdownWithTimeout takes no more requests, ends the event streams and waits for what is under way.
func (a *App) ShutdownWithTimeout(patience time.Duration) error {
	a.drain()
	return a.App.ShutdownWithTimeout(patience)
}

// drain turns this node's readiness red and ends event streams and files, for which a shutdown would wait.
func (a *App) drain() {
	a.site.ready.drain()
	a.site.streams.Close()
	a.site.files.Close()
}

// Stop ends what runs beside the requests. The app is shut down first.
func (a *App) Stop() {
	a.site.ready.stop()
	a.site.refused.flush(context.Background(), a.site.Now())
}

// New builds the app. Nothing is read from the database yet.
func New(cfg Config) (*App, error) {
	issuer, err := parseIssuer(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	if cfg.Policy == nil {
		if cfg.Policy, err = policy.New(nil); err != nil {
			return nil, err
		}
	}
	s := &site{Config: cfg, issuer: issuer, node: newNode(cfg), ready: newReadiness(cfg.Store, cfg.Now, cfg.Log), limit: newLimiter()}
	s.streams = respond.NewStreams(eventStreams, eventStreamsEach, cfg.Log)
	s.files = respond.NewStreams(files, filesEach, cfg.Log)
	s.metrics = newMetrics(cfg, s.ready, s.streams)
	cfg.Store.Observe(s.metrics.event)
	s.refused = newRefusals(cfg.Store, cfg.Log)
	s.house = &request.House{Issuer: cfg.Issuer, Brand: func() *brand.House { return &cfg.Policy.Now().Brand }, Secure: issuer.secure, Sealer: cfg.Sealer}
	s.door = &identity.Doorkeeper{
		Store: cfg.Store, Hasher: cfg.Hasher, MAC: cfg.Sealer.MAC, Now: cfg.Now, Log: cfg.Log,
		Reserve: s.reserveSignIn, FailureFloor: cfg.FailureFloor,
	}
	s.rules = oauth.New(oauth.Config{
		Issuer: cfg.Issuer, Store: cfg.Store, Keys: keys.NewRing(cfg.Store, cfg.Sealer, cfg.Now),
		Policy: func() *oauth.Policy { return &cfg.Policy.Now().OAuth }, Admit: s.admitClient,
		Sealer: cfg.Sealer, Now: cfg.Now, ReadySince: s.ready.since,
		DefaultClient: cfg.DefaultClient, CheckPassword: s.checkPassword,
	})
	s.metrics.registry.MustRegister(keyAges{s})
	s.oauth = &oauthdoor.Handlers{Rules: s.rules, Refused: s.refused.record, CountFailure: s.countClientFailure, Blocked: s.clientBlocked, Fetched: func() { cfg.Store.NoteJWKSFetch(cfg.Now()) }}
	s.login = &login.Handlers{
		Store: cfg.Store, Rules: s.rules, Door: s.door, Hasher: cfg.Hasher, Policy: cfg.Policy, Now: cfg.Now, Log: cfg.Log, Refused: s.refused.write,
	}
	s.account = &account.Handlers{Store: cfg.Store, Hasher: cfg.Hasher, Policy: cfg.Policy, Now: cfg.Now}
	s.console = &console.Handlers{
		Store: cfg.Store, Rules: s.rules, Door: s.door, Policy: cfg.Policy, Hasher: cfg.Hasher, System: s.system(), Limited: s.limited, Unblocked: s.readUnblockings, Now: cfg.Now, KeyRotation: cfg.KeyRotation, Denied: s.denied,
		Tail: store.NewTail(cfg.Store, cfg.Now), Streams: s.streams, Still: s.still,
		Chain: store.NewAuditChain(cfg.Sealer), Files: s.files,
	}
	cfg.Policy.OnChange(s.apply)

	app := fiber.New(fiber.Config{
		AppName: "Gatehouse", DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true, Immutable: true,
		ReadBufferSize: readBuffer, ReduceMemoryUsage: true, BodyLimit: bodyLimit, Concurrency: connections, EnableTrustedProxyCheck: true,
		ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 75 * time.Second,
		ErrorHandler: s.handleError,
	})
	app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		keepForwarded(h)
		limit := s.bodyLimitOf(h)
		if limit == uploadLimit {
			return fasthttp.RequestConfig{MaxRequestBodySize: limit, ReadTimeout: uploadTime, WriteTimeout: uploadTime}
		}
		return fasthttp.RequestConfig{MaxRequestBodySize: limit}
	}
	s.table = s.served()
	app.Use(s.edge)
	for _, r := range s.table {
		r.register(app, s)
	}
	return &App{App: app, site: s}, nil
}

// Probes is a second app, with metrics and health alone, for a listener that only the operator's network reaches.
func (a *App) Probes() *fiber.App {
	s := a.site
	app := fiber.New(fiber.Config{
		AppName: "Gatehouse", DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true, Immutable: true,
		BodyLimit: 1 << 10, Concurrency: connections, EnableTrustedProxyCheck: true,
		ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 75 * time.Second,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			status := fiber.StatusInternalServerError
			if known, ok := errors.AsType[*fiber.Error](err); ok {
				status = known.Code
			} else {
				s.Log.Error("request failed", "error", err)
			}
			return c.SendStatus(status)
		},
	})
	app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		keepForwarded(h)
		return fasthttp.RequestConfig{}
	}
	app.Use(func(c *fiber.Ctx) error { return caught(c.Next) }, s.headers(probe))
	app.Get("/metrics", s.serveMetrics)
	app.Get("/healthz", s.healthz)
	app.Get("/readyz", s.readyz)
	return app
}

// bodyLimitOf is how long a body may be, in bytes. It is given room as soon as its length is announced, so only people of the
// console may announce much.
func (s *site) bodyLimitOf(h *fasthttp.RequestHeader) int {
	announced := h.ContentLength() // negative where it is not known
	if (announced >= 0 && announced <= bodyLimit) || !bytes.HasPrefix(h.RequestURI(), []byte("/console/")) {
		return bodyLimit
	}
	ctx, cancel := context.WithTimeout(context.Background(), actDeadline)
	defer cancel()
	session, user, err := s.Store.SessionByToken(ctx, secret.Hash(string(h.Cookie(s.house.CookieName(request.SessionCookie)))))
	if err != nil || !session.Live(s.Now(), s.Policy.Now().Sessions.Idle) || !user.Enabled() || !user.Role.Console() {
		return bodyLimit
	}
	// Of a form with files whose length is known fasthttp puts on disk what is large; anything else it keeps in memory.
	if announced > 0 && user.Role.AtLeast(identity.RoleAdmin) && len(h.MultipartFormBoundary()) > 0 && len(h.Peek(fiber.HeaderContentEncoding)) == 0 {
		switch {
		case bytes.Equal(h.RequestURI(), []byte(importPath)):
			return uploadLimit
		case bytes.HasSuffix(h.RequestURI(), []byte(brandingPreview)):
			return pictureLimit
		}
	}
	return consoleLimit
}

// brandingPreview ends the addresses where pictures are sent.
const brandingPreview = "/branding/preview"

// importPath is where a file of people is sent.
const importPath = "/console/users/import"

// edge surrounds every request: it gives it an id, a deadline and its headers, catches panics, renders errors and logs one line.
func (s *site) edge(c *fiber.Ctx) (err error) {
	started := s.Now()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	s.begin(c)
	ctx, cancel := context.WithTimeout(context.Background(), actDeadline)
	defer cancel()
	c.SetUserContext(ctx)
	if err := s.next(c); err != nil {
		if err := s.handleError(c, err); err != nil {
			return err
		}
	}
	s.finish(c, started)
	return nil
}

// next runs the handlers.
func (s *site) next(c *fiber.Ctx) error {
	return caught(func() error {
		if err := s.checkHost(c); err != nil || c.Response().StatusCode() != fiber.StatusOK {
			return err
		}
		return c.Next()
	})
}

// caught runs fn and turns a panic into an error.
func caught(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

// begin gives the request its State. Request ids are ours alone: 128 random bits (security.md rule 13).
func (s *site) begin(c *fiber.Ctx) {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	agent := strings.ToValidUTF8(strings.ReplaceAll(c.Get(fiber.HeaderUserAgent), "\x00", ""), "")
	if len(agent) > maxUserAgent {
		agent = strings.ToValidUTF8(agent[:maxUserAgent], "")
	}
	request.Begin(c, &request.State{House: s.house, Caller: audit.Caller{
		RequestID: base64.RawURLEncoding.EncodeToString(id), IP: s.clientIP(c), UserAgent: agent,
	}})
}

// finish counts the request and logs one line. Both name the route, not the URL, which may carry codes and ids.
func (s *site) finish(c *fiber.Ctx, started time.Time) {
	pattern, level, requests := "unknown", slog.LevelInfo, s.metrics.unknown
	if r := s.routeOf(c); r != nil {
		pattern, requests = r.path, r.requests
		if r.audience == asset {
			level = slog.LevelDebug
		}
	}
	status, took := c.Response().StatusCode(), s.Now().Sub(started)
	requests.observe(c.Method(), status, took)
	ctx, from := context.Background(), request.Of(c).Caller
	if s.Log.Enabled(ctx, level) {
		s.Log.LogAttrs(ctx, level, "request", slog.String("method", c.Method()), slog.String("route", pattern), slog.Int("status", status),
			slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("request_id", from.RequestID), slog.String("ip", from.IP))
	}
}

// errMisdirected refuses a Host that is not the issuer's.
var errMisdirected = errors.New("misdirected request")

// checkHost serves the issuer's host alone, so that no other name can appear in what we say of ourselves. A page asked by
// another name of this machine leads to the issuer; everything else is 421 (security.md rule 13).
func (s *site) checkHost(c *fiber.Ctx) error {
	host := string(c.Request().URI().Host())
	if s.issuer.serves(host) {
		return nil
	}
	if r := s.routeOf(c); r != nil {
		switch {
		case r.audience == probe:
			return nil
		case r.audience != machine && (c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead) && s.issuer.alsoHere(host):
			return c.Redirect(s.Issuer+string(c.Request().URI().RequestURI()), fiber.StatusFound)
		}
	}
	return errMisdirected
}
