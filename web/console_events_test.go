package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

const eventStream = "/console/events/audit"

// streamed is an event of a stream.
type streamed struct{ id, name, data string }

// following is an event stream that somebody has open.
type following struct {
	t      *testing.T
	status int
	header http.Header
	events chan streamed // closed when the stream ends
	leave  context.CancelFunc
}

// follow opens a stream at a house that listens, as the person of the browser.
func follow(t *testing.T, h *webtest.House, b *webtest.Browser, query, lastID string) *following {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Issuer+eventStream+query, nil)
	must(t, err)
	r.Header.Set("Last-Event-ID", lastID)
	for _, c := range b.Jar().Cookies(r.URL) {
		r.AddCookie(c)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r) //nolint:bodyclose // whoever reads it does
	must(t, err)
	f := &following{t: t, status: response.StatusCode, header: response.Header, events: make(chan streamed), leave: leave}
	go f.read(ctx, response.Body)
	return f
}

func (f *following) read(ctx context.Context, body io.ReadCloser) {
	defer body.Close()
	defer close(f.events)
	var e streamed
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data += value + "\n"
		case "":
			if e != (streamed{}) && lines.Text() == "" {
				select {
				case f.events <- e:
				case <-ctx.Done():
				}
				e = streamed{}
			}
		}
	}
}

// next waits for an event; not ok once the stream has ended.
func (f *following) next() (e streamed, ok bool) {
	f.t.Helper()
	never := time.NewTimer(within)
	defer never.Stop()
	select {
	case e, ok = <-f.events:
		return e, ok
	case <-never.C:
		f.t.Fatal("nothing comes")
		return e, false
	}
}

// shows waits until the stream has told of the events, in this order and of no others.
func (f *following) shows(ids ...string) (last streamed) {
	f.t.Helper()
	var got []string
	for len(got) < len(ids) {
		e, ok := f.next()
		if !ok || e.name != "" {
			f.t.Fatalf("after %q: %+v, %v", got, e, ok)
		}
		got, last = append(got, keysOf(e.data)...), e
	}
	if !slices.Equal(got, ids) {
		f.t.Fatalf("it told of %q, not of %q", got, ids)
	}
	return last
}

// soon asks again and again, until it is so.
func soon(t *testing.T, what string, so func() bool) {
	t.Helper()
	again, never := time.NewTicker(5*time.Millisecond), time.NewTimer(within)
	defer again.Stop()
	defer never.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-never.C:
			t.Fatalf("%s: never", what)
		}
	}
}

// keysOf are the events of some rows.
func keysOf(html string) (ids []string) {
	for _, part := range strings.Split(html, `data-key="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids = append(ids, id)
	}
	return ids
}

// note writes down an event of the client and returns its id.
func note(t *testing.T, h *webtest.House, at time.Duration, client string) string {
	t.Helper()
	e := audit.Event{At: h.Clock.Now().Add(at), Action: audit.TokenRefused, Outcome: audit.Refused, ClientID: client, Error: "invalid_grant"}
	e.Target = audit.Party{Kind: audit.KindToken, ID: identity.NewID()}
	must(t, h.Store.Record(t.Context(), e))
	found, err := h.Store.Events(t.Context(), store.EventFilter{TargetID: e.Target.ID})
	must(t, err)
	return found[0].ID
}

// live opens houses that listen, on both databases.
func live(t *testing.T, fn func(t *testing.T, h *webtest.House), with ...func(*webtest.Options)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) { fn(t, webtest.OpenLocal(t, s, with...)) })
}

// Rows come as the list has them, those that the filter of the list finds, from whatever node they were written by.
func TestEvents_comeAsTheyHappen(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, backend storetest.Backend) {
		o := backend.Migrated(t)
		h := webtest.OpenLocal(t, storetest.Open(t, o))
		two := webtest.Open(t, storetest.Open(t, o), func(w *webtest.Options) { w.Clock, w.Sealer, w.Issuer = h.Clock, h.Sealer, h.Issuer })
		b, _ := staff(t, h, identity.RoleAuditor)
		shop, other := h.Client(t, named("Shop")), h.Client(t, named("Other"))
		all, some := follow(t, h, b, "", ""), follow(t, h, b, "?client="+shop.ID+"&outcome=refused", "")
		if all.status != http.StatusOK || all.header.Get("Content-Type") != "text/event-stream" || all.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", all.status, all.header)
		}
		lines := follow(t, h, b, "?as=lines&q=Shop", "")
		first, second := note(t, two, time.Second, other.ID), note(t, h, 2*time.Second, shop.ID)
		if last := all.shows(first, second); last.id != second {
			t.Errorf("its last event is said to be %s", last.id)
		}
		row := some.shows(second).data
		list := b.Get(eventList + "?client=" + shop.ID + "&outcome=refused").Body
		if !strings.Contains(list, strings.TrimSpace(row)) || strings.Count(row, "<tr") != 1 || !strings.Contains(row, "Shop") {
			t.Errorf("the list has no such row: %s", row)
		}
		if line := lines.shows(second).data; !strings.Contains(b.Get("/console").Body, strings.TrimSpace(line)) {
			t.Errorf("the overview has no such line: %s", line)
		}
		late := note(t, two, -10*time.Second, shop.ID) // its act began earlier, and was committed now
		if last := all.shows(late); last.id != second {
			t.Errorf("its last event is said to be %s", last.id)
		}
		some.shows(late)

		// Where nothing can ever come, nobody needs to ask again.
		for _, query := range []string{"?from=yesterday", "?q=nobody+and+nothing"} {
			if f := follow(t, h, b, query, ""); f.status != http.StatusNoContent {
				t.Errorf("%s: %d", query, f.status)
			}
		}
	})
}

// Who comes back is told what was missed, or that it was too much.
func TestEvents_areResumed(t *testing.T) {
	live(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		h.Clock.Advance(time.Minute)
		seen := note(t, h, 0, "a")
		h.Clock.Advance(time.Minute)
		missed := []string{seen, note(t, h, 0, "a")} // what was seen may come again: what lies close to it may have been committed after it
		for _, from := range [][2]string{{"", seen}, {"?since=" + seen, ""}, {"?since=" + missed[1], seen}} {
			f := follow(t, h, b, from[0], from[1])
			f.shows(missed...)
			next := note(t, h, time.Second, "a")
			if last := f.shows(next); last.id != next {
				t.Errorf("its last event is said to be %s", last.id)
			}
			missed = append(missed, next)
			f.leave()
			soon(t, "it is gone", func() bool { return measure(t, h, "gatehouse_event_streams_open") == 0 })
		}
		garbage := follow(t, h, b, "?since=zzz", "")
		if last := garbage.shows(note(t, h, 2*time.Second, "a")); last.id == "zzz" {
			t.Error("it takes what is no event for one")
		}
		h.Clock.Advance(time.Minute)
		before := note(t, h, 0, "b")
		for range store.TailLimit + 1 {
			note(t, h, time.Millisecond, "c")
		}
		f := follow(t, h, b, "", before)
		if e, ok := f.next(); !ok || e.name != "missed" {
			t.Fatalf("%+v", e)
		}
		if e, ok := f.next(); !ok || len(keysOf(e.data)) != store.TailLimit {
			t.Errorf("%d events", len(keysOf(e.data)))
		}
	}, measured)
}

// Nobody sees anything once they may not: neither whoever comes nor whoever is there.
func TestEvents_endWithTheRightToSeeThem(t *testing.T) {
	live(t, func(t *testing.T, h *webtest.House) {
		outsider, _ := staff(t, h, identity.RoleUser)
		if f := follow(t, h, outsider, "", ""); f.status != http.StatusForbidden || h.Refusal(t, "role") == nil {
			t.Errorf("without a role: %d", f.status)
		}
		if f := follow(t, h, h.Browser(t), "", ""); f.status != http.StatusSeeOther {
			t.Errorf("without a session: %d", f.status)
		}
		for what, end := range map[string]func(u *identity.User) error{
			"disabled": func(u *identity.User) error { return h.Store.DisableUser(t.Context(), u.ID, h.Clock.Now(), event()) },
			"role lost": func(u *identity.User) error {
				u.Role = identity.RoleUser
				return h.Store.UpdateUser(t.Context(), *u, h.Clock.Now(), event())
			},
			"signed out": func(u *identity.User) error {
				_, err := h.Store.EndSessions(t.Context(), u.ID, "", "signed_out", h.Clock.Now(), event())
				return err
			},
			"deleted": func(u *identity.User) error { return h.Store.DeleteUser(t.Context(), u.ID, h.Clock.Now(), event()) },
		} {
			b, u := staff(t, h, identity.RoleOperator)
			f := follow(t, h, b, "?ip=192.0.2.77", "")
			must(t, end(u))
			if e, ok := f.next(); !ok || e.name != "end" {
				t.Errorf("%s: %+v", what, e)
			}
			if _, ok := f.next(); ok {
				t.Errorf("%s: it goes on", what)
			}
		}
	})
}

// A page that is open and follows is no use of the console, which forgets who does nothing.
func TestEvents_keepNoSessionAlive(t *testing.T) {
	live(t, func(t *testing.T, h *webtest.House) {
		b, u := staff(t, h, identity.RoleAdmin)
		h.Clock.Advance(identity.ConsoleIdle - time.Second)
		f := follow(t, h, b, "?ip=192.0.2.77", "")
		if f.status != http.StatusOK {
			t.Fatalf("%d", f.status)
		}
		h.Clock.Advance(time.Second)
		if e, ok := f.next(); !ok || e.name != "end" {
			t.Errorf("%+v", e)
		}
		if p := b.Get("/console"); p.URL.Path != "/login" {
			t.Errorf("the console of %s is still open", u.Username)
		}
	})
}

// There is room for so many, of one person and of all, and what leaves makes room.
func TestEvents_areBounded(t *testing.T) {
	t.Parallel()
	h := webtest.OpenLocal(t, storetest.Open(t, storetest.SQLite(t)), measured)
	b, _ := staff(t, h, identity.RoleAuditor)
	other, _ := staff(t, h, identity.RoleAuditor)
	open := func(want float64) func() bool {
		return func() bool { return measure(t, h, "gatehouse_event_streams_open") == want }
	}
	var all []*following
	for range 4 {
		all = append(all, follow(t, h, b, "", ""))
	}
	if f := follow(t, h, b, "", ""); f.status != http.StatusServiceUnavailable || f.header.Get("Retry-After") != "10" {
		t.Errorf("the fifth: %d, to come again after %q", f.status, f.header.Get("Retry-After"))
	}
	if f := follow(t, h, other, "", ""); f.status != http.StatusOK {
		t.Errorf("somebody else: %d", f.status)
	}
	if !open(5)() || measure(t, h, "gatehouse_event_streams_refused_total") != 1 {
		t.Error("it is not counted")
	}
	all[0].leave()
	soon(t, "who left is gone", open(4))
	if f := follow(t, h, b, "", ""); f.status != http.StatusOK {
		t.Errorf("there is no room again: %d", f.status)
	}
}

// A server that stops waits for nobody who follows.
func TestEvents_endWithTheServer(t *testing.T) {
	live(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		f := follow(t, h, b, "", "")
		f.shows(note(t, h, 0, "a"))
		if err := h.App.ShutdownWithTimeout(within); err != nil {
			t.Error(err)
		}
		if e, ok := f.next(); ok {
			t.Errorf("it ends with %+v", e)
		}
	})
}

// The page says where its rows come from: on its first page, with what it asks for, after what it shows.
func TestEvents_areFollowedFromThePage(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		for i := range 30 {
			note(t, h, time.Duration(i+1)*time.Second, "a")
		}
		h.Clock.Advance(time.Minute)
		last := note(t, h, 0, "b")
		from := func(path string) (query url.Values) {
			t.Helper()
			_, rest, found := strings.Cut(b.Get(path).Body, `data-live="`+eventStream+"?")
			if !found {
				return nil
			}
			rest, _, _ = strings.Cut(rest, `"`)
			query, err := url.ParseQuery(strings.ReplaceAll(rest, "&amp;", "&"))
			must(t, err)
			return query
		}
		if got := fmt.Sprint(from(eventList + "?outcome=refused&q=" + url.QueryEscape("192.0.2.1"))); !strings.HasPrefix(got, "map[outcome:[refused] q:[192.0.2.1] since:[") {
			t.Errorf("of nothing yet: %s", got)
		}
		if got := from(eventList); got.Get("since") != last {
			t.Errorf("of all: %v", got)
		}
		if got := from("/console?range=7d"); got.Get("since") != last || got.Get("as") != "lines" {
			t.Errorf("of the overview: %v", got)
		}
		b.Get(eventList)
		next := b.Page.Parts("a", "rel", "next")[0].Attr("href")
		if got := from(next); got != nil {
			t.Errorf("of the second page: %v", got)
		}
		if got := from(eventList + "?from=yesterday"); got != nil {
			t.Errorf("of no time: %v", got)
		}
		ahead := note(t, h, time.Hour, "b") // of a node whose clock is: nothing before it may be missed
		if got := from(eventList).Get("since"); got >= ahead || got <= last {
			t.Errorf("after an event of the future: %s", got)
		}
	})
}
