package main

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/policy"
	"gatehouse/store/storetest"
)

func aLogo(t *testing.T) (picture string, hash string) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 300, 100))); err != nil {
		t.Fatal(err)
	}
	made, err := brand.ReadLogo(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), made.Hash
}

func TestLogo_ofAClient(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		picture, hash := aLogo(t)
		id := create(t, m, `{"client_name": "Shop", "redirect_uris": ["https://shop.example/cb"], "accent_color": "#EA580C"}`).ClientID
		if out := m.feed(t, picture, "client logo "+id+" --file -"); !strings.Contains(out, "http://localhost:8080"+brand.LogoPath(hash)) {
			t.Errorf("%s", out)
		}
		m.do(t, "client logo "+id+" --file "+file(t, picture)) // it is there already
		m.mustRecord(t, audit.ClientUpdated, id)
		s := storetest.Open(t, m.options)
		if found, err := s.Image(t.Context(), hash); err != nil || len(found.PNG) == 0 {
			t.Errorf("%v", err)
		}
		shown := m.do(t, "client show "+id)
		if !strings.Contains(shown, `"logo_uri": "http://localhost:8080`+brand.LogoPath(hash)) || !strings.Contains(shown, `"accent_color": "#ea580c"`) {
			t.Errorf("%s", shown)
		}
		m.do(t, "client logo "+id+" --remove")
		if c, err := s.Client(t.Context(), id); err != nil || c.Logo != "" || c.Accent != "ea580c" || c.Version != 3 {
			t.Errorf("%+v, %v", c, err)
		}
		for _, line := range []string{"client logo " + id, "client logo " + id + " --remove --file x.png"} {
			if a := m.run("", strings.Fields(line)...); a.exit != exitUsage {
				t.Errorf("%s: %+v", line, a)
			}
		}
		for _, line := range []string{"client logo nobody --remove", "client logo " + id + " --file " + file(t, "<svg/>")} {
			if a := m.run("", strings.Fields(line)...); a.exit != exitFailed {
				t.Errorf("%s: %+v", line, a)
			}
		}
	})
}

func TestLogo_ofTheHouse(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		picture, hash := aLogo(t)
		m.do(t, "settings logo --file "+file(t, picture))
		if v := m.setting(t, policy.LogoName); v.Value != hash || v.Source != "database" {
			t.Errorf("%+v", v)
		}
		m.do(t, "settings reset "+policy.LogoName)
		if v := m.setting(t, policy.LogoName); v.Value != "" || v.Source != "default" {
			t.Errorf("%+v", v)
		}
		m.do(t, "settings set brand_accent #2452C4")
		m.do(t, "settings set brand_help_uri mailto:help@example.com")
		if v := m.setting(t, "brand_accent"); v.Value != "2452c4" {
			t.Errorf("%+v", v)
		}
		for _, line := range []string{"settings logo", "settings set brand_accent blue", "settings set brand_logo " + strings.Repeat("0a", 32), "settings logo --file " + file(t, "<svg/>")} {
			if a := m.run("", strings.Fields(line)...); a.exit == exitOK {
				t.Errorf("%s works", line)
			}
		}
		pinned := m.with("GATEHOUSE_BRAND_NAME", "Acme")
		if v := pinned.setting(t, "brand_name"); v.Value != "Acme" || v.Source != "GATEHOUSE_BRAND_NAME" {
			t.Errorf("%+v", v)
		}
	})
}
