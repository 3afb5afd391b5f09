package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/web/webtest"
)

const (
	familyList  = "/console/families"
	sessionList = "/console/sessions"
	eventList   = "/console/audit"

	verificationPage = eventList + "/verification"
)

// rows are the last parts of the addresses that the list leads to.
func rows(p *webtest.Page) (ids []string) {
	for _, link := range p.Parts("a", "class", "row-link") {
		path, _, _ := strings.Cut(link.Attr("href"), "?")
		ids = append(ids, path[strings.LastIndex(path, "/")+1:])
	}
	return ids
}

// told is the newest event of the action.
func newestEvent(t *testing.T, h *webtest.House, action audit.Action) audit.Event {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Action: action, Limit: 1})
	if err != nil || len(events) != 1 {
		t.Fatalf("%s: %v, %v", action, events, err)
	}
	return events[0]
}

func TestFamilies_areFound(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		shop, phone := h.Client(t, named("Shop")), h.Client(t, named("Phone"))
		sofia, ola := h.User(t, people("Sofia", "sofia")), h.User(t, people("Ola", "ola"))
		var ids []string
		for _, g := range []struct {
			client *webtest.Client
			user   *identity.User
			ask    url.Values
		}{{shop, sofia, nil}, {shop, ola, nil}, {phone, sofia, nil}, {phone, ola, url.Values{"scope": {"openid"}}}} {
			h.Tokens(t, g.client, g.user, g.ask)
			ids = append(ids, familyOf(t, h, g.user))
		}
		must(t, h.Store.EndFamily(t.Context(), ids[1], oauth.EndedByClient, h.Clock.Now(), event()))
		must(t, h.Store.EndFamily(t.Context(), ids[2], oauth.EndedByReplay, h.Clock.Now(), event()))
		h.Clock.Advance(20 * time.Minute) // the session's family has its one access token no more
		for _, c := range []struct {
			name, query string
			want        []int
		}{
			{"all, newest first", "", []int{3, 2, 1, 0}},
			{"a person's", "user=" + sofia.ID, []int{2, 0}},
			{"a client's", "client=" + shop.ID, []int{1, 0}},
			{"a person's of a client", "client=" + shop.ID + "&user=" + ola.ID, []int{1}},
			{"live", "state=live", []int{0}},
			{"expired", "state=expired", []int{3}},
			{"ended", "state=ended", []int{2, 1}},
			{"used twice", "state=replayed", []int{2}},
			{"by username", "q=SOFIA", []int{2, 0}},
			{"by e-mail address", "q=ola%40example.test", []int{3, 1}},
			{"by a piece of a name", "q=ol", []int{3, 1}},
			{"by client id", "q=" + phone.ID, []int{3, 2}},
			{"by client name", "q=hon", []int{3, 2}},
			{"by family id", "q=" + ids[2], []int{2}},
			{"a search within a filter", "q=sofia&client=" + shop.ID, []int{0}},
			{"a search against its filter", "q=sofia&user=" + ola.ID, nil},
			{"somebody unknown", "q=nobody", nil},
			{"an address, which families have none of", "q=192.0.2.1", nil},
			{"garbage", "state=nonsense&after=garbage&before=%00", []int{3, 2, 1, 0}},
		} {
			p := b.Get(familyList + "?" + c.query)
			var want []string
			for _, i := range c.want {
				want = append(want, ids[i])
			}
			if got := rows(p); p.Status != http.StatusOK || !slices.Equal(got, want) {
				t.Errorf("%s: %d %q, want %q", c.name, p.Status, got, want)
			}
			if says := p.Says("count"); !strings.HasPrefix(says, fmt.Sprint(len(want), " famil")) {
				t.Errorf("%s: counted %q", c.name, says)
			}
			if part := partial(t, b, h, http.MethodGet, familyList+"?"+c.query, nil); !slices.Equal(rows(part), want) || len(part.Parts("main", "", "")) > 0 {
				t.Errorf("%s: the part has %q", c.name, rows(part))
			}
		}
		// A filter says whom it means, and the link that takes it out leaves the others.
		p := b.Get(familyList + "?state=ended&client=" + shop.ID + "&user=" + ola.ID)
		chips := p.Parts("li", "class", "filter-chip")
		if len(chips) != 2 || chips[0].Text() != "Person ola" || chips[1].Text() != "Client Shop" {
			t.Fatalf("%v", chips)
		}
		for _, a := range p.Parts("a", "aria-label", "Remove the filter Client Shop") {
			if href := a.Attr("href"); href != familyList+"?state=ended&user="+ola.ID {
				t.Errorf("without the client it is %q", href)
			}
		}
		if p := b.Get(familyList + "?q=o"); !strings.Contains(p.Text(), "may mean several") || !strings.Contains(p.Text(), "Client Phone") || !strings.Contains(p.Text(), "Person ola") {
			t.Errorf("of several it says %s", p.Text())
		}
	})
}

func TestFamilies_arePagedForthAndBack(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		client, user := h.Client(t), h.User(t)
		them := h.Browser(t)
		for range 60 {
			h.Redeem(t, client, them.Code(client, user, nil))
		}
		seen, pages := map[string]bool{}, 0
		first := b.Get(familyList + "?user=" + user.ID + "&state=live")
		for p := first; ; pages++ {
			for _, id := range rows(p) {
				if seen[id] {
					t.Errorf("%s is there twice", id)
				}
				seen[id] = true
			}
			next := neighbour(p, "next")
			if next == "" {
				break
			}
			if u, err := url.Parse(next); err != nil || u.Query().Get("user") != user.ID || u.Query().Get("state") != "live" {
				t.Fatalf("the pager forgot the filters: %s", next)
			}
			p = b.Get(next)
		}
		if len(seen) != 60 || pages != 2 {
			t.Errorf("%d families on %d pages", len(seen), pages+1)
		}
		if back := b.Get(neighbour(&b.Page, "prev")); neighbour(back, "prev") == "" || len(rows(back)) != 25 {
			t.Error("no way back")
		}
	})
}

// A family tells who was given which token, which one came again, and what that led to (RFC 9700 §4.14.2).
func TestFamily_tellsItsStory(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		client, user := h.Client(t, webtest.Public), h.User(t)
		tokens := refreshed(t, h, client, user, 3, time.Minute)
		path := familyList + "/" + familyOf(t, h, user)
		node := func(state string) (texts []string) {
			for _, n := range b.Page.Parts("article", "data-state", state) {
				texts = append(texts, n.Text())
			}
			return texts
		}
		b.Get(path)
		if spent, current := node("spent"), node("current"); len(node("origin")) != 1 || len(spent) != 3 || !strings.HasPrefix(spent[0], "Token 1 Spent") || len(current) != 1 || !strings.HasPrefix(current[0], "Token 4 Current") {
			t.Fatalf("spent %q, current %q", spent, current)
		}
		h.Refresh(t, client, tokens[2]) // at once: a retry
		b.Get(path)
		if retry := node("retry"); len(retry) != 1 || !strings.HasPrefix(retry[0], "Token 3 again Retry") {
			t.Errorf("retried %q", retry)
		}
		if e := newestEvent(t, h, audit.TokenRetried); e.Changes[audit.Generation] != (audit.Change{Before: "2", After: "3"}) {
			t.Errorf("the retry is written down as %+v", e)
		}
		h.Refresh(t, client, tokens[1]) // a replay
		b.Get(path)
		replay, revoked := node("replay"), node("revoked")
		if len(replay) != 1 || !strings.HasPrefix(replay[0], "Token 2 again Refused") || len(revoked) != 1 || !strings.HasPrefix(revoked[0], "Token 4 Revoked") || len(node("current")) > 0 {
			t.Errorf("replayed %q, revoked %q, current %q", replay, revoked, node("current"))
		}
		said := b.Page.Text()
		for _, words := range []string{"Refresh token 2 was used twice", "1 min after the first from 0.0.0.0", "Used twice", "Refresh token used twice on"} {
			if !strings.Contains(said, words) {
				t.Errorf("nothing says %q: %s", words, said)
			}
		}
		e := newestEvent(t, h, audit.RefreshReplayed)
		if e.Changes[audit.Generation] != (audit.Change{Before: "1", After: "3"}) || e.Target.ID != familyOf(t, h, user) {
			t.Errorf("the replay is written down as %+v", e)
		}
		for _, link := range b.Page.Parts("a", "class", "link") {
			if href := link.Attr("href"); strings.HasPrefix(href, eventList) || strings.HasPrefix(href, clientList) {
				if status := b.Get(href).Status; status != http.StatusOK {
					t.Errorf("%s leads to %d", href, status)
				}
			}
		}
		if b.Get(familyList+"/none").Status != http.StatusNotFound || b.Get(familyList+"/%00").Status != http.StatusNotFound {
			t.Error("there is a family of no id")
		}
	})
}

func TestFamily_aCodeUsedTwiceIsTold(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		client, user := h.Client(t), h.User(t)
		code := h.Browser(t).Code(client, user, nil)
		h.Redeem(t, client, code)
		h.Clock.Advance(3 * time.Minute)
		h.Redeem(t, client, code)
		p := b.Get(familyList + "/" + familyOf(t, h, user))
		if said := p.Text(); !strings.Contains(said, "The code was used twice") || !strings.Contains(said, "3 min after the first") || len(p.Parts("article", "data-state", "revoked")) != 1 {
			t.Errorf("it says %s", said)
		}
	})
}

// Of a thousand rotations the first and the last are drawn, and whatever came again; the rest is asked for in parts.
func TestFamily_aLongChainIsCutInTheMiddle(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		client, user := h.Client(t, webtest.Public), h.User(t)
		tokens := refreshed(t, h, client, user, 80, time.Second)
		h.Refresh(t, client, tokens[40])
		path := familyList + "/" + familyOf(t, h, user)
		drawn := func(p *webtest.Page) (names []string) {
			for _, n := range p.Parts("h3", "", "") {
				if text := n.Text(); text != "Go to" { // of the palette
					names = append(names, text)
				}
			}
			return names
		}
		want := []string{"Signed in", "Token 1", "Token 2", "Token 3", "36 rotations", "Token 40", "Token 41", "Token 41 again", "Token 42", "35 rotations", "Token 78", "Token 79", "Token 80", "Token 81"}
		p := b.Get(path)
		if got := drawn(p); !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
		var more string
		for _, a := range p.Parts("a", "", "") {
			if strings.Contains(a.Attr("href"), "from=3") && more == "" {
				more = a.Attr("href")
			}
		}
		p = b.Get(more)
		if got := drawn(p); slices.Contains(got, "36 rotations") || !slices.Contains(got, "Token 20") || !slices.Contains(got, "Token 53") || len(got) > 70 {
			t.Errorf("with %s: %q", more, got)
		}
		for _, garbage := range []string{"-5", "99999999999999999999", "x", "81"} {
			if got := drawn(b.Get(path + "?from=" + garbage)); !slices.Equal(got, want) {
				t.Errorf("from=%s: %q", garbage, got)
			}
		}
	})
}

func TestFamily_isRevoked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, operator := staff(t, h, identity.RoleOperator)
		client, user := h.Client(t), h.User(t)
		tokens := h.Tokens(t, client, user, nil)
		other := h.Tokens(t, client, user, nil)
		families, err := h.Store.Families(t.Context(), store.FamilyFilter{UserID: user.ID})
		must(t, err)
		path := familyList + "/" + families[1].ID
		b.Get(path)
		ask := b.Get(path + "/revoke")
		if said := ask.Text(); !strings.Contains(said, "live token family 1") || !strings.Contains(said, "may accept one until "+h.Clock.Now().Add(16*time.Minute).UTC().Format("2 Jan 2006")) {
			t.Errorf("it asks %s", said)
		}
		if part := partial(t, b, h, http.MethodGet, path+"/revoke", nil); len(part.Parts("dialog", "id", "family-revoke")) != 1 {
			t.Errorf("htmx gets %s", part.Body)
		}
		b.Get(path + "/revoke")
		long := strings.Repeat("x", 501)
		if p := b.Submit(path+"/revoke", url.Values{"reason": {long}}); p.Status != http.StatusUnprocessableEntity || b.Form(path+"/revoke").Values.Get("reason") != long || !active(t, h, client, tokens.Str("access_token")) {
			t.Errorf("too long a reason: %d", p.Status)
		}
		p := b.Submit(path+"/revoke", url.Values{"reason": {"  The phone was lost.  "}})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Token family revoked") || !strings.Contains(p.Text(), "Ended by an operator") {
			t.Errorf("led to %s: %s", p.URL, p.Text())
		}
		if active(t, h, client, tokens.Str("access_token")) || h.Refresh(t, client, tokens.Str("refresh_token")).Status != http.StatusBadRequest {
			t.Error("its tokens work")
		}
		if !active(t, h, client, other.Str("access_token")) {
			t.Error("another family ended with it")
		}
		e := newestEvent(t, h, audit.FamilyEnded)
		if e.Actor.ID != operator.ID || e.Target.ID != families[1].ID || e.UserID != user.ID || e.ClientID != client.ID || e.Changes[audit.Reason].After != "The phone was lost." || e.Caller.RequestID == "" {
			t.Errorf("written down as %+v", e)
		}
		if p := b.Get(path + "/revoke"); !strings.Contains(p.Text(), "Already ended") {
			t.Errorf("a second time: %s", p.Text())
		}
	})
}

func TestFamilies_allOfSomebodyAreRevoked(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleOperator)
		shop, phone := h.Client(t, named("Shop")), h.Client(t, named("Phone"))
		sofia, ola := h.User(t, people("Sofia", "sofia")), h.User(t, people("Ola", "ola"))
		var tokens []webtest.Answer
		for _, user := range []*identity.User{sofia, ola} {
			for _, client := range []*webtest.Client{shop, phone} {
				tokens = append(tokens, h.Tokens(t, client, user, nil))
			}
		}
		own := h.Post(t, oauth.PathToken, shop, url.Values{"grant_type": {oauth.GrantClientCredentials}, "scope": {""}})
		alive := func(client *webtest.Client, i int) bool { return active(t, h, client, tokens[i].Str("access_token")) }

		p := b.Get(familyList + "/revoke?user=" + sofia.ID)
		if said := p.Text(); !strings.Contains(said, "token families 2") || !strings.Contains(said, "clients 2") {
			t.Errorf("it asks %s", said)
		}
		if p := b.Submit(familyList+"/revoke", nil); !strings.Contains(p.Text(), "2 token families revoked") || p.URL.RequestURI() != familyList+"?user="+sofia.ID {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		if alive(shop, 0) || alive(phone, 1) || !alive(shop, 2) || !alive(phone, 3) {
			t.Error("others ended than the person's")
		}
		if e := newestEvent(t, h, audit.FamiliesEnded); e.Target.ID != sofia.ID || e.UserID != sofia.ID {
			t.Errorf("%+v", e)
		}

		p = b.Get(familyList + "/revoke?client=" + shop.ID)
		if said := p.Text(); !strings.Contains(said, "token family 1") || !strings.Contains(said, "person 1") {
			t.Errorf("it asks %s", said)
		}
		if p := b.Submit(familyList+"/revoke", nil); !strings.Contains(p.Text(), "1 token family revoked") || p.URL.RequestURI() != familyList+"?client="+shop.ID {
			t.Errorf("%s: %s", p.URL, p.Text())
		}
		if alive(shop, 2) || !alive(phone, 3) || active(t, h, shop, own.Str("access_token")) {
			t.Error("others ended than the client's")
		}
		if e := newestEvent(t, h, audit.ClientRevokedAll); e.Target.ID != shop.ID || e.ClientID != shop.ID {
			t.Errorf("%+v", e)
		}
		for _, query := range []string{"?user=nobody", "?client=nothing", "?user=" + ola.ID + "&client=" + phone.ID} {
			if status := b.Get(familyList + "/revoke" + query).Status; status != http.StatusNotFound {
				t.Errorf("%q: %d", query, status)
			}
		}
	})
}

// security.md rule 27: nobody ends what somebody of a higher role holds; an auditor ends nothing.
func TestEnding_isForThoseOfNoLowerRole(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		chief, boss := staff(t, h, identity.RoleAdmin)
		colleague := h.User(t, func(u *identity.User) { u.Role = identity.RoleOperator })
		token, theirs := h.Tokens(t, client, boss, nil), h.Tokens(t, client, colleague, nil)
		family, session := familyOf(t, h, boss), sessionIDs(t, h, boss)[0]
		other := familyOf(t, h, colleague)
		operator, _ := staff(t, h, identity.RoleOperator)
		auditor, _ := staff(t, h, identity.RoleAuditor)
		forms := []struct {
			path string
			form url.Values
		}{
			{familyList + "/" + family + "/revoke", url.Values{}},
			{familyList + "/revoke", url.Values{"user": {boss.ID}}},
			{familyList + "/revoke", url.Values{"client": {client.ID}}},
			{sessionList + "/" + session + "/end", url.Values{}},
			{sessionList + "/end", url.Values{"user": {boss.ID}}},
		}
		for _, b := range []*webtest.Browser{operator, auditor} {
			form := csrf(b)
			for _, f := range forms {
				before := int(h.Clock.Now().UnixNano())
				h.Clock.Advance(time.Second)
				if status := b.Get(f.path + "?" + f.form.Encode()).Status; status != http.StatusForbidden {
					t.Errorf("GET %s: %d", f.path, status)
				}
				f.form.Set("csrf_token", form)
				if status := b.Post(f.path, f.form).Status; status != http.StatusForbidden {
					t.Errorf("POST %s: %d", f.path, status)
				}
				f.form.Del("csrf_token")
				if e := newestEvent(t, h, audit.AccessDenied); int(e.At.UnixNano()) <= before || e.Cause.Rule != "role" {
					t.Errorf("%s: written down as %+v", f.path, e)
				}
			}
			for _, page := range []string{familyList + "/" + family, sessionList + "/" + session, familyList + "?user=" + boss.ID, sessionList + "?user=" + boss.ID} {
				if p := b.Get(page); p.Status != http.StatusOK || strings.Contains(p.Body, `data-tone="danger" hx-get`) || strings.Contains(p.Body, "-end-open") || strings.Contains(p.Body, "-revoke-open") || strings.Contains(p.Body, `id="end-all"`) {
					t.Errorf("%s (%d) offers to end it", page, p.Status)
				}
			}
		}
		if !active(t, h, client, token.Str("access_token")) || len(sessionIDs(t, h, boss)) == 0 || !active(t, h, client, theirs.Str("access_token")) {
			t.Fatal("something has ended")
		}
		// Among equals it is allowed, and an administrator may end their own.
		operator.Get(familyList + "/" + other + "/revoke")
		operator.Submit(familyList+"/"+other+"/revoke", nil)
		chief.Get(familyList + "/revoke?client=" + client.ID)
		chief.Submit(familyList+"/revoke", nil)
		if active(t, h, client, token.Str("access_token")) || active(t, h, client, theirs.Str("access_token")) {
			t.Error("nothing has ended")
		}
		chief.Get(sessionList + "/end?user=" + boss.ID)
		if p := chief.Submit(sessionList+"/end", nil); p.URL.Path != "/login" {
			t.Errorf("who ended their own session is on %s", p.URL)
		}
	})
}
