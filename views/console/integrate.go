package console

import (
	"embed"
	"encoding/json"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Integration is what an application has to know, and how far it has come.
type Integration struct {
	Client     Client
	Lang       string // chosen: a Language's Key
	Snippet    Snippet
	Languages  []Language // in which there is something to show
	Endpoints  []Link     // Text is the name, Href the address
	Milestones []Milestone
	Live       string   // where the client's events come from
	Refusal    EventRow // the last one, without Href if there is none
	Now        time.Time
}

// Language is a way to write a client.
type Language struct{ Key, Label string }

// Milestone is something an application does for the first time.
type Milestone struct {
	Text string
	Done bool
	Hint string // while it is not done
	// Unheard is what no event in the log tells: who waits for it has to ask again.
	Unheard bool
}

// Snippet is a program that works with the client's own values. A secret is never in it.
type Snippet struct {
	Title, Text string // what it does, in words
	File        string
	Code        string
	Secret      bool   // it reads the client's secret from the environment
	Run         string // the shell's commands that run the file
	Then        string // what to do while it runs, empty if it ends by itself
	Open, Send  string // an address for a browser, or a command, that does it
}

// SnippetValues are what a snippet is filled with.
type SnippetValues struct {
	Issuer, Discovery, TokenEndpoint, AuthorizationEndpoint, IntrospectionEndpoint, JWKS string

	ClientID    string
	AuthMethod  string // token_endpoint_auth_method
	GrantTypes  []string
	Scopes      []string
	RedirectURI string // the first one
	Alg         string // of ID tokens
	IsAPI       bool   // the client introspects for an API
	Audience    string // of its access tokens
	TokenAlg    string // that they are signed with; "" for opaque ones and those that share a secret
}

// The kinds of snippets, by what the client does.
const (
	snippetSignIn     = "signin"
	snippetService    = "service"
	snippetPassword   = "password"
	snippetIntrospect = "introspect"
	snippetAPI        = "api"
)

//go:embed snippets/*.tmpl
var snippetFiles embed.FS

var snippets = template.Must(template.New("").Delims("[[", "]]").Funcs(template.FuncMap{
	"q": quoted, "sh": shellQuoted, "list": func(words []string) string {
		var all []string
		for _, w := range words {
			all = append(all, quoted(w))
		}
		return strings.Join(all, ", ")
	},
}).ParseFS(snippetFiles, "snippets/*.tmpl"))

// quoted is a string as Go, JavaScript and Python all write it.
func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // strings can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Secret reports whether the client has one.
func (v SnippetValues) Secret() bool { return v.AuthMethod != "none" }

// Post reports whether it sends it in the form.
func (v SnippetValues) Post() bool { return v.AuthMethod == "client_secret_post" }

// Plain reports whether the issuer does without TLS, which libraries want to be told.
func (v SnippetValues) Plain() bool { return strings.HasPrefix(v.Issuer, "http:") }

// Scope is what it asks for.
func (v SnippetValues) Scope() string { return strings.Join(v.Scopes, " ") }

// AuthorizeURL is where a person is sent, without what is new each time.
func (v SnippetValues) AuthorizeURL() string {
	return v.AuthorizationEndpoint + "?" + url.Values{
		"response_type": {"code"}, "client_id": {v.ClientID}, "redirect_uri": {v.RedirectURI}, "scope": {v.Scope()},
	}.Encode()
}

func (v SnippetValues) redirect() *url.URL {
	u, err := url.Parse(v.RedirectURI)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// Path is that of the redirect URI.
func (v SnippetValues) Path() string {
	if p := v.redirect().EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// Start is where signing in begins.
func (v SnippetValues) Start() string {
	if v.Path() == "/" {
		return "/sign-in"
	}
	return "/"
}

// local reports whether the redirect URI leads to the machine that the browser runs on.
func (v SnippetValues) local() bool {
	u := v.redirect()
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// Host and Port are where the program listens: where the redirect URI leads, if that is here.
func (v SnippetValues) Host() string {
	if host := v.redirect().Hostname(); v.local() {
		return host
	}
	return "127.0.0.1"
}

// Port is the redirect URI's own, if that leads here.
func (v SnippetValues) Port() string {
	if v.local() {
		if port := v.redirect().Port(); port != "" {
			return port
		}
		return "80"
	}
	return "8000"
}

// Listen is Host and Port.
func (v SnippetValues) Listen() string { return net.JoinHostPort(v.Host(), v.Port()) }

// kinds are what there is to show, the first first.
func (v SnippetValues) kinds() (kinds []string) {
	for _, k := range []struct {
		kind string
		fits bool
	}{
		{snippetSignIn, slices.Contains(v.GrantTypes, "authorization_code") && v.RedirectURI != ""},
		{snippetService, slices.Contains(v.GrantTypes, "client_credentials")},
		{snippetPassword, slices.Contains(v.GrantTypes, "password")},
		{snippetIntrospect, v.IsAPI},
		{snippetAPI, v.TokenAlg != "" && !v.IsAPI},
	} {
		if k.fits {
			kinds = append(kinds, k.kind)
		}
	}
	return kinds
}

var snippetTitles = map[string][2]string{
	snippetSignIn:     {"Sign people in", "Sends people here, and redeems the code they come back with."},
	snippetService:    {"Get a token for the application itself", "No person takes part."},
	snippetPassword:   {"Get a token for a password", "Only for applications of your own that cannot open a browser."},
	snippetIntrospect: {"Ask whether a token holds", "The API asks about each token it is sent: one that was revoked is refused at once."},
	snippetAPI:        {"Accept this client’s tokens", "An API that checks them by their signature. It notices that one was revoked when it expires."},
}

// A way is a file of snippets: in which language, to do what.
var snippetWays = []struct {
	lang  Language
	kinds map[string]string // template, and the name of the file, by kind
}{
	{Language{"go", "Go"}, map[string]string{snippetSignIn: "signin.go", snippetService: "service.go"}},
	{Language{"node", "Node"}, map[string]string{snippetSignIn: "signin.mjs", snippetService: "service.mjs"}},
	{Language{"python", "Python"}, map[string]string{snippetSignIn: "signin.py", snippetService: "service.py"}},
	{Language{"fastapi", "FastAPI"}, map[string]string{snippetIntrospect: "introspect.py", snippetAPI: "api.py"}},
	{Language{"curl", "curl"}, map[string]string{snippetSignIn: "signin.sh", snippetService: "service.sh", snippetPassword: "password.sh", snippetIntrospect: "introspect.sh"}},
}

// Snippets are the languages in which there is something to show for these values, and the snippet in one of them: the first
// unless lang is another.
func Snippets(v SnippetValues, lang string) (languages []Language, chosen string, snippet Snippet, err error) {
	// No server answers at a scheme of its own; and what it reads is the ID token.
	served := (v.redirect().Scheme == "http" || v.redirect().Scheme == "https") && slices.Contains(v.Scopes, "openid")
	var does string // the kind of the one that is chosen
	for _, way := range snippetWays {
		for _, kind := range v.kinds() {
			file := way.kinds[kind]
			if file == "" || kind == snippetSignIn && !served && way.lang.Key != "curl" {
				continue
			}
			languages = append(languages, way.lang)
			if chosen == "" || way.lang.Key == lang && chosen != lang {
				chosen = way.lang.Key
				does, snippet = kind, Snippet{Title: snippetTitles[kind][0], Text: snippetTitles[kind][1], File: file}
			}
			break
		}
	}
	if chosen == "" {
		return nil, "", Snippet{}, nil
	}
	var code strings.Builder
	err = snippets.ExecuteTemplate(&code, snippet.File+".tmpl", v)
	snippet.Code = code.String()
	snippet.explain(does, v)
	return languages, chosen, snippet, err
}

// explain says how to try the file. What it needs is named in its first line.
func (s *Snippet) explain(kind string, v SnippetValues) {
	first, _, _ := strings.Cut(s.Code, "\n")
	_, install, _ := strings.Cut(first, " ")
	var prepare, run string
	switch path.Ext(s.File) {
	case ".go":
		prepare, run = "go mod init example\n"+install+"\n", "go run "
	case ".mjs":
		prepare, run = install+"\n", "node "
	case ".py":
		prepare, run = "python3 -m venv .venv\n.venv/bin/"+install+"\n", ".venv/bin/python "
	default:
		run = "bash "
	}
	if s.Secret = strings.Contains(s.Code, "CLIENT_SECRET"); s.Secret {
		run = askForSecret + run // in the last line: what follows would be taken for the answer
	}
	s.Run = prepare + run + s.File
	switch {
	case path.Ext(s.File) == ".sh": // it ends by itself
	case kind == snippetSignIn && v.local():
		s.Then, s.Open = "Then sign in at", "http://"+v.Listen()+v.Start()
	case kind == snippetSignIn:
		u := v.redirect()
		s.Then, s.Open = "It listens at "+v.Listen()+". Have "+u.Host+" lead there, then sign in at", u.Scheme+"://"+u.Host+v.Start()
	case kind == snippetAPI || kind == snippetIntrospect:
		s.Then, s.Send = "Then send it a token:", "curl -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8000/"
	}
}

// askForSecret keeps the secret out of the shell's history.
const askForSecret = "printf 'Client secret: '; read -rs CLIENT_SECRET; echo; export CLIENT_SECRET; "

func (d Integration) tab(lang string) string { return d.Client.path() + "/integrate?lang=" + lang }
