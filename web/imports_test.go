package web_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms say what each room may import of the house and of the world beyond the standard library. The longest prefix of a
// package's path is its room. "*" allows everything of the house below; tests and webtest go where they like.
var rooms = map[string]struct{ house, world []string }{
	"cmd": {[]string{"web", "store", "store/storetest", "migrations", "static", "internal", "cmd/gatehouse/demo"}, []string{"github.com/alecthomas/kong", "go.yaml.in/yaml", "github.com/mattn/go-isatty", "github.com/gofiber/fiber", "golang.org/x/sync", "golang.org/x/crypto/acme"}},
	// The load driver is a client: of the house it knows what fills a database. Its bare prototype is a house of its own.
	"cmd/bench":          {[]string{"store", "internal"}, []string{"github.com/alecthomas/kong", "go.yaml.in/yaml", "golang.org/x/net/html", "github.com/gofiber/fiber", "github.com/golang-jwt/jwt", "github.com/lib/pq", "modernc.org/sqlite"}},
	"cmd/screenshots":    {nil, []string{"github.com/chromedp"}},
	"cmd/gatehouse/demo": {[]string{"store", "internal"}, nil},
	"web":                {[]string{"handlers", "web/request", "web/respond", "views", "store", "internal", "static"}, []string{"github.com/gofiber/fiber", "github.com/valyala/fasthttp", "github.com/prometheus/client_golang", "github.com/prometheus/common/expfmt", "golang.org/x/net/html"}},
	"web/request":        {[]string{"views/layout", "internal"}, []string{"github.com/gofiber/fiber"}},
	"web/respond":        {[]string{"web/request", "views/layout", "internal"}, []string{"github.com/gofiber/fiber", "github.com/a-h/templ", "github.com/valyala/bytebufferpool"}},
	"handlers":           {[]string{"web/request", "web/respond", "views", "store", "internal"}, []string{"github.com/gofiber/fiber", "github.com/a-h/templ"}},
	"views":              {[]string{"views/layout", "views/ui", "internal", "static"}, []string{"github.com/a-h/templ"}},
	"views/layout":       {[]string{"views/ui", "static"}, []string{"github.com/a-h/templ"}},
	"views/ui":           {[]string{"static"}, []string{"github.com/a-h/templ"}},
	"static":             {nil, []string{"github.com/andybalholm/brotli"}},
	"store":              {[]string{"internal", "migrations"}, []string{"github.com/jmoiron/sqlx", "github.com/lib/pq", "modernc.org/sqlite", "github.com/google/uuid", "golang.org/x/text", "golang.org/x/sys"}},
	"migrations":         {nil, []string{"github.com/pressly/goose", "golang.org/x/sys"}},
	"internal/oauth":     {[]string{"internal/brand", "internal/keys", "internal/secret", "internal/fault", "internal/audit"}, []string{"github.com/golang-jwt/jwt", "github.com/google/uuid"}},
	"internal/keys":      {[]string{"internal/secret"}, []string{"github.com/golang-jwt/jwt", "golang.org/x/sync"}},
	"internal/identity":  {[]string{"internal/secret", "internal/fault", "internal/audit"}, []string{"github.com/google/uuid"}},
	"internal/policy":    {[]string{"internal/brand", "internal/oauth", "internal/identity", "internal/secret", "internal/audit", "internal/fault"}, nil},
	"internal/audit":     {nil, nil},
	"internal/secret":    {nil, []string{"golang.org/x/crypto"}},
	"internal/brand":     {[]string{"internal/fault"}, []string{"golang.org/x/image"}},
	"internal/fault":     {nil, nil},
}

// exempt rooms serve tests alone.
var exempt = []string{"web/webtest", "store/storetest"}

func roomOf(pkg string) string {
	best := ""
	for room := range rooms {
		if (pkg == room || strings.HasPrefix(pkg, room+"/")) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func TestImports_arrowsOnlyGoDown(t *testing.T) {
	t.Parallel()
	root, seen := "..", map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg = filepath.ToSlash(pkg)
		if slices.Contains(exempt, pkg) {
			return nil
		}
		room := roomOf(pkg)
		if room == "" {
			t.Errorf("%s is in no room: draw its arrows in this test", pkg)
			return nil
		}
		seen[room] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !mayImport(room, pkg, imported) {
				t.Errorf("%s (room %s) may not import %s", path, room, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("the room %s is empty: take it out of the plan", room)
		}
	}
}

func mayImport(room, pkg, imported string) bool {
	allowed := rooms[room]
	if inside, ok := strings.CutPrefix(imported, "gatehouse/"); ok {
		if strings.HasPrefix(inside, "handlers/") && strings.HasPrefix(pkg, "handlers/") {
			return false // doors do not know each other
		}
		return slices.ContainsFunc(allowed.house, func(r string) bool {
			// a room that has arrows of its own is named, not implied: handlers may use web/request, not web
			return inside == r || strings.HasPrefix(inside, r+"/")
		})
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		// No SQL above the store, no HTTP server or client but Fiber's.
		if imported == "database/sql" && !slices.Contains([]string{"store", "migrations", "cmd/bench"}, room) {
			return false
		}
		return true
	}
	return slices.ContainsFunc(allowed.world, func(w string) bool { return imported == w || strings.HasPrefix(imported, w+"/") })
}

func TestImports_wrongArrowsAreSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pkg, imported string }{
		{"views/console", "gatehouse/store"},
		{"views/ui", "gatehouse/views/layout"},
		{"store", "gatehouse/web"},
		{"internal/oauth", "gatehouse/internal/identity"},
		{"internal/oauth", "gatehouse/store"},
		{"internal/identity", "github.com/gofiber/fiber/v2"},
		{"handlers/console", "gatehouse/handlers/login"},
		{"handlers/console", "gatehouse/web"},
		{"handlers/login", "github.com/jmoiron/sqlx"},
		{"web/request", "gatehouse/store"},
		{"web", "database/sql"},
	} {
		if mayImport(roomOf(c.pkg), c.pkg, c.imported) {
			t.Errorf("%s may import %s", c.pkg, c.imported)
		}
	}
}
