package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// soon bounds what a test waits for; it is long because the machine may be busy.
const soon = time.Minute

var folder string // of the program, removed by TestMain

func TestMain(m *testing.M) {
	code := m.Run()
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// program builds gatehouse as a release is built.
var program = sync.OnceValues(func() (string, error) {
	var err error
	if folder, err = os.MkdirTemp("", "gatehouse-program-"); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "gatehouse")
	out, err := exec.Command("go", "build", "-ldflags", "-s -w -X main.version=v0.0.1 -X main.commit=abc", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// A node is a server process.
type node struct {
	*exec.Cmd
	url     string
	started time.Time
	readyIn time.Duration
	lines   chan string // of standard output
	log     *logBuffer
}

// logBuffer is written by the process and read by the test.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server on the machine's database in the background.
func (m machine) serve(t *testing.T, args ...string) *node {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	address := webtest.FreeAddress(t)
	n := &node{Cmd: exec.Command(path, append([]string{"serve", "--listen", address}, args...)...), url: "http://" + address, lines: make(chan string, 10), log: &logBuffer{}}
	n.Dir = t.TempDir() // where PostgreSQL's set-up link goes
	n.Stderr = n.log
	for name, value := range m.env {
		n.Env = append(n.Env, name+"="+value)
	}
	out, err := n.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.started = time.Now()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.Process.Kill()
		_ = n.Wait()
	})
	go func() {
		defer close(n.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			n.lines <- s.Text()
		}
	}()
	return n
}

// line is the next line of standard output.
func (n *node) line(t *testing.T) string {
	t.Helper()
	select {
	case line, open := <-n.lines:
		if !open {
			t.Fatalf("the server ended:\n%s", n.log)
		}
		return line
	case <-time.After(soon):
		t.Fatalf("the server says nothing:\n%s", n.log)
	}
	return ""
}

// mustBeReady waits for the ready line and asks /readyz.
func (n *node) mustBeReady(t *testing.T) {
	t.Helper()
	if line := n.line(t); !strings.HasPrefix(line, "Gatehouse is ready at http") {
		t.Errorf("printed %q", line)
	}
	n.readyIn = time.Since(n.started)
	if status, body := n.get(t, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d %s", status, body)
	}
}

// setupLink is the link in the file that the next line names.
func (n *node) setupLink(t *testing.T) string {
	t.Helper()
	path, found := strings.CutPrefix(n.line(t), "Set it up with the link in ")
	info, err := os.Stat(path)
	if !found || err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("set-up link in %q: %v, %v", path, info, err)
	}
	link, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, token, found := strings.Cut(strings.TrimSpace(string(link)), "/setup?token=")
	if !found || token == "" {
		t.Fatalf("the file holds %q", link)
	}
	if strings.Contains(n.log.String(), token) {
		t.Error("the set-up link is in the log")
	}
	return strings.TrimSpace(string(link))
}

func (n *node) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get(n.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// answered sends a request and reads the JSON that comes back, whatever the status.
func answered(t *testing.T, request *http.Request) map[string]any {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return read[map[string]any](t, string(body))
}

// mustEnd asks the server to end and expects that it does so well.
func (n *node) mustEnd(t *testing.T) {
	t.Helper()
	if err := n.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range n.lines { // until its end
	}
	if err := n.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, n.log)
	}
	for line := range strings.Lines(n.log.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) != nil {
			t.Errorf("the log holds %q", line)
		}
	}
}

// within2s waits until the server acts on a change that a command made beside it.
func within2s(t *testing.T, what string, done func() bool) {
	t.Helper()
	started := time.Now()
	for !done() {
		if time.Since(started) > 2*time.Second {
			t.Fatalf("%s: not within 2 seconds", what)
		}
	}
	t.Logf("%s: after %s", what, time.Since(started).Round(time.Millisecond))
}

func TestServe_aLifeOfAServer(t *testing.T) {
	eachEmptyMachine(t, func(t *testing.T, m machine) {
		address := webtest.FreeAddress(t)
		n := m.with("GATEHOUSE_ISSUER", "http://"+address).serve(t, "--listen", address)
		n.url = "http://" + address
		n.mustBeReady(t)
		link := n.setupLink(t)
		if status, body := n.get(t, strings.TrimPrefix(link, n.url)); status != http.StatusOK || !strings.Contains(body, "setup-form") {
			t.Errorf("%s: %d", link, status)
		}

		// Some signal it to make sure that it reads its settings.
		if err := n.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		within2s(t, "SIGHUP is answered", func() bool { return strings.Contains(n.log.String(), "nothing to read again") })

		// Commands beside the server.
		jwks := func() string { _, body := n.get(t, oauth.PathJWKS); return body }
		if jwks() == "" {
			t.Error("no keys")
		}
		kid := read[[]keyView](t, m.do(t, "key rotate --json"))[0].KID
		within2s(t, "a new key is published", func() bool { return strings.Contains(jwks(), kid) })

		r := create(t, m, `{"grant_types": ["client_credentials"]}`)
		token := func() int {
			request, err := http.NewRequest(http.MethodPost, n.url+oauth.PathToken, strings.NewReader("grant_type=client_credentials"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.SetBasicAuth(r.ClientID, r.ClientSecret)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			return response.StatusCode
		}
		within2s(t, "a new client gets tokens", func() bool { return token() == http.StatusOK })
		m.do(t, "client disable "+r.ClientID)
		within2s(t, "a disabled client gets none", func() bool { return token() == http.StatusUnauthorized })

		m.do(t, "user create --username ada --role admin")
		if _, body := n.get(t, strings.TrimPrefix(link, n.url)); strings.Contains(body, `id="setup-form"`) {
			t.Error("the set-up is still open although there is a user")
		}
		n.mustEnd(t)
		if strings.Contains(n.log.String(), r.ClientSecret) {
			t.Error("a secret is in the log")
		}

		again := m.serve(t)
		again.mustBeReady(t)
		if m.sqlite() {
			if _, err := os.Stat(filepath.Join(filepath.Dir(m.options.Path), "setup-link")); err == nil {
				t.Error("the set-up link's file outlives the set-up")
			}
		}
		if !strings.Contains(again.log.String(), "GATEHOUSE_ISSUER is http://localhost:8080, but the server listens at") {
			t.Errorf("no warning of the port:\n%s", again.log)
		}
		again.mustEnd(t)
		if line, open := <-again.lines; open {
			t.Errorf("also printed %q", line)
		}
	})
}

func TestServe_eightStartTogether(t *testing.T) {
	eachEmptyMachine(t, func(t *testing.T, m machine) {
		nodes := make([]*node, 8)
		for i := range nodes {
			nodes[i] = m.serve(t)
		}
		links := map[string]bool{}
		for _, n := range nodes {
			n.mustBeReady(t)
			links[n.setupLink(t)] = true
		}
		if len(links) != 1 {
			t.Errorf("%d set-up links: %v", len(links), links)
		}
		s := storetest.Open(t, m.options)
		keys, err := s.SigningKeys(t.Context())
		if err != nil || len(keys) != 2 {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, n := range nodes {
			n.mustEnd(t)
		}
	})
}

func TestServe_saysWhenTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	m := machineOn(storetest.SQLite(t))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := m.run("", "serve", "--listen", l.Addr().String())
	if a.exit != exitFailed || !strings.Contains(a.err, "address already in use") || a.out != "" {
		t.Errorf("exit %d\n%s%s", a.exit, a.out, a.err)
	}
	if a := m.run("", "serve", "--listen", "192.0.2.1:80"); a.exit != exitFailed || !strings.Contains(a.err, "gatehouse: GATEHOUSE_LISTEN: listen tcp 192.0.2.1:80: ") {
		t.Errorf("an address of another machine: exit %d\n%s", a.exit, a.err)
	}
}

func TestServe_saysWhichDatabaseIsAway(t *testing.T) {
	t.Parallel()
	address := webtest.FreeAddress(t)
	m := machineOn(storetest.SQLite(t)).with("GATEHOUSE_DATABASE_URL", "postgres://gate:hunter2@"+address+"/house").with("GATEHOUSE_MASTER_KEY", secret.NewMasterKey())
	for _, command := range []string{"serve", "user list"} {
		a := m.run("", strings.Fields(command)...)
		if a.exit != exitFailed || !strings.Contains(a.err, "gatehouse: the database postgres://gate:xxxxx@"+address+"/house: unavailable: ") {
			t.Errorf("%s: exit %d\n%s", command, a.exit, a.err)
		}
	}
}

// security.md rule 16. What is wrong with the default client does not stop the start: here, only the address does.
func TestServe_warnsOfADefaultClientThatIsNone(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		m = m.with("GATEHOUSE_PASSWORD_GRANT", "true")
		public := `{"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none", "grant_types": `
		disabled := create(t, m, public+`["password"]}`).ClientID
		m.do(t, "client disable "+disabled)
		for _, c := range []struct{ name, id, says string }{
			{"none", "", ""},
			{"the right one", create(t, m, public+`["password", "refresh_token"]}`).ClientID, ""},
			{"without refresh", create(t, m, public+`["password"]}`).ClientID, ""},
			{"unknown", "cl_nobody", `there is no client \"cl_nobody\"`},
			{"disabled", disabled, "is disabled"},
			{"confidential", create(t, m, `{"grant_types": ["password"]}`).ClientID, "has a secret"},
			{"with more grants", create(t, m, public+`["authorization_code", "password"]}`).ClientID, "also has authorization_code: "},
		} {
			a := m.with("GATEHOUSE_DEFAULT_CLIENT", c.id).run("", "serve", "--listen", l.Addr().String())
			if a.exit != exitFailed || !strings.Contains(a.err, "address already in use") {
				t.Errorf("%s: exit %d\n%s", c.name, a.exit, a.err)
			}
			if warned := strings.Contains(a.err, `"level":"WARN","msg":"GATEHOUSE_DEFAULT_CLIENT: `); warned != (c.says != "") || !strings.Contains(a.err, c.says) {
				t.Errorf("%s: expected %q in\n%s", c.name, c.says, a.err)
			}
		}
	})
}

// It asserts nothing: a busy machine is slow. Wanted are 150 ms and 40 MiB.
func TestServe_figures(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "key rotate")
		m.do(t, "user create --username ada --role admin")
		for range 3 {
			n := m.serve(t)
			n.mustBeReady(t)
			memory := "unknown"
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Process.Pid)); err == nil {
				for line := range strings.Lines(string(text)) {
					if rss, found := strings.CutPrefix(line, "VmRSS:"); found {
						memory = strings.TrimSpace(rss)
					}
				}
			}
			t.Logf("ready after %s, memory %s", n.readyIn.Round(time.Millisecond), memory)
			n.mustEnd(t)
		}
	})
}
