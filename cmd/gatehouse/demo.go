package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"gatehouse/cmd/gatehouse/demo"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// demoFolder begins the name of every folder that a demonstration lives in.
const demoFolder = "gatehouse-demo-"

// demonstration is a house that is made up, for as long as one process runs.
type demonstration struct {
	folder string
	alive  *os.File // locked as long as the process lives: whoever gets the lock may clear the folder away
	told   *demo.Told
}

// newDemonstration makes a folder for a database that goes with the process.
func newDemonstration() (*demonstration, error) {
	clearDemonstrations(now())
	folder, err := os.MkdirTemp("", demoFolder+"*") // mode 0700
	if err != nil {
		return nil, err
	}
	d := &demonstration{folder: folder}
	d.alive, err = lockDemonstration(folder, os.O_CREATE)
	if err != nil {
		return nil, errors.Join(err, d.end())
	}
	return d, nil
}

// lockDemonstration takes the lock of a folder; it goes with the process, however that ends. create is os.O_CREATE or 0.
func lockDemonstration(folder string, create int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "alive"), create|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// clearDemonstrations deletes what demonstrations left that were killed: folders of ours alone, whose process is gone. One that is
// only just being made is left alone, as is all that cannot be deleted.
func clearDemonstrations(at time.Time) {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), demoFolder+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		info, err := os.Lstat(folder) // others may put what they like beside it: no link is followed
		if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 || at.Sub(info.ModTime()) < time.Minute {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() {
			continue
		}
		lock, err := lockDemonstration(folder, 0)
		if err != nil {
			_ = os.Remove(folder) // killed before it had its lock; what has anything in it stays: it is no demonstration
			continue
		}
		_ = os.RemoveAll(folder)
		_ = lock.Close()
	}
}

// end deletes the house.
func (d *demonstration) end() error {
	err := os.RemoveAll(d.folder)
	if d.alive != nil {
		err = errors.Join(err, d.alive.Close())
	}
	return err
}

// settings are those of a demonstration: whatever is not given follows from it. It is for this machine alone, and has a database and
// a master key of its own.
func (d *demonstration) settings(c Config, getenv func(string) string) (Settings, error) {
	mistakes := Mistakes{}
	get := func(given, variable string) string {
		if given != "" {
			return given
		}
		return getenv(variable)
	}
	for _, refused := range []struct{ given, variable, why string }{
		{c.DatabaseURL, "GATEHOUSE_DATABASE_URL", "makes a database of its own"},
		{c.File, "GATEHOUSE_CONFIG", "has settings of its own"},
		{c.MasterKeyFile, "GATEHOUSE_MASTER_KEY_FILE", "makes a master key of its own"},
		{c.MasterKey.Reveal(), "GATEHOUSE_MASTER_KEY", "makes a master key of its own"},
	} {
		if get(refused.given, refused.variable) != "" {
			mistakes = append(mistakes, refused.variable+": --demo "+refused.why+": leave it out")
		}
	}
	c.Listen = get(c.Listen, "GATEHOUSE_LISTEN")
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	for variable, address := range map[string]string{
		"GATEHOUSE_LISTEN": c.Listen, "GATEHOUSE_HTTP_LISTEN": get(c.HTTPListen, "GATEHOUSE_HTTP_LISTEN"), "GATEHOUSE_METRICS_LISTEN": get(c.MetricsListen, "GATEHOUSE_METRICS_LISTEN"),
	} {
		if host, _, err := net.SplitHostPort(address); err == nil && !onThisMachine(host) {
			mistakes = append(mistakes, fmt.Sprintf("%s: %q: --demo is for this machine alone, as its passwords stand on a screen: expected 127.0.0.1, [::1] or localhost", variable, address))
		}
	}
	if _, port, err := net.SplitHostPort(c.Listen); err == nil {
		if port == "0" {
			mistakes = append(mistakes, "GATEHOUSE_LISTEN: --demo needs a port that is known beforehand")
		}
		if c.Issuer = get(c.Issuer, "GATEHOUSE_ISSUER"); c.Issuer == "" {
			c.Issuer = "http://" + net.JoinHostPort("localhost", port)
			if port == "80" {
				c.Issuer = "http://localhost"
			}
		}
	}
	if u, err := url.Parse(c.Issuer); err == nil && u.Host != "" && !onThisMachine(u.Hostname()) {
		mistakes = append(mistakes, fmt.Sprintf("GATEHOUSE_ISSUER: %q: --demo is for this machine alone: expected http://localhost with a port", c.Issuer))
	}
	if len(mistakes) > 0 {
		return Settings{}, mistakes
	}
	c.DatabaseURL = "sqlite://" + filepath.Join(d.folder, "gatehouse.db")
	c.MasterKey, c.MasterKeyFile = secret.Text(secret.NewMasterKey()), ""
	c.PasswordGrant, c.DefaultClient = "true", demo.DefaultClient
	if c.LogLevel = get(c.LogLevel, "GATEHOUSE_LOG_LEVEL"); c.LogLevel == "" {
		c.LogLevel = "warn" // what is told on the terminal stays in sight
	}
	s, err := c.Validate(getenv)
	s.Warnings = nil // of what is only so because it is a demonstration
	return s, err
}

// onThisMachine reports whether a host is reached from this machine alone.
func onThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// furnish fills the database with what has been going on in it.
func (d *demonstration) furnish(ctx context.Context, st *store.Store, s Settings, hasher *secret.Hasher) error {
	var sealer *secret.Sealer
	err := st.Prepare(ctx, func(ctx context.Context, tx *store.Store) (err error) {
		sealer, err = unlock(ctx, tx, s)
		return err
	})
	var settled *policy.Live
	if err == nil {
		settled, err = policy.New(s.Pins)
	}
	if err == nil {
		d.told, err = demo.Furnish(ctx, st, demo.Config{Issuer: s.Issuer, Sealer: sealer, Hasher: hasher, Policy: settled.Now().OAuth, Now: now()})
	}
	if err != nil {
		return fmt.Errorf("the demonstration could not be made: %w", err)
	}
	return st.Flush(ctx)
}

// introduce tells people how to look around.
func (d *demonstration) introduce(p *process, issuer string) {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nAll of it is made up, and gone when you press Ctrl-C. Sign in at %s/console\n\n", issuer)
	for _, l := range d.told.Staff {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", l.Username, l.Password, l.Role, l.May)
	}
	_ = w.Flush()
	somebody := d.told.Staff[len(d.told.Staff)-1]
	worker, scanner := d.told.Worker, d.told.Scanner
	fmt.Fprintf(p.stdout, "\nA token for an application itself, and one for a person:\n\n")
	for _, command := range []struct {
		user demo.Credentials
		data []string
	}{
		{worker, []string{"grant_type=client_credentials", "scope=" + worker.Scope}},
		{demo.Credentials{}, []string{"grant_type=password", "client_id=" + scanner.ID, "client_secret=" + scanner.Secret, "username=" + somebody.Username, "password=" + somebody.Password}},
	} {
		fmt.Fprintf(p.stdout, "  %s\n", curl(issuer, command.user, command.data))
	}
	fmt.Fprintln(p.stdout)
}

// curl is a command line that asks for a token.
func curl(issuer string, user demo.Credentials, data []string) string {
	words := []string{"curl", "-s"}
	if user.ID != "" {
		words = append(words, "-u", "'"+user.ID+":"+user.Secret+"'")
	}
	for _, d := range data {
		words = append(words, "-d", "'"+d+"'")
	}
	return strings.Join(append(words, issuer+"/oauth/token"), " ")
}
