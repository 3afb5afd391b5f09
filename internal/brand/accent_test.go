package brand

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestParseAccent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#2452c4": "2452c4", "2452C4": "2452c4", "#ABCDEF": "abcdef", "000000": "000000",
		"": "", "#": "", "24c": "", "2452c": "", "2452c4f": "", "2452g4": "", "##2452c4": "", "red": "", "2452c4;}": "", "2452с4": "", // the last has a Cyrillic с
	} {
		got, ok := ParseAccent(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v", text, got, ok)
		}
	}
}

// chosen are colours that houses have, and those at the edges.
func chosen() []string {
	list := []string{"2452c4", "000000", "ffffff", "808080", "767676", "777777", "ff0000", "00ff00", "0000ff", "ffff00", "00ffff", "ff00ff", "f97316", "facc15", "10b981", "1b1e25", "fefefe", "010101", "7c3aed"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		list = append(list, fmt.Sprintf("%06x", random.IntN(1<<24)))
	}
	for r := range 6 {
		for g := range 6 {
			for b := range 6 {
				list = append(list, colour{uint8(r * 51), uint8(g * 51), uint8(b * 51)}.String()[1:])
			}
		}
	}
	return list
}

// Whatever is chosen, words can be read and buttons be seen, in both themes (WCAG 2.2, 1.4.3 and 1.4.11).
func TestPaletteOf_canBeReadWhateverIsChosen(t *testing.T) {
	t.Parallel()
	of := func(hex string) colour { return parse(strings.TrimPrefix(hex, "#")) }
	for _, accent := range chosen() {
		p := PaletteOf(accent)
		for _, theme := range []struct {
			ground
			shades Shades
		}{{light, p.Light}, {dark, p.Dark}} {
			s := theme.shades
			differ := func(what, a, b string, least float64) {
				if got := contrast(of(a), of(b)); got < least {
					t.Errorf("%s: %s: %s on %s is %.2f, less than %.1f", accent, what, a, b, got, least)
				}
			}
			differ("label", s.Label, s.Fill, 4.5)
			differ("label, pointed at", s.Label, s.Hover, 4.5)
			differ("link on soft", s.Text, s.Soft, 4.5)
			if s.Hover == s.Fill {
				t.Errorf("%s: a button that is pointed at looks like any other: %s", accent, s.Fill)
			}
			for _, surface := range theme.surfaces {
				differ("link", s.Text, surface.String(), 4.5)
				differ("fill", s.Fill, surface.String(), 3)
			}
		}
	}
}

// What needs no change is not changed, and what is changed keeps its hue.
func TestPaletteOf_staysNearWhatWasChosen(t *testing.T) {
	t.Parallel()
	if p := PaletteOf("2d5ed4"); p.Light.Fill != "#2d5ed4" || p.Light.Text != "#2d5ed4" || p.Dark.Fill == p.Dark.Text {
		t.Errorf("%+v", p)
	}
	for _, accent := range chosen() {
		was := parse(accent).oklch()
		if was.c < 0.08 {
			continue // next to grey there is no hue to keep
		}
		for _, shade := range []string{PaletteOf(accent).Light.Text, PaletteOf(accent).Dark.Text} {
			is := parse(shade[1:]).oklch()
			turned := math.Abs(is.h - was.h)
			if turned = min(turned, 2*math.Pi-turned); is.c > 0.04 && turned > 0.12 {
				t.Errorf("#%s becomes %s: the hue turns by %.2f", accent, shade, turned)
			}
		}
	}
}

func TestColour_isTheSameByLightnessChromaAndHue(t *testing.T) {
	t.Parallel()
	for _, accent := range chosen() {
		if c := parse(accent); c.oklch().colour() != c {
			t.Errorf("%s comes back as %s", c, c.oklch().colour())
		}
	}
	if got := contrast(colour{}, colour{255, 255, 255}); got != 21 {
		t.Errorf("black and white differ by %v", got)
	}
	if got := contrast(parse("767676"), parse("ffffff")); math.Abs(got-4.54) > 0.01 {
		t.Errorf("grey and white differ by %v", got)
	}
}

// The shades are made for the surfaces that pages have.
func TestGrounds_areThoseOfTheStylesheet(t *testing.T) {
	t.Parallel()
	sheet, err := os.ReadFile("../../static/css/gatehouse.css")
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`--(canvas|surface|surface-2|surface-3|overlay): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\)`)
	found := token.FindAllStringSubmatch(string(sheet), -1)
	if len(found) != 5 {
		t.Fatalf("%d surfaces", len(found))
	}
	for _, m := range found {
		for i, g := range []ground{light, dark} {
			var v [3]float64
			for j, word := range strings.Fields(m[2+i]) {
				if v[j], err = strconv.ParseFloat(word, 64); err != nil {
					t.Fatal(err)
				}
			}
			surface := oklch{v[0], v[1], v[2] * math.Pi / 180}.colour()
			if l := surface.luminance(); l > g.surfaces[0].luminance() && l > g.surfaces[1].luminance() || l < g.surfaces[0].luminance() && l < g.surfaces[1].luminance() {
				t.Errorf("--%s, %s, lies outside of %v", m[1], surface, g.surfaces)
			}
		}
	}
}

func TestAdjusted_saysWhatIsShownOtherwise(t *testing.T) {
	t.Parallel()
	for accent, want := range map[string][]string{
		"2d5ed4": {"On dark pages it is lighter"},
		"2f8f5b": {"Links on light pages are darker", "Links on dark pages are lighter"},
		"ffff00": {"On light pages it is darker"},
		"000080": {"On dark pages it is lighter"},
		"000000": {"On dark pages it is lighter"},
		"ffffff": {"On light pages it is darker"},
	} {
		notes := Adjusted(accent)
		if len(notes) != len(want) {
			t.Errorf("%s: %q", accent, notes)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(notes[i], want[i]) {
				t.Errorf("%s: %q", accent, notes[i])
			}
		}
	}
}

func TestAccentSheet_namesItsAccentAlone(t *testing.T) {
	t.Parallel()
	sheet := AccentSheet("2452c4")
	if !strings.Contains(sheet, `[data-accent="2452c4"] {`) || strings.Count(sheet, "light-dark(") != 8 || len(sheet) > 700 {
		t.Error(sheet)
	}
	if strings.ContainsAny(sheet, "<@\\") && !strings.HasPrefix(sheet, "@layer tokens {") {
		t.Error(sheet)
	}
}
