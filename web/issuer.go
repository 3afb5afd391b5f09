package web

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// issuerURL is the issuer, taken apart once.
type issuerURL struct {
	secure bool
	host   string // with its port, unless it is the scheme's default
	local  bool   // the issuer is this machine
	port   string
}

func parseIssuer(issuer string) (issuerURL, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" {
		return issuerURL{}, fmt.Errorf("the issuer %q is not https://host or http://localhost", issuer)
	}
	i := issuerURL{secure: u.Scheme == "https", host: strings.ToLower(u.Host), local: loopbackName(u.Hostname()), port: u.Port()}
	if !i.secure && !i.local {
		return issuerURL{}, fmt.Errorf("the issuer %q needs https: plain http is for this machine alone", issuer)
	}
	if i.port == "" {
		i.port = map[bool]string{true: "443", false: "80"}[i.secure]
	}
	i.host = strings.TrimSuffix(i.host, map[bool]string{true: ":443", false: ":80"}[i.secure])
	return i, nil
}

// serves reports whether a Host header names the issuer.
func (i issuerURL) serves(host string) bool {
	host = strings.ToLower(host)
	return host == i.host || (!strings.Contains(i.host, ":") && host == net.JoinHostPort(i.host, i.port))
}

// alsoHere reports whether a Host header is another name of the machine the issuer is.
func (i issuerURL) alsoHere(host string) bool { return i.local && namesThisMachine(host) }

// namesThisMachine reports whether a Host header does, wherever it is.
func namesThisMachine(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return loopbackName(strings.Trim(host, "[]"))
}

func loopbackName(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
