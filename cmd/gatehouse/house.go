package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/migrations"
	"gatehouse/store"
)

// errBehind stops a command on an old schema: only a server that starts, or somebody who means it, changes a schema.
var errBehind = errors.New("the database was made by an older Gatehouse: run `gatehouse migrate up`")

// place says where the database is. Every command that works on one embeds it.
type place struct {
	File        string `name:"config" variable:"GATEHOUSE_CONFIG" placeholder:"FILE" help:"One YAML file with settings."`
	DatabaseURL string `variable:"GATEHOUSE_DATABASE_URL" placeholder:"URL" help:"sqlite:///absolute/path.db or postgres://user@host/database (data/gatehouse.db here)."`
}

func (l place) config() Config { return Config{File: l.File, DatabaseURL: l.DatabaseURL} }

// house is the database as a command works on it.
type house struct {
	*store.Store
	settings Settings
	settled  *policy.Live // by the console, and by whatever pins it
	at       time.Time    // when the command was given
	runID    string       // 132 random bits that mark the events of one command, as a request id does those of a request
}

// open opens the database for a command that changes or shows what is in it.
func (l place) open(ctx context.Context, p *process) (*house, error) {
	return openHouse(ctx, p, l.config())
}

// keyedPlace is the database of a command that needs its master key.
type keyedPlace struct {
	place
	MasterKeyFile string `variable:"GATEHOUSE_MASTER_KEY_FILE" placeholder:"FILE" help:"File with the master key, 32 bytes in base64."`
}

// open opens the database, and returns what seals and opens under its master key.
func (l keyedPlace) open(ctx context.Context, p *process) (*house, *secret.Sealer, error) {
	config := l.config()
	config.MasterKeyFile = l.MasterKeyFile
	h, err := openHouse(ctx, p, config, "GATEHOUSE_MASTER_KEY", "GATEHOUSE_MASTER_KEY_FILE")
	if err != nil {
		return nil, nil, err
	}
	sealer, err := unlock(ctx, h.Store, h.settings)
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, sealer, nil
}

// openHouse opens the database and furnishes an empty one; needs names further settings that have to be right.
func openHouse(ctx context.Context, p *process, c Config, needs ...string) (*house, error) {
	h, err := openAnySchema(ctx, p, c, needs...)
	if err != nil {
		return nil, err
	}
	schema, err := h.SchemaState(ctx)
	switch {
	case err != nil:
	case schema == store.SchemaEmpty:
		if err = h.prepare(ctx); err == nil && h.settings.Database.unnamed && !p.json { // whoever is in the wrong folder should notice
			fmt.Fprintln(p.stderr, "Made a new database, "+h.settings.Database.Redacted())
		}
	case schema == store.SchemaBehind:
		err = errBehind
	case schema == store.SchemaNewer:
		err = migrations.ErrNewer
	}
	if err == nil {
		err = h.readSettings(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// openAnySchema opens the database whatever its schema.
func openAnySchema(ctx context.Context, p *process, c Config, needs ...string) (*house, error) {
	settings, err := c.Validate(p.getenv, append(needs, "GATEHOUSE_DATABASE_URL")...)
	if err != nil {
		return nil, err
	}
	const conns = 2 // one that holds the lock while a schema is made, one that works
	s, err := openStore(ctx, settings.Database, settings.Database.options(conns))
	if err != nil {
		return nil, err
	}
	settled, err := policy.New(settings.Pins)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &house{Store: s, settings: settings, settled: settled, at: now(), runID: secret.New("")[:22]}, nil
}

// readSettings takes over what administrators have settled.
func (h *house) readSettings(ctx context.Context) error {
	revision, stored, err := h.Settings(ctx)
	if err == nil {
		h.settled.Adopt(revision, stored)
	}
	return err
}

// openStore says which database it is that cannot be opened.
func openStore(ctx context.Context, d Database, o store.Options) (*store.Store, error) {
	s, err := store.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("the database %s: %w", d.Redacted(), err)
	}
	return s, nil
}

func (d Database) options(conns int) store.Options {
	return store.Options{Driver: d.Driver, URL: d.URL.Reveal(), Path: d.Path, MaxConns: conns}
}

// prepare migrates the database, and binds a new one to the master key where one is at hand: the key file of an SQLite
// database is made together with it (security.md rule 23). On PostgreSQL the first server may bring the key.
func (h *house) prepare(ctx context.Context) error {
	return h.Prepare(ctx, func(ctx context.Context, tx *store.Store) error {
		if h.Dialect() == store.PostgreSQL && h.settings.keySource == "" {
			return nil
		}
		if claimed, err := tx.MasterKeyID(ctx); err != nil || claimed != "" {
			return err
		}
		_, err := unlock(ctx, tx, h.settings)
		return err
	})
}

// unlock returns what seals and opens under the database's master key. A database that has none yet is bound to this one;
// another key than the database's is store.ErrOtherMasterKey (security.md rule 23).
func unlock(ctx context.Context, tx *store.Store, s Settings) (*secret.Sealer, error) {
	claimed, err := tx.MasterKeyID(ctx)
	if err != nil {
		return nil, err
	}
	key, err := s.MasterKey(claimed == "")
	if err != nil {
		return nil, err
	}
	sealer, err := secret.NewSealer(key)
	if err != nil || claimed == sealer.KeyID() {
		return sealer, err
	}
	if err := tx.ClaimMasterKey(ctx, sealer.KeyID()); err != nil {
		return nil, fmt.Errorf("the master key from %s is %s, this database's is %s: %w", s.keyFrom(), sealer.KeyID(), claimed, err)
	}
	return sealer, nil
}

// event is a success of this command. A change without an event would be a change nobody made.
func (h *house) event(action audit.Action, target audit.Party) audit.Event {
	e := audit.Event{
		At: h.at, Action: action, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindCLI, Name: osUser()},
		Target: target, Caller: audit.Caller{RequestID: h.runID},
	}
	switch target.Kind { // whose history it belongs to
	case audit.KindUser:
		e.UserID = target.ID
	case audit.KindClient:
		e.ClientID = target.ID
	}
	return e
}

// osUser names who runs this command on this machine.
func osUser() string {
	u, err := user.Current()
	if err != nil {
		return "uid " + strconv.Itoa(os.Getuid())
	}
	return u.Username
}

// input is the file of this name, or standard input where that is -.
func (p *process) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.stdin), nil
	}
	return os.Open(name)
}

// maxSecret is longer than any password or hash we take.
const maxSecret = 64 << 10

// readSecret reads a secret from standard input, the one way a command takes one: command lines are public. One newline at
// its end is dropped, which echo and editors leave there.
func (p *process) readSecret() (string, error) {
	text, err := io.ReadAll(io.LimitReader(p.stdin, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(text) > maxSecret {
		return "", usage("standard input: expected one secret, this is too long for one")
	}
	line := strings.TrimSuffix(string(text), "\n")
	if len(line) < len(text) {
		line = strings.TrimSuffix(line, "\r")
	}
	return line, nil
}

// onlyOne refuses a command that names what it is about twice or not at all, and returns the name.
func onlyOne(what string, given ...string) (string, error) {
	var found string
	for _, g := range given {
		switch {
		case g == "":
		case found != "":
			return "", usage("name one " + what + ", not two")
		default:
			found = g
		}
	}
	if found == "" {
		return "", usage("name the " + what)
	}
	return found, nil
}
