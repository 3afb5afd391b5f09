package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// A browser is as much of a person's browser as a code flow needs: cookies, redirections, and forms as they stand in the page.
type browser struct {
	jar   *cookiejar.Jar
	conns map[string]*conn // by address
	room  []byte
}

func newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it has no options that could be wrong
	}
	return &browser{jar: jar, conns: map[string]*conn{}}
}

// conn is the connection to the server of a URL.
func (b *browser) conn(u *url.URL) *conn {
	address := addressOf(u)
	c := b.conns[address]
	if c == nil {
		c = &conn{address: address}
		b.conns[address] = c
	}
	return c
}

// close ends the connections; cookies stay.
func (b *browser) close() {
	for _, c := range b.conns {
		c.close()
	}
}

// load fetches a page, or sends a form there if there is one.
func (b *browser) load(u *url.URL, send url.Values) (*conn, error) {
	if _, err := endpoint(u.String()); err != nil {
		return nil, err
	}
	request := b.room[:0]
	var fields strings.Builder
	if cookies := b.jar.Cookies(u); len(cookies) > 0 {
		fields.WriteString("Cookie: ")
		for i, cookie := range cookies {
			if i > 0 {
				fields.WriteString("; ")
			}
			fields.WriteString(cookie.Name + "=" + cookie.Value)
		}
		fields.WriteString("\r\n")
	}
	fields.WriteString("Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n")
	if send == nil {
		request = append(request, get(u, "Sec-Fetch-Site: none\r\n"+fields.String())...)
	} else {
		fields.WriteString("Sec-Fetch-Site: same-origin\r\nOrigin: " + u.Scheme + "://" + u.Host + "\r\n")
		request = appendPost(request, postHead(u, fields.String()), send.Encode())
	}
	b.room = request
	c := b.conn(u)
	if err := c.do(request, time.Now()); err != nil {
		return nil, fmt.Errorf("%s: %w", u.Path, err)
	}
	var set []*http.Cookie
	for line := range c.fields("set-cookie") {
		if cookie, err := http.ParseSetCookie(line); err == nil {
			set = append(set, cookie)
		}
	}
	if len(set) > 0 {
		b.jar.SetCookies(u, set)
	}
	return c, nil
}

// maxSteps is longer than any way from an application through a sign-in and back.
const maxSteps = 25

// visit goes where it is sent and fills in what it is asked, until it is sent back to the application, and returns that URL.
func (b *browser) visit(u *url.URL, back string, s *server) (*url.URL, error) {
	var send url.Values
	signIns := 0
	for range maxSteps {
		c, err := b.load(u, send)
		if err != nil {
			return nil, err
		}
		send = nil
		if to := c.field("location"); c.status >= 300 && c.status < 400 && to != "" {
			next, err := u.Parse(to)
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(next.String(), back+"?") {
				return next, nil
			}
			u = next
			continue
		}
		forms, err := formsOf(c.body)
		if err != nil {
			return nil, err
		}
		f := choose(forms)
		if f != nil && f.password != "" {
			if signIns++; signIns > 1 {
				return nil, fmt.Errorf("%s does not let %q in: %s", u.Path, s.User, page(c.body))
			}
		}
		if c.status != 200 || f == nil {
			return nil, fmt.Errorf("%s answered %d, with no form to fill in: %s", u.Path, c.status, page(c.body))
		}
		action, err := u.Parse(f.action)
		if err != nil {
			return nil, err
		}
		if values := f.filled(s.User, s.Password); f.method == "POST" {
			send = values
		} else {
			action.RawQuery = values.Encode()
		}
		u = action
	}
	return nil, errors.New("the way back to the application is too long: it ended at " + u.Path)
}

// page is the beginning of what people read on a page.
func page(body []byte) string {
	text := readable(body)
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	return text
}
