package render

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/template"

	"github.com/gogeist/geist/bench/result"
)

//go:embed chart.svg.tmpl
var chartText string

// chart is one drawing: a bar or a dot for each row of a scene, with its 95 % interval.
type chart struct {
	Title, Caption string
	// Own asks for colours inside the drawing: it is a file and not part of a page.
	Own           bool
	Width, Height float64
	Top, Bottom   float64 // of the plot
	Left, Right   float64
	Dots          bool // a logarithmic axis with dots, instead of bars
	One           float64
	HasOne        bool
	Ticks         []tick
	Rows          []chartRow
}

type tick struct {
	X     float64
	Label string
}

type chartRow struct {
	Label, Class       string
	Y, Mid             float64
	X, W               float64 // the bar
	Dot                float64
	From, To           float64 // the whisker
	Value, Spread, Tip string
	At                 float64 // of Value
}

// Measures of a chart, in pixels.
const (
	chartWidth = 760
	rowHeight  = 25
	barHeight  = 15
	textRight  = 150
	letter     = 7.3 // about the width of one, in bold
)

// spans is the span of figures that bars of the page still show: beyond it the axis is
// logarithmic.
const spans = 14

// point is what a row shows.
type point struct {
	row *result.Contender
	e   result.Estimate
}

// points returns the rows of a scene with their ratio to the base, or, where there is no
// base, with the figure itself. Rows that are the base of others in a scene in which each has
// its own are left out: they are all 1.
func points(s *result.Scene) (out []point, ratio bool) {
	if len(s.Metrics) == 0 {
		return nil, false
	}
	m := s.Metrics[0]
	own := baseName(s) == "its base"
	ratio = m.Ratio && (own || s.BaseOf(&result.Contender{}) != nil)
	for _, c := range sorted(s) {
		v := c.Values[m.Key]
		switch {
		case v == nil || len(v.Samples) == 0:
		case !ratio:
			out = append(out, point{c, v.Estimate})
		case v.Ratio != nil:
			out = append(out, point{c, *v.Ratio})
		case !own && isBase(s, c):
			out = append(out, point{c, result.Estimate{Median: 1, Low: 1, High: 1}})
		}
	}
	return out, ratio
}

// newChart draws points. Figures that span more than widest get dots. It returns nil if there
// are fewer than two.
func newChart(title, unit string, ps []point, digits int, ratio bool, widest float64) *chart {
	if len(ps) < 2 {
		return nil
	}
	low, high := math.Inf(1), math.Inf(-1)
	label := 0
	for _, p := range ps {
		low, high = min(low, p.e.Low), max(high, p.e.High)
		label = max(label, len([]rune(p.row.Name)))
	}
	c := &chart{
		Title: title, Caption: unit, Width: chartWidth, Top: 26, Dots: low > 0 && high/low > widest, HasOne: ratio,
		Left: min(float64(label)*letter+14, 300), Right: chartWidth - textRight,
	}
	if title != "" {
		c.Top += 50
	}
	c.Bottom = c.Top + float64(len(ps)*rowHeight)
	c.Height = c.Bottom + 12
	scale := c.axis(low, high, ratio)
	c.One = scale(1)
	for i, p := range ps {
		c.Rows = append(c.Rows, c.place(i, p, scale, digits, ratio))
	}
	return c
}

// axis fixes the ticks and returns where a value lies.
func (c *chart) axis(low, high float64, ratio bool) func(float64) float64 {
	width := c.Right - c.Left
	if c.Dots {
		from, to := math.Floor(math.Log10(low)*3-0.01)/3, math.Ceil(math.Log10(high)*3+0.01)/3
		if ratio {
			from, to = min(from, 0), max(to, 0)
		}
		scale := func(x float64) float64 { return c.Left + width*(math.Log10(x)-from)/(to-from) }
		for e := math.Floor(from); e <= to; e++ {
			for _, k := range []float64{1, 2, 5} {
				at := e + math.Log10(k)
				if k == 1 && at >= from || at >= from && at <= to && to-from < 2.5 {
					c.Ticks = append(c.Ticks, tick{scale(k * math.Pow(10, e)), power(k, e)})
				}
			}
		}
		return scale
	}
	low = min(low, 0)
	step := nice((high - low) / 5)
	top := math.Ceil(high/step) * step
	bottom := math.Floor(low/step) * step
	if top <= bottom { // all zero
		top = bottom + 1
	}
	scale := func(x float64) float64 { return c.Left + width*(x-bottom)/(top-bottom) }
	for x := bottom; x <= top+step/2; x += step {
		c.Ticks = append(c.Ticks, tick{scale(x), strings.TrimSuffix(trimZeros(Number(x, 3)), ".")})
	}
	return scale
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(s, "0")
}

// power writes k times a power of ten.
func power(k, e float64) string { return Number(k*math.Pow(10, e), int(max(-e, 0))) }

// nice rounds a step up to 1, 2 or 5 times a power of ten.
func nice(x float64) float64 {
	if x <= 0 {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, k := range []float64{1, 2, 5} {
		if x <= k*p {
			return k * p
		}
	}
	return 10 * p
}

func (c *chart) place(i int, p point, scale func(float64) float64, digits int, ratio bool) chartRow {
	y := c.Top + float64(i*rowHeight) + (rowHeight-barHeight)/2
	r := chartRow{Label: p.row.Name, Class: class(p.row), Y: y, Mid: y + barHeight/2.0, Dot: scale(p.e.Median), From: scale(p.e.Low), To: scale(p.e.High)}
	zero := c.Left
	if !c.Dots {
		zero = scale(0)
	}
	r.X, r.W = min(zero, r.Dot), math.Abs(r.Dot-zero)
	r.At = c.Right + 10
	r.Value, r.Spread = Number(p.e.Median, digits), Interval(p.e, digits)
	if ratio {
		r.Value, r.Spread = Ratio(p.e.Median), RatioInterval(p.e)
	}
	r.Tip = fmt.Sprintf("%s: %s (%s)", r.Label, r.Value, r.Spread)
	if p.e.Low == p.e.High {
		r.Spread = ""
	}
	return r
}

func class(c *result.Contender) string {
	switch {
	case c.Ours():
		return "ours"
	case c.Floor:
		return "floor"
	default:
		return "rival"
	}
}

// TickY, LabelX, TextY, CapTop and CapEnd are for the template.
func (c *chart) TickY() float64    { return c.Top - 9 }
func (c *chart) LabelX() float64   { return c.Left - 10 }
func (r chartRow) TextY() float64  { return r.Mid + 4.5 }
func (r chartRow) CapTop() float64 { return r.Mid - 3.5 }
func (r chartRow) CapEnd() float64 { return r.Mid + 3.5 }

// write writes the drawing as SVG.
func (c *chart) write(w io.Writer) error {
	t, err := template.New("chart").Parse(chartText)
	if err != nil {
		return err
	}
	return t.Execute(w, c)
}

// sceneChart is the drawing of a scene for the page.
func sceneChart(s *result.Scene) *chart {
	ps, ratio := points(s)
	if len(ps) == 0 {
		return nil
	}
	return newChart("", axisTitle(s, ratio), ps, s.Metrics[0].Digits, ratio, spans)
}

func axisTitle(s *result.Scene, ratio bool) string {
	m := s.Metrics[0]
	dir := "less is better"
	if m.Better == result.Higher {
		dir = "more is better"
	}
	if ratio {
		return fmt.Sprintf("%s ÷ %s, %s", m.Name, baseName(s), dir)
	}
	return m.Head() + ", " + dir
}

// An Image is a chart for other documents, as a file.
type Image struct {
	// File is its name; Scene what it shows.
	File, Scene string
	title       string
	// peers are the rows, in the order of the figures; empty means all.
	peers []string
}

// Images are the charts of the README.
func Images() []Image {
	return []Image{
		{File: "bench-server.svg", Scene: "server/github", title: "One request of GitHub's API, three parameters: time over raw fasthttp's",
			peers: []string{"geist", "fiber", "hertz", "fasthttp/router", "gin", "echo", "chi"}},
		{File: "bench-fanout.svg", Scene: "ws/fanout/1000x16", title: "Bursts of 16 messages to 1,000 WebSockets: server CPU a delivery",
			peers: []string{"geist", "geist (Coalesce)", "melody", "gorilla chat", "centrifuge", "centrifuge (write delay)", "centrifuge (channel batches)"}},
	}
}

// Draw writes the chart of a run. It reports whether the run has it.
func (i Image) Draw(w io.Writer, r *result.Run) (bool, error) {
	s := r.Scene(i.Scene)
	if s == nil {
		return false, nil
	}
	ps, ratio := points(s)
	ps = slices.DeleteFunc(ps, func(p point) bool { return !slices.Contains(i.peers, p.row.Name) })
	if len(ps) < 2 {
		return false, nil
	}
	if len(s.Metrics) > 0 && s.Metrics[0].Key == "cpu" { // microseconds say more than ratios to a rival
		ratio = false
		for k, p := range ps {
			ps[k].e = p.row.Values["cpu"].Estimate
		}
	}
	c := newChart(i.title, axisTitle(s, ratio), ps, s.Metrics[0].Digits, ratio, math.Inf(1)) // bars: everybody reads them
	c.Own = true
	return true, c.write(w)
}
