package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// pageBudget is what any page may cost, compressed by gzip: of 50 rows it would be 20 KiB, and ours have 25.
const pageBudget = 12 << 10

var fetches = regexp.MustCompile(`<(?:link|script|img|iframe|source|use)\b[^>]*\s(?:src|href|srcset)="((?:[a-z]+:)?//[^"]*)"`)

// Full pages of lists, and whatever else the console shows, are small and fetch nothing from elsewhere.
func TestConsole_pagesAreLight(t *testing.T) {
	t.Parallel()
	h := webtest.Open(t, storetest.Open(t, storetest.SQLite(t)))
	const rows = 60
	var people []*identity.User
	var clients []*webtest.Client
	for i := range rows {
		people = append(people, h.User(t, func(u *identity.User) {
			u.Name = fmt.Sprintf("Wilhelmina %s van der Berg-%x", strings.Repeat(string(rune('a'+i%26)), 9), i*7919)
		}))
		clients = append(clients, h.Client(t, named(fmt.Sprintf("Warehouse %x of the %d. district", i*7919, i)), func(c *oauth.Client) {
			c.ClientURI = fmt.Sprintf("https://%x.shop.example/", i*104729)
		}))
	}
	at, bulk := h.Clock.Now(), store.NewBulk(h.Store)
	_, err := bulk.Sessions(t.Context(), each(rows, func(i int) identity.Session {
		return identity.Session{
			ID: identity.NewID(), TokenHash: fmt.Sprint("session", i), UserID: people[i].ID, AuthTime: at, LastSeenAt: at, ExpiresAt: at.Add(time.Hour),
			IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
		}
	}))
	must(t, err)
	_, err = bulk.Families(t.Context(), each(rows, func(i int) oauth.Family {
		return oauth.Family{
			ID: identity.NewID(), ClientID: clients[i].ID, UserID: people[i].ID, GrantType: oauth.GrantPassword, Scopes: oauth.Scopes{"openid", "profile", "email"},
			AuthTime: at, CreatedAt: at, ExpiresAt: at.Add(time.Hour), IdleExpiresAt: at.Add(time.Hour),
		}
	}))
	must(t, err)
	_, err = bulk.Consents(t.Context(), each(rows, func(i int) oauth.Consent {
		return oauth.Consent{UserID: people[i].ID, ClientID: clients[i].ID, Scopes: oauth.Scopes{"openid", "profile", "email", "offline_access"}, UpdatedAt: at}
	}))
	must(t, err)
	b, _ := staff(t, h, identity.RoleAdmin)
	client, user := clientList+"/"+clients[0].ID, userList+"/"+people[0].ID
	for _, list := range []string{clientList, userList, "/console/sessions", "/console/families", "/console/consents", "/console/audit"} {
		if p := b.Get(list); strings.Count(p.Body, "<tr") < 25 || !strings.Contains(p.Body, `rel="next"`) {
			t.Errorf("%s is not full: %d rows", list, strings.Count(p.Body, "<tr"))
		}
	}
	pages := 0
	for _, path := range h.App.Pages() {
		if !strings.HasPrefix(path, "/console") || strings.HasSuffix(path, "/export") {
			continue
		}
		switch {
		case strings.HasPrefix(path, clientList+"/:id"):
			path = client + strings.TrimPrefix(path, clientList+"/:id")
		case strings.HasPrefix(path, userList+"/:id"):
			path = user + strings.TrimPrefix(path, userList+"/:id")
		}
		if strings.Contains(path, ":") {
			continue
		}
		p := b.Get(path)
		if p.Status != 200 || !strings.Contains(p.Header.Get("Content-Type"), "text/html") {
			continue
		}
		pages++
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write([]byte(p.Body))
		must(t, err)
		must(t, w.Close())
		if packed.Len() > pageBudget {
			t.Errorf("%s costs %d bytes, at most %d", path, packed.Len(), pageBudget)
		}
		for _, from := range fetches.FindAllStringSubmatch(p.Body, -1) {
			t.Errorf("%s fetches %s", path, from[1])
		}
		t.Logf("%6d %s", packed.Len(), path)
	}
	if pages < 45 {
		t.Errorf("only %d pages were looked at", pages)
	}
}

// each are n values, each made from its number.
func each[T any](n int, value func(i int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range n {
			if !yield(value(i)) {
				return
			}
		}
	}
}
