package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// bench runs a command line.
func bench(args ...string) (exit int, stdout, stderr string) {
	var out, errs bytes.Buffer
	exit = Run(args, &out, &errs)
	return exit, out.String(), errs.String()
}

// measure runs `bench run --json` and reads its report.
func measure(t *testing.T, args ...string) (r report, exit int, stderr string) {
	t.Helper()
	exit, stdout, stderr := bench(append([]string{"run", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("exit %d, %v:\n%s%s", exit, err, stdout, stderr)
	}
	return r, exit, stderr
}

// openHouse opens a house that listens, with a client and a person to drive it with.
func openHouse(t *testing.T) (h *webtest.House, client *webtest.Client, flags []string) {
	t.Helper()
	h = webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)))
	client = h.Client(t, func(c *oauth.Client) {
		c.RedirectURIs = oauth.RedirectURIs{"http://127.0.0.1:9999/callback"}
		c.IDTokenSignedResponseAlg = "ES256"
	})
	return h, client, []string{
		"--server", "gatehouse=" + h.Issuer, "--client-id", client.ID, "--client-secret", client.Secret,
		"--user", h.User(t).Username, "--password", webtest.Password,
	}
}

// Every flow drives the real server without an error, and does what it says it does.
func TestRun_drivesEveryFlow(t *testing.T) {
	t.Parallel()
	h, client, flags := openHouse(t)
	const connections, requests, rounds = 4, 50, 2
	r, exit, stderr := measure(t, append(flags, "--flows", strings.Join(flowNames(), ","), "--connections", strconv.Itoa(connections), "--requests", strconv.Itoa(requests),
		"--rounds", strconv.Itoa(rounds), "--duration", "2m", "--pid", "gatehouse="+strconv.Itoa(os.Getpid()))...)
	if exit != exitOK || len(r.Flows) != len(flows) {
		t.Fatalf("exit %d, %d flows\n%s", exit, len(r.Flows), stderr)
	}
	for _, f := range r.Flows {
		s := f.Servers[0]
		if s.Server != "gatehouse" || s.Errors != 0 || s.NotDriven != "" || s.Requests != rounds*requests || len(s.Rounds) != rounds {
			t.Errorf("%s: %+v", f.Flow, s)
		}
		if s.PerSecond <= 0 || s.P50 <= 0 || s.P99 < s.P50 || s.CPU == nil || s.DatabaseCPU != nil || s.RSS <= 0 {
			t.Errorf("%s is not measured: %+v", f.Flow, s)
		}
	}
	count := func(action audit.Action) (n int) {
		for _, e := range must(h.Store.Events(t.Context(), store.EventFilter{Action: action, ClientID: client.ID, Limit: 500}))(t) {
			if e.Outcome != audit.Success {
				t.Errorf("%s was refused: %+v", e.Action, e)
			}
			n++
		}
		return n
	}
	if n := count(audit.TokenRefreshed); n != rounds*requests {
		t.Errorf("%d tokens were refreshed", n)
	}
	// Introspection and userinfo ask about tokens of a sign-in; a chain begins for each connection; every worker signs in once.
	signedIn, grants := 3+connections, 2*rounds*tokensAsked+connections+rounds*requests+signIns
	if n := count(audit.CodeRedeemed); n != grants {
		t.Errorf("%d codes were redeemed, expected %d", n, grants)
	}
	families := must(h.Store.Families(t.Context(), store.FamilyFilter{ClientID: client.ID, Limit: 500}))(t)
	rotations := int64(0)
	for _, f := range families {
		rotations += f.Generation
		if f.EndedAt != nil {
			t.Errorf("the family %s ended: %s", f.ID, f.EndReason)
		}
	}
	if rotations != rounds*requests {
		t.Errorf("%d rotations", rotations)
	}
	if n := len(must(h.Store.Events(t.Context(), store.EventFilter{Action: audit.SignInSucceeded, Limit: 500}))(t)); n != signedIn {
		t.Errorf("people signed in %d times, expected %d", n, signedIn)
	}
	if n := len(must(h.Store.Events(t.Context(), store.EventFilter{Action: audit.ConsentGiven, Limit: 500}))(t)); n < 1 {
		t.Error("nobody was asked to consent")
	}
}

// signIns are the code flows that signing in takes.
const signIns = 3 + 4

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Servers take turns and are compared with the first; the prototype is one of them.
func TestRun_comparesWithTheCeiling(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Empty(t)
		address := o.URL
		if o.Path != "" {
			address = "sqlite://" + o.Path
		}
		ready, stdout := io.Pipe()
		ctx, stop := t.Context(), make(chan error, 1)
		ending, end := context.WithCancel(ctx)
		go func() {
			stop <- ceilingCommand{Listen: "127.0.0.1:0", Database: address}.Run(ending, output{stdout, io.Discard})
		}()
		line := make([]byte, 200)
		n := must(ready.Read(line))(t)
		issuer := strings.TrimSpace(string(line[bytes.Index(line[:n], []byte("http")):n]))
		r, exit, stderr := measure(t, "--server", "ceiling="+issuer, "--server", "again="+issuer, "--client-id", "x", "--flows", strings.Join(flowNames(), ","),
			"--connections", "3", "--requests", "30", "--rounds", "3", "--duration", "2m")
		if exit != exitOK {
			t.Fatalf("exit %d\n%s", exit, stderr)
		}
		for _, f := range r.Flows {
			one, two := f.Servers[0], f.Servers[1]
			if one.Errors+two.Errors > 0 || one.Requests != 90 || two.Requests != 90 || *one.Ratio != 1 || *two.Ratio != two.PerSecond/one.PerSecond {
				t.Errorf("%s: %+v", f.Flow, f.Servers)
			}
			if one.PerSecond != median(one.Rounds) {
				t.Errorf("%s: %v is not the median of %v", f.Flow, one.PerSecond, one.Rounds)
			}
		}
		if turns := strings.Index(stderr, "refresh 1/3 ceiling"); turns < 0 || strings.Index(stderr, "refresh 1/3 again") < turns || strings.Index(stderr, "refresh 2/3 ceiling") < strings.Index(stderr, "refresh 1/3 again") {
			t.Errorf("they did not take turns:\n%s", stderr)
		}
		// What it says to have written is there.
		db := storetest.DB(t, o)
		var families, rotations, tokens int
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*), SUM(generation), (SELECT COUNT(*) FROM ceiling_tokens) FROM ceiling_families").Scan(&families, &rotations, &tokens); err != nil {
			t.Fatal(err)
		}
		if rotations != 180 || tokens != families+rotations {
			t.Errorf("%d families, %d rotations, %d tokens", families, rotations, tokens)
		}
		end()
		if err := <-stop; err != nil {
			t.Error(err)
		}
	})
}

// A refused person, a flow that a server does not have, an unexpected answer: each is told, and the exit code says so.
func TestRun_tellsWhatWentWrong(t *testing.T) {
	t.Parallel()
	_, _, flags := openHouse(t)
	few := append(slices.Clone(flags), "--connections", "2", "--requests", "4", "--rounds", "1")
	r, exit, _ := measure(t, append(few, "--flows", "code,discovery", "--password", "wrong")...)
	if s := r.Flows[1].Servers[0]; exit != exitFailed || r.Flows[1].Flow != "code" || !strings.HasPrefix(s.NotDriven, "/login does not let \"u") || strings.Contains(s.NotDriven, "<") || s.PerSecond != 0 {
		t.Errorf("a wrong password: exit %d, %+v", exit, s)
	}
	if s := r.Flows[0].Servers[0]; s.NotDriven != "" || s.Requests != 4 {
		t.Errorf("the other flow: %+v", s)
	}
	r, exit, stderr := measure(t, append(few, "--flows", "client_credentials", "--client-secret", "wrong")...)
	if s := r.Flows[0].Servers[0]; exit != exitFailed || s.Errors != 4 || s.Requests != 0 || !strings.Contains(s.FirstError, "answered 401") || !strings.Contains(s.FirstError, "invalid_client") {
		t.Errorf("a wrong secret: exit %d, %+v", exit, s)
	} else if !strings.Contains(stderr, "invalid_client") {
		t.Errorf("the first error is not told at once:\n%s", stderr)
	}
	exit, stdout, _ := bench(append(append([]string{"run"}, few...), "--flows", "introspection,jwks", "--client-secret", "wrong")...)
	if exit != exitFailed || !strings.Contains(stdout, "not driven") || !strings.Contains(stdout, "introspection of gatehouse could not be driven: answered 401") || !strings.Contains(stdout, "jwks") {
		t.Errorf("as a table: exit %d\n%s", exit, stdout)
	}
}

func TestRun_refusesWhatItCannotDrive(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "servers.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"nobody", "name a server", nil},
		{"elsewhere", "on this machine", []string{"--server", "a=http://192.0.2.1:8080"}},
		{"https", "expected http://", []string{"--server", "a=https://localhost"}},
		{"an unknown flow", "no flow", []string{"--server", "a=http://localhost:1", "--flows", "implicit"}},
		{"no connections", "at least one round", []string{"--server", "a=http://localhost:1", "--connections", "0"}},
		{"a process of nobody", "there is no server", []string{"--server", "a=http://localhost:1", "--pid", "b=1"}},
		{"one name for two", "two servers", []string{"--config", file("servers: [{name: a, issuer: 'http://localhost:1'}, {name: a, issuer: 'http://localhost:2'}]")}},
		{"an unknown member", "secret", []string{"--config", file(`{"servers": [{"name": "a", "secret": "x"}]}`)}},
		{"an unknown way to authenticate", "token_endpoint_auth_method", []string{"--config", file("servers: [{name: a, issuer: 'http://localhost:1', token_endpoint_auth_method: tls}]")}},
		{"compared with nobody", "to compare it with", []string{"--config", file("servers: [{name: a, issuer: 'http://localhost:1', against: b}]")}},
		{"a server that is down", "refused", []string{"--server", "a=http://127.0.0.1:1"}},
	} {
		exit, stdout, stderr := bench(append([]string{"run"}, c.args...)...)
		if exit != exitFailed || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit %d, %q, %q", c.name, exit, stdout, stderr)
		}
	}
	if exit, _, stderr := bench("walk"); exit != exitUsage || stderr == "" {
		t.Errorf("an unknown command: exit %d, %q", exit, stderr)
	}
}

// The file says what is different at each server, the flags what is the same.
func TestRun_readsTheFile(t *testing.T) {
	t.Parallel()
	h, client, _ := openHouse(t)
	post := h.Client(t, func(c *oauth.Client) {
		c.RedirectURIs, c.TokenEndpointAuthMethod = oauth.RedirectURIs{"http://127.0.0.1:7777/cb"}, oauth.AuthPost
	})
	path := filepath.Join(t.TempDir(), "servers.yaml")
	text := `
servers:
  - name: basic
    issuer: ` + h.Issuer + `
    endpoints: {jwks_uri: ` + h.Issuer + `/oauth/nowhere}
  - name: post
    issuer: ` + h.Issuer + `
    client_id: ` + post.ID + `
    client_secret: ` + post.Secret + `
    token_endpoint_auth_method: client_secret_post
    redirect_uri: http://127.0.0.1:7777/cb
    scope: openid
    against: post
    user: ` + h.User(t).Username + `
    password: ` + webtest.Password + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, stderr := measure(t, "--config", path, "--client-id", client.ID, "--client-secret", client.Secret, "--user", h.User(t).Username, "--password", webtest.Password,
		"--flows", "client_credentials,introspection,code,jwks", "--connections", "2", "--requests", "6", "--rounds", "1")
	for _, f := range r.Flows {
		basic, post := f.Servers[0], f.Servers[1]
		if post.Errors > 0 || post.Requests != 6 || *post.Ratio != 1 {
			t.Errorf("%s: %+v\n%s", f.Flow, post, stderr)
		}
		if f.Flow == "jwks" {
			if basic.Requests > 0 || !strings.Contains(basic.FirstError, "answered 404") {
				t.Errorf("an endpoint of the file is not asked: %+v", basic)
			}
		} else if basic.Errors > 0 || basic.Requests != 6 {
			t.Errorf("%s: %+v\n%s", f.Flow, basic, stderr)
		}
	}
}
