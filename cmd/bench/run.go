package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type runCommand struct {
	Server       []string       `placeholder:"NAME=URL" sep:"none" help:"A server's name and issuer; repeat it for several, the first is what the others are compared with."`
	Config       string         `placeholder:"FILE" help:"YAML or JSON: servers, each with name, issuer, endpoints, client_id, client_secret, token_endpoint_auth_method, redirect_uri, scope, client_scope, user, password, pid, database_pid, against."`
	ClientID     string         `placeholder:"ID" help:"The client, at servers that name none in the file."`
	ClientSecret string         `placeholder:"SECRET" env:"BENCH_CLIENT_SECRET" help:"Its secret; loopback servers alone ever see it."`
	RedirectURI  string         `placeholder:"URI" help:"Its redirect URI (http://127.0.0.1:9999/callback)."`
	Scope        string         `placeholder:"SCOPE" help:"What people grant (openid profile email offline_access)."`
	ClientScope  string         `placeholder:"SCOPE" help:"What the client asks for itself (nothing)."`
	User         string         `placeholder:"NAME" help:"Who signs in, at servers for which the file names nobody."`
	Password     string         `placeholder:"PASSWORD" env:"BENCH_PASSWORD" help:"Their password."`
	PID          map[string]int `name:"pid" placeholder:"NAME=PID" help:"A server's process, whose CPU time and memory are measured."`
	DatabasePID  map[string]int `name:"database-pid" placeholder:"NAME=PID" help:"Its database's process; that of PostgreSQL is the parent of those that work."`
	Flows        []string       `placeholder:"FLOW" default:"${everyday}" help:"What to ask: ${flows}."`
	Connections  int            `default:"32" help:"Connections at a time, each of which waits for its answer before it asks again."`
	Duration     time.Duration  `default:"5s" help:"How long a turn is measured."`
	Warmup       time.Duration  `default:"1s" help:"How long a turn runs before that."`
	Rounds       int            `default:"5" help:"How many turns each server has, one after the other: A B A B."`
	Requests     int64          `placeholder:"N" help:"End a turn after so many requests, without a warm-up."`
	Storm        int            `placeholder:"N" help:"Wrong passwords a second that strangers try at a server's sign-in page during its turns."`
	JSON         bool           `name:"json" help:"Write the result as JSON."`
}

// Run drives the servers and reports. What it asks for fails only where a server could not be driven at all, or had errors.
func (c runCommand) Run(ctx context.Context, out output) error {
	servers, err := c.servers()
	if err != nil {
		return err
	}
	chosen, err := c.flows()
	if err != nil {
		return err
	}
	if c.Connections < 1 || c.Connections > 10_000 || c.Rounds < 1 || c.Duration <= 0 || c.Warmup < 0 || c.Requests < 0 || c.Storm < 0 || c.Storm > 10_000 {
		return errors.New("expected 1 to 10000 connections, at least one round and a duration")
	}
	if c.Requests > 0 {
		c.Warmup = 0
	}
	for _, s := range servers {
		if err := s.discover(); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	r := report{Connections: c.Connections, Duration: c.Duration.String(), Rounds: c.Rounds}
	for _, f := range chosen {
		var results []result
		if results, err = c.compare(ctx, f, servers, out); err != nil {
			break // what was measured before is told
		}
		r.Flows = append(r.Flows, flowReport{Flow: f.name, Servers: results})
	}
	return errors.Join(err, r.write(out.stdout, c.JSON), r.err())
}

// servers are those of the file and those of the flags.
func (c runCommand) servers() ([]*server, error) {
	var all []*server
	if c.Config != "" {
		var err error
		if all, err = readServers(c.Config); err != nil {
			return nil, err
		}
	}
	for _, text := range c.Server {
		name, issuer, _ := strings.Cut(text, "=")
		i := slices.IndexFunc(all, func(s *server) bool { return s.Name == name })
		if i < 0 {
			all, i = append(all, &server{Name: name}), len(all)
		}
		all[i].Issuer = issuer
	}
	if len(all) == 0 {
		return nil, errors.New("name a server: --server NAME=http://localhost:8080")
	}
	names := map[string]bool{}
	for _, s := range all {
		if names[s.Name] {
			return nil, fmt.Errorf("two servers are called %q", s.Name)
		}
		names[s.Name] = true
		if s.ClientID == "" {
			s.ClientID, s.ClientSecret = c.ClientID, c.ClientSecret
		}
		if s.User == "" {
			s.User, s.Password = c.User, c.Password
		}
		for _, given := range []struct {
			field *string
			value string
		}{{&s.RedirectURI, c.RedirectURI}, {&s.Scope, c.Scope}, {&s.ClientScope, c.ClientScope}} {
			if *given.field == "" {
				*given.field = given.value
			}
		}
		if pid, ok := c.PID[s.Name]; ok {
			s.PID = pid
		}
		if pid, ok := c.DatabasePID[s.Name]; ok {
			s.DatabasePID = pid
		}
		if err := s.complete(); err != nil {
			return nil, err
		}
	}
	for _, s := range all {
		if s.Against = cmp.Or(s.Against, all[0].Name); !names[s.Against] {
			return nil, fmt.Errorf("%s: there is no server %q to compare it with", s.Name, s.Against)
		}
	}
	for _, given := range []map[string]int{c.PID, c.DatabasePID} {
		for name := range given {
			if !names[name] {
				return nil, fmt.Errorf("there is no server %q", name)
			}
		}
	}
	return all, nil
}

func (c runCommand) flows() (chosen []flow, err error) {
	for _, f := range flows {
		if slices.Contains(c.Flows, f.name) {
			chosen = append(chosen, f)
		}
	}
	for _, name := range c.Flows {
		if !slices.ContainsFunc(flows, func(f flow) bool { return f.name == name }) {
			return nil, fmt.Errorf("there is no flow %q: expected %s", name, strings.Join(flowNames(), ", "))
		}
	}
	return chosen, nil
}

func flowNames() []string {
	names := make([]string, len(flows))
	for i, f := range flows {
		names[i] = f.name
	}
	return names
}

// compare lets the servers take turns at one flow.
func (c runCommand) compare(ctx context.Context, f flow, servers []*server, out output) ([]result, error) {
	crews, turns, failed := make([]*crew, len(servers)), make([][]turn, len(servers)), make([]error, len(servers))
	for i, s := range servers {
		crews[i] = newCrew(s, f, c.Connections)
	}
	defer func() {
		for _, crew := range crews {
			crew.close()
		}
	}()
	for round := range c.Rounds {
		for i, crew := range crews {
			if failed[i] != nil {
				continue
			}
			t, err := c.turn(ctx, crew, out)
			if stopped := ctx.Err(); stopped != nil {
				return nil, stopped
			}
			if failed[i] = err; err != nil {
				fmt.Fprintf(out.stderr, "%s %s: %v\n", f.name, crew.server.Name, err)
				continue
			}
			turns[i] = append(turns[i], t)
			fmt.Fprintf(out.stderr, "%s %d/%d %s: %.0f/s\n", f.name, round+1, c.Rounds, crew.server.Name, t.perSecond())
			if round == 0 && t.first != nil {
				fmt.Fprintf(out.stderr, "%s %s: first error: %v\n", f.name, crew.server.Name, t.first)
			}
		}
	}
	results := make([]result, len(servers))
	for i, s := range servers {
		results[i] = summarize(s, turns[i], failed[i])
	}
	relate(results)
	return results, nil
}

// turn is a turn of the crew, in a storm if there is to be one.
func (c runCommand) turn(ctx context.Context, crew *crew, out output) (turn, error) {
	if c.Storm == 0 {
		return crew.turn(ctx, c.Warmup, c.Duration, c.Requests)
	}
	if err := crew.flow.ready(ctx, crew); err != nil { // in peace: it signs people in
		return turn{}, err
	}
	storm, err := newStorm(crew.server, c.Storm)
	if err != nil {
		return turn{}, err
	}
	raging, calm := context.WithCancel(ctx)
	var over sync.WaitGroup
	over.Go(func() { storm.rage(raging) })
	begin := time.Now()
	t, err := crew.turn(ctx, c.Warmup, c.Duration, c.Requests)
	took := time.Since(begin)
	calm()
	over.Wait()
	storm.report(out.stderr, crew.server.Name, took)
	return t, err
}

func newCrew(s *server, f flow, connections int) *crew {
	c := &crew{server: s, flow: f}
	for range connections {
		c.workers = append(c.workers, &worker{crew: c})
	}
	return c
}

func (c *crew) close() {
	for _, w := range c.workers {
		w.conn.close()
		if w.browser != nil {
			w.browser.close()
		}
	}
}

// tally is what one connection counted.
type tally struct {
	latencies histogram
	errors    uint64
	first     error
}

// A turn is what came of driving one server for a while.
type turn struct {
	tally
	elapsed       time.Duration
	cpu, database time.Duration
	rss           int64
}

func (t *turn) perSecond() float64 {
	return float64(t.latencies.n) / max(t.elapsed, time.Nanosecond).Seconds()
}

// pause is how long a connection waits after an error, so that a server that is down is not asked a million times.
const pause = 10 * time.Millisecond

// turn drives the server: first for the warm-up, then for the duration that is measured, or until so many requests were
// answered if that is not 0.
func (c *crew) turn(ctx context.Context, warmup, duration time.Duration, requests int64) (turn, error) {
	if err := c.flow.ready(ctx, c); err != nil {
		return turn{}, err
	}
	var left atomic.Int64
	left.Store(requests)
	var stop atomic.Bool
	unwatch := context.AfterFunc(ctx, func() { stop.Store(true) })
	defer unwatch()

	from := time.Now().Add(warmup)
	to := from.Add(duration)
	var working sync.WaitGroup
	for _, w := range c.workers {
		w.conn.close() // what a server keeps open between turns differs
		w.conn.turnTo(c.address)
		working.Go(func() {
			w.tally = tally{}
			for w.now = time.Now(); w.now.Before(to) && !stop.Load(); {
				if requests > 0 && left.Add(-1) < 0 {
					return
				}
				begin := w.now
				err := c.flow.step(w)
				w.now = time.Now()
				switch {
				case err != nil:
					if w.tally.errors++; w.tally.first == nil {
						w.tally.first = err
					}
					time.Sleep(pause)
					w.now = time.Now()
				case !w.now.Before(from) && w.now.Before(to):
					w.tally.latencies.add(w.now.Sub(begin))
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		working.Wait()
		close(done)
	}()
	wait := func(until time.Time) {
		select {
		case <-time.After(time.Until(until)):
		case <-done:
		}
	}
	wait(from)
	before, err := c.server.usage()
	wait(to)
	t := turn{elapsed: time.Since(from)}
	after, later := c.server.usage()
	<-done
	if err := errors.Join(err, later); err != nil {
		return t, err
	}
	t.cpu, t.database, t.rss = after[0].cpu-before[0].cpu, after[1].cpu-before[1].cpu, after[0].rss
	for _, w := range c.workers {
		t.latencies.merge(&w.tally.latencies)
		t.errors += w.tally.errors
		if t.first == nil {
			t.first = w.tally.first
		}
	}
	return t, nil
}

// usage is what the server and its database have used.
func (s *server) usage() (used [2]usage, err error) {
	for i, pid := range []int{s.PID, s.DatabasePID} {
		if pid == 0 {
			continue
		}
		if used[i], err = usageOf(pid); err != nil {
			return used, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return used, nil
}
