package web_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

const brandingPage = "/console/settings/branding"

// drawing is a picture of one colour, larger than those that are kept.
func drawing() image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, 400, 200))
	for i := range picture.Pix {
		picture.Pix[i] = []byte{15, 118, 110, 255}[i%4]
	}
	picture.Set(0, 0, color.NRGBA{1, 2, 3, 255})
	return picture
}

// aPNG is the drawing as somebody sends it, with something that hides behind it.
func aPNG(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, drawing()))
	return b.String() + "<script>alert(1)</script>"
}

// logo is what becomes of it.
func logo(t *testing.T) *brand.Image {
	t.Helper()
	made, err := brand.ReadLogo(strings.NewReader(aPNG(t)))
	must(t, err)
	return made
}

// uploaded sends the form on the page with a picture, as its button Upload does.
func uploaded(t *testing.T, h *webtest.House, b *webtest.Browser, path, field, file string, fill url.Values) *webtest.Page {
	t.Helper()
	b.Get(path)
	form := b.Form(path).Values
	for name, values := range fill {
		form[name] = values
	}
	form.Set("upload", field)
	return b.Do(withFile(t, h, path+"/preview", form, "logo.png", file))
}

// sending is the same for a deed.
func sending(t *testing.T, h *webtest.House, b *webtest.Browser, path, field string) func() webtest.Answer {
	t.Helper()
	b.Get(path)
	form := b.Form(path).Values
	form.Set("upload", field)
	return func() webtest.Answer {
		r := withFile(t, h, path+"/preview", form, "logo.png", aPNG(t))
		for _, cookie := range b.Jar().Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		return h.Do(t, r)
	}
}

// looks says what the page is coloured with and what pictures it shows.
func looks(p *webtest.Page) (accent string, pictures []string) {
	for _, root := range p.Parts("html", "lang", "en") {
		accent = root.Attr("data-accent")
	}
	for _, picture := range p.Parts("img", "data-kind", "picture") {
		pictures = append(pictures, picture.Attr("src"))
	}
	return accent, pictures
}

// What is settled of the house shows on the pages that people meet, on every node, and can be put back.
func TestBranding_ofTheHouseShowsOnEveryNode(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *webtest.House) {
		b, me := staff(t, one, identity.RoleAdmin)
		before := one.Browser(t).Get("/login")
		p := uploaded(t, one, b, brandingPage, "brand_logo", aPNG(t), url.Values{"brand_name": {"Acme ID"}})
		src := brand.LogoPath(logo(t).Hash)
		if name, _ := p.Element("brand_name", "value"); p.Status != http.StatusOK || name != "Acme ID" || !strings.Contains(p.Body, src) {
			t.Fatalf("%d, the name is %q: %s", p.Status, name, p.Text())
		}
		if _, stored, err := one.Store.Settings(t.Context()); err != nil || len(stored) > 0 {
			t.Errorf("looking at it settled %v, %v", stored, err)
		}
		p = b.Submit(brandingPage, url.Values{
			"brand_accent": {"#0F766E"}, "brand_help_uri": {"mailto:help@acme.example"}, "brand_policy_uri": {"https://acme.example/privacy"}, "brand_tos_uri": {"https://acme.example/terms"},
		})
		if p.URL.Path != brandingPage || !strings.Contains(p.Text(), "Settings saved") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		for i, h := range []*webtest.House{one, two} {
			if i == 1 {
				settled(t, h)
			}
			visitor, person := h.Browser(t), h.Browser(t)
			person.SignIn(h.User(t))
			for _, p := range []*webtest.Page{visitor.Get("/login"), visitor.Get("/logout"), visitor.Get("/nothing"), visitor.Get("/reset"), person.Get("/account"), person.Get("/logout")} {
				accent, pictures := looks(p)
				if accent != "0f766e" || !strings.Contains(p.Body, `href="/brand/accent/0f766e.css"`) || !strings.Contains(p.Text(), "Acme ID") || strings.Contains(p.Text(), "Gatehouse") ||
					!strings.Contains(p.Body, "mailto:help@acme.example") || !strings.Contains(p.Body, "https://acme.example/terms") {
					t.Errorf("%s: %q: %s", p.URL.Path, accent, p.Text())
				}
				if p.URL.Path == "/login" && (len(pictures) != 1 || pictures[0] != src) {
					t.Errorf("the sign-in page shows %q", pictures)
				}
			}
			// The console stays what it is.
			if p := b.Get("/console"); strings.Contains(p.Body, "data-accent") {
				t.Error("the console is coloured")
			}
		}
		events, err := one.Store.Events(t.Context(), store.EventFilter{Action: audit.SettingsChanged, Limit: 1})
		must(t, err)
		if len(events) != 1 || events[0].Actor.ID != me.ID || events[0].Changes["brand_name"] != (audit.Change{Before: "Gatehouse", After: "Acme ID"}) ||
			events[0].Changes["brand_accent"].After != "0f766e" || events[0].Changes["brand_logo"].After != logo(t).Hash {
			t.Errorf("%+v", events)
		}
		// Put back, it is what it was.
		b.Get(brandingPage)
		b.Submit(brandingPage, url.Values{"brand_name": {""}, "brand_accent": {""}, "brand_logo": {""}, "brand_help_uri": {""}, "brand_policy_uri": {""}, "brand_tos_uri": {""}})
		if _, stored, err := one.Store.Settings(t.Context()); err != nil || len(stored) > 0 {
			t.Errorf("%v is kept, %v", stored, err)
		}
		after := one.Browser(t).Get("/login")
		if accent, pictures := looks(after); accent != "" || len(pictures) > 0 || after.Text() != before.Text() {
			t.Errorf("%q %q %s", accent, pictures, after.Text())
		}
	})
}

// While somebody signs in to an application and consents, the pages are in its colour and show its logo and its links.
func TestBranding_ofAClientShowsWhereItAsks(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, me := staff(t, h, identity.RoleAdmin)
		client, other := h.Client(t, named("Shop")), h.Client(t, named("Other"))
		path := clientList + "/" + client.ID + "/branding"
		uploaded(t, h, b, path, "logo", aPNG(t), nil)
		p := b.Submit(path, url.Values{
			"accent_color": {"#EA580C"}, "client_uri": {"https://shop.example/"}, "policy_uri": {"https://shop.example/privacy"}, "tos_uri": {"https://shop.example/terms"},
		})
		if p.URL.Path != path || !strings.Contains(p.Text(), "Branding saved") {
			t.Fatalf("%d %s", p.Status, p.Text())
		}
		src, user := brand.LogoPath(logo(t).Hash), h.User(t)
		person := h.Browser(t)
		signIn := person.Get(h.AuthorizeURL(client, nil))
		consent := person.SignIn(user)
		for name, p := range map[string]*webtest.Page{"sign in": signIn, "consent": consent} {
			accent, pictures := looks(p)
			if accent != "ea580c" || len(pictures) != 1 || pictures[0] != src || !strings.Contains(p.Text(), "shop.example") ||
				!strings.Contains(p.Body, `href="https://shop.example/privacy"`) || !strings.Contains(p.Body, `href="https://shop.example/terms"`) {
				t.Errorf("%s: %q %q %s", name, accent, pictures, p.Text())
			}
		}
		if consent.URL.Path != "/consent" {
			t.Errorf("led to %s", consent.URL)
		}
		stranger := h.Browser(t)
		stranger.Get(h.AuthorizeURL(client, nil))
		if accent, _ := looks(stranger.Submit("/login", url.Values{"username": {user.Username}, "password": {"a wrong guess"}})); accent != "ea580c" {
			t.Errorf("after a wrong password the page is in %q", accent)
		}
		if accent, pictures := looks(h.Browser(t).Get(h.AuthorizeURL(other, nil))); accent != "" || len(pictures) > 0 {
			t.Errorf("another application's page is in %q and shows %q", accent, pictures)
		}
		changed := written(t, h, client.ID, audit.ClientUpdated)
		if len(changed) != 1 || changed[0].Actor.ID != me.ID || changed[0].Changes["accent_color"] != (audit.Change{After: "ea580c"}) || changed[0].Changes["logo"].After != logo(t).Hash ||
			changed[0].Changes["policy_uri"].After != "https://shop.example/privacy" {
			t.Errorf("%+v", changed)
		}
		// Its settings do not touch it, and its logo can be taken away.
		b.Get(clientList + "/" + client.ID)
		b.Submit(clientList+"/"+client.ID, url.Values{"client_name": {"Shop of ours"}})
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Logo != logo(t).Hash || c.Accent != "ea580c" || c.TosURI != "https://shop.example/terms" || c.Name != "Shop of ours" {
			t.Errorf("%+v, %v", c, err)
		}
		b.Get(path)
		form := b.Form(path).Values
		form.Set("remove", "logo")
		if p := b.Post(path+"/preview", form); p.Status != http.StatusOK || strings.Contains(p.Body, src+`" alt="The`) {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		b.Submit(path, nil)
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Logo != "" || c.Accent != "ea580c" {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// The preview is the sign-in page itself, in both schemes, and cannot be operated.
func TestBranding_thePreviewIsTheSignInPage(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t, named("Shop"))
		path := clientList + "/" + client.ID + "/branding"
		b.Get(path)
		form := b.Form(path).Values
		form.Set("accent_color", "ffff00")
		p := b.Post(path+"/preview", form)
		for _, scheme := range []string{"light", "dark"} {
			frames := p.Parts("div", "data-scheme", scheme)
			if len(frames) != 1 || frames[0].Attr("data-accent") != "ffff00" || !strings.Contains(frames[0].Text(), "Sign in to Shop") || !strings.Contains(frames[0].Text(), "Password") {
				t.Errorf("%s: %d frames", scheme, len(frames))
			}
		}
		if inert := strings.Count(p.Body, " inert"); inert != 2 {
			t.Errorf("%d frames are inert", inert)
		}
		if !strings.Contains(p.Body, `href="/brand/accent/ffff00.css"`) || !strings.Contains(p.Text(), "The colour is adjusted On light pages it is darker") {
			t.Errorf("%s", p.Text())
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Accent != "" || c.Version != 1 {
			t.Errorf("looking changed %+v, %v", c, err)
		}
		// Half a colour is being typed: the field says so, the page stays as it was.
		form.Set("accent_color", "ff")
		p = b.Post(path+"/preview", form)
		if typed, _ := p.Element("accent_color", "value"); p.Status != http.StatusOK || typed != "ff" || p.Says("accent_color-error") == "" || strings.Contains(p.Body, "data-accent=") {
			t.Errorf("%d %q %s", p.Status, typed, p.Text())
		}
	})
}

func TestBranding_badInputIsRefusedAndKept(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		client := h.Client(t)
		ofClient := clientList + "/" + client.ID + "/branding"
		var photo bytes.Buffer
		must(t, jpeg.Encode(&photo, drawing(), nil))
		for path, fields := range map[string]map[string]string{
			brandingPage: {"brand_name": strings.Repeat("x", 61), "brand_accent": "blue", "brand_help_uri": "javascript:alert(1)", "brand_policy_uri": "acme", "brand_tos_uri": "mailto:a@b.example"},
			ofClient:     {"accent_color": "blue", "client_uri": "javascript:alert(1)", "policy_uri": "acme", "tos_uri": "https://a b"},
		} {
			fill := url.Values{}
			for name, value := range fields {
				fill.Set(name, value)
			}
			b.Get(path)
			p := b.Submit(path, fill)
			if p.Status != http.StatusUnprocessableEntity {
				t.Fatalf("%s: %d %s", path, p.Status, p.Text())
			}
			for name, value := range fields {
				if said := p.Says(name + "-error"); said == "" || strings.Contains(said, name) {
					t.Errorf("%s: %s says %q", path, name, said)
				}
				if kept, _ := p.Element(name, "value"); kept != value {
					t.Errorf("%s: %s holds %q", path, name, kept)
				}
			}
			field := map[string]string{brandingPage: "brand_logo", ofClient: "logo"}[path]
			for name, c := range map[string]struct {
				file   string
				status int
				says   string
			}{
				"a picture":  {photo.String(), http.StatusOK, ""},
				"SVG":        {`<svg xmlns="http://www.w3.org/2000/svg"/>`, http.StatusUnprocessableEntity, "PNG, JPEG, GIF or WebP"},
				"nothing":    {"", http.StatusUnprocessableEntity, "empty"},
				"half of it": {aPNG(t)[:60], http.StatusUnprocessableEntity, "damaged"},
				"too much":   {strings.Repeat("x", brand.MaxUpload+1), http.StatusUnprocessableEntity, "1 MiB"},
			} {
				p := uploaded(t, h, b, path, field, c.file, url.Values{"tos_uri": {"https://kept.example"}})
				if said := p.Says(field + "-file-error"); p.Status != c.status || !strings.Contains(said, c.says) || said != "" && c.says == "" {
					t.Errorf("%s, %s: %d %q", path, name, p.Status, said)
				}
			}
			// A hash that nobody has is no picture, and one that nobody typed is none either.
			for _, hash := range []string{strings.Repeat("0a", 32), "../../etc/passwd"} {
				b.Get(path)
				if p := b.Submit(path, url.Values{field: {hash}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Says(field+"-file-error"), "upload") {
					t.Errorf("%s: the picture %s: %d %s", path, hash, p.Status, p.Text())
				}
			}
		}
		if c, err := h.Store.Client(t.Context(), client.ID); err != nil || c.Version != 1 {
			t.Errorf("%+v, %v", c, err)
		}
		if _, stored, err := h.Store.Settings(t.Context()); err != nil || len(stored) > 0 {
			t.Errorf("%v is kept, %v", stored, err)
		}
	})
}

// Administrators change it, auditors and operators see it; a form that is sent all the same is refused and written down.
func TestBranding_isForAdministrators(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		client := h.Client(t)
		for _, role := range []identity.Role{identity.RoleAuditor, identity.RoleOperator} {
			b, _ := staff(t, h, role)
			token := csrf(b)
			for _, path := range []string{brandingPage, clientList + "/" + client.ID + "/branding"} {
				p := b.Get(path)
				if p.Status != http.StatusOK || strings.Contains(p.Body, `name="file"`) || len(p.Parts("div", "data-scheme", "dark")) != 1 {
					t.Errorf("%s, %s: %d", role, path, p.Status)
				}
				for _, act := range []string{path, path + "/preview"} {
					before := len(denials(t, h))
					if p := b.Post(act, url.Values{"csrf_token": {token}}); p.Status != http.StatusForbidden || len(denials(t, h)) != before+1 {
						t.Errorf("%s posts to %s: %d, %d written down", role, act, p.Status, len(denials(t, h))-before)
					}
				}
				r := withFile(t, h, path+"/preview", url.Values{"csrf_token": {token}, "upload": {"logo"}}, "logo.png", aPNG(t))
				if p := b.Do(r); p.Status != http.StatusForbidden {
					t.Errorf("%s sends a picture to %s: %d", role, path, p.Status)
				}
			}
		}
		if _, err := h.Store.Image(t.Context(), logo(t).Hash); err == nil {
			t.Error("a picture was kept")
		}
		// Who proved who they are long ago is asked again before it holds, not before they look.
		b, _ := staff(t, h, identity.RoleAdmin)
		h.Clock.Advance(11 * time.Minute)
		if p := uploaded(t, h, b, brandingPage, "brand_logo", aPNG(t), nil); p.Status != http.StatusOK {
			t.Errorf("%d", p.Status)
		}
		if p := b.Submit(brandingPage, nil); p.Status != http.StatusUnauthorized {
			t.Errorf("settled without a password: %d", p.Status)
		}
		if p := b.Submit(brandingPage, url.Values{"sudo_password": {webtest.Password}}); p.URL.Path != brandingPage || !strings.Contains(p.Text(), "Settings saved") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
		if _, stored, err := h.Store.Settings(t.Context()); err != nil || stored["brand_logo"] != logo(t).Hash {
			t.Errorf("%v, %v", stored, err)
		}
	})
}

func denials(t *testing.T, h *webtest.House) []audit.Event {
	t.Helper()
	events, err := h.Store.Events(t.Context(), store.EventFilter{Action: audit.AccessDenied, Limit: 100})
	must(t, err)
	return events
}

// Two administrators at the same client: the second sees both values, and nothing is overwritten unawares.
func TestBranding_aLostRaceOverwritesNothing(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		mine, _ := staff(t, h, identity.RoleAdmin)
		theirs, they := staff(t, h, identity.RoleAdmin)
		path := clientList + "/" + h.Client(t).ID + "/branding"
		for path, field := range map[string]string{path: "accent_color", brandingPage: "brand_accent"} {
			mine.Get(path)
			theirs.Get(path)
			theirs.Submit(path, url.Values{field: {"111111"}})
			p := mine.Submit(path, url.Values{field: {"222222"}})
			if notice := p.Says("conflict"); p.Status != http.StatusConflict || !strings.Contains(notice, "111111") || !strings.Contains(notice, "222222") || !strings.Contains(notice, they.Username) {
				t.Fatalf("%s: %d: %q", path, p.Status, notice)
			}
			if p := mine.Submit(path, nil); p.URL.Path != path || p.Status != http.StatusOK {
				t.Errorf("%s: knowingly: %d", path, p.Status)
			}
			if value, _ := mine.Get(path).Element(field, "value"); value != "222222" {
				t.Errorf("%s: %q", path, value)
			}
		}
	})
}

// What is served by its content can be kept for ever, and is nothing but a picture or a stylesheet (security.md rule 17).
func TestBranding_isServedByItsContent(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		must(t, h.Store.SaveImage(t.Context(), *logo(t), h.Clock.Now()))
		for path, media := range map[string]string{brand.LogoPath(logo(t).Hash): "image/png", "/brand/accent/2452c4.css": "text/css; charset=utf-8", "/brand/accent/000000.css": "text/css; charset=utf-8"} {
			a := h.Get(t, path, "")
			get := a.Header.Get
			if a.Status != http.StatusOK || get("Content-Type") != media || get("Cache-Control") != "public, max-age=31536000, immutable" || get("X-Content-Type-Options") != "nosniff" ||
				get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" || get("Set-Cookie") != "" {
				t.Errorf("%s: %d %v", path, a.Status, a.Header)
			}
		}
		if a := h.Get(t, brand.LogoPath(logo(t).Hash), ""); a.Body != string(logo(t).PNG) || strings.Contains(a.Body, "script") {
			t.Error("another picture is served")
		}
		for _, path := range []string{
			brand.LogoPath(strings.Repeat("0a", 32)), "/brand/logo/" + logo(t).Hash, "/brand/logo/" + strings.ToUpper(logo(t).Hash) + ".png", "/brand/logo/x.png", "/brand/logo/..%2f.png",
			"/brand/accent/2452C4.css", "/brand/accent/24c.css", "/brand/accent/2452c4", "/brand/accent/2452c4.png", "/brand/accent/%232452c4.css", "/brand/accent/zzzzzz.css",
		} {
			if a := h.Get(t, path, ""); a.Status != http.StatusNotFound || strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %q", path, a.Status, a.Header.Get("Cache-Control"))
			}
		}
	})
}

// What is exported says where the logo is; nobody is called to fetch one that an import names.
func TestBranding_travelsWithTheMetadata(t *testing.T) {
	webtest.Each(t, func(t *testing.T, h *webtest.House) {
		b, _ := staff(t, h, identity.RoleAdmin)
		must(t, h.Store.SaveImage(t.Context(), *logo(t), h.Clock.Now()))
		client := h.Client(t, named("Original"), func(c *oauth.Client) {
			c.Logo, c.Accent, c.TosURI = logo(t).Hash, "ea580c", "https://shop.example/terms"
		})
		file := b.Get(clientList + "/" + client.ID + "/export").Body
		if !strings.Contains(file, `"logo_uri": "`+h.Issuer+brand.LogoPath(logo(t).Hash)+`"`) || !strings.Contains(file, `"accent_color": "#ea580c"`) {
			t.Errorf("%s", file)
		}
		if all := b.Get(clientList + "/export?format=csv").Body; !strings.Contains(all, h.Issuer+brand.LogoPath(logo(t).Hash)) || !strings.Contains(all, "#ea580c") {
			t.Errorf("%s", all)
		}
		b.Get(clientList + "/import")
		p := b.Submit(clientList+"/import", url.Values{"metadata": {strings.Replace(file, "Original", "Second", 1)}})
		if !strings.Contains(p.Text(), "Its logo is not fetched") || strings.Contains(p.Text(), "Not taken over: client_id, client_id_issued_at, logo_uri") {
			t.Errorf("%s", p.Text())
		}
		b.Submit(clientList, nil)
		if c := newest(t, h, "Second"); c.Logo != "" || c.Accent != "ea580c" || c.TosURI != "https://shop.example/terms" {
			t.Errorf("%+v", c)
		}
		// A copy is of the same house: it has the logo, too.
		b.Get(clientList + "/new?from=" + client.ID)
		b.Submit(clientList, nil)
		if c := newest(t, h, "Original copy"); c.Logo != logo(t).Hash || c.Accent != "ea580c" {
			t.Errorf("%+v", c)
		}
		b.Get(clientList + "/import")
		p = b.Submit(clientList+"/import", url.Values{"metadata": {`{"client_name": "Third", "redirect_uris": ["https://a.example/cb"], "accent_color": "blue"}`}})
		if p.Status != http.StatusUnprocessableEntity || p.Says("accent_color-error") == "" {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	})
}

// A house that nobody branded asks the database no more for its sign-in page than it did, nor does one that somebody did.
func TestBranding_costsNoStatement(t *testing.T) {
	t.Parallel()
	counted, o := storetest.WithFaults(storetest.Postgres(t))
	h := webtest.Open(t, storetest.Open(t, o))
	client := h.Client(t)
	asked := func(path string) int {
		b := h.Browser(t)
		b.Get("/login")
		b.Get(h.AuthorizeURL(client, nil)) // the client is read once
		sign := b.Page.URL.RequestURI()
		counted.Strike(0, "")
		if path == "" {
			path = sign
		}
		if p := b.Get(path); p.Status != http.StatusOK {
			t.Fatalf("%s: %d", path, p.Status)
		}
		return counted.Passed()
	}
	plain, plainApp := asked("/login"), asked("")
	b, _ := staff(t, h, identity.RoleAdmin)
	uploaded(t, h, b, brandingPage, "brand_logo", aPNG(t), nil)
	b.Submit(brandingPage, url.Values{"brand_accent": {"2452c4"}})
	uploaded(t, h, b, clientList+"/"+client.ID+"/branding", "logo", aPNG(t), nil)
	b.Submit(clientList+"/"+client.ID+"/branding", url.Values{"accent_color": {"ea580c"}})
	if n, app := asked("/login"), asked(""); plain != 0 || n != plain || app != plainApp {
		t.Errorf("the sign-in page takes %d statements, and %d before; for an application %d, and %d", n, plain, app, plainApp)
	}
}
