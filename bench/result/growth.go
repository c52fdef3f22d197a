package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Exponent is the metric that says how a cost grows with N: as N to that power. Zero is a
// cost that does not grow, one a cost in proportion. It is the slope of a straight line through
// the logarithms of cost and N, fitted in each round by least squares; the interval is that
// of the rounds. A scene that has it among its metrics gets it from [Scene.Summarise], on
// the row with the largest N of each peer.
func Exponent() Metric {
	return Metric{Key: exponentKey, Name: "grows as N to the power of", Digits: 3}
}

const exponentKey = "exponent"

// Growing returns the variant of a row whose load is n, for [Exponent].
func Growing(n int) string { return sizePrefix + strconv.Itoa(n) }

const sizePrefix = "N = "

// load returns the n of a row, and what else its variant says.
func load(c *Contender) (n int, kind string, ok bool) {
	i := strings.LastIndex(c.Variant, sizePrefix)
	if i < 0 {
		return 0, "", false
	}
	n, err := strconv.Atoi(c.Variant[i+len(sizePrefix):])
	return n, c.Variant[:i], err == nil && n > 0
}

// A Growth is what was fitted for one peer.
type Growth struct {
	// Row is the row with the largest N.
	Row *Contender
	// Name is the peer, with what its variants have in common.
	Name string
	// From and To are the least and the largest N.
	From, To int
	// Exponent is the figure.
	Exponent Estimate
}

// Growths returns what was fitted, in the order of the rows. Of a scene without [Exponent]
// there is nothing.
func (s *Scene) Growths() []Growth {
	var out []Growth
	for _, rows := range s.series() {
		last := rows[len(rows)-1]
		v := last.Values[exponentKey]
		if v == nil {
			continue
		}
		from, kind, _ := load(rows[0])
		to, _, _ := load(last)
		out = append(out, Growth{last, Label(last.Peer, strings.TrimSuffix(kind, ", ")), from, to, v.Estimate})
	}
	return out
}

// fit adds the exponents.
func (s *Scene) fit() {
	if _, ok := s.Metric(exponentKey); !ok {
		return
	}
	for _, rows := range s.series() {
		var ns []float64
		rounds := math.MaxInt
		for _, c := range rows {
			n, _, _ := load(c)
			ns = append(ns, float64(n))
			rounds = min(rounds, len(c.Samples(s.Metrics[0].Key)))
		}
		v := &Value{}
		for i := range rounds {
			var costs []float64
			for _, c := range rows {
				costs = append(costs, c.Samples(s.Metrics[0].Key)[i])
			}
			if slope, ok := slope(ns, costs); ok {
				v.Samples = append(v.Samples, slope)
			}
		}
		if len(v.Samples) > 0 {
			rows[len(rows)-1].Values[exponentKey] = v
		}
	}
}

// series returns the rows that differ in N only, the least first; those of a single N are
// left out.
func (s *Scene) series() [][]*Contender {
	var order []string
	all := map[string][]*Contender{}
	for _, c := range s.Contenders {
		_, kind, ok := load(c)
		if !ok {
			continue
		}
		key := fmt.Sprintf("%q %q", c.Peer, kind)
		if all[key] == nil {
			order = append(order, key)
		}
		all[key] = append(all[key], c)
	}
	var out [][]*Contender
	for _, key := range order {
		rows := slices.SortedStableFunc(slices.Values(all[key]), func(a, b *Contender) int {
			n, _, _ := load(a)
			m, _, _ := load(b)
			return n - m
		})
		if len(rows) > 1 {
			out = append(out, rows)
		}
	}
	return out
}

// slope is that of ln y over ln x by least squares. It reports false if there is none: all
// x are the same, or one of the values is not above zero.
func slope(xs, ys []float64) (float64, bool) {
	var n, sx, sy, sxx, sxy float64
	for i := range xs {
		if xs[i] <= 0 || ys[i] <= 0 {
			return 0, false
		}
		x, y := math.Log(xs[i]), math.Log(ys[i])
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if d < 1e-12 {
		return 0, false
	}
	return (n*sxy - sx*sy) / d, true
}
