package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// stormConnections are how many connections a storm has for each try a second: a try may wait so many seconds for its answer
// before its connection misses a turn.
const stormConnections = 4

// A storm is strangers who try wrong passwords while a server is driven: at its sign-in page, each with another name.
type storm struct {
	rate    int // tries a second
	page    *url.URL
	head    string
	form    *form
	address string

	sent   atomic.Int64
	missed atomic.Int64 // turns that came while the last answer was still due
	mu     sync.Mutex
	by     map[int]int64 // answers by status; 0 for none
}

// newStorm finds the sign-in page, as a browser would that wants to authorize the client.
func newStorm(s *server, rate int) (*storm, error) {
	c := newCrew(s, flow{name: "storm"}, 1)
	defer c.close()
	if err := readyCode(context.Background(), c); err != nil {
		return nil, err
	}
	query := c.start.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": s.ClientID, "redirect_uri": s.RedirectURI, "scope": s.Scope, "state": "storm-of-wrong-passwords",
		"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256", // of RFC 7636, appendix B
	} {
		query.Set(name, value)
	}
	u := *c.start
	u.RawQuery = query.Encode()
	b := newBrowser()
	defer b.close()
	at := &u
	for range maxSteps {
		answer, err := b.load(at, nil)
		if err != nil {
			return nil, err
		}
		if to := answer.field("location"); answer.status >= 300 && answer.status < 400 && to != "" {
			if at, err = at.Parse(to); err != nil {
				return nil, err
			}
			continue
		}
		forms, err := formsOf(answer.body)
		if err != nil {
			return nil, err
		}
		f := choose(forms)
		if f == nil || f.password == "" {
			return nil, fmt.Errorf("%s asks for no password: %s", at.Path, page(answer.body))
		}
		action, err := at.Parse(f.action)
		if err != nil {
			return nil, err
		}
		fields := "Origin: " + action.Scheme + "://" + action.Host + "\r\nSec-Fetch-Site: same-origin\r\nCookie: "
		for i, cookie := range b.jar.Cookies(action) {
			if i > 0 {
				fields += "; "
			}
			fields += cookie.Name + "=" + cookie.Value
		}
		return &storm{rate: rate, page: action, head: postHead(action, fields+"\r\n"), form: f, address: addressOf(action), by: map[int]int64{}}, nil
	}
	return nil, errors.New("the way to the sign-in page is too long")
}

// rage sends the tries until the context ends.
func (s *storm) rage(ctx context.Context) {
	begin := time.Now()
	n := s.rate * stormConnections
	period := time.Duration(n) * time.Second / time.Duration(s.rate)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			c := &conn{address: s.address}
			defer c.close()
			for turn := begin.Add(period * time.Duration(i) / time.Duration(n)); ; turn = turn.Add(period) {
				wait := time.Until(turn)
				if wait < -period {
					s.missed.Add(1)
					continue
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
				}
				s.try(c)
			}
		})
	}
	all.Wait()
}

func (s *storm) try(c *conn) {
	n := s.sent.Add(1)
	s.mu.Lock()
	body := s.form.filled("nobody"+strconv.FormatInt(n, 10), "not their password").Encode()
	s.mu.Unlock()
	status := 0
	if err := c.do(appendPost(nil, s.head, body), time.Now()); err == nil {
		status = c.status
	} else {
		c.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[status]++
}

// report tells how hard it raged.
func (s *storm) report(w io.Writer, name string, took time.Duration) {
	fmt.Fprintf(w, "storm at %s: %.0f tries/s", name, float64(s.sent.Load())/took.Seconds())
	for _, status := range slices.Sorted(maps.Keys(s.by)) {
		what := strconv.Itoa(status)
		if status == 0 {
			what = "no answer"
		}
		fmt.Fprintf(w, ", %d %s", s.by[status], what)
	}
	fmt.Fprintf(w, ", %d turns missed\n", s.missed.Load())
}
