package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/store/storetest"
)

const goodPassword = "seven herons over the river"

func TestUser_createdWithAPassword(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		// One trailing newline is no part of a password; spaces are.
		for name, typed := range map[string]string{"ada": goodPassword, "bea": goodPassword + "\n", "cora": goodPassword + "\r\n"} {
			v := read[userView](t, m.feed(t, typed, "user create --json --password-stdin --role operator --username "+name+" --email "+name+"@example.com"))
			if v.Username != name || v.Role != identity.RoleOperator || v.Status != "active" || !v.HasPassword || v.Email != name+"@example.com" {
				t.Errorf("got %+v", v)
			}
			m.mustRecord(t, audit.UserCreated, v.ID)
			mustSignIn(t, m, name, goodPassword)
		}
		m.feed(t, goodPassword+"\n\n", "user create --username dora --password-stdin")
		mustSignIn(t, m, "dora", goodPassword+"\n")
	})
}

func mustSignIn(t *testing.T, m machine, username, password string) {
	t.Helper()
	u, err := storetest.Open(t, m.options).UserByUsername(t.Context(), username)
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := secret.NewHasher(secret.HasherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer hasher.Close()
	if ok, _, err := hasher.Check(t.Context(), u.PasswordHash, password, true); err != nil || !ok {
		t.Errorf("%s does not sign in: %v", username, err)
	}
}

func TestUser_createdWithAHash(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		const bcrypt = "$2b$04$ZgE0BOcCi6OJRv5DHbIdf.2TJpYqgAHVMxaYDXJ9mSDPD4gMbEsEG"
		m.feed(t, bcrypt+"\n", "user create --username ada --password-hash-stdin")
		u, err := storetest.Open(t, m.options).UserByUsername(t.Context(), "ada")
		if err != nil || u.PasswordHash != bcrypt {
			t.Errorf("kept %q, %v", u.PasswordHash, err)
		}
		for _, hash := range []string{"", "hunter2hunter2", "$2b$15" + bcrypt[6:], "$1$abc$def"} {
			a := m.run(hash, "user", "create", "--username", "bea", "--password-hash-stdin")
			if a.exit != exitFailed || !strings.Contains(a.err, "password_hash: ") || strings.Contains(a.err, "hunter2") {
				t.Errorf("%q: exit %d, %s", hash, a.exit, a.err)
			}
		}
	})
}

func TestUser_wrongOnesAreRefused(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "user create --username ada --email ada@example.com")
		m.refuses(t, exitFailed, "username is already taken", "user create --username ADA")
		m.refuses(t, exitFailed, "email is already taken", "user create --username bea --email Ada@example.com")
		m.refuses(t, exitFailed, "username: ", "user create --username ada@example.com")
		m.refuses(t, exitFailed, "email: ", "user create --username bea --email nobody")
		for _, password := range []string{"", "short", "beabeabeabeabea", "passwordpassword", strings.Repeat("x", maxSecret+1)} {
			a := m.run(password, "user", "create", "--username", "bea", "--password-stdin")
			if a.exit == exitOK || password != "" && strings.Contains(a.err, password) {
				t.Errorf("%.20q: exit %d, %.200s", password, a.exit, a.err)
			}
		}
		if got := read[[]userView](t, m.do(t, "user list --json")); len(got) != 1 {
			t.Errorf("there are %+v", got)
		}
		f := read[failure](t, m.run("", "user", "create", "--json", "--username", "", "--email", "x").err)
		if f.Code != "invalid" || f.Fields["username"] == "" || f.Fields["email"] == "" {
			t.Errorf("as JSON: %+v", f)
		}
	})
}

func TestUser_claimsAreTheStandardOnes(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		claims := file(t, `{"given_name": "Ada", "locale": "th", "email_verified": true, "address": {"country": "Thailand"}}`)
		m.do(t, "user create --username ada --email ada@example.com --claims "+claims)
		u, err := storetest.Open(t, m.options).UserByUsername(t.Context(), "ada")
		if err != nil || !u.EmailVerified || u.Profile.GivenName != "Ada" || u.Profile.Locale != "th" || u.Profile.Address.Country != "Thailand" {
			t.Errorf("kept %+v, %v", u, err)
		}
		for _, text := range []string{`{"role": "admin"}`, `{"given_name": 1}`, `[]`, `{} {}`, ``, `{"email_verified": true}`} {
			m.refuses(t, exitFailed, "claims: ", "user create --username bea --claims "+file(t, text))
		}
		m.refuses(t, exitFailed, "no such file", "user create --username bea --claims /does/not/exist")
	})
}

func TestUser_list(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "user create --username ada --name Ada --role admin")
		m.do(t, "user create --username bea --name Bea")
		out := m.do(t, "user list")
		lines := strings.Split(out, "\n")
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "USERNAME ") || !strings.HasPrefix(lines[1], "ada ") || !strings.HasPrefix(lines[2], "bea ") {
			t.Errorf("printed\n%s", out)
		}
		if got := read[[]userView](t, m.do(t, "user list --query BE --json")); len(got) != 1 || got[0].Username != "bea" {
			t.Errorf("found %+v", got)
		}
	})
}

// Security rule 27: the last administrator cannot be removed.
func TestUser_disabledAndEnabled(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		ada := read[userView](t, m.do(t, "user create --username ada --role admin --json"))
		m.do(t, "user create --username bea --role admin")
		if out := m.do(t, "user disable --username ada"); !strings.HasPrefix(out, "Disabled ada") {
			t.Errorf("printed %s", out)
		}
		m.mustRecord(t, audit.UserDisabled, ada.ID)
		if out := m.do(t, "user disable ada"); out != "ada was disabled already.\n" {
			t.Errorf("printed %s", out)
		}
		m.refuses(t, exitFailed, "last administrator", "user disable bea")
		if v := read[userView](t, m.do(t, "user enable --username Ada --json")); v.Status != "active" {
			t.Errorf("got %+v", v)
		}
		m.mustRecord(t, audit.UserEnabled, ada.ID)
		m.do(t, "user disable bea")
		m.refuses(t, exitFailed, `user "nobody" not found`, "user disable nobody")
		m.refuses(t, exitFailed, `user "nobody" not found`, "user enable --username nobody")
	})
}

func TestUser_endedButNotShutOut(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		client := create(t, m, metadata).ClientID
		signIn(t, m, client) // ada
		signIn(t, m, client)
		bea := read[userView](t, m.do(t, "user create --username bea --json"))
		m.do(t, "user reset-password bea")
		if out := m.do(t, "user end ada"); out != "Ended 2 sessions and 2 families of 1 person, with unused codes and links.\n" {
			t.Errorf("printed %s", out)
		}
		if got := read[userEnding](t, m.do(t, "user end --username ada --json")); got != (userEnding{}) {
			t.Errorf("a second time: %+v", got)
		}
		m.mustHaveFamilies(t, 0, "")
		signIn(t, m, client)
		if got := read[userEnding](t, m.do(t, "user end --everybody --json")); got != (userEnding{People: 2, Sessions: 1, Families: 1, Links: 1}) {
			t.Errorf("everybody: %+v", got)
		}
		m.mustRecord(t, audit.UserEnded, bea.ID)
		m.mustHaveFamilies(t, 0, "")
		if users := read[[]userView](t, m.do(t, "user list --json")); len(users) != 2 || users[0].Status != "active" || users[1].Status != "active" {
			t.Errorf("there are %+v", users)
		}
		m.refuses(t, exitUsage, "name the person, or --everybody", "user end")
		m.refuses(t, exitUsage, "not two", "user end ada --everybody")
		m.refuses(t, exitFailed, `user "nobody" not found`, "user end nobody")
	})
}

func TestUser_resetPasswordMakesAOneTimeLink(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m = m.with("GATEHOUSE_ISSUER", "https://login.example.com")
		ada := read[userView](t, m.do(t, "user create --username ada --role admin --json"))
		type answer struct {
			URL       string    `json:"url"`
			ExpiresAt time.Time `json:"expires_at"`
		}
		got := read[answer](t, m.do(t, "user reset-password --username ada --json"))
		m.mustRecord(t, audit.UserResetLinkMade, ada.ID)
		token, found := strings.CutPrefix(got.URL, "https://login.example.com/reset?token=")
		if !found || len(token) < 43 || url.QueryEscape(token) != token {
			t.Fatalf("link %s", got.URL)
		}
		s := storetest.Open(t, m.options)
		link, err := s.ResetLink(t.Context(), secret.Hash(token))
		if err != nil || link.UserID != ada.ID || !link.ExpiresAt.Equal(got.ExpiresAt) || link.ExpiresAt.Sub(link.CreatedAt) != 24*time.Hour {
			t.Errorf("kept %+v, %v", link, err)
		}
		if out := m.do(t, "user reset-password ada --issuer http://localhost:8080"); !strings.HasPrefix(out, "http://localhost:8080/reset?token=") {
			t.Errorf("printed %s", out)
		}
		if _, err := s.ResetLink(t.Context(), secret.Hash(token)); err == nil {
			t.Error("the earlier link still works")
		}
		m.do(t, "user create --username bea --role admin")
		m.do(t, "user disable ada")
		m.refuses(t, exitFailed, "ada is disabled", "user reset-password ada")
		m.refuses(t, exitFailed, "not found", "user reset-password nobody")
	})
}

func TestUser_deletedForGood(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		m.do(t, "user create --username ada --role admin")
		m.do(t, "user create --username bea --email bea@example.com")
		bea := read[[]userView](t, m.do(t, "user list --query bea@ --json"))[0]
		if found := read[[]userView](t, m.do(t, "user list --query ea --json")); len(found) != 0 {
			t.Errorf("the middle of a name finds %+v", found)
		}
		if out := m.do(t, "user delete bea"); !strings.Contains(out, "Nobody is given the username again") {
			t.Errorf("printed %s", out)
		}
		m.mustRecord(t, audit.UserDeleted, bea.ID)
		m.refuses(t, exitFailed, "not found", "user delete bea")
		m.refuses(t, exitFailed, "username is already taken", "user create --username BEA")
		m.refuses(t, exitFailed, "last administrator", "user delete ada")
		if left := read[[]userView](t, m.do(t, "user list --json")); len(left) != 1 || left[0].Username != "ada" || left[0].LastSignInAt != nil {
			t.Errorf("left: %+v", left)
		}
	})
}

// Security rule 24: the first user ends the set-up.
func TestUser_theFirstOneEndsTheSetUp(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		s := storetest.Open(t, m.options)
		settings, err := Config{}.Validate(func(name string) string { return m.env[name] })
		if err != nil {
			t.Fatal(err)
		}
		_, first, err := prepare(t.Context(), s, settings)
		if err != nil || first == "" {
			t.Fatalf("no set-up link: %v", err)
		}
		if _, again, err := prepare(t.Context(), s, settings); err != nil || again != first {
			t.Errorf("a second start tells %s, not %s: %v", again, first, err)
		}
		m.do(t, "user create --username ada --role admin")
		if _, hash, err := s.SetupSeed(t.Context()); err != nil || hash != "" {
			t.Errorf("the link is still there: %q, %v", hash, err)
		}
		if _, third, err := prepare(t.Context(), s, settings); err != nil || third != "" {
			t.Errorf("a later start tells %q, %v", third, err)
		}
	})
}

func TestAnnounce_theSetUpLinkGoesIntoAPrivateFile(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &process{stdout: &out}
	s := Settings{Issuer: "https://login.example.com", Database: Database{Driver: "sqlite", Path: t.TempDir() + "/house.db"}}
	path, err := s.setupFile()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.announce(s, "https://login.example.com/setup?token=abc"); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(out.String(), "abc") || !strings.Contains(out.String(), path) || !strings.HasPrefix(out.String(), "Gatehouse is ready at https://login.example.com\n") {
		t.Errorf("printed %s", &out)
	}
	text, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(text) != "https://login.example.com/setup?token=abc\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v, %v, %v", text, info, err, statErr)
	}
	if err := p.announce(s, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is still there although there are users")
	}
}

// What is named changes, in one transaction, and the rest stays.
func TestUser_update(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		st, at := storetest.Open(t, m.options), time.Now().UTC()
		m.do(t, "attribute create --key level --label Level --type number")
		m.do(t, "attribute create --key dept --label Department")
		for _, name := range []string{"Staff", "Board"} {
			if err := st.CreateGroup(t.Context(), identity.Group{ID: strings.ToLower(name), Name: name}, at, audit.Event{At: at, Action: audit.GroupCreated}); err != nil {
				t.Fatal(err)
			}
		}
		file := func(text string) string {
			path := filepath.Join(t.TempDir(), "claims.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		claims := file(`{"given_name": "Ada", "locale": "id", "email_verified": true, "address": {"locality": "Bandung", "country": "ID"}}`)
		m.do(t, "user create --username ada --email ada@example.com --role admin --attr level=7 --attr dept=Sales --claims "+claims)
		stored := func() *identity.User {
			t.Helper()
			u, err := st.UserByUsername(t.Context(), "ada")
			if err != nil {
				t.Fatal(err)
			}
			return u
		}

		more := file(`{"locale": "th", "given_name": "", "address": {"locality": "Chiang Mai"}}`)
		said := m.do(t, "user update ada --name Ada --attr level=8 --attr dept= --join staff --claims "+more)
		if said != "Updated ada: attr:dept, attr:level, given_name, locale, locality, name, into Staff.\n" {
			t.Errorf("%q", said)
		}
		u := stored()
		if u.Name != "Ada" || !u.EmailVerified || u.Profile.Locale != "th" || u.Profile.GivenName != "" || u.Profile.Address.Locality != "Chiang Mai" || u.Profile.Address.Country != "ID" ||
			string(u.Attributes["level"]) != "8" || u.Attributes["dept"] != nil || u.Role != identity.RoleAdmin {
			t.Errorf("%+v", u)
		}
		newest := m.events(t)
		if newest[0].Action != audit.GroupMemberAdded || newest[0].Target.ID != "staff" || newest[0].UserID != u.ID ||
			newest[1].Action != audit.UserUpdated || newest[1].Changes["attr:level"] != (audit.Change{Before: "7", After: "8"}) || len(newest[1].Changes) != 6 || newest[1].Actor.Kind != audit.KindCLI {
			t.Errorf("%+v", newest[:2])
		}
		m.do(t, "user update --username ada --email a@example.com --join Board --leave Staff")
		groups, err := st.GroupsOf(t.Context(), u.ID)
		if u := stored(); err != nil || len(groups) != 1 || groups[0].Name != "Board" || u.Email != "a@example.com" || u.EmailVerified {
			t.Errorf("%+v, %v, %v", u, groups, err)
		}
		if out := m.do(t, "user update ada --join Board --leave Staff --name Ada"); !strings.Contains(out, "Nothing changes") {
			t.Errorf("%s", out)
		}
		// What cannot be leaves everything as it is.
		before := len(m.events(t))
		m.refuses(t, exitFailed, `group "Nobody" not found`, "user update ada --name Other --join Nobody")
		m.refuses(t, exitFailed, "role", "user update ada --role user") // the last administrator
		m.refuses(t, exitFailed, "attr:none", "user update ada --attr none=1")
		m.refuses(t, exitFailed, "attr:level", "user update ada --attr level=high")
		m.refuses(t, exitFailed, "email", "user update ada --email nowhere")
		m.refuses(t, exitFailed, "email", "user update ada --email= --claims "+file(`{"email_verified": true}`))
		m.refuses(t, exitUsage, "say what to change", "user update ada")
		m.refuses(t, exitFailed, `user "bob" not found`, "user update bob --name Bob")
		if u := stored(); u.Name != "Ada" || u.Role != identity.RoleAdmin || len(m.events(t)) != before {
			t.Errorf("%+v", u)
		}
		m.do(t, "user create --username boss --role admin")
		if v := read[userView](t, m.do(t, "user update ada --role auditor --json")); v.Role != identity.RoleAuditor {
			t.Errorf("%+v", v)
		}
		m.mustRecord(t, audit.UserUpdated, u.ID)
	})
}
