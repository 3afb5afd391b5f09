// Command screenshots writes pictures of every page of a demonstration, light and dark, wide and narrow, to look at beside the
// drawings. It needs a Chromium and a built server.
//
//	go run ./cmd/screenshots --server dist/gatehouse --out docs/screenshots [PAGE ...]
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A scene is a page of the demonstration: a path or, below a path, the first link that a selector finds, and what is under that.
type scene struct{ name, path, link, below string }

const row = ".row-link"

var scenes = []scene{
	{name: "overview", path: "/console"},
	{name: "overview-30d", path: "/console?range=30d"},
	{name: "clients", path: "/console/clients"},
	{name: "clients-none", path: "/console/clients?q=nothing+is+called+so"},
	{name: "client", path: "/console/clients", link: row},
	{name: "client-credentials", path: "/console/clients", link: row, below: "/credentials"},
	{name: "client-scopes", path: "/console/clients", link: row, below: "/scopes"},
	{name: "client-branding", path: "/console/clients?q=storefront", link: row, below: "/branding"},
	{name: "client-lifetimes", path: "/console/clients", link: row, below: "/tokens"},
	{name: "client-integrate", path: "/console/clients", link: row, below: "/integrate"},
	{name: "client-integrate-curl", path: "/console/clients", link: row, below: "/integrate?lang=curl"},
	{name: "client-consents", path: "/console/clients", link: row, below: "/consents"},
	{name: "client-access", path: "/console/clients", link: row, below: "/access"},
	{name: "client-activity", path: "/console/clients", link: row, below: "/activity"},
	{name: "client-delete", path: "/console/clients", link: row, below: "/delete"},
	{name: "client-new", path: "/console/clients/new"},
	{name: "client-new-native", path: "/console/clients/new?type=native"},
	{name: "client-import", path: "/console/clients/import"},
	{name: "apis", path: "/console/apis"},
	{name: "api", path: "/console/apis", link: row},
	{name: "scopes", path: "/console/scopes"},
	{name: "users", path: "/console/users"},
	{name: "user", path: "/console/users", link: row},
	{name: "user-access", path: "/console/users", link: row, below: "/access"},
	{name: "user-security", path: "/console/users", link: row, below: "/security"},
	{name: "user-consents", path: "/console/users", link: row, below: "/consents"},
	{name: "user-groups", path: "/console/users", link: row, below: "/groups"},
	{name: "attributes", path: "/console/attributes"},
	{name: "attribute", path: "/console/attributes", link: row},
	{name: "attribute-new", path: "/console/attributes/new"},
	{name: "groups", path: "/console/groups"},
	{name: "group", path: "/console/groups", link: row},
	{name: "group-settings", path: "/console/groups", link: row, below: "/edit"},
	{name: "scope-limited", path: "/console/scopes/edit?name=orders%3Awrite"},
	{name: "group-empty", path: "/console/groups?q=night", link: row},
	{name: "scope-told", path: "/console/scopes/edit?name=profile"},
	{name: "client-long-name", path: "/console/clients/cl_supplier"},
	{name: "users-import", path: "/console/users/import"},
	{name: "user-activity", path: "/console/users", link: row, below: "/activity"},
	{name: "user-end", path: "/console/users", link: row, below: "/end"},
	{name: "user-new", path: "/console/users/new"},
	{name: "sessions", path: "/console/sessions"},
	{name: "session", path: "/console/sessions", link: row},
	{name: "families", path: "/console/families"},
	{name: "consents", path: "/console/consents"},
	{name: "family", path: "/console/families", link: row},
	{name: "family-replayed", path: "/console/families?state=replayed", link: row},
	{name: "keys", path: "/console/keys"},
	{name: "keys-replace", path: "/console/keys/replace"},
	{name: "audit", path: "/console/audit"},
	{name: "audit-refused", path: "/console/audit?outcome=refused"},
	{name: "event-refused", path: "/console/audit?outcome=refused&q=invalid_grant", link: row},
	{name: "verification", path: "/console/audit/verification"},
	{name: "security", path: "/console/security"},
	{name: "unblock", path: "/console/security/unblock?what=signin&who=203.0.113.9"},
	{name: "settings", path: "/console/settings"},
	{name: "branding", path: "/console/settings/branding"},
	{name: "system", path: "/console/system"},
	{name: "search", path: "/console/search?q=o"},
	{name: "account", path: "/account"},
	{name: "not-found", path: "/nothing-is-here"},
	{name: "sign-in", path: "/login"},
	{name: "sign-in-app", path: asking("cl_storefront", "https://shop.acme.example/callback")},
	{name: "consent", path: asking("cl_tickets", "https://tiket.example.co.id/auth/callback")},
}

// asking is an application's request, with the challenge of RFC 7636 appendix B. It asks for consent whoever gave it before.
func asking(client, redirectURI string) string {
	return "/oauth/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {redirectURI}, "scope": {"openid profile email"}, "state": {"shot"}, "prompt": {"consent"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
}

func main() {
	server := flag.String("server", "dist/gatehouse", "the built server")
	out := flag.String("out", "docs/screenshots", "folder for the pictures")
	browser := flag.String("chromium", "chromium", "the browser")
	flag.Parse()
	if err := run(context.Background(), *server, *out, *browser, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, server, out, browser string, only []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // pictures of what is made up
		return err
	}
	house, err := open(ctx, server)
	if err != nil {
		return err
	}
	defer house.close()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"))
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	tab, cancel := chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(tab); err != nil {
		return err
	}
	for _, s := range scenes {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		if err := house.signIn(tab, !strings.HasPrefix(s.name, "sign-in")); err != nil {
			return fmt.Errorf("%s: sign-in: %w", s.name, err)
		}
		if err := house.shoot(tab, s, out); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// shoot writes the four pictures of a scene.
func (h *house) shoot(tab context.Context, s scene, out string) error {
	address := h.url + s.path
	if s.link != "" {
		if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
			return err
		}
		href, err := chromedp.Run(tab, chromedp.AttributeValue(chromedp.CSS(s.link), "href"))
		if err != nil {
			return err
		}
		page, query, asked := strings.Cut(href.Value, "?")
		address = h.url + page + s.below
		if asked {
			address += "?" + query
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 390} {
			size := func(height int64) chromedp.Action[chromedp.Void] {
				if width < 1000 {
					return chromedp.EmulateViewport(width, max(height, 844), chromedp.EmulateMobile, chromedp.EmulateTouch)
				}
				return chromedp.EmulateViewport(width, max(height, 900))
			}
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}}
			picture, err := picture(tab, address, size, media)
			if err != nil {
				return err
			}
			name := filepath.Join(out, fmt.Sprintf("%s-%s-%d.png", s.name, scheme, width))
			if err := os.WriteFile(name, picture, 0o644); err != nil { //nolint:gosec // as above
				return err
			}
		}
	}
	return nil
}

func picture(tab context.Context, address string, size func(height int64) chromedp.Action[chromedp.Void], media emulation.SetEmulatedMediaParams) ([]byte, error) {
	look := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return err
	})
	if err := chromedp.Do(tab, size(0), look, chromedp.Navigate(address)); err != nil {
		return nil, err
	}
	height, err := chromedp.Run(tab, chromedp.Evaluate[int64]("document.fonts.ready.then(() => document.documentElement.scrollHeight)", chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	if err := chromedp.Do(tab, size(height)); err != nil { // what sticks to the window's edges sticks to the page's
		return nil, err
	}
	return chromedp.Run(tab, chromedp.FullScreenshot(100))
}

// house is a demonstration that runs.
type house struct {
	process  *exec.Cmd
	url      string
	password string // the administrator's
	signedIn bool
}

const administrator = "mara"

// open starts the demonstration on a free port and reads whom it made up.
func open(ctx context.Context, server string) (*house, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	h := &house{process: exec.CommandContext(ctx, server, "serve", "--demo", "--listen", address)} //nolint:gosec // our own server
	printed, err := h.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(printed)
	for (h.url == "" || h.password == "") && lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case strings.HasPrefix(lines.Text(), "Gatehouse is ready at"):
			h.url = words[len(words)-1]
		case len(words) > 1 && words[0] == administrator:
			h.password = words[1]
		}
	}
	if h.password == "" {
		h.close()
		return nil, errors.Join(errors.New("the server tells no address and no password"), lines.Err())
	}
	go io.Copy(io.Discard, printed) //nolint:errcheck // it may go on talking
	return h, nil
}

func (h *house) close() {
	_ = h.process.Process.Signal(syscall.SIGTERM)
	_ = h.process.Wait()
}

// signIn signs the administrator in or, if the page is for strangers, out.
func (h *house) signIn(tab context.Context, in bool) error {
	if in == h.signedIn {
		return nil
	}
	h.signedIn = in
	if !in {
		return chromedp.Do(tab, chromedp.Navigate(h.url+"/logout"), chromedp.Click(chromedp.CSS("form[action='/logout'] button")), chromedp.WaitReady(chromedp.CSS("a[href='/login'], #login-submit")))
	}
	return chromedp.Do(tab, chromedp.Navigate(h.url+"/console"), chromedp.SendKeys(chromedp.CSS("#username"), administrator),
		chromedp.SendKeys(chromedp.CSS("#password"), h.password), chromedp.Click(chromedp.CSS("#login-submit")), chromedp.WaitReady(chromedp.CSS("#sidebar")))
}
