package ui

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Series is one line or row of bars of a chart: a value for each of its points.
type Series struct {
	Name   string
	Values []int64
}

func (s Series) max() int64 { return max(slices.Max(s.Values), 0) }

// ChartData is what a chart shows: up to two lines, and bars in a lane of their own below, for what would vanish beside them. The time of
// the last point is under way: the lines to it are broken, for what is not over does not fall.
type ChartData struct {
	Lines   []Series
	Bars    Series
	Points  []string // what each point is called
	Titles  []string // what is said of each point
	Ticks   []string // below the chart, evenly spread
	Summary string   // in place of the lines, for whoever cannot see them
	Lane    string   // in place of the bars
	Peak    string   // beside the name of the lane
}

// The plot's own measure: it is stretched to the room there is.
const (
	chartWidth  = 960
	chartHeight = 200
	laneHeight  = 40
	chartSteps  = 4 // between the lines of the grid
)

// top is the end of the scale: a round number not below any value, that the grid divides evenly.
func top(highest int64, steps int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, step := range []int64{unit, 2 * unit, 5 * unit} {
			if step*steps >= highest {
				return step * steps
			}
		}
	}
}

func (d ChartData) top() int64 {
	var highest int64
	for _, s := range d.Lines {
		highest = max(highest, s.max())
	}
	return top(highest, chartSteps)
}

func (d ChartData) laneTop() int64 { return top(d.Bars.max(), 1) }

// scale are the numbers beside the grid, from the top.
func (d ChartData) scale() []string {
	out := make([]string, chartSteps+1)
	for i := range out {
		out[i] = Compact(d.top() * int64(chartSteps-i) / chartSteps)
	}
	return out
}

func gridLine(i int) string {
	return fmt.Sprintf("M0 %dH%d", i*chartHeight/chartSteps, chartWidth)
}

func (d ChartData) slot() float64 { return chartWidth / float64(len(d.Points)) }

// x is the middle of a point's slot.
func (d ChartData) x(i int) float64 { return (float64(i) + 0.5) * d.slot() }

// over is the last point whose time is over.
func (s Series) over() int { return max(len(s.Values)-2, 0) }

// line is the path through the values of what is over: level at each of them, so that it never overshoots.
func (d ChartData) line(s Series) string { return d.path(s, 0, s.over()) }

// underWay is the path from there to what is under way.
func (d ChartData) underWay(s Series) string { return d.path(s, s.over(), len(s.Values)-1) }

func (d ChartData) path(s Series, first, last int) string {
	var b strings.Builder
	highest := float64(d.top())
	y := func(i int) float64 { return chartHeight * (1 - float64(s.Values[i])/highest) }
	fmt.Fprintf(&b, "M%s %s", coordinate(d.x(first)), coordinate(y(first)))
	for i := first + 1; i <= last; i++ {
		middle := coordinate((d.x(i-1) + d.x(i)) / 2)
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", middle, coordinate(y(i-1)), middle, coordinate(y(i)), coordinate(d.x(i)), coordinate(y(i)))
	}
	return b.String()
}

func (d ChartData) area(s Series) string {
	return d.line(s) + fmt.Sprintf("L%s %dH%sZ", coordinate(d.x(s.over())), chartHeight, coordinate(d.x(0)))
}

type rect struct {
	x, y, width, height string
	peak                bool
}

// bars are the lane's. What happened at all is seen, however little it was.
func (d ChartData) bars() []rect {
	var out []rect
	highest := d.Bars.max()
	for i, v := range d.Bars.Values {
		if v == 0 {
			continue
		}
		height := math.Max(float64(v)/float64(d.laneTop())*laneHeight, 1.5)
		width := d.slot() * 0.65
		out = append(out, rect{
			x: coordinate(d.x(i) - width/2), y: coordinate(laneHeight - height), width: coordinate(width), height: coordinate(height), peak: v == highest,
		})
	}
	return out
}

func coordinate(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// spark is a small line without scale, 88 by 28, and the area under it, of what is over.
func spark(values []int64) (line, area string) {
	values = values[:Series{Values: values}.over()+1]
	d := ChartData{Points: make([]string, len(values))}
	highest := float64(max(slices.Max(values), 1))
	var b strings.Builder
	for i, v := range values {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&b, "%s%s %s", command, coordinate(d.x(i)/chartWidth*88), coordinate(26-24*float64(v)/highest))
	}
	line = b.String()
	return line, line + fmt.Sprintf("L%s 28H%sZ", coordinate(d.x(len(values)-1)/chartWidth*88), coordinate(d.x(0)/chartWidth*88))
}

// Number writes a number with its thousands set apart.
func Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Compact writes a round number briefly: 950, 1.5k, 20M.
func Compact(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.size {
			return strconv.FormatFloat(math.Round(float64(n)/float64(unit.size)*10)/10, 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}
