package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/web/webtest"
)

const attributeList = "/console/attributes"

func attributePage(key string) string { return attributeList + "/edit?key=" + key }

// toldWith makes an attribute one that applications with the scope are told.
func toldWith(kind, scope string) func(a *identity.Attribute) {
	return func(a *identity.Attribute) { a.Type, a.Scope, a.Claim = kind, scope, "our_"+a.Key }
}

func TestConsole_addsChangesAndDeletesAttributes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, admin := staff(t, h, identity.RoleAdmin)
		b.Get(attributeList + "/new")
		form := b.Form(attributeList).Values
		for name, value := range map[string]string{"key": "dept", "label": " Department ", "type": "string", "scope": "profile", "claim": "dept", "required": "true"} {
			form.Set(name, value)
		}
		p := b.Post(attributeList, form)
		if p.URL.RequestURI() != attributePage("dept") || !strings.Contains(p.Text(), "Attribute added") {
			t.Fatalf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		if p := b.Post(attributeList, form); !strings.Contains(p.Text(), "Already there") {
			t.Errorf("sent twice: %s %s", p.URL, p.Text())
		}
		if a, err := h.Store.Attribute(t.Context(), "dept"); err != nil || a.Label != "Department" || !a.Required || a.Own || a.Claim != "dept" {
			t.Errorf("kept as %+v, %v", a, err)
		}
		b.Get(attributePage("dept"))
		p = b.Submit(attributeList+"/edit", url.Values{"label": {"Unit"}, "required": nil, "own": {"true"}, "key": {"other"}, "type": {"number"}})
		if !strings.Contains(p.Text(), "Attribute saved") {
			t.Fatalf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		if a, err := h.Store.Attribute(t.Context(), "dept"); err != nil || a.Label != "Unit" || a.Required || !a.Own || a.Type != identity.TypeString {
			t.Errorf("kept as %+v, %v", a, err)
		}
		if p := b.Get(attributeList + "?q=UNI"); !slices.Equal(listed(p), []string{"Unit"}) {
			t.Errorf("found: %q", listed(p))
		}

		u := h.User(t)
		b.Get(userList + "/" + u.ID)
		b.Submit(userList+"/"+u.ID, url.Values{"attr:dept": {"Sales"}})
		p = b.Get(attributeList + "/delete?key=dept")
		if !strings.Contains(p.Text(), "1 person has a value") {
			t.Errorf("what it ends: %s", p.Text())
		}
		if p := b.Submit(attributeList+"/delete", url.Values{"confirm": {"Dept"}}); p.Status != http.StatusUnprocessableEntity || p.Says("confirm-error") == "" {
			t.Errorf("deleted without its key: %d %s", p.Status, p.Text())
		}
		if p := b.Submit(attributeList+"/delete", url.Values{"confirm": {"dept"}}); p.URL.Path != attributeList || !strings.Contains(p.Text(), "Attribute deleted") {
			t.Errorf("led to %s %d: %s", p.URL, p.Status, p.Text())
		}
		if p := b.Get(userList + "/" + u.ID); strings.Contains(p.Body, "attr:dept") {
			t.Error("it stands on profiles still")
		}
		for action, want := range map[audit.Action]audit.Change{
			audit.AttributeCreated: {After: "Department"}, audit.AttributeUpdated: {Before: "Department", After: "Unit"}, audit.AttributeDeleted: {Before: "Unit"},
		} {
			events := happenedTo(t, h, "dept", action)
			if len(events) != 1 || events[0].Actor.ID != admin.ID || events[0].Changes["label"] != want {
				t.Errorf("%s: written down as %+v", action, events)
			}
		}
	})
}

// The pages of a scope and of an attribute that is told with it lead to each other; such a scope is not deleted.
func TestConsole_scopesAndAttributesLeadToEachOther(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "staff", "See that you work here")
		h.Attribute(t, "dept", toldWith(identity.TypeString, "staff"))
		h.Attribute(t, "level", toldWith(identity.TypeNumber, "profile"))
		for _, role := range []identity.Role{identity.RoleAdmin, identity.RoleAuditor} {
			b, _ := staff(t, h, role)
			for scope, told := range map[string]string{"staff": "dept", "profile": "level"} {
				p := b.Get(scopePage(scope))
				if len(p.Parts("a", "href", attributeList+"/edit?key="+told)) != 1 || !strings.Contains(p.Text(), "told as our_"+told) {
					t.Errorf("%s on the page of %s: %s", role, scope, p.Text())
				}
				for _, path := range []string{attributeList + "/edit?key=" + told, attributeList} {
					if p := b.Get(path); len(p.Parts("a", "href", scopePage(scope))) == 0 {
						t.Errorf("%s: %s does not lead to %s", role, path, scope)
					}
				}
			}
			if p := b.Get(scopePage("email")); strings.Contains(p.Body, "our_") {
				t.Errorf("%s", p.Text())
			}
		}
		b, _ := staff(t, h, identity.RoleAdmin)
		if p := b.Get(scopeDelete("staff")); !strings.Contains(p.Text(), "cannot be deleted yet") || len(p.Parts("a", "href", attributeList+"/edit?key=dept")) != 1 || len(p.Parts("button", "id", "scope-delete-confirm")) > 0 {
			t.Errorf("%s", p.Text())
		}
	})
}

func TestConsole_mistakesWithAttributesStandAtTheirField(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Attribute(t, "taken", toldWith(identity.TypeString, "profile"))
		for _, c := range []struct{ key, label, scope, claim, position, field string }{
			{"", "D", "", "", "0", "key"}, {"Dept", "D", "", "", "0", "key"}, {"taken", "D", "", "", "0", "key"},
			{"dept", "", "", "", "0", "label"}, {"dept", "D", "profile", "email", "0", "claim"}, {"dept", "D", "profile", "our_taken", "0", "claim"},
			{"dept", "D", "", "dept", "0", "scope"}, {"dept", "D", "nothing", "dept", "0", "scope"}, {"dept", "D", "offline_access", "dept", "0", "scope"},
			{"dept", "D", "", "", "first", "position"},
		} {
			b.Get(attributeList + "/new")
			form := b.Form(attributeList).Values
			for name, value := range map[string]string{"key": c.key, "label": c.label, "scope": c.scope, "claim": c.claim, "position": c.position} {
				form.Set(name, value)
			}
			p := b.Post(attributeList, form)
			f := b.Form(attributeList).Values
			if p.Status != http.StatusUnprocessableEntity || p.Says(c.field+"-error") == "" || f.Get("key") != c.key || f.Get("claim") != c.claim || f.Get("position") != c.position {
				t.Errorf("%+v: %d %q, came back as %v", c, p.Status, p.Says(c.field+"-error"), f)
			}
		}
		// Who saves second is told.
		b.Get(attributePage("taken"))
		first := b.Form(attributeList + "/edit").Values
		first.Set("label", "Theirs")
		b.Post(attributePage("taken"), first)
		first.Set("label", "Mine")
		p := b.Post(attributePage("taken"), first)
		if p.Status != http.StatusConflict || !strings.Contains(p.Text(), "Theirs") || b.Form(attributeList+"/edit").Values.Get("label") != "Mine" {
			t.Errorf("a lost race: %d %s", p.Status, p.Text())
		}
		if p := b.Submit(attributeList+"/edit", nil); !strings.Contains(p.Text(), "Attribute saved") {
			t.Errorf("saved knowingly: %d %s", p.Status, p.Text())
		}
		// Others look.
		look, _ := staff(t, h, identity.RoleAuditor)
		if p := look.Get(attributePage("taken")); p.Status != http.StatusOK || !strings.Contains(p.Text(), "our_taken with the scope profile") || strings.Contains(p.Body, "attribute-save") {
			t.Errorf("an auditor sees %d %s", p.Status, p.Text())
		}
		if p := look.Post(attributeList, url.Values{"csrf_token": {csrf(look)}, "key": {"x"}}); p.Status != http.StatusForbidden {
			t.Errorf("an auditor adds one: %d", p.Status)
		}
	})
}

func TestConsole_keepsTypedValuesOfPeople(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		for i, kind := range identity.AttributeTypes {
			h.Attribute(t, kind, func(a *identity.Attribute) { a.Type, a.Position = kind, int64(i) })
		}
		h.Attribute(t, "needed", func(a *identity.Attribute) { a.Required, a.Label, a.Position = true, "Number of the badge", 99 })
		u := h.User(t)
		path := userList + "/" + u.ID
		b.Get(path)
		p := b.Submit(path, url.Values{"attr:string": {"Sales"}, "attr:number": {"4.50"}, "attr:boolean": {"true"}, "attr:date": {"2024-02-29"}, "attr:list": {"a\r\nb"}})
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says("attr:needed-error"), "Number of the badge is required") || b.Form(path).Values.Get("attr:string") != "Sales" {
			t.Fatalf("without what is required: %d %s", p.Status, p.Text())
		}
		p = b.Submit(path, url.Values{"attr:needed": {"B-1"}})
		if !strings.Contains(p.Text(), "Profile saved") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		stored, err := h.Store.User(t.Context(), u.ID)
		must(t, err)
		written, err := json.Marshal(stored.Attributes)
		must(t, err)
		if want := `{"boolean":true,"date":"2024-02-29","list":["a","b"],"needed":"B-1","number":4.5,"string":"Sales"}`; string(written) != want {
			t.Errorf("kept as %s", written)
		}
		if f := b.Form(path).Values; f.Get("attr:list") != "a\nb" || f.Get("attr:boolean") != "true" || f.Get("attr:number") != "4.5" {
			t.Errorf("the form says %v", f)
		}
		for field, text := range map[string]string{"attr:number": "many", "attr:date": "soon", "attr:boolean": "perhaps", "attr:string": strings.Repeat("x", 501)} {
			b.Get(path)
			p := b.Submit(path, url.Values{field: {text}})
			if p.Status != http.StatusUnprocessableEntity || p.Says(field+"-error") == "" {
				t.Errorf("%s %.20q: %d %s", field, text, p.Status, p.Text())
			}
		}
		b.Get(path)
		b.Submit(path, url.Values{"attr:number": {"5"}, "attr:string": {""}})
		events := happenedTo(t, h, u.ID, audit.UserUpdated)
		changes := map[string]audit.Change{"attr:number": {Before: "4.5", After: "5"}, "attr:string": {Before: "Sales"}}
		if len(events) != 2 || !slices.ContainsFunc(events, func(e audit.Event) bool { return reflect.DeepEqual(e.Changes, changes) }) {
			t.Errorf("written down as %+v", events)
		}
		look, _ := staff(t, h, identity.RoleAuditor)
		if p := look.Get(path); !strings.Contains(p.Text(), "Number of the badge") || !strings.Contains(p.Text(), "a, b") {
			t.Errorf("an auditor sees %s", p.Text())
		}
		// Nobody is added without what is required.
		b.Get(userList + "/new")
		p = b.Submit(userList, url.Values{"username": {"newcomer"}})
		if p.Status != http.StatusUnprocessableEntity || p.Says("attr:needed-error") == "" {
			t.Fatalf("added without: %d %s", p.Status, p.Text())
		}
		b.Submit(userList, url.Values{"attr:needed": {"B-2"}})
		if u, err := h.Store.UserByUsername(t.Context(), "newcomer"); err != nil || string(u.Attributes["needed"]) != `"B-2"` {
			t.Errorf("added as %+v, %v", u, err)
		}
	})
}

func TestAccount_peopleChangeTheirOwnAttributesAlone(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Attribute(t, "mine", func(a *identity.Attribute) { a.Own, a.Type = true, identity.TypeDate })
		h.Attribute(t, "theirs", nil)
		u := h.User(t, func(u *identity.User) { u.Attributes = identity.Values{"theirs": []byte(`"kept"`)} })
		b := h.Browser(t)
		b.SignIn(u)
		p := b.Get("/account")
		if strings.Contains(p.Body, "attr:theirs") {
			t.Error("people see what is for administrators")
		}
		send := func(mine string) *webtest.Page {
			form := b.Form("/account/profile").Values
			form.Set("attr:mine", mine)
			form.Set("attr:theirs", "grabbed") // which the form does not have
			return b.Post("/account/profile", form)
		}
		p = send("soon")
		if p.Status != http.StatusUnprocessableEntity || p.Says("attr:mine-error") == "" || b.Form("/account/profile").Values.Get("attr:mine") != "soon" {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		p = send("2024-12-31")
		stored, err := h.Store.User(t.Context(), u.ID)
		must(t, err)
		if !strings.Contains(p.Text(), "Profile saved") || string(stored.Attributes["mine"]) != `"2024-12-31"` || string(stored.Attributes["theirs"]) != `"kept"` {
			t.Errorf("%s, kept as %s", p.Text(), stored.Attributes)
		}
		events := happenedTo(t, h, u.ID, audit.UserUpdated)
		if want := map[string]audit.Change{"attr:mine": {After: "2024-12-31"}}; len(events) != 1 || !reflect.DeepEqual(events[0].Changes, want) {
			t.Errorf("written down as %+v", events)
		}
	})
}

// OpenID Connect Core §5.1.2: claims beyond the standard ones. They are of the attribute's type, and only for those with the scope.
func TestAttributes_areToldAsClaims(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		h.Scope(t, "staff", "See what the house knows")
		want := map[string]any{"our_string": "Sales", "our_number": 4.5, "our_boolean": false, "our_date": "2024-02-29", "our_list": []any{"a", "b"}}
		for _, kind := range identity.AttributeTypes {
			h.Attribute(t, kind, toldWith(kind, "staff"))
		}
		h.Attribute(t, "secret", nil)
		h.Attribute(t, "open", toldWith(identity.TypeString, "profile"))
		u := h.User(t, func(u *identity.User) {
			u.Attributes = identity.Values{
				"string": []byte(`"Sales"`), "number": []byte("4.5"), "boolean": []byte("false"), "date": []byte(`"2024-02-29"`), "list": []byte(`["a","b"]`),
				"secret": []byte(`"hush"`), "open": []byte(`"seen"`),
			}
		})
		client := h.Client(t, func(c *oauth.Client) { c.Scopes = append(slices.Clone(oauth.PersonScopes), "staff") })
		ours := func(claims map[string]any) map[string]any {
			out := map[string]any{}
			for name, value := range claims {
				if strings.HasPrefix(name, "our_") {
					out[name] = value
				}
			}
			return out
		}
		for scope, want := range map[string]map[string]any{
			"openid email": {}, "openid staff": want, "openid profile": {"our_open": "seen"}, "openid groups profile": {"our_open": "seen"},
		} {
			tokens := h.Tokens(t, client, u, url.Values{"scope": {scope}})
			if got := claimsOf(t, tokens.Str("id_token")); !reflect.DeepEqual(ours(got), want) || got["sub"] != u.ID {
				t.Errorf("%s: the ID token says %v", scope, got)
			}
			a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token"))
			if !reflect.DeepEqual(ours(a.JSON), want) || strings.Contains(a.Body, "hush") {
				t.Errorf("%s: userinfo says %s", scope, a.Body)
			}
		}
		// Discovery says so, and follows.
		said := func(list, name string) bool {
			names, _ := h.Get(t, "/.well-known/openid-configuration", "").JSON[list].([]any)
			return slices.Contains(names, any(name))
		}
		if !said("scopes_supported", "staff") || !said("claims_supported", "our_number") || !said("claims_supported", "our_open") {
			t.Error("discovery does not say so")
		}
		tokens := h.Tokens(t, client, u, url.Values{"scope": {"openid staff"}})
		must(t, h.Store.DeleteAttribute(t.Context(), "number", h.Clock.Now(), event()))
		h.Clock.Advance(3 * time.Second)
		if said("claims_supported", "our_number") {
			t.Error("discovery tells of what is gone")
		}
		if a := h.Get(t, oauth.PathUserinfo, tokens.Str("access_token")); a.JSON["our_number"] != nil || a.JSON["our_string"] != "Sales" {
			t.Errorf("userinfo says %s", a.Body)
		}
	})
}

func TestImport_givesAttributes(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Attribute(t, "level", func(a *identity.Attribute) { a.Type = identity.TypeNumber })
		h.Attribute(t, "dept", func(a *identity.Attribute) { a.Required = true })
		there := h.User(t, called("There Already", "there", "there@example.test"))
		p := upload(t, h, b, "username,attr:level,attr:dept\nada,7,Sales\nbob,high,Sales\ncarol,1,\nthere,3,IT\n", map[string]string{"existing": "update"})
		for _, want := range []string{"attr:level", "Enter a number", "attr:dept", "is required"} {
			if !strings.Contains(p.Text(), want) {
				t.Errorf("%q is not said: %s", want, p.Text())
			}
		}
		b.Submit(p.URL.Path+"/start", nil)
		h.DoJobs(t)
		for name, want := range map[string]string{"ada": `{"dept":"Sales","level":7}`, "there": `{"dept":"IT","level":3}`} {
			u, err := h.Store.UserByUsername(t.Context(), name)
			must(t, err)
			if written, _ := json.Marshal(u.Attributes); string(written) != want {
				t.Errorf("%s: %s", name, written)
			}
		}
		events := happenedTo(t, h, there.ID, audit.UserUpdated)
		if len(events) != 1 || events[0].Changes["attr:level"] != (audit.Change{After: "3"}) {
			t.Errorf("written down as %+v", events)
		}
		// Without the column: who is there needs none of it, who comes does.
		p = upload(t, h, b, "username,name\nthere,Renamed\ndave,Dave\n", map[string]string{"existing": "update"})
		if !strings.Contains(p.Text(), "The dept is required") {
			t.Errorf("dave comes without: %s", p.Text())
		}
		b.Submit(p.URL.Path+"/start", nil)
		h.DoJobs(t)
		if u, err := h.Store.User(t.Context(), there.ID); err != nil || u.Name != "Renamed" || string(u.Attributes["level"]) != "3" {
			t.Errorf("%+v %v", u, err)
		}
		file := b.Get(userList + "/export?format=csv")
		if !strings.Contains(file.Body, ",attr:dept,attr:level\n") || !strings.Contains(file.Body, ",Sales,7\n") {
			t.Errorf("exported as %s", file.Body)
		}
	})
}
