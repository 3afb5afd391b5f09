package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

func file(t *testing.T, name string) *File {
	t.Helper()
	f, ok := Lookup(URL(name))
	if !ok {
		t.Fatalf("%s is not here", name)
	}
	return f
}

func TestURL_changesWithTheBytes(t *testing.T) {
	shape := regexp.MustCompile(`^/assets/css/console\.[0-9a-f]{16}\.css$`)
	if got := URL("css/console.css"); !shape.MatchString(got) {
		t.Errorf("URL = %q", got)
	}
	if got := URL("css/nothing.css"); got != "" {
		t.Errorf("URL of a missing file = %q, want none", got)
	}
	if _, ok := Lookup("/assets/css/console.css"); ok {
		t.Error("a file answers without its hash")
	}
	if _, ok := Lookup("/assets/embed.0123456789abcdef.go"); ok {
		t.Error("a file that is no asset is served")
	}
}

func TestLookup_givesTheSameBytesInEveryEncoding(t *testing.T) {
	for _, f := range assets().byName {
		f := file(t, f.Name)
		if f.ContentType == "font/woff2" {
			if f.Gzip != nil || f.Brotli != nil {
				t.Errorf("%s: a font is compressed already", f.Name)
			}
			continue
		}
		zr, err := gzip.NewReader(bytes.NewReader(f.Gzip))
		if err != nil {
			t.Fatal(err)
		}
		for encoding, r := range map[string]io.Reader{"gzip": zr, "br": brotli.NewReader(bytes.NewReader(f.Brotli))} {
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, f.Raw) {
				t.Errorf("%s: %s differs (%v)", f.Name, encoding, err)
			}
		}
	}
}

func TestCSS_everyURLResolves(t *testing.T) {
	for name, f := range assets().byName {
		if !strings.HasSuffix(name, ".css") {
			continue
		}
		if bytes.Count(f.Raw, []byte("url(")) != len(cssURL.FindAll(f.Raw, -1)) {
			t.Errorf(`%s: write url("…") with quotes`, name)
		}
		for _, ref := range cssURL.FindAllSubmatch(f.Raw, -1) {
			if _, ok := Lookup(string(ref[1])); !ok {
				t.Errorf("%s: %s leads nowhere", name, ref[1])
			}
		}
	}
}

func TestCSS_leavesOutAFontThatIsNotHere(t *testing.T) {
	ix := index{byName: map[string]*File{"vendor/b.woff2": {URL: "/assets/b"}}}
	got := string(ix.link("css/x.css", []byte(`@font-face { src: url("../vendor/a.woff2"); }
@font-face { src: url("../vendor/b.woff2"); }
a { color: red; }`)))
	if want := "@font-face { src: url(\"/assets/b\"); }\na { color: red; }"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The budgets of the design: what a first visit costs, compressed by gzip.
func TestBudgets(t *testing.T) {
	for page, budget := range map[string]struct {
		max   int
		files []string
	}{
		"console": {40 << 10, []string{"css/gatehouse.css", "css/console.css", "js/console.js", "vendor/htmx.min.js"}},
		"hosted":  {10 << 10, []string{"css/gatehouse.css", "css/hosted.css"}},
	} {
		size := 0
		for _, name := range budget.files {
			if slices.Contains(Missing(), name) {
				continue
			}
			size += len(file(t, name).Gzip)
		}
		t.Logf("%s: %d bytes gzip", page, size)
		if size > budget.max {
			t.Errorf("%s costs %d bytes, at most %d", page, size, budget.max)
		}
	}
}

// What a page must never hold, so that it runs under our Content-Security-Policy
// and nothing stored can become markup or script.
func TestTemplates_holdNothingForbidden(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"a style attribute":        regexp.MustCompile(`(?i)[\s"]style\s*=`),
		"a style element":          regexp.MustCompile(`(?i)<style`),
		"an inline handler":        regexp.MustCompile(`(?i)\son[a-z]+\s*=`),
		"hx-on":                    regexp.MustCompile(`hx-on`),
		"js: or javascript:":       regexp.MustCompile(`(?i)["'{\s](js|javascript):`),
		"a trigger filter":         regexp.MustCompile(`hx-trigger="[^"]*\[`),
		"a history cache":          regexp.MustCompile(`hx-history`),
		"templ.Raw":                regexp.MustCompile(`templ\.Raw`),
		"an inline script":         regexp.MustCompile(`<script>|<script [^>]*[^/]>[^<]`),
		"a load from another site": regexp.MustCompile(`(?i)\b(src|href|action|srcset|data|hx-[a-z]+)\s*=\s*["{]*\s*"?(https?:)?//`),
		"a clock":                  regexp.MustCompile(`time\.Now`),
	}
	for name, text := range templates(t) {
		for what, pattern := range forbidden {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%s holds %s: %q", name, what, found)
			}
		}
	}
}

func TestTemplates_useOnlyIconsOfTheSprite(t *testing.T) {
	sprite := string(file(t, "icons.svg").Raw)
	icon := regexp.MustCompile(`(?:ui\.|@)Icon\("([a-z]+)"\)|Icon:\s*"([a-z]+)"`)
	for name, text := range templates(t) {
		for _, m := range icon.FindAllStringSubmatch(text, -1) {
			if id := `id="i-` + m[1] + m[2] + `"`; !strings.Contains(sprite, id) {
				t.Errorf("%s draws an icon that is not there: %s", name, id)
			}
		}
	}
}

// templates are the sources of all pages.
func templates(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("../views", func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".templ" {
			return err
		}
		text, err := os.ReadFile(name)
		texts[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) == 0 {
		t.Fatal("no templates found")
	}
	return texts
}
