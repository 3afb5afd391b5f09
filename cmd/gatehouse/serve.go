package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/static"
	"gatehouse/store"
	"gatehouse/web"
)

const (
	// shutdownGrace is how long requests under way may take when the server is asked to end.
	shutdownGrace = 10 * time.Second
	// failureFloor is how long every failed sign-in takes at least (security.md rule 15).
	failureFloor = 250 * time.Millisecond
)

type serveCommand struct {
	Config `embed:""`
	Demo   bool `help:"Serve a house that is made up, to look around in: on this machine alone, and gone when it ends."`
}

// Run serves until it is told to end: what it was set to, what it found and what went wrong goes to the log on standard
// error; people read standard output.
func (c serveCommand) Run(ctx context.Context, p *process) error {
	var shown *demonstration
	read := c.Validate
	if c.Demo {
		var err error
		if shown, err = newDemonstration(); err != nil {
			return err
		}
		defer shown.end() //nolint:errcheck // what is left, the next one clears away
		read = func(getenv func(string) string, _ ...string) (Settings, error) {
			return shown.settings(c.Config, getenv)
		}
	}
	settings, err := read(p.getenv)
	if err != nil {
		return err
	}
	lines := newLogWriter(p.stderr)
	defer lines.Flush()
	log := newLog(lines, settings.LogLevel)
	this := thisBuild()
	log.LogAttrs(ctx, slog.LevelInfo, "starting", append([]slog.Attr{slog.String("version", this.Version), slog.String("commit", this.Commit)}, settings.Redacted()...)...)
	for _, warning := range settings.Warnings {
		log.Warn(warning)
	}
	for _, name := range strangers(os.Environ()) {
		log.Warn(name + ": there is no such setting; docs/configuration.md lists them all")
	}
	if missing := static.Missing(); len(missing) > 0 {
		log.Warn("built without "+strings.Join(missing, ", ")+": run `task assets` before the build", "missing", missing)
	}

	options := settings.Database.options(0)
	options.AuditTokens, options.Throwaway = settings.AuditTokens, shown != nil
	st, err := openStore(ctx, settings.Database, options)
	if err != nil {
		return err
	}
	defer st.Close()
	hasher, err := secret.NewHasher(secret.HasherOptions{Now: now})
	if err != nil {
		return err
	}
	defer hasher.Close()
	if shown != nil {
		if err := shown.furnish(ctx, st, settings, hasher); err != nil {
			return err
		}
	}
	sealer, setupURL, err := prepare(ctx, st, settings)
	if err != nil {
		return err
	}
	if warning, err := defaultClientFault(ctx, st, settings.DefaultClient); err != nil {
		return err
	} else if warning != "" {
		log.Warn("GATEHOUSE_DEFAULT_CLIENT: " + warning)
	}
	settled, err := policy.New(settings.Pins)
	if err != nil {
		return err
	}
	chain := store.NewAuditChain(sealer)
	sweeper, witness, examiner, hand := newJanitor(st, log), newNotary(st, chain, settled, log), newVerifier(st, chain, log), newWorker(st, log)
	from, err := openCertificates(settings, st, sealer, log)
	if err != nil {
		return err
	}
	cfg := web.Config{
		Issuer: settings.Issuer, Store: st, Sealer: sealer, Hasher: hasher, Policy: settled,
		Now: now, Log: log, TrustedProxies: settings.TrustedProxies, FailureFloor: failureFloor,
		KeyRotation: settings.KeyRotation, DefaultClient: settings.DefaultClient, Settings: settings.Origins,
		MetricsAllow: settings.MetricsAllow, MetricsApart: settings.MetricsListen != "", Version: this.Version, Commit: this.Commit, Janitor: sweeper.Stats, Notary: witness.Stats,
	}
	if from != nil {
		cfg.CertificateExpires = from.expires
	}
	app, err := web.New(cfg)
	if err != nil {
		return err
	}
	if err := app.ReadSettings(ctx); err != nil {
		return err
	}
	if stored := settled.State().Stored; len(stored) > 0 {
		log.Info("settled in the console", "settings", stored)
	}
	sweeper.tend = app.TendKeys
	open, err := openDoors(ctx, settings, log)
	if err != nil {
		return err
	}
	defer open.close()
	if warning := otherPort(settings.Issuer, open.main.Addr()); warning != "" {
		log.Warn(warning)
	}
	if err := p.announce(settings, setupURL); err != nil {
		return err
	}
	if shown != nil {
		shown.introduce(p, settings.Issuer)
	}

	beside, end := context.WithCancel(ctx) // what runs beside the requests
	defer end()
	var housework sync.WaitGroup
	housework.Go(func() { sweeper.work(beside) })
	housework.Go(func() { witness.work(beside) })
	housework.Go(func() { hand.work(beside) })
	housework.Go(func() { examiner.work(beside) })
	go flushRegularly(beside, st, log)
	go app.Watch(beside)
	go app.WatchSettings(beside)
	housework.Go(func() { app.Beat(beside, open.main.Addr().String()) })
	main := open.main
	if from != nil {
		main = secured(main, from)
		go from.watch(beside)
	} else {
		ctx = untilHangup(ctx, isTerminal(p.stdout), log)
	}
	if open.plain != nil {
		go servePlain(beside, open.plain, settings.Issuer, from, log)
	}
	if open.probes != nil {
		probes := app.Probes()
		go func() {
			if err := probes.Listener(open.probes); err != nil {
				log.Error("a listener failed", "address", open.probes.Addr().String(), "error", err)
			}
		}()
		defer probes.ShutdownWithTimeout(time.Second) //nolint:errcheck // the process ends
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(main) }()
	select {
	case err = <-ended:
		if err == nil {
			err = errors.New("the listener was closed")
		}
	case <-ctx.Done():
		log.Info("stopping")
		if err = app.ShutdownWithTimeout(shutdownGrace); err != nil {
			err = fmt.Errorf("requests were still under way after %s: %w", shutdownGrace, err)
		}
	}
	end()
	housework.Wait() // leases are given back, and the others told that this node has ended
	app.Stop()
	flush(context.WithoutCancel(ctx), st, log)
	log.Info("stopped")
	return err
}

// untilHangup ends a server with the terminal it was started on. Elsewhere SIGHUP asks to read files again, and a server
// that has none goes on.
func untilHangup(ctx context.Context, onTerminal bool, log *slog.Logger) context.Context {
	ctx, end := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer end()
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				if onTerminal {
					return
				}
				log.Info("SIGHUP: there is nothing to read again")
			}
		}
	}()
	return ctx
}

// doors are the addresses a server listens at.
type doors struct {
	main, plain, probes net.Listener // the last two may be nil
}

// openDoors opens all addresses of the settings, or none.
func openDoors(ctx context.Context, settings Settings, log *slog.Logger) (*doors, error) {
	d := &doors{}
	for _, one := range []struct {
		listener         *net.Listener
		address, what    string
		setting, besides string // what to change where another has the address
	}{
		{&d.main, settings.Listen, "everything", "GATEHOUSE_LISTEN", " and, for browsers, GATEHOUSE_ISSUER"},
		{&d.plain, settings.TLS.HTTPListen, "plain http", "GATEHOUSE_HTTP_LISTEN", ""},
		{&d.probes, settings.MetricsListen, "metrics", "GATEHOUSE_METRICS_LISTEN", ""},
	} {
		if one.address == "" {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", one.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("address already in use: something listens at %s; end it, or set %s%s", one.address, one.setting, one.besides)
		} else if err != nil {
			err = fmt.Errorf("%s: %w", one.setting, err)
		}
		if err != nil {
			d.close()
			return nil, err
		}
		*one.listener = listener
		log.Info("listening", "address", listener.Addr().String(), "for", one.what)
	}
	return d, nil
}

func (d *doors) close() {
	for _, l := range []net.Listener{d.main, d.plain, d.probes} {
		if l != nil {
			_ = l.Close() // whoever serves it may have closed it
		}
	}
}

// prepare makes the database ready to serve, once for all nodes that start together: its schema, the claim of the master
// key, the first signing keys, and while there is no user the set-up link, whose URL it returns.
func prepare(ctx context.Context, st *store.Store, settings Settings) (sealer *secret.Sealer, setupURL string, err error) {
	err = st.Prepare(ctx, func(ctx context.Context, tx *store.Store) error {
		if sealer, err = unlock(ctx, tx, settings); err != nil {
			return err
		}
		if err := firstKeys(ctx, tx, sealer); err != nil {
			return err
		}
		// Tokens for that API would be taken for our own (security.md rule 6).
		if api, err := tx.API(ctx, settings.Issuer); err == nil {
			return fmt.Errorf("GATEHOUSE_ISSUER is the identifier of the API %q: give one of the two another name", api.Name)
		} else if !fault.IsNotFound(err) {
			return err
		}
		token, err := setupToken(ctx, tx, sealer)
		if token != "" {
			setupURL = settings.Issuer + "/setup?token=" + url.QueryEscape(token)
		}
		return err
	})
	return sealer, setupURL, err
}

// firstKeys makes the keys to sign with, for each algorithm that every house has and that nothing signs with yet: keys that are
// only staged do not, and an API may have asked for a key of its own before the first start.
func firstKeys(ctx context.Context, tx *store.Store, sealer *secret.Sealer) error {
	existing, err := tx.SigningKeys(ctx)
	if err != nil {
		return err
	}
	at := now()
	var made []keys.SigningKey
	for _, alg := range keys.Algorithms {
		missing, err := keys.Missing(existing, alg, sealer, at)
		if err != nil {
			return err
		}
		made = append(made, missing...)
	}
	if len(made) == 0 {
		return nil
	}
	return tx.AddSigningKeys(ctx, made, audit.Event{
		At: at, Action: audit.KeyRotated, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindSystem}, Target: keyParty(made),
	})
}

// setupToken returns the token of the set-up link, and none once there are users (security.md rule 24). It follows from the
// master key and a seed, so that every node and every start tells the same one although only its hash is kept.
func setupToken(ctx context.Context, tx *store.Store, sealer *secret.Sealer) (string, error) {
	if users, err := tx.AnyUser(ctx); err != nil || users {
		return "", err
	}
	seed, hash, err := tx.SetupSeed(ctx)
	if err != nil {
		return "", err
	}
	seed = cmp.Or(seed, secret.New(""))
	token := sealer.MAC("setup link", seed)
	if secret.Hash(token) == hash {
		return token, nil
	}
	return token, tx.SaveSetupLink(ctx, seed, secret.Hash(token))
}

// announce tells people that the server is ready, and how to set it up. The set-up link goes to a terminal or into a file
// for its owner alone, never where output is collected (security.md rule 24).
func (p *process) announce(settings Settings, setupURL string) error {
	file, err := settings.setupFile()
	if err != nil {
		return err
	}
	if setupURL == "" {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	} else if !isTerminal(p.stdout) {
		if err := writePrivately(file, setupURL+"\n"); err == nil {
			setupURL = "the link in " + file
		} else { // a folder that cannot be written is no reason not to serve
			setupURL = "`gatehouse user create --role admin`: the set-up link has no place, " + err.Error()
		}
	}
	fmt.Fprintln(p.stdout, "Gatehouse is ready at "+settings.Issuer)
	if setupURL != "" {
		fmt.Fprintln(p.stdout, "Set it up with "+setupURL)
	}
	return nil
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// setupFile lies where the database is, or would be.
func (s Settings) setupFile() (string, error) {
	folder := "data"
	if s.Database.Path != "" {
		folder = filepath.Dir(s.Database.Path)
	}
	return filepath.Abs(filepath.Join(folder, "setup-link"))
}

// writePrivately makes a file of mode 0600 that is whole from the moment it exists.
func writePrivately(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// defaultClientFault says what keeps the default client from being one, or what it could do besides: it is public, and has the
// password grant and refresh tokens alone (security.md rule 16). It may be mended while the server runs, so it does not stop the start.
func defaultClientFault(ctx context.Context, st *store.Store, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	client, err := st.Client(ctx, id)
	if fault.IsNotFound(err) {
		return fmt.Sprintf("there is no client %q: nobody is served without a client_id", id), nil
	} else if err != nil {
		return "", err
	}
	others := slices.DeleteFunc(slices.Clone(client.GrantTypes), func(g string) bool { return g == oauth.GrantPassword || g == oauth.GrantRefreshToken })
	switch {
	case !client.Public():
		return id + " has a secret, which nobody sends who does not say who it is: name a public client", nil
	case !client.Enabled():
		return id + " is disabled: nobody is served without a client_id", nil
	case len(others) > 0:
		return fmt.Sprintf("%s also has %s: use a client of its own, with password and refresh_token alone", id, strings.Join(others, " and ")), nil
	}
	return "", nil
}

// otherPort warns of an issuer on this machine that names another port than the server listens at: unless something between
// them forwards, nobody will reach it. Behind a proxy elsewhere the two differ on purpose.
func otherPort(issuer string, listening net.Addr) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return ""
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	if _, at, err := net.SplitHostPort(listening.String()); err != nil || at == port {
		return ""
	}
	return fmt.Sprintf("GATEHOUSE_ISSUER is %s, but the server listens at %s: set GATEHOUSE_ISSUER to the URL browsers use", issuer, listening)
}
