package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// integrate is the page that shows a client's programs.
func integrate(c *webtest.Client) string { return "/console/clients/" + c.ID + "/integrate" }

// A shownProgram is what the page shows for a language, as its buttons copy it.
type shownProgram struct{ file, code, run string }

func program(t *testing.T, b *webtest.Browser, c *webtest.Client, lang string) shownProgram {
	t.Helper()
	p := b.Get(integrate(c) + "?lang=" + lang)
	shown := p.Parts("pre", "role", "region")
	var copied []string
	for _, button := range p.Parts("button", "class", "btn") {
		if text := button.Attr("data-copy"); text != "" {
			copied = append(copied, text)
		}
	}
	if len(shown) < 2 || len(shown) != len(copied) {
		t.Fatalf("%s: %d %s", lang, p.Status, p.Text())
	}
	for i, text := range copied {
		if strings.Join(strings.Fields(text), " ") != strings.Join(strings.Fields(shown[i].Text()), " ") {
			t.Fatalf("%s: it copies\n%s\nand shows\n%s", lang, text, shown[i].Text())
		}
		if strings.Contains(text, c.Secret) && c.Secret != "" {
			t.Error("the secret is in it")
		}
	}
	return shownProgram{shown[0].Attr("aria-label"), copied[0], copied[1]}
}

// command is the last of those that run the program: what comes before it installs packages, which the tests have.
func (p shownProgram) command(t *testing.T, secret string) *exec.Cmd {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, p.file)
	if err := os.WriteFile(file, []byte(p.code), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	last := p.run[strings.LastIndexByte(p.run, '\n')+1:]
	exported, run, asks := strings.Cut(last, "; export CLIENT_SECRET; ")
	if !asks {
		run = exported
	}
	if asks != strings.Contains(p.code, "CLIENT_SECRET") || asks && secret == "" {
		t.Errorf("the client's secret is %q, and its program is run by %s:\n%s", secret, last, p.code)
	}
	words := strings.Fields(run)
	switch ctx := t.Context(); words[0] {
	case "go": // there is no module but ours
		built := filepath.Join(folder, "program")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", built, file).CombinedOutput(); err != nil || run != "go run "+p.file {
			t.Fatalf("%s: %v %s", run, err, out)
		}
		words = []string{built}
	case "node":
		err = os.Symlink(filepath.Join(root, "node_modules"), filepath.Join(folder, "node_modules"))
	case ".venv/bin/python":
		words[0] = filepath.Join(folder, words[0])
		err = os.Symlink(filepath.Join(os.Getenv("GATEHOUSE_TEST_FASTAPI"), "venv"), filepath.Join(folder, ".venv"))
	case "bash":
		words = slices.Insert(words, 1, "-e")
	default:
		t.Fatalf("who runs %s?", p.run)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "CLIENT_SECRET="+secret)
	cmd.Dir = folder
	return cmd
}

// start runs a program that serves, until the test is over.
func start(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(out.String())
		}
	})
	eventually(t, "it listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("it ended: %s", out.String())
		default:
		}
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// What the page tells a developer to run works as it stands, with each way a client can prove itself.
func TestIntegrate_programsWork(t *testing.T) {
	programsWork(t, "go", "node", "curl")
}

// TestFastAPI_programsWork runs the same in Python, where its packages are: see task test:fastapi.
func TestFastAPI_programsWork(t *testing.T) {
	if os.Getenv("GATEHOUSE_TEST_FASTAPI") == "" {
		t.Skip("it needs Python's packages: task test:fastapi")
	}
	programsWork(t, "python", "fastapi")
}

func programsWork(t *testing.T, languages ...string) {
	t.Parallel()
	h := openHouse(t)
	b, _ := staff(t, h, identity.RoleAuditor)
	h.Scope(t, "orders:read", "See your orders")
	for _, method := range []string{oauth.AuthBasic, oauth.AuthPost, oauth.AuthNone} {
		signsIn := h.Client(t, func(c *oauth.Client) {
			c.TokenEndpointAuthMethod, c.IDTokenSignedResponseAlg = method, map[bool]string{true: keys.ES256, false: keys.RS256}[method == oauth.AuthPost]
			c.RedirectURIs, c.Scopes = oauth.RedirectURIs{"http://" + webtest.FreeAddress(t) + "/callback", webtest.Callback}, oauth.Scopes{"openid", "profile", "orders:read", "offline_access"}
			c.GrantTypes = oauth.Words{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
		})
		for _, lang := range languages {
			if lang != "fastapi" {
				t.Run(lang+" signs people in, "+method, func(t *testing.T) { programSignsIn(t, h, b, signsIn, lang) })
			}
		}
		if slices.Contains(languages, "fastapi") {
			t.Run("fastapi accepts its tokens, "+method, func(t *testing.T) { programChecks(t, h, b, signsIn, signsIn, false) })
		}
		if method == oauth.AuthNone {
			continue
		}
		if slices.Contains(languages, "fastapi") {
			api := h.API(t, func(a *oauth.API) {
				a.Identifier, a.Scopes = "https://"+method+".example.test", oauth.Scopes{"orders:read"}
			})
			of := h.Client(t, func(c *oauth.Client) { c.DefaultResource, c.Scopes = api.Identifier, oauth.Scopes{"orders:read"} })
			itself := h.Client(t, func(c *oauth.Client) {
				c.TokenEndpointAuthMethod, c.ResourceServer, c.GrantTypes, c.RedirectURIs, c.Scopes = method, api.Identifier, nil, nil, nil
			})
			t.Run("fastapi asks about tokens, "+method, func(t *testing.T) { programChecks(t, h, b, itself, of, true) })
		}
		service := h.Client(t, service, func(c *oauth.Client) {
			c.TokenEndpointAuthMethod, c.Scopes = method, oauth.Scopes{"orders:read"}
		})
		for _, lang := range languages {
			if lang != "fastapi" {
				t.Run(lang+" gets a token of its own, "+method, func(t *testing.T) {
					out, err := program(t, b, service, lang).command(t, service.Secret).Output()
					if err != nil || !strings.Contains(strings.ToLower(string(out)), "bearer") {
						t.Errorf("%v %s", err, out)
					}
				})
			}
		}
	}
}

func programSignsIn(t *testing.T, h *webtest.House, console *webtest.Browser, client *webtest.Client, lang string) {
	user := h.User(t)
	cmd := program(t, console, client, lang).command(t, client.Secret)
	if lang == "curl" {
		curlSignsIn(t, h, client, user, cmd)
		return
	}
	callback, err := url.Parse(client.RedirectURIs[0])
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd, callback.Host)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	rp := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(address string) (said string, status int, location string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := rp.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body), answer.StatusCode, answer.Header.Get("Location")
	}
	said, status, location := ask("http://" + callback.Host + "/")
	them := h.Browser(t)
	if !strings.HasPrefix(location, h.Issuer+oauth.PathAuthorize+"?") {
		t.Fatalf("%d %s %s", status, location, said)
	}
	them.Get(location)
	them.SignIn(user)
	back := them.Allow().Location
	if back == nil {
		t.Fatalf("not sent back: %s", them.Page.Text())
	}
	if said, status, _ = ask(back.String()); status != http.StatusOK || !strings.Contains(said, user.ID) {
		t.Errorf("%d %s", status, said)
	}
	// Somebody else's answer, in a browser that asked for nothing.
	jar, _ = cookiejar.New(nil)
	rp.Jar = jar
	if said, status, _ = ask(back.String()); status == http.StatusOK || strings.Contains(said, user.ID) {
		t.Errorf("it takes an answer that it did not ask for: %d %s", status, said)
	}
	ticked := console.Get(integrate(client) + "?lang=" + lang).Text()
	if !strings.Contains(ticked, "Done Code redeemed") || !strings.Contains(ticked, "Waiting First refresh") {
		t.Errorf("how far it has come: %s", ticked)
	}
}

// programChecks lets the API that the page shows check a token of the other client. One that asks is told of a revocation.
func programChecks(t *testing.T, h *webtest.House, console *webtest.Browser, shown, of *webtest.Client, asks bool) {
	user := h.User(t)
	token := h.Tokens(t, of, user, url.Values{"scope": {"orders:read"}}).Str("access_token")
	p := program(t, console, shown, "fastapi")
	address := webtest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	p.code = strings.Replace(p.code, "port=8000", "port="+port, 1)
	start(t, p.command(t, shown.Secret), address)
	call := func(token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode == http.StatusOK && (!strings.Contains(string(body), user.ID) || !strings.Contains(string(body), "orders:read")) {
			t.Errorf("%s", body)
		}
		return answer.StatusCode
	}
	if status := call(token); status != http.StatusOK {
		t.Errorf("it refuses a token: %d", status)
	}
	if status := call(token[:len(token)-4] + "AAAA"); status != http.StatusUnauthorized {
		t.Errorf("it takes garbage: %d", status)
	}
	h.Post(t, oauth.PathRevoke, of, url.Values{"token": {token}})
	if status := call(token); asks && status != http.StatusUnauthorized {
		t.Errorf("it takes a token that was revoked: %d", status)
	}
}

// curlSignsIn does what the script asks its person for.
func curlSignsIn(t *testing.T, h *webtest.House, client *webtest.Client, user *identity.User, cmd *exec.Cmd) {
	typed, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := ""
	for buffer := make([]byte, 4096); !strings.Contains(seen, "S256\n"); {
		n, err := printed.Read(buffer)
		if seen += string(buffer[:n]); err != nil {
			t.Fatalf("%v %s", err, seen)
		}
	}
	at := strings.Index(seen, h.Issuer+oauth.PathAuthorize)
	if at < 0 {
		t.Fatal(seen)
	}
	them := h.Browser(t)
	them.Get(strings.TrimSpace(strings.SplitN(seen[at:], "\n", 2)[0]))
	them.SignIn(user)
	back := them.Allow().Location
	if back == nil {
		t.Fatalf("not sent back: %s", them.Page.Text())
	}
	if _, err := io.WriteString(typed, back.Query().Get("code")+"\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(printed)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var tokens map[string]any
	if err := json.Unmarshal(rest[bytes.IndexByte(rest, '{'):], &tokens); err != nil || tokens["refresh_token"] == nil {
		t.Fatalf("%v %s", err, rest)
	}
}
