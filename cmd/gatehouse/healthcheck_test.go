package main

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// healthcheck runs the command as the server's settings have it.
func healthcheck(m machine, args ...string) (code int, out string) {
	var text bytes.Buffer
	code = Run(append([]string{"healthcheck"}, args...), strings.NewReader(""), &text, &text, func(name string) string { return m.env[name] })
	return code, text.String()
}

func TestHealthcheck_tellsWhetherTheServerCanServe(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, "localhost")
	for name, c := range map[string]func(t *testing.T, address string) map[string]string{
		"plain":      func(*testing.T, string) map[string]string { return nil },
		"everywhere": func(*testing.T, string) map[string]string { return nil },
		"TLS": func(_ *testing.T, address string) map[string]string {
			return map[string]string{"GATEHOUSE_TLS_CERT": cert, "GATEHOUSE_TLS_KEY": key, "GATEHOUSE_ISSUER": "https://localhost"}
		},
		"metrics apart": func(t *testing.T, _ string) map[string]string {
			return map[string]string{"GATEHOUSE_METRICS_LISTEN": webtest.FreeAddress(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := webtest.FreeAddress(t)
			if name == "everywhere" {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					t.Fatal(err)
				}
				address = ":" + port
			}
			m := machineOn(storetest.EmptySQLite(t)).with("GATEHOUSE_LISTEN", address)
			for variable, value := range c(t, address) {
				m = m.with(variable, value)
			}
			if code, out := healthcheck(m); code != exitFailed {
				t.Errorf("nobody listens: %d %s", code, out)
			}
			n := m.serve(t, "--listen", address)
			n.line(t)
			if code, out := healthcheck(m); code != exitOK || out != "ok\n" {
				t.Errorf("it listens: %d %q", code, out)
			}
			if code, out := healthcheck(m, "--json", "--listen", address); code != exitOK || !strings.Contains(out, `"ready"`) {
				t.Errorf("as JSON: %d %q", code, out)
			}
			n.mustEnd(t)
			if code, _ := healthcheck(m); code != exitFailed {
				t.Errorf("it has ended: %d", code)
			}
		})
	}
	if code, out := healthcheck(machine{env: map[string]string{"GATEHOUSE_LISTEN": "nowhere"}}); code != exitUsage && code != exitFailed || !strings.Contains(out, "GATEHOUSE_LISTEN") {
		t.Errorf("a wrong setting: %d %s", code, out)
	}
}

func TestReachable_asksThisMachine(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", "[::]:8080": "[::1]:8080", "10.0.0.7:8080": "10.0.0.7:8080", "login:80": "login:80",
	} {
		if got := reachable(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
