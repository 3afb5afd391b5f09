package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"gatehouse/internal/identity"
	"gatehouse/web/webtest"
)

// chromiumVariable names the environment variable with the path of the browser.
const chromiumVariable = "GATEHOUSE_TEST_CHROMIUM"

// within is how long anything in a browser may take. Nothing waits that long unless it has failed.
const within = 20 * time.Second

// stopChromium ends the browser, if a test started it.
var stopChromium = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopChromium()
	os.Exit(code)
}

// chromium is the one browser of this test binary. It knows no host but this machine.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path := os.Getenv(chromiumVariable)
	if path == "" {
		path = "/usr/bin/chromium"
	}
	if _, err := exec.LookPath(path); err != nil {
		return nil, fmt.Errorf("%w: name a Chromium in %s, or run with -short to leave it out", err, chromiumVariable)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	)
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		return nil, err
	}
	stopChromium = func() { _ = chromedp.Cancel(ctx) }
	return ctx, nil
})

// tab is a tab of the real browser with cookies of its own. It fails the test on anything that a page complains about.
type tab struct {
	t      *testing.T
	house  *webtest.House
	ctx    context.Context // it is the tab
	mu     sync.Mutex
	faults []string
	plain  bool // without JavaScript
}

// openTab opens a tab. Without a browser the test fails: half of what people meet would be left out.
func openTab(t *testing.T, h *webtest.House) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a browser")
	}
	parent, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	b := &tab{}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() {
		cancel()
		b.report()
	})
	b.begin(t, h)
	return b
}

// begin makes the tab that of a test.
func (b *tab) begin(t *testing.T, h *webtest.House) {
	t.Helper()
	b.t, b.house = t, h
	b.do(
		call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}), // as if it were in front
		call(security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: strings.HasPrefix(h.Issuer, "https:")}),
	)
	b.look(wide, "light")
}

// report fails the test for what the pages complained about.
func (b *tab) report() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Error(f)
	}
	b.faults = nil
}

// A tabPool has tabs that one test after the other uses: one that has read fonts and scripts before is twice as fast.
type tabPool struct {
	t    *testing.T // it closes them when it ends
	mu   sync.Mutex
	free []*tab
}

// take is a tab of the browser, as new.
func (p *tabPool) take(t *testing.T, h *webtest.House) *tab {
	t.Helper()
	p.mu.Lock()
	var b *tab
	if last := len(p.free) - 1; last >= 0 {
		b, p.free = p.free[last], p.free[:last]
	}
	p.mu.Unlock()
	if b == nil {
		b = openTab(p.t, h)
	}
	b.begin(t, h)
	return b
}

// put gives a tab back, without what the test left in it; that of a failed test stays with it.
func (p *tabPool) put(b *tab) {
	b.t.Helper()
	if !b.t.Failed() && !b.plain {
		js[bool](b, `sessionStorage.clear(), localStorage.clear(), true`)
		b.do(call(network.ClearBrowserCookies, cdp.Empty{}))
		b.do(chromedp.Navigate("about:blank"))
	}
	b.report()
	if !b.t.Failed() && !b.plain {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, b)
	}
}

// listen collects what the browser holds against a page: errors of scripts, violations of the Content-Security-Policy,
// whatever else it writes to its console. That a refusal has a status of 4xx is no fault.
func (b *tab) listen(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range e.Args {
				fault += string(a.Value) + a.Description + " "
			}
			fault = "console: " + fault
		}
	case *log.EventEntryAdded:
		refused := e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "responded with a status of 4")
		if !refused && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			fault = string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
		}
	}
	if fault != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fault)
	}
}

// call makes an action of a command of the DevTools protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	run(b, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		return chromedp.Void{}, chromedp.Do(ctx, steps...)
	})
}

// run runs an action in the tab within its time.
func run[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	if chromedp.FromContext(b.ctx).Target == nil { // the first action opens the tab, which lives as long as that action's context
		if err := chromedp.Do(b.ctx); err != nil {
			b.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.describe())
	}
	return value
}

// describe says where the tab is, for the message of a failure.
func (b *tab) describe() string {
	ctx, cancel := context.WithTimeout(b.ctx, time.Second)
	defer cancel()
	where, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + ", focus on " + document.activeElement?.outerHTML.slice(0, 200) + "=" + document.activeElement?.value + " " + document.readyState + "\n" + document.body?.innerText.slice(0, 1000)`))
	return fmt.Sprint("at ", where, errors.Unwrap(err))
}

// js evaluates an expression in the page.
func js[T any](b *tab, format string, args ...any) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// wait waits until an expression is true in the page.
func (b *tab) wait(format string, args ...any) {
	b.t.Helper()
	expression := fmt.Sprintf(format, args...)
	b.until(expression, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, within)
		defer cancel()
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && ok // between two pages there is nothing to evaluate in
	})
}

// until asks again and again, until it is so.
func (b *tab) until(what string, so func() bool) {
	b.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-deadline.C:
			b.t.Fatalf("never: %s\n%s", what, b.describe())
		}
	}
}

// open goes to a path of the house, or a whole URL, and returns the answer's status.
func (b *tab) open(path string) int {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.house.Issuer + path
	}
	status := int(run(b, chromedp.NavigateResponse(path)).Status)
	b.ready()
	return status
}

// ready waits until a page that has loaded listens: htmx begins in a timer that it has set while loading.
func (b *tab) ready() {
	b.t.Helper()
	if !b.plain {
		js[bool](b, `new Promise(done => setTimeout(() => done(true)))`)
	}
}

// press clicks on what leads to another page, waits for that and returns its status.
func (b *tab) press(selector string) int {
	b.t.Helper()
	response := run(b, func(ctx context.Context, _ *chromedp.Target) (*network.Response, error) {
		return chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
	})
	if response == nil {
		b.t.Fatalf("%s leads to no other page\n%s", selector, b.describe())
	}
	b.ready()
	return int(response.Status)
}

// click clicks on what changes the page.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill replaces what stands in a field, as typing or pasting does.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	js[bool](b, `(f => { f.focus(); f.select(); return true })(document.querySelector(%q))`, selector)
	if text == "" {
		b.keys("\b")
		return
	}
	b.do(call(input.InsertText, input.InsertTextParams{Text: text}))
}

// keys presses keys in whatever has the focus.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return js[string](b, `document.querySelector(%q)?.innerText ?? "(nothing)"`, selector)
}

func (b *tab) value(selector string) string {
	b.t.Helper()
	return js[string](b, `document.querySelector(%q).value`, selector)
}

func (b *tab) values(name string) string {
	b.t.Helper()
	return js[string](b, `[...document.getElementsByName(%q)].map(f => f.value).join(" ")`, name)
}

// focus names the element that has the focus: by its id, else by its label, else by its words.
func (b *tab) focus() string {
	b.t.Helper()
	return js[string](b, `(e => e.id || e.ariaLabel || e.innerText)(document.activeElement)`)
}

// path is where the tab is, without the host.
func (b *tab) path() string {
	b.t.Helper()
	return js[string](b, `location.pathname + location.search`)
}

// at fails the test unless the tab is at the path.
func (b *tab) at(path string) {
	b.t.Helper()
	if here := b.path(); here != path {
		b.t.Fatalf("the browser is at %s, not %s\n%s", here, path, b.describe())
	}
}

// sees waits for words on the page.
func (b *tab) sees(words string) {
	b.t.Helper()
	b.wait(`document.body?.innerText.includes(%q)`, words)
}

// withoutScript switches JavaScript off from the next page on.
func (b *tab) withoutScript() {
	b.plain = true
	b.t.Helper()
	b.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// The widths that pages are looked at in, and their heights.
const (
	wide   = 1440
	phone  = 390
	narrow = 320
)

// look gives the tab a width and a colour scheme. Nothing moves, so that what is measured stands still.
func (b *tab) look(width int, scheme string) {
	b.t.Helper()
	height := int64(900)
	size := chromedp.EmulateViewport(int64(width), height)
	if width < wide {
		size = chromedp.EmulateViewport(int64(width), 844, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(size, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
}

// signIn signs the person in by the sign-in page.
func (b *tab) signIn(u *identity.User) {
	b.t.Helper()
	if js[string](b, `location.pathname`) != "/login" {
		b.open("/login")
	}
	b.fill("#username", u.Username)
	b.fill("#password", webtest.Password)
	b.press("#login-submit")
}

// enter gives the tab a session of the person, without the sign-in page.
func (b *tab) enter(u *identity.User) {
	b.t.Helper()
	for _, c := range pass(b.t, b.house, u) {
		b.do(call(network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: b.house.Issuer}))
	}
}

// passes holds one pass a person: hashing their password for every tab would take longer than all else.
var passes sync.Map

// pass signs the person in once and returns their cookies.
func pass(t *testing.T, h *webtest.House, u *identity.User) []*http.Cookie {
	t.Helper()
	signIn := sync.OnceValue(func() []*http.Cookie {
		outside := h.Browser(t)
		outside.Enter(u)
		issuer, _ := url.Parse(h.Issuer) // the house has parsed it before
		return outside.Jar().Cookies(issuer)
	})
	first, _ := passes.LoadOrStore(u.ID, signIn)
	return first.(func() []*http.Cookie)()
}

// cookies are the tab's cookies for the house, by name.
func (b *tab) cookies() map[string]*network.Cookie {
	b.t.Helper()
	all := run(b, func(ctx context.Context, target *chromedp.Target) ([]*network.Cookie, error) {
		got, err := cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{URLs: []string{b.house.Issuer}})
		return got.Cookies, err
	})
	byName := map[string]*network.Cookie{}
	for _, c := range all {
		byName[c.Name] = c
	}
	return byName
}
