package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// healthcheckCommand asks the server on this machine whether it can serve: containers have no other program to ask with.
type healthcheckCommand struct {
	File   string `name:"config" variable:"GATEHOUSE_CONFIG" placeholder:"FILE" help:"One YAML file with settings."`
	Listen string `variable:"GATEHOUSE_LISTEN" placeholder:"HOST:PORT" help:"Where the server listens (127.0.0.1:8080)."`
}

// healthPatience is how long the server may take to answer.
const healthPatience = 5 * time.Second

// Run asks /readyz: of the listener for metrics where there is one, else of the one for everything.
func (c healthcheckCommand) Run(ctx context.Context, p *process) error {
	s, err := Config{File: c.File, Listen: c.Listen}.Validate(p.getenv, "GATEHOUSE_LISTEN", "GATEHOUSE_METRICS_LISTEN", "GATEHOUSE_ISSUER", "GATEHOUSE_ACME")
	if err != nil {
		return err
	}
	scheme, address := "http", s.Listen
	switch {
	case s.MetricsListen != "":
		address = s.MetricsListen
	case s.TLS.On():
		scheme = "https"
	}
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: healthPatience,
		// It asks this machine, by another name than the certificate's, and tells it nothing.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{ServerName: issuer.Hostname(), InsecureSkipVerify: true}},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+reachable(address)+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return err
	}
	says := strings.TrimSpace(string(text))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready (%d): %s", response.StatusCode, says)
	}
	return p.say(map[string]any{"ready": true}, "%s", says)
}

// reachable is the address to reach a listener of this machine at: one that listens everywhere is asked at loopback.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
