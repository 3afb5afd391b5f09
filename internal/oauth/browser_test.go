package oauth

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// place is where a browser goes: what the address bar would show.
type place struct{ scheme, host, port, rest string }

// browse reads an absolute URL as browsers do (WHATWG URL Standard §4.4), without any help from net/url. Where it says false a
// browser goes nowhere. Names beyond ASCII are left out: no redirect_uri may hold them.
func browse(s string) (p place, ok bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	scheme, after, found := strings.Cut(s, ":")
	if !found || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") != "" ||
		strings.ContainsAny(scheme[:1], "0123456789+-.") {
		return p, false
	}
	p.scheme = strings.ToLower(scheme)
	if p.scheme != "http" && p.scheme != "https" {
		p.rest = after
		return p, true
	}
	after = strings.TrimLeft(after, `/\`) // one slash, three, or backslashes: all the same
	end := strings.IndexAny(after, `/\?#`)
	if end < 0 {
		end = len(after)
	}
	authority := after[:end]
	p.rest = after[end:]
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		if p.port, ok = browserPort(p.scheme, authority[colon+1:]); !ok {
			return p, false
		}
		authority = authority[:colon]
	}
	p.host, ok = browserHost(authority)
	return p, ok
}

func browserPort(scheme, digits string) (string, bool) {
	if digits == "" {
		return "", true
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", false
	}
	if scheme == "http" && port == 80 || scheme == "https" && port == 443 {
		return "", true
	}
	return strconv.FormatUint(port, 10), true
}

// browserHost is the host parser (§3.5).
func browserHost(s string) (string, bool) {
	if strings.HasPrefix(s, "[") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(s[1:], "]"))
		if err != nil || !strings.HasSuffix(s, "]") || addr.Zone() != "" || !addr.Is6() {
			return "", false
		}
		return "[" + addr.String() + "]", true
	}
	var decoded strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				decoded.WriteByte(byte(b))
				i += 2
				continue
			}
		}
		decoded.WriteByte(s[i])
	}
	host := strings.ToLower(decoded.String())
	for i := range len(host) {
		if host[i] <= ' ' || host[i] >= 0x7f || strings.IndexByte(`#%/:<>?@[\]^|`, host[i]) >= 0 {
			return "", false
		}
	}
	if host == "" {
		return "", false
	}
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := parts[len(parts)-1]
	if _, number := browserNumber(last); !number && (last == "" || strings.Trim(last, "0123456789") != "") {
		return host, true
	}
	return browserIPv4(parts)
}

// browserIPv4 is the IPv4 parser (§3.5): 127.1, 0x7f.0.0.1 and 2130706433 are all 127.0.0.1.
func browserIPv4(parts []string) (string, bool) {
	if len(parts) > 4 {
		return "", false
	}
	var address uint64
	for i, part := range parts {
		n, ok := browserNumber(part)
		room := uint64(1) << 8
		if i == len(parts)-1 {
			room = 1 << (8 * (5 - len(parts)))
		}
		if !ok || n >= room {
			return "", false
		}
		if i == len(parts)-1 {
			address |= n
		} else {
			address |= n << (8 * (3 - i))
		}
	}
	return fmt.Sprintf("%d.%d.%d.%d", address>>24, address>>16&255, address>>8&255, address&255), true
}

func browserNumber(s string) (uint64, bool) {
	base := 10
	switch {
	case s == "":
		return 0, false
	case strings.HasPrefix(s, "0x"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	if s == "" {
		return 0, true
	}
	if strings.Trim(s, "0123456789abcdef"[:base]) != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil { // too large for any address, but a number
		return 1 << 63, true
	}
	return n, true
}

// local reports whether the browser stays on its own machine.
func (p place) local() bool {
	name := strings.TrimSuffix(p.host, ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(p.host, "[]"))
	return err == nil && (addr.Unmap().IsLoopback() || addr.Unmap().IsUnspecified())
}

// The examples are the standard's own, or what Chromium and Firefox do.
func TestBrowse(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]place{
		"https://app.example/cb?x#y":         {"https", "app.example", "", "/cb?x#y"},
		" \thttps:\\\\APP.example\\cb\n":     {"https", "app.example", "", `\cb`},
		"https:///app.example:443/cb":        {"https", "app.example", "", "/cb"},
		"https:app.example:8443?x":           {"https", "app.example", "8443", "?x"},
		`https://app.example\@evil.test/cb`:  {"https", "app.example", "", `\@evil.test/cb`},
		"https://app.example@evil.test/cb":   {"https", "evil.test", "", "/cb"},
		"https://app.exam%70le./":            {"https", "app.example.", "", "/"},
		"http://127.1":                       {"http", "127.0.0.1", "", ""},
		"http://0x7f000001:080/":             {"http", "127.0.0.1", "", "/"},
		"http://0177.0.0x0.1./":              {"http", "127.0.0.1", "", "/"},
		"http://2130706433:8080/":            {"http", "127.0.0.1", "8080", "/"},
		"http://1.0x":                        {"http", "1.0.0.0", "", ""},
		"http://[0:0::1]:1/":                 {"http", "[::1]", "1", "/"},
		"https://1.example":                  {"https", "1.example", "", ""},
		"com.example.app:/cb":                {"com.example.app", "", "", "/cb"},
		"java\nscript:alert(1)":              {"javascript", "", "", "alert(1)"},
		"https://app.example:65536/":         {},
		"https://256.256.256.256/":           {},
		"https://1.2.3.4.5/":                 {},
		"https://1.2.3.08/":                  {},
		"https://99999999999999999999999/":   {},
		"https://a b/":                       {},
		"https://":                           {},
		"https://[::1/":                      {},
		"https://[127.0.0.1]/":               {},
		"//app.example/cb":                   {},
		"1https://app.example/":              {},
		"https://user:pw@app.example:x/":     {},
		"https://app.example:8080:80@x.test": {"https", "x.test", "", ""},
	} {
		if got, ok := browse(s); ok != (want != place{}) || ok && got != want {
			t.Errorf("%q: %+v, %t", s, got, ok)
		}
	}
}
