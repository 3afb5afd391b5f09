package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A shown is a demonstration under way, and what it told on the terminal.
type shown struct {
	*node
	temp     string            // where its folder is
	password map[string]string // by username
	curl     []string          // its command lines
}

// show starts a demonstration.
func show(t *testing.T, temp string) *shown {
	t.Helper()
	n := machine{env: map[string]string{"TMPDIR": temp, "HOME": temp}}.serve(t, "--demo")
	s := &shown{node: n, temp: temp, password: map[string]string{}}
	n.mustBeReady(t)
	s.url = strings.Replace(n.url, "127.0.0.1", "localhost", 1) // the issuer
	login := regexp.MustCompile(`^  ([a-z]+) +([a-z]{4}(?:-[a-z]{4}){3}) +(admin|operator|auditor|user) `)
	for len(s.curl) < 2 {
		line := n.line(t)
		if found := login.FindStringSubmatch(line); found != nil {
			s.password[found[1]] = found[2]
		}
		if strings.HasPrefix(line, "  curl ") {
			s.curl = append(s.curl, strings.TrimSpace(line))
		}
	}
	if len(s.password) != 4 {
		t.Fatalf("it told the passwords %v", s.password)
	}
	return s
}

// database is the demonstration's, read beside it.
func (s *shown) database(t *testing.T) *sql.DB {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.temp, demoFolder+"*", "gatehouse.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("databases %v, %v", files, err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0]+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func counted(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// visited opens a page and returns what it says.
func visited(t *testing.T, browser *http.Client, address string) string {
	t.Helper()
	response, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v\n%s", address, response.StatusCode, err, body)
	}
	return string(body)
}

// signIn fills in the page that signs in.
func (s *shown) signIn(t *testing.T, username string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	form := url.Values{"username": {username}, "password": {s.password[username]}}
	found := regexp.MustCompile(`name="csrf_token" value="([^"]*)"`).FindStringSubmatch(visited(t, browser, s.url+"/login"))
	if found == nil {
		t.Fatal("no form to sign in with")
	}
	form.Set("csrf_token", found[1])
	response, err := browser.PostForm(s.url+"/login", form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.URL.Path == "/login" {
		t.Fatalf("%s is not signed in: %d at %s", username, response.StatusCode, response.Request.URL)
	}
	return browser
}

// figure is a number of the page, by the id of its place.
func figure(page, id string) string {
	_, text, _ := strings.Cut(page, `id="`+id+`">`)
	text, _, _ = strings.Cut(text, "<")
	return strings.ReplaceAll(strings.TrimSpace(text), ",", "")
}

// carryOut runs a command line as it stands on the terminal, by curl where that is installed and else as curl would.
func carryOut(t *testing.T, line string) map[string]any {
	t.Helper()
	if _, err := exec.LookPath("curl"); err == nil {
		out, err := exec.Command("sh", "-c", line).Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return read[map[string]any](t, string(out))
	}
	words := strings.Fields(strings.ReplaceAll(line, "'", ""))
	form, user := url.Values{}, ""
	for i, word := range words {
		switch word {
		case "-u":
			user = words[i+1]
		case "-d":
			name, value, _ := strings.Cut(words[i+1], "=")
			form.Set(name, value)
		}
	}
	request, err := http.NewRequest(http.MethodPost, words[len(words)-1], strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id, value, found := strings.Cut(user, ":"); found {
		request.SetBasicAuth(id, value)
	}
	return answered(t, request)
}

func TestDemo_isAHouseToLookAround(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	s := show(t, temp)
	t.Logf("ready after %s", s.readyIn.Round(time.Millisecond))
	db := s.database(t)

	// What was told on the terminal opens what it says.
	for _, line := range s.curl {
		if a := carryOut(t, line); a["access_token"] == nil || a["token_type"] != "Bearer" {
			t.Errorf("%s\nanswers %v", line, a)
		}
	}
	admin := s.signIn(t, "mara")
	for _, username := range []string{"jonas", "priya"} {
		if page := visited(t, s.signIn(t, username), s.url+"/console"); !strings.Contains(page, "tile-tokens") {
			t.Errorf("%s does not see the overview", username)
		}
	}
	if response, err := s.signIn(t, "somchai").Get(s.url + "/console"); err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("somchai in the console: %v, %v", response, err)
	} else {
		response.Body.Close()
	}

	// What the overview counts is what is written down; the newest of it comes within seconds.
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -29).Format("2006-01-02 15:04:05")
	events := func(actions ...string) int {
		return counted(t, db, "SELECT COUNT(*) FROM audit_events WHERE at >= ? AND action IN ('"+strings.Join(actions, "', '")+"')", begin)
	}
	started := time.Now()
	for {
		page := visited(t, admin, s.url+"/console?range=30d")
		own := counted(t, db, "SELECT SUM(count) FROM rollups WHERE client_id = '' AND action = 'token.issued' AND hour >= ?", begin)
		tokens := events("code.redeemed", "token.refreshed", "token.refresh_retried", "password.traded", "token.issued_implicitly")
		refusals := events("authorize.refused", "token.refused", "signin.refused", "userinfo.refused", "access.denied")
		want := map[string]int{"tile-sign-ins": events("signin.succeeded"), "tile-tokens": tokens + own, "tile-refusals": refusals}
		wrong := ""
		for id, n := range want {
			if got := figure(page, id); got != fmt.Sprint(n) || n < 50 {
				wrong += fmt.Sprintf(" %s is %q, not %d;", id, got, n)
			}
		}
		if wrong == "" {
			for _, says := range []string{"1 refresh token was used twice", "Metrics exporter has no secret left", "MCP inspector", "พอร์ทัลคู่ค้า", "The password grant is on", "redirect_uri not registered"} {
				if !strings.Contains(page+visited(t, admin, s.url+"/console/clients"), says) {
					t.Errorf("it does not say %q", says)
				}
			}
			break
		}
		if time.Since(started) > soon {
			t.Fatal(wrong)
		}
		time.Sleep(200 * time.Millisecond)
	}
	for query, least := range map[string]int{
		"SELECT COUNT(*) FROM users": 60, "SELECT COUNT(*) FROM clients": 13, "SELECT COUNT(*) FROM apis": 2, "SELECT COUNT(*) FROM consents": 300,
		"SELECT COUNT(*) FROM sessions": 200, "SELECT COUNT(*) FROM families WHERE generation >= 3": 50, "SELECT COUNT(*) FROM signing_keys": 4,
		"SELECT COUNT(*) FROM families WHERE end_reason = 'refresh_token_replayed'":                                                              1,
		"SELECT COUNT(DISTINCT detail) FROM rollups WHERE detail <> ''":                                                                          15,
		"SELECT COUNT(*) FROM audit_events WHERE action = 'client.updated' AND changes <> ''":                                                    5,
		"SELECT COUNT(*) FROM families f WHERE generation + 1 = (SELECT COUNT(*) FROM refresh_tokens WHERE family_id = f.id) AND generation > 0": 50,
		"SELECT COUNT(*) FROM client_uses": 9,
		"SELECT COUNT(*) FROM user_groups g WHERE NOT EXISTS (SELECT 1 FROM memberships WHERE group_id = g.id)": 1,
		"SELECT COUNT(*) FROM users WHERE LENGTH(name) > 80":                                                    1, "SELECT COUNT(*) FROM clients WHERE LENGTH(client_name) > 90": 1,
	} {
		if n := counted(t, db, query); n < least {
			t.Errorf("%s: %d, not %d", query, n, least)
		}
	}
	if n := counted(t, db, "SELECT COUNT(*) FROM audit_events WHERE at > ?", time.Now().UTC().Add(time.Second).Format("2006-01-02 15:04:05.000")); n > 0 {
		t.Errorf("%d events are yet to come", n)
	}

	// Another one beside it is another one.
	other := show(t, t.TempDir())
	if other.password["mara"] == s.password["mara"] || other.curl[0] == s.curl[0] {
		t.Error("two demonstrations have the same secrets")
	}
	visited(t, other.signIn(t, "mara"), other.url+"/console")
	other.mustEnd(t)

	_ = db.Close()
	s.mustEnd(t)
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	for _, told := range []string{s.password["mara"], "gh_cs_"} {
		if strings.Contains(s.log.String(), told) {
			t.Errorf("the log holds %q", told)
		}
	}
}

// One that was killed is cleared away by the next; one that lives, and what is somebody else's, is not.
func TestDemo_clearsAwayWhatWasKilled(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	folders := func() []string {
		found, err := filepath.Glob(filepath.Join(temp, demoFolder+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	killed, alive := show(t, temp), show(t, temp)
	if len(folders()) != 2 {
		t.Fatalf("there are %v", folders())
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(temp, demoFolder+"link")); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(temp, demoFolder+"open") // not as we make them
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(temp, demoFolder+"notes", "mine") // of the same owner, and no demonstration
	if err := os.MkdirAll(notes, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(temp, demoFolder+"empty"), 0o700); err != nil { // killed before anything was in it
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, folder := range folders() {
		if err := os.Chtimes(folder, long, long); err != nil {
			t.Fatal(err)
		}
	}
	next := show(t, temp)
	if found := folders(); len(found) != 5 { // alive, next, the link, the open one and the notes
		t.Errorf("there are %v", found)
	}
	for _, kept := range []string{elsewhere, notes} {
		if _, err := os.Stat(kept); err != nil {
			t.Error(err)
		}
	}
	visited(t, alive.signIn(t, "mara"), alive.url+"/console")
	next.mustEnd(t)
	alive.mustEnd(t)
	if found := folders(); len(found) != 3 {
		t.Errorf("there are %v", found)
	}
}

// Passwords on a screen are for one machine, and what is made up stands beside nothing that is not.
func TestDemo_isForThisMachineAlone(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, c := range []struct {
		name, says string
		env        map[string]string
		args       []string
	}{
		{"every address", "GATEHOUSE_LISTEN", nil, []string{"--listen", ":8080"}},
		{"another address", "this machine alone", nil, []string{"--listen", "192.0.2.7:8080"}},
		{"by the environment", "this machine alone", map[string]string{"GATEHOUSE_LISTEN": "0.0.0.0:8080"}, nil},
		{"metrics for everybody", "GATEHOUSE_METRICS_LISTEN", nil, []string{"--metrics-listen", ":9090"}},
		{"no address", "GATEHOUSE_LISTEN", nil, []string{"--listen", "8080"}},
		{"any port", "a port that is known", nil, []string{"--listen", "127.0.0.1:0"}},
		{"another issuer", "GATEHOUSE_ISSUER", nil, []string{"--issuer", "https://id.example.com"}},
		{"a database", "makes a database of its own", nil, []string{"--database-url", "sqlite:///tmp/x.db"}},
		{"a database by the environment", "makes a database of its own", map[string]string{"GATEHOUSE_DATABASE_URL": "postgres://x@y/z"}, nil},
		{"a key", "makes a master key of its own", map[string]string{"GATEHOUSE_MASTER_KEY": "x"}, nil},
		{"a file", "has settings of its own", map[string]string{"GATEHOUSE_CONFIG": "/etc/gatehouse.yaml"}, nil},
	} {
		m := machine{env: c.env}
		a := m.run("", append([]string{"serve", "--demo"}, c.args...)...)
		if a.exit != exitUsage || !strings.Contains(a.err, c.says) || a.out != "" {
			t.Errorf("%s: exit %d\n%s%s", c.name, a.exit, a.out, a.err)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
