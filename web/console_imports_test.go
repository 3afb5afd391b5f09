package web_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

const importForm = userList + "/import"

// containsWords reports whether a text says the words; how many of what may stand in two cells, either first.
func containsWords(text, words string) bool {
	n, what, _ := strings.Cut(words, " ")
	return strings.Contains(text, words) || strings.Contains(text, what+" "+n)
}

// uploading is the request that sends a file as the form does.
func uploading(t *testing.T, h *webtest.House, token, file string, fields map[string]string) *http.Request {
	t.Helper()
	form := url.Values{"csrf_token": {token}}
	for name, value := range fields {
		form.Set(name, value)
	}
	return withFile(t, h, importForm, form, "people.csv", file)
}

// withFile is the request that sends a form with a file in its field file.
func withFile(t *testing.T, h *webtest.House, path string, form url.Values, name, file string) *http.Request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range form {
		for _, value := range values {
			must(t, w.WriteField(name, value))
		}
	}
	part, err := w.CreateFormFile("file", name)
	must(t, err)
	_, err = part.Write([]byte(file))
	must(t, err)
	must(t, w.Close())
	r := h.Request(t, http.MethodPost, path, body.String())
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

// upload sends a file and lets it be checked.
func upload(t *testing.T, h *webtest.House, b *webtest.Browser, file string, fields map[string]string) *webtest.Page {
	t.Helper()
	b.Get(importForm)
	p := b.Do(uploading(t, h, csrf(b), file, fields))
	if p.Status == http.StatusOK {
		h.DoJobs(t)
		return b.Get(p.URL.Path)
	}
	return p
}

func TestImport_addsPeopleWhoCanSignIn(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		h.Group(t, "Accounting")
		h.Group(t, "Zoo")
		there := h.User(t, called("There Already", "there", "there@example.test"))
		hash, err := bcrypt.GenerateFromPassword([]byte(webtest.Password), bcrypt.MinCost)
		must(t, err)
		file := "\ufeffusername,email,email_verified,name,groups,password_hash,disabled,country\r\n" +
			"ada,ada@example.test,true,Ada Lovelace,Accounting| zoo," + string(hash) + ",,NO\r\n" +
			"Bob,,,\"Bob, the second\",,,true,\r\n" +
			"there,other@example.test,,Renamed,,,,\r\n" +
			"no@sign,,,,,,,\r\n" +
			"carol,ada@example.test,,,,,,\r\n" +
			"dave,there@example.test,,,,,,\r\n" +
			"ada,,,,,,,\r\n" +
			"erin,,,,Nobody's,,,\r\n" +
			"frank,,maybe,,,,,\r\n" +
			"grace,,,,,$2b$31$abc,,\r\n" +
			"heidi,too,many\r\n"
		p := upload(t, h, b, file, map[string]string{"existing": "skip"})
		for _, words := range []string{
			"2 people would be added", "1 person is there, and skipped", "8 lines would be left out", "5 no@sign username", "6 carol email Line 2 has this address",
			"7 dave email Somebody else uses", "8 ada username Line 2 has", "9 erin groups There is no group “Nobody's”", "10 frank email_verified", "11 grace password_hash", "12 the line The line has 3 fields",
		} {
			if !containsWords(p.Text(), words) {
				t.Errorf("the dry run does not say %q: %s", words, p.Text())
			}
		}
		if _, err := h.Store.UserByUsername(t.Context(), "ada"); err == nil {
			t.Fatal("the dry run added somebody")
		}
		path := p.URL.Path
		b.Submit(path+"/start", nil)
		h.DoJobs(t)
		if p := b.Get(path); !containsWords(p.Text(), "2 people added") || !strings.Contains(p.Text(), "Done") {
			t.Errorf("done: %s", p.Text())
		}
		ada, err := h.Store.UserByUsername(t.Context(), "ada")
		must(t, err)
		if ada.Email != "ada@example.test" || !ada.EmailVerified || ada.Name != "Ada Lovelace" || ada.Profile.Address.Country != "NO" || ada.Role != identity.RoleUser {
			t.Errorf("ada is %+v", ada)
		}
		if groups, err := h.Store.GroupsOf(t.Context(), ada.ID); err != nil || len(groups) != 2 {
			t.Errorf("ada is in %v %v", groups, err)
		}
		if p := h.Browser(t).SignIn(ada); p.Status != http.StatusOK || strings.HasPrefix(p.URL.Path, "/login") {
			t.Errorf("ada cannot sign in: %s %d", p.URL, p.Status)
		}
		bob, err := h.Store.UserByUsername(t.Context(), "bob")
		if must(t, err); bob.Enabled() || bob.Name != "Bob, the second" {
			t.Errorf("bob is %+v", bob)
		}
		if same, err := h.Store.User(t.Context(), there.ID); err != nil || same.Name != there.Name || same.Email != there.Email {
			t.Errorf("who was there is %+v %v", same, err)
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: ada.ID, Action: audit.UserCreated})
		if must(t, err); len(events) != 1 || events[0].Actor.ID != boss.ID || events[0].Changes["import"].After == "" {
			t.Errorf("written down as %+v", events)
		}
		// What was refused comes back as a file, without passwords.
		p = b.Get(path + "/refused")
		lines, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
		if must(t, err); len(lines) != 9 || lines[1][0] != "5" || lines[1][1] != "username" || strings.Contains(p.Body, "$2b$31$") {
			t.Errorf("the file of what was refused: %q", lines)
		}
		// Nothing of it starts twice.
		if p := b.Post(path+"/start", url.Values{"csrf_token": {csrf(b)}}); !strings.Contains(p.Text(), "Nothing to start") {
			t.Errorf("started again: %s", p.Text())
		}
	})
}

func TestImport_changesThoseWhoAreThere(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		u := h.User(t, called("Ada", "ada", "ada@example.test"), func(u *identity.User) { u.Profile.Nickname = "A" })
		p := upload(t, h, b, "username,name,email,password_hash,disabled\nADA,Ada Lovelace,new@example.test,$2b$04$abcdefghijklmnopqrstuuvmmdl1v7TgyQqCk31PrQK5o0b0SbS4i,true\n", map[string]string{"existing": "update"})
		if !containsWords(p.Text(), "1 person would be changed") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		b.Submit(p.URL.Path+"/start", nil)
		h.DoJobs(t)
		now, err := h.Store.User(t.Context(), u.ID)
		must(t, err)
		if now.Name != "Ada Lovelace" || now.Email != "new@example.test" || now.Profile.Nickname != "A" || now.PasswordHash != u.PasswordHash || !now.Enabled() {
			t.Errorf("%+v", now)
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Action: audit.UserUpdated})
		if must(t, err); len(events) != 1 || events[0].Changes["name"] != (audit.Change{Before: "Ada", After: "Ada Lovelace"}) {
			t.Errorf("written down as %+v", events)
		}
	})
}

func TestImport_refusesWhatIsNoFileOfPeople(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for file, want := range map[string]string{
			"": "not empty", "name\nAda\n": "username is missing", "username,role\nada,admin\n": "none of them", "username,username\n": "twice", "username\n": "nobody",
			"username,name\nada,\"" + strings.Repeat("x", 200<<10): "64 KiB", "\xff\xfe,a\n": "UTF-8",
		} {
			p := upload(t, h, b, file, nil)
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("file-error"), want) {
				t.Errorf("%.20q: %d %q", file, p.Status, p.Says("file-error"))
			}
		}
		// It is a form of ours or none, and only administrators send it.
		if p := b.Do(uploading(t, h, "forged", "username\nada\n", nil)); p.Status != http.StatusForbidden {
			t.Errorf("a forged form: %d", p.Status)
		}
		operator, _ := staff(t, h, identity.RoleOperator)
		if p := operator.Do(uploading(t, h, csrf(operator), "username\nada\n", nil)); p.Status != http.StatusForbidden {
			t.Errorf("an operator: %d", p.Status)
		}
		for _, path := range []string{importForm, userList + "/export"} {
			if p := operator.Get(path); p.Status != http.StatusForbidden {
				t.Errorf("an operator at %s: %d", path, p.Status)
			}
		}
	})
}

// Whoever is killed between two parts leaves a job that goes on where it was; whoever is slow does no part twice.
func TestImport_goesOnWhereItWas(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		var file strings.Builder
		file.WriteString("username;name\n") // as spreadsheets of half the world write it
		for i := range 130 {
			fmt.Fprintf(&file, "person%03d;Person %d\n", i, i)
		}
		p := upload(t, h, b, file.String(), nil)
		path := p.URL.Path
		b.Submit(path+"/start", nil)
		id := strings.TrimPrefix(path, importForm+"/")
		_, err := h.Store.DoJobPart(t.Context(), id, h.Clock.Now())
		must(t, err)
		if p := b.Get(path); !strings.Contains(p.Text(), "50 of 130 lines") {
			t.Errorf("on the way: %s", p.Text())
		}
		done := make(chan error, 2)
		for range 2 { // two nodes that both believe to hold it
			go func() {
				for more := true; more; {
					var err error
					if more, err = h.Store.DoJobPart(t.Context(), id, h.Clock.Now()); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		must(t, <-done)
		must(t, <-done)
		if p := b.Get(path); !containsWords(p.Text(), "130 people added") || containsWords(p.Text(), "left out 1") {
			t.Errorf("done: %s", p.Text())
		}
		if all, err := h.Store.Users(t.Context(), store.UserFilter{Query: "person"}); err != nil || all.Total != 130 {
			t.Errorf("there are %d people %v", all.Total, err)
		}
		if created, err := h.Store.Events(t.Context(), store.EventFilter{Action: audit.UserCreated, Limit: 200}); err != nil || len(created) != 131 {
			t.Errorf("it is written down %d times %v", len(created), err)
		}
		// What is cancelled stays as far as it came.
		p = upload(t, h, b, "username\nlate\n", nil)
		if p = b.Submit(p.URL.Path+"/cancel", nil); !strings.Contains(p.Text(), "cancelled") {
			t.Errorf("cancelled: %s", p.Text())
		}
		h.DoJobs(t)
		if _, err := h.Store.UserByUsername(t.Context(), "late"); err == nil {
			t.Error("a cancelled import added somebody")
		}
	})
}

func TestExport_writesPeopleAsTheyAreRead(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, boss := staff(t, h, identity.RoleAdmin)
		u := h.User(t, called("=HYPERLINK(1)", "eve", "eve@example.test"), func(u *identity.User) { u.Profile.PhoneNumber = "+6681234567" })
		h.Group(t, "Accounting", u)
		for i := range 520 { // more than are read at once
			h.User(t, called(fmt.Sprintf("Person %03d", i), fmt.Sprintf("person%03d", i), ""), func(u *identity.User) { u.PasswordHash = "" })
		}
		p := b.Get(userList + "/export?format=csv")
		written := p.Body
		rows, err := csv.NewReader(strings.NewReader(written)).ReadAll()
		must(t, err)
		if len(rows) != 523 || strings.Contains(p.Body, "$argon2id$") || !strings.Contains(p.Header.Get("Content-Disposition"), "users.csv") {
			t.Errorf("%d rows, %v", len(rows), p.Header)
		}
		for _, r := range rows {
			if r[0] == "eve" && (r[3] != "'=HYPERLINK(1)" || r[15] != "'+6681234567" || r[23] != "Accounting") {
				t.Errorf("eve is %q", r)
			}
		}
		if p := b.Get(userList + "/export?format=jsonl&q=eve"); strings.Count(p.Body, "\n") != 1 || !strings.Contains(p.Body, `"username":"eve"`) || !strings.Contains(p.Body, u.ID) {
			t.Errorf("of one: %s", p.Body)
		}
		events, err := h.Store.Events(t.Context(), store.EventFilter{Action: audit.UsersExported})
		if must(t, err); len(events) != 2 || events[0].Actor.ID != boss.ID || events[0].Changes["q"].After != "eve" {
			t.Errorf("written down as %+v", events)
		}
		// What was written is read again as it was: nothing would change but what a file cannot say.
		p = upload(t, h, b, written, map[string]string{"existing": "update"})
		path := p.URL.Path
		if !containsWords(p.Text(), "522 people would be changed") {
			t.Errorf("read again: %s", p.Text())
		}
		before, err := h.Store.User(t.Context(), u.ID)
		must(t, err)
		b.Submit(path+"/start", nil)
		h.DoJobs(t)
		if after, err := h.Store.User(t.Context(), u.ID); err != nil || after.Version != before.Version {
			t.Errorf("it was changed: %+v %v", after, err)
		}
	})
}
