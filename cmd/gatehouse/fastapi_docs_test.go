//go:build unix

package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// startChromium starts the one browser of a test. It knows no host but this machine.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path := cmp.Or(os.Getenv("GATEHOUSE_TEST_CHROMIUM"), "/usr/bin/chromium")
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	)...)
	t.Cleanup(stop)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	return ctx
}

// A docsPage is the application's documentation page in a tab with cookies of its own.
type docsPage struct {
	t   *testing.T
	ctx context.Context // it is the tab

	mu   sync.Mutex
	sent []*network.Request // to Gatehouse's token endpoint
}

// openDocs opens the page of an application, and its Authorize dialog. It asks a CDN for Swagger UI, and gets it from the folder.
func openDocs(t *testing.T, g *guide, application string) *docsPage {
	t.Helper()
	p := &docsPage{t: t}
	ctx, cancel := chromedp.NewContext(g.browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p.ctx = ctx
	p.open(ctx)
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *fetch.EventRequestPaused:
			go p.supply(e, filepath.Join(g.tools, "swagger-ui", path.Base(e.Request.URL)))
		case *network.EventRequestWillBeSent:
			if at, _, _ := strings.Cut(e.Request.URL, "?"); at == g.gatehouse+"/token" && e.Request.Method == http.MethodPost {
				p.mu.Lock()
				p.sent = append(p.sent, e.Request)
				p.mu.Unlock()
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "https://*"}}}
	if _, err := chromedp.Call(ctx, fetch.Enable, elsewhere); err != nil {
		t.Fatal(err)
	}
	p.do(ctx, chromedp.EmulateViewport(1280, 1000), chromedp.Navigate(application+"/docs"))
	p.click(ctx, ".btn.authorize")
	return p
}

// open takes hold of a tab, which lives as long as the context of its first action. It behaves as if it were in front: of what is typed
// into one of two windows at the same time, the one behind loses keys.
func (p *docsPage) open(tab context.Context) {
	p.t.Helper()
	if err := chromedp.Do(tab); err != nil {
		p.t.Fatal(err)
	}
	inFront := emulation.SetFocusEmulationEnabledParams{Enabled: true}
	if _, err := chromedp.Call(tab, emulation.SetFocusEmulationEnabled, inFront); err != nil {
		p.t.Fatal(err)
	}
}

// supply answers a request with a file, and one for anything else with 404.
func (p *docsPage) supply(e *fetch.EventRequestPaused, file string) {
	answer := fetch.FulfillRequestParams{RequestID: e.RequestID, ResponseCode: http.StatusOK}
	var err error
	if answer.Body, err = os.ReadFile(file); err != nil {
		answer.ResponseCode = http.StatusNotFound
	}
	if _, err := chromedp.Call(p.ctx, fetch.FulfillRequest, answer); err != nil && p.ctx.Err() == nil {
		p.t.Error(err)
	}
}

// do acts in a tab: the page's own, or one that it opened.
func (p *docsPage) do(tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(tab, soon)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		where, _ := chromedp.Run(tab, chromedp.Evaluate[string](`location.href + "\n" + document.body?.innerText.slice(0, 2000)`))
		p.t.Fatalf("%v at %s", err, where)
	}
}

func (p *docsPage) click(tab context.Context, selector string) {
	p.t.Helper()
	p.do(tab, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (p *docsPage) fill(tab context.Context, selector, text string) {
	p.t.Helper()
	p.do(tab, chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

// tick chooses the scopes of one of the dialog's forms.
func (p *docsPage) tick(form string, scopes ...string) {
	p.t.Helper()
	for _, scope := range scopes {
		p.click(p.ctx, `label[for^="`+scope+"-"+form+`-checkbox"]`)
	}
}

// The dialog has one form for each scheme of the application. Its buttons: the second is there once there is a token.
const (
	firstForm  = ".auth-container:nth-of-type(1) "
	secondForm = ".auth-container:nth-of-type(2) "
	authorize  = "button.authorize"
	authorized = "button[aria-label='Remove authorization']"
	done       = "button.btn-done"
)

// tokenRequest is the one request that the page sent to the token endpoint.
func (p *docsPage) tokenRequest() (*network.Request, url.Values) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) != 1 {
		p.t.Fatalf("%d requests for a token", len(p.sent))
	}
	var body strings.Builder
	for _, entry := range p.sent[0].PostDataEntries {
		body.Write(entry.Bytes)
	}
	form, err := url.ParseQuery(body.String())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.sent[0], form
}

// mustShowMe closes the dialog at the form, tries /users/me out and expects an answer like this.
func (p *docsPage) mustShowMe(form, want string) {
	p.t.Helper()
	const operation = "#operations-default-read_users_me_users_me_get "
	p.click(p.ctx, form+done)
	p.click(p.ctx, operation+".opblock-summary-control")
	p.click(p.ctx, operation+".try-out__btn")
	p.click(p.ctx, operation+".execute")
	const answer = operation + ".live-responses-table tr.response "
	p.do(p.ctx, chromedp.WaitVisible(chromedp.CSS(answer+"pre")))
	got, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`["td.response-col_status", "pre"].map(s => document.querySelector("`+answer+`" + s).innerText).join(" ")`))
	if err != nil {
		p.t.Fatal(err)
	}
	if got = strings.Join(strings.Fields(got), " "); !regexp.MustCompile("^" + want + "$").MatchString(got) {
		p.t.Errorf("the page shows %s", got)
	}
}

func authorizeByPassword(t *testing.T, g *guide, clientID string) {
	p := openDocs(t, g, g.app)
	p.fill(p.ctx, "#oauth_username", "johndoe")
	p.fill(p.ctx, "#oauth_password", johndoe)
	if clientID != "" {
		p.fill(p.ctx, "#client_id_password", clientID)
	}
	p.tick("password", "me", "items")
	p.click(p.ctx, firstForm+authorize)
	p.do(p.ctx, chromedp.WaitVisible(chromedp.CSS(firstForm+authorized)))
	if request, _ := p.tokenRequest(); request.Headers["Authorization"] != basic(clientID, "") {
		t.Errorf("the dialog sent %v", request.Headers)
	}
	p.mustShowMe(firstForm, `200 { "username": "johndoe", "scopes": \[ "me", "items" \] }`)
}

// authorizeByCode signs in at Gatehouse's own page, in the window that the dialog opens.
func authorizeByCode(t *testing.T, g *guide, application, form, want string) {
	p := openDocs(t, g, application)
	p.fill(p.ctx, "#client_id_authorizationCode", g.saved(t, "browser.json", "client_id"))
	p.tick("authorizationCode", "me")
	opened := chromedp.WaitNewTarget(p.ctx, func(i *target.Info) bool { return strings.HasPrefix(i.URL, g.gatehouse) })
	p.click(p.ctx, form+authorize)
	var window context.Context
	select {
	case id := <-opened:
		ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
		t.Cleanup(cancel)
		window = ctx
	case <-time.After(soon):
		t.Fatal("no window opens")
	}
	p.open(window)
	p.fill(window, "#username", "alice")
	p.fill(window, "#password", alice)
	p.click(window, "#login-submit")
	p.click(window, "#consent-allow") // and the window closes itself
	p.do(p.ctx, chromedp.WaitVisible(chromedp.CSS(form+authorized)))
	if _, sent := p.tokenRequest(); len(sent.Get("code_verifier")) < 43 || sent.Get("redirect_uri") != application+"/docs/oauth2-redirect" {
		t.Errorf("the dialog sent %v", sent)
	}
	p.mustShowMe(form, want)
}
