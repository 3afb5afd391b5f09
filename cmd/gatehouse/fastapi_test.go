//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/web/webtest"
)

// fastapiVariable names the folder in which .ci/with-fastapi keeps Python's packages and Swagger UI.
const fastapiVariable = "GATEHOUSE_TEST_FASTAPI"

// A guide is docs/fastapi.md, carried out by the shell command by command: Gatehouse runs, and its applications do. Only the ports
// are others.
type guide struct {
	folder, tools                      string // where it was carried out, and where .ci/with-fastapi has its tools
	gatehouse, app, byKeys, byQuestion string // their addresses
	browser                            context.Context
}

// followGuide carries the guide out. What it says an application answers has to be what came.
func followGuide(t *testing.T, tools string) *guide {
	t.Helper()
	g := &guide{folder: t.TempDir(), tools: tools}
	gatehouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	applications, err := filepath.Abs("../../docs/fastapi")
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"dist/gatehouse": gatehouse, "docs/fastapi": applications, ".venv": filepath.Join(tools, "venv")} {
		link := filepath.Join(g.folder, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	port := map[string]string{}
	for _, documented := range []string{"8080", "8000", "8001", "8002"} {
		_, port[documented], _ = strings.Cut(webtest.FreeAddress(t), ":")
	}
	g.gatehouse = "http://localhost:" + port["8080"]
	g.app, g.byKeys, g.byQuestion = "http://127.0.0.1:"+port["8000"], "http://127.0.0.1:"+port["8001"], "http://127.0.0.1:"+port["8002"]
	text := regexp.MustCompile(`\b80(80|00|01|02)\b`).ReplaceAllStringFunc(guideText(t), func(documented string) string { return port[documented] })

	shell := exec.Command("bash", "-eu", "-o", "pipefail")
	shell.Dir = g.folder
	shell.Env = append(g.env(), "GATEHOUSE_LISTEN=127.0.0.1:"+port["8080"])
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	complaints := &logBuffer{}
	shell.Stderr = complaints
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) } // the shell and all it started
	tooLong := time.AfterFunc(2*soon, kill)
	defer tooLong.Stop()
	t.Cleanup(func() {
		defer time.AfterFunc(soon, kill).Stop()
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = shell.Wait()
	})

	const end = "=== end of block ==="
	fmt.Fprintln(in, `trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT`)
	lines := bufio.NewScanner(out)
	for _, b := range blocksOf(text) {
		fmt.Fprintf(in, "{ %s\n} </dev/null; printf '\\n%s\\n'\n", b.commands, end)
		var printed strings.Builder
		for {
			if !lines.Scan() {
				t.Fatalf("the shell ended in\n%s%s%s", b.commands, printed.String(), complaints)
			}
			if lines.Text() == end {
				break
			}
			printed.WriteString(lines.Text() + "\n")
		}
		if got := strings.TrimSpace(printed.String()); b.answer != nil && !b.answer.MatchString(got) {
			t.Fatalf("%s\nanswers %s\nnot %s\n%s", b.commands, got, b.answer, complaints)
		}
	}
	return g
}

func guideText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/fastapi.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A block is commands of the guide, and what it says they print, if it says so; … is anything.
type block struct {
	commands string
	answer   *regexp.Regexp
}

// withVenv makes what is in the cache already.
const withVenv = "python3 -m venv .venv\n.venv/bin/pip install -r docs/fastapi/requirements.txt\n"

func blocksOf(text string) []block {
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		switch {
		case m[2] == withVenv:
		case m[1] == "sh":
			blocks = append(blocks, block{commands: m[2]})
		default:
			answer := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(m[2])), "…", "[^\"]+")
			blocks[len(blocks)-1].answer = regexp.MustCompile("^" + answer + "$")
		}
	}
	return blocks
}

// saved is a member of a JSON file that the guide wrote.
func (g *guide) saved(t *testing.T, name, member string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.folder, "data", name))
	if err != nil {
		t.Fatal(err)
	}
	value, _ := read[map[string]any](t, string(text))[member].(string)
	if value == "" {
		t.Fatalf("no %s in %s", member, text)
	}
	return value
}

// env tells programs of the other ports, and of no other Gatehouse; a proxy would know none of these hosts.
func (g *guide) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GATEHOUSE_") })
	return append(env, "GATEHOUSE_ISSUER="+g.gatehouse, "API="+g.app, "no_proxy=*")
}

// run runs a program in the guide's folder.
func (g *guide) run(stdin, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir, c.Stdin = g.folder, strings.NewReader(stdin)
	c.Env = g.env()
	out, err := c.CombinedOutput()
	return string(out), err
}

func (g *guide) mustRun(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := g.run(stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// A response is what a server answered, read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

// send posts the form, or gets the URL where there is none.
func send(t *testing.T, url, authorization string, form url.Values) response {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequest(method, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if len(form) > 0 {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{got.StatusCode, got.Header, string(body)}
}

// token asks Gatehouse for an access token and has to get one.
func (g *guide) token(t *testing.T, authorization string, form url.Values) string {
	t.Helper()
	r := send(t, g.gatehouse+"/token", authorization, form)
	token := struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
	}{}
	if err := json.Unmarshal([]byte(r.body), &token); err != nil || r.status != http.StatusOK || token.Access == "" || !strings.EqualFold(token.Type, "bearer") {
		t.Fatalf("%v: %d %s", form, r.status, r.body)
	}
	return token.Access
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

const (
	johndoe = "a quiet river at noon"
	alice   = "wonderland, years ago"
)

// passwordForm is what the guides' forms post; more are pairs of names and values.
func passwordForm(username, password string, more ...string) url.Values {
	form := url.Values{"username": {username}, "password": {password}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// TestFastAPI carries docs/fastapi.md out and tries what it says, and what it forbids.
func TestFastAPI(t *testing.T) {
	t.Parallel()
	tools := os.Getenv(fastapiVariable)
	if tools == "" {
		t.Skip("it needs Python's packages: run `task test:fastapi`")
	}
	g := followGuide(t, tools)
	g.browser = startChromium(t)
	t.Cleanup(func() { g.mustBeQuiet(t) })
	for name, test := range map[string]func(t *testing.T){
		"the guide shows its application":          func(t *testing.T) { showsItsApplication(t) },
		"the password form signs in":               func(t *testing.T) { passwordFormSignsIn(t, g) },
		"a wrong password gets nothing":            func(t *testing.T) { wrongPassword(t, g) },
		"an application signs in by its secret":    func(t *testing.T) { secretSignsIn(t, g) },
		"an API takes its own tokens alone":        func(t *testing.T) { ownTokensAlone(t, g) },
		"the client stores each new refresh token": func(t *testing.T) { refreshes(t, g) },
		"whoever asks Gatehouse learns of an end":  func(t *testing.T) { learnsOfAnEnd(t, g) },
		"the Authorize dialog takes a password":    func(t *testing.T) { authorizeByPassword(t, g, "") },
		"the Authorize dialog takes a client_id":   func(t *testing.T) { authorizeByPassword(t, g, g.saved(t, "form.json", "client_id")) },
		"the Authorize dialog sends people to Gatehouse": func(t *testing.T) {
			authorizeByCode(t, g, g.app, secondForm, `200 { "username": "alice", "scopes": \[ "me" \] }`)
		},
		"the Authorize dialog names its API": func(t *testing.T) {
			authorizeByCode(t, g, g.byKeys, firstForm, `200 { "id": "[0-9a-f-]{36}", "scope": "me" }`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// What the guide shows of the application is there.
func showsItsApplication(t *testing.T) {
	source, err := os.ReadFile("../../docs/fastapi/main.py")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?ms)^```python\n(.*?)^```$").FindStringSubmatch(guideText(t))
	if shown == nil {
		t.Fatal("the guide shows nothing")
	}
	for line := range strings.Lines(shown[1]) {
		if !strings.Contains(string(source), line) {
			t.Errorf("main.py has no line %q", line)
		}
	}
}

// However the guides' forms and the Authorize dialog post it.
func passwordFormSignsIn(t *testing.T, g *guide) {
	id := g.saved(t, "form.json", "client_id")
	for _, c := range []struct {
		authorization string
		form          url.Values
	}{
		{"", passwordForm("johndoe", johndoe)},
		{"", passwordForm("johndoe", johndoe, "grant_type", "password")},
		{"", passwordForm("johndoe", johndoe, "grant_type", "", "scope", "", "client_id", "", "client_secret", "")},
		{"", passwordForm("johndoe", johndoe, "client_id", id)},
		{basic("", ""), passwordForm("johndoe", johndoe, "grant_type", "password")},
		{basic("", ""), passwordForm("johndoe", johndoe)},
		{basic(id, ""), passwordForm("johndoe", johndoe, "grant_type", "password")},
	} {
		token := g.token(t, c.authorization, c.form)
		if r := send(t, g.app+"/users/me", "Bearer "+token, nil); r.status != http.StatusOK || r.body != `{"username":"johndoe","scopes":["me","items"]}` {
			t.Errorf("%s %v: the application answers %d %s", c.authorization, c.form, r.status, r.body)
		}
	}
	// Whose hash was imported, by libraries' bcrypt.
	token := g.token(t, "", passwordForm("alice", alice, "scope", "me"))
	if r := send(t, g.app+"/users/me", "Bearer "+token, nil); r.status != http.StatusOK || r.body != `{"username":"alice","scopes":["me"]}` {
		t.Errorf("alice: the application answers %d %s", r.status, r.body)
	}
}

func wrongPassword(t *testing.T, g *guide) {
	for _, form := range []url.Values{passwordForm("johndoe", "a loud river at noon"), passwordForm("alice", johndoe), passwordForm("nobody", johndoe)} {
		r := send(t, g.gatehouse+"/token", basic("", ""), form)
		if r.status != http.StatusBadRequest || !strings.Contains(r.body, `"error":"invalid_grant"`) || r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%v: %d %s %v", form, r.status, r.body, r.header)
		}
	}
}

// A POST with HTTP Basic and no body.
func secretSignsIn(t *testing.T, g *guide) {
	id, secret := g.saved(t, "job.json", "client_id"), g.saved(t, "job.json", "client_secret")
	token := g.token(t, basic(id, secret), url.Values{})
	if r := send(t, g.app+"/data", "Bearer "+token, nil); r.status != http.StatusOK || !strings.Contains(r.body, id) {
		t.Errorf("the application answers %d %s", r.status, r.body)
	}
	if r := send(t, g.gatehouse+"/token", basic(id, secret+"x"), url.Values{}); r.status != http.StatusUnauthorized || !strings.Contains(r.body, "invalid_client") {
		t.Errorf("a wrong secret: %d %s", r.status, r.body)
	}
	for what, address := range map[string]string{"an application without scopes of people": g.app, "nobody": g.byQuestion} {
		if r := send(t, address+"/users/me", "Bearer "+token, nil); r.status != http.StatusUnauthorized {
			t.Errorf("%s has a name: %d %s", what, r.status, r.body)
		}
	}
}

// Every application refuses what is for another, what is for nobody, and what has too few scopes.
func ownTokensAlone(t *testing.T, g *guide) {
	tokens := map[string]string{
		g.app:        g.token(t, "", passwordForm("johndoe", johndoe, "scope", "me")),
		g.byKeys:     g.token(t, "", passwordForm("johndoe", johndoe, "scope", "me", "resource", g.byKeys)),
		g.byQuestion: g.token(t, "", passwordForm("johndoe", johndoe, "scope", "profile", "resource", g.gatehouse)),
	}
	refuses := func(what, path, token string) {
		t.Helper()
		authorization := ""
		if token != "" {
			authorization = "Bearer " + token
		}
		if r := send(t, path, authorization, nil); r.status != http.StatusUnauthorized || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %s answers %d %s %v", what, path, r.status, r.body, r.header)
		}
	}
	for _, application := range []string{g.app, g.byKeys, g.byQuestion} {
		me := application + "/users/me"
		refuses("no token", me, "")
		refuses("no JWT", me, "gh_rt_x")
		for of, token := range tokens {
			if of != application {
				refuses("another's token", me, token)
				continue
			}
			if r := send(t, me, "Bearer "+token, nil); r.status != http.StatusOK {
				t.Errorf("%s answers %d %s", me, r.status, r.body)
			}
			signed := strings.LastIndexByte(token, '.') + 1
			refuses("a changed signature", me, token[:signed]+strings.Repeat("A", len(token)-signed))
			refuses("no signature", me, token[:signed])
		}
	}
	refuses("too few scopes", g.app+"/users/me/items", tokens[g.app])
	refuses("a person", g.app+"/data", tokens[g.app])
}

// The application's client trades its refresh token whenever its access token has had its day, and keeps the newest.
func refreshes(t *testing.T, g *guide) {
	const python, client = ".venv/bin/python", "docs/fastapi/client.py"
	folder := t.TempDir()
	own := *g
	own.folder = folder
	for _, name := range []string{".venv", "docs"} {
		if err := os.Symlink(filepath.Join(g.folder, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	own.mustRun(t, alice+"\n", python, client, "sign-in", "alice")
	seen := map[string]bool{}
	replace := func(refreshToken string) { // as if the access token had expired
		if err := os.WriteFile(filepath.Join(folder, "data/tokens.json"), fmt.Appendf(nil, `{"access_token": "expired", "refresh_token": %q}`, refreshToken), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := own.saved(t, "tokens.json", "refresh_token")
	for range 3 {
		token := own.saved(t, "tokens.json", "refresh_token")
		if seen[token] {
			t.Fatal("a refresh token came twice")
		}
		seen[token] = true
		replace(token)
		if out := own.mustRun(t, "", python, client, "get", "/users/me"); out != `{"username":"alice","scopes":["me","items"]}`+"\n" {
			t.Fatalf("printed %s", out)
		}
	}
	newest := own.saved(t, "tokens.json", "refresh_token")
	for _, token := range []string{first, newest} { // the first is spent, and takes the newest with it
		replace(token)
		if out, err := own.run("", python, client, "get", "/users/me"); err == nil || !strings.Contains(out, "Sign in again.") {
			t.Errorf("%v %s", err, out)
		}
	}
	if r := send(t, g.gatehouse+"/refresh_token?refresh_token="+newest, "", url.Values{}); r.status != http.StatusBadRequest || !strings.Contains(r.body, "invalid_request") {
		t.Errorf("in the URL: %d %s", r.status, r.body)
	}
}

func learnsOfAnEnd(t *testing.T, g *guide) {
	g.mustRun(t, "three boats went out\n", "dist/gatehouse", "user", "create", "--username", "bob", "--password-stdin")
	token := g.token(t, "", passwordForm("bob", "three boats went out", "scope", "profile", "resource", g.gatehouse))
	status := func() int { return send(t, g.byQuestion+"/users/me", "Bearer "+token, nil).status }
	if s := status(); s != http.StatusOK {
		t.Fatalf("before: %d", s)
	}
	g.mustRun(t, "", "dist/gatehouse", "user", "disable", "bob")
	within2s(t, "bob is nobody any more", func() bool { return status() == http.StatusUnauthorized })
}

// mustBeQuiet expects that no server complained of anything that is its own fault.
func (g *guide) mustBeQuiet(t *testing.T) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(g.folder, "data", "*.log"))
	if err != nil || len(logs) != 4 {
		t.Errorf("logs %v, %v", logs, err)
	}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(text), `"level":"ERROR"`) || strings.Contains(string(text), "Traceback") {
			t.Errorf("%s:\n%s", filepath.Base(name), text)
		}
		if t.Failed() { // why Gatehouse refused something
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "refused") {
					t.Log(line)
				}
			}
		}
	}
}
