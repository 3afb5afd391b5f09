package brand

import (
	"fmt"
	"math"
	"strings"
)

// AccentFault says what an accent has to be.
const AccentFault = "Enter a colour as six hexadecimal digits: #2452c4."

// ParseAccent reads a colour as people write it, with or without #, and returns six hexadecimal digits in lower case.
func ParseAccent(text string) (accent string, ok bool) {
	accent = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), "#"))
	return accent, isHex(accent, 6)
}

func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

// AccentPath is where the stylesheet of the accent is served; empty for none.
func AccentPath(accent string) string {
	if accent == "" {
		return ""
	}
	return "/brand/accent/" + accent + ".css"
}

// What colours have to differ by: words from what is behind them, and what can be operated from what is around it (WCAG 2.2, 1.4.3 and
// 1.4.11).
const (
	readable = 4.5
	visible  = 3
)

// A ground is what colours are seen on: the brightest and the darkest of a theme's surfaces, and how it tints one of its own.
type ground struct {
	surfaces            []colour
	softLight, softTint float64 // of the tinted surface, in OKLCH
	away                float64 // the direction in which contrast grows
}

// The surfaces are those of static/css/gatehouse.css.
var (
	light = ground{surfaces: []colour{{255, 255, 255}, {239, 240, 242}}, softLight: 0.958, softTint: 0.020, away: -1}
	dark  = ground{surfaces: []colour{{8, 9, 12}, {33, 35, 40}}, softLight: 0.275, softTint: 0.060, away: 1}
)

// Shades are what an accent becomes in a theme.
type Shades struct {
	Fill  string // of buttons and switches
	Hover string // of a button that is pointed at
	Label string // words on Fill and Hover
	Text  string // links, and the ring around what has the focus
	Soft  string // a surface with a touch of it
}

// Palette is what an accent becomes.
type Palette struct{ Light, Dark Shades }

// PaletteOf makes the shades of an accent: darker or lighter than it as far as it takes to be seen and read.
func PaletteOf(accent string) Palette {
	c := parse(accent)
	return Palette{Light: light.shades(c), Dark: dark.shades(c)}
}

func (g ground) shades(c colour) Shades {
	fill := g.apart(c, visible, g.surfaces)
	label, white := colour{}, colour{255, 255, 255}
	if contrast(fill, white) >= readable { // else black is: of the two one always is
		label = white
	}
	soft := c.oklch()
	soft.l, soft.c = g.softLight, min(soft.c, g.softTint)
	tinted := soft.colour()
	return Shades{
		Fill: fill.String(), Hover: pointedAt(fill, label == white).String(), Label: label.String(), Soft: tinted.String(),
		Text: g.apart(c, readable, append([]colour{tinted}, g.surfaces...)).String(),
	}
}

// apart moves the colour until it differs enough from all that is behind it. Hue and, where screens can show it, chroma stay.
func (g ground) apart(c colour, enough float64, behind []colour) colour {
	const step = 0.005
	moved := c.oklch()
	for {
		least := math.Inf(1)
		for _, b := range behind {
			least = min(least, contrast(c, b))
		}
		if least >= enough || (moved.l <= 0 && g.away < 0) || (moved.l >= 1 && g.away > 0) {
			return c
		}
		moved.l = min(max(moved.l+g.away*step, 0), 1)
		c = moved.colour()
	}
}

// pointedAt is the fill a little further away from its label, or nearer where there is no further.
func pointedAt(fill colour, whiteLabel bool) colour {
	const little, room = 0.06, 0.15
	c := fill.oklch()
	switch {
	case whiteLabel && c.l > room:
		c.l -= little
	case whiteLabel:
		c.l += little
	case c.l < 1-little:
		c.l += little
	default:
		c.l -= little
	}
	return c.colour()
}

// Adjusted says in sentences for people where the accent is shown otherwise than it was chosen.
func Adjusted(accent string) (notes []string) {
	p, chosen := PaletteOf(accent), "#"+accent
	for _, theme := range []struct {
		name, moved string
		shades      Shades
	}{{"light", "darker", p.Light}, {"dark", "lighter", p.Dark}} {
		switch {
		case theme.shades.Fill != chosen:
			notes = append(notes, fmt.Sprintf("On %s pages it is %s, %s, so that buttons stand out; links are %s.", theme.name, theme.moved, theme.shades.Fill, theme.shades.Text))
		case theme.shades.Text != chosen:
			notes = append(notes, fmt.Sprintf("Links on %s pages are %s, %s, so that they can be read.", theme.name, theme.moved, theme.shades.Text))
		}
	}
	return notes
}

// AccentSheet is the stylesheet that colours whatever says data-accent. It takes part in the layer of the house's own tokens.
func AccentSheet(accent string) string {
	p := PaletteOf(accent)
	var b strings.Builder
	fmt.Fprintf(&b, "@layer tokens {\n  [data-accent=%q] {\n", accent)
	for _, token := range []struct{ name, light, dark string }{
		{"--brand", p.Light.Fill, p.Dark.Fill}, {"--brand-hover", p.Light.Hover, p.Dark.Hover}, {"--on-brand", p.Light.Label, p.Dark.Label},
		{"--accent", p.Light.Fill, p.Dark.Fill}, {"--on-accent", p.Light.Label, p.Dark.Label},
		{"--accent-text", p.Light.Text, p.Dark.Text}, {"--accent-soft", p.Light.Soft, p.Dark.Soft}, {"--focus", p.Light.Text, p.Dark.Text},
	} {
		fmt.Fprintf(&b, "    %s: light-dark(%s, %s);\n", token.name, token.light, token.dark)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}
