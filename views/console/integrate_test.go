package console

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goImport is a package of somebody else's that a Go program imports.
var goImport = regexp.MustCompile(`(?m)^\t"([a-z]+\.[a-z./0-9-]+)"$`)

// Which programs there are follows from what the client does.
func TestSnippets(t *testing.T) {
	t.Parallel()
	base := SnippetValues{Issuer: "https://id.example", ClientID: "cl_1", AuthMethod: "client_secret_basic", Scopes: []string{"openid"}, Alg: "RS256"}
	with := func(f func(v *SnippetValues)) SnippetValues { v := base; f(&v); return v }
	for _, c := range []struct {
		name      string
		values    SnippetValues
		languages string
		lang      string // asked for
		file      string
		says      []string // in the program, or in how to run it
	}{
		{"a web application", with(func(v *SnippetValues) {
			v.GrantTypes, v.RedirectURI, v.TokenAlg = []string{"authorization_code"}, "https://app.example/cb", "ES256"
		}), "go node python fastapi curl", "", "signin.go", []string{`"https://app.example/cb"`, `"127.0.0.1:8000"`, `HandleFunc("/cb"`, `HandleFunc("/",`, "go mod init example\ngo get github.com/coreos/go-oidc/v3/oidc golang.org/x/oauth2\nprintf", "CLIENT_SECRET; go run signin.go",
			"It listens at 127.0.0.1:8000. Have app.example lead there, then sign in at https://app.example/"}},
		{"one that signs nobody in", with(func(v *SnippetValues) {
			v.GrantTypes, v.RedirectURI, v.Scopes = []string{"authorization_code"}, "https://app.example/cb", []string{"orders:read"}
		}), "curl", "go", "signin.sh", nil},
		{"asked for by name", with(func(v *SnippetValues) {
			v.GrantTypes, v.RedirectURI = []string{"authorization_code"}, "http://localhost:9000"
		}), "go node python curl", "python", "signin.py", []string{`port=9000`, `host="localhost"`, `@app.get("/sign-in")`, "\n.venv/bin/pip install authlib", "; .venv/bin/python signin.py", "http://localhost:9000/sign-in"}},
		{"a language that nobody has", with(func(v *SnippetValues) {
			v.GrantTypes, v.RedirectURI = []string{"authorization_code"}, "http://[::1]:9000/cb"
		}), "go node python curl", "cobol", "signin.go", []string{`"[::1]:9000"`, "Then sign in at http://[::1]:9000/"}},
		{"a native application with a scheme of its own", with(func(v *SnippetValues) {
			v.GrantTypes, v.RedirectURI, v.AuthMethod = []string{"authorization_code"}, "com.example.app:/cb", "none"
		}), "curl", "go", "signin.sh", []string{`redirect_uri=com.example.app:/cb'`, "\nbash signin.sh "}},
		{"a service", with(func(v *SnippetValues) { v.GrantTypes = []string{"client_credentials"} }), "go node python curl", "curl", "service.sh", []string{`-u 'cl_1'":$CLIENT_SECRET"`}},
		{"a form for passwords", with(func(v *SnippetValues) { v.GrantTypes, v.TokenAlg = []string{"password"}, "ES256" }), "fastapi curl", "curl", "password.sh", []string{"; bash password.sh "}},
		{"an API", with(func(v *SnippetValues) { v.IsAPI, v.TokenAlg = true, "ES256" }), "fastapi curl", "", "introspect.py", []string{"http://127.0.0.1:8000/"}},
		{"nothing", base, "", "", "", nil},
		{"what would end a string", with(func(v *SnippetValues) {
			v.GrantTypes, v.RedirectURI = []string{"authorization_code"}, `https://app.example/'";$(id)\`
		}), "go node python curl", "curl", "signin.sh", []string{`'redirect_uri=https://app.example/'\''";$(id)\'`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			languages, chosen, snippet, err := Snippets(c.values, c.lang)
			var keys []string
			for _, l := range languages {
				keys = append(keys, l.Key)
			}
			if err != nil || strings.Join(keys, " ") != c.languages || snippet.File != c.file || c.languages != "" && !slices.Contains(keys, chosen) {
				t.Errorf("%v, %s of %v, %q", err, chosen, keys, snippet.File)
			}
			all := snippet.Code + "\n" + strings.Join([]string{snippet.Run, snippet.Then, snippet.Open, snippet.Send}, " ")
			for _, says := range c.says {
				if !strings.Contains(all, says) {
					t.Errorf("it does not say %s:\n%s", says, all)
				}
			}
			first, _, _ := strings.Cut(snippet.Code, "\n")
			for _, imported := range goImport.FindAllStringSubmatch(snippet.Code, -1) {
				if !slices.Contains(strings.Fields(first), imported[1]) { // a module's name alone brings not what its packages need
					t.Errorf("%q does not get %s", first, imported[1])
				}
			}
			if strings.Contains(snippet.Code, "[[") || strings.Contains(snippet.Code, "no value") {
				t.Errorf("%s", snippet.Code)
			}
		})
	}
}
