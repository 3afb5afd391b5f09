package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

const groupList = "/console/groups"

func groupPage(g *identity.Group) string { return groupList + "/" + g.ID }

func TestConsole_addsChangesAndDeletesGroups(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		b.Get(groupList + "/new")
		form := b.Form(groupList).Values
		form.Set("name", " Accounting ")
		form.Set("description", "Those who count")
		p := b.Post(groupList, form)
		path := p.URL.Path
		if !strings.HasPrefix(path, groupList+"/") || !strings.Contains(p.Text(), "Group added") || !strings.Contains(p.Text(), "Nobody is in this group") {
			t.Fatalf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		if p := b.Post(groupList, form); p.URL.Path != path || !strings.Contains(p.Text(), "Already added") {
			t.Errorf("sent twice: %s %s", p.URL, p.Text())
		}
		id := strings.TrimPrefix(path, groupList+"/")

		b.Get(path + "/edit")
		p = b.Submit(path+"/edit", url.Values{"name": {"Bookkeeping"}})
		if p.URL.Path != path+"/edit" || !strings.Contains(p.Text(), "Group saved") {
			t.Fatalf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		if p := b.Get(groupList + "?q=KEEP"); !slices.Equal(listed(p), []string{"Bookkeeping"}) {
			t.Errorf("found: %q", listed(p))
		}
		if p := b.Get(groupList + "?q=accounting"); len(listed(p)) > 0 {
			t.Errorf("found by its former name: %q", listed(p))
		}

		b.Get(path + "/delete")
		if p := b.Submit(path+"/delete", url.Values{"confirm": {"bookkeeping"}}); p.Status != http.StatusUnprocessableEntity || p.Says("confirm-error") == "" {
			t.Errorf("deleted without its name: %d %s", p.Status, p.Text())
		}
		if p := b.Submit(path+"/delete", url.Values{"confirm": {"Bookkeeping"}}); p.URL.Path != groupList || !strings.Contains(p.Text(), "Group deleted") {
			t.Errorf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		for action, want := range map[audit.Action]audit.Change{
			audit.GroupCreated: {After: "Accounting"}, audit.GroupUpdated: {Before: "Accounting", After: "Bookkeeping"}, audit.GroupDeleted: {Before: "Bookkeeping"},
		} {
			events := happenedTo(t, h, id, action)
			if len(events) != 1 || events[0].Actor.ID != admin.ID || events[0].Changes["name"] != want {
				t.Errorf("%s: written down as %+v", action, events)
			}
		}
	})
}

func TestConsole_mistakesWithGroupsStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		taken, other := h.Group(t, "Taken"), h.Group(t, "Other")
		for _, c := range []struct{ name, description, field string }{
			{"", "", "name"}, {strings.Repeat("x", 101), "", "name"}, {"a\u202eb", "", "name"}, {"a|b", "", "name"}, {"tAkEn", "", "name"},
			{"Fresh", strings.Repeat("x", 201), "description"},
		} {
			for _, path := range []string{groupList, groupPage(other) + "/edit"} {
				b.Get(map[bool]string{true: groupList + "/new", false: path}[path == groupList])
				p := b.Submit(path, url.Values{"name": {c.name}, "description": {c.description}})
				if f := b.Form(path).Values; p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" || f.Get("name") != c.name || f.Get("description") != c.description {
					t.Errorf("%q %q: %d %q, came back as %v", c.name, c.description, p.Status, p.Says(c.field+"-error"), f)
				}
			}
		}
		// Who saves second is told.
		b.Get(groupPage(taken) + "/edit")
		first := b.Form(groupPage(taken) + "/edit").Values
		first.Set("name", "Theirs")
		b.Post(groupPage(taken)+"/edit", first)
		first.Set("name", "Mine")
		p := b.Post(groupPage(taken)+"/edit", first)
		if p.Status != http.StatusConflict || !strings.Contains(p.Text(), "Theirs") || b.Form(groupPage(taken)+"/edit").Values.Get("name") != "Mine" {
			t.Errorf("a lost race: %d %s", p.Status, p.Text())
		}
		if p := b.Submit(groupPage(taken)+"/edit", nil); !strings.Contains(p.Text(), "Group saved") {
			t.Errorf("saved knowingly: %d %s", p.Status, p.Text())
		}
	})
}

func TestConsole_peopleComeToGroupsAndGo(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		ada, bob := h.User(t, called("Ada Lovelace", "ada", "ada@example.test")), h.User(t, called("Bob", "bob", "bob@example.test"))
		h.User(t, called("Eve", "eve", "eve@example.test"))
		g := h.Group(t, "Accounting")
		h.Scope(t, "ledger", "Read the ledger")
		h.Limit(t, "ledger", func(s *oauth.Scope) { s.Groups = oauth.Words{g.ID} })

		b.Get(groupPage(g))
		p := b.Submit(groupPage(g)+"/members", url.Values{"username": {" ADA@example.test "}})
		if p.URL.Path != groupPage(g) || !slices.Equal(listed(p), []string{"Ada Lovelace"}) {
			t.Fatalf("led to %s %d: %q", p.URL, p.Status, listed(p))
		}
		b.Submit(groupPage(g)+"/members", url.Values{"username": {"ada"}}) // a second time it does nothing
		b.Submit(groupPage(g)+"/members", url.Values{"username": {"bob"}})
		for typed, want := range map[string]string{"": "Enter a username", "nobody": "Nobody has"} {
			if p := b.Submit(groupPage(g)+"/members", url.Values{"username": {typed}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("username-error"), want) ||
				b.Form(groupPage(g)+"/members").Values.Get("username") != typed {
				t.Errorf("%q: %d %q", typed, p.Status, p.Says("username-error"))
			}
		}
		if p := b.Get(groupPage(g) + "?q=bo"); !slices.Equal(listed(p), []string{"Bob"}) {
			t.Errorf("found in the group: %q", listed(p))
		}
		if p := b.Get(groupPage(g) + "?q=eve"); len(listed(p)) > 0 {
			t.Errorf("found in the group: %q", listed(p))
		}
		if p := b.Get(groupList); !strings.Contains(p.Text(), "ledger") || !strings.Contains(p.Text(), "2") {
			t.Errorf("the list says %s", p.Text())
		}

		// The person's page says the same, and what it opens.
		page := userList + "/" + ada.ID + "/groups"
		if p := b.Get(page); !strings.Contains(p.Text(), "Accounting") || !strings.Contains(p.Text(), "by Accounting Open to them") {
			t.Errorf("the person's page says %s", p.Text())
		}
		leave := groupPage(g) + "/members/" + ada.ID + "/remove"
		if p := b.Get(leave + "?from=user"); !strings.Contains(p.Text(), "ledger") {
			t.Errorf("what they lose is not said: %s", p.Text())
		}
		if p := b.Submit(leave, nil); p.URL.Path != page || !strings.Contains(p.Text(), "Not for them") {
			t.Errorf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		if p := b.Submit(page, url.Values{"group": {"no such"}}); p.Status != http.StatusUnprocessableEntity || p.Says("group-error") == "" {
			t.Errorf("a group that is not there: %d %s", p.Status, p.Text())
		}
		if p := b.Submit(page, url.Values{"group": {"ACCOUNTING"}}); !strings.Contains(p.Text(), "Open to them") {
			t.Errorf("joined again: %d %s", p.Status, p.Text())
		}
		b.Get(groupPage(g) + "/members/" + bob.ID + "/remove")
		if p := b.Submit(groupPage(g)+"/members/"+bob.ID+"/remove", nil); !slices.Equal(listed(p), []string{"Ada Lovelace"}) {
			t.Errorf("left: %q", listed(p))
		}
		if added, removed := happenedTo(t, h, g.ID, audit.GroupMemberAdded), happenedTo(t, h, g.ID, audit.GroupMemberRemoved); len(added) != 3 || len(removed) != 2 ||
			removed[0].UserID != bob.ID || removed[0].Changes["member"].Before != "bob" {
			t.Errorf("written down as %+v %+v", added, removed)
		}

		// A group that a scope depends on stays.
		if p := b.Get(groupPage(g) + "/delete"); !strings.Contains(p.Text(), "cannot be deleted yet") {
			t.Errorf("its deletion is offered: %s", p.Text())
		}
		if p := b.Post(groupPage(g)+"/delete", url.Values{"csrf_token": {csrf(b)}, "confirm": {"Accounting"}}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("a group that a scope is limited to was deleted: %d", p.Status)
		}
		if _, err := h.Store.Group(t.Context(), g.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestGroups_arePagedForthAndBack(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAuditor)
		var names []string
		big := h.Group(t, "Zoo")
		for i := range 30 {
			name := fmt.Sprintf("Group %02d", i)
			names = append(names, name)
			h.Group(t, name)
			u := h.User(t, called(name, fmt.Sprintf("member%02d", i), ""))
			must(t, h.Store.AddMember(t.Context(), big.ID, u.ID, h.Clock.Now(), event()))
		}
		for path, want := range map[string][]string{groupList: append(slices.Clone(names), "Zoo"), groupPage(big): names} {
			p := b.Get(path)
			first := listed(p)
			p = b.Get(neighbour(p, "next"))
			if all := append(slices.Clone(first), listed(p)...); !slices.Equal(all, want) {
				t.Errorf("%s: %q", path, all)
			}
			if p = b.Get(neighbour(p, "prev")); !slices.Equal(listed(p), first) {
				t.Errorf("%s, back: %q", path, listed(p))
			}
		}
	})
}

func TestGroups_othersOnlyLook(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		u := h.User(t)
		g := h.Group(t, "Accounting", u)
		member := groupPage(g) + "/members/" + u.ID + "/remove"
		for _, role := range []identity.Role{identity.RoleOperator, identity.RoleAuditor} {
			b, me := staff(t, h, role)
			for _, path := range []string{groupList, groupPage(g), groupPage(g) + "/edit", userList + "/" + u.ID + "/groups"} {
				if p := b.Get(path); p.Status != http.StatusOK || !strings.Contains(p.Text(), "Accounting") || len(p.Parts("form", "method", "post")) > 3 {
					t.Errorf("%s: %s: %d %s", role, path, p.Status, p.Text())
				}
			}
			for _, path := range []string{groupList, groupPage(g) + "/edit", groupPage(g) + "/members", member, groupPage(g) + "/delete", userList + "/" + u.ID + "/groups"} {
				if p := b.Post(path, url.Values{"csrf_token": {csrf(b)}, "name": {"Mine"}, "group": {"Accounting"}, "username": {me.Username}, "confirm": {"Accounting"}}); p.Status != http.StatusForbidden {
					t.Errorf("%s: %s: %d", role, path, p.Status)
				}
			}
			events, err := h.Store.Events(t.Context(), audited(me.ID))
			if must(t, err); len(events) != 6 {
				t.Errorf("%s: written down %d times", role, len(events))
			}
		}
		if groups, err := h.Store.GroupsOf(t.Context(), u.ID); err != nil || len(groups) != 1 {
			t.Errorf("%v %v", groups, err)
		}
	})
}
