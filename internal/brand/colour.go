package brand

import (
	"fmt"
	"math"
	"strconv"
)

// colour is one of sRGB, as screens show it.
type colour struct{ r, g, b uint8 }

func parse(hex string) colour {
	n, _ := strconv.ParseUint(hex, 16, 24) // garbage is black
	return colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}
}

// String is the colour as stylesheets have it.
func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// linear is a channel's light, 0 to 1 (IEC 61966-2-1).
func linear(channel uint8) float64 {
	v := float64(channel) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// gamma is the inverse of linear.
func gamma(light float64) uint8 {
	v := light * 12.92
	if light > 0.0031308 {
		v = 1.055*math.Pow(light, 1/2.4) - 0.055
	}
	return uint8(math.Round(min(max(v, 0), 1) * 255))
}

// luminance is how bright a colour is, 0 to 1 (WCAG 2.2, relative luminance).
func (c colour) luminance() float64 {
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is what two colours differ by, 1 to 21 (WCAG 2.2, contrast ratio).
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// oklch is a colour by lightness, chroma and hue, as people see them (CSS Color 4 §9.4).
type oklch struct{ l, c, h float64 }

func (c colour) oklch() oklch {
	r, g, b := linear(c.r), linear(c.g), linear(c.b)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x, y := 1.9779984951*l-2.4285922050*m+0.4505937099*s, 0.0259040371*l+0.7827717662*m-0.8086757660*s
	return oklch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), math.Atan2(y, x)}
}

// light is the colour's light by channel; below 0 or above 1 where no screen shows it.
func (o oklch) light() (channels [3]float64) {
	x, y := o.c*math.Cos(o.h), o.c*math.Sin(o.h)
	cube := func(v float64) float64 { return v * v * v }
	l := cube(o.l + 0.3963377774*x + 0.2158037573*y)
	m := cube(o.l - 0.1055613458*x - 0.0638541728*y)
	s := cube(o.l - 0.0894841775*x - 1.2914855480*y)
	return [3]float64{
		4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s,
	}
}

// colour is the nearest of the same lightness and hue that a screen shows.
func (o oklch) colour() colour {
	if !o.shown() {
		most := o.c
		o.c = 0
		for part := most / 2; part > 0.0005; part /= 2 {
			if fuller := (oklch{o.l, o.c + part, o.h}); fuller.shown() {
				o = fuller
			}
		}
	}
	channels := o.light()
	return colour{gamma(channels[0]), gamma(channels[1]), gamma(channels[2])}
}

func (o oklch) shown() bool {
	const rounding = 0.0005
	for _, v := range o.light() {
		if v < -rounding || v > 1+rounding {
			return false
		}
	}
	return true
}
