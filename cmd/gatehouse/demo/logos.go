package demo

import (
	"image"
	"image/color"
	"math"
)

// A shape says whether a point is inside, in a square of 1.
type shape func(x, y float64) bool

// box is a rectangle with round corners.
func box(left, top, right, bottom, round float64) shape {
	return func(x, y float64) bool {
		dx := max(left+round-x, x-right+round, 0)
		dy := max(top+round-y, y-bottom+round, 0)
		return math.Hypot(dx, dy) <= round && x >= left && x <= right && y >= top && y <= bottom
	}
}

// ring is a circle with a hole.
func ring(cx, cy, outer, inner float64) shape {
	return func(x, y float64) bool {
		d := math.Hypot(x-cx, y-cy)
		return d <= outer && d >= inner
	}
}

// above is the part of a shape that lies above a line.
func above(line float64, s shape) shape {
	return func(x, y float64) bool { return y < line && s(x, y) }
}

// layer is a shape in a colour.
type layer struct {
	shape
	color.NRGBA
}

var white = color.NRGBA{255, 255, 255, 255}

// bag is the logo of a shop, train that of whoever sells tickets.
var (
	bag = []layer{
		{box(0, 0, 1, 1, 0.22), color.NRGBA{15, 118, 110, 255}},
		{above(0.42, ring(0.5, 0.4, 0.19, 0.13)), white},
		{box(0.24, 0.4, 0.76, 0.8, 0.08), white},
		{ring(0.5, 0.56, 0.1, 0), color.NRGBA{15, 118, 110, 255}},
	}
	train = []layer{
		{ring(0.5, 0.5, 0.5, 0), color.NRGBA{234, 88, 12, 255}},
		{box(0.3, 0.2, 0.7, 0.68, 0.12), white},
		{box(0.37, 0.29, 0.63, 0.44, 0.03), color.NRGBA{234, 88, 12, 255}},
		{ring(0.4, 0.57, 0.04, 0), color.NRGBA{234, 88, 12, 255}},
		{ring(0.6, 0.57, 0.04, 0), color.NRGBA{234, 88, 12, 255}},
		{box(0.26, 0.74, 0.74, 0.79, 0.02), white},
	}
)

// painted draws the layers, larger than they are kept: making them smaller smooths their edges.
func painted(layers []layer) image.Image {
	const side = 512
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for py := range side {
		for px := range side {
			x, y := (float64(px)+0.5)/side, (float64(py)+0.5)/side
			for _, l := range layers {
				if l.shape(x, y) {
					picture.SetNRGBA(px, py, l.NRGBA)
				}
			}
		}
	}
	return picture
}
