package request_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// follow resolves a link as browsers do (WHATWG URL Standard §4.4), without any help from net/url: the path of ours that it
// leads to. Links that name a scheme or a host count as leading away, whichever it is, and so do those relative to the page.
func follow(link string) (path string, ours bool) {
	link = strings.TrimFunc(link, func(r rune) bool { return r <= ' ' })
	link = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(link)
	link, _, _ = strings.Cut(link, "#")
	link, _, _ = strings.Cut(link, "?")
	link = strings.ReplaceAll(link, `\`, "/")
	if !strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//") {
		return "", false
	}
	var segments []string
	parts := strings.Split(link[1:], "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch strings.ReplaceAll(strings.ToLower(part), "%2e", ".") {
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		case ".":
		default:
			segments = append(segments, part)
			continue
		}
		if last {
			segments = append(segments, "")
		}
	}
	return "/" + strings.Join(segments, "/"), true
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ link, want string }{
		{"/", "/"}, {"/account?x=//y#//z", "/account"}, {" \n/a\tb ", "/ab"}, {`\a\b`, "/a/b"}, {"/a/../b", "/b"}, {"/a/%2E./%2e/b/..", "/"}, {"/a/.", "/a/"},
		{"/..//evil.test", "//evil.test"}, {"/https://evil.test", "/https://evil.test"},
	} {
		if got, ours := follow(c.link); got != c.want || !ours {
			t.Errorf("%q leads to %q, %t", c.link, got, ours)
		}
	}
	for _, away := range []string{"//evil.test", `/\evil.test`, `\\evil.test`, `\/evil.test`, "/\t/evil.test", "\n//evil.test", "https://evil.test", "https:evil.test", "javascript:alert(1)", "java\nscript:alert(1)", " data:,", "", "a", "?", "#"} {
		if path, ours := follow(away); ours {
			t.Errorf("%q leads to %q", away, path)
		}
	}
}

// Whatever a link to the sign-in page says, the person stays with us afterwards.
func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{
		"/account?x=y#z", "", "/", "//evil.test", "///evil.test", `/\evil.test`, "/\t/evil.test", " /account", "/account ", "/a b", "https://evil.test", "https:/account", "javascript:alert(1)", "/..//evil.test", "/.//evil.test", "/%2f/evil.test",
		"/%5cevil.test", "/a/%2e%2e//evil.test", "/@evil.test", "/:80", "/?//evil.test", "/#//evil.test", "?x", "/é", "/\x00", "/%zz", "/%", "/oauth/authorize?interaction=x", "/\u2028", "/;//", strings.Repeat("/a", 1025),
	} {
		f.Add(s)
	}
	base, err := url.Parse("https://id.example/login?return_to=x")
	if err != nil {
		f.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	f.Fuzz(func(t *testing.T, raw string) {
		to := request.ReturnTo(raw)
		if to == "" {
			return
		}
		if to != raw || len(to) > 2048 || request.ReturnTo(to) != to || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q becomes %q", raw, to)
		}
		if path, ours := follow(to); !ours || !strings.HasPrefix(path, "/") {
			t.Errorf("%q leads a browser away, to %q", raw, path)
		}
		ref, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if there := base.ResolveReference(ref); there.Scheme != base.Scheme || there.Host != base.Host || there.User != nil {
			t.Errorf("%q leads away, to %s", raw, there)
		}
		for _, header := range []string{"Location", "HX-Location"} { // it arrives as it was judged
			var ctx fasthttp.RequestCtx
			if header == "HX-Location" {
				ctx.Request.Header.Set("HX-Request", "true")
			}
			c := app.AcquireCtx(&ctx)
			err := respond.SeeOther(c, to)
			app.ReleaseCtx(c)
			if got := string(ctx.Response.Header.Peek(header)); err != nil || got != to {
				t.Errorf("%q is sent as %q: %v", raw, got, err)
			}
		}
		// The sign-in page carries it in its query and its form.
		if back, err := url.ParseQuery("return_to=" + url.QueryEscape(to)); err != nil || request.ReturnTo(back.Get("return_to")) != to {
			t.Errorf("%q comes back as %q: %v", raw, back, err)
		}
	})
}
