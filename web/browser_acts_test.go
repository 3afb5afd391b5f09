package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"gatehouse/internal/brand"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

// An act opens a page, types into its fields, presses a button and is told of what came of it.
type act struct {
	open  string
	typed [][2]string
	press string
	says  string
}

func (b *tab) carryOut(a act) {
	b.t.Helper()
	b.open(a.open)
	for _, field := range a.typed {
		b.fill(field[0], field[1])
	}
	b.click(a.press)
	b.sees(a.says)
}

// upload chooses a file, as somebody does in the dialog of the browser.
func (b *tab) upload(selector, name, content string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	must(b.t, os.WriteFile(path, []byte(content), 0o600))
	b.do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

// What each page is mainly there for is done in a browser, with scripts and without.
func TestBrowser_eachPageDoesWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, scripted := range []bool{true, false} {
		t.Run(fmt.Sprintf("scripted %v", scripted), func(t *testing.T) {
			t.Parallel()
			h := openHouse(t)
			sofia, shop := h.User(t, people("Sofia Ivanova", "sofia")), h.Client(t, named("Acme Storefront"))
			h.Tokens(t, shop, sofia, nil)
			b := openTab(t, h)
			b.enter(h.User(t, func(u *identity.User) { u.Role = identity.RoleAdmin }))
			if !scripted {
				b.withoutScript()
			}
			const save = `.save-bar [data-variant="primary"]`
			client, person := clientList+"/"+shop.ID, userList+"/"+sofia.ID
			for _, a := range []act{
				{"/console/scopes/new", [][2]string{{"#name", "invoices:read"}, {"#description", "See your invoices"}}, save, "Scope added"},
				{"/console/groups/new", [][2]string{{"#name", "Accounting"}}, save, "Group added"},
				{"/console/attributes/new", [][2]string{{"#label", "Badge"}, {"#key", "badge"}}, save, "Attribute added"},
				{person + "/groups", [][2]string{{"#group", "Accounting"}}, "#join-group-save", "Sofia Ivanova is in Accounting"},
				{person + "/consents/" + shop.ID + "/withdraw", nil, `main form [data-variant="danger"]`, "Consent withdrawn"},
				{person + "/end", nil, `main form [data-variant="danger"]`, "Everything has ended"},
				{client + "/scopes", nil, save, "Scopes and APIs saved"},
				{client + "/tokens", [][2]string{{"#access_token_ttl", "5m"}}, save, "Lifetimes saved"},
				{client + "/branding", [][2]string{{"#client_uri", "https://www.acme.example/"}}, "#settings-save", "Branding saved"},
				{brandingPage, [][2]string{{"#brand_name", "Acme ID"}}, "#settings-save", "Settings saved"},
				{securityPage, [][2]string{{"#password_min_length", "14"}}, "#settings-save", "Settings saved"},
				{"/console/keys/stage", nil, `main form [data-variant="primary"]`, "New keys are published"},
				{verificationPage, nil, `main form [data-variant="primary"]`, "Refresh"},
			} {
				b.carryOut(a)
			}
			groups, err := h.Store.GroupsOf(t.Context(), sofia.ID)
			must(t, err)
			if len(groups) != 1 || groups[0].Name != "Accounting" {
				t.Errorf("Sofia is in %v", groups)
			}
			if families := allLive(t, h, shop); len(families) != 0 {
				t.Errorf("%d families live on", len(families))
			}
			c, err := h.Store.Client(t.Context(), shop.ID)
			must(t, err)
			if c.ClientURI != "https://www.acme.example/" || c.AccessTokenTTL != 300 {
				t.Errorf("the client has %q and %d", c.ClientURI, c.AccessTokenTTL)
			}
		})
	}
}

// So are the acts that need a file, a key with a past, or somebody who has to wait.
func TestBrowser_filesAreSentAndKeysAndLimitsTurnedBack(t *testing.T) {
	t.Parallel()
	for _, scripted := range []bool{true, false} {
		t.Run(fmt.Sprintf("scripted %v", scripted), func(t *testing.T) {
			t.Parallel()
			aged := openAged(t)
			limited := openHouse(t, func(o *webtest.Options) { o.Pins = map[string]string{"rate_client": "1"} })
			enter := func(h *webtest.House) *tab {
				b := openTab(t, h)
				b.enter(h.User(t, admin))
				if !scripted {
					b.withoutScript()
				}
				return b
			}
			const danger, calm = `main form [data-variant="danger"]`, `main form [data-variant="primary"]`
			b := enter(aged)

			was, back := ringOf(t, aged)["RS256 current"][0], ringOf(t, aged)["RS256 retiring"][0]
			b.carryOut(act{keyList + "/" + back + "/roll-back", nil, calm, "signs RS256 again"})
			b.carryOut(act{keyList + "/" + was + "/retire", nil, danger, "is published no more"})
			b.carryOut(act{keyList + "/replace", nil, danger, "All keys are replaced"})
			if ring := ringOf(t, aged); len(ring["RS256 current"]) != 1 || len(ring["RS256 retiring"]) != 0 || ring["RS256 current"][0] == was || ring["RS256 current"][0] == back {
				t.Errorf("the keys are %v", ring)
			}

			b.open("/console/users/import")
			b.upload("#file", "people.csv", "username,name\nada,Ada Lovelace\ngrace,Grace Hopper\nnot a name,Nobody\n")
			b.click("#import-check")
			b.sees("people.csv")
			aged.DoJobs(t)
			b.open(b.path())
			b.sees("What would be done")
			b.click("#import-start")
			b.sees("The import has begun")
			aged.DoJobs(t)
			b.open(b.path())
			b.sees("What was done")
			if ada, err := aged.Store.UserByUsername(t.Context(), "ada"); err != nil || ada.Name != "Ada Lovelace" {
				t.Errorf("%v, %v", ada, err)
			}

			b.open(brandingPage)
			b.upload("#brand_logo-file", "logo.png", aPNG(t))
			b.click("#brand_logo-upload")
			b.sees("Remove")
			b.click("#settings-save")
			b.sees("Settings saved")
			if answer := aged.Get(t, brand.LogoPath(logo(t).Hash), ""); answer.Status != http.StatusOK {
				t.Errorf("the logo: %d", answer.Status)
			}

			client, own := limited.Client(t), url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}}
			status := func() int { return limited.Post(t, oauth.PathToken, client, own).Status }
			if first, second := status(), status(); first != http.StatusOK || second != http.StatusTooManyRequests {
				t.Errorf("%d, %d", first, second)
			}
			b = enter(limited)
			b.carryOut(act{securityPage + "/unblock?" + url.Values{"what": {"requests"}, "who": {client.ID}}.Encode(), nil, "#unblock-confirm", "may go on"})
			if again := status(); again != http.StatusOK {
				t.Errorf("still %d", again)
			}
		})
	}
}
