package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A server is what has to be known about an authorization server to drive it. The endpoints come from its discovery
// document, except for those given here.
type server struct {
	Name         string   `yaml:"name"`
	Issuer       string   `yaml:"issuer"`
	Endpoints    metadata `yaml:"endpoints"`
	ClientID     string   `yaml:"client_id"`
	ClientSecret string   `yaml:"client_secret"`
	AuthMethod   string   `yaml:"token_endpoint_auth_method"` // as registered; client_secret_basic
	RedirectURI  string   `yaml:"redirect_uri"`               // nothing has to answer there
	Scope        string   `yaml:"scope"`                      // of what a person grants
	ClientScope  string   `yaml:"client_scope"`               // of what the client gets for itself
	User         string   `yaml:"user"`
	Password     string   `yaml:"password"`
	Against      string   `yaml:"against"`      // the server it is compared with; the first
	PID          int      `yaml:"pid"`          // the server's process; 0 for unknown
	DatabasePID  int      `yaml:"database_pid"` // its database's, such as PostgreSQL's postmaster; 0 for none
}

// metadata is a discovery document (OpenID Connect Discovery §3, RFC 8414 §2), as much of it as is driven.
type metadata struct {
	Authorization string `json:"authorization_endpoint" yaml:"authorization_endpoint"`
	Token         string `json:"token_endpoint" yaml:"token_endpoint"`
	Introspection string `json:"introspection_endpoint" yaml:"introspection_endpoint"`
	Userinfo      string `json:"userinfo_endpoint" yaml:"userinfo_endpoint"`
	JWKS          string `json:"jwks_uri" yaml:"jwks_uri"`
}

// readServers reads the file of --config: a list of servers under `servers`, YAML or JSON.
func readServers(path string) ([]*server, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var file struct {
		Servers []*server `yaml:"servers"`
	}
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file.Servers, nil
}

// complete fills in what was left open.
func (s *server) complete() error {
	if s.Name == "" || s.Issuer == "" {
		return errors.New("each server needs a name and an issuer")
	}
	s.AuthMethod = cmp.Or(s.AuthMethod, "client_secret_basic")
	s.RedirectURI = cmp.Or(s.RedirectURI, "http://127.0.0.1:9999/callback")
	s.Scope = cmp.Or(s.Scope, "openid profile email offline_access")
	switch s.AuthMethod {
	case "client_secret_basic", "client_secret_post", "none":
	default:
		return fmt.Errorf("%s: token_endpoint_auth_method is client_secret_basic, client_secret_post or none", s.Name)
	}
	if _, err := endpoint(s.Issuer); err != nil {
		return fmt.Errorf("%s: issuer: %w", s.Name, err)
	}
	return nil
}

// endpoint parses a URL that is to be driven.
func endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("expected http://host:port on this machine, not %q", text)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil && !isLocalhost(u.Hostname()) || ip != nil && !ip.IsLoopback() {
		return nil, fmt.Errorf("%s: %w", text, errElsewhere)
	}
	return u, nil
}

// isLocalhost reports whether the name is this machine's by definition (RFC 6761 §6.3). What it resolves to is looked at
// again before a connection is made.
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// addressOf is where a URL's server listens.
func addressOf(u *url.URL) string { return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")) }

// wellKnown is where the discovery document is.
func (s *server) wellKnown() string {
	return strings.TrimSuffix(s.Issuer, "/") + "/.well-known/openid-configuration"
}

// discover reads the discovery document.
func (s *server) discover() error {
	u, err := endpoint(s.wellKnown())
	if err != nil {
		return err
	}
	c := conn{address: addressOf(u)}
	defer c.close()
	if err := c.do(get(u, ""), time.Now()); err != nil {
		return fmt.Errorf("%s: %w", u, err)
	}
	if c.status != 200 {
		return fmt.Errorf("%s: %w", u, refused(&c.response))
	}
	var found metadata
	if err := json.Unmarshal(c.body, &found); err != nil {
		return fmt.Errorf("%s: %w", u, err)
	}
	for _, e := range []struct {
		given *string
		found string
	}{
		{&s.Endpoints.Authorization, found.Authorization}, {&s.Endpoints.Token, found.Token},
		{&s.Endpoints.Introspection, found.Introspection}, {&s.Endpoints.Userinfo, found.Userinfo}, {&s.Endpoints.JWKS, found.JWKS},
	} {
		*e.given = cmp.Or(*e.given, e.found)
	}
	return nil
}

// get is a GET request, with header fields of its own ("Name: value\r\n…").
func get(u *url.URL, fields string) []byte {
	return []byte("GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n" + fields + "\r\n")
}

// postHead is a POST request up to its length: appendPost makes it whole.
func postHead(u *url.URL, fields string) string {
	return "POST " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n" + fields +
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
}

func appendPost(request []byte, head string, body string) []byte {
	return fmt.Appendf(append(request, head...), "%d\r\n\r\n%s", len(body), body)
}

// authentication is how the client says who it is (RFC 6749 §2.3.1): in a header field, or in the form.
func (s *server) authentication() (fields string, parameters url.Values) {
	switch s.AuthMethod {
	case "client_secret_post":
		return "", url.Values{"client_id": {s.ClientID}, "client_secret": {s.ClientSecret}}
	case "none":
		return "", url.Values{"client_id": {s.ClientID}}
	}
	pair := url.QueryEscape(s.ClientID) + ":" + url.QueryEscape(s.ClientSecret)
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) + "\r\n", url.Values{}
}

// A clientEndpoint is one that the client authenticates at.
type clientEndpoint struct {
	address string
	head    string
	fixed   string // parameters that every request has, encoded
}

func (s *server) clientEndpoint(name, address string, fixed url.Values) (*clientEndpoint, error) {
	if address == "" {
		return nil, fmt.Errorf("its discovery document names no %s", name)
	}
	u, err := endpoint(address)
	if err != nil {
		return nil, err
	}
	fields, parameters := s.authentication()
	for name, values := range fixed {
		parameters[name] = values
	}
	return &clientEndpoint{address: addressOf(u), head: postHead(u, fields), fixed: parameters.Encode()}, nil
}

// request makes a request with further parameters, encoded, in the room of an earlier one.
func (e *clientEndpoint) request(room []byte, parameters string) []byte {
	body := e.fixed
	if body != "" && parameters != "" {
		body += "&"
	}
	return appendPost(room[:0], e.head, body+parameters)
}

// refusal is an answer that was not the expected one.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %s", r.status, r.body) }

func refused(r *response) error {
	const enough = 300
	body := strings.ToValidUTF8(string(r.body[:min(len(r.body), enough)]), "")
	if body == "" {
		body = r.field("location")
	}
	return &refusal{r.status, strings.Join(strings.Fields(body), " ")}
}
