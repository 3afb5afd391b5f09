// Package static owns every file a browser is given: our stylesheets, the one
// script, the icon sprite, and what npm brings (htmx and the Geist fonts, in
// vendor/, copied there by `npm run assets`). Each file is known by a URL that
// holds a hash of its bytes, so it may be cached for ever.
//
// It must not know who serves the files or which page asks for them. The web
// door calls Lookup; layouts and components call URL. A binary built without
// vendor/ works without JavaScript and in the system's fonts: Missing says so.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

// Prefix is the path under which every asset is served.
const Prefix = "/assets/"

//go:embed css js icons.svg favicon.svg all:vendor
var files embed.FS

// vendored are the files npm brings, without which a page still works.
var vendored = []string{"vendor/htmx.min.js", "vendor/geist.woff2", "vendor/geist-mono.woff2"}

// File is one asset, ready to be sent.
type File struct {
	Name        string // as in the source tree: "css/console.css"
	URL         string // as served: "/assets/css/console.0123456789abcdef.css"
	ContentType string
	ETag        string // strong and quoted; of the identity encoding
	Raw         []byte
	Gzip        []byte // nil where compressing gains nothing (fonts)
	Brotli      []byte // nil where compressing gains nothing (fonts)

	compress sync.Once
}

// URL is where the named file ("css/console.css") is served, or "" when this
// binary was built without it.
func URL(name string) string {
	if f, ok := assets().byName[name]; ok {
		return f.URL
	}
	return ""
}

// Lookup finds a file by the path of its URL. The first call for a file
// compresses it; the file must not be changed.
func Lookup(urlPath string) (*File, bool) {
	f, ok := assets().byURL[urlPath]
	if !ok {
		return nil, false
	}
	f.compress.Do(f.pack)
	return f, true
}

// Missing names the vendor files this binary was built without.
func Missing() []string {
	var missing []string
	for _, name := range vendored {
		if URL(name) == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

type index struct{ byName, byURL map[string]*File }

// assets reads and hashes the embedded files once, when first asked: style
// sheets last, because they hold the hashed URLs of the others.
var assets = sync.OnceValue(func() index {
	ix := index{byName: map[string]*File{}, byURL: map[string]*File{}}
	var sheets []string
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || contentTypes[path.Ext(name)] == "":
			return nil
		case path.Ext(name) == ".css":
			sheets = append(sheets, name)
			return nil
		}
		raw, err := files.ReadFile(name)
		ix.add(name, raw)
		return err
	})
	for _, name := range sheets {
		raw, readErr := files.ReadFile(name)
		if readErr != nil {
			err = readErr
		}
		ix.add(name, ix.link(name, raw))
	}
	if err != nil { // the files are part of the binary: it is broken
		panic(err)
	}
	return ix
})

var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

func (ix index) add(name string, raw []byte) {
	sum := sha256.Sum256(raw)
	hash := hex.EncodeToString(sum[:8])
	ext := path.Ext(name)
	f := &File{
		Name:        name,
		URL:         Prefix + strings.TrimSuffix(name, ext) + "." + hash + ext,
		ContentType: contentTypes[ext],
		ETag:        `"` + hash + `"`,
		Raw:         raw,
	}
	ix.byName[name] = f
	ix.byURL[f.URL] = f
}

var (
	cssURL   = regexp.MustCompile(`url\("([^"]+)"\)`)
	fontFace = regexp.MustCompile(`@font-face\s*\{[^}]*\}\s*`)
)

// link replaces each url(…) of a style sheet by the hashed one, and leaves out
// a @font-face whose font is not here, so that nobody asks for it in vain.
func (ix index) link(sheet string, css []byte) []byte {
	target := func(ref []byte) string {
		name := path.Join(path.Dir(sheet), string(cssURL.FindSubmatch(ref)[1]))
		if f, ok := ix.byName[name]; ok {
			return f.URL
		}
		return ""
	}
	css = fontFace.ReplaceAllFunc(css, func(face []byte) []byte {
		if ref := cssURL.Find(face); ref != nil && target(ref) == "" {
			return nil
		}
		return face
	})
	return cssURL.ReplaceAllFunc(css, func(ref []byte) []byte {
		if url := target(ref); url != "" {
			return []byte(`url("` + url + `")`)
		}
		return ref
	})
}

// pack fills in the compressed forms of a text.
func (f *File) pack() {
	if f.ContentType == contentTypes[".woff2"] {
		return
	}
	var gz, br bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&gz, gzip.BestCompression) // the level is known
	_, _ = zw.Write(f.Raw)                                  // a buffer takes all
	_ = zw.Close()
	bw := brotli.NewWriterLevel(&br, 6)
	_, _ = bw.Write(f.Raw)
	_ = bw.Close()
	f.Gzip, f.Brotli = gz.Bytes(), br.Bytes()
}
