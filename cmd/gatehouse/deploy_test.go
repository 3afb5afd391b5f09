package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"gatehouse/internal/audit"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// What deploy/ and the documentation name is a setting.
func TestDeploy_namesSettingsThatThereAre(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for i := range reflect.TypeFor[Config]().NumField() {
		known[reflect.TypeFor[Config]().Field(i).Tag.Get("variable")] = true
	}
	files, err := filepath.Glob("../../deploy/*")
	if err != nil || len(files) < 6 {
		t.Fatalf("%q, %v", files, err)
	}
	documented := map[string]bool{}
	for _, path := range append(files, "../../docs/operate.md", "../../docs/configuration.md", "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`GATEHOUSE_[A-Z_]*[A-Z]`).FindAllString(string(text), -1) {
			if !known[name] && !strings.HasPrefix(name, "GATEHOUSE_TEST_") {
				t.Errorf("%s: there is no %s", path, name)
			}
			if strings.HasSuffix(path, "configuration.md") {
				documented[name] = true
			}
		}
	}
	for name := range known {
		if !documented[name] {
			t.Errorf("docs/configuration.md does not tell of %s", name)
		}
	}
}

func TestDeploy_composeIsWhole(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Secrets []string `yaml:"secrets"`
			Volumes []string `yaml:"volumes"`
		} `yaml:"services"`
		Secrets map[string]any `yaml:"secrets"`
		Volumes map[string]any `yaml:"volumes"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 2 {
		t.Errorf("services %v", file.Services)
	}
	for name, service := range file.Services {
		for _, secret := range service.Secrets {
			if _, ok := file.Secrets[secret]; !ok {
				t.Errorf("%s: there is no secret %s", name, secret)
			}
		}
		for _, volume := range service.Volumes {
			if source, _, _ := strings.Cut(volume, ":"); !strings.HasPrefix(source, ".") {
				if _, ok := file.Volumes[source]; !ok {
					t.Errorf("%s: there is no volume %s", name, source)
				}
			}
		}
	}
}

func TestDeploy_theUnitIsOne(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("it needs systemd-analyze")
	}
	text, err := os.ReadFile("../../deploy/gatehouse.service")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gatehouse.service")
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("/usr/local/bin/gatehouse"), []byte("/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// A front is a proxy with our snippet.
type front struct {
	program string
	file    string
	// args start it with the snippet, in the folder.
	args func(t *testing.T, folder, snippet string) []string
}

var fronts = map[string]front{
	"nginx": {"nginx", "../../deploy/nginx.conf", func(t *testing.T, folder, snippet string) []string {
		path := filepath.Join(folder, "nginx.conf")
		conf := "daemon off; pid nginx.pid; error_log stderr notice; events {} http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n" + snippet + "}\n"
		if os.Geteuid() == 0 {
			conf = "user root; " + conf // the folder is ours
		}
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"-p", folder, "-c", path, "-e", "stderr"}
	}},
	"Caddy": {"caddy", "../../deploy/Caddyfile", func(t *testing.T, folder, snippet string) []string {
		path := filepath.Join(folder, "Caddyfile")
		if err := os.WriteFile(path, []byte("{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+snippet), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"run", "--adapter", "caddyfile", "--config", path}
	}},
}

// The snippets in deploy/ work as they are, but for names, ports and certificates: people and applications are served through the
// proxy as without it, and it is known whom each request is from.
func TestDeploy_proxiesServeAsIfTheyWereNotThere(t *testing.T) {
	t.Parallel()
	for name, f := range fronts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(f.program)
			if err != nil {
				t.Skipf("it needs %s", f.program)
			}
			const host, issuer = "login.example.com", "https://login.example.com"
			secure, plain, address, folder := webtest.FreeAddress(t), webtest.FreeAddress(t), webtest.FreeAddress(t), t.TempDir()
			certText, keyText := makeCertificate(t, host)
			cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
			replace(t, cert, certText)
			replace(t, key, keyText)
			text, err := os.ReadFile(f.file)
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(secure)
			if err != nil {
				t.Fatal(err)
			}
			snippet := strings.NewReplacer(
				"127.0.0.1:8080", address, "listen 80;", "listen "+plain+";", "listen 443 ssl;", "listen "+secure+" ssl;",
				"/etc/ssl/login.example.com/fullchain.pem", cert, "/etc/ssl/login.example.com/privkey.pem", key,
				"login.example.com {\n", "https://login.example.com:"+port+" {\n\ttls "+cert+" "+key+"\n",
			).Replace(string(text))
			var log logBuffer
			proxy := exec.Command(program, f.args(t, folder, snippet)...)
			proxy.Stdout, proxy.Stderr, proxy.Env = &log, &log, []string{"HOME=" + folder}
			if err := proxy.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = proxy.Process.Signal(os.Interrupt)
				_ = proxy.Wait()
			})
			m := machineOn(storetest.SQLite(t)).with("GATEHOUSE_ISSUER", issuer).with("GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1,::1")
			n := m.serve(t, "--listen", address)
			n.line(t)
			eventually(t, "the proxy listens", &log, func() bool { return serialAt(secure, host, &tls.Config{}) != "" })

			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(certText)
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{
				Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
				Transport: &http.Transport{
					TLSClientConfig: &tls.Config{RootCAs: pool},
					DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
						return (&net.Dialer{}).DialContext(ctx, network, secure)
					},
				},
			}
			do := func(method, path, form string, with func(*http.Request)) (status int, body string) {
				t.Helper()
				r, err := http.NewRequest(method, issuer+path, strings.NewReader(form))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("X-Forwarded-For", "203.0.113.9") // what a visitor claims
				if form != "" {
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				if with != nil {
					with(r)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				text, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response.StatusCode, string(text)
			}

			if status, body := do(http.MethodGet, "/.well-known/openid-configuration", "", nil); status != http.StatusOK || !strings.Contains(body, `"issuer":"`+issuer+`"`) {
				t.Errorf("discovery: %d %s", status, body)
			}
			if status, _ := do(http.MethodGet, "/metrics", "", nil); status != http.StatusNotFound {
				t.Errorf("/metrics: %d", status)
			}
			app := create(t, m, `{"grant_types": ["client_credentials"]}`)
			if status, body := do(http.MethodPost, "/oauth/token", "grant_type=client_credentials", func(r *http.Request) { r.SetBasicAuth(app.ClientID, app.ClientSecret) }); status != http.StatusOK {
				t.Errorf("token: %d %s", status, body)
			}
			if status, body := do(http.MethodPost, "/oauth/token", "grant_type=client_credentials", func(r *http.Request) { r.SetBasicAuth(app.ClientID, "wrong") }); status != http.StatusUnauthorized {
				t.Errorf("a wrong secret: %d %s", status, body)
			}
			if status, _ := do(http.MethodGet, "/oauth/authorize?client_id="+app.ClientID+"&state="+strings.Repeat("x", 12<<10), "", nil); status != http.StatusBadRequest {
				t.Errorf("a long authorization request: %d", status)
			}
			if status, body := do(http.MethodGet, "/none", "", nil); status != http.StatusNotFound || !strings.Contains(body, "Not found") {
				t.Errorf("a page that there is not: %d", status)
			}

			m.feed(t, "a quiet river at noon", "user create --username sofia --email sofia@example.com --name Sofia --role user --password-stdin")
			_, page := do(http.MethodGet, "/login", "", nil)
			csrf := regexp.MustCompile(`name="csrf_token" value="([^"]+)"`).FindStringSubmatch(page)
			if csrf == nil {
				t.Fatalf("the sign-in page is %s", page)
			}
			form := url.Values{"csrf_token": {csrf[1]}, "username": {"sofia"}, "password": {"a quiet river at noon"}}
			status, body := do(http.MethodPost, "/login", form.Encode(), func(r *http.Request) { r.Header.Set("Origin", issuer) })
			if status != http.StatusSeeOther {
				t.Errorf("sign-in: %d %s", status, body)
			}
			if status, body := do(http.MethodGet, "/account", "", nil); status != http.StatusOK || !strings.Contains(body, "Sofia") {
				t.Errorf("account: %d", status)
			}
			n.mustEnd(t)
			refused := 0
			for _, e := range m.events(t) {
				if e.Action == audit.TokenRefused || e.Action == audit.SignInSucceeded {
					refused++
					if e.Caller.IP != "127.0.0.1" {
						t.Errorf("%s came from %s", e.Action, e.Caller.IP)
					}
				}
			}
			if refused != 2 {
				t.Errorf("%d events", refused)
			}
			if strings.Contains(n.log.String(), "203.0.113.9") {
				t.Error("what the visitor claimed was believed")
			}
		})
	}
}
