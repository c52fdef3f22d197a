package result

import (
	"math"
	"testing"
)

// grown is a scene in which the cost of peers grows as N to a power, with noise that all rows
// of a round share and so does not matter.
func grown(powers map[string]float64) *Scene {
	s := &Scene{Name: "growth/x", Metrics: []Metric{{Key: "ns", Ratio: true}, Exponent()}}
	for peer, power := range powers {
		for _, n := range []int{1000, 10, 100} { // their order does not matter
			c := NewContender(peer, Growing(n))
			for _, noise := range []float64{1, 2, 4, 1, 3, 0.5} {
				c.Add("ns", 5*math.Pow(float64(n), power)*noise)
			}
			s.Contenders = append(s.Contenders, c)
		}
	}
	s.Summarise()
	return s
}

func TestScene_growths(t *testing.T) {
	want := map[string]float64{"geist": 0, "gin": 0.5, "fiber": 1}
	s := grown(want)
	gs := s.Growths()
	if len(gs) != len(want) {
		t.Errorf("got %+v", gs)
	}
	for _, g := range gs {
		e := g.Exponent
		if w := want[g.Name]; math.Abs(e.Median-w) > 1e-9 || math.Abs(e.Low-w) > 1e-9 || math.Abs(e.High-w) > 1e-9 || g.From != 10 || g.To != 1000 {
			t.Errorf("%s: got %+v, want %v", g.Name, g, w)
		}
	}
	for _, c := range s.Contenders {
		if got, want := c.Values["exponent"] != nil, c.Variant == "N = 1000"; got != want {
			t.Errorf("%s: has an exponent: %v", c.Name, got)
		}
	}
	if err := (&Run{Version: Version, Scenes: []*Scene{s}}).Check(); err != nil {
		t.Error(err)
	}
}

// Kinds of rows of one peer are fitted apart, and single ones not at all.
func TestScene_growthsOfKinds(t *testing.T) {
	s := &Scene{Name: "x", Metrics: []Metric{{Key: "ns"}, Exponent()}}
	for variant, cost := range map[string]float64{
		"N = 10": 10, "N = 100": 100, "router alone, N = 10": 7, "router alone, N = 100": 7, "other, N = 10": 1, "N = x": 3, "": 4,
	} {
		c := NewContender("geist", variant)
		c.Add("ns", cost)
		s.Contenders = append(s.Contenders, c)
	}
	s.Summarise()
	got := map[string]float64{}
	for _, g := range s.Growths() {
		got[g.Name] = math.Round(g.Exponent.Median*1e6) / 1e6
	}
	if len(got) != 2 || got["geist"] != 1 || got["geist, router alone"] != 0 {
		t.Errorf("got %v", got)
	}
}

func TestSlope(t *testing.T) {
	for _, tt := range []struct {
		name   string
		xs, ys []float64
		want   float64
		ok     bool
	}{
		{"in proportion", []float64{1, 2, 4}, []float64{3, 6, 12}, 1, true},
		{"the line between", []float64{1, math.E, math.E * math.E}, []float64{1, math.E, 1}, 0, true},
		{"a zero", []float64{1, 2}, []float64{0, 1}, 0, false},
		{"one N", []float64{2, 2}, []float64{1, 3}, 0, false},
		{"nothing", nil, nil, 0, false},
	} {
		if got, ok := slope(tt.xs, tt.ys); ok != tt.ok || math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: got %v, %v; want %v, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestScene_withoutExponent(t *testing.T) {
	s := grown(map[string]float64{"geist": 1})
	s.Metrics = s.Metrics[:1]
	for _, c := range s.Contenders {
		delete(c.Values, "exponent")
	}
	s.Summarise()
	if gs := s.Growths(); len(gs) != 0 {
		t.Errorf("got %+v", gs)
	}
}
