package oauth

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// answerParams are what an answer adds to a redirect_uri.
var answerParams = []string{"code", "access_token", "state", "iss", "error", "error_description", "error_uri"}

// maxURI bounds every URI a client may register, in bytes.
const maxURI = 2000

// redirectURIFault says in plain words what is wrong with a redirect_uri that a client wants to register, or "" if nothing.
func redirectURIFault(s string) string {
	if s == "" {
		return "Enter a URI."
	}
	if len(s) > maxURI {
		return "The URI is too long."
	}
	for i := range len(s) { // also keeps spaces and control characters from every header we write
		if s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '\\' || s[i] == '"' || s[i] == '<' || s[i] == '>' {
			return "The URI holds characters that have to be percent-encoded."
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return "This is not an absolute URI."
	}
	if strings.Contains(s, "#") { // RFC 6749 §3.1.2
		return "A redirect URI has no fragment (the part from # on)."
	}
	if u.User != nil {
		return "A redirect URI has no user name or password."
	}
	for _, name := range answerParams { // or it would come twice (RFC 6749 §3.1)
		if u.Query().Has(name) {
			return "The query of a redirect URI holds no " + name + ": that is a parameter of the answer."
		}
	}
	if u.Scheme != strings.ToLower(s[:len(u.Scheme)]) || s[:len(u.Scheme)] != u.Scheme {
		return "Write the scheme in lower case."
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return "The URI names no host."
		}
	case "http":
		if !loopback(u.Hostname()) {
			return "Use https. Plain http is allowed only for localhost, 127.0.0.1 and [::1]."
		}
	default:
		// RFC 8252 §7.1: private-use schemes are reversed domain names. The dot also rules out javascript:, data: and file:.
		if !strings.Contains(u.Scheme, ".") {
			return "A custom scheme is a reversed domain name such as com.example.app."
		}
		if u.Host == "" && u.Path == "" && u.Opaque == "" {
			return "The URI has nothing after its scheme."
		}
		return ""
	}
	if u.Host != strings.ToLower(u.Host) {
		return "Write the host in lower case."
	}
	if !plainHost(u) { // people are shown the host, so it has one spelling (punycode); and there are no wildcards
		return "The host is not a plain host name (xn-- where it is not ASCII) or IP address."
	}
	if strings.HasSuffix(u.Host, ":") || !validPort(u.Port()) {
		return "The port is not a number from 1 to 65535."
	}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		switch strings.ToLower(segment) {
		case ".", "..", "%2e", "%2e%2e", ".%2e", "%2e.":
			return "A redirect URI has no . or .. in its path."
		}
	}
	return ""
}

// plainHost reports whether the host is an IP address or made of lower-case letters, digits, dots, hyphens and underscores.
func plainHost(u *url.URL) bool {
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	if endsInNumber(host) {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Is4()
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// endsInNumber reports whether browsers read the host as an IPv4 address: 127.1, 0x7f.1 and 2130706433 are all this machine
// to them (WHATWG URL Standard §3.5).
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := net.LookupPort("tcp", port)
	return err == nil && n > 0 && port[0] >= '0' && port[0] <= '9'
}

// loopback reports whether host is this machine: localhost or a loopback address.
func loopback(host string) bool { return host == "localhost" || loopbackIP(host) }

// loopbackIP reports whether host is the IPv4 or IPv6 loopback literal of RFC 8252 §7.3.
func loopbackIP(host string) bool { return host == "127.0.0.1" || host == "::1" }

// redirectURIMatches compares a requested redirect_uri with a registered one: character by character (RFC 9700 §4.1.3), but
// that a loopback IP may come with any port (RFC 8252 §7.3). localhost is no such address: it has to match exactly.
func redirectURIMatches(registered, requested string) bool {
	if registered == requested {
		return true
	}
	r, rest, ok := splitLoopback(registered)
	if !ok {
		return false
	}
	q, requestedRest, ok := splitLoopback(requested)
	return ok && r == q && rest == requestedRest
}

// splitLoopback takes http://<loopback IP>[:port]<rest> apart without normalising anything.
func splitLoopback(uri string) (host, rest string, ok bool) {
	after, isHTTP := strings.CutPrefix(uri, "http://")
	if !isHTTP {
		return "", "", false
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	authority, rest := after[:end], after[end:]
	for _, ip := range []string{"127.0.0.1", "[::1]"} {
		port, found := strings.CutPrefix(authority, ip)
		if !found {
			continue
		}
		if port == "" {
			return ip, rest, true
		}
		// The colon has to follow at once: 127.0.0.11:80 begins like 127.0.0.1, too.
		if _, err := netip.ParseAddrPort(authority); err == nil && port[0] == ':' {
			return ip, rest, true
		}
	}
	return "", "", false
}

// rememberable reports whether consent for this redirection may be remembered: a public client on a loopback or
// custom-scheme redirect could be any program on the person's machine (RFC 8252 §8.6, security.md rule 19).
// With implicit nobody proves to be any client.
func (a *Authorization) rememberable() bool {
	return a.Target.Client.rememberable(a.responseType.grant, a.Target.RedirectURI)
}

// Remembered reports whether the consent of people to the client is remembered for any of its redirections, and for all of them.
func (c *Client) Remembered() (anywhere, everywhere bool) {
	everywhere = true
	for _, grant := range []string{GrantAuthorizationCode, GrantImplicit} {
		if !c.Allows(grant) {
			continue
		}
		for _, uri := range c.RedirectURIs {
			remembered := c.rememberable(grant, uri)
			anywhere, everywhere = anywhere || remembered, everywhere && remembered
		}
	}
	return anywhere, everywhere
}

func (c *Client) rememberable(grant, redirectURI string) bool {
	if !c.Public() && grant != GrantImplicit {
		return true
	}
	u, err := url.Parse(redirectURI)
	if err != nil || u.Scheme != "https" {
		return false
	}
	host := strings.TrimSuffix(u.Hostname(), ".") // localhost. is localhost
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		return !addr.IsLoopback() && !addr.IsUnspecified() // 0.0.0.0 leads here, too
	}
	return host != "localhost" && !strings.HasSuffix(host, ".localhost")
}

// RedirectHost names where a redirection leads, as a person can read it: the host, or the custom scheme.
func RedirectHost(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return ""
	}
	if u.Scheme == "https" || u.Scheme == "http" {
		return u.Host
	}
	return u.Scheme + ":"
}
